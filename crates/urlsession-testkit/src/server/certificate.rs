//! Throwaway certificates, good and bad, made for one server each.

use anyhow::{Context as _, Result};
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType, date_time_ymd,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::version::{TLS12, TLS13};
use rustls::{ALL_VERSIONS, RootCertStore, ServerConfig};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;

/// What is wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certificate {
    /// Nothing, for who trusts its authority: it is for `localhost` and `127.0.0.1`.
    Valid,
    /// The same, and the server shows the certificate of its authority too.
    WithRoot,
    /// It expired in the year 2001.
    Expired,
    /// It will be valid from the year 2200.
    NotYetValid,
    /// It is for `elsewhere.test`.
    WrongName,
    /// It is for these names and for nothing else, all of them written as names of hosts.
    Named(&'static [&'static str]),
    /// No authority signed it.
    SelfSigned,
    /// No authority signed it, and it says that it is one itself.
    OwnAuthority,
    /// The same, and it expired in the year 2001.
    ExpiredAuthority,
}

/// What a server demands of clients. The default is nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Demands {
    /// No other version than TLS 1.2.
    pub tls12: bool,
    /// No other version than TLS 1.3.
    pub tls13: bool,
    /// A certificate of the server's own authority.
    pub certificate: bool,
}

/// A server's TLS configuration and the authority to trust, in PEM.
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    pub(crate) authority: String,
    /// A certificate and key for clients, in PEM: of the authority, and of nobody.
    pub(crate) client: String,
    pub(crate) stranger: String,
    /// The server's certificate and key, in PEM.
    pub(crate) server: String,
    pub(crate) public_key_sha256: [u8; 32],
}

impl Identity {
    /// Makes keys and certificates; `protocols` are offered by ALPN.
    pub(crate) fn new(kind: Certificate, protocols: &[&[u8]]) -> Result<Self> {
        Self::demanding(kind, protocols, Demands::default())
    }

    /// As [`new`](Self::new), for a server that demands something of clients.
    pub(crate) fn demanding(
        kind: Certificate,
        protocols: &[&[u8]],
        demands: Demands,
    ) -> Result<Self> {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, "testkit authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;

        let params = server_params(kind)?;
        let key = KeyPair::generate()?;
        let leaf = match kind {
            Certificate::SelfSigned | Certificate::OwnAuthority | Certificate::ExpiredAuthority => {
                params.self_signed(&key)?
            }
            _ => params.signed_by(&key, &authority)?,
        };
        let server = leaf.pem() + &key.serialize_pem();
        let public_key_sha256 = Sha256::digest(key.subject_public_key_info()).into();
        let mut chain = vec![CertificateDer::from(leaf.der().to_vec())];
        if kind == Certificate::WithRoot {
            chain.push(CertificateDer::from(authority.der().to_vec()));
        }
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(default_provider());
        let versions: &[_] = match demands {
            Demands { tls12: true, .. } => &[&TLS12],
            Demands { tls13: true, .. } => &[&TLS13],
            _ => ALL_VERSIONS,
        };
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(versions)?;
        let builder = if demands.certificate {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from(authority.der().to_vec()))?;
            let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(judge.build()?)
        } else {
            builder.with_no_client_auth()
        };
        let mut config =
            builder.with_single_cert(chain, key).context("rustls refuses the certificate")?;
        config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
        let (client, stranger) = clients(&authority)?;
        let config = Arc::new(config);
        let authority = authority.pem();
        Ok(Self { config, authority, client, stranger, server, public_key_sha256 })
    }
}

fn server_params(kind: Certificate) -> Result<CertificateParams> {
    let names = match kind {
        Certificate::WrongName => vec!["elsewhere.test".to_owned()],
        _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned()],
    };
    let mut params = CertificateParams::new(names)?;
    params.distinguished_name.push(DnType::CommonName, "testkit server");
    if let Certificate::Named(names) = kind {
        let names = names.iter().map(|name| Ok(SanType::DnsName((*name).try_into()?)));
        params.subject_alt_names = names.collect::<Result<_>>()?;
    }
    if matches!(kind, Certificate::OwnAuthority | Certificate::ExpiredAuthority) {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    }
    match kind {
        Certificate::Expired | Certificate::ExpiredAuthority => {
            params.not_before = date_time_ymd(2000, 1, 1);
            params.not_after = date_time_ymd(2001, 1, 1);
        }
        Certificate::NotYetValid => {
            params.not_before = date_time_ymd(2200, 1, 1);
            params.not_after = date_time_ymd(2201, 1, 1);
        }
        _ => {}
    }
    Ok(params)
}

fn clients(authority: &CertifiedIssuer<'_, KeyPair>) -> Result<(String, String)> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "testkit client");
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let key = KeyPair::generate()?;
    let pem = |certificate: rcgen::Certificate| certificate.pem() + &key.serialize_pem();
    let known = pem(params.signed_by(&key, authority)?);
    Ok((known, pem(params.self_signed(&key)?)))
}
