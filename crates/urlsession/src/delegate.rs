//! Events as callbacks: Apple's `URLSessionDelegate` and its kin in one trait.

use crate::configuration::Acknowledgement;
use crate::deadline::Deadline;
use crate::inbox::Item;
use crate::session::Session;
use crate::task::Task;
use crate::transport::lost;
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;
use urlsession_protocol::{
    AuthChallengeDisposition, AuthenticationChallenge, Error, Event, HttpRedirectDisposition,
    HttpRedirection, Request, RequestEdit, Response, ResumeRung, TaskIdentifier, TaskMetrics,
};

/// What to do about a task that waits for another request: Apple's
/// `URLSession.DelayedRequestDisposition`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum DelayedRequestDisposition {
    /// Nothing yet: the task waits for [`Task::edit`](crate::Task::edit), until its resource timer
    /// ends it.
    #[default]
    Wait,
    /// Tries again as it was.
    ContinueLoading,
    /// Goes on with this.
    UseNewRequest(RequestEdit),
    /// Ends with -999.
    Cancel,
}

/// Is told what happens; every method does nothing unless written.
///
/// Methods are called one at a time, on one thread of the session's own, in this order per task:
/// progress, then the body or the finished file, then the metrics, then
/// [`did_complete`](Self::did_complete). They
/// may call any method of the session but must not wait for later events. A kept event is
/// acknowledged when its method returned. A method that panics does not end the thread: the panic
/// is logged, and this and the task's later events are not acknowledged, so they come again when the
/// session is attached next.
#[expect(unused_variables, reason = "the names of the defaults' parameters are documentation")]
pub trait SessionDelegate: Send {
    /// A download's file grew. Bytes; an unknown total is `None`.
    fn did_write_data(
        &mut self,
        task: &Task,
        bytes_written: u64,
        total_bytes_written: u64,
        total_bytes_expected_to_write: Option<u64>,
    ) {
    }

    /// A request body moved on. Bytes; an unknown total is `None`.
    fn did_send_body_data(
        &mut self,
        task: &Task,
        bytes_sent: u64,
        total_bytes_sent: u64,
        total_bytes_expected_to_send: Option<u64>,
    ) {
    }

    /// A download went on, or began again, after an interruption.
    fn did_resume_at_offset(
        &mut self,
        task: &Task,
        file_offset: u64,
        expected_total_bytes: Option<u64>,
        rung: ResumeRung,
    ) {
    }

    /// The server answered with one of the task's
    /// [`recoverable_statuses`](crate::TaskOptions::recoverable_statuses), which the error has; the
    /// task keeps its bytes. Asked again whenever the session is attached while the task waits.
    fn will_begin_delayed_request(
        &mut self,
        task: &Task,
        error: Option<&Error>,
    ) -> DelayedRequestDisposition {
        DelayedRequestDisposition::Wait
    }

    /// A server or a proxy wants a credential or a certificate, and the task has none that it takes; or
    /// the platform does not trust the server. Which of them, the protection space says. Called only
    /// in sessions that [answer challenges](crate::SessionConfiguration::answers_challenges), and again whenever
    /// the session is attached while the task waits. `None` answers later, by
    /// [`Task::answer`](crate::Task::answer), within an hour.
    fn did_receive_challenge(
        &mut self,
        task: &Task,
        challenge: &AuthenticationChallenge,
    ) -> Option<AuthChallengeDisposition> {
        Some(AuthChallengeDisposition::PerformDefaultHandling)
    }

    /// A server redirects the task; returns the request that it goes on with, or `None` to take the
    /// redirect for its response. The request that is handed in has lost what must not go to another
    /// origin; what the returned one says is done. It has neither the body, which goes with it
    /// unless the method becomes GET or HEAD, nor the task's credential, which goes with it to its
    /// own origin. Called only in sessions that
    /// [decide about redirects](crate::SessionConfiguration::answers_redirections), before the
    /// redirect is followed; within an hour, else it is.
    fn will_perform_http_redirection(
        &mut self,
        task: &Task,
        response: &Response,
        new_request: Request,
    ) -> Option<Request> {
        Some(new_request)
    }

    /// The response body of a data or upload task is in this file, which is removed when the
    /// method returns. Kept.
    fn did_receive_data(&mut self, task: &Task, path: &Path, length: u64) {}

    /// A download's file is whole, synced and in place. Without a destination of the app's own it
    /// is removed when the method returns: move it, or open it. Kept.
    fn did_finish_downloading_to(&mut self, task: &Task, location: &Path, length: u64) {}

    /// What the task's requests took is known; [`did_complete`](Self::did_complete) follows. Kept
    /// with it.
    fn did_finish_collecting_metrics(&mut self, task: &Task, metrics: &TaskMetrics) {}

    /// The task ended, without an error whatever the HTTP status. Kept.
    fn did_complete(&mut self, task: &Task, response: Option<&Response>, error: Option<&Error>) {}

    /// All events that waited when the session was attached have been told. Not called where none
    /// waited.
    fn did_finish_events(&mut self, session: &Session) {}

    /// The session is gone; nothing follows. The error is -997 if the daemon was lost for good,
    /// -996 if another process took the session meanwhile, `None` after an invalidation.
    fn did_become_invalid(&mut self, session: &Session, error: Option<&Error>) {}
}

/// Starts the thread that calls the delegate until the session is gone or dropped.
pub(crate) fn dispatch(session: &Session, delegate: Box<dyn SessionDelegate>) -> Result<(), Error> {
    let handle = session.downgrade();
    let link = Arc::clone(session.link());
    let automatic = session.configuration().acknowledgement == Acknowledgement::Automatic;
    let mut dispatch = Dispatch { delegate, automatic, failed: BTreeSet::new() };
    let run = move || {
        while let Ok(Some(item)) = link.inbox.take(Deadline::never()) {
            let Some(session) = Session::upgrade(&handle) else { return };
            dispatch.tell(&session, item);
        }
        if let Some(session) = Session::upgrade(&handle) {
            session.release();
        }
    };
    std::thread::Builder::new()
        .name("urlsession-delegate".to_owned())
        .spawn(run)
        .map(drop)
        .map_err(|error| lost(format!("cannot start a thread: {error}")))
}

struct Dispatch {
    delegate: Box<dyn SessionDelegate>,
    automatic: bool,
    /// Tasks with an event that the delegate did not get through: what follows it must come again
    /// too, for the order's sake.
    failed: BTreeSet<TaskIdentifier>,
}

impl Dispatch {
    fn tell(&mut self, session: &Session, item: Item) {
        let Item { task, kept, event } = item;
        let delegate = &mut *self.delegate;
        let told = catch_unwind(AssertUnwindSafe(|| call(delegate, session, task, &event)));
        if told.is_err() {
            tracing::error!(?task, "a delegate method panicked; its event will come again");
        }
        let Some(kept) = kept else { return };
        if told.is_err() {
            self.failed.extend(task);
        }
        if task.is_some_and(|task| self.failed.contains(&task)) {
            session.link().inbox.reopen(kept);
        } else if self.automatic {
            session.link().acknowledge(&[kept]);
        }
    }
}

fn call(
    delegate: &mut dyn SessionDelegate,
    session: &Session,
    task: Option<TaskIdentifier>,
    event: &Event,
) {
    let Some(task) = task.map(|task| session.task(task)) else {
        return match event {
            Event::DidFinishEvents => delegate.did_finish_events(session),
            Event::DidBecomeInvalid { error } => {
                delegate.did_become_invalid(session, error.as_ref());
            }
            _ => {}
        };
    };
    match event {
        Event::DidWriteData {
            bytes_written,
            total_bytes_written,
            total_bytes_expected_to_write: expected,
        } => delegate.did_write_data(&task, *bytes_written, *total_bytes_written, *expected),
        Event::DidSendBodyData {
            bytes_sent,
            total_bytes_sent,
            total_bytes_expected_to_send: expected,
        } => delegate.did_send_body_data(&task, *bytes_sent, *total_bytes_sent, *expected),
        Event::DidResumeAtOffset { file_offset, expected_total_bytes, rung } => {
            delegate.did_resume_at_offset(&task, *file_offset, *expected_total_bytes, *rung);
        }
        Event::WillBeginDelayedRequest { error } => {
            go_on(&task, delegate.will_begin_delayed_request(&task, error.as_ref()));
        }
        Event::DidReceiveChallenge { challenge } => {
            let answer = delegate.did_receive_challenge(&task, challenge);
            if let Some(Err(error)) = answer.map(|answer| task.answer(challenge, answer)) {
                tracing::warn!(%error, ?task, "a challenge cannot be answered");
            }
        }
        Event::WillPerformHttpRedirection { redirection } => {
            let HttpRedirection { response, new_request, .. } = &**redirection;
            let request = new_request.clone();
            let answer = delegate.will_perform_http_redirection(&task, response, request);
            let answer = task.redirect(redirection, disposition(answer, new_request));
            if let Err(error) = answer {
                tracing::warn!(%error, ?task, "a redirect cannot be decided about");
            }
        }
        Event::DidReceiveData { path, length } => {
            delegate.did_receive_data(&task, path, *length);
        }
        Event::DidFinishDownloading { path, length } => {
            delegate.did_finish_downloading_to(&task, path, *length);
        }
        Event::DidComplete { error, response, metrics } => {
            if let Some(metrics) = metrics {
                delegate.did_finish_collecting_metrics(&task, metrics);
            }
            delegate.did_complete(&task, response.as_ref(), error.as_ref());
        }
        Event::DidChangeState { .. } | Event::DidFinishEvents | Event::DidBecomeInvalid { .. } => {}
        _ => {}
    }
}

/// Says what a delegate's request means, beside the one that was proposed.
fn disposition(answer: Option<Request>, proposed: &Request) -> HttpRedirectDisposition {
    match answer {
        None => HttpRedirectDisposition::Refuse,
        Some(request) if request == *proposed => HttpRedirectDisposition::Follow,
        Some(request) => HttpRedirectDisposition::UseRequest { request: Box::new(request) },
    }
}

/// Does with a waiting task what its delegate wants. What cannot be done is logged: the task waits
/// on, and the delegate is asked again when the session is attached next.
fn go_on(task: &Task, disposition: DelayedRequestDisposition) {
    let done = match disposition {
        DelayedRequestDisposition::Wait => Ok(()),
        DelayedRequestDisposition::ContinueLoading => task.edit(RequestEdit::default()),
        DelayedRequestDisposition::UseNewRequest(edit) => task.edit(edit),
        DelayedRequestDisposition::Cancel => task.cancel(),
    };
    if let Err(error) = done {
        tracing::warn!(%error, ?task, "a delayed request cannot be begun");
    }
}
