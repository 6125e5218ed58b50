//! Strict-Transport-Security from a real handshake to the disk: who is asked over https only.

use super::over_http::engine;
use super::stage::{App, download, key};
use crate::Engine;
use std::path::Path;
use urlsession_protocol::message::CookieStorage;
use urlsession_protocol::{
    Call, ConnectTo, ConnectionProxy, Credential, ErrorCode, Event, EventNumber, Header, NewTask,
    Proxy, Reply, Response, SessionConfiguration, SessionIdentifier, StrictTransportSecurity,
    TaskKind,
};
use urlsession_testkit::server::{Answer, Certificate, Server};

/// The names of the server's certificate, and another's.
const KNOWN: &str = "known.example";
const BELOW: &str = "www.known.example";
const OTHER: &str = "other.example";
const NAMES: &[&str] = &[KNOWN, BELOW];
const YEAR: &str = "max-age=31536000";

#[tokio::test]
async fn a_known_host_is_asked_over_https_only() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    assert_eq!(app.get(&world, "http://known.example/plain").await, Ok("plain".into()));
    app.meet(&world).await;
    assert_eq!(app.get(&world, "http://known.example/x?y").await, Ok("secure".into()));
    let status = app.last().await;
    assert_eq!(status.url, "http://known.example/x?y", "what was asked for stays");
    assert_eq!(status.response.unwrap().url, "https://known.example/x?y");
    let metrics = status.metrics.unwrap();
    let [only] = &metrics.transaction_metrics[..] else { panic!("{metrics:?}") };
    assert_eq!(only.request.url, "https://known.example/x?y");
    assert!(only.negotiated_tls_protocol_version.is_some(), "{only:?}");
    // A port other than 80 stays, and TLS is spoken there; an end gives the host free again.
    assert_eq!(app.get(&world, "http://known.example:8080/x").await, Ok("secure".into()));
    assert_eq!(app.last().await.response.unwrap().url, "https://known.example:8080/x");
    world.secure.on("/", Answer::ok("secure").header(FIELD, "max-age=0"));
    app.get(&world, "https://known.example/").await.unwrap();
    assert_eq!(app.get(&world, "http://known.example/plain").await, Ok("plain".into()));
}

/// what leads there, from where, to where => who answers
#[tokio::test]
async fn redirects_lead_to_a_known_host_over_https() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    app.meet(&world).await;
    for (from, to, expected) in [
        ("http://other.example/to", "http://known.example/x", Ok("secure")),
        ("http://other.example/to", "http://KNOWN.example.:80/x", Ok("secure")),
        ("https://known.example/to", "http://known.example/x", Ok("secure")),
        ("https://known.example/to", "http://www.known.example/x", Err(-1022)),
        ("https://known.example/to", "http://other.example/plain", Err(-1022)),
        ("http://known.example/to", "http://known.example/to", Err(-1007)),
    ] {
        world.plain.on("/to", Answer::redirect(302, to));
        world.secure.on("/to", Answer::redirect(302, to));
        let plain = world.plain.requests().len();
        let got = app.get(&world, from).await.map_err(|code| code.0);
        assert_eq!(got, expected.map(str::to_owned), "{from} {to}");
        let asked = usize::from(from.contains("other"));
        assert_eq!(world.plain.requests().len() - plain, asked, "{from} {to}");
    }
}

/// What looks at the URL sees that of https: cookies, credentials, https only, and proxies.
#[tokio::test]
async fn everything_else_sees_the_url_of_https() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    world.secure.on("/", Answer::ok("secure").header(FIELD, YEAR).header("Set-Cookie", COOKIE));
    app.get(&world, "https://known.example/").await.unwrap();
    let mut new = app.task(&world, "http://known.example/x");
    new.options.tls.https_only = true;
    new.request.credential = Some(Credential::new("me", "pw").proactive());
    // Where http would go, nobody is.
    new.options.connection_proxy = Some(ConnectionProxy {
        http: Some(Proxy::parse("http://127.0.0.1:9").unwrap()),
        ..ConnectionProxy::default()
    });
    assert_eq!(app.run(new).await, Ok("secure".into()));
    let seen = world.secure.requests().pop().unwrap();
    assert_eq!(seen.header("cookie"), Some("id=1"));
    assert_eq!(seen.header("authorization"), Some("Basic bWU6cHc="));
    assert_eq!(seen.header("host"), Some(KNOWN));
    let mut new = app.task(&world, "http://known.example/x");
    new.options.request_policy.refuses_https = true;
    assert_eq!(app.run(new).await, Err(ErrorCode::UNSUPPORTED_URL));
}

/// how its certificate is judged => whether the host is known by it
#[tokio::test]
async fn who_takes_any_certificate_learns_nothing() {
    let world = World::new();
    for (is_blind, host, expected) in
        [(false, KNOWN, "secure"), (true, KNOWN, "plain"), (true, OTHER, "plain")]
    {
        let folder = tempfile::tempdir().unwrap();
        let mut app = Asker::new(folder.path()).await;
        let mut new = app.task(&world, &format!("https://{host}/"));
        new.options.tls.allow_any_certificate = is_blind;
        new.options.request_policy.connect_to.push(to(host, 443, &world.secure));
        assert_eq!(app.run(new).await, Ok("secure".into()));
        let got = app.get(&world, &format!("http://{host}/plain")).await;
        assert_eq!(got, Ok(expected.into()), "{host} {is_blind}");
    }
}

/// Neither what comes over http nor what an address says makes anybody known.
#[tokio::test]
async fn what_anybody_on_the_way_can_say_is_not_heard() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    world.plain.on("/plain", Answer::ok("plain").header(FIELD, YEAR));
    for _ in 0..2 {
        assert_eq!(app.get(&world, "http://known.example/plain").await, Ok("plain".into()));
    }
    // A proxy that takes the request itself, and one that refuses the way to its server.
    let proxy = Server::start();
    for path in ["http://known.example/plain", "/plain", "known.example:443", "/"] {
        proxy.on(path, Answer::ok("proxy").header(FIELD, YEAR));
    }
    let through = Proxy::parse(&proxy.url("/")).unwrap();
    for (url, is_answered) in
        [("http://known.example/plain", true), ("https://known.example/", false)]
    {
        let mut new = app.task(&world, url);
        new.options.request_policy.connect_to.clear();
        new.options.maximum_retries = Some(0);
        let (http, https) = (Some(through.clone()), Some(through.clone()));
        let connection_proxy = ConnectionProxy { http, https, ..ConnectionProxy::default() };
        new.options.connection_proxy = Some(connection_proxy);
        assert_eq!(app.run(new).await.is_ok(), is_answered, "{url}");
    }
    assert_eq!(app.get(&world, "http://known.example/plain").await, Ok("plain".into()));
    let server = Server::start_tls();
    server.on("/", Answer::ok("secure").header(FIELD, YEAR));
    let mut new = app.task(&world, &server.url("/"));
    new.options.ca_certificates = vec![server.ca_pem()];
    assert_eq!(app.run(new).await, Ok("secure".into()));
    app.settle().await;
    assert_eq!(on_disk(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn what_is_known_outlives_the_engine() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    world.secure.on("/", Answer::ok("secure").header(FIELD, &format!("{YEAR}; includeSubDomains")));
    app.get(&world, "https://www.known.example/").await.unwrap();
    app.get(&world, "https://known.example/").await.unwrap();
    // What kill -9 leaves: the files as they are, once the task's end was told.
    assert_eq!(on_disk(folder.path()), ["known.example true", "www.known.example true"]);
    world.secure.on("/", Answer::ok("secure").header(FIELD, "max-age=0"));
    app.get(&world, "https://www.known.example/").await.unwrap();
    assert_eq!(on_disk(folder.path()), ["known.example true"]);
    app.acknowledge().await;
    // What is answered comes after what was acknowledged.
    app.settle().await;
    app.engine.stop();
    app.engine.finished().await.unwrap();
    drop(app);
    let mut app = Asker::new(folder.path()).await;
    assert_eq!(app.get(&world, "http://known.example/x").await, Ok("secure".into()));
    assert_eq!(app.get(&world, "http://www.known.example/x").await, Ok("secure".into()));
    assert_eq!(app.get(&world, "http://other.example/plain").await, Ok("plain".into()));
}

#[tokio::test]
async fn what_a_task_that_goes_on_has_learned_is_written_as_well() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    world.secure.on("/", Answer::ok("a long answer").header(FIELD, YEAR).stall_after(3));
    let new = app.task(&world, "https://known.example/");
    app.app.create(new).await;
    // Nothing but the delay of the write ends this loop.
    while on_disk(folder.path()).is_empty() {
        tokio::task::yield_now().await;
    }
    world.secure.release("/");
}

/// Tasks that run at once, in several sessions, lose nothing of what the others learned.
#[tokio::test]
async fn all_sessions_of_an_application_know_the_same() {
    let (world, folder) = (World::new(), tempfile::tempdir().unwrap());
    let mut app = Asker::new(folder.path()).await;
    let mut second = App::connect(&app.engine);
    let mut other = key();
    other.session = SessionIdentifier::new("other").unwrap();
    let attach = Call::Attach {
        session: other.clone(),
        configuration: Box::default(),
        wait: false,
        owner: None,
    };
    second.call(attach).await.unwrap();
    let mut tasks = Vec::new();
    for host in [KNOWN, BELOW] {
        for _ in 0..4 {
            tasks.push(app.task(&world, &format!("https://{host}/")));
        }
    }
    for (number, new) in (1..).zip(tasks) {
        // Every second one in the other session.
        if number % 2 == 0 {
            let call = Call::CreateTask { session: other.clone(), new: Box::new(new) };
            second.call(call).await.unwrap();
        } else {
            app.app.create(new).await;
        }
    }
    for _ in 0..4 {
        app.complete().await.unwrap();
    }
    while world.secure.requests().len() < 8 {
        tokio::task::yield_now().await;
    }
    app.settle().await;
    assert_eq!(on_disk(folder.path()), ["known.example false", "www.known.example false"]);
    for host in [KNOWN, BELOW] {
        assert_eq!(app.get(&world, &format!("http://{host}/x")).await, Ok("secure".into()));
    }
}

/// whose they are, what the task says => whether the next session and task know the host
#[tokio::test]
async fn sessions_and_tasks_that_keep_to_themselves() {
    use StrictTransportSecurity::{None, Private, Shared};
    let world = World::new();
    for (first, no_task, second, expected) in [
        (Shared, false, Shared, "secure"),
        (Shared, true, Shared, "plain"),
        (Shared, false, None, "plain"),
        (Shared, false, Private, "plain"),
        (None, false, Shared, "plain"),
        (Private, false, Shared, "plain"),
        (Private, false, Private, "secure"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut app = Asker::new(folder.path()).await;
        app.configure(first).await;
        let mut new = app.task(&world, "https://known.example/");
        new.options.no_strict_transport_security = no_task;
        app.run(new).await.unwrap();
        app.configure(second).await;
        let got = app.get(&world, "http://known.example/plain").await;
        assert_eq!(got, Ok(expected.into()), "{first:?} {no_task} {second:?}");
        let is_kept = first == Shared && !no_task;
        assert_eq!(on_disk(folder.path()).len(), usize::from(is_kept), "{first:?} {no_task}");
    }
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    app.meet(&world).await;
    let mut new = app.task(&world, "http://known.example/plain");
    new.options.no_strict_transport_security = true;
    assert_eq!(app.run(new).await, Ok("plain".into()));
}

#[tokio::test]
async fn a_reset_forgets() {
    let world = World::new();
    for whose in [StrictTransportSecurity::Shared, StrictTransportSecurity::Private] {
        let folder = tempfile::tempdir().unwrap();
        let mut app = Asker::new(folder.path()).await;
        app.meet(&world).await;
        app.configure(whose).await;
        app.meet(&world).await;
        app.app.call(Call::Reset { session: key() }).await.unwrap();
        let got = app.get(&world, "http://known.example/plain").await;
        assert_eq!(got, Ok("plain".into()), "{whose:?}");
        // What one session has for itself leaves the others alone.
        let is_kept = whose == StrictTransportSecurity::Private;
        assert_eq!(on_disk(folder.path()).len(), usize::from(is_kept), "{whose:?}");
    }
}

const FIELD: &str = "Strict-Transport-Security";
const COOKIE: &str = "id=1; Secure";

/// One name, and who is there: a server that speaks TLS, and one that does not.
struct World {
    secure: Server,
    plain: Server,
}

impl World {
    fn new() -> Self {
        let secure = Server::start_tls_with(Certificate::Named(NAMES));
        let plain = Server::start();
        secure.on("/", Answer::ok("secure").header(FIELD, YEAR));
        for path in ["/x", "/plain"] {
            secure.on(path, Answer::ok("secure"));
            plain.on(path, Answer::ok("plain"));
        }
        Self { secure, plain }
    }
}

fn to(host: &str, port: u16, server: &Server) -> ConnectTo {
    ConnectTo {
        host: Some(host.to_owned()),
        port: Some(port),
        to_host: Some("127.0.0.1".to_owned()),
        to_port: Some(server.address().port()),
        is_local: false,
    }
}

/// An app that asks for one thing after the other.
struct Asker {
    engine: Engine,
    app: App,
    next: u64,
    /// The last event of the last task, which is known until this is acknowledged.
    owed: Option<EventNumber>,
}

impl Asker {
    async fn new(folder: &Path) -> Self {
        let engine = engine(folder);
        let mut app = App::connect(&engine);
        let Reply::Attached { next_task, .. } = app.attach(false).await.unwrap() else { panic!() };
        Self { engine, app, next: next_task.0, owed: None }
    }

    async fn configure(&mut self, strict_transport_security: StrictTransportSecurity) {
        let configuration =
            SessionConfiguration { strict_transport_security, ..SessionConfiguration::default() };
        let attach = Call::Attach {
            session: key(),
            configuration: Box::new(configuration),
            wait: false,
            owner: None,
        };
        self.app.call(attach).await.unwrap();
    }

    /// Makes the session know the host.
    async fn meet(&mut self, world: &World) {
        assert_eq!(self.get(world, "https://known.example/").await, Ok("secure".into()));
    }

    fn task(&mut self, world: &World, url: &str) -> NewTask {
        let mut new = download(self.next);
        new.kind = TaskKind::Data;
        new.request.url = url.to_owned();
        new.request.headers.push(Header::new("X-Task", self.next.to_string()));
        new.options.ca_certificates = vec![world.secure.ca_pem()];
        new.options.request_policy.connect_to = [KNOWN, "known.example.", BELOW, OTHER]
            .into_iter()
            .flat_map(|host| {
                let secure = [443, 8080].map(|port| to(host, port, &world.secure));
                let secure = secure.into_iter().filter(move |_| host != OTHER);
                secure.chain([to(host, 80, &world.plain)])
            })
            .collect();
        self.next += 1;
        new
    }

    async fn get(&mut self, world: &World, url: &str) -> Result<String, ErrorCode> {
        let new = self.task(world, url);
        self.run(new).await
    }

    async fn run(&mut self, new: NewTask) -> Result<String, ErrorCode> {
        self.app.create(new).await;
        self.complete().await
    }

    /// Returns the body of the next task that ends, or its error.
    async fn complete(&mut self) -> Result<String, ErrorCode> {
        let mut body = String::new();
        self.acknowledge().await;
        loop {
            let (number, event) = self.app.event().await;
            if let Event::DidReceiveData { path, .. } = &event {
                body = std::fs::read_to_string(path).unwrap();
            }
            if let Event::DidComplete { error, response, .. } = event {
                self.owed = number;
                let is_ok = |response: &Response| response.status_code == 200;
                assert!(response.is_none_or(|response| is_ok(&response)));
                return error.map_or(Ok(body), |error| Err(error.code));
            }
            if let Some(number) = number {
                self.app.acknowledge(number).await;
            }
        }
    }

    async fn acknowledge(&mut self) {
        if let Some(number) = self.owed.take() {
            self.app.acknowledge(number).await;
        }
    }

    async fn last(&mut self) -> urlsession_protocol::TaskStatus {
        self.app.status(self.next - 1).await.unwrap()
    }

    /// Waits until all that is known is written.
    async fn settle(&mut self) {
        self.app.call(Call::Flush { session: key() }).await.unwrap();
        let storage = CookieStorage { application: key().application, session: None };
        let call = Call::ClearCookies { storage, domain: None };
        self.app.call(call).await.unwrap();
    }
}

/// Returns the hosts that a kill -9 leaves: those in the files as they are.
fn on_disk(folder: &Path) -> Vec<String> {
    let known =
        super::stage::on_disk(folder, |store| store.known_hosts(&key().application).unwrap());
    known.into_iter().map(|(host, known)| format!("{host} {}", known.include_subdomains)).collect()
}
