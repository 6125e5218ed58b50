//! The rules of sessions, one by one: the lease, what is owed, invalidation.

use super::*;
use crate::{ATTACHERS_LIMIT, GRACE, WINDOW};

#[test]
fn a_second_owner_is_refused_after_a_moment() {
    let mut bench = Bench::new();
    assert_eq!(replies(&bench.attach(OTHER, default())), []);
    assert_eq!(bench.wakeup(), Some(GRACE));
    assert_eq!(replies(&bench.tick_after(GRACE)), [Err(-996)]);
    assert_eq!(bench.wakeup(), None);
    let create = Call::CreateTask { session: key(), new: Box::new(download(1)) };
    assert_eq!(replies(&bench.call(OTHER, create)), [Err(-996)]);
}

#[test]
fn a_dead_owners_lease_goes_to_the_next_at_once() {
    let mut bench = Bench::new();
    bench.download();
    bench.attach(OTHER, default());
    let step = bench.handle(Input::Disconnected { peer: APP });
    assert_eq!(replies(&step), [Ok(attached(2))]);
    assert_eq!(bench.core.owner(SessionNumber(1)), Some(OTHER));
    assert_eq!(bench.wakeup().map(|wakeup| wakeup > GRACE), Some(true), "only the deadline");
    assert_eq!(bench.state(1), TaskState::Running, "a dead client never cancels");
}

#[test]
fn an_owner_is_told_which_numbers_are_its_own() {
    let mut bench = Bench::empty();
    // Attaches, creates a task and leaves; returns from which number on the owner's are.
    let comes = |bench: &mut Bench, owner: Option<u64>| {
        let (session, configuration) = (key(), default());
        let owner = owner.map(OwnerToken);
        let step = bench.call(
            APP,
            Call::Attach { session, configuration: Box::new(configuration), wait: false, owner },
        );
        bench.download();
        bench.handle(Input::Disconnected { peer: APP });
        match replies(&step)[..] {
            [Ok(Reply::Attached { owned_from, .. })] => owned_from.0,
            ref other => panic!("{other:?}"),
        }
    };
    assert_eq!(comes(&mut bench, Some(1)), 1);
    assert_eq!(comes(&mut bench, Some(1)), 1);
    assert_eq!(comes(&mut bench, Some(2)), 3);
    assert_eq!(comes(&mut bench, Some(1)), 4, "another came in between");
    assert_eq!(comes(&mut bench, Some(1)), 4, "even if the first answer was lost");
    assert_eq!(comes(&mut bench, None), 6);
    assert_eq!(comes(&mut bench, None), 7, "nobody knows who that was");
}

#[test]
fn an_attacher_that_waits_has_no_grace_and_may_leave() {
    let mut bench = Bench::new();
    let attach = |wait| Call::Attach {
        session: key(),
        configuration: Box::new(default()),
        wait,
        owner: None,
    };
    bench.call(OTHER, attach(true));
    assert_eq!(bench.wakeup(), None);
    bench.handle(Input::Disconnected { peer: OTHER });
    let step = bench.call(APP, Call::Detach { session: key() });
    assert_eq!((replies(&step), bench.core.owner(SessionNumber(1))), (vec![Ok(Reply::Done)], None));
    bench.attach(APP, default());
    for _ in 0..ATTACHERS_LIMIT {
        assert_eq!(replies(&bench.call(OTHER, attach(true))), []);
    }
    assert_eq!(replies(&bench.call(OTHER, attach(true))), [Err(-996)]);
}

#[test]
fn owed_events_are_replayed_then_said_to_be_finished() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        let task = bench.download();
        bench.ended(task, done());
    }
    bench.ack(1);
    bench.handle(Input::Disconnected { peer: APP });
    let step = bench.attach(OTHER, default());
    assert_eq!(
        sent(&step),
        ["2 DidComplete ok", "3 DidFinishDownloading", "4 DidComplete ok", "DidFinishEvents"]
    );
    assert_eq!(bench.ack(2), Step::default(), "only the owner acknowledges");
    let mut fresh = Bench::new();
    fresh.handle(Input::Disconnected { peer: APP });
    assert_eq!(sent(&fresh.attach(APP, default())), Vec::<String>::new());
}

#[test]
fn the_window_bounds_what_is_in_flight() {
    let mut bench = Bench::new();
    let total = u64::from(WINDOW) + 10;
    for _ in 0..total {
        let task = bench.download();
        bench.ended(task, failed(Cause::Permanent));
    }
    bench.handle(Input::Disconnected { peer: APP });
    let step = bench.attach(APP, default());
    assert_eq!(sent(&step).len(), WINDOW as usize);
    for number in 1..10 {
        assert_eq!(sent(&bench.ack(number)).len(), 1);
        assert_eq!(bench.ack(number), Step::default(), "acknowledged before");
    }
    assert_eq!(sent(&bench.ack(11)), ["266 DidComplete -1005", "DidFinishEvents"]);
    assert_eq!(sent(&bench.ack(10)), Vec::<String>::new());
    assert_eq!(bench.core.counts().events_owed, total - 11);
}

/// A process may want nothing of what those before it have left.
#[test]
fn an_owners_own_tasks_wait_for_no_older_ones() {
    let window = u64::from(WINDOW);
    let mut bench = Bench::new();
    let end = |bench: &mut Bench, task| bench.ended(task, failed(Cause::Permanent));
    for _ in 0..window + 2 {
        let task = bench.download();
        end(&mut bench, task);
    }
    let older = bench.download();
    bench.handle(Input::Disconnected { peer: APP });
    assert_eq!(sent(&bench.attach(APP, default())).len(), WINDOW as usize);
    let own = bench.download();
    assert_eq!(sent(&end(&mut bench, older)), Vec::<String>::new(), "no room");
    let number = window + 4;
    assert_eq!(sent(&end(&mut bench, own)), [format!("{number} DidComplete -1005")]);
    for further in number + 1..=number + window {
        let task = bench.download();
        let told = sent(&end(&mut bench, task)).len();
        assert_eq!(told, usize::from(further < number + window), "as many, and no more");
    }
    assert_eq!(sent(&bench.ack(number + 1)), [format!("{} DidComplete -1005", number + window)]);
    // Once there is room, what was passed over comes in its order, and nothing twice.
    let mut told = Vec::new();
    for number in (number..=number + window).chain(1..=4) {
        told.extend(sent(&bench.ack(number)));
    }
    let late = [window + 1, window + 2].map(|number| format!("{number} DidComplete -1005"));
    let after = ["DidFinishEvents".to_owned(), format!("{} DidComplete -1005", window + 3)];
    assert_eq!(told, [&late[..], &after[..]].concat());
    assert_eq!(bench.core.counts().events_owed, window - 1);
}

#[test]
fn a_task_that_is_removed_is_told_of_whatever_is_in_flight() {
    let mut bench = Bench::new();
    for _ in 0..u64::from(WINDOW) {
        let task = bench.download();
        bench.ended(task, failed(Cause::Permanent));
    }
    let task = bench.download();
    bench.remove(task);
    assert_eq!(sent(&bench.ended(task, stopped())), Vec::<String>::new(), "no room");
    assert_eq!(sent(&bench.handle(Input::Tick)), ["257 DidComplete -999"]);
    assert_eq!(bench.ack(257), Step::default(), "forgotten already");
    let task = bench.download();
    bench.ended(task, done());
    bench.remove(task);
    let step = bench.handle(Input::Tick);
    assert_eq!(sent(&step), ["258 DidFinishDownloading", "259 DidComplete ok"]);
    assert_eq!(bench.core.counts().events_owed, u64::from(WINDOW));
}

#[test]
fn the_last_acknowledgement_forgets_the_task_and_its_file() {
    let mut bench = Bench::new();
    bench.download();
    bench.ended(1, done());
    let step = bench.ack(1);
    assert_eq!(step.actions, [Action::RemoveFile("/state/file".into())]);
    let gone = [
        Change::RemoveEvent { task: name(1), number: EventNumber(2) },
        Change::RemoveTask(name(1)),
    ];
    assert_eq!(bench.ack(2).changes, gone);
    assert_eq!((bench.core.counts().completed, bench.core.hosts.len()), (0, 0));
}

#[test]
fn a_file_with_a_destination_is_the_apps() {
    let mut bench = Bench::new();
    let kind = TaskKind::Download { destination: Some("/home/file".into()) };
    bench.create(NewTask { kind, resume: true, ..download(1) });
    bench.ended(1, done());
    assert_eq!(bench.ack(1).actions, []);
}

#[test]
fn an_invalidated_session_ends_with_its_last_acknowledgement() {
    let mut bench = Bench::new();
    bench.download();
    bench.call(APP, Call::FinishTasksAndInvalidate { session: key() });
    assert_eq!(replies(&bench.create(download(2))), [Err(-1)]);
    assert_eq!(replies(&bench.create(download(1))), [Ok(Reply::Done)], "resent");
    bench.ended(1, failed(Cause::Permanent));
    let step = bench.ack(1);
    assert_eq!(sent(&step), ["DidBecomeInvalid"]);
    assert_eq!(step.changes.last(), Some(&Change::RemoveSession(SessionNumber(1))));
    let step = bench.attach(APP, default());
    assert_eq!(replies(&step), [Ok(attached(1))]);
    assert_eq!(bench.core.session_number(&key()), Some(SessionNumber(2)), "a new one");
}

#[test]
fn an_invalidated_session_without_tasks_ends_at_once() {
    let mut bench = Bench::new();
    let attach = Call::Attach {
        session: key(),
        configuration: Box::new(default()),
        wait: true,
        owner: None,
    };
    bench.call(OTHER, attach);
    let step = bench.call(APP, Call::InvalidateAndCancel { session: key() });
    assert_eq!(sent(&step), ["DidBecomeInvalid"]);
    let attached = Ok(attached(1));
    assert_eq!(replies(&step), [Ok(Reply::Done), attached], "the next one gets a new session");
    assert_eq!(bench.core.owner(SessionNumber(2)), Some(OTHER));
}

#[test]
fn who_does_not_own_a_session_ends_it_only_while_nobody_does() {
    for call in [
        Call::FinishTasksAndInvalidate { session: key() },
        Call::InvalidateAndCancel { session: key() },
    ] {
        let mut bench = Bench::new();
        bench.download();
        assert_eq!(replies(&bench.call(OTHER, call.clone())), [Err(-996)]);
        bench.handle(Input::Disconnected { peer: APP });
        assert_eq!(replies(&bench.call(OTHER, call.clone())), [Ok(Reply::Done)], "{call:?}");
        let status = bench.core.session_status(&key()).unwrap();
        assert!(status.invalidating && !status.owned, "{status:?}");
        bench.ended(1, failed(Cause::Permanent));
        bench.remove(1);
        bench.handle(Input::Tick);
        assert_eq!(replies(&bench.call(OTHER, call)), [Err(-1)], "there is none any more");
    }
}

/// What is invalidated is the session of a process: the next one has one of its own, with the tasks.
#[test]
fn who_comes_after_an_owner_that_lets_its_tasks_finish_has_a_session() {
    let attach = |peer, owner| {
        let (session, configuration) = (key(), Box::new(default()));
        let owner = Some(OwnerToken(owner));
        (peer, Call::Attach { session, configuration, wait: true, owner })
    };
    let finish = Call::FinishTasksAndInvalidate { session: key() };
    let cancel = Call::InvalidateAndCancel { session: key() };
    // Who invalidates how, with whom waiting for it, and whether it is still so for who comes then.
    let cases = [
        (1, finish.clone(), false, true),
        (2, finish.clone(), false, false),
        (2, finish, true, false),
        (1, cancel.clone(), false, true),
        (2, cancel.clone(), false, true),
        (2, cancel, true, true),
    ];
    for (next, call, waits, is_invalid) in cases {
        let mut bench = Bench::empty();
        let (peer, first) = attach(APP, 1);
        bench.call(peer, first);
        bench.download();
        bench.call(APP, call.clone());
        if waits {
            let (peer, second) = attach(OTHER, next);
            bench.call(peer, second);
        }
        bench.handle(Input::Disconnected { peer: APP });
        bench.restart();
        let peer = if waits { OTHER } else { APP };
        let (_, again) = attach(peer, next);
        bench.call(peer, again);
        let create = Call::CreateTask { session: key(), new: Box::new(download(2)) };
        let expected = if is_invalid { Err(-1) } else { Ok(Reply::Done) };
        assert_eq!(replies(&bench.call(peer, create)), [expected], "{next} {call:?} {waits}");
        let status = bench.core.session_status(&key()).map(|status| status.invalidating);
        assert_eq!(status, Some(is_invalid), "{next} {call:?} {waits}");
    }
}

#[test]
fn an_invalidated_session_survives_a_restart() {
    let mut bench = Bench::new();
    bench.download();
    bench.call(APP, Call::InvalidateAndCancel { session: key() });
    bench.restart();
    let step = bench.attach(APP, default());
    assert_eq!(sent(&step), ["1 DidComplete -999", "DidFinishEvents"]);
    assert_eq!(sent(&bench.ack(1)), ["DidBecomeInvalid"]);
    assert_eq!(bench.core.counts(), crate::Counts::default());
}

#[test]
fn the_number_of_a_session_is_not_used_again_after_a_restart() {
    let mut bench = Bench::new();
    bench.call(APP, Call::InvalidateAndCancel { session: key() });
    bench.restart();
    bench.attach(APP, default());
    assert_eq!(bench.core.session_number(&key()), Some(SessionNumber(2)));
}

fn default() -> SessionConfiguration {
    SessionConfiguration::default()
}

#[test]
fn a_session_whose_time_is_up_at_once_is_refused() {
    for spoil in [
        (|c| c.timeout_interval_for_request = Duration::ZERO) as fn(&mut SessionConfiguration),
        |c| c.timeout_interval_for_resource = Duration::ZERO,
        // A daemon hears of no part of a millisecond.
        |c| c.timeout_interval_for_request = Duration::from_micros(999),
    ] {
        let mut bench = Bench::empty();
        let mut configuration = SessionConfiguration::default();
        spoil(&mut configuration);
        assert_eq!(replies(&bench.attach(APP, configuration)), [Err(-1)]);
    }
}
