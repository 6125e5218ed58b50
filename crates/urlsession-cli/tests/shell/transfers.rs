//! `get`, `add`, `put`, `wait`: bytes arrive, and the exit code tells how.

use crate::home::{Home, ran};
use rustix::process::Signal;
use urlsession_testkit::server::{Answer, Server, pseudo_random, sha256};

#[test]
fn a_url_becomes_a_file() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/disk.iso", Answer::pseudo_random(1, 300_000));
    let url = server.url("/disk.iso");
    let ran = home.run(&[&url]);
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.out, "");
    assert!(ran.err.contains("1 disk.iso: done, 293 KiB in "), "{ran:?}");
    assert_eq!(std::fs::read(home.file("disk.iso")).unwrap().len(), 300_000);
    assert_eq!(home.out(&["ls", "-q"]), "", "a get that was told is forgotten");
    let again = home.run(&["get", "-q", &url]);
    assert_eq!((again.code, again.out.as_str(), again.err.as_str()), (0, "", ""));
    let (first, second) = (home.file("disk.iso"), home.file("disk.iso.1"));
    assert_eq!(std::fs::read(first).unwrap(), std::fs::read(second).unwrap());
}

#[test]
fn a_file_comes_over_several_connections() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(3, 4 << 20).etag("\"a\"").rate(2 << 20));
    home.out(&["-q", "-s", "4", &server.url("/f")]);
    assert!(std::fs::read(home.file("f")).unwrap() == pseudo_random(3, 0, 4 << 20));
    assert_eq!(server.peak_concurrency(), 4);
    let before = server.requests().len();
    home.out(&["-q", "-s", "auto", "-o", "g", &server.url("/f")]);
    assert_eq!(server.requests().len() - before, 1, "too short to be worth a trial");
}

#[test]
fn a_file_can_go_to_standard_output() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/text", Answer::ok("data and nothing else\n"));
    server.on("/api", Answer::ok("an answer"));
    let text = server.url("/text");
    assert_eq!(home.out(&["-o", "-", &text]), "data and nothing else\n");
    server.on("/more", Answer::ok("more\n"));
    let (one, two) = (server.url("/more"), server.url("/api"));
    assert_eq!(home.out(&["-o", "-", &one, &text, &two]), "more\ndata and nothing else\nan answer");
    home.out(&[&one, "-o", "first", "-o", "second", "-d", "into", &two]);
    assert_eq!(std::fs::read(home.file("into/first")).unwrap(), b"more\n");
    assert_eq!(std::fs::read(home.file("into/second")).unwrap(), b"an answer");
    assert_eq!(home.out(&["--data", "a=b", &server.url("/api")]), "an answer");
    let seen = server.requests_for("/api").pop().unwrap();
    assert_eq!((seen.method.as_str(), seen.body_sha256), ("POST", Some(sha256(b"a=b"))));
    home.out(&["--data", "a=b", "-o", "answer", &server.url("/api")]);
    assert_eq!(std::fs::read(home.file("answer")).unwrap(), b"an answer");
}

#[test]
fn a_redirect_is_followed_or_the_answer() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/old", Answer::ok("moved").status(302).header("Location", "/new"));
    server.on("/new", Answer::ok("new"));
    let url = server.url("/old");
    assert_eq!(home.out(&["-o", "-", &url]), "new");
    assert_eq!(home.out(&["-L", "-o", "-", &url]), "new");
    assert_eq!(home.out(&["--redirect", "manual", "-o", "-", &url]), "moved");
    assert_eq!(server.requests_for("/new").len(), 2);
    assert_eq!(home.run(&["--redirect", "sometimes", &url]).code, 2);
}

#[test]
fn a_script_adds_and_waits() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").chunked());
    let id = home.out(&["add", "-q", &server.url("/f")]);
    assert_eq!(id, "1\n");
    assert_eq!(home.run(&["wait", "1", "--timeout", "30s"]).code, 0);
    let task = home.json(&["show", "1", "--json"]);
    assert_eq!(task["state"], "completed");
    assert_eq!(task["error"], serde_json::Value::Null);
    assert_eq!(task["destination"], home.file("f").to_str().unwrap());
    assert_eq!(home.run(&["wait", "1"]).code, 0, "an added task stays listed");
    assert!(home.out(&["events"]).contains("\"event\":\"did_complete\""));
    home.out(&["rm", "1"]);
    assert_eq!(home.run(&["wait", "1"]).code, 5);
    assert_eq!(std::fs::read(home.file("f")).unwrap(), b"content", "rm leaves the file");
}

#[test]
fn metrics_are_a_picture_or_numbers() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/old", Answer::redirect(301, "/f"));
    server.on("/f", Answer::ok("content"));
    home.out(&["add", "-q", &server.url("/old")]);
    assert_eq!(home.run(&["wait", "1", "--timeout", "30s"]).code, 0);
    let picture = home.out(&["show", "1", "--metrics"]);
    for part in
        ["1  GET http://127.0.0.1", "   301, http/1.1, 127.0.0.1:", "receive  |", "1 redirect, "]
    {
        assert!(picture.contains(part), "{part}: {picture}");
    }
    let metrics = &home.json(&["show", "1", "--metrics", "--json"])["metrics"];
    let transactions = metrics["transaction_metrics"].as_array().unwrap();
    assert_eq!(transactions.len(), 2);
    assert_eq!(transactions[1]["reused_connection"], true);
    assert_eq!(transactions[1]["count_of_response_body_bytes_received"], 7);
    assert!(!home.out(&["show", "1"]).contains("receive  |"));
}

#[test]
fn a_list_is_added_at_once() {
    let (home, server) = (Home::new(), Server::start());
    let mut list = String::from("# a list\n");
    for number in 0..300 {
        server.on(&format!("/{number}"), Answer::ok(number.to_string()));
        list.push_str(&server.url(&format!("/{number}\n")));
    }
    list.push_str(&format!("{}\n  out=own\n  header=X-Own: 1\n", server.url("/0")));
    let ids = home.run_with_input(&["add", "-q", "-d", "files", "-i", "-"], &list);
    assert_eq!(ids.code, 0, "{ids:?}");
    let ids: Vec<&str> = ids.out.lines().collect();
    assert_eq!(ids.len(), 301);
    assert_eq!((ids[0], ids[300]), ("1", "301"));
    let ran = home.run(&[&["wait", "-q", "--timeout", "60s"][..], &ids].concat());
    assert_eq!((ran.code, ran.err.as_str()), (0, ""));
    assert_eq!(std::fs::read(home.file("files/299")).unwrap(), b"299");
    assert_eq!(std::fs::read(home.file("files/own")).unwrap(), b"0");
    let seen = server.requests_for("/0");
    assert!(seen.iter().any(|seen| seen.header("x-own") == Some("1")));
}

#[test]
fn a_script_is_told_what_it_asks_for() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/old", Answer::redirect(302, "/new"));
    server.on("/new", Answer::ok("seven b").header("X-Own", "yes"));
    let (old, gone) = (server.url("/old"), server.url("/gone"));
    home.write("format", b"%{size_download} %{method}\\n");
    for (format, expected) in [
        ("%{http_code} %{num_redirects} %{http_version} %header{x-own}|\\n", "200 1 1.1 yes|\n"),
        ("%{url_effective} %{remote_ip}", &format!("{} 127.0.0.1", server.url("/new"))),
        ("%{filename_effective}", home.file("f").to_str().unwrap()),
        ("@format", "7 GET\n"),
        ("%{onerror}never", ""),
        ("%{ssl_verify_result}%{proxy_ssl_verify_result}%{num_certs}%{ftp_entry_path}|", "000|"),
    ] {
        assert_eq!(home.out(&["get", "-q", &old, "-o", "f", "-w", format]), expected, "{format}");
    }
    let format = "%{onerror}%{http_code} %{http_version} %{exitcode}\\n%{stderr}%{errormsg}";
    let ran = home.run(&["get", "-q", &gone, "--retry", "0", "-w", format]);
    assert_eq!((ran.code, ran.out.as_str()), (8, "404 1.1 8\n"), "{ran:?}");
    assert!(ran.err.contains("404"), "{ran:?}");
    for wrong in [&["get", &old, "-w", "%{nothing}"][..], &["add", &old, "-w", "x"]] {
        assert_eq!(home.run(wrong).code, 2, "{wrong:?}");
    }
    assert_eq!(home.out(&["ls", "-q"]), "", "what is refused was not begun");
}

#[test]
fn a_form_is_sent_whole() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/form", Answer::echo());
    home.write("photo.png", b"\x89PNG--");
    let url = server.url("/form");
    home.out(&["-F", "who=me", "-F", "photo=@photo.png;type=image/png", &url]);
    let seen = server.requests_for("/form").pop().unwrap();
    let kind = seen.header("content-type").unwrap().to_owned();
    let boundary = kind.strip_prefix("multipart/form-data; boundary=").unwrap();
    let mut body = format!(
        "--{boundary}\r\nContent-Disposition: form-data; name=\"who\"\r\n\r\nme\r\n--{boundary}\r\n\
         Content-Disposition: form-data; name=\"photo\"; filename=\"photo.png\"\r\n\
         Content-Type: image/png\r\n\r\n"
    )
    .into_bytes();
    body.extend(b"\x89PNG--");
    body.extend(format!("\r\n--{boundary}--\r\n").as_bytes());
    assert_eq!((seen.method.as_str(), seen.body_sha256), ("POST", Some(sha256(&body))));
    assert_eq!(home.run(&["get", "-F", "a=@nowhere", &url]).code, 9);
    assert_eq!(home.run(&["get", "-F", "a=b", "--data", "c", &url]).code, 2);
}

#[test]
fn what_comes_from_standard_input_is_sent_to_every_url() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/in", Answer::sink());
    let url = server.url("/in");
    for (words, sent) in [(["--data", "@-"], Some("outside")), (["-F", "a=<-"], None)] {
        let ran = home.run_with_input(&["get", words[0], words[1], &url, &url], "outside");
        assert_eq!(ran.code, 0, "{ran:?}");
        let requests = server.requests_for("/in");
        let [.., first, second] = &requests[..] else { panic!("{requests:?}") };
        assert_eq!(first.body_sha256, second.body_sha256, "{words:?}");
        if let Some(sent) = sent {
            assert_eq!(first.body_sha256, Some(sha256(sent.as_bytes())));
        }
    }
}

#[test]
fn a_file_is_put() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/up", Answer::echo());
    home.write("photo", b"bytes of a photo");
    let digest = sha256(b"bytes of a photo");
    for words in [
        &["put", "photo", &server.url("/up"), "-H", "X-Own: 1"][..],
        &["get", "-T", "photo", &server.url("/up"), "-H", "X-Own: 1"],
    ] {
        let answer: serde_json::Value = serde_json::from_str(&home.out(words)).unwrap();
        assert_eq!(answer["method"], "PUT");
        assert_eq!(answer["headers"]["x-own"], "1");
        assert_eq!(answer["bodySha256"], digest);
    }
    let piped = home.run_with_input(&["put", "-", &server.url("/up")], "from a pipe");
    assert!(piped.out.contains(&sha256(b"from a pipe")), "{piped:?}");
}

#[test]
fn a_file_that_appears_meanwhile_is_kept() {
    let (home, server) = (Home::new(), Server::start());
    for (words, expected) in [(&["--output-dir", "."][..], "f.1"), (&["-o", "f"], "f")] {
        server.on("/f", Answer::ok("new").stall_after(1));
        let id = home.out(&[&["add", "-q"], words, &[&server.url("/f")]].concat());
        home.out(&["pause", id.trim()]);
        home.write("f", b"theirs");
        server.on("/f", Answer::ok("new"));
        home.out(&["resume", id.trim()]);
        home.out(&["wait", id.trim()]);
        assert_eq!(std::fs::read(home.file(expected)).unwrap(), b"new", "{words:?}");
        let theirs = std::fs::read(home.file("f")).unwrap();
        assert_eq!(theirs == b"theirs", expected == "f.1", "{words:?}");
        std::fs::remove_file(home.file("f")).unwrap();
    }
}

#[test]
fn two_tasks_never_share_a_file() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    home.out(&["add", &server.url("/f")]);
    home.out(&["add", &server.url("/f"), &server.url("/f")]);
    let tasks = home.json(&["ls", "--json"]);
    let names: Vec<_> = tasks.as_array().unwrap().iter().map(|t| &t["destination"]).collect();
    let expected = ["f", "f.1", "f.2"].map(|name| home.file(name));
    assert_eq!(names, expected.iter().map(|p| p.to_str().unwrap()).collect::<Vec<_>>());
    server.on("/g", Answer::ok("content").stall_after(3));
    home.out(&["add", "-o", ".//./g", &server.url("/g")]);
    let id = home.out(&["add", "-q", &server.url("/g")]);
    let task = home.json(&["show", id.trim(), "--json"]);
    assert_eq!(task["destination"], home.file("g.1").to_str().unwrap());
}

#[test]
fn ctrl_c_leaves_the_transfer_to_the_background() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content").stall_after(3));
    for (signal, code, id) in [(Signal::INT, 130, "1"), (Signal::TERM, 143, "2")] {
        let mut get = home.start(&["get", &server.url("/f")]);
        get.wait_for(&format!("{id} f"));
        get.signal(signal);
        let ran = get.end();
        assert_eq!(ran.code, code, "{ran:?}");
        let hint = format!(
            "continues in the background as {id}; go on with: urlsession watch {id} · urlsession \
             cancel {id}"
        );
        assert!(ran.err.contains(&hint) && !ran.err.contains("it is kept"), "{ran:?}");
    }
    // What the daemon cannot put in its place is somewhere else then.
    for (words, id) in [(&["-o", "-"][..], "3"), (&["-z", "1999-01-01", "-o", "news"], "4")] {
        let mut get = home.start(&[&["get", &server.url("/f")], words].concat());
        get.wait_for(&format!("{id} f"));
        get.signal(Signal::INT);
        let ran = get.end();
        let kept = format!("it is kept, see then: urlsession show {id}");
        assert!(ran.code == 130 && ran.err.contains(&kept), "{ran:?}");
        home.out(&["cancel", id]);
    }
    let mut watch = home.start(&["watch"]);
    watch.wait_for("2 f.1");
    server.wait_for_requests(2);
    server.release("/f");
    assert_eq!(watch.end().code, 0);
    assert_eq!(std::fs::read(home.file("f")).unwrap(), b"content");
    assert_eq!(std::fs::read(home.file("f.1")).unwrap(), b"content");
}

#[test]
fn a_get_survives_the_death_of_the_daemon() {
    let (home, server) = (Home::new(), Server::start());
    let answer = Answer::pseudo_random(3, 500_000).etag("\"v1\"");
    server.on("/f", answer.clone().stall_after(200_000).times(1).then(answer));
    let mut get = home.start(&["get", "-v", &server.url("/f")]);
    get.wait_for("1 f");
    server.wait_for_requests(1);
    let pid = home.json(&["daemon", "status", "--json"])["pid"].as_i64().unwrap();
    let pid = rustix::process::Pid::from_raw(pid.try_into().unwrap()).unwrap();
    rustix::process::kill_process(pid, Signal::KILL).unwrap();
    let ran = get.end();
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(ran.err.contains("1 f: done, 488 KiB"), "{ran:?}");
    let expected = pseudo_random(3, 0, 500_000);
    assert!(std::fs::read(home.file("f")).unwrap() == expected);
}

#[test]
fn json_is_one_event_a_line() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    let out = home.out(&["get", "--json", &server.url("/f")]);
    let events: Vec<serde_json::Value> =
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let ends: Vec<_> = events.iter().filter(|event| event["event"] == "did_complete").collect();
    assert_eq!(ends.len(), 1, "{out}");
    assert_eq!((&ends[0]["schema"], &ends[0]["id"]), (&1.into(), &"1".into()));
    // What the server answers to what is sent, too.
    server.on("/sink", Answer::ok("taken\n").status(400));
    home.write("file", b"x");
    let url = server.url("/sink");
    for (words, printed) in [
        (&["put", "file", &url][..], true),
        (&["get", "--data", "x", &url], true),
        (&["get", "--data", "x", "-o", "answer", &url], false),
    ] {
        let out = home.out(&[words, &["--json", "--no-fail"]].concat());
        let lines: Vec<serde_json::Value> =
            out.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let answer = lines.iter().find(|line| line["event"] == "answer");
        let expected = printed.then_some("taken\n");
        assert_eq!(answer.and_then(|line| line["text"].as_str()), expected, "{words:?}: {out}");
    }
    assert_eq!(std::fs::read(home.file("answer")).unwrap(), b"taken\n");
}

#[test]
fn a_reader_of_events_who_goes_away_leaves_the_transfer() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    server.on("/long", Answer::pseudo_random(1, 10 << 20).rate(100_000));
    let unheard = |words: &[&str]| {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = home.command(words);
        command.stdout(writer).stderr(std::process::Stdio::piped());
        ran(command.spawn().unwrap().wait_with_output().unwrap())
    };
    let goes_on = "continues in the background as 1; go on with: urlsession watch 1";
    let next = &["--next", &server.url("/f")];
    let left = unheard(&[&["get", "--json", &server.url("/long")], &next[..]].concat());
    assert!(left.code == 3 && left.err.contains(goes_on), "{left:?}");
    assert!(left.err.contains("not begun: what stands behind --next"), "{left:?}");
    for words in [&["watch", "--json"][..], &["wait", "--json", "1"]] {
        let left = unheard(words);
        assert!(left.code == 3 && left.err.contains(goes_on), "{words:?}: {left:?}");
    }
    // What has ended is no less done.
    for (path, code) in [("/f", 0), ("/none", 8)] {
        let id = home.out(&["add", "-q", &server.url(path)]);
        home.run(&["wait", id.trim()]);
        let told = unheard(&["wait", "--json", id.trim()]);
        assert!(told.code == code && told.err.is_empty(), "{path}: {told:?}");
    }
}

#[test]
fn a_server_names_the_file() {
    let (home, server) = (Home::new(), Server::start());
    let named = |field: &str| Answer::ok("x").header("content-disposition", field);
    server.on("/f", named("attachment; filename=\"../../named.txt\""));
    for (words, expected) in [
        (&["-J"][..], "named.txt"),
        (&["-OJ"], "named.txt.1"),
        (&["-J", "--overwrite"], "named.txt"),
        (&["-J", "-d", "deep"], "deep/named.txt"),
        (&[], "f"),
    ] {
        let ran = home.run(&[&["get", &server.url("/f")], words].concat());
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        assert_eq!(std::fs::read(home.file(expected)).unwrap(), b"x", "{words:?}");
        assert!(ran.err.contains(&format!("/{expected}\n")), "{words:?}: {ran:?}");
    }
    let names = std::fs::read_dir(home.file("")).unwrap().count();
    assert_eq!(names, 4, "deep, f, named.txt and named.txt.1");
}

#[test]
fn many_tasks_are_followed_beside_others() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("content"));
    server.on("/slow", Answer::ok("content").stall_after(3));
    let url = server.url("/f");
    home.out(&["add", &server.url("/slow")]);
    let list = format!("{url}\n").repeat(40);
    let got = home.run_with_input(&["get", "-d", "one", "-i", "-"], &list);
    assert_eq!((got.code, got.err.matches(": done").count()), (0, 40), "{got:?}");
    home.run_with_input(&["add", "-d", "two", "-i", "-"], &list);
    home.out(&["add", &server.url("/slow")]);
    let ids: Vec<String> = (42..=81).map(|id: u32| id.to_string()).collect();
    let mut words = vec!["wait"];
    words.extend(ids.iter().map(String::as_str));
    let waited = home.run(&words);
    assert_eq!((waited.code, waited.err.matches(": done").count()), (0, 40), "{waited:?}");
    words.push("99");
    assert_eq!(home.run(&words).code, 5);
}

#[test]
fn what_only_the_shell_can_read_is_sent() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    let url = server.url("/f");
    let put = ["put", "-q", "/dev/stdin", &url];
    for words in [
        &put[..],
        &["put", "-q", "/dev/fd/0", &url],
        &["put", "-q", "/proc/self/fd/0", &url],
        &["get", "-q", "-T", "/dev/stdin", &url],
        &["get", "-q", "-T", "/dev/fd/0", &url],
    ] {
        let ran = home.run_with_input(words, "a=b");
        assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
        let sent = server.requests().pop().and_then(|seen| seen.body_sha256);
        assert_eq!(sent, Some(sha256(b"a=b")), "{words:?}");
    }
    let pipe = home.file("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let writer = std::thread::spawn(move || std::fs::write(pipe, "through a pipe"));
    home.out(&["put", "-q", "pipe", &url]);
    writer.join().unwrap().unwrap();
    let sent = server.requests().pop().and_then(|seen| seen.body_sha256);
    assert_eq!(sent, Some(sha256(b"through a pipe")));
    // A file that stands in place of a pipe is the shell's, too.
    let file = std::fs::File::open(home.write("file", b"a file")).unwrap();
    let ended = home.command(&put).stdin(file).output().unwrap();
    assert!(ended.status.success(), "{ended:?}");
    let sent = server.requests().pop().and_then(|seen| seen.body_sha256);
    assert_eq!(sent, Some(sha256(b"a file")));
}

#[test]
fn a_file_is_no_form() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("x"));
    home.write("file", b"content");
    let url = server.url("/f");
    let own = ["-H", "content-type: text/x"];
    for (words, expected) in [
        (&["put", "-X", "POST", "file", &url][..], None),
        (&["get", "-X", "POST", "-T", "file", &url], None),
        (&["put", "file", &url], None),
        (&[&["put", "-X", "POST", "file", &url][..], &own].concat(), Some("text/x")),
        (&[&["get", "-X", "POST", "-T", "file", &url][..], &own].concat(), Some("text/x")),
    ] {
        home.out(&[words, &["-q"]].concat());
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("content-type"), expected, "{words:?}");
    }
}

#[test]
fn urls_are_counted_on_behind_next() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    let a = server.url("/a");
    let one = ["-j1", "-o", "/dev/null", "-w", "%{urlnum}", &a];
    let words = [&["get", "-q"], &one[..], &[&a, "--next"], &one, &["--next"], &one];
    assert_eq!(home.out(&words.concat()), "0123");
}

#[test]
fn add_takes_nothing_that_it_cannot_keep() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    let a = server.url("/a");
    home.write("list", format!("{a}\n  out=-\n").as_bytes());
    for (words, named) in [
        (&["--fail-early"][..], "as --fail-early would"),
        (&["--out-null"], "as --out-null would"),
        (&["-o", "-"], "as -o - would"),
        (&["-o", "/dev/stdout"], "as -o - would"),
        (&["-o", "-", "--data", "x"], "as -o - would"),
        (&["-i", "list"], "as -o - would"),
    ] {
        let ran = home.run(&[&["add", &a], words].concat());
        assert!(ran.code == 2 && ran.err.contains(named), "{words:?}: {ran:?}");
    }
    assert_eq!(home.out(&["ls", "-q"]), "", "nothing was queued");
    assert!(!home.out(&["add", "--help"]).contains("print the answer"));
}

#[test]
fn a_head_stands_before_its_body() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::ok("body"));
    let url = server.url("/f");
    for words in [&["-o", "-"][..], &["--data", "a"]] {
        let out = home.out(&[&["get", "-q", "-D", "-", &url], words].concat());
        assert!(
            out.starts_with("HTTP/1.1 200") && out.ends_with("\r\n\r\nbody"),
            "{words:?}: {out}"
        );
    }
}

#[test]
fn a_date_before_all_dates_is_none() {
    let (home, server) = (Home::new(), Server::start());
    let old = "Wed, 31 Dec 1969 23:59:00 GMT";
    server.on("/f", Answer::ok("x").header("Last-Modified", old));
    home.out(&["get", "-q", "-R", "-o", "f", &server.url("/f")]);
    let changed = home.file("f").metadata().unwrap().modified().unwrap();
    assert!(changed.elapsed().unwrap() < std::time::Duration::from_secs(365 * 86_400));
}

#[test]
fn parts_are_queued_together_or_not_at_all() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/a", Answer::ok("a"));
    let a = server.url("/a");
    for wrong in [&["put", "file", &a][..], &[&a, "-w", "x"], &[&a, "-o", "/nonexistent/f"]] {
        let ran = home.run(&[&["add", &a, "--next"], wrong].concat());
        assert!(ran.code != 0 && ran.out.is_empty(), "{wrong:?}: {ran:?}");
    }
    assert_eq!(home.out(&["ls", "-q"]), "");
    assert_eq!(home.out(&["add", "-q", &a, "--next", "-o", "b", &a]), "1\n2\n");
}
