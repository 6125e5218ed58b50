//! What a server answered: Apple's `HTTPURLResponse`.

use crate::{FileName, ResourceFetchType};
use serde::{Deserialize, Serialize};
use std::ops::Deref;
use std::sync::Arc;

/// The head of the final response of a task.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Response {
    /// The URL that answered, after redirects, without user-info.
    pub url: String,
    /// The HTTP status, such as 200 or 404. No status is an error.
    pub status_code: u16,
    /// `http/1.1`, `h2` or `h3`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network_protocol: Option<String>,
    /// Whether it came from the server or from what was kept.
    #[serde(default, skip_serializing_if = "ResourceFetchType::is_network_load")]
    pub resource_fetch_type: ResourceFetchType,
    /// Header fields as received; bytes that are not UTF-8 are replaced. Where a message would be too
    /// long for a line, those of more than 1 KiB are missing.
    #[serde(default, skip_serializing_if = "HeaderFields::is_none")]
    pub headers: HeaderFields,
    /// What the body may be called as a file: Apple's `suggestedFilename`, by the server, else
    /// by the URL, and safe in either case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested_filename: Option<FileName>,
}

impl Response {
    /// Hides the values of cookies, for whoever has no use for them.
    pub fn hide_cookies(&mut self) {
        self.headers.hide_cookies();
    }

    /// Returns the first field of that name, compared case-insensitively.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// The header fields of a response, in their order. Those who keep it share them: a clone costs
/// nothing.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HeaderFields(Option<Arc<[(String, String)]>>);

impl HeaderFields {
    pub(crate) fn is_none(&self) -> bool {
        self.0.is_none()
    }

    pub(crate) fn hide_cookies(&mut self) {
        let is_cookie = |(name, _): &(String, String)| name.eq_ignore_ascii_case("set-cookie");
        if self.iter().any(is_cookie) {
            let hidden = |field @ (name, _): &(String, String)| match is_cookie(field) {
                true => (name.clone(), "***".to_owned()),
                false => field.clone(),
            };
            *self = self.iter().map(hidden).collect();
        }
    }
}

impl Deref for HeaderFields {
    type Target = [(String, String)];

    fn deref(&self) -> &[(String, String)] {
        self.0.as_deref().unwrap_or_default()
    }
}

impl From<Vec<(String, String)>> for HeaderFields {
    fn from(fields: Vec<(String, String)>) -> Self {
        Self((!fields.is_empty()).then(|| fields.into()))
    }
}

impl FromIterator<(String, String)> for HeaderFields {
    fn from_iter<T: IntoIterator<Item = (String, String)>>(fields: T) -> Self {
        fields.into_iter().collect::<Vec<_>>().into()
    }
}

impl<'a> IntoIterator for &'a HeaderFields {
    type Item = &'a (String, String);
    type IntoIter = std::slice::Iter<'a, (String, String)>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Serialize for HeaderFields {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (**self).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for HeaderFields {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Vec::deserialize(deserializer).map(Self::from)
    }
}
