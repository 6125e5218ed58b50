//! The one place of the shell that asks for the time: to show ages, speeds and waits.

use std::time::{Instant, SystemTime};
use urlsession::Timestamp;

/// Returns the wall-clock time.
#[expect(clippy::disallowed_methods, reason = "a shell shows times relative to the wall clock")]
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    Timestamp(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// Returns a moment that later ones can be measured against.
#[expect(clippy::disallowed_methods, reason = "speeds and --timeout are measured, not decided on")]
pub(crate) fn steady() -> Instant {
    Instant::now()
}
