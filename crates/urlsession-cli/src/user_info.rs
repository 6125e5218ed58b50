//! `user:password@` of URLs, which nothing that is told has in it.

use std::borrow::Cow;

/// Cuts it out of every URL in a text. A password may have blanks in it, so no blank ends a URL's host.
pub(crate) fn without(text: &str) -> Cow<'_, str> {
    let mut kept = String::new();
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let (scheme, after) = rest.split_at(at + "://".len());
        kept.push_str(scheme);
        rest = after_user_info(after);
    }
    if kept.len() + rest.len() == text.len() {
        return Cow::Borrowed(text);
    }
    Cow::Owned(kept + rest)
}

/// Cuts it out of what is typed as a URL, which may have no scheme, or half of one.
pub(crate) fn without_in_url(url: &str) -> String {
    let end = url.find(['/', '?', '#', '@']).unwrap_or(url.len());
    let begin = match url[..end].strip_suffix(':') {
        Some(_) => end + url[end..].find(|c| c != '/').unwrap_or(url.len() - end),
        None => 0,
    };
    format!("{}{}", &url[..begin], after_user_info(&url[begin..]))
}

fn after_user_info(authority: &str) -> &str {
    let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    authority[..end].rfind('@').map_or(authority, |at| &authority[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_has_no_password() {
        for (text, expected) in [
            ("nothing", "nothing"),
            ("http://h/f", "http://h/f"),
            ("a http://me:pw@h/f, and ftp://you:p w@h?x", "a http://h/f, and ftp://h?x"),
            ("http://me:p@w@h", "http://h"),
            ("http://h/f@g", "http://h/f@g"),
            ("http://h/?to=http://me:pw@i/", "http://h/?to=http://i/"),
            ("://", "://"),
        ] {
            assert_eq!(without(text), expected, "{text}");
        }
    }

    #[test]
    fn a_url_without_a_scheme_has_none_either() {
        for (url, expected) in [
            ("http://me:pw@h/{a", "http://h/{a"),
            ("{http,https}://me:pw@h/", "{http,https}://h/"),
            ("me:pw@h/{a", "h/{a"),
            ("me:pw@h/?http://i/@{", "h/?http://i/@{"),
            ("http:/me:pw@h/{a", "http:/h/{a"),
            ("http:////me:pw@h/", "http:////h/"),
            ("http:me:pw@h/", "h/"),
            ("h:80/@{", "h:80/@{"),
            ("http://", "http://"),
            ("", ""),
        ] {
            assert_eq!(without_in_url(url), expected, "{url}");
        }
    }
}
