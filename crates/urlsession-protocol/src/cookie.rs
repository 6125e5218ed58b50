//! What a server wants remembered: Apple's `HTTPCookie`, and which cookies a session takes.

use crate::{Secret, Timestamp};
use serde::{Deserialize, Serialize};

/// Most bytes of a cookie's name and value together (RFC 6265bis section 5.6).
pub const COOKIE_LENGTH_LIMIT: usize = 4096;
/// Most bytes of the value of one attribute, such as domain and path.
pub const COOKIE_ATTRIBUTE_LIMIT: usize = 1024;
/// Most bytes of JSON that one [`Reply::Cookies`](crate::Reply::Cookies) or one
/// [`Call::SetCookies`](crate::Call::SetCookies) should have: a line has room for one cookie more.
pub const COOKIES_PAGE_BYTES: usize = 512 * 1024;

/// One cookie. Its name, domain and path are listed; its value is a secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cookie {
    /// What tells it from all others of an application.
    #[serde(flatten)]
    pub identity: CookieIdentity,
    /// The value.
    pub value: Secret,
    /// Whether it goes over `https` only.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secure: bool,
    /// Whether it is kept from scripts: kept and handed on, of no effect here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub http_only: bool,
    /// What it says about requests that another site caused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub same_site: Option<SameSite>,
    /// When it ends; `None` ends with the process that holds it and is never on disk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// When it was first set; 0 lets whoever keeps it fill that in.
    #[serde(default)]
    pub created: Timestamp,
}

/// What tells a cookie from all others of an application: a later one of the same identity
/// replaces it (RFC 6265bis section 5.7).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CookieIdentity {
    /// The host it came from, or the domain whose hosts all get it; without a leading dot.
    pub domain: String,
    /// Whether it goes to that host only, and not to those below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub host_only: bool,
    /// The path it is for, with everything below it.
    pub path: String,
    /// The name; empty for a cookie that is only a value.
    pub name: String,
}

/// What a cookie says about requests that another site caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// It goes with all of them.
    None,
    /// It goes with those that navigate.
    Lax,
    /// It goes with none of them.
    Strict,
}

/// Which cookies of responses are kept: Apple's `HTTPCookieAcceptPolicy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpCookieAcceptPolicy {
    /// All: 0.
    Always,
    /// None: 1.
    Never,
    /// Those of the site of the task's main document: 2. A task without one is its own.
    #[default]
    OnlyFromMainDocumentDomain,
}

/// Which cookies a session uses: Apple's `HTTPCookieStorage`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HttpCookieStorage {
    /// Those of its application, on disk where they have an end.
    #[default]
    Shared,
    /// Its own, in memory, gone with it.
    Private,
    /// Neither sends nor keeps any.
    None,
}

/// What a session says about cookies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct CookiePolicy {
    /// Which cookies of responses are kept.
    pub accept: HttpCookieAcceptPolicy,
    /// Whether requests carry the cookies that are kept.
    pub send: bool,
    /// Which cookies these are.
    pub storage: HttpCookieStorage,
}

impl Default for CookiePolicy {
    fn default() -> Self {
        Self {
            accept: HttpCookieAcceptPolicy::default(),
            send: true,
            storage: HttpCookieStorage::default(),
        }
    }
}

impl CookiePolicy {
    /// Says whether it is Apple's default.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}
