//! Where a server sends a task, and where the app lets it go.

use crate::{Request, Response, Timestamp};
use serde::{Deserialize, Serialize};

/// A redirect before it is followed: what Apple's `willPerformHTTPRedirection` is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpRedirection {
    /// Tells it from the task's earlier and later ones: an answer has it too.
    #[serde(default)]
    pub question: u32,
    /// The head of the response that redirects.
    pub response: Response,
    /// What is asked for next. Header fields that must not go to another origin are gone from it.
    /// It has neither the body, which goes with it where the method stays, nor the credential,
    /// which goes with it to its own origin.
    pub new_request: Request,
    /// Until when an answer is waited for; then it is [`Follow`](HttpRedirectDisposition::Follow).
    #[serde(default)]
    pub until: Timestamp,
}

/// What the app answers: the request that Apple's completion handler is given, or `nil`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(tag = "redirect", rename_all = "snake_case")]
pub enum HttpRedirectDisposition {
    /// Goes on with the request that was proposed.
    #[default]
    Follow,
    /// Goes on with this request: what it says is done, also what the rules for redirects would not
    /// have. A credential of its own replaces the task's; a body of its own is left out.
    UseRequest {
        /// The request.
        request: Box<Request>,
    },
    /// Does not go on: the response that redirects is the result.
    Refuse,
}
