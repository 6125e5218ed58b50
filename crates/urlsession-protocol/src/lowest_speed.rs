//! How slow a transfer may be.

use crate::{Error, ErrorCode};
use serde::{Deserialize, Serialize};

/// Longest time that a transfer may be too slow before its attempt is given up, in seconds: a day. A
/// task that names a longer one is refused.
pub const LOWEST_SPEED_SECONDS_LIMIT: u32 = 24 * 60 * 60;

/// What a transfer must bring, or send, in some time; where it is less, its attempt ends with -1001
/// and is tried again from where it stopped, as one that is idle.
///
/// What counts is the time in which a request or its body is under way and it is the other side's
/// turn: none of what passes before a connection stands, while a limit of ours, the disk or a
/// question holds the transfer back, or until a server answers an upload that it has whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct LowestSpeed {
    /// Bytes per second on average, both directions together; at least 1.
    pub bytes_per_second: u64,
    /// The time, up to [`LOWEST_SPEED_SECONDS_LIMIT`]; at least 1.
    pub seconds: u32,
}

impl LowestSpeed {
    /// Refuses what is no speed, or takes too long to tell.
    ///
    /// # Errors
    ///
    /// A sentence that names what is wrong.
    pub fn check(&self) -> Result<(), Error> {
        let refused = |why: String| Err(Error::new(ErrorCode::UNKNOWN).because(why));
        if self.bytes_per_second == 0 {
            return refused("the lowest speed must be at least 1 byte per second".to_owned());
        }
        if !(1..=LOWEST_SPEED_SECONDS_LIMIT).contains(&self.seconds) {
            let (most, got) = (LOWEST_SPEED_SECONDS_LIMIT, self.seconds);
            return refused(format!(
                "the time of the lowest speed is {got} s, and must be from 1 to {most} s"
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// bytes per second, seconds => what the refusal names
    #[test]
    fn what_is_no_speed_is_refused_by_name() {
        for (bytes_per_second, seconds, expected) in [
            (1, 1, None),
            (u64::MAX, LOWEST_SPEED_SECONDS_LIMIT, None),
            (0, 30, Some("at least 1 byte per second")),
            (1000, 0, Some("from 1 to 86400 s")),
            (1000, LOWEST_SPEED_SECONDS_LIMIT + 1, Some("is 86401 s")),
        ] {
            let checked = LowestSpeed { bytes_per_second, seconds }.check();
            let why = checked.err().and_then(|error| error.detail);
            match (why, expected) {
                (Some(why), Some(expected)) => assert!(why.contains(expected), "{why}"),
                (why, expected) => assert_eq!(why.as_deref(), expected),
            }
        }
    }
}
