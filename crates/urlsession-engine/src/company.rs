//! Which messages wait a moment for others, so that many share one commit.
//!
//! ```text
//!   gathered ──┬── nobody waits for it: an end, an acknowledgement ──> held ──┐ PATIENCE is over,
//!              └── somebody does: a call, a slot that is free ────────────────┴─> turn   or a call came
//! ```

use crate::inbox::Message;
use std::time::Duration;
use urlsession_protocol::ClientMessage;

/// Longest time that a message waits for others; only while attempts run, which will bring them.
const PATIENCE: Duration = Duration::from_millis(4);
/// Most messages that wait.
const HELD_LIMIT: usize = 256;

/// The messages that wait.
#[derive(Debug, Default)]
pub(crate) struct Company {
    held: Vec<Message>,
    /// In steady time; `None` while none waits.
    until: Option<Duration>,
}

/// How long a message can wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Urgency {
    /// A moment: it costs a commit, and nobody waits for it.
    Patient,
    /// Not at all; it may overtake.
    Quick,
    /// Not at all, and what came before it goes before it.
    Strict,
}

impl Company {
    /// Returns what is to be decided now, in order, when so many attempts run.
    pub(crate) fn admit(
        &mut self,
        gathered: Vec<Message>,
        running: usize,
        now: Duration,
    ) -> Vec<Message> {
        let mut ready = Vec::new();
        let mut is_strict = false;
        for message in gathered {
            match urgency(&message) {
                Urgency::Patient => self.held.push(message),
                Urgency::Quick => ready.push(message),
                Urgency::Strict => {
                    is_strict = true;
                    // Of what came before it, only quick ones are not held.
                    self.held.push(message);
                }
            }
        }
        let ended = self.held.iter().filter(|held| matches!(held, Message::Ended { .. })).count();
        let is_alone = ended >= running;
        let is_over = self.until.is_some_and(|until| until <= now);
        if is_strict || is_alone || is_over || self.held.len() >= HELD_LIMIT {
            self.until = None;
            ready.append(&mut self.held);
        } else if !self.held.is_empty() {
            self.until.get_or_insert(now + PATIENCE);
        }
        ready
    }

    /// Returns how long it is until the first of them has waited enough.
    pub(crate) fn next(&self, now: Duration) -> Option<Duration> {
        self.until.map(|until| until.saturating_sub(now))
    }
}

fn urgency(message: &Message) -> Urgency {
    match message {
        Message::Ended { .. } | Message::Durable(_) | Message::CredentialsChanged => {
            Urgency::Patient
        }
        Message::Said { message, .. } => match &**message {
            ClientMessage::Ack { .. } => Urgency::Patient,
            ClientMessage::Call { .. } | ClientMessage::Hello(_) => Urgency::Strict,
        },
        Message::Received { .. } => Urgency::Quick,
        Message::Connected(_)
        | Message::Disconnected(_)
        | Message::Resumed { .. }
        | Message::Redirected { .. }
        | Message::Answered { .. }
        | Message::LaunchEnded { .. }
        | Message::ClockSet
        | Message::NetworkChanged(_)
        | Message::CookiesChanged
        | Message::KnownHostsChanged
        | Message::Stop => Urgency::Strict,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession_core::{AttemptNumber, Ending, PeerNumber, SessionNumber, TaskRef};
    use urlsession_protocol::TaskIdentifier;

    fn task(number: u64) -> (TaskRef, AttemptNumber) {
        (TaskRef { session: SessionNumber(1), task: TaskIdentifier(number) }, AttemptNumber(1))
    }

    fn ended(number: u64) -> Message {
        let (task, attempt) = task(number);
        Message::Ended { task, attempt, ending: Box::new(Ending::Stopped { resume: None }) }
    }

    fn received(number: u64) -> Message {
        let (task, attempt) = task(number);
        Message::Received { task, attempt }
    }

    /// Names what is admitted, in order.
    fn admit(company: &mut Company, messages: Vec<Message>, running: usize, now: u64) -> String {
        let named = |message: Message| match message {
            Message::Ended { task, .. } => format!("e{}", task.task),
            Message::Received { task, .. } => format!("r{}", task.task),
            _ => "-".to_owned(),
        };
        let now = Duration::from_millis(now);
        let admitted = company.admit(messages, running, now);
        admitted.into_iter().map(named).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn ends_wait_for_each_other() {
        let mut company = Company::default();
        assert_eq!(admit(&mut company, vec![ended(1)], 3, 0), "");
        assert_eq!(admit(&mut company, vec![received(2), ended(3)], 3, 1), "r2");
        assert_eq!(company.next(Duration::from_millis(1)), Some(Duration::from_millis(3)));
        assert_eq!(admit(&mut company, vec![], 3, 4), "e1 e3");
        assert_eq!(company.next(Duration::from_millis(4)), None);
    }

    #[test]
    fn the_last_end_waits_for_nobody() {
        let mut company = Company::default();
        assert_eq!(admit(&mut company, vec![ended(1)], 2, 0), "");
        assert_eq!(admit(&mut company, vec![ended(2)], 2, 1), "e1 e2");
        assert_eq!(admit(&mut company, vec![ended(3)], 1, 2), "e3");
    }

    #[test]
    fn only_so_many_wait() {
        let mut company = Company::default();
        let ends = |count| (0..count as u64).map(ended).collect::<Vec<_>>();
        assert_eq!(admit(&mut company, ends(HELD_LIMIT - 1), 2 * HELD_LIMIT, 0), "");
        let admitted = admit(&mut company, ends(1), 2 * HELD_LIMIT, 1);
        assert_eq!(admitted.split(' ').count(), HELD_LIMIT);
    }

    #[test]
    fn what_is_strict_takes_along_what_came_before() {
        let mut company = Company::default();
        let gone = Message::Disconnected(PeerNumber(1));
        assert_eq!(admit(&mut company, vec![ended(1), gone, ended(2)], 9, 0), "e1 - e2");
    }
}
