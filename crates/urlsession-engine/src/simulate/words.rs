//! The words of one line of a scenario, and the numbers among them.

use std::time::Duration;

/// Longest time that a scenario can name: a hundred years.
const TIME_LIMIT: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// The words that are left of a line.
#[derive(Debug)]
pub(super) struct Words {
    left: std::vec::IntoIter<String>,
    last: String,
}

impl Words {
    /// Takes a line apart: words, texts in quotation marks, a comment from `#` on.
    pub(super) fn of(line: &str) -> Result<Self, String> {
        let mut words = Vec::new();
        let mut rest = line.trim_start();
        while !rest.is_empty() && !rest.starts_with('#') {
            rest = match rest.strip_prefix('"') {
                Some(text) => {
                    let (text, after) = unquote(text)?;
                    words.push(text);
                    after
                }
                None => {
                    let end = rest.find(char::is_whitespace).unwrap_or(rest.len());
                    words.push(rest[..end].to_owned());
                    &rest[end..]
                }
            }
            .trim_start();
        }
        Ok(Self { left: words.into_iter(), last: String::new() })
    }

    /// Takes the next word, if there is one.
    pub(super) fn take(&mut self) -> Option<String> {
        let word = self.left.next()?;
        self.last.clone_from(&word);
        Some(word)
    }

    /// Takes a word that must be there.
    pub(super) fn need(&mut self, what: &str) -> Result<String, String> {
        let last = self.last.clone();
        self.take().ok_or_else(|| format!("after “{last}” comes {what}"))
    }

    /// Takes that word.
    pub(super) fn exactly(&mut self, expected: &str) -> Result<(), String> {
        let word = self.need(&format!("“{expected}”"))?;
        if word == expected {
            return Ok(());
        }
        Err(format!("“{word}” stands where “{expected}” should"))
    }

    /// Takes one of two words; says whether it is the first of them.
    pub(super) fn one_of(&mut self, yes: &str, no: &str) -> Result<bool, String> {
        let word = self.need(&format!("“{yes}” or “{no}”"))?;
        match word.as_str() {
            word if word == yes => Ok(true),
            word if word == no => Ok(false),
            word => Err(format!("“{word}” stands where “{yes}” or “{no}” should")),
        }
    }

    /// Refuses what is left.
    pub(super) fn end(mut self) -> Result<(), String> {
        self.left.next().map_or(Ok(()), |word| Err(format!("“{word}” is too much")))
    }
}

/// Reads up to the closing quotation mark; returns what comes after it, too.
fn unquote(text: &str) -> Result<(String, &str), String> {
    let mut read = String::new();
    let mut letters = text.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            '"' => return Ok((read, &text[at + 1..])),
            '\\' => match letters.next() {
                Some((_, 'n')) => read.push('\n'),
                Some((_, letter @ ('"' | '\\'))) => read.push(letter),
                _ => return Err("after a backslash comes n, \" or another one".to_owned()),
            },
            letter => read.push(letter),
        }
    }
    Err("a quotation mark is missing".to_owned())
}

/// Makes an entity tag of a word.
pub(super) fn quoted(word: &str) -> String {
    format!("\"{}\"", word.trim_matches('"'))
}

/// Reads a time such as `90` (seconds), `500ms`, `2h` or `1h30m`.
pub(super) fn duration(word: &str) -> Result<Duration, String> {
    let wrong = || format!("“{word}” is no time such as 90s, 5m or 1h30m");
    let mut total = Duration::ZERO;
    let mut rest = word;
    while !rest.is_empty() || word.is_empty() {
        let (number, after) = number(rest).ok_or_else(wrong)?;
        let end = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
        let (unit, next) = after.split_at(end);
        let seconds = match unit {
            "ms" => 0.001,
            "" | "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            "d" => 86_400.0,
            _ => return Err(wrong()),
        };
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).filter(|total| *total <= TIME_LIMIT).ok_or_else(wrong)?;
        rest = next;
    }
    Ok(total)
}

/// Reads a number of bytes such as `500`, `64K` or `1.5GiB`; units are powers of 1024.
pub(super) fn size(word: &str) -> Result<u64, String> {
    let wrong = || format!("“{word}” is no size such as 500, 64KiB or 2MiB");
    let (number, unit) = number(word).ok_or_else(wrong)?;
    let power = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kib" => 1,
        "m" | "mib" => 2,
        "g" | "gib" => 3,
        _ => return Err(wrong()),
    };
    let bytes = number * 1024_f64.powi(power);
    if bytes < 2_f64.powi(53) { Ok(bytes as u64) } else { Err(wrong()) }
}

/// Reads a size a second, such as `1MiB/s`.
pub(super) fn rate(word: &str) -> Result<u64, String> {
    let bytes = size(word.strip_suffix("/s").unwrap_or(word))?;
    if bytes == 0 { Err("a rate is more than nothing".to_owned()) } else { Ok(bytes) }
}

fn number(text: &str) -> Option<(f64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    Some((text[..end].parse().ok()?, &text[end..]))
}
