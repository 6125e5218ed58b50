//! Sessions in this process: one engine for all of them, which keeps nothing on disk but bodies.

use crate::configuration::SessionConfiguration;
use crate::session::Session;
use urlsession_protocol::{Error, ErrorCode};

/// Creates a session whose transfers live in this process.
pub(crate) fn session(_: SessionConfiguration) -> Result<Session, Error> {
    Err(Error::new(ErrorCode::UNKNOWN)
        .because("sessions in this process need the feature `embedded` of the crate urlsession"))
}
