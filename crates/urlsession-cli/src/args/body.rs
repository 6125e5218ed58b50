//! What a request carries: data and forms, in the order in which they were typed.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};

/// One piece of data as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Datum {
    /// `DATA`, or `@FILE` for the bytes of a file.
    Plain(String),
    /// As it stands, also with an `@` in front.
    Raw(String),
    /// `CONTENT`, `=CONTENT`, `NAME=CONTENT`, `@FILE` or `NAME@FILE`, percent-encoded.
    Encoded(String),
}

/// All of it, which is sent with an `&` between.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct DataArgs(pub(crate) Vec<Datum>);

/// The options: their names, what they mean, what the help says.
type Meaning = fn(String) -> Datum;
const OPTIONS: [(&str, Meaning, &str); 3] = [
    (
        "data",
        Datum::Plain,
        "Send DATA with POST; ‘get’ prints the answer. ‘@FILE’ sends a file’s bytes. Several are sent \
         with ‘&’ between them",
    ),
    ("data-raw", Datum::Raw, "The same, but an ‘@’ in front means nothing"),
    (
        "data-urlencode",
        Datum::Encoded,
        "The same, percent-encoded: ‘CONTENT’, ‘NAME=CONTENT’, ‘@FILE’ or ‘NAME@FILE’",
    ),
];

impl Args for DataArgs {
    fn augment_args(command: Command) -> Command {
        OPTIONS.into_iter().fold(command, |command, (name, _, help)| {
            let option = Arg::new(name)
                .long(name)
                .help(help)
                .value_name("DATA")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .conflicts_with_all(["input_file", "checksum", "upload_file"]);
            // Nothing is ever taken out of a file’s bytes here.
            command.arg(if name == "data" {
                option.aliases(["data-binary", "data-ascii"])
            } else {
                option
            })
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for DataArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let typed = OPTIONS.iter().flat_map(|(name, meaning, _)| {
            let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
            matches.indices_of(name).into_iter().flatten().zip(values.map(meaning))
        });
        let mut typed: Vec<(usize, Datum)> = typed.collect();
        typed.sort_by_key(|(at, _)| *at);
        Ok(Self(typed.into_iter().map(|(_, datum)| datum).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// One field of a form as it was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Field {
    /// `NAME=VALUE`, `NAME=@FILE` or `NAME=<FILE`, and what follows a semicolon.
    Typed(String),
    /// `NAME=VALUE`, all of it as it stands.
    Plain(String),
}

/// All fields of a form.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FormArgs(pub(crate) Vec<Field>);

const TYPED: &str = "form";
const PLAIN: &str = "form-string";

impl Args for FormArgs {
    fn augment_args(command: Command) -> Command {
        let others =
            ["input_file", "checksum", "upload_file", "data", "data-raw", "data-urlencode"];
        let field = |name: &'static str, help| {
            Arg::new(name)
                .long(name)
                .help(help)
                .value_name("FIELD")
                .action(ArgAction::Append)
                .allow_hyphen_values(true)
                .conflicts_with_all(others)
                .conflicts_with("remote_header_name")
        };
        let typed = field(
            TYPED,
            "Send a form with POST; ‘get’ prints the answer: ‘NAME=VALUE’, ‘NAME=@FILE’ to send a file, \
             ‘NAME=<FILE’ for its text, each with ‘;type=TYPE’, ‘;filename=NAME’ and ‘;headers=FIELD’; \
             once for every field. Several files of one field stand between commas",
        );
        let plain = field(PLAIN, "The same, but nothing in the value has a meaning");
        command.arg(typed.short('F')).arg(plain)
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for FormArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        let options = [(TYPED, Field::Typed as fn(String) -> Field), (PLAIN, Field::Plain)];
        let typed = options.into_iter().flat_map(|(name, meaning)| {
            let values = matches.get_many::<String>(name).into_iter().flatten().cloned();
            matches.indices_of(name).into_iter().flatten().zip(values.map(meaning))
        });
        let mut typed: Vec<(usize, Field)> = typed.collect();
        typed.sort_by_key(|(at, _)| *at);
        Ok(Self(typed.into_iter().map(|(_, field)| field).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}
