//! What docs/limits.md keeps to: its limits are in the code where it says, and those of the code are
//! in it.

use super::File;
use std::collections::BTreeSet;

const DOCUMENT: &str = "docs/limits.md";
/// Crates whose limits are not those of transfers, but of what a terminal shows or a test does.
const OTHERS: [&str; 2] = ["crates/urlsession-cli/", "crates/urlsession-testkit/"];

/// Adds what the document and the code do not agree on.
pub(super) fn check(files: &[File], offences: &mut Vec<String>) {
    let text = |path: &str| files.iter().find(|file| file.path == path)?.text.as_deref();
    let mut documented = BTreeSet::new();
    for (number, line) in text(DOCUMENT).unwrap_or_default().lines().enumerate() {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, names, _, place, ..] = cells[..] else { continue };
        let Some((name, room)) = place.strip_suffix('`').and_then(|p| p.split_once(" `")) else {
            continue;
        };
        let source = source(name);
        let paths = [format!("{source}{room}.rs"), format!("{source}{room}/mod.rs")];
        let code: String = paths.iter().filter_map(|path| text(path)).collect();
        for limit in names.split('`').filter(|name| is_constant(name)) {
            if !code.contains(&format!("const {limit}:")) {
                let number = number + 1;
                offences.push(format!("{DOCUMENT}:{number}: there is no {limit} in {place}"));
            }
            documented.insert(limit);
        }
    }
    let ours = |file: &&File| {
        file.is("rs")
            && file.path.contains("/src/")
            && !file.path.contains("test")
            && file.path.starts_with("crates/")
            && !OTHERS.iter().any(|other| file.path.starts_with(other))
    };
    for file in files.iter().filter(ours) {
        for limit in limits(file.text.as_deref().unwrap_or_default()) {
            if !documented.contains(limit) {
                offences.push(format!("{}: {limit} is not in {DOCUMENT}", file.path));
            }
        }
    }
}

/// Returns the folder of a crate's code by the name that the document has for it.
fn source(name: &str) -> String {
    match name {
        "client" => "crates/urlsession/src/".to_owned(),
        name => format!("crates/urlsession-{name}/src/"),
    }
}

fn is_constant(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
}

/// Returns the constants that are limits by their names.
fn limits(code: &str) -> impl Iterator<Item = &str> {
    let constants = code.split("const ").skip(1);
    let names = constants.filter_map(|rest| rest.split_once(':').map(|(name, _)| name));
    names
        .filter(|name| is_constant(name))
        .filter(|name| name.starts_with("MAX_") || name.ends_with("_LIMIT"))
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use super::check;

    #[track_caller]
    fn judge(document: &str, code: &str, offences: usize) {
        let files = [
            File::of(super::DOCUMENT, document),
            File::of("crates/urlsession-core/src/a.rs", code),
        ];
        let mut found = Vec::new();
        check(&files, &mut found);
        assert_eq!(found.len(), offences, "{found:?}");
    }

    #[test]
    fn both_sides_must_agree() {
        let row = "| `A_LIMIT`, `B` | 1 | core `a` | nothing |";
        let code = "const A_LIMIT: u8 = 1;\nconst B: u8 = 2;\nconst C: u8 = 3;";
        judge(row, code, 0);
        judge(row, "const A_LIMIT: u8 = 1;", 1);
        judge("", code, 1);
        judge(row, &format!("{code}\npub const MAX_D: u8 = 4;"), 1);
        judge("| `B` | 1 | core `b` | nothing |", "", 1);
    }
}
