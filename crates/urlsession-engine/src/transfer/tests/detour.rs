//! The short way of long bodies: which take it, and what becomes of their connections.

use super::{Road, summary};
use crate::transfer::Collector;
use crate::transfer::http::Http;
use crate::transfer::outgoing::Outgoing;
use crate::transfer::rate::Rate;
use http::{HeaderMap, Method};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use urlsession_protocol::Date;
use urlsession_protocol::TaskOptions;
use urlsession_testkit::server::{Answer, Server, pseudo_random};

const SIZE: u64 = 300_000;

fn file() -> Answer {
    Answer::pseudo_random(7, SIZE)
}

/// the answer => whether its body goes the short way
#[tokio::test]
async fn which_bodies_go_the_short_way() {
    let server = Server::start();
    let (plain, secure) = (server, Server::start_tls());
    for (what, server, answer, minimum, expected) in [
        ("known length", &plain, file(), SIZE, true),
        ("too short", &plain, file(), SIZE + 1, false),
        ("chunked", &plain, file().chunked(), 1, false),
        ("to the close", &plain, file().without_length(), 1, false),
        ("empty", &plain, Answer::ok(""), 1, false),
        ("known length over TLS", &secure, file(), SIZE, true),
        ("chunked over TLS", &secure, file().chunked(), 1, false),
    ] {
        server.on("/file", answer);
        let http = Http::new(minimum);
        let url = server.url("/file").parse().unwrap();
        let mut options = TaskOptions::default();
        if what.ends_with("TLS") {
            options.ca_certificates.push(server.ca_pem());
        }
        let mut headers = HeaderMap::new();
        headers.insert("host", "localhost".parse().unwrap());
        let out = Outgoing {
            target: crate::transfer::outgoing::Target::OfUrl,
            most_connections: None,
            asks_leave: false,
            shows_own: true,
            method: &Method::GET,
            url: &url,
            headers,
            body: None,
            options: &options,
            asks: None,
            answers: &[],
            idle_timeout: Duration::from_secs(30),
            rate: &Rate::new(None, &Arc::default()),
            metrics: &Collector::new(Date(0)),
        };
        let mut answer = http.send(&out).await.unwrap();
        let taken = answer.body.detour().await;
        assert_eq!(taken.is_some(), expected, "{what}");
        if let Some((early, detour)) = taken {
            let early: usize = early.iter().map(bytes::Bytes::len).sum();
            assert_eq!(early as u64 + detour.left, SIZE, "{what}");
        }
    }
}

#[tokio::test]
async fn the_connection_is_used_again_unless_it_closes() {
    for road in Road::all() {
        let server = &road.server;
        server.on("/file", file());
        server.on("/last", file().header("connection", "close"));
        server.on("/more", {
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", 5);
            Answer::raw(format!("{head}hello, and more than was announced"))
        });
        let mut trial = road.download("/file");
        let bytes = pseudo_random(7, 0, SIZE as usize);
        for path in ["/file", "/file", "/last", "/file", "/more", "/file"] {
            trial.order.request.url = server.url(path);
            let length = if path == "/more" { 5 } else { SIZE };
            assert_eq!(summary(&trial.run().await), format!("done 200 {length}"), "{path}");
            let got = fs::read(&trial.files.finished).unwrap();
            assert!(if path == "/more" { got == b"hello" } else { got == bytes }, "{path}");
        }
        let connections: Vec<_> = server.requests().iter().map(|seen| seen.connection).collect();
        assert_eq!(connections, [0, 0, 0, 1, 1, 2], "{}", server.url("/"));
    }
}
