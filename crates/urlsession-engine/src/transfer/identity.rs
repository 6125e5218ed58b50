//! Who we are to servers that ask for a certificate: a chain and its key, from PEM or PKCS#12.

use super::errors::Failure;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use p12_keystore::error::Error;
use p12_keystore::{Certificate, Pkcs12Archive};
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use urlsession_protocol::{ClientCertificate, ErrorCode, Secret};

const ENCRYPTED_BEGIN: &str = "-----BEGIN ENCRYPTED PRIVATE KEY-----";
const ENCRYPTED_END: &str = "-----END ENCRYPTED PRIVATE KEY-----";
const UNKNOWN_KEY: &str = "its private key is of a kind that is not known here";

/// Our certificate first, then those that lead to its authority; and the key.
pub(super) type Identity = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// Reads the files of a certificate of ours.
pub(super) fn load(
    own: &ClientCertificate,
    provider: &CryptoProvider,
) -> Result<Identity, Failure> {
    let path = &own.certificate;
    let bytes = std::fs::read(path).map_err(|error| unusable(path, &error))?;
    if is_binary(&bytes) {
        let password = own.password.as_ref().map_or("", Secret::expose);
        return from_pkcs12(&bytes, password, provider).map_err(|why| unusable(path, &why));
    }
    let chain = certificates(&bytes).map_err(|why| unusable(path, &why))?;
    let path = own.key.as_ref().unwrap_or(path);
    let pem = std::fs::read(path).map_err(|error| unusable(path, &error))?;
    let key = match PrivateKeyDer::from_pem_slice(&pem) {
        Err(pem::Error::NoItemsFound) => {
            decrypted(&pem, own.password.as_ref()).map_err(|why| unusable(path, &why))?
        }
        read => read.map_err(|error| unusable(path, &error))?,
    };
    fits(&chain, &key, provider).map_err(|why| unusable(path, &why))?;
    Ok((chain, key))
}

/// Reads a key that is encrypted in PEM (RFC 5958 section 3).
pub(super) fn decrypted(
    pem: &[u8],
    password: Option<&Secret>,
) -> Result<PrivateKeyDer<'static>, &'static str> {
    let text = String::from_utf8_lossy(pem);
    let body =
        text.split_once(ENCRYPTED_BEGIN).and_then(|(_, rest)| rest.split_once(ENCRYPTED_END));
    let Some((body, _)) = body else { return Err("it has no private key") };
    let Some(password) = password else { return Err("its private key wants a password") };
    let encoded: String = body.split_ascii_whitespace().collect();
    let der = STANDARD.decode(encoded).map_err(|_| "its private key is no PEM")?;
    let archive = Pkcs12Archive::from_pkcs12(&archived(&der), password.expose());
    let archive = archive.map_err(|error| match error {
        Error::UnsupportedEncryptionScheme | Error::InvalidParameters => reason(&error),
        _ => "the password is wrong, or the file is damaged",
    })?;
    let key = archive.keys.first().ok_or("it has no private key")?;
    Ok(PrivatePkcs8KeyDer::from(key.key.as_der().to_vec()).into())
}

/// Writes around an encrypted key what PKCS#12 has around it (RFC 7292 section 4): so one reader
/// decrypts both, within its bounds.
fn archived(key: &[u8]) -> Vec<u8> {
    const DATA: &[u8] = &[6, 9, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 7, 1];
    const SHROUDED_KEY: &[u8] = &[6, 11, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 1, 12, 10, 1, 2];
    const VERSION: &[u8] = &[2, 1, 3];
    let sequence = |parts: &[&[u8]]| tagged(0x30, &parts.concat());
    let explicit = |value: &[u8]| tagged(0xa0, value);
    let content = |value: &[u8]| sequence(&[DATA, &explicit(&tagged(4, value))]);
    let bags = sequence(&[&sequence(&[SHROUDED_KEY, &explicit(key)])]);
    sequence(&[VERSION, &content(&sequence(&[&content(&bags)]))])
}

/// Writes one value of DER.
fn tagged(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = value.len().to_be_bytes();
    let digits: Vec<u8> = length.into_iter().skip_while(|digit| *digit == 0).collect();
    let length = match (value.len(), u8::try_from(digits.len())) {
        (short @ 0..=127, _) => vec![short as u8],
        (_, Ok(count)) => [&[0x80 | count], &digits[..]].concat(),
        (_, Err(_)) => unreachable!("a length has eight bytes"),
    };
    [&[tag], &length[..], value].concat()
}

/// Finds out now what a handshake would end with: a key that nobody can use, or of another certificate.
fn fits(
    chain: &[CertificateDer<'static>],
    key: &PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<(), &'static str> {
    let signer = provider.key_provider.load_private_key(key.clone_key());
    let signer = signer.map_err(|_| UNKNOWN_KEY)?;
    match CertifiedKey::new(chain.to_vec(), signer).keys_match() {
        Err(rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch)) => {
            Err("its private key is not that of the certificate")
        }
        _ => Ok(()),
    }
}

/// Reads the certificates of a PEM file, which must have one.
pub(super) fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if found.is_empty() => Err("it has no certificate".to_owned()),
        found => found.map_err(|error| error.to_string()),
    }
}

/// Says that a file of ours cannot be shown to servers.
pub(super) fn unusable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let why = format!("cannot use the file {}: {why}", path.display());
    Failure::permanent(ErrorCode::CLIENT_CERTIFICATE_REQUIRED, why)
}

/// PKCS#12 is a sequence in DER with more than 127 bytes, which no text begins like.
fn is_binary(bytes: &[u8]) -> bool {
    matches!(bytes, [0x30, 0x80..=0xff, ..])
}

/// Takes the first key that a certificate in the file belongs to. Which one that is, the public
/// keys say: not every program writes down which belong together.
pub(super) fn from_pkcs12(
    bytes: &[u8],
    password: &str,
    provider: &CryptoProvider,
) -> Result<Identity, &'static str> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password).map_err(|error| reason(&error))?;
    let certificates: Vec<_> = archive.certs.iter().map(|bag| &bag.cert).collect();
    let mut why = "it has no private key";
    for bag in &archive.keys {
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec()));
        let Ok(signer) = provider.key_provider.load_private_key(key.clone_key()) else {
            why = UNKNOWN_KEY;
            continue;
        };
        let fits = |certificate: &Certificate| {
            let chain = vec![CertificateDer::from(certificate.as_der().to_vec())];
            CertifiedKey::new(chain, signer.clone()).keys_match().is_ok()
        };
        match certificates.iter().find(|certificate| fits(certificate)) {
            Some(ours) => return Ok((chain(ours, &certificates), key)),
            None => why = "it has no certificate of its private key",
        }
    }
    Err(why)
}

/// Follows the issuers as far as the file has them; the root is for the server to know.
fn chain(ours: &Certificate, certificates: &[&Certificate]) -> Vec<CertificateDer<'static>> {
    let mut chain = vec![ours];
    let mut last = ours;
    while let Some(next) = certificates.iter().copied().find(|certificate| {
        certificate.subject() == last.issuer()
            && certificate.subject() != certificate.issuer()
            && !chain.contains(certificate)
    }) {
        chain.push(next);
        last = next;
    }
    chain.iter().map(|certificate| CertificateDer::from(certificate.as_der().to_vec())).collect()
}

fn reason(error: &Error) -> &'static str {
    match error {
        Error::MacError(_) | Error::Pkcs5Error(_) | Error::UnpadError => {
            "the password is wrong, or the file is damaged"
        }
        Error::UnsupportedEncryptionScheme | Error::UnsupportedMacAlgorithm => {
            "it is encrypted in a way that is not known here"
        }
        Error::InvalidParameters => "its password would have to be tried for too long",
        _ => "it is neither PEM nor PKCS#12 in DER",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What OpenSSL wrote, the password `opensesame`: a certificate, and its key as it is, with PBES2, with
    /// scrypt, with triple DES, and with a million and one iterations.
    const FILES: &str = include_str!("identity/openssl.pem");

    /// the file of the key, the password => why it cannot be used
    #[test]
    fn keys_that_are_encrypted() {
        let folder = tempfile::tempdir().unwrap();
        for part in FILES.split("\n\n") {
            let (name, pem) = part.split_once('\n').unwrap();
            std::fs::write(folder.path().join(name), pem).unwrap();
        }
        let provider = rustls::crypto::aws_lc_rs::default_provider();
        for (name, password, expected) in [
            ("plain", None, None),
            ("plain", Some("opensesame"), None),
            ("aes", Some("opensesame"), None),
            ("scrypt", Some("opensesame"), None),
            ("des", Some("opensesame"), None),
            ("aes", None, Some("wants a password")),
            ("aes", Some(""), Some("the password is wrong")),
            ("aes", Some("sesame"), Some("the password is wrong")),
            ("des", Some("sesame"), Some("the password is wrong")),
            ("long", Some("opensesame"), Some("tried for too long")),
            ("certificate", Some("opensesame"), Some("it has no private key")),
        ] {
            let mut own = ClientCertificate::new(folder.path().join("certificate"));
            own.key = Some(folder.path().join(name));
            own.password = password.map(Secret::new);
            let why = load(&own, &provider).err().map(|failure| failure.error.detail.unwrap());
            match (why, expected) {
                (None, None) => {}
                (Some(why), Some(expected)) => {
                    assert!(why.contains(expected), "{name} {password:?}: {why}");
                    assert!(!why.contains("sesame"), "{why}");
                }
                (why, expected) => panic!("{name} {password:?}: {why:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn lengths_of_der() {
        for (length, expected) in [
            (0, &[4, 0][..]),
            (127, &[4, 127]),
            (128, &[4, 0x81, 128]),
            (256, &[4, 0x82, 1, 0]),
            (65_536, &[4, 0x83, 1, 0, 0]),
        ] {
            assert!(tagged(4, &vec![0; length]).starts_with(expected), "{length}");
        }
    }
}
