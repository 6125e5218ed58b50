//! What can be asked about credentials, and answered to those who ask for them.

use super::cookies::Whose;
use crate::task_name::TaskName;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Debug, Args)]
pub(crate) struct CredentialsArgs {
    #[command(subcommand)]
    pub(crate) command: CredentialsCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CredentialsCommand {
    /// List what is kept; passwords stay hidden
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        whose: Whose,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Keep a name and a password for a server; the password is read from standard input, and kept
    /// sealed where you have a keychain (URLSESSION_KEYCHAIN=off does without)
    Set {
        /// The server’s URL
        #[arg(value_name = "URL")]
        url: String,
        /// The name
        #[arg(value_name = "USER")]
        user: String,
        /// Only for the part of the server that has this name
        #[arg(long, value_name = "NAME")]
        realm: Option<String>,
        /// In memory, until the daemon ends, instead of on disk
        #[arg(long)]
        session: bool,
        #[command(flatten)]
        whose: Whose,
    },
    /// Forget what is kept for a server
    Rm {
        /// The server’s URL
        #[arg(value_name = "URL", required_unless_present = "all")]
        url: Option<String>,
        /// Only for the part of the server that has this name
        #[arg(long, value_name = "NAME", requires = "url")]
        realm: Option<String>,
        /// All servers
        #[arg(long, conflicts_with = "url")]
        all: bool,
        #[command(flatten)]
        whose: Whose,
    },
}

#[derive(Debug, Args)]
pub(crate) struct AnswerArgs {
    /// Task id: 12 or APP/SESSION/12
    #[arg(value_name = "ID")]
    pub(crate) task: TaskName,
    #[command(flatten)]
    pub(crate) how: How,
    /// The private key of --cert in PEM, if it is in another file
    #[arg(long, value_name = "FILE", requires = "cert")]
    pub(crate) key: Option<PathBuf>,
    /// Say nothing about success
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct How {
    /// Show this to the server; a missing password is asked for
    #[arg(short, long, value_name = "USER[:PASSWORD]", allow_hyphen_values = true)]
    pub(crate) user: Option<String>,
    /// Show this certificate to the server, in PEM or PKCS#12; ‘\:’ is a colon in the name
    #[arg(long, value_name = "FILE[:PASSWORD]")]
    pub(crate) cert: Option<String>,
    /// Trust the server as long as it shows the certificate that was asked about
    #[arg(long)]
    pub(crate) trust: bool,
    /// Take the server’s refusal as the result, or do not trust it
    #[arg(long)]
    pub(crate) default: bool,
    /// Have the server’s other way in tried, if it has one
    #[arg(long)]
    pub(crate) reject: bool,
    /// End the task
    #[arg(long)]
    pub(crate) cancel: bool,
}
