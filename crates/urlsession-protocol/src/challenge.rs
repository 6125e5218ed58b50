//! What a server or a proxy wants to know of an app before it lets a task in, what the app wants to know
//! of a server, and what it answers.

use crate::{Certificate, ClientCertificate, Credential, Error, ErrorCode, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest name that a server may give to a part of itself, in bytes; a challenge with a longer one
/// asks nobody.
pub const REALM_LIMIT: usize = 1024;

/// A part of a server that credentials belong to: Apple's `URLProtectionSpace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ProtectionSpace {
    /// `http` or `https`.
    pub protocol: String,
    /// The host, in lower case.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name that the server gives it; `None` is all of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// How it asks.
    pub authentication_method: AuthenticationMethod,
    /// Whether it is a proxy that asks.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_proxy: bool,
}

/// How a credential is shown, weakest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum AuthenticationMethod {
    /// In whichever way the server asks for: Apple's `NSURLAuthenticationMethodDefault`.
    #[default]
    Default,
    /// With Basic (RFC 7617), which says the password.
    HttpBasic,
    /// With Digest (RFC 7616), which proves it.
    HttpDigest,
    /// With a certificate of ours, in TLS.
    ClientCertificate,
    /// It is the server that shows its certificate, which the platform does not trust.
    ServerTrust,
}

impl AuthenticationMethod {
    /// Says whether it is a matter of TLS and not of HTTP.
    #[must_use]
    pub fn is_of_tls(self) -> bool {
        matches!(self, Self::ClientCertificate | Self::ServerTrust)
    }
}

impl ProtectionSpace {
    /// Makes the space of all that the server of a URL has.
    ///
    /// # Errors
    /// -1000 for text that is no URL or has no host, -1002 for a scheme other than http and https.
    pub fn of_url(url: &str) -> Result<Self, Error> {
        let url = crate::request::parse(url)?;
        Ok(Self {
            protocol: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            realm: None,
            authentication_method: AuthenticationMethod::Default,
            is_proxy: false,
        })
    }

    /// Checks that it is one that a server can have.
    ///
    /// # Errors
    /// -1 with a sentence that says what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let wrong = |why: &str| Err(Error::new(ErrorCode::UNKNOWN).because(why));
        if self.realm.as_ref().is_some_and(|realm| realm.len() > REALM_LIMIT) {
            return wrong("the realm is too long");
        }
        let is_same = Self::of_url(&format!("{}://{}:{}/", self.protocol, self.host, self.port))
            .is_ok_and(|space| space.is_of_same_server(&Self { is_proxy: false, ..self.clone() }));
        if is_same { Ok(()) } else { wrong("there can be no such server") }
    }

    /// Says whether both are parts of the same server, or one of them all of it.
    #[must_use]
    pub fn is_of_same_server(&self, other: &Self) -> bool {
        (&self.protocol, &self.host, self.port, self.is_proxy)
            == (&other.protocol, &other.host, other.port, other.is_proxy)
    }
}

impl fmt::Display for ProtectionSpace {
    /// Writes it as a person knows it; what the server said is escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { protocol, host, port, realm, is_proxy, .. } = self;
        let who = if *is_proxy { "the proxy " } else { "" };
        match realm {
            Some(realm) => {
                write!(f, "“{}” at {who}{protocol}://{host}:{port}", realm.escape_debug())
            }
            None => write!(f, "{who}{protocol}://{host}:{port}"),
        }
    }
}

/// What a server asks: Apple's `URLAuthenticationChallenge`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationChallenge {
    /// Tells it from the task's earlier and later ones: an answer has it too.
    #[serde(default)]
    pub question: u32,
    /// Who asks, and how.
    pub protection_space: ProtectionSpace,
    /// How often the task was refused there with a credential.
    #[serde(default)]
    pub previous_failure_count: u32,
    /// Whose password was refused last, or is at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposed_user: Option<Secret>,
    /// The certificates that the server shows, its own first, where the question is whether it is
    /// trusted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_trust: Vec<Certificate>,
    /// What is wrong with them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when an answer is waited for; then it is
    /// [`PerformDefaultHandling`](AuthChallengeDisposition::PerformDefaultHandling).
    #[serde(default)]
    pub until: Timestamp,
}

impl AuthenticationChallenge {
    /// Makes a question that nothing is known of but who asks, and how.
    #[must_use]
    pub fn new(protection_space: ProtectionSpace) -> Self {
        Self {
            question: 0,
            protection_space,
            previous_failure_count: 0,
            proposed_user: None,
            server_trust: Vec::new(),
            reason: None,
            until: Timestamp(0),
        }
    }
}

/// What the app answers: Apple's `URLSession.AuthChallengeDisposition`. One that does not fit the
/// question counts as [`PerformDefaultHandling`](Self::PerformDefaultHandling).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "disposition", rename_all = "snake_case")]
pub enum AuthChallengeDisposition {
    /// Shows this credential there.
    UseCredential {
        /// The credential, kept for others as its persistence says.
        credential: Credential,
    },
    /// Trusts the server as long as it shows this certificate: Apple's `URLCredential(trust:)`.
    UseServerTrust,
    /// Shows this certificate to the server: Apple's `URLCredential(identity:)`.
    UseClientCertificate {
        /// The certificate.
        certificate: ClientCertificate,
    },
    /// Does as if nobody had been asked: the 401 or the 407 is the result, the server is not
    /// trusted.
    #[default]
    PerformDefaultHandling,
    /// Ends the task with -999.
    CancelAuthenticationChallenge,
    /// Leaves this way in; where the server offers another, that is asked about next.
    RejectProtectionSpace,
}
