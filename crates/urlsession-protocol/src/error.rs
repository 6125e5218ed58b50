//! How a task fails: the numbers and English sentences of Apple's `NSURLErrorDomain`.

use crate::ResumeData;
use serde::{Deserialize, Serialize};
use std::fmt;

/// A number of `NSURLErrorDomain`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ErrorCode(pub i32);

macro_rules! codes {
    ($($name:ident = $number:literal, $apple:literal, $sentence:literal;)*) => {
        impl ErrorCode {
            $(#[doc = concat!("`NSURLError", $apple, "`: ", $sentence)]
            pub const $name: Self = Self($number);)*

            /// Returns Apple's name without the prefix `NSURLError`, `Unknown` for other numbers.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self.0 {
                    $($number => $apple,)*
                    _ => "Unknown",
                }
            }

            /// Returns Apple's English sentence; `HOST` in it stands for the server's name.
            #[must_use]
            pub fn sentence(self) -> &'static str {
                match self.0 {
                    $($number => $sentence,)*
                    _ => "unknown error",
                }
            }
        }
    };
}

codes! {
    UNKNOWN = -1, "Unknown", "unknown error";
    BACKGROUND_SESSION_IN_USE_BY_ANOTHER_PROCESS = -996, "BackgroundSessionInUseByAnotherProcess", "Could not communicate with background transfer service";
    BACKGROUND_SESSION_WAS_DISCONNECTED = -997, "BackgroundSessionWasDisconnected", "Lost connection to background transfer service";
    CANCELLED = -999, "Cancelled", "cancelled";
    BAD_URL = -1000, "BadURL", "bad URL";
    TIMED_OUT = -1001, "TimedOut", "The request timed out.";
    UNSUPPORTED_URL = -1002, "UnsupportedURL", "unsupported URL";
    CANNOT_FIND_HOST = -1003, "CannotFindHost", "A server with the specified hostname could not be found.";
    CANNOT_CONNECT_TO_HOST = -1004, "CannotConnectToHost", "Could not connect to the server.";
    NETWORK_CONNECTION_LOST = -1005, "NetworkConnectionLost", "The network connection was lost.";
    DNS_LOOKUP_FAILED = -1006, "DNSLookupFailed", "DNS lookup error";
    HTTP_TOO_MANY_REDIRECTS = -1007, "HTTPTooManyRedirects", "too many HTTP redirects";
    RESOURCE_UNAVAILABLE = -1008, "ResourceUnavailable", "resource unavailable";
    NOT_CONNECTED_TO_INTERNET = -1009, "NotConnectedToInternet", "The Internet connection appears to be offline.";
    REDIRECT_TO_NON_EXISTENT_LOCATION = -1010, "RedirectToNonExistentLocation", "redirected to nowhere";
    BAD_SERVER_RESPONSE = -1011, "BadServerResponse", "There was a bad response from the server.";
    USER_CANCELLED_AUTHENTICATION = -1012, "UserCancelledAuthentication", "The operation couldn’t be completed. (NSURLErrorDomain error -1012.)";
    USER_AUTHENTICATION_REQUIRED = -1013, "UserAuthenticationRequired", "The operation couldn’t be completed. (NSURLErrorDomain error -1013.)";
    ZERO_BYTE_RESOURCE = -1014, "ZeroByteResource", "zero byte resource";
    CANNOT_DECODE_RAW_DATA = -1015, "CannotDecodeRawData", "cannot decode raw data";
    CANNOT_DECODE_CONTENT_DATA = -1016, "CannotDecodeContentData", "cannot decode content data";
    CANNOT_PARSE_RESPONSE = -1017, "CannotParseResponse", "cannot parse response";
    REQUEST_BODY_STREAM_EXHAUSTED = -1021, "RequestBodyStreamExhausted", "request body stream exhausted";
    APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION = -1022, "AppTransportSecurityRequiresSecureConnection", "The resource could not be loaded because the App Transport Security policy requires the use of a secure connection.";
    FILE_DOES_NOT_EXIST = -1100, "FileDoesNotExist", "The requested URL was not found on this server.";
    FILE_IS_DIRECTORY = -1101, "FileIsDirectory", "file is directory";
    NO_PERMISSIONS_TO_READ_FILE = -1102, "NoPermissionsToReadFile", "You do not have permission to access the requested resource.";
    DATA_LENGTH_EXCEEDS_MAXIMUM = -1103, "DataLengthExceedsMaximum", "resource exceeds maximum size";
    SECURE_CONNECTION_FAILED = -1200, "SecureConnectionFailed", "An SSL error has occurred and a secure connection to the server cannot be made.";
    SERVER_CERTIFICATE_HAS_BAD_DATE = -1201, "ServerCertificateHasBadDate", "The certificate for this server has expired. You might be connecting to a server that is pretending to be “HOST” which could put your confidential information at risk.";
    SERVER_CERTIFICATE_UNTRUSTED = -1202, "ServerCertificateUntrusted", "The certificate for this server is invalid. You might be connecting to a server that is pretending to be “HOST” which could put your confidential information at risk.";
    SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT = -1203, "ServerCertificateHasUnknownRoot", "The certificate for this server was signed by an unknown certifying authority. You might be connecting to a server that is pretending to be “HOST” which could put your confidential information at risk.";
    SERVER_CERTIFICATE_NOT_YET_VALID = -1204, "ServerCertificateNotYetValid", "The certificate for this server is not yet valid. You might be connecting to a server that is pretending to be “HOST” which could put your confidential information at risk.";
    CLIENT_CERTIFICATE_REJECTED = -1205, "ClientCertificateRejected", "The server “HOST” did not accept the certificate.";
    CLIENT_CERTIFICATE_REQUIRED = -1206, "ClientCertificateRequired", "The server “HOST” requires a client certificate.";
    CANNOT_LOAD_FROM_NETWORK = -2000, "CannotLoadFromNetwork", "can’t load from network";
    CANNOT_CREATE_FILE = -3000, "CannotCreateFile", "Cannot create file";
    CANNOT_OPEN_FILE = -3001, "CannotOpenFile", "Cannot open file";
    CANNOT_CLOSE_FILE = -3002, "CannotCloseFile", "Failure occurred while closing file";
    CANNOT_WRITE_TO_FILE = -3003, "CannotWriteToFile", "Cannot write file";
    CANNOT_REMOVE_FILE = -3004, "CannotRemoveFile", "Cannot remove file";
    CANNOT_MOVE_FILE = -3005, "CannotMoveFile", "Cannot move file";
    DOWNLOAD_DECODING_FAILED_TO_COMPLETE = -3007, "DownloadDecodingFailedToComplete", "Download decoding failed (at end)";
}

/// Says why the system, and not the app, cancelled a task: Apple's
/// `NSURLErrorBackgroundTaskCancelledReasonKey`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelledReason {
    /// The user removed the task, at the shell or in an inspector.
    UserForceQuitApplication,
    /// Background transfers are turned off.
    BackgroundUpdatesDisabled,
    /// A limit of the machine was reached.
    InsufficientSystemResources,
}

/// An error of `NSURLErrorDomain`.
///
/// `Display` prints the sentence and, where there is one, what exactly happened; it never prints
/// a secret, and text made by a server is escaped where it is shown, not here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Error {
    /// The number to branch on.
    pub code: ErrorCode,
    /// Apple's English sentence: `localizedDescription`.
    pub message: String,
    /// What exactly happened, such as `connection refused`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The URL that could not be loaded, without user-info.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failing_url: Option<String>,
    /// The HTTP status that was taken as a failure, where the task asked for that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_code: Option<u16>,
    /// Why the system cancelled the task.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cancelled_reason: Option<CancelledReason>,
    /// From what a new download task can go on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub resume_data: Option<ResumeData>,
}

impl Error {
    /// Makes an error with Apple's sentence for the code.
    #[must_use]
    pub fn new(code: ErrorCode) -> Self {
        Self {
            code,
            message: code.sentence().to_owned(),
            detail: None,
            failing_url: None,
            status_code: None,
            cancelled_reason: None,
            resume_data: None,
        }
    }

    /// Adds what exactly happened.
    #[must_use]
    pub fn because(mut self, detail: impl fmt::Display) -> Self {
        self.detail = Some(detail.to_string());
        self
    }

    /// Adds the URL that failed, stripped of user-info, and names its host in the sentence.
    #[must_use]
    pub fn for_url(mut self, url: &str) -> Self {
        let shown = without_user_info(url);
        if let Some(host) =
            url::Url::parse(&shown).ok().and_then(|u| u.host_str().map(str::to_owned))
        {
            self.message = self.message.replace("HOST", &host);
        }
        self.failing_url = Some(shown);
        self
    }

    /// Returns the number.
    #[must_use]
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// Says whether the task was cancelled.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.code == ErrorCode::CANCELLED
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Error {}

/// Cuts `user:password@` out of a text that is or resembles a URL.
#[must_use]
pub fn without_user_info(url: &str) -> String {
    let Some(start) = url.find("://").map(|at| at + 3) else { return url.to_owned() };
    let authority = &url[start..];
    let end = authority.find(['/', '?', '#']).unwrap_or(authority.len());
    match authority[..end].rfind('@') {
        Some(at) => format!("{}{}", &url[..start], &authority[at + 1..]),
        None => url.to_owned(),
    }
}
