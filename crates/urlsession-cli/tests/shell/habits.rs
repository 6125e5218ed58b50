//! What curl's users type, and what comes of it.

use crate::home::Home;
use urlsession_testkit::server::{Answer, Server};

#[test]
fn fields_are_left_out() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    server.on("/post", Answer::ok("x"));
    let url = server.url("/f");
    let names = ["user-agent", "accept", "accept-encoding", "authorization", "x-empty"];
    for (words, expected) in [
        (&[][..], vec!["user-agent", "accept", "accept-encoding"]),
        (&["-H", "Accept:", "-H", "X-Empty;"], vec!["user-agent", "accept-encoding", "x-empty"]),
        (&["-H", "user-agent:", "-H", "Accept-Encoding:", "-H", "X-None:"], vec!["accept"]),
        (&["-A", "", "-H", "Accept:", "-H", "Accept: a/b"], vec!["accept", "accept-encoding"]),
        (&["-u", "me:pw", "-H", "Authorization:"], vec!["user-agent", "accept", "accept-encoding"]),
    ] {
        home.out(&[&["get", "-q", "-o", "-", &url], words].concat());
        let seen = server.requests().pop().unwrap();
        let sent: Vec<_> = names.into_iter().filter(|name| seen.header(name).is_some()).collect();
        assert_eq!(sent, expected, "{words:?}");
    }
    home.out(&["get", "-q", "--data", "a=b", "-H", "Content-Type:", &server.url("/post")]);
    assert_eq!(server.requests().pop().unwrap().header("content-type"), None);
    let form = ["get", "-q", "-F", "a=b", "-H", "Content-Type: text/x", &server.url("/post")];
    home.out(&form);
    let kind = server.requests().pop().unwrap().header("content-type").map(str::to_owned);
    assert!(kind.as_deref().is_some_and(|kind| kind.starts_with("text/x; boundary=")), "{kind:?}");
    let ran = home.run(&["get", "-H", "Host:", &url]);
    assert!(ran.code == 2 && ran.err.contains("Host cannot be left out"), "{ran:?}");
    home.write("fields", b"X-One: 1\nno field at all\nUser-Agent:\n");
    let ran = home.run(&["get", "-q", "-o", "-", "-H", "@fields", &url]);
    assert!(ran.code == 0 && ran.err.contains("fields:2: no header field, left out"), "{ran:?}");
    let seen = server.requests().pop().unwrap();
    assert_eq!((seen.header("x-one"), seen.header("user-agent")), (Some("1"), None));
}

#[test]
fn who_asks_for_a_head_gets_it_whole() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("x").header("Set-Cookie", "id=hidden1; Path=/");
    server.on("/f", answer);
    let url = server.url("/f");
    for words in [
        &["-D", "-", "-o", "f"][..],
        &["-w", "%header{set-cookie}", "-o", "f"],
        &["-w", "%{header_json}", "-o", "f"],
    ] {
        let out = home.out(&[&["get", "-q", &url], words].concat());
        assert!(out.contains("id=hidden1; Path=/"), "{words:?}: {out}");
    }
    let ran = home.run(&["get", "-q", "-D", "%", "-o", "f", &url]);
    assert!(ran.code == 0 && ran.out.is_empty() && ran.err.contains("hidden1"), "{ran:?}");
    assert!(!home.file("%").exists());
    let followed = home.out(&["get", "--json", "-w", "", "-o", "f", &url]);
    assert!(!followed.contains("hidden1"), "{followed}");
    let id = home.out(&["add", "-q", "-o", "g", &url]);
    home.out(&["wait", id.trim()]);
    for words in [&["show", "--json", id.trim()][..], &["ls", "--json"], &["events"]] {
        let out = home.out(words);
        assert!(!out.contains("hidden1"), "{words:?}: {out}");
    }
}

#[test]
fn heads_of_redirects_are_told_in_order() {
    let (home, server) = (Home::new(), Server::start());
    let redirect = Answer::redirect(302, "/to").header("This", "one").header("This", "two");
    server.on("/from", redirect.header("Set-Cookie", "id=hidden1; Path=/"));
    server.on("/to", Answer::ok("x").header("This", "three"));
    let url = server.url("/from");
    for (words, expected) in [
        (&["-o", "f", "-w", "%header{this:all:*\\t}"][..], "one*\ttwo*\tthree"),
        (&["-o", "f", "-w", "%header{this}"], "three"),
        (&["-o", "f", "-w", "%header{set-cookie:all:}"], "id=hidden1; Path=/"),
    ] {
        assert_eq!(home.out(&[&["get", "-q"], words, &[&url]].concat()), expected, "{words:?}");
    }
    let first = |text: &str| text.lines().next().unwrap_or_default().to_owned();
    for words in [&["-I"][..], &["-q", "-D", "-", "-o", "f"], &["-q", "--include", "-o", "-"]] {
        let out = home.out(&[&["get"], words, &[&url]].concat());
        let heads: Vec<_> = out.split_inclusive("\r\n\r\n").map(first).collect();
        assert_eq!(heads[..2], ["HTTP/1.1 302", "HTTP/1.1 200"], "{words:?}: {out}");
        assert!(out.contains("this: one\r\nthis: two\r\n") && out.contains("hidden1"), "{out}");
    }
    let id = home.out(&["add", "-q", "-o", "g", &url]);
    home.out(&["wait", id.trim()]);
    for words in [&["show", "--json", id.trim()][..], &["ls", "--json"], &["events"]] {
        let out = home.out(words);
        assert!(!out.contains("hidden1"), "{words:?}: {out}");
    }
}

#[test]
fn redirects_are_trusted_and_posts_kept_where_that_is_typed() {
    let (home, first, second) = (Home::new(), Server::start(), Server::start());
    first.on("/away", Answer::redirect(302, &second.url("/to")));
    second.on("/to", Answer::ok("x"));
    for (words, shown) in [(&[][..], false), (&["--location-trusted"], true)] {
        let get = ["get", "-q", "-o", "-", "-u", "me:pw", "-b", "a=b"];
        home.out(&[&get, words, &[&first.url("/away")]].concat());
        let seen = second.requests().pop().unwrap();
        assert_eq!(seen.header("authorization").is_some(), shown);
        assert_eq!(seen.header("cookie").is_some(), shown);
    }
    for status in [301, 302, 303] {
        let path = format!("/{status}");
        first.on(&path, Answer::redirect(status, "/here"));
        first.on("/here", Answer::ok("x"));
        let option = format!("--post{status}");
        for (words, method) in [(&[][..], "GET"), (&[&*option], "POST")] {
            home.out(&[&["get", "-q", "--data", "a"], words, &[&first.url(&path)]].concat());
            assert_eq!(first.requests().pop().unwrap().method, method, "{status} {words:?}");
        }
    }
}

#[test]
fn targets_stand_as_they_are_typed() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/b", "/a/../b", "*", "/a"] {
        server.on(path, Answer::ok("x"));
    }
    let url = server.url("/a/../b?c#d");
    for (words, expected) in [
        (&[][..], "/b?c"),
        (&["--path-as-is"], "/a/../b?c"),
        (&["--request-target", "*", "-X", "OPTIONS"], "*"),
    ] {
        home.out(&[&["get", "-q", "-o", "-", &url], words].concat());
        assert_eq!(server.requests().pop().unwrap().path, expected, "{words:?}");
    }
    let ran = home.run(&["get", "--request-target", "a b", &url]);
    assert!(ran.code == 2 && ran.err.contains("request target"), "{ran:?}");
}

#[test]
fn only_digest_is_answered_where_that_is_typed() {
    let home = Home::new();
    let digest = "Digest realm=\"r\", nonce=\"n\", qop=\"auth\", algorithm=SHA-256";
    let asks = |field: &str| {
        Answer::ok("who?")
            .status(401)
            .header("WWW-Authenticate", field)
            .times(1)
            .then(Answer::ok("in"))
    };
    for (option, field, code, shown) in [
        ("--digest", digest, 0, &[None, Some("Digest")][..]),
        ("--digest", "Basic realm=r", 4, &[None]),
        ("--basic", digest, 4, &[Some("Basic")]),
    ] {
        // What one server has taught is remembered.
        let server = Server::start();
        server.on("/f", asks(field));
        let ran = home.run(&["get", "-q", "-o", "-", option, "-u", "me:pw", &server.url("/f")]);
        assert_eq!(ran.code, code, "{option} {field}: {ran:?}");
        let seen = server.requests();
        let seen = seen.iter().map(|seen| seen.header("authorization"));
        let seen: Vec<_> = seen.map(|value| value.and_then(|v| v.split(' ').next())).collect();
        assert_eq!(seen, shown, "{option} {field}");
    }
}

#[test]
fn a_folder_is_made_only_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    let ran = home.run(&["get", "-q", "--output-dir", "new", &url]);
    assert!(ran.code == 9 && ran.err.contains("--create-dirs"), "{ran:?}");
    home.out(&["get", "-q", "--output-dir", "new", "--create-dirs", &url]);
    assert!(home.file("new/f").exists());
    home.out(&["get", "-q", "-d", "other", &url]);
    assert!(home.file("other/f").exists());
}

#[test]
fn cookies_without_an_end_are_junk_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let lines = "127.0.0.1\tFALSE\t/\tFALSE\t0\tpassing\t1\n\
                 127.0.0.1\tFALSE\t/\tFALSE\t4102444800\tlasting\t2\n";
    home.write("jar", lines.as_bytes());
    for (words, expected) in
        [(&["--junk-session-cookies"][..], "lasting=2"), (&[], "lasting=2; passing=1")]
    {
        home.out(&[&["get", "-q", "-o", "-", "-b", "jar"], words, &[&server.url("/f")]].concat());
        let sent = server.requests().pop().unwrap().header("cookie").map(str::to_owned).unwrap();
        let mut sent: Vec<_> = sent.split("; ").collect();
        sent.sort_unstable();
        assert_eq!(sent.join("; "), expected);
    }
}

#[test]
fn options_can_be_in_a_file() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/a", "/b", "/c"] {
        server.on(path, Answer::ok(path));
    }
    home.write("inner", format!("next\nurl = {}\noutput = -\n", server.url("/c")).as_bytes());
    let text = format!(
        "# what we always do\nquiet\nuser-agent: \"a me\"\n-H \"X-Tab: a\\tb\"\nurl={}\n-o -\nconfig inner\n",
        server.url("/a")
    );
    home.write("options", text.as_bytes());
    assert_eq!(home.out(&["-K", "options"]), "/a/c");
    let seen = &server.requests()[0];
    assert_eq!((seen.header("user-agent"), seen.header("x-tab")), (Some("a me"), Some("a\tb")));
    assert_ne!(server.requests()[1].header("user-agent"), Some("a me"), "a part of its own");
    let ran =
        home.run_with_input(&["get", "-K", "-", "-o", "-"], &format!("url = {}", server.url("/b")));
    assert!(ran.code == 0 && ran.out == "/b", "{ran:?}");
    home.write("doubtful", b"header = A: 1\n");
    let ran = home.run(&["get", "-K", "doubtful", "-q", "-o", "-", &server.url("/b")]);
    assert!(ran.err.contains("doubtful:1: what follows the first blank"), "{ran:?}");
    home.write("wrong", b"quiet\nnothing = x\n");
    let ran = home.run(&["get", "-K", "wrong", &server.url("/b")]);
    assert!(ran.code == 2 && ran.err.contains("wrong:2: there is no option"), "{ran:?}");
}

#[test]
fn what_stands_behind_next_has_options_of_its_own() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    server.on("/b", Answer::ok("b"));
    server.on("/gone", Answer::ok("x").status(404));
    let (a, b, gone) = (server.url("/a"), server.url("/b"), server.url("/gone"));
    let out = home.out(&[
        "-q", "-o", "-", "-H", "X-One: 1", &a, "--next", "-o", "-", "--data", "d", &b, "-:", &a,
        "-o", "-",
    ]);
    assert_eq!(out, "aba");
    let told: Vec<_> = server
        .requests()
        .iter()
        .map(|seen| format!("{} {:?}", seen.method, seen.header("x-one")))
        .collect();
    assert_eq!(told, ["GET Some(\"1\")", "POST None", "GET None"]);
    let ran = home.run(&["get", "-q", "-o", "-", &gone, "--next", "-o", "-", &a]);
    assert_eq!((ran.code, &*ran.out), (8, "a"), "{ran:?}");
    let ran = home.run(&["get", "-q", "-o", "-", &gone, "--next", "--fail-early", "-o", "-", &a]);
    assert!(ran.code == 8 && ran.out.is_empty() && ran.err.contains("not begun"), "{ran:?}");
    let ran = home.run(&["get", "-q", "-o", "-", &gone, "--next", "-o", "-", "h:/"]);
    assert_eq!(ran.code, 1, "the causes differ: {ran:?}");
    assert_eq!(home.run(&["get", "--next", "--nothing", &a]).code, 2);
    let ids = home.out(&["add", "-q", &a, "--next", &b]);
    assert_eq!(ids.lines().count(), 2, "{ids}");
}

#[test]
fn every_url_has_its_own_file() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/a", "/b", "/c"] {
        server.on(path, Answer::ok(path));
    }
    let [a, b, c] = ["/a", "/b", "/c"].map(|path| server.url(path));
    let out = home.out(&["get", "-q", "-o", "one", &a, "-O", &b, "--out-null", &c]);
    assert_eq!(out, "");
    let read = |name: &str| std::fs::read_to_string(home.file(name)).ok();
    assert_eq!((read("one"), read("b"), read("c")), (Some("/a".into()), Some("/b".into()), None));
    assert_eq!(home.out(&["get", "-q", "--out-null", &a, "-o", "-", &b]), "/b");
    home.out(&["get", "-q", "-O", "-O", &a, &c]);
    assert_eq!((read("a"), read("c")), (Some("/a".into()), Some("/c".into())));
    assert_eq!(home.run(&["get", "-q", "-o", "one", &a, &b]).code, 2);
    assert_eq!(home.run(&["get", "-q", "-o", "one", "-O", &a]).code, 2);
    assert!(home.out(&["ls", "-q"]).is_empty(), "what goes nowhere does not stay");
}

#[test]
fn heads_are_asked_for_alone() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("content").header("X-Tells", "this"));
    let url = server.url("/a");
    let count = || std::fs::read_dir(home.file(".")).unwrap().count();
    let before = count();
    for words in [&["-I"][..], &["--silent", "--show-error", "--head"], &["-qSI"]] {
        let out = home.out(&[&["get"][..], words, &[&url, &url]].concat());
        assert_eq!(out.matches("HTTP/1.1 200").count(), 2, "{out}");
        assert!(out.contains("x-tells: this\r\n") && !out.ends_with("content"), "{out}");
    }
    assert!(server.requests().iter().all(|seen| seen.method == "HEAD"));
    assert_eq!(count(), before, "there is no file");
    assert_eq!(home.out(&["get", "-I", "-o", "head", &url]), "");
    assert!(std::fs::read_to_string(home.file("head")).unwrap().starts_with("HTTP/1.1 200"));
    let read = |name| std::fs::read_to_string(home.file(name)).unwrap();
    for (words, printed) in [
        (&["-o", "one", "-D", "two"][..], ""),
        (&["-d", "in", "-o", "one", "-D", "two"], ""),
        (&["-D", "two"], &*read("head")),
        (&["-D", "-"], &*read("head")),
    ] {
        assert_eq!(home.out(&[&["get", "-I", &url], words].concat()), printed, "{words:?}");
    }
    for name in ["one", "two", "in/one"] {
        assert_eq!(read(name), read("head"), "{name}");
    }
    assert_eq!(home.run(&["get", "-I", "-o", "a", "-o", "b", &url, &url]).code, 2);
    assert_eq!(home.run(&["get", "-I", "--data", "x", &url]).code, 2);
    assert_eq!(home.run(&["add", "-I", &url]).code, 2);
    home.out(&["get", "-q", "--oauth2-bearer", "distinctive", "--out-null", &url]);
    assert_eq!(
        server.requests().pop().unwrap().header("authorization"),
        Some("Bearer distinctive")
    );
    assert!(!home.out(&["ls", "--json"]).contains("distinctive"));
}

#[test]
fn every_url_has_its_own_upload() {
    let (home, server) = (Home::new(), Server::start());
    for path in ["/x", "/y", "/d/one", "/d/two"] {
        server.on(path, Answer::ok(path));
    }
    home.write("one", b"1");
    home.write("two", b"22");
    let told = |before: usize| -> Vec<String> {
        let seen = server.requests();
        let told = |seen: &urlsession_testkit::server::Seen| {
            format!("{} {} {}", seen.method, seen.path, seen.body_length)
        };
        seen[before..].iter().map(told).collect()
    };
    let (x, y, d) = (server.url("/x"), server.url("/y"), server.url("/d/"));
    let out = home.out(&["get", "-q", "-j1", "-T", "one", &x, "-T", "two", &y]);
    assert_eq!((&*out, told(0)), ("/x/y", vec!["PUT /x 1".into(), "PUT /y 2".into()]));
    let out = home.out(&["get", "-q", "-j1", "-T", "{one,two}", &d]);
    assert_eq!(
        (&*out, told(2)),
        ("/d/one/d/two", vec!["PUT /d/one 1".into(), "PUT /d/two 2".into()])
    );
    home.out(&["get", "-q", "-j1", "-T", "one", &x, &y, "-o", "answer", "-o", "file"]);
    assert_eq!(told(4), ["PUT /x 1", "GET /y 0"]);
    let read = |name: &str| std::fs::read_to_string(home.file(name)).unwrap();
    assert_eq!((read("answer"), read("file")), ("/x".into(), "/y".into()));
    assert_eq!(home.run(&["get", "-T", "one", "-T", "two", &x]).code, 2);
    assert_eq!(home.run(&["get", "-T", "{one,none}", &x]).code, 9);
    let ran = home.run_with_input(&["get", "-q", "-T", ".", &x], "from input");
    assert_eq!((ran.code, told(6)), (0, vec!["PUT /x 10".to_owned()]));
}

#[test]
fn the_first_that_fails_can_be_the_last() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    server.on("/gone", Answer::ok("x").status(404));
    let (a, gone) = (server.url("/a"), server.url("/gone"));
    let ran = home.run(&["get", "-q", "-o", "-", &a, &gone, &a]);
    assert_eq!((ran.code, &*ran.out), (8, "aa"));
    let ran = home.run(&["get", "-q", "--fail-early", "-o", "-", &a, &gone, &a]);
    assert_eq!((ran.code, &*ran.out), (8, "a"));
}

#[test]
fn the_last_of_an_option_counts() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    home.out(&["get", "-q", "-q", "-A", "one", "-A", "two", "-o", "-", &server.url("/a")]);
    assert_eq!(server.requests()[0].header("user-agent"), Some("two"));
}

#[test]
fn a_script_is_told_more() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    server.on("/busy", Answer::ok("x").status(503).times(1).then(Answer::ok("b")));
    let [a, busy] = ["/a?q", "/busy"].map(|path| server.url(path));
    let format = "%{urlnum} %{referer} %{url.path} %{urle.query} %{time_redirect}\\n";
    let told = home.out(&[
        "get",
        "-q",
        "-j1",
        "--out-null",
        "--out-null",
        "-e",
        "here",
        "-w",
        format,
        &a,
        &a,
    ]);
    assert_eq!(told, "0 here /a q 0.000000\n1 here /a q 0.000000\n");
    let told = home.out(&["get", "-q", "--out-null", "-w", "%{num_retries}", &busy]);
    assert_eq!(told, "1");
    let told = home.json(&["get", "-q", "--out-null", "-w", "%{json}\\n", &a]);
    assert_eq!((&told["http_code"], &told["url.host"]), (&200.into(), &"127.0.0.1".into()));
    assert!(told["time_total"].as_f64().is_some_and(|seconds| seconds > 0.0), "{told}");
    assert!(told["referer"].is_null(), "{told}");
    let format = "out%output{told}%{http_code}\\n%output{>>told}more%{stderr}err%{stdout}again";
    let ran = home.run(&["get", "-q", "--out-null", "-w", format, &a]);
    assert_eq!((&*ran.out, &*ran.err), ("outagain", "err"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(home.file("told")).unwrap(), "200\nmore");
}

#[test]
fn urls_can_be_in_a_file_and_schemes_be_left_out() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    server.on("/b", Answer::ok("b"));
    home.write("urls", format!("# two\n{}\n\n{}\n", server.url("/a"), server.url("/b")).as_bytes());
    assert_eq!(home.out(&["get", "-q", "-j1", "-o", "-", "--url", "@urls"]), "ab");
    let ran = home.run(&["get", "-q", "-o", "-", "--proto", "=https", &server.url("/a")]);
    assert!(ran.code == 10 && ran.err.contains("only https"), "{ran:?}");
    assert_eq!(
        home.out(&["get", "-q", "-o", "-", "--proto", "=http,https", &server.url("/a")]),
        "a"
    );
    assert_eq!(home.run(&["get", "--proto", "=ftp", &server.url("/a")]).code, 2);
    server.on("/c", Answer::redirect(302, "/a"));
    for (typed, code) in [("=http", 0), ("-https", 0), ("=https", 10), ("-all", 10)] {
        let ran = home.run(&["get", "-q", "-o", "-", "--proto-redir", typed, &server.url("/c")]);
        assert_eq!(ran.code, code, "{typed}: {ran:?}");
        assert_eq!(ran.err.contains("lets no redirect lead"), code > 0, "{typed}: {ran:?}");
    }
}

#[test]
fn redirects_are_told_where_they_come_from() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::redirect(302, "/b"));
    server.on("/b", Answer::ok("b"));
    let (a, b) = (server.url("/a"), server.url("/b"));
    for (typed, first, told) in
        [("x", Some("x"), "x"), ("x;auto", Some("x"), &*a), (";auto", None, &*a), ("", None, "")]
    {
        let out = home.out(&["get", "-q", "--out-null", "-e", typed, "-w", "%{referer}", &a]);
        let seen = server.requests().split_off(server.requests().len() - 2);
        assert_eq!((seen[0].header("referer"), &*out), (first, told), "{typed}");
        assert_eq!(seen[1].header("referer").unwrap_or_default(), told, "{typed}");
    }
    assert_eq!(home.out(&["get", "-q", "-o", "-", "-0", &b]), "b");
    assert_eq!(home.out(&["get", "-q", "-o", "-", "--http1.1", &b]), "b");
    assert_eq!(
        home.run(&["get", "-q", "-o", "-", "--proto", "=http", "https://127.0.0.1/"]).code,
        2
    );
}

#[test]
fn a_url_without_a_name_has_the_one_that_is_expected() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/", Answer::ok("x"));
    for words in [&[][..], &["-O"], &["-J"]] {
        home.out(&[&["get", "-q", &server.url("/")], words].concat());
    }
    let is_there = |name: &str| home.file(name).exists();
    assert!(is_there("index.html") && is_there("curl_response") && is_there("curl_response.1"));
    assert!(!is_there("index.html.1"));
}

#[test]
fn servers_are_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let port = server.address().port();
    let get = ["get", "-q", "-o", "-", "--proxy", ""];
    let elsewhere = format!("a.invalid:81:127.0.0.1:{port}");
    let out =
        home.out(&[&get[..], &["--connect-to", &elsewhere, "http://a.invalid:81/f"]].concat());
    assert_eq!((&*out, server.requests()[0].header("host")), ("x", Some("a.invalid:81")));
    let (address, url) =
        (format!("b.invalid:{port}:127.0.0.1"), format!("http://b.invalid:{port}/f"));
    assert_eq!(home.out(&[&get[..], &["--resolve", &address, &url]].concat()), "x");
    let several = format!("b.invalid:{port}:::1,127.0.0.1");
    let gone = format!("-b.invalid:{port}");
    let words = ["--resolve", &format!("b.invalid:{port}:192.0.2.1"), "--resolve", &gone];
    assert_eq!(home.out(&[&get[..], &words, &["--resolve", &several, &url]].concat()), "x");
    let wrong = home.run(&[&get[..], &["--resolve", "b.invalid:1", &url]].concat());
    assert!(wrong.code == 2 && wrong.err.contains("HOST:PORT:ADDRESS"), "{wrong:?}");
}

#[test]
fn tries_keep_to_the_times_that_are_typed() {
    let (home, server) = (Home::new(), Server::start());
    let busy = || Answer::ok("x").status(503);
    server.on("/soon", busy().times(2).then(Answer::ok("b")));
    server.on("/busy", busy());
    let get = ["get", "-q", "-o", "-"];
    let out = home.out(&[&get[..], &["--retry-delay", "0.1", &server.url("/soon")]].concat());
    assert_eq!((&*out, server.requests().len()), ("b", 3));
    let times = ["--retry-delay", "100ms", "--retry-max-time", "0.5"];
    let ran = home.run(&[&get[..], &times, &[&server.url("/busy")]].concat());
    assert!(ran.code == 8 && ran.err.contains("503"), "{ran:?}");
    let tries = server.requests().len() - 3;
    assert!(tries <= 6, "{tries}");
    for option in ["--retry-delay", "--retry-max-time", "--max-time", "--idle-timeout"] {
        assert_eq!(home.out(&["get", "-q", "-o", "-", option, "0", &server.url("/soon")]), "b");
        assert_eq!(home.run(&["get", option, "soon", &server.url("/soon")]).code, 2, "{option}");
    }
}

#[test]
fn heads_stand_before_bodies_where_that_is_typed() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::ok("body").header("Set-Cookie", "id=1; Path=/");
    server.on("/f", answer.header("X-Many", "one").header("X-Many", "two"));
    server.on("/gone", Answer::ok("gone").status(404));
    server.on("/empty", Answer::ok(""));
    let url = server.url("/f");
    let is_whole = |text: &str| {
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200\r\n") && head.contains("id=1; Path=/"), "{text}");
        body.to_owned()
    };
    assert_eq!(is_whole(&home.out(&["get", "-q", "--include", "-o", "-", &url])), "body");
    assert_eq!(is_whole(&home.out(&["get", "-q", "--show-headers", "--data", "a", &url])), "body");
    home.out(&["get", "-q", "--include", &url, &server.url("/empty")]);
    let read = |name: &str| std::fs::read_to_string(home.file(name)).unwrap();
    assert_eq!(is_whole(&read("f")), "body");
    assert!(read("empty").ends_with("\r\n\r\n"));
    let disposition = ("Content-Disposition", "attachment; filename=../named");
    server.on("/named", Answer::ok("body").header(disposition.0, disposition.1));
    for name in ["named", "named.1"] {
        home.out(&["get", "-q", "-OJ", "--include", &server.url("/named?x")]);
        assert!(read(name).ends_with("\r\n\r\nbody"), "{name}");
    }
    let words = ["get", "-q", "--no-fail", "--include", "-o", "-", &server.url("/gone")];
    assert!(home.out(&words).starts_with("HTTP/1.1 404\r\n"));
    assert_eq!(home.out(&["get", "-qI", "--include", &url]).matches("HTTP/1.1 200").count(), 1);
    for wrong in ["-c", "-R"] {
        assert_eq!(home.run(&["get", "--include", wrong, &url]).code, 2, "{wrong:?}");
    }
    let ran = home.run(&["add", "--include", &url]);
    assert!(ran.code == 2 && ran.err.contains("--include"), "{ran:?}");
    let format = "%header{x-many:all:, }|%header{x-many}|%header{none:all:x}";
    assert_eq!(home.out(&["get", "-q", "--out-null", "-w", format, &url]), "one, two|one|");
}

#[test]
fn what_is_no_file_takes_bytes_all_the_same() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    server.on("/b", Answer::ok("b"));
    let (a, b) = (server.url("/a"), server.url("/b"));
    let ran = home.run(&["get", "-o", "/dev/null", "-w", "%{http_code}", &a]);
    assert!(ran.code == 0 && ran.out == "200" && ran.err.contains("done"), "{ran:?}");
    assert_eq!(home.out(&["get", "-q", "-o", "/dev/null", "-w", ".", &a, &b]), "..");
    assert_eq!(home.out(&["get", "-q", "-o", "/dev/stdout", &a, &b]), "ab");
    assert_eq!(home.run(&["get", "-q", "-o", "/dev/stderr", &a]).err, "a");
    assert_eq!(home.out(&["get", "-q", "--data", "x", "-o", "/dev/null", &a]), "");
    let pipe = home.file("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let reader = std::thread::spawn({
        let pipe = pipe.clone();
        move || std::fs::read_to_string(pipe).unwrap()
    });
    home.out(&["get", "-q", "-o", "pipe", &a]);
    assert_eq!(reader.join().unwrap(), "a");
    assert!(!pipe.metadata().unwrap().is_file());
    let ran = home.run(&["add", "-o", "/dev/null", &a]);
    assert!(ran.code == 2 && ran.err.contains("a device or a pipe"), "{ran:?}");
}

#[test]
fn data_is_not_taken_for_a_folder() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    for data in ["a=b", "@file", "{\"a\": 1}", "u=http://h/"] {
        let ran = home.run(&["get", "-d", data, &url]);
        assert!(ran.code == 2 && ran.err.contains("--data"), "{data}: {ran:?}");
    }
    home.out(&["get", "-q", "-d", "./a=b", &url]);
    home.out(&["get", "-q", "-d", "a=b", "-o", "g", &url]);
    assert!(home.file("a=b/f").is_file() && home.file("a=b/g").is_file());
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn curls_letters_are_explained() {
    let home = Home::new();
    for (words, expected) in [
        (&["get", "-sSL", "http://h/"][..], "-q here"),
        (&["get", "-i", "http://h/"], "--include here"),
        (&["-k", "http://h/"], "--insecure here"),
        (&["-O", "out", "http://h/"], "wget’s -O FILE is -o FILE here"),
        (&["-nc", "http://h/"], "--skip-existing here"),
    ] {
        let ran = home.run(words);
        assert!(ran.code != 0 && ran.err.contains(expected), "{words:?}: {ran:?}");
    }
    assert!(!home.run(&["ls", "-k"]).err.contains("--insecure"));
}

#[test]
fn caches_on_the_way_can_be_passed_by() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    home.out(&["get", "-q", "-o", "f", &server.url("/f")]);
    home.out(&["get", "-q", "-o", "f", "--no-cache", &server.url("/f")]);
    let asked: Vec<_> = server
        .requests()
        .iter()
        .map(|seen| seen.header("cache-control").map(str::to_owned))
        .collect();
    assert_eq!(asked, [None, Some("no-cache".to_owned())]);
}
