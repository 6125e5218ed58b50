//! From an answer and a request to the exact response: status, header fields, bytes, faults.

use super::answer::{Answer, Content, Faults, Framing};
use super::body::Body;
use super::seen::Seen;
use bytes::Bytes;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Interval, MissedTickBehavior, interval};

/// Most body bytes written at a time.
const PIECE: usize = 64 * 1024;

/// How often a limited rate gets its share.
const BEAT: Duration = Duration::from_millis(20);

/// A response, ready to be sent.
#[derive(Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) framing: Framing,
    pub(super) pump: Pump,
}

impl Reply {
    /// Plans the response to a request whose body has been read.
    pub(super) fn plan(answer: &Answer, seen: &Seen, released: watch::Receiver<u64>) -> Self {
        let body = match &answer.content {
            Content::Body(body) => body.clone(),
            Content::Echo => Body::Bytes(echo(seen)),
            Content::Raw(bytes) => Body::Bytes(bytes.clone()),
        };
        let mut headers = answer.headers.clone();
        let mut add = |name: &str, value: String| headers.push((name.to_owned(), value));
        if let Some(etag) = &answer.etag {
            add("ETag", etag.clone());
        }
        if let Some(date) = &answer.last_modified {
            add("Last-Modified", date.clone());
        }
        let total = body.length();
        let part = part(answer, seen, total);
        if serves_ranges(answer) {
            add("Accept-Ranges", "bytes".to_owned());
        }
        let (status, start, length) = match part {
            Part::Whole => (answer.status, 0, total),
            Part::Range(start, end) => {
                add("Content-Range", format!("bytes {start}-{}/{total}", end - 1));
                (206, start, end - start)
            }
            Part::Unsatisfiable => {
                add("Content-Range", format!("bytes */{total}"));
                (416, 0, 0)
            }
        };
        let bodiless = matches!(status, 100..=199 | 204 | 304);
        if answer.framing == Framing::Length && !bodiless {
            let length = answer.faults.content_length.unwrap_or(length);
            add("Content-Length", length.to_string());
        }
        let silent = bodiless || seen.method == "HEAD";
        let length = if silent { 0 } else { length };
        let pump = Pump::new(body, start, length, answer.rate, &answer.faults, released);
        Self {
            status,
            headers,
            framing: if silent { Framing::Length } else { answer.framing },
            pump,
        }
    }
}

/// What is asked of the body.
enum Part {
    Whole,
    /// From, and up to but not including.
    Range(u64, u64),
    Unsatisfiable,
}

fn serves_ranges(answer: &Answer) -> bool {
    let validated = answer.etag.is_some() || answer.last_modified.is_some();
    answer.status == 200 && answer.ranges.unwrap_or(validated)
}

fn part(answer: &Answer, seen: &Seen, total: u64) -> Part {
    let Some(range) = seen.header("range").filter(|_| seen.method == "GET") else {
        return Part::Whole;
    };
    if answer.faults.ignore_range {
        return Part::Whole;
    }
    if let Some(start) = answer.faults.lying_range {
        return Part::Range(start.min(total.saturating_sub(1)), total);
    }
    if !serves_ranges(answer) || !if_range_holds(answer, seen) {
        return Part::Whole;
    }
    // RFC 9110 section 14.2: what is not understood is ignored; several ranges are not served.
    let Some((from, to)) = range.strip_prefix("bytes=").and_then(|set| set.split_once('-')) else {
        return Part::Whole;
    };
    match (from.trim().parse::<u64>(), to.trim().parse::<u64>()) {
        (Ok(from), to) if from < total && (to.is_ok() || range.ends_with('-')) => {
            let end = to.map_or(total, |last| last.saturating_add(1).min(total));
            if end > from { Part::Range(from, end) } else { Part::Whole }
        }
        (Ok(_), to) if to.is_ok() || range.ends_with('-') => Part::Unsatisfiable,
        (Err(_), Ok(0)) if from.is_empty() => Part::Unsatisfiable,
        (Err(_), Ok(last)) if from.is_empty() => Part::Range(total.saturating_sub(last), total),
        _ => Part::Whole,
    }
}

fn if_range_holds(answer: &Answer, seen: &Seen) -> bool {
    match seen.header("if-range") {
        None => true,
        Some(tag) if tag.starts_with('"') => answer.etag.as_deref() == Some(tag),
        // Weak tags never match: RFC 9110 section 13.1.5.
        Some(tag) if tag.starts_with("W/") => false,
        Some(date) => answer.last_modified.as_deref() == Some(date),
    }
}

fn echo(seen: &Seen) -> Bytes {
    let mut headers = serde_json::Map::new();
    for (name, value) in &seen.headers {
        match headers.get_mut(name) {
            Some(serde_json::Value::String(all)) => {
                all.push_str(", ");
                all.push_str(value);
            }
            _ => {
                headers.insert(name.clone(), value.clone().into());
            }
        }
    }
    let json = serde_json::json!({
        "method": seen.method,
        "path": seen.path,
        "headers": headers,
        "bodyLength": seen.body_length,
        "bodySha256": seen.body_sha256,
    });
    json.to_string().into()
}

/// Gives the body away piece by piece, at the rate and with the faults asked for.
#[derive(Debug)]
pub(super) struct Pump {
    body: Body,
    at: u64,
    sent: u64,
    length: u64,
    pace: Option<Pace>,
    stalls_head: bool,
    drop_after: Option<u64>,
    stall_after: Option<u64>,
    released: watch::Receiver<u64>,
}

/// What comes next of a body.
#[derive(Debug)]
pub(super) enum Piece {
    /// These bytes.
    Bytes(Bytes),
    /// The cut.
    Cut,
    /// The end.
    End,
}

impl Pump {
    fn new(
        body: Body,
        start: u64,
        length: u64,
        rate: Option<u64>,
        faults: &Faults,
        released: watch::Receiver<u64>,
    ) -> Self {
        Self {
            body,
            at: start,
            sent: 0,
            length,
            pace: rate.map(Pace::new),
            stalls_head: faults.stalls_head,
            drop_after: faults.drop_after,
            stall_after: faults.stall_after,
            released,
        }
    }

    /// Waits until the head may be sent.
    pub(super) async fn begin(&mut self) {
        if self.stalls_head {
            // As below.
            let _ = self.released.changed().await;
        }
    }

    /// Waits until bytes may be sent. A cut at or beyond the end of the body is none.
    pub(super) async fn next(&mut self) -> Piece {
        if self.stall_after == Some(self.sent) {
            self.stall_after = None;
            // An error means that the server is going away, and this connection with it.
            let _ = self.released.changed().await;
        }
        if self.sent >= self.length {
            return Piece::End;
        }
        if self.drop_after.is_some_and(|after| self.sent >= after) {
            return Piece::Cut;
        }
        let mut most = (self.length - self.sent).min(PIECE as u64);
        for limit in [self.drop_after, self.stall_after].into_iter().flatten() {
            if limit > self.sent {
                most = most.min(limit - self.sent);
            }
        }
        if let Some(pace) = &mut self.pace {
            most = pace.allow(most).await;
        }
        let piece = self.body.slice(self.at, usize::try_from(most).expect("at most PIECE"));
        self.at += piece.len() as u64;
        self.sent += piece.len() as u64;
        Piece::Bytes(piece)
    }
}

/// Lets bytes through at a rate.
#[derive(Debug)]
pub(super) struct Pace {
    beat: Interval,
    per_beat: u64,
    left: u64,
}

impl Pace {
    pub(super) fn new(bytes_per_second: u64) -> Self {
        let mut beat = interval(BEAT);
        beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let beats_per_second = 1000 / u64::try_from(BEAT.as_millis()).expect("a short beat");
        Self { beat, per_beat: (bytes_per_second / beats_per_second).max(1), left: 0 }
    }

    /// Waits for a share and returns how many of the wanted bytes it allows, at least one.
    pub(super) async fn allow(&mut self, wanted: u64) -> u64 {
        if self.left == 0 {
            self.beat.tick().await;
            self.left = self.per_beat;
        }
        let allowed = wanted.min(self.left);
        self.left -= allowed;
        allowed
    }
}
