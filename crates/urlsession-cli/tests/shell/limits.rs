//! `limit`: all transfers together keep to it, it counts at once, and outlives the daemon; `-Y` and
//! `-y`: one that is slower is given up.

use crate::home::Home;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use urlsession_testkit::server::{Answer, Server};

/// Bytes of each file.
const SIZE: u64 = 100_000;

fn limits(home: &Home) -> (Value, Value) {
    let shown = home.json(&["limit", "--json"]);
    assert_eq!(shown["schema"], 1);
    (shown["download"].clone(), shown["upload"].clone())
}

#[test]
fn limits_are_set_shown_and_kept() {
    let home = Home::new();
    assert_eq!(home.out(&["limit"]), "download  none\nupload    none\n");
    assert_eq!(home.out(&["limit", "2M"]), "download  2.00 MiB/s\nupload    2.00 MiB/s\n");
    assert_eq!(home.out(&["limit", "-q", "--upload", "64k"]), "");
    assert_eq!(limits(&home), (json!(2 << 20), json!(65_536)));
    home.kill_daemon();
    assert_eq!(limits(&home), (json!(2 << 20), json!(65_536)));
    let aria2 = "--max-overall-download-limit=0";
    assert_eq!(home.out(&["limit", aria2]), "download  none\nupload    64.0 KiB/s\n");
    home.out(&["daemon", "stop"]);
    assert_eq!(limits(&home), (Value::Null, json!(65_536)));
    home.out(&["limit", "none"]);
    assert_eq!(limits(&home), (Value::Null, Value::Null));
    for wrong in [&["limit", "fast"][..], &["limit", "1M", "--upload", "1M"], &["limit", "-1"]] {
        assert_eq!(home.run(wrong).code, 2, "{wrong:?}");
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a limit is a lower bound of time")]
fn transfers_together_keep_to_the_limit() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(1, SIZE));
    server.on("/sink", Answer::sink());
    let urls: Vec<String> = (0..4).map(|number| server.url(&format!("/f?{number}"))).collect();
    let file = home.write("source", &vec![7; usize::try_from(2 * SIZE).unwrap()]);
    // Twice as much as all of them a second: a limit that counted for each would take no time.
    home.out(&["limit", "-q", "--download", &(2 * SIZE).to_string()]);
    home.out(&["limit", "-q", "--upload", &(2 * SIZE).to_string()]);
    // A limit outlives the daemon.
    home.kill_daemon();
    let begin = Instant::now();
    let words: Vec<&str> =
        ["get", "-q"].into_iter().chain(urls.iter().map(String::as_str)).collect();
    home.out(&words);
    assert!(begin.elapsed() >= Duration::from_millis(1500), "{:?}", begin.elapsed());
    let begin = Instant::now();
    home.out(&["put", "-q", &file.display().to_string(), &server.url("/sink")]);
    assert!(begin.elapsed() >= Duration::from_millis(900), "{:?}", begin.elapsed());
}

#[test]
fn a_limit_that_is_lifted_lets_a_transfer_end() {
    let (home, server) = (Home::new(), Server::start());
    server.on("/f", Answer::pseudo_random(1, 5_000_000));
    home.out(&["limit", "-q", "1"]);
    let id = home.out(&["add", "-q", &server.url("/f")]);
    let received = || home.json(&["show", id.trim(), "--json"])["count_of_bytes_received"].clone();
    while received() == json!(0) {}
    assert_eq!(home.run(&["wait", "-q", "--timeout", "1ms", id.trim()]).code, 124);
    home.out(&["limit", "-q", "none"]);
    assert_eq!(home.run(&["wait", "-q", id.trim()]).code, 0);
}

#[test]
fn what_is_too_slow_is_given_up_and_goes_on_where_it_was() {
    let (home, server) = (Home::new(), Server::start());
    let file = || Answer::pseudo_random(1, SIZE).etag("\"a\"");
    server.on("/slow", file().stall_after(SIZE / 2));
    server.on("/once", file().stall_after(SIZE / 2).times(1).then(file()));
    let slow =
        home.run(&["get", "-q", "-Y", "1K", "-y", "3", "--retry", "0", &server.url("/slow")]);
    assert!(slow.code == 10 && slow.err.contains("slower than 1024 bytes/s for 3 s"), "{slow:?}");
    home.out(&["get", "-q", "-y3", &server.url("/once")]);
    assert_eq!(std::fs::metadata(home.file("once")).unwrap().len(), SIZE);
    let asked = server.requests().into_iter().filter(|seen| seen.path == "/once");
    let ranges: Vec<_> = asked.map(|seen| seen.header("range").map(str::to_owned)).collect();
    assert_eq!(ranges, [None, Some(format!("bytes={}-", SIZE / 2))]);
}
