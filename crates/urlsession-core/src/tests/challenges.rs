//! Servers that ask, apps that answer, and those that do not.

use super::*;
use crate::{ANSWER_LIMIT, Given, REFUSALS_LIMIT, REJECTED_LIMIT};
use urlsession_protocol::{
    AuthChallengeDisposition, AuthenticationChallenge, AuthenticationMethod, Certificate,
    ClientCertificate, Credential, LaunchCommand, ProtectionSpace, Reason,
};

pub(super) fn space(realm: &str) -> ProtectionSpace {
    ProtectionSpace {
        protocol: "http".to_owned(),
        host: "host".to_owned(),
        port: 80,
        realm: Some(realm.to_owned()),
        authentication_method: AuthenticationMethod::HttpBasic,
        is_proxy: false,
    }
}

pub(super) fn challenged(realm: &str, refused: u32) -> Ending {
    let mut challenge = AuthenticationChallenge::new(space(realm));
    challenge.previous_failure_count = refused;
    Ending::Challenged { challenge: Box::new(challenge), resume: Some(part(50)) }
}

pub(super) fn credential() -> AuthChallengeDisposition {
    AuthChallengeDisposition::UseCredential { credential: Credential::new("me", "pw") }
}

fn answering() -> SessionConfiguration {
    SessionConfiguration { answers_challenges: true, ..SessionConfiguration::default() }
}

/// A bench whose app answers, with a download that runs.
pub(super) fn asked() -> Bench {
    let mut bench = Bench::empty();
    bench.attach(APP, answering());
    bench.download();
    bench
}

impl Bench {
    pub(super) fn answer(&mut self, question: u32, answer: AuthChallengeDisposition) -> Step {
        let (session, task) = (key(), TaskIdentifier(1));
        let disposition = Box::new(answer);
        self.call(APP, Call::Answer { session, task, question, disposition })
    }

    fn challenge(&self) -> Option<(u32, u32)> {
        let challenge = self.core.task(name(1))?.challenge?;
        Some((challenge.question, challenge.previous_failure_count))
    }
}

fn answers(step: &Step) -> usize {
    step.changes.iter().filter(|change| matches!(change, Change::AnswerTask { .. })).count()
}

#[test]
fn a_task_asks_waits_and_goes_on_with_the_answer() {
    let mut bench = asked();
    assert_eq!(bench.core.asks(name(1)), Some(vec![]));
    let step = bench.ended(1, challenged("r", 0));
    assert_eq!(sent(&step), ["DidReceiveChallenge"]);
    assert_eq!(bench.core.task(name(1)).unwrap().reason, Some(Reason::Answer));
    assert_eq!(bench.challenge(), Some((1, 0)));
    let step = bench.answer(1, credential());
    assert_eq!((replies(&step), answers(&step)), (vec![Ok(Reply::Done)], 1));
    let start = Action::Start { task: name(1), attempt: attempt(2), resume: Some(part(50)) };
    assert!(step.actions.contains(&start), "{step:?}");
    // The daemon died before its answer arrived: the client says it again.
    let step = bench.answer(1, credential());
    assert_eq!((replies(&step), answers(&step)), (vec![Ok(Reply::Done)], 0));
}

#[test]
fn failures_are_counted_for_each_part_of_a_server() {
    let mut bench = asked();
    bench.ended(1, challenged("r", 1));
    assert_eq!(bench.challenge(), Some((1, 1)), "it had a credential that was wrong");
    bench.answer(1, credential());
    bench.ended(1, challenged("r", 1));
    assert_eq!(bench.challenge(), Some((2, 2)));
    let stale = bench.answer(1, AuthChallengeDisposition::CancelAuthenticationChallenge);
    assert_eq!(replies(&stale), [Ok(Reply::Done)], "it answers the question before");
    assert_eq!(bench.challenge(), Some((2, 2)));
    assert_eq!(replies(&bench.answer(3, credential())), [Err(-1)], "nobody asked that");
    bench.answer(2, credential());
    bench.ended(1, challenged("other", 0));
    assert_eq!(bench.challenge(), Some((3, 0)));
}

#[test]
fn every_disposition() {
    let mut bench = asked();
    bench.ended(1, challenged("r", 0));
    let step = bench.answer(1, AuthChallengeDisposition::CancelAuthenticationChallenge);
    assert_eq!(sent(&step), ["1 DidComplete -999"]);

    let mut bench = asked();
    bench.ended(1, challenged("r", 0));
    let step = bench.answer(1, AuthChallengeDisposition::PerformDefaultHandling);
    assert_eq!(starts(&step), [(1, 2)], "the refusal is received as the result");
    assert_eq!(bench.core.asks(name(1)), None);
    bench.restart();
    assert_eq!(bench.core.asks(name(1)), None, "that is durable");

    let mut bench = asked();
    for round in 1..=REJECTED_LIMIT {
        let realm = round.to_string();
        bench.ended(1, challenged(&realm, 0));
        let question = u32::try_from(round).unwrap();
        let step = bench.answer(question, AuthChallengeDisposition::RejectProtectionSpace);
        assert_eq!(starts(&step), [(1, question + 1)]);
        let asks = bench.core.asks(name(1));
        assert_eq!(asks.is_some(), round < REJECTED_LIMIT);
        assert!(asks.is_none_or(|rejected| rejected.contains(&space(&realm))));
    }
}

/// how it was asked, what was answered => what is noted; nothing means that the question is declined
#[test]
fn an_answer_fits_its_question() {
    use AuthChallengeDisposition::{UseClientCertificate, UseServerTrust};
    let own = || ClientCertificate::new("/own.pem");
    for (method, answer, expected) in [
        (AuthenticationMethod::HttpBasic, credential(), "credential"),
        (AuthenticationMethod::HttpBasic, UseServerTrust, ""),
        (AuthenticationMethod::HttpBasic, UseClientCertificate { certificate: own() }, ""),
        (AuthenticationMethod::ServerTrust, credential(), ""),
        (AuthenticationMethod::ServerTrust, UseServerTrust, "the certificate it showed"),
        (AuthenticationMethod::ServerTrust, UseClientCertificate { certificate: own() }, ""),
        (AuthenticationMethod::ClientCertificate, credential(), ""),
        (AuthenticationMethod::ClientCertificate, UseServerTrust, ""),
        (
            AuthenticationMethod::ClientCertificate,
            UseClientCertificate { certificate: own() },
            "a certificate of ours",
        ),
    ] {
        let mut bench = asked();
        let space = ProtectionSpace { authentication_method: method, ..space("r") };
        let mut challenge = AuthenticationChallenge::new(space);
        challenge.server_trust = vec![Certificate::new([1]), Certificate::new([2])];
        bench.ended(1, Ending::Challenged { challenge: Box::new(challenge), resume: None });
        let step = bench.answer(1, answer.clone());
        assert_eq!(replies(&step), [Ok(Reply::Done)], "{method:?} {answer:?}");
        assert_eq!(starts(&step), [(1, 2)], "{method:?} {answer:?}");
        let noted = step.changes.iter().find_map(|change| match change {
            Change::AnswerTask { answered, .. } => Some(answered.given.clone()),
            _ => None,
        });
        let noted = match noted {
            None => "",
            Some(Given::Credential(_)) => "credential",
            Some(Given::ServerTrust(one)) if one.der() == [1] => "the certificate it showed",
            Some(Given::ClientCertificate(one)) if one == own() => "a certificate of ours",
            Some(_) => "something else",
        };
        assert_eq!(noted, expected, "{method:?} {answer:?}");
        assert_eq!(bench.core.asks(name(1)).is_none(), expected.is_empty());
    }
    let mut bench = asked();
    let space = ProtectionSpace {
        authentication_method: AuthenticationMethod::ClientCertificate,
        ..space("r")
    };
    let challenge = Box::new(AuthenticationChallenge::new(space));
    bench.ended(1, Ending::Challenged { challenge, resume: None });
    let certificate = ClientCertificate::new("relative.pem");
    let step = bench.answer(1, UseClientCertificate { certificate });
    assert_eq!((replies(&step), starts(&step)), (vec![Err(-1200)], vec![]), "it may say it better");
}

#[test]
fn every_new_owner_is_asked_and_a_restart_forgets_nothing() {
    let mut bench = asked();
    bench.ended(1, challenged("r", 1));
    bench.handle(Input::Disconnected { peer: APP });
    assert_eq!(starts(&bench.restart()), []);
    assert_eq!(bench.challenge(), Some((1, 1)));
    assert_eq!(sent(&bench.attach(APP, answering())), ["DidReceiveChallenge"]);
    assert_eq!(starts(&bench.answer(1, credential())), [(1, 2)]);
}

#[test]
fn what_nobody_answers_is_a_result() {
    let mut bench = asked();
    bench.ended(1, challenged("r", 0));
    assert!(bench.wakeup().is_some_and(|wait| wait <= ANSWER_LIMIT));
    assert_eq!(starts(&bench.tick_after(ANSWER_LIMIT)), [(1, 2)]);
    assert_eq!(bench.core.asks(name(1)), None);

    let mut bench = asked();
    bench.ended(1, challenged("r", 0));
    bench.handle(Input::Disconnected { peer: APP });
    let step = bench.attach(OTHER, SessionConfiguration::default());
    assert_eq!((sent(&step), starts(&step)), (vec![], vec![(1, 2)]), "it does not answer");

    let mut bench = Bench::new();
    bench.download();
    assert_eq!(bench.core.asks(name(1)), None);
    assert_eq!(starts(&bench.ended(1, challenged("r", 0))), [(1, 2)]);

    let mut bench = asked();
    bench.ended(1, challenged("r", REFUSALS_LIMIT));
    assert_eq!(bench.challenge(), None, "there are limits to patience");
}

#[test]
fn an_edit_ends_the_question_and_what_was_declined() {
    let mut bench = asked();
    bench.ended(1, challenged("r", 3));
    assert_eq!(starts(&bench.edit(1, RequestEdit::default())), [(1, 2)]);
    bench.ended(1, challenged("r", 0));
    assert_eq!(bench.challenge(), Some((2, 0)));
    bench.answer(2, AuthChallengeDisposition::PerformDefaultHandling);
    bench.suspend(1);
    bench.ended(1, stopped());
    bench.edit(1, RequestEdit::default());
    assert_eq!(bench.core.asks(name(1)), None, "there was nothing to try");
}

#[test]
fn a_question_has_the_app_launched() {
    let command = LaunchCommand {
        program: "/bin/app".into(),
        arguments: Vec::new(),
        directory: "/".into(),
        environment: Vec::new(),
    };
    let configuration = SessionConfiguration { launch_command: Some(command), ..answering() };
    let mut bench = Bench::empty();
    bench.attach(APP, configuration.clone());
    bench.download();
    bench.download();
    bench.handle(Input::Disconnected { peer: APP });
    let launches = |step: &Step| {
        step.actions.iter().filter(|action| matches!(action, Action::Launch { .. })).count()
    };
    assert_eq!(launches(&bench.ended(1, challenged("r", 0))), 0, "it may be on its way");
    let step = bench.tick_after(crate::VACANCY);
    assert_eq!(launches(&step), 1, "though the other task still runs");
    assert_eq!(sent(&bench.attach(APP, configuration)), ["DidReceiveChallenge"]);
    bench.answer(1, credential());
    bench.handle(Input::Disconnected { peer: APP });
    assert_eq!(launches(&bench.tick_after(crate::VACANCY)), 0, "nobody is needed");
    bench.ended(1, challenged("r", 1));
    assert_eq!(launches(&bench.tick_after(crate::VACANCY)), 0, "the launched one still runs");
}
