//! Credentials: reads what servers ask for and answers it, as a pure policy; whoever sends the
//! request brings randomness and bytes.
//!
//! ```text
//!   WWW-Authenticate ──> challenge::parse ──> Way::strongest ──> Authorization
//!                                                  │
//!                        Memory: what worked for an origin and a credential, nonce counts included
//! ```

mod basic;
mod calls;
mod challenge;
mod digest;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod kept;
mod keychain;
mod memory;

use challenge::{Challenge, parse};
pub(crate) use kept::{CredentialRow, Kept, Keys, Written};
pub(crate) use keychain::Keychain;
pub(crate) use memory::{Memory, Seeker};

use digest::{Digest, Hash};
use url::Url;
use urlsession_protocol::{AuthenticationMethod, Credential, ProtectionSpace, Proxy, ProxyScheme};

/// Reads what a server asks for, as far as it may be answered: in that way, by default in any.
pub(crate) fn offered<'a>(
    fields: impl IntoIterator<Item = &'a [u8]>,
    method: AuthenticationMethod,
) -> Vec<Challenge> {
    let mut challenges = parse(fields);
    challenges.retain(|challenge| match method {
        AuthenticationMethod::HttpBasic => challenge.scheme == "basic",
        AuthenticationMethod::HttpDigest => challenge.scheme == "digest",
        _ => true,
    });
    challenges
}

/// Returns the nonce that a server wants to see in the next request, as `Authentication-Info` says
/// it (RFC 7616 section 3.5).
pub(crate) fn next_nonce<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    // The parameters are those of a challenge without its scheme.
    let mut parameters = fields.into_iter().map(|field| [b"Digest ", field].concat());
    let told = parameters.find_map(|field| {
        let challenges = parse([&field[..]]);
        challenges.first()?.parameter("nextnonce").map(str::to_owned)
    });
    told.filter(|nonce| !nonce.is_empty())
}

/// Returns the space of all that a server has.
pub(crate) fn origin_space(url: &Url) -> ProtectionSpace {
    ProtectionSpace {
        protocol: url.scheme().to_owned(),
        host: url.host_str().unwrap_or_default().to_owned(),
        port: url.port_or_known_default().unwrap_or_default(),
        realm: None,
        authentication_method: AuthenticationMethod::Default,
        is_proxy: false,
    }
}

/// Returns the space of a proxy.
pub(crate) fn proxy_space(proxy: &Proxy) -> ProtectionSpace {
    let protocol = match proxy.scheme {
        ProxyScheme::Http => "http",
        ProxyScheme::Https => "https",
        ProxyScheme::Socks5 | ProxyScheme::Socks5h | ProxyScheme::Socks4 | ProxyScheme::Socks4a => {
            "socks"
        }
    };
    ProtectionSpace {
        protocol: protocol.to_owned(),
        host: proxy.host.clone(),
        port: proxy.port,
        realm: None,
        authentication_method: AuthenticationMethod::Default,
        is_proxy: true,
    }
}

/// Says whether a server sees the same in both, however they came here and wherever they are kept.
pub(crate) fn are_alike(one: &Credential, other: &Credential) -> bool {
    (&one.user, &one.password) == (&other.user, &other.password)
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
            if let Some(way) = Self::of(challenge, cnonce)
                && best.as_ref().is_none_or(|best| best.strength() < way.strength())
            {
                best = Some(way);
            }
        }
        best
    }

    /// Understands one challenge.
    pub(crate) fn of(challenge: &Challenge, cnonce: &str) -> Option<Self> {
        match challenge.scheme.as_str() {
            "basic" => Some(Self::Basic),
            _ => Digest::new(challenge, cnonce).map(|digest| Self::Digest(Box::new(digest))),
        }
    }

    pub(crate) fn method(&self) -> AuthenticationMethod {
        match self {
            Self::Basic => AuthenticationMethod::HttpBasic,
            Self::Digest(_) => AuthenticationMethod::HttpDigest,
        }
    }

    /// Returns the part of a server or a proxy that the challenge speaks for.
    pub(crate) fn space(&self, server: ProtectionSpace, challenge: &Challenge) -> ProtectionSpace {
        ProtectionSpace {
            realm: challenge.parameter("realm").map(str::to_owned),
            authentication_method: self.method(),
            ..server
        }
    }

    /// Says whether a server sees one number after the other in both.
    fn counts_with(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Digest(one), Self::Digest(other)) => one.counts_with(other),
            _ => false,
        }
    }

    /// Says whether it can spell the credential at all.
    fn can_show(&self, credential: &Credential) -> bool {
        match self {
            Self::Basic => basic::authorization(credential).is_some(),
            Self::Digest(_) => !credential.user.expose().contains(|c: char| c.is_ascii_control()),
        }
    }

    /// Spells what is shown as the server does.
    fn spelled(&self, value: &str) -> Vec<u8> {
        match self {
            Self::Basic => value.into(),
            Self::Digest(digest) => digest.spelled(value),
        }
    }

    /// Returns what is more for a stronger way.
    pub(crate) fn strength(&self) -> impl Ord + use<> {
        let hash: Option<Hash> = match self {
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
