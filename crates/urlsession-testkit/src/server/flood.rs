//! A server that answers an HTTP/2 request with far more frames than anybody asked for (RFC 9113).

use super::certificate::{Certificate, Identity};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

/// Most bytes of one flood; after them the connection stays open in silence.
const FLOOD_LIMIT: u64 = 2 << 20;
/// Most frames of one trickle.
const TRICKLE_LIMIT: u32 = 10_000;
/// Bytes written at a time.
const WAVE_BYTES: usize = 32 * 1024;
const PREFACE_BYTES: usize = 24;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PUSH_PROMISE: u8 = 5;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;
/// `:status: 200` and `:status: 100` in HPACK.
const STATUS_200: &[u8] = &[0x88];
const STATUS_100: &[u8] = &[0x08, 3, b'1', b'0', b'0'];
/// `:status: 103` and `link: <a>`.
const STATUS_103: &[u8] =
    &[0x08, 3, b'1', b'0', b'3', 0, 4, b'l', b'i', b'n', b'k', 3, b'<', b'a', b'>'];
/// The field that came into the table last.
const LAST_FIELD: u8 = 0x80 | 62;

/// What floods: frames that come once, and those that come again and again.
#[derive(Debug, Clone)]
pub struct Flood {
    /// What it is, in words.
    pub name: &'static str,
    once: Vec<u8>,
    again: Vec<u8>,
    /// How long it is silent between two frames; none is a flood.
    pause: Option<Duration>,
    /// How many bytes end the connection; none keeps it open in silence after a while.
    bytes: Option<u64>,
}

impl Flood {
    /// Makes it a trickle: one frame, and then so much silence.
    #[must_use]
    pub fn slow(self, pause: Duration) -> Self {
        Self { pause: Some(pause), ..self }
    }

    /// Has it end with its connection, after so many bytes.
    #[must_use]
    pub fn ending_after(self, bytes: u64) -> Self {
        Self { bytes: Some(bytes), ..self }
    }

    /// Returns one of each.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let head = frame(HEADERS, END_HEADERS, 1, STATUS_200);
        let open = frame(HEADERS, 0, 1, STATUS_200);
        let flood = |name, once: &[u8], again: Vec<u8>| Self {
            name,
            once: once.to_vec(),
            again,
            pause: None,
            bytes: None,
        };
        vec![
            flood("pings", &[], frame(PING, 0, 0, &[7; 8])),
            flood("pings behind a head", &head, frame(PING, 0, 0, &[7; 8])),
            flood("settings", &[], frame(SETTINGS, 0, 0, &[0, 4, 0, 1, 0, 0])),
            flood("empty data", &head, frame(DATA, 0, 1, &[])),
            flood(
                "nothing but padding",
                &head,
                frame(DATA, PADDED, 1, &[[1].as_slice(), &[0]].concat()),
            ),
            flood("windows", &[], frame(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
            flood("windows of the stream", &head, frame(WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1])),
            flood("priorities", &[], frame(PRIORITY, 0, 1, &[0, 0, 0, 3, 1])),
            flood("continuations", &open, frame(CONTINUATION, 0, 1, &[0x40, 1, b'a', 1, b'b'])),
            flood("empty continuations", &open, frame(CONTINUATION, 0, 1, &[])),
            flood("interim answers", &[], frame(HEADERS, END_HEADERS, 1, STATUS_100)),
            flood("promises", &[], frame(PUSH_PROMISE, END_HEADERS, 1, &[0, 0, 0, 2, 0x82])),
            flood("resets of no stream", &[], frame(RST_STREAM, 0, 9, &[0, 0, 0, 8])),
            flood("resets of the stream", &head, frame(RST_STREAM, 0, 1, &[0, 0, 0, 8])),
            flood("refusals", &[], frame(RST_STREAM, 0, 1, &[0, 0, 0, 7])),
            flood("goodbyes", &[], frame(GOAWAY, 0, 0, &[0, 0, 0, 1, 0, 0, 0, 0])),
            flood("goodbyes to all", &[], frame(GOAWAY, 0, 0, &[0; 8])),
            flood("early hints", &[], frame(HEADERS, END_HEADERS, 1, STATUS_103)),
            flood(
                "fields of few bytes each",
                &bomb(),
                frame(CONTINUATION, 0, 1, &[LAST_FIELD; 8192]),
            ),
            flood("a window beyond all", &[], frame(WINDOW_UPDATE, 0, 0, &[0x7f, 255, 255, 255])),
            flood(
                "a window of the stream",
                &head,
                frame(WINDOW_UPDATE, 0, 1, &[0x7f, 255, 255, 255]),
            ),
            flood("a window of nothing", &head, frame(WINDOW_UPDATE, 0, 1, &[0; 4])),
            flood(
                "a first window too large",
                &[],
                frame(SETTINGS, 0, 0, &[0, 4, 255, 255, 255, 255]),
            ),
            flood("frames too small", &[], frame(SETTINGS, 0, 0, &[0, 5, 0, 0, 0, 1])),
            flood("tables of another size", &[], tables()),
            flood("unknown frames", &[], frame(0xbb, 0, 0, &[1; 16])),
            flood("data beyond the window", &head, frame(DATA, 0, 1, &[9; 16_384])),
            flood("nonsense", &[], vec![0xff; 64]),
            flood("silence behind half a frame", &head[..5], Vec::new()),
        ]
    }
}

/// A head whose one field has 4000 bytes and is kept in the table; an index repeats it (RFC 7541
/// section 6.1).
fn bomb() -> Vec<u8> {
    // A literal with indexing, a name of one byte, a length of 127 + 3873 in its prefix form.
    let mut block = [STATUS_200, &[0x40, 1, b'a', 127, 0xa1, 0x1e]].concat();
    block.resize(block.len() + 4000, b'b');
    frame(HEADERS, 0, 1, &block)
}

/// Settings that take the encoder's table away and give it back.
fn tables() -> Vec<u8> {
    let of = |size: u8| frame(SETTINGS, 0, 0, &[0, 1, 0, 0, size, 0]);
    [of(0), of(255)].concat()
}

fn frame(kind: u8, flags: u8, stream: u32, content: &[u8]) -> Vec<u8> {
    let length = u32::try_from(content.len()).unwrap_or(0).to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend(stream.to_be_bytes());
    bytes.extend(content);
    bytes
}

/// The server of one flood.
#[derive(Debug)]
pub struct Flooding {
    address: SocketAddr,
    authority: (TempDir, PathBuf),
    open: Arc<AtomicU64>,
    connections: Arc<AtomicU64>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Flooding {
    /// Starts it on loopback, with TLS.
    ///
    /// # Panics
    /// There is no free port, or no certificate can be made.
    #[must_use]
    pub fn start(flood: Flood) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("the listener does not block");
        let address = listener.local_addr().expect("the listener has an address");
        let identity = Identity::new(Certificate::Valid, &[b"h2"]).expect("certificates are made");
        let folder = TempDir::new().expect("a temporary directory");
        let path = folder.path().join("ca.pem");
        std::fs::write(&path, identity.authority).expect("the authority is written");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let open = Arc::new(AtomicU64::new(0));
        let connections = Arc::new(AtomicU64::new(0));
        let (acceptor, count) = (TlsAcceptor::from(identity.config), Arc::clone(&open));
        let all = Arc::clone(&connections);
        runtime.spawn(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, flood, count) =
                    (acceptor.clone(), flood.clone(), Arc::clone(&count));
                all.fetch_add(1, Ordering::SeqCst);
                tokio::spawn(async move {
                    count.fetch_add(1, Ordering::SeqCst);
                    // However the client leaves is right.
                    let _ = serve(stream, &acceptor, &flood).await;
                    count.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { address, authority: (folder, path), open, connections, runtime: Some(runtime) }
    }

    /// Returns the URL of a file there.
    #[must_use]
    pub fn url(&self) -> String {
        format!("https://{}/file", self.address)
    }

    /// Returns the file with the certificate authority to trust.
    #[must_use]
    pub fn ca_pem(&self) -> PathBuf {
        self.authority.1.clone()
    }

    /// Returns how many connections there were.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    /// Returns how many of them are open.
    #[must_use]
    pub fn open(&self) -> u64 {
        self.open.load(Ordering::SeqCst)
    }
}

impl Drop for Flooding {
    fn drop(&mut self) {
        // Waiting for the threads would panic inside an async test.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn serve(stream: TcpStream, acceptor: &TlsAcceptor, flood: &Flood) -> std::io::Result<()> {
    let stream = acceptor.accept(stream).await?;
    let (mut from, mut to) = tokio::io::split(stream);
    to.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    to.flush().await?;
    let mut skipped = vec![0; PREFACE_BYTES];
    from.read_exact(&mut skipped).await?;
    loop {
        let mut head = [0; 9];
        from.read_exact(&mut head).await?;
        let [_, high, middle, low, ..] = [0, head[0], head[1], head[2]];
        skipped.resize(usize::from(high) << 16 | usize::from(middle) << 8 | usize::from(low), 0);
        from.read_exact(&mut skipped).await?;
        if head[3] == HEADERS {
            break;
        }
    }
    let rest =
        tokio::spawn(async move { tokio::io::copy(&mut from, &mut tokio::io::sink()).await });
    let flooded = async {
        to.write_all(&flood.once).await?;
        to.flush().await?;
        if let Some(pause) = flood.pause {
            let mut ticks = tokio::time::interval(pause);
            for _ in 0..TRICKLE_LIMIT {
                ticks.tick().await;
                to.write_all(&flood.again).await?;
                to.flush().await?;
            }
            return Ok(());
        }
        let Some(times) = WAVE_BYTES.checked_div(flood.again.len()) else { return Ok(()) };
        let wave = flood.again.repeat(times.max(1));
        let mut written = 0;
        while written < flood.bytes.unwrap_or(FLOOD_LIMIT) {
            to.write_all(&wave).await?;
            written += wave.len() as u64;
        }
        to.flush().await
    };
    let flooded: std::io::Result<()> = flooded.await;
    // Open until the client has gone, unless it has already.
    if flooded.is_ok() && flood.bytes.is_none() {
        let _ = rest.await;
    } else {
        rest.abort();
    }
    flooded
}
