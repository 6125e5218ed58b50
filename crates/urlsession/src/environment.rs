//! Which proxies the environment of this process names, as curl reads it.

use urlsession_protocol::{ConnectionProxy, Error, Proxy};

/// Where the proxy of requests over `http` is named. Capital letters count too, but not
/// `HTTP_PROXY`: a web server sets it from the request of a stranger.
const HTTP: [&str; 3] = ["http_proxy", "all_proxy", "ALL_PROXY"];
/// The same of requests over `https`.
const HTTPS: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

/// A variable of the environment that names the proxy of some requests.
#[derive(Debug, Clone, PartialEq)]
pub struct EnvironmentProxy {
    /// The name of the variable, such as `https_proxy`.
    pub variable: &'static str,
    /// Whom it names; -1 with a sentence that names the variable, and never a credential, if that
    /// cannot be read.
    pub proxy: Result<Proxy, Error>,
}

/// Reads the variables of [`HTTP`] and [`HTTPS`], and `no_proxy`.
pub(crate) fn proxies() -> Result<ConnectionProxy, Error> {
    read(|name| std::env::var(name).ok())
}

/// Lists the variables that [`proxies`] takes.
pub(crate) fn variables() -> Vec<EnvironmentProxy> {
    taken(|name| std::env::var(name).ok())
}

/// Reads `no_proxy`: the hosts that need no proxy, whoever names that.
pub(crate) fn exceptions() -> String {
    excepted(|name| std::env::var(name).ok())
}

fn read(variable: impl Fn(&str) -> Option<String>) -> Result<ConnectionProxy, Error> {
    let proxy = |names| first(&variable, names).map(|found| found.proxy).transpose();
    let (http, https) = (proxy(&HTTP)?, proxy(&HTTPS)?);
    if http.is_none() && https.is_none() {
        return Ok(ConnectionProxy::default());
    }
    let proxies = ConnectionProxy { http, https, ..ConnectionProxy::default() };
    let proxies = proxies.except(&excepted(variable));
    proxies.check()?;
    Ok(proxies)
}

fn taken(variable: impl Fn(&str) -> Option<String>) -> Vec<EnvironmentProxy> {
    let mut found: Vec<_> = first(&variable, &HTTP).into_iter().collect();
    let https = first(&variable, &HTTPS);
    found.extend(https.filter(|https| found.iter().all(|http| http.variable != https.variable)));
    found
}

/// Reads the first of the variables that is set.
fn first(
    variable: impl Fn(&str) -> Option<String>,
    names: &[&'static str],
) -> Option<EnvironmentProxy> {
    let (variable, value) = names.iter().find_map(|name| Some((*name, set(&variable, name)?)))?;
    let proxy = Proxy::parse(&value).map_err(|error| {
        let why = error.detail.clone().unwrap_or_default();
        error.because(format!("the environment’s {variable}: {why}"))
    });
    Some(EnvironmentProxy { variable, proxy })
}

fn excepted(variable: impl Fn(&str) -> Option<String>) -> String {
    set(&variable, "no_proxy").or_else(|| set(&variable, "NO_PROXY")).unwrap_or_default()
}

fn set(variable: impl Fn(&str) -> Option<String>, name: &str) -> Option<String> {
    variable(name).filter(|value| !value.trim().is_empty())
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
            "the environment’s http_proxy: a proxy’s scheme is http, https, socks5, socks5h, socks4 or socks4a",
        ),
    ];

    /// Returns the value of a variable.
    fn lookup(variables: &str) -> impl Fn(&str) -> Option<String> {
        move |name| {
            let mut pairs = variables.split(' ').filter_map(|pair| pair.split_once('='));
            pairs.find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        }
    }

    #[test]
    fn the_environment_is_read_as_curl_reads_it() {
        for (variables, expected) in TABLE {
            let shown = |proxy: Option<Proxy>| proxy.map_or("-".into(), |proxy| proxy.to_string());
            let got = match read(lookup(variables)) {
                Ok(got) => format!("{} {} {:?}", shown(got.http), shown(got.https), got.exceptions),
                Err(error) => error.detail.unwrap(),
            };
            assert_eq!(got, *expected, "{variables}");
        }
    }

    #[test]
    fn only_the_variables_that_count_are_listed() {
        for (variables, expected) in [
            ("", ""),
            ("http_proxy=a:1 HTTP_PROXY=b:1 HTTPS_PROXY=c:1", "http_proxy HTTPS_PROXY"),
            (
                "http_proxy=a:1 https_proxy=b:1 HTTPS_PROXY=c:1 all_proxy=x://",
                "http_proxy https_proxy",
            ),
            ("all_proxy=a:1", "all_proxy"),
            ("ALL_PROXY=gopher://a https_proxy=b:1", "ALL_PROXY=? https_proxy"),
        ] {
            let shown = |found: EnvironmentProxy| match found.proxy {
                Ok(_) => found.variable.to_owned(),
                Err(_) => format!("{}=?", found.variable),
            };
            let got: Vec<_> = taken(lookup(variables)).into_iter().map(shown).collect();
            assert_eq!(got.join(" "), expected, "{variables}");
        }
    }
}
