//! A Unix socket that leads to a server on loopback.

use crate::server::Server;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tempfile::TempDir;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpStream, UnixListener};
use tokio::runtime::{Builder, Runtime};

/// The socket; dropping it closes every connection over it.
#[derive(Debug)]
pub struct Door {
    path: PathBuf,
    passed: Arc<AtomicUsize>,
    _folder: TempDir,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

impl Door {
    /// Opens one to a server.
    ///
    /// # Panics
    /// If there can be no such socket.
    #[must_use]
    pub fn of(server: &Server) -> Self {
        Self::to(server.address())
    }

    /// Opens one to whoever listens there.
    ///
    /// # Panics
    /// If there can be no such socket.
    #[must_use]
    pub fn to(server: SocketAddr) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let folder = TempDir::new().expect("a temporary directory");
        let path = folder.path().join("door.sock");
        let listener = {
            let _entered = runtime.enter();
            UnixListener::bind(&path).expect("the path is free and short")
        };
        let passed = Arc::<AtomicUsize>::default();
        runtime.spawn(accept(listener, server, Arc::clone(&passed)));
        Self { path, passed, _folder: folder, runtime: Some(runtime) }
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns how many connections came over it so far.
    #[must_use]
    pub fn passed(&self) -> usize {
        self.passed.load(Ordering::Relaxed)
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        // Waiting for the threads would panic inside an async test.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

async fn accept(listener: UnixListener, server: SocketAddr, passed: Arc<AtomicUsize>) {
    loop {
        let Ok((mut client, _)) = listener.accept().await else { continue };
        passed.fetch_add(1, Ordering::Relaxed);
        tokio::spawn(async move {
            let mut server = TcpStream::connect(server).await?;
            // Clients go away in every possible way; none is an error here.
            copy_bidirectional(&mut client, &mut server).await
        });
    }
}
