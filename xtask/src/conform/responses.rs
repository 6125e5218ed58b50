//! Response heads and bodies as bytes: the vectors of nodejs/llhttp.

use super::peer::{self, Head};
use super::scores::{Reason, Scores};
use super::worker::Program;
use anyhow::{Context as _, Result};
use serde_json::json;
use std::path::Path;
use std::sync::Arc;

/// Where we differ from llhttp on purpose, or our library does.
const REASONS: &[Reason] = &[
    (
        &[
            "connection: HTTP/1.1 with keep-alive disabled and 204 status",
            "connection: HTTP/1.1 with keep-alive disabled, content-length",
        ],
        "what follows the last response of a connection is thrown away with the connection",
    ),
    (
        &[
            "connection: HTTP 101 response with Upgrade and Content-Length header",
            "connection: HTTP 101 response with Upgrade and Transfer-Encoding header",
        ],
        "nobody asked to change the protocol",
    ),
    (
        &[
            "invalid: Only LFs present and no body",
            "invalid: Only LFs present",
            "sample: No carriage ret",
        ],
        "a bare LF ends a line of a head, as RFC 9112 section 2.2 allows",
    ),
    (
        &["transfer-encoding: Trailing space on chunked body"],
        "space after the size of a chunk is allowed before an extension (RFC 9112 section 7.1.1)",
    ),
    (
        &["transfer-encoding: No extension after semicolon"],
        "extensions of chunks are skipped, also an empty one",
    ),
];

/// A stream of bytes and whether llhttp takes it for a response.
struct Vector {
    name: String,
    bytes: Vec<u8>,
    is_refused: bool,
    /// Whether llhttp reports a response that has come to its end.
    is_whole: bool,
}

pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let folder = folder.join("test/response");
    let entries = std::fs::read_dir(&folder).context("this is no checkout of nodejs/llhttp")?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let mut worker = Program::build()?.start()?;
    let mut scores = Scores::new("responses", "nodejs/llhttp, responses");
    let (mut refused, mut left) = (0, 0);
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for vector in vectors(&std::fs::read_to_string(&path)?, &stem) {
            let Some(vector) = vector else {
                left += 1;
                continue;
            };
            refused += usize::from(vector.is_refused);
            let bytes = Arc::new(vector.bytes);
            let port = peer::listen(move |mut stream| {
                Head::read(&mut stream)?;
                peer::say_and_leave(&mut stream, &bytes)
            })?;
            let answer = worker.ask(&json!({
                "id": 1, "url": format!("http://127.0.0.1:{port}/"), "redirect": "manual",
            }))?;
            let wrong = match (vector.is_refused, vector.is_whole, answer.error) {
                (true, _, None) => Some("accepts what llhttp refuses".to_owned()),
                (false, true, Some(error)) => Some(format!("refuses: {error}")),
                _ => None,
            };
            scores.count(vector.name, wrong);
        }
    }
    scores.note("of them refused by llhttp", refused);
    scores.note("not drivable: lenient modes, pauses in the parser", left);
    scores.conclude(REASONS, keep)
}

/// Reads a page of vectors; `None` is one that is not about a strict parser.
fn vectors(page: &str, stem: &str) -> Vec<Option<Vector>> {
    let mut vectors = Vec::new();
    let mut title = String::new();
    let mut rest = page;
    while let Some((before, after)) = rest.split_once("<!-- meta=") {
        if let Some(heading) = before.lines().rfind(|line| line.starts_with('#')) {
            heading.trim_start_matches(['#', ' ']).clone_into(&mut title);
        }
        let (meta, after) = after.split_once("-->").unwrap_or_default();
        let input = block(after, "```http\n");
        let log = block(after, "```log\n");
        let strict =
            meta.contains("\"response\"") && !meta.contains("pause") && !meta.contains("skipBody");
        vectors.push(match (strict, input, log) {
            (true, Some(input), Some(log)) => Some(Vector {
                name: format!("{stem}: {title}"),
                bytes: bytes(input),
                is_refused: log.contains("error code=") && !log.contains("reason=\"Pause on"),
                is_whole: log.rfind("message complete") > log.rfind("message begin"),
            }),
            _ => None,
        });
        rest = after;
    }
    vectors
}

fn block<'a>(text: &'a str, fence: &str) -> Option<&'a str> {
    let (_, after) = text.split_once(fence)?;
    after.split_once("\n```").map(|(inner, _)| inner)
}

/// Undoes the spelling of the vectors: lines end with CR LF, a backslash at their end joins two,
/// and `\r`, `\n`, `\t`, `\f`, `\xHH` stand for characters.
fn bytes(input: &str) -> Vec<u8> {
    let input = input.replace("\\\n", "").replace('\n', "\r\n");
    let mut bytes = Vec::with_capacity(input.len());
    let mut rest = input.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        let (byte, used) = match (first, after) {
            (b'\\', [b'r', ..]) => (b'\r', 1),
            (b'\\', [b'n', ..]) => (b'\n', 1),
            (b'\\', [b't', ..]) => (b'\t', 1),
            (b'\\', [b'f', ..]) => (0x0c, 1),
            (b'\\', [b'x', high, low, ..]) => (hex(*high) * 16 + hex(*low), 3),
            _ => (*first, 0),
        };
        bytes.push(byte);
        rest = &rest[used..];
    }
    bytes
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).and_then(|value| u8::try_from(value).ok()).unwrap_or(0)
}
