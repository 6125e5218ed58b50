//! Where what URLs bring goes, in the order in which it was typed.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use std::path::PathBuf;

/// Where what one URL brings goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Output {
    /// `-o FILE`; `-` is standard output.
    File(PathBuf),
    /// `-O`: to a file that is called as in the URL.
    Named,
    /// `--out-null`: nowhere.
    Nowhere,
}

/// All of it: one for every URL, or for all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct OutputArgs(pub(crate) Vec<Output>);

const FILE: &str = "output";
const NAMED: &str = "remote_name";
const NOWHERE: &str = "out_null";

impl Args for OutputArgs {
    fn augment_args(command: Command) -> Command {
        let file = Arg::new(FILE)
            .short('o')
            .long("output")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help(
                "Save as FILE, replacing it: one for every URL, in the same order. ‘-’ writes to standard \
                 output at the end, and serves for all, as does a device such as /dev/null",
            );
        let named = Arg::new(NAMED)
            .short('O')
            .long("remote-name")
            .visible_alias("remote-name-all")
            .help("Take the name from the URL, curl_response where it has none; so it is without -o, but for that");
        let nowhere =
            Arg::new(NOWHERE).long("out-null").help("Throw away what the URL in its place brings");
        let flag = |option: Arg| option.num_args(0).default_missing_value("");
        [file, flag(named), flag(nowhere)]
            .into_iter()
            .fold(command, |command, option| command.arg(option.action(ArgAction::Append)))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for OutputArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let places = |name: &str| matches.indices_of(name).into_iter().flatten();
        let files = matches.get_many::<PathBuf>(FILE).into_iter().flatten().cloned();
        let mut typed: Vec<(usize, Output)> = places(FILE).zip(files.map(Output::File)).collect();
        typed.extend(places(NAMED).map(|at| (at, Output::Named)));
        typed.extend(places(NOWHERE).map(|at| (at, Output::Nowhere)));
        typed.sort_by_key(|(at, _)| *at);
        Ok(Self(typed.into_iter().map(|(_, output)| output).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
