//! Which proxy a URL goes through, what it is told, and what is its fault.

use super::errors::Failure;
use http::{HeaderMap, HeaderName, HeaderValue};
use url::Url;
use urlsession_protocol::{ConnectionProxy, ErrorCode, Header, Proxy};

/// Finds the proxy of the URL; `None` goes straight.
pub(super) fn of<'a>(url: &Url, proxies: &'a ConnectionProxy) -> Option<&'a Proxy> {
    let host = url.host_str().unwrap_or_default();
    proxies.of_server(url.scheme(), host, url.port_or_known_default().unwrap_or_default())
}

/// Adds what a proxy is told, which wins over fields of the same name.
pub(super) fn tell(headers: &[Header], fields: &mut HeaderMap) -> Result<(), Failure> {
    let illegal = |name: &str| {
        let why = format!("the header field “{}” for the proxy", name.escape_debug());
        Failure::permanent(ErrorCode::UNKNOWN, why)
    };
    let mut told = HeaderMap::with_capacity(headers.len());
    for Header { name, value } in headers {
        let mut value =
            HeaderValue::from_bytes(value.expose().as_bytes()).map_err(|_| illegal(name))?;
        value.set_sensitive(true);
        told.append(HeaderName::from_bytes(name.as_bytes()).map_err(|_| illegal(name))?, value);
    }
    fields.extend(told);
    Ok(())
}

/// Says on every failure that it struck on the way to or in the proxy.
pub(super) fn blame(proxy: &Proxy, mut failure: Failure) -> Failure {
    let why = failure.error.detail.take().unwrap_or_default();
    failure = unasked(failure);
    failure.error.detail = Some(format!("the proxy {proxy}: {why}"));
    // Its certificate is no word about the server.
    failure.error.message = failure.error.message.replace("HOST", &proxy.host);
    failure
}

/// Has nobody asked for a certificate: what an app answers is for the server, which has not said anything
/// yet.
pub(super) fn unasked(failure: Failure) -> Failure {
    use ErrorCode as Code;
    match failure.error.code {
        Code::CLIENT_CERTIFICATE_REQUIRED | Code::CLIENT_CERTIFICATE_REJECTED => {
            let why = failure.error.detail.unwrap_or_default();
            Failure::permanent(Code::SECURE_CONNECTION_FAILED, why)
        }
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_certificate_of_a_proxy_is_the_proxys() {
        let proxy = Proxy::parse("https://proxy.test").unwrap();
        let failure = Failure::permanent(ErrorCode::SERVER_CERTIFICATE_UNTRUSTED, "so");
        let error = blame(&proxy, failure).at("http://origin.test/").error;
        assert!(error.message.contains("“proxy.test”"), "{error}");
        assert_eq!(error.failing_url.as_deref(), Some("http://origin.test/"));
        let failure = Failure::permanent(ErrorCode::CLIENT_CERTIFICATE_REQUIRED, "so");
        let error = blame(&proxy, failure).error;
        assert_eq!(error.code, ErrorCode::SECURE_CONNECTION_FAILED);
        assert_eq!(error.detail.as_deref(), Some("the proxy https://proxy.test:443: so"));
    }

    #[test]
    fn the_scheme_decides() {
        let proxies = ConnectionProxy { https: Proxy::parse("a").ok(), ..Default::default() };
        assert!(of(&"http://h/".parse().unwrap(), &proxies).is_none());
        assert!(of(&"https://h/".parse().unwrap(), &proxies).is_some());
    }
}
