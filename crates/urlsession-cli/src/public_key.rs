//! Files that hold the public key which a server must have.

use crate::exit::{self, Failure};
use crate::input;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};
use spki::SubjectPublicKeyInfoRef;
use std::path::Path;
use urlsession::PublicKeyPin;

/// Most bytes of a file with a key; curl has the same limit.
const KEY_FILE_LIMIT: u64 = 1 << 20;

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";

/// Reads a file with one public key, in PEM or DER.
pub(crate) fn read(path: &Path) -> Result<PublicKeyPin, Failure> {
    let bytes = input::bytes(path, KEY_FILE_LIMIT, exit::FILE).map_err(|failure| {
        failure
            .next("a pinned key is such a file, or ‘sha256//’ and the Base64 of its SHA-256 digest")
    })?;
    pin(&bytes).ok_or_else(|| {
        let why = format!("{}: there is no public key in it, in PEM or DER", path.display());
        Failure::new(exit::FILE, why)
            .next("openssl x509 -in CERTIFICATE -pubkey -noout prints that of a certificate in PEM")
    })
}

fn pin(bytes: &[u8]) -> Option<PublicKeyPin> {
    let der = match std::str::from_utf8(bytes).ok().and_then(|text| text.split_once(BEGIN)) {
        Some((_, rest)) => {
            let (encoded, _) = rest.split_once(END)?;
            let encoded: String = encoded.split_whitespace().collect();
            STANDARD.decode(encoded).ok()?
        }
        None => bytes.to_vec(),
    };
    SubjectPublicKeyInfoRef::try_from(&der[..]).ok()?;
    Some(PublicKeyPin::new(Sha256::digest(&der).into()))
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Types of DER.
    const SEQUENCE: u8 = 0x30;
    const BIT_STRING: u8 = 0x03;

    const KEY: &str = "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE0jCMHw+dQkXgLvYBmHp/4/NVB17h\n\
        WAVJ71Gz+ggU6tfQnYOCsi9TY8+9/ynSfTN5drXApQxWRF4zw5JUY+p3sQ==\n";
    /// What OpenSSL says of it.
    pub(crate) const DIGEST: &str = "sha256//l2xbR7tbEj5hOUo9H0kI7XC8lyZ/tWnEA6HkeiZeayY=";

    pub(crate) fn pem(label: &str) -> String {
        format!("-----BEGIN {label}-----\n{KEY}-----END {label}-----\n")
    }

    /// what is in the file => whether that key
    #[test]
    fn only_public_keys_are_keys() {
        let der = STANDARD.decode(KEY.replace('\n', "")).unwrap();
        let key = pem("PUBLIC KEY");
        // A certificate has another sequence before its bits.
        let algorithm = &der[2..23];
        let signed = [&[SEQUENCE, 111], &der[2..], algorithm, &[BIT_STRING, 1, 0]].concat();
        let sized = |length: &[u8]| [&[SEQUENCE], length, &der[2..]].concat();
        for (bytes, is_key) in [
            (key.clone().into_bytes(), true),
            (format!("of\nserver.test\n{key}and more").into_bytes(), true),
            (key.replace('\n', "\r\n").into_bytes(), true),
            (der.clone(), true),
            (pem("CERTIFICATE").into_bytes(), false),
            (key.replace("-----END", "").into_bytes(), false),
            (key.replace("Hw+d", "Hw+").into_bytes(), false),
            (signed, false),
            (der[..der.len() - 1].to_vec(), false),
            ([&der[..], b"\n"].concat(), false),
            (sized(&[0x84, 0, 0, 0, 89]), false),
            (sized(&[0xff]), false),
            (vec![SEQUENCE], false),
            (Vec::new(), false),
        ] {
            let found = pin(&bytes).map(|pin| pin.to_string());
            let text = String::from_utf8_lossy(&bytes);
            assert_eq!(found.as_deref(), is_key.then_some(DIGEST), "{text:?}");
        }
    }
}
