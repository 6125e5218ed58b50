//! What a server asks for: `WWW-Authenticate` and `Proxy-Authenticate` (RFC 9110 section 11.6.1).

use std::borrow::Cow;

/// Most challenges of one response that are looked at.
pub(crate) const CHALLENGES_LIMIT: usize = 16;
/// Most parameters of one challenge; one with more is no challenge.
pub(crate) const PARAMETERS_LIMIT: usize = 32;
/// Longest field that is looked at, in bytes.
pub(crate) const FIELD_LIMIT: usize = 16 * 1024;

/// One way in that a server offers.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Challenge {
    /// The scheme in lower case.
    pub(crate) scheme: String,
    /// What follows the scheme in the form without names, as Negotiate has it.
    pub(crate) token68: Option<String>,
    /// Whether its bytes are no UTF-8, and so taken for Latin-1.
    pub(crate) is_latin1: bool,
    parameters: Vec<(String, String)>,
}

impl Challenge {
    /// Returns the first parameter of that name, which is in lower case.
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// Says whether a parameter is `true`, as flags are spelled.
    pub(crate) fn is(&self, name: &str) -> bool {
        self.parameter(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// Reads all fields of a response, in their order. What cannot be read ends its field; what was
/// read before that counts.
pub(crate) fn parse<'a>(fields: impl IntoIterator<Item = &'a [u8]>) -> Vec<Challenge> {
    let mut challenges = Vec::new();
    for field in fields.into_iter().filter(|field| field.len() <= FIELD_LIMIT) {
        let (text, is_latin1) = match std::str::from_utf8(field) {
            Ok(text) => (Cow::Borrowed(text), false),
            Err(_) => (field.iter().copied().map(char::from).collect(), true),
        };
        Reader { rest: &text, is_latin1 }.field(&mut challenges);
    }
    challenges.truncate(CHALLENGES_LIMIT);
    challenges
}

/// What is left of a field.
struct Reader<'a> {
    rest: &'a str,
    is_latin1: bool,
}

impl<'a> Reader<'a> {
    /// A comma separates both the challenges and the parameters of one: a name with `=` after it
    /// is a parameter of the challenge before it, any other begins a challenge.
    fn field(&mut self, into: &mut Vec<Challenge>) {
        let mut open: Option<Challenge> = None;
        loop {
            self.skip(|c| matches!(c, ' ' | '\t' | ',' | ';'));
            if self.rest.is_empty() || into.len() >= CHALLENGES_LIMIT {
                break;
            }
            let before = self.rest;
            let Some(name) = self.token() else { break };
            let is_parameter = self.after_blanks().starts_with('=');
            match &mut open {
                Some(challenge) if is_parameter => {
                    self.rest = before;
                    if !self.parameter(challenge) {
                        // Half a challenge is none.
                        open = None;
                        break;
                    }
                }
                _ if is_parameter => break,
                _ => {
                    into.extend(open.take());
                    let scheme = name.to_ascii_lowercase();
                    let (token68, is_latin1) = (self.token68(), self.is_latin1);
                    open = Some(Challenge { scheme, token68, is_latin1, ..Challenge::default() });
                }
            }
        }
        into.extend(open.filter(|_| into.len() < CHALLENGES_LIMIT));
    }

    /// Reads `name = value`; says whether it could and may.
    fn parameter(&mut self, challenge: &mut Challenge) -> bool {
        let Some(name) = self.token() else { return false };
        self.skip(is_blank);
        let Some(rest) = self.rest.strip_prefix('=') else { return false };
        self.rest = rest;
        self.skip(is_blank);
        let value = match self.rest.strip_prefix('"') {
            Some(rest) => {
                self.rest = rest;
                self.quoted()
            }
            None => self.unquoted().map(str::to_owned),
        };
        let Some(value) = value else { return false };
        if challenge.parameters.len() >= PARAMETERS_LIMIT {
            return false;
        }
        challenge.parameters.push((name.to_ascii_lowercase(), value));
        let behind = self.rest.len();
        self.skip(is_blank);
        // A comma should part them. Where it is not there, anything else that does is as clear.
        self.rest.len() < behind || self.rest.is_empty() || self.rest.starts_with([',', ';'])
    }

    /// Reads up to the comma. It should be a token, but devices put no quotes around their names.
    fn unquoted(&mut self) -> Option<&'a str> {
        let (value, rest) = self.rest.split_at(self.rest.find(',').unwrap_or(self.rest.len()));
        self.rest = rest;
        Some(value.trim_end_matches(is_blank))
            .filter(|value| !value.is_empty() && !value.contains('"'))
    }

    /// Reads up to the closing quote, which must be there.
    fn quoted(&mut self) -> Option<String> {
        let mut value = String::new();
        let mut characters = self.rest.char_indices();
        while let Some((at, c)) = characters.next() {
            match c {
                '"' => {
                    self.rest = &self.rest[at + 1..];
                    return Some(value);
                }
                '\\' => value.push(characters.next()?.1),
                c => value.push(c),
            }
        }
        None
    }

    /// Reads what only a token68 can be: it is followed by a comma or the end.
    fn token68(&mut self) -> Option<String> {
        let text = self.after_blanks();
        let end = text.find([' ', '\t', ',']).unwrap_or(text.len());
        let (word, rest) = text.split_at(end);
        let is_last = rest.trim_start_matches(is_blank);
        let digits = word.trim_end_matches('=');
        let legal = |c: char| c.is_ascii_alphanumeric() || "-._~+/".contains(c);
        if digits.is_empty()
            || !digits.chars().all(legal)
            || !(is_last.is_empty() || is_last.starts_with(','))
        {
            return None;
        }
        self.rest = rest;
        Some(word.to_owned())
    }

    fn token(&mut self) -> Option<&'a str> {
        let is_token = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*+-.^_`|~".contains(c);
        let end = self.rest.find(|c| !is_token(c)).unwrap_or(self.rest.len());
        let (token, rest) = self.rest.split_at(end);
        self.rest = rest;
        (!token.is_empty()).then_some(token)
    }

    fn after_blanks(&self) -> &'a str {
        self.rest.trim_start_matches(is_blank)
    }

    fn skip(&mut self, what: impl Fn(char) -> bool) {
        self.rest = self.rest.trim_start_matches(what);
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(fields: &[&str]) -> String {
        let challenges = parse(fields.iter().map(|field| field.as_bytes()));
        let shown = challenges.iter().map(|challenge| {
            let token = challenge.token68.iter().map(|token| format!(" {token}"));
            let parameters = challenge.parameters.iter().map(|(n, v)| format!(" {n}={v:?}"));
            let rest: String = token.chain(parameters).collect();
            format!("{}{rest}", challenge.scheme)
        });
        shown.collect::<Vec<_>>().join(" | ")
    }

    /// fields => challenges
    const TABLE: &[(&[&str], &str)] = &[
        (&["Basic realm=\"a b\""], "basic realm=\"a b\""),
        (&["BASIC  REALM = \"a\" , charset=\"UTF-8\""], "basic realm=\"a\" charset=\"UTF-8\""),
        (
            &["Newauth realm=\"apps\", type=1, title=\"Login to \\\"apps\\\"\", Basic realm=\"s\""],
            "newauth realm=\"apps\" type=\"1\" title=\"Login to \\\"apps\\\"\" | basic realm=\"s\"",
        ),
        (&["Basic", "Digest realm=r, nonce=n"], "basic | digest realm=\"r\" nonce=\"n\""),
        (&["Negotiate, Basic realm=x"], "negotiate | basic realm=\"x\""),
        (&["Negotiate YWJj/+==, Bearer"], "negotiate YWJj/+== | bearer"),
        (&[", ,Basic realm=\"a, Digest b=\\\\\",,"], "basic realm=\"a, Digest b=\\\\\""),
        (&["Digest qop=\"auth, auth-int\""], "digest qop=\"auth, auth-int\""),
        (&["Basic realm=\"grün\""], "basic realm=\"grün\""),
        (&[""], ""),
        (&["realm=\"no scheme\""], ""),
        (&["Basic realm=\"open"], ""),
        (&["Basic realm=\"a\"x"], ""),
        (&["Bearer, Basic realm=\"open"], "bearer"),
        (&["Basic realm"], "basic realm"),
        (
            &["Basic realm=My Router (2), Digest realm=a:b@c , nonce=YWI/=="],
            "basic realm=\"My Router (2)\" | digest realm=\"a:b@c\" nonce=\"YWI/==\"",
        ),
        (&["Basic realm=a\"b, c\""], ""),
        (
            &["Digest realm=\"d\" nonce=\"n\"; qop=auth, Basic realm=\"b\" charset=\"UTF-8\""],
            "digest realm=\"d\" nonce=\"n\" qop=\"auth\" | basic realm=\"b\" charset=\"UTF-8\"",
        ),
        (&["Basic realm=\"b\" Digest realm=\"d\""], "basic realm=\"b\" | digest realm=\"d\""),
        (&["=,=", "Basic"], "basic"),
        (&["Basic realm=\"a\\"], ""),
    ];

    #[test]
    fn every_field() {
        for (fields, expected) in TABLE {
            assert_eq!(shown(fields), *expected, "{fields:?}");
        }
    }

    #[test]
    fn floods_are_bounded() {
        let many = "Basic, ".repeat(1000);
        assert_eq!(parse([many.as_bytes(), many.as_bytes()]).len(), CHALLENGES_LIMIT);
        let long = format!("Basic realm=\"{}\"", "a".repeat(FIELD_LIMIT));
        assert_eq!(parse([long.as_bytes()]), []);
        let wide = format!("Basic {}", "a=b, ".repeat(PARAMETERS_LIMIT + 1));
        assert_eq!(parse([wide.as_bytes()]), []);
        assert_eq!(parse([&b"Basic realm=\"\xff\0\""[..]])[0].parameter("realm"), Some("\u{ff}\0"));
    }
}
