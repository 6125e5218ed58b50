//! What docs/conformance.md keeps to: each test that it names, as `file::test`, is there.

use super::File;

const DOCUMENT: &str = "docs/conformance.md";
/// Tests in here are functions that a program of their own runs; the compiler tells of one that it
/// does not.
const OWN_PROGRAM: &str = "crates/urlsession/tests/daemon/";

/// Adds the tests that the document names and nobody finds.
pub(super) fn check(files: &[File], offences: &mut Vec<String>) {
    let document = files.iter().find(|file| file.path == DOCUMENT);
    let text = document.and_then(|file| file.text.as_deref()).unwrap_or_default();
    for (number, line) in (1..).zip(text.lines()) {
        for (place, test) in line.split('`').skip(1).step_by(2).filter_map(named) {
            if !files.iter().any(|file| is_at(file, place) && has(file, test)) {
                offences.push(format!("{DOCUMENT}:{number}: there is no test {place}::{test}"));
            }
        }
    }
}

/// Takes the name of a test apart. Names of other suites' cases have hyphens or more parts.
fn named(code: &str) -> Option<(&str, &str)> {
    let (place, test) = code.split_once("::")?;
    let is_name = |text: &str, more: &str| {
        let legal = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || more.contains(c);
        !text.is_empty() && text.chars().all(legal)
    };
    (is_name(place, "_-/") && is_name(test, "_")).then_some((place, test))
}

/// Says whether the end of the file's path is that, with or without `mod`.
fn is_at(file: &File, place: &str) -> bool {
    let path = file.path.strip_suffix(".rs").unwrap_or_default();
    let path = path.strip_suffix("/mod").unwrap_or(path);
    path == place || path.strip_suffix(place).is_some_and(|folder| folder.ends_with('/'))
}

/// Says whether the function stands in the file, right below an attribute that makes it a test.
fn has(file: &File, test: &str) -> bool {
    let all = file.path.starts_with(OWN_PROGRAM);
    let mut is_test = all;
    for line in file.text.as_deref().unwrap_or_default().lines().map(str::trim_start) {
        if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            continue;
        }
        let line = line.strip_prefix("pub(crate) ").unwrap_or(line);
        let name = line.strip_prefix("async ").unwrap_or(line).strip_prefix("fn ");
        if is_test && name.is_some_and(|name| name.split('(').next() == Some(test)) {
            return true;
        }
        is_test = all;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::{DOCUMENT, check};

    #[track_caller]
    fn judge(document: &str, code: &str, offences: usize) {
        let files = [File::of(DOCUMENT, document), File::of("crates/x/src/a/b.rs", code)];
        let mut found = Vec::new();
        check(&files, &mut found);
        assert_eq!(found.len(), offences, "{found:?}");
    }

    #[test]
    fn tests_that_are_not_there_are_found() {
        let code = "#[test]\nfn one() {}\n\n#[tokio::test(flavor = \"x\")]\nasync fn two() {}\nfn three() {}";
        judge("`b::one`, `a/b::two`, `src/a/b::one`", code, 0);
        judge("`b::three`", code, 1);
        judge("`b::one_more` `b::on`", code, 2);
        judge("`c::one` `/b::one` `x::one`", code, 3);
        judge("`rfc5280::ca-as-leaf`, `a::b::c`, `url::Url`, b::four", code, 0);
    }
}
