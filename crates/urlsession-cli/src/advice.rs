//! What a person can do next about an error or a wait, in one line.

use crate::escape::shown;
use crate::measure;
use urlsession::{Error, ErrorCode, Reason, TaskKind, TaskStatus, Timestamp};

/// What a proxy wants, which -u does not say.
const PROXY_CREDENTIALS: &str =
    "give the proxy a name and a password that it takes: --proxy http://USER:PASSWORD@HOST:PORT";

/// What a server wants that asks for a certificate.
const CLIENT_CERTIFICATE: &str =
    "show the server a certificate that it knows, with --cert FILE[:PASSWORD]";
/// What to do where no certificate can be read.
const CERTIFICATE_FILE: &str =
    "check the file of --cacert, --cert or --key: it is in PEM, or for --cert in PKCS#12";

/// What failed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Asked<'a> {
    pub(crate) url: &'a str,
    /// Whether the URL is all there was to it: nothing is known of a body that was sent.
    pub(crate) is_get: bool,
    /// Whether what comes is a file: the answer of another task is kept up to a limit of the engine's.
    pub(crate) is_download: bool,
}

impl<'a> Asked<'a> {
    pub(crate) fn of(task: &'a TaskStatus) -> Self {
        let is_upload = matches!(task.kind, TaskKind::Upload);
        let is_download = matches!(task.kind, TaskKind::Download { .. });
        Self { url: &task.url, is_get: task.method == "GET" && !is_upload, is_download }
    }
}

/// Tells what to do about a task that failed; nothing where there is nothing sensible to say.
pub(crate) fn after(error: &Error, asked: Option<Asked<'_>>) -> Option<String> {
    let url = asked.map(|asked| asked.url);
    let was_sent_elsewhere = url.is_some_and(|url| elsewhere(error, url).is_some());
    let again = || match asked {
        Some(Asked { is_get: false, .. }) => "try the same command again".to_owned(),
        Some(Asked { url, .. }) => {
            format!("try again with: urlsession '{}'", shown(url).replace('\'', "%27"))
        }
        None => "try again later".to_owned(),
    };
    let advice = match error.code {
        ErrorCode::CANCELLED => return None,
        ErrorCode::BAD_URL | ErrorCode::UNSUPPORTED_URL if was_sent_elsewhere => {
            "look at where the server sends with: --redirect manual".to_owned()
        }
        ErrorCode::BAD_URL | ErrorCode::UNSUPPORTED_URL => {
            "write the whole URL, beginning with http:// or https://".to_owned()
        }
        ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED => {
            "look at: urlsession doctor, urlsession daemon logs".to_owned()
        }
        ErrorCode::CANNOT_FIND_HOST | ErrorCode::DNS_LOOKUP_FAILED => {
            format!("check the server's name; {}", again())
        }
        ErrorCode::HTTP_TOO_MANY_REDIRECTS => {
            "check the URL; --max-redirs NUMBER sets how many are followed".to_owned()
        }
        ErrorCode::APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION => {
            // Redirects come from https; what is plain from the beginning was refused on request.
            match url.is_some_and(|url| url.starts_with("http:")) {
                true => "write https:// in the URL, or leave --https-only away".to_owned(),
                false => {
                    "allow http with --allow-insecure-redirect, without --https-only".to_owned()
                }
            }
        }
        ErrorCode::SERVER_CERTIFICATE_HAS_BAD_DATE
        | ErrorCode::SERVER_CERTIFICATE_NOT_YET_VALID => {
            "check this machine’s date, or have the server’s certificate renewed".to_owned()
        }
        ErrorCode(-1203 | -1202) => untrusted(error).to_owned(),
        _ if is_about_file(error) => CERTIFICATE_FILE.to_owned(),
        ErrorCode(-1206 | -1205) => CLIENT_CERTIFICATE.to_owned(),
        // Only proxies end a task so: a server's 401 is an answer.
        ErrorCode::USER_AUTHENTICATION_REQUIRED => PROXY_CREDENTIALS.to_owned(),
        ErrorCode::USER_CANCELLED_AUTHENTICATION => "give credentials with -u USER".to_owned(),
        ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM => too_large(error, asked).to_owned(),
        ErrorCode::REQUEST_BODY_STREAM_EXHAUSTED => {
            "leave the file unchanged while it is sent, then send it again".to_owned()
        }
        ErrorCode(-1102..=-1100) => "check the path and its permissions".to_owned(),
        ErrorCode::DOWNLOAD_DECODING_FAILED_TO_COMPLETE => {
            "the file was thrown away; check the digest and where it comes from".to_owned()
        }
        // Of the file that is sent: what comes is created.
        ErrorCode::CANNOT_OPEN_FILE => "check the file and its permissions".to_owned(),
        ErrorCode(-3999..=-3000) => {
            "check the folder, or choose another with -d DIR or -o FILE".to_owned()
        }
        ErrorCode::BAD_SERVER_RESPONSE => match error.status_code {
            Some(401) => "give credentials that the server takes, with -u USER".to_owned(),
            Some(403) => "if the server wants credentials, give them with -u USER".to_owned(),
            Some(407) => PROXY_CREDENTIALS.to_owned(),
            Some(404 | 410) => "check the URL".to_owned(),
            _ => again(),
        },
        ErrorCode(-1299..=-1001) => again(),
        _ => return None,
    };
    Some(advice)
}

/// Answers to what is sent have a limit of their own, which nothing lifts.
fn too_large(error: &Error, asked: Option<Asked<'_>>) -> &'static str {
    let says = |part: &str| error.detail.as_deref().is_some_and(|why| why.contains(part));
    match asked.is_some_and(|asked| asked.is_download) {
        true if says("unpacked") => "save it packed, without --compressed",
        true => "allow more with --max-filesize",
        false if says("unpacked") => "ask for it unpacked: -H 'Accept-Encoding: identity'",
        false if says("larger than 8 MiB") => {
            "nothing allows more for the answer to what is sent: ask the server for less, or for a URL \
             to download it from"
        }
        false => "allow more with --max-filesize: up to 8M for the answer to what is sent",
    }
}

/// Tells whether a certificate or key on this machine could not be used.
pub(crate) fn is_about_file(error: &Error) -> bool {
    error.detail.as_deref().is_some_and(|why| why.starts_with("cannot use the file"))
}

fn untrusted(error: &Error) -> &'static str {
    let says = |part: &str| error.detail.as_deref().is_some_and(|why| why.contains(part));
    // Where none of the pinned keys was shown, or the key is no good, no other root would help.
    if says("sha256//") {
        "check that it is the right server; if its key is new, give that with --pinnedpubkey"
    } else if says("the key of the certificate is too weak") {
        "check that it is the right server; who runs it must give it another key"
    } else {
        "if you know better, trust its root, or the certificate itself, with --cacert FILE"
    }
}

/// Returns the URL that failed where it is not the task's own: a server sent there.
pub(crate) fn elsewhere<'a>(error: &'a Error, url: &str) -> Option<&'a str> {
    error.failing_url.as_deref().filter(|failing| *failing != url)
}

/// Tells why a task waits, and until when.
pub(crate) fn why_waiting(reason: Reason, error: Option<&Error>, now: Timestamp) -> String {
    match reason {
        Reason::Slot => "its turn: enough others run, or the daemon stops".to_owned(),
        Reason::Connectivity => "no network; goes on by itself when it returns".to_owned(),
        Reason::RetryAt(at) => {
            let next = format!("next try in {}", measure::duration(now.until(at)));
            match error {
                Some(error) => format!("{}; {next}", shown(&error.to_string())),
                None => next,
            }
        }
        Reason::BeginAt(at) => format!("begins at {}", measure::local(at, now)),
        Reason::Disk => "the disk is full; goes on by itself when there is room".to_owned(),
        Reason::Answer => match error.and_then(|error| error.status_code) {
            Some(status) => format!("the server answered {status}; give a new URL, or try again"),
            None => "its app was asked something".to_owned(),
        },
        Reason::Conditions => "its conditions are not met".to_owned(),
        _ => "for something that this version does not know".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_wait_says_until_when() {
        let lost = Error::new(ErrorCode::NETWORK_CONNECTION_LOST);
        for (reason, error, expected) in [
            (Reason::Slot, None, "its turn: enough others run, or the daemon stops"),
            (Reason::RetryAt(Timestamp(5_000)), None, "next try in 4.0 s"),
            (
                Reason::RetryAt(Timestamp(61_000)),
                Some(&lost),
                "The network connection was lost.; next try in 1 min 00 s",
            ),
            (Reason::Disk, None, "the disk is full; goes on by itself when there is room"),
        ] {
            assert_eq!(why_waiting(reason, error, Timestamp(1_000)), expected);
        }
    }

    #[test]
    fn failures_that_a_person_can_mend_have_advice() {
        for (code, status, part) in [
            (-1000, None, "http://"),
            (-1003, None, "name"),
            (-1004, None, "urlsession 'http://h/it%27s'"),
            (-1004, Some(403), "try again with"),
            (-1007, None, "--max-redirs"),
            (-1011, Some(401), "-u"),
            (-1011, Some(407), "--proxy"),
            (-1013, Some(407), "--proxy"),
            (-1022, None, "--https-only away"),
            (-1206, None, "--cert"),
            (-1011, Some(404), "URL"),
            (-1201, None, "date"),
            (-1202, None, "--cacert"),
            (-1203, None, "--cacert"),
            (-1204, None, "date"),
            (-1103, None, "allow more"),
            (-3000, None, "-d"),
            (-3001, None, "check the file and"),
            (-3007, None, "digest"),
        ] {
            let error = Error { status_code: status, ..Error::new(ErrorCode(code)) };
            let advice = after(&error, get("http://h/it's")).unwrap_or_default();
            assert!(advice.contains(part), "{code}: {advice}");
        }
        for code in [ErrorCode::SECURE_CONNECTION_FAILED, ErrorCode::CLIENT_CERTIFICATE_REQUIRED] {
            let error = Error::new(code).because("cannot use the file /f: it has no certificate");
            let advice = after(&error, get("https://h/")).unwrap_or_default();
            assert!(advice.contains("check the file"), "{code:?}: {advice}");
        }
        let weak = "the key of the certificate is too weak, or it is not the server’s";
        let error = Error::new(ErrorCode::SERVER_CERTIFICATE_UNTRUSTED).because(weak);
        let advice = after(&error, get("https://h/")).unwrap_or_default();
        assert!(advice.contains("another key") && !advice.contains("--cacert"), "{advice}");
        assert_eq!(after(&Error::new(ErrorCode::CANCELLED), None), None);
        // A download would be another request.
        let refused = Error::new(ErrorCode::CANNOT_CONNECT_TO_HOST);
        let mut task = crate::sample::task();
        assert!(
            after(&refused, Some(Asked::of(&task))).is_some_and(|it| it.contains("'http://h/f'"))
        );
        task.method = "PUT".into();
        let advice = after(&refused, Some(Asked::of(&task)));
        assert_eq!(advice.as_deref(), Some("try the same command again"));
    }

    #[expect(clippy::unnecessary_wraps, reason = "it is handed over as it is")]
    fn get(url: &str) -> Option<Asked<'_>> {
        Some(Asked { url, is_get: true, is_download: true })
    }

    /// what came, why it is too much => what helps
    #[test]
    fn who_brings_too_much_is_told_what_helps() {
        let (file, answer) = (TaskKind::Download { destination: None }, TaskKind::Data);
        let body = |limit| format!("the response body is larger than {limit}");
        let unpacked = "unpacked, the content is more than 8 MiB".to_owned();
        for (kind, why, expected) in [
            (&file, body("9 bytes"), "allow more with --max-filesize"),
            (&file, body("8 MiB"), "allow more with --max-filesize"),
            (&file, unpacked.clone(), "save it packed, without --compressed"),
            (&answer, body("9 bytes"), "allow more with --max-filesize: up to 8M"),
            (&answer, body("8 MiB"), "nothing allows more"),
            (&TaskKind::Upload, body("8 MiB"), "nothing allows more"),
            (&answer, unpacked, "ask for it unpacked"),
        ] {
            let task = TaskStatus { kind: kind.clone(), ..crate::sample::task() };
            let error = Error::new(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM).because(&why);
            let advice = after(&error, Some(Asked::of(&task))).unwrap_or_default();
            assert!(advice.starts_with(expected), "{kind:?} {why}: {advice}");
            assert!(!advice.contains("-o FILE"), "{advice}");
        }
    }

    #[test]
    fn what_a_server_sends_to_is_not_what_was_typed() {
        let error = Error::new(ErrorCode::UNSUPPORTED_URL).for_url("ftp://h/");
        let advice = after(&error, get("http://h/")).unwrap_or_default();
        assert!(advice.contains("--redirect manual"), "{advice}");
        assert_eq!(elsewhere(&error, "http://h/"), Some("ftp://h/"));
        assert_eq!(elsewhere(&error, "ftp://h/"), None);
        let insecure = Error::new(ErrorCode::APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION);
        let advice = after(&insecure, get("https://h/")).unwrap_or_default();
        assert!(advice.contains("--allow-insecure-redirect"), "{advice}");
    }
}
