//! Which exit code tells what happened: few, stable, the same for every command.

use crate::advice::{self, Asked};
use crate::escape::{shortened, shown};
use crate::terminal;
use crate::user_info;
use std::fmt;
use std::io;
use urlsession::{Error, ErrorCode};

/// Most letters of a URL that is told in front of why it is none.
const URL_WIDTH: usize = 80;

/// Everything asked for was done.
pub(crate) const DONE: u8 = 0;
/// Something failed, or several tasks failed for different causes.
pub(crate) const SOME_FAILED: u8 = 1;
/// The command line, a list or a URL is wrong.
pub(crate) const USAGE: u8 = 2;
/// Something is not finished, or not running.
pub(crate) const UNFINISHED: u8 = 3;
/// The server wants credentials, or refused those it got.
pub(crate) const AUTHENTICATION: u8 = 4;
/// There is no such task.
pub(crate) const NO_SUCH_TASK: u8 = 5;
/// The daemon cannot be reached nor started.
pub(crate) const NO_DAEMON: u8 = 6;
/// The file is not the one that was promised.
pub(crate) const INTEGRITY: u8 = 7;
/// The server answered with an error status.
pub(crate) const HTTP_STATUS: u8 = 8;
/// The disk is full, or a local file cannot be read or written.
pub(crate) const FILE: u8 = 9;
/// The network or the server's side of it failed.
pub(crate) const NETWORK: u8 = 10;
/// The task was cancelled.
pub(crate) const CANCELLED: u8 = 11;
/// `--timeout` ran out, as timeout(1) says it.
pub(crate) const TIMED_OUT: u8 = 124;
/// Added to a signal's number, as shells do.
pub(crate) const SIGNALLED: u8 = 128;

/// Tells what a task's error means for the shell.
pub(crate) fn code_of(error: &Error) -> u8 {
    match error.code {
        ErrorCode::BAD_URL | ErrorCode::UNSUPPORTED_URL => USAGE,
        ErrorCode::CANCELLED => CANCELLED,
        ErrorCode::BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS
        | ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED => NO_DAEMON,
        ErrorCode::USER_CANCELLED_AUTHENTICATION | ErrorCode::USER_AUTHENTICATION_REQUIRED => {
            AUTHENTICATION
        }
        ErrorCode::DOWNLOAD_DECODING_FAILED_TO_COMPLETE => INTEGRITY,
        ErrorCode::FILE_DOES_NOT_EXIST
        | ErrorCode::FILE_IS_DIRECTORY
        | ErrorCode::NO_PERMISSIONS_TO_READ_FILE
        | ErrorCode::REQUEST_BODY_STREAM_EXHAUSTED => FILE,
        ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM => SOME_FAILED,
        ErrorCode(-3999..=-3000) => FILE,
        _ if advice::is_about_file(error) => FILE,
        // Any other status is a proxy's, which did not let through to the server.
        ErrorCode::BAD_SERVER_RESPONSE => match error.status_code {
            Some(401 | 403 | 407) => AUTHENTICATION,
            Some(_) => HTTP_STATUS,
            None => NETWORK,
        },
        ErrorCode(-1299..=-1001) => NETWORK,
        _ => SOME_FAILED,
    }
}

/// Tells what the ends of several tasks mean together: the common cause, or that causes differ.
pub(crate) fn code_of_all<'a>(ends: impl IntoIterator<Item = Option<&'a Error>>) -> u8 {
    let mut common = DONE;
    for error in ends.into_iter().flatten() {
        let code = code_of(error);
        if common != DONE && common != code {
            return SOME_FAILED;
        }
        common = code;
    }
    common
}

/// Why a command gave up: what to exit with, what to say, what to do next.
#[derive(Debug)]
pub(crate) struct Failure {
    /// What to exit with.
    pub(crate) code: u8,
    /// What happened and why; safe to show.
    pub(crate) message: String,
    /// What can be done about it.
    pub(crate) next: Option<String>,
}

impl Failure {
    pub(crate) fn new(code: u8, message: impl fmt::Display) -> Self {
        let message = message.to_string();
        Self { code, message: shown(&user_info::without(&message)).into_owned(), next: None }
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(USAGE, message)
    }

    /// Makes the failure of a local file, naming it.
    pub(crate) fn file(path: &std::path::Path, error: &io::Error) -> Self {
        Self::new(FILE, format!("{}: {error}", path.display()))
    }

    /// Adds what can be done about it.
    pub(crate) fn next(mut self, advice: impl Into<String>) -> Self {
        self.next = Some(advice.into());
        self
    }

    /// Says where it happened, in front.
    pub(crate) fn at(self, place: &str) -> Self {
        Self { message: format!("{}: {}", shown(&user_info::without(place)), self.message), ..self }
    }

    /// Makes the failure of a request that is illegal before any byte moved: whatever its number,
    /// the command line is to blame, unless it is a file.
    pub(crate) fn refused(error: &Error) -> Self {
        let code = match code_of(error) {
            SOME_FAILED => USAGE,
            code => code,
        };
        match &error.detail {
            // The code itself says nothing.
            Some(why) if error.code == ErrorCode::UNKNOWN => Self::new(code, why),
            _ => {
                let failure = Self { code, ..Self::from(error.clone()) };
                // Of several URLs it is to be known which; what has no scheme may have a password.
                match error.failing_url.as_deref().filter(|url| !url.contains('@')) {
                    Some(url) => failure.at(&shortened(url, URL_WIDTH)),
                    None => failure,
                }
            }
        }
    }

    /// Joins two failures of one command: the first is said, and the second is still to be.
    pub(crate) fn both(first: Option<Self>, second: Option<Self>) -> Option<Self> {
        match (first, second) {
            (Some(first), Some(second)) if second.is_broken_pipe() => Some(first),
            (Some(first), Some(second)) if !first.is_broken_pipe() => {
                let code = if first.tell() == second.code { second.code } else { SOME_FAILED };
                Some(Self { code, ..second })
            }
            (first, second) => second.or(first),
        }
    }

    /// Joins it with the exit code of tasks that failed besides, and were told: a reader who went away
    /// takes no failure back.
    pub(crate) fn beside(self, ends: u8) -> Result<u8, Self> {
        match ends {
            DONE => Err(self),
            ends if self.is_broken_pipe() => Ok(ends),
            ends if self.code == ends => Err(self),
            _ => Err(Self { code: SOME_FAILED, ..self }),
        }
    }

    /// Says what happened; returns what to exit with.
    pub(crate) fn tell(&self) -> u8 {
        if !self.is_broken_pipe() {
            let _ = terminal::say(&format!("urlsession: {}", self.message));
            if let Some(next) = &self.next {
                let _ = terminal::say(&format!("  {next}"));
            }
        }
        self.code
    }

    /// Says whether nobody reads the output any more, which is no failure.
    pub(crate) fn is_broken_pipe(&self) -> bool {
        self.code == DONE
    }
}

/// Spells an error with its number, which is what one can search for.
pub(crate) fn sentence(error: &Error) -> String {
    format!("{} [{}]", shown(&error.to_string()), error.code.0)
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let mut failure = Self::new(code_of(&error), sentence(&error));
        let url = error.failing_url.as_deref();
        let asked = url.map(|url| Asked { url, is_get: true, is_download: true });
        failure.next = advice::after(&error, asked);
        failure
    }
}

/// Output that cannot be written; a reader that went away (`| head`) ends the command in peace.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        let code = if error.kind() == io::ErrorKind::BrokenPipe { DONE } else { FILE };
        Self::new(code, format!("cannot write the output: {error}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(code: i32, status: Option<u16>) -> Error {
        Error { status_code: status, ..Error::new(ErrorCode(code)) }
    }

    #[test]
    fn every_error_has_its_exit_code() {
        for (code, status, expected) in [
            (-1, None, SOME_FAILED),
            (-996, None, NO_DAEMON),
            (-997, None, NO_DAEMON),
            (-999, None, CANCELLED),
            (-1000, None, USAGE),
            (-1001, None, NETWORK),
            (-1002, None, USAGE),
            (-1003, None, NETWORK),
            (-1004, None, NETWORK),
            (-1004, Some(403), NETWORK),
            (-1004, Some(503), NETWORK),
            (-1005, None, NETWORK),
            (-1006, None, NETWORK),
            (-1007, None, NETWORK),
            (-1009, None, NETWORK),
            (-1011, None, NETWORK),
            (-1011, Some(401), AUTHENTICATION),
            (-1011, Some(403), AUTHENTICATION),
            (-1011, Some(404), HTTP_STATUS),
            (-1011, Some(407), AUTHENTICATION),
            (-1011, Some(503), HTTP_STATUS),
            (-1012, None, AUTHENTICATION),
            (-1013, None, AUTHENTICATION),
            (-1013, Some(407), AUTHENTICATION),
            (-1017, None, NETWORK),
            (-1021, None, FILE),
            (-1022, None, NETWORK),
            (-1100, None, FILE),
            (-1101, None, FILE),
            (-1102, None, FILE),
            (-1103, None, SOME_FAILED),
            (-1200, None, NETWORK),
            (-1202, None, NETWORK),
            (-1206, None, NETWORK),
            (-3000, None, FILE),
            (-3003, None, FILE),
            (-3005, None, FILE),
            (-3007, None, INTEGRITY),
            (42, None, SOME_FAILED),
        ] {
            assert_eq!(code_of(&error(code, status)), expected, "{code} {status:?}");
        }
        let unusable = error(-1206, None).because("cannot use the file /f: it has no certificate");
        assert_eq!(code_of(&unusable), FILE);
    }

    #[test]
    fn several_ends_have_one_code() {
        let (lost, refused) = (error(-1005, None), error(-1004, None));
        let cancelled = error(-999, None);
        for (ends, expected) in [
            (vec![], DONE),
            (vec![None, None], DONE),
            (vec![None, Some(&lost)], NETWORK),
            (vec![Some(&refused), Some(&lost)], NETWORK),
            (vec![Some(&cancelled), Some(&lost)], SOME_FAILED),
        ] {
            assert_eq!(code_of_all(ends.clone()), expected, "{ends:?}");
        }
    }

    #[test]
    fn what_failed_besides_counts() {
        let gone = || Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        let full = || Failure::new(FILE, "full");
        for (failure, ends, expected) in [
            (gone(), DONE, Err(DONE)),
            (gone(), HTTP_STATUS, Ok(HTTP_STATUS)),
            (full(), DONE, Err(FILE)),
            (full(), FILE, Err(FILE)),
            (full(), HTTP_STATUS, Err(SOME_FAILED)),
        ] {
            assert_eq!(failure.beside(ends).map_err(|failure| failure.code), expected, "{ends}");
        }
    }

    #[test]
    fn an_illegal_request_is_a_usage_error() {
        assert_eq!(Failure::refused(&error(-1, None)).code, USAGE);
        assert_eq!(Failure::refused(&error(-1103, None)).code, USAGE);
        assert_eq!(Failure::refused(&error(-1100, None)).code, FILE);
        let of = |url| Failure::refused(&error(-1002, None).for_url(url)).message;
        assert!(of("h/f").starts_with("h/f: unsupported URL"), "{}", of("h/f"));
        assert!(of("ftp://me:pw@h/f").starts_with("ftp://h/f: "), "{}", of("ftp://me:pw@h/f"));
        assert!(!of("me:pw@h/f").contains("pw"), "{}", of("me:pw@h/f"));
        let refused = Failure::refused(&error(-1, None).because("“A B” is no HTTP method"));
        assert_eq!((refused.code, &*refused.message), (USAGE, "“A B” is no HTTP method"));
    }
}
