//! Bodies that need no memory: every byte follows from a seed and its offset.

use bytes::Bytes;
use sha2::{Digest, Sha256};

/// Bytes made at a time while hashing.
const PIECE: usize = 64 * 1024;

/// What an answer carries.
#[derive(Debug, Clone)]
pub enum Body {
    /// These bytes.
    Bytes(Bytes),
    /// Bytes that look random; see [`pseudo_random`].
    PseudoRandom {
        /// Another seed gives other bytes.
        seed: u64,
        /// How many.
        length: u64,
    },
}

impl Body {
    /// Returns the size in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::PseudoRandom { length, .. } => *length,
        }
    }

    /// Returns the bytes from `start`, at most `length` of them and none beyond the end.
    #[must_use]
    pub fn slice(&self, start: u64, length: usize) -> Bytes {
        let rest = self.length().saturating_sub(start);
        let length = length.min(usize::try_from(rest).unwrap_or(usize::MAX));
        match self {
            Self::Bytes(bytes) => {
                let start = usize::try_from(start).unwrap_or(usize::MAX).min(bytes.len());
                bytes.slice(start..start + length)
            }
            Self::PseudoRandom { seed, .. } => pseudo_random(*seed, start, length).into(),
        }
    }

    /// Returns the SHA-256 of all bytes in lower-case hexadecimal.
    #[must_use]
    pub fn sha256(&self) -> String {
        let mut hash = Sha256::new();
        let mut at = 0;
        while at < self.length() {
            let piece = self.slice(at, PIECE);
            hash.update(&piece);
            at += piece.len() as u64;
        }
        hex(&hash.finalize())
    }
}

/// Returns `length` bytes from offset `start` of the endless body that `seed` stands for.
///
/// The bytes are those of SplitMix64, one little-endian word per eight bytes of offset.
#[must_use]
pub fn pseudo_random(seed: u64, start: u64, length: usize) -> Vec<u8> {
    let skip = usize::try_from(start % 8).expect("a remainder of 8 fits");
    let mut bytes = Vec::with_capacity(length + 16);
    let mut word = start / 8;
    while bytes.len() < length + skip {
        bytes.extend_from_slice(&mix(seed, word).to_le_bytes());
        word += 1;
    }
    bytes.drain(..skip);
    bytes.truncate(length);
    bytes
}

/// Returns the SHA-256 of these bytes in lower-case hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn mix(seed: u64, word: u64) -> u64 {
    let mut z = seed.wrapping_add(word.wrapping_add(1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^ (z >> 31)
}
