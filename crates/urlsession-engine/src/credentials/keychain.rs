//! The system's keychain: it has the one key that seals the passwords that are kept for ever.
//!
//! Whoever is asked for it may be slow, or ask a person first, so that is done on a thread of its own,
//! and waited for only so long.

use crate::clock::Clock;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, Nonce, RandomizedNonceKey};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;
use urlsession_protocol::Secret;

/// Longest wait for the keychain's answer; one that comes later is there the next time.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(2);
/// How long a keychain that did not answer is left alone.
const ANSWER_PAUSE: Duration = Duration::from_secs(60);
/// Bytes of the key.
const KEY_LENGTH: usize = 32;

/// Asks the system for the key, makes one if there is none; says why there can be none.
type Ask = fn() -> Result<[u8; KEY_LENGTH], String>;

/// What is asked for the key.
#[derive(Debug)]
pub(crate) struct Keychain {
    /// `None` if nobody is asked.
    ask: Option<Ask>,
    clock: Clock,
    answer: Arc<(Mutex<Answer>, Condvar)>,
}

#[derive(Debug, Default)]
struct Answer {
    key: Option<Arc<Key>>,
    is_asked: bool,
    /// When it may be asked again.
    again: Duration,
}

/// What seals passwords.
pub(crate) struct Key(RandomizedNonceKey);

impl Keychain {
    /// Is there for the engine to ask, or is none.
    pub(crate) fn new(is_used: bool) -> Self {
        Self { ask: is_used.then_some(system), clock: Clock::start(), answer: Arc::default() }
    }

    /// Returns the key, once there is an answer.
    pub(crate) fn key(&self) -> Option<Arc<Key>> {
        let ask = self.ask?;
        let (mutex, answered) = &*self.answer;
        let mut answer = mutex.lock().unwrap_or_else(PoisonError::into_inner);
        let now = self.clock.real();
        if answer.key.is_some() || answer.is_asked || now < answer.again {
            return answer.key.clone();
        }
        let shared = Arc::clone(&self.answer);
        let asking = move || {
            let told = ask().and_then(|bytes| Key::new(&bytes));
            let (mutex, answered) = &*shared;
            let mut answer = mutex.lock().unwrap_or_else(PoisonError::into_inner);
            answer.is_asked = false;
            answer.key = match told {
                Ok(key) => Some(Arc::new(key)),
                Err(why) => {
                    tracing::info!(why, "there is no keychain; kept passwords are in plain text");
                    None
                }
            };
            answered.notify_all();
        };
        answer.is_asked = true;
        answer.again = now + ANSWER_PAUSE;
        if std::thread::Builder::new().name("keychain".to_owned()).spawn(asking).is_err() {
            answer.is_asked = false;
        }
        let waited = answered.wait_timeout_while(answer, ANSWER_TIMEOUT, |told| told.is_asked);
        let (answer, _) = waited.unwrap_or_else(PoisonError::into_inner);
        answer.key.clone()
    }
}

impl Key {
    fn new(bytes: &[u8; KEY_LENGTH]) -> Result<Self, String> {
        let key = RandomizedNonceKey::new(&AES_256_GCM, bytes);
        key.map(Self).map_err(|_| "the key is unusable".to_owned())
    }

    /// Seals a password; what it is for must be said again to open it.
    pub(crate) fn seal(&self, password: &Secret, what_for: &str) -> Option<String> {
        let mut bytes = password.expose().as_bytes().to_vec();
        let what_for = Aad::from(what_for.as_bytes());
        let nonce = self.0.seal_in_place_append_tag(what_for, &mut bytes).ok()?;
        Some(STANDARD.encode([&nonce.as_ref()[..], &bytes].concat()))
    }

    /// Opens a sealed password; `None` if another key sealed it, or for something else.
    pub(crate) fn open(&self, sealed: &str, what_for: &str) -> Option<Secret> {
        let mut bytes = STANDARD.decode(sealed).ok()?;
        let (nonce, rest) = bytes.split_at_mut_checked(NONCE_LEN)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
        let opened = self.0.open_in_place(nonce, Aad::from(what_for.as_bytes()), rest).ok()?;
        String::from_utf8(opened.to_vec()).ok().map(Secret::new)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(***)")
    }
}

/// Asks the Secret Service of the user's session on D-Bus.
#[cfg(all(feature = "keychain", target_os = "linux"))]
fn system() -> Result<[u8; KEY_LENGTH], String> {
    use keyring_core::Error;
    use keyring_core::api::CredentialStoreApi as _;
    use std::collections::HashMap;
    let text = |error: Error| error.to_string();
    let length = |bytes: Vec<u8>| bytes.try_into().map_err(|_| "it has another key".to_owned());
    let store = zbus_secret_service_keyring_store::Store::new().map_err(text)?;
    let label = HashMap::from([("label", "Key to the passwords that urlsession keeps")]);
    let entry = store.build("urlsession", "kept credentials", Some(&label)).map_err(text)?;
    match entry.get_secret() {
        Ok(bytes) => return length(bytes),
        Err(Error::NoEntry) => {}
        Err(error) => return Err(text(error)),
    }
    let mut key = [0; KEY_LENGTH];
    getrandom::fill(&mut key).map_err(|error| error.to_string())?;
    entry.set_secret(&key).map_err(text)?;
    // What is there counts, should somebody else have made one at the same time.
    entry.get_secret().map_err(text).and_then(length)
}

#[cfg(not(all(feature = "keychain", target_os = "linux")))]
fn system() -> Result<[u8; KEY_LENGTH], String> {
    Err("this program knows none here".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn what_is_sealed_opens_for_the_same_purpose_with_the_same_key() {
        let (key, other) = (Key::new(&[1; 32]).unwrap(), Key::new(&[2; 32]).unwrap());
        let password = Secret::new("p\u{e4}ss");
        let sealed = key.seal(&password, "a").unwrap();
        assert!(!sealed.contains("ss"));
        assert_ne!(key.seal(&password, "a").unwrap(), sealed, "never sealed alike twice");
        assert_eq!(key.open(&sealed, "a"), Some(password));
        assert_eq!(key.open(&sealed, "b"), None);
        assert_eq!(other.open(&sealed, "a"), None);
        for damaged in ["", "AAAA", "*", &sealed[4..], &sealed[..sealed.len() - 4]] {
            assert_eq!(key.open(damaged, "a"), None, "{damaged}");
        }
    }

    #[test]
    fn a_keychain_that_has_none_is_left_alone_for_a_while() {
        static ASKED: AtomicU32 = AtomicU32::new(0);
        fn none() -> Result<[u8; KEY_LENGTH], String> {
            ASKED.fetch_add(1, Ordering::Relaxed);
            Err("nobody is there".to_owned())
        }
        let keychain = Keychain { ask: Some(none), ..Keychain::new(false) };
        assert!(keychain.key().is_none() && keychain.key().is_none());
        assert_eq!(ASKED.load(Ordering::Relaxed), 1);
        let keychain = Keychain { ask: Some(|| Ok([7; KEY_LENGTH])), ..Keychain::new(false) };
        assert!(keychain.key().is_some());
        assert!(Keychain::new(false).key().is_none());
    }
}
