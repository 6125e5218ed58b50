//! What becomes of a task that fails while its machine has no network.

use super::*;
use urlsession_protocol::Reason;

/// whether there is a network and whether the session waits for one, the retries that the task asks
/// for => what it waits for, or ends with, after each attempt that cannot look up its host
#[test]
fn who_waits_for_a_network() {
    for ((network, waits), retries, expected) in [
        ((true, true), None, &["a retry", "a retry", "a retry"][..]),
        ((true, true), Some(1), &["a retry", "-1003"]),
        ((true, true), Some(0), &["-1003"]),
        ((true, false), None, &["a retry", "a retry", "a retry"]),
        ((true, false), Some(1), &["a retry", "-1003"]),
        ((true, false), Some(0), &["-1003"]),
        ((false, true), None, &["the network", "the network", "the network"]),
        ((false, true), Some(1), &["the network", "the network", "the network"]),
        ((false, true), Some(0), &["the network", "the network", "the network"]),
        ((false, false), None, &["a retry", "a retry", "a retry"]),
        ((false, false), Some(1), &["a retry", "-1009: host: no such name"]),
        ((false, false), Some(0), &["-1009: host: no such name"]),
    ] {
        let mut bench = waiting(waits, retries);
        bench.handle(super::network(network));
        for (number, expected) in (1..).zip(expected) {
            let step = bench.ended(1, no_such_name());
            assert_eq!(what_follows(&bench, &step), *expected, "{network} {waits} {retries:?}");
            let delay = bench.wakeup().unwrap_or_default();
            let started = starts(&bench.tick_after(delay));
            let is_over = expected.starts_with('-');
            assert_eq!(started.is_empty(), is_over, "{network} {waits} {retries:?} {number}");
        }
    }
}

/// A delay of a session that does not wait ends all the same when the network returns.
#[test]
fn the_returning_network_lets_a_retry_begin() {
    for cause in [Cause::Transient, Cause::Connectivity, Cause::Interval(Duration::from_secs(60))] {
        let mut bench = waiting(false, Some(3));
        bench.handle(network(false));
        bench.ended(1, failed(cause));
        assert_eq!(bench.stored[&name(1)].failures, 1, "{cause:?}");
        assert_eq!(starts(&bench.handle(network(true))), [(1, 2)], "{cause:?}");
    }
}

/// Makes a bench whose task runs.
fn waiting(waits_for_connectivity: bool, maximum_retries: Option<u32>) -> Bench {
    let mut bench = Bench::empty();
    let configuration =
        SessionConfiguration { waits_for_connectivity, ..SessionConfiguration::default() };
    bench.attach(APP, configuration);
    let mut new = NewTask { resume: true, ..download(1) };
    new.options.maximum_retries = maximum_retries;
    bench.create(new);
    bench
}

fn no_such_name() -> Ending {
    Ending::Failed {
        error: Error::new(ErrorCode::CANNOT_FIND_HOST).because("host: no such name"),
        cause: Cause::Transient,
        resume: None,
        progressed: false,
    }
}

fn what_follows(bench: &Bench, step: &Step) -> String {
    let told = step.actions.iter().find_map(|action| match action {
        Action::Send { event: Event::DidComplete { error, .. }, .. } => error.as_ref(),
        _ => None,
    });
    match (told, bench.core.task(name(1)).and_then(|task| task.reason)) {
        (Some(Error { code: ErrorCode::NOT_CONNECTED_TO_INTERNET, detail, .. }), _) => {
            format!("-1009: {}", detail.as_deref().unwrap_or_default())
        }
        (Some(error), _) => error.code.0.to_string(),
        (None, Some(Reason::Connectivity)) => "the network".to_owned(),
        (None, Some(Reason::RetryAt(_))) => "a retry".to_owned(),
        (None, other) => format!("{other:?}"),
    }
}
