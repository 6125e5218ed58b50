//! `--no-OPTION`: takes back a switch that stands before it, as for curl.

use clap::{Arg, ArgAction, Command};
use std::ffi::OsStr;

/// How they all begin.
const BEGIN: &str = "--no-";

/// The switches that can be taken back, and how that is typed.
const NEGATIONS: &[(&str, &str)] = &[
    ("anyauth", "no-anyauth"),
    ("basic", "no-basic"),
    ("compressed", "no-compressed"),
    ("create_dirs", "no-create-dirs"),
    ("digest", "no-digest"),
    ("fail_early", "no-fail-early"),
    ("fail_with_body", "no-fail-with-body"),
    ("form_escape", "no-form-escape"),
    ("get", "no-get"),
    ("globoff", "no-globoff"),
    ("head", "no-head"),
    ("http3", "no-http3"),
    ("include", "no-include"),
    ("insecure", "no-insecure"),
    ("junk_session_cookies", "no-junk-session-cookies"),
    ("location_trusted", "no-location-trusted"),
    ("netrc", "no-netrc"),
    ("netrc_optional", "no-netrc-optional"),
    ("parallel", "no-parallel"),
    ("path_as_is", "no-path-as-is"),
    ("post301", "no-post301"),
    ("post302", "no-post302"),
    ("post303", "no-post303"),
    ("proxytunnel", "no-proxytunnel"),
    ("quiet", "no-silent"),
    ("remote_header_name", "no-remote-header-name"),
    ("remote_name", "no-remote-name"),
    ("remote_time", "no-remote-time"),
    ("retry_all_errors", "no-retry-all-errors"),
    ("show_error", "no-show-error"),
    ("suppress_connect_headers", "no-suppress-connect-headers"),
    ("tr_encoding", "no-tr-encoding"),
    ("use_ascii", "no-use-ascii"),
    ("verbose", "no-verbose"),
];

/// Says whether a word may be one of them.
pub(super) fn is_one(word: &OsStr) -> bool {
    word.to_str().is_some_and(|word| word.starts_with(BEGIN))
}

/// Adds them to the commands that have switches of curl's.
pub(super) fn add(mut command: Command) -> Command {
    for name in ["get", "add", "put"] {
        command = command.mut_subcommand(name, with_negations);
    }
    command
}

fn with_negations(mut command: Command) -> Command {
    for (switch, negation) in NEGATIONS {
        if !command.get_arguments().any(|argument| argument.get_id() == switch) {
            continue;
        }
        let taken_back = Arg::new(*negation).long(*negation).hide(true).action(ArgAction::SetTrue);
        command = command
            .mut_arg(switch, |argument| argument.overrides_with(*negation))
            .arg(taken_back.overrides_with(*switch));
    }
    command
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn all_of_them_are_switches_of_get() {
        let shell = super::super::Cli::command();
        let get = shell.find_subcommand("get").unwrap();
        for (switch, negation) in NEGATIONS {
            let argument = get.get_arguments().find(|argument| argument.get_id() == switch);
            let argument = argument.unwrap_or_else(|| panic!("there is no {switch}"));
            assert!(argument.get_num_args().is_none_or(|n| !n.takes_values()), "{switch}");
            assert!(is_one(OsStr::new(&format!("--{negation}"))), "{negation}");
        }
    }
}
