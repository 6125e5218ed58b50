//! What few tasks have, kept where it takes no room in all the others.

use crate::peak::Peak;
use crate::{Question, Received, ResumeState};
use std::num::NonZeroU64;
use std::ops::{Deref, DerefMut};
use std::path::Path;
use std::sync::Arc;
use urlsession_protocol::{Error, Timestamp};

/// A pointer to the details of a task, or to the empty ones. The first change makes room for them.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) struct Details(Option<Box<Rare>>);

/// The details themselves.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rare {
    /// Where it goes once its attempt, which takes a slot of the host before, has ended.
    pub(crate) next_host: Option<Arc<str>>,
    pub(crate) resume: Option<Box<ResumeState>>,
    /// Set back by a restart to what is recorded.
    pub(crate) peak: Option<Box<Peak>>,
    pub(crate) error: Option<Box<Error>>,
    pub(crate) question: Option<Box<Question>>,
    pub(crate) received: Option<Received>,
    pub(crate) spool: Option<Box<Path>>,
    /// Since when its time stands still.
    pub(crate) suspended: Option<Timestamp>,
    /// Times in a row that the disk was full; forgotten by a restart.
    pub(crate) disk_failures: u8,
}

static NONE: Rare = Rare::NONE;

impl Details {
    /// Gives the room back if they say nothing.
    pub(crate) fn trim(&mut self) {
        if self.0.as_deref() == Some(&NONE) {
            self.0 = None;
        }
    }
}

impl Deref for Details {
    type Target = Rare;

    fn deref(&self) -> &Rare {
        self.0.as_deref().unwrap_or(&NONE)
    }
}

impl DerefMut for Details {
    fn deref_mut(&mut self) -> &mut Rare {
        self.0.get_or_insert_with(|| Box::new(Rare::NONE))
    }
}

impl Rare {
    const NONE: Self = Self {
        next_host: None,
        resume: None,
        peak: None,
        error: None,
        question: None,
        received: None,
        spool: None,
        suspended: None,
        disk_failures: 0,
    };
}

/// A moment or none, in the room of a moment. The last one of all is kept as the one before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct OptionalDate(Option<NonZeroU64>);

impl OptionalDate {
    pub(crate) fn new(date: Option<Timestamp>) -> Self {
        Self(date.and_then(|Timestamp(date)| NonZeroU64::new(date.saturating_add(1))))
    }

    pub(crate) fn get(self) -> Option<Timestamp> {
        self.0.map(|date| Timestamp(date.get() - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn details_that_say_nothing_take_no_room() {
        let mut details = Details::default();
        let more = |details: &mut Details| details.disk_failures += 3;
        more(&mut details);
        details.trim();
        assert_eq!(details.disk_failures, 3);
        details.disk_failures = 0;
        assert!(details.0.is_some());
        details.trim();
        assert!(details.0.is_none());
        assert_eq!(details.error, None);
    }

    #[test]
    fn a_date_is_given_back() {
        for date in [None, Some(0), Some(1), Some(1_795_263_705_908), Some(u64::MAX - 1)] {
            let date = date.map(Timestamp);
            assert_eq!(OptionalDate::new(date).get(), date);
        }
        let last = OptionalDate::new(Some(Timestamp(u64::MAX)));
        assert_eq!(last.get(), Some(Timestamp(u64::MAX - 1)));
        assert_eq!(size_of::<OptionalDate>(), size_of::<Timestamp>());
    }
}
