//! Where a line between the chunks of an HTTP/1.1 body ends in LF alone: browsers and curl take that
//! for CRLF, hyper for an error.
//!
//! ```text
//!   begin ──> Head ──chunked──> Size ──n──> Data ──> Gap ──> Size
//!              │                 └──0──> Trailer ──empty line──> Beyond
//!              └── no chunks ──> Beyond      any doubt ──> Beyond
//! ```
//!
//! What is in doubt is left as it is: hyper judges it.

/// Most bytes of a line of a head that are kept where it comes in pieces: enough for what matters.
const LINE_LIMIT: usize = 256;

/// Follows the responses of one connection.
#[derive(Debug, Default)]
pub(super) struct Chunks {
    state: State,
    head: Head,
}

#[derive(Debug, Default, Clone, Copy)]
enum State {
    Head,
    Size(Size),
    /// So many bytes of the chunk are to come.
    Data(u64),
    /// The line end after a chunk.
    Gap {
        cr: bool,
    },
    Trailer {
        is_empty: bool,
        cr: bool,
    },
    #[default]
    Beyond,
}

/// The line of a chunk's size.
#[derive(Debug, Default, Clone, Copy)]
struct Size {
    bytes: Option<u64>,
    /// Space has followed the digits.
    is_over: bool,
    has_extension: bool,
    cr: bool,
}

#[derive(Debug, Default)]
struct Head {
    /// The beginning of a line whose end has not come.
    line: Vec<u8>,
    has_status: bool,
    is_interim: bool,
    is_chunked: bool,
}

impl Chunks {
    /// Expects the head of a response next.
    pub(super) fn begin(&mut self) {
        *self = Self { state: State::Head, head: Head::default() };
    }

    /// Looks at what came, and returns where a CR is to be put in.
    pub(super) fn bare(&mut self, bytes: &[u8]) -> Vec<usize> {
        let mut places = Vec::new();
        let mut at = 0;
        while at < bytes.len() {
            let rest = &bytes[at..];
            self.state = match self.state {
                State::Beyond => return places,
                State::Head => {
                    let Some(end) = rest.iter().position(|byte| *byte == b'\n') else {
                        self.head.keep(rest);
                        return places;
                    };
                    at += end + 1;
                    self.head.line(&rest[..end])
                }
                State::Data(left) => {
                    let taken = rest.len().min(usize::try_from(left).unwrap_or(usize::MAX));
                    at += taken;
                    match left - taken as u64 {
                        0 => State::Gap { cr: false },
                        left => State::Data(left),
                    }
                }
                between => {
                    let (next, is_bare) = between.step(rest[0]);
                    if is_bare {
                        places.push(at);
                    }
                    at += 1;
                    next
                }
            };
        }
        places
    }
}

/// Returns the bytes with a CR at each of the places.
pub(super) fn mended(bytes: &[u8], bare: &[usize]) -> Vec<u8> {
    let mut mended = Vec::with_capacity(bytes.len() + bare.len());
    let mut at = 0;
    for next in bare {
        mended.extend_from_slice(&bytes[at..*next]);
        mended.push(b'\r');
        at = *next;
    }
    mended.extend_from_slice(&bytes[at..]);
    mended
}

impl State {
    /// Goes on by one byte between chunks, and says whether that is a bare LF.
    fn step(self, byte: u8) -> (Self, bool) {
        match (self, byte) {
            (Self::Size(size), _) => size.step(byte),
            (Self::Gap { cr: false }, b'\r') => (Self::Gap { cr: true }, false),
            (Self::Gap { cr }, b'\n') => (Self::Size(Size::default()), !cr),
            (Self::Trailer { is_empty, cr: false }, b'\r') => {
                (Self::Trailer { is_empty, cr: true }, false)
            }
            (Self::Trailer { is_empty: true, cr }, b'\n') => (Self::Beyond, !cr),
            (Self::Trailer { is_empty: false, cr }, b'\n') => {
                (Self::Trailer { is_empty: true, cr: false }, !cr)
            }
            (Self::Trailer { cr: false, .. }, _) => {
                (Self::Trailer { is_empty: false, cr: false }, false)
            }
            _ => (Self::Beyond, false),
        }
    }
}

impl Size {
    fn step(self, byte: u8) -> (State, bool) {
        let Some(bytes) = self.bytes else {
            let first = char::from(byte).to_digit(16).map(u64::from);
            let size = first.map(|digit| State::Size(Self { bytes: Some(digit), ..self }));
            return (size.unwrap_or_default(), false);
        };
        let next = match byte {
            b'\n' => {
                let next = match bytes {
                    0 => State::Trailer { is_empty: true, cr: false },
                    left => State::Data(left),
                };
                return (next, !self.cr);
            }
            _ if self.cr => None,
            b'\r' => Some(Self { cr: true, ..self }),
            _ if self.has_extension => Some(self),
            b';' => Some(Self { has_extension: true, ..self }),
            b' ' | b'\t' => Some(Self { is_over: true, ..self }),
            _ if self.is_over => None,
            _ => char::from(byte)
                .to_digit(16)
                .and_then(|digit| bytes.checked_mul(16)?.checked_add(digit.into()))
                .map(|bytes| Self { bytes: Some(bytes), ..self }),
        };
        (next.map(State::Size).unwrap_or_default(), false)
    }
}

impl Head {
    fn keep(&mut self, piece: &[u8]) {
        let room = LINE_LIMIT.saturating_sub(self.line.len());
        self.line.extend_from_slice(&piece[..piece.len().min(room)]);
    }

    /// Takes a line without its LF, of which the beginning may have come before.
    fn line(&mut self, end: &[u8]) -> State {
        if self.line.is_empty() {
            return self.whole_line(end);
        }
        self.keep(end);
        let line = std::mem::take(&mut self.line);
        self.whole_line(&line)
    }

    fn whole_line(&mut self, line: &[u8]) -> State {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        match line {
            // Empty lines before a head are none of it.
            [] if !self.has_status => State::Head,
            [] if self.is_interim => {
                *self = Self::default();
                State::Head
            }
            [] if self.is_chunked => State::Size(Size::default()),
            [] => State::Beyond,
            _ if !self.has_status => {
                self.has_status = true;
                self.is_interim = line.get(9) == Some(&b'1');
                State::Head
            }
            // The field before goes on, which may be the one that counts.
            [b' ' | b'\t', ..] if self.is_chunked => State::Beyond,
            _ => {
                self.field(line);
                State::Head
            }
        }
    }

    /// As hyper has it, the last coding of the last such field says whether there are chunks.
    fn field(&mut self, line: &[u8]) {
        const NAME: &[u8] = b"transfer-encoding";
        let Some((name, [b':', value @ ..])) = line.split_at_checked(NAME.len()) else { return };
        if name.eq_ignore_ascii_case(NAME) {
            let last = value.rsplit(|byte| *byte == b',').next().unwrap_or_default();
            self.is_chunked = last.trim_ascii().eq_ignore_ascii_case(b"chunked");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts in what is missing, of bytes that come in pieces of that size.
    fn in_pieces(text: &str, size: usize) -> String {
        let mut chunks = Chunks::default();
        chunks.begin();
        let pieces = text.as_bytes().chunks(size);
        let all: Vec<_> = pieces.map(|piece| mended(piece, &chunks.bare(piece))).collect();
        String::from_utf8(all.concat()).expect("text")
    }

    #[test]
    fn bare_line_ends_between_chunks() {
        const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        // head, what follows, and what becomes of that; nothing is said where it stays
        for (head, rest, expected) in [
            (CHUNKED, "1\nx\n0\n\n", "1\r\nx\r\n0\r\n\r\n"),
            (CHUNKED, "1\nx\r\n0\r\n\n", "1\r\nx\r\n0\r\n\r\n"),
            (CHUNKED, "1\r\nx\n0\n\r\n", "1\r\nx\r\n0\r\n\r\n"),
            (CHUNKED, "3\r\n\n\n\n\r\n0\r\n\r\n", ""),
            (CHUNKED, "0A \t\n0123456789\n0\n\n", "0A \t\r\n0123456789\r\n0\r\n\r\n"),
            (CHUNKED, "0\nA: b\nC: d\r\n\n", "0\r\nA: b\r\nC: d\r\n\r\n"),
            // What follows the end is none of it, nor what follows a doubt.
            (CHUNKED, "0\r\n\r\n1\nx\n", ""),
            (CHUNKED, "1;a\nx\n0;b\n\n", "1;a\r\nx\r\n0;b\r\n\r\n"),
            (CHUNKED, "1;a=\"b;\r\nx\n0\n\n", "1;a=\"b;\r\nx\r\n0\r\n\r\n"),
            (CHUNKED, "1 2\nx\n", ""),
            (CHUNKED, "\n1\nx\n", ""),
            (CHUNKED, "+1\nx\n", ""),
            (CHUNKED, "1\rx\n", ""),
            (CHUNKED, "1\nxy\n0\n\n", "1\r\nxy\n0\n\n"),
            (CHUNKED, "10000000000000000\nx\n", ""),
            (CHUNKED, "ffffffffffffffff\nx\n", "ffffffffffffffff\r\nx\n"),
            (CHUNKED, "0\nA\rB\n\n", "0\r\nA\rB\n\n"),
            // Which heads say that there are chunks.
            ("\r\nHTTP/1.1 200\ntransfer-ENCODING:gzip,CHUNKED \n\n", "0\n\n", "0\r\n\r\n"),
            (
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n",
                "0\n\n",
                "0\r\n\r\n",
            ),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\tx\r\n\r\n", "0\n\n", ""),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", "0\n\n", ""),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding : chunked\r\n\r\n", "0\n\n", ""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", "0\n\n", ""),
            ("HTTP/1.1 200 OK\r\n\r\n", "Transfer-Encoding: chunked\n\n0\n\n", ""),
        ] {
            let expected = if expected.is_empty() { rest } else { expected };
            for size in [1, 2, 3, 1000] {
                let got = in_pieces(&format!("{head}{rest}"), size);
                assert_eq!(got, format!("{head}{expected}"), "in pieces of {size}");
            }
        }
    }

    #[test]
    fn nothing_long_is_kept() {
        let mut chunks = Chunks::default();
        chunks.begin();
        for _ in 0..1000 {
            assert!(chunks.bare(&[b'a'; 100]).is_empty());
        }
        assert_eq!(chunks.head.line.len(), LINE_LIMIT);
    }
}
