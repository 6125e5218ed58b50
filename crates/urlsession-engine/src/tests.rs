//! The engine on connections in memory, with transfers that do as the test says.

mod caching;
mod cookies;
mod flushing;
#[cfg(unix)]
mod launching;
mod metrics;
#[cfg(unix)]
mod moved;
mod over_http;
mod scale;
mod stage;
mod strict;

use crate::driver::Driver;
use crate::{Engine, EngineConfiguration, EngineError};
use stage::{App, Hand, Script, bytes, download, in_memory, key, stage, task_of, upload};
use std::sync::Arc;
use tokio::sync::oneshot;
use urlsession_core::{Cause, Done, Ending, WINDOW, resume};
use urlsession_protocol::connection::Connection;
use urlsession_protocol::{
    Call, CallId, DaemonMessage, ErrorCode, Event, EventNumber, Reply, Response, ResumeRung,
    SessionConfiguration, SessionKey, TaskIdentifier, TaskState, line,
};

#[tokio::test]
async fn a_download_is_told_and_forgotten_once_acknowledged() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    let hand = stage.hand().await;
    let file = hand.attempt.files.finished.clone();
    hand.attempt.progress.expect_to_receive(Some(5));
    hand.attempt.progress.set_received(5);
    hand.done(b"bytes");

    // However early the driver looked, the totals are exact before the file is told.
    let (mut last, mut sum) = (0, 0);
    let finished = loop {
        match app.event().await {
            (None, Event::DidWriteData { bytes_written, total_bytes_written, .. }) => {
                sum += bytes_written;
                last = total_bytes_written;
            }
            (Some(number), event) => break (number, event),
            (None, other) => panic!("{other:?}"),
        }
    };
    assert_eq!((last, sum), (5, 5));
    assert_eq!(finished.1, Event::DidFinishDownloading { path: file.clone(), length: 5 });
    let (Some(completed), Event::DidComplete { error: None, response: Some(_), .. }) =
        app.event().await
    else {
        panic!("no DidComplete");
    };
    let status = app.status(1).await.unwrap();
    assert_eq!(status.state, TaskState::Completed);
    assert_eq!(status.count_of_bytes_received, 5);
    assert_eq!(status.file.as_ref(), Some(&file));

    app.acknowledge(finished.0).await;
    app.status(1).await.unwrap();
    assert!(!file.exists(), "the app has had its file");
    app.acknowledge(completed).await;
    assert_eq!(app.status(1).await.unwrap_err().detail.as_deref(), Some("no such task"));
}

#[tokio::test]
async fn kept_events_go_to_the_next_owner_even_of_the_next_engine() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    stage.hand().await.done(b"bytes");
    let first = [app.kept().await, app.kept().await];
    drop(app);

    let mut app = stage.app().await;
    assert_eq!([app.kept().await, app.kept().await], first);
    assert_eq!(app.event().await, (None, Event::DidFinishEvents));
    drop(app);

    let stage = stage.restart().await;
    let mut app = stage.app().await;
    assert_eq!([app.kept().await, app.kept().await], first);
    assert_eq!(app.event().await, (None, Event::DidFinishEvents));
}

#[tokio::test]
async fn a_second_owner_gets_996_and_a_patient_one_waits() {
    let stage = stage().await;
    let app = stage.app().await;
    let mut second = stage.connect();
    let refused = second.attach(false).await.unwrap_err();
    assert_eq!(refused.code, ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS);
    let waits = second.send(Call::Attach {
        session: key(),
        configuration: Box::new(SessionConfiguration::default()),
        wait: true,
        owner: None,
    });
    let waits = waits.await;
    drop(app);
    assert!(matches!(second.reply(waits).await, Ok(Reply::Attached { .. })));
}

#[tokio::test]
async fn a_watcher_gets_copies_and_acknowledges_nothing() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    let mut watcher = stage.connect();
    watcher.call(Call::Watch { session: None, replay: false }).await.unwrap();
    app.create(download(1)).await;
    stage.hand().await.done(b"bytes");
    let told = [app.kept().await, app.kept().await];
    assert_eq!([watcher.kept().await, watcher.kept().await], told);
    watcher.acknowledge(told[0].0).await;
    watcher.acknowledge(told[1].0).await;

    let mut late = stage.connect();
    late.call(Call::Watch { session: Some(key()), replay: true }).await.unwrap();
    assert_eq!([late.kept().await, late.kept().await], told);
    let mut other = key();
    other.session = urlsession_protocol::SessionIdentifier::new("another").unwrap();
    let mut elsewhere = stage.connect();
    elsewhere.call(Call::Watch { session: Some(other), replay: true }).await.unwrap();
    elsewhere.call(Call::Status).await.unwrap();
    assert!(elsewhere.heard_nothing());
    drop(app);
    let mut app = stage.app().await;
    assert_eq!([app.kept().await, app.kept().await], told, "still owed");
}

/// Of what is told at once, somebody else has removed more than an owner is told ahead.
#[tokio::test]
async fn an_acknowledgement_is_of_all_that_is_owed_in_its_range() {
    const AHEAD: u64 = WINDOW as u64;
    const LAST: u64 = 2 * AHEAD + 2;
    let stage = stage().await;
    let (mut app, mut other) = (stage.app().await, stage.connect());
    for number in 1..=LAST {
        let mut new = download(number);
        // It ends at once.
        new.request.url = "nonsense".to_owned();
        app.create(new).await;
    }
    for number in AHEAD + 1..LAST {
        let task = TaskIdentifier(number);
        assert_eq!(other.call(Call::Remove { session: key(), task }).await, Ok(Reply::Done));
    }
    app.acknowledge(EventNumber(1)).await;
    while app.kept().await.0 != EventNumber(LAST) {}
    let hostile = [(0, 0), (9, 2), (0, 1), (LAST + 1, u64::MAX)];
    for (first, last) in hostile.into_iter().chain([(2, LAST)]) {
        assert_ne!(other.list(u32::MAX).await.1.len(), 0, "{first} {last}");
        app.acknowledge_through(EventNumber(first), Some(EventNumber(last))).await;
        app.status(1).await.unwrap_err();
    }
    assert!(other.list(u32::MAX).await.1.is_empty());
}

#[tokio::test]
async fn tasks_are_listed_in_pages() {
    let stage = stage().await;
    let mut app = stage.app().await;
    let mut calls = Vec::new();
    for number in 1..=1200 {
        let new = Box::new(stage::suspended(download(number)));
        calls.push(app.send(Call::CreateTask { session: key(), new }).await);
    }
    for call in calls {
        assert_eq!(app.reply(call).await, Ok(Reply::Done));
    }
    let (pages, numbers) = app.list(u32::MAX).await;
    assert_eq!(pages, [500, 500, 200]);
    assert!(numbers.into_iter().eq(1..=1200));
    let Ok(Reply::Status(status)) = app.call(Call::Status).await else { panic!("no status") };
    assert_eq!((status.sessions, status.tasks_suspended, status.clients), (1, 1200, 1));
    assert_eq!(status.memory.is_some(), cfg!(target_os = "linux"));
}

#[tokio::test]
async fn a_page_of_long_tasks_is_a_short_one() {
    let stage = stage().await;
    let mut app = stage.app().await;
    for number in 1..=12 {
        let mut new = stage::suspended(download(number));
        new.options.description = Some("x".repeat(60_000));
        app.create(new).await;
    }
    let (pages, numbers) = app.list(500).await;
    assert_eq!(pages, [8, 4]);
    assert!(numbers.into_iter().eq(1..=12));
}

#[tokio::test]
async fn a_page_of_long_responses_fits_into_a_line() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    for (number, quotes) in [(1, 225_000), (2, 259_000)] {
        app.create(download(number)).await;
        let headers = vec![("x".to_owned(), "\"".repeat(quotes))].into();
        let url = format!("http://a/{}", "x".repeat(60_000));
        let response = Response { url, headers, ..Response::default() };
        let done = Done { response, file: None, length: 0, sent: 0 };
        stage.hand().await.end(Ending::Done(done));
        app.kept().await;
    }
    let call = Call::Tasks { session: None, after: None, limit: 500, destined: Vec::new() };
    let result = app.call(call).await;
    assert!(line::encode(&DaemonMessage::Reply { id: CallId(1), result }).is_ok());
    assert_eq!(app.list(500).await, (vec![1, 1], vec![1, 2]));
}

#[tokio::test]
async fn a_shutdown_keeps_what_the_attempts_had() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    let mut hand = stage.hand().await;
    let had = bytes(&hand, 3);
    hand.keeps(had.clone());
    assert_eq!(app.call(Call::Shutdown).await, Ok(Reply::Done));
    assert!(app.closed().await);
    assert!(stage.engine().finished().await.is_ok());

    let mut stage = stage.restart().await;
    let hand = stage.hand().await;
    assert_eq!(hand.attempt.resume, Some(had));
    hand.attempt.notices.resumed(3, Some(5), ResumeRung::StrongEtag);
    let mut app = stage.connect();
    app.call(Call::Watch { session: None, replay: false }).await.unwrap();
    hand.attempt.notices.resumed(3, Some(5), ResumeRung::StrongEtag);
    let (file_offset, expected_total_bytes, rung) = (3, Some(5), ResumeRung::StrongEtag);
    let expected = Event::DidResumeAtOffset { file_offset, expected_total_bytes, rung };
    loop {
        let event = app.event().await;
        if !matches!(event.1, Event::DidChangeState { .. }) {
            assert_eq!(event, (None, expected));
            break;
        }
    }
}

/// An app may be killed once its line is in the socket: nobody says again what was in it.
#[tokio::test]
async fn what_clients_have_written_before_a_stop_is_heard() {
    const TASKS: u64 = 100;
    let stage = stage().await;
    let (mut connection, end) = Connection::pair();
    let (stop_reading, is_last) = oneshot::channel();
    connection.stop_reading = Some(stop_reading);
    let mut app = App::over(stage.engine(), connection, end);
    app.attach(false).await.unwrap();
    let mut calls = Vec::new();
    for number in 1..=TASKS {
        let new = Box::new(stage::suspended(download(number)));
        calls.push(app.send(Call::CreateTask { session: key(), new }).await);
    }
    stage.engine().stop();
    is_last.await.expect("the engine says what is the last to be read");
    app.fall_silent();
    for call in calls {
        assert_eq!(app.reply(call).await, Ok(Reply::Done), "who lives is answered");
    }
    assert!(app.closed().await);

    let stage = stage.restart().await;
    let (_, tasks) = stage.connect().list(u32::MAX).await;
    assert_eq!(tasks, Vec::from_iter(1..=TASKS));
}

#[tokio::test]
async fn durable_bytes_survive_a_crash() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    let hand = stage.hand().await;
    hand.attempt.notices.durable(bytes(&hand, 1));
    hand.attempt.notices.durable(bytes(&hand, 3));
    // The report was in the inbox before the call, so it is committed with it at the latest.
    app.call(Call::Status).await.unwrap();
    let mut stage = stage.crash().await;
    let hand = stage.hand().await;
    // The next engine has another folder.
    assert_eq!(hand.attempt.resume, Some(bytes(&hand, 3)));
    assert_eq!(hand.attempt.progress.counts().received, 3);
}

#[tokio::test]
async fn a_transfer_that_panics_ends_its_task() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    drop(stage.hand().await);
    let (_, Event::DidComplete { error: Some(error), .. }) = app.kept().await else {
        panic!("no error");
    };
    assert_eq!(error.code, ErrorCode::UNKNOWN);
    assert_eq!(error.detail.as_deref(), Some("the transfer panicked"));
    assert_eq!(error.failing_url.as_deref(), Some("http://example.com/1"));
}

#[tokio::test]
async fn errors_of_the_core_name_the_url_without_user_info() {
    let stage = stage().await;
    let mut app = stage.app().await;
    let mut new = stage::suspended(download(1));
    new.request.url = "http://user:secret@example.com/1".into();
    app.create(new).await;
    app.call(Call::Cancel { session: key(), task: TaskIdentifier(1) }).await.unwrap();
    let (_, Event::DidComplete { error: Some(error), .. }) = app.kept().await else {
        panic!("no error");
    };
    assert_eq!(error.code, ErrorCode::CANCELLED);
    assert_eq!(error.failing_url.as_deref(), Some("http://example.com/1"));
    assert_eq!(app.status(1).await.unwrap().error, Some(error.clone()));
    drop(app);
    let stage = stage.restart().await;
    let mut app = stage.app().await;
    let (_, Event::DidComplete { error: stored, .. }) = app.kept().await else {
        panic!("no error");
    };
    assert_eq!(stored, Some(error), "and it was stored so");
}

#[tokio::test]
async fn a_cancelled_download_leaves_its_part_to_the_next() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    let mut hand = stage.hand().await;
    let had = bytes(&hand, 3);
    std::fs::write(&had.part, "byt").unwrap();
    hand.keeps(had.clone());
    let call = Call::CancelByProducingResumeData { session: key(), task: TaskIdentifier(1) };
    let Ok(Reply::ResumeData { resume_data: Some(data) }) = app.call(call).await else {
        panic!("no resume data");
    };
    let kept = resume::decode(&data).unwrap();
    assert_eq!(std::fs::read(&kept.part).unwrap(), b"byt");
    assert!(!had.part.exists());

    let mut new = download(2);
    new.resume_data = Some(data);
    app.create(new).await;
    let hand = stage.hand().await;
    assert_eq!(hand.attempt.resume, Some(kept.clone()));
    assert_eq!(kept.part.parent(), Some(&*hand.attempt.files.kept_parts));
}

#[tokio::test]
async fn a_failed_download_loses_its_part_and_a_removed_task_all() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    let mut hand = stage.hand().await;
    let had = bytes(&hand, 3);
    std::fs::write(&had.part, "byt").unwrap();
    hand.keeps(had.clone());
    app.call(Call::Remove { session: key(), task: TaskIdentifier(1) }).await.unwrap();
    assert!(!had.part.exists());
    assert!(app.status(1).await.is_err());
}

#[tokio::test]
async fn upload_progress_is_told() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(upload(1, stage.engine().state())).await;
    let hand = stage.hand().await;
    hand.attempt.progress.expect_to_send(Some(4));
    hand.attempt.progress.set_sent(4);
    let progress = app.event().await;
    let expected = Event::DidSendBodyData {
        bytes_sent: 4,
        total_bytes_sent: 4,
        total_bytes_expected_to_send: Some(4),
    };
    assert_eq!(progress, (None, expected));
    let done = Done { response: Response::default(), file: None, length: 0, sent: 4 };
    hand.end(Ending::Done(done));
    assert!(matches!(app.kept().await.1, Event::DidComplete { error: None, .. }));
}

#[tokio::test]
async fn nothing_is_answered_before_its_commit_succeeds() {
    let folder = tempfile::tempdir().unwrap();
    let (script, _hands) = Script::new();
    let configuration = EngineConfiguration {
        simulation: None,
        state: Some(folder.path().join("state")),
        ..EngineConfiguration::default()
    };
    let runtime = tokio::runtime::Handle::current();
    let (mut driver, seat) = Driver::new(configuration, runtime, Arc::new(script)).unwrap();
    driver.store.fail(2);
    let engine = Engine::run(driver, seat).unwrap();
    let mut app = App::connect(&engine);
    app.attach(false).await.unwrap();
    app.create(stage::suspended(download(1))).await;
    drop(app);
    engine.stop();
    assert!(engine.finished().await.is_ok());
}

#[tokio::test]
async fn a_stop_gives_a_commit_up_that_cannot_succeed() {
    let (script, _hands) = Script::new();
    let runtime = tokio::runtime::Handle::current();
    let folder = tempfile::tempdir().unwrap();
    let configuration = EngineConfiguration {
        state: Some(folder.path().join("state")),
        ..EngineConfiguration::default()
    };
    let (mut driver, seat) = Driver::new(configuration, runtime, Arc::new(script)).unwrap();
    driver.store.fail(u32::MAX);
    let engine = Engine::run(driver, seat).unwrap();
    let mut app = App::connect(&engine);
    app.send(Call::Attach {
        session: key(),
        configuration: Box::new(SessionConfiguration::default()),
        wait: false,
        owner: None,
    })
    .await;
    engine.stop();
    // The stop may come first: then nothing was lost.
    assert!(matches!(engine.finished().await, Ok(()) | Err(EngineError::Store(_))));
    assert!(app.closed().await);
}

#[tokio::test]
async fn sessions_are_listed_in_pages_that_fit_a_line() {
    let stage = stage().await;
    let mut app = stage.app().await;
    let program = format!("/{}", "p".repeat(60_000));
    for name in 10..30 {
        let command = urlsession_protocol::LaunchCommand {
            program: program.clone().into(),
            arguments: vec!["--token=hidden".into()],
            directory: "/".into(),
            environment: Vec::new(),
        };
        let session = urlsession_protocol::SessionIdentifier::new(format!("s{name}")).unwrap();
        let configuration =
            SessionConfiguration { launch_command: Some(command), ..Default::default() };
        let attach = Call::Attach {
            session: SessionKey { session, ..key() },
            configuration: Box::new(configuration),
            wait: false,
            owner: None,
        };
        app.call(attach).await.unwrap();
    }
    let (mut pages, mut all, mut after) = (0, Vec::new(), None);
    loop {
        let call = Call::Sessions { application: Some(key().application), after };
        let Ok(Reply::Sessions { sessions, more }) = app.call(call).await else { panic!() };
        pages += 1;
        after = sessions.last().map(|last| last.session.clone());
        assert!(sessions.iter().all(|one| !format!("{one:?}").contains("hidden")));
        all.extend(sessions.into_iter().map(|one| one.session.session.as_str().to_owned()));
        if !more {
            break;
        }
    }
    let mut expected: Vec<String> = (10..30).map(|name| format!("s{name}")).collect();
    expected.push(key().session.as_str().to_owned());
    expected.sort();
    assert_eq!((pages, all), (3, expected));
    let application = Some(urlsession_protocol::ApplicationId::new("another").unwrap());
    let none = app.call(Call::Sessions { application, after: None }).await;
    assert_eq!(none, Ok(Reply::Sessions { sessions: Vec::new(), more: false }));
}

#[tokio::test]
async fn an_engine_in_memory_leaves_nothing_behind() {
    let (script, mut hands) = Script::new();
    let engine = in_memory(script);
    let mut app = App::connect(&engine);
    app.attach(false).await.unwrap();
    app.create(download(1)).await;
    let hand: Hand = hands.recv().await.unwrap();
    assert!(hand.attempt.files.finished.starts_with(engine.state()));
    hand.done(b"bytes");
    app.kept().await;
    let state = engine.state().to_owned();
    assert!(state.exists());
    engine.stop();
    engine.finished().await.unwrap();
    assert!(!state.exists());
}

/// Nobody can come back for the events of a session in a process.
#[tokio::test]
async fn a_session_in_memory_goes_with_its_app() {
    let (script, mut hands) = Script::new();
    let engine = in_memory(script);
    let mut app = App::connect(&engine);
    app.attach(false).await.unwrap();
    app.create(download(1)).await;
    hands.recv().await.unwrap().done(b"bytes");
    let (file, _) = app.kept().await;
    app.kept().await;
    app.acknowledge(file).await;
    app.create(stage::suspended(download(2))).await;
    app.create(download(3)).await;
    let _hand = hands.recv().await.unwrap();
    app.send(Call::InvalidateAndCancel { session: key() }).await;
    drop(app);
    // What is stopped tells its end a little later.
    let mut other = App::connect(&engine);
    let mut left = u64::MAX;
    for _ in 0..1000 {
        let Ok(Reply::Status(status)) = other.call(Call::Status).await else { panic!() };
        left = status.sessions;
        if left == 0 {
            break;
        }
    }
    assert_eq!(left, 0);
}

#[tokio::test]
async fn it_is_idle_when_nobody_is_there_and_nothing_is_left() {
    let mut stage = stage().await;
    let mut idle = stage.engine().idle();
    idle.wait_for(|idle| *idle).await.unwrap();
    let mut app = stage.app().await;
    assert!(!*idle.borrow_and_update());
    app.create(download(1)).await;
    let hand = stage.hand().await;
    drop(app);
    let error = urlsession_protocol::Error::new(ErrorCode::BAD_URL);
    hand.end(Ending::Failed { error, cause: Cause::Permanent, resume: None, progressed: false });
    idle.wait_for(|idle| *idle).await.unwrap();
}

#[tokio::test]
async fn a_task_whose_path_has_no_spelling_is_refused_alone() {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let mut stage = stage().await;
        let mut app = stage.app().await;
        let mut new = download(1);
        let path = std::ffi::OsStr::from_bytes(b"/folder/\xff").into();
        new.kind = urlsession_protocol::TaskKind::Download { destination: Some(path) };
        let new = Box::new(new);
        assert!(app.call(Call::CreateTask { session: key(), new }).await.is_err());
        app.create(download(1)).await;
        assert_eq!(task_of(&stage.hand().await), 1);
    }
}
