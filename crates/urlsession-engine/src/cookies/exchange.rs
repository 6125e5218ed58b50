//! What one attempt does with cookies: which go with its requests, which of its responses stay.

use super::{SharedJar, scope};
use http::{HeaderMap, HeaderValue, header};
use std::sync::Arc;
use url::Url;
use urlsession_core::Order;
use urlsession_protocol::{CookiePolicy, HttpCookieAcceptPolicy, HttpCookieStorage};

/// The cookies of one attempt, every hop of which asks and tells.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    /// `None` where cookies are neither sent nor kept.
    jar: Option<Arc<SharedJar>>,
    policy: CookiePolicy,
    /// The host of the page that the task is for.
    main_document: Option<String>,
}

impl Exchange {
    /// Applies what the session and the task say.
    pub(crate) fn new(jar: Option<Arc<SharedJar>>, order: &Order) -> Self {
        let main = order.options.main_document_url.as_deref();
        Self {
            jar: jar.filter(|_| Self::is_wanted(order)),
            policy: order.cookies,
            main_document: main.and_then(|url| Some(scope::host(&url.parse().ok()?))),
        }
    }

    /// Says whether the task has to do with kept cookies at all.
    pub(crate) fn is_wanted(order: &Order) -> bool {
        !order.options.no_cookies && order.cookies.storage != HttpCookieStorage::None
    }

    /// Adds the kept cookies to the header fields of a request.
    ///
    /// The caller's own cookies go with them, unless there is a kept one of the same name: Apple's
    /// storage wins over the `Cookie` field of a request.
    pub(crate) fn send(&self, url: &Url, fields: &mut HeaderMap) {
        let Some(jar) = self.jar.as_ref().filter(|_| self.policy.send) else { return };
        let Some(mut sent) = jar.send(url, self.is_cross_site(url)) else { return };
        let callers: Vec<&str> = fields
            .get_all(header::COOKIE)
            .iter()
            .filter_map(|field| std::str::from_utf8(field.as_bytes()).ok())
            .flat_map(|field| field.split(';').map(str::trim))
            .filter(|pair| !pair.is_empty())
            .collect();
        let mut extra = String::new();
        for pair in callers {
            if !sent.split("; ").any(|kept| name(kept) == name(pair)) {
                extra.push_str("; ");
                extra.push_str(pair);
            }
        }
        sent.push_str(&extra);
        // What the jar keeps has no character that a field must not have.
        if let Ok(mut value) = HeaderValue::from_bytes(sent.as_bytes()) {
            value.set_sensitive(true);
            fields.insert(header::COOKIE, value);
        }
    }

    /// Keeps the cookies of a response, be it a redirect or an error.
    pub(crate) fn receive(&self, url: &Url, fields: &HeaderMap) {
        let Some(jar) = &self.jar else { return };
        if !fields.contains_key(header::SET_COOKIE) {
            return;
        }
        let cross_site = self.is_cross_site(url);
        let accepted = match self.policy.accept {
            HttpCookieAcceptPolicy::Always => true,
            HttpCookieAcceptPolicy::Never => false,
            HttpCookieAcceptPolicy::OnlyFromMainDocumentDomain => !cross_site,
        };
        if accepted {
            let fields = fields.get_all(header::SET_COOKIE).iter().map(HeaderValue::as_bytes);
            jar.receive(fields, url, cross_site);
        }
    }

    /// A task without main document is its own, wherever it is redirected.
    fn is_cross_site(&self, url: &Url) -> bool {
        let host = scope::host(url);
        self.main_document.as_ref().is_some_and(|main| scope::site(main) != scope::site(&host))
    }
}

fn name(pair: &str) -> &str {
    pair.split_once('=').map_or("", |(name, _)| name.trim_end())
}
