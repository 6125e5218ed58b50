//! Limits: of the response head, and of the rate in both directions.

use super::{Trial, error_of, summary};
use std::time::Duration;
use tokio::time::Instant;
use urlsession_core::Ending;
use urlsession_testkit::server::{Answer, Server};

#[tokio::test]
async fn heads_beyond_the_limits() {
    let fields = |count: usize| {
        let lines: String = (0..count).map(|n| format!("x-{n}: y\r\n")).collect();
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n{lines}\r\n")
    };
    let long = |length: usize| {
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: {}\r\n\r\n", "y".repeat(length))
    };
    let twice = |length: usize| {
        let field = format!("{}\r\n", "y".repeat(length));
        format!("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nx: {field}z: {field}\r\n")
    };
    let server = Server::start();
    for (what, head, expected) in [
        ("many fields", fields(199), "done 200 0 no file"),
        ("too many fields", fields(200), "-1017 permanent"),
        ("a long field", long(99 * 1024), "done 200 0 no file"),
        ("a longer field", long(100 * 1024), "-1017 permanent"),
        ("long fields", twice(99 * 1024), "done 200 0 no file"),
        ("a long head", twice(130 * 1024), "-1017 permanent"),
        ("ten megabytes", long(10 * 1024 * 1024), "-1017 permanent"),
    ] {
        server.on("/", Answer::raw(head));
        let ending = Trial::data(&server.url("/")).run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        if expected == "-1017 permanent" {
            assert!(error_of(&ending).detail.is_some(), "{what}");
        }
    }
}

#[tokio::test]
async fn the_rate_is_kept_in_both_directions() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, 60_000));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.limit_rate = Some(120_000);
    // Waiting for the rate is not silence.
    trial.order.idle_timeout = Duration::from_millis(300);
    let begin = Instant::now();
    assert_eq!(summary(&trial.run().await), "done 200 60000");
    let download = begin.elapsed();

    server.on("/", Answer::sink());
    let mut trial = Trial::upload(&server.url("/"), &[7; 60_000]);
    trial.order.options.limit_rate = Some(120_000);
    trial.order.idle_timeout = Duration::from_millis(300);
    let begin = Instant::now();
    assert!(matches!(trial.run().await, Ending::Done(_)));
    // A rate is a lower bound of time: no slow machine can break it.
    for took in [download, begin.elapsed()] {
        assert!(took >= Duration::from_millis(350), "{took:?}");
    }
}

#[tokio::test]
async fn a_rate_does_not_delay_a_stop() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, 10_000_000).etag("\"a\""));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.limit_rate = Some(1);
    let (stop, progress) = (trial.stop.clone(), trial.progress.clone());
    let stopping = async {
        while progress.counts().received == 0 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (ending, ()) = tokio::join!(trial.run(), stopping);
    assert!(summary(&ending).starts_with("stopped kept "), "{ending:?}");
}
