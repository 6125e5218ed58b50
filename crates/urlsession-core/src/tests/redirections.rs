//! Redirects that an app decides about, and those that nobody does.

use super::*;
use crate::ANSWER_LIMIT;
use urlsession_protocol::{HttpRedirectDisposition, HttpRedirection, Request, Response};

fn redirection(question: u32) -> Report {
    Report::Redirected(Box::new(HttpRedirection {
        question,
        response: Response::default(),
        new_request: Request::new("http://host/next").unwrap(),
        until: Timestamp(0),
    }))
}

fn deciding() -> SessionConfiguration {
    SessionConfiguration { answers_redirections: true, ..SessionConfiguration::default() }
}

/// A bench whose app decides, with a download that was redirected.
fn redirected() -> (Bench, u32) {
    let mut bench = Bench::empty();
    bench.attach(APP, deciding());
    bench.download();
    assert!(bench.core.asks_about_redirects(name(1)));
    let step = bench.report(1, redirection(1));
    assert_eq!(redirects(&step), []);
    (bench, asked(&step).expect("the owner is asked"))
}

impl Bench {
    fn redirect(&mut self, question: u32, disposition: HttpRedirectDisposition) -> Step {
        let (session, task) = (key(), TaskIdentifier(1));
        self.call(APP, Call::Redirect { session, task, question, disposition })
    }
}

fn asked(step: &Step) -> Option<u32> {
    step.actions.iter().find_map(|action| match action {
        Action::Send { event: Event::WillPerformHttpRedirection { redirection }, .. } => {
            assert!(redirection.until > Timestamp(0));
            Some(redirection.question)
        }
        _ => None,
    })
}

fn redirects(step: &Step) -> Vec<(u32, HttpRedirectDisposition)> {
    let redirects = step.actions.iter().filter_map(|action| match action {
        Action::Redirect { attempt, disposition, .. } => Some((attempt.0, disposition.clone())),
        _ => None,
    });
    redirects.collect()
}

#[test]
fn an_attempt_waits_for_the_answer_and_is_told_once() {
    let (mut bench, question) = redirected();
    let step = bench.redirect(question, HttpRedirectDisposition::Refuse);
    assert_eq!(redirects(&step), [(1, HttpRedirectDisposition::Refuse)]);
    assert_eq!((replies(&step), step.changes), (vec![Ok(Reply::Done)], vec![]));
    let step = bench.redirect(question, HttpRedirectDisposition::Refuse);
    assert_eq!((redirects(&step), replies(&step)), (vec![], vec![Ok(Reply::Done)]));
    let next = asked(&bench.report(1, redirection(2))).unwrap();
    assert_eq!(redirects(&bench.redirect(question, HttpRedirectDisposition::Refuse)), []);
    let step = bench.redirect(next, HttpRedirectDisposition::Follow);
    assert_eq!(redirects(&step), [(1, HttpRedirectDisposition::Follow)]);
}

#[test]
fn an_answer_to_an_earlier_attempt_does_not_count() {
    let (mut bench, question) = redirected();
    bench.suspend(1);
    bench.ended(1, stopped());
    bench.resume(1);
    let next = asked(&bench.report(1, redirection(1))).unwrap();
    assert_ne!(next, question);
    assert_eq!(redirects(&bench.redirect(question, HttpRedirectDisposition::Refuse)), []);
}

#[test]
fn what_nobody_answers_is_followed() {
    let follow = [(1, HttpRedirectDisposition::Follow)];
    let (mut bench, _) = redirected();
    assert_eq!(bench.wakeup(), Some(ANSWER_LIMIT));
    assert_eq!(redirects(&bench.tick_after(ANSWER_LIMIT)), follow);
    assert_eq!(redirects(&bench.tick_after(ANSWER_LIMIT)), []);

    let (mut bench, _) = redirected();
    assert_eq!(redirects(&bench.handle(Input::Disconnected { peer: APP })), follow);
    let step = bench.report(1, redirection(2));
    assert_eq!((asked(&step), redirects(&step)), (None, follow.to_vec()), "nobody is there");

    let (mut bench, _) = redirected();
    let step = bench.attach(APP, SessionConfiguration::default());
    assert_eq!(redirects(&step), follow, "it does not answer any more");
    assert!(!bench.core.asks_about_redirects(name(1)));
}

#[test]
fn who_owns_the_session_next_is_asked() {
    let (mut bench, question) = redirected();
    bench.attach(OTHER, deciding());
    let step = bench.handle(Input::Disconnected { peer: APP });
    assert_eq!((asked(&step), redirects(&step)), (Some(question), vec![]));
}
