//! How a request goes out, as plain fields.

use crate::task::no_such;
use napi_derive::napi;
use std::path::PathBuf;
use urlsession::{
    AuthenticationMethod, ConnectTo, Error, ErrorCode, HttpVersion, IpVersion, RequestPolicy,
    UrlScheme,
};

/// What a request says of itself, and what redirects make of it.
#[napi(object, object_to_js = false)]
pub struct RequestPolicyFields {
    /// Names of header fields that are not sent unless the request itself has them.
    pub omitted_headers: Option<Vec<String>>,
    /// After which of 301, 302 and 303 a POST stays one.
    pub keeps_post: Option<Vec<u16>>,
    /// Sends a GET with its body, which is refused otherwise.
    pub sends_get_body: Option<bool>,
    /// Takes credentials along to whatever server a redirect names.
    pub trusts_redirects: Option<bool>,
    /// The target of the first request as it stands, such as `*`.
    pub target: Option<String>,
    /// Path and query of the first request as they stand.
    pub path: Option<String>,
    /// Where connections to a server go instead; the first that is meant counts.
    pub connect_to: Option<Vec<ConnectToFields>>,
    /// Says to every server that a redirect leads to which URL led there, in `Referer`.
    pub tells_referer: Option<bool>,
    /// Refuses `https`, also in redirects.
    pub refuses_https: Option<bool>,
    /// The only schemes that redirects may lead to.
    #[napi(ts_type = "('http' | 'https')[]")]
    pub redirect_schemes: Option<Vec<String>>,
    /// The only version of HTTP that is spoken.
    #[napi(ts_type = "'1.0' | '1.1'")]
    pub http_version: Option<String>,
    /// The only way in which a server is shown the credential.
    #[napi(ts_type = "'httpBasic' | 'httpDigest'")]
    pub authentication_method: Option<String>,
    /// Milliseconds that a connection may take to be opened.
    pub timeout_interval_for_connection: Option<f64>,
    /// The only addresses that are connected to.
    #[napi(ts_type = "'v4' | 'v6'")]
    pub ip_version: Option<String>,
    /// The interface that connections go out by, or the address that they come from.
    pub required_interface: Option<String>,
    /// The Unix socket that every request goes over, wherever redirects lead.
    pub unix_socket: Option<String>,
    /// Lets servers of HTTP/1.1 pack bodies for the way alone, which are then unpacked.
    pub accepts_transfer_codings: Option<bool>,
}

/// A server, and where connections to it go instead.
#[napi(object, object_to_js = false)]
pub struct ConnectToFields {
    /// The URL's host that is meant; absent, any.
    pub host: Option<String>,
    /// The URL's port that is meant; absent, any.
    pub port: Option<u16>,
    /// The host to connect to; absent, the URL's.
    pub to_host: Option<String>,
    /// The port to connect to; absent, the URL's.
    pub to_port: Option<u16>,
    /// Counts only for names that are looked up here, that of a proxy among them.
    pub is_local: Option<bool>,
}

impl ConnectToFields {
    fn read(&self) -> ConnectTo {
        ConnectTo {
            host: self.host.clone(),
            port: self.port,
            to_host: self.to_host.clone(),
            to_port: self.to_port,
            is_local: self.is_local.unwrap_or_default(),
        }
    }
}

fn socket(path: &str) -> Result<PathBuf, Error> {
    std::path::absolute(path).map_err(|error| {
        Error::new(ErrorCode::UNKNOWN).because(format!("the path of a Unix socket: {error}"))
    })
}

impl RequestPolicyFields {
    pub(crate) fn read(&self) -> Result<RequestPolicy, Error> {
        let method = |text: &str| match text {
            "httpBasic" => Ok(AuthenticationMethod::HttpBasic),
            "httpDigest" => Ok(AuthenticationMethod::HttpDigest),
            other => Err(no_such("authentication method", other, "httpBasic or httpDigest")),
        };
        let version = |text: &str| match text {
            "1.0" => Ok(HttpVersion::Http10),
            "1.1" => Ok(HttpVersion::Http11),
            other => Err(no_such("HTTP version to insist on", other, "1.0 or 1.1")),
        };
        let scheme = |text: &str| match text {
            "http" => Ok(UrlScheme::Http),
            "https" => Ok(UrlScheme::Https),
            other => Err(no_such("scheme for redirects", other, "http or https")),
        };
        let ip_version = |text: &str| match text {
            "v4" => Ok(IpVersion::V4),
            "v6" => Ok(IpVersion::V6),
            other => Err(no_such("IP version to insist on", other, "v4 or v6")),
        };
        let policy = RequestPolicy {
            omitted_headers: self.omitted_headers.clone().unwrap_or_default(),
            keeps_post: self.keeps_post.clone().unwrap_or_default(),
            sends_get_body: self.sends_get_body.unwrap_or_default(),
            trusts_redirects: self.trusts_redirects.unwrap_or_default(),
            target: self.target.clone(),
            path: self.path.clone(),
            connect_to: self.connect_to.iter().flatten().map(ConnectToFields::read).collect(),
            tells_referer: self.tells_referer.unwrap_or_default(),
            refuses_https: self.refuses_https.unwrap_or_default(),
            redirect_schemes: self
                .redirect_schemes
                .as_ref()
                .map(|all| all.iter().map(|one| scheme(one)).collect())
                .transpose()?,
            http_version: self.http_version.as_deref().map(version).transpose()?,
            authentication_method: self
                .authentication_method
                .as_deref()
                .map(method)
                .transpose()?
                .unwrap_or_default(),
            timeout_interval_for_connection: self
                .timeout_interval_for_connection
                .map(|time| time.ceil() as u64),
            required_interface: self.required_interface.clone(),
            unix_socket: self.unix_socket.as_deref().map(socket).transpose()?,
            ip_version: self.ip_version.as_deref().map(ip_version).transpose()?,
            accepts_transfer_codings: self.accepts_transfer_codings.unwrap_or_default(),
        };
        policy.check()?;
        Ok(policy)
    }
}
