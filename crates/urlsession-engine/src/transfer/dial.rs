//! Opens connections: look-up, a race over all addresses, TLS.

use super::errors::{self, Failure, Place};
use super::tls::Trust;
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use urlsession_protocol::ErrorCode;

/// Longest time for look-up and connection together, and again for the TLS handshake.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest time for one address; the others go on.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause before the next address joins the race (RFC 8305 section 5).
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Most addresses tried for one name.
const ADDRESS_LIMIT: usize = 16;

/// An open connection.
#[derive(Debug)]
pub(super) enum Line {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Line {
    /// Says whether both sides agreed on HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        match self {
            Self::Plain(_) => false,
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
        }
    }
}

/// Opens a connection to the host within [`CONNECT_TIMEOUT`] or the shorter limit.
pub(super) async fn dial(
    host: &str,
    port: u16,
    trust: Option<&Trust>,
    limit: Duration,
) -> Result<Line, Failure> {
    let limit = limit.min(CONNECT_TIMEOUT);
    let slow = |what: &str| {
        Failure::transient(ErrorCode::TIMED_OUT, format!("{what} took longer than {limit:?}"))
    };
    let stream = timeout(limit, connect(host, port)).await.map_err(|_| slow("connecting"))??;
    let Some(trust) = trust else { return Ok(Line::Plain(stream)) };
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let name = rustls_pki_types::ServerName::try_from(bare.to_owned())
        .map_err(|error| Failure::permanent(ErrorCode::BAD_URL, error))?;
    let connector = TlsConnector::from(Arc::clone(&trust.configuration));
    let stream = timeout(limit, connector.connect(name, stream))
        .await
        .map_err(|_| slow("the TLS handshake"))?
        .map_err(|error| errors::io(Place::Wire, &error))?;
    Ok(Line::Tls(Box::new(stream)))
}

async fn connect(host: &str, port: u16) -> Result<TcpStream, Failure> {
    let addresses = look_up(host, port).await?;
    race(addresses).await.map_err(|error| errors::io(Place::Connect, &error))
}

async fn look_up(host: &str, port: u16) -> Result<VecDeque<SocketAddr>, Failure> {
    // RFC 6761 section 6.4: these names never exist, and resolvers need not be asked.
    if host.trim_end_matches('.').to_ascii_lowercase().ends_with(".invalid") {
        let never = io::Error::new(io::ErrorKind::NotFound, "the name cannot exist");
        return Err(errors::lookup(host, &never));
    }
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let found = tokio::net::lookup_host((bare, port))
        .await
        .map_err(|error| errors::lookup(host, &error))?;
    let addresses = alternate(found.take(ADDRESS_LIMIT).collect());
    if addresses.is_empty() {
        let none = io::Error::new(io::ErrorKind::NotFound, "the name has no address");
        return Err(errors::lookup(host, &none));
    }
    Ok(addresses)
}

/// Alternates the families, that of the resolver's first address first (RFC 8305 section 4).
fn alternate(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::with_capacity(a.len() + b.len());
    while !a.is_empty() || !b.is_empty() {
        mixed.extend(a.pop_front());
        mixed.extend(b.pop_front());
    }
    mixed
}

/// Connects to the first address that answers; each next one joins after a failure or a pause.
async fn race(mut waiting: VecDeque<SocketAddr>) -> io::Result<TcpStream> {
    let mut racing = JoinSet::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.pop_front() {
            Some(address) => drop(racing.spawn(one(address))),
            None if racing.is_empty() => return Err(last),
            None => {}
        }
        tokio::select! {
            biased;
            Some(joined) = racing.join_next() => match joined {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => last = error,
                Err(error) => last = io::Error::other(error),
            },
            () = sleep(ATTEMPT_DELAY), if !waiting.is_empty() => {}
        }
    }
}

async fn one(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = timeout(ADDRESS_TIMEOUT, TcpStream::connect(address)).await??;
    stream.set_nodelay(true)?;
    Ok(stream)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn families_alternate() {
        let list = |text: &str| -> Vec<SocketAddr> {
            text.split(' ').map(|address| address.parse().expect("an address")).collect()
        };
        let mixed = alternate(list("[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 2.2.2.2:1"));
        assert_eq!(Vec::from(mixed), list("[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 [::3]:1"));
    }
}
