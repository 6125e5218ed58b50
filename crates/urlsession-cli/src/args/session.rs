//! What can be asked of sessions.

use clap::{Args, Subcommand};
use urlsession::ApplicationId;

#[derive(Debug, Args)]
pub(crate) struct SessionArgs {
    #[command(subcommand)]
    pub(crate) command: SessionCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum SessionCommand {
    /// List sessions: who owns them, what their tasks do, what they owe
    #[command(visible_alias = "list")]
    Ls {
        /// Sessions of all applications, not of the shell only
        #[arg(short, long, conflicts_with = "application")]
        all: bool,
        /// Sessions of this application
        #[arg(long = "app", value_name = "ID", value_parser = super::parse::application)]
        application: Option<ApplicationId>,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Show one session
    Show {
        #[command(flatten)]
        which: OneSession,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Let a session's tasks end, refuse new ones, then forget it, unless its app comes back
    /// (finishTasksAndInvalidate)
    Finish {
        #[command(flatten)]
        which: OneSession,
        /// Say nothing about success
        #[arg(short, long)]
        quiet: bool,
    },
    /// End all tasks of a session, throw their bytes away and forget it (invalidateAndCancel); this
    /// cannot be taken back
    Cancel {
        #[command(flatten)]
        which: OneSession,
        /// Say nothing about success
        #[arg(short, long)]
        quiet: bool,
    },
}

#[derive(Debug, Args)]
pub(crate) struct OneSession {
    /// The session: APP/SESSION, or SESSION where only one application has one of that name
    #[arg(value_name = "ID")]
    pub(crate) name: String,
}
