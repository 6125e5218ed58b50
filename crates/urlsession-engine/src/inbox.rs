//! Everything that happens reaches the driver through one queue.

use crate::attempts::Notice;
use crate::clock::Clock;
use crate::network::NetworkChange;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SendError};
use std::time::Duration;
use tokio::sync::{Notify, oneshot};
use urlsession_core::{AttemptNumber, Ending, PeerNumber, SessionNumber, TaskRef};
use urlsession_protocol::connection::Connection;
use urlsession_protocol::{
    Call, CallId, ClientMessage, Error, HttpRedirectDisposition, HttpRedirection, Reply, ResumeRung,
};

/// Most messages that one turn takes; the others wait for the next.
pub(crate) const GATHER_LIMIT: usize = 1024;

/// Shortest time from one look into the inbox to the next.
const INTERVAL: Duration = Duration::from_micros(250);

/// The end that tells. Its messages are bounded at their sources: calls per connection by
/// [`crate::peers`], durable bytes by one notice per attempt.
#[derive(Debug, Clone)]
pub(crate) struct Sender {
    queue: std::sync::mpsc::Sender<Message>,
    /// What wakes a driver that is a task; one with a thread waits for the queue itself.
    bell: Arc<Notify>,
}

/// The end that is the driver's.
#[derive(Debug)]
pub(crate) struct Inbox {
    queue: Receiver<Message>,
    bell: Arc<Notify>,
}

/// Makes both ends.
pub(crate) fn channel() -> (Sender, Inbox) {
    let (sender, receiver) = std::sync::mpsc::channel();
    let bell = Arc::new(Notify::new());
    (Sender { queue: sender, bell: Arc::clone(&bell) }, Inbox { queue: receiver, bell })
}

impl Sender {
    /// Tells the driver, and fails only if that has ended.
    pub(crate) fn send(&self, message: Message) -> Result<(), SendError<Message>> {
        self.queue.send(message)?;
        self.bell.notify_one();
        Ok(())
    }
}

impl Inbox {
    /// Takes what is there, or waits for it on this thread; `None` waits for ever.
    pub(crate) fn wait(&self, wait: Option<Duration>) -> Result<Message, RecvTimeoutError> {
        if let Ok(message) = self.queue.try_recv() {
            return Ok(message);
        }
        match wait {
            Some(wait) => self.queue.recv_timeout(wait),
            None => self.queue.recv().map_err(|_| RecvTimeoutError::Disconnected),
        }
    }

    /// Takes all that is there, at most as much as one turn takes.
    pub(crate) fn take(&self) -> impl Iterator<Item = Message> {
        self.queue.try_iter().take(GATHER_LIMIT)
    }

    /// Waits as a task until something happened or the time is over, then takes all that is ready.
    ///
    /// Whoever else can run does so before: what they tell is decided together.
    pub(crate) async fn gather(&mut self, wait: Option<Duration>) -> Vec<Message> {
        let rung = self.bell.notified();
        match wait {
            // The bell is remembered: what came before this is not waited for.
            Some(wait) => drop(tokio::time::timeout(wait, rung).await),
            None => rung.await,
        }
        tokio::task::yield_now().await;
        let messages: Vec<_> = self.take().collect();
        if messages.len() == GATHER_LIMIT {
            self.bell.notify_one();
        }
        messages
    }
}

/// Something that happened outside the driver.
#[derive(Debug)]
pub(crate) enum Message {
    /// A client is there.
    Connected(Connection),
    /// A client said something.
    Said { peer: PeerNumber, message: Box<ClientMessage> },
    /// A client is gone, or was sent away.
    Disconnected(PeerNumber),
    /// An attempt has synced bytes; the notice has the state.
    Durable(Arc<Notice>),
    /// An attempt goes on from an offset.
    Resumed {
        task: TaskRef,
        attempt: AttemptNumber,
        offset: u64,
        expected: Option<u64>,
        rung: ResumeRung,
    },
    /// An attempt has all bytes.
    Received { task: TaskRef, attempt: AttemptNumber },
    /// An attempt was redirected, and waits to be told what to do.
    Redirected {
        task: TaskRef,
        attempt: AttemptNumber,
        redirection: Box<HttpRedirection>,
        decision: oneshot::Sender<HttpRedirectDisposition>,
    },
    /// An attempt is over.
    Ended { task: TaskRef, attempt: AttemptNumber, ending: Box<Ending> },
    /// What a call has asked for is done on another thread.
    Answered { peer: PeerNumber, id: CallId, result: Box<Result<Reply, Error>> },
    /// The app that was launched for a session has ended, or could not be started.
    LaunchEnded { session: SessionNumber, result: Result<(), String> },
    /// The wall clock was set, or the machine slept: what is due may have changed.
    ClockSet,
    /// The network came, went or changed.
    NetworkChanged(NetworkChange),
    /// There are cookies to be written.
    CookiesChanged,
    /// There are known hosts to be written.
    KnownHostsChanged,
    /// There are credentials to be written.
    CredentialsChanged,
    /// The engine is to stop.
    Stop,
}

impl Message {
    /// Says whether somebody begins to watch.
    pub(crate) fn is_watch(&self) -> bool {
        let Self::Said { message, .. } = self else { return false };
        matches!(**message, ClientMessage::Call { call: Call::Watch { .. }, .. })
    }

    /// Says whether a client has left.
    pub(crate) fn is_farewell(&self) -> bool {
        matches!(self, Self::Disconnected(_))
    }
}

/// How often the driver looks into the inbox.
#[derive(Debug, Default)]
pub(crate) struct Pace {
    /// When it looked last, in steady time.
    looked: Duration,
}

impl Pace {
    /// Waits until something happened or the time is over, then takes all that is ready.
    ///
    /// The first after a pause is taken at once. Where much happens, what comes within
    /// [`INTERVAL`] is taken together: waking the driver costs more than what it then decides.
    pub(crate) fn gather(
        &mut self,
        inbox: &Inbox,
        wait: Option<Duration>,
        clock: &Clock,
    ) -> Vec<Message> {
        // The driver holds a sender itself, so the queue cannot be closed: no message is a timeout.
        let Ok(first) = inbox.wait(wait) else { return Vec::new() };
        let rest = (self.looked + INTERVAL).saturating_sub(clock.now().steady);
        if !rest.is_zero() {
            // A stop ends the pause.
            std::thread::park_timeout(rest);
        }
        self.looked = clock.now().steady;
        std::iter::once(first).chain(inbox.take()).take(GATHER_LIMIT).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_task_takes_what_others_tell_before_its_turn() {
        let (sender, mut inbox) = channel();
        let other = sender.clone();
        tokio::spawn(async move { other.send(Message::CookiesChanged).unwrap() });
        sender.send(Message::CredentialsChanged).unwrap();
        assert_eq!(inbox.gather(None).await.len(), 2);
        assert_eq!(inbox.gather(Some(Duration::ZERO)).await.len(), 0);
    }

    #[tokio::test]
    async fn a_turn_of_a_task_takes_only_so_many() {
        let (sender, mut inbox) = channel();
        for _ in 0..GATHER_LIMIT + 2 {
            sender.send(Message::CookiesChanged).unwrap();
        }
        assert_eq!(inbox.gather(None).await.len(), GATHER_LIMIT);
        assert_eq!(inbox.gather(None).await.len(), 2, "it does not wait for another message");
    }

    #[test]
    fn a_turn_takes_only_so_many() {
        let (sender, inbox) = channel();
        for _ in 0..GATHER_LIMIT + 2 {
            sender.send(Message::CookiesChanged).unwrap();
        }
        let (mut pace, clock) = (Pace::default(), Clock::start());
        assert_eq!(pace.gather(&inbox, None, &clock).len(), GATHER_LIMIT);
        assert_eq!(pace.gather(&inbox, None, &clock).len(), 2);
        assert_eq!(pace.gather(&inbox, Some(Duration::ZERO), &clock).len(), 0);
    }
}
