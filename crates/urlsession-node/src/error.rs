//! Errors on their way to JavaScript.

use napi_derive::napi;
use serde::Serialize;
use urlsession::{CancelledReason, Error};

/// An error of NSURLErrorDomain.
#[napi(object, object_from_js = false)]
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TaskError {
    /// The number.
    pub code: i32,
    /// Apple's name without the prefix `NSURLError`.
    pub code_name: String,
    /// Apple's English sentence.
    pub message: String,
    /// What exactly happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The URL that could not be loaded, without user-info.
    #[napi(js_name = "failingURL")]
    #[serde(rename = "failingURL", skip_serializing_if = "Option::is_none")]
    pub failing_url: Option<String>,
    /// The HTTP status, where the task takes statuses as failures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u32>,
    /// Why the system and not the app cancelled the task: Apple's 0, 1 and 2.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancelled_reason: Option<u32>,
    /// From what a new download can go on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resume_data: Option<String>,
}

impl From<Error> for TaskError {
    fn from(error: Error) -> Self {
        Self {
            code: error.code.0,
            code_name: error.code.name().to_owned(),
            message: error.message,
            detail: error.detail,
            failing_url: error.failing_url,
            status_code: error.status_code.map(u32::from),
            cancelled_reason: error.cancelled_reason.map(|reason| match reason {
                CancelledReason::UserForceQuitApplication => 0,
                CancelledReason::BackgroundUpdatesDisabled => 1,
                CancelledReason::InsufficientSystemResources => 2,
            }),
            resume_data: error.resume_data.map(|data| data.0.expose().to_owned()),
        }
    }
}

/// Makes what JavaScript catches. Node-API throws a text, so the parts travel in it as JSON.
pub(crate) fn thrown(error: Error) -> napi::Error {
    let told = TaskError::from(error);
    let parts = serde_json::json!({
        "code": told.code,
        "codeName": told.code_name,
        "message": told.message,
        "detail": told.detail,
        "failingURL": told.failing_url,
    });
    napi::Error::from_reason(parts.to_string())
}
