//! The orderly end: attempts stop, what they have is committed, what clients have written by then is
//! heard, then the callers are answered.

use crate::attempts::Moves;
use crate::driver::{Driver, Turn};
use std::collections::BTreeSet;
use std::time::Duration;
use urlsession_core::{Input, PeerNumber};
use urlsession_protocol::{CallId, Reply};

/// How long a stop waits for the attempts to end.
const STOP_LIMIT: Duration = Duration::from_secs(5);
/// How long it then waits for what is on its way.
const HEARING_LIMIT: Duration = Duration::from_secs(2);

/// A stop that is under way.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) deadline: Duration,
    /// Who asked for it over a connection.
    calls: Vec<(PeerNumber, CallId)>,
    /// Clients of whom something is still on its way; `None` as long as attempts are waited for.
    unheard: Option<BTreeSet<PeerNumber>>,
}

impl Stop {
    /// Says whether nobody is let in any more.
    pub(crate) fn is_last_hearing(&self) -> bool {
        self.unheard.is_some()
    }

    /// Notes that all is heard of a client; says whether it was waited for.
    pub(crate) fn has_heard(&mut self, peer: PeerNumber) -> bool {
        self.unheard.as_mut().is_some_and(|unheard| unheard.remove(&peer))
    }
}

impl<H: Moves> Driver<H> {
    /// Begins to stop, or adds a caller to a stop that is under way.
    pub(crate) fn begin_stop(&mut self, turn: &mut Turn, call: Option<(PeerNumber, CallId)>) {
        if self.stop.is_none() {
            let deadline = turn.now.steady + STOP_LIMIT;
            crate::crash::point("stop");
            self.stop = Some(Stop { deadline, calls: Vec::new(), unheard: None });
            turn.add(self.core.handle(turn.now, Input::Quiesce));
        }
        if let Some(stop) = &mut self.stop {
            stop.calls.extend(call);
        }
    }

    /// Says, once, that everything has ended or had its time.
    pub(crate) fn has_stopped(&mut self) -> bool {
        let now = self.clock.now().steady;
        let Some(stop) = &mut self.stop else { return false };
        if stop.unheard.is_none() && (self.attempts.is_empty() || stop.deadline <= now) {
            // Who was killed once its task was in the socket does not come back to say it again.
            stop.unheard = Some(self.peers.stop_reading());
            stop.deadline = now + HEARING_LIMIT;
        }
        let over = |stop: &Stop| {
            stop.unheard.as_ref().is_some_and(|unheard| unheard.is_empty() || stop.deadline <= now)
        };
        let Some(stop) = self.stop.take_if(|stop| over(stop)) else { return false };
        crate::crash::point("stopped");
        for (peer, id) in stop.calls {
            self.peers.reply(peer, id, Ok(Reply::Done));
        }
        true
    }
}
