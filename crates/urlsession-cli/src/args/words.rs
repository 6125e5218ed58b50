//! The words of `get` and `add` before clap reads them: `-K FILE` becomes what the file says, `--next`
//! begins a command of its own, and `--url URL` is a URL.

use super::parse::{header_fields, is_field, leave_out};
use super::variables::Variables;
use crate::config::{self, Line};
use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::input;
use crate::terminal;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, Error, FromArgMatches};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// Most bytes of one file of options.
const CONFIG_FILE_LIMIT: u64 = 4 * 1024 * 1024;
/// Most files of options that name one another.
const CONFIG_DEPTH_LIMIT: usize = 10;
/// Most commands in one.
const PARTS_LIMIT: usize = 1000;

/// Words of wget's that would be letters here, and what to do instead.
const OF_WGET: &[(&str, &str, &str)] = &[
    (
        "-nc",
        "-nc would be -n and -c here, which goes on with a file that is there",
        "wget’s -nc is --skip-existing here",
    ),
    (
        "-nv",
        "-nv would be -n and -v here, which says more",
        "wget’s -nv is --no-progress-meter here; -q says nothing but errors",
    ),
    (
        "-np",
        "-np would be -n and -p here, which is about proxies",
        "leave wget’s -np out: no URL is followed into others",
    ),
];

/// What stands before the name of an option whose value has variables in it.
const EXPAND: &str = "expand-";

/// One command line.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Part {
    pub(crate) words: Vec<OsString>,
    /// What stands in files: their names, with the number of a line, and what it says.
    pub(crate) lines: Vec<(String, Vec<OsString>)>,
}

/// Returns one command line for each part.
pub(crate) fn parts(arguments: Vec<OsString>) -> Result<Vec<Part>, Failure> {
    let is_one = |word: &OsString| ["get", "download", "add"].iter().any(|name| word == name);
    // To know all options takes as long as clap needs to read the words.
    if !arguments.get(1).is_some_and(is_one) || !arguments.iter().any(|word| may_be_ours(word)) {
        return Ok(vec![Part { words: arguments, lines: Vec::new() }]);
    }
    let (command, words) = arguments.split_at(2);
    let mut reader = Reader {
        options: Options::of_get(),
        parts: vec![Part::default()],
        depth: 0,
        variables: Variables::default(),
    };
    reader.words(words.to_vec())?;
    let mut parts = reader.parts;
    // A file may begin with ‘next’.
    parts.retain(|part| !part.words.is_empty());
    if parts.is_empty() {
        parts.push(Part::default());
    }
    for part in &mut parts {
        part.words.splice(..0, command.iter().cloned());
    }
    Ok(parts)
}

/// Says whether a word may be one of those that clap is not to see, or have one in it.
fn may_be_ours(word: &OsStr) -> bool {
    let text = word.to_str().unwrap_or_default();
    match text.strip_prefix("--") {
        Some(long) => match long.split('=').next() {
            Some("next" | "config" | "url" | "variable") => true,
            name => name.is_some_and(|name| name.starts_with(EXPAND)),
        },
        None => is_of_wget(text) || (text.starts_with('-') && text.contains(['K', ':'])),
    }
}

fn is_of_wget(text: &str) -> bool {
    OF_WGET.iter().any(|(word, ..)| *word == text)
}

/// What the help says of words that are gone when clap reads the rest.
#[derive(Debug)]
pub(crate) struct WordArgs;

impl Args for WordArgs {
    fn augment_args(command: Command) -> Command {
        let value = |name: &'static str, value, help| {
            Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
        };
        command
            .arg(value("url", "URL", "The same as a URL alone; ‘@FILE’ is those of a file, one a line"))
            .arg(
                value(
                    "config",
                    "FILE",
                    "Read options from FILE (‘-’ is standard input), one a line: ‘name = value’, \
                     ‘name value’ or a name alone, values with blanks in double quotes, ‘#’ comments",
                )
                .short('K'),
            )
            .arg(value(
                "variable",
                "NAME=VALUE",
                "Set a variable; ‘NAME@FILE’ is the content of FILE, ‘%NAME’ is of the environment, \
                 ‘%NAME=VALUE’ unless it has it, ‘NAME[0-9]=VALUE’ only these bytes",
            ))
            .arg(value(
                "expand-OPTION",
                "TEXT",
                "Do as --OPTION, with ‘{{NAME}}’ in TEXT replaced by the variable; ‘{{NAME:trim:url}}’ \
                 applies functions: trim, json, url, b64, 64dec",
            ))
            .arg(Arg::new("next").long("next").action(ArgAction::Count).help(
                "Do what stands before, then what stands behind, which has options of its own; -q, -v, \
                 --json and --fail-early are for all",
            ))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for WordArgs {
    fn from_arg_matches(_: &ArgMatches) -> Result<Self, Error> {
        Ok(Self)
    }

    fn update_from_arg_matches(&mut self, _: &ArgMatches) -> Result<(), Error> {
        Ok(())
    }
}

/// Which options there are, and whether a value follows.
struct Options {
    long: BTreeMap<String, bool>,
    short: BTreeMap<char, (String, bool)>,
}

impl Options {
    fn of_get() -> Self {
        let (mut long, mut short) = (BTreeMap::new(), BTreeMap::new());
        let shell = super::command();
        let arguments = shell.find_subcommand("get").into_iter().flat_map(Command::get_arguments);
        for argument in arguments {
            let Some(name) = argument.get_long() else { continue };
            let takes_value = argument.get_action().takes_values()
                && argument.get_num_args().is_none_or(|number| number.takes_values());
            let aliases = argument.get_all_aliases().unwrap_or_default();
            for name in aliases.into_iter().chain([name]) {
                long.insert(name.to_owned(), takes_value);
            }
            let aliases = argument.get_all_short_aliases().unwrap_or_default();
            for letter in aliases.into_iter().chain(argument.get_short()) {
                short.insert(letter, (name.to_owned(), takes_value));
            }
        }
        Self { long, short }
    }
}

struct Reader {
    options: Options,
    parts: Vec<Part>,
    /// How many files are being read.
    depth: usize,
    variables: Variables,
}

impl Reader {
    fn words(&mut self, words: Vec<OsString>) -> Result<(), Failure> {
        let mut words = words.into_iter();
        while let Some(word) = words.next() {
            let text = word.to_str().unwrap_or_default().to_owned();
            if text == "--" {
                self.push(word);
                words.by_ref().for_each(|word| self.push(word));
            } else if let Some(long) = text.strip_prefix("--") {
                self.long(long, &mut words)?;
            } else if let Some((_, why, next)) = OF_WGET.iter().find(|(word, ..)| *word == text) {
                return Err(Failure::usage(why).next(*next));
            } else if text.len() > 1 && text.starts_with('-') {
                self.letters(&text[1..], &mut words)?;
            } else {
                self.push(word);
            }
        }
        Ok(())
    }

    fn long(
        &mut self,
        text: &str,
        words: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Failure> {
        let (name, attached) = match text.split_once('=') {
            Some((name, value)) => (name, Some(OsString::from(value))),
            None => (text, None),
        };
        match name {
            "next" => self.next(),
            "config" => match attached.or_else(|| words.next()) {
                Some(path) => self.file(&path),
                None => Err(Failure::usage("-K: which file?")),
            },
            "url" => match attached.or_else(|| words.next()) {
                Some(url) => self.url(url),
                None => Err(Failure::usage("--url: which URL?")),
            },
            "variable" => match attached.or_else(|| words.next()) {
                Some(text) => self.variable(&text),
                None => Err(Failure::usage("--variable: which one?")),
            },
            _ if name.starts_with(EXPAND) => match attached.or_else(|| words.next()) {
                Some(text) => self.expanded(name, &text),
                None => Err(Failure::usage(format!("--{name}: what has the variables?"))),
            },
            _ => {
                self.push(format!("--{text}").into());
                if attached.is_none() && self.options.long.get(name) == Some(&true) {
                    words.next().into_iter().for_each(|value| self.push(value));
                }
                Ok(())
            }
        }
    }

    /// Takes letters that share a dash; the rest behind one with a value is its value.
    fn letters(
        &mut self,
        letters: &str,
        words: &mut impl Iterator<Item = OsString>,
    ) -> Result<(), Failure> {
        for (at, letter) in letters.char_indices() {
            let rest = &letters[at + letter.len_utf8()..];
            let (before, is_ours) = (&letters[..at], matches!(letter, ':' | 'K'));
            if is_ours && !before.is_empty() {
                self.push(format!("-{before}").into());
            }
            let value = |words: &mut dyn Iterator<Item = OsString>| match rest {
                "" => words.next(),
                rest => Some(rest.into()),
            };
            match letter {
                ':' => {
                    self.next()?;
                    return if rest.is_empty() { Ok(()) } else { self.letters(rest, words) };
                }
                'K' => {
                    let path = value(words).ok_or_else(|| Failure::usage("-K: which file?"))?;
                    return self.file(&path);
                }
                _ if self.options.short.get(&letter).is_some_and(|(_, takes)| *takes) => {
                    self.push(format!("-{letters}").into());
                    if rest.is_empty() {
                        words.next().into_iter().for_each(|value| self.push(value));
                    }
                    return Ok(());
                }
                _ => {}
            }
        }
        self.push(format!("-{letters}").into());
        Ok(())
    }

    fn file(&mut self, path: &OsStr) -> Result<(), Failure> {
        let path = Path::new(path);
        if self.depth >= CONFIG_DEPTH_LIMIT {
            let why = format!("{}: {CONFIG_DEPTH_LIMIT} files name one another", path.display());
            return Err(Failure::usage(why));
        }
        self.depth += 1;
        for line in config::read(&input::text(path, CONFIG_FILE_LIMIT, exit::USAGE)?) {
            let place = format!("{}:{}", path.display(), line.number);
            if let Some(doubt) = line.doubt {
                terminal::say(&format!("urlsession: {}: {doubt}", shown(&place)))?;
            }
            let before = self.parts.last().map_or(0, |part| part.words.len());
            self.line(line, &place).map_err(|failure| failure.at(&place))?;
            if let Some(part) = self.parts.last_mut() {
                // It may have begun a part.
                let said = part.words.get(before..).unwrap_or_default().to_vec();
                part.lines.push((place, said));
            }
        }
        self.depth -= 1;
        Ok(())
    }

    fn line(&mut self, line: Line, place: &str) -> Result<(), Failure> {
        let Line { name, value, .. } = line;
        let wrong = |why: String| Err(Failure::usage(why));
        let plain = match name.strip_prefix("--") {
            Some(long) if long.contains('=') => return self.words(vec![name.into()]),
            Some(long) => long.to_owned(),
            None => match name.strip_prefix('-').map(|letters| letters.chars().collect::<Vec<_>>())
            {
                None => name,
                Some(letters) => match letters[..] {
                    [':'] => "next".to_owned(),
                    [letter] => match self.options.short.get(&letter) {
                        Some((long, _)) => long.clone(),
                        None => return wrong(format!("there is no option “{name}”")),
                    },
                    // Letters that share a dash, or a value in the same word.
                    _ => {
                        let words = [Some(name), value].into_iter().flatten().map(OsString::from);
                        return self.words(words.collect());
                    }
                },
            },
        };
        match (plain.as_str(), self.options.long.get(&plain), value) {
            ("next", _, None) => self.next(),
            ("config", _, Some(path)) => self.file(OsStr::new(&path)),
            ("url", _, Some(url)) => self.url(url.into()),
            ("variable", _, Some(text)) => self.variable(OsStr::new(&text)),
            (name, _, Some(text)) if name.starts_with(EXPAND) => {
                self.expanded(name, OsStr::new(&text))
            }
            (_, None, _) => wrong(format!("there is no option “{plain}”")),
            (_, Some(true), None) => wrong(format!("“{plain}” has no value")),
            (_, Some(false), Some(_)) => wrong(format!("“{plain}” takes no value")),
            (_, Some(true), Some(value)) => {
                if plain == "header" && !value.starts_with('@') {
                    // Nobody repeats what it says, so that its place has to tell which it is.
                    if !is_field(&value) {
                        return leave_out(&format!("{}:", shown(place)));
                    }
                    header_fields(std::slice::from_ref(&value))?;
                }
                self.push(format!("--{plain}={value}").into());
                Ok(())
            }
            (_, Some(false), None) => {
                self.push(format!("--{plain}").into());
                Ok(())
            }
        }
    }

    fn variable(&mut self, text: &OsStr) -> Result<(), Failure> {
        self.variables.set(legible(text)?, |name| std::env::var_os(name))
    }

    /// Takes an option whose value has variables in it.
    fn expanded(&mut self, name: &str, text: &OsStr) -> Result<(), Failure> {
        let value = self.variables.expand(legible(text)?)?;
        let option = name.strip_prefix(EXPAND).unwrap_or(name);
        match option {
            "config" => self.file(OsStr::new(&value)),
            "url" => self.url(value.into()),
            "variable" => self.variable(OsStr::new(&value)),
            _ if self.options.long.get(option) == Some(&true) => {
                self.push(format!("--{option}={value}").into());
                Ok(())
            }
            _ => {
                Err(Failure::usage(format!("--{name}: there is no option --{option} with a value")))
            }
        }
    }

    /// Takes a URL, or with `@FILE` those of a file, one a line.
    fn url(&mut self, url: OsString) -> Result<(), Failure> {
        let text = url.to_str().unwrap_or_default();
        if text.len() > 1 && text.starts_with('-') {
            return Err(Failure::usage("--url: no URL begins with a dash"));
        }
        let Some(path) = text.strip_prefix('@') else {
            self.push(url);
            return Ok(());
        };
        let text = input::text(Path::new(path), CONFIG_FILE_LIMIT, exit::USAGE)?;
        let lines = text.lines().map(str::trim);
        let urls = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        urls.for_each(|url| self.push(url.into()));
        Ok(())
    }

    fn next(&mut self) -> Result<(), Failure> {
        if self.parts.len() >= PARTS_LIMIT {
            return Err(Failure::usage(format!("--next: more than {PARTS_LIMIT} commands in one")));
        }
        self.parts.push(Part::default());
        Ok(())
    }

    fn push(&mut self, word: OsString) {
        if let Some(part) = self.parts.last_mut() {
            part.words.push(word);
        }
    }
}

fn legible(text: &OsStr) -> Result<&str, Failure> {
    text.to_str().ok_or_else(|| Failure::usage("variables are set and put in as UTF-8"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parted(words: &[&str]) -> Result<Vec<String>, String> {
        let words = ["urlsession", "get"].iter().chain(words).map(OsString::from).collect();
        let joined = |part: Part| part.words[2..].join(OsStr::new(" ")).into_string().unwrap();
        parts(words).map(|parts| parts.into_iter().map(joined).collect()).map_err(|f| f.message)
    }

    #[test]
    fn next_begins_a_command_unless_it_is_a_value() {
        for (words, expected) in [
            (&["http://h/a"][..], &["http://h/a"][..]),
            (
                &[
                    "--variable",
                    "a=b c",
                    "--expand-data",
                    "{{a}}",
                    "--expand-url=http://h/{{a:url}}",
                ],
                &["--data=b c http://h/b%20c"],
            ),
            (
                &[
                    "--variable=a=1",
                    "--expand-variable=b={{a}}2",
                    "--next",
                    "--expand-output={{b}}",
                ],
                &["--output=12"],
            ),
            (&["http://h/a", "--next", "-q", "http://h/b"], &["http://h/a", "-q http://h/b"]),
            (&["http://h/a", "-:", "http://h/b"], &["http://h/a", "http://h/b"]),
            (&["--data", "--next", "http://h/a"], &["--data --next http://h/a"]),
            (&["-H", "-K", "http://h/a"], &["-H -K http://h/a"]),
            (&["-qo", "--next", "http://h/a"], &["-qo --next http://h/a"]),
            (&["-A", "-nc", "http://h/a"], &["-A -nc http://h/a"]),
            (&["http://h/a", "--", "--next"], &["http://h/a -- --next"]),
            (&["--next", "--url", "http://h/a"], &["http://h/a"]),
            (&["-q", "--url=http://h/a"], &["-q http://h/a"]),
            (&[], &[""]),
        ] {
            assert_eq!(parted(words).unwrap(), expected, "{words:?}");
        }
        for (words, expected) in [
            (&["--expand-quiet=x"][..], "no option --quiet with a value"),
            (&["--expand-nothing", "x"], "no option --nothing with a value"),
            (&["--expand-url"], "what has the variables"),
            (&["--variable"], "which one"),
            (&["-q", "-nc", "http://h/a"], "-nc would be"),
            (&["-nv", "http://h/a"], "-nv would be"),
            (&["-np", "http://h/a"], "-np would be"),
            (&["--variable", "a=-o", "--expand-url", "{{a}}"], "no URL begins with a dash"),
        ] {
            assert!(parted(words).unwrap_err().contains(expected), "{words:?}");
        }
        let many = ["--next"; PARTS_LIMIT];
        assert!(parted(&many).unwrap_err().contains("--next"));
        let others = ["urlsession", "ls", "--next"].map(OsString::from).to_vec();
        assert_eq!(parts(others.clone()).unwrap()[0].words, others);
    }

    #[test]
    fn files_stand_where_they_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.to_str().unwrap().to_owned()
        };
        let inner = write("inner", "next\nurl = http://h/c\n");
        let text = format!(
            "url=http://h/b\n-o -name\nheader: \"A: b c\"\nq\n-qv\n--limit-rate 2M\nconfig = {inner}\n"
        );
        let file = write("file", &text.replace("\nq\n", "\n-q\n"));
        let expected = [
            "http://h/a http://h/b --output=-name --header=A: b c --quiet -qv --limit-rate=2M",
            "http://h/c http://h/d",
        ];
        assert_eq!(parted(&["http://h/a", "-K", &file, "http://h/d"]).unwrap(), expected);
        assert_eq!(parted(&["-qK", &inner]).unwrap(), ["-q", "http://h/c"]);
        for (text, expected) in [
            ("\nnothing = 1", ":2: there is no option “nothing”"),
            ("-Q 1", ":1: there is no option “-Q”"),
            ("quiet = 1", ":1: “quiet” takes no value"),
            ("output", ":1: “output” has no value"),
        ] {
            let file = write("wrong", text);
            let message = parted(&["-K", &file]).unwrap_err();
            assert!(message.ends_with(expected), "{text}: {message}");
        }
        let text =
            "variable = \"a=b c\"\nexpand-data = \"{{a}}\"\n--expand-url http://h/{{a:url}}\n";
        let file = write("expanded", text);
        assert_eq!(parted(&["-K", &file]).unwrap(), ["--data=b c http://h/b%20c"]);
        let urls = write("urls", "# which\nhttp://h/a\n\n http://h/b \n");
        assert_eq!(parted(&["--url", &format!("@{urls}")]).unwrap(), ["http://h/a http://h/b"]);
        let round = folder.path().join("round");
        let file = write("round", &format!("config = {}", round.display()));
        assert!(parted(&["-K", &file]).unwrap_err().contains("files name one another"));
        std::fs::write(&round, vec![b'#'; CONFIG_FILE_LIMIT as usize + 1]).unwrap();
        assert!(parted(&["-K", &file]).unwrap_err().contains("more than"));
        assert!(parted(&["-K"]).unwrap_err().contains("which file"));
        assert!(parted(&["-K", "/nonexistent"]).is_err());
    }
}
