//! Calls that were not answered yet, in the order they were written.

use crate::deadline::Deadline;
use crate::transport::lost;
use std::collections::{BTreeSet, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use urlsession_protocol::{Call, CallId, ClientMessage, Error, Reply, SessionKey, TaskIdentifier};

/// Most unanswered calls; a further one waits. Replies to that many fit into the daemon's queue,
/// so that sending them all again after a reconnect cannot block it.
pub(crate) const UNANSWERED_LIMIT: usize = 1024;
/// Who waits for room goes on when there are so few: to wake somebody for every answer would cost
/// more than the answers.
const ROOMY: usize = UNANSWERED_LIMIT / 2;

/// What to do with an answer; called by whoever reads the connection, and must not wait.
pub(crate) type Answer = Box<dyn FnOnce(Result<Reply, Error>) + Send>;

#[derive(Default)]
pub(crate) struct Calls {
    list: Mutex<List>,
    /// There is room, or there will be none.
    room: Condvar,
    /// What somebody waits for is answered, or will not be.
    answered: Condvar,
}

#[derive(Default)]
struct List {
    /// Ascending by number.
    open: VecDeque<Open>,
    /// The one whose answer is being handed over.
    answering: Option<CallId>,
    /// Whether somebody waits for room: to wake nobody costs as much as to wake somebody.
    crowded: bool,
    /// The lowest number whose answer somebody waits for.
    awaited: Option<CallId>,
    /// Why none will be answered any more.
    over: Option<Error>,
}

struct Open {
    id: CallId,
    message: Arc<ClientMessage>,
    answer: Answer,
}

impl Calls {
    /// Waits until a further call may be written.
    pub(crate) fn wait_for_room(&self) -> Result<(), Error> {
        let mut list = self.lock();
        while list.open.len() >= UNANSWERED_LIMIT && list.over.is_none() {
            list.crowded = true;
            list = self.room.wait(list).unwrap_or_else(PoisonError::into_inner);
        }
        list.over.clone().map_or(Ok(()), Err)
    }

    pub(crate) fn push(&self, id: CallId, message: Arc<ClientMessage>, answer: Answer) {
        self.lock().open.push_back(Open { id, message, answer });
    }

    /// Takes back a call that was not written.
    pub(crate) fn withdraw(&self, id: CallId) {
        let mut list = self.lock();
        list.remove(id);
        self.wake(&mut list);
    }

    /// Hands an answer to whoever waits for it; of a call answered before, a second one is ignored.
    pub(crate) fn answer(&self, id: CallId, result: Result<Reply, Error>) {
        let mut list = self.lock();
        let Some(open) = list.remove(id) else { return };
        // Whoever waits for the call to be answered must find the answer in place.
        list.answering = Some(id);
        drop(list);
        run(open.answer, result);
        let mut list = self.lock();
        list.answering = None;
        self.wake(&mut list);
    }

    /// Returns what must be written again on a new connection.
    pub(crate) fn unanswered(&self) -> Vec<Arc<ClientMessage>> {
        self.lock().open.iter().map(|open| Arc::clone(&open.message)).collect()
    }

    /// Returns the numbers below this one whose creation was not answered.
    pub(crate) fn minted_below(&self, limit: TaskIdentifier) -> Vec<TaskIdentifier> {
        let list = self.lock();
        list.open.iter().filter_map(Open::minted).filter(|task| *task < limit).collect()
    }

    /// Fails every call about these tasks.
    pub(crate) fn disown(&self, session: &SessionKey, tasks: &BTreeSet<TaskIdentifier>) {
        let mut list = self.lock();
        let (about, open) = std::mem::take(&mut list.open)
            .into_iter()
            .partition(|open| open.task(session).is_some_and(|task| tasks.contains(&task)));
        list.open = open;
        drop(list);
        let about: VecDeque<Open> = about;
        for call in about {
            run(call.answer, Err(disowned()));
        }
        self.wake(&mut self.lock());
    }

    /// Returns the lowest number of a task whose creation was not answered.
    pub(crate) fn first_unanswered_task(&self) -> Option<TaskIdentifier> {
        self.lock().open.iter().find_map(Open::minted)
    }

    /// Waits until every call up to this one is answered; `Ok(false)` when the time is up.
    pub(crate) fn wait_until_answered(&self, last: CallId, until: Deadline) -> Result<bool, Error> {
        let mut list = self.lock();
        loop {
            if let Some(error) = &list.over {
                return Err(error.clone());
            }
            if list.has_answered(last) {
                return Ok(true);
            }
            list.awaited = Some(list.awaited.map_or(last, |awaited| awaited.min(last)));
            list = match until.remaining() {
                None => self.answered.wait(list).unwrap_or_else(PoisonError::into_inner),
                Some(left) if left.is_zero() => return Ok(false),
                Some(left) => {
                    let waited = self.answered.wait_timeout(list, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Fails all calls, those to come too.
    pub(crate) fn fail(&self, error: &Error) {
        let mut list = self.lock();
        list.over.get_or_insert_with(|| error.clone());
        let open = std::mem::take(&mut list.open);
        drop(list);
        self.room.notify_all();
        self.answered.notify_all();
        for call in open {
            run(call.answer, Err(error.clone()));
        }
    }

    /// Wakes those who wait for what has come to be.
    fn wake(&self, list: &mut List) {
        if list.crowded && list.open.len() <= ROOMY {
            list.crowded = false;
            self.room.notify_all();
        }
        if list.awaited.is_some_and(|last| list.has_answered(last)) {
            // Whoever waits for more says so again.
            list.awaited = None;
            self.answered.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn minted(&self) -> Option<TaskIdentifier> {
        match &*self.message {
            ClientMessage::Call { call: Call::CreateTask { new, .. }, .. } => Some(new.task),
            _ => None,
        }
    }

    fn task(&self, session: &SessionKey) -> Option<TaskIdentifier> {
        match &*self.message {
            ClientMessage::Call { call, .. } => task_of(call, session),
            _ => None,
        }
    }
}

impl List {
    /// Says whether every call up to this one is answered.
    fn has_answered(&self, last: CallId) -> bool {
        // Answers may come in another order than their calls.
        let oldest = self.answering.into_iter().chain(self.open.front().map(|open| open.id)).min();
        oldest.is_none_or(|id| id > last)
    }

    fn remove(&mut self, id: CallId) -> Option<Open> {
        let at = self.open.binary_search_by_key(&id, |open| open.id).ok()?;
        self.open.remove(at)
    }
}

/// Returns the task of this session that a call is about.
pub(crate) fn task_of(call: &Call, of: &SessionKey) -> Option<TaskIdentifier> {
    let (session, task) = match call {
        Call::CreateTask { session, new } => (session, new.task),
        Call::Resume { session, task }
        | Call::Suspend { session, task }
        | Call::Edit { session, task, .. }
        | Call::Answer { session, task, .. }
        | Call::Redirect { session, task, .. }
        | Call::Cancel { session, task }
        | Call::CancelByProducingResumeData { session, task }
        | Call::Remove { session, task }
        | Call::Task { session, task, .. } => (session, *task),
        Call::Attach { .. }
        | Call::Detach { .. }
        | Call::FinishTasksAndInvalidate { .. }
        | Call::InvalidateAndCancel { .. }
        | Call::Reset { .. }
        | Call::Flush { .. }
        | Call::Session { .. }
        | Call::Sessions { .. }
        | Call::Tasks { .. }
        | Call::Watch { .. }
        | Call::Cookies { .. }
        | Call::SetCookies { .. }
        | Call::ClearCookies { .. }
        | Call::KnownHosts { .. }
        | Call::AddKnownHosts { .. }
        | Call::ClearKnownHosts { .. }
        | Call::Credentials { .. }
        | Call::SetCredential { .. }
        | Call::RemoveCredentials { .. }
        | Call::SpeedLimits
        | Call::LimitSpeed(_)
        | Call::Status
        | Call::Shutdown => return None,
    };
    (session == of).then_some(task)
}

/// Makes the error of a task that was asked for, and nobody knows whether it came to be.
pub(crate) fn disowned() -> Error {
    lost("another process has owned the session since; whether the task was created is unknown")
}

/// Calls an app back, which may take its time: where the engine's own threads read, on another.
pub(crate) fn call_back(completion: impl FnOnce() + Send + 'static) {
    #[cfg(feature = "embedded")]
    if tokio::runtime::Handle::try_current().is_ok() {
        drop(std::thread::spawn(completion));
        return;
    }
    completion();
}

/// An app's panic must not end the thread that reads the connection.
fn run(answer: Answer, result: Result<Reply, Error>) {
    let call = std::panic::AssertUnwindSafe(move || answer(result));
    if std::panic::catch_unwind(call).is_err() {
        tracing::error!("a completion panicked");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_waits_until_there_is_room() {
        const FURTHER: u64 = 5;
        let calls = Calls::default();
        let ask = |id| {
            calls.wait_for_room().unwrap();
            let message = Arc::new(ClientMessage::Call { id: CallId(id), call: Call::Status });
            calls.push(CallId(id), message, Box::new(|_| {}));
            calls.unanswered().len()
        };
        std::thread::scope(|scope| {
            let asker = scope.spawn(|| (0..UNANSWERED_LIMIT as u64 + FURTHER).map(ask).max());
            while calls.unanswered().len() < UNANSWERED_LIMIT {
                std::thread::yield_now();
            }
            // It goes on when half of them are answered, whether it waited already, not at all, or
            // after some more.
            for id in 0..ROOMY as u64 + FURTHER {
                calls.answer(CallId(id), Ok(Reply::Done));
            }
            assert_eq!(asker.join().unwrap(), Some(UNANSWERED_LIMIT));
        });
    }

    #[test]
    fn answers_are_waited_for_one_by_one_and_all() {
        let calls = Calls::default();
        let message = Arc::new(ClientMessage::Call { id: CallId(0), call: Call::Status });
        for id in 0..3 {
            calls.push(CallId(id), Arc::clone(&message), Box::new(|_| {}));
        }
        std::thread::scope(|scope| {
            let wait = |last| calls.wait_until_answered(CallId(last), Deadline::never()).unwrap();
            let waiters = [0, 1, 2].map(|last| scope.spawn(move || wait(last)));
            for id in [1, 0, 2] {
                calls.answer(CallId(id), Ok(Reply::Done));
            }
            assert!(waiters.into_iter().all(|waiter| waiter.join().unwrap()));
        });
        calls.push(CallId(3), message, Box::new(|_| {}));
        let soon = Deadline::after(std::time::Duration::ZERO);
        assert!(!calls.wait_until_answered(CallId(3), soon).unwrap());
    }

    #[test]
    fn an_answer_under_way_stands_for_no_earlier_one() {
        let calls = Arc::new(Calls::default());
        let message = Arc::new(ClientMessage::Call { id: CallId(0), call: Call::Status });
        calls.push(CallId(1), Arc::clone(&message), Box::new(|_| {}));
        let (asked, said) = (Arc::clone(&calls), Arc::new(Mutex::new(None)));
        let told = Arc::clone(&said);
        let answer = move |_| {
            let soon = Deadline::after(std::time::Duration::ZERO);
            *told.lock().unwrap() = Some(asked.wait_until_answered(CallId(1), soon));
        };
        calls.push(CallId(2), message, Box::new(answer));
        calls.answer(CallId(2), Ok(Reply::Done));
        assert_eq!(*said.lock().unwrap(), Some(Ok(false)));
    }
}
