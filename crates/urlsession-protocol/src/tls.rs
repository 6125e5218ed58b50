//! What a connection must prove before it carries a request: Apple's `TLSMinimum…` and its kin.

use crate::{Error, ErrorCode, Secret};
use base64::Engine as _;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;

/// Most pinned keys of one task.
pub const PINS_LIMIT: usize = 100;
/// Longest password of a client certificate, in bytes.
pub const PASSWORD_LENGTH_LIMIT: usize = 1024;

/// A version of TLS; older ones are not spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TlsVersion {
    /// TLS 1.2 (RFC 5246).
    #[serde(rename = "1.2")]
    Tls12,
    /// TLS 1.3 (RFC 8446).
    #[serde(rename = "1.3")]
    Tls13,
}

/// What TLS connections must be like. The default is TLS 1.2 or 1.3, judged by the platform.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TlsPolicy {
    /// The oldest version: Apple's `tlsMinimumSupportedProtocolVersion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_version: Option<TlsVersion>,
    /// The newest version: Apple's `tlsMaximumSupportedProtocolVersion`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maximum_version: Option<TlsVersion>,
    /// Who we are to the host that a task asks, if it asks for a certificate. A redirect to another one
    /// does not take it there, unless the task trusts redirects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_certificate: Option<ClientCertificate>,
    /// The server's key must be one of these, beside everything else; empty allows any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub pinned_public_keys: Vec<PublicKeyPin>,
    /// Takes every certificate, whoever made it and for whom: anybody on the way can then read
    /// and change what is moved. Each such connection is a warning in the log.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub allow_any_certificate: bool,
    /// Refuses `http`, also where a redirect leads there, with -1022.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub https_only: bool,
}

impl TlsPolicy {
    /// Says whether nothing is asked for.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Adds what the session asks for: the stricter version, and the task's own where both say
    /// something.
    pub fn merge(&mut self, session: &Self) {
        self.minimum_version = self.minimum_version.max(session.minimum_version);
        self.maximum_version = match (self.maximum_version, session.maximum_version) {
            (Some(own), Some(session)) => Some(own.min(session)),
            (own, session) => own.or(session),
        };
        if self.client_certificate.is_none() {
            self.client_certificate.clone_from(&session.client_certificate);
        }
        if self.pinned_public_keys.is_empty() {
            self.pinned_public_keys.clone_from(&session.pinned_public_keys);
        }
        self.allow_any_certificate |= session.allow_any_certificate;
        self.https_only |= session.https_only;
    }

    /// Checks every part.
    ///
    /// # Errors
    /// -1200 with a sentence that names the part.
    pub fn check(&self) -> Result<(), Error> {
        let refusal =
            |why: String| Err(Error::new(ErrorCode::SECURE_CONNECTION_FAILED).because(why));
        if let (Some(minimum), Some(maximum)) = (self.minimum_version, self.maximum_version)
            && minimum > maximum
        {
            return refusal(
                "no version of TLS is allowed: the minimum is above the maximum".into(),
            );
        }
        if self.pinned_public_keys.len() > PINS_LIMIT {
            return refusal(format!("at most {PINS_LIMIT} keys can be pinned"));
        }
        self.client_certificate.as_ref().map_or(Ok(()), ClientCertificate::check)
    }
}

/// A certificate of ours and its key: in PEM, or both in one file of PKCS#12.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ClientCertificate {
    /// Absolute path of the certificate and those that lead to its authority, ours first.
    pub certificate: PathBuf,
    /// Absolute path of the private key; `None` finds it in the file of the certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<PathBuf>,
    /// What opens a file of PKCS#12, where `None` is the empty password, or an encrypted private key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<Secret>,
}

impl ClientCertificate {
    /// Takes certificate and key from one file.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { certificate: path.into(), key: None, password: None }
    }

    /// Takes the key from a file of its own.
    #[must_use]
    pub fn key(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = Some(path.into());
        self
    }

    /// Opens the file, which is one of PKCS#12 or has an encrypted key.
    #[must_use]
    pub fn password(mut self, password: impl Into<String>) -> Self {
        self.password = Some(Secret::new(password));
        self
    }

    /// Checks every part.
    ///
    /// # Errors
    /// -1200 with a sentence that names the part.
    pub fn check(&self) -> Result<(), Error> {
        let refusal =
            |why: String| Err(Error::new(ErrorCode::SECURE_CONNECTION_FAILED).because(why));
        if let Some(path) = self.paths().find(|path| !path.is_absolute()) {
            return refusal(format!("the path {} is not absolute", path.display()));
        }
        let password = self.password.as_ref().map_or(0, |password| password.expose().len());
        if password > PASSWORD_LENGTH_LIMIT {
            return refusal(format!(
                "the password of a certificate has at most {PASSWORD_LENGTH_LIMIT} bytes"
            ));
        }
        Ok(())
    }

    /// Returns its files.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        std::iter::once(&self.certificate).chain(&self.key)
    }
}

/// A certificate in DER; Base64 on the wire.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Certificate(Vec<u8>);

impl Certificate {
    /// Wraps the bytes, whatever they are.
    pub fn new(der: impl Into<Vec<u8>>) -> Self {
        Self(der.into())
    }

    /// Returns the bytes.
    #[must_use]
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({} bytes)", self.0.len())
    }
}

impl TryFrom<String> for Certificate {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        let decoded = base64::engine::general_purpose::STANDARD.decode(text);
        decoded.map(Self).map_err(|error| {
            Error::new(ErrorCode::SECURE_CONNECTION_FAILED)
                .because(format!("a certificate: {error}"))
        })
    }
}

impl From<Certificate> for String {
    fn from(certificate: Certificate) -> Self {
        base64::engine::general_purpose::STANDARD.encode(certificate.0)
    }
}

/// The SHA-256 digest of a public key (RFC 7469), written `sha256//BASE64` as curl does.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PublicKeyPin([u8; 32]);

impl PublicKeyPin {
    /// Wraps the digest of a `SubjectPublicKeyInfo`.
    #[must_use]
    pub fn new(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// Reads `sha256//BASE64`.
    ///
    /// # Errors
    /// -1200 for any other text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let encoded = text.trim().strip_prefix("sha256//").unwrap_or_default();
        let decoded = base64::engine::general_purpose::STANDARD.decode(encoded).ok();
        decoded.and_then(|bytes| bytes.try_into().ok()).map(Self).ok_or_else(|| {
            Error::new(ErrorCode::SECURE_CONNECTION_FAILED)
                .because("a pinned key is ‘sha256//’ and the Base64 of its SHA-256 digest")
        })
    }

    /// Reads pins between semicolons, as curl's `--pinnedpubkey` has them.
    ///
    /// # Errors
    /// As [`parse`](Self::parse).
    pub fn parse_list(text: &str) -> Result<Vec<Self>, Error> {
        text.split(';').filter(|one| !one.trim().is_empty()).map(Self::parse).collect()
    }
}

impl fmt::Display for PublicKeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha256//{}", base64::engine::general_purpose::STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKeyPin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl TryFrom<String> for PublicKeyPin {
    type Error = Error;

    fn try_from(text: String) -> Result<Self, Error> {
        Self::parse(&text)
    }
}

impl From<PublicKeyPin> for String {
    fn from(pin: PublicKeyPin) -> Self {
        pin.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pins_are_read_and_written() {
        let pin = PublicKeyPin::new([7; 32]);
        let list = format!("{pin}; {pin};");
        assert_eq!(PublicKeyPin::parse_list(&list).unwrap(), [pin, pin]);
        for bad in ["sha256//", "sha256//AAAA", "sha1//AAAA", "AAAA", "sha256//*"] {
            assert!(PublicKeyPin::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn the_stricter_version_counts() {
        use TlsVersion::{Tls12, Tls13};
        let policy = |minimum_version, maximum_version| TlsPolicy {
            minimum_version,
            maximum_version,
            ..TlsPolicy::default()
        };
        for (own, session, merged) in [
            ((None, None), (None, None), (None, None)),
            ((None, None), (Some(Tls13), Some(Tls13)), (Some(Tls13), Some(Tls13))),
            ((Some(Tls12), Some(Tls13)), (Some(Tls13), Some(Tls12)), (Some(Tls13), Some(Tls12))),
            ((Some(Tls13), Some(Tls13)), (None, None), (Some(Tls13), Some(Tls13))),
        ] {
            let mut got = policy(own.0, own.1);
            got.merge(&policy(session.0, session.1));
            assert_eq!(got, policy(merged.0, merged.1));
        }
        assert!(policy(Some(Tls13), Some(Tls12)).check().is_err());
    }
}
