//! Where a process, a wait or a method is not what it mostly is.

use super::*;
use crate::TaskOptions;

#[test]
fn a_fork_of_the_process_has_none_of_its_sessions() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let link = Arc::clone(session.link());
    let mut events = session.events();
    let task = session.task(TaskIdentifier(1));
    peer.event(1, 1, complete());
    let delivery = events.recv().unwrap();

    link.be_of(0);
    let lost = |result: Result<(), Error>| {
        assert_eq!(result.unwrap_err().code(), ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED);
    };
    lost(session.download_task(URL).map(drop));
    lost(session.tasks().map(drop));
    lost(session.finish_tasks_and_invalidate());
    lost(session.synced(LONG));
    lost(task.resume());
    delivery.acknowledge();
    assert_eq!(events.recv_timeout(LONG).unwrap_err(), RecvTimeoutError::Disconnected);
    assert!(link.is_over(), "a new one is made for the same identifier");
    drop((task, events, session));

    // Nothing of it was written, and the connection is still that of the process itself.
    link.be_of(std::process::id());
    link.post(Call::Status, Box::new(drop)).unwrap();
    assert!(matches!(peer.call(), (CallId(1), Call::Status)));
}

#[test]
fn who_waited_for_an_owner_has_time_for_the_next_daemon() {
    for wait_for_owner in [true, false] {
        let fake = Fake::new();
        let mut configuration = background();
        configuration.wait_for_owner = wait_for_owner;
        let opening = fake.open(configuration);
        let mut peer = fake.accept();
        assert!(matches!(peer.call().1, Call::Attach { .. }));
        // It dies while the other owner is there, perhaps after days.
        drop(peer);
        fake.accept().attach(1);
        opening.join().unwrap().unwrap();
        let deadlines = fake.deadlines.lock().unwrap();
        assert_eq!(deadlines[0] != deadlines[1], wait_for_owner);
    }
}

#[test]
fn a_daemon_that_hangs_up_at_once_is_looked_for_no_longer_than_one_that_is_gone() {
    let fake = Fake::new();
    let (session, peer) = fake.session(background());
    drop(peer);
    for _ in 0..4 {
        fake.accept().attach(1);
    }
    let peer = fake.accept();
    let deadlines = fake.deadlines.lock().unwrap().clone();
    // On a busy machine one of them may live longer.
    assert!(deadlines[1..].windows(2).any(|two| two[0] == two[1]), "{deadlines:?}");
    drop((session, peer));
}

#[test]
fn a_get_with_a_body_becomes_a_post_however_it_is_spelled() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"abc").unwrap();
    for method in ["GET", "get", "Get"] {
        let mut request = crate::Request::new(URL).unwrap();
        method.clone_into(&mut request.method);
        session.data_task(request, Some(UploadSource::File(file.clone()))).unwrap();
        let (_, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
        assert_eq!(new.request.method, "POST", "{method}");
    }
}

/// what a task says of retries => what it has, in a background session and in one of the process
#[test]
fn who_is_retried_unasked() {
    type Ask = fn(&mut TaskOptions);
    let asks: [(Ask, [Option<u32>; 2]); 6] = [
        (|_| {}, [None, Some(0)]),
        (|options| options.no_unsafe_retry = true, [None, Some(0)]),
        (|options| options.maximum_retries = Some(3), [Some(3), Some(3)]),
        (|options| options.retry_interval = Some(1000), [None, None]),
        (|options| options.timeout_interval_for_retries = Some(1000), [None, None]),
        (|options| options.retry_statuses = vec![503], [None, None]),
    ];
    for configuration in
        [background(), SessionConfiguration::default(), SessionConfiguration::ephemeral()]
    {
        let is_ours = configuration.identifier().is_none();
        let (session, mut peer) = Fake::new().session(configuration);
        for (number, (ask, expected)) in asks.iter().enumerate() {
            let mut options = UploadOptions::default();
            ask(&mut options.task);
            session.data_task_with(URL, None, options).unwrap();
            let (_, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
            assert_eq!(new.options.maximum_retries, expected[usize::from(is_ours)], "{number}");
        }
    }
}

#[test]
fn a_completion_is_called_or_the_call_fails() {
    type Ask = fn(&Session, Sender<ErrorCode>) -> Result<(), Error>;
    let asks: [Ask; 3] = [
        |session, told| {
            session.flush_with(move |result| told.send(result.unwrap_err().code()).unwrap())
        },
        |session, told| {
            session.reset_with(move |result| told.send(result.unwrap_err().code()).unwrap())
        },
        |session, told| {
            let task = session.task(TaskIdentifier(1)).into_download();
            task.cancel_by_producing_resume_data_with(move |result| {
                told.send(result.unwrap_err().code()).unwrap();
            })
        },
    ];
    for ask in asks {
        let fake = Fake::new();
        let (session, mut peer) = fake.session(background());
        peer.stop_reading();
        // There is nobody to connect to again.
        drop(fake);
        let (tell, told) = channel();
        assert_eq!(ask(&session, tell), Ok(()));
        assert_eq!(told.recv_timeout(LONG), Ok(ErrorCode::UNKNOWN));
    }
}

#[test]
fn bytes_wait_where_the_daemon_says() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut fake = Fake::new();
    fake.state = Some(one.path().to_owned());
    let (session, mut peer) = fake.session(background());
    for (number, state) in [(1, one.path()), (2, other.path())] {
        assert_eq!(session.state_folder().as_deref(), Some(state));
        session.upload_task(URL, UploadSource::Bytes(b"abc".into())).unwrap();
        let (id, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
        let Some(Body::Spool { path, length: 3 }) = new.request.body else { panic!("no copy") };
        assert_eq!(path.parent(), Some(&*state.join("spool")));
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        peer.reply(id, Ok(Reply::Done));
        session.synced(LONG).unwrap();
        // The next daemon has another home.
        fake.state = Some(other.path().to_owned());
        drop(peer);
        peer = fake.accept();
        peer.attach(number + 1);
        // What is answered was asked over the new connection.
        let task = session.task(TaskIdentifier(number));
        task.suspend().unwrap();
        let (id, _) = peer.call();
        peer.reply(id, Ok(Reply::Done));
    }
}

/// Its store was lost, or moved aside: of the tasks in there nobody would ever hear.
#[test]
fn a_daemon_that_forgot_everything_ends_the_session() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let mut events = session.events();
    session.download_task(URL).unwrap();
    let (call, _) = peer.call();
    peer.reply(call, Ok(Reply::Done));
    peer.event(1, 1, finished("/old"));
    assert_eq!(events.recv().unwrap().event, finished("/old"));
    drop(peer);

    let mut peer = fake.accept();
    peer.attach(1);
    let lost = ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED;
    let told = events.recv_timeout(LONG).expect("the app is told").event;
    let Event::DidBecomeInvalid { error: Some(error) } = told else { panic!("{told:?}") };
    assert_eq!((error.code, events.recv().is_none()), (lost, true), "{error}");
    assert_eq!(session.download_task(URL).unwrap_err().code, lost);
}
