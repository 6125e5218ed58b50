//! Cookies from the first hop to the disk: what the server sees, and what outlives the engine.

use super::over_http::{engine, get};
use super::stage::{App, key};
use crate::Engine;
use std::path::Path;
use urlsession_protocol::message::CookieStorage;
use urlsession_protocol::{
    Call, Cookie, Credential, CredentialPersistence, Event, HttpCookieAcceptPolicy,
    HttpCookieStorage, NewTask, ProtectionSpace, Reply, SessionConfiguration, TaskKind,
    UrlCredentialStorage,
};
use urlsession_testkit::server::{Answer, Server};

const LASTING: &str = "; Max-Age=86400";

#[tokio::test]
async fn every_hop_keeps_and_sends() {
    let server = Server::start();
    let redirect = Answer::redirect(302, "/private/page").header("Set-Cookie", "hop=1; Path=/");
    server.on("/login", redirect.header("Set-Cookie", "login=2; Path=/login"));
    let page = Answer::ok("x").status(404).header("Set-Cookie", "page=3");
    server.on("/private/page", page);
    server.on("/private/", Answer::ok("x"));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    app.fetch(&server, "/login").await;
    app.fetch(&server, "/private/").await;
    app.fetch(&server, "/login").await;
    let seen: Vec<_> = server
        .requests()
        .into_iter()
        .map(|seen| (seen.path.clone(), seen.header("cookie").map(str::to_owned)))
        .collect();
    let expected = [
        ("/login", None),
        ("/private/page", Some("hop=1")),
        ("/private/", Some("page=3; hop=1")),
        ("/login", Some("login=2; hop=1")),
        ("/private/page", Some("page=3; hop=1")),
    ];
    let expected = expected.map(|(path, sent)| (path.to_owned(), sent.map(str::to_owned)));
    assert_eq!(seen, expected);
}

/// Cookies end at a host's border, which a redirect does not move.
#[tokio::test]
async fn another_host_gets_nothing() {
    let server = Server::start();
    let other = format!("http://localhost:{}/there", server.address().port());
    let here = Answer::redirect(302, &other);
    server.on("/here", here.header("Set-Cookie", "a=1").header("Set-Cookie", "b=2; Secure"));
    server.on("/there", Answer::ok("x").header("Set-Cookie", "c=3; Domain=127.0.0.1"));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    let mut new = app.task(&server, "/here");
    new.request.headers.push(urlsession_protocol::Header::new("Cookie", "own=1"));
    app.run(new).await;
    assert_eq!(server.requests_for("/here")[0].header("cookie"), Some("own=1"));
    assert_eq!(server.requests_for("/there")[0].header("cookie"), None);
    app.fetch(&server, "/here").await;
    assert_eq!(server.requests_for("/here")[1].header("cookie"), Some("a=1"));
}

/// Whose cookies they are says the URL, whatever the app says in `Host`.
#[tokio::test]
async fn a_host_of_the_apps_own_moves_no_cookies() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Set-Cookie", "here=1"));
    let port = server.address().port();
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    for (host, own, expected) in [
        ("127.0.0.1", Some("localhost"), None),
        ("localhost", None, None),
        ("127.0.0.1", Some("localhost"), Some("here=1")),
        ("127.0.0.1", None, Some("here=1")),
    ] {
        let mut new = app.task(&server, "/");
        new.request.url = format!("http://{host}:{port}/");
        let field = own.map(|own| urlsession_protocol::Header::new("Host", own));
        new.request.headers.extend(field);
        app.run(new).await;
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("cookie"), expected, "{host} {own:?}");
        app.forget_at("localhost").await;
    }
}

/// what the task's own field says, what the session says => what goes out
#[tokio::test]
async fn the_caller_and_the_storage() {
    let server = Server::start();
    server.on("/set", Answer::ok("x").header("Set-Cookie", "a=kept").header("Set-Cookie", "b=2"));
    server.on("/", Answer::ok("x"));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    app.fetch(&server, "/set").await;
    let usual = SessionConfiguration::default();
    let not_set = SessionConfiguration { http_should_set_cookies: false, ..usual.clone() };
    let none =
        SessionConfiguration { http_cookie_storage: HttpCookieStorage::None, ..usual.clone() };
    for (own, configuration, no_cookies, expected) in [
        (None, &usual, false, Some("a=kept; b=2")),
        (Some("a=own; c=3"), &usual, false, Some("a=kept; b=2; c=3")),
        (Some("a=own; c=3"), &not_set, false, Some("a=own; c=3")),
        (None, &not_set, false, None),
        (Some("a=own"), &none, false, Some("a=own")),
        (Some("a=own"), &usual, true, Some("a=own")),
        (None, &usual, true, None),
    ] {
        app.configure(configuration.clone()).await;
        let mut new = app.task(&server, "/");
        new.options.no_cookies = no_cookies;
        let field = own.map(|own| urlsession_protocol::Header::new("Cookie", own));
        new.request.headers.extend(field);
        app.run(new).await;
        let seen = server.requests().pop().unwrap();
        assert_eq!(seen.header("cookie"), expected, "{own:?} {configuration:?}");
    }
}

/// policy, main document => how many cookies are kept
#[tokio::test]
async fn which_responses_may_set() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Set-Cookie", "a=1"));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    let own = server.url("/page");
    for (accept, main, expected) in [
        (HttpCookieAcceptPolicy::Never, None, 0),
        (HttpCookieAcceptPolicy::OnlyFromMainDocumentDomain, Some("http://ex.com/"), 0),
        (HttpCookieAcceptPolicy::OnlyFromMainDocumentDomain, Some(own.as_str()), 1),
        (HttpCookieAcceptPolicy::OnlyFromMainDocumentDomain, None, 1),
        (HttpCookieAcceptPolicy::Always, Some("http://ex.com/"), 1),
    ] {
        let configuration = SessionConfiguration {
            http_cookie_accept_policy: accept,
            ..SessionConfiguration::default()
        };
        app.configure(configuration).await;
        let mut new = app.task(&server, "/");
        new.options.main_document_url = main.map(str::to_owned);
        app.run(new).await;
        assert_eq!(app.cookies().await.len(), expected, "{accept:?} {main:?}");
        app.clear().await;
    }
}

#[tokio::test]
async fn what_has_an_end_outlives_the_engine() {
    let server = Server::start();
    let answer = Answer::ok("x").header("Set-Cookie", &format!("lasting=1{LASTING}"));
    let answer = answer.header("Set-Cookie", &format!("gone=2{LASTING}"));
    server.on("/", answer.header("Set-Cookie", "passing=3"));
    server.on("/leave", Answer::ok("x").header("Set-Cookie", "gone=; Max-Age=0"));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    app.fetch(&server, "/").await;
    app.fetch(&server, "/leave").await;
    assert_eq!(app.names().await, ["lasting", "passing"]);
    // What kill -9 leaves: the files as they are, once the task's end was told.
    assert_eq!(on_disk(folder.path()), ["lasting"]);
    app.engine.stop();
    app.engine.finished().await.unwrap();
    drop(app);
    let mut app = Asker::new(folder.path()).await;
    app.fetch(&server, "/").await;
    let seen = server.requests().pop().unwrap();
    assert_eq!(seen.header("cookie"), Some("lasting=1"));
    assert_eq!(app.clear().await, 3);
    assert_eq!(on_disk(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn cookies_of_a_task_that_goes_on_are_written_as_well() {
    let server = Server::start();
    let answer = Answer::ok("a long answer").header("Set-Cookie", &format!("a=1{LASTING}"));
    server.on("/", answer.stall_after(3));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    let new = app.task(&server, "/");
    app.app.create(new).await;
    while app.names().await.is_empty() {
        tokio::task::yield_now().await;
    }
    // Nothing but the delay of the write ends this loop.
    while on_disk(folder.path()).is_empty() {
        tokio::task::yield_now().await;
    }
    server.release("/");
}

#[tokio::test]
async fn a_private_storage_is_the_sessions_own() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Set-Cookie", &format!("a=1{LASTING}")));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    let private = SessionConfiguration {
        http_cookie_storage: HttpCookieStorage::Private,
        ..SessionConfiguration::default()
    };
    app.configure(private).await;
    app.fetch(&server, "/").await;
    app.fetch(&server, "/").await;
    assert_eq!(server.requests().pop().unwrap().header("cookie"), Some("a=1"));
    assert_eq!(app.names().await, Vec::<String>::new());
    let own = CookieStorage { session: Some(key().session), application: key().application };
    let list = Call::Cookies { storage: own, domain: None, after: None };
    let Reply::Cookies { cookies, .. } = app.app.call(list).await.unwrap() else { panic!() };
    assert_eq!(cookies.len(), 1);
    assert_eq!(on_disk(folder.path()), Vec::<String>::new());
}

#[tokio::test]
async fn a_reset_forgets_and_a_flush_writes() {
    let server = Server::start();
    server.on("/", Answer::ok("x").header("Set-Cookie", &format!("a=1{LASTING}")));
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    app.fetch(&server, "/").await;
    app.app.call(Call::Flush { session: key() }).await.unwrap();
    assert_eq!((app.names().await, on_disk(folder.path())), (vec!["a".into()], vec!["a".into()]));
    let mut unknown = key();
    unknown.session = urlsession_protocol::SessionIdentifier::new("unknown").unwrap();
    app.app.call(Call::Reset { session: unknown }).await.unwrap_err();
    assert_eq!(app.names().await, ["a"]);
    app.app.call(Call::Reset { session: key() }).await.unwrap();
    assert_eq!((app.names().await, on_disk(folder.path())), (vec![], vec![]));
    // What one session has for itself leaves the others alone.
    app.fetch(&server, "/").await;
    let private = SessionConfiguration {
        http_cookie_storage: HttpCookieStorage::Private,
        ..SessionConfiguration::default()
    };
    let none = SessionConfiguration {
        http_cookie_storage: HttpCookieStorage::None,
        url_credential_storage: UrlCredentialStorage::None,
        ..SessionConfiguration::default()
    };
    app.keep_credential().await;
    // It may have nothing yet, and another may never have.
    for (configuration, credentials) in [(none, 1), (private.clone(), 0)] {
        app.configure(configuration).await;
        app.app.call(Call::Reset { session: key() }).await.unwrap();
        assert_eq!((app.names().await, app.credentials().await), (vec!["a".into()], credentials));
    }
    app.configure(private).await;
    app.fetch(&server, "/").await;
    app.app.call(Call::Reset { session: key() }).await.unwrap();
    app.fetch(&server, "/").await;
    assert_eq!(server.requests().pop().unwrap().header("cookie"), None);
    assert_eq!(app.names().await, ["a"]);
}

/// what a cookie is brought for => what it is kept for
#[tokio::test]
async fn names_are_those_that_urls_have() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    for (named, kept) in [
        ("b\u{fc}cher.example", Some("xn--bcher-kva.example")),
        (".B\u{dc}CHER.example", Some("xn--bcher-kva.example")),
        ("xn--bcher-kva.example", Some("xn--bcher-kva.example")),
        ("WWW.ex.com", Some("www.ex.com")),
        ("127.1", Some("127.0.0.1")),
        ("[::0:1]", Some("[::1]")),
        ("127.0.0.1:80", None),
        ("http://ex.com", None),
        ("::1", Some("[::1]")),
        ("a b.example", None),
        ("", None),
    ] {
        let call = Call::SetCookies { storage: shared(), cookies: vec![cookie(named, "a")] };
        let count = u64::from(kept.is_some());
        assert_eq!(app.app.call(call).await.unwrap(), Reply::CookiesChanged { count }, "{named}");
        let domains = |cookies: Vec<Cookie>| -> Vec<String> {
            cookies.into_iter().map(|cookie| cookie.identity.domain).collect()
        };
        let expected = Vec::from_iter(kept.map(str::to_owned));
        assert_eq!(domains(app.cookies().await), expected, "{named}");
        let list = Call::Cookies { storage: shared(), domain: Some(named.to_owned()), after: None };
        let Reply::Cookies { cookies, .. } = app.app.call(list).await.unwrap() else { panic!() };
        assert_eq!(domains(cookies), expected, "{named}");
        app.forget_at(named).await;
        assert_eq!(app.clear().await, 0, "{named}");
    }
}

#[tokio::test]
async fn long_lists_come_in_pages() {
    let folder = tempfile::tempdir().unwrap();
    let mut app = Asker::new(folder.path()).await;
    for site in 0..4 {
        let cookies = (0..100).map(|number| Cookie {
            value: urlsession_protocol::Secret::new("\"".repeat(3000)),
            ..cookie(&format!("h{site}.test"), &format!("n{number:03}"))
        });
        let call = Call::SetCookies { storage: shared(), cookies: cookies.collect() };
        assert_eq!(app.app.call(call).await.unwrap(), Reply::CookiesChanged { count: 100 });
    }
    let (mut listed, mut pages) = (Vec::<Cookie>::new(), 0);
    loop {
        let after = listed.last().map(|last| Box::new(last.identity.clone()));
        let call = Call::Cookies { storage: shared(), domain: None, after };
        let Reply::Cookies { cookies, more } = app.app.call(call).await.unwrap() else { panic!() };
        listed.extend(cookies);
        pages += 1;
        if !more {
            break;
        }
    }
    assert!(listed.is_sorted_by(|a, b| a.identity < b.identity));
    assert_eq!((listed.len(), pages > 2), (400, true));
}

/// An app that asks for one thing after the other.
struct Asker {
    engine: Engine,
    app: App,
    next: u64,
}

impl Asker {
    async fn new(folder: &Path) -> Self {
        let engine = engine(folder);
        let mut app = App::connect(&engine);
        let Reply::Attached { next_task, .. } = app.attach(false).await.unwrap() else { panic!() };
        Self { engine, app, next: next_task.0 }
    }

    async fn configure(&mut self, configuration: SessionConfiguration) {
        let attach = Call::Attach {
            session: key(),
            configuration: Box::new(configuration),
            wait: false,
            owner: None,
        };
        self.app.call(attach).await.unwrap();
    }

    fn task(&mut self, server: &Server, path: &str) -> NewTask {
        let mut new = get(server, self.next, path);
        new.kind = TaskKind::Data;
        self.next += 1;
        new
    }

    async fn fetch(&mut self, server: &Server, path: &str) {
        let new = self.task(server, path);
        self.run(new).await;
    }

    async fn run(&mut self, new: NewTask) {
        self.app.create(new).await;
        loop {
            let (number, event) = self.app.event().await;
            if let Some(number) = number {
                self.app.acknowledge(number).await;
            }
            if let Event::DidComplete { error, .. } = event {
                return assert_eq!(error, None);
            }
        }
    }

    async fn cookies(&mut self) -> Vec<Cookie> {
        let call = Call::Cookies { storage: shared(), domain: None, after: None };
        match self.app.call(call).await.unwrap() {
            Reply::Cookies { cookies, more: false } => cookies,
            other => panic!("{other:?}"),
        }
    }

    async fn forget_at(&mut self, domain: &str) {
        let domain = Some(domain.to_owned());
        self.app.call(Call::ClearCookies { storage: shared(), domain }).await.unwrap();
    }

    async fn names(&mut self) -> Vec<String> {
        let cookies = self.cookies().await.into_iter();
        cookies.map(|cookie| cookie.identity.name).collect()
    }

    async fn keep_credential(&mut self) {
        let permanent = CredentialPersistence::Permanent;
        let call = Call::SetCredential {
            application: key().application,
            protection_space: ProtectionSpace::of_url("http://h/").unwrap(),
            credential: Credential::new("me", "pw").kept(permanent),
        };
        self.app.call(call).await.unwrap();
    }

    /// Returns how many are kept.
    async fn credentials(&mut self) -> usize {
        let call = Call::Credentials { application: key().application, after: None };
        match self.app.call(call).await.unwrap() {
            Reply::Credentials { credentials, .. } => credentials.len(),
            other => panic!("{other:?}"),
        }
    }

    async fn clear(&mut self) -> u64 {
        let call = Call::ClearCookies { storage: shared(), domain: None };
        match self.app.call(call).await.unwrap() {
            Reply::CookiesChanged { count } => count,
            other => panic!("{other:?}"),
        }
    }
}

/// A cookie for a domain and all hosts below it.
fn cookie(domain: &str, name: &str) -> Cookie {
    Cookie {
        identity: urlsession_protocol::CookieIdentity {
            domain: domain.to_owned(),
            host_only: false,
            path: "/".into(),
            name: name.to_owned(),
        },
        value: urlsession_protocol::Secret::new("value"),
        secure: false,
        http_only: false,
        same_site: None,
        expires: None,
        created: urlsession_protocol::Timestamp(0),
    }
}

fn shared() -> CookieStorage {
    CookieStorage { application: key().application, session: None }
}

/// Returns the cookies that a kill -9 leaves: those in the files as they are.
fn on_disk(folder: &Path) -> Vec<String> {
    let kept = super::stage::on_disk(folder, |store| store.cookies(&key().application).unwrap());
    kept.into_iter().map(|kept| kept.cookie.identity.name).collect()
}
