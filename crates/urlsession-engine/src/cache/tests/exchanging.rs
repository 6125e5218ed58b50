//! What attempts at the same time do to each other, request for request, without a network.

use super::fields;
use crate::cache::{Exchange, LookUp, Received, SharedCache};
use crate::clock::Clock;
use http::response::Parts;
use http::{Method, Response, StatusCode};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use url::Url;
use urlsession_core::Order;
use urlsession_protocol::{Request, TaskKind, TaskOptions, UrlCache};

/// Longest wait for what must not wait at all.
const PATIENCE: Duration = Duration::from_secs(20);

fn exchange(cache: &Arc<SharedCache>) -> Exchange {
    let order = Order {
        kind: TaskKind::Data,
        request: Request::new("http://host/").unwrap(),
        options: TaskOptions::default(),
        idle_timeout: Duration::ZERO,
        cookies: Default::default(),
        cache: Default::default(),
        answers: Vec::new(),
    };
    Exchange::new(Some(Arc::clone(cache)), &order)
}

fn on_disk(folder: &TempDir) -> Arc<SharedCache> {
    let path = folder.path().join("responses.sqlite");
    Arc::new(SharedCache::new(UrlCache::default(), Some(path), Clock::start()))
}

async fn ask<'a>(exchange: &'a Exchange, method: &Method, url: &str) -> LookUp<'a> {
    let url: Url = url.parse().unwrap();
    exchange.look_up((method, &url), Default::default(), &[]).await
}

fn head(status: u16, lines: &str) -> Parts {
    let (mut head, ()) = Response::new(()).into_parts();
    head.status = StatusCode::from_u16(status).unwrap();
    head.headers = fields(lines);
    head
}

/// Another process may hold the file, and then whoever has the lock waits for it.
#[tokio::test]
async fn a_head_is_taken_while_somebody_waits_for_the_disk() {
    let folder = TempDir::new().unwrap();
    let cache = on_disk(&folder);
    let (held, release) = (mpsc::channel(), mpsc::channel::<()>());
    let busy = Arc::clone(&cache);
    let asks = exchange(&cache);
    let LookUp::Send(pending) = ask(&asks, &Method::GET, "http://host/").await else {
        panic!("nothing is kept");
    };
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
