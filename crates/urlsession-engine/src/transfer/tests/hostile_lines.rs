//! What lies beneath the messages is hostile: bytes of TLS that are garbled on their way, and floods
//! of HTTP/2 frames.

use super::{BOTH_WAYS, Trial, error_of, summary};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use urlsession_core::{Cause, Ending};
use urlsession_testkit::server::{
    Answer, Flood, Flooding, Server, Tamperer, Tampering, pseudo_random,
};

/// Asks for more than the usual number of cases, from another seed on.
const CASES_VARIABLE: &str = "URLSESSION_HOSTILE_CASES";
const SEED_VARIABLE: &str = "URLSESSION_HOSTILE_SEED";
const CASES: u64 = 160;
/// Cases at a time.
const AT_ONCE: usize = 12;
/// A server that is silent for so long is left.
const SILENCE: Duration = Duration::from_millis(300);
/// Most tries of one case: the bytes of later connections are left alone.
const TRIES: u32 = 40;
/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Floods of what is legal and empty, were it not for their number.
const IDLE: [&str; 9] = [
    "pings",
    "pings behind a head",
    "settings",
    "empty data",
    "nothing but padding",
    "windows of the stream",
    "interim answers",
    "early hints",
    "unknown frames",
];
/// Floods with a limit of ours.
const ENDLESS: [&str; 2] = ["interim answers", "early hints"];
/// Floods that say that nothing was done: each try gets a second connection.
const REFUSED: [&str; 2] = ["refusals", "goodbyes to all"];
/// Bytes of the file, a few records long.
const LENGTH: usize = 60_000;
/// Handshake and file; most cases are in the handshake.
const PLACES: [u64; 3] = [300, 4000, 70_000];
/// Behind the first record of the body.
const BODY: [usize; 2] = [20_000, 40_000];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn garbled_tls_is_an_error_or_another_try_and_never_wrong_bytes() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number(SEED_VARIABLE).unwrap_or(0);
    let cases = number(CASES_VARIABLE).unwrap_or(CASES);
    let servers = [Arc::new(Server::start_tls()), Arc::new(Server::start_h2())];
    for server in &servers {
        let body = pseudo_random(4, 0, LENGTH);
        server.on("/file", Answer::ok(body).etag("\"4\""));
    }
    let (mut running, mut errors) = (JoinSet::new(), 0);
    for seed in first..first + cases {
        if running.len() >= AT_ONCE {
            errors += u64::from(running.join_next().await.unwrap().unwrap());
        }
        let server = Arc::clone(&servers[usize::try_from(seed % 2).unwrap()]);
        running.spawn(async move {
            let tried = tokio::time::timeout(PATIENCE, garble(&server, seed)).await;
            tried.unwrap_or_else(|_| panic!("case {seed}: it hangs"))
        });
    }
    while let Some(failed) = running.join_next().await {
        errors += u64::from(failed.unwrap());
    }
    println!("{cases} lines garbled, {errors} with an error");
    assert!(errors * 20 > cases && errors * 10 < cases * 9, "{errors} errors");
}

/// Tries until the task has ended, and says whether it did with an error.
async fn garble(server: &Server, seed: u64) -> bool {
    let mut dice = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 8;
    let mut below = |limit: u64| {
        let drawn = dice % limit;
        dice /= limit;
        usize::try_from(drawn).unwrap()
    };
    let what = Tampering::ALL[below(7)];
    let limit = PLACES[below(3)];
    let (at, times) = (below(limit), u32::try_from(below(3) + 1).unwrap());
    let case = format!("case {seed}: {what:?} at {at}, {times} times");
    let tamperer = Tamperer::start(server.address(), what, at, times);
    let mut trial = Trial::download(&format!("https://{}/file", tamperer.address()));
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    trial.order.idle_timeout = SILENCE;
    for _ in 0..TRIES {
        let ending = trial.run_and_record().await;
        match &ending {
            Ending::Done(done) => {
                let found = fs::read(done.file.as_ref().unwrap()).unwrap();
                assert!(found == pseudo_random(4, 0, LENGTH), "{case}: wrong bytes");
                assert_eq!(trial.left().len(), 1, "{case}");
                return false;
            }
            Ending::Failed { cause: Cause::Permanent, .. } => {
                let code = error_of(&ending).code.0;
                assert!((-1206..=-1200).contains(&code), "{case}: {}", summary(&ending));
                return true;
            }
            Ending::Failed { .. } => {}
            other => panic!("{case}: {other:?}"),
        }
    }
    panic!("{case}: no end after {TRIES} tries, {} connections", tamperer.connections())
}

/// Once hands are shaken, only the line can have garbled what comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_garbled_record_of_a_body_is_met_by_going_on() {
    let mut running = JoinSet::new();
    for server in [Server::start_tls(), Server::start_h2()].map(Arc::new) {
        server.on("/file", Answer::ok(pseudo_random(4, 0, LENGTH)).etag("\"4\""));
        for what in [Tampering::Flip, Tampering::Drop, Tampering::Repeat, Tampering::Insert] {
            for (minimum, at) in BOTH_WAYS.into_iter().flat_map(|way| BODY.map(|at| (way, at))) {
                running.spawn(goes_on(Arc::clone(&server), what, at, minimum));
            }
        }
    }
    running.join_all().await;
}

async fn goes_on(server: Arc<Server>, what: Tampering, at: usize, minimum: u64) {
    let tamperer = Tamperer::start(server.address(), what, at, 1);
    let url = format!("https://{}/file", tamperer.address());
    let case = format!("{} {what:?} at {at}, the short way from {minimum}", server.url("/"));
    let mut trial = Trial::download(&url).detouring_from(minimum);
    trial.order.options.ca_certificates = vec![server.ca_pem()];
    let ending = trial.run_and_record().await;
    let ended = summary(&ending);
    // hyper does not always say why it has no more of a body.
    let is_right = ended.starts_with("-1200 ") || ended.starts_with("-1005 ") && minimum > 1;
    assert!(is_right && ended.contains(" transient progressed kept "), "{case}: {ended}");
    assert_eq!(summary(&trial.run().await), format!("done 200 {LENGTH}"), "{case}");
    assert!(trial.resumed().is_some(), "{case}: it begins anew");
    let found = fs::read(&trial.files.finished).unwrap();
    assert!(found == pseudo_random(4, 0, LENGTH), "{case}: wrong bytes");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_frames_ends_the_attempt_and_its_connection() {
    let mut running = JoinSet::new();
    for flood in Flood::all() {
        running.spawn(async move {
            let name = flood.name;
            let ended = tokio::time::timeout(PATIENCE, drown(flood)).await;
            ended.unwrap_or_else(|_| panic!("{name}: it hangs"));
        });
    }
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}

async fn drown(flood: Flood) {
    let name = flood.name;
    let flooding = Flooding::start(flood);
    let mut trial = Trial::download(&flooding.url());
    trial.order.options.ca_certificates = vec![flooding.ca_pem()];
    // What ends by its number must not end by the clock of a busy machine.
    trial.order.idle_timeout = if ENDLESS.contains(&name) { PATIENCE } else { SILENCE };
    let mut idle = 0;
    for _ in 0..2 {
        let ending = trial.run().await;
        idle += u64::from(error_of(&ending).code.0 == -1001);
        assert!(matches!(ending, Ending::Failed { .. }), "{name}: {}", summary(&ending));
        let is_named = [-1001, -1005, -1017].contains(&error_of(&ending).code.0);
        assert!(is_named, "{name}: {}", summary(&ending));
        if ENDLESS.contains(&name) {
            assert_eq!(summary(&ending), "-1017 permanent", "{name}");
        }
        assert_eq!(trial.left(), Vec::<String>::new(), "{name}");
    }
    // Where nothing moved once, nothing is tried again; and nobody reads on for nobody.
    let connections = flooding.connections();
    let most = if REFUSED.contains(&name) { 4 } else { 2 };
    assert!(idle < 2 || connections <= most, "{name}: {connections}");
    while flooding.open() > 1 {
        tokio::task::yield_now().await;
    }
}

/// What ends nothing and brings nothing is silence, however often it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_trickle_of_frames_is_no_sign_of_life() {
    let mut running = JoinSet::new();
    for flood in Flood::all().into_iter().filter(|flood| IDLE.contains(&flood.name)) {
        running.spawn(async move {
            let name = flood.name;
            let flooding = Flooding::start(flood.slow(SILENCE / 6));
            let mut trial = Trial::download(&flooding.url());
            trial.order.options.ca_certificates = vec![flooding.ca_pem()];
            trial.order.idle_timeout = SILENCE;
            let ended = tokio::time::timeout(PATIENCE, trial.run()).await;
            let ending = ended.unwrap_or_else(|_| panic!("{name}: it hangs"));
            assert_eq!(error_of(&ending).code.0, -1001, "{name}: {}", summary(&ending));
        });
    }
    assert_eq!(running.len(), IDLE.len());
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
}
