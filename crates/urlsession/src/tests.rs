//! The client against a daemon that says what the test says.

mod edges;
mod fake;

use crate::delegate::SessionDelegate;
use crate::session::Session;
use crate::{
    Acknowledgement, Delivery, DownloadOptions, Error, ErrorCode, Event, Events, RequestEdit,
    SessionConfiguration, Task, UploadOptions, UploadSource, registry,
};
use fake::{Fake, Peer, key};
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;
use urlsession_protocol::{Body, Call, CallId, Reply, TaskIdentifier, TaskKind};

const LONG: Duration = Duration::from_secs(20);
const URL: &str = "http://127.0.0.1:9/file";

fn background() -> SessionConfiguration {
    SessionConfiguration::background("s")
}

fn complete() -> Event {
    Event::DidComplete { error: None, response: None, metrics: None }
}

fn finished(path: &str) -> Event {
    Event::DidFinishDownloading { path: path.into(), length: 3 }
}

fn wrote(bytes: u64, total: u64) -> Event {
    Event::DidWriteData {
        bytes_written: bytes,
        total_bytes_written: total,
        total_bytes_expected_to_write: Some(100),
    }
}

fn created(call: Call) -> u64 {
    match call {
        Call::CreateTask { new, .. } => new.task.0,
        other => panic!("no new task but {other:?}"),
    }
}

#[test]
fn a_task_is_numbered_written_and_born_suspended() {
    let fake = Fake::new();
    let opening = fake.open(background());
    let mut peer = fake.accept();
    peer.attach(7);
    let session = opening.join().unwrap().unwrap();

    let task = session.download_task(URL).unwrap();
    assert_eq!(task.task_identifier(), TaskIdentifier(7));
    task.resume().unwrap();
    let options =
        DownloadOptions { destination: Some("there".into()), resume: true, ..Default::default() };
    session.download_task_with(URL, options).unwrap();

    let (first, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
    assert!(!new.resume);
    let (second, Call::Resume { task, .. }) = peer.call() else { panic!("no resume") };
    assert_eq!(task, TaskIdentifier(7));
    let (third, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
    assert_eq!([first, second, third], [CallId(1), CallId(2), CallId(3)]);
    assert!(new.resume);
    let TaskKind::Download { destination: Some(path) } = new.kind else { panic!("no path") };
    assert!(path.is_absolute());
}

#[test]
fn numbers_go_out_in_order_from_many_threads() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let threads: Vec<_> = (0..4)
        .map(|_| {
            let session = session.clone();
            std::thread::spawn(move || {
                for _ in 0..50 {
                    session.download_task(URL).unwrap();
                }
            })
        })
        .collect();
    for expected in 1..=200 {
        let (id, call) = peer.call();
        assert_eq!((id, created(call)), (CallId(expected), expected));
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
}

#[test]
fn what_was_not_answered_is_written_again_in_order() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    for _ in 0..3 {
        session.download_task(URL).unwrap();
    }
    let (first, _) = peer.call();
    peer.reply(first, Ok(Reply::Done));
    let (second, _) = peer.call();
    // The first is answered for certain once a later answer was seen.
    peer.reply(second, Ok(Reply::Done));
    let third = peer.call();
    drop(peer);

    let mut peer = fake.accept();
    peer.attach(3);
    assert_eq!(peer.call(), third);
    peer.reply(third.0, Ok(Reply::Done));
    session.synced(LONG).unwrap();
    assert_eq!(session.download_task(URL).unwrap().task_identifier(), TaskIdentifier(4));
}

#[test]
fn a_number_that_may_be_anothers_is_given_up() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let mut events = session.events();
    let first = session.download_task(URL).unwrap();
    let second = session.download_task(URL).unwrap();
    first.cancel().unwrap();
    second.cancel().unwrap();
    let edited = std::thread::spawn({
        let first = first.clone();
        move || first.edit(RequestEdit::default())
    });
    let calls: Vec<_> = (0..5).map(|_| peer.call()).collect();
    drop(peer);

    let mut peer = fake.accept();
    peer.attach_after_another(2);
    assert_eq!(peer.call(), calls[1], "nobody has had the second number");
    assert_eq!(peer.call(), calls[3]);
    for (id, _) in [&calls[1], &calls[3]] {
        peer.reply(*id, Ok(Reply::Done));
    }
    session.synced(LONG).unwrap();
    let lost = ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED;
    assert_eq!(edited.join().unwrap().unwrap_err().code(), lost);
    assert_eq!(first.refusal().map(Error::code), Some(lost));
    assert!(second.refusal().is_none());
    let told = events.recv().unwrap();
    assert_eq!(told.task, Some(TaskIdentifier(1)));
    assert!(matches!(told.event, Event::DidComplete { error: Some(_), .. }), "{told:?}");
    assert_eq!(first.cancel().unwrap_err().code(), lost, "it may be another's task");
}

#[test]
fn a_call_made_while_the_daemon_is_away_waits_for_it() {
    let fake = Fake::new();
    let (session, peer) = fake.session(background());
    drop(peer);
    let caller = session.clone();
    let calling =
        std::thread::spawn(move || caller.download_task(URL).map(|t| t.task_identifier()));
    let mut peer = fake.accept();
    peer.attach(1);
    assert_eq!(created(peer.call().1), 1);
    assert_eq!(calling.join().unwrap().unwrap(), TaskIdentifier(1));
}

#[test]
fn a_handled_event_that_comes_again_is_acknowledged_silently() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let mut events = session.events();
    peer.event(1, 1, finished("/a"));
    peer.event(1, 2, complete());
    assert_eq!(events.recv().unwrap().event, finished("/a"));
    assert_eq!(events.recv().unwrap().event, complete());
    assert_eq!(peer.ack(), 1, "asking for the next event acknowledges the one before");
    drop(peer);

    let mut peer = fake.accept();
    peer.attach(2);
    peer.event(1, 1, finished("/a"));
    assert_eq!(peer.ack(), 1);
    peer.event(1, 2, complete());
    peer.event(0, 0, Event::DidFinishEvents);
    assert_eq!(events.recv().unwrap().event, Event::DidFinishEvents, "2 is still being handled");
    assert_eq!(peer.ack(), 2);
}

#[test]
fn explicit_acknowledgement_waits_for_the_app() {
    let fake = Fake::new();
    let mut configuration = background();
    configuration.acknowledgement = Acknowledgement::Explicit;
    let (session, mut peer) = fake.session(configuration);
    let mut events = session.events();
    peer.event(1, 1, finished("/a"));
    peer.event(1, 2, complete());
    let first = events.recv().unwrap();
    let second = events.recv().unwrap();
    assert_eq!(events.try_recv().map(|d| d.event), None);
    second.acknowledge();
    second.acknowledge();
    first.acknowledge();
    assert_eq!((peer.ack(), peer.ack()), (2, 1));
}

#[test]
fn neighbouring_events_are_acknowledged_in_one_line() {
    let fake = Fake::new();
    let mut configuration = background();
    configuration.acknowledgement = Acknowledgement::Explicit;
    let (session, mut peer) = fake.session(configuration);
    let mut events = session.events();
    for number in [1, 2, 3, 5, 6, 9] {
        peer.event(number, number, complete());
    }
    let mut deliveries: Vec<_> = (0..6).map(|_| events.recv().unwrap()).collect();
    deliveries[0].acknowledge();
    assert_eq!(peer.ack(), 1);
    Delivery::acknowledge_all(&deliveries);
    assert_eq!([peer.acks(), peer.acks(), peer.acks()], [(2, Some(3)), (5, Some(6)), (9, None)]);
    // What is in no order is told all the same.
    for number in [11, 12] {
        peer.event(number, number, complete());
    }
    deliveries = (0..2).map(|_| events.recv().unwrap()).collect();
    deliveries.reverse();
    Delivery::acknowledge_all(&deliveries);
    assert_eq!([peer.acks(), peer.acks()], [(12, None), (11, None)]);
}

#[test]
fn unread_progress_is_merged() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    for total in 1..=50 {
        peer.event(1, 0, wrote(1, total));
        peer.event(2, 0, wrote(1, total));
    }
    peer.event(1, 1, finished("/a"));
    settle(&session, &mut peer);
    let mut events = session.events();
    let told: Vec<_> = (0..3).map(|_| events.recv().unwrap()).map(|d| (d.task, d.event)).collect();
    let (one, two) = (Some(TaskIdentifier(1)), Some(TaskIdentifier(2)));
    assert_eq!(told, [(one, wrote(50, 50)), (two, wrote(50, 50)), (one, finished("/a"))]);
}

#[test]
fn a_refused_task_completes_with_the_refusal() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let task = session.download_task(URL).unwrap();
    let timed_out = session.synced(Duration::ZERO).unwrap_err();
    assert_eq!(timed_out.code(), ErrorCode::TIMED_OUT);
    let (id, _) = peer.call();
    let refusal = Error::new(ErrorCode::BAD_URL);
    peer.reply(id, Err(refusal.clone()));
    session.synced(LONG).unwrap();
    assert_eq!(task.refusal(), Some(&refusal));
    let delivery = session.events().recv().unwrap();
    assert_eq!(delivery.task, Some(TaskIdentifier(1)));
    assert_eq!(
        delivery.event,
        Event::DidComplete { error: Some(refusal), response: None, metrics: None }
    );
}

#[test]
fn a_snapshot_outlives_its_file_and_one_of_nothing_fails_when_it_runs() {
    let folder = tempfile::tempdir().unwrap();
    let own = folder.path().join("own");
    std::fs::write(&own, b"abc").unwrap();
    let body =
        |path| crate::spool::body(UploadSource::Snapshot(path), Some(folder.path())).unwrap();
    let Body::Spool { path, length: 3 } = body(own.clone()) else { panic!("no snapshot") };
    std::fs::remove_file(&own).unwrap();
    assert_eq!(std::fs::read(path).unwrap(), b"abc");
    assert!(matches!(body(own), Body::File { length: 0, .. }));
}

#[test]
fn bytes_are_on_disk_before_the_task_is_written_and_go_with_a_refusal() {
    let fake = Fake::new();
    let state = tempfile::tempdir().unwrap();
    let session = {
        let (session, mut peer) = fake.session(background());
        let body = crate::spool::body(UploadSource::Bytes(b"abc".into()), Some(state.path()));
        let mut request = crate::Request::new(URL).unwrap();
        "PUT".clone_into(&mut request.method);
        request.body = Some(body.unwrap());
        // What cannot be a request leaves nothing.
        let bytes = crate::spool::body(UploadSource::Bytes(b"x".into()), Some(state.path()));
        let wrong = crate::Request { method: "A B".into(), body: bytes.ok(), ..request.clone() };
        assert!(session.data_task_with(wrong, None, UploadOptions::default()).is_err());
        assert_eq!(state.path().join("spool").read_dir().unwrap().count(), 1);
        session.data_task_with(request, None, UploadOptions::default()).unwrap();
        let (id, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
        let Some(Body::Spool { path, length: 3 }) = new.request.body else { panic!("no copy") };
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
        assert_private(&path);
        peer.reply(id, Err(Error::new(ErrorCode::UNKNOWN)));
        session.synced(LONG).unwrap();
        assert!(!path.exists());
        session
    };
    drop(session);
}

#[test]
fn a_missing_upload_file_is_no_error_of_the_call() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    session.upload_task(URL, UploadSource::File("/does/not/exist".into())).unwrap();
    let (_, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
    let nothing = Body::File { path: "/does/not/exist".into(), length: 0, modified: 0 };
    assert_eq!((new.request.body, new.request.method.as_str()), (Some(nothing), "POST"));
}

#[test]
fn a_session_of_another_process_is_refused() {
    let fake = Fake::new();
    let opening = fake.open(background());
    let mut peer = fake.accept();
    let (id, _) = peer.call();
    let taken = Error::new(ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS);
    peer.reply(id, Err(taken.clone()));
    assert_eq!(opening.join().unwrap().unwrap_err(), taken);
}

#[test]
fn a_session_that_was_taken_meanwhile_becomes_invalid() {
    let fake = Fake::new();
    let (session, peer) = fake.session(background());
    drop(peer);
    let mut peer = fake.accept();
    let (id, _) = peer.call();
    let taken = Error::new(ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS);
    peer.reply(id, Err(taken.clone()));
    let events: Vec<_> = session.events().into_iter().map(|delivery| delivery.event).collect();
    assert_eq!(events, [Event::DidBecomeInvalid { error: Some(taken.clone()) }]);
    assert_eq!(session.download_task(URL).unwrap_err(), taken);
    assert_eq!(session.tasks().unwrap_err(), taken);
}

#[test]
fn an_idle_daemon_that_is_about_to_leave_is_tried_again() {
    let fake = Fake::new();
    let opening = fake.open(background());
    drop(fake.accept());
    fake.accept().attach(1);
    opening.join().unwrap().unwrap();
}

#[test]
fn an_invalidated_session_refuses_tasks_and_ends() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    session.finish_tasks_and_invalidate().unwrap();
    assert!(session.download_task(URL).is_err());
    assert!(matches!(peer.call().1, Call::FinishTasksAndInvalidate { .. }));
    drop(peer);

    let mut peer = fake.accept();
    peer.attach(1);
    assert!(matches!(peer.call().1, Call::FinishTasksAndInvalidate { .. }));
    peer.event(0, 0, Event::DidBecomeInvalid { error: None });
    let events: Vec<_> = session.events().into_iter().map(|delivery| delivery.event).collect();
    assert_eq!(events, [Event::DidBecomeInvalid { error: None }]);
}

#[test]
fn dropping_the_last_handle_hangs_up() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let task: Task = session.download_task(URL).unwrap().into();
    drop(session);
    task.resume().unwrap();
    drop(task);
    assert_eq!(created(peer.call().1), 1);
    assert!(matches!(peer.call().1, Call::Resume { .. }));
    peer.assert_hung_up();
}

#[test]
fn detaching_gives_the_session_back() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let (clone, mut events) = (session.clone(), session.events());
    let detaching = std::thread::spawn(move || session.detach());
    let (id, Call::Detach { .. }) = peer.call() else { panic!("no detach") };
    peer.reply(id, Ok(Reply::Done));
    detaching.join().unwrap();
    peer.assert_hung_up();
    assert!(events.recv().is_none());
    assert_eq!(
        clone.download_task(URL).unwrap_err().code(),
        ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED
    );
}

#[test]
fn one_identifier_is_one_session() {
    let fake = Fake::new();
    let name = key("shared");
    let (session, peer) = fake.session(background());
    let first = registry::share(&name, || Ok(session)).unwrap();
    let second = registry::share(&name, || panic!("there is one")).unwrap();
    assert!(Arc::ptr_eq(first.link(), second.link()));
    first.detach_for_test(peer);
    let (session, _peer) = fake.session(background());
    let third = registry::share(&name, || Ok(session)).unwrap();
    assert!(!Arc::ptr_eq(second.link(), third.link()));
}

#[test]
fn events_are_a_stream() {
    struct Count(AtomicU32);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let count = Arc::new(Count(AtomicU32::new(0)));
    let waker = Waker::from(Arc::clone(&count));
    let mut context = Context::from_waker(&waker);
    let mut events = pin!(session.events());
    let mut poll = |events: std::pin::Pin<&mut Events>| {
        futures_core::Stream::poll_next(events, &mut context).map(|d| d.map(|d| d.event))
    };
    assert_eq!(poll(events.as_mut()), Poll::Pending);
    peer.event(1, 1, complete());
    settle(&session, &mut peer);
    assert_eq!(count.0.load(Ordering::SeqCst), 1);
    assert_eq!(poll(events.as_mut()), Poll::Ready(Some(complete())));
    assert_eq!(poll(events.as_mut()), Poll::Pending);
    assert_eq!(peer.ack(), 1);
}

#[test]
fn a_delegate_is_told_in_order() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let told = delegate(&session, "");
    peer.event(1, 0, wrote(5, 5));
    assert_eq!(told.recv().unwrap(), "1 wrote 5");
    peer.event(1, 1, finished("/a"));
    peer.event(1, 2, complete());
    peer.event(0, 0, Event::DidFinishEvents);
    assert_eq!((peer.ack(), peer.ack()), (1, 2));
    let rest: Vec<_> = (0..3).map(|_| told.recv().unwrap()).collect();
    assert_eq!(rest, ["1 finished /a", "1 complete", "finish events"]);
    assert_eq!(session.events().recv_timeout(LONG).unwrap_err(), RecvTimeoutError::Disconnected);
}

#[test]
fn a_panicking_delegate_sees_its_event_again() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let told = delegate(&session, "1 finished /a");
    peer.event(1, 1, finished("/a"));
    peer.event(1, 2, complete());
    peer.event(2, 3, complete());
    assert_eq!(peer.ack(), 3, "what follows the failed event of a task is owed too");
    drop(peer);
    let mut peer = fake.accept();
    peer.attach(1);
    peer.event(1, 1, finished("/a"));
    let all: Vec<_> = (0..4).map(|_| told.recv().unwrap()).collect();
    assert_eq!(all, ["1 finished /a", "1 complete", "2 complete", "1 finished /a"]);
}

#[test]
fn an_invalidated_session_lives_until_its_delegate_knows() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let told = delegate(&session, "");
    session.invalidate_and_cancel().unwrap();
    drop(session);
    assert!(matches!(peer.call().1, Call::InvalidateAndCancel { .. }));
    peer.event(1, 1, complete());
    assert_eq!(peer.ack(), 1);
    peer.event(0, 0, Event::DidBecomeInvalid { error: None });
    assert_eq!(told.iter().collect::<Vec<_>>(), ["1 complete", "invalid"]);
    peer.assert_hung_up();
}

#[test]
fn resume_data_is_handed_over() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let task = session.download_task(URL).unwrap();
    created(peer.call().1);
    let (told, tell) = channel();
    task.cancel_by_producing_resume_data_with(move |data| told.send(data).unwrap()).unwrap();
    let (id, Call::CancelByProducingResumeData { .. }) = peer.call() else { panic!("no cancel") };
    let data = crate::ResumeData(crate::Secret::new("opaque"));
    peer.reply(id, Ok(Reply::ResumeData { resume_data: Some(data.clone()) }));
    assert_eq!(tell.recv().unwrap(), Ok(Some(data)));
}

#[test]
fn a_call_that_does_not_fit_into_a_line_is_refused_alone() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let mut options = DownloadOptions::default();
    options.task.description = Some("x".repeat(2 * 1024 * 1024));
    assert!(session.download_task_with(URL, options).is_err());
    assert_eq!(session.download_task(URL).unwrap().task_identifier(), TaskIdentifier(1));
    assert_eq!(peer.call().0, CallId(1));
}

/// Waits until the client has taken in what was said so far.
fn settle(session: &Session, peer: &mut Peer) {
    let asking = session.clone();
    let asked = std::thread::spawn(move || asking.tasks().unwrap());
    let (id, Call::Tasks { .. }) = peer.call() else { panic!("no question") };
    peer.reply(id, Ok(Reply::Tasks { tasks: Vec::new(), more: false }));
    asked.join().unwrap();
}

impl Session {
    fn detach_for_test(self, mut peer: Peer) {
        let detaching = std::thread::spawn(move || self.detach());
        let (id, _) = peer.call();
        peer.reply(id, Ok(Reply::Done));
        detaching.join().unwrap();
    }
}

/// Installs a delegate that writes down what it is told, and panics afterwards at that one line.
fn delegate(session: &Session, panics_at: &'static str) -> Receiver<String> {
    let (told, tell) = channel();
    session.delegate(Box::new(Told { told, panics_at })).unwrap();
    tell
}

struct Told {
    told: Sender<String>,
    panics_at: &'static str,
}

impl Told {
    fn tell(&self, line: String) {
        let panics = line == self.panics_at;
        let _ = self.told.send(line);
        assert!(!panics, "as the test wants");
    }
}

impl SessionDelegate for Told {
    fn did_write_data(&mut self, task: &Task, _: u64, total: u64, _: Option<u64>) {
        self.tell(format!("{} wrote {total}", task.task_identifier()));
    }

    fn did_finish_downloading_to(&mut self, task: &Task, location: &Path, _: u64) {
        self.tell(format!("{} finished {}", task.task_identifier(), location.display()));
    }

    fn did_complete(&mut self, task: &Task, _: Option<&crate::Response>, _: Option<&Error>) {
        self.tell(format!("{} complete", task.task_identifier()));
    }

    fn did_finish_events(&mut self, _: &Session) {
        self.tell("finish events".to_owned());
    }

    fn did_become_invalid(&mut self, _: &Session, _: Option<&Error>) {
        self.tell("invalid".to_owned());
    }
}

fn assert_private(path: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}
