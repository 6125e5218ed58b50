//! A URL that stands for several, as curl has it: `{one,two}`, `[1-9]`, `[001-100]`, `[a-z]`,
//! `[0-20:5]`, and `#1` in `-o` for what stands there; `{<name>one,two}` for `#<name>`.

/// Most URLs that one stands for.
pub(crate) const GLOB_LIMIT: usize = 1_000_000;
/// Most digits of a number in a pattern.
const DIGITS_LIMIT: usize = 18;

/// One of the URLs, and what stands in it for each pattern.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Match {
    pub(crate) url: String,
    /// With the names of the patterns that have one.
    chosen: Vec<(Option<String>, String)>,
}

/// A text, or what can stand in its place.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Text(String),
    /// With the name that is typed in front.
    Choice(Option<String>, Vec<String>),
}

/// Returns what the URL stands for, the last pattern first to change; itself if it has none.
pub(crate) fn expand(url: &str) -> Result<Vec<Match>, String> {
    let mut matches = vec![Match::default()];
    for piece in pieces(url)? {
        match piece {
            Piece::Text(text) => matches.iter_mut().for_each(|one| one.url.push_str(&text)),
            Piece::Choice(name, choices) => {
                if matches.len().saturating_mul(choices.len()) > GLOB_LIMIT {
                    return Err(format!("it stands for more than {GLOB_LIMIT} URLs"));
                }
                let with = |one: &Match, choice: &String| {
                    let mut one = one.clone();
                    one.url.push_str(choice);
                    one.chosen.push((name.clone(), choice.clone()));
                    one
                };
                matches = matches
                    .iter()
                    .flat_map(|one| choices.iter().map(move |choice| with(one, choice)))
                    .collect();
            }
        }
    }
    Ok(matches)
}

impl Match {
    /// Says whether there is a pattern in the URL.
    pub(crate) fn is_one_of(&self) -> bool {
        !self.chosen.is_empty()
    }

    /// Puts what stands for the first pattern in the place of `#1`, and so on, and for that of a
    /// name in the place of `#<name>`. What has no pattern stays.
    pub(crate) fn fill(&self, name: &str) -> String {
        let mut filled = String::new();
        let mut rest = name;
        while let Some((before, after)) = rest.split_once('#') {
            filled.push_str(before);
            let digits = after.len() - after.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let named = after.strip_prefix('<').and_then(|after| after.split_once('>'));
            let (chosen, length) = match named {
                Some((name, _)) => {
                    let of_name = |(of, _): &&(Option<String>, _)| of.as_deref() == Some(name);
                    (self.chosen.iter().find(of_name), name.len() + 2)
                }
                None => {
                    let place = after[..digits].parse::<usize>().ok();
                    let place = place.and_then(|number| number.checked_sub(1));
                    (place.and_then(|place| self.chosen.get(place)), digits)
                }
            };
            match chosen {
                // It is part of a name, and must not become one of a folder.
                Some((_, chosen)) => filled.push_str(&chosen.replace(['/', '\\'], "_")),
                None => filled.push_str(&format!("#{}", &after[..length])),
            }
            rest = &after[length..];
        }
        filled + rest
    }
}

fn pieces(url: &str) -> Result<Vec<Piece>, String> {
    let (mut pieces, mut text) = (Vec::new(), String::new());
    let mut rest = url;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        let (choices, end) = match first {
            // What is escaped is no pattern.
            '\\' if after.starts_with(['{', '}', '[', ']']) => {
                text.push_str(&after[..1]);
                rest = &after[1..];
                continue;
            }
            '[' if is_address(after) || after.starts_with(']') => (None, after),
            '[' => {
                let (inner, end) = after.split_once(']').ok_or("a ‘[’ is not closed")?;
                let (name, inner) = named(inner);
                (Some((name, range(inner)?)), end)
            }
            '{' if after.starts_with('}') => (None, after),
            '{' => {
                let (inner, end) = after.split_once('}').ok_or("a ‘{’ is not closed")?;
                let (name, inner) = named(inner);
                (Some((name, inner.split(',').map(str::to_owned).collect())), end)
            }
            '}' if !text.ends_with('{') => return Err("a ‘}’ closes nothing".to_owned()),
            _ => (None, after),
        };
        match choices {
            None => text.push(first),
            Some((name, choices)) => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(Piece::Choice(name, choices));
            }
        }
        rest = end;
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// Parts the name that a pattern may have from the rest.
fn named(inner: &str) -> (Option<String>, &str) {
    let named = inner.strip_prefix('<').and_then(|inner| inner.split_once('>'));
    named.map_or((None, inner), |(name, rest)| (Some(name.to_owned()), rest))
}

/// Says whether what follows a bracket is an IPv6 address.
fn is_address(after: &str) -> bool {
    let inner = after.split_once(']').map_or("", |(inner, _)| inner);
    let (address, _zone) = inner.split_once('%').unwrap_or((inner, ""));
    address.parse::<std::net::Ipv6Addr>().is_ok()
}

/// Reads `BEGIN-END`, or with `:STEP`.
fn range(inner: &str) -> Result<Vec<String>, String> {
    let wrong =
        || format!("“[{}]” is no range such as [1-9], [001-100:10] or [a-z]", inner.escape_debug());
    let (ends, step) = inner.split_once(':').unwrap_or((inner, "1"));
    let step: usize = step.parse().ok().filter(|step| *step > 0).ok_or_else(wrong)?;
    let (begin, end) = ends.split_once('-').ok_or_else(wrong)?;
    let letters = |text: &str| match text.as_bytes() {
        [letter] if letter.is_ascii_alphabetic() => Some(*letter),
        _ => None,
    };
    if let (Some(begin), Some(end)) = (letters(begin), letters(end)) {
        if begin > end || begin.is_ascii_lowercase() != end.is_ascii_lowercase() {
            return Err(wrong());
        }
        return Ok((begin..=end).step_by(step).map(|byte| char::from(byte).to_string()).collect());
    }
    let number = |text: &str| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        text.parse::<u64>().ok().filter(|_| is_number && text.len() <= DIGITS_LIMIT)
    };
    let (first, last) = (number(begin).ok_or_else(wrong)?, number(end).ok_or_else(wrong)?);
    if first > last {
        return Err(wrong());
    }
    if (last - first) / step as u64 >= GLOB_LIMIT as u64 {
        return Err(format!("“[{inner}]” stands for more than {GLOB_LIMIT} numbers"));
    }
    // Zeros in front say how wide every number is.
    let width = if begin.starts_with('0') { begin.len() } else { 0 };
    Ok((first..=last).step_by(step).map(|number| format!("{number:0width$}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// what is typed => what it stands for, or what the error says
    #[test]
    fn patterns() {
        for (typed, expected) in [
            ("http://h/f", "http://h/f"),
            ("http://h/{a,b}", "http://h/a http://h/b"),
            ("http://h/{a,}x", "http://h/ax http://h/x"),
            ("http://h/[1-3]", "http://h/1 http://h/2 http://h/3"),
            ("http://h/[08-10]", "http://h/08 http://h/09 http://h/10"),
            ("http://h/[0-20:10]", "http://h/0 http://h/10 http://h/20"),
            ("http://h/[1-1]", "http://h/1"),
            ("http://h/[a-e:2]", "http://h/a http://h/c http://h/e"),
            ("http://{a,b}/[1-2]", "http://a/1 http://a/2 http://b/1 http://b/2"),
            ("http://[::1]:80/[1-2]", "http://[::1]:80/1 http://[::1]:80/2"),
            ("http://h/[]{}", "http://h/[]{}"),
            ("http://h/\\[1-2\\]\\{a,b\\}", "http://h/[1-2]{a,b}"),
            ("http://h/[999999999999999998-999999999999999998]", "http://h/999999999999999998"),
            ("http://h/{<n>a,b}[<m>1-2]", "http://h/a1 http://h/a2 http://h/b1 http://h/b2"),
            ("http://h/[1-3", "not closed"),
            ("http://h/{a,b", "not closed"),
            ("http://h/a}", "closes nothing"),
            ("http://h/[3-1]", "no range"),
            ("http://h/[a-Z]", "no range"),
            ("http://h/[1-2:0]", "no range"),
            ("http://h/[1]", "no range"),
            ("http://h/[1-1000000000000000000]", "no range"),
            ("http://h/[1-9999999]", "more than 1000000"),
            ("http://h/[1-1001][1-1000]", "more than 1000000"),
        ] {
            match expand(typed) {
                Ok(got) => {
                    let got: Vec<_> = got.into_iter().map(|one| one.url).collect();
                    assert_eq!(got.join(" "), expected, "{typed}");
                }
                Err(why) => assert!(why.contains(expected), "{typed}: {why}"),
            }
        }
    }

    #[test]
    fn names_have_what_stands_there() {
        let last = expand("http://h/{a/b,c}/[<n>01-02]").unwrap().swap_remove(1);
        for (name, expected) in
            [("f", "f"), ("#1-#2.txt", "a_b-02.txt"), ("#3#0##2#", "#3#0#02#"), ("ä#2ö", "ä02ö")]
        {
            assert_eq!(last.fill(name), expected, "{name}");
        }
    }
}
