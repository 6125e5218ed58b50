//! What can be asked of the background process itself.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct DaemonArgs {
    #[command(subcommand)]
    pub(crate) command: DaemonCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Be the daemon, in the foreground
    Run,
    /// Start the daemon if it does not run
    Start,
    /// Stop the daemon; transfers go on when it starts again, at the next use
    Stop,
    /// Tell how the daemon is; exit code 3 if it does not run
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the daemon's log
    Logs {
        /// Go on as the log grows, until Ctrl-C
        #[arg(short, long)]
        follow: bool,
    },
}
