//! Cookies of every application, of which attempts send some; those without an end are never
//! written.

mod calls;
mod exchange;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod jar;
mod scope;
mod set_cookie;
#[cfg(test)]
mod tests;

pub(crate) use exchange::Exchange;
pub(crate) use jar::Kept;

use crate::shelf::{Shared, Shelf};
use crate::store::Row;
use jar::{Asker, Jar};
use url::Url;
use urlsession_protocol::{Cookie, CookieIdentity};

/// The cookies of all applications.
pub(crate) type Cookies = Shelf<Jar>;
/// Somebody's cookies.
pub(crate) type SharedJar = Shared<Jar>;
/// A row of the table of cookies.
pub(crate) type CookieRow = Row<CookieIdentity, Kept>;

impl SharedJar {
    /// Returns the `Cookie` field of a request.
    fn send(&self, url: &Url, cross_site: bool) -> Option<String> {
        if self.is_empty() {
            return None;
        }
        let now = self.now();
        self.with(|jar| jar.send(Asker { url, cross_site }, now))
    }

    /// Keeps what the `Set-Cookie` fields of a response ask for.
    fn receive<'a>(&self, fields: impl Iterator<Item = &'a [u8]>, url: &Url, cross_site: bool) {
        let now = self.now();
        self.change(|jar| {
            for field in fields {
                if !jar.receive(field, Asker { url, cross_site }, now) {
                    tracing::debug!(host = url.host_str(), "a cookie was not kept");
                }
            }
        });
    }

    /// Keeps cookies that a person or program brings, but for those of no host; returns how many.
    fn bring(&self, cookies: Vec<Cookie>) -> usize {
        let now = self.now();
        let brought = cookies.into_iter().filter_map(|mut cookie| {
            cookie.identity.domain = scope::named(&cookie.identity.domain)?;
            Some(cookie)
        });
        self.change(|jar| brought.filter(|cookie| jar.bring(cookie.clone(), now)).count())
    }

    fn clear(&self, domain: Option<&str>) -> usize {
        let domain = domain.map(known_as);
        self.change(|jar| jar.clear(domain.as_deref()))
    }

    fn list(&self, domain: Option<&str>) -> Vec<Cookie> {
        let (now, domain) = (self.now(), domain.map(known_as));
        self.with(|jar| jar.list(domain.as_deref(), now).into_iter().cloned().collect())
    }
}

/// Returns what cookies may be kept for where a domain is named. What is no host was taken once, and
/// must be found to be removed.
fn known_as(domain: &str) -> String {
    scope::named(domain).unwrap_or_else(|| domain.to_owned())
}
