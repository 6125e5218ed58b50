//! Redirects that the app is asked about: what it is shown, and that what it says is done.

use super::{Trial, error_of, summary};
use std::sync::{Arc, Mutex};
use urlsession_protocol::{Credential, Header, HttpRedirectDisposition, HttpRedirection, Request};
use urlsession_testkit::server::{Answer, Seen, Server};

/// What the app does with the request that is proposed.
type Change = fn(&mut Request, &Server);

fn deciding(
    trial: Trial,
    mut decide: impl FnMut(&HttpRedirection) -> HttpRedirectDisposition + Send + 'static,
) -> (Trial, Arc<Mutex<Vec<HttpRedirection>>>) {
    let shown = Arc::<Mutex<Vec<HttpRedirection>>>::default();
    let seen = Arc::clone(&shown);
    *trial.ear.decide.lock().unwrap() = Some(Box::new(move |redirection| {
        seen.lock().unwrap().push(redirection.clone());
        decide(redirection)
    }));
    (trial, shown)
}

fn instead(request: Request) -> HttpRedirectDisposition {
    HttpRedirectDisposition::UseRequest { request: Box::new(request) }
}

fn shown(seen: &Seen, names: &[&str]) -> String {
    let fields = names.iter().filter_map(|name| Some(format!(" {name}={}", seen.header(name)?)));
    format!("{} {}{}", seen.method, seen.path, fields.collect::<String>())
}

#[tokio::test]
async fn the_app_is_shown_what_would_be_asked_for() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/a", Answer::redirect(307, "/b").header("X-Why", "moved"));
    first.on("/b", Answer::redirect(302, &second.url("/c")));
    second.on("/c", Answer::ok("x"));
    let mut trial = Trial::data(&first.url("/a")).header("Authorization", "t").header("X-Own", "1");
    trial.order.request.method = "POST".into();
    trial.order.request.credential = Some(Credential::new("me", "distinctive"));
    let (trial, seen) = deciding(trial, |_| HttpRedirectDisposition::Follow);
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let seen = seen.lock().unwrap();
    let told: Vec<_> = seen
        .iter()
        .map(|redirection| {
            let HttpRedirection { question, response, new_request, .. } = redirection;
            let names = new_request.headers.iter().map(|field| format!(" {}", field.name));
            let names: String = names.collect();
            format!(
                "{question}: {} {:?} => {} {}{names}",
                response.status_code,
                response.header("x-why"),
                new_request.method,
                new_request.url
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            format!("1: 307 Some(\"moved\") => POST {} Authorization X-Own", first.url("/b")),
            format!("2: 302 None => GET {} X-Own", second.url("/c")),
        ]
    );
    assert!(!format!("{seen:?}").contains("distinctive"));
    assert_eq!(trial.metrics.snapshot().redirect_count, 2);
}

/// what the app makes of a redirect from `/a` to `/b` => how it ends, and what was then asked for
#[tokio::test]
async fn what_the_app_says_is_done() {
    let table: &[(Change, &str, &str)] = &[
        (|_, _| {}, "done 200 1", "POST /b authorization=t content-length=3"),
        (
            |new, server| new.url = server.url("/c"),
            "done 200 1",
            "POST /c authorization=t content-length=3",
        ),
        (|new, _| new.method = "GET".into(), "done 200 1", "GET /b authorization=t"),
        (
            |new, _| new.method = "PUT".into(),
            "done 200 1",
            "PUT /b authorization=t content-length=3",
        ),
        (|new, _| new.headers.clear(), "done 200 1", "POST /b content-length=3"),
        (
            |new, _| new.headers = vec![Header::new("X-New", "1"), Header::new("Host", "other")],
            "done 200 1",
            "POST /b content-length=3 x-new=1 host=other",
        ),
        (
            |new, server| {
                new.headers.clear();
                new.url = server.url("/b").replace("http://", "http://me:pw@");
            },
            "done 200 1",
            "POST /b authorization=Basic bWU6cHc= content-length=3",
        ),
        (|new, _| new.url = "ftp://there/".into(), "-1002 permanent progressed", ""),
        (|new, _| new.url = "nonsense".into(), "-1002 permanent progressed", ""),
        (|new, _| new.headers = vec![Header::new("a b", "c")], "-1 permanent progressed", ""),
    ];
    for (change, expected, asked) in table {
        let server = Server::start();
        server.on("/a", Answer::redirect(307, "/b"));
        server.on("/b", Answer::ok("x"));
        server.on("/c", Answer::ok("x"));
        let mut trial = Trial::upload(&server.url("/a"), b"abc").header("Authorization", "t");
        trial.order.request.method = "POST".into();
        let url = server.url("");
        let server = Arc::new(server);
        let there = Arc::clone(&server);
        let (trial, _) = deciding(trial, move |redirection| {
            let mut new_request = redirection.new_request.clone();
            change(&mut new_request, &there);
            instead(new_request)
        });
        let ending = trial.run().await;
        assert_eq!(summary(&ending), *expected, "{url} {asked}: {ending:?}");
        let seen = server.requests();
        let names = ["authorization", "content-length", "x-new"];
        let last = seen.get(1).map(|seen| {
            let other = seen.header("host").filter(|host| *host == "other");
            format!("{}{}", shown(seen, &names), other.map_or("", |_| " host=other"))
        });
        assert_eq!(last.unwrap_or_default(), *asked);
    }
}

#[tokio::test]
async fn who_does_not_go_on_has_the_redirect_with_its_body() {
    let server = Server::start();
    server.on("/a", Answer::redirect(302, "/b"));
    server.on("/b", Answer::ok("moved!").status(303).header("Location", "/c"));
    for trial in [Trial::data(&server.url("/a")), Trial::download(&server.url("/a"))] {
        let (trial, _) = deciding(trial, |redirection| match redirection.question {
            1 => HttpRedirectDisposition::Follow,
            _ => HttpRedirectDisposition::Refuse,
        });
        assert_eq!(summary(&trial.run().await), "done 303 6");
        assert_eq!(trial.metrics.snapshot().redirect_count, 1);
    }
    assert_eq!(server.requests().len(), 4, "none is asked for twice");
}

#[tokio::test]
async fn the_rules_come_first() {
    let (secure, plain) = (Server::start_tls(), Server::start());
    plain.on("/", Answer::ok("x"));
    secure.on("/away", Answer::redirect(302, &plain.url("/")));
    secure.on("/round", Answer::redirect(302, "/round"));
    secure.on("/here", Answer::redirect(302, "/there"));
    // location, redirects at most, where the app goes => how it ends, how often it was asked
    for (path, most, goes, expected, times) in [
        ("/away", None, "", "-1022 permanent", 0),
        ("/round", None, "", "-1007 permanent", 3),
        ("/here", Some(0), "", "-1007 permanent", 0),
        // It may know better than the rule.
        ("/here", None, "http", "done 200 1", 1),
        // One that leads to itself leads nowhere.
        ("/here", None, "https", "-1007 permanent", 3),
    ] {
        let mut trial = Trial::data(&secure.url(path));
        trial.order.options.ca_certificates = vec![secure.ca_pem()];
        trial.order.options.maximum_redirects = most;
        let goes = match goes {
            "http" => Some(plain.url("/")),
            "https" => Some(secure.url("/here")),
            _ => None,
        };
        let (trial, seen) = deciding(trial, move |redirection| match &goes {
            Some(url) => instead(Request { url: url.clone(), ..redirection.new_request.clone() }),
            None => HttpRedirectDisposition::Follow,
        });
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{path}: {ending:?}");
        assert_eq!(seen.lock().unwrap().len(), times, "{path}");
    }
    let mut trial = Trial::data(&secure.url("/here"));
    trial.order.options.ca_certificates = vec![secure.ca_pem()];
    trial.order.options.tls.https_only = true;
    let url = plain.url("/");
    let (trial, _) = deciding(trial, move |redirection| {
        instead(Request { url: url.clone(), ..redirection.new_request.clone() })
    });
    assert_eq!(error_of(&trial.run().await).code.0, -1022, "the app had said so before");
}

#[tokio::test]
async fn credentials_stay_where_they_are_good() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/", Answer::redirect(302, "/b"));
    let who = || Answer::ok("who?").status(401).header("WWW-Authenticate", "Basic realm=r");
    second.on("/c", who());
    for (credential, expected) in [
        (None, vec![None]),
        (Some(Credential::new("you", "pw")), vec![None, Some("Basic eW91OnB3")]),
    ] {
        let before = second.requests().len();
        let mut trial = Trial::data(&first.url("/"));
        trial.order.request.credential = Some(Credential::new("me", "pw"));
        let url = second.url("/c");
        let (trial, _) = deciding(trial, move |redirection| {
            let (url, credential) = (url.clone(), credential.clone());
            instead(Request { url, credential, ..redirection.new_request.clone() })
        });
        assert_eq!(summary(&trial.run().await), "done 401 4");
        let seen = second.requests();
        let shown: Vec<_> =
            seen[before..].iter().map(|seen| seen.header("authorization")).collect();
        assert_eq!(shown, expected);
    }
}
