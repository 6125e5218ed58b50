//! What is tried, each in a process with a home of its own.

use crate::app::{App, kill};
use crate::{app, cases, decisions};
use std::collections::BTreeMap;
use std::io::Write as _;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use urlsession::{
    Cookie, CookieIdentity, Credential, Daemon, DelayedRequestDisposition, DownloadOptions, Error,
    ErrorCode, Event, Events, LaunchCommand, RequestCachePolicy, RequestEdit, Response, Secret,
    Session, SessionConfiguration, SessionDelegate, Task, TaskIdentifier, TaskMetrics, TaskState,
    TransactionMetrics, UploadSource, UrlCache,
};
use urlsession_testkit::server::{Answer, Server};

pub(crate) const LONG: Duration = Duration::from_secs(60);
/// Larger than what may be fetched twice, and than any buffer.
const LARGE: u64 = 24 * 1024 * 1024;

pub(crate) const SCENARIOS: [(&str, fn()); 33] = [
    ("a_download_arrives_whole", a_download_arrives_whole),
    ("bytes_are_uploaded_and_answered", bytes_are_uploaded_and_answered),
    ("a_missing_file_completes_with_its_error", a_missing_file_completes_with_its_error),
    ("a_killed_app_finds_its_file", a_killed_app_finds_its_file),
    ("a_killed_daemon_goes_on", a_killed_daemon_goes_on),
    ("a_second_process_is_refused_until_the_first_dies", a_second_process_is_refused),
    ("resume_data_goes_on_in_a_new_task", resume_data_goes_on_in_a_new_task),
    ("an_invalidated_session_ends", an_invalidated_session_ends),
    ("an_expired_url_is_replaced_by_the_delegate", an_expired_url_is_replaced),
    ("a_tool_sees_and_stops_everything", a_tool_sees_and_stops_everything),
    ("a_session_in_process_leaves_nothing", a_session_in_process_leaves_nothing),
    ("an_app_that_is_gone_is_launched", an_app_that_is_gone_is_launched),
    ("a_flush_and_a_reset_are_answered", a_flush_and_a_reset_are_answered),
    ("a_place_that_others_may_write_is_refused", a_place_that_others_may_write_is_refused),
    ("cookies_belong_to_the_application", cookies_belong_to_the_application),
    ("an_ephemeral_session_has_its_own_cookies", an_ephemeral_session_has_its_own_cookies),
    ("responses_are_kept_as_the_session_says", responses_are_kept_as_the_session_says),
    ("a_delegate_decides_about_redirects", decisions::a_delegate_decides_about_redirects),
    ("a_redirect_is_an_event_with_an_answer", decisions::a_redirect_is_an_event_with_an_answer),
    ("a_delegate_answers_a_daemon", decisions::a_delegate_answers_a_daemon),
    ("no_kept_credentials", decisions::a_session_without_kept_credentials_shows_none),
    ("a_background_session_follows", decisions::a_background_session_follows_without_asking),
    ("fields_of_session_and_request", cases::fields_of_session_and_request),
    ("a_cancelled_task_ends_once", cases::a_cancelled_task_ends_once),
    ("unfinished_tasks_are_listed", cases::unfinished_tasks_are_listed),
    ("surplus_resumes_do_nothing", cases::surplus_resumes_do_nothing),
    ("resume_data_of_nothing", cases::resume_data_of_nothing),
    ("the_patience_of_a_request", cases::the_patience_of_a_request),
    ("tasks_of_many_threads", cases::tasks_of_many_threads),
    ("cookies_of_a_session", cases::cookies_of_a_session),
    ("known_hosts_of_a_session", cases::known_hosts_of_a_session),
    ("a_credential_lets_in", cases::a_credential_lets_in),
    ("an_app_is_no_daemon", app::an_app_is_no_daemon),
];

/// Apps that scenarios start: they tell a line when they are where the scenario wants them.
pub(crate) const APPS: [(&str, fn()); 3] = [
    ("start", app_start),
    ("launched", app_launched),
    ("taken for the daemon", app::app_taken_for_the_daemon),
];

fn session() -> Session {
    Session::new(SessionConfiguration::background("s")).expect("the daemon is reached")
}

fn a_download_arrives_whole() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LARGE).etag("\"1\""));
    let session = session();
    let folder = tempfile::tempdir().expect("a folder");
    let destination = Some(folder.path().join("file"));
    let options = DownloadOptions { destination, resume: true, ..Default::default() };
    let task = session.download_task_with(server.url("/file"), options).expect("it is taken");
    session.synced(LONG).expect("it is durable");
    assert_eq!(task.refusal(), None);
    let told = until_complete(&mut session.events(), task.task_identifier());
    assert!(
        matches!(&told[..], [Event::DidFinishDownloading { .. }, Event::DidComplete {
        error: None, response: Some(response), ..
    }] if response.status_code == 200),
        "{told:?}"
    );
    assert_whole(&folder.path().join("file"));
}

/// Gives the task a fresh URL, and tells how it ended.
struct Renewer {
    fresh: String,
    ended: Sender<Option<Error>>,
    measured: bool,
}

impl SessionDelegate for Renewer {
    fn will_begin_delayed_request(
        &mut self,
        _: &Task,
        error: Option<&Error>,
    ) -> DelayedRequestDisposition {
        assert_eq!(error.and_then(|error| error.status_code), Some(401));
        DelayedRequestDisposition::UseNewRequest(RequestEdit {
            url: Some(self.fresh.clone()),
            credential: Some(Credential::new("me", "opensesame")),
            ..RequestEdit::default()
        })
    }

    fn did_finish_collecting_metrics(&mut self, task: &Task, metrics: &TaskMetrics) {
        let status =
            |one: &TransactionMetrics| one.response.as_ref().map(|response| response.status_code);
        let statuses: Vec<_> = metrics.transaction_metrics.iter().map(status).collect();
        assert_eq!(statuses, [Some(401), Some(401), Some(200)]);
        assert_eq!(task.status().expect("it is known").metrics.as_deref(), Some(metrics));
        self.measured = true;
    }

    fn did_complete(&mut self, _: &Task, _: Option<&Response>, error: Option<&Error>) {
        assert!(self.measured, "metrics come before the completion");
        self.ended.send(error.cloned()).expect("the scenario listens");
    }
}

fn an_expired_url_is_replaced() {
    let server = Server::start();
    server.on("/old", Answer::status_only(401));
    let challenge = Answer::status_only(401).header("WWW-Authenticate", "Basic realm=\"r\"");
    server.on("/fresh", challenge.times(1).then(Answer::ok("content")));
    let (ended, end) = channel();
    let delegate = Renewer { fresh: server.url("/fresh"), ended, measured: false };
    let configuration = SessionConfiguration::background("s");
    let session = Session::with_delegate(configuration, delegate).expect("the daemon is reached");
    let mut options = DownloadOptions { resume: true, ..Default::default() };
    options.task.recoverable_statuses = vec![401];
    session.download_task_with(server.url("/old"), options).expect("it is taken");
    assert_eq!(end.recv_timeout(LONG), Ok(None));
    let shown: Vec<_> =
        server.requests().iter().map(|seen| seen.header("authorization").is_some()).collect();
    assert_eq!(shown, [false, false, true]);
}

fn bytes_are_uploaded_and_answered() {
    let server = Server::start();
    server.on("/inbox", Answer::ok("thanks"));
    let session = session();
    let bytes = b"a letter".repeat(100_000);
    let sha256 = urlsession_testkit::server::sha256(&bytes);
    let task = session.upload_task(server.url("/inbox"), UploadSource::Bytes(bytes));
    let task = task.expect("it is taken");
    task.resume().expect("it is resumed");
    let mut events = session.events();
    loop {
        let delivery = events.recv_timeout(LONG).expect("an event arrives");
        match &delivery.event {
            Event::DidReceiveData { path, length } => {
                assert_eq!(*length, 6);
                assert_eq!(std::fs::read(path).expect("the body is there"), b"thanks");
            }
            Event::DidComplete { error, .. } => {
                assert_eq!(*error, None);
                break;
            }
            _ => {}
        }
    }
    let seen = server.requests_for("/inbox");
    assert_eq!(seen[0].method, "POST");
    assert_eq!(seen[0].body_sha256.as_ref(), Some(&sha256));
    task.cancel().expect("the daemon is there");
    session.synced(LONG).expect("the daemon answers");
    let home = std::env::var_os("URLSESSION_HOME").expect("the runner sets it");
    let spool = std::path::Path::new(&home).join("state/spool");
    assert_eq!(
        std::fs::read_dir(spool).expect("a spool").count(),
        0,
        "the copy goes with the task"
    );
}

fn a_missing_file_completes_with_its_error() {
    let server = Server::start();
    let session = session();
    let source = UploadSource::File("/does/not/exist".into());
    let task = session.upload_task(server.url("/"), source).expect("it is taken");
    task.resume().expect("it is resumed");
    let told = until_complete(&mut session.events(), task.task_identifier());
    assert_eq!(failure(&told), Some(ErrorCode::FILE_DOES_NOT_EXIST));
}

fn a_killed_app_finds_its_file() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LARGE).etag("\"1\"").rate(LARGE));
    let mut app = App::start("start", &server.url("/file"));
    assert_eq!(app.line(), "1");
    app.kill();
    let session = session();
    let mut events = session.events();
    let path = finished(&mut events);
    assert_whole(&path);
    let told = until_complete(&mut events, TaskIdentifier(1));
    assert_eq!(failure(&told), None);
    session.task(TaskIdentifier(1)).cancel().expect("the daemon is there");
    session.synced(LONG).expect("what was asked after the acknowledgement is done");
    assert!(!path.exists(), "the file goes with its acknowledgement");
}

fn a_killed_daemon_goes_on() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LARGE).etag("\"1\"").rate(LARGE / 2));
    let session = session();
    let mut events = session.events();
    let task = session.download_task(server.url("/file")).expect("it is taken");
    task.resume().expect("it is resumed");
    session.synced(LONG).expect("it is durable");
    while !matches!(
        events.recv_timeout(LONG).expect("progress is told").event,
        Event::DidWriteData { total_bytes_written, .. } if total_bytes_written > LARGE / 2
    ) {}
    let daemon = Daemon::connect(false).expect("it runs");
    let pid = daemon.status().expect("it answers").pid;
    kill(pid);
    let path = finished(&mut events);
    assert_whole(&path);
    let told = until_complete(&mut events, task.task_identifier());
    assert_eq!(failure(&told), None);
    let requests = server.requests_for("/file");
    assert_eq!(requests.len(), 2);
    assert!(requests[1].header("range").is_some(), "it did not begin anew");
    let Some(Event::DidComplete { metrics: Some(metrics), .. }) = told.last() else {
        panic!("{told:?}");
    };
    let [cut, whole] = &metrics.transaction_metrics[..] else { panic!("{metrics:?}") };
    assert!(cut.response_end_date.is_none() && whole.response_end_date.is_some(), "{metrics:?}");
    let received = |one: &TransactionMetrics| one.count_of_response_body_bytes_received;
    assert!(received(cut) > 0 && received(whole) < LARGE, "{metrics:?}");
    assert!(received(cut) + received(whole) >= LARGE, "{metrics:?}");
}

fn a_second_process_is_refused() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LARGE).rate(1000));
    let mut app = App::start("start", &server.url("/file"));
    assert_eq!(app.line(), "1");
    let refused = Session::new(SessionConfiguration::background("s")).expect_err("it is owned");
    assert_eq!(refused.code(), ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS);
    app.kill();
    let session = session();
    let tasks = session.tasks().expect("the daemon answers");
    assert_eq!(tasks.len(), 1);
    assert_eq!(tasks[0].state, TaskState::Running);
    session.task(TaskIdentifier(1)).cancel().expect("it is cancelled");
    let told = until_complete(&mut session.events(), TaskIdentifier(1));
    assert_eq!(failure(&told), Some(ErrorCode::CANCELLED));
}

fn resume_data_goes_on_in_a_new_task() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LARGE).etag("\"1\"").rate(LARGE));
    let session = session();
    let mut events = session.events();
    let first = session.download_task(server.url("/file")).expect("it is taken");
    first.resume().expect("it is resumed");
    while !matches!(
        events.recv_timeout(LONG).expect("progress is told").event,
        Event::DidWriteData { total_bytes_written, .. } if total_bytes_written > LARGE / 4
    ) {}
    let resume_data = first.cancel_by_producing_resume_data().expect("the daemon answers");
    assert!(resume_data.is_some());
    let told = until_complete(&mut events, first.task_identifier());
    assert_eq!(failure(&told), Some(ErrorCode::CANCELLED));
    let options = DownloadOptions { resume_data, resume: true, ..Default::default() };
    session.download_task_with(server.url("/file"), options).expect("it is taken");
    assert_whole(&finished(&mut events));
    assert!(server.requests_for("/file")[1].header("range").is_some(), "it did not begin anew");
}

fn an_invalidated_session_ends() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, 1000));
    let session = session();
    let task = session.download_task(server.url("/file")).expect("it is taken");
    task.resume().expect("it is resumed");
    session.finish_tasks_and_invalidate().expect("the daemon is there");
    session.download_task(server.url("/file")).expect_err("the session is invalidated");
    let told: Vec<_> = session.events().into_iter().map(|delivery| delivery.event).collect();
    assert!(told.iter().any(|event| matches!(event, Event::DidComplete { error: None, .. })));
    assert_eq!(told.last(), Some(&Event::DidBecomeInvalid { error: None }));
    drop(task);
    drop(session);
    let again = self::session();
    assert!(again.tasks().expect("the daemon answers").is_empty());
}

fn a_tool_sees_and_stops_everything() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, 1000));
    let session = session();
    let daemon = Daemon::connect(true).expect("it runs");
    let mut watch = daemon.watch(None, true).expect("it may be watched");
    let numbers: Vec<_> = (0..1200)
        .map(|_| session.download_task(server.url("/file")).expect("it is taken"))
        .map(|task| task.task_identifier())
        .collect();
    session.synced(LONG).expect("they are durable");
    let listed: Vec<_> = daemon
        .tasks(Some(session.key().clone()))
        .map(|task| task.expect("the daemon answers").task)
        .collect();
    assert_eq!(listed, numbers);
    assert_eq!(daemon.status().expect("it answers").tasks_suspended, 1200);
    daemon.resume(session.key(), numbers[5]).expect("it is resumed");
    let seen = loop {
        let seen = watch.recv_timeout(LONG).expect("it lives").expect("in time");
        if matches!(seen.event, Event::DidComplete { .. }) {
            break seen;
        }
    };
    assert_eq!((&seen.session, seen.task), (session.key(), Some(numbers[5])));
    daemon.remove(session.key(), numbers[0]).expect("it is removed");
    daemon.task(session.key(), numbers[0]).expect_err("it is forgotten");
    session.detach();
    daemon.shutdown().expect("it stops");
    let gone = Daemon::connect(false).expect_err("it has stopped");
    assert_eq!(gone.code(), ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED);
    let tasks = self::session().tasks().expect("the daemon answers");
    assert_eq!(tasks.len(), 1198, "what was done or removed is not listed, the rest is kept");
}

/// In a runtime of the app's own, where waiting for another one panics.
fn a_session_in_process_leaves_nothing() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let server = Server::start();
    runtime.block_on(async { in_process(&server) });
    let home = std::env::var_os("URLSESSION_HOME").expect("the runner sets it");
    assert_eq!(std::fs::read_dir(home).expect("a home").count(), 0, "no daemon was asked");
}

fn in_process(server: &Server) {
    server.on("/file", Answer::pseudo_random(7, LARGE));
    server.on("/inbox", Answer::ok("thanks"));
    let session = Session::new(SessionConfiguration::ephemeral()).expect("an engine starts");
    let mut events = session.events();
    session.download_task(server.url("/file")).and_then(|t| t.resume()).expect("it is taken");
    assert_whole(&finished(&mut events));
    let task = session
        .data_task(server.url("/inbox"), Some(UploadSource::Bytes(b"abc".to_vec())))
        .expect("it is taken");
    task.resume().expect("it is resumed");
    let told = until_complete(&mut events, task.task_identifier());
    assert!(matches!(told[0], Event::DidReceiveData { length: 6, .. }), "{told:?}");
}

fn an_app_that_is_gone_is_launched() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LARGE).stall_after(1000));
    server.on("/done", Answer::ok("thanks"));
    let configuration = launching("s".to_owned(), server.url("/done"));
    let session = Session::new(configuration).expect("the daemon is reached");
    let task = session.download_task(server.url("/file")).expect("it is taken");
    task.resume().expect("it is resumed");
    server.wait_for_requests(1);
    let key = session.key().clone();
    drop(task);
    session.detach();
    let daemon = Daemon::connect(false).expect("it runs");
    let mut watch = daemon.watch(None, false).expect("it may be watched");
    server.release("/file");
    // The launched app says with a request that it was told of the first task, and ends once it
    // was told of its own.
    server.wait_until(|seen| seen.iter().any(|request| request.path == "/done"));
    while watch.recv_timeout(LONG).expect("it lives").expect("in time").task
        != Some(TaskIdentifier(2))
    {}
    let launch = daemon.session(&key).expect("it is known").launch.expect("it has a command");
    assert_eq!((launch.attempts, launch.error), (0, None), "it has acknowledged something");
}

fn a_flush_and_a_reset_are_answered() {
    let session = session();
    session.flush().expect("the daemon is there");
    session.reset().expect("the daemon is there");
    let (done, flushed) = channel();
    let reset = done.clone();
    session.flush_with(move |result| done.send(("flush", result)).unwrap_or(())).expect("it is up");
    session
        .reset_with(move |result| reset.send(("reset", result)).unwrap_or(()))
        .expect("it is up");
    let told: Vec<_> = flushed.iter().collect();
    assert_eq!(told, [("flush", Ok(())), ("reset", Ok(()))]);
}

fn a_place_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let home = std::env::var_os("URLSESSION_HOME").expect("the runner sets it");
    let run = std::path::Path::new(&home).join("run");
    std::fs::create_dir(&run).expect("a new home");
    std::fs::set_permissions(&run, std::fs::Permissions::from_mode(0o777)).expect("it is ours");
    let refused = Session::new(SessionConfiguration::background("s")).expect_err("it is open");
    assert_eq!(refused.code(), ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED);
    assert!(refused.to_string().contains("chmod 700"), "{refused}");
    assert!(!std::path::Path::new(&home).join("state").exists(), "no daemon was started");
}

/// Takes what is owed, then does a task of its own.
fn app_launched() {
    let identifier = std::env::var("URLSESSION_LAUNCH_SESSION").expect("the daemon sets it");
    let handler = std::env::var("URLSESSION_LAUNCH_HANDLER").expect("the daemon sets it");
    assert!(handler.starts_with("Session-"));
    let url = std::env::var("TEST_URL").expect("the command sets it");
    let session = Session::new(launching(identifier, url.clone())).expect("the daemon is reached");
    let mut events = session.events();
    assert_whole(&finished(&mut events));
    until_complete(&mut events, TaskIdentifier(1));
    let task = session.download_task(url).expect("it is taken");
    task.resume().expect("it is resumed");
    until_complete(&mut events, task.task_identifier());
}

/// Configures a session whose app is [`app_launched`].
fn launching(identifier: String, url: String) -> SessionConfiguration {
    let mut configuration = SessionConfiguration::background(identifier);
    configuration.launch_command = Some(LaunchCommand {
        program: std::env::current_exe().expect("this executable has a path"),
        arguments: vec!["app".to_owned(), "launched".to_owned()],
        directory: "/".into(),
        environment: vec![("TEST_URL".to_owned(), url)],
    });
    configuration
}

/// Starts a download of the URL in the environment and waits to be killed.
fn cookies_belong_to_the_application() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Set-Cookie", "a=1; Max-Age=86400"));
    let (session, other) = (session(), SessionConfiguration::background("t"));
    fetch(&session, &server);
    let other = Session::new(other).expect("the daemon is reached");
    fetch(&other, &server);
    assert_eq!(server.requests()[1].header("cookie"), Some("a=1"));
    let cookies = session.cookies();
    let listed = cookies.list(None).expect("the daemon is asked");
    assert_eq!((listed.len(), listed[0].identity.name.as_str()), (1, "a"));
    let daemon = Daemon::connect(false).expect("it runs");
    let tools = daemon.cookies(session.key().application.clone());
    assert_eq!(tools.list(Some("127.0.0.1")).expect("it is asked"), listed);
    assert_eq!(tools.clear(Some("other.test")).expect("it is asked"), 0);
    assert_eq!(tools.clear(None).expect("it is asked"), 1);
    assert_eq!(cookies.list(None).expect("it is asked"), []);
    assert_eq!(cookies.set(listed).expect("it is asked"), 1);
    fetch(&other, &server);
    assert_eq!(server.requests()[2].header("cookie"), Some("a=1"));
    // More than one line has room for.
    let mut one = cookies.list(None).expect("it is asked").remove(0);
    one.value = Secret::new("\"".repeat(4000));
    let many = (0..1000).map(|number| Cookie {
        identity: CookieIdentity {
            domain: format!("h{}.test", number % 20),
            name: number.to_string(),
            ..one.identity.clone()
        },
        ..one.clone()
    });
    assert_eq!(cookies.set(many).expect("it is asked"), 1000);
    assert_eq!(cookies.list(None).expect("it is asked").len(), 1001);
}

fn an_ephemeral_session_has_its_own_cookies() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Set-Cookie", "a=1; Max-Age=86400"));
    let new = |configuration| Session::new(configuration).expect("an engine starts");
    let (one, two) =
        (new(SessionConfiguration::ephemeral()), new(SessionConfiguration::ephemeral()));
    let shared = new(SessionConfiguration::default());
    fetch(&one, &server);
    fetch(&one, &server);
    fetch(&two, &server);
    fetch(&shared, &server);
    let sent: Vec<Option<String>> =
        server.requests().iter().map(|seen| seen.header("cookie").map(str::to_owned)).collect();
    assert_eq!(sent, [None, Some("a=1".to_owned()), None, None]);
    assert_eq!(one.cookies().clear(None).expect("it is asked"), 1);
    assert_eq!(two.cookies().list(None).expect("it is asked").len(), 1);
    assert_eq!(shared.cookies().list(None).expect("it is asked").len(), 1);
}

fn responses_are_kept_as_the_session_says() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Cache-Control", "max-age=3600"));
    let new = |configuration| Session::new(configuration).expect("an engine starts");
    let (one, two) = (new(SessionConfiguration::default()), new(SessionConfiguration::default()));
    let count = |session: &Session| {
        fetch(session, &server);
        server.requests().len()
    };
    // All default sessions of the application share a cache, which outlives them.
    assert_eq!((count(&one), count(&one), count(&two)), (1, 1, 1));
    let ephemeral = || new(SessionConfiguration::ephemeral());
    let (private, other) = (ephemeral(), ephemeral());
    assert_eq!((count(&private), count(&private), count(&other)), (2, 2, 3));
    let kept = std::env::var_os("URLSESSION_HOME").map(std::path::PathBuf::from);
    let kept = kept.expect("the runner sets it").join("cache/responses");
    assert!(std::fs::read_dir(&kept).expect("it is on disk").count() > 0);
    two.flush().expect("it is up");
    drop((one, two, private, other));
    let next = new(SessionConfiguration::default());
    assert_eq!(count(&next), 3);
    next.reset().expect("it is up");
    assert_eq!(count(&next), 4);

    let mut without = SessionConfiguration::default();
    without.url_cache = None;
    let without = new(without);
    assert_eq!((count(&without), count(&without)), (5, 6));
    let mut offline = SessionConfiguration::default();
    offline.request_cache_policy = RequestCachePolicy::ReturnCacheDataDontLoad;
    let offline = new(offline);
    assert_eq!(count(&offline), 6);
    let task = offline.data_task(server.url("/other"), None).expect("it is taken");
    task.resume().expect("it goes on");
    let told = until_complete(&mut offline.events(), task.task_identifier());
    let Some(Event::DidComplete { error: Some(error), .. }) = told.last() else {
        panic!("{told:?}");
    };
    assert_eq!(error.code, ErrorCode::CANNOT_LOAD_FROM_NETWORK);

    for mut refused in [SessionConfiguration::background("s"), SessionConfiguration::ephemeral()] {
        refused.url_cache = Some(UrlCache::default());
        let error = Session::new(refused).expect_err("it has no such cache");
        assert_eq!(error.code, ErrorCode::UNKNOWN);
    }
}

fn fetch(session: &Session, server: &Server) {
    let task = session.data_task(server.url("/"), None).expect("it is taken");
    let mut events = session.events();
    task.resume().expect("it goes on");
    until_complete(&mut events, task.task_identifier());
}

fn app_start() {
    let url = std::env::var("TEST_URL").expect("the scenario sets it");
    let session = session();
    let task = session.download_task(url).expect("it is taken");
    task.resume().expect("it is resumed");
    let mut out = std::io::stdout();
    writeln!(out, "{}", task.task_identifier()).and_then(|()| out.flush()).expect("it is told");
    while session.events().recv().is_some() {}
}

/// Collects a task's kept events up to the last; each is acknowledged.
pub(crate) fn until_complete(events: &mut Events, task: TaskIdentifier) -> Vec<Event> {
    let mut told = BTreeMap::<TaskIdentifier, Vec<Event>>::new();
    loop {
        let delivery = events.recv_timeout(LONG).expect("an event arrives");
        let Some(of) = delivery.task.filter(|_| delivery.number.is_some()) else { continue };
        let last = matches!(delivery.event, Event::DidComplete { .. });
        delivery.acknowledge();
        told.entry(of).or_default().push(delivery.event);
        if last && of == task {
            return told.remove(&task).unwrap_or_default();
        }
    }
}

/// Waits for the next finished file; its event is not acknowledged yet.
fn finished(events: &mut Events) -> std::path::PathBuf {
    loop {
        let delivery = events.recv_timeout(LONG).expect("an event arrives");
        if let Event::DidFinishDownloading { path, length } = delivery.event {
            assert_eq!(length, LARGE);
            return path;
        }
    }
}

fn failure(told: &[Event]) -> Option<ErrorCode> {
    match told.last() {
        Some(Event::DidComplete { error, .. }) => error.as_ref().map(|error| error.code),
        other => panic!("it did not complete but {other:?}"),
    }
}

fn assert_whole(path: &std::path::Path) {
    let bytes = std::fs::read(path).expect("the file is there");
    let whole = urlsession_testkit::server::Body::PseudoRandom { seed: 7, length: LARGE };
    assert_eq!(urlsession_testkit::server::sha256(&bytes), whole.sha256());
}
