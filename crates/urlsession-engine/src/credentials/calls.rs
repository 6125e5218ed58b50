//! What clients ask of kept credentials: the driver's side.

use super::Kept;
use crate::StoreError;
use crate::attempts::Moves;
use crate::driver::Driver;
use std::sync::Arc;
use urlsession_core::TaskRef;
use urlsession_protocol::credential::CREDENTIALS_PAGE_BYTES;
use urlsession_protocol::{
    ApplicationId, Call, CredentialPersistence, Error, ErrorCode, ProtectionSpace, Reply,
    StoredCredential,
};

impl<H: Moves> Driver<H> {
    /// Returns the credentials that an attempt of the task may use.
    pub(crate) fn credentials_of(
        &mut self,
        task: TaskRef,
    ) -> Result<Option<Arc<Kept>>, StoreError> {
        let shared = self.core.shares_credentials(task);
        let key = self.core.session_key(task.session).filter(|_| shared);
        let Some(key) = key else { return Ok(None) };
        self.credentials.of(&key.application, &self.store).map(Some)
    }

    /// Answers a call that keeps or forgets credentials; the reply comes after the commit.
    pub(crate) fn change_credentials(&mut self, call: Call) -> Result<Reply, Error> {
        match call {
            Call::SetCredential { application, protection_space, credential } => {
                credential.check()?;
                protection_space.check()?;
                if credential.persistence == CredentialPersistence::None {
                    let why = "a credential without persistence cannot be kept";
                    return Err(Error::new(ErrorCode::UNKNOWN).because(why));
                }
                self.kept(&application)?.set(&protection_space, &credential)?;
                Ok(Reply::CredentialsChanged { count: 1 })
            }
            Call::RemoveCredentials { application, protection_space } => {
                let count = self.kept(&application)?.remove(protection_space.as_ref());
                Ok(Reply::CredentialsChanged { count: count as u64 })
            }
            _ => Err(Error::new(ErrorCode::UNKNOWN).because("the call changes no credentials")),
        }
    }

    /// Lists one page of what is kept, without passwords.
    pub(crate) fn list_credentials(
        &mut self,
        application: &ApplicationId,
        after: Option<&ProtectionSpace>,
    ) -> Result<Reply, Error> {
        let mut credentials: Vec<StoredCredential> = Vec::new();
        let (mut bytes, mut more) = (0, false);
        for listed in self.kept(application)?.list() {
            if after.is_some_and(|after| listed.protection_space <= *after) {
                continue;
            }
            more = bytes > CREDENTIALS_PAGE_BYTES;
            if more {
                break;
            }
            bytes += serde_json::to_vec(&listed).map_or(0, |line| line.len());
            credentials.push(listed);
        }
        Ok(Reply::Credentials { credentials, more })
    }

    /// Forgets the credentials of an application.
    pub(crate) fn forget_credentials(&mut self, application: &ApplicationId) -> Result<(), Error> {
        self.kept(application).map(|kept| kept.remove(None)).map(drop)
    }

    fn kept(&mut self, application: &ApplicationId) -> Result<Arc<Kept>, Error> {
        self.credentials.of(application, &self.store).map_err(|error| {
            tracing::error!(%error, "could not read credentials");
            Error::new(ErrorCode::UNKNOWN).because(error)
        })
    }
}
