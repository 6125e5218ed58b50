//! Which requests a kept response is for, beyond its URL: what `Vary` names, and who asked.

use super::control::split;
use http::{HeaderMap, HeaderName, header};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Most fields that a response may vary by.
const FIELDS_LIMIT: usize = 32;

/// What a request must be like. Values are kept as digests: they can be cookies and passwords.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Variant {
    /// Whose credentials and which terms of trust it was got with.
    pub(super) partition: Partition,
    /// The fields that `Vary` names, with what the request said.
    fields: Vec<(String, Print)>,
}

/// Sets requests apart that must never get each other's responses.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Partition(Option<Print>);

/// The digest of something secret.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Print(String);

impl Partition {
    /// Makes one of everything that tells requests apart; without anything it is everyone's.
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        if parts.iter().all(|part| part.is_empty()) {
            return Self(None);
        }
        Self(Some(Print::of(parts.iter().copied())))
    }
}

impl Variant {
    /// Makes the variant of a response; `None` if no request could ever match it.
    pub(super) fn of(
        response: &HeaderMap,
        request: &HeaderMap,
        partition: &Partition,
    ) -> Option<Self> {
        let mut fields: Vec<(String, Print)> = Vec::new();
        for line in response.get_all(header::VARY) {
            for name in split(line.as_bytes()) {
                // An illegal name, `*` among them, cannot be compared.
                let name = HeaderName::from_bytes(name).ok().filter(|name| *name != "*")?;
                if !fields.iter().any(|(known, _)| name == known.as_str()) {
                    fields.push((name.as_str().to_owned(), print(request, &name)));
                }
                if fields.len() > FIELDS_LIMIT {
                    return None;
                }
            }
        }
        fields.sort_by(|(left, _), (right, _)| left.cmp(right));
        Some(Self { partition: partition.clone(), fields })
    }

    /// Makes that of a response that was renewed by the answer to this request, which may name other
    /// fields; `None` if no request can match it any more.
    pub(super) fn renewed(&self, response: &HeaderMap, request: &HeaderMap) -> Option<Self> {
        let next = Self::of(response, request, &self.partition)?;
        // A request that matches need not say the same: it may like the language.
        Some(if next.names().eq(self.names()) { self.clone() } else { next })
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        self.fields.iter().map(|(name, _)| name.as_str())
    }

    /// Says whether a request gets that response, which may be in the language it likes best. It gets
    /// nothing packed that it does not ask for, although its server may not have said that it varies.
    pub(super) fn matches(&self, request: &HeaderMap, response: &HeaderMap) -> bool {
        asks_for_codings(request, response)
            && self.fields.iter().all(|(name, print_then)| {
                let Ok(name) = HeaderName::from_bytes(name.as_bytes()) else { return false };
                print(request, &name) == *print_then
                    || (name == header::ACCEPT_LANGUAGE && has_best_language(request, response))
            })
    }
}

impl Print {
    fn of<'a>(parts: impl Iterator<Item = &'a [u8]>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            // The length keeps the parts apart.
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        Self(digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect())
    }
}

/// Several lines are one list, and space around its commas means nothing.
fn print(request: &HeaderMap, name: &HeaderName) -> Print {
    let lines = request.get_all(name);
    if lines.iter().next().is_none() {
        return Print("-".to_owned());
    }
    let ignores_case = *name == header::ACCEPT_LANGUAGE;
    let items = lines.iter().flat_map(|line| split(line.as_bytes()));
    let items: Vec<Vec<u8>> = items
        .map(|item| if ignores_case { item.to_ascii_lowercase() } else { item.to_vec() })
        .collect();
    Print::of(items.iter().map(Vec::as_slice))
}

/// Says whether the response is packed in no other way than the request names (RFC 9110 section
/// 12.5.3). Who names none may get any from a server, but would hardly.
pub(super) fn asks_for_codings(request: &HeaderMap, response: &HeaderMap) -> bool {
    let lines = response.get_all(header::CONTENT_ENCODING).iter();
    let mut codings = lines.flat_map(|line| split(line.as_bytes())).map(coding_name);
    codings.all(|coding| matches!(&coding[..], b"identity" | b"none") || asks_for(request, &coding))
}

fn asks_for(request: &HeaderMap, coding: &[u8]) -> bool {
    let mut weight_of_others = 0.0;
    let lines = request.get_all(header::ACCEPT_ENCODING).iter();
    for (name, weight) in lines.flat_map(|line| split(line.as_bytes())).map(weighed) {
        match coding_name(name) {
            name if name == coding => return weight > 0.0,
            name if name == b"*" => weight_of_others = weight,
            _ => {}
        }
    }
    weight_of_others > 0.0
}

/// RFC 9110 section 8.4.1: `x-gzip` is `gzip`.
fn coding_name(name: &[u8]) -> Vec<u8> {
    let name = name.to_ascii_lowercase();
    name.strip_prefix(b"x-").map_or_else(|| name.clone(), <[u8]>::to_vec)
}

/// Splits an item into what it names and how much that is liked (RFC 9110 section 12.4.2).
fn weighed(item: &[u8]) -> (&[u8], f32) {
    let mut parts = item.split(|byte| *byte == b';').map(<[u8]>::trim_ascii);
    let name = parts.next().unwrap_or_default();
    let weight = parts.find_map(|part| part.strip_prefix(b"q=").or(part.strip_prefix(b"Q=")));
    let weight = std::str::from_utf8(weight.unwrap_or(b"1")).ok();
    (name, weight.and_then(|weight| weight.parse().ok()).unwrap_or(0.0))
}

/// Says whether the response is in the one language that the request likes better than all others.
fn has_best_language(request: &HeaderMap, response: &HeaderMap) -> bool {
    let Some(language) = response.get(header::CONTENT_LANGUAGE) else { return false };
    let lines = request.get_all(header::ACCEPT_LANGUAGE);
    let mut best: Option<(f32, &[u8])> = None;
    let mut is_tie = false;
    for (tag, weight) in lines.iter().flat_map(|line| split(line.as_bytes())).map(weighed) {
        match best {
            Some((most, _)) if weight < most => {}
            Some((most, _)) if weight <= most => is_tie = true,
            _ => (best, is_tie) = (Some((weight, tag)), false),
        }
    }
    !is_tie && best.is_some_and(|(_, tag)| language.as_bytes().eq_ignore_ascii_case(tag))
}
