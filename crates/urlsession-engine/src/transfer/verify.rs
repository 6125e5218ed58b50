//! Who is taken for the server: the platform's judgement, then the keys that the app pinned.

use super::errors::{self, Failure};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use rustls_platform_verifier::Verifier;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::sync::Arc;
use urlsession_protocol::{PublicKeyPin, TlsPolicy};

/// Judges the certificates of servers.
#[derive(Debug)]
pub(super) struct Judge {
    /// `None` takes every certificate.
    platform: Option<Verifier>,
    pins: Vec<PublicKeyPin>,
    provider: Arc<CryptoProvider>,
}

impl Judge {
    /// Trusts the platform's roots and these.
    pub(super) fn new(
        roots: Vec<CertificateDer<'static>>,
        policy: &TlsPolicy,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, Failure> {
        let platform = if policy.allow_any_certificate {
            None
        } else {
            let verifier = Verifier::new_with_extra_roots(roots, Arc::clone(provider));
            Some(verifier.map_err(|error| errors::tls(&error))?)
        };
        let pins = policy.pinned_public_keys.clone();
        Ok(Self { platform, pins, provider: Arc::clone(provider) })
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

impl ServerCertVerifier for Judge {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if let Some(platform) = &self.platform {
            platform.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            )?;
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
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// The server has another key than those that the app knows.
#[derive(Debug)]
pub(super) struct NotPinned(PublicKeyPin);

impl fmt::Display for NotPinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server’s public key {} is none of the pinned ones", self.0)
    }
}

impl std::error::Error for NotPinned {}
