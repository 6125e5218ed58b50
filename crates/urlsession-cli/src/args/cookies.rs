//! What can be asked about cookies.

use clap::{Args, Subcommand};
use std::path::PathBuf;
use urlsession::ApplicationId;

#[derive(Debug, Args)]
pub(crate) struct CookiesArgs {
    #[command(subcommand)]
    pub(crate) command: CookiesCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum CookiesCommand {
    /// List cookies; their values stay hidden
    #[command(visible_alias = "list")]
    Ls {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        which: Which,
        /// Show the values
        #[arg(long)]
        reveal: bool,
        /// Print a JSON array
        #[arg(long)]
        json: bool,
    },
    /// Keep the cookies of a file that curl, wget or a browser wrote (Netscape form)
    Import {
        /// The file; ‘-’ is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        whose: Whose,
    },
    /// Write cookies, values and all, to a file that curl and wget read (Netscape form)
    Export {
        /// The file, which only you can read; ‘-’ is standard output
        #[arg(value_name = "FILE")]
        file: PathBuf,
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        which: Which,
    },
    /// Forget cookies
    Clear {
        #[command(flatten)]
        whose: Whose,
        #[command(flatten)]
        which: Which,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Whose {
    /// Those of this application; without it, the shell’s own
    #[arg(long = "app", value_name = "ID", value_parser = super::parse::application)]
    pub(crate) application: Option<ApplicationId>,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// Only cookies of this domain and of the hosts below it
    #[arg(long, value_name = "DOMAIN")]
    pub(crate) domain: Option<String>,
}
