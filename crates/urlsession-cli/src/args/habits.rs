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
    ("-x", "curl’s -x is --proxy here, aria2c’s is -s"),
    ("-E", "curl’s -E is --cert here"),
    ("-N", BUFFERED),
    ("--no-buffer", BUFFERED),
    ("--proxy-digest", "a proxy is shown the strongest way that it offers; there is no other"),
    ("--http0.9", "what begins with no head is no response here"),
    ("--raw", "a file is what the server means: its chunks are put together"),
    ("--keepalive-time", UNPROBED),
    ("--keepalive-intvl", UNPROBED),
    ("--keepalive-cnt", UNPROBED),
    ("--spider", "wget’s --spider is -I here"),
    ("--tries", "wget’s --tries=N is --retry N here, which counts those after the first"),
    ("--max-tries", "aria2c’s --max-tries=N is --retry N here, which counts those after the first"),
    ("--no-check-certificate", "wget’s --no-check-certificate is --insecure here"),
    ("--post-data", "wget’s --post-data is --data here"),
    ("--load-cookies", "wget’s --load-cookies FILE is -b FILE here"),
    ("--timeout", "wget’s --timeout is --connect-timeout and --idle-timeout here"),
    ("--max-connection-per-server", "aria2c’s --max-connection-per-server is -s here"),
    ("--ignore-content-length", "where a length is told, what is shorter is not whole"),
];

/// Says whether it is a command that has options of curl's.
pub(super) fn is_transfer(command: &OsString) -> bool {
    ["get", "download", "add", "put", "upload"].iter().any(|name| command == name)
}

/// Returns what to type instead, if a habit led to the error.
pub(super) fn tip(error: &Error, words: &[OsString]) -> Option<&'static str> {
    // What is wrong with it says nothing of the letter in front.
    let is_output = |word: &OsString| {
        let letters = word.to_str().and_then(|word| word.strip_prefix('-'));
        letters.is_some_and(|letters| !letters.starts_with('-') && letters.ends_with("O-"))
    };
    if words.iter().any(is_output) {
        return Some(NAMED);
    }
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
            let words = words.map(OsString::from).to_vec();
            let read = super::super::Cli::command().try_get_matches_from(words.clone());
            read.err().and_then(|error| tip(&error, &words))
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
            ("-x4", Some("aria2c’s is -s")),
            ("-O-", Some("wget’s -O FILE")),
            ("-qO-", Some("wget’s -O FILE")),
            ("--spider", Some("-I here")),
            ("--tries=3", Some("--retry N here")),
            ("--max-tries=3", Some("--retry N here")),
            ("--no-check-certificate", Some("--insecure")),
            ("--post-data=a", Some("--data here")),
            ("--load-cookies", Some("-b FILE")),
            ("--timeout=3", Some("--idle-timeout")),
            ("--max-connection-per-server=4", Some("-s here")),
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
