//! Who we are to servers that ask for a certificate: a chain and its key, from PEM or PKCS#12.

use super::errors::Failure;
use p12_keystore::error::Error;
use p12_keystore::{Certificate, Pkcs12Archive};
use rustls::InconsistentKeys;
use rustls::crypto::CryptoProvider;
use rustls::sign::CertifiedKey;
use rustls_pki_types::pem::{self, PemObject as _};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::path::Path;
use urlsession_protocol::{ClientCertificate, ErrorCode, Secret};

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
    let key = PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        pem::Error::NoItemsFound => {
            unusable(path, &"it has no private key that is readable without a password")
        }
        error => unusable(path, &error),
    })?;
    fits(&chain, &key, provider).map_err(|why| unusable(path, &why))?;
    Ok((chain, key))
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
