//! Resume data: what an app holds of a cancelled download, as a versioned text.

use crate::ResumeState;
use serde::{Deserialize, Serialize};
use urlsession_protocol::{Error, ErrorCode, ResumeData, Secret};

/// The version of the text.
const VERSION: u32 = 1;

#[derive(Serialize, Deserialize)]
struct Text {
    version: u32,
    #[serde(flatten)]
    state: ResumeState,
}

/// Writes a state as resume data.
///
/// # Errors
/// -1 if the part file's path is not UTF-8.
pub fn encode(state: &ResumeState) -> Result<ResumeData, Error> {
    let text = serde_json::to_string(&Text { version: VERSION, state: state.clone() })
        .map_err(|error| Error::new(ErrorCode::UNKNOWN).because(error))?;
    Ok(ResumeData(Secret::new(text)))
}

/// Reads resume data. Only parses: whether the part file is there is the transfer's question.
///
/// # Errors
/// -1002, as Apple gives it for data that is none, of another version, or proves nothing.
pub fn decode(data: &ResumeData) -> Result<ResumeState, Error> {
    let refuse = |why: &str| Error::new(ErrorCode::UNSUPPORTED_URL).because(why);
    // The parser's sentence could repeat a part of the text, which is a secret.
    let text: Text = serde_json::from_str(data.0.expose())
        .map_err(|_| refuse("the resume data cannot be read"))?;
    if text.version != VERSION {
        return Err(refuse("the resume data is of another version"));
    }
    if !text.state.part.is_absolute() || !is_usable(&text.state) {
        return Err(refuse("the resume data proves nothing"));
    }
    Ok(text.state)
}

/// Says whether a new task can go on from it: there are bytes, and a validator says whose.
pub(crate) fn is_usable(state: &ResumeState) -> bool {
    state.durable_bytes > 0 && (state.etag.is_some() || state.last_modified.is_some())
}
