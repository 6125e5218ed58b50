//! The connected clients: takes what they say, hands them what they are told.
//!
//! ```text
//!   Connection.incoming ──> listen ──(a permit for every call)──> inbox
//!   Connection.outgoing <── tell   <──(at most BACKLOG_LIMIT)──── a batch for each turn of the driver
//! ```

use crate::act::Weight;
use crate::crash;
use crate::fit::fit;
use crate::inbox::{Message, Sender};
use serde::Serialize;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::runtime::Handle;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio_util::sync::CancellationToken;
use urlsession_core::PeerNumber;
use urlsession_protocol::connection::Connection;
use urlsession_protocol::line::LINE_LIMIT;
use urlsession_protocol::{
    CallId, DaemonMessage, Error, Event, Reply, Response, SessionKey, TaskStatus,
};

/// Most messages of one connection that are not dealt with: calls without a reply, and
/// acknowledgements that the driver has not seen.
const CALLS_LIMIT: usize = 1024;
/// Most messages that wait for one client to read them; one that is slower is sent away.
const BACKLOG_LIMIT: usize = 64 * 1024;
/// Most bytes of them: a listing is long.
const BACKLOG_BYTES_LIMIT: usize = 16 * 1024 * 1024;
/// Messages longer than this do not queue up in a connection.
const SHORT_MESSAGE: usize = 4096;
/// A client this many messages behind gets no progress: the last value wins, later.
const PROGRESS_BACKLOG: usize = 256;
/// A client this many bytes behind gets neither progress nor more of what it is owed.
const PROGRESS_BACKLOG_BYTES: usize = 2 * 1024 * 1024;
/// A message about this long may be too long for a line: what servers made is twice as long in JSON,
/// and not all of it is counted.
const LONG_MESSAGE: usize = LINE_LIMIT / 4;
/// Most sessions that one connection watches by name.
const WATCHES_LIMIT: usize = 256;

/// Most messages that are handed over to one client's task together: each time it is woken.
const BATCH_LIMIT: usize = 256;

type Batch = Vec<Said>;

#[derive(Debug)]
struct Said {
    message: DaemonMessage,
    bytes: usize,
    /// What of it counts for [`BACKLOG_BYTES_LIMIT`].
    counted: usize,
}

/// All connected clients.
#[derive(Debug)]
pub(crate) struct Peers {
    peers: BTreeMap<PeerNumber, Peer>,
    next: u64,
    runtime: Handle,
    inbox: Sender,
    told: Cell<Told>,
}

/// What anybody was told since somebody asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) enum Told {
    #[default]
    Nothing,
    /// What is not kept.
    Progress,
    /// A reply, or what is kept.
    News,
}

impl Told {
    fn by(message: &DaemonMessage) -> Self {
        match message {
            DaemonMessage::Event { number: None, .. } => Self::Progress,
            DaemonMessage::Event { .. }
            | DaemonMessage::Reply { .. }
            | DaemonMessage::Hello(_)
            | DaemonMessage::Goodbye { .. } => Self::News,
        }
    }
}

#[derive(Debug)]
struct Peer {
    backlog: mpsc::UnboundedSender<Batch>,
    /// What was said since the last [`Peers::flush`].
    batch: RefCell<Batch>,
    waiting: Arc<Waiting>,
    permits: Arc<Semaphore>,
    watches: Vec<Watching>,
    /// Cancelled when the driver lets the client go.
    gone: CancellationToken,
    stop_reading: Option<oneshot::Sender<()>>,
}

/// How much of a backlog has not been handed over.
#[derive(Debug, Default)]
struct Waiting {
    messages: AtomicUsize,
    bytes: AtomicUsize,
}

/// What a client watches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Watching {
    /// All sessions.
    Everything,
    /// One session.
    Session(SessionKey),
}

impl Peers {
    pub(crate) fn new(runtime: Handle, inbox: Sender) -> Self {
        Self { peers: BTreeMap::new(), next: 1, runtime, inbox, told: Cell::default() }
    }

    /// Takes a client in.
    pub(crate) fn connect(&mut self, connection: Connection) -> PeerNumber {
        let number = PeerNumber(self.next);
        self.next += 1;
        let (backlog, told) = mpsc::unbounded_channel();
        let Connection { incoming, outgoing, stop_reading } = connection;
        let peer = Peer {
            backlog,
            batch: RefCell::default(),
            waiting: Arc::default(),
            permits: Arc::new(Semaphore::new(CALLS_LIMIT)),
            watches: Vec::new(),
            gone: CancellationToken::new(),
            stop_reading,
        };
        self.runtime.spawn(listen(
            number,
            incoming,
            Arc::clone(&peer.permits),
            peer.gone.clone(),
            self.inbox.clone(),
        ));
        self.runtime.spawn(tell(outgoing, told, Arc::clone(&peer.waiting), peer.gone.clone()));
        self.peers.insert(number, peer);
        number
    }

    /// Forgets a client.
    pub(crate) fn disconnect(&mut self, peer: PeerNumber) {
        if let Some(peer) = self.peers.remove(&peer) {
            peer.gone.cancel();
        }
    }

    /// Takes no more of the clients than they have said by now; returns those of whom something may
    /// still come, which their ends follow.
    pub(crate) fn stop_reading(&mut self) -> BTreeSet<PeerNumber> {
        let stop = |(number, peer): (&PeerNumber, &mut Peer)| {
            // One that has hung up has told its end already, or is about to.
            let _ = peer.stop_reading.take()?.send(());
            Some(*number)
        };
        self.peers.iter_mut().filter_map(stop).collect()
    }

    /// Says whether a client was let go, though its end has not been seen.
    pub(crate) fn has_let_go(&self, peer: PeerNumber) -> bool {
        self.peers.get(&peer).is_none_or(|peer| peer.gone.is_cancelled())
    }

    /// Returns how many clients there are.
    pub(crate) fn count(&self) -> usize {
        self.peers.len()
    }

    /// Answers a call, which makes room for another one.
    pub(crate) fn reply(&self, peer: PeerNumber, id: CallId, result: Result<Reply, Error>) {
        self.settle(peer);
        crash::point("reply");
        self.send(peer, DaemonMessage::Reply { id, result });
    }

    /// Answers a call with what takes long, and is found out on another thread.
    pub(crate) fn reply_later(
        &self,
        peer: PeerNumber,
        id: CallId,
        answer: impl FnOnce() -> Result<Reply, Error> + Send + 'static,
    ) {
        let inbox = self.inbox.clone();
        self.runtime.spawn_blocking(move || {
            let result = Box::new(answer());
            // Fails only if the driver has ended: then the client asks again.
            let _ = inbox.send(Message::Answered { peer, id, result });
        });
    }

    /// Makes room for another message of a client.
    pub(crate) fn settle(&self, peer: PeerNumber) {
        if let Some(peer) = self.peers.get(&peer) {
            peer.permits.add_permits(1);
        }
    }

    /// Tells a client something. One that does not read is sent away: kept events stay owed.
    pub(crate) fn send(&self, number: PeerNumber, message: DaemonMessage) {
        self.say(number, message, true);
    }

    /// Tells the owner of a session a kept event. How long they are does not count: one turn tells as
    /// many as the window has room for, before the first can be read.
    pub(crate) fn send_owed(&self, number: PeerNumber, message: DaemonMessage) {
        self.say(number, message, false);
    }

    fn say(&self, number: PeerNumber, mut message: DaemonMessage, counts: bool) {
        let Some(peer) = self.peers.get(&number) else { return };
        if peer.gone.is_cancelled() {
            return;
        }
        crash::point("send");
        self.told.set(self.told.get().max(Told::by(&message)));
        let mut bytes = length(&message);
        if bytes > LONG_MESSAGE && !is_page(&message) {
            bytes = fit(&mut message);
        }
        let counted = if counts { bytes } else { 0 };
        if peer.waiting.add(counted) {
            tracing::warn!(peer = number.0, "a client does not read: closing its connection");
            peer.gone.cancel();
            return;
        }
        let mut batch = peer.batch.borrow_mut();
        batch.push(Said { message, bytes, counted });
        if batch.len() >= BATCH_LIMIT {
            peer.flush(&mut batch);
        }
    }

    /// Hands over what was said. Until then nobody is woken to write it.
    pub(crate) fn flush(&self) {
        for peer in self.peers.values() {
            peer.flush(&mut peer.batch.borrow_mut());
        }
    }

    /// Tells the owner and the watchers of a session something that is not kept.
    pub(crate) fn tell(&self, owner: Option<PeerNumber>, message: &DaemonMessage, weight: Weight) {
        let DaemonMessage::Event { session, .. } = message else { return };
        let takes_it = |number: &PeerNumber| match weight {
            Weight::Last => true,
            Weight::Passing => self.peers.get(number).is_some_and(Peer::keeps_up),
        };
        for peer in owner.into_iter().chain(self.watchers(session)).filter(takes_it) {
            self.send(peer, message.clone());
        }
    }

    /// Says what anybody was told since this was asked.
    pub(crate) fn take_told(&self) -> Told {
        self.told.take()
    }

    /// Says whether a client has read nearly all that it was told.
    pub(crate) fn keeps_up(&self, peer: PeerNumber) -> bool {
        self.peers.get(&peer).is_none_or(Peer::keeps_up)
    }

    /// Sends a copy to every watcher of the session.
    pub(crate) fn publish(&self, message: &DaemonMessage) {
        let DaemonMessage::Event { session, .. } = message else { return };
        for peer in self.watchers(session) {
            self.send(peer, message.clone());
        }
    }

    /// Says whether a client can watch one more session, and so many besides.
    pub(crate) fn can_watch(&self, peer: PeerNumber, others: usize) -> bool {
        self.peers.get(&peer).is_none_or(|peer| peer.watches.len() + others < WATCHES_LIMIT)
    }

    /// Lets a client watch. `false` if it watches too much.
    pub(crate) fn watch(&mut self, peer: PeerNumber, watching: Watching) -> bool {
        let Some(peer) = self.peers.get_mut(&peer) else { return true };
        if peer.watches.contains(&watching) {
            return true;
        }
        if peer.watches.len() >= WATCHES_LIMIT {
            return false;
        }
        peer.watches.push(watching);
        true
    }

    /// Says whether anyone watches the session.
    pub(crate) fn is_watched(&self, session: &SessionKey) -> bool {
        self.watchers(session).next().is_some()
    }

    /// Says whether a client watches the session.
    pub(crate) fn watches(&self, peer: PeerNumber, session: &SessionKey) -> bool {
        self.watchers(session).any(|watcher| watcher == peer)
    }

    /// Says whether anyone watches anything.
    pub(crate) fn has_watchers(&self) -> bool {
        self.peers.values().any(|peer| !peer.watches.is_empty())
    }

    fn watchers(&self, session: &SessionKey) -> impl Iterator<Item = PeerNumber> {
        let watches = move |watching: &Watching| match watching {
            Watching::Everything => true,
            Watching::Session(key) => key == session,
        };
        self.peers
            .iter()
            .filter(move |(_, peer)| peer.watches.iter().any(watches))
            .map(|(number, _)| *number)
    }
}

impl Peer {
    fn flush(&self, batch: &mut Batch) {
        if !batch.is_empty() {
            // Fails only if the client is gone, which `listen` reports.
            let _ = self.backlog.send(std::mem::take(batch));
        }
    }

    fn keeps_up(&self) -> bool {
        self.waiting.messages.load(Ordering::Relaxed) < PROGRESS_BACKLOG
            && self.waiting.bytes.load(Ordering::Relaxed) < PROGRESS_BACKLOG_BYTES
    }
}

impl Waiting {
    /// Counts a message and says whether that is too much.
    fn add(&self, bytes: usize) -> bool {
        let messages = self.messages.fetch_add(1, Ordering::Relaxed);
        let before = self.bytes.fetch_add(bytes, Ordering::Relaxed);
        messages >= BACKLOG_LIMIT || before >= BACKLOG_BYTES_LIMIT
    }

    fn remove(&self, bytes: usize) {
        self.messages.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Says whether it is a list, of which whoever made it has seen that it fits into a line.
fn is_page(message: &DaemonMessage) -> bool {
    matches!(message, DaemonMessage::Reply { result: Ok(Reply::Tasks { .. }), .. })
}

/// Returns about how much memory a message takes.
pub(crate) fn length(message: &DaemonMessage) -> usize {
    /// More than what has no text of its own takes as a line.
    const PLAIN: usize = 512;
    match message {
        DaemonMessage::Reply { result: Ok(Reply::Done | Reply::Attached { .. }), .. } => PLAIN,
        DaemonMessage::Reply { result: Ok(Reply::Tasks { tasks, .. }), .. } => {
            PLAIN + tasks.iter().map(|task| PLAIN + length_of_status(task)).sum::<usize>()
        }
        DaemonMessage::Event { event, .. } => match event {
            Event::DidWriteData { .. }
            | Event::DidSendBodyData { .. }
            | Event::DidChangeState { error: None, .. } => PLAIN,
            Event::DidReceiveData { path, .. } | Event::DidFinishDownloading { path, .. } => {
                PLAIN + path.as_os_str().len()
            }
            Event::DidComplete { error: None, response, metrics } => {
                let response = response.as_ref().map_or(0, length_of_response);
                let requests = metrics.iter().flat_map(|metrics| &metrics.transaction_metrics);
                let requests: usize = requests.map(|one| one.request.url.len() + PLAIN).sum();
                PLAIN + response + requests
            }
            _ => length_of_json(message),
        },
        _ => length_of_json(message),
    }
}

/// Returns about how much memory the texts of a listed task take.
fn length_of_status(task: &TaskStatus) -> usize {
    let texts = task.url.len() + task.description.as_ref().map_or(0, String::len);
    let error = task.error.as_ref().map_or(0, |error| error.to_string().len());
    texts + error + task.response.as_ref().map_or(0, length_of_response)
}

fn length_of_response(response: &Response) -> usize {
    /// What stands between the texts.
    const BETWEEN: usize = 8;
    let fields = response.headers.iter();
    let fields: usize = fields.map(|(name, value)| name.len() + value.len() + BETWEEN).sum();
    response.url.len() + fields
}

/// Returns how many bytes of JSON a value makes.
pub(crate) fn length_of_json(message: &impl Serialize) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // What cannot be written is dropped by the connection.
    let _ = serde_json::to_writer(&mut count, message);
    count.0
}

/// Forwards what a client says until it is gone or let go.
async fn listen(
    peer: PeerNumber,
    mut incoming: mpsc::Receiver<urlsession_protocol::ClientMessage>,
    permits: Arc<Semaphore>,
    gone: CancellationToken,
    inbox: Sender,
) {
    let forward = async {
        while let Ok(permit) = permits.acquire().await {
            let Some(message) = incoming.recv().await else { break };
            // Given back by `reply` or `settle`.
            permit.forget();
            if inbox.send(Message::Said { peer, message: Box::new(message) }).is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = forward => {}
        () = gone.cancelled() => {}
    }
    let _ = inbox.send(Message::Disconnected(peer));
}

/// Hands a client what it is told, as fast as it reads.
async fn tell(
    outgoing: mpsc::Sender<DaemonMessage>,
    mut told: mpsc::UnboundedReceiver<Batch>,
    waiting: Arc<Waiting>,
    gone: CancellationToken,
) {
    let forward = async {
        while let Some(batch) = told.recv().await {
            for Said { message, bytes, counted } in batch {
                // The queue of a connection counts messages, not bytes: long ones wait until it is
                // empty.
                let room = if bytes > SHORT_MESSAGE { outgoing.max_capacity() } else { 1 };
                let Ok(mut room) = outgoing.reserve_many(room).await else { return };
                if let Some(place) = room.next() {
                    place.send(message);
                }
                waiting.remove(counted);
            }
        }
    };
    tokio::select! {
        () = forward => {}
        () = outgoing.closed() => {}
        () = gone.cancelled() => return,
    }
    // A client that does not listen is gone, even if calls of it are open. When the driver has
    // ended instead, everything it said was handed over.
    gone.cancel();
}

#[cfg(test)]
mod tests;
