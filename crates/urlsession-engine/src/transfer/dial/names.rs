//! Asks the system for the addresses of names, on threads of its own.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::thread;
use tokio::sync::{Semaphore, oneshot};

/// Most names that the system is asked for at once, by all engines of the process.
const LOOKUPS_LIMIT: usize = 32;

static LOOKUPS: Semaphore = Semaphore::const_new(LOOKUPS_LIMIT);

/// Returns the addresses of a host. One that is an address waits for nobody.
pub(super) async fn find(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let name = host.to_owned();
    let resolve = move || (name.as_str(), port).to_socket_addrs().map(Iterator::collect);
    ask(&LOOKUPS, resolve).await
}

/// Has a thread ask, which nobody can stop: a resolver that does not answer keeps it long after the
/// caller has left. Those of the runtime write files, and may be few where they are an app's.
async fn ask<T: Send + 'static>(
    lookups: &'static Semaphore,
    resolve: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> io::Result<T> {
    let lookup = lookups.acquire().await.map_err(io::Error::other)?;
    let (tell, told) = oneshot::channel();
    let run = move || {
        let found = resolve();
        // Not before: the thread is what counts.
        drop(lookup);
        let _ = tell.send(found);
    };
    thread::Builder::new().name("names".to_owned()).spawn(run)?;
    told.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::timeout;

    /// Asks so often for what is not answered, and leaves, as whoever has a limit for connecting.
    async fn hang(lookups: &'static Semaphore, count: usize) -> Vec<mpsc::Sender<()>> {
        let mut answers = Vec::new();
        for _ in 0..count {
            let (answer, answered) = mpsc::channel();
            let asked = ask(lookups, move || answered.recv().map_err(io::Error::other));
            assert!(timeout(Duration::ZERO, asked).await.is_err());
            answers.push(answer);
        }
        answers
    }

    #[test]
    fn a_resolver_that_does_not_answer_takes_no_thread_of_the_runtime() {
        static LOOKUPS: Semaphore = Semaphore::const_new(2);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.max_blocking_threads(1).enable_all().build().unwrap();
        runtime.block_on(async {
            let answers = hang(&LOOKUPS, 3).await;
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let at = listener.local_addr().unwrap();
            let addresses = find("127.0.0.1", at.port()).await.unwrap();
            TcpStream::connect(&addresses[..]).await.unwrap();
            // Whoever syncs a file has a thread, too.
            tokio::task::spawn_blocking(|| ()).await.unwrap();
            drop(answers);
        });
    }

    #[tokio::test]
    async fn a_look_up_counts_until_the_system_answers() {
        static LOOKUPS: Semaphore = Semaphore::const_new(2);
        let answers = hang(&LOOKUPS, 3).await;
        assert_eq!(LOOKUPS.available_permits(), 0, "nobody waits for them any more");
        let next = tokio::spawn(ask(&LOOKUPS, || Ok(7)));
        tokio::task::yield_now().await;
        assert!(!next.is_finished());
        answers[0].send(()).unwrap();
        assert_eq!(next.await.unwrap().unwrap(), 7);
    }

    #[tokio::test]
    async fn names_have_addresses() {
        let here = |found: Vec<SocketAddr>| found.iter().all(|at| at.ip().is_loopback());
        for (host, is_there) in
            [("127.0.0.1", true), ("::1", true), ("localhost", true), ("", false)]
        {
            let found = find(host, 7).await;
            assert_eq!(found.is_ok_and(here), is_there, "{host}");
        }
    }
}
