//! The digest of a whole file, computed while it passes or by reading it again.

use super::errors::Failure;
use sha2::Digest as _;
use std::fmt::Write as _;
use std::io::{self, Read as _};
use tokio_util::sync::CancellationToken;
use urlsession_protocol::{Checksum, ChecksumAlgorithm, ErrorCode};

/// Bytes read at once when a file is read again.
const BLOCK: usize = 256 * 1024;

/// A digest under way.
#[derive(Debug)]
pub(super) enum Digest {
    Sha256(sha2::Sha256),
    Sha512(Box<sha2::Sha512>),
    Md5(md5::Md5),
}

impl Digest {
    pub(super) fn new(algorithm: ChecksumAlgorithm) -> Self {
        match algorithm {
            ChecksumAlgorithm::Sha256 => Self::Sha256(sha2::Sha256::new()),
            ChecksumAlgorithm::Sha512 => Self::Sha512(Box::new(sha2::Sha512::new())),
            ChecksumAlgorithm::Md5 => Self::Md5(md5::Md5::new()),
        }
    }

    pub(super) fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hash) => hash.update(bytes),
            Self::Sha512(hash) => hash.update(bytes),
            Self::Md5(hash) => hash.update(bytes),
        }
    }

    /// Returns the digest in lower-case hexadecimal.
    pub(super) fn finish(self) -> String {
        match self {
            Self::Sha256(hash) => hex(&hash.finalize()),
            Self::Sha512(hash) => hex(&hash.finalize()),
            Self::Md5(hash) => hex(&hash.finalize()),
        }
    }
}

/// Reads the file from its start. Blocks; `None` if it was stopped.
pub(super) fn read(
    algorithm: ChecksumAlgorithm,
    mut file: &std::fs::File,
    stop: &CancellationToken,
) -> io::Result<Option<String>> {
    use std::io::Seek as _;
    file.seek(io::SeekFrom::Start(0))?;
    let mut digest = Digest::new(algorithm);
    let mut block = vec![0; BLOCK];
    loop {
        if stop.is_cancelled() {
            return Ok(None);
        }
        match file.read(&mut block)? {
            0 => return Ok(Some(digest.finish())),
            n => digest.update(&block[..n]),
        }
    }
}

/// Compares the digest with the one asked for.
pub(super) fn check(wanted: &Checksum, got: &str) -> Result<(), Failure> {
    if wanted.hex.eq_ignore_ascii_case(got) {
        return Ok(());
    }
    let name = match wanted.algorithm {
        ChecksumAlgorithm::Sha256 => "SHA-256",
        ChecksumAlgorithm::Sha512 => "SHA-512",
        ChecksumAlgorithm::Md5 => "MD5",
    };
    Err(Failure::permanent(
        ErrorCode::DOWNLOAD_DECODING_FAILED_TO_COMPLETE,
        format!("{name} expected {}, got {got}", wanted.hex),
    ))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_of_abc() {
        for (algorithm, expected) in [
            (ChecksumAlgorithm::Md5, "900150983cd24fb0d6963f7d28e17f72"),
            (
                ChecksumAlgorithm::Sha256,
                "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
            ),
            (
                ChecksumAlgorithm::Sha512,
                "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
                 2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
            ),
        ] {
            let mut digest = Digest::new(algorithm);
            digest.update(b"a");
            digest.update(b"bc");
            assert_eq!(digest.finish(), expected, "{algorithm:?}");
        }
    }
}
