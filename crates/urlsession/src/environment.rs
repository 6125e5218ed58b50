//! Which proxies the environment of this process names, as curl reads it.

use urlsession_protocol::{ConnectionProxy, Error, ErrorCode, Proxy};

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

/// Reads the variables of [`HTTP`] and [`HTTPS`], and `no_proxy`. Whom [`check`] refuses is known with
/// a URL only.
pub(crate) fn proxies() -> Result<ConnectionProxy, Error> {
    read(|name| std::env::var(name).ok())
}

/// Refuses a URL whose proxy is a variable’s that cannot be read.
pub(crate) fn check(url: &str, proxies: &ConnectionProxy) -> Result<(), Error> {
    judge(url, proxies, variables)
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
    let proxy = |names| first(&variable, names).map(EnvironmentProxy::or_unreadable);
    let (http, https) = (proxy(&HTTP), proxy(&HTTPS));
    if http.is_none() && https.is_none() {
        return Ok(ConnectionProxy::default());
    }
    let proxies = ConnectionProxy { http, https, ..ConnectionProxy::default() };
    let proxies = proxies.except(&excepted(variable));
    proxies.check()?;
    Ok(proxies)
}

impl EnvironmentProxy {
    fn or_unreadable(self) -> Proxy {
        self.proxy.unwrap_or_else(|_| Proxy::unreadable(self.variable))
    }
}

fn judge(
    url: &str,
    proxies: &ConnectionProxy,
    variables: impl FnOnce() -> Vec<EnvironmentProxy>,
) -> Result<(), Error> {
    // Few environments are wrong: others do not pay for reading the URL once more.
    let is_wrong = proxies.http.iter().chain(&proxies.https).any(Proxy::is_unreadable);
    let taken = is_wrong.then(|| proxies.of_url(url)).flatten();
    let Some(taken) = taken.filter(|proxy| proxy.is_unreadable()) else { return Ok(()) };
    let is_it = |found: &EnvironmentProxy| Proxy::unreadable(found.variable).host == taken.host;
    match variables().into_iter().find(is_it).map(|found| found.proxy) {
        Some(Err(error)) => Err(error),
        // It is one of another environment, or it was mended meanwhile.
        Some(Ok(_)) | None => {
            Err(Error::new(ErrorCode::UNKNOWN).because(format!("{taken} stands for no proxy")))
        }
    }
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
        ("http_proxy=socks://a:1", "socks4://a:1 - []"),
        ("http_proxy=gopher://u:p@a", "http://http_proxy.unreadable.invalid:1080 - []"),
        (
            "ALL_PROXY=gopher://a http_proxy=b",
            "http://b:1080 http://all_proxy.unreadable.invalid:1080 []",
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

    /// variables, URL => which variable is wrong
    #[test]
    fn a_wrong_variable_stops_only_those_who_need_it() {
        for (variables, url, expected) in [
            ("http_proxy=gopher://u:p@a", "http://h/", Some("http_proxy")),
            ("http_proxy=gopher://a", "https://h/", None),
            ("https_proxy=gopher://a", "http://h/", None),
            ("https_proxy=gopher://a", "https://h:8/", Some("https_proxy")),
            ("HTTPS_PROXY=gopher://a", "https://h/", Some("HTTPS_PROXY")),
            ("ALL_PROXY=gopher://a http_proxy=b", "http://h/", None),
            ("ALL_PROXY=gopher://a http_proxy=b", "https://h/", Some("ALL_PROXY")),
            ("all_proxy=gopher://a no_proxy=h", "http://h/", None),
            ("all_proxy=gopher://a no_proxy=*", "https://h/", None),
            ("all_proxy=gopher://a no_proxy=i", "http://h/", Some("all_proxy")),
            ("", "http://h/", None),
        ] {
            let proxies = read(lookup(variables)).unwrap();
            let got = judge(url, &proxies, || taken(lookup(variables)));
            let schemes = "a proxy’s scheme is http, https, socks5, socks5h, socks4 or socks4a";
            let why = expected.map(|name| format!("the environment’s {name}: {schemes}"));
            assert_eq!(got.err().and_then(|error| error.detail), why, "{variables} {url}");
        }
        // An app may have kept what it read.
        let kept = ConnectionProxy::everywhere(Proxy::unreadable("http_proxy"));
        assert!(judge("http://h/", &kept, Vec::new).is_err());
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
