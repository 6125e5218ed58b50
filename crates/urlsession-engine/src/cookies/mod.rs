//! Cookies of every application, of which attempts send some; those without an end are never
//! written.

mod calls;
mod date;
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

    fn bring(&self, cookies: Vec<Cookie>) -> usize {
        let now = self.now();
        self.change(|jar| cookies.into_iter().filter(|c| jar.bring(c.clone(), now)).count())
    }

    fn clear(&self, domain: Option<&str>) -> usize {
        self.change(|jar| jar.clear(domain))
    }

    fn list(&self, domain: Option<&str>) -> Vec<Cookie> {
        let now = self.now();
        self.with(|jar| jar.list(domain, now).into_iter().cloned().collect())
    }
}
