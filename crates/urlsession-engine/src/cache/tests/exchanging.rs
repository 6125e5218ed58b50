//! What attempts at the same time do to each other, request for request, without a network.

use super::{fields, stored};
use crate::cache::exchange::Pending;
use crate::cache::stored::Stored;
use crate::cache::{Exchange, LookUp, Received, Recording, SharedCache};
use crate::clock::Clock;
use http::response::Parts;
use http::{Method, Response, StatusCode};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use url::{Position, Url};
use urlsession_core::Order;
use urlsession_protocol::{CachePolicy, CookiePolicy, Request, TaskKind, TaskOptions, UrlCache};

/// Longest wait for what must not wait at all.
const PATIENCE: Duration = Duration::from_secs(20);

fn exchange(cache: &Arc<SharedCache>) -> Exchange {
    let order = Order {
        kind: TaskKind::Data,
        request: Request::new("http://host/").unwrap(),
        options: TaskOptions::default(),
        idle_timeout: Duration::ZERO,
        cookies: CookiePolicy::default(),
        cache: CachePolicy::default(),
        answers: Vec::new(),
    };
    Exchange::new(Some(Arc::clone(cache)), &order)
}

fn on_disk(folder: &TempDir) -> Arc<SharedCache> {
    let path = folder.path().join("responses.sqlite");
    Arc::new(SharedCache::new(UrlCache::default(), Some(path), Clock::start()))
}

fn in_memory() -> SharedCache {
    SharedCache::new(UrlCache::IN_MEMORY, None, Clock::start())
}

async fn ask<'a>(exchange: &'a Exchange, method: &Method, url: &str) -> LookUp<'a> {
    ask_with(exchange, method, url, "Host: host").await
}

async fn ask_with<'a>(
    exchange: &'a Exchange,
    method: &Method,
    url: &str,
    lines: &str,
) -> LookUp<'a> {
    let url: Url = url.parse().unwrap();
    exchange.look_up((method, &url), fields(lines), &[]).await
}

fn head(status: u16, lines: &str) -> Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::from_u16(status).unwrap();
    head.headers = fields(lines);
    head
}

/// Begins a request, which has to go to the server.
async fn send<'a>(exchange: &'a Exchange, method: &Method, url: &str) -> Pending<'a> {
    match ask(exchange, method, url).await {
        LookUp::Send(pending) => pending,
        other => panic!("{other:?}"),
    }
}

/// Takes a head that may be kept.
async fn take(pending: Pending<'_>, lines: &str) -> Recording {
    match pending.receive(&head(200, lines)).await {
        Received::New(Some(recording)) => recording,
        other => panic!("{other:?}"),
    }
}

async fn end(mut recording: Recording, body: &str) {
    recording.take(body.as_bytes());
    recording.finish().await;
}

/// Returns the body that answers a request without the server.
async fn answer(exchange: &Exchange, url: &str) -> Option<String> {
    match ask(exchange, &Method::GET, url).await {
        LookUp::Answer(kept) => Some(String::from_utf8(kept.body.to_vec()).unwrap()),
        LookUp::Nothing | LookUp::Send(_) => None,
    }
}

/// What has its head already, and what has not: the server may have read either before the change.
#[tokio::test]
async fn what_a_change_overtook_is_not_kept() {
    const FRESH: &str = "Cache-Control: max-age=100";
    let here = "http://host/";
    for (method, url, status, answers, expected) in [
        (Method::POST, here, 200, "", None),
        (Method::DELETE, here, 204, "", None),
        (Method::POST, "http://host/other", 201, "Location: /", None),
        // What changes nothing, or something else, leaves it.
        (Method::POST, here, 500, "", Some("old")),
        (Method::GET, here, 200, FRESH, Some("old")),
        (Method::POST, "http://host/other", 200, "", Some("old")),
    ] {
        for has_head in [true, false] {
            let folder = TempDir::new().unwrap();
            for cache in [on_disk(&folder), Arc::new(in_memory())] {
                let asks = exchange(&cache);
                let old = send(&asks, &Method::GET, here).await;
                let change = send(&asks, &method, url).await;
                if has_head {
                    let old = take(old, FRESH).await;
                    change.receive(&head(status, answers)).await;
                    end(old, "old").await;
                } else {
                    change.receive(&head(status, answers)).await;
                    end(take(old, FRESH).await, "old").await;
                }
                let found = answer(&asks, here).await;
                assert_eq!(found.as_deref(), expected, "{method} {url} {status} {has_head}");
                if expected.is_none() {
                    end(take(send(&asks, &Method::GET, here).await, FRESH).await, "new").await;
                    assert_eq!(answer(&asks, here).await.as_deref(), Some("new"));
                }
            }
        }
    }
}

/// A POST may bring what a GET would, and is no reason not to keep that; another POST is.
#[tokio::test]
async fn a_change_is_overtaken_by_others_only() {
    let (url, whole) =
        ("http://host/", "Cache-Control: max-age=100 | Content-Location: / | Location: /#new");
    for (is_overtaken, expected) in [(false, Some("own")), (true, None)] {
        let asks = exchange(&Arc::new(in_memory()));
        let own = send(&asks, &Method::POST, url).await;
        if is_overtaken {
            send(&asks, &Method::POST, url).await.receive(&head(200, "")).await;
        }
        end(take(own, whole).await, "own").await;
        assert_eq!(answer(&asks, url).await.as_deref(), expected);
    }
}

#[tokio::test]
async fn what_is_under_way_is_forgotten_with_all() {
    let (cache, url) = (Arc::new(in_memory()), "http://host/");
    let asks = exchange(&cache);
    let old = take(send(&asks, &Method::GET, url).await, "Cache-Control: max-age=100").await;
    cache.clear();
    end(old, "old").await;
    assert_eq!(answer(&asks, url).await, None);
}

/// Another process may hold the file, and then whoever has the lock waits for it.
#[tokio::test]
async fn a_head_is_taken_while_somebody_waits_for_the_disk() {
    let folder = TempDir::new().unwrap();
    let cache = on_disk(&folder);
    let (held, release) = (mpsc::channel(), mpsc::channel::<()>());
    let busy = Arc::clone(&cache);
    let asks = exchange(&cache);
    let pending = send(&asks, &Method::GET, "http://host/").await;
    let writer = std::thread::spawn(move || {
        let _tiers = busy.lock();
        held.0.send(()).unwrap();
        // A head that waits is told in the end that it did.
        release.1.recv_timeout(PATIENCE).is_ok()
    });
    held.1.recv().unwrap();
    let received = pending.receive(&head(200, "Cache-Control: max-age=60")).await;
    assert!(matches!(received, Received::New(Some(_))));
    let _ = release.0.send(());
    assert!(writer.join().unwrap(), "the head waited");
}

/// A server may have a site for each name, and all of them have the URL of its address.
#[tokio::test]
async fn only_the_host_of_the_url_is_asked_for_what_the_url_has() {
    for (url, lines, expected) in [
        ("http://host/", "Host: host", true),
        ("http://host/", "Host: HOST", true),
        ("http://host:80/", "Host: host", true),
        ("http://host:81/", "Host: host:81", true),
        ("http://host:81/", "Host: host", false),
        ("http://host/", "Host: other", false),
        ("http://host/", "Host: host | Host: other", false),
        ("http://host/", "Host:", false),
        ("http://host/", "", false),
        ("http://[::1]:81/", "Host: [::1]:81", true),
    ] {
        let its_own = url.parse::<Url>().unwrap();
        let its_own = format!("Host: {}", &its_own[Position::BeforeHost..Position::AfterPort]);
        for (first, second) in [(lines, &its_own[..]), (&its_own, lines)] {
            let asks = exchange(&Arc::new(in_memory()));
            let LookUp::Send(pending) = ask_with(&asks, &Method::GET, url, first).await else {
                panic!("nothing is kept yet: {first}");
            };
            let head = head(200, "Cache-Control: max-age=100");
            if let Received::New(Some(recording)) = pending.receive(&head).await {
                end(recording, "body").await;
            }
            let answer = ask_with(&asks, &Method::GET, url, second).await;
            let is_kept = matches!(answer, LookUp::Answer(_));
            assert_eq!(is_kept, expected, "{url}: {first}, then {second}");
        }
    }
}

/// Another version may have kept what this one would not.
#[tokio::test]
async fn what_must_not_be_kept_is_not_used_either() {
    let url = "http://host/";
    for (status, expected) in [(200, true), (404, true), (401, false), (429, false), (206, false)] {
        let folder = TempDir::new().unwrap();
        let cache = on_disk(&folder);
        let (requested, received) = (cache.now(), cache.now());
        let whole = stored(status, "Cache-Control: max-age=100");
        cache.keep_at_once(url, Stored { requested, received, ..whole });
        let found = answer(&exchange(&on_disk(&folder)), url).await;
        assert_eq!(found.is_some(), expected, "{status}");
    }
}
