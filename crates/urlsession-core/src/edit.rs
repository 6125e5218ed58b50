//! How a task's request is replaced while the task lives, and how an owner is asked to.

use crate::core::refusal;
use crate::planted::CoreBug;
use crate::task::{Phase, Stopping, Task, Wait};
use crate::turn::{Asker, Turn};
use crate::{Action, Core, Order, SessionNumber, TaskRef};
use urlsession_protocol::request::{
    HEADER_COUNT_LIMIT, HEADERS_LENGTH_LIMIT, check_headers, headers_length,
};
use urlsession_protocol::{Credential, Error, Event, Header, Request, RequestEdit, TaskIdentifier};

/// The header field that a credential is shown in.
const AUTHORIZATION: &str = "authorization";

impl Order {
    /// Replaces parts of the request with those of a checked edit.
    pub fn edit(&mut self, edit: &RequestEdit) {
        let request = &mut self.request;
        let waits = request.credential.as_ref().is_some_and(|before| !before.proactive);
        if let Some(url) = &edit.url {
            if !is_same_origin(url, &request.url) {
                request.credential = None;
                self.answers.clear();
                let stays = |header: &Header| {
                    header.is_credential() || header.name.eq_ignore_ascii_case("host")
                };
                request.headers.retain(|header| !stays(header));
            }
            // As for redirects, another port of the host is no other one.
            if !is_same_host(url, &request.url) {
                self.options.tls.client_certificate = None;
            }
            request.url.clone_from(url);
            // They stood in place of what the old URL asked for.
            let policy = &mut self.options.request_policy;
            (policy.path, policy.target) = (None, None);
        }
        let is_replaced =
            |name: &str| edit.headers.iter().any(|new| new.name.eq_ignore_ascii_case(name));
        if let Some(credential) = &edit.credential {
            let proactive = credential.proactive && !waits;
            request.credential = Some(Credential { proactive, ..credential.clone() });
            self.answers.clear();
            if !is_replaced(AUTHORIZATION) {
                // The field would win, and one that is left out would keep anything from being shown.
                let is_other = |name: &str| !name.eq_ignore_ascii_case(AUTHORIZATION);
                request.headers.retain(|header| is_other(&header.name));
                self.options.request_policy.omitted_headers.retain(|name| is_other(name));
            }
        }
        request.headers.retain(|header| !is_replaced(&header.name));
        request.headers.extend(edit.headers.iter().cloned());
    }

    /// Checks whether the request has room for the header fields of an edit.
    ///
    /// # Errors
    /// As [`check_headers`].
    pub fn check_edit(&self, edit: &RequestEdit) -> Result<(), Error> {
        let mut edited = self.clone();
        edited.edit(edit);
        // The fields of the session are among them, for which there is room beyond the limits.
        let (old, new) = (&self.request.headers, &edited.request.headers);
        let has_room = new.len() <= old.len().max(HEADER_COUNT_LIMIT)
            && headers_length(new) <= headers_length(old).max(HEADERS_LENGTH_LIMIT);
        if has_room { Ok(()) } else { check_headers(new) }
    }
}

impl Core {
    pub(crate) fn edit(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        key: TaskRef,
        mut edit: RequestEdit,
    ) {
        let Some(task) = self.tasks.get(&key) else { return };
        if matches!(task.phase, Phase::Canceling { .. } | Phase::Completed { .. }) {
            return turn.reply(from, Err(refusal("the task has ended")));
        }
        if task.is_malformed() {
            return turn.reply(from, Err(refusal("the task was refused at its creation")));
        }
        if let Err(error) = edit.normalize() {
            return turn.reply(from, Err(error));
        }
        let changes = !edit.is_empty();
        // One that loads nothing is of no host, whatever its URL.
        let is_of_host = !task.host.is_empty();
        let host = edit.url.as_deref().and_then(host_of).filter(|_| is_of_host);
        if let Some(host) = host.filter(|_| !self.planted.is(CoreBug::EditKeepsHost)) {
            self.move_to_host(turn, key, &host);
        }
        if changes && !self.planted.is(CoreBug::EditNotDurable) {
            turn.edits.push((key, Box::new(edit)));
        }
        if self.owner(key.session) == Some(from.peer) {
            self.app_works(turn, key.session);
        }
        turn.done(from);
        self.try_now(turn, key, changes);
    }

    /// Ends the wait for another try. An attempt that goes by the old request is stopped.
    fn try_now(&mut self, turn: &mut Turn, key: TaskRef, changed: bool) {
        let Some(task) = self.tasks.get(&key) else { return };
        let phase = match task.phase {
            Phase::Waiting(
                Wait::Retry { .. }
                | Wait::Connectivity { .. }
                | Wait::Disk { .. }
                | Wait::Answer
                | Wait::Challenge(_),
            ) => Phase::Waiting(Wait::Slot),
            Phase::Running { attempt, stopping: None } if changed => {
                turn.act(Action::Stop { task: key, attempt });
                Phase::Running { attempt, stopping: Some(Stopping::Edit) }
            }
            Phase::Running { attempt, stopping: Some(Stopping::SuspendThenResume) } if changed => {
                Phase::Running { attempt, stopping: Some(Stopping::Edit) }
            }
            Phase::Suspended
            | Phase::Waiting(Wait::Slot | Wait::Begin(_))
            | Phase::Running { .. }
            | Phase::Canceling { .. }
            | Phase::Completed { .. } => return,
        };
        self.put(turn, key, |task| {
            task.failures = 0;
            task.details.question = None;
            task.phase = phase;
        });
    }

    fn move_to_host(&mut self, turn: &mut Turn, key: TaskRef, host: &str) {
        let host = self.intern(host);
        let mut before = None;
        self.change(turn, key, |task| before = task.details.next_host.replace(host));
        if let Some(before) = before {
            self.release_host(&before);
        }
    }

    /// Asks the owner for what the task waits for.
    pub(crate) fn ask(&self, turn: &mut Turn, key: TaskRef) {
        let (Some(task), Some(session)) = (self.tasks.get(&key), self.sessions.get(&key.session))
        else {
            return;
        };
        let Some(owner) = session.owner.as_ref() else { return };
        let event = match (task.pending_challenge(), self.redirections.get(&key)) {
            (Some(challenge), _) => {
                Event::DidReceiveChallenge { challenge: Box::new(challenge.clone()) }
            }
            (None, Some(redirected)) => redirected.event(),
            (None, None) if is_asking(task) => {
                Event::WillBeginDelayedRequest { error: task.details.error.as_deref().cloned() }
            }
            (None, None) => return,
        };
        turn.act(Action::Send {
            peer: owner.peer,
            session: session.key.clone(),
            task: Some(key.task),
            number: None,
            event,
        });
    }

    /// Returns the tasks of a session that wait for their app's answer.
    pub(crate) fn asking(&self, session: SessionNumber) -> impl Iterator<Item = TaskRef> {
        let name = |task| TaskRef { session, task: TaskIdentifier(task) };
        self.index.asking.range(name(0)..=name(u64::MAX)).copied()
    }

    /// Asks the owner, or has an app launched that can be asked.
    pub(crate) fn question_came(&mut self, turn: &mut Turn, key: TaskRef) {
        turn.asking.insert(key);
        turn.launching.insert(key.session);
        if let Some(session) = self.sessions.get_mut(&key.session).filter(|s| s.owner.is_none()) {
            session.launch.take_heart();
        }
    }

    /// Notes that the app of a session does what it is launched for.
    pub(crate) fn app_works(&mut self, turn: &mut Turn, number: SessionNumber) {
        let Some(session) = self.sessions.get_mut(&number) else { return };
        if session.launch.reset() {
            turn.sessions.insert(number);
        }
    }
}

/// Says whether the task waits for its app's answer.
pub(crate) fn is_asking(task: &Task) -> bool {
    matches!(task.phase, Phase::Waiting(Wait::Answer | Wait::Challenge(_)))
}

fn host_of(url: &str) -> Option<String> {
    Request::new(url).ok()?.host().ok()
}

/// Compares the hosts of two URLs, whatever their ports.
fn is_same_host(one: &str, other: &str) -> bool {
    let host = |url| host_of(url)?.rsplit_once(':').map(|(host, _)| host.to_owned());
    host(one).is_some() && host(one) == host(other)
}

/// Compares scheme, host and port of two URLs in their legal form.
fn is_same_origin(one: &str, other: &str) -> bool {
    let scheme = |url: &str| url.split_once("://").map(|(scheme, _)| scheme.to_owned());
    host_of(one).is_some() && host_of(one) == host_of(other) && scheme(one) == scheme(other)
}
