//! Every property of Apple's `URLSessionConfiguration` as the page tells it: what it says is there, is
//! there, and what it says is not, is not.

use crate::home::Home;
use std::fs;
use std::path::Path;

/// Returns the names in a cell, those in parentheses and after dots included.
fn names(cell: &str) -> Vec<String> {
    let parts = cell.split('`').skip(1).step_by(2);
    parts.map(|part| part.split('(').next().unwrap_or_default().to_owned()).collect()
}

/// Apple's spelling in ours: `HTTPShouldSetCookies` is `http_should_set_cookies`.
fn snake(name: &str) -> String {
    let letters: Vec<char> = name.chars().collect();
    let mut snake = String::new();
    for (at, letter) in letters.iter().enumerate() {
        let after_lower = at > 0 && letters[at - 1].is_lowercase();
        let before_lower = at > 0 && letters.get(at + 1).is_some_and(|next| next.is_lowercase());
        if letter.is_uppercase() && (after_lower || before_lower) {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    snake
}

#[test]
fn the_page_tells_of_all_three_doors() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
    let page = read("docs/configuration.md");
    let rust = read("crates/urlsession/src/configuration.rs");
    let tls = read("crates/urlsession-protocol/src/tls.rs");
    let script = read("crates/urlsession-node/lib/modern/configuration.js");
    let has = |name: &str| rust.contains(&format!("pub {name}:"));
    let help = Home::new().out(&["get", "--help"]);
    let rows: Vec<Vec<&str>> = page
        .lines()
        .filter(|line| line.starts_with("| `"))
        .map(|line| line.trim_matches('|').split(" | ").map(str::trim).collect())
        .collect();
    assert!(rows.iter().map(|row| names(row[0]).len()).sum::<usize>() >= 33, "all of Apple's");
    for row in rows {
        let [properties, _, in_rust, in_script, in_shell] = row[..] else { panic!("{row:?}") };
        for property in names(properties) {
            assert!(script.contains(&property), "JavaScript ignores {property}");
            if in_rust == "–" {
                assert!(!has(&snake(&property)), "{property} is there");
            }
        }
        for name in names(in_rust) {
            let is_there = match name.strip_prefix("tls.") {
                Some(name) => tls.contains(&format!("pub {name}:")),
                None => has(&name) || rust.contains(&format!("pub fn {name}(")),
            };
            assert!(is_there, "Rust has no {name}");
        }
        let in_script = if in_script.starts_with("only") { "" } else { in_script };
        for name in names(in_script) {
            let name = name.split('.').next().unwrap_or_default();
            assert!(script.contains(&format!("  {name}: ")), "JavaScript has no {name}");
        }
        for flag in names(in_shell) {
            assert!(help.contains(&flag), "the shell has no {flag}");
        }
    }
}
