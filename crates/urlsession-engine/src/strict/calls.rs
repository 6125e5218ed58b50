//! Whose known hosts an attempt has, and when they are forgotten: the driver's side.

use super::SharedHosts;
use crate::StoreError;
use crate::attempts::Moves;
use crate::cookies::Owner;
use crate::driver::Driver;
use std::sync::Arc;
use urlsession_core::{Order, SessionNumber, TaskRef};
use urlsession_protocol::StrictTransportSecurity;

impl<H: Moves> Driver<H> {
    /// Returns the known hosts that an attempt of the task asks and tells.
    pub(crate) fn hosts_of(
        &mut self,
        task: TaskRef,
        order: &Order,
    ) -> Result<Option<Arc<SharedHosts>>, StoreError> {
        if order.options.no_strict_transport_security {
            return Ok(None);
        }
        self.hosts_of_session(task.session)
    }

    /// Forgets the known hosts that a session has.
    pub(crate) fn forget_hosts(&mut self, session: SessionNumber) -> Result<(), StoreError> {
        let hosts = self.hosts_of_session(session)?;
        hosts.map(|hosts| hosts.clear());
        Ok(())
    }

    fn hosts_of_session(
        &mut self,
        session: SessionNumber,
    ) -> Result<Option<Arc<SharedHosts>>, StoreError> {
        let configuration = self.core.configuration(session);
        let owner = match configuration.map(|all| all.strict_transport_security) {
            Some(StrictTransportSecurity::Shared) => match self.core.session_key(session) {
                Some(key) => Owner::Application(key.application.clone()),
                None => return Ok(None),
            },
            Some(StrictTransportSecurity::Private) => Owner::Session(session),
            Some(StrictTransportSecurity::None) | None => return Ok(None),
        };
        self.strict.hosts(owner, &self.store).map(Some)
    }
}
