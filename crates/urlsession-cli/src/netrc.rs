//! Credentials from a `.netrc`, as ftp, curl and wget read it.

use crate::exit::{self, Failure};
use crate::input;
use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// Largest file that is read: as much as curl takes.
const FILE_LIMIT: u64 = 128 * 1024;

/// The entries of a file, in its order.
#[derive(Default)]
pub(crate) struct Netrc {
    entries: Vec<Entry>,
}

#[derive(Default)]
struct Entry {
    /// `None` is for all machines.
    machine: Option<String>,
    login: Option<String>,
    password: Option<String>,
}

impl Netrc {
    /// Reads a file that must be there.
    pub(crate) fn read(path: &Path) -> Result<Self, Failure> {
        let text = input::text(path, FILE_LIMIT, exit::USAGE)?;
        // What is in the line may be a password.
        parse(&text).map_err(|line| {
            let why = format!("{}: the quote in line {line} does not end", path.display());
            Failure::new(exit::USAGE, why)
        })
    }

    /// Reads the user's own file, which need not be there: the one that `NETRC` names, as for curl.
    pub(crate) fn of_user() -> Result<Self, Failure> {
        let named = |name| std::env::var_os(name).filter(|path| !path.is_empty());
        let of_home = || Some(PathBuf::from(named("HOME")?).join(".netrc"));
        let Some(path) = named("NETRC").map(PathBuf::from).or_else(of_home) else {
            return Ok(Self::default());
        };
        match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Self::default()),
            _ => Self::read(&path),
        }
    }

    /// Returns name and password for a machine; if a name is wanted, those of that name. An entry
    /// without a name serves every wanted one, with the empty name if none is, as for curl; an entry of
    /// another name serves none. One without a password has the empty one, if no other serves.
    pub(crate) fn find(&self, machine: &str, wanted: Option<&str>) -> Option<(String, String)> {
        let serving = || {
            self.entries.iter().filter_map(|entry| {
                if entry.machine.as_ref().is_some_and(|name| !name.eq_ignore_ascii_case(machine)) {
                    return None;
                }
                let login = match (entry.login.as_deref(), wanted) {
                    (Some(login), Some(wanted)) => (login == wanted).then_some(login)?,
                    (login, wanted) => login.or(wanted).unwrap_or_default(),
                };
                Some((login.to_owned(), entry))
            })
        };
        let whole = serving().find_map(|(login, entry)| Some((login, entry.password.clone()?)));
        let named = || serving().find(|(_, entry)| entry.login.is_some());
        whole.or_else(|| Some((named()?.0, String::new())))
    }
}

/// Reads the text of a file; the error is the number of the line, from 1, where a quote begins that
/// does not end.
pub(crate) fn parse(text: &str) -> Result<Netrc, usize> {
    let text = input::without_mark(text);
    let mut entries: Vec<Entry> = Vec::new();
    let mut rest = text;
    let line = |Unended(rest): Unended| {
        let before = text.len() - rest;
        1 + text.bytes().take(before).filter(|byte| *byte == b'\n').count()
    };
    while let Some(word) = next_word(&mut rest).map_err(line)? {
        let mut value = || next_word(&mut rest).map_err(line);
        match word.to_ascii_lowercase().as_str() {
            "machine" => entries.push(Entry { machine: value()?, ..Entry::default() }),
            "default" => entries.push(Entry::default()),
            "macdef" => {
                // A macro ends with an empty line, whichever way lines end.
                let lines = rest.split_inclusive('\n');
                let is_inside = |(at, line): &(usize, &str)| *at == 0 || !line.trim().is_empty();
                let inside = lines.enumerate().take_while(is_inside);
                let end = inside.map(|(_, line)| line.len()).sum();
                rest = &rest[end..];
            }
            word @ ("login" | "password" | "account") => {
                let (value, entry) = (value()?, entries.last_mut());
                match (word, entry) {
                    ("login", Some(entry)) => entry.login = value,
                    ("password", Some(entry)) => entry.password = value,
                    // An account is for FTP only; what is before the first machine is nobody's.
                    _ => {}
                }
            }
            // What no ftp knows has no value, or one that is passed over like it.
            _ => {}
        }
    }
    Ok(Netrc { entries })
}

/// A quote that does not end, with how many bytes there are from it on.
struct Unended(usize);

/// Takes a word, quoted or not; a comment goes from a word's `#` to the end of its line.
fn next_word(rest: &mut &str) -> Result<Option<String>, Unended> {
    loop {
        *rest = rest.trim_start();
        if !rest.starts_with('#') {
            break;
        }
        *rest = rest.find('\n').map_or("", |end| &rest[end..]);
    }
    if let Some(quoted) = rest.strip_prefix('"') {
        let mut word = String::new();
        let mut characters = quoted.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    *rest = &quoted[at + 1..];
                    return Ok(Some(word));
                }
                '\\' => match characters.next() {
                    Some((_, 'n')) => word.push('\n'),
                    Some((_, 'r')) => word.push('\r'),
                    Some((_, 't')) => word.push('\t'),
                    Some((_, c)) => word.push(c),
                    None => {}
                },
                c => word.push(c),
            }
        }
        return Err(Unended(rest.len()));
    }
    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let (word, after) = rest.split_at(end);
    *rest = after;
    Ok((!word.is_empty()).then(|| word.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# mine\n\
        machine a.test login me password one\n\
        machine A.test\n  login you\n  password \"t w\\\"o\\n\"\n\
        machine b.test login me account x password three#3 # the last\n\
        macdef init\nmachine evil.test login e password e\n\n\
        machine c.test login nobody\n\
        machine d.test password open\n\
        default login guest password g\n";

    #[test]
    fn every_machine_and_name() {
        every_one_of(FILE);
    }

    #[test]
    fn an_editor_of_another_system_changes_nothing() {
        every_one_of(&format!("\u{feff}{}", FILE.replace('\n', "\r\n")));
    }

    fn every_one_of(file: &str) {
        let netrc = parse(file).unwrap();
        for (machine, wanted, expected) in [
            ("a.test", None, Some(("me", "one"))),
            ("A.TEST", Some("you"), Some(("you", "t w\"o\n"))),
            ("a.test", Some("guest"), Some(("guest", "g"))),
            ("a.test", Some("other"), None),
            ("b.test", None, Some(("me", "three#3"))),
            ("evil.test", None, Some(("guest", "g"))),
            ("c.test", None, Some(("guest", "g"))),
            ("d.test", Some("me"), Some(("me", "open"))),
            ("d.test", None, Some(("", "open"))),
            ("sub.a.test", None, Some(("guest", "g"))),
        ] {
            let got = netrc.find(machine, wanted);
            let got = got.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
            assert_eq!(got, expected, "{machine} {wanted:?}");
        }
    }

    /// file => name and password for `h`
    #[test]
    fn what_is_unknown_hides_nothing() {
        for (file, expected) in [
            ("machine other login x password y foo machine h login a password b", Some(("a", "b"))),
            ("machine h secure login a password b", Some(("a", "b"))),
            ("machine h port 21 login a password b", Some(("a", "b"))),
            ("machine h account login login a password b", Some(("a", "b"))),
            ("MACHINE h Login a PassWord B", Some(("a", "B"))),
            ("machine other login x password y DEFAULT login a password b", Some(("a", "b"))),
            ("MACDEF init\nmachine h login x password y\n\nmachine h login a", Some(("a", ""))),
            ("machine h login a machine other login x password y", Some(("a", ""))),
            ("machine h login a machine h login a password b", Some(("a", "b"))),
            ("machine h machine other login x password y", None),
        ] {
            let got = parse(file).unwrap().find("h", None);
            let got = got.as_ref().map(|(user, password)| (user.as_str(), password.as_str()));
            assert_eq!(got, expected, "{file}");
        }
    }

    #[test]
    fn nonsense_is_nobody() {
        for text in ["", "login", "machine", "password x", "machine a login", "#"] {
            assert_eq!(parse(text).unwrap().find("a", None), None, "{text}");
        }
    }

    #[test]
    fn a_quote_that_does_not_end_is_named_by_its_line() {
        for (text, line) in [
            ("\"", 1),
            ("machine a login \"open", 1),
            ("machine a\n login \"x\"\n password \"1\nmachine b\n", 3),
            ("machine a password \"1\\", 1),
        ] {
            assert_eq!(parse(text).err(), Some(line), "{text}");
        }
    }
}
