//! What worked before, for one origin and one credential; and the steps of one request towards it.

use super::{Challenge, Way, are_alike, origin_space, proxy_space};
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use url::Url;
use urlsession_protocol::{AuthenticationMethod, Credential, ProtectionSpace, Proxy};

/// Most origins with a credential that are remembered; the oldest goes first.
const ENTRIES_LIMIT: usize = 256;
/// Most folders of servers that are remembered; the oldest goes first.
const FOLDERS_LIMIT: usize = 256;
/// Most fresh nonces that one request takes from a server that calls every answer stale.
const STALE_LIMIT: u8 = 3;

/// The ways that worked. An entry never serves another origin or another credential.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    entries: Mutex<VecDeque<Entry>>,
    /// Which part of its server a folder belongs to.
    folders: Mutex<VecDeque<(String, ProtectionSpace)>>,
}

#[derive(Debug)]
struct Entry {
    space: ProtectionSpace,
    credential: Credential,
    way: Way,
    /// Whether others may go it, too. Were a nonce shared before the server has taken it, their
    /// numbers could be there first, and many servers take no lower one after that.
    is_open: bool,
}

impl Memory {
    /// Notes that a server has asked for this URL; what is beside or below it belongs to the same
    /// part of the server (RFC 7617 section 2.2).
    pub(crate) fn learn(&self, url: &Url, space: &ProtectionSpace) {
        let folder = folder(url).to_owned();
        let mut folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        folders.retain(|(known, of)| *known != folder || !of.is_of_same_server(space));
        if folders.len() >= FOLDERS_LIMIT {
            folders.pop_front();
        }
        folders.push_back((folder, space.clone()));
    }

    /// Returns the part of its server that a URL is known to belong to.
    pub(crate) fn space_of(&self, url: &Url) -> Option<ProtectionSpace> {
        let authentication_method = AuthenticationMethod::Default;
        Some(ProtectionSpace { authentication_method, ..self.asked_for(url)? })
    }

    /// Returns the part of its server that a URL is known to belong to, and how that asks.
    fn asked_for(&self, url: &Url) -> Option<ProtectionSpace> {
        let folders = self.folders.lock().unwrap_or_else(PoisonError::into_inner);
        if folders.is_empty() {
            return None;
        }
        let server = origin_space(url);
        let above = folders.iter().filter(|(folder, space)| {
            url.path().starts_with(folder.as_str()) && space.is_of_same_server(&server)
        });
        above.max_by_key(|(folder, _)| folder.len()).map(|(_, space)| space.clone())
    }

    /// Says whether the server asked for this credential before.
    fn knows(&self, seeker: &Seeker<'_>) -> bool {
        self.lock().iter().any(|entry| seeker.uses(entry))
    }

    /// Makes the value of `Authorization` that worked before, counted once more.
    fn authorization(&self, seeker: &Seeker<'_>, method: &str, target: &str) -> Option<Shown> {
        let mut entries = self.lock();
        let entry = entries.iter_mut().find(|entry| seeker.uses(entry) && entry.is_open)?;
        // Elsewhere on the server nothing, or only a proof, may be wanted of who waits to be asked (RFC
        // 7617 section 2.2); a proof is good for all of it (RFC 7616 section 3.3).
        if entry.way == Way::Basic && !seeker.may_tell() {
            return None;
        }
        entry.show(method, target)
    }

    /// Makes the value for a challenge. Requests that were given the same nonce count together (RFC
    /// 7616 section 3.4).
    fn answer(&self, seeker: &Seeker<'_>, way: Way, method: &str, target: &str) -> Option<Shown> {
        let mut entries = self.lock();
        let same =
            entries.iter_mut().find(|entry| seeker.owns(entry) && entry.way.counts_with(&way));
        if let Some(entry) = same {
            return entry.show(method, target);
        }
        entries.retain(|entry| !seeker.owns(entry));
        if entries.len() >= ENTRIES_LIMIT {
            entries.pop_front();
        }
        let (space, credential) = (seeker.space.clone(), seeker.credential.clone());
        let is_open = matches!(way, Way::Basic);
        let mut entry = Entry { space, credential, way, is_open };
        let shown = entry.show(method, target);
        entries.push_back(entry);
        shown
    }

    /// Lets others go the way that a server took.
    fn open(&self, seeker: &Seeker<'_>, way: &Way) {
        let mut entries = self.lock();
        for entry in entries.iter_mut().filter(|entry| seeker.owns(entry)) {
            entry.is_open |= entry.way.counts_with(way);
        }
    }

    fn renew(&self, seeker: &Seeker<'_>, nonce: &str) {
        let mut entries = self.lock();
        for entry in entries.iter_mut().filter(|entry| seeker.owns(entry)) {
            if let Way::Digest(digest) = &mut entry.way {
                digest.renew(nonce);
                entry.is_open |= digest.nonce == nonce;
            }
        }
    }

    fn forget(&self, seeker: &Seeker<'_>) {
        self.lock().retain(|entry| !seeker.uses(entry));
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, VecDeque<Entry>> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Entry {
    /// Makes the value of `Authorization`, counted once more.
    fn show(&mut self, method: &str, target: &str) -> Option<Shown> {
        let value = self.way.authorization(&self.credential, method, target)?;
        Some(Shown { value, way: Some(self.way.clone()) })
    }
}

/// What a request showed.
#[derive(Debug)]
struct Shown {
    value: String,
    /// `None` is Basic without having been asked.
    way: Option<Way>,
}

/// One request that seeks to be let in, however many times it is sent.
#[derive(Debug)]
pub(crate) struct Seeker<'a> {
    memory: &'a Memory,
    space: ProtectionSpace,
    credential: Credential,
    /// What is asked of a server; a proxy is one part, whatever is asked of it.
    url: Option<&'a Url>,
    /// The only way in that may be gone.
    method: AuthenticationMethod,
    shown: Option<Option<Way>>,
    /// What the challenge to this very request is to be answered with. The memory has no room for
    /// two parts of one server, and others may fill it before this is shown.
    fresh: Option<Way>,
    /// Whether a challenge to this very request was answered.
    answered: bool,
    stale: u8,
}

impl<'a> Seeker<'a> {
    /// Begins a request to a server.
    pub(crate) fn of_origin(
        memory: &'a Memory,
        url: &'a Url,
        credential: &Credential,
        method: AuthenticationMethod,
    ) -> Self {
        Self { url: Some(url), method, ..Self::new(memory, origin_space(url), credential) }
    }

    /// Begins a request to a proxy.
    pub(crate) fn of_proxy(memory: &'a Memory, proxy: &Proxy, credential: &Credential) -> Self {
        Self::new(memory, proxy_space(proxy), credential)
    }

    fn new(memory: &'a Memory, space: ProtectionSpace, credential: &Credential) -> Self {
        Self {
            memory,
            space,
            credential: credential.clone(),
            url: None,
            method: AuthenticationMethod::Default,
            shown: None,
            fresh: None,
            answered: false,
            stale: 0,
        }
    }

    /// Returns what to send with the request: what the server's last challenge or an earlier
    /// request taught, else Basic where the credential is given away without being asked for.
    pub(crate) fn authorization(&mut self, method: &str, target: &str) -> Option<Vec<u8>> {
        let shown = match self.fresh.take() {
            Some(way) => {
                let shown = self.memory.answer(self, way, method, target);
                // Somebody on the way may refuse it, and then it goes out once more.
                self.fresh = shown.as_ref().and_then(|shown| shown.way.clone());
                shown
            }
            // Whom a proof is enough for is not given the password while others try that.
            None if self.memory.knows(self) => self.memory.authorization(self, method, target),
            None if !self.may_go(&Way::Basic) => None,
            None => {
                let value = super::basic::authorization(&self.credential)?;
                self.credential.proactive.then_some(Shown { value, way: None })
            }
        };
        let Shown { value, way } = shown?;
        let spelled = way.as_ref().map(|way| way.spelled(&value));
        self.shown = Some(way);
        Some(spelled.unwrap_or_else(|| value.into_bytes()))
    }

    /// Takes a refusal; says whether it is worth sending the request again.
    ///
    /// A credential that the server has seen in the very way it asks for is wrong: the refusal is
    /// the answer. What an earlier request taught may be outdated and gets one fresh try.
    pub(crate) fn is_worth_another(&mut self, challenges: &[Challenge], cnonce: &str) -> bool {
        let way = Way::strongest(challenges, cnonce);
        let Some(way) = way.filter(|way| way.can_show(&self.credential)) else {
            self.memory.forget(self);
            return false;
        };
        let shown = self.shown.take();
        self.fresh = None;
        let again = match (&way, &shown) {
            (Way::Basic, Some(None | Some(Way::Basic))) => false,
            (Way::Digest(fresh), Some(Some(Way::Digest(old)))) if self.answered => {
                let stale = challenges.iter().any(|challenge| challenge.is("stale"))
                    && fresh.nonce != old.nonce
                    && self.stale < STALE_LIMIT;
                self.stale += 1;
                stale
            }
            _ => !self.answered,
        };
        if again {
            self.answered = true;
            self.fresh = Some(way);
        } else {
            self.memory.forget(self);
        }
        again
    }

    /// Notes that the server refused nothing.
    pub(crate) fn let_in(&mut self) {
        if let Some(way) = self.fresh.take() {
            self.memory.open(self, &way);
        }
    }

    /// Takes the nonce that the server wants to see in the next request.
    pub(crate) fn renew(&self, nonce: &str) {
        self.memory.renew(self, nonce);
    }

    /// Says whether the password itself may be shown before the server asks.
    fn may_tell(&self) -> bool {
        let asks_for_it = |url| {
            let space = self.memory.asked_for(url);
            space.is_some_and(|s| s.authentication_method == AuthenticationMethod::HttpBasic)
        };
        self.credential.proactive || self.url.is_none_or(asks_for_it)
    }

    /// Says whether a way is the only one that may be gone, if there is one.
    fn may_go(&self, way: &Way) -> bool {
        match self.method {
            AuthenticationMethod::HttpBasic | AuthenticationMethod::HttpDigest => {
                way.method() == self.method
            }
            _ => true,
        }
    }

    /// Says whether an entry is its own, of a way that it may go.
    fn uses(&self, entry: &Entry) -> bool {
        self.owns(entry) && self.may_go(&entry.way)
    }

    fn owns(&self, entry: &Entry) -> bool {
        entry.space == self.space && are_alike(&entry.credential, &self.credential)
    }
}

/// Returns the path up to its last slash.
fn folder(url: &Url) -> &str {
    let path = url.path();
    path.rfind('/').map_or(path, |slash| &path[..=slash])
}

#[cfg(test)]
mod tests;
