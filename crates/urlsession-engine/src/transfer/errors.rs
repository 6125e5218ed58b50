//! What goes wrong in the world, as NSURLError numbers with a cause: one table per place.

use std::error::Error as StdError;
use std::io::{self, ErrorKind};
use urlsession_core::{Cause, Ending, ResumeState};
use urlsession_protocol::{AuthenticationChallenge, Error, ErrorCode, LowestSpeed, abridged};

/// Most bytes of what an error tells beside its sentence: servers have their say in many of them.
const DETAIL_LIMIT: usize = 1024;

/// An attempt that cannot go on: the error of the task and whether trying again can help.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub(super) error: Box<Error>,
    pub(super) cause: Cause,
    /// What the app is asked before the task can go on.
    pub(super) challenge: Option<Box<AuthenticationChallenge>>,
}

impl Failure {
    pub(super) fn new(code: ErrorCode, cause: Cause, why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        let error = Error::new(code).because(abridged(&why, DETAIL_LIMIT));
        Self { error: Box::new(error), cause, challenge: None }
    }

    pub(super) fn permanent(code: ErrorCode, why: impl std::fmt::Display) -> Self {
        Self::new(code, Cause::Permanent, why)
    }

    pub(super) fn transient(code: ErrorCode, why: impl std::fmt::Display) -> Self {
        Self::new(code, Cause::Transient, why)
    }

    /// Ends the task with an error that there is already.
    pub(super) fn of(error: Error) -> Self {
        Self { error: Box::new(error), cause: Cause::Permanent, challenge: None }
    }

    /// Names the URL that failed, unless one is named already.
    pub(super) fn at(mut self, url: &str) -> Self {
        if self.error.failing_url.is_none() {
            self.error = Box::new(self.error.for_url(url));
        }
        self
    }

    /// Ends the attempt.
    pub(super) fn end(self, resume: Option<ResumeState>, progressed: bool) -> Ending {
        let Self { error, cause, challenge } = self;
        match challenge {
            Some(challenge) => Ending::Challenged { challenge, resume },
            None => Ending::Failed { error: *error, cause, resume, progressed },
        }
    }

    pub(super) fn with_status(mut self, status: u16) -> Self {
        self.error.status_code = Some(status);
        self
    }

    /// Nothing moved in either direction for too long.
    pub(super) fn idle(limit: std::time::Duration) -> Self {
        Self::transient(ErrorCode::TIMED_OUT, format!("no byte moved for {limit:?}"))
    }

    /// Less moved than the task takes for a transfer.
    pub(super) fn slow(lowest: LowestSpeed) -> Self {
        let LowestSpeed { bytes_per_second, seconds } = lowest;
        let why = format!("slower than {bytes_per_second} bytes/s for {seconds} s");
        Self::transient(ErrorCode::TIMED_OUT, why)
    }

    /// The connection ended in the middle of a message.
    pub(super) fn lost(why: impl std::fmt::Display) -> Self {
        Self::transient(ErrorCode::NETWORK_CONNECTION_LOST, why)
    }
}

/// Where an error of the operating system struck.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// While a connection was being made.
    Connect,
    /// On an open connection.
    Wire,
    /// While the part file was being created or opened.
    Create,
    /// While bytes were being written or synced.
    Write,
    /// While the finished file was being put in place.
    Publish,
    /// While the request body was being read.
    Source,
}

type Line = (Place, ErrorKind, ErrorCode, Cause);

/// The first line that fits counts; [`otherwise`] says what all other errors of a place are.
const TABLE: &[Line] = &[
    (
        Place::Connect,
        ErrorKind::NetworkUnreachable,
        ErrorCode::NOT_CONNECTED_TO_INTERNET,
        Cause::Connectivity,
    ),
    (
        Place::Connect,
        ErrorKind::NetworkDown,
        ErrorCode::NOT_CONNECTED_TO_INTERNET,
        Cause::Connectivity,
    ),
    (Place::Connect, ErrorKind::TimedOut, ErrorCode::TIMED_OUT, Cause::Transient),
    (
        Place::Wire,
        ErrorKind::NetworkUnreachable,
        ErrorCode::NOT_CONNECTED_TO_INTERNET,
        Cause::Connectivity,
    ),
    (
        Place::Wire,
        ErrorKind::NetworkDown,
        ErrorCode::NOT_CONNECTED_TO_INTERNET,
        Cause::Connectivity,
    ),
    (Place::Wire, ErrorKind::TimedOut, ErrorCode::TIMED_OUT, Cause::Transient),
    (Place::Wire, ErrorKind::InvalidData, ErrorCode::CANNOT_PARSE_RESPONSE, Cause::Permanent),
    (Place::Wire, ErrorKind::InvalidInput, ErrorCode::CANNOT_PARSE_RESPONSE, Cause::Permanent),
    (Place::Create, ErrorKind::StorageFull, ErrorCode::CANNOT_CREATE_FILE, Cause::Disk),
    (Place::Create, ErrorKind::QuotaExceeded, ErrorCode::CANNOT_CREATE_FILE, Cause::Disk),
    (Place::Write, ErrorKind::StorageFull, ErrorCode::CANNOT_WRITE_TO_FILE, Cause::Disk),
    (Place::Write, ErrorKind::QuotaExceeded, ErrorCode::CANNOT_WRITE_TO_FILE, Cause::Disk),
    (Place::Publish, ErrorKind::StorageFull, ErrorCode::CANNOT_WRITE_TO_FILE, Cause::Disk),
    (Place::Publish, ErrorKind::QuotaExceeded, ErrorCode::CANNOT_WRITE_TO_FILE, Cause::Disk),
    (Place::Source, ErrorKind::NotFound, ErrorCode::FILE_DOES_NOT_EXIST, Cause::Permanent),
    (
        Place::Source,
        ErrorKind::PermissionDenied,
        ErrorCode::NO_PERMISSIONS_TO_READ_FILE,
        Cause::Permanent,
    ),
    (Place::Source, ErrorKind::IsADirectory, ErrorCode::FILE_IS_DIRECTORY, Cause::Permanent),
    (
        Place::Source,
        ErrorKind::UnexpectedEof,
        ErrorCode::REQUEST_BODY_STREAM_EXHAUSTED,
        Cause::Permanent,
    ),
];

fn otherwise(place: Place) -> (ErrorCode, Cause) {
    match place {
        Place::Connect => (ErrorCode::CANNOT_CONNECT_TO_HOST, Cause::Transient),
        Place::Wire => (ErrorCode::NETWORK_CONNECTION_LOST, Cause::Transient),
        Place::Create => (ErrorCode::CANNOT_CREATE_FILE, Cause::Permanent),
        Place::Write => (ErrorCode::CANNOT_WRITE_TO_FILE, Cause::Permanent),
        Place::Publish => (ErrorCode::CANNOT_MOVE_FILE, Cause::Permanent),
        Place::Source => (ErrorCode::CANNOT_OPEN_FILE, Cause::Permanent),
    }
}

/// Maps an error of the operating system; one that wraps a TLS error counts as that.
pub(super) fn io(place: Place, error: &io::Error) -> Failure {
    if let Some(tls) = find::<rustls::Error>(error) {
        return self::tls(tls);
    }
    let (code, cause) = TABLE
        .iter()
        .find(|(at, kind, ..)| *at == place && *kind == error.kind())
        .map_or_else(|| otherwise(place), |(_, _, code, cause)| (*code, *cause));
    let cause = if is_for_want_of_files(error) { Cause::Transient } else { cause };
    let text = error.to_string();
    // rustls ends its sentence about a connection that was cut with where to read about it.
    let why = text.split_once(": https://").map_or(text.as_str(), |(why, _)| why);
    Failure::new(code, cause, why)
}

/// Says whether this process, or the system, has as many open files as it may: others close theirs.
fn is_for_want_of_files(error: &io::Error) -> bool {
    #[cfg(unix)]
    let scarce = {
        use rustix::io::Errno;
        [Errno::MFILE, Errno::NFILE].map(Errno::raw_os_error)
    };
    // ERROR_TOO_MANY_OPEN_FILES.
    #[cfg(not(unix))]
    let scarce = [4];
    error.raw_os_error().is_some_and(|number| scarce.contains(&number))
}

/// Maps a failed look-up. The resolver's texts are all it tells: glibc, musl and macOS agree on
/// “temporary” and “try again” for a resolver that could not be reached.
pub(super) fn lookup(host: &str, error: &io::Error) -> Failure {
    let text = error.to_string();
    let lower = text.to_ascii_lowercase();
    let code = if lower.contains("temporary") || lower.contains("try again") {
        ErrorCode::DNS_LOOKUP_FAILED
    } else {
        ErrorCode::CANNOT_FIND_HOST
    };
    Failure::transient(code, format!("{host}: {text}"))
}

/// Maps an error of a connection on which hands have been shaken, if they were to be.
pub(super) fn line(error: &io::Error) -> Failure {
    match find::<rustls::Error>(error) {
        Some(tls) => broken(tls),
        None => io(Place::Wire, error),
    }
}

/// Maps a TLS error of such a connection. What makes a record unfit passes with its line; what the
/// server has against a certificate of ours, which it may say only now, does not.
fn broken(error: &rustls::Error) -> Failure {
    use rustls::{AlertDescription as Alert, Error as Tls};
    let why = match error {
        Tls::DecryptError
        | Tls::InvalidMessage(_)
        | Tls::InappropriateMessage { .. }
        | Tls::InappropriateHandshakeMessage { .. }
        | Tls::PeerMisbehaved(_)
        | Tls::PeerSentOversizedRecord => error.to_string(),
        Tls::AlertReceived(
            alert @ (Alert::BadRecordMac
            | Alert::DecryptionFailed
            | Alert::RecordOverflow
            | Alert::DecompressionFailure
            | Alert::UnexpectedMessage
            | Alert::DecodeError
            | Alert::InternalError),
        ) => format!("the server ended the connection: {alert:?}"),
        error => return tls(error),
    };
    Failure::transient(ErrorCode::SECURE_CONNECTION_FAILED, why)
}

/// Maps a TLS error of a connection over which h2 reads: of an error it keeps kind and text.
fn broken_beneath(error: &io::Error) -> Failure {
    let text = error.to_string();
    let alert = (0..=u8::MAX)
        .map(|number| rustls::Error::AlertReceived(number.into()))
        .find(|alert| alert.to_string() == text);
    match alert {
        Some(alert) => broken(&alert),
        None => Failure::transient(ErrorCode::SECURE_CONNECTION_FAILED, text),
    }
}

/// Maps a TLS error of a handshake. None of them goes away by trying again.
pub(super) fn tls(error: &rustls::Error) -> Failure {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Tls};
    let code = match error {
        Tls::InvalidCertificate(Certificate::Expired | Certificate::ExpiredContext { .. }) => {
            ErrorCode::SERVER_CERTIFICATE_HAS_BAD_DATE
        }
        Tls::InvalidCertificate(
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
        ) => ErrorCode::SERVER_CERTIFICATE_NOT_YET_VALID,
        Tls::InvalidCertificate(_) => ErrorCode::SERVER_CERTIFICATE_UNTRUSTED,
        Tls::AlertReceived(Alert::CertificateRequired) => ErrorCode::CLIENT_CERTIFICATE_REQUIRED,
        Tls::AlertReceived(
            Alert::BadCertificate
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied,
        ) => ErrorCode::CLIENT_CERTIFICATE_REJECTED,
        _ => ErrorCode::SECURE_CONNECTION_FAILED,
    };
    Failure::permanent(code, reason(error))
}

const NOT_FOR_SERVERS: &str = "the certificate is not for servers";
/// What the platform's verifier says of that, by a type that it keeps to itself.
const PLATFORMS_PURPOSE: &str = "certificate had invalid extensions";

/// Says in words what rustls says in names.
fn reason(error: &rustls::Error) -> String {
    use rustls::{AlertDescription as Alert, CertificateError as Certificate, Error as Tls};
    use rustls::{PeerIncompatible as Peer, PeerMisbehaved};
    let date = |time: rustls_pki_types::UnixTime| {
        let since = std::time::Duration::from_secs(time.as_secs());
        // The year 9999 is the last that such a date can have.
        let last = std::time::Duration::from_secs(253_402_300_799);
        httpdate::fmt_http_date(std::time::UNIX_EPOCH + since.min(last))
    };
    match error {
        Tls::InvalidCertificate(why) => match why {
            Certificate::ExpiredContext { not_after, .. } => {
                format!("the certificate expired on {}", date(*not_after))
            }
            Certificate::NotValidYetContext { not_before, .. } => {
                format!("the certificate is not valid before {}", date(*not_before))
            }
            Certificate::NotValidForNameContext { expected, presented } => {
                let names = match presented.as_slice() {
                    [] => "nobody".to_owned(),
                    names => names.iter().map(|name| bare(name)).collect::<Vec<_>>().join(", "),
                };
                format!("the certificate is for {names}, not for {}", expected.to_str())
            }
            // A trusted root may have the name of who signed, and another key.
            Certificate::UnknownIssuer | Certificate::BadSignature => {
                "no trusted authority signed the certificate".to_owned()
            }
            Certificate::BadEncoding => "the certificate cannot be read".to_owned(),
            Certificate::InvalidPurpose | Certificate::InvalidPurposeContext { .. } => {
                NOT_FOR_SERVERS.to_owned()
            }
            Certificate::UnhandledCriticalExtension => {
                "the certificate has a critical part that is not known here".to_owned()
            }
            Certificate::Revoked => "the certificate was revoked".to_owned(),
            Certificate::Other(other) => match other.0.downcast_ref() {
                Some(webpki::Error::CaUsedAsEndEntity) => {
                    "the certificate is an authority’s, and no trusted root itself".to_owned()
                }
                _ => match other.0.to_string() {
                    text if text == PLATFORMS_PURPOSE => NOT_FOR_SERVERS.to_owned(),
                    text => text,
                },
            },
            why => format!("the certificate is invalid: {why}"),
        },
        Tls::AlertReceived(Alert::ProtocolVersion)
        | Tls::PeerIncompatible(
            Peer::ServerDoesNotSupportTls12Or13
            | Peer::ServerTlsVersionIsDisabledByOurConfig
            | Peer::Tls12NotOffered
            | Peer::Tls12NotOfferedOrEnabled,
        )
        | Tls::PeerMisbehaved(PeerMisbehaved::SelectedUnofferedCipherSuite) => {
            "the server and we allow no version of TLS in common".to_owned()
        }
        Tls::AlertReceived(Alert::CertificateRequired) => {
            "the server asks for a client certificate".to_owned()
        }
        Tls::AlertReceived(alert) => format!("the server ended the handshake: {alert:?}"),
        Tls::InvalidMessage(_) => "the server does not speak TLS".to_owned(),
        error => error.to_string(),
    }
}

/// Takes what rustls wraps a name of a certificate in off it: `DnsName("host")`, `IpAddress(::1)`.
fn bare(name: &str) -> &str {
    let inner = name.split_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    inner.unwrap_or(name).trim_matches('"')
}

/// Maps an error of an HTTP/1.1 connection.
pub(super) fn http1(error: &hyper::Error) -> Failure {
    if let Some(tls) = find::<rustls::Error>(error) {
        return broken(tls);
    }
    let text = chain(error);
    if error.is_parse() {
        // hyper names a status line that does not begin with a version only in its text.
        let status_line = error.is_parse_status() || text.contains("HTTP version");
        let code = if status_line {
            ErrorCode::BAD_SERVER_RESPONSE
        } else {
            ErrorCode::CANNOT_PARSE_RESPONSE
        };
        return Failure::permanent(code, text);
    }
    match find::<io::Error>(error) {
        Some(inner) => io(Place::Wire, inner),
        None => Failure::lost(text),
    }
}

/// Maps an error of an HTTP/2 stream or connection. `headless` says that no head had come.
pub(super) fn http2(error: &h2::Error, headless: bool) -> Failure {
    if let Some(inner) = error.get_io() {
        // Beneath h2 nobody but TLS calls data invalid.
        return match inner.kind() {
            ErrorKind::InvalidData => broken_beneath(inner),
            _ => io(Place::Wire, inner),
        };
    }
    if headless && error.is_library() && error.reason() == Some(h2::Reason::PROTOCOL_ERROR) {
        return Failure::permanent(ErrorCode::CANNOT_PARSE_RESPONSE, error);
    }
    Failure::lost(error)
}

/// Finds an error of that type in a chain, inside `io::Error`s too, whose `source` skips it.
fn find<'a, T: StdError + 'static>(error: &'a (dyn StdError + 'static)) -> Option<&'a T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = wrapped
            .map_or_else(|| error.source(), |inner| Some(inner as &(dyn StdError + 'static)));
    }
    None
}

fn chain(error: &dyn StdError) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[cfg(unix)]
    #[test]
    fn want_of_open_files_passes() {
        use Place::{Connect, Create, Publish, Source, Wire, Write};
        for number in [23, 24] {
            let error = io::Error::from_raw_os_error(number);
            for place in [Connect, Wire, Create, Write, Publish, Source] {
                assert_eq!(io(place, &error).cause, Cause::Transient, "{place:?}: {error}");
            }
        }
        let denied = ErrorKind::PermissionDenied.into();
        assert_eq!(io(Create, &denied).cause, Cause::Permanent);
    }

    /// what TLS says => what that is in a handshake, and later
    #[test]
    fn what_garbles_a_record_passes() {
        use rustls::{AlertDescription as Alert, Error as Tls};
        let said = Tls::AlertReceived;
        for (error, early, late) in [
            (Tls::DecryptError, "-1200 Permanent", "-1200 Transient"),
            (
                Tls::InvalidMessage(rustls::InvalidMessage::InvalidContentType),
                "-1200 Permanent",
                "-1200 Transient",
            ),
            (Tls::PeerSentOversizedRecord, "-1200 Permanent", "-1200 Transient"),
            (said(Alert::BadRecordMac), "-1200 Permanent", "-1200 Transient"),
            (said(Alert::InternalError), "-1200 Permanent", "-1200 Transient"),
            (said(Alert::ProtocolVersion), "-1200 Permanent", "-1200 Permanent"),
            (said(Alert::CertificateRequired), "-1206 Permanent", "-1206 Permanent"),
            (said(Alert::UnknownCA), "-1205 Permanent", "-1205 Permanent"),
        ] {
            let told = |failure: Failure| format!("{} {:?}", failure.error.code.0, failure.cause);
            let text = error.to_string();
            let wrapped = io::Error::new(ErrorKind::InvalidData, error);
            assert_eq!(told(io(Place::Wire, &wrapped)), early, "{text}");
            assert_eq!(told(line(&wrapped)), late, "{text}");
            let bare = io::Error::new(ErrorKind::InvalidData, text.clone());
            assert_eq!(told(broken_beneath(&bare)), late, "{text} beneath HTTP/2");
        }
    }

    #[test]
    fn names_of_certificates_are_read_as_they_are_written() {
        for (name, expected) in [
            ("DnsName(\"a.test\")", "a.test"),
            ("IpAddress(::1)", "::1"),
            ("127.0.0.1", "127.0.0.1"),
            ("", ""),
        ] {
            assert_eq!(bare(name), expected);
        }
    }
}
