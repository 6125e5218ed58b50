//! Everything a person can get wrong, or a network can do, in one table.

use crate::home::Home;
use std::net::TcpListener;
use urlsession_testkit::server::{Answer, Certificate, Server};

#[test]
fn every_wrong_has_its_number_its_sentence_and_its_exit_code() {
    let (home, server) = (Home::new(), Server::start());
    let (private, expired) = (Server::start_tls(), Server::start_tls_with(Certificate::Expired));
    server.on("/loop", Answer::redirect(302, &server.url("/loop")));
    server.on("/private", Answer::status_only(401));
    server.on("/file", Answer::ok("content"));
    server.on("/boasts", Answer::ok("content").header("X", &"a".repeat(10 << 20)));
    server.on("/stalls", Answer::ok("content").stall_after(3));
    // No name server is asked for a label that is too long to be one.
    let unknown_host = format!("http://{}.test/", "x".repeat(64));
    let refused = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}/", listener.local_addr().unwrap())
    };
    let (file, gone) = (server.url("/file"), server.url("/gone"));
    let boasting = server.url("/boasts");
    let (looping, locked) = (server.url("/loop"), server.url("/private"));
    let (untrusted, outdated) = (private.url("/"), expired.url("/"));
    let authority = expired.ca_pem();
    let authority = authority.to_str().unwrap();
    home.write("huge", format!("X: {}", "a".repeat(10 << 20)).as_bytes());
    let digest = format!("sha-256={}", "0".repeat(64));
    home.out(&["add", &server.url("/stalls")]);
    for (words, code, text) in [
        (&[unknown_host.as_str(), "--retry", "0"][..], 10, "[-1003]"),
        (&[&refused, "--retry", "0"], 10, "[-1004]"),
        (&[&untrusted, "--retry", "0"], 10, "[-120"),
        (&[&outdated, "--retry", "0", "--cacert", authority], 10, "[-1201]"),
        (&[&untrusted, "--retry", "0", "--cacert", "huge"], 9, "check the file of --cacert"),
        (&["http://"], 2, "[-1000]"),
        (&["ftp://127.0.0.1/"], 2, "[-1002]"),
        (&["get", "nonsense"], 2, "[-1002]"),
        (&[&file, "-o", "/proc/nope"], 9, "[-300"),
        (&[&file, "-o", "missing/folder"], 9, "[-3000]"),
        (&[&file, "-H", "X: a\r\nEvil: b"], 2, "“X” has a line break"),
        (&[&file, "-H", "@huge"], 2, "more than"),
        (&["put", "missing", &file], 9, "[-1100]"),
        (&["put", "/", &file], 9, "[-1101]"),
        (&["put", ".", &file], 9, "[-1101]"),
        (&["-X", "A B", &file], 2, "urlsession: “A B” is no HTTP method"),
        (&["--json", "{\"a\": \"http://h/\"}", &file], 2, "--data DATA"),
        (&[&looping], 10, "[-1007]"),
        (&[&boasting, "--retry", "0"], 10, "[-1017]"),
        (&[&locked], 4, "[-1011]"),
        (&[&gone], 8, "[-1011]"),
        (&[&gone, &refused, "--retry", "0"], 1, "[-1004]"),
        (&[&file, "--checksum", &digest], 7, "[-3007]"),
        (&["-U", "Mozilla/5.0", &file], 2, "-U has no password"),
        (&["--retry", "-1", &file], 2, "invalid value '-1'"),
        (&["--limit-rate", "-1", &file], 2, "invalid value '-1'"),
        (&["--bogus"], 2, "--bogus"),
    ] {
        let ran = home.run(words);
        assert_eq!(ran.code, code, "{words:?}: {ran:?}");
        assert!(ran.err.contains(text), "{words:?}: {ran:?}");
        assert_eq!(ran.out, "", "{words:?}");
    }
    assert_eq!(home.run(&["ls", "-q"]).out, "1\n", "nothing else is lost");
    let left: Vec<_> = std::fs::read_dir(home.file("")).unwrap().flatten().collect();
    let left: Vec<_> = left.iter().map(|entry| entry.file_name()).collect();
    assert!(
        left.iter().all(|name| name == "huge" || name.to_string_lossy().contains("stalls")),
        "{left:?}"
    );
    server.release("/stalls");
    assert_eq!(home.run(&["wait", "1"]).code, 0);
}

#[test]
fn credentials_reach_the_server_and_nobody_else() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    let url = server.url("/f").replace("http://", "http://me:opensesame@");
    let mut said = home.out(&["add", &url]);
    home.out(&["add", &server.url("/f"), "-u", "me:opensesame", "-H", "X-Key: opensesame"]);
    for seen in server.wait_for_requests(2) {
        assert_eq!(seen.header("authorization"), Some("Basic bWU6b3BlbnNlc2FtZQ=="));
    }
    for words in
        [&["ls", "--json"][..], &["show", "1"], &["show", "2", "--json"], &["explain", "1"]]
    {
        said.push_str(&home.out(words));
    }
    home.out(&["cancel", "--all"]);
    said.push_str(&home.run(&["wait", "1", "2"]).err);
    said.push_str(&home.out(&["events"]));
    said.push_str(&home.out(&["daemon", "logs"]));
    assert!(!said.contains("opensesame") && !said.contains("bWU6b3BlbnNlc2FtZQ"), "{said}");
}

/// Every way to bring a secret in, and every way out for text.
#[test]
fn no_output_has_a_secret() {
    const SECRET: &str = "opensesame";
    let (home, server) = (Home::new(), Server::start());
    let locked = |field: &str| Answer::status_only(401).header("WWW-Authenticate", field);
    server.on("/basic", locked("Basic realm=\"r\""));
    server.on("/digest", locked("Digest realm=\"r\", nonce=\"n\", qop=\"auth\""));
    server.on("/away", Answer::redirect(302, "http://127.0.0.1:1/"));
    home.write("rc", format!("machine 127.0.0.1 login me password {SECRET}\n").as_bytes());
    home.write("fields", format!("Authorization: Bearer {SECRET}\n").as_bytes());
    let in_url = |path: &str| server.url(path).replace("http://", "http://me:opensesame@");
    let user = format!("me:{SECRET}");
    let mut said = String::new();
    let mut hear = |words: &[&str]| {
        let ran = home.run(words);
        said.push_str(&format!("{words:?}\n{}{}\n", ran.out, ran.err).replace(&user, ""));
    };
    let bad = format!("http://me:{SECRET}%ff@127.0.0.1/");
    for words in [
        &[&in_url("/basic")[..], "--retry", "0"][..],
        &[&in_url("/away"), "--retry", "0", "-v"],
        &[&server.url("/digest"), "-u", &user],
        &[&server.url("/digest"), "--anyauth", "-u", &user, "--json"],
        &[&server.url("/basic"), "--netrc-file", "rc", "-v"],
        &[&server.url("/basic"), "-H", "@fields"],
        &["add", &server.url("/digest"), "--netrc-file", "rc", "--recoverable", "401"],
        &["edit", "7", "-u", &user],
        &["retry", "7"],
        &["edit", "7", "-H", "@fields"],
        &["edit", "7", "-H", "@fields", "--url", &bad],
        &["edit", "7", "--url", &in_url("/digest")],
        &["explain", "7"],
        &["ls", "--all", "--json"],
        &["show", "7"],
        &["show", "7", "--json"],
        &["cancel", "7"],
        &["wait", "7"],
        &["events"],
        &["daemon", "status", "--json"],
        &["daemon", "logs"],
    ] {
        hear(words);
    }
    home.write("options", format!("url = {}\n", in_url("/{a")).as_bytes());
    let misplaced = in_url("/12");
    for words in [
        &["get", "-K", "options"][..],
        &["wait", &misplaced[..misplaced.len() - 3]],
        &["wait", &misplaced],
        &["explain", &in_url("/f")],
        &["limit", &misplaced],
        &["ls", &misplaced],
        &["put", &misplaced, &misplaced],
        &["-i", &misplaced],
        &["session", "show", &misplaced],
    ] {
        hear(words);
    }
    let said = said.lines().filter(|line| !line.starts_with("[\"")).collect::<Vec<_>>().join("\n");
    for secret in [SECRET, "bWU6b3BlbnNlc2FtZQ", "b3BlbnNlc2FtZQ"] {
        assert!(!said.contains(secret), "{secret}: {said}");
    }
    assert!(said.contains("[-1011]") && said.contains("7: edited"), "{said}");
}

#[test]
fn credentials_come_from_where_curl_takes_them() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    home.write(
        "rc",
        b"machine 127.0.0.1 login n password np\nmachine 127.0.0.1 login u password unp",
    );
    home.write(".netrc", b"default login d password dp");
    let at = |user: &str| server.url("/f").replace("http://", &format!("http://{user}"));
    for (words, expected) in [
        (&["--netrc-file", "rc", &at("")[..]][..], Some("Basic bjpucA==")), // n:np
        (&["--netrc-file", "rc", &at("u:p@")], Some("Basic dTp1bnA=")),     // u:unp
        (&["--netrc-file", "rc", &at("u@")], Some("Basic dTp1bnA=")),
        (&["--netrc-file", "rc", &at("x:p@")], Some("Basic eDpw")), // x:p
        (&["--netrc-file", "rc", "--netrc-optional", &at("u:p@")], Some("Basic dTpw")), // u:p
        (&["--netrc-file", "rc", "-u", "c:cp", &at("u:p@")], Some("Basic YzpjcA==")), // c:cp
        (&["-n", &at("")], Some("Basic ZDpkcA==")),                 // d:dp
        (&["-n", "--anyauth", &at("")], None),
        (&[&at("")], None),
        (&["-n", "-H", "Authorization: Bearer t", &at("")], Some("Bearer t")),
    ] {
        let words = [&["-o", "out"], words].concat();
        let mut command = home.command(&words);
        command.env("HOME", home.file("")).env_remove("NETRC");
        assert!(command.output().unwrap().status.success(), "{words:?}");
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("authorization"), expected, "{words:?}");
    }
    let mut named = home.command(&["-o", "out", "-n", &at("")]);
    named.env("HOME", home.file("")).env("NETRC", home.file("rc"));
    assert!(named.output().unwrap().status.success());
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.header("authorization"), Some("Basic bjpucA=="), "NETRC");
    let ran = home.run(&["--netrc-file", "missing", &at("")]);
    assert_eq!((ran.code, ran.err.contains("missing")), (9, true), "{ran:?}");
}

/// A file of credentials is asked about the server that was named, and about no other.
#[test]
fn a_redirect_gets_nothing_out_of_a_file_of_credentials() {
    let (home, server) = (Home::new(), Server::start());
    let other = server.url("/there").replace("127.0.0.1", "localhost");
    server.on("/here", Answer::redirect(302, &other));
    server.on("/there", Answer::ok("x"));
    home.write(
        "rc",
        b"machine 127.0.0.1 login a password ap\nmachine localhost login b password bp\n",
    );
    home.write("default", b"machine 127.0.0.1 login a password ap\ndefault login d password dp\n");
    let bearer = ["-H", "Authorization: Bearer t"];
    for (file, words, expected) in [
        ("rc", &[][..], "Basic YTphcA=="),
        ("default", &[], "Basic YTphcA=="),
        ("rc", &bearer, "Bearer t"),
        ("default", &bearer, "Bearer t"),
    ] {
        let url = server.url("/here");
        let ran = home.run(&[&["--overwrite", "--netrc-file", file, &url], words].concat());
        assert_eq!(ran.code, 0, "{ran:?}");
        let shown = |path| {
            let seen = server.requests_for(path).pop().unwrap();
            seen.header("authorization").map(str::to_owned)
        };
        assert_eq!(shown("/here").as_deref(), Some(expected), "{file} {words:?}");
        assert_eq!(shown("/there"), None, "{file} {words:?}");
    }
}

#[test]
fn names_and_sentences_of_servers_cannot_command_the_terminal() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/%1b%5b2J%e2%80%aegpj.exe", Answer::ok("content"));
    let ran = home.run(&[&server.url("/%1b%5b2J%e2%80%aegpj.exe")]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(!ran.err.contains(['\u{1b}', '\u{202e}']), "{ran:?}");
    assert!(home.file("_[2J_gpj.exe").exists());
}
