//! What apps decide while a request runs: where it goes on from a redirect, and what servers are shown.

use crate::scenarios::{LONG, until_complete};
use std::sync::mpsc::{Sender, channel};
use urlsession::{
    AuthChallengeDisposition, AuthenticationChallenge, AuthenticationMethod, Credential,
    CredentialPersistence, Error, ErrorCode, Event, HttpRedirectDisposition, ProtectionSpace,
    Request, Response, Session, SessionConfiguration, SessionDelegate, Task, UrlCredentialStorage,
};
use urlsession_testkit::server::{Answer, Server};

/// Goes on to another path, takes the redirect, or does what the server says, by the path.
struct Director(Sender<(Option<u16>, Option<Error>)>);

impl SessionDelegate for Director {
    fn will_perform_http_redirection(
        &mut self,
        _: &Task,
        response: &Response,
        new_request: Request,
    ) -> Option<Request> {
        assert_eq!(response.status_code, 302);
        match new_request.url.rsplit('/').next() {
            Some("away") => None,
            Some("old") => {
                Some(Request { url: new_request.url.replace("/old", "/new"), ..new_request })
            }
            _ => Some(new_request),
        }
    }

    fn did_complete(&mut self, _: &Task, response: Option<&Response>, error: Option<&Error>) {
        let status = response.map(|response| response.status_code);
        self.0.send((status, error.cloned())).expect("the scenario listens");
    }
}

fn deciding(mut configuration: SessionConfiguration) -> SessionConfiguration {
    configuration.answers_redirections = true;
    configuration
}

/// where the server sends the task => how it ends, and what else was asked for
pub(crate) fn a_delegate_decides_about_redirects() {
    for configuration in [SessionConfiguration::default(), SessionConfiguration::ephemeral()] {
        let (ended, end) = channel();
        let session = Session::with_delegate(deciding(configuration), Director(ended));
        let session = session.expect("an engine starts");
        for (to, expected, asked) in
            [("/away", 302, vec![]), ("/old", 200, vec!["/new"]), ("/there", 200, vec!["/there"])]
        {
            let server = Server::start();
            server.on("/", Answer::redirect(302, to));
            server.on("/new", Answer::ok("new"));
            server.on("/there", Answer::ok("there"));
            let task = session.data_task(server.url("/"), None).expect("it is taken");
            task.resume().expect("it goes on");
            assert_eq!(end.recv_timeout(LONG), Ok((Some(expected), None)));
            let seen = server.requests();
            let seen: Vec<_> = seen[1..].iter().map(|seen| seen.path.as_str()).collect();
            assert_eq!(seen, asked);
        }
    }
}

pub(crate) fn a_redirect_is_an_event_with_an_answer() {
    let server = Server::start();
    server.on("/", Answer::redirect(302, "/next"));
    server.on("/next", Answer::ok("next"));
    let session = Session::new(deciding(SessionConfiguration::default()));
    let session = session.expect("an engine starts");
    let mut events = session.events();
    for (disposition, status) in
        [(HttpRedirectDisposition::Refuse, 302), (HttpRedirectDisposition::Follow, 200)]
    {
        let task = session.data_task(server.url("/"), None).expect("it is taken");
        task.resume().expect("it goes on");
        let redirection = loop {
            let delivery = events.recv_timeout(LONG).expect("an event arrives");
            if let Event::WillPerformHttpRedirection { redirection } = delivery.event {
                break redirection;
            }
        };
        assert_eq!(redirection.new_request.url, server.url("/next"));
        for _ in 0..2 {
            task.redirect(&redirection, disposition.clone()).expect("it may be said again");
        }
        let told = until_complete(&mut events, task.task_identifier());
        let Some(Event::DidComplete { response: Some(response), error: None, .. }) = told.last()
        else {
            panic!("it did not complete but {told:?}")
        };
        assert_eq!(response.status_code, status);
    }
}

pub(crate) fn a_background_session_follows_without_asking() {
    let error = Session::new(deciding(SessionConfiguration::background("s")))
        .expect_err("Apple's background sessions do not ask");
    assert_eq!(error.code, ErrorCode::UNKNOWN);
    assert!(error.to_string().contains("follows redirects without asking"), "{error}");
}

/// Says who it is at the second try, and trusts whom it knows.
struct Porter {
    wants: Option<AuthChallengeDisposition>,
    told: Sender<String>,
}

impl SessionDelegate for Porter {
    fn did_receive_challenge(
        &mut self,
        _: &Task,
        challenge: &AuthenticationChallenge,
    ) -> Option<AuthChallengeDisposition> {
        let AuthenticationChallenge { protection_space, previous_failure_count, .. } = challenge;
        let method = protection_space.authentication_method;
        self.told.send(format!("{method:?} {previous_failure_count}")).expect("it listens");
        if method == AuthenticationMethod::HttpBasic && *previous_failure_count == 0 {
            let credential = Credential::new("me", "wrong");
            return Some(AuthChallengeDisposition::UseCredential { credential });
        }
        self.wants.clone()
    }

    fn did_complete(&mut self, _: &Task, response: Option<&Response>, error: Option<&Error>) {
        let status = response.map(|response| response.status_code);
        let code = error.map(|error| error.code.0);
        self.told.send(format!("{status:?} {code:?}")).expect("it listens");
    }
}

/// what the delegate wants => what it is asked, and how the task ends
pub(crate) fn a_delegate_answers_a_daemon() {
    use AuthChallengeDisposition::{
        CancelAuthenticationChallenge, PerformDefaultHandling, UseServerTrust,
    };
    let credential = Credential::new("me", "pw");
    let right = AuthChallengeDisposition::UseCredential { credential };
    let basic = || Answer::ok("who?").status(401).header("WWW-Authenticate", "Basic realm=r");
    for (number, (wants, secure, expected)) in [
        (right.clone(), false, "HttpBasic 0, HttpBasic 1, Some(200) None"),
        (PerformDefaultHandling, false, "HttpBasic 0, HttpBasic 1, Some(401) None"),
        (CancelAuthenticationChallenge, false, "HttpBasic 0, HttpBasic 1, None Some(-999)"),
        (UseServerTrust, true, "ServerTrust 0, Some(200) None"),
        (PerformDefaultHandling, true, "ServerTrust 0, None Some(-1202)"),
        // A password is no answer to that.
        (right.clone(), true, "ServerTrust 0, None Some(-1202)"),
    ]
    .into_iter()
    .enumerate()
    {
        let server = if secure { Server::start_tls() } else { Server::start() };
        // Asked, shown what is wrong, asked again, and shown what is right.
        let answer = match () {
            () if secure => Answer::ok("in"),
            () if wants == right => basic().times(4).then(Answer::ok("in")),
            () => basic(),
        };
        server.on("/", answer);
        let (told, tells) = channel();
        let mut configuration = SessionConfiguration::background(format!("s{number}"));
        configuration.answers_challenges = true;
        let porter = Porter { wants: Some(wants), told };
        let session = Session::with_delegate(configuration, porter).expect("a daemon");
        let task = session.data_task(server.url("/"), None).expect("it is taken");
        task.resume().expect("it goes on");
        let said = std::iter::from_fn(|| tells.recv_timeout(LONG).ok());
        let count = expected.split(", ").count();
        assert_eq!(said.take(count).collect::<Vec<_>>().join(", "), expected);
    }
}

pub(crate) fn a_session_without_kept_credentials_shows_none() {
    let server = Server::start();
    let basic = Answer::ok("who?").status(401).header("WWW-Authenticate", "Basic realm=r");
    server.on("/", basic);
    for (storage, shown) in [(UrlCredentialStorage::None, 1), (UrlCredentialStorage::Shared, 2)] {
        let mut configuration = SessionConfiguration::background(format!("{storage:?}"));
        configuration.url_credential_storage = storage;
        let session = Session::new(configuration).expect("a daemon");
        let space = ProtectionSpace::of_url(&server.url("/")).expect("a URL");
        let credential = Credential::new("me", "pw").kept(CredentialPersistence::ForSession);
        session.credentials().set(space, credential).expect("it is kept");
        let before = server.requests().len();
        let task = session.data_task(server.url("/"), None).expect("it is taken");
        task.resume().expect("it goes on");
        until_complete(&mut session.events(), task.task_identifier());
        assert_eq!(server.requests().len() - before, shown, "{storage:?}");
    }
}
