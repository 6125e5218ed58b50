//! What is put into a command line, taken back from it, or changes nothing.

use crate::home::Home;
use urlsession_testkit::server::{Answer, Server};

#[test]
fn variables_are_put_in_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/a%20b", "/post"] {
        server.on(path, Answer::ok("x"));
    }
    home.write("value", b" a \"b\"\n");
    let url = server.url("/");
    let base = format!("base={url}");
    let typed = ["--variable", &base, "--variable", "name=a b"];
    let named = ["--expand-url", "{{base}}{{name:url}}", "--expand-output", "{{name}}.out"];
    home.out(&[&["get", "-q"], &typed[..], &named].concat());
    assert_eq!(server.requests().pop().unwrap().path, "/a%20b");
    assert!(home.file("a b.out").exists());
    let post = server.url("/post");
    let data = ["--variable", "v@value", "--expand-data", "{\"v\":\"{{v:trim:json}}\"}"];
    assert_eq!(home.out(&[&["get", "-q"], &data[..], &[&post]].concat()), "x");
    assert_eq!(
        server.requests().pop().unwrap().body_length,
        "{\"v\":\"a \\\"b\\\"\"}".len() as u64
    );
    // As in a file of options, and of the environment, which is the same behind --next.
    let text = "variable = %FROM_HERE\nexpand-header = \"X-Own: {{FROM_HERE}}\"\nnext\n\
                expand-user-agent = \"{{FROM_HERE}} too\"\n";
    home.write("options", text.as_bytes());
    let mut command =
        home.command(&["get", "-q", "--out-null", &post, "-K", "options", &post, "--out-null"]);
    let ran = crate::home::ran(command.env("FROM_HERE", "of the system").output().unwrap());
    assert_eq!(ran.code, 0, "{ran:?}");
    let seen = server.requests();
    let [.., first, second] = &seen[..] else { panic!("{seen:?}") };
    assert_eq!(first.header("x-own"), Some("of the system"));
    assert_eq!(second.header("user-agent"), Some("of the system too"));
    for (wrong, why) in [
        (&["--variable", "%NOT_THERE"][..], "the environment has no NOT_THERE"),
        (&["--variable", "a=b", "--expand-data", "{{a:super}}"], "no function “super”"),
        (&["--expand-quiet", "x"], "--quiet with a value"),
        (&["--variable", "a"], "what is a?"),
        (&["--variable", "a@none"], "none: "),
    ] {
        let ran = home.run(&[&["get"], wrong, &[&post]].concat());
        assert!([2, 9].contains(&ran.code) && ran.err.contains(why), "{wrong:?}: {ran:?}");
    }
}

#[test]
fn what_is_wrong_in_a_file_of_options_is_told_with_its_place() {
    let home = Home::new();
    home.write("inner", b"# why\nmax-time = abc\n");
    for (text, expected) in [
        ("\nmax-time = abc\n", "f:2: error: invalid value 'abc' for '--max-time <TIME>'"),
        ("-q\n-s abc\nretry = 1", "f:2: error: invalid value 'abc' for '--segments <N|auto>'"),
        ("-qsabc", "f:1: error: invalid value 'abc' for '--segments <N|auto>'"),
        ("next\nurl = http://h/\nretry = x", "f:3: error: invalid value 'x' for '--retry <N>'"),
        ("config = inner", "inner:2: error: invalid value 'abc' for '--max-time <TIME>'"),
        ("config = none", "f:1: none: "),
        ("header = \"A: b\"\nheader = \"Host:\"", "f:2: the header field Host"),
        ("variable = %NOT_THERE", "f:1: "),
    ] {
        home.write("f", text.as_bytes());
        let ran = home.run(&["get", "-K", "f", "--retry", "1", "http://h/"]);
        assert!([2, 9].contains(&ran.code) && ran.err.contains(expected), "{text}: {ran:?}");
        assert!(!ran.err.contains("nothing"), "{ran:?}");
    }
    // What is typed beside a file is in none.
    home.write("f", b"retry = 1");
    let ran = home.run(&["get", "-K", "f", "--retry", "x", "http://h/"]);
    assert!(ran.err.starts_with("error: invalid value 'x' for '--retry <N>'"), "{ran:?}");
}

#[test]
fn what_is_no_header_field_is_left_out_and_told() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    home.write("f", "header = \"X-Two: 2\"\nheader = hidden\n-H \u{fc}-Two:3\n".as_bytes());
    let left_out = |place| format!("urlsession: {place} no header field, left out");
    let numbered_places =
        ["1", "3", "4"].map(|number| format!("-H number {number}: what it says is"));
    let numbered_places = numbered_places.each_ref().map(String::as_str);
    let numbered = ["-H", "hidden", "-H", "X-One: 1", "-H", "\u{201c}X-One: 3", "-H", "X-One;4"];
    for (words, sent, told) in [
        (&["-H", "X-One;hidden"][..], [None, None], &["-H: what it says is"][..]),
        (&numbered, [Some("1"), None], &numbered_places),
        (&["-K", "f"], [None, Some("2")], &["f:2:", "f:3:"]),
        (&["--proxy-header", "hidden"], [None, None], &["--proxy-header: what it says is"]),
    ] {
        let ran = home.run(&[&["get", "-q", "-o", "-"], words, &[&url]].concat());
        let lines: Vec<&str> = ran.err.lines().collect();
        let told: Vec<String> = told.iter().map(left_out).collect();
        assert!(ran.code == 0 && lines == told, "{words:?}: {ran:?}");
        let seen = server.requests().pop().unwrap();
        assert_eq!(["x-one", "x-two"].map(|name| seen.header(name)), sent, "{words:?}");
    }
    for strict in [&["edit", "1", "-H", "hidden"][..], &["get", "-H", "Content-Length:", &url]] {
        let ran = home.run(strict);
        assert!(ran.code == 2 && !ran.err.contains("hidden"), "{strict:?}: {ran:?}");
    }
}

/// what is typed => whether there is a file, and how its request was made
#[test]
fn switches_are_taken_back() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    for (words, method) in [
        (&["-I", "--no-head", "-o", "-"][..], "GET"),
        (&["--no-head", "-I"], "HEAD"),
        (&["--insecure", "--no-insecure", "--basic", "--no-basic", "-o", "-"], "GET"),
        (&["-O", "--no-remote-name", "-o", "-"], "GET"),
        (&["-Z", "--parallel-max", "2", "--no-parallel", "-B", "-o", "-"], "GET"),
    ] {
        home.out(&[&["get", "-q"], words, &[&url]].concat());
        assert_eq!(server.requests().pop().unwrap().method, method, "{words:?}");
    }
    home.write("options", b"head\nno-head\noutput = -\n");
    assert_eq!(home.out(&["get", "-q", "-K", "options", &url]), "x");
    assert_eq!(home.run(&["get", "--no-nothing", &url]).code, 2);
    assert_eq!(home.run(&["get", "--parallel-max", "0", &url]).code, 2);
}

#[test]
fn progress_is_left_out_but_not_what_goes_wrong() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    server.on("/gone", Answer::ok("x").status(404));
    let ran = home.run(&["get", "--no-progress-meter", "-o", "-", &server.url("/f")]);
    assert_eq!((&*ran.out, &*ran.err), ("x", ""));
    let ran = home.run(&["get", "--no-progress-meter", "-o", "-", &server.url("/gone")]);
    assert!(ran.code == 8 && ran.err.contains("404"), "{ran:?}");
}

#[test]
fn parts_of_a_url_are_told_that_no_request_has() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f#end").replace("://", "://me:distinctive@");
    let format = "%{url.user} %{url.password} %{url.fragment} %{urle.user}|";
    assert_eq!(home.out(&["get", "-q", "--out-null", "-w", format, &url]), "me distinctive end |");
    let format = "%{size_header} %{size_request} %{speed_download} %{proxy_used}";
    let told = home.out(&["get", "-q", "--out-null", "-w", format, &url]);
    let told: Vec<u64> = told.split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(told[0] > 0 && told[1] > 0 && told[3] == 0, "{told:?}");
    let told = home.out(&["get", "-q", "--out-null", "-w", "%{json}", &url]);
    assert!(told.contains("\"url.user\":\"me\"") && !told.contains("distinctive"), "{told}");
}
