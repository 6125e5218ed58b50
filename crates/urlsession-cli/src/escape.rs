//! Makes text that a server or another program wrote safe to show on a terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Replaces every character that could move the cursor, hide or reorder text by its escape.
pub(crate) fn shown(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_dangerous) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        match character {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if is_dangerous(character) => {
                // Writing into a string cannot fail.
                let _ = write!(safe, "\\u{{{:x}}}", u32::from(character));
            }
            _ => safe.push(character),
        }
    }
    Cow::Owned(safe)
}

/// Says whether a terminal may take the character for something else than a visible sign.
pub(crate) use urlsession::is_dangerous;

/// Shortens text to so many characters, an ellipsis in the middle, so that both ends stay readable.
pub(crate) fn shortened(text: &str, width: usize) -> Cow<'_, str> {
    let count = text.chars().count();
    if count <= width {
        return Cow::Borrowed(text);
    }
    let kept = width.saturating_sub(1);
    let head = kept.div_ceil(2);
    let tail = kept - head;
    let mut short: String = text.chars().take(head).collect();
    short.push('…');
    short.extend(text.chars().skip(count - tail));
    Cow::Owned(short)
}

#[cfg(test)]
mod tests {
    use super::{shortened, shown};

    #[test]
    fn text_of_others_cannot_command_the_terminal() {
        for (text, expected) in [
            ("plain.iso", "plain.iso"),
            ("größe – 漢字 🎈", "größe – 漢字 🎈"),
            ("a\nb\r\tc", "a\\nb\\r\\tc"),
            ("\x1b[2Jgone", "\\u{1b}[2Jgone"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("photo\u{202e}gpj.exe", "photo\\u{202e}gpj.exe"),
            ("a\u{200b}b\u{2066}c\u{feff}", "a\\u{200b}b\\u{2066}c\\u{feff}"),
            ("nul\0 del\x7f", "nul\\u{0} del\\u{7f}"),
        ] {
            assert_eq!(shown(text), expected);
        }
    }

    #[test]
    fn a_short_form_keeps_both_ends() {
        for (text, width, expected) in [
            ("short", 5, "short"),
            ("abcdefghij", 5, "ab…ij"),
            ("äöüäöü", 4, "äö…ü"),
            ("abc", 1, "…"),
        ] {
            assert_eq!(shortened(text, width), expected);
        }
    }
}
