//! What each request of an attempt took: which steps it had, over what it went, how much it moved.

use super::{BOTH_WAYS, Trial, summary};
use std::sync::Arc;
use urlsession_protocol::{ResourceFetchType, TaskMetrics, TransactionMetrics};
use urlsession_testkit::server::{Answer, Server};

/// Says in one line what a transaction was; a lower-case letter is a step that did not end.
pub(super) fn story(one: &TransactionMetrics) -> String {
    let steps = [
        ("l", one.domain_lookup_start_date, one.domain_lookup_end_date),
        ("c", one.connect_start_date, one.connect_end_date),
        ("t", one.secure_connection_start_date, one.secure_connection_end_date),
        ("q", one.request_start_date, one.request_end_date),
        ("r", one.response_start_date, one.response_end_date),
    ];
    let steps = steps.map(|(name, start, end)| match (start, end) {
        (None, None) => String::new(),
        (Some(_), None) => name.to_owned(),
        (Some(start), Some(end)) if start <= end => name.to_uppercase(),
        wrong => panic!("{name}: {wrong:?}"),
    });
    let begun = one.fetch_start_date.expect("every transaction begins");
    assert!(one.connect_end_date.is_none_or(|end| end >= begun), "{one:?}");
    assert!(one.secure_connection_end_date <= one.connect_end_date, "{one:?}");
    let status = one
        .response
        .as_ref()
        .map_or("none".to_owned(), |response| response.status_code.to_string());
    format!(
        "{} {status} {}{}{} {} {}>{}",
        one.request.method,
        steps.concat(),
        if one.is_reused_connection { " reused" } else { "" },
        if one.resource_fetch_type == ResourceFetchType::LocalCache { " cache" } else { "" },
        one.network_protocol_name.as_deref().unwrap_or("-"),
        one.count_of_request_body_bytes_sent,
        one.count_of_response_body_bytes_received,
    )
}

pub(super) fn stories(metrics: &TaskMetrics) -> Vec<String> {
    metrics.transaction_metrics.iter().map(story).collect()
}

#[tokio::test]
async fn every_hop_is_a_transaction() {
    let server = Server::start();
    server.on("/old", Answer::redirect(302, "/new").header("X-A", "b"));
    server.on("/new", Answer::pseudo_random(1, 5_000_000));
    for minimum in BOTH_WAYS {
        let trial = Trial::download(&server.url("/old")).detouring_from(minimum);
        assert_eq!(summary(&trial.run().await), "done 200 5000000");
        let metrics = trial.metrics.snapshot();
        let expected = ["GET 302 CQR http/1.1 0>0", "GET 200 QR reused http/1.1 0>5000000"];
        assert_eq!(
            (stories(&metrics), metrics.redirect_count),
            (expected.map(Into::into).to_vec(), 1)
        );
        let [first, second] = &metrics.transaction_metrics[..] else { panic!("{metrics:?}") };
        assert_eq!(first.request.url, server.url("/old"));
        assert_eq!(second.request.url, server.url("/new"));
        assert!(first.response_end_date <= second.fetch_start_date);
        assert_eq!(second.count_of_response_body_bytes_after_decoding, 5_000_000);
        assert_eq!((first.remote, first.local), (second.remote, second.local));
        assert_eq!(first.remote, Some(server.address()));
        assert_ne!(first.local_port(), first.remote_port());
        assert_eq!(first.negotiated_tls_cipher_suite, None);
        let field = |one: &TransactionMetrics, name: &str| {
            let fields = &one.response.as_ref().unwrap().headers;
            fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.clone())
        };
        assert_eq!(field(first, "x-a").as_deref(), Some("b"));
        assert_eq!(field(second, "content-length"), None, "it comes with the completion");
    }
}

#[tokio::test]
async fn heads_are_counted_as_they_are_spelled() {
    let server = Server::start();
    let head = "HTTP/1.1 200 As It Happens\r\nContent-Length: 1\r\nX-A: b\r\n\r\n";
    server.on("/", Answer::raw(format!("{head}x")));
    let trial = Trial::data(&server.url("/"));
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let metrics = trial.metrics.snapshot();
    let one = &metrics.transaction_metrics[0];
    assert_eq!(one.count_of_response_header_bytes_received, head.len() as u64);
    let seen = server.requests().pop().unwrap();
    let fields = seen.headers.iter().map(|(name, value)| name.len() + value.len() + 4);
    let expected = "GET / HTTP/1.1\r\n\r\n".len() + fields.sum::<usize>();
    assert_eq!(one.count_of_request_header_bytes_sent, expected as u64);
}

#[tokio::test]
async fn tls_lies_inside_the_connection() {
    for server in [Server::start_tls(), Server::start_h2()] {
        server.on("/", Answer::ok("hello"));
        let mut trial = Trial::upload(&server.url("/").replace("127.0.0.1", "localhost"), b"hello");
        trial.order.options.ca_certificates = vec![server.ca_pem()];
        for expected in ["PUT 200 LCTQR", "PUT 200 QR reused"] {
            assert_eq!(summary(&trial.run().await), "done 200 5");
            let metrics = trial.metrics.snapshot();
            let one = metrics.transaction_metrics.last().unwrap();
            let protocol = one.network_protocol_name.clone().unwrap();
            assert_eq!(story(one), format!("{expected} {protocol} 5>5"));
            assert!(one.secure_connection_start_date <= one.connect_end_date);
            let version = one.negotiated_tls_protocol_version.map(|version| format!("{version:?}"));
            assert_eq!(version.as_deref(), Some("Tls13"));
            let suite = one.negotiated_tls_cipher_suite.as_deref().unwrap();
            assert!(suite.starts_with("TLS_") && suite.contains("SHA"), "{suite}");
        }
    }
}

/// what the server does => the transactions
#[tokio::test]
async fn what_did_not_end_has_no_end() {
    let server = Server::start();
    let cut = Answer::pseudo_random(1, 1000).drop_after(10);
    for (what, answer, expected, stories_expected) in [
        ("cut", cut, "-1005 transient", vec!["GET 200 CQr http/1.1 0>10"]),
        ("closed", Answer::raw(""), "-1005 transient", vec!["GET none CQ http/1.1 0>0"]),
    ] {
        server.on("/", answer);
        let trial = Trial::data(&server.url("/"));
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        assert_eq!(stories(&trial.metrics.snapshot()), stories_expected, "{what}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let trial = Trial::data(&format!("http://{closed}/"));
    assert_eq!(summary(&trial.run().await), "-1004 transient");
    assert_eq!(stories(&trial.metrics.snapshot()), ["GET none c - 0>0"]);
}

#[tokio::test]
async fn a_connection_that_was_gone_is_a_transaction_of_its_own() {
    let server = Server::start();
    server.on("/", Answer::ok("x"));
    server.on("/gone", Answer::raw("").times(1).then(Answer::ok("y")));
    let first = Trial::data(&server.url("/"));
    assert_eq!(summary(&first.run().await), "done 200 1");
    let mut trial = Trial::data(&server.url("/gone"));
    trial.hands = Arc::clone(&first.hands);
    assert_eq!(summary(&trial.run().await), "done 200 1");
    let expected = ["GET none Q reused http/1.1 0>0", "GET 200 CQR http/1.1 0>1"];
    assert_eq!(stories(&trial.metrics.snapshot()), expected);
}

/// the method, the fields of a 408, and whether it is the first answer of its connection => the
/// transactions
#[tokio::test]
async fn a_server_that_waits_no_longer_is_asked_over_a_fresh_connection() {
    let again = ["GET 408 Qr reused http/1.1 0>0", "GET 200 CQR http/1.1 0>1"];
    for (method, fields, is_first, expected) in [
        ("GET", "Connection: close\r\n", false, &again[..]),
        ("GET", "", false, &["GET 408 QR reused http/1.1 0>0"]),
        ("GET", "Connection: close\r\n", true, &["GET 408 CQR http/1.1 0>0"]),
        // That may have been read, whatever the answer says.
        ("POST", "Connection: close\r\n", false, &["POST 408 QR reused http/1.1 5>0"]),
    ] {
        let server = Server::start();
        let tired = format!("HTTP/1.1 408 Request Timeout\r\n{fields}Content-Length: 0\r\n\r\n");
        server.on("/", Answer::ok("x"));
        server.on("/tired", Answer::raw(tired).times(1).then(Answer::ok("y")));
        let url = server.url("/tired");
        let mut trial = match method {
            "GET" => Trial::data(&url),
            _ => Trial::upload(&url, b"hello"),
        };
        trial.order.request.method = method.into();
        if !is_first {
            let first = Trial::data(&server.url("/"));
            assert_eq!(summary(&first.run().await), "done 200 1");
            trial.hands = Arc::clone(&first.hands);
        }
        let ending = trial.run().await;
        let what = format!("{method} {fields:?} {is_first}: {ending:?}");
        assert_eq!(stories(&trial.metrics.snapshot()), expected, "{what}");
    }
}
