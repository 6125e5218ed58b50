//! Connections that wait for their next request, and those that many requests share.

use super::detour::Loan;
use super::metrics::Facts;
use super::quic::Http3;
use super::upload::Outbound;
use super::wire::Wire;
use bytes::Bytes;
use std::collections::HashMap;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore, SemaphorePermit};
use tokio::time::{Instant, sleep, timeout, timeout_at};
use urlsession_protocol::{Header, IpVersion, Proxy};

/// Most idle HTTP/1.1 connections kept for one server: as many as there may be at work.
const IDLE_PER_SERVER: usize = urlsession_core::MAX_RUNNING as usize;
/// Most servers that connections are kept for, but for those of which some are at work.
const SERVER_LIMIT: usize = 64;
/// Longest time a connection is kept without use; most servers close earlier.
pub(super) const IDLE_TIME: Duration = Duration::from_secs(90);
/// How often it is looked which are to be closed.
const SWEEP_TIME: Duration = Duration::from_secs(30);
/// Most HTTP/2 connections to one server that are shared; where all are full, more requests wait for
/// a stream first.
const SHARED_PER_SERVER: usize = 6;

/// Streams that a server has not spoken of yet: no server says so many.
pub(super) const UNSAID_STREAMS: usize = usize::MAX - 1;

/// Longest wait for who dials the same server already, for what the server says of a connection, or
/// for room on one; then it is not worth it any more.
const TURN_LIMIT: Duration = Duration::from_secs(5);

/// What two requests must have in common to share a connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) host: String,
    pub(super) port: u16,
    /// Where the connection goes instead.
    pub(super) to: Option<(String, u16)>,
    /// The number of the TLS configuration; `None` for plain `http`.
    pub(super) trust: Option<u64>,
    /// The proxy on the way.
    pub(super) via: Option<Arc<ViaKey>>,
    /// The version of IP that is asked for.
    pub(super) ip_version: Option<IpVersion>,
    /// What it goes out by, or comes from.
    pub(super) interface: Option<Arc<str>>,
    /// The socket of this machine that it goes over.
    pub(super) socket: Option<Arc<Path>>,
}

/// A proxy and who we are to it, the number of its TLS configuration, whether it connects to servers
/// of `http`, too, what it is told, and where it and the server are said to be.
pub(super) type ViaKey = (Proxy, Option<u64>, bool, Vec<Header>, [Option<(String, u16)>; 2]);

/// A connection that can take a request.
#[derive(Debug)]
pub(super) enum Channel {
    Http1(Http1),
    Http2(Http2),
    Http3(Http3),
}

/// A connection that many requests share.
#[derive(Debug, Clone)]
pub(super) enum Shared {
    Http2(Http2),
    #[cfg_attr(not(feature = "http3"), expect(dead_code))]
    Http3(Http3),
}

/// An HTTP/1.1 connection: one request at a time.
#[derive(Debug)]
pub(super) struct Http1 {
    pub(super) sender: hyper::client::conn::http1::SendRequest<Outbound>,
    pub(super) wire: Arc<Wire>,
    /// Gives the connection back to whom can read it faster.
    pub(super) loan: Option<Loan>,
    /// The pool's age when it was dialled.
    pub(super) age: u64,
    /// What is known of it.
    pub(super) facts: Arc<Facts>,
}

impl Http1 {
    /// Waits until what was handed over to it is written, or it has ended.
    pub(super) async fn written(&mut self) {
        // One that was lent out had nothing to write.
        let Some(loan) = &mut self.loan else { return };
        tokio::select! {
            () = self.wire.written() => {}
            () = loan.ended() => {}
        }
    }
}

/// An HTTP/2 connection: each clone of `user` is a stream under way.
#[derive(Debug, Clone)]
pub(super) struct Http2 {
    pub(super) sender: h2::client::SendRequest<Bytes>,
    pub(super) closed: Arc<AtomicBool>,
    pub(super) user: User,
    /// What is known of it.
    pub(super) facts: Arc<Facts>,
}

/// One of those who use a connection: whoever leaves says when that was, and makes room.
#[derive(Debug)]
pub(super) struct User(Arc<Use>);

/// How a connection is used.
#[derive(Debug)]
struct Use {
    users: AtomicUsize,
    /// When the last user left.
    last: Mutex<Instant>,
    /// Tells those who wait for room on the connections to the server.
    room: Arc<Notify>,
}

/// What there is for one more request to a server.
#[derive(Debug)]
enum Found {
    Channel(Channel),
    /// Nothing yet: the server has not said how many requests a connection takes. More than it takes
    /// would wait in h2, which tells nobody.
    Unsaid,
    /// Nothing before a request under way is over: there are connections enough.
    Full,
    Nothing,
}

/// All connections of the engine that are idle or shared.
#[derive(Debug, Default)]
pub(super) struct Pool {
    servers: Arc<Mutex<Servers>>,
    /// How often it was cleared: an older connection does not come back.
    age: AtomicU64,
}

/// All connections to the same server.
#[derive(Debug, Clone)]
pub(super) struct Crowd {
    pool: Arc<Pool>,
    key: Key,
}

#[derive(Debug, Default)]
struct Servers {
    known: HashMap<Key, Server>,
    /// Whether somebody sweeps: only where there is something to close in time.
    is_swept: bool,
}

#[derive(Debug)]
struct Server {
    idle: Vec<(Http1, Instant)>,
    shared: Vec<Shared>,
    used: Instant,
    /// One dials at a time until it is known whether the server shares its connections.
    gate: Arc<Semaphore>,
    speaks_http1: bool,
    /// Each clone is a connection.
    seat: Arc<()>,
    /// Tells that a shared connection may take a request more.
    room: Arc<Notify>,
}

impl Pool {
    /// Takes a connection for one request, if there is one. Where as many as may be are shared, and
    /// all are full, it waits for room, but no longer than the limit: those who use them may do so
    /// for hours, and whoever comes after them then needs a connection of its own.
    pub(super) async fn find(&self, key: &Key, limit: Duration) -> Option<Channel> {
        self.look(key, true, limit.min(TURN_LIMIT)).await
    }

    /// Takes a connection for one request, if one has room.
    pub(super) async fn find_now(&self, key: &Key) -> Option<Channel> {
        self.look(key, false, TURN_LIMIT).await
    }

    async fn look(&self, key: &Key, waits: bool, limit: Duration) -> Option<Channel> {
        match self.take(key) {
            Found::Channel(channel) => return Some(channel),
            Found::Nothing => return None,
            Found::Unsaid | Found::Full => {}
        }
        let until = Instant::now() + limit;
        loop {
            let room = self.room(key);
            let mut change = pin!(room.notified());
            // What changes from here on is not missed.
            change.as_mut().enable();
            match self.take(key) {
                Found::Channel(channel) => return Some(channel),
                Found::Nothing => return None,
                Found::Full if !waits => return None,
                Found::Unsaid | Found::Full => timeout_at(until, change).await.ok()?,
            }
        }
    }

    fn take(&self, key: &Key) -> Found {
        let mut servers = self.servers.lock().expect("no holder panics");
        let now = Instant::now();
        let Some(server) = servers.known.get_mut(key) else { return Found::Nothing };
        server.used = now;
        server.prune(now);
        if let Some(shared) = server.shared.iter().find(|shared| shared.has_room()) {
            return Found::Channel(shared.clone().into());
        }
        if let Some((channel, _)) = server.idle.pop() {
            return Found::Channel(Channel::Http1(channel));
        }
        match server.shared.len() {
            _ if server.shared.iter().any(Shared::is_unsaid) => Found::Unsaid,
            SHARED_PER_SERVER.. => Found::Full,
            _ => Found::Nothing,
        }
    }

    /// Returns what tells that a connection to the server may take a request more.
    pub(super) fn room(&self, key: &Key) -> Arc<Notify> {
        let mut servers = self.servers.lock().expect("no holder panics");
        Arc::clone(&servers.entry(key).room)
    }

    /// Returns what a request must acquire before it dials, so that the first requests to a
    /// server do not each open a connection that they could share.
    pub(super) fn gate(&self, key: &Key) -> Option<Arc<Semaphore>> {
        let mut servers = self.servers.lock().expect("no holder panics");
        let server = servers.entry(key);
        (!server.speaks_http1).then(|| Arc::clone(&server.gate))
    }

    /// Keeps an HTTP/1.1 connection for the next request.
    pub(super) fn put_back(&self, key: &Key, channel: Http1) {
        let mut servers = self.servers.lock().expect("no holder panics");
        if channel.sender.is_closed() || channel.age != self.age() {
            return;
        }
        let server = servers.entry(key);
        if server.idle.len() < IDLE_PER_SERVER {
            server.idle.push((channel, Instant::now()));
        }
        self.sweep(&mut servers);
    }

    /// Returns what a connection to the server has a clone of for as long as it is there.
    pub(super) fn seat(&self, key: &Key) -> Arc<()> {
        let mut servers = self.servers.lock().expect("no holder panics");
        Arc::clone(&servers.entry(key).seat)
    }

    /// Returns how many connections to the server are at work.
    pub(super) fn busy(&self, key: &Key) -> u32 {
        let servers = self.servers.lock().expect("no holder panics");
        let Some(server) = servers.known.get(key) else { return 0 };
        let open = Arc::strong_count(&server.seat) - 1;
        u32::try_from(open.saturating_sub(server.idle.len())).unwrap_or(u32::MAX)
    }

    /// Returns what a connection that is dialled now must be marked with.
    pub(super) fn age(&self) -> u64 {
        self.age.load(Ordering::Relaxed)
    }

    /// Forgets all connections: those under way end with their requests.
    pub(super) fn clear(&self) {
        let mut servers = self.servers.lock().expect("no holder panics");
        self.age.fetch_add(1, Ordering::Relaxed);
        for server in servers.known.values_mut() {
            server.idle.clear();
            server.shared.clear();
        }
    }

    /// Notes that the server speaks HTTP/1.1.
    pub(super) fn learn_http1(&self, key: &Key) {
        let mut servers = self.servers.lock().expect("no holder panics");
        servers.entry(key).speaks_http1 = true;
    }

    /// Shares a connection that was dialled when the pool had that age.
    pub(super) fn share(&self, key: &Key, channel: Shared, age: u64) {
        let mut servers = self.servers.lock().expect("no holder panics");
        if age != self.age() {
            return;
        }
        let server = servers.entry(key);
        server.prune(Instant::now());
        if server.shared.len() < SHARED_PER_SERVER {
            server.shared.push(channel);
        }
        self.sweep(&mut servers);
    }

    /// Sees to it that connections are closed in time though nobody asks for one any more: each is a
    /// descriptor, and what is on the way may forget it without a word.
    fn sweep(&self, servers: &mut Servers) {
        if std::mem::replace(&mut servers.is_swept, true) {
            return;
        }
        let swept = Arc::downgrade(&self.servers);
        tokio::spawn(async move {
            loop {
                sleep(SWEEP_TIME).await;
                let Some(servers) = swept.upgrade() else { return };
                if !servers.lock().expect("no holder panics").sweep() {
                    return;
                }
            }
        });
    }
}

impl Crowd {
    pub(super) fn of(pool: &Arc<Pool>, key: &Key) -> Self {
        Self { pool: Arc::clone(pool), key: key.clone() }
    }

    /// Returns how many of them are at work.
    pub(super) fn busy(&self) -> u32 {
        self.pool.busy(&self.key)
    }

    /// Keeps one of them for the next request.
    pub(super) fn take_back(&self, channel: Http1) {
        self.pool.put_back(&self.key, channel);
    }
}

impl Shared {
    /// Returns how many streams are under way.
    fn streams(&self) -> usize {
        // The pool's own clone is one of the count.
        let users = match self {
            Self::Http2(channel) => channel.user.count(),
            Self::Http3(channel) => Arc::strong_count(channel.users()),
        };
        users - 1
    }

    fn has_room(&self) -> bool {
        let streams = self.streams();
        match self {
            Self::Http2(channel) => match channel.sender.current_max_send_streams() {
                UNSAID_STREAMS => streams == 0,
                most => streams < most,
            },
            // QUIC does not tell how many there may be, and lets the others wait itself.
            Self::Http3(_) => true,
        }
    }

    /// Says whether it is not known how many requests it takes at once.
    fn is_unsaid(&self) -> bool {
        match self {
            Self::Http2(channel) => channel.sender.current_max_send_streams() == UNSAID_STREAMS,
            Self::Http3(_) => false,
        }
    }

    fn is_closed(&self) -> bool {
        match self {
            Self::Http2(channel) => channel.closed.load(Ordering::Acquire),
            Self::Http3(channel) => channel.is_closed(),
        }
    }

    /// Says whether nobody has used it for so long that nobody knows whether it still is one: what is
    /// on the way may have forgotten it, and told neither end.
    fn is_stale(&self, now: Instant) -> bool {
        match self {
            Self::Http2(channel) => self.streams() == 0 && channel.user.idle(now) >= IDLE_TIME,
            // It asks for signs of life, and closes by itself.
            Self::Http3(_) => false,
        }
    }
}

impl User {
    /// Makes the first one.
    pub(super) fn first(room: Arc<Notify>) -> Self {
        let (users, last) = (AtomicUsize::new(1), Mutex::new(Instant::now()));
        Self(Arc::new(Use { users, last, room }))
    }

    fn count(&self) -> usize {
        self.0.users.load(Ordering::Acquire)
    }

    /// Returns for how long nobody has left.
    fn idle(&self, now: Instant) -> Duration {
        now.duration_since(*self.0.last.lock().expect("no holder panics"))
    }
}

impl Clone for User {
    fn clone(&self) -> Self {
        self.0.users.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(&self.0))
    }
}

impl Drop for User {
    fn drop(&mut self) {
        *self.0.last.lock().expect("no holder panics") = Instant::now();
        self.0.users.fetch_sub(1, Ordering::AcqRel);
        self.0.room.notify_waiters();
    }
}

impl From<Shared> for Channel {
    fn from(shared: Shared) -> Self {
        match shared {
            Shared::Http2(channel) => Self::Http2(channel),
            Shared::Http3(channel) => Self::Http3(channel),
        }
    }
}

impl From<Http3> for Channel {
    fn from(channel: Http3) -> Self {
        Self::Http3(channel)
    }
}

impl Servers {
    /// Finds or makes the entry of a server; making one drops those that have been idle for long.
    fn entry(&mut self, key: &Key) -> &mut Server {
        let now = Instant::now();
        if !self.known.contains_key(key) {
            self.prune(now);
            if self.known.len() >= SERVER_LIMIT {
                // One at work would be forgotten with what is counted of it.
                let idle = self.known.iter().filter(|(_, server)| !server.is_busy());
                let oldest = idle.min_by_key(|(_, server)| server.used);
                if let Some(key) = oldest.map(|(key, _)| key.clone()) {
                    self.known.remove(&key);
                }
            }
        }
        self.known.entry(key.clone()).or_insert_with(|| Server {
            idle: Vec::new(),
            shared: Vec::new(),
            used: now,
            gate: Arc::new(Semaphore::new(1)),
            speaks_http1: key.trust.is_none(),
            seat: Arc::new(()),
            room: Arc::default(),
        })
    }

    fn prune(&mut self, now: Instant) {
        for server in self.known.values_mut() {
            server.prune(now);
        }
        self.known.retain(|_, server| !server.is_spare(now));
    }

    /// Closes what has been idle for long; says whether to look again.
    fn sweep(&mut self) -> bool {
        self.prune(Instant::now());
        let is_kept = |server: &Server| !server.idle.is_empty() || !server.shared.is_empty();
        self.is_swept = self.known.values().any(is_kept);
        self.is_swept
    }
}

impl Server {
    fn prune(&mut self, now: Instant) {
        self.idle.retain(|(channel, since)| {
            !channel.sender.is_closed() && now.duration_since(*since) < IDLE_TIME
        });
        self.shared.retain(|shared| !shared.is_closed() && !shared.is_stale(now));
    }

    fn is_spare(&self, now: Instant) -> bool {
        let streams = self.shared.iter().any(|shared| shared.streams() > 0);
        let is_used = Arc::strong_count(&self.seat) > 1;
        self.idle.is_empty() && !streams && !is_used && now.duration_since(self.used) >= IDLE_TIME
    }

    /// Says whether a request goes over a connection to it.
    fn is_busy(&self) -> bool {
        let over_tcp = |shared: &&Shared| matches!(shared, Shared::Http2(_));
        // Those have a seat each, also where they wait.
        let kept = self.idle.len() + self.shared.iter().filter(over_tcp).count();
        self.shared.iter().any(|shared| shared.streams() > 0)
            || Arc::strong_count(&self.seat) - 1 > kept
    }
}

/// Waits until nobody else dials, but no longer than the limit: whom a server lets wait in vain must
/// not hold up the others, one after the other.
pub(super) async fn turn(gate: &Semaphore, limit: Duration) -> Option<SemaphorePermit<'_>> {
    // The gate is never closed.
    timeout(limit.min(TURN_LIMIT), gate.acquire()).await.ok()?.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(port: u16) -> Key {
        Key {
            host: "h".to_owned(),
            port,
            to: None,
            trust: None,
            via: None,
            ip_version: None,
            interface: None,
            socket: None,
        }
    }

    #[test]
    fn the_server_that_was_used_longest_ago_is_forgotten() {
        let pool = Pool::default();
        let last = u16::try_from(SERVER_LIMIT).unwrap();
        for port in 0..=last {
            pool.learn_http1(&key(port));
        }
        let known = &pool.servers.lock().unwrap().known;
        assert_eq!(known.len(), SERVER_LIMIT);
        assert!(!known.contains_key(&key(0)) && known.contains_key(&key(last)));
    }

    /// What is counted of it would begin anew, and one more connection than allowed be opened.
    #[test]
    fn a_server_with_a_connection_at_work_is_not_forgotten() {
        let pool = Pool::default();
        let seats = [pool.seat(&key(0)), pool.seat(&key(2))];
        let last = u16::try_from(SERVER_LIMIT).unwrap();
        for port in 0..=last + 1 {
            pool.learn_http1(&key(port));
        }
        let known = |port| pool.servers.lock().unwrap().known.contains_key(&key(port));
        assert_eq!([0, 1, 2, 3, 4].map(known), [true, false, true, false, true]);
        assert_eq!((pool.busy(&key(0)), pool.busy(&key(2))), (1, 1));
        drop(seats);
    }
}
