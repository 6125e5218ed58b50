//! What every document keeps to: one title, and links that lead somewhere.

use super::File;
use std::path::Path;

/// Adds what is wrong with a document.
pub(super) fn check(root: &Path, file: &File, offences: &mut Vec<String>) {
    let (true, Some(text)) = (file.is("md"), &file.text) else { return };
    let path = &file.path;
    let mut titles = 0;
    for (number, line) in outside_code(text) {
        titles += usize::from(line.starts_with("# "));
        for target in links(line) {
            let folder = root.join(path).parent().map(Path::to_owned).unwrap_or_default();
            let relative = target.split('#').next().unwrap_or_default();
            if !folder.join(relative).exists() {
                offences.push(format!("{path}:{number}: the link to {target} leads nowhere"));
            }
        }
    }
    if titles != 1 {
        offences.push(format!("{path}: has {titles} titles, must have one"));
    }
}

/// Returns the numbered lines that are not in a fenced block.
fn outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut code = false;
    text.lines().enumerate().filter_map(move |(index, line)| {
        let fence = line.trim_start().starts_with("```");
        code ^= fence;
        (!code && !fence).then_some((index + 1, line))
    })
}

/// Returns the targets in the line that are files of the tree.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("](").filter_map(|(at, _)| {
        let target = line[at + 2..].split([')', ' ']).next()?;
        let elsewhere = target.contains("://") || target.starts_with("mailto:");
        (!elsewhere && !target.starts_with('#')).then_some(target)
    })
}

#[cfg(test)]
mod tests {
    use super::super::{File, root};
    use super::check;

    #[track_caller]
    fn judge(text: &str, offences: usize) {
        let file = File::of("xtask/a.md", text);
        let mut found = Vec::new();
        check(&root(), &file, &mut found);
        assert_eq!(found.len(), offences, "{found:?}");
    }

    #[test]
    fn offences_are_found() {
        judge("# A\n[x](src/main.rs) [y](../Cargo.toml#a) [z](https://example.com/x) [w](#a)\n", 0);
        judge("# A\n[x](src/nowhere.rs)\n", 1);
        judge("# A\n# B\n", 1);
        judge("text\n", 1);
        judge("# A\n```sh\n# not a title [x](nowhere)\n```\n", 0);
    }
}
