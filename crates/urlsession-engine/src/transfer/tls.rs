//! TLS by rustls and the platform's trust, built when the first `https` URL is met.

use super::blocking;
use super::errors::{self, Failure};
use super::identity::{self, Identity};
use super::verify::{Judge, Nobody};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, SupportedProtocolVersion, version};
use rustls_pki_types::CertificateDer;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use urlsession_protocol::{Certificate, ClientCertificate, ErrorCode, TlsPolicy, TlsVersion};

/// Most configurations kept at once; one more and all are made anew when they are next asked for.
const CONFIGURATION_LIMIT: usize = 16;
/// Largest file of extra roots, a certificate or a key.
const FILE_LIMIT: u64 = 16 * 1024 * 1024;

/// The configurations made so far, one per set of terms.
#[derive(Debug, Default)]
pub(super) struct Tls {
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    last: u64,
    by_terms: HashMap<(Terms, Vec<Stamp>), Trust>,
}

/// What a connection must be like.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(super) struct Terms {
    /// PEM files of roots beside the platform's.
    pub(super) roots: Vec<PathBuf>,
    pub(super) policy: TlsPolicy,
    /// Certificates of servers that the app trusts itself.
    pub(super) trusted: Vec<Certificate>,
    /// Whether HTTP/2 may be spoken.
    pub(super) http2: bool,
    /// Whether it is for QUIC, over which nothing but HTTP/3 is spoken.
    pub(super) http3: bool,
}

/// A file as it was when it was read: one that changes is read again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Stamp {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

/// A configuration and the number that keeps connections of different terms apart. It has its own
/// sessions to go on with: one that was begun on other terms is never taken up.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    pub(super) number: u64,
    pub(super) configuration: Arc<ClientConfig>,
    /// Whether nobody judges the server's certificate.
    pub(super) is_blind: bool,
    /// Who judges it.
    #[cfg(feature = "http3")]
    pub(super) judge: Arc<Judge>,
}

impl Tls {
    /// Returns the configuration for these terms.
    pub(super) async fn trust(self: &Arc<Self>, terms: Terms) -> Result<Trust, Failure> {
        let tls = Arc::clone(self);
        // Reading the platform's roots takes tens of milliseconds.
        blocking(move || tls.make(terms)).await
    }

    fn make(&self, terms: Terms) -> Result<Trust, Failure> {
        let own = terms.policy.client_certificate.iter().flat_map(ClientCertificate::paths);
        let own = own.map(|path| Stamp::look(path).map_err(|why| identity::unusable(path, &why)));
        let roots = terms.roots.iter();
        let roots = roots.map(|path| Stamp::look(path).map_err(|why| unreadable(path, &why)));
        let key = (terms.clone(), roots.chain(own).collect::<Result<Vec<_>, _>>()?);
        let mut made = self.made.lock().expect("no holder panics");
        if let Some(trust) = made.by_terms.get(&key) {
            return Ok(trust.clone());
        }
        #[cfg_attr(not(feature = "http3"), expect(unused))]
        let (configuration, judge) = configure(&terms)?;
        let configuration = Arc::new(configuration);
        if made.by_terms.len() >= CONFIGURATION_LIMIT {
            made.by_terms.clear();
        }
        made.last += 1;
        let is_blind = terms.policy.allow_any_certificate;
        let trust = Trust {
            number: made.last,
            configuration,
            is_blind,
            #[cfg(feature = "http3")]
            judge,
        };
        made.by_terms.insert(key, trust.clone());
        Ok(trust)
    }
}

impl Stamp {
    fn look(path: &Path) -> Result<Self, String> {
        let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
        if !about.is_file() || about.len() > FILE_LIMIT {
            return Err("it is no file of certificates".to_owned());
        }
        Ok(Self { path: path.into(), length: about.len(), modified: about.modified().ok() })
    }
}

fn configure(terms: &Terms) -> Result<(ClientConfig, Arc<Judge>), Failure> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let mut extra = Vec::new();
    for path in &terms.roots {
        extra.extend(roots(path)?);
    }
    let judge = Arc::new(Judge::new(extra, &terms.trusted, &terms.policy, &provider)?);
    let own = terms.policy.client_certificate.as_ref();
    let own = own.map(|own| identity::load(own, &provider)).transpose()?;
    let mut configuration = build(provider, &terms.policy, Arc::clone(&judge), own)
        .map_err(|error| errors::tls(&error))?;
    let http2 = terms.http2.then(|| b"h2".to_vec());
    configuration.alpn_protocols = match terms.http3 {
        true => vec![b"h3".to_vec()],
        false => http2.into_iter().chain([b"http/1.1".to_vec()]).collect(),
    };
    Ok((configuration, judge))
}

fn build(
    provider: Arc<CryptoProvider>,
    policy: &TlsPolicy,
    judge: Arc<Judge>,
    own: Option<Identity>,
) -> Result<ClientConfig, rustls::Error> {
    let builder = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions(policy))?
        .dangerous()
        .with_custom_certificate_verifier(judge);
    match own {
        Some((chain, key)) => builder.with_client_auth_cert(chain, key),
        None => Ok(builder.with_client_cert_resolver(Arc::new(Nobody))),
    }
}

fn versions(policy: &TlsPolicy) -> Vec<&'static SupportedProtocolVersion> {
    let is_allowed = |version: TlsVersion| {
        policy.minimum_version.is_none_or(|minimum| version >= minimum)
            && policy.maximum_version.is_none_or(|maximum| version <= maximum)
    };
    [(TlsVersion::Tls13, &version::TLS13), (TlsVersion::Tls12, &version::TLS12)]
        .into_iter()
        .filter(|(version, _)| is_allowed(*version))
        .map(|(_, version)| version)
        .collect()
}

fn roots(path: &Path) -> Result<Vec<CertificateDer<'static>>, Failure> {
    let pem = std::fs::read(path).map_err(|error| unreadable(path, &error))?;
    identity::certificates(&pem).map_err(|why| unreadable(path, &why))
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let path = path.display();
    Failure::permanent(
        ErrorCode::SECURE_CONNECTION_FAILED,
        format!("cannot use the file {path}: {why}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use urlsession_protocol::PublicKeyPin;

    fn terms(number: u8) -> Terms {
        // Without a judge no roots are read.
        let pinned_public_keys = vec![PublicKeyPin::new([number; 32])];
        let policy =
            TlsPolicy { allow_any_certificate: true, pinned_public_keys, ..TlsPolicy::default() };
        Terms { policy, ..Terms::default() }
    }

    #[test]
    fn configurations_are_made_anew_and_never_mistaken() {
        let tls = Tls::default();
        let limit = u8::try_from(CONFIGURATION_LIMIT).unwrap();
        let number = |of: u8| tls.make(terms(of)).unwrap_or_else(|_| panic!("{of}")).number;
        let first: Vec<_> = (0..limit).map(number).collect();
        assert_eq!((0..limit).map(number).collect::<Vec<_>>(), first, "all of them are there");
        let more: Vec<_> = (0..3 * limit).rev().map(number).collect();
        assert!(tls.made.lock().unwrap().by_terms.len() <= CONFIGURATION_LIMIT);
        let all: BTreeSet<_> = first.iter().chain(&more).collect();
        assert_eq!(all.len(), first.len() + more.len(), "no number is given twice");
    }

    /// What is sent before the server has answered may be sent again by somebody else.
    #[test]
    fn nothing_is_sent_early() {
        let tls = Tls::default();
        for http3 in [false, true] {
            let trust = tls.make(Terms { http3, ..terms(1) }).unwrap_or_else(|_| panic!("{http3}"));
            assert!(!trust.configuration.enable_early_data);
        }
    }
}
