//! What can be typed: the commands and their options, named as curl, wget and aria2c users know them.

mod body;
mod condition;
mod cookies;
mod credentials;
mod daemon;
pub(crate) mod habits;
mod held;
mod hsts;
mod negations;
mod network;
mod output;
pub(crate) mod parse;
mod session;
mod transfer;
mod variables;
pub(crate) mod words;

pub(crate) use body::{Datum, Field};
pub(crate) use condition::ConditionArgs;
pub(crate) use cookies::{CookiesArgs, CookiesCommand};
pub(crate) use credentials::{AnswerArgs, CredentialsArgs, CredentialsCommand};
pub(crate) use daemon::{DaemonArgs, DaemonCommand, RunArgs};
pub(crate) use hsts::{HstsArgs, HstsCommand};
pub(crate) use network::{NetworkArgs, Pins, Schemes, resolved};
pub(crate) use output::Output;
pub(crate) use parse::{HeaderFields, checksum, header_fields, typed_fields};
pub(crate) use session::SessionCommand;
pub(crate) use transfer::{GetArgs, Level, PolicyArgs, PutArgs, Redirect, RequestArgs, Talk};

use crate::escape::shown;
use crate::measure::{self, Limit};
use crate::task_name::TaskName;
use crate::user_info;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use std::borrow::Cow;
use std::ffi::OsString;
use std::time::Duration;
use words::Part;

const EXAMPLES: &str = "\
Examples:
  urlsession https://example.org/disk.iso         download here; Ctrl-C leaves it to the background
  urlsession add -d ~/isos -i list.txt            queue a list of URLs and return at once
  id=$(urlsession add -q URL) && urlsession wait $id --timeout 2h
  urlsession ls                                   what is going on
  urlsession explain 12                           why task 12 waits, and until when

Exit codes:
  0 done  1 some failed  2 usage  3 unfinished  4 authentication  5 no such task  6 no daemon
  7 integrity  8 HTTP status  9 disk or local file  10 network  11 cancelled
  124 --timeout ran out  129 terminal closed, 130 Ctrl-C and 143 SIGTERM (the transfers go on)";

const TAKEN_BACK: &str =
    "--no-OPTION takes back a switch that stands before it, such as --no-insecure.";

const LIMIT_EXAMPLES: &str = "\
A limit counts at once, for transfers that run too, and until it is changed. Tasks share it in
turn; --limit-rate of a task counts besides.

  urlsession limit 2M                 2 MiB a second for downloads, as much for uploads
  urlsession limit --download 500K    downloads alone
  urlsession limit none";

/// Downloads and uploads that outlive the program, the shell and the reboot.
#[derive(Debug, Parser)]
#[command(name = "urlsession", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(override_usage = "urlsession [OPTIONS] URL…\n       urlsession COMMAND …")]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Download and show progress; Ctrl-C leaves the transfer running (the default command)
    #[command(visible_alias = "download", args_override_self = true, after_help = TAKEN_BACK)]
    Get(Box<GetArgs>),
    /// Queue downloads, print their ids and return at once
    #[command(args_override_self = true, after_help = TAKEN_BACK)]
    Add(Box<GetArgs>),
    /// Upload a file
    #[command(visible_alias = "upload", after_help = TAKEN_BACK)]
    Put(Box<PutArgs>),
    /// List tasks
    #[command(visible_alias = "list")]
    Ls(ListArgs),
    /// Show all there is to know about one task
    Show(ShowArgs),
    /// Say why a task waits, and until when
    Explain(OneTask),
    /// Wait until tasks are done; the exit code tells how they ended
    Wait(WaitArgs),
    /// Show the progress of tasks, of all unfinished ones by default
    Watch(WatchArgs),
    /// Print events as JSON, one a line
    Events(EventsArgs),
    /// Stop tasks and keep their bytes
    Pause(Selection),
    /// Let paused tasks go on
    Resume(Selection),
    /// Give an unfinished task another URL, header fields or credentials; its bytes stay
    Edit(EditArgs),
    /// Answer a server that wants to know who a waiting task is
    #[command(override_usage = "urlsession answer [OPTIONS] ID")]
    Answer(AnswerArgs),
    /// Let waiting tasks try now
    Retry(Selection),
    /// End tasks and throw their bytes away
    Cancel(Selection),
    /// Forget tasks, after cancelling those that are unfinished; finished files stay
    Rm(Selection),
    /// List, import, export and forget cookies
    Cookies(CookiesArgs),
    /// List and forget the hosts that are asked over https only
    Hsts(HstsArgs),
    /// List, keep and forget names and passwords
    Credentials(CredentialsArgs),
    /// List sessions, look at one, end one that its app left behind
    Session(session::SessionArgs),
    /// Limit the speed of all transfers together, or show the limits
    Limit(LimitArgs),
    /// Start, stop and look at the background process
    Daemon(DaemonArgs),
    /// Check what transfers need: folders, store, service, network settings, waiting tasks
    Doctor(DoctorArgs),
    /// Prove in half a minute, without internet, that transfers survive
    Demo(DemoArgs),
    /// Print the completions of a shell
    Completion {
        /// Which shell
        shell: clap_complete::Shell,
    },
    /// The app of the demo
    #[command(hide = true)]
    DemoApp(DemoAppArgs),
}

#[derive(Debug, Args)]
pub(crate) struct OneTask {
    /// Task id: 12 or APP/SESSION/12
    #[arg(value_name = "ID")]
    pub(crate) task: TaskName,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    pub(crate) one: OneTask,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
    /// Show what each of its requests took
    #[arg(long)]
    pub(crate) metrics: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ListArgs {
    /// Tasks of all applications, not of the shell only
    #[arg(short, long)]
    pub(crate) all: bool,
    /// Only tasks in this state
    #[arg(long, value_name = "STATE")]
    pub(crate) state: Option<StateFilter>,
    /// Print a JSON array
    #[arg(long)]
    pub(crate) json: bool,
    /// Print task ids only
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

/// The states of a listing: Apple's, with waiting told from running and failed from done, also in the
/// words that the listing has for them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StateFilter {
    Running,
    Waiting,
    #[value(alias = "paused")]
    Suspended,
    Canceling,
    /// Ended, well or not
    Completed,
    Done,
    Failed,
    #[value(alias = "canceled")]
    Cancelled,
}

#[derive(Debug, Args)]
pub(crate) struct WaitArgs {
    /// Task ids
    #[arg(value_name = "ID", required = true)]
    pub(crate) tasks: Vec<TaskName>,
    /// Give up after this time with exit code 124; the tasks go on
    #[arg(long, value_name = "TIME", value_parser = measure::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Return as soon as one of them is done
    #[arg(long)]
    pub(crate) any: bool,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct WatchArgs {
    /// Task ids
    #[arg(value_name = "ID")]
    pub(crate) tasks: Vec<TaskName>,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct EventsArgs {
    /// Go on as events happen, until Ctrl-C; without it, print those that are owed
    #[arg(short, long)]
    pub(crate) follow: bool,
    /// Only events of this session
    #[arg(long, value_name = "APP/SESSION", value_parser = parse::session)]
    pub(crate) session: Option<urlsession::SessionKey>,
    /// Print JSON, which is the only form and the default
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Selection {
    /// Task ids
    #[arg(value_name = "ID", required_unless_present = "all", conflicts_with = "all")]
    pub(crate) tasks: Vec<TaskName>,
    /// All tasks of the shell for which it makes sense
    #[arg(long)]
    pub(crate) all: bool,
    /// Say nothing about success
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct EditArgs {
    /// Task id: 12 or APP/SESSION/12
    #[arg(value_name = "ID")]
    pub(crate) task: TaskName,
    /// The new URL; one of another server gets no credentials of the old one
    #[arg(long, value_name = "URL", required_unless_present_any = ["headers", "user"])]
    pub(crate) url: Option<String>,
    /// Header field ‘Name: value’ in place of those of its name, or ‘@FILE’ with one a line
    #[arg(short = 'H', long = "header", value_name = "FIELD", action = clap::ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) headers: Vec<String>,
    /// Credentials; a missing password is asked for
    #[arg(short, long, value_name = "USER[:PASSWORD]", allow_hyphen_values = true)]
    pub(crate) user: Option<String>,
    /// Say nothing about success
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
#[command(after_help = LIMIT_EXAMPLES)]
pub(crate) struct LimitArgs {
    /// Most bytes a second, as 500K or 2M, of all downloads together and of all uploads together;
    /// ‘none’ lifts both limits
    #[arg(value_name = "RATE", value_parser = measure::parse_limit)]
    pub(crate) both: Option<Limit>,
    /// Limit all downloads together
    #[arg(long, value_name = "RATE", alias = "max-overall-download-limit")]
    #[arg(value_parser = measure::parse_limit, conflicts_with = "both")]
    pub(crate) download: Option<Limit>,
    /// Limit all uploads together
    #[arg(long, value_name = "RATE", alias = "max-overall-upload-limit")]
    #[arg(value_parser = measure::parse_limit, conflicts_with = "both")]
    pub(crate) upload: Option<Limit>,
    /// Print the limits as JSON, in bytes a second
    #[arg(long)]
    pub(crate) json: bool,
    /// Print nothing where limits are set
    #[arg(short, long, conflicts_with = "json")]
    pub(crate) quiet: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Start the daemon if it does not run, to look at its tasks too
    #[arg(long)]
    pub(crate) start: bool,
    /// Print JSON
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    /// The folder that the story may use: what the demo starts itself with
    #[arg(long, hide = true)]
    pub(crate) home: Option<std::path::PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct DemoAppArgs {
    pub(crate) url: String,
    pub(crate) destination: std::path::PathBuf,
    /// Takes delivery instead of starting the download
    #[arg(long)]
    pub(crate) collect: bool,
}

/// Returns all that can be typed.
pub(crate) fn command() -> clap::Command {
    negations::add(Cli::command())
}

/// Reads a command line. Prints help and misuse by itself, with exit codes 0 and 2.
pub(crate) fn parse(part: Part) -> Command {
    let is_transfer = part.words.get(1).is_some_and(habits::is_transfer);
    match read(part.words.clone()).and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(shell) => shell.command,
        Err(error) => {
            if let Some(place) = place_of(&error, &part) {
                let _ = crate::terminal::complain(&format!("{}: ", shown(place)));
            }
            tell(&error);
            if let Some(tip) = habits::tip(&error, &part.words).filter(|_| is_transfer) {
                let _ = crate::terminal::say(&format!("\n  tip: {tip}"));
            }
            std::process::exit(error.exit_code())
        }
    }
}

/// Says what is wrong, without the password of a URL that stands where none belongs.
fn tell(error: &clap::Error) {
    let _ = match user_info::without(&error.render().to_string()) {
        // What is asked for has no words of the caller's, and goes to standard output.
        Cow::Owned(text) if error.use_stderr() => crate::terminal::complain(&text),
        _ => error.print(),
    };
}

fn read(words: Vec<OsString>) -> Result<clap::ArgMatches, clap::Error> {
    // To know all that can be taken back costs as much as all other options.
    let shell =
        if words.iter().any(|word| negations::is_one(word)) { command() } else { Cli::command() };
    shell.try_get_matches_from(words)
}

/// Finds the line of a file that is wrong in this way when it stands alone.
fn place_of<'a>(error: &clap::Error, part: &'a Part) -> Option<&'a str> {
    use clap::error::{ContextKind, ErrorKind};
    if !matches!(
        error.kind(),
        ErrorKind::ValueValidation | ErrorKind::InvalidValue | ErrorKind::UnknownArgument
    ) {
        return None;
    }
    let about = |error: &clap::Error| {
        [ContextKind::InvalidArg, ContextKind::InvalidValue].map(|kind| error.get(kind).cloned())
    };
    let is_it = |words: &[OsString]| {
        read([&part.words[..2], words].concat()).is_err_and(|alone| about(&alone) == about(error))
    };
    part.lines.iter().find(|(_, words)| is_it(words)).map(|(place, _)| &**place)
}

/// Puts the default command `get` where the first word is a URL or an option of `get`.
pub(crate) fn with_default_command(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let implied = arguments.get(1).map(|first| first.to_string_lossy()).is_some_and(|first| {
        let own = ["-h", "--help", "-V", "--version", "--"];
        // A URL without its beginning is told so; no command has such characters.
        first.contains(['.', '/', ':']) || (first.starts_with('-') && !own.contains(&&*first))
    });
    if implied {
        arguments.insert(1, "get".into());
    }
    arguments
}

#[cfg(test)]
mod tests;
