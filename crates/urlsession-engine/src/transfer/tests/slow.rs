//! Transfers that are too slow for their task, on every way, and those that only seem to be.

use super::{BOTH_WAYS, PATIENCE, Trial, all, at, error_of, servers, summary};
use urlsession_core::Ending;
use urlsession_protocol::{LowestSpeed, ResumeRung, Segments};
use urlsession_testkit::server::{Answer, Server};

/// Bytes that come at once, and bytes of the whole.
const FIRST: u64 = 300_000;
const WHOLE: u64 = 4_000_000;

fn slower_than(bytes_per_second: u64) -> Option<LowestSpeed> {
    Some(LowestSpeed { bytes_per_second, seconds: PATIENCE.as_secs() as u32 })
}

fn why(ending: &Ending) -> &str {
    error_of(ending).detail.as_deref().unwrap_or_default()
}

#[tokio::test]
async fn a_slow_download_ends_on_every_way_and_goes_on_where_it_was() {
    let cases = servers().flat_map(|server| BOTH_WAYS.map(|minimum| (server.clone(), minimum)));
    all(cases.map(|((number, server), minimum)| async move {
        let file = Answer::pseudo_random(1, WHOLE).etag("\"a\"");
        let path = format!("/{minimum}");
        server.on(&path, file.clone().stall_after(FIRST).times(1).then(file.clone()));
        let trial = Trial::download(&server.url(&path)).detouring_from(minimum);
        let mut trial = at(&server, number, trial);
        trial.order.options.lowest_speed = slower_than(1000);
        let ending = trial.run_and_record().await;
        let expected = format!("-1001 transient progressed kept {FIRST}");
        assert_eq!(summary(&ending), expected, "{number} {minimum}");
        assert_eq!(why(&ending), "slower than 1000 bytes/s for 3 s", "{number} {minimum}");
        trial.order.options.lowest_speed = None;
        assert_eq!(summary(&trial.run().await), format!("done 200 {WHOLE}"), "{number}");
        let resumed = Some((FIRST, Some(WHOLE), ResumeRung::StrongEtag));
        assert_eq!(trial.resumed(), resumed, "{number} {minimum}");
    }))
    .await;
}

/// Such a server is never silent for long.
#[tokio::test]
async fn what_drips_is_slow() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, 500).rate(100));
    let cases = [(1000, "-1001 transient"), (10, "done 200 500")];
    all(cases.into_iter().map(|(lowest, expected)| {
        let mut trial = Trial::download(&server.url("/"));
        trial.order.options.lowest_speed = slower_than(lowest);
        async move { assert_eq!(summary(&trial.run().await), expected, "{lowest}") }
    }))
    .await;
}

#[tokio::test]
async fn a_head_that_does_not_come_is_slow() {
    all(servers().map(|(number, server)| async move {
        server.on("/", Answer::ok("late").stall_head());
        let mut trial = at(&server, number, Trial::data(&server.url("/")));
        trial.order.options.lowest_speed = slower_than(1);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "-1001 transient", "{number}");
        assert_eq!(why(&ending), "slower than 1 bytes/s for 3 s", "{number}");
    }))
    .await;
}

#[tokio::test]
async fn all_connections_of_a_download_count_together() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, WHOLE).etag("\"a\"").stall_after(1000));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.segments = Segments::count(4);
    trial.order.options.lowest_speed = slower_than(10_000);
    let ending = trial.run().await;
    assert!(summary(&ending).starts_with("-1001 transient progressed"), "{ending:?}");
    assert!(why(&ending).starts_with("slower than 10000 "), "{ending:?}");
}

#[tokio::test]
async fn a_slow_upload_ends_on_every_way() {
    all(servers().map(|(number, server)| async move {
        server.on("/", Answer::sink().upload_rate(10));
        // More than is on the way at once.
        let trial = Trial::upload(&server.url("/"), &vec![7; 64 << 20]);
        let mut trial = at(&server, number, trial);
        trial.order.options.lowest_speed = slower_than(1000);
        let ending = trial.run().await;
        assert!(summary(&ending).starts_with("-1001 transient"), "{number}: {ending:?}");
        assert_eq!(why(&ending), "slower than 1000 bytes/s for 3 s", "{number}");
    }))
    .await;
}

/// It has all there is to have: how long it takes for that is what the idle timer is for.
#[tokio::test]
async fn a_server_that_thinks_about_an_upload_is_not_slow() {
    all(servers().map(|(number, server)| async move {
        server.on("/", Answer::sink().upload_rate(100));
        let mut trial = at(&server, number, Trial::upload(&server.url("/"), &[7; 400]));
        trial.order.options.lowest_speed = slower_than(1000);
        let ending = trial.run().await;
        assert!(matches!(ending, Ending::Done(_)), "{number}: {ending:?}");
    }))
    .await;
}

/// A task that is stopped while it is slow is stopped, and no failure of its own.
#[tokio::test]
async fn a_stop_is_a_stop() {
    let server = Server::start();
    server.on("/", Answer::pseudo_random(1, WHOLE).etag("\"a\"").stall_after(FIRST));
    let mut trial = Trial::download(&server.url("/"));
    trial.order.options.lowest_speed = Some(LowestSpeed { bytes_per_second: 1, seconds: 3600 });
    let (stop, progress) = (trial.stop.clone(), trial.progress.clone());
    let stopping = async {
        while progress.counts().received < FIRST {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    };
    let (ending, ()) = tokio::join!(trial.run(), stopping);
    assert_eq!(summary(&ending), format!("stopped kept {FIRST}"));
}
