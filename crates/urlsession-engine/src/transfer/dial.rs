//! Opens connections: look-up, a race over all addresses, proxies, TLS.

mod names;

use super::errors::{self, Failure, Place};
use super::guard::Guard;
use super::interface;
use super::line::Line;
use super::local;
use super::metrics::Transaction;
use super::pool::ViaKey;
use super::proxy;
use super::question::{self, Asks};
use super::race::{alternate, race};
use super::tls::Trust;
use super::tunnel::{self, Ask, Target};
use super::verify;
use crate::credentials::Memory;
use http::{HeaderMap, Method};
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use urlsession_core::Cause;
use urlsession_protocol::{ErrorCode, Header, IpVersion, Proxy, ProxyScheme};

/// Longest time for look-up and connection together, and again for the TLS handshake.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);
/// Most addresses of one name that a SOCKS proxy is asked for.
const SOCKS_ADDRESS_LIMIT: usize = 4;

/// Where a connection goes.
#[derive(Debug)]
pub(super) struct Goal<'a> {
    pub(super) host: &'a str,
    pub(super) port: u16,
    /// Where the connection goes instead.
    pub(super) to: Option<&'a (String, u16)>,
    /// The only addresses that are connected to.
    pub(super) ip_version: Option<IpVersion>,
    /// What connections go out by, or come from.
    pub(super) interface: Option<&'a Arc<str>>,
    /// The socket of this machine that the connection goes over, whatever is said of addresses.
    pub(super) socket: Option<&'a Arc<Path>>,
    /// How long all of it may take, if the task says so.
    pub(super) connect_limit: Option<Duration>,
    /// `None` for plain `http`.
    pub(super) trust: Option<&'a Trust>,
    pub(super) via: Option<&'a Via<'a>>,
    /// What the app may be asked.
    pub(super) asks: Asks<'a>,
    /// Where it is told how long each step takes.
    pub(super) transaction: &'a Transaction,
}

impl Goal<'_> {
    /// Returns the host and the port to connect to.
    fn address(&self) -> (&str, u16) {
        self.to.map_or((self.host, self.port), |(host, port)| (host, *port))
    }
}

/// The proxy on the way.
#[derive(Debug)]
pub(super) struct Via<'a> {
    pub(super) proxy: &'a Proxy,
    /// Where it is, if the task says that.
    pub(super) to: Option<(String, u16)>,
    /// Where the server is, for a proxy that is told so, if the task says that.
    pub(super) server: Option<(String, u16)>,
    /// `None` for one that is reached without TLS.
    pub(super) trust: Option<Trust>,
    /// Whether it connects to servers of `http`, too, instead of taking their requests.
    pub(super) tunnels: bool,
    /// What else it is told.
    pub(super) headers: &'a [Header],
    pub(super) speaks_http10: bool,
    /// How it was shown who we are before.
    pub(super) credentials: &'a Memory,
}

impl Via<'_> {
    /// What keeps apart the connections of different proxies and of different users of one.
    pub(super) fn key(&self) -> Arc<ViaKey> {
        let trust = self.trust.as_ref().map(|trust| trust.number);
        let places = [self.to.clone(), self.server.clone()];
        Arc::new((self.proxy.clone(), trust, self.tunnels, self.headers.to_vec(), places))
    }

    /// Returns the host and the port to connect to.
    fn address(&self) -> (&str, u16) {
        let Proxy { host, port, .. } = self.proxy;
        self.to.as_ref().map_or((host, *port), |(host, port)| (host, *port))
    }
}

/// Opens a connection to the server, or to the proxy that forwards plain `http` to it. Each step
/// lasts [`CONNECT_TIMEOUT`] or the shorter limit; all of them together as long as the task says.
pub(super) async fn dial(goal: &Goal<'_>, limit: Duration) -> Result<Line, Failure> {
    match goal.connect_limit {
        None => open(goal, limit.min(CONNECT_TIMEOUT)).await,
        Some(all) => within(all, "connecting", Box::pin(open(goal, limit.min(all)))).await,
    }
}

async fn open(goal: &Goal<'_>, limit: Duration) -> Result<Line, Failure> {
    let (host, port) = goal.address();
    let near = match (goal.socket, goal.via) {
        (Some(path), _) => {
            goal.transaction.note(|metrics, now| metrics.connect_start_date = Some(now));
            within(limit, "connecting", local::connect(path)).await?
        }
        (None, None) => {
            let way = connect(host, port, goal);
            Line::Plain(within(limit, "connecting", way).await?)
        }
        (None, Some(via)) => {
            let way = async {
                match goal.trust {
                    _ if via.proxy.is_unreadable() => {
                        let why = "it cannot be read there, and nothing goes past it";
                        Err(Failure::permanent(ErrorCode::UNKNOWN, why))
                    }
                    _ if !via.proxy.is_http() => {
                        within(limit, "connecting", socks(via, goal)).await.map(Line::Plain)
                    }
                    // It takes the request itself.
                    None if !via.tunnels => reach(via, goal, limit).await,
                    None | Some(_) => tunnel(via, goal, limit).await,
                }
            };
            way.await.map_err(|failure| proxy::blame(via.proxy, failure))?
        }
    };
    match goal.trust {
        None => Ok(near),
        Some(trust) => secure_server(near, goal, trust, limit).await,
    }
}

/// Connects to an HTTP proxy.
async fn reach(via: &Via<'_>, goal: &Goal<'_>, limit: Duration) -> Result<Line, Failure> {
    let (proxy, transaction) = (via.proxy, goal.transaction);
    let (host, port) = via.address();
    let stream = within(limit, "connecting", connect(host, port, goal)).await?;
    match &via.trust {
        None => Ok(Line::Plain(stream)),
        Some(trust) => secure(Line::Plain(stream), &proxy.host, trust, limit, transaction).await,
    }
}

/// Lets an HTTP proxy connect to the server. One that asks who we are is asked again, over a
/// connection of its own: few keep the old one open.
async fn tunnel(via: &Via<'_>, goal: &Goal<'_>, limit: Duration) -> Result<Line, Failure> {
    let (host, port) = goal.address();
    let authority = match host.contains(':') && !host.starts_with('[') {
        true => format!("[{host}]:{port}"),
        false => format!("{host}:{port}"),
    };
    let mut guard = Guard::of_proxy(via.credentials, via.proxy, &authority);
    loop {
        let mut shown = HeaderMap::new();
        if let Some(guard) = &mut guard {
            guard.show(&Method::CONNECT, &mut shown);
        }
        proxy::tell(via.headers, &mut shown)?;
        let near = reach(via, goal, limit).await?;
        let ask = Ask { authority: &authority, shown, speaks_http10: via.speaks_http10 };
        let asked = ask.connect(near);
        let refusal = match within(limit, "CONNECT", asked).await {
            Ok((near, head)) => {
                goal.transaction.let_through(&head);
                guard.iter_mut().for_each(|guard| guard.let_in(&head.headers));
                return Ok(near);
            }
            Err(refusal) => refusal,
        };
        refusal.answer.iter().for_each(|head| goal.transaction.let_through(head));
        let may_relent = match (&mut guard, refusal.answer.as_deref()) {
            (Some(guard), Some(head)) => guard.may_relent(head.status, &head.headers)?,
            _ => false,
        };
        if !may_relent {
            let mut failure = refusal.failure;
            failure.challenge = refusal.answer.and_then(|head| {
                question::of_proxy(goal.asks, via.proxy, head.status, &head.headers)
            });
            return Err(failure);
        }
    }
}

pub(super) async fn within<T, E: From<Failure>>(
    limit: Duration,
    what: &str,
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    timeout(limit, work).await.unwrap_or_else(|_| {
        let why = format!("{what} took longer than {limit:?}");
        Err(Failure::transient(ErrorCode::TIMED_OUT, why).into())
    })
}

/// Shakes hands with the server itself, about which the app may be asked.
async fn secure_server(
    line: Line,
    goal: &Goal<'_>,
    trust: &Trust,
    limit: Duration,
) -> Result<Line, Failure> {
    // On the heap: the threads that move bytes have small stacks.
    let shake = Box::pin(secure(line, goal.host, trust, limit, goal.transaction));
    let (done, shaken) = Box::pin(verify::noting(shake)).await;
    done.map_err(|failure| {
        let server = question::server(goal.host, goal.port);
        question::of_handshake(failure, shaken, &server, goal.asks)
    })
}

async fn secure(
    line: Line,
    host: &str,
    trust: &Trust,
    limit: Duration,
    transaction: &Transaction,
) -> Result<Line, Failure> {
    if trust.is_blind {
        tracing::warn!(host, "insecure: the certificate of the server is not checked");
    }
    let name = rustls_pki_types::ServerName::try_from(bare(host).to_owned())
        .map_err(|error| Failure::permanent(ErrorCode::BAD_URL, error))?;
    let connector = TlsConnector::from(Arc::clone(&trust.configuration));
    let shaken = async {
        let stream = connector.connect(name, line).await;
        stream.map_err(|error| errors::io(Place::Wire, &error))
    };
    // Of two handshakes the second is that with the server.
    transaction.note(|metrics, now| {
        metrics.secure_connection_start_date = Some(now);
        metrics.secure_connection_end_date = None;
    });
    let stream = within(limit, "the TLS handshake", shaken).await?;
    transaction.note(|metrics, now| metrics.secure_connection_end_date = Some(now));
    Ok(Line::Tls(Box::new(stream)))
}

/// Connects to the server through a SOCKS proxy.
async fn socks(via: &Via<'_>, goal: &Goal<'_>) -> Result<TcpStream, Failure> {
    let proxy = via.proxy;
    let (near_host, near_port) = via.address();
    let known = via.server.as_ref().map(|(host, port)| (host.as_str(), *port));
    let (host, port) = known.unwrap_or_else(|| goal.address());
    let host = bare(host);
    let targets: Vec<Target<'_>> = match (host.parse::<IpAddr>(), proxy.scheme) {
        (Ok(address), _) => vec![Target::Address(address)],
        (Err(_), ProxyScheme::Socks5 | ProxyScheme::Socks4) => {
            // Which version of IP is spoken to the server is the proxy's matter, if it has two.
            let only = (proxy.scheme == ProxyScheme::Socks4).then_some(IpVersion::V4);
            let found = look_up(host, port, only, goal.transaction).await?;
            let found = found.into_iter().take(SOCKS_ADDRESS_LIMIT);
            found.map(|address| Target::Address(address.ip())).collect()
        }
        (Err(_), _) => vec![Target::Name(host)],
    };
    let mut result = Err(Failure::transient(ErrorCode::CANNOT_FIND_HOST, "no address"));
    for target in targets {
        let mut stream = connect(near_host, near_port, goal).await?;
        let known = proxy.credential.as_ref();
        let asked = match proxy.scheme {
            ProxyScheme::Socks4 | ProxyScheme::Socks4a => {
                tunnel::socks4(&mut stream, known, target, port).await
            }
            _ => tunnel::socks(&mut stream, known, target, port).await,
        };
        result = asked.map(|()| stream);
        // Only what is wrong with this address can be right with the next one.
        if result.as_ref().map_or_else(|failure| failure.cause != Cause::Transient, |_| true) {
            break;
        }
    }
    result
}

pub(super) fn bare(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

async fn connect(host: &str, port: u16, goal: &Goal<'_>) -> Result<TcpStream, Failure> {
    let addresses = look_up(host, port, goal.ip_version, goal.transaction).await?;
    goal.transaction.note(|metrics, now| {
        metrics.connect_start_date = metrics.connect_start_date.or(Some(now));
    });
    let by = goal.interface;
    race(addresses, |address| interface::connect(address, by.cloned()))
        .await
        .map_err(|error| errors::io(Place::Connect, &error))
}

pub(super) async fn look_up(
    host: &str,
    port: u16,
    version: Option<IpVersion>,
    transaction: &Transaction,
) -> Result<VecDeque<SocketAddr>, Failure> {
    let is_meant = |address: IpAddr| version.is_none_or(|version| version.is_of(address));
    if let Some(listed) = listed(host) {
        let addresses = listed.into_iter().filter(|address| is_meant(*address));
        let addresses = addresses.map(|address| SocketAddr::new(address, port));
        return match alternate(addresses.collect()) {
            none if none.is_empty() => {
                let why = "none of its addresses is of the version that may be used";
                Err(Failure::permanent(ErrorCode::CANNOT_FIND_HOST, format!("{host}: {why}")))
            }
            addresses => Ok(addresses),
        };
    }
    let address = bare(host).parse::<IpAddr>();
    if let (Ok(address), Some(version)) = (&address, version)
        && !is_meant(*address)
    {
        let why = format!("{address} is no address of {version}, and no other may be used");
        return Err(Failure::permanent(ErrorCode::CANNOT_FIND_HOST, why));
    }
    // RFC 6761 section 6.3: these names are here, which not every resolver knows.
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    if name.ends_with(".localhost") || (name == "localhost" && host.ends_with('.')) {
        let here: [IpAddr; 2] = [Ipv6Addr::LOCALHOST.into(), Ipv4Addr::LOCALHOST.into()];
        let here = here.into_iter().filter(|address| is_meant(*address));
        return Ok(here.map(|address| SocketAddr::new(address, port)).collect());
    }
    let is_name = address.is_err();
    if is_name {
        transaction.note(|metrics, now| {
            metrics.domain_lookup_start_date = metrics.domain_lookup_start_date.or(Some(now));
        });
    }
    // Section 6.4: and these never exist; resolvers need not be asked.
    if name.ends_with(".invalid") {
        let never = io::Error::new(io::ErrorKind::NotFound, "the name cannot exist");
        return Err(errors::lookup(host, &never));
    }
    let mut found =
        names::find(bare(host), port).await.map_err(|error| errors::lookup(host, &error))?;
    found.retain(|address| is_meant(address.ip()));
    let addresses = alternate(found);
    if addresses.is_empty() {
        let of = version.map_or_else(String::new, |version| format!(" of {version}"));
        let none = io::Error::new(io::ErrorKind::NotFound, format!("the name has no address{of}"));
        return Err(errors::lookup(host, &none));
    }
    if is_name {
        transaction.note(|metrics, now| {
            metrics.domain_lookup_end_date = metrics.domain_lookup_end_date.or(Some(now));
        });
    }
    Ok(addresses)
}

/// Returns the addresses where the task itself says several. The host of a URL can have a comma, but not
/// be such a list: a name that begins like an address is a name.
fn listed(host: &str) -> Option<Vec<IpAddr>> {
    host.contains(',').then(|| host.split(',').map(|one| one.parse().ok()).collect()).flatten()
}
