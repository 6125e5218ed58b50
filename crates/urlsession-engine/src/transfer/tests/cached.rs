//! Attempts with a cache: what is answered without the server, and what the server is asked.

use super::{Trial, error_of, resume_of, summary};
use crate::cache::SharedCache;
use crate::clock::Clock;
use crate::cookies::Cookies;
use crate::shelf::Owner;
use crate::store::Store;
use std::fs;
use std::sync::Arc;
use tempfile::TempDir;
use urlsession_core::{Answered, Ending, Given, SessionNumber};
use urlsession_protocol::{
    ClientCertificate, ConnectTo, ConnectionProxy, Credential, ErrorCode, RequestCachePolicy,
    RequestPolicy, ResourceFetchType, Response, TlsPolicy, UrlCache,
};
use urlsession_testkit::server::{Answer, Certificate, Demands, Seen, Server};

const FRESH: (&str, &str) = ("Cache-Control", "max-age=3600");
const STALE: (&str, &str) = ("Cache-Control", "max-age=0");

/// A server, and a cache on disk that the trials share.
struct Scene {
    server: Server,
    cache: Arc<SharedCache>,
    _folder: TempDir,
}

impl Scene {
    fn new() -> Self {
        Self::of(Server::start())
    }

    fn of(server: Server) -> Self {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("responses.sqlite");
        let cache = SharedCache::new(UrlCache::default(), Some(path), Clock::start());
        Self { server, cache: Arc::new(cache), _folder: folder }
    }

    fn on(&self, answer: Answer) {
        self.server.on("/", answer);
    }

    fn data(&self) -> Trial {
        self.of_trial(Trial::data(&self.server.url("/")))
    }

    fn download(&self) -> Trial {
        self.of_trial(Trial::download(&self.server.url("/")))
    }

    fn of_trial(&self, mut trial: Trial) -> Trial {
        trial.cache = Some(Arc::clone(&self.cache));
        trial
    }

    fn count(&self) -> usize {
        self.server.requests().len()
    }

    fn last(&self) -> Seen {
        self.server.requests().pop().unwrap()
    }
}

/// Runs it; says how it ended, where from, and with which body.
async fn tell(trial: &Trial) -> String {
    let ending = trial.run().await;
    let Ending::Done(done) = &ending else { return summary(&ending) };
    let from = match done.response.resource_fetch_type {
        ResourceFetchType::NetworkLoad => "loaded",
        ResourceFetchType::LocalCache => "kept",
    };
    let body = done.file.as_ref().map(|file| fs::read_to_string(file).unwrap()).unwrap_or_default();
    format!("{from} {} {body}", done.response.status_code)
}

/// What is asked of another target, with a body, or of another server, is not what the URL has.
#[tokio::test]
async fn a_request_for_something_else_is_not_answered_with_what_is_kept() {
    let scene = Scene::new();
    scene.on(Answer::ok("one").header(FRESH.0, FRESH.1));
    assert_eq!(tell(&scene.data()).await, "loaded 200 one");
    assert_eq!(tell(&scene.data()).await, "kept 200 one");
    let elsewhere = ConnectTo { to_port: Some(1), ..ConnectTo::default() };
    for (policy, expected) in [
        (RequestPolicy { path: Some("/".into()), ..RequestPolicy::default() }, "loaded 200 one"),
        (RequestPolicy { target: Some("/".into()), ..RequestPolicy::default() }, "loaded 200 one"),
        (RequestPolicy { sends_get_body: true, ..RequestPolicy::default() }, "loaded 200 one"),
        (
            RequestPolicy { connect_to: vec![elsewhere], ..RequestPolicy::default() },
            "-1004 transient",
        ),
        (
            RequestPolicy { unix_socket: Some("/none".into()), ..RequestPolicy::default() },
            if cfg!(unix) { "-1004 transient" } else { "-1004 permanent" },
        ),
    ] {
        let mut trial = scene.data();
        trial.order.options.request_policy = policy;
        assert_eq!(tell(&trial).await, expected);
        trial.order.options.request_cache_policy =
            Some(RequestCachePolicy::ReturnCacheDataDontLoad);
        assert_eq!(tell(&trial).await, "-2000 permanent", "the network is none of its ways");
    }
}

/// What its connection ends early is not kept, and the next try not answered with it.
#[tokio::test]
async fn what_is_cut_is_not_kept() {
    let scene = Scene::new();
    let fields = "Cache-Control: max-age=3600\r\nContent-Length: 9\r\n";
    for coding in ["", "Transfer-Encoding: identity\r\n"] {
        let head = format!("HTTP/1.1 200 OK\r\n{fields}{coding}\r\n");
        let (cut, whole) =
            (Answer::raw(format!("{head}abcd")), Answer::raw(format!("{head}abcdefghi")));
        scene.on(cut.times(1).then(Answer::raw(head).times(1).then(whole)));
        assert_eq!(tell(&scene.data()).await, "-1005 transient", "{coding}");
        let mut head = scene.data();
        head.order.request.method = "HEAD".into();
        assert_eq!(tell(&head).await, "loaded 200 ", "{coding}");
        assert_eq!(tell(&scene.data()).await, "loaded 200 abcdefghi", "{coding}");
        scene.cache.clear();
    }
}

fn answer(body: &'static str, (name, value): (&str, &str)) -> Answer {
    Answer::ok(body).header(name, value)
}

async fn response(trial: &Trial) -> Response {
    match trial.run().await {
        Ending::Done(done) => done.response,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_fresh_response_needs_no_server() {
    for answer in [
        answer("hello", FRESH),
        answer("hello", FRESH).chunked(),
        answer("hello", FRESH).without_length(),
    ] {
        let scene = Scene::new();
        scene.on(answer);
        assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
        assert_eq!(tell(&scene.data()).await, "kept 200 hello");
        assert_eq!(tell(&scene.download()).await, "kept 200 hello");
        let response = response(&scene.data()).await;
        assert!(response.header("age").is_some());
        assert_eq!(response.network_protocol.as_deref(), Some("http/1.1"));
        assert_eq!(scene.count(), 1);
    }
}

#[tokio::test]
async fn downloads_and_http2_are_kept_too() {
    let scene = Scene::of(Server::start_h2());
    scene.on(answer("hello", FRESH));
    let trusting = |mut trial: Trial| {
        trial.order.options.ca_certificates.push(scene.server.ca_pem());
        trial
    };
    assert_eq!(tell(&trusting(scene.download())).await, "loaded 200 hello");
    assert_eq!(tell(&trusting(scene.data())).await, "kept 200 hello");
    assert_eq!(response(&trusting(scene.data())).await.network_protocol.as_deref(), Some("h2"));
    // What somebody got on other terms is not for who does not trust the server.
    assert!(tell(&scene.data()).await.starts_with("-120"));
    let mut trial = trusting(scene.data());
    let tls = TlsPolicy { allow_any_certificate: true, ..TlsPolicy::default() };
    trial.order.options.connection_proxy =
        Some(ConnectionProxy { tls, ..ConnectionProxy::default() });
    assert_eq!(tell(&trial).await, "loaded 200 hello");
}

#[tokio::test]
async fn a_long_body_goes_its_short_way_and_is_not_kept() {
    let scene = Scene::new();
    scene.on(Answer::pseudo_random(1, 2 << 20).header(FRESH.0, FRESH.1));
    for count in 1..=2 {
        assert_eq!(summary(&scene.download().run().await), "done 200 2097152");
        assert_eq!(scene.count(), count);
    }
}

#[tokio::test]
async fn a_stale_response_is_validated() {
    let scene = Scene::new();
    let date = "Sun, 06 Nov 1994 08:49:37 GMT";
    let still = Answer::status_only(304).header("A", "2").header(FRESH.0, FRESH.1);
    scene.on(answer("hello", STALE)
        .header("A", "1")
        .etag("\"a\"")
        .last_modified(date)
        .times(1)
        .then(still));
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    let response = response(&scene.data()).await;
    assert_eq!(response.status_code, 200);
    assert_eq!(response.header("a"), Some("2"));
    assert_eq!(response.header("age"), None);
    let asked = scene.last();
    assert_eq!(asked.header("if-none-match"), Some("\"a\""));
    assert_eq!(asked.header("if-modified-since"), Some(date));
    // The server's new word counts from then on.
    assert_eq!(tell(&scene.data()).await, "kept 200 hello");
    assert_eq!(scene.count(), 2);
}

#[tokio::test]
async fn a_304_may_end_the_keeping() {
    let scene = Scene::new();
    let last = Answer::status_only(304).header("Cache-Control", "no-store");
    scene.on(answer("hello", STALE).etag("\"a\"").times(1).then(last));
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    assert_eq!(tell(&scene.data()).await, "kept 200 hello");
    let mut offline = scene.data();
    offline.order.options.request_cache_policy = Some(RequestCachePolicy::ReturnCacheDataDontLoad);
    assert_eq!(tell(&offline).await, "-2000 permanent");
}

#[tokio::test]
async fn a_304_may_say_that_it_varies() {
    for (vary, again) in [("A", "kept 200 one"), ("*", "loaded 200 other")] {
        let scene = Scene::new();
        let still = Answer::status_only(304).header("Vary", vary).header(FRESH.0, FRESH.1);
        let other = answer("other", FRESH).header("Vary", "A");
        scene.on(answer("one", STALE).etag("\"a\"").times(1).then(still.times(1).then(other)));
        assert_eq!(tell(&scene.data().header("A", "1")).await, "loaded 200 one");
        assert_eq!(tell(&scene.data().header("A", "1")).await, "kept 200 one");
        assert_eq!(tell(&scene.data().header("A", "2")).await, "loaded 200 other", "{vary}");
        assert_eq!(tell(&scene.data().header("A", "1")).await, again, "{vary}");
    }
}

#[tokio::test]
async fn a_changed_response_takes_the_place_of_the_old_one() {
    let changed = || answer("new", FRESH).etag("\"b\"");
    // A server may also say that what it has now is what it has now.
    let strange = Answer::status_only(304).etag("\"b\"").header(FRESH.0, FRESH.1);
    for (next, count) in [(changed(), 2), (strange.times(1).then(changed()), 3)] {
        let scene = Scene::new();
        scene.on(answer("old", STALE).etag("\"a\"").times(1).then(next));
        assert_eq!(tell(&scene.data()).await, "loaded 200 old");
        assert_eq!(tell(&scene.data()).await, "loaded 200 new");
        assert_eq!(tell(&scene.data()).await, "kept 200 new");
        assert_eq!(scene.count(), count);
    }
}

#[tokio::test]
async fn a_response_that_is_not_kept_takes_the_old_one_away() {
    let large: Answer = Answer::pseudo_random(1, 2 << 20);
    for next in [answer("new", ("Cache-Control", "no-store")), large.header(FRESH.0, FRESH.1)] {
        let scene = Scene::new();
        scene.on(answer("old", STALE).times(1).then(next));
        assert_eq!(tell(&scene.data()).await, "loaded 200 old");
        let mut offline = scene.data();
        offline.order.options.request_cache_policy =
            Some(RequestCachePolicy::ReturnCacheDataDontLoad);
        assert_eq!(tell(&offline).await, "kept 200 old");
        // A request that wants nothing to do with the cache changes nothing in it.
        assert!(matches!(
            scene.data().header("Cache-Control", "no-store").run().await,
            Ending::Done(_)
        ));
        assert_eq!(tell(&offline).await, "kept 200 old");
        assert!(matches!(scene.data().run().await, Ending::Done(_)));
        assert_eq!(tell(&offline).await, "-2000 permanent");
    }
}

#[tokio::test]
async fn a_part_is_never_taken_for_the_whole() {
    for cut in [
        answer("hello", FRESH).drop_after(2),
        answer("hello", FRESH).chunked().drop_after(2),
        answer("hello", FRESH).without_length().drop_after(2).reset(),
    ] {
        let scene = Scene::new();
        scene.on(cut.times(1).then(answer("hello", FRESH)));
        assert_eq!(tell(&scene.data()).await, "-1005 transient");
        assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    }
    let scene = Scene::new();
    scene.on(answer("hello", FRESH).etag("\"a\""));
    let range = |trial: Trial| trial.header("Range", "bytes=1-2");
    assert_eq!(tell(&range(scene.data())).await, "loaded 206 el");
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    // From the whole, a part needs no server.
    assert_eq!(tell(&range(scene.data())).await, "kept 206 el");
    let response = response(&range(scene.data())).await;
    assert_eq!(response.header("content-range"), Some("bytes 1-2/5"));
    assert_eq!(scene.count(), 2);
}

/// A server may say of every answer how long it holds, of one to a range that it has not, too.
#[tokio::test]
async fn what_is_said_of_a_part_is_not_said_of_the_whole() {
    let scene = Scene::new();
    let refused = Answer::status_only(416).header(FRESH.0, FRESH.1);
    scene.on(refused.times(1).then(answer("hello", FRESH)));
    assert_eq!(tell(&scene.data().header("Range", "bytes=9-")).await, "loaded 416 ");
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
}

/// What takes the place of what is kept may turn out too large for that.
#[tokio::test]
async fn what_was_replaced_by_more_than_can_be_kept_does_not_come_back() {
    let scene = Scene::new();
    let large = "x".repeat(2 * 1024 * 1024);
    let larger = Answer::ok(large.clone()).header(FRESH.0, FRESH.1).chunked();
    scene.on(answer("hello", FRESH).times(1).then(larger));
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    let mut reload = scene.data();
    reload.order.options.request_cache_policy =
        Some(RequestCachePolicy::ReloadIgnoringLocalCacheData);
    assert!(tell(&reload).await == format!("loaded 200 {large}"));
    assert!(tell(&scene.data()).await == format!("loaded 200 {large}"));
}

#[tokio::test]
async fn a_download_goes_on_from_what_is_kept() {
    let scene = Scene::new();
    scene.on(answer("hello", FRESH).etag("\"a\"").drop_after(2).times(1));
    let mut download = scene.download();
    let ending = download.run_and_record().await;
    assert_eq!(resume_of(&ending).map(|state| state.durable_bytes), Some(2));
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    // The head is that of the response which the file began with.
    assert_eq!(tell(&download).await, "loaded 200 hello");
    assert_eq!(scene.count(), 2);
}

#[tokio::test]
async fn unsafe_methods_make_it_forget() {
    let scene = Scene::new();
    scene.on(answer("hello", FRESH));
    scene.server.on("/other", answer("other", FRESH));
    let other = || scene.of_trial(Trial::data(&scene.server.url("/other")));
    tell(&scene.data()).await;
    tell(&other()).await;
    let upload = |status| {
        let changed = Answer::status_only(status).header("Location", "/other");
        scene.on(changed.times(1).then(answer("hello", FRESH)));
        scene.of_trial(Trial::upload(&scene.server.url("/"), b"new"))
    };
    tell(&upload(500)).await;
    assert_eq!(tell(&scene.data()).await, "kept 200 hello");
    assert_eq!(tell(&other()).await, "kept 200 other");
    tell(&upload(201)).await;
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    assert_eq!(tell(&other()).await, "loaded 200 other");
}

#[tokio::test]
async fn redirects_are_kept_as_any_response() {
    let scene = Scene::new();
    scene.on(Answer::redirect(301, "/there").header(FRESH.0, FRESH.1));
    scene.server.on("/there", answer("there", FRESH));
    assert_eq!(tell(&scene.data()).await, "loaded 200 there");
    assert_eq!(tell(&scene.data()).await, "kept 200 there");
    assert_eq!(scene.count(), 2);
    let mut stays = scene.data();
    stays.order.options.ignores_redirects = true;
    assert_eq!(tell(&stays).await, "kept 301 ");
}

/// Apple's policy, whether something is kept => what comes, what the server sees of it
#[tokio::test]
async fn policies_of_the_app() {
    use RequestCachePolicy as P;
    let table = [
        (P::UseProtocolCachePolicy, true, "loaded 200 new", (None, None)),
        (P::ReloadIgnoringLocalCacheData, true, "loaded 200 new", (None, None)),
        (P::ReturnCacheDataElseLoad, true, "kept 200 old", (None, None)),
        (P::ReturnCacheDataElseLoad, false, "loaded 200 new", (None, None)),
        (P::ReturnCacheDataDontLoad, true, "kept 200 old", (None, None)),
        (P::ReturnCacheDataDontLoad, false, "-2000 permanent", (None, None)),
        (
            P::ReloadIgnoringLocalAndRemoteCacheData,
            true,
            "loaded 200 new",
            (Some("no-cache"), Some("no-cache")),
        ),
        (P::ReloadRevalidatingCacheData, true, "loaded 200 new", (Some("max-age=0"), None)),
    ];
    for (policy, is_kept, expected, (control, pragma)) in table {
        let scene = Scene::new();
        if is_kept {
            scene.on(answer("old", STALE));
            tell(&scene.data()).await;
        }
        scene.on(answer("new", STALE));
        let before = scene.count();
        let mut trial = scene.data();
        trial.order.options.request_cache_policy = Some(policy);
        assert_eq!(tell(&trial).await, expected, "{policy:?}");
        if expected.starts_with("loaded") {
            let seen = scene.last();
            assert_eq!(seen.header("cache-control"), control, "{policy:?}");
            assert_eq!(seen.header("pragma"), pragma, "{policy:?}");
        } else {
            assert_eq!(scene.count(), before, "{policy:?}");
        }
        // The session's policy counts where the task has none.
        let mut of_session = scene.data();
        of_session.order.cache.policy = P::ReturnCacheDataDontLoad;
        let kept = expected.rsplit(' ').next().unwrap();
        if policy != P::ReturnCacheDataDontLoad || is_kept {
            assert_eq!(tell(&of_session).await, format!("kept 200 {kept}"), "{policy:?}");
        }
    }
}

#[tokio::test]
async fn policies_without_a_cache() {
    let server = Server::start();
    server.on("/", answer("hello", FRESH));
    for _ in 0..2 {
        let mut trial = Trial::data(&server.url("/"));
        trial.order.options.request_cache_policy =
            Some(RequestCachePolicy::ReloadIgnoringLocalAndRemoteCacheData);
        trial = trial.header("Cache-Control", "max-age=5");
        assert_eq!(tell(&trial).await, "loaded 200 hello");
    }
    let seen = server.requests();
    assert_eq!(seen.len(), 2);
    // What the app says itself stays.
    assert_eq!(seen[0].header("cache-control"), Some("max-age=5"));
    let mut trial = Trial::data(&server.url("/"));
    trial.order.options.request_cache_policy = Some(RequestCachePolicy::ReturnCacheDataDontLoad);
    let ending = trial.run().await;
    let error = error_of(&ending);
    assert_eq!(error.code, ErrorCode::CANNOT_LOAD_FROM_NETWORK);
    assert_eq!(error.failing_url.as_deref(), Some(server.url("/").as_str()));
}

#[tokio::test]
async fn words_of_the_request() {
    let scene = Scene::new();
    scene.on(answer("hello", FRESH));
    let with = |value| scene.data().header("Cache-Control", value);
    assert_eq!(tell(&with("only-if-cached")).await, "kept 504 ");
    assert_eq!(tell(&with("no-store")).await, "loaded 200 hello");
    assert_eq!(tell(&with("only-if-cached")).await, "kept 504 ");
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
    assert_eq!(tell(&with("only-if-cached")).await, "kept 200 hello");
    assert_eq!(tell(&with("no-cache")).await, "loaded 200 hello");
    // A question of the app's own is the server's to answer.
    let own = scene.data().header("If-None-Match", "\"x\"");
    assert_eq!(tell(&own).await, "loaded 200 hello");
    let mut head = scene.data();
    head.order.request.method = "HEAD".into();
    assert_eq!(tell(&head).await, "kept 200 ");
}

#[tokio::test]
async fn a_head_tells_of_what_is_kept() {
    for (etag, expected) in [("\"a\"", "kept 200 hello"), ("\"b\"", "loaded 200 new")] {
        let scene = Scene::new();
        let new = answer("new", FRESH);
        let head = Answer::ok("hello").etag(etag).header(FRESH.0, FRESH.1);
        scene.on(answer("hello", STALE).etag("\"a\"").times(1).then(head.times(1).then(new)));
        tell(&scene.data()).await;
        let mut head = scene.data();
        head.order.request.method = "HEAD".into();
        assert_eq!(tell(&head).await, "loaded 200 ");
        assert_eq!(tell(&scene.data()).await, expected);
    }
}

/// What is there now is not the error that is kept, which nothing tells from it.
#[tokio::test]
async fn a_head_of_something_does_not_renew_that_there_was_nothing() {
    let scene = Scene::new();
    let now = answer("hello", FRESH);
    scene.on(answer("no!!!", STALE).status(404).times(1).then(now));
    assert_eq!(tell(&scene.data()).await, "loaded 404 no!!!");
    let mut head = scene.data();
    head.order.request.method = "HEAD".into();
    assert_eq!(tell(&head).await, "loaded 200 ");
    assert_eq!(tell(&scene.data()).await, "loaded 200 hello");
}

#[tokio::test]
async fn a_stale_response_stands_in_for_errors_where_that_is_allowed() {
    for (control, allowed) in [
        ("max-age=0, stale-if-error=60", true),
        ("max-age=0, stale-if-error=60, must-revalidate", false),
        ("max-age=0", false),
    ] {
        for (error, expected) in [
            (Answer::raw(""), "-1005 transient"),
            (Answer::ok("busy").status(503), "loaded 503 busy"),
        ] {
            let scene = Scene::new();
            scene.on(answer("hello", ("Cache-Control", control)));
            tell(&scene.data()).await;
            scene.on(error);
            let expected = if allowed { "kept 200 hello" } else { expected };
            assert_eq!(tell(&scene.data()).await, expected, "{control}");
        }
    }
}

#[tokio::test]
async fn what_is_tried_again_is_not_what_is_kept() {
    let scene = Scene::new();
    scene.on(answer("busy", FRESH).status(503));
    assert_eq!(tell(&scene.data()).await, "loaded 503 busy");
    assert_eq!(tell(&scene.data()).await, "kept 503 busy");
    let mut stubborn = scene.data();
    stubborn.order.options.retry_statuses = vec![503];
    assert_eq!(tell(&stubborn).await, "-1011 transient");
    assert_eq!(scene.count(), 2);
}

/// What the app answers about TLS is good for its task: others are asked themselves.
#[tokio::test]
async fn nobody_gets_what_another_trusted_or_showed_a_certificate_for() {
    let demands = Demands { certificate: true, ..Demands::default() };
    for server in
        [Server::start_tls_with(Certificate::SelfSigned), Server::start_tls_demanding(demands)]
    {
        let scene = Scene::of(server);
        scene.on(answer("secret", FRESH));
        let data = || {
            let mut trial = scene.data();
            trial.asks = Some(Vec::new());
            trial
        };
        let mut first = data();
        let mut given = Vec::new();
        while let Ending::Challenged { challenge, .. } = first.run().await {
            let answer = match challenge.server_trust.first() {
                Some(certificate) => Given::ServerTrust(certificate.clone()),
                None => Given::ClientCertificate(ClientCertificate::new(scene.server.client_pem())),
            };
            let answered = Answered { space: challenge.protection_space, given: answer };
            first.order.answer(&answered);
            given.push(answered);
        }
        assert!(!given.is_empty() && tell(&first).await.ends_with("200 secret"));
        assert!(matches!(data().run().await, Ending::Challenged { .. }), "{given:?}");
        let mut again = data();
        again.order.answers = given;
        assert_eq!(tell(&again).await, "kept 200 secret");
    }
}

/// What goes out without cookies or a credential brings what is for anyone.
#[tokio::test]
async fn what_is_left_out_of_a_request_does_not_tell_its_response() {
    let scene = Scene::new();
    let (sender, _inbox) = crate::inbox::channel();
    let mut jars = Cookies::new(Clock::start(), sender);
    let jar = jars.of(Owner::Session(SessionNumber(1)), &Store::in_memory()).unwrap();
    scene.server.on("/in", Answer::ok("").header("Set-Cookie", "a=b; Path=/"));
    let of = |mut trial: Trial, omitted: &str| {
        trial.cookies = Some(Arc::clone(&jar));
        trial.order.request.credential = Some(Credential::new("me", "pw").proactive());
        trial.order.options.request_policy.omitted_headers = vec![omitted.to_owned()];
        trial
    };
    let seen = Trial::data(&scene.server.url("/in"));
    assert_eq!(tell(&of(seen, "")).await, "loaded 200 ");
    for omitted in ["cookie", "authorization"] {
        scene.cache.clear();
        let varies = |body: &'static str| answer(body, FRESH).header("Vary", "Cookie");
        scene.on(varies("for anyone").times(1).then(varies("for me")));
        assert_eq!(tell(&of(scene.data(), omitted)).await, "loaded 200 for anyone");
        assert_eq!(scene.last().header(omitted), None);
        assert_eq!(tell(&of(scene.data(), "")).await, "loaded 200 for me", "{omitted}");
        assert!(scene.last().header(omitted).is_some());
        assert_eq!(tell(&of(scene.data(), omitted)).await, "kept 200 for anyone");
        assert_eq!(tell(&of(scene.data(), "")).await, "kept 200 for me");
    }
}

#[tokio::test]
async fn nobody_gets_what_another_was_let_in_for() {
    let scene = Scene::new();
    scene.on(answer("secret", FRESH));
    let of = |user: &str| {
        let mut trial = scene.data();
        trial.order.request.credential = Some(Credential::new(user, "pw").proactive());
        trial
    };
    assert_eq!(tell(&of("me")).await, "loaded 200 secret");
    assert_eq!(tell(&of("me")).await, "kept 200 secret");
    assert_eq!(tell(&of("you")).await, "loaded 200 secret");
    assert_eq!(tell(&scene.data()).await, "loaded 200 secret");
    let own = |value| scene.data().header("Authorization", value);
    assert_eq!(tell(&own("Bearer a")).await, "loaded 200 secret");
    assert_eq!(tell(&own("Bearer a")).await, "kept 200 secret");
    assert_eq!(tell(&own("Bearer b")).await, "loaded 200 secret");
}
