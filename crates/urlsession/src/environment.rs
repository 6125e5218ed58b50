//! Which proxies the environment of this process names, as curl reads it.

use urlsession_protocol::{ConnectionProxy, Error, Proxy};

/// Reads `http_proxy`, `https_proxy`, `all_proxy` and `no_proxy`. Capital letters count too, but
/// not `HTTP_PROXY`: a web server sets it from the request of a stranger.
pub(crate) fn proxies() -> Result<ConnectionProxy, Error> {
    read(|name| std::env::var(name).ok())
}

/// Reads `no_proxy`: the hosts that need no proxy, whoever names that.
pub(crate) fn exceptions() -> String {
    excepted(|name| std::env::var(name).ok())
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Result<ConnectionProxy, Error> {
    let set = |name| set(&variable, name);
    let proxy = |found: Option<(&str, String)>| {
        let parse = |(name, value): (&str, String)| {
            Proxy::parse(&value).map_err(|error| {
                let why = error.detail.clone().unwrap_or_default();
                error.because(format!("the environment’s {name}: {why}"))
            })
        };
        found.map(parse).transpose()
    };
    let all = set("all_proxy").or_else(|| set("ALL_PROXY"));
    let http = set("http_proxy").or_else(|| all.clone());
    let https = set("https_proxy").or_else(|| set("HTTPS_PROXY")).or(all);
    if http.is_none() && https.is_none() {
        return Ok(ConnectionProxy::default());
    }
    let proxies =
        ConnectionProxy { http: proxy(http)?, https: proxy(https)?, ..ConnectionProxy::default() };
    let proxies = proxies.except(&excepted(variable));
    proxies.check()?;
    Ok(proxies)
}

fn excepted(variable: impl Fn(&str) -> Option<String>) -> String {
    let list = set(&variable, "no_proxy").or_else(|| set(&variable, "NO_PROXY"));
    list.map(|(_, list)| list).unwrap_or_default()
}

fn set(
    variable: impl Fn(&str) -> Option<String>,
    name: &'static str,
) -> Option<(&'static str, String)> {
    let value = variable(name).filter(|value| !value.trim().is_empty())?;
    Some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// variables => proxy of http, proxy of https, exceptions
    const TABLE: &[(&str, &str)] = &[
        ("", "- - []"),
        ("http_proxy=a:1", "http://a:1 - []"),
        ("HTTP_PROXY=a:1", "- - []"),
        ("https_proxy=a:1", "- http://a:1 []"),
        ("HTTPS_PROXY=a:1", "- http://a:1 []"),
        ("HTTPS_PROXY=a:1 https_proxy=b:1", "- http://b:1 []"),
        ("all_proxy=socks5://a:1", "socks5://a:1 socks5://a:1 []"),
        ("ALL_PROXY=socks5://a:1 http_proxy=b:1", "http://b:1 socks5://a:1 []"),
        ("all_proxy=a:1 https_proxy=", "http://a:1 http://a:1 []"),
        ("http_proxy=a:1 no_proxy=b,.c", "http://a:1 - [\"b\", \".c\"]"),
        ("http_proxy=a:1 NO_PROXY=b no_proxy=c", "http://a:1 - [\"c\"]"),
        ("no_proxy=b", "- - []"),
        (
            "http_proxy=gopher://u:p@a",
            "the environment’s http_proxy: a proxy’s scheme is http, https, socks5 or socks5h",
        ),
    ];

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        for (variables, expected) in TABLE {
            let lookup = |name: &str| {
                let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
                pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
            };
            let shown = |proxy: Option<Proxy>| proxy.map_or("-".into(), |proxy| proxy.to_string());
            let got = match read(lookup) {
                Ok(got) => format!("{} {} {:?}", shown(got.http), shown(got.https), got.exceptions),
                Err(error) => error.detail.unwrap(),
            };
            assert_eq!(got, *expected, "{variables}");
        }
    }
}
