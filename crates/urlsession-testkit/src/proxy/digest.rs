//! A proxy's half of Digest (RFC 7616): SHA-256, a nonce that serves only so often.

use sha2::{Digest as _, Sha256};

/// What a proxy knows of who may pass.
#[derive(Debug)]
pub(super) struct Doorman {
    user: String,
    password: String,
    /// How many requests one nonce lets in.
    uses: u32,
    nonce: u32,
    /// The last count that was let in with the nonce.
    count: u32,
}

impl Doorman {
    pub(super) fn new(user: &str, password: &str, uses: u32) -> Self {
        let (user, password) = (user.to_owned(), password.to_owned());
        Self { user, password, uses, nonce: 1, count: 0 }
    }

    /// Judges a request head: the challenge to answer with, or `None` for who may pass.
    pub(super) fn judge(&mut self, head: &str) -> Option<String> {
        let line = head.lines().next().unwrap_or_default();
        let mut words = line.split(' ');
        let (method, target) = (words.next()?, words.next()?);
        let prefix = "proxy-authorization: digest ";
        let shown = head.lines().find(|line| line.to_ascii_lowercase().starts_with(prefix));
        let shown = shown.map(|line| &line[prefix.len()..]).unwrap_or_default();
        let part = |name: &str| {
            let value = |p: &str| p.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
            let value = shown.split(", ").find_map(value).unwrap_or_default();
            value.trim_matches('"').to_owned()
        };
        let (nonce, nc) = (part("nonce"), part("nc"));
        let secret = hash(&format!("{}:p:{}", self.user, self.password));
        let request = hash(&format!("{method}:{target}"));
        let proof = format!("{secret}:{nonce}:{nc}:{}:auth:{request}", part("cnonce"));
        let is_known = part("username") == self.user
            && part("uri") == target
            && part("algorithm") == "SHA-256"
            && part("response") == hash(&proof);
        let count = u32::from_str_radix(&nc, 16).unwrap_or(0);
        let is_fresh = nonce == format!("n{}", self.nonce) && count == self.count + 1;
        if is_known && is_fresh && count <= self.uses {
            self.count = count;
            return None;
        }
        if is_known {
            self.nonce += 1;
            self.count = 0;
        }
        Some(format!(
            "Basic realm=\"p\", Digest realm=\"p\", qop=\"auth\", algorithm=SHA-256, \
             nonce=\"n{}\", stale={is_known}",
            self.nonce
        ))
    }
}

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
