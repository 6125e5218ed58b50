//! One file over several connections: at the same time where it can be, and never wrong.

use super::{BOTH_WAYS, PATIENCE, Told, Trial, all, summary};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::time::Duration;
use urlsession_core::{Ending, FurtherRanges, ResumeState};
use urlsession_protocol::{Checksum, ChecksumAlgorithm, ResumeRung, Segments, SpeedLimits};
use urlsession_testkit::server::{Answer, Seen, Server, pseudo_random, sha256};

const M: u64 = 1024 * 1024;
const SIZE: u64 = 8 * M;
const SEED: u64 = 5;

fn file() -> Answer {
    Answer::pseudo_random(SEED, SIZE).etag("\"v1\"")
}

/// A file whose server is slow to each connection.
fn slow() -> Answer {
    file().rate(4 * M)
}

fn trial(server: &Server, segments: Option<Segments>) -> Trial {
    let mut trial = Trial::download(&server.url("/file"));
    trial.order.options.segments = segments;
    trial
}

fn ranges(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|seen| seen.header("range").unwrap_or("all")).collect()
}

fn is_right(trial: &Trial) -> bool {
    fs::read(&trial.files.finished).unwrap() == pseudo_random(SEED, 0, SIZE as usize)
}

#[tokio::test]
async fn four_connections_bring_one_file() {
    for way in BOTH_WAYS {
        for server in [Server::start(), Server::start_tls()] {
            server.on("/file", slow());
            let mut trial = trial(&server, Segments::count(4)).detouring_from(way);
            if server.url("").starts_with("https") {
                trial.order.options.ca_certificates = vec![server.ca_pem()];
            }
            assert_eq!(summary(&trial.run().await), "done 200 8388608", "{way}");
            assert!(is_right(&trial) && trial.left() == ["file"], "{way}");
            assert_eq!(trial.progress.counts().received, SIZE);
            let seen = server.requests();
            let mut first = ranges(&seen)[..4].to_vec();
            first.sort_unstable();
            let quarters =
                ["all", "bytes=2097152-4194303", "bytes=4194304-6291455", "bytes=6291456-8388607"];
            assert_eq!(first, quarters, "{way}");
            assert_eq!(server.peak_concurrency(), 4, "{way}");
            assert!(seen[1..].iter().all(|seen| seen.header("if-range") == Some("\"v1\"")));
            let transactions = trial.metrics.snapshot().transaction_metrics;
            assert_eq!(transactions.len(), seen.len(), "each request is a transaction");
        }
    }
}

/// what => a server, or a task, that gets one connection only
#[tokio::test]
async fn where_there_is_one() {
    let four = Segments::count(4);
    let table = [
        ("nothing is said", slow(), None),
        ("one is said", slow(), Some(Segments::ONE)),
        ("no validator", Answer::pseudo_random(SEED, SIZE).ranges(true).rate(4 * M), four),
        ("a weak tag", Answer::pseudo_random(SEED, SIZE).etag("W/\"a\"").ranges(true), four),
        ("ranges are not offered", slow().ranges(false), four),
        ("no length", slow().chunked(), four),
        ("to the close", slow().without_length(), four),
        ("an error page", slow().status(404), four),
        ("short", Answer::pseudo_random(SEED, 500_000).etag("\"v1\"").rate(M), four),
    ];
    let server = Server::start();
    for (what, answer, segments) in table {
        let before = server.requests().len();
        server.on("/file", answer);
        let ending = trial(&server, segments).run().await;
        assert!(matches!(ending, Ending::Done(_)), "{what}: {ending:?}");
        assert_eq!(server.requests().len() - before, 1, "{what}");
    }
    server.on("/file", slow());
    let mut one = trial(&server, four);
    one.connections_per_host = 1;
    assert_eq!(summary(&one.run().await), "done 200 8388608");
    let mut own = trial(&server, four).header("Range", "bytes=0-");
    own.order.options.segments = four;
    assert_eq!(summary(&own.run().await), "done 206 8388608");
    assert_eq!(server.peak_concurrency(), 1);
}

/// what the second request meets => the file is right all the same
#[tokio::test]
async fn a_connection_that_is_of_no_use_does_no_harm() {
    let table = [
        ("a refusal", file().status(503)),
        ("a cut", file().drop_after(100_000)),
        ("a cut before the first byte", file().drop_after(0)),
        ("a reset", slow().drop_after(300_000).reset()),
        ("another range", file().lying_range(7)),
        ("the whole", file().ignore_range()),
        ("another file", Answer::pseudo_random(6, SIZE).etag("\"v2\"")),
        ("another file's range", Answer::pseudo_random(6, SIZE).etag("\"v2\"").lying_range(4 * M)),
        ("another length", Answer::pseudo_random(6, SIZE + 1).etag("\"v1\"").lying_range(4 * M)),
        ("nothing", Answer::raw("")),
        ("nonsense", Answer::raw("SSH-2.0-x\r\n\r\n")),
        ("a redirect to nowhere", Answer::redirect(302, "/nowhere")),
        ("a wish for a name", file().status(401).header("WWW-Authenticate", "Basic realm=\"a\"")),
    ];
    let mut cases = tokio::task::JoinSet::new();
    for (what, fault) in table {
        for way in BOTH_WAYS {
            let fault = fault.clone().times(1);
            cases.spawn(async move {
                let server = Server::start();
                server.on("/file", slow().times(1).then(fault.then(slow())));
                let trial = trial(&server, Segments::count(2)).detouring_from(way);
                let ending = trial.run().await;
                assert_eq!(summary(&ending), "done 200 8388608", "{what}: {ending:?}");
                assert!(is_right(&trial), "{what}");
                assert!(trial.resumed().is_none(), "{what}");
                assert!(server.requests().len() >= 2, "{what}");
            });
        }
    }
    while let Some(case) = cases.join_next().await {
        case.unwrap();
    }
}

#[tokio::test]
async fn the_last_of_them_may_be_of_no_use() {
    let server = Server::start();
    let late = file().stall_after(0).drop_after(0);
    server.on("/file", file().times(1).then(late.times(1).then(file())));
    let trial = trial(&server, Segments::count(2));
    let release = async {
        // Of its part the others take what is worth a request.
        while trial.progress.counts().received < SIZE - M / 4 {
            tokio::task::yield_now().await;
        }
        server.release("/file");
    };
    let (ending, ()) = tokio::join!(trial.run(), release);
    assert_eq!(summary(&ending), "done 200 8388608", "{ending:?}");
    assert!(is_right(&trial));
}

#[tokio::test]
async fn a_file_that_changes_under_all_of_them_comes_from_the_first() {
    let server = Server::start();
    server.on("/file", slow().change_etag_after(1));
    let trial = trial(&server, Segments::count(4));
    assert_eq!(summary(&trial.run().await), "done 200 8388608");
    assert!(is_right(&trial));
    let seen = server.requests();
    assert!(seen[0].body_sent >= SIZE, "the first brought all of it: {}", seen[0].body_sent);
}

#[tokio::test]
async fn the_first_may_fail_and_the_others_go_on() {
    let server = Server::start();
    server.on("/file", slow().drop_after(M).times(1).then(slow()));
    let trial = trial(&server, Segments::count(2));
    assert_eq!(summary(&trial.run().await), "done 200 8388608");
    assert!(is_right(&trial));
    assert!(ranges(&server.requests()).iter().filter(|range| **range == "all").count() == 1);
}

#[tokio::test]
async fn when_all_fail_every_byte_is_kept_and_none_is_fetched_twice() {
    for way in BOTH_WAYS {
        let server = Server::start();
        server.on("/file", slow().drop_after(M).times(2).then(file()));
        let mut trial = trial(&server, Segments::count(2)).detouring_from(way);
        assert_eq!(
            summary(&trial.run_and_record().await),
            "-1005 transient progressed kept 1048576"
        );
        let state = trial.resume.clone().unwrap();
        let further = FurtherRanges(vec![(4 * M, 5 * M)]);
        assert_eq!(
            (state.further, trial.left()),
            (Some(Box::new(further)), vec!["file.part".into()])
        );
        // With or without segments: there is one connection, which fills the holes.
        trial.order.options.segments = None;
        let before = server.requests().len();
        assert_eq!(summary(&trial.run_and_record().await), "done 200 8388608");
        assert!(is_right(&trial));
        assert_eq!(trial.resumed(), Some((2 * M, Some(SIZE), ResumeRung::StrongEtag)));
        let holes = ["bytes=1048576-4194303", "bytes=5242880-8388607"];
        let seen = server.requests();
        assert_eq!(ranges(&seen[before..]), holes);
        assert_eq!(seen[before].connection, seen[before + 1].connection, "it is used again");
    }
}

#[tokio::test]
async fn a_file_that_has_changed_between_two_holes_begins_anew() {
    let server = Server::start();
    server.on("/file", slow().drop_after(M).times(2).then(file()));
    let mut trial = trial(&server, Segments::count(2));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 1048576");
    trial.order.options.segments = None;
    let other = Answer::pseudo_random(6, SIZE).etag("\"v2\"");
    server.on("/file", file().times(1).then(other));
    assert_eq!(summary(&trial.run_and_record().await), "done 200 8388608");
    assert!(fs::read(&trial.files.finished).unwrap() == pseudo_random(6, 0, SIZE as usize));
    let told = trial.told();
    let rungs = told.iter().filter_map(|told| match told {
        Told::Resumed(offset, _, rung) => Some((*offset, *rung)),
        Told::Durable(_) => None,
    });
    let expected = [(2 * M, ResumeRung::StrongEtag), (0, ResumeRung::Restart)];
    assert_eq!(rungs.collect::<Vec<_>>(), expected);
    let last = told.iter().rev().find_map(|told| match told {
        Told::Durable(state) => Some(state.etag.clone()),
        Told::Resumed(..) => None,
    });
    assert_eq!(last.flatten().as_deref(), Some("\"v2\""));
    assert_eq!(trial.left(), ["file"]);
}

#[tokio::test]
async fn stopped_and_gone_on_with_all_of_them() {
    let server = Server::start();
    server.on("/file", slow());
    let mut trial = trial(&server, Segments::count(4));
    let stop = trial.stop.clone();
    let progress = std::sync::Arc::clone(&trial.progress);
    let stopper = tokio::spawn(async move {
        while progress.counts().received < 3 * M {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    let ending = trial.run_and_record().await;
    stopper.await.unwrap();
    assert!(matches!(ending, Ending::Stopped { .. }), "{ending:?}");
    let state = trial.resume.clone().expect("bytes");
    assert!(state.further.as_ref().is_some_and(|further| further.0.len() >= 2), "{state:?}");
    assert_eq!(state.synced_bytes(), trial.progress.counts().received);
    trial.stop = tokio_util::sync::CancellationToken::new();
    assert_eq!(summary(&trial.run_and_record().await), "done 200 8388608");
    assert!(is_right(&trial));
}

#[tokio::test]
async fn stopped_while_nothing_is_answered() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let silence = format!("http://{}/", silent.local_addr().unwrap());
    let server = Server::start();
    server.on("/file", slow().drop_after(M).times(2).then(file()));
    let mut trial = trial(&server, Segments::count(2));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 1048576");
    // One hole after the other.
    trial.order.options.segments = None;
    server.on("/file", file().times(1).then(Answer::redirect(302, &silence)));
    let stop = trial.stop.clone();
    let (ending, ()) = tokio::join!(trial.run(), async {
        server.reach(|seen| seen.len() >= 4).await;
        stop.cancel();
    });
    assert_eq!(summary(&ending), "stopped kept 5242880");
}

/// Whatever the journal has told when the power fails, the file has.
#[tokio::test]
async fn what_is_told_is_in_the_file() {
    const LONG: u64 = 48 * M;
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(SEED, LONG).etag("\"v1\"").rate(32 * M));
    for way in BOTH_WAYS {
        let trial = trial(&server, Segments::count(4)).detouring_from(way);
        assert_eq!(summary(&trial.run().await), "done 200 50331648");
        let file = fs::read(&trial.files.finished).unwrap();
        assert!(file == pseudo_random(SEED, 0, LONG as usize));
        let mut last = 0;
        let mut several = false;
        for told in trial.told() {
            let Told::Durable(state) = told else { continue };
            let synced = state.synced_bytes();
            assert!(synced > last && synced - last <= 8 * M, "{last} {synced}");
            assert_eq!(state.inode, fs::metadata(&trial.files.finished).unwrap().ino());
            several |= state.further.is_some();
            last = synced;
        }
        assert!(several && last > LONG / 2, "{way} {last}");
    }
}

/// A state of which an older program has cut the file, or that nobody of us wrote.
#[tokio::test]
async fn a_state_is_not_believed_beyond_its_file() {
    let ranges = |ranges: &[(u64, u64)]| Some(Box::new(FurtherRanges(ranges.into())));
    for (length, further, expected) in [
        (5 * M, ranges(&[(4 * M, 5 * M)]), "bytes=1048576-4194303"),
        (M, ranges(&[(4 * M, 5 * M)]), "bytes=1048576-"),
        (5 * M, ranges(&[(5 * M, 4 * M)]), "bytes=1048576-"),
        (5 * M, ranges(&[(M, 5 * M)]), "bytes=1048576-"),
    ] {
        let server = Server::start();
        server.on("/file", file());
        let mut trial = trial(&server, Segments::count(2));
        let whole = pseudo_random(SEED, 0, length as usize);
        fs::write(&trial.files.part, whole).unwrap();
        trial.resume = Some(ResumeState {
            part: trial.files.part.clone(),
            inode: fs::metadata(&trial.files.part).unwrap().ino(),
            durable_bytes: M,
            further,
            total_bytes: Some(SIZE),
            etag: Some("\"v1\"".into()),
            last_modified: None,
            response: urlsession_protocol::Response { status_code: 200, ..Default::default() },
        });
        assert_eq!(summary(&trial.run().await), "done 200 8388608");
        assert!(is_right(&trial));
        assert_eq!(ranges_of(&server)[0], expected);
    }
}

#[tokio::test]
async fn checksums_are_of_the_whole() {
    let server = Server::start();
    server.on("/file", slow());
    let hex = sha256(&pseudo_random(SEED, 0, SIZE as usize));
    for (hex, expected) in [(hex, "done 200 8388608"), ("0".repeat(64), "-3007 permanent")] {
        let mut trial = trial(&server, Segments::count(3));
        let algorithm = ChecksumAlgorithm::Sha256;
        trial.order.options.checksum = Some(Checksum { algorithm, hex });
        assert_eq!(summary(&trial.run().await), expected);
    }
}

/// Whoever comes later has one as well, and a server may allow no more than the session does. Here the
/// one that is given back would also bring nothing any more.
#[tokio::test]
async fn a_download_gives_connections_back() {
    let server = Server::start();
    let lead = file().rate(4 * M).times(1);
    server.on("/file", lead.then(file().stall_after(M).times(1).then(file())));
    server.on("/other", file().rate(4 * M));
    let mut first = trial(&server, Segments::count(2));
    let mut second = Trial::download(&server.url("/other"));
    second.hands = std::sync::Arc::clone(&first.hands);
    (first.connections_per_host, second.connections_per_host) = (2, 2);
    first.order.idle_timeout = Duration::from_secs(600);
    let both = async {
        tokio::join!(first.run(), async {
            while server.requests_for("/file").len() < 2 {
                tokio::task::yield_now().await;
            }
            second.run().await
        })
    };
    let (one, other) = tokio::time::timeout(Duration::from_secs(60), both).await.unwrap();
    assert_eq!((summary(&one), summary(&other)), ("done 200 8388608".into(), summary(&one)));
    assert!(is_right(&first) && is_right(&second));
}

#[tokio::test]
async fn the_session_has_no_more_connections() {
    let server = Server::start();
    server.on("/file", slow());
    let mut first = trial(&server, Segments::count(4));
    first.connections_per_host = 3;
    let mut second = trial(&server, Segments::count(4));
    (second.connections_per_host, second.hands) = (3, std::sync::Arc::clone(&first.hands));
    let (one, other) = tokio::join!(first.run(), second.run());
    assert_eq!((summary(&one), summary(&other)), ("done 200 8388608".into(), summary(&one)));
    assert!(is_right(&first) && is_right(&second));
    assert_eq!(server.peak_concurrency(), 3);
}

#[tokio::test]
async fn an_idle_connection_among_others_is_given_up() {
    all(BOTH_WAYS.into_iter().map(|way| async move {
        let server = Server::start();
        // Of the other something comes, and is synced, for longer than that.
        let slowest = file().rate(M * 2 / 3);
        server.on("/file", slowest.times(1).then(file().stall_after(M).times(1).then(slow())));
        let mut trial = trial(&server, Segments::count(2)).detouring_from(way);
        trial.order.idle_timeout = PATIENCE;
        assert_eq!(summary(&trial.run().await), "done 200 8388608", "{way}");
        assert!(is_right(&trial), "{way}");
    }))
    .await;
}

/// What the other connection will be answered nobody knows: an error would then be all there is of
/// that part, for the first connection was closed where it began.
#[tokio::test]
async fn who_has_no_response_is_not_waited_for() {
    all(BOTH_WAYS.into_iter().map(|way| async move {
        let server = Server::start();
        server.on("/file", file().rate(16 * M).times(1).then(file().stall_head()));
        let mut trial = trial(&server, Segments::count(2)).detouring_from(way);
        trial.order.idle_timeout = Duration::from_secs(600);
        assert_eq!(summary(&trial.run().await), "done 200 8388608", "{way}");
        assert!(is_right(&trial), "{way}");
        assert_eq!(ranges(&server.requests()), ["all", "bytes=4194304-8388607"], "{way}");
    }))
    .await;
}

#[tokio::test]
async fn automatic_takes_more_where_more_is_faster() {
    let server = Server::start();
    server.on("/file", file().rate(M));
    let trial = trial(&server, Some(Segments::Automatic));
    assert_eq!(summary(&trial.run().await), "done 200 8388608");
    assert!(is_right(&trial));
    assert!(server.peak_concurrency() >= 2);
    assert!(server.requests().iter().all(|seen| seen.answered || seen.body_sent > 0));
}

#[tokio::test]
async fn over_http2_only_who_asks_for_more_gets_more() {
    for (segments, requests) in [(Segments::Automatic, 1), (Segments::count(4).unwrap(), 4)] {
        let server = Server::start_h2();
        server.on("/file", slow());
        let mut trial = trial(&server, Some(segments));
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        assert_eq!(summary(&trial.run().await), "done 200 8388608");
        assert!(is_right(&trial));
        assert!(server.requests().len() >= requests, "{segments}");
        assert_eq!(server.requests().len() == 1, requests == 1);
    }
}

#[tokio::test]
async fn our_own_rate_is_for_all_of_them() {
    let server = Server::start();
    server.on("/file", file());
    let mut trial = trial(&server, Segments::count(4));
    trial.order.options.limit_rate = Some(4 * M);
    let began = tokio::time::Instant::now();
    assert_eq!(summary(&trial.run().await), "done 200 8388608");
    assert!(is_right(&trial));
    // It cannot be faster; how much slower it is, the machine decides.
    assert!(began.elapsed() >= Duration::from_secs(1), "{:?}", began.elapsed());
}

#[tokio::test]
async fn what_all_may_have_is_for_all_of_them() {
    let server = Server::start();
    server.on("/file", file());
    let trial = trial(&server, Segments::count(4));
    let download = std::num::NonZeroU64::new(8 * M);
    trial.hands.limit_speed(SpeedLimits { download, upload: None });
    let began = tokio::time::Instant::now();
    assert_eq!(summary(&trial.run().await), "done 200 8388608");
    assert!(is_right(&trial));
    assert!(server.requests().len() >= 4, "{}", server.requests().len());
    assert!(began.elapsed() >= Duration::from_millis(750), "{:?}", began.elapsed());
}

fn ranges_of(server: &Server) -> Vec<String> {
    ranges(&server.requests()).into_iter().map(str::to_owned).collect()
}
