//! Credentials and questions about them, on their way from and to JavaScript.

use crate::task::{illegal, no_such};
use napi_derive::napi;
use serde::Serialize;
use std::path::PathBuf;
use urlsession::{
    AuthChallengeDisposition, AuthenticationMethod, ClientCertificate, CredentialPersistence,
    Error, Seal, Secret,
};

/// A name and a password, in answer to servers that ask for them.
#[napi(object, object_to_js = false)]
#[derive(Clone)]
pub struct Credential {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
    /// For how long it is kept for other tasks, once a server let it in: `none` by default.
    #[napi(ts_type = "'none' | 'forSession' | 'permanent'")]
    pub persistence: Option<String>,
}

impl TryFrom<Credential> for urlsession::Credential {
    type Error = Error;

    fn try_from(credential: Credential) -> Result<Self, Error> {
        let persistence = match credential.persistence.as_deref() {
            None | Some("none") => CredentialPersistence::None,
            Some("forSession") => CredentialPersistence::ForSession,
            Some("permanent") => CredentialPersistence::Permanent,
            Some(other) => {
                return Err(no_such("persistence", other, "none, forSession or permanent"));
            }
        };
        Ok(Self::new(credential.user, credential.password).kept(persistence))
    }
}

/// A part of a server that credentials belong to.
#[napi(object)]
#[derive(Serialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct ProtectionSpace {
    /// `http` or `https`.
    #[napi(ts_type = "'http' | 'https'")]
    pub protocol: String,
    /// The host.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The name that the server gives it; absent for all of the server.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub realm: Option<String>,
    /// How the server asks; `default` is in any way.
    #[napi(
        ts_type = "'default' | 'httpBasic' | 'httpDigest' | 'clientCertificate' | 'serverTrust'"
    )]
    pub authentication_method: String,
    /// Whether it is a proxy that asks.
    pub is_proxy: bool,
}

impl From<&urlsession::ProtectionSpace> for ProtectionSpace {
    fn from(space: &urlsession::ProtectionSpace) -> Self {
        let method = match space.authentication_method {
            AuthenticationMethod::Default => "default",
            AuthenticationMethod::HttpBasic => "httpBasic",
            AuthenticationMethod::HttpDigest => "httpDigest",
            AuthenticationMethod::ClientCertificate => "clientCertificate",
            AuthenticationMethod::ServerTrust => "serverTrust",
        };
        Self {
            protocol: space.protocol.clone(),
            host: space.host.clone(),
            port: space.port,
            realm: space.realm.clone(),
            authentication_method: method.to_owned(),
            is_proxy: space.is_proxy,
        }
    }
}

impl From<ProtectionSpace> for urlsession::ProtectionSpace {
    fn from(space: ProtectionSpace) -> Self {
        Self {
            protocol: space.protocol,
            host: space.host,
            port: space.port,
            realm: space.realm,
            authentication_method: match space.authentication_method.as_str() {
                "httpBasic" => AuthenticationMethod::HttpBasic,
                "httpDigest" => AuthenticationMethod::HttpDigest,
                "clientCertificate" => AuthenticationMethod::ClientCertificate,
                "serverTrust" => AuthenticationMethod::ServerTrust,
                _ => AuthenticationMethod::Default,
            },
            is_proxy: space.is_proxy,
        }
    }
}

/// What a server asks.
#[napi(object)]
#[derive(Serialize, Clone)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticationChallenge {
    /// Tells it from the task's other questions.
    pub question: u32,
    /// Who asks, and how.
    pub protection_space: ProtectionSpace,
    /// How often the task was refused there with a credential.
    pub previous_failure_count: u32,
    /// Whose password was refused last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proposed_user: Option<String>,
    /// The certificates that the server shows, its own first, in DER and Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub server_trust: Option<Vec<String>>,
    /// What is wrong with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Until when an answer is waited for, in milliseconds since 1970.
    pub until: f64,
}

impl From<&urlsession::AuthenticationChallenge> for AuthenticationChallenge {
    fn from(challenge: &urlsession::AuthenticationChallenge) -> Self {
        Self {
            question: challenge.question,
            protection_space: (&challenge.protection_space).into(),
            previous_failure_count: challenge.previous_failure_count,
            proposed_user: challenge.proposed_user.as_ref().map(|user| user.expose().to_owned()),
            server_trust: (!challenge.server_trust.is_empty())
                .then(|| challenge.server_trust.iter().cloned().map(String::from).collect()),
            reason: challenge.reason.clone(),
            until: challenge.until.0 as f64,
        }
    }
}

impl From<AuthenticationChallenge> for urlsession::AuthenticationChallenge {
    fn from(challenge: AuthenticationChallenge) -> Self {
        // An answer names the question, and nothing else of it.
        Self { question: challenge.question, ..Self::new(challenge.protection_space.into()) }
    }
}

/// What the app answers.
#[napi(object, object_to_js = false)]
pub struct ChallengeAnswer {
    /// What to do.
    #[napi(
        ts_type = "'useCredential' | 'performDefaultHandling' | 'cancelAuthenticationChallenge' | 'rejectProtectionSpace' | 'useServerTrust' | 'useClientCertificate'"
    )]
    pub disposition: String,
    /// `useCredential`: which.
    pub credential: Option<Credential>,
    /// `useClientCertificate`: the file of our certificate in PEM, or in PKCS#12 with its key.
    pub client_certificate: Option<String>,
    /// The file of its key in PEM, if it is another.
    pub client_key: Option<String>,
    /// What opens a file of PKCS#12, or an encrypted key.
    pub client_certificate_password: Option<String>,
}

impl TryFrom<ChallengeAnswer> for AuthChallengeDisposition {
    type Error = Error;

    fn try_from(answer: ChallengeAnswer) -> Result<Self, Error> {
        match (answer.disposition.as_str(), answer.credential) {
            ("useCredential", Some(credential)) => {
                Ok(Self::UseCredential { credential: credential.try_into()? })
            }
            ("useServerTrust", _) => Ok(Self::UseServerTrust),
            ("useClientCertificate", _) => {
                let certificate = answer.client_certificate.unwrap_or_default().into();
                let key = answer.client_key.map(PathBuf::from);
                let password = answer.client_certificate_password.map(Secret::new);
                let certificate = ClientCertificate { certificate, key, password };
                Ok(Self::UseClientCertificate { certificate })
            }
            ("performDefaultHandling", _) => Ok(Self::PerformDefaultHandling),
            ("cancelAuthenticationChallenge", _) => Ok(Self::CancelAuthenticationChallenge),
            ("rejectProtectionSpace", _) => Ok(Self::RejectProtectionSpace),
            ("useCredential", None) => Err(illegal("a credential is missing".to_owned())),
            (other, _) => Err(no_such(
                "disposition",
                other,
                "useCredential, useServerTrust, useClientCertificate, performDefaultHandling, \
                 cancelAuthenticationChallenge or rejectProtectionSpace",
            )),
        }
    }
}

/// A credential that is kept, without its password.
#[napi(object, object_from_js = false)]
pub struct StoredCredential {
    /// Where it is good.
    pub protection_space: ProtectionSpace,
    /// The name.
    pub user: String,
    /// For how long it is kept.
    #[napi(ts_type = "'forSession' | 'permanent'")]
    pub persistence: String,
    /// Whether its password is sealed with a key of the system's keychain, and whether that is there.
    #[napi(ts_type = "'none' | 'open' | 'locked'")]
    pub seal: String,
}

impl From<urlsession::StoredCredential> for StoredCredential {
    fn from(stored: urlsession::StoredCredential) -> Self {
        let persistence = match stored.persistence {
            CredentialPersistence::Permanent => "permanent",
            CredentialPersistence::ForSession | CredentialPersistence::None => "forSession",
        };
        Self {
            protection_space: (&stored.protection_space).into(),
            user: stored.user.expose().to_owned(),
            persistence: persistence.to_owned(),
            seal: match stored.seal {
                Seal::None => "none",
                Seal::Open => "open",
                Seal::Locked => "locked",
            }
            .to_owned(),
        }
    }
}

/// Returns the part of the server of a URL that has that name.
pub(crate) fn space(
    url: &str,
    realm: Option<String>,
) -> Result<urlsession::ProtectionSpace, Error> {
    Ok(urlsession::ProtectionSpace { realm, ..urlsession::ProtectionSpace::of_url(url)? })
}
