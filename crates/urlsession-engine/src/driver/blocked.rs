//! While the state cannot be written: who would wait for that in vain is told why.
//!
//! ```text
//!   a commit fails ──> what comes is deferred ──(PATIENCE tries)──> who looks, and who came since,
//!        ^                                                  │       is refused
//!        └────────────────── a pause ──────────────────────┘
//! ```
//! What others want done waits, in order: they may have been promised what it builds upon. Who has
//! come since owns nothing yet.

use super::Driver;
use crate::attempts::Moves;
use crate::inbox::{GATHER_LIMIT, Message};
use crate::queries::only_looks;
use crate::store::StoreError;
use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;
use urlsession_core::PeerNumber;
use urlsession_protocol::{Call, ClientMessage, Error, ErrorCode, Reply};

/// Tries that fail before anybody is refused: what passes within a second or two is a delay.
pub(super) const PATIENCE: u32 = 5;

/// A commit that has failed.
#[derive(Debug, Default)]
pub(super) struct Blocked {
    tries: u32,
    /// Who came since.
    newcomers: BTreeSet<PeerNumber>,
}

impl<H: Moves> Driver<H> {
    /// Waits until the commit is to be tried again; a stop ends that.
    pub(super) fn wait_blocked(
        &mut self,
        blocked: &mut Blocked,
        error: &StoreError,
        pause: Duration,
    ) {
        blocked.tries += 1;
        let refusal = (blocked.tries >= PATIENCE).then(|| refusal(error));
        for message in std::mem::take(&mut self.deferred) {
            self.take_blocked(blocked, message, refusal.as_ref());
        }
        let until = self.clock.now().steady + pause;
        for _ in 0..GATHER_LIMIT {
            self.peers.flush();
            let rest = until.saturating_sub(self.clock.now().steady);
            if self.stopping.load(Ordering::Acquire) {
                return;
            }
            let Ok(message) = self.inbox.wait(Some(rest)) else { return };
            self.take_blocked(blocked, message, refusal.as_ref());
        }
        self.peers.flush();
    }

    fn take_blocked(&mut self, blocked: &mut Blocked, message: Message, refusal: Option<&Error>) {
        match (message, refusal) {
            (Message::Connected(connection), _) => {
                blocked.newcomers.extend(self.let_in(connection));
            }
            (Message::Disconnected(peer), Some(_)) if blocked.newcomers.remove(&peer) => {
                self.peers.disconnect(peer);
            }
            (Message::Said { peer, message }, Some(refusal)) => match &*message {
                ClientMessage::Call { id, call: Call::Shutdown } => {
                    self.peers.reply(peer, *id, Ok(Reply::Done));
                    self.stopping.store(true, Ordering::Release);
                }
                ClientMessage::Call { id, call }
                    if only_looks(call) || blocked.newcomers.contains(&peer) =>
                {
                    self.peers.reply(peer, *id, Err(refusal.clone()));
                }
                _ => self.deferred.push(Message::Said { peer, message }),
            },
            (message, _) => self.deferred.push(message),
        }
    }
}

/// A client that has just come back takes it for a daemon that it cannot reach yet, and tries again.
fn refusal(error: &StoreError) -> Error {
    let why = format!("the daemon cannot write its state, and goes on once it can: {error}");
    Error::new(ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED).because(why)
}
