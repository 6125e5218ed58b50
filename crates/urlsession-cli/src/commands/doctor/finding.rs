//! What a check found: how bad it is, what and why, and what to do next.

use crate::escape::shown;
use serde_json::{Value, json};

/// How bad it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    Ok,
    /// Nothing is broken, and somebody may want it otherwise.
    Note,
    /// Something does not work.
    Problem,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) level: Level,
    /// What was looked at.
    check: &'static str,
    what: String,
    next: Option<String>,
}

impl Finding {
    pub(super) fn ok(check: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Ok, check, what: what.into(), next: None }
    }

    pub(super) fn note(check: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Note, ..Self::ok(check, what) }
    }

    pub(super) fn problem(check: &'static str, what: impl Into<String>) -> Self {
        Self { level: Level::Problem, ..Self::ok(check, what) }
    }

    /// Adds what to do about it.
    pub(super) fn next(self, next: impl Into<String>) -> Self {
        Self { next: Some(next.into()), ..self }
    }

    pub(super) fn line(&self) -> String {
        let next = self.next.as_ref().map(|next| format!("; {}", shown(next)));
        let (level, next) = (self.level.word(), next.unwrap_or_default());
        format!("{level:<8} {}: {}{next}\n", self.check, shown(&self.what))
    }

    pub(super) fn json(&self) -> Value {
        json!({
            "check": self.check,
            "level": self.level.word(),
            "what": self.what,
            "next": self.next,
        })
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Problem => "problem",
        }
    }
}
