//! Servers that take few requests over one HTTP/2 connection.

use super::super::handshake::{handshake1, handshake2};
use super::super::line::Line;
use super::super::metrics::Facts;
use super::super::pool::{Channel, IDLE_TIME, Key, Pool, Shared};
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

/// How long a request may be idle.
const PATIENCE: Duration = Duration::from_secs(60);

fn key() -> Key {
    Key {
        host: "few.example".to_owned(),
        port: 443,
        to: None,
        trust: Some(1),
        via: None,
        ip_version: None,
        interface: None,
        socket: None,
    }
}

/// Connects to a server that says how many streams it takes once it is told.
async fn connect(pool: &Pool, mut most: watch::Receiver<Option<u32>>) -> Channel {
    let facts = Arc::new(Facts::new((None, None), None, false, true));
    let (ours, theirs) = tokio::io::duplex(64 * 1024);
    // Ends with the runtime of the test.
    tokio::spawn(async move {
        let most = most.wait_for(Option::is_some).await.unwrap().unwrap();
        let mut server = h2::server::Builder::new();
        let mut connection =
            server.max_concurrent_streams(most).handshake::<_, bytes::Bytes>(theirs).await.unwrap();
        while connection.accept().await.is_some() {}
    });
    let channel = handshake2(ours, facts, pool.room(&key())).await.unwrap();
    pool.share(&key(), Shared::Http2(channel.clone()), pool.age());
    Channel::Http2(channel)
}

/// Says whether it is over once all others have done what they can.
async fn settled<F: Future + ?Sized>(mut future: Pin<&mut F>) -> Option<F::Output> {
    for _ in 0..64 {
        let polled = poll_fn(|cx| Poll::Ready(future.as_mut().poll(cx))).await;
        if let Poll::Ready(output) = polled {
            return Some(output);
        }
        tokio::task::yield_now().await;
    }
    None
}

/// What goes out before could be more than the server takes, and nobody would know that it waits.
#[tokio::test(start_paused = true)]
async fn a_connection_is_shared_once_its_server_has_said_how_far() {
    for (most, is_shared) in [(1, false), (2, true)] {
        let (say, said) = watch::channel(None);
        let pool = Pool::default();
        let _first = connect(&pool, said).await;
        let key = key();
        let mut second = pin!(pool.find(&key, PATIENCE));
        assert!(settled(second.as_mut()).await.is_none(), "{most}");
        say.send(Some(most)).unwrap();
        let second = settled(second.as_mut()).await.expect("it is known");
        assert_eq!(second.is_some(), is_shared, "{most}: otherwise it takes another connection");
    }
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_ever_for_what_a_server_does_not_say() {
    let (_say, said) = watch::channel(None);
    let pool = Pool::default();
    let _first = connect(&pool, said).await;
    // Time goes on by itself once nobody has anything to do.
    assert!(pool.find(&key(), PATIENCE).await.is_none());
}

/// Connects so often that nobody who comes after it has room; says who uses the connections.
async fn fill(pool: &Pool, most: &watch::Receiver<Option<u32>>) -> Vec<Channel> {
    let mut users = Vec::new();
    for _ in 0..6 {
        assert!(pool.find(&key(), PATIENCE).await.is_none(), "there may be one more");
        users.push(connect(pool, most.clone()).await);
    }
    users
}

#[tokio::test(start_paused = true)]
async fn who_finds_every_connection_full_waits_for_room() {
    let (_say, said) = watch::channel(Some(1));
    let pool = Pool::default();
    let key = key();
    let mut users = fill(&pool, &said).await;
    let mut seventh = pin!(pool.find(&key, PATIENCE));
    assert!(settled(seventh.as_mut()).await.is_none());
    assert!(pool.find_now(&key).await.is_none());
    users.pop();
    assert!(matches!(settled(seventh.as_mut()).await, Some(Some(Channel::Http2(_)))));
}

/// A download may take hours, and whoever comes after it has done nothing wrong: it takes a
/// connection of its own before it would have been idle for too long.
#[tokio::test(start_paused = true)]
async fn nobody_waits_for_room_for_ever() {
    let (_say, said) = watch::channel(Some(1));
    let pool = Pool::default();
    let users = fill(&pool, &said).await;
    for patience in [PATIENCE, Duration::from_secs(1)] {
        let found = timeout(patience, pool.find(&key(), patience)).await;
        assert!(matches!(found, Ok(None)), "{patience:?}: {found:?}");
    }
    drop(users);
}

/// A connection that is given up makes room for a new one.
#[tokio::test(start_paused = true)]
async fn who_waits_for_room_sees_that_connections_are_gone() {
    let (_say, said) = watch::channel(Some(0));
    let pool = Pool::default();
    let key = key();
    let mut users = Vec::new();
    for _ in 0..6 {
        users.push(connect(&pool, said.clone()).await);
        tokio::task::yield_now().await;
    }
    let mut seventh = pin!(pool.find(&key, PATIENCE));
    assert!(settled(seventh.as_mut()).await.is_none());
    pool.clear();
    assert!(matches!(settled(seventh.as_mut()).await, Some(None)));
}

/// Long enough for whoever closes what is idle, and no longer than twice the time that is promised.
const IDLE_FOR_LONG: Duration = IDLE_TIME.saturating_mul(2);

/// Each is a descriptor, and a server that closes none would fill the process with them.
#[tokio::test(start_paused = true)]
async fn a_shared_connection_is_closed_in_time_though_nobody_asks_for_one() {
    let (_say, said) = watch::channel(Some(1));
    let pool = Pool::default();
    let Channel::Http2(channel) = connect(&pool, said).await else { panic!("it is HTTP/2") };
    let closed = Arc::clone(&channel.closed);
    sleep(IDLE_FOR_LONG).await;
    assert!(!closed.load(Ordering::Acquire), "it is in use");
    drop(channel);
    sleep(IDLE_FOR_LONG).await;
    assert!(closed.load(Ordering::Acquire));
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_closed_in_time_though_nobody_asks_for_one() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let pool = Pool::default();
    // Also a later one, after there was nothing to close.
    for _ in 0..2 {
        let line = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        let (mut peer, _) = listener.accept().await.unwrap();
        let facts = Arc::new(Facts::new((None, None), None, false, false));
        let channel = handshake1(Line::Plain(line), pool.age(), facts).await.unwrap();
        pool.put_back(&key(), channel);
        let mut byte = [0];
        assert!(timeout(IDLE_TIME / 2, peer.read(&mut byte)).await.is_err(), "it may be of use");
        let ended = timeout(IDLE_FOR_LONG, peer.read(&mut byte)).await;
        assert!(matches!(ended, Ok(Ok(0))), "{ended:?}");
    }
}
