//! Answers that a path spells out, for people who try their apps by hand.
//!
//! | Path | Answer |
//! |---|---|
//! | `/bytes/1000` | so many bytes, the same every time |
//! | `/status/503` | that status and a short page |
//! | `/redirect/3` | so many redirects, then `/bytes/1000`; `/redirect/loop` never ends |
//! | `/echo` | the request as JSON |
//! | `/sink` | 201, whatever is sent |
//! | `/trouble/7` | a file that is hard to get, drawn from the seed |
//!
//! The query adds to `/bytes` and `/status`, for example `?etag=a&drop-after=500&times=2`: `etag`,
//! `last-modified`, `chunked`, `without-length`, `rate`, `retry-after`, `ignore-range`, `lying-range`,
//! `content-length`, `drop-after`, `reset`, `stall-after`, and `times`, after which the faults end.

use super::{Answer, Trouble};

/// Redirects that a path may ask for.
const REDIRECTS_LIMIT: u32 = 100;

/// What a path stands for.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) answer: Answer,
    /// Whether the query tells one path from another: its requests are counted.
    pub(super) counts: bool,
}

impl Made {
    /// Reads a path with its query; `None` if it says nothing.
    pub(super) fn read(path: &str) -> Option<Self> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let mut words = path.trim_start_matches('/').split('/');
        let (kind, detail) = (words.next()?, words.next().unwrap_or_default());
        let answer = match kind {
            "bytes" => change(Answer::pseudo_random(1, detail.parse().ok()?), query)?,
            "status" => change(Answer::ok("as asked\n").status(status(detail)?), query)?,
            "redirect" => redirect(detail)?,
            "echo" => Answer::echo(),
            "sink" => Answer::sink(),
            "trouble" => Trouble::draw(detail.parse().ok()?).answer,
            _ => return None,
        };
        Some(Self { answer, counts: matches!(kind, "bytes" | "status" | "trouble") })
    }
}

fn status(text: &str) -> Option<u16> {
    text.parse().ok().filter(|status| (200..600).contains(status))
}

fn redirect(times: &str) -> Option<Answer> {
    if times == "loop" {
        return Some(Answer::redirect(302, "/redirect/loop"));
    }
    let left: u32 = times.parse().ok().filter(|times| *times <= REDIRECTS_LIMIT)?;
    Some(match left {
        0 => Answer::redirect(302, "/bytes/1000"),
        left => Answer::redirect(302, &format!("/redirect/{}", left - 1)),
    })
}

/// Adds what the query says; `None` if it is not understood, so that no fault is missing unseen.
fn change(mut answer: Answer, query: &str) -> Option<Answer> {
    for word in query.split('&').filter(|word| !word.is_empty()) {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        let number = value.parse::<u64>();
        answer = match name {
            "etag" => answer.etag(&format!("\"{value}\"")),
            "last-modified" => answer.last_modified(&value.replace('+', " ")),
            "chunked" => answer.chunked(),
            "without-length" => answer.without_length(),
            "reset" => answer.reset(),
            "ignore-range" => answer.ignore_range(),
            "rate" => answer.rate(number.ok()?),
            "retry-after" => answer.retry_after(number.ok()?),
            "lying-range" => answer.lying_range(number.ok()?),
            "content-length" => answer.content_length(number.ok()?),
            "drop-after" => answer.drop_after(number.ok()?),
            "stall-after" => answer.stall_after(number.ok()?),
            "times" => answer.times(number.ok()?),
            _ => return None,
        };
    }
    Some(answer)
}
