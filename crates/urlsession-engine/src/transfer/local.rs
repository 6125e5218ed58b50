//! Opens connections over a socket of this machine, where a task names one.

#[cfg(unix)]
pub(super) use here::connect;

#[cfg(unix)]
mod here {
    use crate::transfer::errors::{self, Failure, Place};
    use crate::transfer::line::Line;
    use std::io::{self, ErrorKind};
    use std::os::unix::fs::FileTypeExt as _;
    use std::path::Path;
    use tokio::net::UnixStream;
    use urlsession_core::Cause;

    /// Connects to whoever listens at the path.
    pub(in crate::transfer) async fn connect(path: &Path) -> Result<Line, Failure> {
        UnixStream::connect(path).await.map(Line::Local).map_err(|error| explain(path, &error))
    }

    /// Who listens may come back; what is no socket, or another's, stays that.
    fn explain(path: &Path, error: &io::Error) -> Failure {
        let is_socket = || std::fs::metadata(path).is_ok_and(|about| about.file_type().is_socket());
        let mut failure = errors::io(Place::Connect, error);
        let (cause, why) = match error.kind() {
            ErrorKind::NotFound => (Cause::Transient, "there is no such socket".to_owned()),
            ErrorKind::PermissionDenied => {
                (Cause::Permanent, "this user may not connect to it".to_owned())
            }
            _ if path.exists() && !is_socket() => (Cause::Permanent, "it is no socket".to_owned()),
            ErrorKind::ConnectionRefused => (Cause::Transient, "nobody listens there".to_owned()),
            _ => (failure.cause, error.to_string()),
        };
        failure.cause = cause;
        failure.error.detail = Some(format!("{}: {why}", path.display()));
        failure
    }
}

#[cfg(not(unix))]
pub(super) async fn connect(
    path: &std::path::Path,
) -> Result<super::line::Line, super::errors::Failure> {
    let why = format!("{}: this system has no such sockets", path.display());
    let code = urlsession_protocol::ErrorCode::CANNOT_CONNECT_TO_HOST;
    Err(super::errors::Failure::permanent(code, why))
}
