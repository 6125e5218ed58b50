//! Whom the storages of an application are asked of: the daemon, or the engine that a session has.

use crate::daemon::Daemon;
use crate::session::Session;
use urlsession_protocol::{Call, Error, Reply};

/// The way to them. Every question waits for the answer.
#[derive(Debug)]
pub(crate) enum Door<'a> {
    Daemon(&'a Daemon),
    Session(&'a Session),
}

impl Door<'_> {
    pub(crate) fn ask(&self, call: Call) -> Result<Reply, Error> {
        match self {
            Self::Daemon(daemon) => daemon.ask(call),
            Self::Session(session) => session.link().ask(call),
        }
    }
}
