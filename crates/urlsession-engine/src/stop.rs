//! The orderly end: attempts stop, what they have is committed, then the callers are answered.

use crate::attempts::Moves;
use crate::driver::{Driver, Turn};
use std::time::Duration;
use urlsession_core::{Input, PeerNumber};
use urlsession_protocol::{CallId, Reply};

/// How long a stop waits for the attempts to end.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// A stop that is under way.
#[derive(Debug)]
pub(crate) struct Stop {
    pub(crate) deadline: Duration,
    /// Who asked for it over a connection.
    calls: Vec<(PeerNumber, CallId)>,
}

impl<H: Moves> Driver<H> {
    /// Begins to stop, or adds a caller to a stop that is under way.
    pub(crate) fn begin_stop(&mut self, turn: &mut Turn, call: Option<(PeerNumber, CallId)>) {
        if self.stop.is_none() {
            let deadline = turn.now.steady + STOP_LIMIT;
            crate::crash::point("stop");
            self.stop = Some(Stop { deadline, calls: Vec::new() });
            turn.add(self.core.handle(turn.now, Input::Quiesce));
        }
        if let Some(stop) = &mut self.stop {
            stop.calls.extend(call);
        }
    }

    /// Says, once, that everything has ended or had its time.
    pub(crate) fn has_stopped(&mut self) -> bool {
        let now = self.clock.now().steady;
        let over = |stop: &Stop| self.attempts.is_empty() || stop.deadline <= now;
        let Some(stop) = self.stop.take_if(|stop| over(stop)) else { return false };
        crate::crash::point("stopped");
        for (peer, id) in stop.calls {
            self.peers.reply(peer, id, Ok(Reply::Done));
        }
        true
    }
}
