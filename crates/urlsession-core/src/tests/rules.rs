//! The rules of tasks, one by one: creation, slots, retries, completion, removal.

use super::*;
use crate::turn::ASKERS_LIMIT;
use crate::{FurtherRanges, Order, Stage, TaskFacts, resume};
use urlsession_protocol::request::URL_LIMIT;
use urlsession_protocol::{
    CancelledReason, DaemonMessage, Header, LowestSpeed, Priority, Reason, RequestCachePolicy,
    ResumeData, Secret, line,
};

fn lowest(bytes_per_second: u64, seconds: u32) -> Option<LowestSpeed> {
    Some(LowestSpeed { bytes_per_second, seconds })
}

/// Makes a task wrong.
type Spoil = fn(&mut NewTask);

#[test]
fn creating_a_task_twice_answers_and_does_nothing() {
    let mut bench = Bench::new();
    bench.create(download(3));
    let step = bench.create(download(3));
    assert_eq!(step.changes, []);
    assert_eq!(replies(&step), [Ok(Reply::Done)]);
    assert_eq!(bench.create(download(2)).changes, [], "numbers only go up");
    let step = bench.attach(APP, SessionConfiguration::default());
    assert_eq!(replies(&step), [Ok(attached(4))]);
}

#[test]
fn the_session_completes_the_request() {
    let mut bench = Bench::empty();
    let headers = vec![Header::new("X-Own", "session"), Header::new("X-More", "session")];
    let mut configuration = SessionConfiguration { http_additional_headers: headers, ..default() };
    configuration.timeout_interval_for_request = Duration::from_secs(5);
    bench.attach(APP, configuration);
    let mut new = download(1);
    new.request.headers.push(Header::new("x-own", "task"));
    new.options.timeout_interval_for_resource = Some(9000);
    let (facts, state, order) = created(&bench.create(new));
    let fields: Vec<_> =
        order.request.headers.iter().map(|h| (h.name.as_str(), h.value.expose())).collect();
    assert_eq!(fields, [("x-own", "task"), ("X-More", "session")]);
    assert_eq!(order.idle_timeout, Duration::from_secs(5));
    assert_eq!(facts.resource_timeout, Duration::from_secs(9));
    assert_eq!((facts.host.as_str(), facts.owns_file), ("host:80", true));
    assert_eq!((state.stage, state.deadline), (Stage::Suspended, None));
}

#[test]
fn a_wrong_task_completes_with_its_error_once_resumed() {
    let cases: [(&str, Spoil, i32); 16] = [
        ("scheme", |new| new.request.url = "ftp://u:p@host/".to_owned(), -1002),
        ("url", |new| new.request.url = "http://".to_owned(), -1000),
        ("page", |new| new.options.main_document_url = Some("ex.com/page".to_owned()), -1002),
        ("no page", |new| new.options.main_document_url = Some(String::new()), -1002),
        ("page of nobody", |new| new.options.main_document_url = Some("http://".into()), -1000),
        ("method", |new| new.request.method = "A B".to_owned(), -1),
        ("header", |new| new.request.headers.push(Header::new("a", "b\r\nc")), -1),
        ("description", |new| new.options.description = Some("x".repeat(70_000)), -1),
        ("no time", |new| new.options.timeout_interval_for_resource = Some(0), -1),
        ("no speed", |new| new.options.lowest_speed = lowest(0, 30), -1),
        ("a speed of never", |new| new.options.lowest_speed = lowest(1, 86_401), -1),
        ("no patience", |new| new.options.timeout_interval_for_request = Some(0), -1),
        ("body", |new| new.kind = TaskKind::Upload, -1),
        (
            "destination",
            |new| new.kind = TaskKind::Download { destination: Some("here".into()) },
            -3000,
        ),
        (
            "name",
            |new| {
                let path = format!("/folder/{}", "n".repeat(256));
                new.kind = TaskKind::Download { destination: Some(path.into()) };
            },
            -3000,
        ),
        ("resume data", |new| new.resume_data = Some(ResumeData(Secret::new("{}"))), -1002),
    ];
    for (what, spoil, code) in cases {
        let mut bench = Bench::new();
        let mut new = download(1);
        spoil(&mut new);
        let step = bench.create(new.clone());
        assert_eq!(replies(&step), [Ok(Reply::Done)], "{what}");
        assert!(!created(&step).2.request.url.contains('@'), "{what}");
        assert_eq!(bench.state(1), TaskState::Suspended, "{what}");
        bench.restart();
        assert_eq!(bench.state(1), TaskState::Suspended, "{what}: a restart changes nothing");
        bench.attach(APP, default());
        let step = bench.resume(1);
        assert_eq!(sent(&step), [format!("1 DidComplete {code}")], "{what}");
        assert_eq!(starts(&step), [], "{what}");
        new.task = TaskIdentifier(2);
        new.resume = true;
        assert_eq!(sent(&bench.create(new)), [format!("2 DidComplete {code}")], "{what}");
    }
}

/// a field's quotes, an entity tag's, a URL's backslashes => how many fields are kept
#[test]
fn resume_data_fits_into_a_line() {
    let field = |name: &str, value: String| (name.to_owned(), value);
    for (quotes, tag, backslashes, expected) in
        [(10, 10, 10, 3), (255 * 1024, 10, 10, 1), (155 * 1024, 100 * 1024, URL_LIMIT, 1)]
    {
        let fields = vec![
            field("Content-Encoding", "gzip".to_owned()),
            field("Content-Type", "text/plain".to_owned()),
            field("X", "\"".repeat(quotes)),
        ];
        let url = "\\".repeat(backslashes);
        let response = Response { url, headers: fields.into(), ..Response::default() };
        let etag = Some("\"".repeat(tag));
        let state = ResumeState { etag, response, ..part(3) };
        let data = resume::encode(&state).unwrap();
        let result = Ok(Reply::ResumeData { resume_data: Some(data.clone()) });
        let line = line::encode(&DaemonMessage::Reply { id: CallId(1), result });
        assert!(line.is_ok(), "{quotes} {tag} {backslashes}");
        let kept = resume::decode(&data).unwrap();
        assert_eq!(kept.response.headers[..], state.response.headers[..expected]);
        assert_eq!((kept.etag, kept.response.url), (state.etag, state.response.url));
    }
}

#[test]
fn resume_data_says_where_a_download_goes_on() {
    let mut bench = Bench::new();
    bench.download();
    bench.report(1, Report::Durable(part(500)));
    let step = bench.cancel_for_resume_data(1);
    assert_eq!((replies(&step), stops(&step)), (vec![], vec![(1, 1)]));
    let step = bench.ended(1, Ending::Stopped { resume: Some(part(600)) });
    let kept = step.actions.iter().find_map(|action| match action {
        Action::KeepPart { resume, peer: APP, .. } => Some(resume.clone()),
        _ => None,
    });
    assert_eq!(kept, Some(part(600)));
    assert!(!step.actions.contains(&Action::RemovePart { task: name(1) }));
    let data = resume::encode(&part(600)).unwrap();
    assert_eq!(resume::decode(&data), Ok(part(600)));
    let further = Some(Box::new(FurtherRanges(vec![(700, 800), (900, 1000)])));
    let state = ResumeState { further, ..part(600) };
    let data = resume::encode(&state).unwrap();
    assert_eq!(resume::decode(&data).as_ref(), Ok(&state));
    assert_eq!((state.synced_bytes(), part(600).synced_bytes()), (800, 600));
    bench.create(NewTask { resume_data: Some(data), ..download(2) });
    let step = bench.resume(2);
    let start = Action::Start { task: name(2), attempt: attempt(1), resume: Some(state) };
    assert!(step.actions.contains(&start));
}

#[test]
fn what_proves_nothing_is_not_kept() {
    let none = Ok(Reply::ResumeData { resume_data: None });
    for state in [part(0), ResumeState { etag: None, ..part(9) }] {
        let mut bench = Bench::new();
        bench.download();
        bench.cancel_for_resume_data(1);
        let step = bench.ended(1, Ending::Stopped { resume: Some(state.clone()) });
        assert_eq!(replies(&step), std::slice::from_ref(&none));
        assert!(step.actions.contains(&Action::RemovePart { task: name(1) }));
        assert!(resume::decode(&resume::encode(&state).unwrap()).is_err());
    }
}

#[test]
fn a_disconnected_asker_leaves_no_part_behind() {
    let mut bench = Bench::new();
    bench.download();
    bench.cancel_for_resume_data(1);
    bench.handle(Input::Disconnected { peer: APP });
    let step = bench.ended(1, stopped());
    assert!(step.actions.contains(&Action::RemovePart { task: name(1) }));
}

#[test]
fn no_attempt_begins_before_the_one_before_it_ended() {
    let mut bench = Bench::new();
    bench.download();
    assert_eq!(stops(&bench.suspend(1)), [(1, 1)]);
    assert_eq!(bench.state(1), TaskState::Suspended);
    let step = bench.resume(1);
    assert_eq!((starts(&step), bench.state(1)), (vec![], TaskState::Running));
    let step = bench.ended(1, stopped());
    assert_eq!(starts(&step), [(1, 2)]);
    let report = Report::Ended(done());
    let stale = Input::Report { task: name(1), attempt: attempt(1), report };
    assert_eq!(bench.handle(stale), Step::default());
}

#[test]
fn done_wins_over_cancel() {
    let mut bench = Bench::new();
    bench.download();
    bench.cancel(1);
    assert_eq!(bench.stored[&name(1)].stage, Stage::Canceling);
    let step = bench.ended(1, done());
    assert_eq!(sent(&step), ["1 DidFinishDownloading", "2 DidComplete ok"]);
}

#[test]
fn slots_are_limited_per_host_session_and_daemon() {
    let mut bench = Bench::new();
    for _ in 0..10 {
        bench.download();
    }
    assert_eq!(bench.core.counts().running, 6, "per host");
    for host in 0..100 {
        let task = bench.next_task();
        let request = Request::new(&format!("http://host{host}/")).unwrap();
        bench.create(NewTask { resume: true, request, ..download(task) });
    }
    assert_eq!(bench.core.counts().running, u64::from(crate::MAX_RUNNING));
    let limited = SessionConfiguration { maximum_concurrent_tasks: Some(2), ..default() };
    bench.attach(APP, limited);
    for (task, _) in bench.core.running().into_iter().take(62) {
        assert_eq!(starts(&bench.ended(task.task.0, done())), []);
    }
    let (last, _) = bench.core.running()[0];
    assert_eq!(starts(&bench.ended(last.task.0, done())).len(), 1);
}

/// What is kept comes at once, also while all connections of its host are taken.
#[test]
fn what_loads_nothing_waits_for_no_slot_of_its_host() {
    let one = SessionConfiguration { http_maximum_connections_per_host: 1, ..default() };
    let kept = SessionConfiguration {
        request_cache_policy: RequestCachePolicy::ReturnCacheDataDontLoad,
        ..one.clone()
    };
    for (session, of_task, expected) in [
        (&one, None, vec![]),
        (&one, Some(RequestCachePolicy::ReturnCacheDataElseLoad), vec![]),
        (&one, Some(RequestCachePolicy::ReturnCacheDataDontLoad), vec![(2, 1)]),
        (&kept, None, vec![(2, 1)]),
        (&kept, Some(RequestCachePolicy::UseProtocolCachePolicy), vec![]),
    ] {
        let mut bench = Bench::empty();
        bench.attach(APP, session.clone());
        let mut busy = download(1);
        busy.options.request_cache_policy = Some(RequestCachePolicy::UseProtocolCachePolicy);
        bench.create(busy);
        assert_eq!(starts(&bench.resume(1)), [(1, 1)]);
        let mut new = download(2);
        new.options.request_cache_policy = of_task;
        bench.create(new);
        // Wherever it is sent.
        let url = Some("http://host/other".to_owned());
        bench.edit(2, RequestEdit { url, ..RequestEdit::default() });
        assert_eq!(starts(&bench.resume(2)), expected, "{of_task:?}");
    }
}

#[test]
fn priority_goes_first_then_the_emptiest_lane_then_age() {
    let mut bench = Bench::empty();
    bench.attach(APP, SessionConfiguration { maximum_concurrent_tasks: Some(1), ..default() });
    bench.download();
    let mut order = Vec::new();
    for (host, priority) in [("a", 128), ("a", 128), ("b", 128), ("a", 200), ("b", 0)] {
        let task = bench.next_task();
        let mut new = NewTask { resume: true, ..download(task) };
        new.request = Request::new(&format!("http://{host}/")).unwrap();
        new.options.priority = Priority(priority);
        bench.create(new);
    }
    let mut running = 1;
    for _ in 0..5 {
        running = starts(&bench.ended(running, done()))[0].0;
        order.push(running);
    }
    assert_eq!(order, [5, 2, 3, 4, 6]);
    bench.attach(APP, SessionConfiguration { maximum_concurrent_tasks: Some(2), ..default() });
    let step = bench.ended(6, done());
    assert_eq!(starts(&step), []);
    for host in ["a", "a", "b", "b"] {
        let task = bench.next_task();
        let request = Request::new(&format!("http://{host}/")).unwrap();
        bench.create(NewTask { request, ..download(task) });
    }
    let first: Vec<_> = [7, 8, 9, 10].map(|task| starts(&bench.resume(task))).concat();
    assert_eq!(first, [(7, 1), (8, 1)]);
    // Host a has one running, host b none: b is next although a's task is ready too.
    assert_eq!(starts(&bench.ended(7, failed(Cause::After(Duration::ZERO)))), [(9, 1)]);
}

#[test]
fn failures_are_retried_with_growing_jitter() {
    for cause in [Cause::Transient, Cause::After(Duration::ZERO)] {
        let mut bench = Bench::new();
        bench.download();
        let mut longest = Duration::ZERO;
        for failures in 0..12_u32 {
            bench.ended(1, failed(cause));
            let delay = bench.wakeup().unwrap();
            let most = Duration::from_secs(2_u64.pow(failures)).min(Duration::from_secs(600));
            assert!(delay <= most, "{delay:?} after {failures} failures");
            longest = longest.max(delay);
            assert_eq!(starts(&bench.tick_after(delay)).len(), 1);
        }
        assert!(longest > Duration::from_secs(60), "{longest:?}");
        bench.report(1, Report::Durable(part(1)));
        assert_eq!(bench.stored[&name(1)].failures, 0, "progress resets the delay");
        assert_eq!(bench.stored[&name(1)].attempts, 13);
    }
}

#[test]
fn the_server_may_name_the_delay() {
    for (asked, given) in [(5, 5), (1_000_000, 86_400)] {
        let mut bench = Bench::new();
        bench.download();
        bench.ended(1, failed(Cause::After(Duration::from_secs(asked))));
        assert_eq!(bench.wakeup(), Some(Duration::from_secs(given)));
        let until = bench.now.wall.after(Duration::from_secs(given));
        assert_eq!(bench.core.task(name(1)).unwrap().reason, Some(Reason::RetryAt(until)));
    }
}

/// how long the restart takes, clock included => what is left
#[test]
fn a_restart_does_not_end_the_delay_that_a_server_named() {
    let [minute, hour, day] = [60_000, 3_600_000, 86_400_000];
    for (clock, left) in [(60_000, hour - minute), (0, hour), (-172_800_000, day), (3_600_000, 0)] {
        let mut bench = Bench::new();
        // So that there is a day before it.
        bench.now.wall = Timestamp(10 * 86_400_000);
        bench.download();
        bench.ended(1, failed(Cause::After(Duration::from_secs(3600))));
        bench.now.wall = Timestamp(bench.now.wall.0.saturating_add_signed(clock));
        let started = starts(&bench.restart());
        if left == 0 {
            assert_eq!(started, [(1, 2)], "{clock}");
            continue;
        }
        assert_eq!((started, bench.wakeup()), (vec![], Some(Duration::from_millis(left))));
        let until = bench.now.wall.after(Duration::from_millis(left));
        assert_eq!(bench.core.task(name(1)).unwrap().reason, Some(Reason::RetryAt(until)));
        bench.handle(network(false));
        assert_eq!(starts(&bench.handle(network(true))), [], "a busy server is not asked sooner");
        assert_eq!(starts(&bench.tick_after(Duration::from_millis(left))), [(1, 2)]);
    }
}

/// What its app does meanwhile ends the wait, and no restart brings it back.
#[test]
fn a_delay_that_was_ended_does_not_come_back() {
    let mut bench = Bench::new();
    bench.download();
    bench.ended(1, failed(Cause::After(Duration::from_secs(3600))));
    assert!(bench.stored[&name(1)].retry_at.is_some());
    bench.suspend(1);
    assert_eq!(bench.stored[&name(1)].retry_at, None);
    bench.restart();
    assert_eq!(starts(&bench.resume(1)), [(1, 2)]);
}

/// what the task asks for => what it gets, every time
#[test]
fn the_task_may_name_the_delay() {
    let [short, day] = [100, 86_400_000];
    for (asked, given) in [(0, short), (2500, 2500), (day + 1, day)] {
        let mut bench = Bench::new();
        bench.download();
        for _ in 0..3 {
            bench.ended(1, failed(Cause::Interval(Duration::from_millis(asked))));
            assert_eq!(bench.wakeup(), Some(Duration::from_millis(given)), "{asked}");
            bench.tick_after(Duration::from_millis(given));
        }
    }
}

#[test]
fn a_full_disk_is_looked_at_again() {
    let mut bench = Bench::new();
    bench.download();
    let mut delays = Vec::new();
    for _ in 0..6 {
        bench.ended(1, failed(Cause::Disk));
        let delay = bench.wakeup().unwrap();
        delays.push(delay.as_secs());
        bench.tick_after(delay);
    }
    assert_eq!(delays, [5, 10, 20, 40, 60, 60]);
    assert_eq!(bench.stored[&name(1)].failures, 0);
}

#[test]
fn the_returning_network_ends_delays() {
    let mut bench = Bench::new();
    let long = Duration::from_secs(900);
    let causes = [Cause::Connectivity, Cause::Interval(long), Cause::Disk, Cause::After(long)];
    for cause in causes {
        let task = bench.download();
        bench.ended(task, failed(cause));
    }
    assert_eq!(bench.handle(network(true)), Step::default(), "it was there all the time");
    bench.handle(network(false));
    assert_eq!(starts(&bench.handle(network(true))), [(1, 2), (2, 2)]);
}

#[test]
fn without_a_network_no_try_is_lost() {
    for (url, tries_left) in [
        ("https://example.com/file", true),
        ("http://[2001:db8::1]:80/file", true),
        ("http://localhost:8080/file", false),
        ("http://app.localhost/file", false),
        ("http://127.0.0.1:8080/file", false),
        ("http://[::1]/file", false),
        ("http://socket.example/file", !cfg!(unix)),
    ] {
        let mut bench = Bench::new();
        let mut new = NewTask { resume: true, ..download(1) };
        url.clone_into(&mut new.request.url);
        if cfg!(unix) && url.contains("socket") {
            new.options.request_policy.unix_socket = Some("/run/example.sock".into());
        }
        new.options.maximum_retries = Some(1);
        bench.create(new);
        bench.handle(network(false));
        // As when a name cannot be looked up, and when there is no way to an address.
        let interval = Cause::Interval(Duration::from_secs(1));
        for cause in [Cause::Transient, Cause::Connectivity, interval] {
            if bench.state(1) == TaskState::Running {
                bench.ended(1, failed(cause));
                let delay = bench.wakeup().unwrap_or_default();
                assert_eq!(delay == Duration::from_secs(600), tries_left, "{url}");
                bench.tick_after(delay);
            }
        }
        assert_eq!(bench.state(1) == TaskState::Running, tries_left, "{url}");
        if tries_left {
            bench.ended(1, failed(Cause::Transient));
            assert_eq!(starts(&bench.handle(network(true))), [(1, 5)], "{url}");
        }
    }
}

#[test]
fn quiesce_stops_everything_and_changes_nothing_on_disk() {
    let mut bench = Bench::new();
    for _ in 0..7 {
        bench.download();
    }
    let step = bench.handle(Input::Quiesce);
    assert_eq!((stops(&step).len(), &step.changes[..]), (6, &[][..]));
    for task in 1..=6 {
        assert_eq!(starts(&bench.ended(task, stopped())), []);
    }
    assert!(bench.stored.values().all(|record| record.stage == Stage::Active));
    assert_eq!(starts(&bench.restart()).len(), 6);
}

#[test]
fn a_removed_task_is_forgotten_after_its_files() {
    let mut bench = Bench::new();
    bench.download();
    let step = bench.remove(1);
    assert_eq!((stops(&step), replies(&step)), (vec![(1, 1)], vec![]));
    let step = bench.ended(1, stopped());
    assert!(step.actions.contains(&Action::RemovePart { task: name(1) }));
    assert!(!step.changes.contains(&Change::RemoveTask(name(1))));
    let error = *bench.stored[&name(1)].error.clone().unwrap();
    assert_eq!(error.cancelled_reason, Some(CancelledReason::UserForceQuitApplication));
    assert_eq!(bench.wakeup(), Some(Duration::ZERO));
    let step = bench.handle(Input::Tick);
    assert!(step.changes.contains(&Change::RemoveTask(name(1))));
    assert_eq!((replies(&step), bench.wakeup()), (vec![Ok(Reply::Done)], None));
    assert_eq!(replies(&bench.remove(1)), [Ok(Reply::Done)], "asked again");
    assert_eq!(replies(&bench.remove(2)), [Err(-1)]);
    assert_eq!(replies(&bench.resume(1)), [Err(-1)]);
}

#[test]
fn a_restart_completes_what_was_left_half_done() {
    let mut bench = Bench::new();
    for _ in 0..4 {
        bench.download();
    }
    bench.cancel(1);
    bench.report(2, Report::Durable(part(50)));
    bench.ended(3, failed(Cause::Permanent));
    bench.suspend(4);
    let step = bench.restart();
    assert_eq!(bench.state(1), TaskState::Completed);
    let start = Action::Start { task: name(2), attempt: attempt(2), resume: Some(part(50)) };
    assert!(step.actions.contains(&start));
    assert!(step.actions.contains(&Action::RemovePart { task: name(3) }));
    assert_eq!(bench.state(4), TaskState::Suspended);
    let mut late = Bench::new();
    late.download();
    late.pass(Duration::from_secs(8 * 24 * 60 * 60));
    assert_eq!(starts(&late.restart()), []);
    assert_eq!(late.state(1), TaskState::Completed);
}

#[test]
fn equal_inputs_give_equal_steps() {
    let run = || {
        let mut bench = Bench::new();
        let mut steps = Vec::new();
        for round in 0..20 {
            bench.download();
            let (task, _) = bench.core.running()[0];
            steps.push(bench.ended(task.task.0, failed(Cause::Transient)));
            steps.push(bench.tick_after(Duration::from_millis(100 * round)));
        }
        (steps, bench.snapshot())
    };
    assert_eq!(run(), run());
}

fn default() -> SessionConfiguration {
    SessionConfiguration::default()
}

fn created(step: &Step) -> (TaskFacts, TaskRecord, Order) {
    let create = |change: &Change| match change {
        Change::CreateTask { facts, state, order, .. } => {
            Some((facts.clone(), state.clone(), (**order).clone()))
        }
        _ => None,
    };
    step.changes.iter().find_map(create).expect("a task was created")
}

#[test]
fn records_keep_sessions_apart_from_their_numbers() {
    let mut bench = Bench::new();
    let step = bench.call(
        APP,
        Call::Attach {
            session: named("b"),
            configuration: Box::new(default()),
            wait: false,
            owner: None,
        },
    );
    let put = |change: &Change| matches!(change, Change::PutSession(record) if record.number == SessionNumber(2));
    assert!(step.changes.iter().any(put));
}

#[test]
fn so_many_calls_wait_for_one_task() {
    type Ask = fn(&mut Bench, u64) -> Step;
    let asks: [Ask; 2] = [Bench::cancel_for_resume_data, Bench::remove];
    for ask in asks {
        let mut bench = Bench::new();
        let task = bench.download();
        for _ in 0..ASKERS_LIMIT {
            assert_eq!(replies(&ask(&mut bench, task)), [], "it waits for the attempt");
        }
        let step = ask(&mut bench, task);
        assert_eq!(replies(&step), [Err(-1)], "one more is refused");
        assert_eq!(step.changes, []);
        let resume = None;
        let mut answered = replies(&bench.report(task, Report::Ended(Ending::Stopped { resume })));
        answered.extend(replies(&bench.handle(Input::Tick)));
        assert_eq!(answered.len(), ASKERS_LIMIT, "those that wait are all answered");
        assert!(answered.iter().all(Result::is_ok), "{answered:?}");
    }
}
