//! Opens QUIC connections: look-up, a race over all addresses, the handshake.

use super::link::{Link, Opener};
use super::{Http3, Origin, errors};
use crate::transfer::dial::{bare, look_up, within};
use crate::transfer::errors::{self as failures, Failure, Place};
use crate::transfer::handshake::{CONNECTION_WINDOW, HEAD_LIMIT, STREAM_WINDOW};
use crate::transfer::metrics::{Facts, Transaction};
use crate::transfer::question::{self, Asks};
use crate::transfer::race::race;
use crate::transfer::tls::Trust;
use crate::transfer::verify::{self, Judge, Shaken};
use bytes::Bytes;
use h3::client::SendRequest;
use h3::error::Code;
use http::HeaderValue;
use quinn::crypto::rustls::QuicClientConfig;
use quinn::{ConnectionError, Endpoint, IdleTimeout, TransportConfig, VarInt};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use std::future::poll_fn;
use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use tokio::time::sleep;
use urlsession_protocol::{ErrorCode, IpVersion};

/// Longest time for look-up and handshake together: a network that lets QUIC through answers early.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which a connection counts as dead.
const SILENCE_LIMIT: Duration = Duration::from_secs(30);
/// How often a silent one is asked for a sign of life.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// How often it is looked whether a connection is of use; twice in a row without, and it is closed.
const REVIEW: Duration = Duration::from_secs(45);
/// Most bytes under way to a server, and so the most that count as sent and may be lost.
const SEND_WINDOW: u64 = 4 * 1024 * 1024;
/// Most streams that a server may open; HTTP/3 knows three kinds.
const SERVER_STREAMS: u32 = 8;
/// Bytes that the system may keep for us between two looks.
const UDP_BUFFER: usize = 2 * 1024 * 1024;

/// Where a connection goes.
#[derive(Debug)]
pub(super) struct Goal<'a> {
    /// Who the server must prove to be, and the port of that origin.
    pub(super) name: &'a str,
    pub(super) origin_port: u16,
    /// Where it is reached.
    pub(super) host: &'a str,
    pub(super) port: u16,
    pub(super) ip_version: Option<IpVersion>,
    pub(super) trust: &'a Trust,
    /// What the app may be asked.
    pub(super) asks: Asks<'a>,
    pub(super) transaction: &'a Transaction,
}

/// Opens a connection within [`HANDSHAKE_TIMEOUT`] or the shorter limit.
pub(super) async fn dial(
    goal: &Goal<'_>,
    origin: Arc<Origin>,
    alternative: Option<HeaderValue>,
    limit: Duration,
) -> Result<Http3, Failure> {
    if goal.trust.is_blind {
        tracing::warn!(host = goal.name, "insecure: the certificate of the server is not checked");
    }
    let served = Arc::default();
    let open = async {
        let opened = connect(goal).await?;
        goal.transaction.note(|metrics, now| {
            metrics.secure_connection_end_date = Some(now);
            metrics.connect_end_date = Some(now);
        });
        let spoken = speak(&opened.connection, Arc::downgrade(&served)).await?;
        Ok::<_, Failure>((opened, spoken))
    };
    let limit = limit.min(HANDSHAKE_TIMEOUT);
    let (opened, spoken) = within(limit, "the QUIC handshake", open).await?;
    let (sender, closing, users) = spoken;
    let remote = opened.connection.remote_address();
    let facts = Arc::new(Facts::of_quic(local(&opened.endpoint, remote), remote));
    let connection = opened.connection;
    Ok(Http3 { sender, connection, closing, users, served, facts, origin, alternative })
}

/// An endpoint lives as long as its one connection: who changes networks gets a new socket.
struct Opened {
    endpoint: Endpoint,
    connection: quinn::Connection,
}

async fn connect(goal: &Goal<'_>) -> Result<Opened, Failure> {
    let addresses = look_up(goal.host, goal.port, goal.ip_version, goal.transaction).await?;
    goal.transaction.note(|metrics, now| {
        metrics.connect_start_date = Some(now);
        metrics.secure_connection_start_date = Some(now);
    });
    let configuration = ClientConfig::clone(&goal.trust.configuration);
    let judge = Arc::clone(&goal.trust.judge);
    let name: Arc<str> = bare(goal.name).into();
    let opened = race(addresses, |address| {
        shake(address, Arc::clone(&name), configuration.clone(), Arc::clone(&judge))
    });
    let opened = opened.await.map_err(|error| failures::io(Place::Connect, &error))?;
    opened.map_err(|refused| {
        let server = question::server(goal.name, goal.origin_port);
        question::of_handshake(refused.failure, refused.shaken, &server, goal.asks)
    })
}

/// A handshake that failed, and what it was about.
struct Refused {
    failure: Failure,
    shaken: Shaken,
}

impl From<Failure> for Refused {
    fn from(failure: Failure) -> Self {
        Self { failure, shaken: Shaken::default() }
    }
}

/// Shakes hands at one address. A server that answers ends the race, whatever it says.
async fn shake(
    address: SocketAddr,
    name: Arc<str>,
    mut tls: ClientConfig,
    judge: Arc<Judge>,
) -> io::Result<Result<Opened, Refused>> {
    let witness = Arc::new(Witness { judge, said: Mutex::default() });
    tls.dangerous().set_certificate_verifier(Arc::clone(&witness) as Arc<dyn ServerCertVerifier>);
    let tls = match QuicClientConfig::try_from(tls) {
        Ok(tls) => tls,
        Err(error) => {
            let code = ErrorCode::SECURE_CONNECTION_FAILED;
            return Ok(Err(Failure::permanent(code, error).into()));
        }
    };
    let mut configuration = quinn::ClientConfig::new(Arc::new(tls));
    configuration.transport_config(Arc::new(transport()));
    let endpoint = endpoint(address)?;
    let connecting = match endpoint.connect_with(configuration, address, &name) {
        Ok(connecting) => connecting,
        Err(error) => return Ok(Err(errors::begin(&error).into())),
    };
    match connecting.await {
        Ok(connection) => Ok(Ok(Opened { endpoint, connection })),
        Err(ConnectionError::TimedOut) => Err(io::ErrorKind::TimedOut.into()),
        Err(error) => {
            let said = witness.said();
            let (said, shaken) = said.map_or_else(Default::default, |(said, of)| (Some(said), of));
            Ok(Err(Refused { failure: errors::handshake(&error, said.as_ref()), shaken }))
        }
    }
}

fn endpoint(address: SocketAddr) -> io::Result<Endpoint> {
    let socket = UdpSocket::bind(any(address))?;
    // The system may give less; then a burst loses more, and nothing else.
    let _ = socket2::SockRef::from(&socket).set_recv_buffer_size(UDP_BUFFER);
    let runtime = Arc::new(quinn::TokioRuntime);
    Endpoint::new(quinn::EndpointConfig::default(), None, socket, runtime)
}

/// Any address of ours in the family of that one.
fn any(address: SocketAddr) -> SocketAddr {
    match address {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    }
}

/// Asks the system from which address it sends there, for a socket that is bound to any.
fn local(endpoint: &Endpoint, remote: SocketAddr) -> Option<SocketAddr> {
    let probe = UdpSocket::bind(any(remote)).ok()?;
    probe.connect(remote).ok()?;
    Some((probe.local_addr().ok()?.ip(), endpoint.local_addr().ok()?.port()).into())
}

fn transport() -> TransportConfig {
    let mut transport = TransportConfig::default();
    transport
        .max_concurrent_bidi_streams(VarInt::from_u32(0))
        .max_concurrent_uni_streams(VarInt::from_u32(SERVER_STREAMS))
        .stream_receive_window(VarInt::from_u32(STREAM_WINDOW))
        .receive_window(VarInt::from_u32(CONNECTION_WINDOW))
        .send_window(SEND_WINDOW)
        .datagram_receive_buffer_size(None)
        .keep_alive_interval(Some(KEEP_ALIVE))
        .max_idle_timeout(IdleTimeout::try_from(SILENCE_LIMIT).ok());
    transport
}

/// What HTTP/3 needs beside the connection: see [`Http3`].
type Spoken = (SendRequest<Opener, Bytes>, Arc<AtomicBool>, Arc<()>);

/// Begins HTTP/3 on a connection.
async fn speak(
    connection: &quinn::Connection,
    served: Weak<AtomicUsize>,
) -> Result<Spoken, Failure> {
    let begun = h3::client::builder()
        .max_field_section_size(HEAD_LIMIT as u64)
        .send_grease(false)
        .build::<_, _, Bytes>(Link::new(connection.clone()))
        .await;
    let (mut driver, sender) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            let gone = connection.close_reason();
            return Err(gone.map_or_else(|| Failure::lost(&error), |gone| errors::lost(&gone)));
        }
    };
    let users = Arc::new(());
    let closing = Arc::new(AtomicBool::new(false));
    let (flag, holders) = (Arc::clone(&closing), Arc::downgrade(&users));
    let reviewed = connection.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = poll_fn(|cx| driver.poll_close(cx)) => {}
            () = disuse(&reviewed, &holders, &served) => {
                flag.store(true, Ordering::Release);
                reviewed.close(VarInt::from_u32(Code::H3_NO_ERROR.value() as u32), b"");
            }
        }
        flag.store(true, Ordering::Release);
    });
    Ok((sender, closing, users))
}

/// Returns once nobody has needed the connection for long. Nobody else would close it: signs of life
/// keep it open at both ends.
async fn disuse(connection: &quinn::Connection, holders: &Weak<()>, served: &Weak<AtomicUsize>) {
    let mut review = Review::default();
    loop {
        sleep(REVIEW).await;
        let served = served.upgrade().map_or(0, |served| served.load(Ordering::Acquire));
        let sent = connection.stats().frame_tx.stream;
        if review.is_disused(holders.strong_count(), served, sent) {
            return;
        }
    }
}

/// What the last look at a connection saw.
#[derive(Debug, Default)]
struct Review {
    sent: Option<u64>,
}

impl Review {
    /// Says whether nobody needs it: no request has a stream, at most one holds it, which is the
    /// pool, and none has sent anything since the last look. Who holds it alone may also be a
    /// request that the pool has forgotten, and who receives sends nothing.
    fn is_disused(&mut self, holders: usize, served: usize, sent: u64) -> bool {
        let last = self.sent.replace(sent);
        served == 0 && holders <= 1 && last == Some(sent)
    }
}

/// Judges as the terms say, and remembers what it had against the certificate.
#[derive(Debug)]
struct Witness {
    judge: Arc<Judge>,
    said: Mutex<Option<(rustls::Error, Shaken)>>,
}

impl Witness {
    fn said(&self) -> Option<(rustls::Error, Shaken)> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ServerCertVerifier for Witness {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let judge = &self.judge;
        let (judged, shaken) = verify::noting_now(|| {
            judge.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
        });
        if let Err(error) = &judged {
            let mut said = self.said.lock().unwrap_or_else(PoisonError::into_inner);
            *said = Some((error.clone(), shaken));
        }
        judged
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.judge.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.judge.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Looks at a connection twice: who holds it, how many streams there are, and what was sent.
    #[track_caller]
    fn check(looks: [(usize, usize, u64); 2], is_disused: bool) {
        let mut review = Review::default();
        let [first, second] =
            looks.map(|(holders, served, sent)| review.is_disused(holders, served, sent));
        assert_eq!((first, second), (false, is_disused), "{looks:?}");
    }

    #[test]
    fn a_connection_is_closed_once_nobody_needs_it() {
        check([(1, 0, 7), (1, 0, 7)], true);
        check([(0, 0, 7), (0, 0, 7)], true);
        // A request between the looks.
        check([(1, 0, 7), (1, 0, 8)], false);
        // One that waits for a stream, and one that receives.
        check([(2, 0, 7), (2, 0, 7)], false);
        check([(2, 1, 7), (2, 1, 7)], false);
        // A long download over a connection that the pool has forgotten.
        check([(1, 1, 7), (1, 1, 7)], false);
    }
}
