//! The judgement of urlsession: decides what happens next to every task, without IO or a clock.
//!
//! The driver owns a [`Core`], gives it every [`Input`], commits the [`Step`] and acts on it:
//!
//! | Call | For |
//! |---|---|
//! | [`Core::restoring`], [`Core::restore`] | going on from what the store has |
//! | [`Core::handle`] | every input |
//! | [`Core::next_wakeup`] | when to send the next [`Input::Tick`] |
//! | [`Core::session_number`], [`Core::session_key`], [`Core::owner`] | who is who |
//! | [`Core::task`], [`Core::tasks_after`], [`Core::session_status`], [`Core::sessions_after`], [`Core::owed`] | listings and watchers |
//! | [`Core::counts`], [`Core::is_idle`], [`Core::running`] | how it is |
//! | [`Core::referenced_files`] | the sweep at the start |
//!
//! Two things the driver must know. The tick that forgets a removed task must come in a turn of
//! its own, after the actions of the turn before: those remove files that only the task's order
//! names. And paths in [`Action::RemoveFile`] may come from a client (a spool file): remove
//! nothing outside the engine's own folders.

mod admission;
mod challenge;
mod completion;
mod core;
mod details;
mod edit;
mod few;
mod index;
mod launch;
mod lifecycle;
#[cfg(feature = "planted-bugs")]
mod observe;
mod outbox;
mod packed;
mod peak;
mod planted;
mod portion;
mod query;
mod redirection;
mod restore;
pub mod resume;
mod retry;
mod schedule;
mod session;
pub mod step;
mod task;
#[cfg(test)]
mod tests;
mod turn;
mod written;

pub use self::core::Core;
pub use admission::MAX_TASKS_PER_SESSION;
pub use challenge::{ANSWER_LIMIT, Answered, Given, Question, REFUSALS_LIMIT, REJECTED_LIMIT};
pub use launch::{LAUNCH_LIMIT, MAX_LAUNCHES, MAX_LAUNCHING, VACANCY};
#[cfg(feature = "planted-bugs")]
pub use observe::{LaunchPlace, Place};
pub use outbox::WINDOW;
#[cfg(feature = "planted-bugs")]
pub use planted::CoreBug;
pub use portion::PORTION;
pub use query::{Counts, TaskView};
pub use restore::Restoring;
pub use schedule::{MAX_RECEIVED, MAX_RUNNING};
pub use session::{ATTACHERS_LIMIT, GRACE, MAX_SESSIONS};
pub use step::*;
