//! The lines of the worker: what is asked, in the words of `fetch`, and what is answered.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use urlsession::{Error, ErrorCode, Header, Request, RequestCachePolicy, Response};

/// A request.
#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    pub(super) id: Value,
    url: String,
    method: Option<String>,
    #[serde(default)]
    headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
    cache: Option<String>,
    pub(super) redirect: Option<String>,
}

/// An answer.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum Answer {
    Response { id: Value, status: u16, headers: Vec<(String, String)>, body: String },
    Failure { id: Value, error: String, name: &'static str },
}

impl Asked {
    /// Makes the request. `no-store` tells the cache so in its own way.
    pub(super) fn request(self) -> Result<Request, Error> {
        let mut request = Request::new(&self.url)?;
        if let Some(method) = self.method {
            request.method = method;
        }
        request.headers =
            self.headers.into_iter().map(|(name, value)| Header::new(name, value)).collect();
        if self.cache.as_deref() == Some("no-store") {
            request.headers.push(Header::new("Cache-Control", "no-store"));
        }
        Ok(request)
    }

    /// Returns what the mode of `fetch` means here.
    pub(super) fn policy(&self) -> Result<Option<RequestCachePolicy>, Error> {
        let policy = match self.cache.as_deref() {
            None | Some("default" | "no-store") => return Ok(None),
            Some("reload") => RequestCachePolicy::ReloadIgnoringLocalAndRemoteCacheData,
            Some("no-cache") => RequestCachePolicy::ReloadRevalidatingCacheData,
            Some("force-cache") => RequestCachePolicy::ReturnCacheDataElseLoad,
            Some("only-if-cached") => RequestCachePolicy::ReturnCacheDataDontLoad,
            Some(other) => {
                return Err(Error::new(ErrorCode::UNKNOWN)
                    .because(format!("no cache mode “{}”", other.escape_debug())));
            }
        };
        Ok(Some(policy))
    }
}

impl Answer {
    pub(super) fn of(id: Value, response: Response, body: &[u8]) -> Self {
        let body = String::from_utf8_lossy(body).into_owned();
        Self::Response {
            id,
            status: response.status_code,
            headers: response.headers.to_vec(),
            body,
        }
    }

    pub(super) fn failed(id: Value, error: &Error) -> Self {
        Self::Failure { id, error: error.to_string(), name: error.code.name() }
    }
}
