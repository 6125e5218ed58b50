//! The cookies of one application: which are kept, for how long, and which a request gets.
//!
//! Storage model and limits of RFC 6265bis sections 5.7 and 5.8. It is told the time.

use super::scope;
use super::set_cookie::{LIFE_LIMIT, SetCookie, is_control, is_legal};
use crate::StoreError;
use crate::inbox::Message;
use crate::shelf::Collection;
use crate::store::Store;
use std::collections::{BTreeMap, BTreeSet};
use url::Url;
use urlsession_protocol::cookie::COOKIE_ATTRIBUTE_LIMIT;
use urlsession_protocol::{ApplicationId, Cookie, CookieIdentity, SameSite, Secret, Timestamp};

/// Most cookies of one site, which is one registered domain with all hosts below it: counted so
/// that nobody gets more room by inventing hosts.
pub(super) const SITE_LIMIT: usize = 180;
/// Most cookies altogether.
pub(super) const JAR_LIMIT: usize = 3000;
/// Most cookies of one request.
pub(super) const SENT_LIMIT: usize = 150;
/// Most bytes of one request's cookies: what common servers take in a field.
pub(super) const SENT_LENGTH_LIMIT: usize = 8190;

/// Cookies by site.
#[derive(Debug, Default)]
pub(crate) struct Jar {
    sites: BTreeMap<String, BTreeMap<CookieIdentity, Kept>>,
    count: usize,
    /// Those whose row in the store is not what is kept here.
    unwritten: BTreeSet<CookieIdentity>,
    /// The last creation time given: they differ, so that they order.
    last_created: Timestamp,
}

/// A cookie as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Kept {
    pub(crate) cookie: Cookie,
    /// When a request last got it. Durable only when the cookie is written for another reason:
    /// sending costs no write.
    pub(crate) accessed: Timestamp,
}

/// Who asks: where to, and for which page.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asker<'a> {
    pub(super) url: &'a Url,
    /// Whether the page that the request is made for is of another site.
    pub(super) cross_site: bool,
}

impl Jar {
    /// Takes back what the store has; what ended meanwhile is to be removed there.
    pub(super) fn restore(kept: Vec<Kept>, now: Timestamp) -> Self {
        let mut jar = Self::default();
        for kept in kept {
            jar.last_created = jar.last_created.max(kept.cookie.created);
            if has_ended(&kept.cookie, now) {
                jar.unwritten.insert(kept.cookie.identity);
            } else {
                jar.insert(kept);
            }
        }
        jar
    }

    /// Keeps what a response to that request sets, unless a rule forbids it.
    pub(super) fn receive(&mut self, field: &[u8], from: Asker<'_>, now: Timestamp) -> bool {
        let Some(set) = SetCookie::parse(field) else { return false };
        let Some(cookie) = scoped(&set, from.url, now) else { return false };
        if !scope::is_secure(from.url)
            && (cookie.secure || self.shadows_a_secure_one(&cookie.identity, now))
        {
            return false;
        }
        let bound = matches!(cookie.same_site, Some(SameSite::Lax | SameSite::Strict));
        if bound && from.cross_site {
            return false;
        }
        is_permitted(&cookie) && self.put(cookie, now)
    }

    /// Keeps a cookie that a person or program brings, unless it is none. Where it came from is
    /// not known: its host or domain is believed.
    pub(super) fn bring(&mut self, mut cookie: Cookie, now: Timestamp) -> bool {
        let identity = &mut cookie.identity;
        identity.domain = scope::domain(&identity.domain);
        // A name that cannot have names below it can still be a host: `localhost`, `[::1]`.
        identity.host_only |= identity.domain.starts_with('[')
            || (scope::is_public_suffix(&identity.domain) && !identity.domain.contains('.'));
        let short = |text: &str| text.len() <= COOKIE_ATTRIBUTE_LIMIT;
        let plain = |text: &str| text.is_ascii() && !text.bytes().any(|b| b.is_ascii_control());
        let domain = identity.domain.as_str();
        if domain.is_empty()
            || !(short(domain) && plain(domain))
            || (!identity.host_only && scope::is_public_suffix(domain))
            || !identity.path.starts_with('/')
            || !short(&identity.path)
            || identity.path.bytes().any(|byte| is_control(byte) || byte == b';')
            || !is_legal(&identity.name, cookie.value.expose())
        {
            return false;
        }
        cookie.expires = cookie.expires.map(|end| end.min(now.after(LIFE_LIMIT)));
        is_permitted(&cookie) && self.put(cookie, now)
    }

    /// Returns the `Cookie` field of a request.
    pub(super) fn send(&mut self, to: Asker<'_>, now: Timestamp) -> Option<String> {
        let host = scope::host(to.url);
        let (path, secure) = (to.url.path(), scope::is_secure(to.url));
        let site = self.sites.get_mut(scope::site(&host))?;
        let mut matching: Vec<&mut Kept> = site
            .values_mut()
            .filter(|kept| {
                let Cookie { identity, secure: only_secure, same_site, .. } = &kept.cookie;
                let here = if identity.host_only {
                    host == identity.domain
                } else {
                    scope::domain_matches(&host, &identity.domain)
                };
                let bound = matches!(same_site, Some(SameSite::Lax | SameSite::Strict));
                here && scope::path_matches(path, &identity.path)
                    && (secure || !only_secure)
                    && !(to.cross_site && bound)
                    && !has_ended(&kept.cookie, now)
            })
            .collect();
        matching.sort_by_key(|kept| {
            let Cookie { identity, created, .. } = &kept.cookie;
            (std::cmp::Reverse(identity.path.len()), *created)
        });
        let mut field = String::new();
        for kept in matching.into_iter().take(SENT_LIMIT) {
            let (name, value) = (&kept.cookie.identity.name, kept.cookie.value.expose());
            if field.len() + name.len() + value.len() + "; =".len() > SENT_LENGTH_LIMIT {
                break;
            }
            kept.accessed = now;
            if !field.is_empty() {
                field.push_str("; ");
            }
            if !name.is_empty() {
                field.push_str(name);
                field.push('=');
            }
            field.push_str(value);
        }
        (!field.is_empty()).then_some(field)
    }

    /// Forgets the cookies of a domain and of all hosts below it, or all; returns how many.
    pub(super) fn clear(&mut self, domain: Option<&str>) -> usize {
        let gone: Vec<CookieIdentity> = self.matching(domain).map(|k| k.identity.clone()).collect();
        for identity in &gone {
            self.remove(identity);
        }
        gone.len()
    }

    /// Returns the cookies of a domain and of all hosts below it, or all, in the order of their
    /// identities.
    pub(super) fn list(&self, domain: Option<&str>, now: Timestamp) -> Vec<&Cookie> {
        let mut list: Vec<&Cookie> =
            self.matching(domain).filter(|cookie| !has_ended(cookie, now)).collect();
        list.sort_by(|a, b| a.identity.cmp(&b.identity));
        list
    }

    fn matching(&self, domain: Option<&str>) -> impl Iterator<Item = &Cookie> {
        let domain = domain.map(scope::domain);
        let all = self.sites.values().flat_map(BTreeMap::values).map(|kept| &kept.cookie);
        all.filter(move |cookie| {
            let is_below = |of: &String| scope::domain_matches(&cookie.identity.domain, of);
            domain.as_ref().is_none_or(is_below)
        })
    }

    /// Replaces the cookie of the same identity; one that has ended only removes it.
    fn put(&mut self, mut cookie: Cookie, now: Timestamp) -> bool {
        let before = self.remove(&cookie.identity);
        if has_ended(&cookie, now) {
            return true;
        }
        cookie.created = match before {
            Some(before) => before.cookie.created,
            // Brought from elsewhere: it keeps its place among the others.
            None if cookie.created > Timestamp(0) => cookie.created.min(now),
            None => self.creation(now),
        };
        if cookie.expires.is_some() {
            self.unwritten.insert(cookie.identity.clone());
        }
        let site = scope::site(&cookie.identity.domain).to_owned();
        self.insert(Kept { cookie, accessed: now });
        self.make_room(&site, now);
        true
    }

    fn creation(&mut self, now: Timestamp) -> Timestamp {
        self.last_created = now.max(Timestamp(self.last_created.0.saturating_add(1)));
        self.last_created
    }

    fn insert(&mut self, kept: Kept) {
        let identity = kept.cookie.identity.clone();
        let site = self.sites.entry(scope::site(&identity.domain).to_owned()).or_default();
        if site.insert(identity, kept).is_none() {
            self.count += 1;
        }
    }

    fn remove(&mut self, identity: &CookieIdentity) -> Option<Kept> {
        let name = scope::site(&identity.domain);
        let site = self.sites.get_mut(name)?;
        let removed = site.remove(identity)?;
        if site.is_empty() {
            self.sites.remove(name);
        }
        self.count -= 1;
        if removed.cookie.expires.is_some() {
            self.unwritten.insert(identity.clone());
        }
        Some(removed)
    }

    /// RFC 6265bis section 5.7: first those that have ended, then of the crowded site those that
    /// are not secure, then the others of it, then all; the one not sent for longest goes first.
    fn make_room(&mut self, site: &str, now: Timestamp) {
        let crowd = |jar: &Self| jar.sites.get(site).map_or(0, BTreeMap::len);
        if crowd(self) <= SITE_LIMIT && self.count <= JAR_LIMIT {
            return;
        }
        let all = self.sites.values().flat_map(BTreeMap::values);
        let ended = all.filter(|kept| has_ended(&kept.cookie, now));
        let ended: Vec<CookieIdentity> = ended.map(|kept| kept.cookie.identity.clone()).collect();
        for identity in &ended {
            self.remove(identity);
        }
        while crowd(self) > SITE_LIMIT {
            let crowded = self.sites.get(site).into_iter().flat_map(BTreeMap::values);
            let first = crowded.min_by_key(|kept| (kept.cookie.secure, age(kept)));
            let Some(identity) = first.map(|kept| kept.cookie.identity.clone()) else { return };
            self.remove(&identity);
        }
        while self.count > JAR_LIMIT {
            let all = self.sites.values().flat_map(BTreeMap::values);
            let first = all.min_by_key(|kept| age(kept));
            let Some(identity) = first.map(|kept| kept.cookie.identity.clone()) else { return };
            self.remove(&identity);
        }
    }

    /// A cookie that came over a secure connection is not replaced, nor hidden behind one of a
    /// longer path, by one that did not (RFC 6265bis section 5.7).
    fn shadows_a_secure_one(&self, new: &CookieIdentity, now: Timestamp) -> bool {
        let Some(site) = self.sites.get(scope::site(&new.domain)) else { return false };
        site.values().any(|kept| {
            let old = &kept.cookie.identity;
            kept.cookie.secure
                && !has_ended(&kept.cookie, now)
                && old.name == new.name
                && (scope::domain_matches(&old.domain, &new.domain)
                    || scope::domain_matches(&new.domain, &old.domain))
                && scope::path_matches(&new.path, &old.path)
        })
    }
}

impl Collection for Jar {
    type Name = CookieIdentity;
    type Kept = Kept;

    fn read(store: &Store, of: &ApplicationId, now: Timestamp) -> Result<Self, StoreError> {
        Ok(Self::restore(store.cookies(of)?, now))
    }

    fn is_empty(&self) -> bool {
        self.count == 0
    }

    fn is_unwritten(&self) -> bool {
        !self.unwritten.is_empty()
    }

    fn is_only_here(&self) -> bool {
        let mut all = self.sites.values().flat_map(BTreeMap::values);
        self.is_unwritten() || all.any(|kept| kept.cookie.expires.is_none())
    }

    fn take_unwritten(&mut self) -> Vec<(CookieIdentity, Option<Kept>)> {
        let unwritten = std::mem::take(&mut self.unwritten);
        let row = |identity: CookieIdentity| {
            let kept = self.sites.get(scope::site(&identity.domain))?.get(&identity)?;
            kept.cookie.expires.is_some().then(|| kept.clone())
        };
        unwritten.into_iter().map(|identity| (identity.clone(), row(identity))).collect()
    }

    fn changed() -> Message {
        Message::CookiesChanged
    }
}

fn age(kept: &Kept) -> (Timestamp, Timestamp) {
    (kept.accessed, kept.cookie.created)
}

fn has_ended(cookie: &Cookie, now: Timestamp) -> bool {
    cookie.expires.is_some_and(|end| end <= now)
}

/// Gives a cookie its domain and path; `None` if it is meant for hosts that are not the sender's.
fn scoped(set: &SetCookie<'_>, url: &Url, now: Timestamp) -> Option<Cookie> {
    let host = scope::host(url);
    if host.is_empty() || !set.domain.is_ascii() {
        return None;
    }
    let host_only =
        set.domain.is_empty() || (set.domain == host && scope::is_public_suffix(&set.domain));
    if !host_only
        && (scope::is_public_suffix(&set.domain) || !scope::domain_matches(&host, &set.domain))
    {
        return None;
    }
    let path = set.path.unwrap_or_else(|| scope::default_path(url));
    Some(Cookie {
        identity: CookieIdentity {
            domain: if host_only { host } else { set.domain.clone() },
            host_only,
            path: path.to_owned(),
            name: set.name.to_owned(),
        },
        value: Secret::new(set.value),
        secure: set.secure,
        http_only: set.http_only,
        same_site: set.same_site,
        expires: set.end(now),
        created: Timestamp(0),
    })
}

/// Says whether a cookie keeps what its name and its attributes promise: `__Secure-`, `__Host-`
/// and `SameSite=None` (RFC 6265bis section 5.7).
fn is_permitted(cookie: &Cookie) -> bool {
    let CookieIdentity { host_only, path, name, .. } = &cookie.identity;
    let begins = |text: &str, prefix: &str| {
        text.get(..prefix.len()).is_some_and(|begin| begin.eq_ignore_ascii_case(prefix))
    };
    if cookie.same_site == Some(SameSite::None) && !cookie.secure {
        return false;
    }
    if begins(name, "__Host-") {
        return cookie.secure && *host_only && path == "/";
    }
    if begins(name, "__Secure-") {
        return cookie.secure;
    }
    // A server would take the value for the name.
    let value = cookie.value.expose();
    !(name.is_empty() && (begins(value, "__Host-") || begins(value, "__Secure-")))
}
