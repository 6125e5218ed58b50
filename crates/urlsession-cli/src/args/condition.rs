//! Options that say under which condition a file comes, and how much of it.

use crate::measure::{self, Limit};
use clap::Args;
use std::path::PathBuf;

/// What of the file to bring, and when.
#[derive(Debug, Args)]
#[command(next_help_heading = "Condition")]
pub(crate) struct ConditionArgs {
    /// Go on with a file that is partly there, as wget does; where the server has no ranges, the
    /// whole file comes anew
    #[arg(short = 'c', long = "continue")]
    pub(crate) resumes: bool,
    /// Bring what is from OFFSET on, or with ‘-’ what is missing at the end of the file that is there;
    /// fail where the server has no ranges. With -T: send what is from OFFSET on
    #[arg(short = 'C', long, value_name = "OFFSET|-", allow_hyphen_values = true,
        conflicts_with_all = ["remote_header_name", "form", "data", "data-raw",
            "data-urlencode"])]
    pub(crate) continue_at: Option<String>,
    /// Bring only these bytes, such as 0-499, 500- or -500
    #[arg(short, long, value_name = "RANGE", allow_hyphen_values = true, value_parser = range,
        conflicts_with_all = ["resumes", "continue_at", "upload_file", "segments"])]
    pub(crate) range: Option<String>,
    /// Bring the file only if it is newer than DATE or than FILE; with ‘-’ in front, only if it is
    /// not. Replaces a file of its name
    #[arg(short = 'z', long, value_name = "DATE|FILE", allow_hyphen_values = true,
        conflicts_with_all = ["resumes", "continue_at", "upload_file", "remote_header_name"])]
    pub(crate) time_cond: Option<String>,
    /// Bring the file only if it has another ETag than the one in FILE. Replaces a file of its name
    #[arg(long, value_name = "FILE",
        conflicts_with_all = ["resumes", "continue_at", "upload_file", "remote_header_name"])]
    pub(crate) etag_compare: Option<PathBuf>,
    /// Write the ETag of what came to FILE; ‘-’ is standard output
    #[arg(long, value_name = "FILE")]
    pub(crate) etag_save: Option<PathBuf>,
    /// Fail if the file is larger, such as 500K or 2M; 0 is no limit, but for the answer to what is
    /// sent, which has 8 MiB at most
    #[arg(long, value_name = "SIZE", value_parser = measure::parse_limit)]
    pub(crate) max_filesize: Option<Limit>,
    /// Leave out what is there already
    #[arg(long, conflicts_with_all = ["resumes", "continue_at", "overwrite"])]
    pub(crate) skip_existing: bool,
    /// Take ‘name.1’, ‘name.2’, … for -o, too, where there is such a file
    #[arg(long, conflicts_with_all = ["resumes", "continue_at", "overwrite"])]
    pub(crate) no_clobber: bool,
}

impl ConditionArgs {
    /// Says whether it is the file that is there that is asked about.
    pub(crate) fn is_about_file(&self) -> bool {
        self.resumes
            || self.continue_at.is_some()
            || self.time_cond.is_some()
            || self.etag_compare.is_some()
            || self.skip_existing
    }
}

/// Reads ranges of bytes as HTTP has them.
fn range(text: &str) -> Result<String, String> {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let is_range = |one: &str| {
        one.trim().split_once('-').is_some_and(|(first, last)| {
            (is_number(first) || first.is_empty())
                && (is_number(last) || last.is_empty())
                && !(first.is_empty() && last.is_empty())
        })
    };
    let text = if is_number(text) { format!("{text}-") } else { text.to_owned() };
    if text.split(',').all(is_range) {
        Ok(text)
    } else {
        Err("a range is FIRST-LAST, FIRST- or -COUNT, several between commas".to_owned())
    }
}
