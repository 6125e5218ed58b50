//! Letters that mean something else to curl's users, or nothing here: what to type instead.

use clap::Error;
use clap::error::{ContextKind, ContextValue};
use std::ffi::OsString;

/// For a list that is a URL, too.
pub(crate) const INCLUDE: &str = "curl’s -i is --include here; -i names a list of URLs";

/// For what is no URL behind -O.
pub(crate) const NAMED: &str = "wget’s -O FILE is -o FILE here; -O takes the name from the URL";

/// For what is no URL beside -c.
pub(crate) const JAR: &str =
    "curl’s -c is --cookie-jar here; -c goes on with a file that is partly there";

const BUFFERED: &str = "curl’s -N is not there: what goes to standard output is whole first";

const UNPROBED: &str =
    "TCP is sent no probes: a connection where nothing moves ends with --idle-timeout";

/// What cannot be read, by the option that it was taken for, and what was probably meant.
const HABITS: &[(&str, &str)] = &[
    ("--segments", "curl’s -s is -q here; -s says in how many parts a file comes"),
    ("--input-file", INCLUDE),
    ("-k", "curl’s -k is --insecure here"),
    ("-x", "curl’s -x is --proxy here"),
    ("-E", "curl’s -E is --cert here"),
    ("-N", BUFFERED),
    ("--no-buffer", BUFFERED),
    ("--proxy-digest", "a proxy is shown the strongest way that it offers; there is no other"),
    ("--http0.9", "what begins with no head is no response here"),
    ("--raw", "a file is what the server means: its chunks are put together"),
    ("--keepalive-time", UNPROBED),
    ("--keepalive-intvl", UNPROBED),
    ("--keepalive-cnt", UNPROBED),
    ("--ignore-content-length", "where a length is told, what is shorter is not whole"),
];

/// Says whether it is a command that has options of curl's.
pub(super) fn is_transfer(command: &OsString) -> bool {
    ["get", "download", "add", "put", "upload"].iter().any(|name| command == name)
}

/// Returns what to type instead, if a habit led to the error.
pub(super) fn tip(error: &Error) -> Option<&'static str> {
    let Some(ContextValue::String(wrong)) = error.get(ContextKind::InvalidArg) else { return None };
    let name = wrong.split(' ').next();
    HABITS.iter().find(|(habit, _)| Some(*habit) == name).map(|(_, tip)| *tip)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn habits_are_understood() {
        let tip_of = |word: &str| {
            let words = ["urlsession", "get", "http://h/", word];
            super::super::Cli::command().try_get_matches_from(words).err().and_then(|e| tip(&e))
        };
        for (word, expected) in [
            ("-k", Some("--insecure")),
            ("-qk", Some("--insecure")),
            ("-x", Some("--proxy")),
            ("-E", Some("--cert")),
            ("-s", Some("-q here")),
            ("-sSL", Some("-q here")),
            ("-i", Some("--include")),
            ("-N", Some("whole first")),
            ("--no-buffer", Some("whole first")),
            ("--proxy-digest", Some("strongest")),
            ("--raw", Some("chunks")),
            ("--keepalive-time", Some("--idle-timeout")),
            ("-o", None),
            ("--nothing", None),
            ("-L", None),
        ] {
            match (tip_of(word), expected) {
                (Some(tip), Some(expected)) => assert!(tip.contains(expected), "{word}: {tip}"),
                (tip, expected) => assert_eq!(tip, expected, "{word}"),
            }
        }
    }
}
