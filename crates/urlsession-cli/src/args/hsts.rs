//! What can be asked about the hosts that are asked over https only.

use super::cookies::Whose;
use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct HstsArgs {
    #[command(subcommand)]
    pub(crate) command: HstsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum HstsCommand {
    /// List the hosts that said so with Strict-Transport-Security
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        whose: Whose,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Forget all hosts, or one of them
    Clear {
        /// The host
        #[arg(value_name = "HOST")]
        host: Option<String>,
        #[command(flatten)]
        whose: Whose,
    },
}
