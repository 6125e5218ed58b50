//! From the network's options to what a task says of its way to the server.

use super::existing;
use crate::args::{HeaderFields, NetworkArgs, Pins, Schemes, typed_fields};
use crate::exit::Failure;
use crate::public_key;
use std::fs::File;
use std::io::{self, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use urlsession::{
    ClientCertificate, ConnectionProxy, Http3, Proxy, Secret, SessionConfiguration, TaskOptions,
    TlsPolicy, TlsVersion,
};

/// Most bytes of a file in which an encrypted key is looked for, to ask for its password.
const KEY_LIMIT: u64 = 1024 * 1024;

/// Adds what was typed about the network.
pub(super) fn apply(args: &NetworkArgs, options: &mut TaskOptions) -> Result<(), Failure> {
    options.connection_proxy = Some(proxies(args)?);
    options.ca_certificates =
        args.cacert.iter().map(|path| existing(path)).collect::<Result<_, _>>()?;
    options.http3 = match (args.http3_only, args.http3) {
        (true, _) => Some(Http3::Only),
        (false, true) => Some(Http3::Auto),
        (false, false) => None,
    };
    options.assumes_http3_capable = args.http3;
    let minimum = args.tls13.then_some(TlsVersion::Tls13);
    let client_certificate = args
        .cert
        .as_deref()
        .map(|text| certificate(text, args.key.as_deref(), args.pass.as_deref()));
    options.tls = TlsPolicy {
        minimum_version: minimum.or(args.tls12.then_some(TlsVersion::Tls12)),
        maximum_version: args.tls_max.map(TlsVersion::from),
        client_certificate: client_certificate.transpose()?,
        pinned_public_keys: match &args.pinnedpubkey {
            None => Vec::new(),
            Some(Pins::Keys(pins)) => pins.clone(),
            Some(Pins::File(path)) => vec![public_key::read(path)?],
        },
        allow_any_certificate: args.insecure,
        https_only: args.https_only || args.proto == Some(Schemes::Https),
    };
    options.tls.check().map_err(usage)
}

/// Finds the files of `--cert` and `--key`; the password of a PKCS#12 file or of an encrypted key is
/// asked for where there is somebody to ask.
pub(crate) fn certificate(
    text: &str,
    key: Option<&Path>,
    pass: Option<&str>,
) -> Result<ClientCertificate, Failure> {
    let (path, password) = split(text);
    let certificate = existing(&path)?;
    let with_key = key.unwrap_or(&path);
    let key = key.map(existing).transpose()?;
    let password = match password.or_else(|| pass.map(str::to_owned)) {
        None if is_pkcs12(&certificate) => ask(&path)?,
        None if is_encrypted(key.as_ref().unwrap_or(&certificate)) => ask(with_key)?,
        password => password,
    };
    Ok(ClientCertificate { certificate, key, password: password.map(Secret::new) })
}

/// Splits `FILE[:PASSWORD]` as curl does; what is the name of a file, is that.
fn split(text: &str) -> (PathBuf, Option<String>) {
    if Path::new(text).exists() {
        return (text.into(), None);
    }
    let mut path = String::new();
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let is_drive = cfg!(windows) && at == 1;
        match c {
            ':' if !is_drive => return (path.into(), Some(text[at + 1..].to_owned())),
            '\\' => match characters.next_if(|(_, next)| matches!(next, ':' | '\\')) {
                Some((_, escaped)) => path.push(escaped),
                None => path.push(c),
            },
            c => path.push(c),
        }
    }
    (path.into(), None)
}

/// A file in PEM is a text; one of PKCS#12 begins as every sequence in DER.
fn is_pkcs12(path: &Path) -> bool {
    let mut start = [0; 2];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut start));
    read.is_ok() && start[0] == 0x30 && start[1] >= 0x80
}

fn is_encrypted(path: &Path) -> bool {
    let mut text = Vec::new();
    let read = File::open(path).and_then(|file| file.take(KEY_LIMIT).read_to_end(&mut text));
    read.is_ok() && String::from_utf8_lossy(&text).contains("BEGIN ENCRYPTED PRIVATE KEY")
}

/// Returns where somebody can be asked, if there is anybody.
fn asking() -> Option<console::Term> {
    Some(console::Term::stderr()).filter(|term| term.is_term() && io::stdin().is_terminal())
}

/// Without anybody to ask it is the empty password.
fn ask(path: &Path) -> Result<Option<String>, Failure> {
    let Some(terminal) = asking() else { return Ok(None) };
    let name = path.display().to_string();
    terminal.write_str(&format!("password of {}: ", crate::escape::shown(&name)))?;
    Ok(Some(terminal.read_secure_line()?))
}

/// `--proxy` wins over the environment's proxies, `--noproxy` over its exceptions.
fn proxies(args: &NetworkArgs) -> Result<ConnectionProxy, Failure> {
    let of_scheme = |scheme: &str, host: &Option<String>| {
        // curl takes a scheme that is typed all the same.
        let whole = |host: &String| match host.contains("://") {
            true => host.clone(),
            false => format!("{scheme}://{host}"),
        };
        host.as_ref().filter(|host| !host.is_empty()).map(whole)
    };
    let of_socks = [
        ("socks5", &args.socks5),
        ("socks5h", &args.socks5_hostname),
        ("socks4", &args.socks4),
        ("socks4a", &args.socks4a),
    ];
    let socks = of_socks.into_iter().find_map(|(scheme, host)| of_scheme(scheme, host));
    let typed = args.proxy10.as_deref().or(args.proxy.as_deref()).or(socks.as_deref());
    let mut proxies = match typed {
        Some("") => return Ok(ConnectionProxy::default()),
        Some(text) => {
            let proxy = Proxy::parse(text).map_err(usage)?;
            let exceptions = SessionConfiguration::environment_proxy_exceptions();
            ConnectionProxy::everywhere(proxy).except(&exceptions)
        }
        None => SessionConfiguration::environment_proxy().map_err(usage)?,
    };
    if let Some(list) = &args.noproxy {
        proxies = proxies.except(list);
    }
    if let Some(text) = &args.proxy_user {
        if !text.contains(':') && asking().is_none() {
            let why = "-U has no password, and there is no terminal to ask on";
            return Err(Failure::usage(why).next("write -U USER:PASSWORD; wget’s -U is -A here"));
        }
        let shown = super::user(text)?;
        for proxy in proxies.http.iter_mut().chain(&mut proxies.https) {
            proxy.credential = Some(shown.clone());
        }
    }
    proxies.tunnels = args.proxytunnel;
    proxies.speaks_http10 = args.proxy10.is_some();
    let HeaderFields { sent, omitted } = typed_fields("--proxy-header", &args.proxy_header)?;
    if let Some(name) = omitted.first() {
        let why = format!("--proxy-header cannot leave out the header field {name}");
        return Err(Failure::usage(why).next("write ‘Name: value’"));
    }
    proxies.headers = sent;
    proxies.ca_certificates =
        args.proxy_cacert.iter().map(|path| existing(path)).collect::<Result<_, _>>()?;
    let own = args
        .proxy_cert
        .as_deref()
        .map(|text| certificate(text, args.proxy_key.as_deref(), args.proxy_pass.as_deref()));
    proxies.tls = TlsPolicy {
        client_certificate: own.transpose()?,
        allow_any_certificate: args.proxy_insecure,
        ..TlsPolicy::default()
    };
    proxies.check().map_err(usage)?;
    Ok(proxies)
}

/// Refuses a URL whose proxy the environment names and nobody can read.
pub(super) fn check(url: &str, options: &TaskOptions) -> Result<(), Failure> {
    match &options.connection_proxy {
        Some(proxies) if options.request_policy.unix_socket.is_none() => {
            SessionConfiguration::check_environment_proxy(url, proxies).map_err(usage)
        }
        _ => Ok(()),
    }
}

fn usage(error: urlsession::Error) -> Failure {
    Failure::usage(error.detail.unwrap_or(error.message))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what is typed => the file and its password
    #[test]
    fn passwords_of_certificates() {
        let folder = tempfile::tempdir().unwrap();
        let odd = folder.path().join("a:b.pem");
        std::fs::write(&odd, "").unwrap();
        let odd = odd.to_str().unwrap();
        for (text, path, password) in [
            ("own.pem", "own.pem", None),
            ("own.p12:", "own.p12", Some("")),
            ("own.p12:pass", "own.p12", Some("pass")),
            ("own.p12:pa:s\\:s", "own.p12", Some("pa:s\\:s")),
            ("o\\:w\\\\n\\.p12:pass", "o:w\\n\\.p12", Some("pass")),
            (odd, odd, None),
        ] {
            let expected = (PathBuf::from(path), password.map(str::to_owned));
            assert_eq!(split(text), expected, "{text}");
        }
    }
}
