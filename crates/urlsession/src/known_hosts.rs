//! The hosts that an application asks over `https` only, because they said so.

use crate::daemon::{Daemon, misunderstood};
use crate::door::Door;
use crate::session::Session;
use crate::{Error, KnownHost};
use urlsession_protocol::{ApplicationId, Call, Reply, SessionIdentifier, SessionKey};

/// Most hosts that go into one message: more than are kept.
const PORTION: usize = 1000;

/// Lists, adds and forgets the Known HSTS Hosts of one application (RFC 6797), or of one ephemeral
/// session. Every method waits for the daemon.
#[derive(Debug)]
pub struct KnownHosts<'a> {
    application: ApplicationId,
    session: Option<SessionIdentifier>,
    door: Door<'a>,
}

impl Daemon {
    /// Returns the hosts that an application asks over `https` only.
    pub fn known_hosts(&self, application: ApplicationId) -> KnownHosts<'_> {
        KnownHosts { application, session: None, door: Door::Daemon(self) }
    }
}

impl Session {
    /// Returns the hosts that the session asks over `https` only: those of its application, or its
    /// own if it is ephemeral.
    pub fn known_hosts(&self) -> KnownHosts<'_> {
        let SessionKey { application, session } = self.key().clone();
        let own = self.configuration().knows_hosts_itself();
        KnownHosts { application, session: own.then_some(session), door: Door::Session(self) }
    }
}

impl KnownHosts<'_> {
    /// Lists all hosts by name.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn list(&self) -> Result<Vec<KnownHost>, Error> {
        let (application, session) = (self.application.clone(), self.session.clone());
        match self.door.ask(Call::KnownHosts { application, session })? {
            Reply::KnownHosts { hosts } => Ok(hosts),
            _ => Err(misunderstood()),
        }
    }

    /// Adds hosts as if they had said it themselves, and returns how many were taken: addresses, what
    /// is no name, and what has ended are not. Nothing that is known is weakened by it: of two ends
    /// the later one counts. Durable when it returns.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn add(&self, hosts: &[KnownHost]) -> Result<u64, Error> {
        let mut taken = 0;
        for portion in hosts.chunks(PORTION) {
            let (application, session) = (self.application.clone(), self.session.clone());
            let hosts = portion.to_vec();
            taken += self.count(Call::AddKnownHosts { application, session, hosts })?;
        }
        Ok(taken)
    }

    /// Forgets one host, or all; returns how many. Durable when it returns.
    ///
    /// # Errors
    /// -997 without the daemon.
    pub fn clear(&self, host: Option<&str>) -> Result<u64, Error> {
        let (application, session) = (self.application.clone(), self.session.clone());
        let host = host.map(str::to_owned);
        self.count(Call::ClearKnownHosts { application, session, host })
    }

    fn count(&self, call: Call) -> Result<u64, Error> {
        match self.door.ask(call)? {
            Reply::KnownHostsChanged { count } => Ok(count),
            _ => Err(misunderstood()),
        }
    }
}
