//! Options in a file, as curl's `-K` reads them: one a line.
//!
//! ```text
//! # a comment
//! url = https://example.org/f      also ‘url: …’, ‘url …’, ‘--url …’
//! -o "a name\twith a tab"          escapes are \t, \n, \r, \v; any other sign stands for itself
//! next                             what follows is a command of its own
//! ```

use crate::input;

/// One option of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Line {
    /// Its place, from 1.
    pub(crate) number: usize,
    /// As written, with its dashes if it has some.
    pub(crate) name: String,
    pub(crate) value: Option<String>,
    /// What may be meant otherwise than it is read.
    pub(crate) doubt: Option<&'static str>,
}

/// Reads a file.
pub(crate) fn read(text: &str) -> Vec<Line> {
    let text = input::without_mark(text);
    (1..).zip(text.lines()).filter_map(|(number, line)| option(number, line)).collect()
}

fn option(number: usize, line: &str) -> Option<Line> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    // A name with dashes ends with a blank only.
    let is_dashed = line.starts_with('-');
    let parts = |c: char| c.is_whitespace() || (!is_dashed && matches!(c, '=' | ':'));
    let (name, rest) = line.split_at(line.find(parts).unwrap_or(line.len()));
    let rest = rest.trim_start_matches(parts);
    let (value, doubt) = match rest.strip_prefix('"') {
        Some(quoted) => (Some(unquoted(quoted)), None),
        None => {
            let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
            let (value, after) = rest.split_at(end);
            let after = after.trim_start();
            let doubt = match value.chars().next() {
                _ if !after.is_empty() && !after.starts_with('#') => Some(
                    "what follows the first blank is left out: write the value in double quotes",
                ),
                Some('\'' | '\u{2018}' | '\u{201c}') => {
                    Some("only double quotes are quotes here, these are part of the value")
                }
                _ => None,
            };
            ((!value.is_empty()).then(|| value.to_owned()), doubt)
        }
    };
    Some(Line { number, name: name.to_owned(), value, doubt })
}

/// Reads up to the closing quote, or to the end where there is none.
fn unquoted(text: &str) -> String {
    let mut value = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => break,
            '\\' => value.extend(characters.next().map(|escaped| match escaped {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                'v' => '\u{b}',
                other => other,
            })),
            other => value.push(other),
        }
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    /// line => name, value, whether there is a doubt
    #[test]
    fn lines_are_read_as_curl_reads_them() {
        for (line, name, value, has_doubt) in [
            ("url = http://h/f", "url", Some("http://h/f"), false),
            ("  url:http://h/f  # why", "url", Some("http://h/f"), false),
            ("url http://h/a=b:c", "url", Some("http://h/a=b:c"), false),
            ("url=\"http://h/f\" rest", "url", Some("http://h/f"), false),
            ("data = \"a\\tb\\\"c\\\\ \\x\"", "data", Some("a\tb\"c\\ x"), false),
            ("data = \"open", "data", Some("open"), false),
            ("data = \"\"", "data", Some(""), false),
            ("data = a b", "data", Some("a"), true),
            ("data = 'a'", "data", Some("'a'"), true),
            ("-H \u{201c}a:b\u{201d}", "-H", Some("\u{201c}a:b\u{201d}"), true),
            ("--data=x", "--data=x", None, false),
            ("-o \"a b\"", "-o", Some("a b"), false),
            ("location", "location", None, false),
            ("location =", "location", None, false),
            ("--next\r", "--next", None, false),
        ] {
            let [got] = &read(line)[..] else { panic!("{line}") };
            let value = value.map(str::to_owned);
            let expected = (name, value, has_doubt);
            assert_eq!((&*got.name, got.value.clone(), got.doubt.is_some()), expected, "{line}");
        }
        assert_eq!(read("\u{feff}#a\n\n  # b\nnext").first().map(|line| line.number), Some(4));
    }
}
