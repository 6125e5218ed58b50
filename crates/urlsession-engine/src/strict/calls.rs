//! What clients and attempts ask of known hosts, and whose these are: the driver's side.

use super::SharedHosts;
use crate::StoreError;
use crate::attempts::Moves;
use crate::driver::{Driver, Turn};
use crate::shelf::{Owner, unreadable};
use std::sync::Arc;
use urlsession_core::{Order, SessionNumber, TaskRef};
use urlsession_protocol::{
    ApplicationId, Call, Error, ErrorCode, Reply, SessionIdentifier, StrictTransportSecurity,
};

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
        hosts.map(|hosts| hosts.clear(None));
        Ok(())
    }

    /// Lists the hosts that an application or a session of it knows; a line has room for all that
    /// it can know.
    pub(crate) fn list_hosts(
        &mut self,
        application: &ApplicationId,
        session: Option<&SessionIdentifier>,
    ) -> Result<Reply, Error> {
        Ok(Reply::KnownHosts { hosts: self.named_hosts(application, session)?.list() })
    }

    /// Answers a call that adds or forgets known hosts; the reply comes after the commit.
    pub(crate) fn change_hosts(&mut self, turn: &mut Turn, call: Call) -> Result<Reply, Error> {
        turn.writes_kept = true;
        let count = match call {
            Call::AddKnownHosts { application, session, hosts } => {
                self.named_hosts(&application, session.as_ref())?.add(&hosts)
            }
            Call::ClearKnownHosts { application, session, host } => {
                self.named_hosts(&application, session.as_ref())?.clear(host.as_deref())
            }
            _ => return Err(Error::new(ErrorCode::UNKNOWN).because("the call changes no hosts")),
        };
        Ok(Reply::KnownHostsChanged { count: count as u64 })
    }

    fn named_hosts(
        &mut self,
        application: &ApplicationId,
        session: Option<&SessionIdentifier>,
    ) -> Result<Arc<SharedHosts>, Error> {
        let owner = self.owner(application, session)?;
        self.strict.of(owner, &self.store).map_err(unreadable)
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
        self.strict.of(owner, &self.store).map(Some)
    }
}
