//! The variables of the environment as the page tells them: those that are read, and no others.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

/// What programs of ours tell each other, an app that is launched is told, and tests say.
const OTHERS: [&str; 4] = ["READY_FD", "LAUNCH_SESSION", "LAUNCH_HANDLER", "CRASH_PLAN"];

#[test]
fn the_page_tells_of_every_variable() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = fs::read_to_string(root.join("docs/places.md")).unwrap();
    let told = variables(&page, '`').collect::<BTreeSet<_>>();
    let mut read = BTreeSet::new();
    for name in ["urlsession", "urlsession-protocol", "urlsession-engine", "urlsession-daemon"] {
        look(&root.join("crates").join(name).join("src"), &mut read);
    }
    let shown: BTreeSet<_> = read.into_iter().filter(|name| !OTHERS.contains(&&**name)).collect();
    assert_eq!(told, shown);
}

fn look(folder: &Path, read: &mut BTreeSet<String>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        let is_test = entry.file_stem().is_some_and(|name| name == "tests");
        if entry.is_dir() && !is_test {
            look(&entry, read);
        } else if !is_test {
            read.extend(variables(&fs::read_to_string(entry).unwrap(), '"'));
        }
    }
}

/// Returns the names between such quotation marks, without what all of them begin with.
fn variables(text: &str, mark: char) -> impl Iterator<Item = String> {
    let parts = text.split(mark).filter_map(|part| part.strip_prefix("URLSESSION_"));
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    parts.filter(is_name).map(str::to_owned)
}
