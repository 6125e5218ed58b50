//! A task as the app holds it: Apple's `URLSessionTask` and its kinds.

use crate::calls::call_back;
use crate::link::log_refusal;
use crate::session::{Session, anchor_certificate};
use std::fmt;
use std::ops::Deref;
use std::sync::{Arc, OnceLock};
use urlsession_protocol::{
    AuthChallengeDisposition, AuthenticationChallenge, Call, Error, HttpRedirectDisposition,
    HttpRedirection, Reply, RequestEdit, ResumeData, SessionKey, TaskIdentifier, TaskStatus,
};

/// A task of a session. Cheap to clone; it keeps the session attached.
///
/// Dropping it does nothing to the transfer. A call returns once its line is in the daemon's
/// socket; while the connection is being made anew it waits, at most 30 s, then fails with -997. For
/// a task that there is none of, or that has ended, such a call succeeds and does nothing; one that
/// waits for an answer fails with -1.
#[derive(Clone)]
pub struct Task {
    session: Session,
    task: TaskIdentifier,
    refusal: Arc<OnceLock<Error>>,
}

impl Task {
    pub(crate) fn of(
        session: Session,
        task: TaskIdentifier,
        refusal: Arc<OnceLock<Error>>,
    ) -> Self {
        Self { session, task, refusal }
    }

    /// Returns the number of the task in its session: from 1 upwards, never reused.
    #[must_use]
    pub fn task_identifier(&self) -> TaskIdentifier {
        self.task
    }

    /// Returns the session.
    #[must_use]
    pub fn session(&self) -> &Session {
        &self.session
    }

    /// Takes the task for a download, such as one that an earlier process created.
    #[must_use]
    pub fn into_download(self) -> DownloadTask {
        DownloadTask(self)
    }

    /// Lets the task go on; tasks are born suspended. The first time starts its resource timer.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn resume(&self) -> Result<(), Error> {
        self.post(|session, task| Call::Resume { session, task })
    }

    /// Stops moving bytes and keeps those that are there.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn suspend(&self) -> Result<(), Error> {
        self.post(|session, task| Call::Suspend { session, task })
    }

    /// Replaces parts of the request, keeps the bytes, and lets the task try at once if it waits
    /// for an answer or for its next try: also with an edit that replaces nothing. Waits for the
    /// answer, at most 30 s.
    ///
    /// # Errors
    /// -1000 and -1002 for a URL that is none, -1 for illegal header fields and for a task that has
    /// ended, -997 without a daemon.
    pub fn edit(&self, edit: RequestEdit) -> Result<(), Error> {
        let session = self.session.key().clone();
        self.session
            .link()
            .ask(Call::Edit { session, task: self.task, edit: Box::new(edit) })
            .map(drop)
    }

    /// Answers the question that the task waits with, see
    /// [`Event::DidReceiveChallenge`](crate::Event::DidReceiveChallenge). Answering again what was
    /// answered changes nothing. Waits for the daemon, at most 30 s.
    ///
    /// # Errors
    /// -1 for a question that the task did not ask, -1200 for a client certificate that cannot be,
    /// -997 without a daemon.
    pub fn answer(
        &self,
        challenge: &AuthenticationChallenge,
        disposition: AuthChallengeDisposition,
    ) -> Result<(), Error> {
        let (session, task) = (self.session.key().clone(), self.task);
        let (question, disposition) = (challenge.question, Box::new(anchored(disposition)?));
        self.session.link().ask(Call::Answer { session, task, question, disposition }).map(drop)
    }

    /// Says where the task goes on from a redirect, see
    /// [`Event::WillPerformHttpRedirection`](crate::Event::WillPerformHttpRedirection). Saying it
    /// again, or too late, changes nothing. Waits for the engine, at most 30 s.
    ///
    /// # Errors
    /// -1 for a task that has ended, -997 when the session is gone.
    pub fn redirect(
        &self,
        redirection: &HttpRedirection,
        disposition: HttpRedirectDisposition,
    ) -> Result<(), Error> {
        let (session, task) = (self.session.key().clone(), self.task);
        let question = redirection.question;
        self.session.link().ask(Call::Redirect { session, task, question, disposition }).map(drop)
    }

    /// Ends the task; [`Event::DidComplete`](crate::Event::DidComplete) with -999 follows, unless
    /// it completed before.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn cancel(&self) -> Result<(), Error> {
        self.post(|session, task| Call::Cancel { session, task })
    }

    /// Asks the daemon how the task is; waits for the answer, at most 30 s.
    ///
    /// # Errors
    /// -997 without a daemon; -1 for a task that is unknown, or forgotten as its last event was
    /// acknowledged.
    pub fn status(&self) -> Result<TaskStatus, Error> {
        let session = self.session.key().clone();
        let call = Call::Task { session, task: self.task, with_cookies: false };
        match self.session.link().ask(call)? {
            Reply::Task { task } => Ok(*task),
            _ => Err(crate::transport::lost("the daemon gave an answer to another question")),
        }
    }

    /// Returns why the daemon refused to create the task, once it did. The same error arrives as
    /// [`Event::DidComplete`](crate::Event::DidComplete). After [`Session::synced`] the answer is
    /// final.
    #[must_use]
    pub fn refusal(&self) -> Option<&Error> {
        self.refusal.get()
    }

    fn post(&self, call: fn(SessionKey, TaskIdentifier) -> Call) -> Result<(), Error> {
        let call = call(self.session.key().clone(), self.task);
        self.session.link().post(call, Box::new(log_refusal))
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Task({} of {})", self.task, self.session.key())
    }
}

macro_rules! kind {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone)]
        pub struct $name(pub(crate) Task);

        impl Deref for $name {
            type Target = Task;
            fn deref(&self) -> &Task {
                &self.0
            }
        }

        impl From<$name> for Task {
            fn from(task: $name) -> Self {
                task.0
            }
        }
    };
}

kind! {
    /// Moves a response body into a file.
    DownloadTask
}

kind! {
    /// Sends a file or bytes, and keeps the response body.
    UploadTask
}

kind! {
    /// Sends a request and keeps the response body, up to 8 MiB.
    DataTask
}

impl DownloadTask {
    /// Ends the download with -999 and returns what a new one can go on from; `None` if that must
    /// begin anew, and for a task that completed before. Waits for the answer, at most 30 s.
    ///
    /// # Errors
    /// -997 without a daemon; -1 for a task that is unknown, or forgotten as its last event was
    /// acknowledged.
    pub fn cancel_by_producing_resume_data(&self) -> Result<Option<ResumeData>, Error> {
        resume_data(self.session.link().ask(self.cancel_call())?)
    }

    /// Ends the download with -999 and calls back with what a new one can go on from.
    ///
    /// The completion is called once, on a thread of the session's connection: it must not wait
    /// for anything of this session.
    ///
    /// # Errors
    /// -997 without a daemon; the completion is not called then.
    pub fn cancel_by_producing_resume_data_with(
        &self,
        completion: impl FnOnce(Result<Option<ResumeData>, Error>) + Send + 'static,
    ) -> Result<(), Error> {
        let answer = Box::new(move |result: Result<Reply, Error>| {
            call_back(move || completion(result.and_then(resume_data)));
        });
        self.session.link().post_answered(self.cancel_call(), answer)
    }

    fn cancel_call(&self) -> Call {
        let (session, task) = (self.session.key().clone(), self.task);
        Call::CancelByProducingResumeData { session, task }
    }
}

fn resume_data(reply: Reply) -> Result<Option<ResumeData>, Error> {
    match reply {
        Reply::ResumeData { resume_data } => Ok(resume_data),
        _ => Err(crate::transport::lost("the daemon gave an answer to another question")),
    }
}

/// Makes the paths of an answer absolute: the daemon lives in another folder.
pub(crate) fn anchored(
    mut disposition: AuthChallengeDisposition,
) -> Result<AuthChallengeDisposition, Error> {
    if let AuthChallengeDisposition::UseClientCertificate { certificate } = &mut disposition {
        anchor_certificate(certificate)?;
    }
    Ok(disposition)
}
