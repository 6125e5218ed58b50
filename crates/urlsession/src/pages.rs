//! Listings that come a page at a time: tasks and sessions.

use crate::daemon::{Daemon, misunderstood};
use std::collections::VecDeque;
use std::path::PathBuf;
use urlsession_protocol::message::TASKS_PAGE_LIMIT;
use urlsession_protocol::{
    ApplicationId, Call, Error, Reply, SessionKey, SessionStatus, TaskIdentifier, TaskStatus,
};

/// Iterates over tasks, asking the daemon for a page at a time. Ends after the first error.
#[derive(Debug)]
pub struct TaskPages<'a> {
    daemon: &'a Daemon,
    session: Option<SessionKey>,
    pub(crate) after: Option<(SessionKey, TaskIdentifier)>,
    pub(crate) destined: Vec<PathBuf>,
    page: VecDeque<TaskStatus>,
    ended: bool,
}

impl<'a> TaskPages<'a> {
    pub(crate) fn new(daemon: &'a Daemon, session: Option<SessionKey>) -> Self {
        let (page, destined) = (VecDeque::new(), Vec::new());
        Self { daemon, session, after: None, destined, page, ended: false }
    }
}

impl Iterator for TaskPages<'_> {
    type Item = Result<TaskStatus, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() && !self.ended {
            let session = self.session.clone();
            let (after, destined) = (self.after.take(), self.destined.clone());
            let call = Call::Tasks { session, after, limit: TASKS_PAGE_LIMIT, destined };
            match self.daemon.ask(call) {
                Ok(Reply::Tasks { tasks, more }) => {
                    self.after = tasks.last().map(|last| (last.session.clone(), last.task));
                    self.ended = !more || tasks.is_empty();
                    self.page = tasks.into();
                }
                other => {
                    self.ended = true;
                    return Some(Err(other.err().unwrap_or_else(misunderstood)));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

/// Iterates over sessions, asking the daemon for a page at a time. Ends after the first error.
#[derive(Debug)]
pub struct SessionPages<'a> {
    daemon: &'a Daemon,
    application: Option<ApplicationId>,
    after: Option<SessionKey>,
    page: VecDeque<SessionStatus>,
    ended: bool,
}

impl<'a> SessionPages<'a> {
    pub(crate) fn new(daemon: &'a Daemon, application: Option<ApplicationId>) -> Self {
        Self { daemon, application, after: None, page: VecDeque::new(), ended: false }
    }
}

impl Iterator for SessionPages<'_> {
    type Item = Result<SessionStatus, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() && !self.ended {
            let application = self.application.clone();
            match self.daemon.ask(Call::Sessions { application, after: self.after.take() }) {
                Ok(Reply::Sessions { sessions, more }) => {
                    self.after = sessions.last().map(|last| last.session.clone());
                    self.ended = !more || sessions.is_empty();
                    self.page = sessions.into();
                }
                other => {
                    self.ended = true;
                    return Some(Err(other.err().unwrap_or_else(misunderstood)));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}
