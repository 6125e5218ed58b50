//! TLS by rustls and the platform's trust, built when the first `https` URL is met.

use super::blocking;
use super::errors::{self, Failure};
use rustls::ClientConfig;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use urlsession_protocol::ErrorCode;

/// Most configurations kept at once; one more and all are made anew when they are next asked for.
const CONFIGURATION_LIMIT: usize = 16;
/// Largest PEM file of extra roots.
const PEM_LIMIT: u64 = 16 * 1024 * 1024;

/// The configurations made so far, one per set of extra roots.
#[derive(Debug, Default)]
pub(super) struct Tls {
    made: Mutex<Made>,
}

#[derive(Debug, Default)]
struct Made {
    last: u64,
    by_roots: HashMap<Vec<Roots>, Trust>,
}

/// A PEM file as it was when it was read: one that changes is read again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Roots {
    path: PathBuf,
    length: u64,
    modified: Option<SystemTime>,
}

/// A configuration and the number that keeps connections of different trust apart.
#[derive(Debug, Clone)]
pub(super) struct Trust {
    pub(super) number: u64,
    pub(super) configuration: Arc<ClientConfig>,
}

impl Tls {
    /// Returns the configuration that trusts the platform's roots and those of the PEM files.
    pub(super) async fn trust(self: &Arc<Self>, files: &[PathBuf]) -> Result<Trust, Failure> {
        let (tls, files) = (Arc::clone(self), files.to_vec());
        // Reading the platform's roots takes tens of milliseconds.
        blocking(move || tls.make(&files)).await
    }

    fn make(&self, files: &[PathBuf]) -> Result<Trust, Failure> {
        let roots = files.iter().map(|path| Roots::look(path)).collect::<Result<Vec<_>, _>>()?;
        let mut made = self.made.lock().expect("no holder panics");
        if let Some(trust) = made.by_roots.get(&roots) {
            return Ok(trust.clone());
        }
        let configuration = Arc::new(configure(files)?);
        if made.by_roots.len() >= CONFIGURATION_LIMIT {
            made.by_roots.clear();
        }
        made.last += 1;
        let trust = Trust { number: made.last, configuration };
        made.by_roots.insert(roots, trust.clone());
        Ok(trust)
    }
}

impl Roots {
    fn look(path: &Path) -> Result<Self, Failure> {
        let about = std::fs::metadata(path).map_err(|error| unreadable(path, &error))?;
        if !about.is_file() || about.len() > PEM_LIMIT {
            return Err(unreadable(path, &"not a file of certificates"));
        }
        Ok(Self { path: path.into(), length: about.len(), modified: about.modified().ok() })
    }
}

fn configure(files: &[PathBuf]) -> Result<ClientConfig, Failure> {
    let mut extra = Vec::new();
    for path in files {
        let before = extra.len();
        let certificates =
            CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))?;
        for certificate in certificates {
            extra.push(certificate.map_err(|error| unreadable(path, &error))?);
        }
        if extra.len() == before {
            return Err(unreadable(path, &"it has no certificate"));
        }
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier =
        rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(&provider))
            .map_err(|error| errors::tls(&error))?;
    let mut configuration = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| errors::tls(&error))?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    configuration.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(configuration)
}

fn unreadable(path: &Path, why: &dyn std::fmt::Display) -> Failure {
    let path = path.display();
    Failure::permanent(
        ErrorCode::SECURE_CONNECTION_FAILED,
        format!("cannot use the certificate file {path}: {why}"),
    )
}
