//! Throwaway certificates of clients in PKCS#12.

use anyhow::{Context as _, Result};
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use std::path::Path;

/// Few, because tests are built without optimization.
const ITERATIONS: u32 = 100;

/// How a file of PKCS#12 is written, and what is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pkcs12 {
    /// As OpenSSL 3 does: AES-256 and SHA-256.
    Modern,
    /// As programs did for long: triple DES and SHA-1.
    Legacy,
    /// Certificates only.
    NoKey,
    /// The key and its authority, without the certificate between.
    NoCertificate,
}

/// Makes the file's bytes.
pub(super) fn write(kind: Pkcs12, own: &Path, authority: &Path, password: &str) -> Result<Vec<u8>> {
    let key = PrivateKeyDer::from_pem_file(own)?;
    let key = PrivateKey::from_der(key.secret_der())?;
    let certificate =
        |path| anyhow::Ok(Certificate::from_der(&CertificateDer::from_pem_file(path)?)?);
    let (own, authority) = (certificate(own)?, certificate(authority)?);
    let mut store = KeyStore::new();
    let chain = match kind {
        Pkcs12::NoCertificate => vec![authority],
        _ => vec![own.clone(), authority],
    };
    let entry = match kind {
        Pkcs12::NoKey => KeyStoreEntry::Certificate(own),
        _ => KeyStoreEntry::PrivateKeyChain(PrivateKeyChain::new("1", key, chain)),
    };
    store.add_entry("client", entry);
    let mut writer =
        store.writer(password).encryption_iterations(ITERATIONS).mac_iterations(ITERATIONS);
    if kind == Pkcs12::Legacy {
        writer = writer
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)
            .mac_algorithm(MacAlgorithm::HmacSha1);
    }
    writer.write().context("the crate writes what it reads")
}
