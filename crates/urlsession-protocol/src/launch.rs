//! How the app of a session is started again when it is needed and does not run.

use crate::{Error, ErrorCode, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::{Path, PathBuf};

/// Most bytes of a launch command, all its texts together.
pub const LAUNCH_COMMAND_LIMIT: usize = 64 * 1024;
/// Most arguments of a launch command.
pub const ARGUMENTS_LIMIT: usize = 256;
/// Most variables of a launch command.
pub const VARIABLES_LIMIT: usize = 64;
/// Tells the launched app which session it was launched for.
pub const LAUNCH_SESSION_VARIABLE: &str = "URLSESSION_LAUNCH_SESSION";
/// Tells the launched app the number of its launch: the `handlerId` of Titanium.
pub const LAUNCH_HANDLER_VARIABLE: &str = "URLSESSION_LAUNCH_HANDLER";

/// A program that the daemon starts, without a shell, when every task of the session has ended
/// and nobody is there to be told. Its `Debug` shows no value of a variable.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchCommand {
    /// The executable's absolute path.
    pub program: PathBuf,
    /// Its arguments, the program's name not among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub arguments: Vec<String>,
    /// The absolute path of the folder it starts in.
    pub directory: PathBuf,
    /// Variables beside those that every launched program has.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub environment: Vec<(String, String)>,
}

impl LaunchCommand {
    /// Checks that a system can be asked for it, and the limits.
    ///
    /// # Errors
    /// Says which rule the command breaks.
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::new(ErrorCode::UNKNOWN).because(why));
        if !self.program.is_absolute() || !self.directory.is_absolute() {
            return refuse("the program and the directory of a launch command must be absolute");
        }
        if self.arguments.len() > ARGUMENTS_LIMIT || self.environment.len() > VARIABLES_LIMIT {
            return refuse("a launch command has too many arguments or variables");
        }
        let legal = |name: &String| !name.is_empty() && !name.contains('=');
        if !self.environment.iter().all(|(name, _)| legal(name)) {
            return refuse("a launch command has a variable without a name");
        }
        if self.texts().any(|text| text.contains(&0)) {
            return refuse("a launch command must not contain NUL");
        }
        if self.texts().map(<[u8]>::len).sum::<usize>() > LAUNCH_COMMAND_LIMIT {
            return refuse("a launch command is too long");
        }
        Ok(())
    }

    fn texts(&self) -> impl Iterator<Item = &[u8]> {
        let bytes = |path| Path::as_os_str(path).as_encoded_bytes();
        let variables = self.environment.iter().flat_map(|(name, value)| [name, value]);
        let texts = self.arguments.iter().chain(variables).map(String::as_bytes);
        [bytes(&self.program), bytes(&self.directory)].into_iter().chain(texts)
    }
}

impl fmt::Debug for LaunchCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&String> = self.environment.iter().map(|(name, _)| name).collect();
        f.debug_struct("LaunchCommand")
            .field("program", &self.program)
            .field("arguments", &self.arguments)
            .field("directory", &self.directory)
            .field("environment", &names)
            .finish()
    }
}

/// How the launching of a session's app goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LaunchStatus {
    /// Where it is.
    #[serde(flatten)]
    pub state: LaunchState,
    /// Launches since the app last acknowledged an event.
    pub attempts: u32,
    /// Why the last of them was of no use.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// Where the launching of a session's app is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", content = "until", rename_all = "snake_case")]
pub enum LaunchState {
    /// There is nothing to launch the app for.
    Resting,
    /// It is launched then.
    Due(Timestamp),
    /// It was launched.
    Launched,
    /// So many launches were of no use that there are no more until another task has ended.
    GivenUp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn a_command_must_be_whole_and_bounded() {
        let good = command();
        assert_eq!(good.check(), Ok(()));
        let many = |count| vec![String::new(); count];
        for (bad, sentence) in [
            (LaunchCommand { program: "app".into(), ..command() }, "absolute"),
            (LaunchCommand { directory: ".".into(), ..command() }, "absolute"),
            (LaunchCommand { arguments: many(ARGUMENTS_LIMIT + 1), ..command() }, "too many"),
            (LaunchCommand { environment: vec![variable("", "")], ..command() }, "without a name"),
            (LaunchCommand { environment: vec![variable("A=B", "")], ..command() }, "without"),
            (LaunchCommand { arguments: vec!["a\0b".to_owned()], ..command() }, "NUL"),
            (
                LaunchCommand { arguments: vec!["a".repeat(LAUNCH_COMMAND_LIMIT)], ..command() },
                "too long",
            ),
        ] {
            let error = bad.check().unwrap_err().to_string();
            assert!(error.contains(sentence), "{error}");
        }
    }

    #[test]
    fn the_value_of_a_variable_is_not_printed() {
        let shown = format!("{:?}", command());
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }

    fn command() -> LaunchCommand {
        LaunchCommand {
            program: "/usr/bin/app".into(),
            arguments: vec!["--quiet".to_owned()],
            directory: "/".into(),
            environment: vec![variable("TOKEN", "hunter2")],
        }
    }

    fn variable(name: &str, value: &str) -> (String, String) {
        (name.to_owned(), value.to_owned())
    }
}
