//! The way to the server as plain fields: proxies and terms of TLS.

use crate::event::HeaderField;
use crate::task::{illegal, no_such};
use napi::Either;
use napi_derive::napi;
use std::path::PathBuf;
use urlsession::{
    ClientCertificate, ConnectionProxy, Error, ErrorCode, Header, Http3, Proxy, PublicKeyPin,
    SEGMENTS_LIMIT, Secret, Segments, TlsPolicy, TlsVersion,
};

/// Which proxy a request goes through; an empty object is none at all.
#[napi(object, object_to_js = false)]
pub struct ProxyFields {
    /// The proxy of `http` URLs: `[http|https|socks5|socks5h|socks|socks4|socks4a]://[user:password@]host[:port]`.
    pub http: Option<String>,
    /// The proxy of `https` URLs.
    pub https: Option<String>,
    /// Hosts that are reached straight.
    pub exceptions: Option<Vec<String>>,
    /// Has an HTTP proxy connect to the servers of `http` URLs, too, instead of taking their
    /// requests itself.
    pub tunnels: Option<bool>,
    /// Header fields for an HTTP proxy.
    pub headers: Option<Vec<HeaderField>>,
    /// Says `CONNECT` in HTTP/1.0.
    pub speaks_http10: Option<bool>,
    /// What the connection to an `https` proxy must be like.
    pub tls: Option<TlsFields>,
    /// Files with roots that an `https` proxy may have, too.
    pub ca_certificates: Option<Vec<String>>,
}

impl ProxyFields {
    pub(crate) fn read(&self) -> Result<ConnectionProxy, Error> {
        let proxy = |text: &Option<String>| text.as_deref().map(Proxy::parse).transpose();
        let mut proxies = ConnectionProxy {
            http: proxy(&self.http)?,
            https: proxy(&self.https)?,
            exceptions: self.exceptions.clone().unwrap_or_default(),
            tunnels: self.tunnels.unwrap_or_default(),
            headers: self
                .headers
                .iter()
                .flatten()
                .map(|field| Header::new(&field.name, &field.value))
                .collect(),
            speaks_http10: self.speaks_http10.unwrap_or_default(),
            tls: self.tls.as_ref().map(TlsFields::read).transpose()?.unwrap_or_default(),
            ca_certificates: self.ca_certificates.iter().flatten().map(PathBuf::from).collect(),
        };
        // Which paths its files have is known once the session has made them absolute.
        let own = proxies.tls.client_certificate.take();
        proxies.check()?;
        proxies.tls.client_certificate = own;
        Ok(proxies)
    }
}

/// What TLS connections must be like.
#[napi(object, object_to_js = false)]
pub struct TlsFields {
    /// The oldest version.
    #[napi(ts_type = "'1.2' | '1.3'")]
    pub minimum_version: Option<String>,
    /// The newest version.
    #[napi(ts_type = "'1.2' | '1.3'")]
    pub maximum_version: Option<String>,
    /// The file of our certificate in PEM, or in PKCS#12 with its key.
    pub client_certificate: Option<String>,
    /// The file of its key in PEM, if it is another.
    pub client_key: Option<String>,
    /// What opens a file of PKCS#12, or an encrypted key.
    pub client_certificate_password: Option<String>,
    /// Keys that the server may have: `sha256//BASE64`.
    pub pinned_public_keys: Option<Vec<String>>,
    /// Takes any certificate: whoever is on the way can read and change what is moved.
    pub allow_any_certificate: Option<bool>,
    /// Refuses `http`, also in redirects.
    pub https_only: Option<bool>,
}

impl TlsFields {
    pub(crate) fn read(&self) -> Result<TlsPolicy, Error> {
        let pins = self.pinned_public_keys.iter().flatten();
        let key = self.client_key.as_ref().map(PathBuf::from);
        let password = self.client_certificate_password.as_ref().map(Secret::new);
        if self.client_certificate.is_none() && (key.is_some() || password.is_some()) {
            return Err(illegal("a key or a password needs a client certificate".to_owned()));
        }
        Ok(TlsPolicy {
            minimum_version: self.minimum_version.as_deref().map(version).transpose()?,
            maximum_version: self.maximum_version.as_deref().map(version).transpose()?,
            client_certificate: self.client_certificate.as_ref().map(|path| ClientCertificate {
                certificate: path.into(),
                key,
                password,
            }),
            pinned_public_keys: pins
                .map(|pin| PublicKeyPin::parse(pin))
                .collect::<Result<_, _>>()?,
            allow_any_certificate: self.allow_any_certificate.unwrap_or(false),
            https_only: self.https_only.unwrap_or(false),
        })
    }
}

/// Reads whether requests go over HTTP/3.
pub(crate) fn http3(text: &str) -> Result<Http3, Error> {
    match text {
        "off" => Ok(Http3::Off),
        "auto" => Ok(Http3::Auto),
        "only" => Ok(Http3::Only),
        other => Err(no_such("http3", other, "off, auto or only")),
    }
}

/// Reads over how many connections a download comes.
pub(crate) fn segments(value: &Either<f64, String>) -> Result<Segments, Error> {
    let found = match value {
        Either::A(number) if number.fract() == 0.0 && (1.0..=255.0).contains(number) => {
            Segments::count(*number as u8)
        }
        Either::B(text) if text == "automatic" => Some(Segments::Automatic),
        Either::A(_) | Either::B(_) => None,
    };
    found.ok_or_else(|| {
        let other = match value {
            Either::A(number) => number.to_string(),
            Either::B(text) => text.clone(),
        };
        no_such("number of segments", &other, &format!("1 to {SEGMENTS_LIMIT} or automatic"))
    })
}

fn version(text: &str) -> Result<TlsVersion, Error> {
    match text {
        "1.2" => Ok(TlsVersion::Tls12),
        "1.3" => Ok(TlsVersion::Tls13),
        _ => Err(Error::new(ErrorCode::SECURE_CONNECTION_FAILED)
            .because(format!("there is no version “{text}” of TLS here: it is 1.2 or 1.3"))),
    }
}
