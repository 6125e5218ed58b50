//! Happy Eyeballs (RFC 8305): a race over the addresses of one name, which the first that answers
//! wins.
//!
//! ```text
//!   ::1   ████████████████░░░░   silent: it loses
//!   1.1.1.1    ██ refused        joins after a pause
//!   ::2           ██████         joins at once after a failure, and wins
//! ```

use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// Longest time for one address; the others go on.
const ADDRESS_TIMEOUT: Duration = Duration::from_secs(15);
/// Pause before the next address joins (RFC 8305 section 5).
pub(super) const ATTEMPT_DELAY: Duration = Duration::from_millis(250);

/// Most addresses of one name that are tried.
const ADDRESS_LIMIT: usize = 16;

/// Alternates the families, that of the resolver's first address first (RFC 8305 section 4). Of many
/// in one family those of the other are not left out.
pub(super) fn alternate(addresses: Vec<SocketAddr>) -> VecDeque<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut a, mut b): (VecDeque<_>, VecDeque<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut mixed = VecDeque::with_capacity(a.len() + b.len());
    while !a.is_empty() || !b.is_empty() {
        mixed.extend(a.pop_front());
        mixed.extend(b.pop_front());
    }
    mixed.truncate(ADDRESS_LIMIT);
    mixed
}

/// Connects to the first address that answers; each next one joins after a failure or a pause.
/// Those that lose are given up.
pub(super) async fn race<S, F>(
    mut waiting: VecDeque<SocketAddr>,
    connect: impl Fn(SocketAddr) -> F,
) -> io::Result<S>
where
    S: Send + 'static,
    F: Future<Output = io::Result<S>> + Send + 'static,
{
    let mut racing = JoinSet::new();
    let mut told = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.pop_front() {
            Some(address) => {
                let attempt = timeout(ADDRESS_TIMEOUT, connect(address));
                racing.spawn(async move { attempt.await? });
            }
            None if racing.is_empty() => return Err(told),
            None => {}
        }
        let error = tokio::select! {
            biased;
            Some(joined) = racing.join_next() => match joined {
                Ok(Ok(stream)) => return Ok(stream),
                Ok(Err(error)) => error,
                Err(error) => io::Error::other(error),
            },
            () = sleep(ATTEMPT_DELAY), if !waiting.is_empty() => continue,
        };
        if rank(&error) >= rank(&told) {
            told = error;
        }
    }
}

/// What tells most of why nobody could be reached: an answer, even a refusal, more than silence,
/// and silence more than a family of addresses that this machine has no way for.
fn rank(error: &io::Error) -> u8 {
    match error.kind() {
        io::ErrorKind::AddrNotAvailable | io::ErrorKind::Unsupported => 0,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => 1,
        io::ErrorKind::TimedOut => 2,
        _ => 3,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::{Arc, Mutex};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::time::Instant;

    fn list(text: &str) -> VecDeque<SocketAddr> {
        text.split_whitespace().map(|address| address.parse().expect("an address")).collect()
    }

    #[test]
    fn families_alternate() {
        for (found, mixed) in [
            ("", ""),
            ("1.1.1.1:1", "1.1.1.1:1"),
            ("[::1]:1 [::2]:1", "[::1]:1 [::2]:1"),
            (
                "[::1]:1 [::2]:1 [::3]:1 1.1.1.1:1 2.2.2.2:1",
                "[::1]:1 1.1.1.1:1 [::2]:1 2.2.2.2:1 [::3]:1",
            ),
            ("1.1.1.1:1 2.2.2.2:1 [::1]:1", "1.1.1.1:1 [::1]:1 2.2.2.2:1"),
        ] {
            assert_eq!(alternate(list(found).into()), list(mixed), "{found}");
        }
        let many = format!("{}1.1.1.1:1", "[::1]:1 ".repeat(2 * ADDRESS_LIMIT));
        let few = alternate(list(&many).into());
        assert_eq!((few.len(), few[1].is_ipv4()), (ADDRESS_LIMIT, true));
    }

    /// What each address does and after how many milliseconds => when each joins, who wins or what
    /// is told, and when. The time is virtual.
    const TABLE: &[(&str, &str)] = &[
        ("ok:0", "a@0 => a@0"),
        ("ok:249 ok:0", "a@0 => a@249"),
        ("ok:400 ok:100", "a@0 b@250 => b@350"),
        ("ok:340 ok:100", "a@0 b@250 => a@340"),
        ("never ok:10", "a@0 b@250 => b@260"),
        ("refused:20 ok:10", "a@0 b@20 => b@30"),
        ("never refused:20 ok:10", "a@0 b@250 c@270 => c@280"),
        ("never never never ok:0", "a@0 b@250 c@500 d@750 => d@750"),
        // A failure lets the next one join; those that run go on.
        ("refused:260 never ok:900 ok:100", "a@0 b@250 c@260 d@510 => d@610"),
        ("refused:5", "a@0 => ConnectionRefused@5"),
        ("never", "a@0 => TimedOut@15000"),
        ("never never", "a@0 b@250 => TimedOut@15250"),
        ("refused:5 unreachable:0", "a@0 b@5 => ConnectionRefused@5"),
        ("unreachable:0 refused:5", "a@0 b@0 => ConnectionRefused@5"),
        ("unreachable:0 never", "a@0 b@0 => TimedOut@15000"),
        ("refused:5 never", "a@0 b@5 => ConnectionRefused@15005"),
        ("unreachable:0 unavailable:0", "a@0 b@0 => NetworkUnreachable@0"),
        ("", " => AddrNotAvailable@0"),
    ];

    #[tokio::test(start_paused = true)]
    async fn addresses_join_and_win() {
        for (script, expected) in TABLE {
            let acts: Vec<&'static str> = script.split_whitespace().collect();
            let addresses = (0..acts.len()).map(|n| SocketAddr::from(([127, 0, 0, 1], n as u16)));
            let begin = Instant::now();
            let joined = Arc::new(Mutex::new(Vec::new()));
            let won = race(addresses.collect(), |address| {
                let act = acts[usize::from(address.port())];
                let name = char::from(b'a' + address.port() as u8);
                joined.lock().unwrap().push(format!("{name}@{}", begin.elapsed().as_millis()));
                async move {
                    let (what, after) = act.split_once(':').unwrap_or((act, "1000000"));
                    sleep(Duration::from_millis(after.parse().unwrap())).await;
                    match what {
                        "refused" => Err(io::ErrorKind::ConnectionRefused.into()),
                        "unreachable" => Err(io::ErrorKind::NetworkUnreachable.into()),
                        "unavailable" => Err(io::ErrorKind::AddrNotAvailable.into()),
                        _ => Ok(name),
                    }
                }
            });
            let end = match won.await {
                Ok(name) => name.to_string(),
                Err(error) => format!("{:?}", error.kind()),
            };
            let joined = joined.lock().unwrap().join(" ");
            let got = format!("{joined} => {end}@{}", begin.elapsed().as_millis());
            assert_eq!(got, *expected, "{script}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn who_loses_is_given_up() {
        let token = Arc::new(());
        let held = Arc::clone(&token);
        let won = race(list("1.1.1.1:1 2.2.2.2:2 3.3.3.3:3"), |address| {
            let held = Arc::clone(&held);
            async move {
                if address.port() != 3 {
                    std::future::pending::<()>().await;
                }
                drop(held);
                Ok(address.port())
            }
        });
        assert_eq!(won.await.unwrap(), 3);
        drop(held);
        while Arc::strong_count(&token) > 1 {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn either_family_is_enough() {
        let v4 = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = v4.local_addr().unwrap();
        // Nobody listens there, whether or not this machine has IPv6.
        let nobody = SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, address.port()));
        let won = race([nobody, address].into(), TcpStream::connect).await.unwrap();
        assert_eq!(won.peer_addr().unwrap(), address);
        let Ok(v6) = TcpListener::bind("[::1]:0").await else {
            eprintln!("SKIPPED: this machine has no IPv6");
            return;
        };
        let address = v6.local_addr().unwrap();
        let nobody = SocketAddr::from(([127, 0, 0, 1], address.port()));
        let won = race([nobody, address].into(), TcpStream::connect).await.unwrap();
        assert_eq!(won.peer_addr().unwrap(), address);
        // Both answer: the first has it.
        let both = [address, v4.local_addr().unwrap()];
        let won = race(both.into(), TcpStream::connect).await.unwrap();
        assert_eq!(won.peer_addr().unwrap(), address);
    }
}
