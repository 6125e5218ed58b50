//! What a task asks beside the file: only if there is news, only up to a size, only so often.

use super::{Collector, Trial, error_of, summary};
use std::fs;
use std::sync::Arc;
use urlsession_core::Ending;
use urlsession_protocol::{Date, TaskKind};
use urlsession_testkit::server::{Answer, Server};

fn to_its_file(mut trial: Trial) -> Trial {
    trial.order.kind = TaskKind::Download { destination: Some(trial.files.finished.clone()) };
    trial
}

#[tokio::test]
async fn no_news_leaves_the_file_alone() {
    let server = Server::start();
    server.on("/", Answer::raw("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n"));
    let trial = to_its_file(Trial::download(&server.url("/"))).header("If-None-Match", "\"a\"");
    fs::write(&trial.files.finished, "mine").unwrap();
    assert_eq!(summary(&trial.run().await), "done 304 0 no file");
    assert_eq!(fs::read_to_string(&trial.files.finished).unwrap(), "mine");
    assert_eq!(trial.left(), ["file"]);
    // Without a destination every download has a file, as Apple's have.
    let trial = Trial::download(&server.url("/"));
    assert_eq!(summary(&trial.run().await), "done 304 0");
}

/// What the app has is what the server has by now: nobody needs the bytes that came in between.
#[tokio::test]
async fn no_news_after_a_break_leaves_the_file_alone() {
    let server = Server::start();
    let cut = Answer::ok("0123456789").etag("\"b\"").drop_after(5).times(1);
    server.on("/", cut.then(Answer::status_only(304)));
    let mut trial = to_its_file(Trial::download(&server.url("/"))).header("If-None-Match", "\"a\"");
    fs::write(&trial.files.finished, "mine").unwrap();
    trial.run_and_record().await;
    assert_eq!(summary(&trial.run().await), "done 304 0 no file");
    assert_eq!(fs::read_to_string(&trial.files.finished).unwrap(), "mine");
    assert_eq!(trial.left(), ["file"]);
}

/// how the body comes => the limit => how the attempt ends
#[tokio::test]
async fn a_size_is_kept_to() {
    let server = Server::start();
    let head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked";
    let chunked = format!("{head}\r\n\r\n3\r\nabc\r\n3\r\ndef\r\n0\r\n\r\n");
    for (what, answer) in [
        ("a length", Answer::ok("abcdef")),
        ("chunks", Answer::raw(chunked)),
        ("the end", Answer::raw("HTTP/1.0 200 OK\r\n\r\nabcdef")),
    ] {
        server.on("/", answer);
        for begin in [Trial::download, Trial::data] {
            for (most, expected) in
                [(6, "done 200 6"), (5, "-1103 permanent"), (0, "-1103 permanent")]
            {
                let mut trial = begin(&server.url("/"));
                trial.order.options.maximum_response_size = Some(most);
                let ending = trial.run().await;
                assert_eq!(summary(&ending), expected, "{what} {most}: {ending:?}");
                if let Ending::Failed { .. } = &ending {
                    let why = error_of(&ending).detail.clone().unwrap();
                    assert!(why.ends_with(&format!("larger than {most} bytes")), "{why}");
                    assert_eq!(trial.left(), [""; 0], "{what} {most}");
                }
            }
        }
    }
}

/// whether errors fail, seconds that are left => how the attempt ends
#[tokio::test]
async fn nobody_waits_for_what_comes_too_late() {
    let server = Server::start();
    server.on("/", Answer::ok("busy").status(503).retry_after(200));
    for (fails, left, expected) in [
        (false, None, "-1011 after 200s"),
        (true, Some(201), "-1011 after 200s"),
        (true, Some(199), "-1011 permanent"),
        (false, Some(199), "done 503 4"),
    ] {
        let mut trial = Trial::download(&server.url("/"));
        trial.order.options.retry_statuses = vec![503];
        trial.order.options.fail_on_http_error = fails;
        trial.time_left = left.map(std::time::Duration::from_secs);
        assert_eq!(summary(&trial.run().await), expected, "{fails} {left:?}");
    }
}

/// whether errors fail, whether it is the last try => how the attempt ends
#[tokio::test]
async fn the_last_try_has_a_result() {
    let server = Server::start();
    server.on("/", Answer::ok("busy").status(503));
    for (fails, is_last, expected) in [
        (false, false, "-1011 transient"),
        (false, true, "done 503 4"),
        (true, true, "-1011 permanent"),
        (true, false, "-1011 transient"),
    ] {
        let mut trial = Trial::download(&server.url("/"));
        trial.order.options.retry_statuses = vec![503];
        trial.order.options.fail_on_http_error = fails;
        trial.is_last_try = is_last;
        assert_eq!(summary(&trial.run().await), expected, "{fails} {is_last}");
    }
}

/// seconds that a task has for all tries, seconds since the first began => how the attempt ends
#[tokio::test]
async fn tries_end_with_their_time() {
    let server = Server::start();
    server.on("/", Answer::ok("busy").status(503));
    for (fails, all, since, expected) in [
        (true, Some(3600), 10, "-1011 interval 2s"),
        (true, Some(9), 10, "-1011 permanent"),
        (false, Some(9), 10, "done 503 4"),
        (false, None, 10, "-1011 interval 2s"),
    ] {
        let mut trial = Trial::download(&server.url("/"));
        trial.order.options.retry_statuses = vec![503];
        trial.order.options.fail_on_http_error = fails;
        trial.order.options.retry_interval = Some(2000);
        trial.order.options.timeout_interval_for_retries = all.map(|all| all * 1000);
        trial.metrics = Arc::new(Collector::new(Date(since * 1_000_000)));
        assert_eq!(summary(&trial.run().await), expected, "{fails} {all:?}");
    }
}
