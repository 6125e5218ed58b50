//! An open connection, with as many layers of TLS as its way has.

use super::metrics::Facts;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio_rustls::client::TlsStream;

/// An open connection.
#[derive(Debug)]
pub(super) enum Line {
    Plain(TcpStream),
    /// Over a socket of this machine.
    #[cfg(unix)]
    Local(UnixStream),
    /// Over another line: one without TLS, or one of TLS with a proxy.
    Tls(Box<TlsStream<Self>>),
}

impl Line {
    /// Says whether both sides agreed on HTTP/2.
    pub(super) fn is_http2(&self) -> bool {
        match self {
            Self::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(b"h2"),
            _ => false,
        }
    }

    /// Returns what is known of the connection.
    pub(super) fn facts(&self, is_proxied: bool) -> Facts {
        let tls = match self {
            Self::Tls(stream) => Some(&**stream.get_ref().1),
            _ => None,
        };
        Facts::new(self.addresses(), tls, is_proxied, self.is_http2())
    }

    /// Waits until something has come that can be read, or nothing more ever will. What was read
    /// since may have been all of it.
    pub(super) async fn come(&self) {
        // What became of the line is told to whoever reads.
        let _ = match self {
            Self::Plain(stream) => stream.readable().await,
            #[cfg(unix)]
            Self::Local(stream) => stream.readable().await,
            Self::Tls(stream) => {
                let (below, session) = stream.get_ref();
                if session.wants_read() {
                    Box::pin(below.come()).await;
                }
                Ok(())
            }
        };
    }

    /// Returns our address and the other side's. Sockets of this machine have none.
    fn addresses(&self) -> (Option<SocketAddr>, Option<SocketAddr>) {
        match self {
            Self::Plain(stream) => (stream.local_addr().ok(), stream.peer_addr().ok()),
            #[cfg(unix)]
            Self::Local(_) => (None, None),
            Self::Tls(stream) => stream.get_ref().0.addresses(),
        }
    }
}

/// Calls the method of the layer that is outermost.
macro_rules! outermost {
    ($line:expr, $method:ident $(, $argument:expr)*) => {
        match $line.get_mut() {
            Line::Plain(stream) => Pin::new(stream).$method($($argument),*),
            #[cfg(unix)]
            Line::Local(stream) => Pin::new(stream).$method($($argument),*),
            Line::Tls(stream) => Pin::new(&mut **stream).$method($($argument),*),
        }
    };
}

impl AsyncRead for Line {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        outermost!(self, poll_read, cx, buf)
    }
}

impl AsyncWrite for Line {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        outermost!(self, poll_write, cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        outermost!(self, poll_write_vectored, cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            #[cfg(unix)]
            Self::Local(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        outermost!(self, poll_flush, cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        outermost!(self, poll_shutdown, cx)
    }
}
