//! Content codings (RFC 9110 section 8.4): what a server packed is unpacked as it comes, within
//! limits that no honest body reaches.

use super::errors::Failure;
use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use bytes::Bytes;
use flate2::{Decompress, FlushDecompress, Status, write::MultiGzDecoder};
use http::{HeaderMap, header};
use std::io::{self, Write as _};
use std::sync::Arc;
use urlsession_protocol::ErrorCode;
use zstd::stream::raw::{DParameter, InBuffer, Operation as _, OutBuffer};

/// Most codings of one body, one inside the other.
const CODINGS_LIMIT: usize = 3;
/// Most bytes that one received byte may become, beyond the first [`DECODED_FLOOR`].
const DECODED_RATIO_LIMIT: u64 = 200;
/// Bytes that a body may become, however few were received.
const DECODED_FLOOR: u64 = 8 * 1024 * 1024;
/// Most bytes that a body may become.
const DECODED_LIMIT: u64 = 64 * 1024 * 1024 * 1024;
/// Received bytes that are unpacked at once.
const SLICE: usize = 16 * 1024;
/// Room for what they become; there is more as it is needed.
const ROOM: usize = 64 * 1024;
/// The largest window of zstd, as a power of two (RFC 9659).
const ZSTD_WINDOW: u32 = 23;

/// What is asked for. Proxies on the way of plain `http` are known to break the newer ones.
pub(super) fn accepted(scheme: &str) -> &'static str {
    match scheme {
        "https" => "gzip, deflate, br, zstd",
        _ => "gzip, deflate",
    }
}

/// Unpacks one body.
#[derive(Debug)]
pub(super) struct Decoder {
    /// In the order they are taken off.
    stages: Vec<Stage>,
    pending: Bytes,
    received: u64,
    decoded: u64,
}

impl Decoder {
    /// Makes what a response needs whose content was packed for the way in these codings, too;
    /// `None` if it is not coded.
    pub(super) fn of(fields: &HeaderMap, way: &[&str]) -> Result<Option<Self>, Failure> {
        let unknown = |what: &str| {
            let why = format!("the content coding is {what}");
            Failure::permanent(ErrorCode::CANNOT_DECODE_CONTENT_DATA, why)
        };
        let mut stages = Vec::new();
        for value in fields.get_all(header::CONTENT_ENCODING) {
            let value = value.to_str().map_err(|_| unknown("no text"))?;
            for name in value.split(',').map(str::trim).filter(|name| !name.is_empty()) {
                let name = name.to_ascii_lowercase();
                match Stage::named(&name) {
                    Some(stage) => stages.push(stage),
                    // No coding has the name “none”, but servers say it.
                    None if name == "identity" || name == "none" => {}
                    None => return Err(unknown(&format!("“{}”", name.escape_debug()))),
                }
            }
        }
        for name in way {
            stages.extend(Stage::named(&name.to_ascii_lowercase()));
        }
        if stages.len() > CODINGS_LIMIT {
            return Err(unknown(&format!("one of more than {CODINGS_LIMIT}")));
        }
        // The last one was applied last.
        stages.reverse();
        let some = !stages.is_empty();
        let decoder = Self { stages, pending: Bytes::new(), received: 0, decoded: 0 };
        Ok(some.then_some(decoder))
    }

    /// Takes received bytes.
    pub(super) fn feed(&mut self, bytes: Bytes) {
        debug_assert!(self.pending.is_empty(), "what was fed is taken out first");
        self.pending = bytes;
    }

    /// Returns the next unpacked bytes, `None` if there are none before more is fed.
    pub(super) fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        while !self.pending.is_empty() {
            let mut bytes = self.pending.split_to(SLICE.min(self.pending.len())).to_vec();
            self.received += bytes.len() as u64;
            let most = DECODED_FLOOR.saturating_add(self.received * DECODED_RATIO_LIMIT);
            let room = most.min(DECODED_LIMIT).saturating_sub(self.decoded);
            for stage in &mut self.stages {
                // zstd takes nothing at its end for the begin of another frame.
                if bytes.is_empty() {
                    break;
                }
                let mut out = Out { bytes: Vec::new(), room };
                stage.push(&bytes, &mut out).map_err(|error| match error.kind() {
                    io::ErrorKind::FileTooLarge => too_large(most),
                    _ => broken(&error),
                })?;
                bytes = out.bytes;
            }
            if !bytes.is_empty() {
                self.decoded += bytes.len() as u64;
                return Ok(Some(bytes.into()));
            }
        }
        Ok(None)
    }

    /// Checks that nothing is missing. A body without any byte is as good as one of none.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        let ended = self.received == 0 || self.stages.iter_mut().all(Stage::has_ended);
        if ended { Ok(()) } else { Err(broken(&"it is cut, or damaged")) }
    }
}

fn broken(why: &dyn std::fmt::Display) -> Failure {
    let why = format!("the content cannot be decoded: {why}");
    Failure::permanent(ErrorCode::CANNOT_DECODE_RAW_DATA, why)
}

fn too_large(most: u64) -> Failure {
    let mebibytes = most.min(DECODED_LIMIT) / 1024 / 1024;
    let why = format!(
        "unpacked, the content is more than {mebibytes} MiB, too much for what has come of it"
    );
    Failure::permanent(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM, why)
}

/// Unpacked bytes, of which there must not be too many.
#[derive(Debug)]
struct Out {
    bytes: Vec<u8>,
    room: u64,
}

impl io::Write for Out {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if (self.bytes.len() + bytes.len()) as u64 > self.room {
            return Err(io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One coding.
enum Stage {
    Gzip(Box<MultiGzDecoder<Out>>),
    Deflate(Inflate),
    Brotli {
        state: Box<BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>>,
        ended: bool,
    },
    /// `ended` is between two frames.
    Zstd {
        decoder: zstd::stream::raw::Decoder<'static>,
        ended: bool,
    },
    /// It could not be made.
    Broken(Arc<io::Error>),
}

impl Stage {
    fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" | "x-gzip" => {
                let nothing = Out { bytes: Vec::new(), room: 0 };
                Self::Gzip(Box::new(MultiGzDecoder::new(nothing)))
            }
            "deflate" => Self::Deflate(Inflate::Undecided(Vec::new())),
            "br" => {
                let new = StandardAlloc::default;
                let state = Box::new(BrotliState::new_strict(new(), new(), new()));
                Self::Brotli { state, ended: false }
            }
            "zstd" => match zstd_decoder() {
                Ok(decoder) => Self::Zstd { decoder, ended: false },
                Err(error) => Self::Broken(Arc::new(error)),
            },
            _ => return None,
        })
    }

    fn push(&mut self, bytes: &[u8], out: &mut Out) -> io::Result<()> {
        match self {
            Self::Gzip(decoder) => {
                std::mem::swap(decoder.get_mut(), out);
                let written = decoder.write_all(bytes).and_then(|()| decoder.flush());
                std::mem::swap(decoder.get_mut(), out);
                written
            }
            Self::Deflate(inflate) => inflate.push(bytes, out),
            Self::Brotli { state, ended } => brotli(state, ended, bytes, out),
            Self::Zstd { decoder, ended } => unzstd(decoder, ended, bytes, out),
            Self::Broken(error) => Err(io::Error::other(Arc::clone(error))),
        }
    }

    fn has_ended(&mut self) -> bool {
        match self {
            Self::Gzip(decoder) => decoder.try_finish().is_ok(),
            Self::Deflate(inflate) => matches!(inflate, Inflate::Ended),
            Self::Brotli { ended, .. } | Self::Zstd { ended, .. } => *ended,
            Self::Broken(_) => false,
        }
    }
}

impl std::fmt::Debug for Stage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Gzip(_) => "gzip",
            Self::Deflate(_) => "deflate",
            Self::Brotli { .. } => "br",
            Self::Zstd { .. } => "zstd",
            Self::Broken(_) => "broken",
        })
    }
}

/// `deflate` is zlib's form (RFC 1950); servers that never read that send the bare one.
#[derive(Debug)]
enum Inflate {
    /// The first bytes tell.
    Undecided(Vec<u8>),
    Running(Box<Decompress>),
    Ended,
}

impl Inflate {
    fn push(&mut self, bytes: &[u8], out: &mut Out) -> io::Result<()> {
        match self {
            Self::Undecided(begin) => {
                begin.extend_from_slice(bytes);
                let &[first, second, ..] = &begin[..] else { return Ok(()) };
                let is_zlib =
                    first & 0x0f == 8 && u16::from_be_bytes([first, second]).is_multiple_of(31);
                let begin = std::mem::take(begin);
                *self = Self::Running(Box::new(Decompress::new(is_zlib)));
                self.push(&begin, out)
            }
            Self::Running(decompress) => {
                if inflate(decompress, bytes, out)? {
                    *self = Self::Ended;
                }
                Ok(())
            }
            Self::Ended if bytes.is_empty() => Ok(()),
            Self::Ended => Err(io::Error::other("something follows its end")),
        }
    }
}

/// Says whether the stream has ended, and with the last of the bytes.
fn inflate(decompress: &mut Decompress, mut bytes: &[u8], out: &mut Out) -> io::Result<bool> {
    let mut room = Vec::with_capacity(ROOM);
    loop {
        let before = decompress.total_in();
        let status = decompress.decompress_vec(bytes, &mut room, FlushDecompress::None)?;
        let used = usize::try_from(decompress.total_in() - before).map_err(io::Error::other)?;
        bytes = &bytes[used..];
        let (was_full, was_idle) = (room.len() == room.capacity(), used == 0 && room.is_empty());
        out.write_all(&room)?;
        room.clear();
        match status {
            Status::StreamEnd if bytes.is_empty() => return Ok(true),
            Status::StreamEnd => return Err(io::Error::other("something follows its end")),
            Status::Ok | Status::BufError if bytes.is_empty() && !was_full => return Ok(false),
            Status::Ok | Status::BufError if was_idle => {
                return Err(io::Error::other("it makes no progress"));
            }
            Status::Ok | Status::BufError => {}
        }
    }
}

fn brotli(
    state: &mut BrotliState<StandardAlloc, StandardAlloc, StandardAlloc>,
    ended: &mut bool,
    bytes: &[u8],
    out: &mut Out,
) -> io::Result<()> {
    let trailing = || io::Error::other("something follows its end");
    if *ended {
        return if bytes.is_empty() { Ok(()) } else { Err(trailing()) };
    }
    let (mut left, mut offset, mut total) = (bytes.len(), 0, 0);
    let mut room = vec![0; ROOM];
    loop {
        let (mut free, mut filled) = (room.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut offset,
            bytes,
            &mut free,
            &mut filled,
            &mut room,
            &mut total,
            state,
        );
        out.write_all(&room[..filled])?;
        match result {
            BrotliResult::ResultSuccess if left == 0 => {
                *ended = true;
                return Ok(());
            }
            BrotliResult::ResultSuccess => return Err(trailing()),
            BrotliResult::NeedsMoreInput => return Ok(()),
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::ResultFailure => return Err(io::Error::other("it is no brotli")),
        }
    }
}

fn zstd_decoder() -> io::Result<zstd::stream::raw::Decoder<'static>> {
    let mut decoder = zstd::stream::raw::Decoder::new()?;
    decoder.set_parameter(DParameter::WindowLogMax(ZSTD_WINDOW))?;
    Ok(decoder)
}

fn unzstd(
    decoder: &mut zstd::stream::raw::Decoder<'static>,
    ended: &mut bool,
    bytes: &[u8],
    out: &mut Out,
) -> io::Result<()> {
    let mut room = vec![0; ROOM];
    let mut from = InBuffer::around(bytes);
    loop {
        let mut to = OutBuffer::around(&mut room[..]);
        let status = decoder.run(&mut from, &mut to)?;
        let filled = to.pos();
        out.write_all(&room[..filled])?;
        // At the end of a frame nothing is held back; asked again, it would wait for another.
        if from.pos() == bytes.len() && (status == 0 || filled < room.len()) {
            *ended = status == 0;
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests;
