//! Where a server sends a task, on its way to JavaScript, and what JavaScript says to it.

use crate::event::{HeaderField, ResponseHead};
use crate::task::no_such;
use napi_derive::napi;
use serde::Serialize;
use urlsession::{Error, HttpRedirectDisposition, Request, Response, Timestamp};

/// A redirect before it is followed: what Apple's `willPerformHTTPRedirection` is told.
#[napi(object, object_from_js = false)]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HttpRedirection {
    /// Tells it from the task's other questions.
    pub question: u32,
    /// The head of the response that redirects.
    pub response: ResponseHead,
    /// What is asked for next.
    pub new_request: NewRequest,
    /// Until when an answer is waited for, in milliseconds since 1970; then it is followed.
    pub until: f64,
}

/// A request as an app sees it, without what must not go to another origin.
#[napi(object)]
#[derive(Serialize)]
pub struct NewRequest {
    /// Its URL.
    pub url: String,
    /// Its method.
    pub method: String,
    /// The header fields that the app typed.
    pub headers: Vec<HeaderField>,
}

/// What the app says to a redirect.
#[napi(object, object_to_js = false)]
pub struct RedirectAnswer {
    /// Goes on as proposed, goes on with `request`, or takes the redirect for the response.
    #[napi(ts_type = "'follow' | 'useRequest' | 'refuse'")]
    pub disposition: String,
    /// `useRequest`: which.
    pub request: Option<NewRequest>,
}

impl From<urlsession::HttpRedirection> for HttpRedirection {
    fn from(redirection: urlsession::HttpRedirection) -> Self {
        let Request { url, method, headers, .. } = redirection.new_request;
        let field = |header: urlsession::Header| HeaderField {
            name: header.name,
            value: header.value.expose().to_owned(),
        };
        let headers = headers.into_iter().map(field).collect();
        Self {
            question: redirection.question,
            response: redirection.response.into(),
            new_request: NewRequest { url, method, headers },
            until: redirection.until.0 as f64,
        }
    }
}

impl RedirectAnswer {
    /// Makes what a task takes: an answer names the question, and nothing else of the redirect.
    pub(crate) fn read(
        self,
        question: u32,
    ) -> Result<(urlsession::HttpRedirection, HttpRedirectDisposition), Error> {
        let disposition = match (self.disposition.as_str(), self.request) {
            ("follow", _) => HttpRedirectDisposition::Follow,
            ("refuse", _) => HttpRedirectDisposition::Refuse,
            ("useRequest", Some(request)) => {
                let headers = request.headers.into_iter().map(Into::into).collect();
                let url = Request::new(&request.url)?;
                let request = Request { method: request.method, headers, ..url };
                HttpRedirectDisposition::UseRequest { request: Box::new(request) }
            }
            (other, _) => return Err(no_such("redirect", other, "follow, useRequest or refuse")),
        };
        let redirection = urlsession::HttpRedirection {
            question,
            response: Response::default(),
            new_request: Request::new("http://localhost/")?,
            until: Timestamp(0),
        };
        Ok((redirection, disposition))
    }
}
