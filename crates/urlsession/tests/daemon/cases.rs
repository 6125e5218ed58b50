//! The cases that Foundation's own suite has of URLSession, by their numbers there, as far as they
//! are about sessions: in the daemon (D) and in process (P).

use crate::scenarios::{LONG, until_complete};
use std::time::Duration;
use urlsession::{
    ConnectTo, Credential, Daemon, DownloadOptions, ErrorCode, Event, Header,
    HttpCookieAcceptPolicy, Request, ResumeData, Secret, Session, SessionConfiguration, TaskState,
    UploadOptions, UploadSource,
};
use urlsession_testkit::server::{Answer, Certificate, Server};

/// Both kinds of sessions, made from the same wishes.
fn both(wishes: impl Fn(&mut SessionConfiguration)) -> [Session; 2] {
    [SessionConfiguration::background("cases"), SessionConfiguration::ephemeral()].map(
        |mut configuration| {
            wishes(&mut configuration);
            Session::new(configuration).expect("there is an engine")
        },
    )
}

/// Runs a data task to its end, and returns its events.
fn told(session: &Session, request: Request, body: Option<UploadSource>) -> Vec<Event> {
    let task = session.data_task(request, body).expect("it is taken");
    let mut events = session.events();
    task.resume().expect("it goes on");
    until_complete(&mut events, task.task_identifier())
}

fn get(url: &str) -> Request {
    Request::new(url).expect("it is a request")
}

fn status(told: &[Event]) -> Option<u16> {
    match told.last() {
        Some(Event::DidComplete { error: None, response, .. }) => {
            Some(response.as_ref()?.status_code)
        }
        _ => None,
    }
}

/// 29: the session's fields are added, and the request's win whatever their case.
pub(crate) fn fields_of_session_and_request() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    let sessions = both(|configuration| {
        configuration.http_additional_headers =
            vec![Header::new("X-One", "session"), Header::new("X-Four", "session")];
    });
    for session in sessions {
        let mut request = get(&server.url("/"));
        request.headers = vec![Header::new("x-four", "request"), Header::new("X-Two", "request")];
        assert_eq!(status(&told(&session, request, None)), Some(200));
        let seen = server.requests().pop().expect("it was asked");
        let fields = ["x-one", "x-two", "x-four"].map(|name| seen.header(name).map(str::to_owned));
        let expected = ["session", "request", "request"].map(|value| Some(value.to_owned()));
        assert_eq!(fields, expected);
    }
}

/// 24, 70, 76, 77: one end, -999 with the URL; resuming afterwards does nothing.
pub(crate) fn a_cancelled_task_ends_once() {
    let server = Server::start();
    server.on("/slow", Answer::ok("never").stall_after(0));
    for (number, session) in both(|_| {}).into_iter().enumerate() {
        let task = session.data_task(server.url("/slow"), None).expect("it is taken");
        let mut events = session.events();
        task.resume().expect("it goes on");
        server.wait_until(|seen| seen.len() > number);
        task.cancel().expect("it is told");
        task.cancel().expect("it is told again");
        let told = until_complete(&mut events, task.task_identifier());
        let [Event::DidComplete { error: Some(error), .. }] = &told[..] else {
            panic!("{told:?}");
        };
        assert_eq!((error.code, &*error.message), (ErrorCode::CANCELLED, "cancelled"));
        assert_eq!(error.failing_url, Some(server.url("/slow")));
        task.resume().expect("it is told");
        session.synced(LONG).expect("it is heard");
        assert!(session.tasks().expect("it answers").is_empty());
        assert_eq!(server.requests().len(), number + 1, "it does not begin again");
    }
}

/// 71 and 74: all that is unfinished is listed, never resumed or suspended again, and nothing of a
/// session that was invalidated.
pub(crate) fn unfinished_tasks_are_listed() {
    let server = Server::start();
    server.on("/slow", Answer::ok("never").stall_after(0));
    for session in both(|_| {}) {
        let url = server.url("/slow");
        let never = session.data_task(&*url, None).expect("it is taken");
        let suspended = session.download_task(&*url).expect("it is taken");
        suspended.resume().expect("it goes on");
        suspended.suspend().expect("it stops");
        let cancelled = session.data_task(&*url, None).expect("it is taken");
        cancelled.cancel().expect("it ends");
        until_complete(&mut session.events(), cancelled.task_identifier());
        let listed = session.tasks().expect("it answers");
        let numbers: Vec<_> = listed.iter().map(|task| task.task).collect();
        assert_eq!(numbers, [never.task_identifier(), suspended.task_identifier()]);
        assert!(listed.iter().all(|task| task.state == TaskState::Suspended), "{listed:?}");
        session.invalidate_and_cancel().expect("it is told");
        let ends: Vec<_> = session.events().into_iter().map(|delivery| delivery.event).collect();
        let is_cancelled = |event: &&Event| matches!(event, Event::DidComplete { error: Some(error), .. } if error.code == ErrorCode::CANCELLED);
        assert_eq!(ends.iter().filter(is_cancelled).count(), 2, "{ends:?}");
        assert_eq!(ends.last(), Some(&Event::DidBecomeInvalid { error: None }));
        never.resume().expect_err("its session is gone");
    }
}

/// 27: further resumes do no harm.
pub(crate) fn surplus_resumes_do_nothing() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    for (number, session) in both(|_| {}).into_iter().enumerate() {
        let task = session.data_task(server.url("/"), None).expect("it is taken");
        let mut events = session.events();
        // Once undoes both.
        task.suspend().expect("it is told");
        task.suspend().expect("it is told");
        task.resume().expect("it is told");
        for _ in 0..2 {
            task.resume().expect("it is told");
        }
        assert_eq!(status(&until_complete(&mut events, task.task_identifier())), Some(200));
        task.resume().expect("it is told");
        session.synced(LONG).expect("it is heard");
        assert_eq!(server.requests().len(), number + 1);
    }
}

/// 78: resume data that is none is -1002, and leaves no file.
pub(crate) fn resume_data_of_nothing() {
    let server = Server::start();
    let folder = tempfile::tempdir().expect("a folder");
    for session in both(|_| {}) {
        for data in ["", "{}", "bplist00"] {
            let options = DownloadOptions {
                destination: Some(folder.path().join("file")),
                resume_data: Some(ResumeData(Secret::new(data))),
                resume: true,
                ..Default::default()
            };
            let task = session.download_task_with(server.url("/"), options).expect("it is taken");
            let told = until_complete(&mut session.events(), task.task_identifier());
            let [Event::DidComplete { error: Some(error), .. }] = &told[..] else {
                panic!("{told:?}");
            };
            assert_eq!(error.code, ErrorCode::UNSUPPORTED_URL, "{data}");
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    assert!(server.requests().is_empty());
}

/// 30: the request's patience wins over the session's; nobody is retried who may not be.
pub(crate) fn the_patience_of_a_request() {
    let server = Server::start();
    server.on("/quick", Answer::ok("x"));
    server.on("/slow", Answer::ok("never").stall_after(0));
    let sessions = both(|configuration| {
        configuration.timeout_interval_for_request = Duration::from_secs(3600);
    });
    for session in sessions {
        assert_eq!(status(&told(&session, get(&server.url("/quick")), None)), Some(200));
        let mut options = UploadOptions { resume: true, ..Default::default() };
        options.task.timeout_interval_for_request = Some(200);
        // A session in the process retries nobody unasked.
        options.task.maximum_retries = session.identifier().map(|_| 0);
        let url = server.url("/slow");
        let task = session.data_task_with(&*url, None, options).expect("it is taken");
        let told = until_complete(&mut session.events(), task.task_identifier());
        let Some(Event::DidComplete { error: Some(error), .. }) = told.last() else {
            panic!("{told:?}");
        };
        assert_eq!(error.code, ErrorCode::TIMED_OUT);
        assert_eq!(error.failing_url, Some(url));
    }
}

/// 58: tasks that are made by several threads all end.
pub(crate) fn tasks_of_many_threads() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    for session in both(|_| {}) {
        let mut events = session.events();
        let mut tasks: Vec<_> = std::thread::scope(|scope| {
            let made = (0..10).map(|_| {
                scope.spawn(|| {
                    let task = session.data_task(server.url("/"), None).expect("it is taken");
                    task.resume().expect("it goes on");
                    task.task_identifier()
                })
            });
            let made: Vec<_> = made.collect();
            made.into_iter().map(|thread| thread.join().expect("it ends")).collect()
        });
        let mut ended = Vec::new();
        while ended.len() < tasks.len() {
            let delivery = events.recv_timeout(LONG).expect("an event arrives");
            if let Event::DidComplete { error, .. } = &delivery.event {
                assert_eq!(*error, None);
                ended.extend(delivery.task);
            }
            delivery.acknowledge();
        }
        ended.sort_unstable();
        tasks.sort_unstable();
        assert_eq!(ended, tasks);
    }
}

/// 59 to 64: what the server sets on a redirect, of whom, and what the session says => what the
/// next hop and the next task send, and what is kept.
pub(crate) fn cookies_of_a_session() {
    let server = Server::start();
    let foreign = ("Set-Cookie", "b=2; Domain=example.org");
    let own = ("Set-Cookie", "fr=anjd&232; Max-Age=60; Path=/");
    server.on(
        "/from",
        Answer::redirect(302, "/to").header(own.0, own.1).header(foreign.0, foreign.1),
    );
    server.on("/to", Answer::ok("x"));
    let sent = Some("fr=anjd&232".to_owned());
    for (accepts, sets, expected, kept) in [
        (HttpCookieAcceptPolicy::Always, true, sent, 1),
        (HttpCookieAcceptPolicy::Never, true, None, 0),
        (HttpCookieAcceptPolicy::Always, false, None, 1),
    ] {
        let sessions = both(|configuration| {
            configuration.http_cookie_accept_policy = accepts;
            configuration.http_should_set_cookies = sets;
        });
        for session in sessions {
            let cookies = session.cookies();
            cookies.clear(None).expect("it is asked");
            for path in ["/from", "/to"] {
                assert_eq!(status(&told(&session, get(&server.url(path)), None)), Some(200));
                let seen = server.requests().pop().expect("it was asked");
                assert_eq!(
                    seen.header("cookie").map(str::to_owned),
                    expected,
                    "{accepts:?} {sets}"
                );
            }
            assert_eq!(cookies.list(None).expect("it is asked").len(), kept, "{accepts:?} {sets}");
        }
    }
}

/// what the session says => the URL that a host which was met is asked at; a reset forgets it.
pub(crate) fn known_hosts_of_a_session() {
    let secure = Server::start_tls_with(Certificate::Named(&["known.example"]));
    let plain = Server::start();
    secure.on("/", Answer::ok("x").header("Strict-Transport-Security", "max-age=60"));
    plain.on("/", Answer::ok("x"));
    let to = |port, server: &Server| ConnectTo {
        host: Some("known.example".to_owned()),
        port: Some(port),
        to_host: Some("127.0.0.1".to_owned()),
        to_port: Some(server.address().port()),
        is_local: false,
    };
    let ask = |session: &Session, scheme: &str| {
        let mut options = UploadOptions { resume: true, ..Default::default() };
        options.task.ca_certificates = vec![secure.ca_pem()];
        options.task.request_policy.connect_to = vec![to(443, &secure), to(80, &plain)];
        let request = get(&format!("{scheme}://known.example/"));
        let task = session.data_task_with(request, None, options).expect("it is taken");
        let told = until_complete(&mut session.events(), task.task_identifier());
        match told.last() {
            Some(Event::DidComplete { error: None, response: Some(response), .. }) => {
                response.url.clone()
            }
            other => panic!("{other:?}"),
        }
    };
    let (http, https) = ("http://known.example/", "https://known.example/");
    for (uses, expected) in [(false, http), (true, https)] {
        let sessions = both(|configuration| configuration.uses_strict_transport_security = uses);
        let [background, ephemeral] = &sessions;
        for session in &sessions {
            assert_eq!(ask(session, "http"), http, "{uses}");
            assert_eq!(ask(session, "https"), https, "{uses}");
            assert_eq!(ask(session, "http"), expected, "{uses}");
        }
        let own = ephemeral.known_hosts();
        let of_itself = own.list().expect("it is asked");
        assert_eq!(of_itself.len(), usize::from(uses));
        ephemeral.reset().expect("it is reset");
        assert_eq!(own.list().expect("it is asked"), []);
        assert_eq!(ask(ephemeral, "http"), http, "{uses}");
        let daemon = Daemon::connect(false).expect("it runs");
        let known = daemon.known_hosts(background.key().application.clone());
        let list = known.list().expect("it is asked");
        assert_eq!(list.len(), usize::from(uses));
        assert_eq!(background.known_hosts().list().expect("it is asked"), list);
        background.reset().expect("it is reset");
        assert_eq!(known.list().expect("it is asked"), []);
        assert_eq!(known.add(&list).expect("it is asked"), list.len() as u64);
        assert_eq!(known.list().expect("it is asked"), list);
        assert_eq!(known.clear(Some("known.example")).expect("it is asked"), list.len() as u64);
        assert_eq!(ask(background, "http"), http, "{uses}");
    }
}

/// 66: a credential lets in after the 401.
pub(crate) fn a_credential_lets_in() {
    let server = Server::start();
    let who = Answer::ok("who?").status(401).header("WWW-Authenticate", "Basic realm=\"a\"");
    for session in both(|_| {}) {
        server.on("/", who.clone().times(1).then(Answer::ok("in")));
        let mut request = get(&server.url("/"));
        request.credential = Some(Credential::new("user", "passwd"));
        assert_eq!(status(&told(&session, request, None)), Some(200));
        let seen = server.requests().pop().expect("it was asked");
        assert_eq!(seen.header("authorization"), Some("Basic dXNlcjpwYXNzd2Q="));
    }
}
