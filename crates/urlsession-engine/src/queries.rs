//! Calls that only look: answered from the core, the store's orders and the running attempts.

use crate::attempts::Moves;
use crate::driver::Driver;
use crate::files::Needs;
use urlsession_core::Core;
use urlsession_protocol::{Call, DaemonMessage, Error, Reply, SessionKey};

/// Returns what the tasks need of the state folder.
pub(crate) fn needs(core: &Core) -> Needs {
    let _ = core;
    Needs::default()
}

impl<H: Moves> Driver<H> {
    pub(crate) fn look(&mut self, call: &Call) -> Result<Reply, Error> {
        let _ = call;
        Ok(Reply::Done)
    }
    pub(crate) fn owed(&self, session: Option<&SessionKey>) -> Vec<DaemonMessage> {
        let _ = session;
        Vec::new()
    }
}
