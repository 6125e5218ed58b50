//! Options that say through whom a request goes, and what its connection must prove.

use super::held::HeldArgs;
use crate::measure;
use clap::{ArgAction, ArgGroup, Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use urlsession::{ConnectTo, PublicKeyPin, TlsVersion, UrlScheme};

/// How to reach the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Network")]
#[command(group = ArgGroup::new("tls_min").args(["tls12", "tls13"]))]
pub(crate) struct NetworkArgs {
    /// Go through this proxy: [http|https|socks5|socks5h|socks|socks4|socks4a]://[USER:PASSWORD@]HOST[:PORT],
    /// where socks is socks4; ‘’ is none [default: what http_proxy, https_proxy and all_proxy say]
    #[arg(long, value_name = "URL", overrides_with_all = ["proxy10", "socks5",
        "socks5_hostname", "socks4", "socks4a"])]
    pub(crate) proxy: Option<String>,
    /// Hosts that need no proxy, between commas; ‘*’ is all [default: what no_proxy says]
    #[arg(long, value_name = "LIST")]
    pub(crate) noproxy: Option<String>,
    /// Who we are to the proxy; a missing password is asked for
    #[arg(short = 'U', long, value_name = "USER[:PASSWORD]", allow_hyphen_values = true)]
    pub(crate) proxy_user: Option<String>,
    /// Have the proxy connect to servers of http, too, instead of taking their requests itself
    #[arg(short = 'p', long)]
    pub(crate) proxytunnel: bool,
    /// Header field for an HTTP proxy, with CONNECT or the request that it takes, or ‘@FILE’ with one
    /// a line; servers do not see those of CONNECT
    #[arg(long, value_name = "FIELD", action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) proxy_header: Vec<String>,
    /// Trust the roots in this PEM file in an https proxy, too; those of --cacert are trusted there as well
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) proxy_cacert: Vec<PathBuf>,
    /// Certificate to show to an https proxy, as --cert
    #[arg(long, value_name = "FILE[:PASSWORD]")]
    pub(crate) proxy_cert: Option<String>,
    /// Its private key in PEM, if it is in another file
    #[arg(long, value_name = "FILE", requires = "proxy_cert")]
    pub(crate) proxy_key: Option<PathBuf>,
    /// What opens it, as --pass
    #[arg(long, value_name = "PHRASE", requires = "proxy_cert", allow_hyphen_values = true)]
    pub(crate) proxy_pass: Option<String>,
    /// Take any certificate of an https proxy: who is in its place learns which servers are asked, and sees
    /// all that is not https
    #[arg(long)]
    pub(crate) proxy_insecure: bool,
    /// As --proxy, but say CONNECT in HTTP/1.0
    #[arg(long = "proxy1.0", value_name = "URL", id = "proxy10",
        overrides_with_all = ["proxy", "socks5", "socks5_hostname", "socks4", "socks4a"])]
    pub(crate) proxy10: Option<String>,
    /// The same as --proxy socks5://HOST: names of servers are looked up here
    #[arg(long, value_name = "HOST[:PORT]",
        overrides_with_all = ["proxy", "proxy10", "socks5_hostname", "socks4", "socks4a"])]
    pub(crate) socks5: Option<String>,
    /// The same as --proxy socks5h://HOST: the proxy looks them up
    #[arg(long, value_name = "HOST[:PORT]",
        overrides_with_all = ["proxy", "proxy10", "socks5", "socks4", "socks4a"])]
    pub(crate) socks5_hostname: Option<String>,
    /// The same as --proxy socks4://HOST: names of servers are looked up here, and only IPv4 is known
    #[arg(long, value_name = "HOST[:PORT]",
        overrides_with_all = ["proxy", "proxy10", "socks5", "socks5_hostname", "socks4a"])]
    pub(crate) socks4: Option<String>,
    /// The same as --proxy socks4a://HOST: the proxy looks them up
    #[arg(long, value_name = "HOST[:PORT]",
        overrides_with_all = ["proxy", "proxy10", "socks5", "socks5_hostname", "socks4"])]
    pub(crate) socks4a: Option<String>,
    /// Connect to the second host and port where the first ones are meant; what is left out is any,
    /// or stays
    #[arg(long, value_name = "HOST:PORT:HOST:PORT", value_parser = connect_to,
        action = ArgAction::Append)]
    pub(crate) connect_to: Vec<ConnectTo>,
    /// Take ADDRESS for that of HOST at PORT, several between commas; ‘*’ is any host. ‘-HOST:PORT’
    /// takes an earlier one back
    #[arg(long, value_name = "HOST:PORT:ADDRESS", value_parser = resolve,
        action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) resolve: Vec<Resolve>,
    /// Time at most to connect to a server or a proxy, such as 2.5 or 500ms: look-up and TLS included
    /// [default: 30s for each step]
    #[arg(long, value_name = "TIME", value_parser = measure::parse_duration)]
    pub(crate) connect_timeout: Option<Duration>,
    /// Connect to addresses of IPv4 only; where there is a proxy, it is about the proxy’s
    #[arg(short = '4', long, overrides_with = "ipv6")]
    pub(crate) ipv4: bool,
    /// The same with IPv6
    #[arg(short = '6', long, overrides_with = "ipv4")]
    pub(crate) ipv6: bool,
    /// Connect by this interface, such as eth0 (on Linux), or from this address
    #[arg(long, value_name = "NAME|ADDRESS", value_parser = interface)]
    pub(crate) interface: Option<String>,
    /// Connect to this Unix socket, wherever URLs and redirects lead, and not over the network or a
    /// proxy
    #[arg(long, value_name = "PATH", value_parser = socket)]
    pub(crate) unix_socket: Option<PathBuf>,
    /// Trust the roots in this PEM file, too
    #[arg(long, value_name = "FILE", action = ArgAction::Append)]
    pub(crate) cacert: Vec<PathBuf>,
    /// Certificate to show to servers that ask for one, in PEM or PKCS#12; ‘\:’ is a colon in the
    /// name of the file
    #[arg(long, value_name = "FILE[:PASSWORD]")]
    pub(crate) cert: Option<String>,
    /// Its private key in PEM, if it is in another file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// What opens the key of --key or --cert if it is encrypted, or the file of PKCS#12; FILE:PASSWORD
    /// wins
    #[arg(long, value_name = "PHRASE", requires = "cert", allow_hyphen_values = true)]
    pub(crate) pass: Option<String>,
    /// Speak TLS 1.2 or newer
    #[arg(id = "tls12", long = "tlsv1.2")]
    pub(crate) tls12: bool,
    /// Speak TLS 1.3 or newer
    #[arg(id = "tls13", long = "tlsv1.3")]
    pub(crate) tls13: bool,
    /// Speak no newer TLS than this
    #[arg(long, value_name = "VERSION")]
    pub(crate) tls_max: Option<TlsMaximum>,
    /// Keys that the server may have: ‘sha256//BASE64’, several between semicolons, or a file with one
    /// public key in PEM or DER
    #[arg(long, value_name = "PINS", value_parser = pins)]
    pub(crate) pinnedpubkey: Option<Pins>,
    /// Take any certificate: whoever is on the way can read and change what is moved
    #[arg(long)]
    pub(crate) insecure: bool,
    /// Ask over http where the URL says so, whatever its host said with Strict-Transport-Security, and
    /// do not hear what it says there
    #[arg(long)]
    pub(crate) no_hsts: bool,
    /// Know the hosts in FILE, too, as curl writes it, and write all that are known for the shell to it
    /// when all is done
    #[arg(long, value_name = "FILE", conflicts_with = "no_hsts")]
    pub(crate) hsts: Option<PathBuf>,
    /// As --hsts, with FILE as wget writes it
    #[arg(long, value_name = "FILE", conflicts_with_all = ["no_hsts", "hsts"])]
    pub(crate) hsts_file: Option<PathBuf>,
    /// Refuse http, in redirects too
    #[arg(long)]
    pub(crate) https_only: bool,
    /// Schemes that are allowed, in redirects too: ‘=https’ is https alone, ‘-http’ takes one away;
    /// there are http and https
    #[arg(long, value_name = "SCHEMES", value_parser = schemes, allow_hyphen_values = true)]
    pub(crate) proto: Option<Schemes>,
    /// The same for redirects alone; what --proto forbids stays forbidden
    #[arg(long, value_name = "SCHEMES", value_parser = redirect_schemes,
        allow_hyphen_values = true)]
    pub(crate) proto_redir: Option<RedirectSchemes>,
    /// Read a URL that is typed without a scheme as one of this: http (the default) or https
    #[arg(long, value_name = "SCHEME", value_parser = ["http", "https"], hide_possible_values = true)]
    pub(crate) proto_default: Option<String>,
    /// Try HTTP/3 first; where it does not come through, take HTTP/2 or HTTP/1.1
    #[arg(long)]
    pub(crate) http3: bool,
    /// Take HTTP/3 or nothing
    #[arg(long, conflicts_with = "http3")]
    pub(crate) http3_only: bool,
    /// Speak HTTP/1.1, not a newer version
    #[arg(long = "http1.1", id = "http11", conflicts_with_all = ["http3", "http3_only"])]
    pub(crate) http11: bool,
    /// Speak HTTP/1.0
    #[arg(short = '0', long = "http1.0", id = "http10",
        conflicts_with_all = ["http3", "http3_only", "http11"])]
    pub(crate) http10: bool,
    #[command(flatten)]
    held: HeldArgs,
}

/// Reads an interface as curl does: `if!`, `host!` and `ifhost!` in front say what it is.
fn interface(text: &str) -> Result<String, String> {
    match text.split_once('!') {
        None => Ok(text.to_owned()),
        Some(("if", name)) => Ok(name.to_owned()),
        Some(("host", address)) if address.parse::<std::net::IpAddr>().is_ok() => {
            Ok(address.to_owned())
        }
        Some(_) => Err("it is the name of an interface, or an address".to_owned()),
    }
}

/// Makes the path of a socket absolute, because the daemon lives in another folder. There need not be
/// one yet.
fn socket(text: &str) -> Result<PathBuf, String> {
    std::path::absolute(text).map_err(|error| error.to_string())
}

/// What one `--resolve` says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Resolve {
    To(ConnectTo),
    /// Nothing any more of this host at this port.
    Gone(Option<String>, Option<u16>),
}

/// Returns what is left of them.
pub(crate) fn resolved(all: &[Resolve]) -> Vec<ConnectTo> {
    let mut left: Vec<ConnectTo> = Vec::new();
    for one in all {
        match one {
            Resolve::To(to) => left.push(to.clone()),
            Resolve::Gone(host, port) => {
                left.retain(|to| (&to.host, &to.port) != (host, port));
            }
        }
    }
    left
}

/// What `--proto` allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Schemes {
    Both,
    Https,
    Http,
}

/// What `--proto-redir` allows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RedirectSchemes(pub(crate) Vec<UrlScheme>);

/// Reads schemes as curl does, and says whether `http` and `https` are among them: `=` allows these
/// alone, `+` these too, `-` the others. Those that are not spoken here may be named.
fn allowed(text: &str) -> Result<(bool, bool), String> {
    let (mut http, mut https) = (true, true);
    for one in text.split(',').map(str::trim) {
        let (sign, name) = match one.chars().next() {
            Some(sign @ ('=' | '+' | '-')) => (sign, &one[1..]),
            _ => ('+', one),
        };
        if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric()) {
            return Err(
                "schemes stand between commas, each with ‘=’, ‘+’ or ‘-’ in front".to_owned()
            );
        }
        if sign == '=' {
            (http, https) = (false, false);
        }
        for (scheme, is_allowed) in [("http", &mut http), ("https", &mut https)] {
            if name.eq_ignore_ascii_case("all") || name.eq_ignore_ascii_case(scheme) {
                *is_allowed = sign != '-';
            }
        }
    }
    Ok((http, https))
}

fn schemes(text: &str) -> Result<Schemes, String> {
    match allowed(text)? {
        (true, true) => Ok(Schemes::Both),
        (false, true) => Ok(Schemes::Https),
        (true, false) => Ok(Schemes::Http),
        (false, false) => Err("neither http nor https would be allowed".to_owned()),
    }
}

/// None at all is none that a redirect may lead to.
fn redirect_schemes(text: &str) -> Result<RedirectSchemes, String> {
    let (http, https) = allowed(text)?;
    let both = [(http, UrlScheme::Http), (https, UrlScheme::Https)];
    let schemes = both.into_iter().filter(|(is_allowed, _)| *is_allowed);
    Ok(RedirectSchemes(schemes.map(|(_, scheme)| scheme).collect()))
}

/// Reads `HOST:PORT:HOST:PORT`, where addresses of IPv6 have brackets.
fn connect_to(text: &str) -> Result<ConnectTo, String> {
    match &places(text)[..] {
        [host, port, to_host, to_port] => Ok(ConnectTo {
            host: host.clone(),
            port: number(port.as_deref())?,
            to_host: to_host.clone(),
            to_port: number(to_port.as_deref())?,
            is_local: false,
        }),
        _ => Err("it is HOST:PORT:HOST:PORT, [::1] for an address of IPv6".to_owned()),
    }
}

/// Reads `HOST:PORT:ADDRESS[,ADDRESS]…` or `-HOST:PORT`.
fn resolve(text: &str) -> Result<Resolve, String> {
    let wrong = || "it is HOST:PORT:ADDRESS, or -HOST:PORT".to_owned();
    let any = |host: String| (host != "*").then_some(host);
    if let Some(text) = text.strip_prefix('-') {
        return match &places(text)[..] {
            [Some(host), Some(port)] => Ok(Resolve::Gone(any(host.clone()), number(Some(port))?)),
            _ => Err(wrong()),
        };
    }
    let text = text.strip_prefix('+').unwrap_or(text);
    let (host, port, address) = match &places(text)[..] {
        [Some(host), Some(port), Some(address)] => (host.clone(), port.clone(), address.clone()),
        // An address of IPv6 may stand there without brackets.
        _ => {
            let mut parts = text.splitn(3, ':').map(str::to_owned);
            let mut next = || parts.next().filter(|part| !part.is_empty()).ok_or_else(wrong);
            (next()?, next()?, next()?)
        }
    };
    let bare = |one: &str| one.trim_start_matches('[').trim_end_matches(']').to_owned();
    let addresses = address.split(',').map(|one| bare(one).parse::<std::net::IpAddr>());
    let addresses = addresses.map(|one| Ok(one.map_err(|_| wrong())?.to_string()));
    Ok(Resolve::To(ConnectTo {
        host: any(host),
        port: number(Some(&port))?,
        to_host: Some(addresses.collect::<Result<Vec<_>, String>>()?.join(",")),
        to_port: None,
        is_local: true,
    }))
}

/// Parts a text at its colons, but for those in brackets, which go; nothing between two is `None`.
fn places(text: &str) -> Vec<Option<String>> {
    let mut places = vec![String::new()];
    let mut is_inside = false;
    for character in text.chars() {
        match character {
            '[' => is_inside = true,
            ']' => is_inside = false,
            ':' if !is_inside => places.push(String::new()),
            other => places.last_mut().into_iter().for_each(|last| last.push(other)),
        }
    }
    places.into_iter().map(|place| (!place.is_empty()).then_some(place)).collect()
}

fn number(text: Option<&str>) -> Result<Option<u16>, String> {
    let read = |text: &str| text.parse().ok().filter(|port| *port > 0);
    text.map(|text| read(text).ok_or_else(|| format!("“{text}” is no port"))).transpose()
}

/// A version as curl writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TlsMaximum {
    #[value(name = "1.2")]
    Tls12,
    #[value(name = "1.3", alias = "default")]
    Tls13,
}

impl From<TlsMaximum> for TlsVersion {
    fn from(maximum: TlsMaximum) -> Self {
        match maximum {
            TlsMaximum::Tls12 => Self::Tls12,
            TlsMaximum::Tls13 => Self::Tls13,
        }
    }
}

/// The keys of one option.
#[derive(Debug, Clone)]
pub(crate) enum Pins {
    Keys(Vec<PublicKeyPin>),
    File(PathBuf),
}

fn pins(text: &str) -> Result<Pins, String> {
    if !text.is_empty() && !text.contains("sha256//") {
        return Ok(Pins::File(text.into()));
    }
    let pins = PublicKeyPin::parse_list(text)
        .map_err(|error| error.detail.unwrap_or_else(|| error.message.clone()))?;
    if pins.is_empty() { Err("there is no key in it".to_owned()) } else { Ok(Pins::Keys(pins)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what is typed => host, port, host, port
    #[test]
    fn servers_can_be_elsewhere() {
        let shown = |to: ConnectTo| {
            let ConnectTo { host, port, to_host, to_port, .. } = to;
            format!("{host:?} {port:?} {to_host:?} {to_port:?}")
                .replace("Some(", "")
                .replace(')', "")
        };
        for (text, expected) in [
            ("a:1:b:2", "\"a\" 1 \"b\" 2"),
            ("::b:2", "None None \"b\" 2"),
            ("[fc00::1]:1:[::1]:", "\"fc00::1\" 1 \"::1\" None"),
        ] {
            assert_eq!(connect_to(text).map(shown).unwrap(), expected, "{text}");
        }
        for (text, expected) in [
            ("a:1:127.0.0.1", "\"a\" 1 \"127.0.0.1\" None"),
            ("+*:1:[::1]", "None 1 \"::1\" None"),
            ("a:1:::1", "\"a\" 1 \"::1\" None"),
            ("a:1:127.0.0.1,::1,[::2]", "\"a\" 1 \"127.0.0.1,::1,::2\" None"),
            ("a:1:[::1],127.0.0.1", "\"a\" 1 \"::1,127.0.0.1\" None"),
        ] {
            assert_eq!(shown(resolved(&[resolve(text).unwrap()]).remove(0)), expected, "{text}");
        }
        let typed = ["a:1:::1", "*:1:::1", "a:2:::1", "-a:1", "-*:1", "-b:1"];
        let left = resolved(&typed.map(|text| resolve(text).unwrap()));
        let left: Vec<String> = left.into_iter().map(shown).collect();
        assert_eq!(left, ["\"a\" 2 \"::1\" None"]);
        assert!(["a", "a:b:c:d", "a:0:b:1", ":::::"].iter().all(|text| connect_to(text).is_err()));
        let wrong = ["a:1:b", "a:1", "a:x:127.0.0.1", "-a", "-a:1:::1", "a:1:127.0.0.1,b"];
        assert!(wrong.iter().all(|text| resolve(text).is_err()));
    }

    #[test]
    fn schemes_are_allowed_as_curl_reads_them() {
        for (text, expected) in [
            ("=https", Some(Schemes::Https)),
            ("-http", Some(Schemes::Https)),
            ("-all,https", Some(Schemes::Https)),
            ("=http,https,ftp", Some(Schemes::Both)),
            ("ftp", Some(Schemes::Both)),
            ("=http", Some(Schemes::Http)),
            ("-https", Some(Schemes::Http)),
            ("=ftp", None),
            ("", None),
            ("=,", None),
        ] {
            assert_eq!(schemes(text).ok(), expected, "{text}");
        }
        for (text, expected) in [
            ("=https", Some(&[UrlScheme::Https][..])),
            ("-https", Some(&[UrlScheme::Http])),
            ("all", Some(&[UrlScheme::Http, UrlScheme::Https])),
            ("-all", Some(&[])),
            ("=ftp", Some(&[])),
            ("", None),
        ] {
            assert_eq!(redirect_schemes(text).ok().as_ref().map(|r| &*r.0), expected, "{text}");
        }
    }
}
