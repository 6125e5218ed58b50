//! Questions of servers that a task's app answers, and what becomes of those that nobody answers.

use crate::core::refusal;
use crate::session::Session;
use crate::task::{Phase, Stopping, Task, Wait};
use crate::turn::{Asker, Turn};
use crate::{Core, Order, ResumeState, SessionNumber, TaskRef};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use urlsession_protocol::{
    AuthChallengeDisposition, AuthenticationChallenge, AuthenticationMethod, Certificate,
    ClientCertificate, Credential, Error, ProtectionSpace, UrlCredentialStorage,
};

/// How long an app may take to answer; it may have to be launched, and a person to be found.
pub const ANSWER_LIMIT: Duration = Duration::from_secs(60 * 60);
/// Most credentials of one task that a server may refuse; then its refusal is the result.
pub const REFUSALS_LIMIT: u32 = 32;
/// Most parts of servers that a task's app may reject; it is asked about no further ones.
pub const REJECTED_LIMIT: usize = 8;

/// What the app of a task was asked last, and what it does not want to be asked again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// What was asked last.
    pub challenge: AuthenticationChallenge,
    /// What the app rejected.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub rejected: Vec<ProtectionSpace>,
    /// Whether it wants no further question.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub declined: bool,
}

/// What the app gave in answer to a question: good there, and nowhere else.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answered {
    /// Where.
    pub space: ProtectionSpace,
    /// What.
    #[serde(flatten)]
    pub given: Given,
}

/// What lets a task in, or a server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Given {
    /// A name and a password.
    Credential(Credential),
    /// A certificate of ours.
    ClientCertificate(ClientCertificate),
    /// The certificate of the server.
    ServerTrust(Certificate),
}

impl Answered {
    /// Returns the credential, if it is one.
    #[must_use]
    pub fn credential(&self) -> Option<&Credential> {
        match &self.given {
            Given::Credential(credential) => Some(credential),
            Given::ClientCertificate(_) | Given::ServerTrust(_) => None,
        }
    }
}

impl Order {
    /// Takes what the app answered, instead of an earlier answer.
    pub fn answer(&mut self, answered: &Answered) {
        self.answers.retain(|before| before.space != answered.space);
        self.answers.push(answered.clone());
    }
}

impl Core {
    /// Says whether an attempt of the task may use and keep the credentials of its application.
    #[must_use]
    pub fn shares_credentials(&self, key: TaskRef) -> bool {
        self.sessions.get(&key.session).is_some_and(|session| {
            session.configuration.url_credential_storage == UrlCredentialStorage::Shared
        })
    }

    /// Returns what must not be asked about while an attempt of the task runs; `None` if nothing
    /// may be asked: nobody would answer.
    #[must_use]
    pub fn asks(&self, key: TaskRef) -> Option<Vec<ProtectionSpace>> {
        let answers = self.sessions.get(&key.session)?.configuration.answers_challenges;
        let question = self.tasks.get(&key)?.details.question.as_deref();
        let declined = question
            .is_some_and(|question| question.declined || question.rejected.len() >= REJECTED_LIMIT);
        let rejected = || question.map(|question| question.rejected.clone()).unwrap_or_default();
        (answers && !declined).then(rejected)
    }

    /// The attempt ended because a server wants what only the app can know.
    pub(crate) fn challenged(
        &mut self,
        turn: &mut Turn,
        key: TaskRef,
        mut challenge: AuthenticationChallenge,
        resume: Option<ResumeState>,
    ) {
        self.put(turn, key, |task| task.leave_part(resume));
        let Some(task) = self.tasks.get(&key) else { return };
        let Phase::Running { attempt, stopping } = task.phase else {
            return self.stopped(turn, key);
        };
        let phase = match stopping {
            None | Some(Stopping::SuspendThenResume | Stopping::Quiesce) => {
                Phase::Waiting(Wait::Challenge(turn.now.wall.after(ANSWER_LIMIT)))
            }
            Some(Stopping::Suspend) => Phase::Suspended,
            Some(Stopping::Timeout | Stopping::Edit) => return self.stopped(turn, key),
        };
        let last = task.details.question.as_deref();
        challenge.question = attempt.0;
        challenge.until = turn.now.wall.after(ANSWER_LIMIT);
        if let Some(last) = last.filter(|last| is_again(&last.challenge, &challenge)) {
            challenge.previous_failure_count += last.challenge.previous_failure_count;
        }
        let tired = challenge.previous_failure_count >= REFUSALS_LIMIT;
        let unheard = tired || self.asks(key).is_none();
        self.put(turn, key, |task| {
            let rejected = task.details.question.take().map_or_else(Vec::new, |last| last.rejected);
            task.details.question =
                Some(Box::new(Question { challenge, rejected, declined: tired }));
            task.details.error = None;
            task.phase = phase;
        });
        if unheard {
            return self.decline(turn, key);
        }
        self.question_came(turn, key);
        self.due(turn, key);
    }

    /// Takes the answer to the question that a task waits with.
    pub(crate) fn answer(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        key: TaskRef,
        question: u32,
        disposition: AuthChallengeDisposition,
    ) {
        let Some(task) = self.tasks.get(&key) else { return };
        let asked = task.details.question.as_deref().map(|question| &question.challenge);
        let waits = matches!(task.phase, Phase::Waiting(Wait::Challenge(_)));
        let Some(asked) = asked.filter(|asked| asked.question >= question) else {
            return turn.reply(from, Err(refusal("the task did not ask this")));
        };
        if !waits || asked.question > question {
            // Answered before, perhaps by this very call.
            return turn.done(from);
        }
        let space = asked.protection_space.clone();
        let given = match given(asked, &disposition) {
            Ok(given) => given,
            Err(error) => return turn.reply(from, Err(error)),
        };
        match disposition {
            AuthChallengeDisposition::UseCredential { .. }
            | AuthChallengeDisposition::UseServerTrust
            | AuthChallengeDisposition::UseClientCertificate { .. }
            | AuthChallengeDisposition::PerformDefaultHandling => match given {
                Some(given) => {
                    turn.answers.push((key, Box::new(Answered { space, given })));
                    self.go_on(turn, key, |_| {});
                }
                None => self.decline(turn, key),
            },
            AuthChallengeDisposition::RejectProtectionSpace => {
                self.go_on(turn, key, |question| question.rejected.push(space));
            }
            AuthChallengeDisposition::CancelAuthenticationChallenge => {
                self.cancel(turn, key, false);
            }
        }
        if self.owner(key.session) == Some(from.peer) {
            self.app_works(turn, key.session);
        }
        turn.done(from);
    }

    /// Goes on as if nobody could be asked: the server's refusal becomes the result.
    pub(crate) fn decline(&mut self, turn: &mut Turn, key: TaskRef) {
        self.go_on(turn, key, |question| question.declined = true);
    }

    /// Ends the questions that the owner of a session does not answer.
    pub(crate) fn silence(&mut self, turn: &mut Turn, number: SessionNumber) {
        let answers = |s: &Session| s.configuration.answers_challenges;
        if self.sessions.get(&number).is_none_or(answers) {
            return;
        }
        let challenged = |key: &TaskRef| {
            self.tasks.get(key).is_some_and(|task| task.pending_challenge().is_some())
        };
        let unheard: Vec<TaskRef> = self.asking(number).filter(challenged).collect();
        for key in unheard {
            self.decline(turn, key);
        }
    }

    fn go_on(&mut self, turn: &mut Turn, key: TaskRef, change: impl FnOnce(&mut Question)) {
        self.put(turn, key, |task| {
            if let Some(question) = &mut task.details.question {
                change(question);
            }
            if matches!(task.phase, Phase::Waiting(_)) {
                task.failures = 0;
                task.phase = Phase::Waiting(Wait::Slot);
            }
        });
    }
}

impl Task {
    /// Returns the question that it waits with.
    pub(crate) fn pending_challenge(&self) -> Option<&AuthenticationChallenge> {
        let waits = matches!(self.phase, Phase::Waiting(Wait::Challenge(_)));
        self.details.question.as_deref().filter(|_| waits).map(|question| &question.challenge)
    }
}

/// Returns what an answer has that fits the question.
fn given(
    asked: &AuthenticationChallenge,
    disposition: &AuthChallengeDisposition,
) -> Result<Option<Given>, Error> {
    use AuthenticationMethod as Method;
    let method = asked.protection_space.authentication_method;
    Ok(match disposition {
        AuthChallengeDisposition::UseCredential { credential } if !method.is_of_tls() => {
            credential.check()?;
            Some(Given::Credential(credential.clone()))
        }
        AuthChallengeDisposition::UseServerTrust if method == Method::ServerTrust => {
            asked.server_trust.first().cloned().map(Given::ServerTrust)
        }
        AuthChallengeDisposition::UseClientCertificate { certificate }
            if method == Method::ClientCertificate =>
        {
            certificate.check()?;
            Some(Given::ClientCertificate(certificate.clone()))
        }
        _ => None,
    })
}

/// Says whether the server refused what was answered to its earlier question.
fn is_again(last: &AuthenticationChallenge, next: &AuthenticationChallenge) -> bool {
    let (last, next) = (&last.protection_space, &next.protection_space);
    let is_of_tls = |space: &ProtectionSpace| space.authentication_method.is_of_tls();
    last.is_of_same_server(next) && last.realm == next.realm && is_of_tls(last) == is_of_tls(next)
}
