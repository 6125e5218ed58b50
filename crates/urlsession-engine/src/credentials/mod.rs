//! Credentials: reads what servers ask for and answers it, as a pure policy; whoever sends the
//! request brings randomness and bytes.
//!
//! ```text
//!   WWW-Authenticate ──> challenge::parse ──> Way::strongest ──> Authorization
//!                                                  │
//!                        Memory: what worked for an origin and a credential, nonce counts included
//! ```

mod basic;
mod challenge;
mod digest;
mod memory;

use challenge::Challenge;
pub(crate) use challenge::parse;
pub(crate) use memory::{Memory, Seeker};

use digest::{Digest, Hash};
use url::Url;
use urlsession_protocol::{Credential, Proxy, ProxyScheme};

/// A part of a server that credentials belong to: Apple's `URLProtectionSpace`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ProtectionSpace {
    /// `http` or `https`.
    pub(crate) scheme: String,
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The name that the server gives it; `None` is all of the server.
    pub(crate) realm: Option<String>,
    pub(crate) method: Option<AuthenticationMethod>,
    /// Whether it is a proxy that asks.
    pub(crate) is_proxy: bool,
}

/// How a credential is shown, weakest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum AuthenticationMethod {
    HttpBasic,
    HttpDigest,
}

impl ProtectionSpace {
    /// Makes the space of all that a server has.
    pub(crate) fn of_origin(url: &Url) -> Self {
        Self {
            scheme: url.scheme().to_owned(),
            host: url.host_str().unwrap_or_default().to_owned(),
            port: url.port_or_known_default().unwrap_or_default(),
            realm: None,
            method: None,
            is_proxy: false,
        }
    }

    /// Makes the space of a proxy.
    pub(crate) fn of_proxy(proxy: &Proxy) -> Self {
        let scheme = match proxy.scheme {
            ProxyScheme::Http => "http",
            ProxyScheme::Https => "https",
            ProxyScheme::Socks5 | ProxyScheme::Socks5h => "socks",
        };
        Self {
            scheme: scheme.to_owned(),
            host: proxy.host.clone(),
            port: proxy.port,
            realm: None,
            method: None,
            is_proxy: true,
        }
    }
}

/// A challenge that can be answered with a name and a password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Way {
    Basic,
    Digest(Box<Digest>),
}

impl Way {
    /// Takes the strongest of the ways in that can be gone: a server that offers the password's
    /// proof gets no password. Of equals the first.
    pub(crate) fn strongest(challenges: &[Challenge], cnonce: &str) -> Option<Self> {
        let mut best: Option<Self> = None;
        for challenge in challenges {
            let way = match challenge.scheme.as_str() {
                "basic" => Some(Self::Basic),
                _ => Digest::new(challenge, cnonce).map(|digest| Self::Digest(Box::new(digest))),
            };
            if let Some(way) = way
                && best.as_ref().is_none_or(|best| best.strength() < way.strength())
            {
                best = Some(way);
            }
        }
        best
    }

    pub(crate) fn method(&self) -> AuthenticationMethod {
        match self {
            Self::Basic => AuthenticationMethod::HttpBasic,
            Self::Digest(_) => AuthenticationMethod::HttpDigest,
        }
    }

    fn strength(&self) -> (AuthenticationMethod, Option<Hash>) {
        let hash = match self {
            Self::Basic => None,
            Self::Digest(digest) => Some(digest.hash),
        };
        (self.method(), hash)
    }

    fn authorization(
        &mut self,
        credential: &Credential,
        method: &str,
        target: &str,
    ) -> Option<String> {
        match self {
            Self::Basic => basic::authorization(credential),
            Self::Digest(digest) => digest.authorization(credential, method, target),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_strongest_way_is_taken() {
        for (field, expected) in [
            ("Basic realm=b", "Basic"),
            ("Basic realm=b, Digest realm=d, nonce=n", "Md5"),
            ("Digest realm=d, nonce=n, Basic realm=b", "Md5"),
            (
                "Digest realm=d, nonce=n, algorithm=MD5, Digest realm=d, nonce=n, \
                 algorithm=SHA-512-256, Digest realm=d, nonce=n, algorithm=SHA-256",
                "Sha512_256",
            ),
            ("Digest realm=d, nonce=n, algorithm=SHA-9, Basic realm=b", "Basic"),
            ("Negotiate, Bearer realm=b", "none"),
            ("", "none"),
        ] {
            let got = match Way::strongest(&parse([field.as_bytes()]), "c") {
                None => "none".to_owned(),
                Some(Way::Basic) => "Basic".to_owned(),
                Some(Way::Digest(digest)) => format!("{:?}", digest.hash),
            };
            assert_eq!(got, expected, "{field}");
        }
    }
}
