//! What clients and attempts ask of cookies, and when they are written: the driver's side.

use super::{Exchange, SharedJar};
use crate::StoreError;
use crate::act::Deed;
use crate::attempts::Moves;
use crate::driver::{Driver, Turn};
use crate::shelf::{Owner, unreadable};
use std::sync::Arc;
use urlsession_core::{Action, Order, PeerNumber, TaskRef};
use urlsession_protocol::cookie::COOKIES_PAGE_BYTES;
use urlsession_protocol::message::CookieStorage;
use urlsession_protocol::{
    Call, CallId, CookieIdentity, Error, ErrorCode, HttpCookieStorage, Reply, UrlCredentialStorage,
};

impl<H: Moves> Driver<H> {
    /// Returns the cookies that an attempt of the task uses.
    pub(crate) fn cookies_of(
        &mut self,
        task: TaskRef,
        order: &Order,
    ) -> Result<Option<Arc<SharedJar>>, StoreError> {
        let Some(key) = self.core.session_key(task.session) else { return Ok(None) };
        let owner = match order.cookies.storage {
            HttpCookieStorage::Private => Owner::Session(task.session),
            _ => Owner::Application(key.application.clone()),
        };
        if !Exchange::is_wanted(order) {
            return Ok(None);
        }
        self.cookies.of(owner, &self.store).map(Some)
    }

    /// Answers a call that keeps or forgets cookies; the reply comes after the commit.
    pub(crate) fn change_cookies(
        &mut self,
        turn: &mut Turn,
        peer: PeerNumber,
        id: CallId,
        call: Call,
    ) {
        let count = match call {
            Call::SetCookies { storage, cookies } => {
                self.named(&storage).map(|jar| jar.bring(cookies))
            }
            Call::ClearCookies { storage, domain } => {
                self.named(&storage).map(|jar| jar.clear(domain.as_deref()))
            }
            _ => Err(Error::new(ErrorCode::UNKNOWN).because("the call changes no cookies")),
        };
        turn.writes_kept = true;
        let result = count.map(|count| Reply::CookiesChanged { count: count as u64 });
        turn.deeds.push(Deed::from(Action::Reply { peer, id, result }));
    }

    /// Has all cookies written by this turn's commit, after forgetting those of the session where
    /// that is to be reset, with its credentials and the hosts that it knows. What it does not use is
    /// not its to reset.
    pub(crate) fn settle_cookies(&mut self, turn: &mut Turn, call: &Call) -> Result<(), Error> {
        turn.writes_kept = true;
        let Call::Reset { session } = call else { return Ok(()) };
        // Who names a session that is none is told so later.
        let Some(number) = self.core.session_number(session) else { return Ok(()) };
        let configuration = self.core.configuration(number);
        let storages =
            configuration.map(|all| (all.http_cookie_storage, all.url_credential_storage));
        let (cookies, credentials) = storages.unwrap_or_default();
        if credentials == UrlCredentialStorage::Shared {
            self.forget_credentials(&session.application)?;
        }
        let own = Some(Owner::Session(number)).filter(|own| self.cookies.has(own));
        let is_shared = cookies == HttpCookieStorage::Shared;
        let shared = is_shared.then(|| Owner::Application(session.application.clone()));
        for owner in own.into_iter().chain(shared) {
            self.cookies.of(owner, &self.store).map_err(unreadable)?.clear(None);
        }
        self.forget_hosts(number).map_err(unreadable)
    }

    /// Lists one page of cookies.
    pub(crate) fn list_cookies(
        &mut self,
        storage: &CookieStorage,
        domain: Option<&str>,
        after: Option<&CookieIdentity>,
    ) -> Result<Reply, Error> {
        let mut list = self.named(storage)?.list(domain);
        list.retain(|cookie| after.is_none_or(|after| cookie.identity > *after));
        let (total, mut bytes) = (list.len(), 0);
        let fits = list.iter().take_while(|cookie| {
            let fits = bytes <= COOKIES_PAGE_BYTES;
            bytes += serde_json::to_vec(cookie).map_or(0, |line| line.len());
            fits
        });
        let page = fits.count();
        list.truncate(page);
        Ok(Reply::Cookies { cookies: list, more: page < total })
    }

    fn named(&mut self, storage: &CookieStorage) -> Result<Arc<SharedJar>, Error> {
        let CookieStorage { application, session } = storage;
        let owner = self.owner(application, session.as_ref())?;
        self.cookies.of(owner, &self.store).map_err(unreadable)
    }
}
