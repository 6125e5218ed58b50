//! What must hold for every head, body, file and proxy that a transfer reads.

#[cfg(feature = "http3")]
pub use super::quic::fuzz::{alt_svc, frames};

use super::chunks::{self, Chunks};
use super::coding::Decoder;
use super::resume::{self, Verdict};
use super::{disposition, identity, redirect, tunnel};
use crate::fuzz::{fields, halves};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use rustls::crypto::aws_lc_rs;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use url::Url;
use urlsession_core::ResumeState;
use urlsession_protocol::{Credential, FileName, Response, ResumeData, Secret};

/// A name from a server is a plain file's name, and the same whether read from head or record.
pub fn content_disposition(bytes: &[u8]) {
    let (field, rest) = halves(bytes);
    let mut headers = fields(rest);
    if let Ok(value) = HeaderValue::from_bytes(field) {
        headers.append(header::CONTENT_DISPOSITION, value);
    }
    let url = String::from_utf8_lossy(rest);
    let name = disposition::suggested(&headers, &url);
    assert_eq!(FileName::sanitized(name.as_str()), name, "a safe name stays as it is");
    if let Some(named) = disposition::named(&headers) {
        assert_eq!(named, name);
    }
}

/// Only what continues the part file is appended to it.
pub fn resume(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().map_or((0, bytes), |(byte, rest)| (*byte, rest));
    let headers = fields(rest);
    let state = ResumeState {
        part: "/p".into(),
        inode: 1,
        durable_bytes: 100,
        further: None,
        total_bytes: (first & 1 != 0).then_some(300),
        etag: (first & 2 != 0).then(|| "\"a\"".into()),
        last_modified: None,
        response: Response::default(),
    };
    let status = match first & 12 {
        0 => StatusCode::OK,
        4 => StatusCode::RANGE_NOT_SATISFIABLE,
        _ => StatusCode::PARTIAL_CONTENT,
    };
    let verdict = resume::judge(&state, status, &headers);
    let range = headers.get(header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    match verdict {
        Verdict::Append => {
            let range = range.unwrap_or_default();
            assert!(status == StatusCode::PARTIAL_CONTENT && range.contains("100-"), "{range}");
            let total = resume::total(&state, &headers);
            assert!(total.is_none_or(|total| total > 100), "{range}");
            assert!(state.total_bytes.is_none() || total == state.total_bytes, "{range}");
        }
        Verdict::Complete => {
            let total = range.and_then(|range| range.trim_end().rsplit('/').next());
            assert_eq!(total.and_then(|total| total.parse().ok()), Some(100), "{range:?}");
            assert_eq!(state.total_bytes, None, "300 bytes are not whole with 100");
        }
        Verdict::Restart => assert_eq!(status, StatusCode::OK),
        Verdict::AskAnew => assert_ne!(status, StatusCode::OK),
    }
    let (etag, date) = resume::validators(&headers);
    for validator in etag.into_iter().chain(date) {
        assert!(HeaderValue::from_str(&validator).is_ok());
    }
}

/// Resume data that is taken names an absolute file and bytes in it; what is refused is not told.
pub fn resume_data(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match urlsession_core::resume::decode(&ResumeData(Secret::new(text))) {
        Ok(state) => {
            assert!(state.part.is_absolute() && state.durable_bytes > 0);
            let again = urlsession_core::resume::encode(&state)
                .and_then(|data| urlsession_core::resume::decode(&data));
            assert_eq!(again.ok(), Some(state));
        }
        Err(error) => assert!(error.to_string().len() < 200, "{error}"),
    }
}

/// A redirect leads to another HTTP URL without credentials, or nowhere.
pub fn redirect(bytes: &[u8]) {
    for (status, from, allow_insecure) in [
        (302, "https://user.test/a?b", false),
        (303, "https://user.test/a?b", true),
        (307, "http://user.test:8080/", false),
    ] {
        let (Ok(status), Ok(from)) = (StatusCode::from_u16(status), from.parse::<Url>()) else {
            return;
        };
        let rules = redirect::Rules { allow_insecure, ..redirect::Rules::default() };
        let next = redirect::next(status, Some(bytes), &Method::PUT, &from, rules);
        let Ok(Some(hop)) = next else {
            assert!(
                next.is_err() || bytes.trim_ascii().is_empty(),
                "a redirect with a location is one"
            );
            continue;
        };
        let url = &hop.url;
        assert!(matches!(url.scheme(), "http" | "https"), "{url}");
        assert!(url.scheme() == "https" || from.scheme() == "http" || allow_insecure, "{url}");
        assert!(url.username().is_empty() && url.password().is_none(), "{url}");
        assert!(url.host_str().is_some_and(|host| !host.is_empty()) && url.fragment().is_none());
        assert_eq!(hop.keeps_credentials, url.origin() == from.origin(), "{url}");
        let target = &url[url::Position::BeforePath..];
        assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    }
}

/// A coded body of any shape stays within what so few bytes may become.
pub fn coding(bytes: &[u8]) {
    let (first, body) = bytes.split_first().map_or((0, bytes), |(byte, rest)| (*byte, rest));
    let names = ["gzip", "deflate", "br", "zstd", "gzip, gzip", "zstd, br, gzip"];
    let mut headers = HeaderMap::new();
    let name = HeaderValue::from_static(names[usize::from(first) % names.len()]);
    headers.insert(HeaderName::from_static("content-encoding"), name);
    let Ok(Some(mut decoder)) = Decoder::of(&headers, &[]) else { panic!("a known coding") };
    let mut length = 0;
    for part in body.chunks(usize::from(first) + 1) {
        decoder.feed(Bytes::copy_from_slice(part));
        loop {
            match decoder.next() {
                Ok(Some(decoded)) => length += decoded.len(),
                Ok(None) => break,
                Err(_) => return,
            }
        }
    }
    assert!(length <= 8 * 1024 * 1024 + 200 * body.len(), "{length} of {}", body.len());
    let _ = decoder.finish();
}

/// A file of certificates is read or refused, whatever it is.
pub fn identity(bytes: &[u8]) {
    let provider = aws_lc_rs::default_provider();
    if let Ok((chain, key)) = identity::from_pkcs12(bytes, "password", &provider) {
        assert!(!chain.is_empty() && provider.key_provider.load_private_key(key).is_ok());
    }
    let password = Secret::new("password");
    let _ = identity::decrypted(bytes, Some(&password));
    if let Ok(found) = identity::certificates(bytes) {
        assert!(!found.is_empty(), "a file without certificates is refused");
    }
}

/// A head that is taken has one length or none, and its connection is used again only where the body
/// has an end.
pub fn framing(bytes: &[u8]) {
    let (mut head, ()) = http::Response::new(()).into_parts();
    head.headers = fields(bytes);
    if super::framing::check(&head, false).is_err() {
        return;
    }
    let length = super::framing::length(&head.headers);
    let told = head.headers.get_all(header::CONTENT_LENGTH).iter();
    for text in told.flat_map(|value| value.to_str().unwrap_or("?").split(',')) {
        assert_eq!(text.trim().parse().ok(), length, "{:?}", head.headers);
        assert!(length.is_some());
    }
    if super::framing::stays_open(&head, false) {
        assert!(length.is_some() || head.headers.contains_key(header::TRANSFER_ENCODING));
    }
}

/// Chunks are read alike in whatever pieces they come, and what has been mended stays as it is.
pub fn chunks(bytes: &[u8]) {
    let (first, rest) = bytes.split_first().map_or((0, bytes), |(byte, rest)| (*byte, rest));
    let mended = with_line_ends(rest, rest.len());
    assert_eq!(with_line_ends(rest, usize::from(first)), mended);
    assert_eq!(with_line_ends(&mended, mended.len()), mended);
}

fn with_line_ends(bytes: &[u8], piece: usize) -> Vec<u8> {
    let mut chunks = Chunks::default();
    chunks.begin();
    let pieces = bytes.chunks(piece.max(1));
    pieces.map(|piece| chunks::mended(piece, &chunks.bare(piece))).collect::<Vec<_>>().concat()
}

/// A SOCKS proxy that lies is refused, and no byte behind its answer is taken.
pub fn socks(bytes: &[u8]) {
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().build() else { return };
    let credential = Credential::new("user", "password");
    for known in [None, Some(&credential)] {
        let (mut ours, mut theirs) = tokio::io::duplex(2 * bytes.len() + 4096);
        let target = tunnel::Target::Name("server.test");
        let talk = async {
            theirs.write_all(bytes).await.ok()?;
            theirs.shutdown().await.ok()?;
            tunnel::socks(&mut ours, known, target, 80).await.ok()?;
            let mut rest = Vec::new();
            ours.read_to_end(&mut rest).await.ok()?;
            Some(rest)
        };
        if let Some(rest) = runtime.block_on(talk) {
            assert!(bytes.len() - rest.len() >= 2 + 4 + 1 + 2, "an answer has so many bytes");
            assert!(bytes.ends_with(&rest), "what is behind it is the server's");
        }
        let (mut ours, mut theirs) = tokio::io::duplex(2 * bytes.len() + 4096);
        let talk = async {
            theirs.write_all(bytes).await.ok()?;
            theirs.shutdown().await.ok()?;
            tunnel::socks4(&mut ours, known, target, 80).await.ok()?;
            let mut rest = Vec::new();
            ours.read_to_end(&mut rest).await.ok()?;
            Some(rest)
        };
        if let Some(rest) = runtime.block_on(talk) {
            assert_eq!(bytes.get(..2), Some(&[0, 90][..]), "it was let through");
            assert_eq!(bytes.get(8..), Some(&rest[..]), "what is behind it is the server's");
        }
    }
}
