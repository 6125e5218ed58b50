//! The most that any attempt of a task had of a file: only what is beyond that is progress. A server
//! that knows no ranges and always cuts would bring the same first bytes without an end.

use crate::ResumeState;
use crate::task::Task;

/// The most that attempts which have ended had of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Peak {
    bytes: u64,
    etag: Option<String>,
    last_modified: Option<String>,
}

impl Peak {
    pub(crate) fn of(state: &ResumeState) -> Self {
        Self {
            bytes: state.synced_bytes(),
            etag: state.etag.clone(),
            last_modified: state.last_modified.clone(),
        }
    }

    /// Raises it. Of another file it is set anew: that one may need many attempts to come as far.
    fn raise(&self, new: Self) -> Self {
        let is_same = self.etag == new.etag && self.last_modified == new.last_modified;
        if is_same { Self { bytes: self.bytes.max(new.bytes), ..new } } else { new }
    }
}

impl Task {
    /// Takes what an attempt has for recorded; more than any before had ends a row of failures.
    pub(crate) fn record_part(&mut self, state: ResumeState) {
        let peak = self.details.peak.as_ref().map_or(0, |peak| peak.bytes);
        if state.synced_bytes() > peak {
            self.failures = 0;
            self.details.disk_failures = 0;
        }
        self.details.resume = Some(Box::new(state));
    }

    /// Takes over what an attempt leaves. The peak was its measure up to here, whichever file it
    /// met: a server may call every answer another file.
    pub(crate) fn leave_part(&mut self, resume: Option<ResumeState>) {
        let recorded = self.details.resume.take();
        let last = resume.as_ref().or(recorded.as_deref());
        let last = last.filter(|state| state.synced_bytes() > 0).map(Peak::of);
        if let Some(state) = resume {
            self.record_part(state);
        }
        if let Some(last) = last {
            let before = self.details.peak.take();
            let peak = match before {
                Some(before) => before.raise(last),
                None => last,
            };
            self.details.peak = Some(Box::new(peak));
        }
    }
}
