//! Text that is too long, cut to what there is room for.

use std::borrow::Cow;

/// Returns text of at most so many bytes; where some of it is left out, it ends with `…`.
#[must_use]
pub fn abridged(text: &str, limit: usize) -> Cow<'_, str> {
    const ELLIPSIS: &str = "…";
    if text.len() <= limit {
        return Cow::Borrowed(text);
    }
    let fits = limit.saturating_sub(ELLIPSIS.len());
    let end = (0..=fits).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
    Cow::Owned(format!("{}{ELLIPSIS}", &text[..end]))
}

#[cfg(test)]
mod tests {
    use super::abridged;

    #[test]
    fn text_is_cut_between_characters() {
        for (text, limit, expected) in [
            ("", 0, ""),
            ("abc", 3, "abc"),
            ("abcd", 3, "…"),
            ("ääää", 7, "ää…"),
            ("ääää", 8, "ääää"),
        ] {
            assert_eq!(abridged(text, limit), expected, "{text}");
        }
    }
}
