//! What can be asked of the background process itself.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct DaemonArgs {
    #[command(flatten)]
    pub(crate) run: RunArgs,
    /// What to do; without it, be the daemon, in the foreground
    #[command(subcommand)]
    pub(crate) command: Option<DaemonCommand>,
}

#[derive(Debug, Args)]
pub(crate) struct RunArgs {
    /// Simulate servers, network, disk and time as this file has them, to test an app: no byte
    /// comes from a network
    #[arg(long, value_name = "SCENARIO")]
    pub(crate) simulate: Option<std::path::PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DaemonCommand {
    /// Be the daemon, in the foreground
    Run(RunArgs),
    /// Have systemd start the daemon, now and at every login, so that transfers go on after a reboot
    Enable {
        /// Replace a unit that this command did not write
        #[arg(long)]
        force: bool,
    },
    /// Undo `enable`: stop the service and remove its unit
    Disable {
        /// Remove a unit that `enable` did not write
        #[arg(long)]
        force: bool,
    },
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
