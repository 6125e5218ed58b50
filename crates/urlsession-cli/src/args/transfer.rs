//! Options of the commands that move bytes: `get`, `add` and `put`.

use super::body::{DataArgs, FormArgs};
use super::condition::ConditionArgs;
use super::network::NetworkArgs;
use super::output::OutputArgs;
use super::parse;
use super::words::WordArgs;
use crate::measure::{self, Limit};
use clap::{ArgAction, Args, ValueEnum};
use std::path::PathBuf;
use std::time::Duration;
use urlsession::{Checksum, LowestSpeed, Segments};

/// Seconds for which a try may be slower than -Y, where nobody says how many.
const SPEED_TIME: u32 = 30;

#[derive(Debug, Args)]
pub(crate) struct GetArgs {
    /// What to download; http or https
    #[arg(value_name = "URL", required_unless_present = "input_file")]
    pub(crate) urls: Vec<String>,
    /// How many URLs stand before, in front of ‘--next’
    #[arg(skip)]
    pub(crate) first_number: usize,
    #[command(flatten)]
    pub(crate) words: WordArgs,
    #[command(flatten)]
    pub(crate) output: OutputArgs,
    /// Let the server name the file, also by a redirect, in the folder where it would be otherwise
    #[arg(short = 'J', long, conflicts_with_all = ["output", "data", "data-raw", "data-urlencode",
        "upload_file"])]
    pub(crate) remote_header_name: bool,
    /// Save in DIR, which is made if need be
    #[arg(short, long, value_name = "DIR", visible_short_alias = 'P')]
    pub(crate) dir: Option<PathBuf>,
    /// Save in DIR, which must be there unless --create-dirs is given, as curl has it
    #[arg(long, value_name = "DIR", conflicts_with = "dir")]
    pub(crate) output_dir: Option<PathBuf>,
    /// Replace files of the same name; without it ‘name.1’, ‘name.2’, … are taken
    #[arg(long)]
    pub(crate) overwrite: bool,
    /// Read URLs from FILE (‘-’ is standard input): one a line, ‘#’ comments, indented out=, dir=,
    /// header=, checksum=
    #[arg(short, long, value_name = "FILE")]
    pub(crate) input_file: Option<PathBuf>,
    /// Move at most N tasks at once; holds for all tasks of the shell until the next get, add, put
    #[arg(short = 'j', long, visible_alias = "parallel-max", value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) max_concurrent: Option<u32>,
    /// Move several at once, as is done unless -j 1 or --fail-early is given
    #[arg(short = 'Z', long, hide = true)]
    parallel: bool,
    #[command(flatten)]
    pub(crate) data: DataArgs,
    /// Put what --data and its relatives say into the URL’s query, and send nothing
    #[arg(short = 'G', long, conflicts_with = "form")]
    pub(crate) get: bool,
    /// Add DATA to the URL’s query, percent-encoded as by --data-urlencode; with ‘+’ in front, as it
    /// stands
    #[arg(long, value_name = "DATA", action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) url_query: Vec<String>,
    #[command(flatten)]
    pub(crate) form: FormArgs,
    /// Write a backslash before quotes and backslashes in the names of a form, instead of
    /// percent-encoding
    #[arg(long)]
    pub(crate) form_escape: bool,
    /// Send FILE with PUT, as ‘put’ does: one for every URL, in the same order, or several as in
    /// ‘{one,two}’; to a URL that ends with a slash, or has no path, its name is added. URLs without
    /// a file are downloads
    #[arg(short = 'T', long, value_name = "FILE", action = ArgAction::Append,
        conflicts_with = "input_file")]
    pub(crate) upload_file: Vec<PathBuf>,
    /// End with the first URL that fails; they come one after the other then
    #[arg(long)]
    pub(crate) fail_early: bool,
    /// Digest that the file must have, such as sha-256=HEX; also sha-512 and md5
    #[arg(long, value_name = "TYPE=HEX", value_parser = parse::checksum)]
    pub(crate) checksum: Option<Checksum>,
    /// Take ‘{one,two}’, ‘[1-9]’ and ‘[a-z]’ in URLs as they stand; without it a URL stands for
    /// several, and ‘#1’ in -o for what is in place of the first of these
    #[arg(short, long)]
    pub(crate) globoff: bool,
    /// Make the folders of -o, -D, --output-dir and --etag-save
    #[arg(long)]
    pub(crate) create_dirs: bool,
    /// Say what is wrong with --quiet, too: it is always said, and who types curl’s options may
    /// leave this one in
    #[arg(short = 'S', long, hide = true)]
    show_error: bool,
    /// Take a file for text, which HTTP does not: who types curl’s options may leave this one in
    #[arg(short = 'B', long, hide = true)]
    use_ascii: bool,
    /// Leave a proxy’s answers to CONNECT out of the heads, where they never are: who types curl’s
    /// options may leave this one in
    #[arg(long, hide = true)]
    suppress_connect_headers: bool,
    /// Leave no part of a file where its transfer fails, as is so anyway unless the file was there
    #[arg(long, hide = true, conflicts_with_all = ["resumes", "continue_at", "fail_with_body"])]
    remove_on_error: bool,
    /// Write the heads of all responses before the body, those of redirects too, in the file as well
    #[arg(long, visible_alias = "show-headers", conflicts_with_all = ["resumes", "continue_at",
        "remote_time", "segments"])]
    pub(crate) include: bool,
    /// Ask for the head alone, with HEAD, and print it; the one -o takes it
    #[arg(short = 'I', long, conflicts_with_all = ["form", "upload_file", "input_file",
        "remote_header_name"])]
    pub(crate) head: bool,
    /// Give the file the date that the server tells
    #[arg(short = 'R', long)]
    pub(crate) remote_time: bool,
    /// Write the heads of all responses to FILE, those of redirects too; only you can read it if it
    /// is made; ‘-’ is standard output, ‘%’ standard error
    #[arg(short = 'D', long, value_name = "FILE")]
    pub(crate) dump_header: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) condition: ConditionArgs,
    /// Print FORMAT for every transfer that is over: ‘%{http_code}’ and the like, ‘%header{NAME}’,
    /// ‘%header{NAME:all:SEPARATOR}’ of all responses; ‘@FILE’ reads it from a file
    #[arg(short, long, value_name = "FORMAT", allow_hyphen_values = true)]
    pub(crate) write_out: Option<String>,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

#[derive(Debug, Args)]
pub(crate) struct PutArgs {
    /// What to send; ‘-’ is standard input, read to its end first
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Where to, as it is: unlike ‘get -T’, no name is added after a ‘/’
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// Queue the upload, print its id and return at once
    #[arg(long)]
    pub(crate) detach: bool,
    /// Print FORMAT when the transfer is over, as ‘get’ does
    #[arg(
        short,
        long,
        value_name = "FORMAT",
        conflicts_with = "detach",
        allow_hyphen_values = true
    )]
    pub(crate) write_out: Option<String>,
    #[command(flatten)]
    pub(crate) request: RequestArgs,
    #[command(flatten)]
    pub(crate) policy: PolicyArgs,
    #[command(flatten)]
    pub(crate) talk: Talk,
}

/// What to ask of the server.
#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(crate) struct RequestArgs {
    /// Header field ‘Name: value’, ‘Name;’ without a value, ‘Name:’ to leave it out, or ‘@FILE’ with
    /// one a line, which keeps secrets off the screen
    #[arg(short = 'H', long = "header", value_name = "FIELD", action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) headers: Vec<String>,
    /// Method, such as POST
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub(crate) method: Option<String>,
    /// User-Agent; ‘’ sends none
    #[arg(short = 'A', long, value_name = "NAME", allow_hyphen_values = true)]
    pub(crate) user_agent: Option<String>,
    /// Referer; with ‘;auto’ behind it, or alone, redirects are told the URL that led to them
    #[arg(short = 'e', long, value_name = "URL", allow_hyphen_values = true)]
    pub(crate) referer: Option<String>,
    /// Cookies ‘NAME=VALUE; …’, sent instead of the kept ones, with --cookie-jar beside them; or a FILE
    /// of cookies as curl and wget write it, which are kept first
    #[arg(short = 'b', long = "cookie", value_name = "DATA|FILE", action = ArgAction::Append, allow_hyphen_values = true)]
    pub(crate) cookies: Vec<String>,
    /// Write the cookies that are kept for the shell to FILE when all is done, as ‘cookies export’
    /// does; ‘-’ is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) cookie_jar: Option<PathBuf>,
    /// Neither send the kept cookies nor keep what servers set
    #[arg(long, conflicts_with = "cookie_jar")]
    pub(crate) no_cookies: bool,
    /// Ask caches on the way to load anew
    #[arg(long)]
    pub(crate) no_cache: bool,
    /// Credentials; a missing password is asked for
    #[arg(short, long, value_name = "USER[:PASSWORD]", allow_hyphen_values = true)]
    pub(crate) user: Option<String>,
    /// Show TOKEN, as OAuth 2.0 has it: ‘Authorization: Bearer TOKEN’
    #[arg(
        long = "oauth2-bearer",
        value_name = "TOKEN",
        conflicts_with = "user",
        allow_hyphen_values = true
    )]
    pub(crate) bearer: Option<String>,
    /// Show credentials only when the server asks, by the strongest way that it offers
    #[arg(long)]
    pub(crate) anyauth: bool,
    /// Show credentials only when the server asks with Digest
    #[arg(long, conflicts_with_all = ["anyauth", "basic"])]
    pub(crate) digest: bool,
    /// Show credentials at once and with Basic only
    #[arg(long, conflicts_with = "anyauth")]
    pub(crate) basic: bool,
    /// Take credentials from ~/.netrc, or from the file that the variable NETRC names
    #[arg(short, long)]
    pub(crate) netrc: bool,
    /// As --netrc, but credentials in the URL win
    #[arg(long, conflicts_with = "netrc")]
    pub(crate) netrc_optional: bool,
    /// Take credentials from FILE, written as ~/.netrc is
    #[arg(long, value_name = "FILE")]
    pub(crate) netrc_file: Option<PathBuf>,
    /// Leave out the cookies of -b FILE that have no end
    #[arg(long)]
    pub(crate) junk_session_cookies: bool,
    /// Ask for TARGET in place of the URL’s path, such as ‘*’ with -X OPTIONS
    #[arg(long, value_name = "TARGET", conflicts_with = "path_as_is")]
    pub(crate) request_target: Option<String>,
    /// Send the URL’s path with its ‘/../’ and ‘/./’
    #[arg(long)]
    pub(crate) path_as_is: bool,
    #[command(flatten)]
    pub(crate) network: NetworkArgs,
}

/// How to go about it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Policy")]
pub(crate) struct PolicyArgs {
    /// Bytes per second at most, such as 500K or 2M; 0 is no limit
    #[arg(long, value_name = "RATE", value_parser = measure::parse_limit,
        allow_negative_numbers = true)]
    pub(crate) limit_rate: Option<Limit>,
    /// Bytes per second below which a try is given up, such as 1K, where it is so slow for as long as
    /// -y says [default: 1 with -y]; what the server has to wait for does not count. 0 is no limit
    #[arg(short = 'Y', long, value_name = "RATE", value_parser = measure::parse_limit)]
    pub(crate) speed_limit: Option<Limit>,
    /// Whole seconds for which a try may be slower than -Y [default: 30 with -Y]; 0 is no limit
    #[arg(short = 'y', long, value_name = "TIME", value_parser = parse::speed_time)]
    pub(crate) speed_time: Option<u32>,
    /// Bring each file over N connections at once, where its server has ranges; ‘auto’ takes more
    /// than one where they measure faster [default: 1]
    #[arg(short, long, visible_alias = "split", value_name = "N|auto",
        value_parser = parse::segments)]
    pub(crate) segments: Option<Segments>,
    /// Time at most, waiting and retries included; 0 is the default [default: 7d]
    #[arg(short = 'm', long, value_name = "TIME", value_parser = measure::parse_duration)]
    pub(crate) max_time: Option<Duration>,
    /// Time without any byte after which a try is given up; 0 is the default [default: 60s]
    #[arg(long, value_name = "TIME", value_parser = measure::parse_duration)]
    pub(crate) idle_timeout: Option<Duration>,
    /// Tries at most after the first that bring nothing; 0 is none [default: no limit, but none where a
    /// server may have done what a POST or PATCH says]
    #[arg(long, value_name = "N", allow_negative_numbers = true)]
    pub(crate) retry: Option<u32>,
    /// Send a POST or PATCH again though its server may have done what it says, as --retry and
    /// --retry-all-errors do
    #[arg(long, overrides_with = "no_unsafe_retry")]
    pub(crate) unsafe_retry: bool,
    /// Send it once whatever is typed: as soon as a byte of its body is sent, a failure is the last
    #[arg(long, overrides_with = "unsafe_retry")]
    pub(crate) no_unsafe_retry: bool,
    /// Time between two tries, such as 5 or 500ms; without it up to a second at first, then doubling.
    /// 0 is without it
    #[arg(long, value_name = "TIME", value_parser = measure::parse_duration)]
    pub(crate) retry_delay: Option<Duration>,
    /// Time from the begin of the first try after which a failure is the last; 0 is no limit
    #[arg(long, value_name = "TIME", value_parser = measure::parse_duration)]
    pub(crate) retry_max_time: Option<Duration>,
    /// Take an error status such as 404 for an answer like any other, and save its body
    #[arg(long, alias = "keep-error-body")]
    pub(crate) no_fail: bool,
    /// Save the body of an error status, and fail all the same
    #[arg(long, conflicts_with = "no_fail")]
    pub(crate) fail_with_body: bool,
    /// Fail with an error status, as is done unless --no-fail is given
    #[arg(short, long, hide = true, conflicts_with = "no_fail")]
    pub(crate) fail: bool,
    /// Try again after every error status, not only after those of a server that is busy or broken
    #[arg(long, conflicts_with = "no_fail")]
    pub(crate) retry_all_errors: bool,
    /// Statuses such as 401,403,410 upon which the task keeps its bytes and waits for ‘edit’ or
    /// ‘retry’
    #[arg(long, value_name = "STATUS", value_delimiter = ',',
        value_parser = clap::value_parser!(u16).range(400..600))]
    pub(crate) recoverable: Vec<u16>,
    /// Follow redirects from https to http
    #[arg(long)]
    pub(crate) allow_insecure_redirect: bool,
    /// Ask for a packed body and unpack it; what was interrupted begins anew
    #[arg(long)]
    pub(crate) compressed: bool,
    /// Let servers pack bodies for the way alone (TE: gzip), which few do
    #[arg(long)]
    pub(crate) tr_encoding: bool,
    /// Whether redirects are followed or taken for the answer
    #[arg(long, value_name = "WHAT", default_value = "follow")]
    pub(crate) redirect: Redirect,
    /// Follow redirects, as is done unless --redirect says otherwise
    #[arg(short = 'L', long, alias = "follow", conflicts_with = "redirect")]
    pub(crate) location: bool,
    /// Follow redirects, and show credentials and cookies of this command to whatever server they
    /// lead to
    #[arg(long, conflicts_with = "redirect")]
    pub(crate) location_trusted: bool,
    /// Send POST again after a redirect with 301, which otherwise becomes a GET
    #[arg(long)]
    pub(crate) post301: bool,
    /// The same after 302
    #[arg(long)]
    pub(crate) post302: bool,
    /// The same after 303
    #[arg(long)]
    pub(crate) post303: bool,
    /// Most redirects that are followed, 20 by default, 100 at most; -1 is as many
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true)]
    #[arg(value_parser = parse::redirects)]
    pub(crate) max_redirs: Option<u32>,
    /// Which waiting tasks run first
    #[arg(long, value_name = "LEVEL", default_value = "normal")]
    pub(crate) priority: Level,
    /// Free text, shown by ls and show
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub(crate) description: Option<String>,
}

impl PolicyArgs {
    /// Says whether a server is told again what it may have done: only who asks for tries wants that.
    pub(crate) fn repeats(&self) -> bool {
        let asks = self.unsafe_retry || self.retry.is_some() || self.retry_all_errors;
        asks && !self.no_unsafe_retry
    }

    /// Returns what -Y and -y say: one alone implies the other, as for curl.
    pub(crate) fn lowest_speed(&self) -> Option<LowestSpeed> {
        let (limit, time) = (self.speed_limit.map(Limit::get), self.speed_time);
        let is_said = limit.is_some() || time.is_some();
        let bytes_per_second = limit.unwrap_or(Some(1)).filter(|_| is_said)?;
        let seconds = time.unwrap_or(SPEED_TIME);
        (seconds > 0).then_some(LowestSpeed { bytes_per_second, seconds })
    }
}

/// What becomes of a redirect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Redirect {
    Follow,
    Manual,
}

/// Apple's three named priorities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Level {
    Low,
    Normal,
    High,
}

/// How much to say, and to whom.
#[derive(Debug, Clone, Copy, Args)]
#[command(next_help_heading = "Output")]
pub(crate) struct Talk {
    /// Say nothing but errors; ‘add’ prints ids only
    #[arg(short, long, visible_alias = "silent")]
    pub(crate) quiet: bool,
    /// Say more, such as when a download goes on from where it was
    #[arg(short, long, conflicts_with = "quiet")]
    pub(crate) verbose: bool,
    /// Show no progress; what goes wrong is said all the same
    #[arg(long)]
    pub(crate) no_progress_meter: bool,
    /// Print events as JSON, one a line, on standard output
    #[arg(long)]
    pub(crate) json: bool,
}
