//! `limit`: how fast all transfers may be together.

use crate::args::LimitArgs;
use crate::exit::{self, Failure};
use crate::json::SCHEMA;
use crate::measure::{self, Limit};
use crate::terminal;
use serde_json::json;
use std::num::NonZeroU64;
use urlsession::{Daemon, SpeedLimits};

pub(crate) fn limit(args: &LimitArgs) -> Result<u8, Failure> {
    let daemon = Daemon::connect(true)?;
    let before = daemon.speed_limits()?;
    let wanted = |one: Option<Limit>, before| one.or(args.both).map_or(before, |limit| limit.0);
    let limits = SpeedLimits {
        download: wanted(args.download, before.download),
        upload: wanted(args.upload, before.upload),
    };
    let is_set = args.both.or(args.download).or(args.upload).is_some();
    if is_set {
        daemon.limit_speed(limits)?;
    }
    if !(is_set && args.quiet) {
        terminal::print(&if args.json { object(limits) } else { lines(limits) })?;
    }
    Ok(exit::DONE)
}

fn lines(limits: SpeedLimits) -> String {
    let SpeedLimits { download, upload } = limits;
    format!("download  {}\nupload    {}\n", words(download), words(upload))
}

/// Spells one of the limits.
pub(super) fn words(limit: Option<NonZeroU64>) -> String {
    limit.map_or_else(|| "none".to_owned(), |limit| measure::rate(limit.get() as f64))
}

fn object(limits: SpeedLimits) -> String {
    let SpeedLimits { download, upload } = limits;
    format!("{}\n", json!({ "schema": SCHEMA, "download": download, "upload": upload }))
}
