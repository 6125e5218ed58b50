//! A file at a hostile server, drawn from a seed: what goes wrong, how often, and what a client may
//! make of it.

use super::answer::Answer;
use super::body::Body;
use crate::dice::Dice;
use bytes::Bytes;
use std::fmt::Write as _;

/// Longest file of a trouble: many answers are cut in it.
const LONGEST: u64 = 40_000;
/// Most answers that misbehave before the one that does not.
const MOST_FAULTS: u64 = 4;

/// A path's answers, and all ends that are right.
#[derive(Debug, Clone)]
pub struct Trouble {
    /// What goes wrong, in words.
    pub name: String,
    /// The answers, the last of which is good.
    pub answer: Answer,
    /// What the client may have in the end.
    pub ends: Vec<End>,
}

/// How a task that met trouble may end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With this status and exactly this file.
    File {
        /// The last response's; 206 if it went on from what it had.
        status: u16,
        /// Its bytes.
        bytes: Bytes,
    },
    /// With an error for good.
    Error,
}

/// One answer that misbehaves.
struct Fault {
    name: String,
    answer: Answer,
    /// What a client may take for the end.
    end: Option<End>,
}

impl Trouble {
    /// Draws one. The same seed is the same trouble.
    #[must_use]
    pub fn draw(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let length = if dice.below(3) == 0 { dice.below(200) } else { dice.below(LONGEST) };
        let file = File::draw(&mut dice, seed, length, ["\"a\"", "\"b\"", "W/\"a\""]);
        let mut trouble = Self { name: file.name.clone(), answer: file.answer(), ends: Vec::new() };
        trouble.ends.push(file.whole());
        for _ in 0..=dice.below(MOST_FAULTS) {
            // Now and then another file had the name before.
            let file = if dice.below(5) == 0 {
                let length = dice.below(LONGEST);
                let other = File::draw(&mut dice, !seed, length, ["\"c\"", "\"d\"", "W/\"a\""]);
                trouble.ends.push(other.whole());
                trouble.name.push_str(" <- another file");
                other
            } else {
                file.clone()
            };
            trouble.precede(file.fault(&mut dice));
        }
        trouble
    }

    /// Cuts a file with a strong tag after so many bytes, once.
    #[must_use]
    pub fn cut(length: u64, after: u64, chunked: bool, reset: bool) -> Self {
        let file = File { seed: 11, length, tag: Some("\"cut\""), chunked, name: String::new() };
        let mut trouble = Self {
            name: format!("cut after {after}, chunked {chunked}, reset {reset}"),
            answer: file.answer(),
            ends: vec![file.whole()],
        };
        let answer = file.answer().drop_after(after);
        let answer = if reset { answer.reset() } else { answer };
        trouble.precede(Fault { name: String::new(), answer, end: None });
        trouble
    }

    /// Says whether this is how it may end. A file that was gone on from has status 206.
    #[must_use]
    pub fn allows(&self, status: u16, found: &[u8]) -> bool {
        self.ends.iter().any(|end| match end {
            End::File { status: told, bytes } => {
                (*told == status || (*told == 200 && status == 206)) && *bytes == found
            }
            End::Error => false,
        })
    }

    fn precede(&mut self, fault: Fault) {
        let _ = write!(self.name, " <- {}", fault.name);
        self.answer = fault.answer.times(1).then(self.answer.clone());
        self.ends.extend(fault.end);
    }
}

/// A file as its server would serve it in peace.
#[derive(Debug, Clone)]
struct File {
    seed: u64,
    length: u64,
    tag: Option<&'static str>,
    chunked: bool,
    name: String,
}

impl File {
    /// A strong tag of one file is no other's: that is its promise.
    fn draw(dice: &mut Dice, seed: u64, length: u64, tags: [&'static str; 3]) -> Self {
        let tag = tags.get(dice.index(4)).copied();
        let chunked = dice.below(3) == 0;
        let name = format!("{length} bytes, tag {tag:?}, chunked {chunked}");
        Self { seed, length, tag, chunked, name }
    }

    fn body(&self) -> Body {
        Body::PseudoRandom { seed: self.seed, length: self.length }
    }

    fn bytes(&self, length: u64) -> Bytes {
        self.body().slice(0, usize::try_from(length.min(self.length)).unwrap_or(0))
    }

    fn answer(&self) -> Answer {
        let answer = Answer::pseudo_random(self.seed, self.length);
        let answer = if self.chunked { answer.chunked() } else { answer };
        self.tag.into_iter().fold(answer, |answer, tag| answer.etag(tag))
    }

    fn whole(&self) -> End {
        End::File { status: 200, bytes: self.bytes(self.length) }
    }

    /// Draws what goes wrong with one answer.
    fn fault(&self, dice: &mut Dice) -> Fault {
        let at = dice.below(self.length + 1);
        let good = self.answer();
        let plain = Self { chunked: false, ..self.clone() }.answer();
        let cut = |name: &str, answer| Fault { name: format!("{name} at {at}"), answer, end: None };
        match dice.below(14) {
            0 | 1 => cut("cut", good.drop_after(at)),
            2 => cut("reset", good.drop_after(at).reset()),
            3 => cut("stall", good.stall_after(at)),
            4 => cut("drip", good.rate(200_000).drop_after(at)),
            5 => cut("longer than told", plain.content_length(self.length + 1 + at).drop_after(at)),
            // Nobody can know better.
            6 => Fault {
                end: Some(End::File { status: 200, bytes: self.bytes(at) }),
                ..cut("shorter than told", plain.content_length(at))
            },
            7 => Fault {
                end: Some(End::File { status: 200, bytes: self.bytes(at) }),
                ..cut("ends without a word", plain.without_length().drop_after(at))
            },
            8 => cut("lies about the range", plain.lying_range(at)),
            9 => cut("ignores the range", good.ignore_range().drop_after(at)),
            10 => self.status(dice),
            11 => redirect(dice),
            12 => odd(dice),
            _ => nonsense(dice),
        }
    }

    /// A status in the wrong place.
    fn status(&self, dice: &mut Dice) -> Fault {
        let status = [206, 304, 416, 404, 500, 503, 204][dice.index(7)];
        let (body, end) = match status {
            // Ranges that nobody asked for.
            206 => (self.bytes(self.length), End::Error),
            204 | 304 => (Bytes::new(), End::File { status, bytes: Bytes::new() }),
            _ => {
                let page = Bytes::from_static(b"<p>no</p>");
                (page.clone(), End::File { status, bytes: page })
            }
        };
        let answer = Answer::ok(body).status(status);
        let answer = if dice.below(2) == 0 {
            answer.header("Content-Range", "bytes 7-9/10")
        } else {
            answer
        };
        Fault { name: format!("status {status}"), answer, end: Some(end) }
    }
}

fn redirect(dice: &mut Dice) -> Fault {
    let locations =
        ["?again", "http://[", "ftp://127.0.0.1/x", "http:", "http://127.0.0.1:1/x", "//"];
    let location = locations[dice.index(locations.len())];
    let status = [301, 302, 303, 307, 308][dice.index(5)];
    Fault {
        name: format!("redirect {status} to {location:?}"),
        answer: Answer::redirect(status, location),
        end: Some(End::Error),
    }
}

/// Legal, and seldom seen.
fn odd(dice: &mut Dice) -> Fault {
    let (name, head) = [
        ("informational answers", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n".repeat(20)),
        ("many fields", format!("HTTP/1.1 200 OK\r\n{}", "X-Field: x\r\n".repeat(90))),
        ("a long field", format!("HTTP/1.1 200 OK\r\nX-Long: {}\r\n", "x".repeat(9000))),
        ("spaces", "HTTP/1.1 200    OK   \r\nX-Empty:\r\n".to_owned()),
        ("an old version", "HTTP/1.0 200 OK\r\n".to_owned()),
        ("a coding", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n".to_owned()),
    ][dice.index(6)]
    .clone();
    let begin = if head.ends_with("\r\n\r\n") { "HTTP/1.1 200 OK\r\n" } else { "" };
    let answer = format!("{head}{begin}Content-Length: 3\r\nConnection: close\r\n\r\nodd");
    let end = End::File { status: 200, bytes: Bytes::from_static(b"odd") };
    Fault { name: name.to_owned(), answer: Answer::raw(answer), end: Some(end) }
}

/// No HTTP, or none that two programs would read alike.
fn nonsense(dice: &mut Dice) -> Fault {
    let fields = |text: &str| format!("HTTP/1.1 200 OK\r\n{text}");
    let (name, answer) = [
        ("nothing", String::new()),
        ("half a head", fields("Conte")),
        ("another protocol", "SSH-2.0-OpenSSH_9.9\r\n".to_owned()),
        ("a status in words", "HTTP/1.1 fine\r\n\r\n".to_owned()),
        ("no chunk size", fields("Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n")),
        ("a chunk without end", fields("Transfer-Encoding: chunked\r\n\r\n5\r\nab")),
        (
            "a chunk beyond all sizes",
            fields("Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc"),
        ),
        ("two lengths", fields("Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd")),
        ("a length below zero", fields("Content-Length: -1\r\n\r\nabc")),
        ("a length beyond all sizes", fields("Content-Length: 99999999999999999999\r\n\r\nabc")),
        ("a field without colon", fields("colonless\r\nContent-Length: 0\r\n\r\n")),
        ("control characters", fields("X\u{1}: y\r\nContent-Length: 0\r\n\r\n")),
        ("an endless field", fields(&format!("X: {}", "x".repeat(600_000)))),
        ("endless fields", fields(&"X: y\r\n".repeat(20_000))),
    ][dice.index(14)]
    .clone();
    Fault { name: name.to_owned(), answer: Answer::raw(answer), end: Some(End::Error) }
}
