//! The cookies that an application's sessions keep: Apple's `HTTPCookieStorage`.

use crate::daemon::{Daemon, misunderstood};
use crate::door::Door;
use crate::session::Session;
use crate::{Cookie, CookieIdentity, Error, HttpCookieStorage};
use urlsession_protocol::cookie::COOKIES_PAGE_BYTES;
use urlsession_protocol::{ApplicationId, Call, CookieStorage, Reply};

/// Most pages that a listing asks for: more than any storage has.
const PAGES_LIMIT: usize = 1000;

/// What a cookie takes in a message beside its texts, at most.
const ATTRIBUTES_LENGTH: usize = 256;

/// Lists, keeps and forgets the cookies of one application. Every method waits for the daemon.
///
/// Cookies without an end live in the memory of the process that moves the bytes: the daemon, or
/// this one. The others are on disk.
#[derive(Debug)]
pub struct Cookies<'a> {
    storage: CookieStorage,
    door: Door<'a>,
}

impl Daemon {
    /// Returns the cookies of an application.
    pub fn cookies(&self, application: ApplicationId) -> Cookies<'_> {
        let storage = CookieStorage { application, session: None };
        Cookies { storage, door: Door::Daemon(self) }
    }
}

impl Session {
    /// Returns the cookies of the session: those of its application, or its own if it is
    /// ephemeral.
    pub fn cookies(&self) -> Cookies<'_> {
        let key = self.key().clone();
        let own = self.configuration().http_cookie_storage == HttpCookieStorage::Private;
        let session = own.then_some(key.session);
        let storage = CookieStorage { application: key.application, session };
        Cookies { storage, door: Door::Session(self) }
    }
}

impl Cookies<'_> {
    /// Lists the cookies of a domain and of all hosts below it, or all, by domain, path and name.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn list(&self, domain: Option<&str>) -> Result<Vec<Cookie>, Error> {
        let mut listed: Vec<Cookie> = Vec::new();
        for _ in 0..PAGES_LIMIT {
            let after: Option<CookieIdentity> = listed.last().map(|last| last.identity.clone());
            let call = Call::Cookies {
                storage: self.storage.clone(),
                domain: domain.map(str::to_owned),
                after: after.map(Box::new),
            };
            let Reply::Cookies { cookies, more } = self.door.ask(call)? else {
                return Err(misunderstood());
            };
            let last = !more || cookies.is_empty();
            listed.extend(cookies);
            if last {
                break;
            }
        }
        Ok(listed)
    }

    /// Keeps cookies, each instead of the one of the same identity; one that has ended only removes
    /// that. Returns how many were taken: those that no server could set are not. Durable when it
    /// returns.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn set(&self, cookies: impl IntoIterator<Item = Cookie>) -> Result<u64, Error> {
        let (mut taken, mut page, mut bytes) = (0, Vec::new(), 0);
        for cookie in cookies {
            // Names and values are a few KiB; escaped, at most six times that.
            let CookieIdentity { domain, path, name, .. } = &cookie.identity;
            bytes += 6 * (domain.len() + path.len() + name.len() + cookie.value.expose().len());
            bytes += ATTRIBUTES_LENGTH;
            page.push(cookie);
            if bytes > COOKIES_PAGE_BYTES {
                taken += self.set_page(std::mem::take(&mut page))?;
                bytes = 0;
            }
        }
        if !page.is_empty() {
            taken += self.set_page(page)?;
        }
        Ok(taken)
    }

    /// Forgets the cookies of a domain and of all hosts below it, or all; returns how many. Durable
    /// when it returns.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn clear(&self, domain: Option<&str>) -> Result<u64, Error> {
        let domain = domain.map(str::to_owned);
        self.count(Call::ClearCookies { storage: self.storage.clone(), domain })
    }

    fn set_page(&self, cookies: Vec<Cookie>) -> Result<u64, Error> {
        self.count(Call::SetCookies { storage: self.storage.clone(), cookies })
    }

    fn count(&self, call: Call) -> Result<u64, Error> {
        match self.door.ask(call)? {
            Reply::CookiesChanged { count } => Ok(count),
            _ => Err(misunderstood()),
        }
    }
}
