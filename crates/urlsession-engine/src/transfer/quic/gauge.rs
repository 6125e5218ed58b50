//! Watches the frames of one stream go by (RFC 9114 section 7.1): h3 keeps every frame but DATA
//! whole in memory, however long it says it is.

use crate::transfer::handshake::HEAD_LIMIT;
use std::fmt;

/// Longest frame that is no data, in bytes.
const FRAME_LIMIT: u64 = HEAD_LIMIT as u64;
const DATA: u64 = 0x0;
/// The stream that connections have for themselves.
const CONTROL: u64 = 0x0;

/// Where in its frames a stream is.
#[derive(Debug)]
pub(super) struct Gauge {
    next: Next,
    number: Number,
}

#[derive(Debug, Clone, Copy)]
enum Next {
    /// What kind of stream it is.
    Stream,
    Type,
    Length {
        is_data: bool,
    },
    Payload(u64),
    /// Nothing that there is a limit for.
    Free,
}

/// An integer of variable length (RFC 9000 section 16) on its way.
#[derive(Debug, Default)]
struct Number {
    value: u64,
    left: usize,
    has_begun: bool,
}

/// What is wrong with a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unfit {
    TooLong,
    /// The stream ended inside it.
    Cut,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => {
                write!(
                    f,
                    "the response has a frame of more than {FRAME_LIMIT} bytes that is no data"
                )
            }
            Self::Cut => f.write_str("the response ended inside a frame"),
        }
    }
}

impl std::error::Error for Unfit {}

impl Gauge {
    /// For the stream of a request.
    pub(super) fn of_request() -> Self {
        Self { next: Next::Type, number: Number::default() }
    }

    /// For a stream that the server opens.
    pub(super) fn of_server() -> Self {
        Self { next: Next::Stream, number: Number::default() }
    }

    /// Looks at bytes that come.
    pub(super) fn pass(&mut self, mut bytes: &[u8]) -> Result<(), Unfit> {
        while !bytes.is_empty() {
            if let Next::Payload(left) = self.next {
                let passed = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[passed..];
                let left = left - passed as u64;
                self.next = if left == 0 { Next::Type } else { Next::Payload(left) };
                continue;
            }
            if let Next::Free = self.next {
                return Ok(());
            }
            let Some(number) = self.number.take(bytes[0]) else {
                bytes = &bytes[1..];
                continue;
            };
            bytes = &bytes[1..];
            self.next = match self.next {
                Next::Stream if number == CONTROL => Next::Type,
                Next::Stream => Next::Free,
                Next::Type => Next::Length { is_data: number == DATA },
                Next::Length { is_data: false } if number > FRAME_LIMIT => {
                    return Err(Unfit::TooLong);
                }
                Next::Length { .. } if number == 0 => Next::Type,
                Next::Length { .. } => Next::Payload(number),
                Next::Payload(_) | Next::Free => self.next,
            };
        }
        Ok(())
    }

    /// Looks at the end. h3 takes it for that of the data, however much a frame lacks.
    pub(super) fn end(&self) -> Result<(), Unfit> {
        match self.next {
            Next::Type if !self.number.has_begun => Ok(()),
            Next::Stream | Next::Free => Ok(()),
            Next::Type | Next::Length { .. } | Next::Payload(_) => Err(Unfit::Cut),
        }
    }
}

impl Number {
    /// Takes a byte; returns the number with its last one.
    fn take(&mut self, byte: u8) -> Option<u64> {
        if self.has_begun {
            self.value = self.value << 8 | u64::from(byte);
            self.left -= 1;
        } else {
            *self = Self {
                value: u64::from(byte & 0x3f),
                left: (1 << (byte >> 6)) - 1,
                has_begun: true,
            };
        }
        if self.left > 0 {
            return None;
        }
        self.has_begun = false;
        Some(self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(value: u64) -> Vec<u8> {
        match value {
            0..0x40 => vec![value as u8],
            0x40..0x4000 => (value as u16 | 0x4000).to_be_bytes().into(),
            0x4000..0x4000_0000 => (value as u32 | 0x8000_0000).to_be_bytes().into(),
            _ => (value | 0xc000_0000_0000_0000).to_be_bytes().into(),
        }
    }

    fn frame(kind: u64, length: u64, payload: usize) -> Vec<u8> {
        [number(kind), number(length), vec![0xff; payload]].concat()
    }

    /// Says whether all bytes pass, whole and one by one.
    fn passes(new: fn() -> Gauge, bytes: &[u8]) -> bool {
        let whole = new().pass(bytes).is_ok();
        let mut gauge = new();
        let single = bytes.iter().all(|byte| gauge.pass(&[*byte]).is_ok());
        assert_eq!(whole, single);
        whole
    }

    #[test]
    fn a_stream_ends_between_its_frames() {
        let frames = [frame(0x1, 9, 9), frame(0, 300, 300), frame(0, 0, 0), frame(0x21, 5, 5)];
        let mut ends = vec![0];
        ends.extend(frames.iter().scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        }));
        let bytes = frames.concat();
        for at in 0..=bytes.len() {
            let mut gauge = Gauge::of_request();
            gauge.pass(&bytes[..at]).unwrap();
            assert_eq!(gauge.end().is_ok(), ends.contains(&at), "{at}");
        }
    }

    #[test]
    fn only_data_may_be_long() {
        let (headers, grease) = (0x1, 0x21);
        let over = FRAME_LIMIT + 1;
        for (what, bytes, expected) in [
            ("nothing", vec![], true),
            ("a head", frame(headers, 70, 70), true),
            ("the longest head", frame(headers, FRAME_LIMIT, 10), true),
            ("a longer head", frame(headers, over, 0), false),
            ("the longest number", frame(headers, (1 << 62) - 1, 0), false),
            ("endless data", frame(0, (1 << 62) - 1, 100_000), true),
            ("an unknown frame", frame(grease, 5, 5), true),
            ("a long unknown frame", frame(grease, over, 0), false),
            (
                "a head, data, trailers",
                [frame(headers, 9, 9), frame(0, 7, 7), frame(headers, 300, 300)].concat(),
                true,
            ),
            (
                "trailers that are too long",
                [frame(0, 7, 7), frame(headers, over, 0)].concat(),
                false,
            ),
            (
                "empty frames",
                [frame(0, 0, 0), frame(headers, 0, 0), frame(headers, over, 0)].concat(),
                false,
            ),
        ] {
            assert_eq!(passes(Gauge::of_request, &bytes), expected, "{what}");
            let control = [number(0), bytes.clone()].concat();
            assert_eq!(passes(Gauge::of_server, &control), expected, "{what}");
            let other = [number(0x54), bytes].concat();
            assert!(passes(Gauge::of_server, &other), "{what}");
        }
    }
}
