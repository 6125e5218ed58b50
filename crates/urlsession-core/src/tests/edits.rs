//! Requests that are replaced, and owners that are asked for it.

use super::*;
use crate::Order;
use urlsession_protocol::{
    CachePolicy, ClientCertificate, CookiePolicy, Credential, Header, Reason,
};

fn url(url: &str) -> RequestEdit {
    RequestEdit { url: Some(url.to_owned()), ..RequestEdit::default() }
}

fn refused() -> Ending {
    let error = Error { status_code: Some(403), ..Error::new(ErrorCode::BAD_SERVER_RESPONSE) };
    let resume = Some(part(50));
    Ending::Failed { error, cause: Cause::Answer, resume, progressed: false }
}

#[test]
fn a_refused_task_asks_waits_and_goes_on_where_it_was() {
    let mut bench = Bench::new();
    bench.download();
    let step = bench.ended(1, refused());
    assert_eq!(sent(&step), ["WillBeginDelayedRequest"]);
    assert_eq!(bench.core.task(name(1)).unwrap().reason, Some(Reason::Answer));
    assert_eq!(starts(&bench.tick_after(Duration::from_secs(3600))), []);
    assert_eq!(starts(&bench.handle(network(true))), []);
    let step = bench.edit(1, url("http://other:81/fresh"));
    assert_eq!(replies(&step), [Ok(Reply::Done)]);
    let start = Action::Start { task: name(1), attempt: attempt(2), resume: Some(part(50)) };
    assert!(step.actions.contains(&start), "{step:?}");
    let edited = step.changes.iter().find_map(|change| match change {
        Change::EditTask { facts, edit, .. } => Some((facts.host.clone(), edit.url.clone())),
        _ => None,
    });
    let expected = ("other:81".to_owned(), Some("http://other:81/fresh".to_owned()));
    assert_eq!(edited, Some(expected));
}

#[test]
fn every_new_owner_is_asked_and_a_restart_forgets_nothing() {
    let mut bench = Bench::new();
    bench.download();
    bench.ended(1, refused());
    bench.handle(Input::Disconnected { peer: APP });
    let step = bench.restart();
    assert_eq!(starts(&step), []);
    assert_eq!(bench.core.task(name(1)).unwrap().reason, Some(Reason::Answer));
    let step = bench.attach(OTHER, default());
    assert_eq!(sent(&step), ["WillBeginDelayedRequest"]);
    assert_eq!(starts(&bench.edit(1, RequestEdit::default())), [(1, 2)]);
    let step = bench.attach(OTHER, default());
    assert_eq!(sent(&step), [""; 0], "it asks no more");
}

#[test]
fn nobody_waits_for_an_answer_for_ever() {
    let mut bench = Bench::new();
    bench.download();
    bench.ended(1, refused());
    assert!(bench.wakeup().is_some());
    let step = bench.tick_after(Duration::from_secs(7 * 24 * 60 * 60));
    assert_eq!(sent(&step), ["1 DidComplete -1001"]);
}

#[test]
fn a_running_attempt_makes_room_for_the_new_request() {
    for (ending, expected) in [
        (stopped(), vec![(1, 2)]),
        (failed(Cause::Permanent), vec![(1, 2)]),
        (failed(Cause::Transient), vec![(1, 2)]),
        (done(), vec![]),
    ] {
        let mut bench = Bench::new();
        bench.download();
        let step = bench.edit(1, url("http://host/other"));
        assert_eq!((stops(&step), starts(&step)), (vec![(1, 1)], vec![]));
        assert_eq!(stops(&bench.edit(1, url("http://host/third"))), []);
        assert_eq!(starts(&bench.ended(1, ending.clone())), expected, "{ending:?}");
    }
    let mut bench = Bench::new();
    bench.download();
    assert_eq!(stops(&bench.edit(1, RequestEdit::default())), [], "nothing is new");
}

#[test]
fn illegal_edits_change_nothing() {
    let mut bench = Bench::new();
    bench.download();
    let header = |name: &str, value: &str| RequestEdit {
        headers: vec![Header::new(name, value)],
        ..RequestEdit::default()
    };
    for (edit, code) in [
        (url("nonsense"), -1002),
        (url("ftp://host/"), -1002),
        (url("http://"), -1000),
        (header("a b", "c"), -1),
        (header("a", "b\r\nc"), -1),
    ] {
        let step = bench.edit(1, edit);
        assert_eq!(replies(&step), [Err(code)]);
        assert!(step.changes.is_empty() && stops(&step).is_empty());
    }
    bench.ended(1, done());
    assert_eq!(replies(&bench.edit(1, url("http://host/"))), [Err(-1)], "it has ended");
}

/// the edit => URL, header fields, user
#[test]
fn credentials_stay_with_the_origin_they_were_given_for() {
    let mut request = Request::new("http://me:pw@host/file").unwrap();
    request.headers = vec![Header::new("Authorization", "old"), Header::new("X-A", "1")];
    let table: [(RequestEdit, &str); 7] = [
        (url("http://host:80/b"), "http://host/b Authorization=old X-A=1 me"),
        (url("http://other/b"), "http://other/b X-A=1 nobody"),
        (url("https://host/b"), "https://host/b X-A=1 nobody"),
        (url("http://host:81/b"), "http://host:81/b X-A=1 nobody"),
        (url("http://you:pw@other/b"), "http://other/b X-A=1 you"),
        (
            RequestEdit {
                headers: vec![Header::new("authorization", "new")],
                ..url("http://other/b")
            },
            "http://other/b X-A=1 authorization=new nobody",
        ),
        (
            RequestEdit {
                headers: vec![Header::new("x-a", "2")],
                credential: Some(Credential::new("you", "pw")),
                url: None,
            },
            "http://host/file x-a=2 you",
        ),
    ];
    for (mut edit, expected) in table {
        let mut order = order(request.clone());
        edit.normalize().unwrap();
        order.edit(&edit);
        let Request { url, headers, credential, .. } = order.request;
        let user = credential.map_or("nobody".to_owned(), |c| c.user.expose().to_owned());
        assert_eq!(format!("{url} {}{user}", listed(&headers)), expected);
    }
}

fn order(request: Request) -> Order {
    Order {
        kind: TaskKind::Data,
        request,
        options: TaskOptions::default(),
        idle_timeout: Duration::ZERO,
        cookies: CookiePolicy::default(),
        cache: CachePolicy::default(),
        answers: Vec::new(),
    }
}

fn listed(headers: &[Header]) -> String {
    headers.iter().map(|h| format!("{}={} ", h.name, h.value.expose())).collect()
}

fn user(name: &str) -> RequestEdit {
    RequestEdit { credential: Some(Credential::new(name, "pw")), ..RequestEdit::default() }
}

/// the edit => header fields, and those that are left out
#[test]
fn a_new_credential_is_what_is_shown() {
    let field = |name: &str, value: &str| vec![Header::new(name, value)];
    for (mut edit, expected) in [
        (user("you"), "X-A=1 -dnt"),
        (url("http://you:pw@host/b"), "X-A=1 -dnt"),
        (url("http://host/b"), "AUTHORIZATION=old X-A=1 -Authorization -dnt"),
        (
            RequestEdit { headers: field("authorization", "new"), ..user("you") },
            "X-A=1 authorization=new -Authorization -dnt",
        ),
    ] {
        let mut order = order(Request::new("http://host/file").unwrap());
        order.request.headers = [field("AUTHORIZATION", "old"), field("X-A", "1")].concat();
        order.options.request_policy.omitted_headers = vec!["Authorization".into(), "dnt".into()];
        edit.normalize().unwrap();
        order.edit(&edit);
        let omitted = order.options.request_policy.omitted_headers.join(" -");
        assert_eq!(format!("{}-{omitted}", listed(&order.request.headers)), expected);
    }
}

fn default() -> SessionConfiguration {
    SessionConfiguration::default()
}

#[test]
fn an_attempt_keeps_its_slot_until_it_has_ended_wherever_its_task_goes_next() {
    let mut bench = Bench::new();
    let one = SessionConfiguration { http_maximum_connections_per_host: 1, ..default() };
    bench.attach(APP, one);
    bench.download();
    bench.download();
    let step = bench.edit(1, url("http://other/fresh"));
    assert_eq!(
        (stops(&step), starts(&step)),
        (vec![(1, 1)], vec![]),
        "one connection, one attempt"
    );
    let facts = bench.core.task(name(1)).unwrap().facts;
    assert_eq!(facts.host, "other:80");
    assert_eq!(starts(&bench.ended(1, stopped())), [(1, 2), (2, 1)]);
}

#[test]
fn a_new_url_is_what_is_asked_for() {
    for (mut edit, expected) in [
        (url("http://other/b"), [None, None]),
        (url("http://host/b"), [None, None]),
        (user("you"), [Some("/../a?signed"), Some("*")]),
    ] {
        let mut order = order(Request::new("http://host/a?signed").unwrap());
        order.options.request_policy.path = Some("/../a?signed".into());
        order.options.request_policy.target = Some("*".into());
        edit.normalize().unwrap();
        order.edit(&edit);
        let policy = &order.options.request_policy;
        assert_eq!([policy.path.as_deref(), policy.target.as_deref()], expected, "{edit:?}");
    }
}

/// whether the credential before is shown unasked, the edit => whether the new one is
#[test]
fn a_credential_that_waits_to_be_asked_for_is_replaced_by_one_that_waits() {
    let proactive = || {
        let credential = Some(Credential::new("you", "pw").proactive());
        RequestEdit { credential, ..RequestEdit::default() }
    };
    for (before, mut edit, expected) in [
        (Some(false), proactive(), false),
        (Some(false), url("http://you:pw@host/b"), false),
        (Some(false), url("http://you:pw@other/b"), false),
        (Some(true), proactive(), true),
        (Some(true), user("you"), false),
        (None, proactive(), true),
        (None, url("http://you:pw@host/b"), true),
        (None, user("you"), false),
    ] {
        let mut order = order(Request::new("http://host/").unwrap());
        let credential = Credential::new("me", "pw");
        order.request.credential =
            before.map(|proactive| Credential { proactive, ..credential.clone() });
        edit.normalize().unwrap();
        order.edit(&edit);
        let credential = order.request.credential.unwrap();
        assert_eq!((credential.user.expose(), credential.proactive), ("you", expected), "{edit:?}");
    }
}

#[test]
fn a_client_certificate_stays_with_its_host() {
    for (mut edit, expected) in [
        (url("https://host/b"), true),
        (url("https://host:81/b"), true),
        (url("https://other/b"), false),
        (url("https://me:pw@host.other/b"), false),
        (user("you"), true),
    ] {
        let mut order = order(Request::new("https://host/").unwrap());
        order.options.tls.client_certificate = Some(ClientCertificate::new("/me.pem"));
        edit.normalize().unwrap();
        order.edit(&edit);
        assert_eq!(order.options.tls.client_certificate.is_some(), expected, "{edit:?}");
    }
}

#[test]
fn an_edit_leaves_with_an_origin_what_a_redirect_does() {
    let names =
        ["Authorization", "cookie", "Cookie2", "Proxy-X", "WWW-Authenticate", "HOST", "X-A"];
    for (mut edit, expected) in [
        (url("http://host:80/b"), &names[..]),
        (url("http://host:81/b"), &["X-A"]),
        (
            RequestEdit { headers: vec![Header::new("Host", "b")], ..url("http://other/b") },
            &["X-A", "Host"],
        ),
    ] {
        let mut order = order(Request::new("http://host/").unwrap());
        order.request.headers = names.iter().map(|name| Header::new(*name, "1")).collect();
        edit.normalize().unwrap();
        order.edit(&edit);
        let left: Vec<&str> = order.request.headers.iter().map(|h| &*h.name).collect();
        assert_eq!(left, expected, "{edit:?}");
    }
}

/// fields before and bytes of each, fields of the edit and bytes of each => whether there is room
#[test]
fn edits_have_the_limits_of_requests() {
    let fields = |count: usize, length: usize| -> Vec<Header> {
        let value = "v".repeat(length);
        (0..count).map(|n| Header::new(format!("x-{n:03}"), value.clone())).collect()
    };
    for (before, new, has_room) in [
        (fields(200, 1), fields(200, 2), true),
        (fields(199, 1), fields(200, 1), true),
        (fields(200, 1), vec![Header::new("more", "v")], false),
        (fields(2, 100_000), fields(3, 90_000), false),
        (fields(2, 100_000), fields(2, 120_000), true),
        // A session's are among them.
        (fields(250, 1), fields(250, 2), true),
        (fields(250, 1), vec![Header::new("more", "v")], false),
        (fields(3, 100_000), fields(3, 99_999), true),
        (fields(3, 100_000), fields(3, 100_001), false),
    ] {
        let mut order = order(Request::new("http://host/").unwrap());
        order.request.headers = before;
        let edit = RequestEdit { headers: new, ..RequestEdit::default() };
        let sizes = (order.request.headers.len(), edit.headers.len());
        assert_eq!(order.check_edit(&edit).is_ok(), has_room, "{sizes:?}");
    }
}
