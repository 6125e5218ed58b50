//! A scriptable HTTP server on loopback that answers, drops, stalls and lies as told.
//!
//! It has threads of its own, so that blocking and async tests use it alike; dropping it closes
//! every connection.
//!
//! ```text
//! let server = Server::start();
//! server.on("/file", Answer::pseudo_random(7, 1 << 20).etag("\"v1\"").drop_after(1000).times(1));
//! // ... let a client fetch server.url("/file") ...
//! let seen = server.wait_for_requests(2);
//! assert_eq!(seen[1].header("range"), Some("bytes=1000-"));
//! ```

mod answer;
mod body;
mod certificate;
mod flood;
mod http1;
mod http2;
mod http3;
mod made;
mod pkcs12;
mod reply;
mod seen;
mod tamper;
#[cfg(test)]
mod tests;
mod trouble;

pub use answer::Answer;
pub use body::{Body, pseudo_random, sha256};
pub(crate) use certificate::Identity;
pub use certificate::{Certificate, Demands};
pub use flood::{Flood, Flooding};
pub use pkcs12::Pkcs12;
pub use seen::Seen;
pub use tamper::{Tamperer, Tampering};
pub use trouble::{End, Trouble};

use http1::Ending;
use made::Made;
use seen::{Entry, Memory, WAIT_LIMIT};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, watch};
use tokio_rustls::TlsAcceptor;

/// Threads of one server.
const THREADS: usize = 2;

/// Most connections at a time; more wait in the listen queue.
const CONNECTION_LIMIT: usize = 1024;

/// Ports that are tried for a server of TCP and UDP.
const PORT_TRIES: usize = 100;

/// Most paths whose requests are counted though nobody set their answer.
const MADE_LIMIT: usize = 10_000;

/// What the paths of a server that makes its answers mean.
pub const GUIDE: &str = "\
/bytes/1000       so many bytes, the same every time
/status/503       that status and a short page
/redirect/3       so many redirects, then a file; /redirect/loop never ends
/echo             the request as JSON
/sink             201, whatever is sent
/trouble/7        a file that is hard to get, drawn from the seed

/bytes and /status take a query, such as ?etag=a&drop-after=500&times=2: etag, last-modified,
chunked, without-length, rate, retry-after, ignore-range, lying-range, content-length, drop-after,
reset, stall-after, and times, after which the faults end.
";

/// The server.
///
/// Its methods panic where a test cannot go on: no free port, or a wait beyond 30 seconds.
#[derive(Debug)]
pub struct Server {
    shared: Arc<Shared>,
    address: SocketAddr,
    authority: Option<(TempDir, PathBuf)>,
    public_key_sha256: [u8; 32],
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Server {
    /// Starts a server that speaks HTTP/1.1.
    #[must_use]
    pub fn start() -> Self {
        Self::serve(None)
    }

    /// Starts a server that speaks HTTP/1.1 at that address, as of an interface of a test's own.
    #[must_use]
    pub fn start_at(address: IpAddr) -> Self {
        let listener = std::net::TcpListener::bind((address, 0)).expect("a free port");
        Self::serve_at(listener, None, false)
    }

    /// Starts a server that speaks HTTP/1.1 over TLS with a valid certificate.
    #[must_use]
    pub fn start_tls() -> Self {
        Self::start_tls_with(Certificate::Valid)
    }

    /// Starts a server that speaks HTTP/1.1 over TLS with such a certificate.
    #[must_use]
    pub fn start_tls_with(certificate: Certificate) -> Self {
        let protocols: &[&[u8]] = &[b"http/1.1"];
        Self::serve(Some(Identity::new(certificate, protocols).expect("certificates are made")))
    }

    /// Starts a server that offers HTTP/2, and HTTP/1.1 to who cannot, over TLS.
    #[must_use]
    pub fn start_h2() -> Self {
        let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
        let identity = Identity::new(Certificate::Valid, protocols);
        Self::serve(Some(identity.expect("certificates are made")))
    }

    /// Starts a server that speaks HTTP/3, and HTTP/2 at the same port over TCP.
    #[must_use]
    pub fn start_h3() -> Self {
        let (listener, socket) = same_port();
        let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
        let identity = Identity::new(Certificate::Valid, protocols);
        let identity = identity.expect("certificates are made");
        Self::serve_on(Some(listener), Some(socket), Some(identity), false)
    }

    /// Starts a server that speaks HTTP/3 with such a certificate and demands this of clients. At
    /// its port nobody listens for TCP.
    #[must_use]
    pub fn start_quic(certificate: Certificate, demands: Demands) -> Self {
        Self::serve_quic((Ipv4Addr::LOCALHOST, 0).into(), certificate, demands)
    }

    /// Starts a server as [`start_quic`](Self::start_quic) at an address where another listens for
    /// TCP.
    #[must_use]
    pub fn start_quic_at(address: SocketAddr, certificate: Certificate) -> Self {
        Self::serve_quic(address, certificate, Demands::default())
    }

    fn serve_quic(address: SocketAddr, certificate: Certificate, demands: Demands) -> Self {
        let identity = Identity::demanding(certificate, &[], demands);
        let socket = UdpSocket::bind(address).expect("a free port");
        Self::serve_on(None, Some(socket), Some(identity.expect("certificates are made")), false)
    }

    /// Starts a server that speaks HTTP/1.1 over TLS and demands this of clients.
    #[must_use]
    pub fn start_tls_demanding(demands: Demands) -> Self {
        let protocols: &[&[u8]] = &[b"http/1.1"];
        let identity = Identity::demanding(Certificate::Valid, protocols, demands);
        Self::serve(Some(identity.expect("certificates are made")))
    }

    /// Starts a server at that port of this machine, 0 for any, whose answers the paths spell out:
    /// see [`GUIDE`]. With `tls` it speaks TLS, and HTTP/2 to who can.
    ///
    /// # Errors
    /// The port is not to be had, or no certificate.
    pub fn start_made(port: u16, tls: bool) -> anyhow::Result<Self> {
        let protocols: &[&[u8]] = &[b"h2", b"http/1.1"];
        let identity = tls.then(|| Identity::new(Certificate::Valid, protocols)).transpose()?;
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        Ok(Self::serve_at(listener, identity, true))
    }

    fn serve(identity: Option<Identity>) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        Self::serve_at(listener, identity, false)
    }

    fn serve_at(
        listener: std::net::TcpListener,
        identity: Option<Identity>,
        makes_answers: bool,
    ) -> Self {
        Self::serve_on(Some(listener), None, identity, makes_answers)
    }

    fn serve_on(
        listener: Option<std::net::TcpListener>,
        socket: Option<UdpSocket>,
        identity: Option<Identity>,
        makes_answers: bool,
    ) -> Self {
        let runtime = Builder::new_multi_thread()
            .worker_threads(THREADS)
            .thread_name("test-server")
            .enable_all()
            .build()
            .expect("a runtime starts");
        let address = match (&listener, &socket) {
            (Some(listener), _) => listener.local_addr(),
            (None, Some(socket)) => socket.local_addr(),
            (None, None) => unreachable!("a server listens"),
        };
        let address = address.expect("who listens has an address");
        let shared = Arc::new(Shared {
            routes: Mutex::default(),
            makes_answers,
            memory: Memory::new(),
            active: AtomicUsize::new(0),
            peak: AtomicUsize::new(0),
        });
        let acceptor = identity.as_ref().map(|identity| TlsAcceptor::from(identity.config.clone()));
        let entered = runtime.enter();
        if let Some(listener) = listener {
            listener.set_nonblocking(true).expect("the listener does not block");
            let listener = TcpListener::from_std(listener).expect("the runtime takes the listener");
            tokio::spawn(accept(listener, acceptor, Arc::clone(&shared)));
        }
        if let (Some(socket), Some(identity)) = (socket, &identity) {
            let tls = identity.config.as_ref().clone();
            http3::serve(socket, tls, Arc::clone(&shared)).expect("the runtime takes the socket");
        }
        drop(entered);
        let public_key_sha256 = identity.as_ref().map(|identity| identity.public_key_sha256);
        let authority = identity.map(|identity| {
            let dir = TempDir::new().expect("a temporary directory");
            let path = dir.path().join("ca.pem");
            std::fs::write(&path, identity.authority).expect("the authority is written");
            for (name, pem) in [
                ("client.pem", identity.client),
                ("stranger.pem", identity.stranger),
                ("server.pem", identity.server),
            ] {
                std::fs::write(dir.path().join(name), pem).expect("the certificate is written");
            }
            (dir, path)
        });
        let public_key_sha256 = public_key_sha256.unwrap_or_default();
        Self { shared, address, authority, public_key_sha256, runtime: Some(runtime) }
    }

    /// Returns the URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.authority.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the file with the certificate authority to trust.
    ///
    /// # Panics
    /// If the server does not speak TLS.
    #[must_use]
    pub fn ca_pem(&self) -> PathBuf {
        self.authority.as_ref().expect("the server speaks TLS").1.clone()
    }

    /// Returns a file with a certificate and key that the server knows, to be shown by a client.
    ///
    /// # Panics
    /// If the server does not speak TLS.
    #[must_use]
    pub fn client_pem(&self) -> PathBuf {
        self.ca_pem().with_file_name("client.pem")
    }

    /// Writes what [`client_pem`](Self::client_pem) has, and its authority, into a PKCS#12 file.
    ///
    /// # Panics
    /// If the server does not speak TLS.
    #[must_use]
    pub fn client_p12(&self, kind: Pkcs12, password: &str) -> PathBuf {
        let (client, authority) = (self.client_pem(), self.ca_pem());
        let bytes = pkcs12::write(kind, &client, &authority, password);
        let path = client.with_file_name(format!("client-{kind:?}.p12"));
        std::fs::write(&path, bytes.expect("the file is made")).expect("the file is written");
        path
    }

    /// Returns a file as [`client_pem`](Self::client_pem) of somebody the server does not know.
    ///
    /// # Panics
    /// If the server does not speak TLS.
    #[must_use]
    pub fn stranger_pem(&self) -> PathBuf {
        self.ca_pem().with_file_name("stranger.pem")
    }

    /// Returns a file with the server's own certificate and key, for another server.
    ///
    /// # Panics
    /// If the server does not speak TLS.
    #[must_use]
    pub fn server_pem(&self) -> PathBuf {
        self.ca_pem().with_file_name("server.pem")
    }

    /// Returns the SHA-256 digest of the server's public key; zeros without TLS.
    #[must_use]
    pub fn public_key_sha256(&self) -> [u8; 32] {
        self.public_key_sha256
    }

    /// Sets the answer for a path, whatever the query; other paths get 404. Counting for
    /// [`Answer::times`] begins anew.
    pub fn on(&self, path: &str, answer: Answer) {
        self.shared.routes().insert(path.to_owned(), Route::new(answer));
    }

    /// Forgets the answer for a path; what is stalled there goes on.
    pub fn off(&self, path: &str) {
        self.shared.routes().remove(path);
    }

    /// Lets every response for the path that is stalled go on.
    pub fn release(&self, path: &str) {
        if let Some(route) = self.shared.routes().get(path) {
            route.released.send_modify(|times| *times += 1);
        }
    }

    /// Returns the requests so far, in the order of their arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Seen> {
        self.shared.memory.all()
    }

    /// Returns the requests so far for one path, whatever the query.
    #[must_use]
    pub fn requests_for(&self, path: &str) -> Vec<Seen> {
        self.requests().into_iter().filter(|seen| route_of(&seen.path) == path).collect()
    }

    /// Returns how many requests were in progress at the same time, at most.
    #[must_use]
    pub fn peak_concurrency(&self) -> usize {
        self.shared.peak.load(Ordering::SeqCst)
    }

    /// Blocks until this many requests have arrived.
    pub fn wait_for_requests(&self, count: usize) -> Vec<Seen> {
        self.wait_until(|seen| seen.len() >= count)
    }

    /// Blocks until the requests are as asked.
    ///
    /// # Panics
    /// If they are not within 30 seconds.
    pub fn wait_until(&self, enough: impl FnMut(&[Seen]) -> bool) -> Vec<Seen> {
        match self.shared.memory.wait(enough) {
            Ok(seen) => seen,
            Err(seen) => panic!("not reached within {WAIT_LIMIT:?}: {seen:#?}"),
        }
    }

    /// Waits, without blocking the thread and on any runtime, until the requests are as asked.
    ///
    /// # Panics
    /// If they are not within 30 seconds.
    pub async fn reach(&self, enough: impl FnMut(&[Seen]) -> bool + Send + 'static) -> Vec<Seen> {
        let memory = Arc::clone(&self.shared.memory);
        let reached = self.runtime().spawn(async move {
            match tokio::time::timeout(WAIT_LIMIT, memory.reach(enough)).await {
                Ok(seen) => seen,
                Err(_) => panic!("not reached within {WAIT_LIMIT:?}: {:#?}", memory.all()),
            }
        });
        reached.await.expect("the requests are as asked")
    }

    fn runtime(&self) -> &Runtime {
        self.runtime.as_ref().expect("present until the drop")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Waiting for the threads would panic inside an async test.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What connections share.
#[derive(Debug)]
struct Shared {
    routes: Mutex<BTreeMap<String, Route>>,
    /// Whether a path without a route stands for an answer.
    makes_answers: bool,
    memory: Arc<Memory>,
    active: AtomicUsize,
    peak: AtomicUsize,
}

#[derive(Debug)]
struct Route {
    answer: Answer,
    requests: u64,
    released: watch::Sender<u64>,
}

impl Route {
    fn new(answer: Answer) -> Self {
        Self { answer, requests: 0, released: watch::channel(0).0 }
    }
}

/// A request in progress.
struct Activity<'a>(&'a Shared);

impl Shared {
    /// Remembers a request and finds its answer, and what tells when a stalled one goes on: from the
    /// moment that the request is remembered, since a test may wait for that.
    fn begin(&self, seen: Seen) -> (Answer, watch::Receiver<u64>, Entry) {
        let mut routes = self.routes();
        let made = Made::read(&seen.path).filter(|_| self.makes_answers);
        let route = match &made {
            Some(made) if made.counts && routes.len() < MADE_LIMIT => {
                let route = Route::new(made.answer.clone());
                Some(routes.entry(seen.path.clone()).or_insert(route))
            }
            _ if self.makes_answers => None,
            _ => routes.get_mut(route_of(&seen.path)),
        };
        let never = || watch::channel(0).1;
        let (answer, released) = match (route, made) {
            (Some(route), _) => {
                route.requests += 1;
                (route.answer.for_request(route.requests - 1), route.released.subscribe())
            }
            (None, Some(made)) => (made.answer, never()),
            (None, None) => (Answer::ok("not found\n").status(404), never()),
        };
        drop(routes);
        (answer, released, self.memory.add(seen))
    }

    fn activity(&self) -> Activity<'_> {
        let active = self.active.fetch_add(1, Ordering::SeqCst) + 1;
        self.peak.fetch_max(active, Ordering::SeqCst);
        Activity(self)
    }

    fn routes(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Route>> {
        self.routes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Activity<'_> {
    fn drop(&mut self) {
        self.0.active.fetch_sub(1, Ordering::SeqCst);
    }
}

fn route_of(path: &str) -> &str {
    path.split(['?', '#']).next().unwrap_or(path)
}

/// Finds a port that is free for TCP and UDP.
fn same_port() -> (std::net::TcpListener, UdpSocket) {
    for _ in 0..PORT_TRIES {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        let address = listener.local_addr().expect("the listener has an address");
        if let Ok(socket) = UdpSocket::bind(address) {
            return (listener, socket);
        }
    }
    panic!("no port is free for TCP and UDP");
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    let slots = Arc::new(Semaphore::new(CONNECTION_LIMIT));
    for number in 0.. {
        let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // Clients of a hostile server go away in every possible way; none is an error here.
            let _ = connection(stream, tls, number, &shared).await;
            drop(slot);
        });
    }
}

async fn connection(
    mut stream: TcpStream,
    tls: Option<TlsAcceptor>,
    number: u64,
    shared: &Arc<Shared>,
) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let Some(tls) = tls else {
        match http1::serve(&mut stream, number, shared).await {
            Ending::Close => stream.shutdown().await?,
            Ending::Cut => {}
            Ending::Reset => stream.set_zero_linger()?,
        }
        return Ok(());
    };
    let mut stream = tls.accept(stream).await?;
    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
        return http2::serve(stream, number, shared).await;
    }
    match http1::serve(&mut stream, number, shared).await {
        Ending::Close => stream.shutdown().await?,
        Ending::Cut => {}
        Ending::Reset => stream.get_ref().0.set_zero_linger()?,
    }
    Ok(())
}
