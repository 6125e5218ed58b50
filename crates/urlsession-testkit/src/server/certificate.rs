//! Throwaway certificates, good and bad, made for one server each.

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use std::sync::Arc;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing, for who trusts its authority: it is for `localhost` and `127.0.0.1`.
    Valid,
    /// It expired in the year 2001.
    Expired,
    /// It will be valid from the year 2200.
    NotYetValid,
    /// It is for `elsewhere.test`.
    WrongName,
    /// No authority signed it.
    SelfSigned,
}

/// A server's TLS configuration and the authority to trust, in PEM.
pub(super) struct Identity {
    pub(super) config: Arc<ServerConfig>,
    pub(super) authority: String,
}

impl Identity {
    /// Makes keys and certificates; `protocols` are offered by ALPN.
    pub(super) fn new(kind: Certificate, protocols: &[&[u8]]) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "testkit authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let names = match kind {
            Certificate::WrongName => vec!["elsewhere.test".to_owned()],
            _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
        };
        let mut params = CertificateParams::new(names)?;
        params.distinguished_name.push(DnType::CommonName, "testkit server");
        match kind {
            Certificate::Expired => {
                params.not_before = date_time_ymd(2000, 1, 1);
                params.not_after = date_time_ymd(2001, 1, 1);
            }
            Certificate::NotYetValid => {
                params.not_before = date_time_ymd(2200, 1, 1);
                params.not_after = date_time_ymd(2201, 1, 1);
            }
            _ => {}
        }
        let key = KeyPair::generate()?;
        let leaf = match kind {
            Certificate::SelfSigned => params.self_signed(&key)?,
            _ => params.signed_by(&key, &authority)?,
        };
        let chain = vec![CertificateDer::from(leaf.der().to_vec())];
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let mut config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()?
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .context("rustls refuses the certificate")?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        Ok(Self { config: Arc::new(config), authority: authority.pem() })
    }
}
