//! Responses that are wrong in one way each: none of them is taken for a file.

use super::{Road, Trial, resume_of, summary};
use urlsession_testkit::server::{Answer, Server};

/// A megabyte, for what never ends.
const MUCH: usize = 1024 * 1024;

fn head(fields: &str, body: &str) -> Answer {
    Answer::raw(format!("HTTP/1.1 200 OK\r\n{fields}\r\n\r\n{body}"))
}

/// what => bytes instead of a response => how the one attempt ends
fn lies() -> Vec<(&'static str, Answer, &'static str)> {
    let chunked = |body: &str| head("Transfer-Encoding: chunked", body);
    let length = |value: &str| head(&format!("Content-Length: {value}"), "abcd");
    vec![
        ("cut", length("9"), "-1005 transient"),
        ("chunks without an end", chunked("4\r\nabcd\r\n"), "-1005 transient"),
        ("half a chunk", chunked("9\r\nabcd"), "-1005 transient"),
        ("a chunk beyond all numbers", chunked("fffffffffffffffff\r\nab"), "-1017 permanent"),
        ("a chunk of 5g bytes", chunked("5g\r\nabcde\r\n0\r\n\r\n"), "-1017 permanent"),
        ("a chunk of -4 bytes", chunked("-4\r\nabcd\r\n0\r\n\r\n"), "-1017 permanent"),
        ("two lengths", length("4\r\nContent-Length: 3"), "-1017 permanent"),
        ("two lengths in one field", length("4, 3"), "-1017 permanent"),
        ("a length below zero", length("-4"), "-1017 permanent"),
        ("a length beyond all numbers", length("18446744073709551620"), "-1017 permanent"),
        ("a length in words", length("four"), "-1017 permanent"),
        ("an unknown transfer coding", head("Transfer-Encoding: x", "abcd"), "-1017 permanent"),
        (
            "a transfer coding nobody asked for",
            head("Transfer-Encoding: gzip, chunked", "4\r\nabcd\r\n0\r\n\r\n"),
            "-1017 permanent",
        ),
        (
            "another protocol",
            Answer::raw("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\nabcd"),
            "-1011 permanent",
        ),
        ("a part instead of the whole", Answer::ok("abcd").status(206), "-1011 permanent"),
        ("reset", Answer::pseudo_random(1, 9999).drop_after(99).reset(), "-1005 transient"),
        ("endless fields", head(&"a: b\r\n".repeat(MUCH), ""), "-1017 permanent"),
        (
            "one endless field",
            head(&format!("a: {}", "b".repeat(20 * MUCH)), ""),
            "-1017 permanent",
        ),
        (
            "endless interim responses",
            Answer::raw("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n".repeat(MUCH / 8)),
            "-1017 permanent",
        ),
        ("garbage", Answer::raw("\u{1}\u{2}\u{3}".repeat(999)), "-1011 permanent"),
        ("HTTP/0.9", Answer::raw("<html>hello</html>\n"), "-1011 permanent"),
        ("nothing", Answer::raw(""), "-1005 transient"),
        ("a redirect to a file", Answer::redirect(302, "file:///etc/passwd"), "-1002 permanent"),
        ("a redirect to itself", Answer::redirect(302, "/"), "-1007 permanent"),
    ]
}

#[tokio::test]
async fn no_lie_is_believed() {
    let roads = Road::all();
    for (what, answer, expected) in lies() {
        for road in &roads {
            road.server.on("/", answer.clone());
            let trial = road.download("/");
            let ending = trial.run().await;
            assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
            assert!(resume_of(&ending).is_none(), "{what}");
            assert!(trial.left().is_empty(), "{what}: {:?}", trial.left());
        }
    }
}

/// A line that begins with a space goes on with the field before (RFC 9112 section 5.2).
#[tokio::test]
async fn folded_fields_are_unfolded() {
    let server = Server::start();
    server.on("/", head("X: one\r\n two\r\nContent-Length:\r\n\t4", "abcd"));
    let trial = Trial::download(&server.url("/"));
    let super::Ending::Done(done) = trial.run().await else { panic!("it is a response") };
    let x = done.response.headers.iter().find(|(name, _)| name == "x");
    assert_eq!((done.length, x.map(|(_, value)| value.as_str())), (4, Some("one two")));
}
