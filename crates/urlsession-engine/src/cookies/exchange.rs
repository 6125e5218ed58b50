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
    /// The host of the page that the task is for: empty, as that of no request, where there is none or
    /// nobody can read which.
    main_document: Option<String>,
}

impl Exchange {
    /// Applies what the session and the task say.
    pub(crate) fn new(jar: Option<Arc<SharedJar>>, order: &Order) -> Self {
        let main = order.options.main_document_url.as_deref();
        Self {
            jar: jar.filter(|_| Self::is_wanted(order)),
            policy: order.cookies,
            main_document: main
                .map(|url| url.parse().as_ref().map(scope::host).unwrap_or_default()),
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use urlsession_protocol::{CachePolicy, Request, TaskKind, TaskOptions};

    /// What nobody can read is no page of the server's.
    #[test]
    fn the_main_document_says_which_site_it_is() {
        for (main, expected) in [
            (None, false),
            (Some("http://www.ex.com/page"), false),
            (Some("https://EX.com"), false),
            (Some("https://evil.example/page"), true),
            (Some("evil.example/page"), true),
            (Some("ex.com/page"), true),
            (Some("//ex.com/"), true),
            (Some("https://"), true),
            (Some(""), true),
            (Some("about:blank"), true),
            (Some("file:///ex.com"), true),
        ] {
            let order = Order {
                kind: TaskKind::Data,
                request: Request::new("http://ex.com/").unwrap(),
                options: TaskOptions {
                    main_document_url: main.map(str::to_owned),
                    ..TaskOptions::default()
                },
                idle_timeout: Duration::ZERO,
                cookies: CookiePolicy::default(),
                cache: CachePolicy::default(),
                answers: Vec::new(),
            };
            let exchange = Exchange::new(None, &order);
            let url = "http://shop.ex.com/".parse().unwrap();
            assert_eq!(exchange.is_cross_site(&url), expected, "{main:?}");
        }
    }
}
