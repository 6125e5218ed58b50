//! `Content-Length` in every spelling: the table of web-platform-tests.

use super::peer::{self, Head};
use super::scores::Scores;
use super::worker::Program;
use anyhow::{Context as _, Result};
use serde::Deserialize;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are sent, however many are announced: as many as the table's own server sends.
const SENT: usize = 42;
/// Cases whose result is meant to be discussed: the suite has none of its own for them either.
const OPEN: [&str; 7] = ["aaaah", "42s", "30s", "-1", "0x20", "aaaah, aaaah", "aaaah\r\n"];

#[derive(Debug, Deserialize)]
struct Case {
    input: String,
    output: Option<usize>,
}

pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let path = folder.join("fetch/content-length/resources/content-lengths.json");
    let text = std::fs::read_to_string(path).context("this is no checkout of wpt")?;
    let cases: Vec<Case> = serde_json::from_str(&text)?;
    let mut worker = Program::build()?.start()?;
    let mut scores = Scores::new("lengths", "web-platform-tests, content-lengths.json");
    let mut open = 0;
    for case in cases {
        let value = case.input.strip_prefix("Content-Length: ").unwrap_or_default();
        if OPEN.iter().any(|open| value.starts_with(open)) && case.output == Some(SENT) {
            open += 1;
            continue;
        }
        let head = Arc::new(format!("HTTP/1.1 200 OK\r\n{}\r\n\r\n", case.input));
        let port = peer::listen(move |mut stream| {
            Head::read(&mut stream)?;
            let reply = [head.as_bytes(), &[b'a'; SENT]].concat();
            peer::say_and_leave(&mut stream, &reply)
        })?;
        let answer = worker.get(&format!("http://127.0.0.1:{port}/"))?;
        let got = answer.error.is_none().then_some(answer.body.len());
        let wrong = format!("brings {got:?} bytes, not {:?}", case.output);
        scores.count(case.input.escape_debug().to_string(), (got != case.output).then_some(wrong));
    }
    scores.note("of a value that is no number: the suite does not say what is right", open);
    scores.conclude(&[], keep)
}
