//! Words of a command line, and of a file of options as curl has it.

use super::secure;

/// Options of ours whose value is the next word.
const WITH_VALUE: &[&str] = &[
    "-m", "-A", "-e", "-X", "-u", "-C", "-z", "-r", "-H", "-w", "-F", "-b", "-T", "-D", "-o", "-d",
    "-j", "-U", "-Y", "-y",
];
/// The same, written out.
const LONG_WITH_VALUE: &[&str] = &[
    "--max-redirs",
    "--connect-timeout",
    "--retry",
    "--interface",
    "--retry-delay",
    "--retry-max-time",
    "--noproxy",
    "--netrc-file",
    "--etag-save",
    "--etag-compare",
    "--max-filesize",
    "--url-query",
    "--data",
    "--variable",
    "--cookie-jar",
    "--parallel-max",
    "--data-raw",
    "--data-ascii",
    "--data-binary",
    "--socks5",
    "--socks5-hostname",
    "--data-urlencode",
    "--form-string",
    "--proxy",
    "--proxy1.0",
    "--proxy-header",
    "--redirect",
    "--output-dir",
    "--request-target",
    "--connect-to",
    "--resolve",
    "--proto",
];

/// Reads a file of options as words.
pub(super) fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    for line in
        text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'))
    {
        let is_dashed = line.starts_with('-');
        let parts = |c: char| c.is_whitespace() || (!is_dashed && matches!(c, '=' | ':'));
        let (name, rest) = line.split_at(line.find(parts).unwrap_or(line.len()));
        let rest = rest.trim_start_matches(parts);
        words.push(if is_dashed { name.to_owned() } else { format!("--{name}") });
        let value = match rest.strip_prefix('"') {
            Some(quoted) => Some(unquoted(quoted)),
            None => rest.split_whitespace().next().map(str::to_owned),
        };
        words.extend(value);
    }
    Ok(words)
}

fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next().map(|c| match c {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                other => other,
            })),
            other => value.push(other),
        }
    }
    value
}

/// Writes words of ours as such a file.
pub(super) fn file(words: &[String]) -> String {
    let mut lines = String::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let expands = word.starts_with("--expand-") && !word.contains('=');
        let is_secure = secure::SAME.iter().any(|(_, ours)| ours == word);
        let takes = expands
            || is_secure
            || WITH_VALUE.contains(&&**word)
            || LONG_WITH_VALUE.contains(&&**word);
        let (name, value) = match word.starts_with('-') {
            true if takes => (word.as_str(), words.next()),
            true => (word.as_str(), None),
            false => ("url", Some(word)),
        };
        lines.push_str(name);
        if let Some(value) = value {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            let value = value.replace('\n', "\\n").replace('\r', "\\r");
            lines.push_str(&format!(" \"{value}\""));
        }
        lines.push('\n');
    }
    lines
}

/// Splits a line as a shell does.
pub(super) fn split(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let (mut word, mut quote) = (None::<String>, None);
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        match (quote, character) {
            (Some(open), close) if open == close => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None | Some('"'), '\\') => {
                let next = characters.next().unwrap_or('\\');
                let kept = quote.is_some() && !matches!(next, '"' | '\\' | '$' | '`');
                let word = word.get_or_insert_default();
                word.extend(kept.then_some('\\'));
                word.push(next);
            }
            (None, space) if space.is_whitespace() => words.extend(word.take()),
            (_, other) => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    words
}
