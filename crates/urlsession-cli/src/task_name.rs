//! How a task is called at the shell: `12` for the shell's own, `APP/SESSION/12` for others.

use std::fmt;
use std::str::FromStr;
use urlsession::{ApplicationId, SessionIdentifier, SessionKey, TaskIdentifier};

/// The application whose session has the shell's own tasks.
pub(crate) const APPLICATION: &str = "urlsession";
/// The session of the shell's own tasks.
pub(crate) const SESSION: &str = "shell";

/// Names one task among all of this user's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskName {
    /// The session.
    pub(crate) session: SessionKey,
    /// The number in the session.
    pub(crate) task: TaskIdentifier,
}

/// Returns the session of the shell's own tasks.
pub(crate) fn shell() -> SessionKey {
    SessionKey {
        application: ApplicationId::new(APPLICATION).expect("the constant is an identifier"),
        session: SessionIdentifier::new(SESSION).expect("the constant is an identifier"),
    }
}

impl TaskName {
    pub(crate) fn new(session: SessionKey, task: TaskIdentifier) -> Self {
        Self { session, task }
    }
}

impl fmt::Display for TaskName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let SessionKey { application, session } = &self.session;
        if application.as_str() == APPLICATION && session.as_str() == SESSION {
            self.task.fmt(f)
        } else {
            write!(f, "{application}/{session}/{}", self.task)
        }
    }
}

impl FromStr for TaskName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || "a task is called 12 or APP/SESSION/12".to_owned();
        // An application id may contain slashes; the number and a session without them may not.
        let (session, number) = match text.rsplit_once('/') {
            None => (shell(), text),
            Some((rest, number)) => {
                let (application, session) = rest.rsplit_once('/').ok_or_else(wrong)?;
                let key = SessionKey {
                    application: ApplicationId::new(application).map_err(|e| e.to_string())?,
                    session: SessionIdentifier::new(session).map_err(|e| e.to_string())?,
                };
                (key, number)
            }
        };
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(wrong());
        }
        match number.parse() {
            Ok(number) if number > 0 => Ok(Self::new(session, TaskIdentifier(number))),
            _ => Err(wrong()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_as_they_are_shown() {
        for text in ["1", "12", "18446744073709551615", "com.example/sync/3", "@scope/app/sync/3"] {
            assert_eq!(text.parse::<TaskName>().map(|n| n.to_string()), Ok(text.to_owned()));
        }
        assert_eq!("urlsession/shell/7".parse::<TaskName>().unwrap().to_string(), "7");
        for text in [
            "",
            "0",
            "-1",
            "+1",
            "x",
            "app/1",
            "/s/1",
            "a//1",
            "a/s/",
            "a/s/0",
            "99999999999999999999",
        ] {
            assert!(text.parse::<TaskName>().is_err(), "{text}");
        }
    }
}
