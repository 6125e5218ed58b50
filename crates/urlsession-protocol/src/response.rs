//! What a server answered: Apple's `HTTPURLResponse`.

use crate::{FileName, ResourceFetchType};
use serde::{Deserialize, Serialize};

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
    /// Header fields as received; bytes that are not UTF-8 are replaced.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<(String, String)>,
    /// What the body may be called as a file: Apple's `suggestedFilename`, by the server, else
    /// by the URL, and safe in either case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggested_filename: Option<FileName>,
}

impl Response {
    /// Hides the values of cookies, for whoever has no use for them.
    pub fn hide_cookies(&mut self) {
        let cookies = self.headers.iter_mut().filter(|(n, _)| n.eq_ignore_ascii_case("set-cookie"));
        cookies.for_each(|(_, value)| *value = "***".to_owned());
    }

    /// Returns the first field of that name, compared case-insensitively.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}
