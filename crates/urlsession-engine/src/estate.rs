//! What a client of this process leaves behind: nobody can come back for it.

use crate::attempts::Moves;
use crate::driver::{Driver, Turn};
use std::collections::BTreeSet;
use urlsession_core::{Input, PeerNumber, TaskRef};
use urlsession_protocol::{Call, CallId, Event, SessionKey};

/// Who asks in the place of a client that is gone, and hears no answer.
const NOBODY: PeerNumber = PeerNumber(0);

impl<H: Moves> Driver<H> {
    /// Returns the sessions that go with their client, which has cancelled them.
    pub(crate) fn estate_of(&self, peer: PeerNumber) -> Vec<SessionKey> {
        if !self.is_passing() {
            return Vec::new();
        }
        let is_its_own = |key: &&SessionKey| {
            let number = self.core.session_number(key);
            number.is_some_and(|number| {
                self.core.owner(number) == Some(peer) && self.core.is_cancelled(number)
            })
        };
        self.core.sessions_after(None).filter(is_its_own).cloned().collect()
    }

    /// Forgets their tasks, but for those with a file that the app may still read.
    pub(crate) fn clear_estate(&mut self, turn: &mut Turn, sessions: &[SessionKey]) {
        for session in sessions {
            for task in self.unclaimed(session) {
                let call = Call::Remove { session: session.clone(), task: task.task };
                let input = Input::Call { peer: NOBODY, id: CallId(0), call };
                turn.add(self.core.handle(turn.now, input));
            }
        }
    }

    fn unclaimed(&self, session: &SessionKey) -> Vec<TaskRef> {
        let Some(number) = self.core.session_number(session) else { return Vec::new() };
        let has_file = |event: &Event| {
            matches!(event, Event::DidFinishDownloading { .. } | Event::DidReceiveData { .. })
        };
        let owed = self.core.owed(number).filter(|(_, _, event)| has_file(event));
        let with_file: BTreeSet<_> = owed.map(|(_, task, _)| task).collect();
        let all = self.core.tasks_after(Some(session), None, usize::MAX);
        let tasks = all.into_iter().map(|view| view.task);
        tasks.filter(|task| !with_file.contains(&task.task)).collect()
    }
}
