//! What counts as progress, and so lets a task have all its tries again.

use super::*;
use crate::FurtherRanges;
use urlsession_protocol::Body;

/// Of a task that has failed, people ask how far it came.
#[test]
fn how_far_a_download_came_is_known_when_it_has_failed() {
    let permanent = |resume| {
        let error = Error::new(ErrorCode::NETWORK_CONNECTION_LOST);
        Ending::Failed { error, cause: Cause::Permanent, resume, progressed: true }
    };
    let further = Some(Box::new(FurtherRanges(vec![(20, 25)])));
    let parts = ResumeState { further, ..part(10) };
    for (cancelled, ending, bytes) in [
        (true, stopped(), Some(10)),
        (false, permanent(Some(parts)), Some(15)),
        (false, permanent(None), None),
        (false, done(), None),
    ] {
        let mut bench = Bench::new();
        bench.download();
        if cancelled {
            bench.cancel(1);
        }
        bench.ended(1, ending.clone());
        for _ in 0..2 {
            let record = bench.core.task(name(1)).map(|view| view.record).expect("it is owed");
            assert_eq!(record.received.map(|received| received.bytes), bytes, "{ending:?}");
            assert_eq!(record.resume, None, "its part is gone");
            bench.restart();
        }
    }
}

#[test]
fn retries_are_counted_without_progress_only() {
    let mut bench = Bench::new();
    let mut new = NewTask { resume: true, ..download(1) };
    new.options.maximum_retries = Some(1);
    bench.create(new);
    for _ in 0..5 {
        bench.ended(1, failed(Cause::Disk));
        bench.tick_after(Duration::from_secs(60));
    }
    bench.ended(1, failed(Cause::Transient));
    bench.tick_after(Duration::from_secs(1));
    bench.ended(1, progressed(Some(part(10))));
    bench.tick_after(Duration::from_secs(1));
    assert_eq!(sent(&bench.ended(1, failed(Cause::Transient))), ["1 DidComplete -1005"]);
}

/// A server that takes a body and then fails would get it every second, for as long as the task has.
#[test]
fn what_was_sent_is_no_progress() {
    for kind in [TaskKind::Upload, TaskKind::Data, download(1).kind] {
        let mut bench = Bench::new();
        let mut new = NewTask { kind, resume: true, ..download(1) };
        new.request.method = "PUT".to_owned();
        new.request.body = Some(Body::Spool { path: "/state/spool/1".into(), length: 5 });
        new.options.maximum_retries = Some(2);
        bench.create(new);
        for _ in 0..2 {
            assert_eq!(sent(&bench.ended(1, progressed(None))).len(), 0);
            bench.tick_after(Duration::from_secs(2));
        }
        assert_eq!(sent(&bench.ended(1, progressed(None))), ["1 DidComplete -1005"]);
    }
}

/// the bytes and the tag that each attempt leaves => the failures in a row after it
#[test]
fn only_more_than_any_attempt_had_is_progress() {
    for (what, attempts, expected) in [
        ("the same first bytes", &[(100, "a"), (100, "a"), (100, "a")][..], &[1, 2, 3][..]),
        ("more every time", &[(100, "a"), (200, "a"), (300, "a")], &[1, 1, 1]),
        ("cut anywhere", &[(100, "a"), (50, "a"), (90, "a"), (101, "a")], &[1, 2, 3, 1]),
        ("nothing in between", &[(100, "a"), (0, "a"), (100, "a")], &[1, 2, 3]),
        ("another file", &[(100, "a"), (50, "b"), (60, "b"), (60, "b")], &[1, 2, 1, 2]),
        ("another file every time", &[(100, "a"), (100, "b"), (100, "c")], &[1, 2, 3]),
    ] {
        let mut bench = Bench::new();
        bench.download();
        check(&mut bench, what, (attempts, expected));
    }
}

fn check(bench: &mut Bench, what: &str, (attempts, expected): (&[(u64, &str)], &[u32])) {
    let failures = attempts.iter().map(|&(bytes, tag)| {
        let leaves = |bytes| ResumeState { etag: Some(tag.to_owned()), ..part(bytes) };
        // Each of them begins anew.
        bench.report(1, Report::Durable(leaves(0)));
        bench.report(1, Report::Durable(leaves(bytes)));
        bench.ended(1, progressed(Some(leaves(bytes)).filter(|_| bytes > 0)));
        let failures = bench.stored[&name(1)].failures;
        bench.tick_after(Duration::from_secs(9));
        failures
    });
    assert_eq!(failures.collect::<Vec<_>>(), expected, "{what}");
}

/// Segments count with all that they have.
#[test]
fn what_is_behind_a_hole_counts() {
    let mut bench = Bench::new();
    bench.download();
    let further = Some(Box::new(FurtherRanges(vec![(60, 110)])));
    bench.ended(1, progressed(Some(ResumeState { further, ..part(50) })));
    bench.tick_after(Duration::from_secs(1));
    check(&mut bench, "one connection", (&[(100, "\"e\""), (101, "\"e\"")], &[2, 1]));
}

#[test]
fn a_restart_makes_no_progress() {
    let mut bench = Bench::new();
    bench.download();
    bench.ended(1, progressed(Some(part(100))));
    bench.restart();
    check(&mut bench, "the same first bytes", (&[(100, "\"e\"")], &[2]));
}
