//! Asks a proxy for a way to the server: `CONNECT` (RFC 9110), SOCKS 5 (RFC 1928, RFC 1929), SOCKS 4 and
//! SOCKS 4A (which no RFC has).

use super::errors::{self, Failure, Place};
use super::interim::Interim;
use super::line::Line;
use super::request::retry_after;
use http::response::Parts;
use http::{HeaderMap, Method, Uri, Version, header};
use http_body_util::Empty;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::io;
use std::net::IpAddr;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio_util::task::AbortOnDropHandle;
use urlsession_core::Cause;
use urlsession_protocol::{Credential, ErrorCode};

/// Most bytes of the head of an answer to `CONNECT`.
const HEAD_LIMIT: usize = 64 * 1024;
/// Most header fields of it.
const FIELD_LIMIT: usize = 100;
/// Longest user name and longest name of a server that a proxy of SOCKS 4 is told, in bytes.
const SOCKS4_TEXT_LIMIT: usize = 255;
/// What the proxy learns of us; what the app calls itself is for the server.
const USER_AGENT: &str = concat!("urlsession/", env!("CARGO_PKG_VERSION"));

/// Where a SOCKS proxy shall connect to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Target<'a> {
    Name(&'a str),
    Address(IpAddr),
}

/// There is no tunnel.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) failure: Failure,
    /// What the proxy answered, if it did.
    pub(super) answer: Option<Box<Parts>>,
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { failure, answer: None }
    }
}

/// What an HTTP proxy is asked for. Nothing of the request goes with it.
#[derive(Debug)]
pub(super) struct Ask<'a> {
    /// Where it shall connect to: `host:port`.
    pub(super) authority: &'a str,
    /// What is meant for it.
    pub(super) shown: HeaderMap,
    pub(super) speaks_http10: bool,
}

impl Ask<'_> {
    fn request(self) -> Result<http::Request<Empty<bytes::Bytes>>, Failure> {
        let uri: Uri = self.authority.parse().map_err(|error: http::uri::InvalidUri| {
            Failure::permanent(ErrorCode::BAD_URL, error)
        })?;
        let version = if self.speaks_http10 { Version::HTTP_10 } else { Version::HTTP_11 };
        let mut request = http::Request::builder()
            .version(version)
            .method(Method::CONNECT)
            .uri(uri)
            .header(header::HOST, self.authority)
            .header(header::USER_AGENT, USER_AGENT)
            .body(Empty::new())
            .map_err(|error| Failure::permanent(ErrorCode::BAD_URL, error))?;
        request.headers_mut().extend(self.shown);
        Ok(request)
    }

    /// Asks it over a line, which then is one to the server; the head is the proxy's.
    pub(super) async fn connect(self, line: Line) -> Result<(Line, Box<Parts>), Refusal> {
        ask(line, self.request()?).await
    }
}

async fn ask(
    line: Line,
    mut request: http::Request<Empty<bytes::Bytes>>,
) -> Result<(Line, Box<Parts>), Refusal> {
    let (mut sender, connection) = http1::Builder::new()
        .title_case_headers(true)
        // As from servers.
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(FIELD_LIMIT)
        .max_header_size(HEAD_LIMIT)
        .max_buf_size(HEAD_LIMIT)
        .handshake(TokioIo::new(line))
        .await
        .map_err(|error| errors::http1(&error))?;
    // Ends after the answer: hyper upgrades, or, as it knows no tunnel of 204, nobody is left to ask.
    let talk = AbortOnDropHandle::new(tokio::spawn(connection.without_shutdown()));
    let interim = Interim::of(&mut request, None);
    let sent = async { sender.send_request(request).await.map_err(|error| errors::http1(&error)) };
    let response = interim.watch(sent).await?;
    if !response.status().is_success() {
        let (head, _) = response.into_parts();
        return Err(Refusal { failure: refused(&head), answer: Some(Box::new(head)) });
    }
    let (head, _) = response.into_parts();
    drop(sender);
    let parts = talk
        .await
        .map_err(|_| Failure::lost("nobody is left who speaks to it"))?
        .map_err(|error| errors::http1(&error))?;
    if !parts.read_buf.is_empty() {
        // In TLS the client speaks first: what comes earlier is no server's.
        let why = "it sent bytes of its own into the tunnel";
        return Err(Failure::permanent(ErrorCode::BAD_SERVER_RESPONSE, why).into());
    }
    Ok((parts.io.into_inner(), Box::new(head)))
}

fn refused(head: &Parts) -> Failure {
    let status = head.status;
    // As a server is that asks for more time.
    let later = retry_after(&head.headers).map_or(Cause::Transient, Cause::After);
    let (code, cause) = match status.as_u16() {
        // Some say 401, which is for servers.
        401 | 407 => (ErrorCode::USER_AUTHENTICATION_REQUIRED, Cause::Permanent),
        408 | 429 | 500..=599 => (ErrorCode::CANNOT_CONNECT_TO_HOST, later),
        _ => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Permanent),
    };
    let why = format!(
        "it answered CONNECT with {} {}",
        status.as_u16(),
        status.canonical_reason().unwrap_or_default()
    );
    Failure::new(code, cause, why.trim_end()).with_status(status.as_u16())
}

/// Asks a SOCKS proxy to connect to the server.
pub(super) async fn socks<S>(
    stream: &mut S,
    credential: Option<&Credential>,
    target: Target<'_>,
    port: u16,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let methods: &[u8] = if credential.is_some() { &[5, 2, 0, 2] } else { &[5, 1, 0] };
    stream.write_all(methods).await.map_err(lost)?;
    let mut chosen = [0; 2];
    stream.read_exact(&mut chosen).await.map_err(lost)?;
    match (chosen, credential) {
        ([5, 0], _) => {}
        ([5, 2], Some(credential)) => log_in(stream, credential).await?,
        ([5, 0xff], None) => return Err(unauthorized("it wants a user name and a password")),
        ([5, 0xff], Some(_)) => {
            return Err(unauthorized("it wants neither nobody nor a user name and a password"));
        }
        ([5, _], _) => return Err(babble("it chose a way to log in that was not offered")),
        _ => return Err(babble("it does not speak SOCKS 5")),
    }
    let mut ask = vec![5, 1, 0];
    match target {
        Target::Address(IpAddr::V4(address)) => {
            ask.push(1);
            ask.extend(address.octets());
        }
        Target::Address(IpAddr::V6(address)) => {
            ask.push(4);
            ask.extend(address.octets());
        }
        Target::Name(name) => {
            let length = u8::try_from(name.len()).map_err(|_| {
                Failure::permanent(ErrorCode::CANNOT_FIND_HOST, "the name is too long for SOCKS")
            })?;
            ask.extend([3, length]);
            ask.extend(name.as_bytes());
        }
    }
    ask.extend(port.to_be_bytes());
    stream.write_all(&ask).await.map_err(lost)?;
    let mut answer = [0; 4];
    stream.read_exact(&mut answer).await.map_err(lost)?;
    match answer {
        [5, 0, _, kind] => skip_bound_address(stream, kind).await,
        [5, reply, ..] => Err(unreachable(reply)),
        _ => Err(babble("it does not speak SOCKS 5")),
    }
}

fn lost(error: io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Failure::lost("it closed the connection"),
        _ => errors::io(Place::Wire, &error),
    }
}

/// Asks a proxy of SOCKS 4 to connect to the server; a name is said as SOCKS 4A has it. There are user
/// names, and no passwords.
pub(super) async fn socks4<S>(
    stream: &mut S,
    credential: Option<&Credential>,
    target: Target<'_>,
    port: u16,
) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let (address, name) = match target {
        Target::Address(IpAddr::V4(address)) => (address.octets(), None),
        Target::Address(IpAddr::V6(_)) => return Err(babble("SOCKS 4 has no addresses of IPv6")),
        // An address that nobody has says that a name follows.
        Target::Name(name) => ([0, 0, 0, 1], Some(name)),
    };
    let user = credential.map_or("", |credential| credential.user.expose());
    if user.len() > SOCKS4_TEXT_LIMIT || user.contains('\0') {
        return Err(unauthorized("the user name is none that SOCKS 4 can say"));
    }
    if name.is_some_and(|name| name.len() > SOCKS4_TEXT_LIMIT || name.contains('\0')) {
        let why = "the name is none that SOCKS 4 can say";
        return Err(Failure::permanent(ErrorCode::CANNOT_FIND_HOST, why));
    }
    let mut ask = vec![4, 1];
    ask.extend(port.to_be_bytes());
    ask.extend(address);
    ask.extend(user.bytes().chain([0]));
    ask.extend(name.iter().flat_map(|name| name.bytes().chain([0])));
    stream.write_all(&ask).await.map_err(lost)?;
    // What is behind these bytes is the server's.
    let mut answer = [0; 8];
    stream.read_exact(&mut answer).await.map_err(lost)?;
    match answer {
        [0, 90, ..] => Ok(()),
        [0, 91, ..] => Err(Failure::transient(
            ErrorCode::CANNOT_CONNECT_TO_HOST,
            "it refused, or could not connect",
        )),
        [0, 92, ..] => Err(unauthorized("it found nobody to ask for the user’s name")),
        [0, 93, ..] => Err(unauthorized("it knows the user by another name")),
        [0, ..] => Err(babble("it answered what SOCKS 4 does not know")),
        _ => Err(babble("it does not speak SOCKS 4")),
    }
}

async fn log_in<S>(stream: &mut S, credential: &Credential) -> Result<(), Failure>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut message = vec![1];
    for text in [&credential.user, &credential.password] {
        let bytes = text.expose().as_bytes();
        let length = u8::try_from(bytes.len())
            .map_err(|_| unauthorized("the user name or password is too long"))?;
        message.push(length);
        message.extend(bytes);
    }
    stream.write_all(&message).await.map_err(|error| errors::io(Place::Wire, &error))?;
    let mut answer = [0; 2];
    // Some close the connection instead of an answer.
    match stream.read_exact(&mut answer).await {
        Ok(_) if answer[1] == 0 => Ok(()),
        // What the network does is no word of the proxy.
        Err(error) if !is_closing(&error) => Err(errors::io(Place::Wire, &error)),
        _ => Err(unauthorized("it refused the user name or password")),
    }
}

fn is_closing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset)
}

/// Reads which address the proxy took for itself, and no byte more.
async fn skip_bound_address<S>(stream: &mut S, kind: u8) -> Result<(), Failure>
where
    S: AsyncRead + Unpin,
{
    let wire = |error: io::Error| errors::io(Place::Wire, &error);
    let length = match kind {
        1 => 4,
        4 => 16,
        3 => usize::from(stream.read_u8().await.map_err(wire)?),
        _ => return Err(babble("it answered with an address of no kind")),
    };
    let mut rest = [0; 255 + 2];
    stream.read_exact(&mut rest[..length + 2]).await.map_err(wire)?;
    Ok(())
}

/// RFC 1928 section 6.
fn unreachable(reply: u8) -> Failure {
    let (code, cause, why) = match reply {
        2 => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Permanent, "its rules forbid this server"),
        3 => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Transient, "it cannot reach the network"),
        4 => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Transient, "it cannot reach the server"),
        5 => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Transient, "the server refused it"),
        6 => (ErrorCode::TIMED_OUT, Cause::Transient, "the server did not answer it"),
        7 => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Permanent, "it does not connect"),
        8 => {
            let why = "it cannot use addresses of this kind";
            (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Permanent, why)
        }
        _ => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Transient, "it could not connect"),
    };
    Failure::new(code, cause, why)
}

fn unauthorized(why: &str) -> Failure {
    Failure::permanent(ErrorCode::USER_AUTHENTICATION_REQUIRED, why)
}

fn babble(why: &str) -> Failure {
    Failure::permanent(ErrorCode::CANNOT_CONNECT_TO_HOST, why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::pin::Pin;
    use std::task::{Context, Poll};
    use tokio::io::ReadBuf;

    /// A proxy that wants a password, and what is met then.
    struct Asking(Option<io::ErrorKind>, &'static [u8]);

    impl AsyncRead for Asking {
        fn poll_read(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
            buf: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<()>> {
            let (now, later) = self.1.split_at(buf.remaining().min(self.1.len()));
            buf.put_slice(now);
            self.1 = later;
            match self.0.filter(|_| now.is_empty()) {
                Some(kind) => Poll::Ready(Err(kind.into())),
                None => Poll::Ready(Ok(())),
            }
        }
    }

    impl AsyncWrite for Asking {
        fn poll_write(
            self: Pin<&mut Self>,
            _: &mut Context<'_>,
            bytes: &[u8],
        ) -> Poll<io::Result<usize>> {
            Poll::Ready(Ok(bytes.len()))
        }

        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[tokio::test]
    async fn a_network_that_fails_refuses_no_password() {
        use ErrorCode as Code;
        use io::ErrorKind::{ConnectionReset, NetworkDown, TimedOut};
        for (met, answer, code, cause) in [
            (None, &[5, 2][..], Code::USER_AUTHENTICATION_REQUIRED, Cause::Permanent),
            (None, &[5, 2, 1, 1], Code::USER_AUTHENTICATION_REQUIRED, Cause::Permanent),
            (Some(ConnectionReset), &[5, 2], Code::USER_AUTHENTICATION_REQUIRED, Cause::Permanent),
            (Some(TimedOut), &[5, 2], Code::TIMED_OUT, Cause::Transient),
            (Some(NetworkDown), &[5, 2], Code::NOT_CONNECTED_TO_INTERNET, Cause::Connectivity),
        ] {
            let credential = Credential::new("me", "pw");
            let mut stream = Asking(met, answer);
            let asked = socks(&mut stream, Some(&credential), Target::Name("h"), 80).await;
            let told = asked.map_err(|failure| (failure.error.code, failure.cause));
            assert_eq!(told, Err((code, cause)), "{met:?} {answer:?}");
        }
    }
}
