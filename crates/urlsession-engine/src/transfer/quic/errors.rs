//! What goes wrong with QUIC and HTTP/3, as NSURLError numbers with a cause.

use super::gauge::Unfit;
use crate::transfer::errors::{self, Failure};
use h3::error::{Code, ConnectionError as H3Error, LocalError, StreamError};
use quinn::{ConnectError, ConnectionError};
use rustls::AlertDescription;
use urlsession_core::Cause;
use urlsession_protocol::ErrorCode;

/// The first code of those that carry an alert of TLS (RFC 9001 section 4.8).
const CRYPTO: u64 = 0x100;

/// What a request met.
#[derive(Debug)]
pub(super) struct Fault {
    pub(super) failure: Failure,
    /// The server did nothing with the request.
    pub(super) is_refused: bool,
    /// It struck the connection, or HTTP/3 is not for this request: TCP may do better.
    pub(super) is_of_way: bool,
    /// HTTP/3 is better not tried again for a while.
    pub(super) is_broken: bool,
}

/// Maps an attempt that cannot even begin.
pub(super) fn begin(error: &ConnectError) -> Failure {
    let code = match error {
        ConnectError::InvalidServerName(_) => ErrorCode::BAD_URL,
        _ => ErrorCode::CANNOT_CONNECT_TO_HOST,
    };
    Failure::permanent(code, error)
}

/// Maps the end of a connection that was not made yet. What we have against the server’s
/// certificate is in `said`, of which QUIC tells the server only an alert.
pub(super) fn handshake(error: &ConnectionError, said: Option<&rustls::Error>) -> Failure {
    match (error, said) {
        (ConnectionError::TransportError(_), Some(tls)) => errors::tls(tls),
        (ConnectionError::TransportError(local), None) => match alert(local.code.into()) {
            Some(_) => Failure::permanent(ErrorCode::SECURE_CONNECTION_FAILED, &local.reason),
            None => unreached(error),
        },
        (ConnectionError::ConnectionClosed(close), _) => match alert(close.error_code.into()) {
            Some(alert) => errors::tls(&rustls::Error::AlertReceived(alert)),
            None => unreached(error),
        },
        (ConnectionError::TimedOut, _) => lost(error),
        _ => unreached(error),
    }
}

fn unreached(error: &ConnectionError) -> Failure {
    Failure::transient(ErrorCode::CANNOT_CONNECT_TO_HOST, sentence(error))
}

/// Maps the end of a connection that was made.
pub(super) fn lost(error: &ConnectionError) -> Failure {
    match error {
        ConnectionError::TimedOut => Failure::transient(ErrorCode::TIMED_OUT, sentence(error)),
        // A certificate of ours is judged only after the handshake (RFC 8446 section 4.4.2.4).
        ConnectionError::ConnectionClosed(close) => match alert(close.error_code.into()) {
            Some(alert) => errors::tls(&rustls::Error::AlertReceived(alert)),
            None => Failure::lost(sentence(error)),
        },
        error => Failure::lost(sentence(error)),
    }
}

/// Maps an error of a request or its response. `headless` says that no head had come; `gone` is
/// how the connection ended, if it did.
pub(super) fn request(
    error: &StreamError,
    headless: bool,
    gone: Option<&ConnectionError>,
) -> Fault {
    // Connections that nobody needs are closed like this, and a request may cross that.
    let is_graceful = matches!(gone, Some(ConnectionError::ApplicationClosed(close))
        if Code::from(u64::from(close.error_code)) == Code::H3_NO_ERROR);
    let fault = |failure, is_refused, is_of_way| {
        let is_broken = is_of_way && !is_graceful;
        Fault { failure, is_refused, is_of_way, is_broken }
    };
    match error {
        StreamError::HeaderTooBig { .. } | StreamError::StreamError { .. } => {
            let code = ErrorCode::CANNOT_PARSE_RESPONSE;
            fault(Failure::permanent(code, error), false, false)
        }
        StreamError::RemoteTerminate { code: Code::H3_REQUEST_REJECTED, .. } => {
            fault(Failure::lost("the server refused the request"), true, false)
        }
        StreamError::RemoteTerminate { code: Code::H3_VERSION_FALLBACK, .. } => {
            fault(Failure::lost("the server wants the request over TCP"), true, true)
        }
        StreamError::RemoteTerminate { code, .. } => {
            fault(Failure::lost(format!("the server ended the stream: {code}")), false, false)
        }
        StreamError::RemoteClosing { .. } => {
            fault(Failure::lost("the server is closing the connection"), true, false)
        }
        StreamError::Undefined { 0: inner, .. } if inner.is::<Unfit>() => {
            let is_cut = inner.downcast_ref() == Some(&Unfit::Cut);
            let cause = if is_cut && !headless { Cause::Transient } else { Cause::Permanent };
            fault(unruly(cause, inner), false, is_cut)
        }
        StreamError::ConnectionError {
            0: H3Error::Local { error: LocalError::Application { code, reason, .. }, .. },
            ..
        } => {
            let why = format!("the server broke the rules of HTTP/3: {reason} ({code})");
            let cause = if headless { Cause::Permanent } else { Cause::Transient };
            fault(unruly(cause, why), false, true)
        }
        error => {
            let failure = gone.map_or_else(|| Failure::lost(error), lost);
            fault(failure, false, true)
        }
    }
}

/// What comes of a response that cannot be read, or not to its end.
fn unruly(cause: Cause, why: impl std::fmt::Display) -> Failure {
    let code = match cause {
        Cause::Permanent => ErrorCode::CANNOT_PARSE_RESPONSE,
        _ => ErrorCode::NETWORK_CONNECTION_LOST,
    };
    Failure::new(code, cause, why)
}

fn alert(code: u64) -> Option<AlertDescription> {
    let number = code.checked_sub(CRYPTO)?;
    u8::try_from(number).ok().map(AlertDescription::from)
}

/// Says how a connection ended, without the server's own words.
fn sentence(error: &ConnectionError) -> String {
    match error {
        ConnectionError::VersionMismatch => {
            "the server and we speak no version of QUIC in common".to_owned()
        }
        ConnectionError::TransportError(error) => format!("QUIC failed: {}", error.code),
        ConnectionError::ConnectionClosed(close) => {
            format!("the server ended the connection: {}", close.error_code)
        }
        ConnectionError::ApplicationClosed(close) => {
            let code = Code::from(u64::from(close.error_code));
            format!("the server ended the connection: {code}")
        }
        ConnectionError::Reset => "the server does not know the connection any more".to_owned(),
        ConnectionError::TimedOut => "nothing came back over QUIC".to_owned(),
        ConnectionError::LocallyClosed => "the connection was closed".to_owned(),
        ConnectionError::CidsExhausted => "the connection has no identifiers left".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use quinn::{ApplicationClose, ConnectionClose, TransportErrorCode, VarInt};

    fn closed(error_code: TransportErrorCode) -> ConnectionError {
        let reason = Bytes::from_static(b"secret words");
        ConnectionError::ConnectionClosed(ConnectionClose { error_code, frame_type: None, reason })
    }

    fn left(code: Code) -> ConnectionError {
        let error_code = VarInt::from_u64(code.value()).expect("a code");
        let reason = Bytes::from_static(b"secret words");
        ConnectionError::ApplicationClosed(ApplicationClose { error_code, reason })
    }

    fn failed(code: TransportErrorCode) -> ConnectionError {
        ConnectionError::TransportError(code.into())
    }

    fn told(failure: &Failure) -> String {
        assert!(!format!("{failure:?}").contains("secret"), "{failure:?}");
        format!("{} {:?}", failure.error.code.0, failure.cause)
    }

    /// how a connection ends => what that is during the handshake, and later
    #[test]
    fn ends_of_connections() {
        let (reset, idle) = (ConnectionError::Reset, ConnectionError::TimedOut);
        for (error, early, late) in [
            (idle, "-1001 Transient", "-1001 Transient"),
            (reset, "-1004 Transient", "-1005 Transient"),
            (ConnectionError::VersionMismatch, "-1004 Transient", "-1005 Transient"),
            (ConnectionError::LocallyClosed, "-1004 Transient", "-1005 Transient"),
            (ConnectionError::CidsExhausted, "-1004 Transient", "-1005 Transient"),
            (closed(TransportErrorCode::CONNECTION_REFUSED), "-1004 Transient", "-1005 Transient"),
            (left(Code::H3_INTERNAL_ERROR), "-1004 Transient", "-1005 Transient"),
            (left(Code::H3_NO_ERROR), "-1004 Transient", "-1005 Transient"),
            (failed(TransportErrorCode::FLOW_CONTROL_ERROR), "-1004 Transient", "-1005 Transient"),
            // Alerts of TLS: no protocol in common, a certificate of ours wanted, or not known.
            (closed(TransportErrorCode::crypto(120)), "-1200 Permanent", "-1200 Permanent"),
            (closed(TransportErrorCode::crypto(116)), "-1206 Permanent", "-1206 Permanent"),
            (closed(TransportErrorCode::crypto(48)), "-1205 Permanent", "-1205 Permanent"),
            (failed(TransportErrorCode::crypto(40)), "-1200 Permanent", "-1005 Transient"),
        ] {
            assert_eq!(told(&handshake(&error, None)), early, "{error:?}");
            assert_eq!(told(&lost(&error)), late, "{error:?}");
        }
        let expired = rustls::Error::from(rustls::CertificateError::Expired);
        let error = failed(TransportErrorCode::crypto(45));
        assert_eq!(told(&handshake(&error, Some(&expired))), "-1201 Permanent");
    }
}
