//! Somebody on the way to a server, who cuts and garbles what it sends.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};

/// What happens to the bytes of a connection, on their way to the client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tampering {
    /// They end.
    Cut,
    /// The connection is reset.
    Reset,
    /// One byte is another.
    Flip,
    /// A byte is missing.
    Drop,
    /// Some come twice.
    Repeat,
    /// Others come in between.
    Insert,
    /// No more come.
    Stall,
}

impl Tampering {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Cut, Self::Reset, Self::Flip, Self::Drop, Self::Repeat, Self::Insert, Self::Stall];
}

/// Passes bytes on, and tampers with those of the first connections.
#[derive(Debug)]
pub struct Tamperer {
    address: SocketAddr,
    connections: Arc<AtomicU32>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Tamperer {
    /// Starts on loopback in front of a server: the byte at that place of so many connections.
    ///
    /// # Panics
    /// There is no free port.
    #[must_use]
    pub fn start(server: SocketAddr, what: Tampering, at: usize, times: u32) -> Self {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("the listener does not block");
        let address = listener.local_addr().expect("the listener has an address");
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let connections = Arc::new(AtomicU32::new(0));
        let count = Arc::clone(&connections);
        runtime.spawn(async move {
            let Ok(listener) = TcpListener::from_std(listener) else { return };
            while let Ok((stream, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let what = Some((what, at)).filter(|_| number < times);
                // However either side leaves is right.
                tokio::spawn(async move { pass(stream, server, what).await });
            }
        });
        Self { address, connections, runtime: Some(runtime) }
    }

    /// Returns where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns how many connections there were.
    #[must_use]
    pub fn connections(&self) -> u32 {
        self.connections.load(Ordering::SeqCst)
    }
}

impl Drop for Tamperer {
    fn drop(&mut self) {
        // Waiting for the threads would panic inside an async test.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn pass(
    client: TcpStream,
    server: SocketAddr,
    what: Option<(Tampering, usize)>,
) -> std::io::Result<()> {
    let server = TcpStream::connect(server).await?;
    if matches!(what, Some((Tampering::Reset, _))) {
        client.set_zero_linger()?;
    }
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let asking =
        tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let Some((what, at)) = what else {
        tokio::io::copy(&mut from_server, &mut to_client).await?;
        return to_client.shutdown().await;
    };
    let mut before = vec![0; at];
    let mut seen = 0;
    while seen < at {
        let place = before.get_mut(seen..).unwrap_or_default();
        match from_server.read(place).await? {
            0 => break,
            read => {
                to_client.write_all(place.get(..read).unwrap_or_default()).await?;
                seen += read;
            }
        }
    }
    let mut byte = [0; 1];
    from_server.read_exact(&mut byte).await?;
    match what {
        Tampering::Cut | Tampering::Reset => {
            // The other half of the socket goes with it.
            asking.abort();
        }
        Tampering::Stall => {
            // Until the client has gone.
            let _ = asking.await;
        }
        Tampering::Flip | Tampering::Drop | Tampering::Repeat | Tampering::Insert => {
            match what {
                Tampering::Flip => to_client.write_all(&[byte[0] ^ 0x10]).await?,
                Tampering::Repeat => to_client.write_all(&byte.repeat(40)).await?,
                Tampering::Insert => {
                    to_client.write_all(b"\x15\x03\x03\x00\x02\x01\x00").await?;
                    to_client.write_all(&byte).await?;
                }
                _ => {}
            }
            tokio::io::copy(&mut from_server, &mut to_client).await?;
            to_client.shutdown().await?;
        }
    }
    Ok(())
}
