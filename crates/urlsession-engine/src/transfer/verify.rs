//! Who is taken for the server: the platform's judgement, then the keys that the app pinned.

use super::errors::{self, Failure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{ResolvesClientCert, WebPkiServerVerifier, verify_server_name};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::sign::CertifiedKey;
use rustls::{
    CertificateError, DigitallySignedStruct, Error, OtherError, RootCertStore, SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use sha2::{Digest as _, Sha256};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;
use urlsession_protocol::{Certificate, PublicKeyPin, TlsPolicy};
use webpki::{EndEntityCert, KeyUsage};

tokio::task_local! {
    static SHAKEN: RefCell<Shaken>;
}

/// What a handshake with a server was about, where it failed.
#[derive(Debug, Default)]
pub(super) struct Shaken {
    /// The certificates of a server that the platform does not trust.
    pub(super) refused: Option<Vec<Certificate>>,
    /// Whether all that is wrong with them is that their root is not known.
    pub(super) has_unknown_root: bool,
    /// Whether the server asked for a certificate, and got none.
    pub(super) wants_certificate: bool,
}

/// Shakes hands, and returns what there is to know of it.
pub(super) async fn noting<T>(shake: impl Future<Output = T>) -> (T, Shaken) {
    let noted = async {
        let done = shake.await;
        (done, SHAKEN.with(RefCell::take))
    };
    SHAKEN.scope(RefCell::default(), noted).await
}

/// Judges in a handshake that others drive, and returns what there is to know of it.
#[cfg(feature = "http3")]
pub(super) fn noting_now<T>(judge: impl FnOnce() -> T) -> (T, Shaken) {
    SHAKEN.sync_scope(RefCell::default(), || {
        let done = judge();
        (done, SHAKEN.with(RefCell::take))
    })
}

fn note(change: impl FnOnce(&mut Shaken)) {
    // Nobody wants to know of a handshake with a proxy.
    let _ = SHAKEN.try_with(|shaken| change(&mut shaken.borrow_mut()));
}

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct Judge {
    /// `None` takes every certificate.
    platform: Option<Verifier>,
    /// The roots beside the platform's, among which may be a server's own certificate.
    roots: Vec<CertificateDer<'static>>,
    /// Certificates of servers that the app trusts itself.
    trusted: Vec<Certificate>,
    pins: Vec<PublicKeyPin>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    /// Trusts the platform's roots and these.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        trusted: &[Certificate],
        policy: &TlsPolicy,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Failure> {
        let platform = if policy.allow_any_certificate {
            None
        } else {
            let verifier = Verifier::new_with_extra_roots(roots.clone(), Arc::clone(provider));
            Some(verifier.map_err(|error| errors::tls(&error))?)
        };
        let pins = policy.pinned_public_keys.clone();
        let trusted = trusted.to_vec();
        Ok(Self { platform, roots, trusted, pins, provider: Arc::clone(provider) })
    }

    /// Takes a certificate that is one of the app's own roots for its server, whoever signed it and
    /// whether or not it says that it is an authority, as curl and browsers do. Its dates and its
    /// names count; any other fault has the platform's error.
    fn vouch(
        &self,
        end_entity: &CertificateDer<'_>,
        server_name: &ServerName<'_>,
        now: UnixTime,
        error: Error,
    ) -> Result<ServerCertVerified, Error> {
        if !self.roots.iter().any(|root| **root == **end_entity) {
            return Err(error);
        }
        let Ok(certificate) = EndEntityCert::try_from(end_entity) else { return Err(error) };
        let algorithms = self.provider.signature_verification_algorithms.all;
        let usage = KeyUsage::server_auth();
        let judged =
            certificate.verify_for_usage(algorithms, &[], &[], now, usage, None, None).err();
        // webpki looks at the dates before it says either of these; tests hold it to that.
        if !matches!(judged, Some(webpki::Error::UnknownIssuer | webpki::Error::CaUsedAsEndEntity))
        {
            return Err(error);
        }
        verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
        Ok(ServerCertVerified::assertion())
    }

    /// Says whether the certificates would do if the last of them were a root.
    fn holds_with_its_root(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        now: UnixTime,
    ) -> bool {
        let mut roots = RootCertStore::empty();
        let root = intermediates.last().map(|root| roots.add(root.clone().into_owned()));
        if !matches!(root, Some(Ok(()))) {
            return false;
        }
        let provider = Arc::clone(&self.provider);
        let judge = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build();
        judge.is_ok_and(|judge| {
            judge.verify_server_cert(end_entity, intermediates, server_name, &[], now).is_ok()
        })
    }

    fn check_pins(&self, end_entity: &CertificateDer<'_>) -> Result<(), Error> {
        if self.pins.is_empty() {
            return Ok(());
        }
        let parsed = ParsedCertificate::try_from(end_entity)?;
        let pin = PublicKeyPin::new(Sha256::digest(parsed.subject_public_key_info()).into());
        if self.pins.contains(&pin) {
            return Ok(());
        }
        let error = OtherError(Arc::new(NotPinned(pin)));
        Err(Error::InvalidCertificate(CertificateError::Other(error)))
    }
}

/// Says whether nobody who is trusted signed a certificate. Where a root has the name of who did, the
/// key of that root does not fit.
fn is_of_a_stranger(error: &Error) -> bool {
    use CertificateError::{BadSignature, UnknownIssuer};
    matches!(error, Error::InvalidCertificate(UnknownIssuer | BadSignature))
}

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let is_trusted = self.trusted.iter().any(|trusted| *trusted.der() == **end_entity);
        if let Some(platform) = self.platform.as_ref().filter(|_| !is_trusted) {
            let judged = platform.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            );
            let judged = judged.or_else(|error| self.vouch(end_entity, server_name, now, error));
            if let Err(error) = judged {
                let chain = std::iter::once(end_entity).chain(intermediates);
                let chain = chain.map(|one| Certificate::new(one.to_vec()));
                let is_unknown = is_of_a_stranger(&error)
                    && self.holds_with_its_root(end_entity, intermediates, server_name, now);
                note(|shaken| {
                    shaken.refused = Some(chain.collect());
                    shaken.has_unknown_root = is_unknown;
                });
                return Err(error);
            }
        }
        self.check_pins(end_entity)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        proven(verify_tls12_signature(message, certificate, signature, algorithms))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        proven(verify_tls13_signature(message, certificate, signature, algorithms))
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Has no certificate for servers that ask for one.
#[derive(Debug)]
pub(super) struct Nobody;

impl ResolvesClientCert for Nobody {
    fn resolve(&self, _: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        note(|shaken| shaken.wants_certificate = true);
        None
    }

    fn has_certs(&self) -> bool {
        // Otherwise it is not asked.
        true
    }
}

/// Tells a signature of the server itself from that of who signed its certificate: where it does not
/// hold, no other root would help.
fn proven<T>(checked: Result<T, Error>) -> Result<T, Error> {
    checked.map_err(|error| match error {
        Error::InvalidCertificate(CertificateError::BadSignature) => {
            Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(Unproven))))
        }
        error => error,
    })
}

/// The server could not show that the certificate is its own.
#[derive(Debug)]
struct Unproven;

impl fmt::Display for Unproven {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the key of the certificate is too weak, or it is not the server’s")
    }
}

impl std::error::Error for Unproven {}

/// The server has another key than those that the app knows.
#[derive(Debug)]
pub(super) struct NotPinned(PublicKeyPin);

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server’s public key {} is none of the pinned ones", self.0)
    }
}

impl std::error::Error for NotPinned {}
