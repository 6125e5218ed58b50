//! What the driver may look at: pages, counts, files.

use super::*;

#[test]
fn pages_join_into_the_whole_list() {
    let mut bench = Bench::new();
    for session in ["b", "a"] {
        let configuration = SessionConfiguration::default();
        let session = named(session);
        bench.call(
            APP,
            Call::Attach {
                session: session.clone(),
                configuration: Box::new(configuration),
                wait: false,
                owner: None,
            },
        );
        for task in [1, 5] {
            let new = Box::new(download(task));
            bench.call(APP, Call::CreateTask { session: session.clone(), new });
        }
    }
    bench.create(download(2));
    let all = ["app/a 1", "app/a 5", "app/b 1", "app/b 5", "app/session 2"];
    for limit in 1..=6 {
        let mut seen = Vec::new();
        let mut after = None;
        loop {
            let last = after.as_ref().map(|(key, task)| (key, *task));
            let page = bench.core.tasks_after(None, last, limit);
            let Some(last) = page.last() else { break };
            after = Some((last.key.clone(), last.task.task));
            seen.extend(page.iter().map(|view| format!("{} {}", view.key, view.task.task)));
        }
        assert_eq!(seen, all, "pages of {limit}");
    }
    let b = named("b");
    let of_b = |after| bench.core.tasks_after(Some(&b), after, 9).len();
    let (a, s) = (named("a"), named("session"));
    assert_eq!(of_b(None), 2);
    assert_eq!(of_b(Some((&b, TaskIdentifier(1)))), 1);
    assert_eq!(of_b(Some((&a, TaskIdentifier(5)))), 2);
    assert_eq!(of_b(Some((&s, TaskIdentifier(1)))), 0);
}

#[test]
fn a_session_is_described_with_its_tasks_by_what_they_do() {
    let mut bench = Bench::new();
    for _ in 0..3 {
        bench.download();
    }
    bench.ended(1, done());
    bench.ended(2, failed(Cause::Connectivity));
    let task = bench.next_task();
    bench.create(download(task));
    let other = Call::Attach {
        session: named("other"),
        configuration: Box::default(),
        wait: false,
        owner: None,
    };
    bench.call(APP, other);
    let status = bench.core.session_status(&key()).unwrap();
    let counts = [
        status.tasks_running,
        status.tasks_waiting,
        status.tasks_suspended,
        status.tasks_completed,
        status.events_owed,
    ];
    assert_eq!((status.tasks, counts), (4, [1, 1, 1, 1, 2]));
    assert_eq!(status.http_maximum_connections_per_host, 6);
    assert_eq!((status.owned, status.invalidating, status.launch_program), (true, false, None));
    let after = |key: Option<&SessionKey>| -> Vec<String> {
        bench.core.sessions_after(key).map(ToString::to_string).collect()
    };
    assert_eq!(after(None), ["app/other", "app/session"]);
    assert_eq!(after(Some(&named("other"))), ["app/session"]);
    assert_eq!(after(Some(&named("session"))), Vec::<String>::new());
}

#[test]
fn only_unfinished_resumed_tasks_keep_it_busy() {
    let mut bench = Bench::new();
    bench.create(download(1));
    assert!(bench.core.is_idle());
    bench.resume(1);
    assert!(!bench.core.is_idle());
    assert_eq!(bench.core.running(), [(name(1), attempt(1))]);
    bench.suspend(1);
    assert!(!bench.core.is_idle(), "its attempt still runs");
    bench.resume(1);
    bench.ended(1, done());
    assert!(bench.core.is_idle());
    assert_eq!(bench.core.counts().events_owed, 2);
}

#[test]
fn the_files_of_known_tasks_are_known() {
    let mut bench = Bench::new();
    for _ in 0..2 {
        bench.download();
    }
    bench.report(1, Report::Durable(part(5)));
    bench.ended(2, done());
    let files: Vec<_> = bench.core.referenced_files().collect();
    assert_eq!(files, [std::path::Path::new("/state/part"), std::path::Path::new("/state/file")]);
}

/// An app may keep a file for longer than it takes to hear that all is done.
#[test]
fn a_file_is_known_until_its_own_event_is_acknowledged() {
    for (acknowledged, expected) in [(0, true), (2, true), (1, false)] {
        let mut bench = Bench::new();
        bench.download();
        bench.ended(1, done());
        bench.ack(acknowledged);
        for _ in 0..2 {
            let is_known = bench.core.referenced_files().next().is_some();
            assert_eq!(is_known, expected, "{acknowledged}");
            bench.restart();
        }
    }
}
