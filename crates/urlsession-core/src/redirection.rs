//! Redirects that a task's app decides about while the attempt waits, and those that nobody does.

use crate::turn::Turn;
use crate::{ANSWER_LIMIT, Action, AttemptNumber, Core, SessionNumber, TaskRef};
use std::time::Duration;
use urlsession_protocol::{
    Event, HttpRedirectDisposition, HttpRedirection, TaskIdentifier, Timestamp,
};

/// Questions of one attempt, at most: more than it follows redirects.
const QUESTIONS: u32 = 128;

/// A redirect that an attempt waits with.
#[derive(Debug)]
pub(crate) struct Redirected {
    attempt: AttemptNumber,
    redirection: Box<HttpRedirection>,
}

impl Redirected {
    pub(crate) fn event(&self) -> Event {
        Event::WillPerformHttpRedirection { redirection: self.redirection.clone() }
    }
}

impl Core {
    /// Says whether an attempt of the task may ask its app about redirects.
    #[must_use]
    pub fn asks_about_redirects(&self, key: TaskRef) -> bool {
        let session = self.sessions.get(&key.session);
        session.is_some_and(|session| session.configuration.answers_redirections)
    }

    /// An attempt waits with a redirect.
    pub(crate) fn redirected(
        &mut self,
        turn: &mut Turn,
        key: TaskRef,
        attempt: AttemptNumber,
        mut redirection: Box<HttpRedirection>,
    ) {
        // An answer to an earlier attempt must not count for this one.
        let first = attempt.0.wrapping_mul(QUESTIONS);
        redirection.question = first.wrapping_add(redirection.question);
        redirection.until = turn.now.wall.after(ANSWER_LIMIT);
        self.redirections.insert(key, Redirected { attempt, redirection });
        if self.hears_of_redirects(key.session) {
            turn.asking.insert(key);
        } else {
            self.follow(turn, key);
        }
    }

    /// Takes the answer, if the attempt still waits for it.
    pub(crate) fn redirect(
        &mut self,
        turn: &mut Turn,
        key: TaskRef,
        question: u32,
        disposition: HttpRedirectDisposition,
    ) {
        let asks = |redirected: &Redirected| redirected.redirection.question == question;
        if self.redirections.get(&key).is_some_and(asks)
            && let Some(Redirected { attempt, .. }) = self.redirections.remove(&key)
        {
            turn.act(Action::Redirect { task: key, attempt, disposition });
        }
    }

    /// Returns the tasks of a session that wait with a redirect.
    pub(crate) fn redirecting(&self, session: SessionNumber) -> impl Iterator<Item = TaskRef> {
        let name = |task| TaskRef { session, task: TaskIdentifier(task) };
        self.redirections.range(name(0)..=name(u64::MAX)).map(|(key, _)| *key)
    }

    /// Follows the redirects of a session whose owner does not answer, or that nobody owns.
    pub(crate) fn follow_unheard(&mut self, turn: &mut Turn, number: SessionNumber) {
        if self.hears_of_redirects(number) {
            return;
        }
        for key in self.redirecting(number).collect::<Vec<_>>() {
            self.follow(turn, key);
        }
    }

    /// Follows the redirects that were not answered in time.
    pub(crate) fn end_redirections(&mut self, turn: &mut Turn) {
        let is_late = |redirected: &Redirected| redirected.redirection.until <= turn.now.wall;
        let late = self.redirections.iter().filter(|(_, redirected)| is_late(redirected));
        for key in late.map(|(key, _)| *key).collect::<Vec<_>>() {
            self.follow(turn, key);
        }
    }

    /// Returns how long it is until the first of them is late.
    pub(crate) fn next_redirection(&self, now: Timestamp) -> Option<Duration> {
        // No more of them than attempts run.
        self.redirections.values().map(|redirected| now.until(redirected.redirection.until)).min()
    }

    fn follow(&mut self, turn: &mut Turn, key: TaskRef) {
        if let Some(Redirected { attempt, .. }) = self.redirections.remove(&key) {
            let disposition = HttpRedirectDisposition::Follow;
            turn.act(Action::Redirect { task: key, attempt, disposition });
        }
    }

    fn hears_of_redirects(&self, number: SessionNumber) -> bool {
        self.sessions.get(&number).is_some_and(|session| {
            session.owner.is_some() && session.configuration.answers_redirections
        })
    }
}
