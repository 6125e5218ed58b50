//! What is asked of every file beside its URL: fields of the request, and what the shell does at the end.

use super::Destination;
use crate::args::ConditionArgs;
use crate::condition;
use crate::exit::{self, Failure};
use crate::hand_over::{HandOver, Rest, Since};
use urlsession::Header;

/// What was asked.
pub(super) struct Asked<'a> {
    args: &'a ConditionArgs,
    pub(super) fields: Vec<Header>,
    since: Option<Since>,
}

impl<'a> Asked<'a> {
    /// Reads what is typed for so many URLs.
    pub(super) fn of(args: &'a ConditionArgs, urls: usize) -> Result<Self, Failure> {
        if urls > 1 && (args.etag_save.is_some() || args.etag_compare.is_some()) {
            return Err(Failure::usage("--etag-save and --etag-compare are for one URL"));
        }
        let range = args.range.as_ref().map(|range| Header::new("Range", format!("bytes={range}")));
        let since = args.time_cond.as_deref().map(condition::since).transpose()?;
        let mut fields: Vec<Header> = range.into_iter().collect();
        fields.extend(since.map(condition::field).transpose()?);
        if let Some(file) = &args.etag_compare {
            fields.extend(condition::etag_field(file)?);
        }
        Ok(Self { args, fields, since })
    }

    /// Says what the shell does with what comes.
    pub(super) fn finish(&self, to: &Destination) -> Result<Option<HandOver>, Failure> {
        let path = match to {
            Destination::File(path) | Destination::Device(path) => Some(path.clone()),
            Destination::Nowhere | Destination::Output | Destination::Derived { .. } => None,
        };
        if self.args.time_cond.is_some() || self.args.etag_compare.is_some() {
            return Ok(Some(HandOver::News(path, self.since)));
        }
        let length = path.as_ref().and_then(|path| Some(path.metadata().ok()?.len()));
        let offset = match self.args.continue_at.as_deref() {
            Some("-") => length.unwrap_or(0),
            Some(text) => offset(text)?,
            None if self.args.resumes => length.unwrap_or(0),
            None => 0,
        };
        if let Some(length) = length.filter(|length| *length < offset) {
            let why = format!("-C: the file has only {length} bytes");
            return Err(Failure::new(exit::FILE, why).next("go on at its end with -C -"));
        }
        let rest = Rest { path, offset, or_whole: self.args.resumes };
        Ok((offset > 0).then_some(HandOver::Rest(rest)))
    }
}

/// Reads the number of `-C`.
pub(super) fn offset(text: &str) -> Result<u64, Failure> {
    text.parse().map_err(|_| Failure::usage("-C: write a number of bytes, or ‘-’"))
}
