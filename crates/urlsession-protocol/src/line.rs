//! One message as one line of JSON, bounded, without IO.

use serde::{Serialize, de::DeserializeOwned};

/// Longest line either side may write, its newline included, in bytes.
pub const LINE_LIMIT: usize = 1024 * 1024;

/// Says what is wrong with a line.
#[derive(Debug, thiserror::Error)]
pub enum LineError {
    /// The line is longer than [`LINE_LIMIT`].
    #[error("a line is longer than {LINE_LIMIT} bytes")]
    TooLong,
    /// The line is no message.
    #[error("a line is no message: {0}")]
    Malformed(#[from] serde_json::Error),
}

/// Writes a message as one line, newline included.
///
/// # Errors
/// The message is too long, or has a path that is not UTF-8.
pub fn encode<M: Serialize>(message: &M) -> Result<Vec<u8>, LineError> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    if line.len() > LINE_LIMIT { Err(LineError::TooLong) } else { Ok(line) }
}

/// Reads a message from one line, with or without its newline.
///
/// # Errors
/// The line is too long or no message of this kind.
pub fn decode<M: DeserializeOwned>(line: &[u8]) -> Result<M, LineError> {
    if line.len() > LINE_LIMIT {
        return Err(LineError::TooLong);
    }
    Ok(serde_json::from_slice(line)?)
}
