//! What is remembered: durably in SQLite, or only for as long as the process lives.

mod check;
mod cookies;
mod credentials;
mod database;
mod known_hosts;
mod memory;
mod metrics;
mod place;
mod results;
mod schema;
mod settings;
mod shared;
mod tasks;

pub use check::CheckedStore;
pub(crate) use check::check;

use crate::cookies::{CookieRow, Kept};
use crate::credentials::{CredentialRow, Written};
use crate::strict::{HostRow, Known};
use database::{Database, damaged, ensure_stored, number, read, task_ref, write};
use memory::Memory;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use urlsession_core::{
    Change, EventRecord, Order, SessionNumber, SessionRecord, TaskFacts, TaskRecord, TaskRef,
};
use urlsession_protocol::{ApplicationId, ProtectionSpace, SpeedLimits, TaskMetrics};

/// What is remembered. One thread owns it.
#[derive(Debug)]
pub(crate) enum Store {
    /// Durable.
    Database(Box<Database>),
    /// Gone with the process.
    Memory(Box<Memory>),
}

/// A row of the store: what is kept under the name, or `None` where nothing must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row<Name, Kept> {
    pub(crate) application: ApplicationId,
    pub(crate) name: Name,
    pub(crate) kept: Option<Kept>,
}

/// What one turn writes beside the core's changes.
#[derive(Debug, Default)]
pub(crate) struct Rows {
    pub(crate) cookies: Vec<CookieRow>,
    pub(crate) credentials: Vec<CredentialRow>,
    pub(crate) known_hosts: Vec<HostRow>,
    pub(crate) speed_limits: Option<SpeedLimits>,
}

/// Says why the store cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A later program wrote it.
    #[error("the store has version {found}, this program knows versions up to {known}")]
    Newer {
        /// The store's version.
        found: usize,
        /// The last version this program knows.
        known: usize,
    },
    /// Another program's file has its name.
    #[error("the file is not a store of urlsession")]
    Foreign,
    /// A row does not mean anything.
    #[error("the store is damaged: {0}")]
    Damaged(String),
    /// A change contradicts what is stored: a mistake of this program, which trying again repeats.
    #[error("a change contradicts the store: {0}")]
    Contradiction(String),
    /// SQLite says so.
    #[error("the store failed: {0}")]
    Sqlite(rusqlite::Error),
    /// The file's folder says so.
    #[error("the store's file failed: {0}")]
    File(#[from] std::io::Error),
}

impl StoreError {
    /// Says whether the same may succeed later, as when the disk is full.
    pub(crate) fn can_pass(&self) -> bool {
        matches!(self, Self::Sqlite(_) | Self::File(_))
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        match error.sqlite_error_code() {
            Some(rusqlite::ErrorCode::NotADatabase) => Self::Foreign,
            Some(rusqlite::ErrorCode::DatabaseCorrupt) => Self::Damaged(error.to_string()),
            Some(rusqlite::ErrorCode::ConstraintViolation) => {
                Self::Contradiction(error.to_string())
            }
            _ => Self::Sqlite(error),
        }
    }
}

impl Store {
    /// Opens the store in that file, creating or upgrading it as needed. A store that is refused
    /// stays as it is.
    pub(crate) fn open(file: &Path) -> Result<Self, StoreError> {
        Ok(Self::Database(Box::new(Database::open(file)?)))
    }

    /// Makes a store that ends with the process, but for cookies and known hosts in that file.
    pub(crate) fn in_process(shared: Option<PathBuf>) -> Self {
        Self::Memory(Box::new(Memory::new(shared)))
    }

    /// Makes a store that ends with the process.
    #[cfg(test)]
    pub(crate) fn in_memory() -> Self {
        Self::in_process(None)
    }

    /// Has all paths of the state folder begin with its name, whatever it was called before; a store
    /// that does not know that was written under the name `given`.
    pub(crate) fn settle(&mut self, state: &Path, given: &Path) -> Result<(), StoreError> {
        match self {
            Self::Database(database) => database.settle(state, given),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Reads the sessions, and the highest number of one that was removed.
    pub(crate) fn sessions(
        &self,
    ) -> Result<(Vec<SessionRecord>, Option<SessionNumber>), StoreError> {
        match self {
            Self::Database(database) => database.sessions(),
            // Nobody was there before.
            Self::Memory(_) => Ok((Vec::new(), None)),
        }
    }

    /// Reads all tasks, without their orders, each with the events that it owes.
    pub(crate) fn each_task(
        &self,
        take: impl FnMut(TaskRef, TaskFacts, TaskRecord, Vec<EventRecord>),
    ) -> Result<(), StoreError> {
        match self {
            Self::Database(database) => database.each_task(take),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Moves what is in the log into the file itself, as far as no other program reads it.
    pub(crate) fn checkpoint(&mut self) -> Result<(), StoreError> {
        match self {
            Self::Database(database) => database.checkpoint(),
            Self::Memory(_) => Ok(()),
        }
    }

    /// Remembers all changes of one turn, or none of them.
    pub(crate) fn commit_turn(
        &mut self,
        changes: &[Change],
        rows: &Rows,
        metrics: &BTreeMap<TaskRef, TaskMetrics>,
    ) -> Result<(), StoreError> {
        match self {
            Self::Database(database) => database.commit_turn(changes, rows, metrics),
            Self::Memory(memory) => {
                memory.keep(changes, rows, metrics);
                Ok(())
            }
        }
    }

    /// Reads what a task asks for; `None` if there is no such task.
    pub(crate) fn order(&self, task: TaskRef) -> Result<Option<Arc<Order>>, StoreError> {
        match self {
            Self::Database(database) => Ok(database.order(task)?.map(Arc::new)),
            Self::Memory(memory) => Ok(memory.order(task)),
        }
    }

    /// Reads the orders of many tasks, in their order.
    pub(crate) fn orders(
        &mut self,
        tasks: &[TaskRef],
    ) -> Result<Vec<Option<Arc<Order>>>, StoreError> {
        match self {
            Self::Database(database) => {
                let orders = database.orders(tasks)?.into_iter();
                Ok(orders.map(|order| order.map(Arc::new)).collect())
            }
            Self::Memory(memory) => Ok(tasks.iter().map(|task| memory.order(*task)).collect()),
        }
    }

    /// Reads the orders of those of the tasks that may be about a path with one of the names, or one
    /// that begins so; `None` for others.
    pub(crate) fn orders_about(
        &self,
        tasks: &[TaskRef],
        names: &[&str],
    ) -> Result<Vec<Option<Arc<Order>>>, StoreError> {
        match self {
            Self::Database(database) => {
                let orders = database.orders_about(tasks, names)?.into_iter();
                Ok(orders.map(|order| order.map(Arc::new)).collect())
            }
            Self::Memory(memory) => Ok(tasks.iter().map(|task| memory.order(*task)).collect()),
        }
    }

    /// Reads the metrics of a task; `None` if it had no attempt, or is gone.
    pub(crate) fn metrics(&self, task: TaskRef) -> Result<Option<TaskMetrics>, StoreError> {
        match self {
            Self::Database(database) => database.metrics(task),
            Self::Memory(memory) => Ok(memory.metrics(task)),
        }
    }

    /// Reads how fast all transfers may be together.
    pub(crate) fn speed_limits(&self) -> Result<SpeedLimits, StoreError> {
        match self {
            Self::Database(database) => database.speed_limits(),
            // Nobody has set any before.
            Self::Memory(_) => Ok(SpeedLimits::default()),
        }
    }

    /// Reads the cookies of an application.
    pub(crate) fn cookies(&self, application: &ApplicationId) -> Result<Vec<Kept>, StoreError> {
        match self {
            Self::Database(database) => database.cookies(application),
            Self::Memory(memory) => Ok(memory.cookies(application)),
        }
    }

    /// Reads the hosts that an application knows.
    pub(crate) fn known_hosts(
        &self,
        application: &ApplicationId,
    ) -> Result<Vec<(String, Known)>, StoreError> {
        match self {
            Self::Database(database) => database.known_hosts(application),
            Self::Memory(memory) => Ok(memory.known_hosts(application)),
        }
    }

    /// Reads the credentials of an application.
    pub(crate) fn credentials(
        &self,
        application: &ApplicationId,
    ) -> Result<Vec<(ProtectionSpace, Written)>, StoreError> {
        match self {
            Self::Database(database) => database.credentials(application),
            Self::Memory(memory) => Ok(memory.credentials(application)),
        }
    }

    /// Lets so many commits fail as on a full disk.
    #[cfg(test)]
    pub(crate) fn fail(&mut self, commits: u32) {
        let Self::Database(database) = self else { panic!("what is in memory cannot fail") };
        database.faults = commits;
    }
}

#[cfg(test)]
impl From<Database> for Store {
    fn from(database: Database) -> Self {
        Self::Database(Box::new(database))
    }
}

#[cfg(test)]
mod tests;
