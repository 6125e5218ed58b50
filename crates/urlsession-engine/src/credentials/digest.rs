//! The scheme Digest (RFC 7616): proves the password without saying it.

use super::Credential;
use super::challenge::Challenge;
use md5::Md5;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest as _, Sha256, Sha512_256};
use std::fmt::Write as _;

/// What RFC 8187 lets stand as it is in the form with a star.
const NOT_ATTRIBUTE: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Which hash; a later one is stronger.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Hash {
    Md5,
    Sha256,
    Sha512_256,
}

/// A challenge that was understood, and how often it was answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Digest {
    pub(crate) hash: Hash,
    /// The name as the server spells it; `None` is MD5 unsaid.
    algorithm: Option<&'static str>,
    session: bool,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    opaque: Option<String>,
    /// Whether the server speaks of a quality of protection: RFC 2069's servers do not.
    counts: bool,
    hides_user: bool,
    /// Whether names are spelled in UTF-8.
    unicode: bool,
    is_latin1: bool,
    cnonce: String,
    count: u32,
}

impl Digest {
    /// Understands a challenge; `None` for what RFC 7616 does not name or what this does not do,
    /// which is `auth-int` alone.
    pub(crate) fn new(challenge: &Challenge, cnonce: &str) -> Option<Self> {
        if challenge.scheme != "digest" {
            return None;
        }
        let (hash, session, algorithm) = match challenge.parameter("algorithm") {
            None => (Hash::Md5, false, None),
            Some(name) => {
                let known = [
                    (Hash::Md5, false, "MD5"),
                    (Hash::Md5, true, "MD5-sess"),
                    (Hash::Sha256, false, "SHA-256"),
                    (Hash::Sha256, true, "SHA-256-sess"),
                    (Hash::Sha512_256, false, "SHA-512-256"),
                    (Hash::Sha512_256, true, "SHA-512-256-sess"),
                ];
                let found = known.into_iter().find(|(.., n)| n.eq_ignore_ascii_case(name))?;
                (found.0, found.1, Some(found.2))
            }
        };
        let counts = match challenge.parameter("qop") {
            None => false,
            Some(offered) => {
                let is_ours = |qop: &str| qop.trim().eq_ignore_ascii_case("auth");
                offered.split(',').any(is_ours).then_some(true)?
            }
        };
        Some(Self {
            hash,
            algorithm,
            session,
            realm: challenge.parameter("realm")?.to_owned(),
            nonce: challenge.parameter("nonce")?.to_owned(),
            opaque: challenge.parameter("opaque").map(str::to_owned),
            counts,
            hides_user: challenge.is("userhash"),
            unicode: challenge
                .parameter("charset")
                .is_some_and(|charset| charset.eq_ignore_ascii_case("UTF-8")),
            is_latin1: challenge.is_latin1,
            cnonce: cnonce.to_owned(),
            count: 0,
        })
    }

    /// Says whether both are of the same challenge, however often it was given.
    pub(crate) fn counts_with(&self, other: &Self) -> bool {
        let (cnonce, count) = (self.cnonce.clone(), self.count);
        *self == Self { cnonce, count, ..other.clone() }
    }

    /// Takes the nonce for the requests to come, of which there was none yet. What a session's
    /// secret was made of stays.
    pub(crate) fn renew(&mut self, nonce: &str) {
        if !self.session && self.nonce != nonce {
            nonce.clone_into(&mut self.nonce);
            self.count = 0;
        }
    }

    /// Makes the value of `Authorization` for the next request; `target` is what the request line
    /// has. `None` once the nonce cannot be counted any further.
    pub(crate) fn authorization(
        &mut self,
        credential: &Credential,
        method: &str,
        target: &str,
    ) -> Option<String> {
        self.count = self.count.checked_add(1)?;
        let (user, password) = (credential.user.expose(), credential.password.expose());
        let Self { realm, nonce, cnonce, .. } = &*self;
        let hashed = |text: &str| self.hash.of(self.spelled(text));
        let mut secret = hashed(&format!("{user}:{realm}:{password}"));
        if self.session {
            secret = hashed(&format!("{secret}:{nonce}:{cnonce}"));
        }
        let request = hashed(&format!("{method}:{target}"));
        let count = format!("{:08x}", self.count);
        let proof = if self.counts {
            format!("{secret}:{nonce}:{count}:{cnonce}:auth:{request}")
        } else {
            format!("{secret}:{nonce}:{request}")
        };
        let response = hashed(&proof);
        let mut value = format!("Digest {}", self.user_parameter(user));
        let mut add = |text: std::fmt::Arguments<'_>| {
            value.write_fmt(text).expect("a string takes every text");
        };
        add(format_args!(", realm={}, nonce={}", quoted(realm), quoted(nonce)));
        add(format_args!(", uri={}, response=\"{response}\"", quoted(target)));
        if let Some(algorithm) = self.algorithm {
            add(format_args!(", algorithm={algorithm}"));
        }
        if let Some(opaque) = &self.opaque {
            add(format_args!(", opaque={}", quoted(opaque)));
        }
        if self.counts {
            add(format_args!(", qop=auth, nc={count}"));
        }
        if self.counts || self.session {
            add(format_args!(", cnonce={}", quoted(cnonce)));
        }
        if self.hides_user {
            add(format_args!(", userhash=true"));
        }
        Some(value)
    }

    /// Spells a text as the server does. One that says its realm in Latin-1, as was usual before
    /// RFC 7616, knows names in it, too; what it cannot spell is UTF-8.
    pub(crate) fn spelled(&self, text: &str) -> Vec<u8> {
        let latin1 = || text.chars().map(|c| u8::try_from(c).ok()).collect();
        self.is_latin1.then(latin1).flatten().unwrap_or_else(|| text.into())
    }

    /// RFC 7616 section 3.4: the form with a star is for names that a quoted string cannot have.
    fn user_parameter(&self, user: &str) -> String {
        if self.hides_user {
            let hidden = self.hash.of(self.spelled(&format!("{user}:{}", self.realm)));
            return format!("username=\"{hidden}\"");
        }
        if self.unicode && !user.is_ascii() {
            return format!("username*=UTF-8''{}", utf8_percent_encode(user, NOT_ATTRIBUTE));
        }
        format!("username={}", quoted(user))
    }
}

impl Hash {
    /// Returns the digest of the text in lower-case hexadecimal.
    fn of(self, text: impl AsRef<[u8]>) -> String {
        match self {
            Self::Md5 => hexadecimal(&Md5::digest(text)),
            Self::Sha256 => hexadecimal(&Sha256::digest(text)),
            Self::Sha512_256 => hexadecimal(&Sha512_256::digest(text)),
        }
    }
}

/// Spells bytes in lower-case hexadecimal.
fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::credentials::challenge;

    fn digest(field: &str, cnonce: &str) -> Option<Digest> {
        Digest::new(challenge::parse([field.as_bytes()]).first()?, cnonce)
    }

    fn parameter(value: &str, name: &str) -> Option<String> {
        let parsed = challenge::parse([value.as_bytes()]);
        parsed[0].parameter(name).map(str::to_owned)
    }

    /// RFC 7616 section 3.9.1: algorithm, response
    #[test]
    fn the_examples_of_the_standard() {
        for (algorithm, expected) in [
            ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
            ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
        ] {
            let field = format!(
                "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", \
                 algorithm={algorithm}, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                 opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
            );
            let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
            let credential = Credential::new("Mufasa", "Circle of Life");
            let mut digest = digest(&field, cnonce).unwrap();
            let value = digest.authorization(&credential, "GET", "/dir/index.html").unwrap();
            assert_eq!(
                value,
                format!(
                    "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", \
                     nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", \
                     uri=\"/dir/index.html\", response=\"{expected}\", algorithm={algorithm}, \
                     opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\", qop=auth, \
                     nc=00000001, cnonce=\"{cnonce}\""
                )
            );
        }
    }

    /// RFC 7616 section 3.9.2: SHA-512-256, a hidden name, and a charset. The values are those of
    /// erratum 4897: the standard's own were made with another hash.
    #[test]
    fn the_example_with_a_hidden_name() {
        let field = "Digest realm=\"api@example.org\", qop=\"auth\", algorithm=SHA-512-256, \
                     nonce=\"5TsQWLVdgBdmrQ0XsxbDODV+57QdFR34I9HAbC/RVvkK\", \
                     opaque=\"HRPCssKJSGjCrkzDg8OhwpzCiGPChXYjwrI2QmXDnsOS\", charset=UTF-8, \
                     userhash=true";
        let cnonce = "NTg6RKcb9boFIAS3KrFK9BGeh+iDa/sm6jUMp2wds69v";
        let credential = Credential::new("J\u{e4}s\u{f8}n Doe", "Secret, or not?");
        let mut digest = digest(field, cnonce).unwrap();
        let value = digest.authorization(&credential, "GET", "/doe.json").unwrap();
        let expected = [
            ("username", "793263caabb707a56211940d90411ea4a575adeccb7e360aeb624ed06ece9b0b"),
            ("response", "3798d4131c277846293534c3edc11bd8a5e4cdcbff78b05db9d95eeb1cec68a5"),
            ("userhash", "true"),
            ("nc", "00000001"),
        ];
        for (name, expected) in expected {
            assert_eq!(parameter(&value, name).as_deref(), Some(expected), "{name}");
        }
    }

    /// RFC 2617 section 3.5, and RFC 2069's form of it with the response that its erratum 749 has.
    #[test]
    fn older_servers() {
        let credential = Credential::new("Mufasa", "Circle Of Life");
        let common = "Digest realm=\"testrealm@host.com\", \
                      nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"";
        for (rest, expected) in [
            (", qop=\"auth,auth-int\"", "6629fae49393a05397450978507c4ef1"),
            ("", "670fd8c2df070c60b045671b8b24ff02"),
        ] {
            let mut digest = digest(&format!("{common}{rest}"), "0a4f113b").unwrap();
            let value = digest.authorization(&credential, "GET", "/dir/index.html").unwrap();
            assert_eq!(parameter(&value, "response").as_deref(), Some(expected));
            assert_eq!(parameter(&value, "algorithm"), None);
            assert_eq!(parameter(&value, "cnonce").is_some(), !rest.is_empty());
        }
    }

    #[test]
    fn answers_are_counted_and_sessions_keep_their_key() {
        let field = "Digest realm=r, nonce=n, qop=auth, algorithm=md5-SESS";
        let credential = Credential::new("u", "p");
        let mut digest = digest(field, "c").unwrap();
        let secret = Hash::Md5.of(format!("{}:n:c", Hash::Md5.of("u:r:p")));
        for count in 1..=17_u32 {
            let value = digest.authorization(&credential, "PUT", "/x?y").unwrap();
            assert_eq!(parameter(&value, "nc"), Some(format!("{count:08x}")));
            let request = Hash::Md5.of("PUT:/x?y");
            let proof = Hash::Md5.of(format!("{secret}:n:{count:08x}:c:auth:{request}"));
            assert_eq!(parameter(&value, "response"), Some(proof));
            assert_eq!(parameter(&value, "algorithm").as_deref(), Some("MD5-sess"));
        }
        digest.count = u32::MAX;
        assert_eq!(digest.authorization(&credential, "GET", "/"), None);
    }

    #[test]
    fn names_are_spelled_so_that_they_arrive() {
        for (charset, user, expected) in [
            ("", "a\"b\\c", "username=\"a\\\"b\\\\c\""),
            ("", "jäs", "username=\"jäs\""),
            (", charset=UTF-8", "jäs øn", "username*=UTF-8''j%C3%A4s%20%C3%B8n"),
            (", charset=UTF-8", "plain", "username=\"plain\""),
        ] {
            let mut digest = digest(&format!("Digest realm=r, nonce=n{charset}"), "c").unwrap();
            let credential = Credential::new(user, "p");
            let value = digest.authorization(&credential, "GET", "/").unwrap();
            assert!(value.contains(expected), "{value}");
        }
    }

    /// realm, user => the realm as it is sent, and what is hashed first
    #[test]
    fn servers_are_answered_as_they_spell() {
        for (realm, user, sent, hashed) in [
            (&b"gr\xfcn"[..], "j\u{e4}s", &b"gr\xfcn"[..], &b"j\xe4s:gr\xfcn:p"[..]),
            (
                "gr\u{fc}n".as_bytes(),
                "j\u{e4}s",
                "gr\u{fc}n".as_bytes(),
                "j\u{e4}s:gr\u{fc}n:p".as_bytes(),
            ),
            (b"r", "j\u{e4}s", b"r", "j\u{e4}s:r:p".as_bytes()),
        ] {
            let field = [b"Digest nonce=n, realm=\"", realm, b"\""].concat();
            let challenge = challenge::parse([&field[..]]).remove(0);
            let mut digest = Digest::new(&challenge, "c").unwrap();
            let value = digest.authorization(&Credential::new(user, "p"), "GET", "/").unwrap();
            let request = Hash::Md5.of("GET:/");
            let proof = Hash::Md5.of(format!("{}:n:{request}", Hash::Md5.of(hashed)));
            assert_eq!(parameter(&value, "response"), Some(proof), "{realm:?}");
            let value = digest.spelled(&value);
            let sent = [b"realm=\"", sent, b"\","].concat();
            assert!(value.windows(sent.len()).any(|part| part == sent), "{realm:?}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_answered() {
        for field in [
            "Basic realm=r, nonce=n",
            "Digest nonce=n",
            "Digest realm=r",
            "Digest realm=r, nonce=n, algorithm=SHA-1",
            "Digest realm=r, nonce=n, algorithm=\"token\"",
            "Digest realm=r, nonce=n, qop=auth-int",
            "Digest realm=r, nonce=n, qop=\"\"",
        ] {
            assert_eq!(digest(field, "c"), None, "{field}");
        }
    }
}
