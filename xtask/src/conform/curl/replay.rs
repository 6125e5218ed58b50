//! The server of curl's cases: a request chooses one of the responses that the case has.

use super::super::peer::{self, Head, Stream};
use super::asked;
use super::case::{CASE_LABEL, Case};
use super::secure::Front;
use std::io::{self, Read as _};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Bytes that are written at once where the case wants a slow server.
const PIECE: usize = 200;
/// Where curl takes the line end off a file, we send it.
const LINE_END: u64 = 2;
/// Most seconds that a connection is left alone.
const PAUSE_LIMIT: u64 = 10;

/// A case being served.
#[derive(Debug)]
pub(super) struct Replay {
    pub(super) case: Case,
    /// What servers of `https` do first, also behind a proxy.
    pub(super) front: Option<Front>,
    /// The part that comes next whatever is asked, if the one before says so.
    bounce: Mutex<Option<(u32, u32)>>,
    /// The heads of all requests so far.
    seen: Mutex<String>,
}

impl Replay {
    pub(super) fn new(case: Case, front: Option<Front>) -> Self {
        Self { case, front, bounce: Mutex::default(), seen: Mutex::default() }
    }

    /// Says what is wrong with what servers of TLS were asked, and those before them.
    pub(super) fn wrongly_asked(&self) -> Option<String> {
        let wanted = ["proxy", "protocol"].map(|part| self.case.text(part)).join("\n");
        let came = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        self.front.as_ref().filter(|_| !wanted.trim().is_empty())?;
        asked::wrong(&wanted, &came)
    }

    /// The same as [`serve`](Self::serve), over TLS.
    pub(super) fn serve_securely(&self, stream: Box<dyn Stream>) -> io::Result<()> {
        match &self.front {
            Some(front) => self.serve(front.accept(stream)?),
            None => Ok(()),
        }
    }

    /// Answers one request after the other.
    pub(super) fn serve(&self, mut stream: Box<dyn Stream>) -> io::Result<()> {
        while let Some(head) = Head::read(&mut *stream)? {
            self.seen.lock().unwrap_or_else(PoisonError::into_inner).push_str(head.text());
            let length = head.field("content-length").and_then(|text| text.parse().ok());
            let left = match self.told("skip:") {
                0 => length.unwrap_or(0u64),
                skipped => length.unwrap_or(0).saturating_sub(skipped + LINE_END),
            };
            let body = (&mut *stream).take(left);
            io::copy(&mut { body }, &mut io::sink())?;
            let (section, part) = self.choose(&head);
            let name = if part == 0 { section.to_owned() } else { format!("{section}{part}") };
            let found = self.case.bytes(&name).map_err(io::Error::other)?;
            let Some(reply) = found else {
                let none =
                    "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
                return stream.write_all(none.as_bytes());
            };
            self.write(&mut *stream, &reply)?;
            if self.told("skip:") > 0 {
                // What is left of the body is no next request.
                return peer::say_and_leave(&mut *stream, b"");
            }
            std::thread::sleep(Duration::from_secs(self.pause().min(PAUSE_LIMIT)));
            if has(&reply, b"swsclose") || has(self.case.text("servercmd").as_bytes(), b"swsclose")
            {
                // What has been sent must arrive before the connection ends.
                return peer::say_and_leave(&mut *stream, b"");
            }
            let leads_to = |front: &&Front| head.target().ends_with(&format!(":{}", front.port));
            if head.method() == "CONNECT"
                && is_granted(&reply)
                && let Some(front) = self.front.as_ref().filter(leads_to)
            {
                return self.serve(front.accept(stream)?);
            }
        }
        Ok(())
    }

    /// Returns the number that the server is told.
    fn told(&self, name: &str) -> u64 {
        let commands = self.case.text("servercmd").lines();
        let mut number =
            commands.filter_map(|line| line.trim().strip_prefix(name)?.trim().parse().ok());
        number.next_back().unwrap_or(0)
    }

    /// Returns how many seconds a connection is left alone after an answer.
    fn pause(&self) -> u64 {
        let pause = self.case.text("postcmd").strip_prefix("wait");
        pause.and_then(|seconds| seconds.trim().parse().ok()).unwrap_or(0)
    }

    fn write(&self, stream: &mut dyn Stream, reply: &[u8]) -> io::Result<()> {
        let delay = self.told("writedelay:");
        if delay == 0 {
            return stream.write_all(reply);
        }
        for piece in reply.chunks(PIECE) {
            stream.write_all(piece)?;
            std::thread::sleep(Duration::from_millis(delay));
        }
        Ok(())
    }

    /// The last number of the target has the part in its last four digits; who shows credentials
    /// gets another thousand.
    fn choose(&self, head: &Head) -> (&'static str, u32) {
        let connects = head.method() == "CONNECT";
        let host = head.target().split(':').next().unwrap_or_default();
        let last = match (connects, head.target().rsplit_once('/')) {
            (false, Some((_, last))) if last.starts_with(|first: char| first.is_ascii_digit()) => {
                last
            }
            (true, _) => host.rsplit('.').next().unwrap_or_default(),
            // A URL without a path has the number in its host.
            (false, _) => {
                head.field("host").unwrap_or_default().rsplit('.').next().unwrap_or_default()
            }
        };
        let last = last.trim_start_matches(CASE_LABEL);
        let digits: String = last.chars().take_while(char::is_ascii_digit).collect();
        let number: u32 = digits.parse().unwrap_or(0);
        let asked = if number > 9999 { number % 10_000 } else { 0 };
        let shows = |scheme: &str| {
            let fields = [head.field("authorization"), head.field("proxy-authorization")];
            fields.into_iter().flatten().any(|value| value.starts_with(scheme))
        };
        let mut part = asked;
        if shows("Digest") {
            part += 1000;
        } else if part >= 1000 && shows("Basic") {
            part += 1;
        }
        let mut bounce = self.bounce.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((before, next)) = bounce.take()
            && before == asked
        {
            part = next;
        }
        let section = if connects { "connect" } else { "data" };
        let name = if part == 0 { section.to_owned() } else { format!("{section}{part}") };
        if self.case.bytes(&name).is_ok_and(|reply| has(&reply.unwrap_or_default(), b"swsbounce")) {
            *bounce = Some((asked, part + 1));
        }
        (section, part)
    }
}

fn has(bytes: &[u8], word: &[u8]) -> bool {
    bytes.windows(word.len()).any(|window| window == word)
}

/// Says whether there is a tunnel after an answer.
fn is_granted(reply: &[u8]) -> bool {
    reply.starts_with(b"HTTP/1.") && reply.get(8..10) == Some(b" 2")
}
