//! What servers want remembered, on its way from and to JavaScript: cookies and known hosts.

use crate::task::no_such;
use napi_derive::napi;
use urlsession::{CookieIdentity, Error, SameSite, Secret, Timestamp};

/// What a server wants to see again. Dates are milliseconds since 1970.
#[napi(object)]
pub struct Cookie {
    /// The name; empty for a cookie that is only a value.
    pub name: String,
    /// The value.
    pub value: String,
    /// The host it came from, or the domain whose hosts all get it.
    pub domain: String,
    /// Whether it goes to that host only, and not to those below it.
    pub host_only: bool,
    /// The path it is for, with everything below it.
    pub path: String,
    /// Whether it goes over `https` only.
    pub secure: bool,
    /// Whether it is kept from scripts: of no effect here.
    pub http_only: bool,
    /// What it says about requests that another site caused.
    #[napi(ts_type = "'none' | 'lax' | 'strict'")]
    pub same_site: Option<String>,
    /// When it ends; absent with the process that holds it.
    pub expires: Option<f64>,
    /// When it was first set; absent is now.
    pub created: Option<f64>,
}

impl From<urlsession::Cookie> for Cookie {
    fn from(cookie: urlsession::Cookie) -> Self {
        let CookieIdentity { domain, host_only, path, name } = cookie.identity;
        let same_site = cookie.same_site.map(|same_site| match same_site {
            SameSite::None => "none",
            SameSite::Lax => "lax",
            SameSite::Strict => "strict",
        });
        Self {
            name,
            value: cookie.value.expose().to_owned(),
            domain,
            host_only,
            path,
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: same_site.map(str::to_owned),
            expires: cookie.expires.map(milliseconds),
            created: Some(milliseconds(cookie.created)),
        }
    }
}

impl TryFrom<Cookie> for urlsession::Cookie {
    type Error = Error;

    fn try_from(cookie: Cookie) -> Result<Self, Error> {
        let Cookie { name, domain, host_only, path, .. } = cookie;
        Ok(Self {
            identity: CookieIdentity { domain, host_only, path, name },
            value: Secret::new(cookie.value),
            secure: cookie.secure,
            http_only: cookie.http_only,
            same_site: match cookie.same_site.as_deref() {
                None => None,
                Some("none") => Some(SameSite::None),
                Some("lax") => Some(SameSite::Lax),
                Some("strict") => Some(SameSite::Strict),
                Some(other) => return Err(no_such("sameSite", other, "none, lax or strict")),
            },
            expires: cookie.expires.map(timestamp),
            created: cookie.created.map_or(Timestamp(0), timestamp),
        })
    }
}

/// A host that is asked over `https` only, because it said so.
#[napi(object)]
pub struct KnownHost {
    /// Its name.
    pub host: String,
    /// Whether all names below it are meant, too.
    pub include_subdomains: bool,
    /// When it ends, in milliseconds since 1970.
    pub expires: f64,
}

impl From<urlsession::KnownHost> for KnownHost {
    fn from(known: urlsession::KnownHost) -> Self {
        let urlsession::KnownHost { host, include_subdomains, expires } = known;
        Self { host, include_subdomains, expires: milliseconds(expires) }
    }
}

impl From<KnownHost> for urlsession::KnownHost {
    fn from(known: KnownHost) -> Self {
        let KnownHost { host, include_subdomains, expires } = known;
        Self { host, include_subdomains, expires: timestamp(expires) }
    }
}

fn milliseconds(moment: Timestamp) -> f64 {
    moment.0 as f64
}

/// A moment before 1970 has passed, as 1970 has.
fn timestamp(milliseconds: f64) -> Timestamp {
    Timestamp(milliseconds as u64)
}
