//! What every source file keeps to: a first line, a length, names, and nothing left behind.

use super::File;

/// Most lines of a source file: more are two rooms in one.
const LINES_LIMIT: usize = 600;

/// Most bytes of a file in the tree.
const BYTES_LIMIT: u64 = 100_000;

/// Files that may be larger, and why.
const LARGE: [(&str, &str); 1] = [("Cargo.lock", "it is written by cargo")];

/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 5] = ["utils", "util", "helpers", "common", "misc"];

/// Endings of type names that say nothing either.
const EMPTY_ENDINGS: [&str; 3] = ["Manager", "Info", "Handler"];

/// Marks of unfinished work; spelled in two parts, so that this file has none.
const LEFT_BEHIND: [&str; 4] =
    [concat!("FIX", "ME"), concat!("TO", "DO"), concat!("XX", "X"), concat!("dbg", "!")];

/// Calls that make a test wait for time to pass.
const SLEEPS: [&str; 3] = ["thread::sleep", "time::sleep", "sleep_until("];

/// Test code that may wait, and why.
const SLEEPERS: [(&str, &str); 0] = [];

/// Adds what is wrong with a file.
pub(super) fn check(file: &File, offences: &mut Vec<String>) {
    let path = &file.path;
    if file.length > BYTES_LIMIT && !LARGE.iter().any(|(large, _)| large == path) {
        offences.push(format!("{path}: has {} bytes, limit {BYTES_LIMIT}", file.length));
    }
    let stem = file.name().split('.').next().unwrap_or_default();
    if path.split('/').chain([stem]).any(|part| EMPTY_NAMES.contains(&part)) {
        offences.push(format!("{path}: is named for nothing in particular"));
    }
    if let (true, Some(text)) = (file.is("rs"), &file.text) {
        source(path, text, offences);
    }
}

fn source(path: &str, text: &str, offences: &mut Vec<String>) {
    if !text.starts_with("//! ") {
        offences.push(format!("{path}:1: does not open with a `//!` sentence"));
    }
    let lines = text.lines().count();
    if lines > LINES_LIMIT {
        offences.push(format!("{path}: has {lines} lines, limit {LINES_LIMIT}"));
    }
    let mut test = is_test(path);
    for (number, line) in text.lines().enumerate() {
        let mut offend = |what: &str| offences.push(format!("{path}:{}: {what}", number + 1));
        test |= line.trim() == "#[cfg(test)]";
        for mark in LEFT_BEHIND.iter().filter(|mark| has_word(line, mark)) {
            offend(&format!("{mark} is left behind"));
        }
        if let Some(name) = defined_type(line) {
            for ending in EMPTY_ENDINGS.iter().filter(|ending| name.ends_with(**ending)) {
                offend(&format!("{name}: {ending} says nothing"));
            }
        }
        let sleeps = SLEEPS.iter().any(|sleep| line.contains(sleep)) && !line.contains('"');
        if test && sleeps && !SLEEPERS.iter().any(|(sleeper, _)| *sleeper == path) {
            offend("a test sleeps; move the time or wait for the event");
        }
    }
}

fn is_test(path: &str) -> bool {
    path.starts_with("crates/urlsession-testkit/")
        || path.ends_with("/tests.rs")
        || path.split('/').any(|folder| folder == "tests")
}

/// Finds the mark where no letter touches it.
fn has_word(line: &str, mark: &str) -> bool {
    line.match_indices(mark).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + mark.len()..].chars().next();
        ![before, after].into_iter().flatten().any(|next| next.is_alphanumeric() || next == '_')
    })
}

/// Returns the name of the type that the line defines.
fn defined_type(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace().skip_while(|word| word.starts_with("pub"));
    let (keyword, name) = (words.next()?, words.next()?);
    ["struct", "enum", "trait", "type", "union"].contains(&keyword).then_some(())?;
    let end = name.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(name.len());
    Some(&name[..end])
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::{LEFT_BEHIND, LINES_LIMIT, check};

    #[track_caller]
    fn judge(path: &str, text: &str, offences: usize) {
        let mut found = Vec::new();
        check(&File::of(path, text), &mut found);
        assert_eq!(found.len(), offences, "{found:?}");
    }

    #[test]
    fn offences_are_found() {
        judge("a.rs", "//! Says it.\n", 0);
        judge("a.rs", "fn f() {}\n", 1);
        judge("a.rs", &format!("//! Long.\n{}", "\n".repeat(LINES_LIMIT)), 1);
        judge("a/utils.rs", "//! Says it.\n", 1);
        judge("common/a.rs", "//! Says it.\n", 1);
        judge("a.rs", "//! A.\npub(crate) struct TaskManager<T>(T);\n", 1);
        judge("a.rs", "//! A.\npub enum Information {}\n", 0);
        for mark in LEFT_BEHIND {
            judge("a.rs", &format!("//! A.\n// {mark}: more\n"), 1);
            judge("a.rs", &format!("//! A.\n// A{mark}\n"), 0);
        }
        judge("a.rs", "//! A.\nthread::sleep(d);\n#[cfg(test)]\nthread::sleep(d);\n", 1);
        judge("tests/a.rs", "//! A.\ntokio::time::sleep(d).await;\n", 1);
        judge("a.bin", &"x".repeat(200_000), 1);
    }
}
