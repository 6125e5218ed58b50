//! Limits: of the response head, and of the rate in both directions.

use super::{PATIENCE, Trial, all, at, error_of, servers, summary};
use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;
use urlsession_core::Ending;
use urlsession_protocol::SpeedLimits;
use urlsession_protocol::request::URL_LIMIT;
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
async fn what_a_server_makes_long_is_short_in_errors() {
    let quotes = "\"".repeat(99 * 1024);
    let blanks = " x".repeat(49 * 1024);
    let letters = "a".repeat(99 * 1024);
    let server = Server::start();
    for (field, value, expected) in [
        ("content-length", &quotes, "-1017 permanent"),
        ("transfer-encoding", &quotes, "-1017 permanent"),
        ("content-encoding", &quotes, "-1016 permanent"),
        ("location", &format!("{}:", &letters[..60 * 1024]), "-1002 permanent"),
        ("location", &letters, "-1010 permanent"),
        ("location", &blanks, "-1010 permanent"),
    ] {
        let status = if field == "location" { 302 } else { 200 };
        server.on("/", Answer::raw(format!("HTTP/1.1 {status} X\r\n{field}: {value}\r\n\r\n")));
        let ending = Trial::data(&server.url("/")).run().await;
        assert_eq!(summary(&ending), expected, "{field}");
        let error = error_of(&ending);
        let detail = error.detail.as_deref().unwrap_or_default();
        assert!((1..=1024).contains(&detail.len()), "{field}: {} bytes", detail.len());
        let url = error.failing_url.as_deref().unwrap_or_default();
        assert!((1..=URL_LIMIT).contains(&url.len()), "{field}: {} bytes", url.len());
    }
}

#[tokio::test]
async fn the_rate_is_kept_in_both_directions() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, 60_000));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.limit_rate = Some(120_000);
    let begin = Instant::now();
    assert_eq!(summary(&trial.run().await), "done 200 60000");
    let download = begin.elapsed();

    server.on("/", Answer::sink());
    let mut trial = Trial::upload(&server.url("/"), &[7; 60_000]);
    trial.order.options.limit_rate = Some(120_000);
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

/// Bytes of a body in the tests of what all transfers share.
const SHARED: u64 = 60_000;

/// Limits that make [`SHARED`] bytes take half a second in either direction.
fn shared() -> SpeedLimits {
    let most = NonZeroU64::new(2 * SHARED);
    SpeedLimits { download: most, upload: most }
}

/// Waiting for others is not silence, either.
#[tokio::test]
async fn what_all_may_have_is_kept_on_every_way() {
    let seconds = PATIENCE.as_secs() + 1;
    let most = NonZeroU64::new(SHARED / seconds);
    let ways = servers().flat_map(|(number, server)| {
        server.on("/", Answer::pseudo_random(1, SHARED).etag("\"a\""));
        server.on("/sink", Answer::sink());
        let url = server.url("/");
        let ways = [
            ("the short way", Trial::download(&url).detouring_from(1)),
            ("the long way", Trial::download(&url).detouring_from(u64::MAX)),
            ("an upload", Trial::upload(&server.url("/sink"), &[7; SHARED as usize])),
        ];
        ways.map(|(way, trial)| (way, number, Arc::clone(&server), trial))
    });
    all(ways.map(|(way, number, server, trial)| async move {
        let mut trial = at(&server, number, trial);
        trial.hands.limit_speed(SpeedLimits { download: most, upload: most });
        trial.order.idle_timeout = PATIENCE;
        let (begin, ending) = (Instant::now(), trial.run().await);
        let took = begin.elapsed();
        assert!(matches!(ending, Ending::Done(_)), "{number}, {way}: {ending:?}");
        assert!(took >= Duration::from_secs(seconds) * 9 / 10, "{number}, {way}: {took:?}");
    }))
    .await;
}

#[tokio::test]
async fn short_transfers_have_together_what_one_has() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, SHARED / 10));
    let first = Trial::download(&server.url("/"));
    first.hands.limit_speed(shared());
    let begin = Instant::now();
    for _ in 0..10 {
        let mut trial = Trial::download(&server.url("/"));
        trial.hands = Arc::clone(&first.hands);
        assert_eq!(summary(&trial.run().await), "done 200 6000");
    }
    assert!(begin.elapsed() >= Duration::from_millis(450), "{:?}", begin.elapsed());
}

#[tokio::test]
async fn a_limit_that_is_lifted_lets_transfers_go_on() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, 3_000_000).etag("\"a\""));
    for trial in [
        Trial::download(&server.url("/")).detouring_from(1),
        Trial::download(&server.url("/")).detouring_from(u64::MAX),
    ] {
        let slow = NonZeroU64::new(1);
        trial.hands.limit_speed(SpeedLimits { download: slow, upload: slow });
        let (hands, progress) = (Arc::clone(&trial.hands), trial.progress.clone());
        let lifting = async {
            while progress.counts().received == 0 {
                tokio::task::yield_now().await;
            }
            assert!(progress.counts().received < 3_000_000);
            hands.limit_speed(SpeedLimits::default());
        };
        let (ending, ()) = tokio::join!(trial.run(), lifting);
        assert_eq!(summary(&ending), "done 200 3000000");
    }
}
