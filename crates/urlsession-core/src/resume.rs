//! Resume data: what an app holds of a cancelled download, as a versioned text.

use crate::ResumeState;
use serde::{Deserialize, Serialize};
use urlsession_protocol::{Error, ErrorCode, ResumeData, Secret};

/// The version of the text.
const VERSION: u32 = 1;
/// Longest text that tells all header fields of the response, in bytes: in a line each `"` and `\`
/// of them takes four.
const TEXT_LIMIT: usize = 128 * 1024;
/// Longest header field of a longer one, and the only ones that it has: what goes on needs them.
const FIELD_LIMIT: usize = 1024;
const FIELDS: [&str; 2] = ["content-disposition", "content-encoding"];

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
    let mut text = Text { version: VERSION, state: state.clone() };
    let write = |text: &Text| {
        serde_json::to_string(text).map_err(|error| Error::new(ErrorCode::UNKNOWN).because(error))
    };
    let mut written = write(&text)?;
    if written.len() > TEXT_LIMIT {
        let headers = &mut text.state.response.headers;
        *headers = headers.iter().filter(is_needed).cloned().collect();
        written = write(&text)?;
    }
    Ok(ResumeData(Secret::new(written)))
}

fn is_needed((name, value): &&(String, String)) -> bool {
    value.len() <= FIELD_LIMIT && FIELDS.iter().any(|needed| name.eq_ignore_ascii_case(needed))
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
