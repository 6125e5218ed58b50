//! What is packed comes out, in any pieces; what is not whole, or a bomb, is an error.

use super::{DECODED_FLOOR, DECODED_RATIO_LIMIT, Decoder, too_large};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
use http::{HeaderMap, HeaderValue, header};
use std::io::Write as _;
use urlsession_protocol::ErrorCode;

const TEXT: &[u8] = b"Hello World!";
/// Made by the reference encoder of TEXT, of a gzip of it, and of 100,000 times the letter a.
const BROTLI_TEXT: &[u8] =
    &[139, 5, 128, 72, 101, 108, 108, 111, 32, 87, 111, 114, 108, 100, 33, 3];
const BROTLI_OF_GZIP: &[u8] = &[
    139, 15, 128, 31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 243, 72, 205, 201, 201, 87, 8, 207, 47, 202, 73,
    81, 4, 0, 163, 28, 41, 28, 12, 0, 0, 0, 3,
];
const BROTLI_LETTERS: &[u8] = &[91, 159, 134, 129, 95, 34, 44, 30, 11, 4, 178, 252, 2, 0];

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn bare(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::stream::encode_all(bytes, 3).unwrap()
}

/// Unpacks what comes in pieces of that size; an error is its code.
fn unpack(coding: &str, packed: &[u8], piece: usize) -> Result<Vec<u8>, i32> {
    let mut fields = HeaderMap::new();
    for value in coding.split(';') {
        fields.append(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
    }
    let code = |failure: crate::transfer::errors::Failure| failure.error.code.0;
    let mut decoder = Decoder::of(&fields, &[]).map_err(code)?.expect("a coding");
    let mut out = Vec::new();
    for piece in packed.chunks(piece) {
        decoder.feed(Bytes::copy_from_slice(piece));
        while let Some(bytes) = decoder.next().map_err(code)? {
            assert!(!bytes.is_empty());
            out.extend(bytes);
        }
    }
    decoder.finish().map_err(code)?;
    Ok(out)
}

#[test]
fn every_coding_in_any_pieces() {
    let long: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 3).to_le_bytes()).collect();
    let letters = vec![b'a'; 100_000];
    let table: Vec<(&str, Vec<u8>, &[u8])> = vec![
        ("gzip", gzip(TEXT), TEXT),
        ("X-GZIP", gzip(TEXT), TEXT),
        ("gzip", gzip(b""), b""),
        ("gzip", [gzip(b"Hello "), gzip(b"World!")].concat(), TEXT),
        ("gzip", gzip(&long), &long),
        ("deflate", zlib(TEXT), TEXT),
        ("deflate", bare(TEXT), TEXT),
        ("deflate", zlib(&long), &long),
        ("deflate", bare(&long), &long),
        ("br", BROTLI_TEXT.to_vec(), TEXT),
        ("br", BROTLI_LETTERS.to_vec(), &letters),
        ("zstd", zstd(TEXT), TEXT),
        ("zstd", zstd(&long), &long),
        ("zstd", [zstd(b"Hello "), zstd(b"World!")].concat(), TEXT),
        ("gzip", Vec::new(), b""),
        ("zstd", Vec::new(), b""),
        ("gzip, br", BROTLI_OF_GZIP.to_vec(), TEXT),
        ("identity, deflate;gzip", gzip(&zlib(TEXT)), TEXT),
        ("gzip, gzip, zstd", zstd(&gzip(&gzip(TEXT))), TEXT),
        // What is outside ends later than what is inside.
        ("zstd, gzip", gzip(&zstd(TEXT)), TEXT),
        ("br, gzip", gzip(BROTLI_TEXT), TEXT),
        ("deflate, zstd, gzip", gzip(&zstd(&zlib(TEXT))), TEXT),
    ];
    for (coding, packed, expected) in table {
        for piece in [1, 7, 100_000] {
            // One byte at a time takes long where there are many.
            if packed.len() / piece < 100_000 {
                let got = unpack(coding, &packed, piece);
                assert!(got.as_deref() == Ok(expected), "{coding} by {piece}");
            }
        }
    }
}

/// coding, what comes => the error
#[test]
fn what_is_not_whole_is_an_error() {
    const RAW: i32 = ErrorCode::CANNOT_DECODE_RAW_DATA.0;
    const UNKNOWN: i32 = ErrorCode::CANNOT_DECODE_CONTENT_DATA.0;
    for (coding, whole) in [
        ("gzip", gzip(TEXT)),
        ("deflate", zlib(TEXT)),
        ("deflate", bare(TEXT)),
        ("br", BROTLI_TEXT.to_vec()),
        ("zstd", zstd(TEXT)),
    ] {
        for length in 1..whole.len() {
            assert_eq!(unpack(coding, &whole[..length], 5), Err(RAW), "{coding} cut at {length}");
        }
        let garbage = [&whole[..], b"garbage that follows"].concat();
        for piece in [1, 1000] {
            assert_eq!(unpack(coding, &garbage, piece), Err(RAW), "{coding} and garbage");
        }
        assert_eq!(unpack(coding, b"no such thing", 4), Err(RAW), "{coding}");
    }
    let mut wrong = gzip(TEXT);
    let crc = wrong.len() - 8;
    wrong[crc] ^= 1;
    assert_eq!(unpack("gzip", &wrong, 9), Err(RAW), "the checksum");
    for coding in ["compress", "gzip, utf-8", "\u{e4}", "gzip, gzip, gzip, gzip"] {
        assert_eq!(unpack(coding, b"x", 1), Err(UNKNOWN), "{coding}");
    }
}

#[test]
fn bombs_are_stopped_early() {
    const LARGE: i32 = ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM.0;
    let zeros = vec![0; 16 * 1024 * 1024];
    for (coding, bomb) in [
        ("gzip", gzip(&zeros)),
        ("deflate", zlib(&zeros)),
        ("zstd", zstd(&zeros)),
        ("gzip, gzip", gzip(&gzip(&zeros))),
    ] {
        let honest = DECODED_FLOOR + bomb.len() as u64 * DECODED_RATIO_LIMIT;
        assert!(honest < zeros.len() as u64, "{coding} is a bomb");
        assert_eq!(unpack(coding, &bomb, 4096), Err(LARGE), "{coding}");
    }
    let said = too_large(DECODED_FLOOR + 5).error.detail.clone().unwrap();
    assert!(said.contains("more than 8 MiB"), "{said}");
}

#[test]
fn nothing_is_taken_for_no_coding() {
    for value in ["identity", "", " , "] {
        let mut fields = HeaderMap::new();
        fields.insert(header::CONTENT_ENCODING, HeaderValue::from_str(value).unwrap());
        assert!(Decoder::of(&fields, &[]).unwrap().is_none(), "{value}");
    }
    assert!(Decoder::of(&HeaderMap::new(), &[]).unwrap().is_none());
}
