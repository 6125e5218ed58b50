//! What must hold for every input of the parsers of this room, whoever wrote it.

use crate::file_name::is_dangerous;
use crate::line::{LINE_LIMIT, LineError, decode, encode};
use crate::request::host_of;
use crate::{ClientMessage, DaemonMessage, FileName, Proxy, PublicKeyPin, Request, plain_url};
use serde::{Serialize, de::DeserializeOwned};
use std::fmt::Debug;
use std::path::{Component, Path};

/// What is done with bytes.
pub type Target = fn(&[u8]);

/// The targets by their names.
pub const TARGETS: &[(&str, Target)] =
    &[("file_name", file_name), ("line", line), ("proxy", proxy), ("url", url)];

/// A line that is a message stays that message, on one line.
pub fn line(bytes: &[u8]) {
    stays::<ClientMessage>(bytes);
    stays::<DaemonMessage>(bytes);
}

fn stays<M: Serialize + DeserializeOwned + PartialEq + Debug>(bytes: &[u8]) {
    let message = match decode::<M>(bytes) {
        Ok(message) => message,
        Err(error) => {
            assert!(error.for_log().len() < 100, "{}", error.for_log());
            return;
        }
    };
    match encode(&message) {
        Ok(line) => {
            assert!(line.len() <= LINE_LIMIT && line.ends_with(b"\n"));
            assert_eq!(line.iter().filter(|byte| **byte == b'\n').count(), 1);
            assert_eq!(decode::<M>(&line).ok().as_ref(), Some(&message));
        }
        // What was left out because it is the default may be written out.
        Err(LineError::TooLong) => assert!(bytes.len() > LINE_LIMIT / 2),
        Err(error) => panic!("{error}"),
    }
}

/// Any text becomes a name that stays in its folder.
pub fn file_name(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for name in [FileName::sanitized(&text), FileName::of_url(&text)] {
        assert_is_safe(&name);
        assert_eq!(FileName::sanitized(name.as_str()), name, "a safe name stays as it is");
    }
}

/// Panics if a name could be taken for anything but a plain file's.
pub fn assert_is_safe(name: &FileName) {
    let name = name.as_str();
    assert!((1..=200).contains(&name.len()), "{name:?}");
    let mut parts = Path::new(name).components();
    assert!(matches!(parts.next(), Some(Component::Normal(part)) if part == name), "{name:?}");
    assert!(parts.next().is_none() && !name.ends_with(['.', ' ']), "{name:?}");
    assert!(!name.chars().any(|c| is_dangerous(c) || r#"/\:*?"<>|"#.contains(c)), "{name:?}");
}

/// A proxy names a host and a port, and none of its sentences has a credential.
pub fn proxy(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Ok(pins) = PublicKeyPin::parse_list(&text) {
        let written: Vec<String> = pins.iter().map(ToString::to_string).collect();
        assert_eq!(PublicKeyPin::parse_list(&written.join(";")).ok(), Some(pins));
    }
    let secret = "0pen-sesam3";
    let Ok(proxy) = Proxy::parse(&text.replace("****", secret)) else { return };
    assert!(proxy.port > 0 && !proxy.host.is_empty());
    let said = proxy.to_string();
    let told = format!("{:?}", proxy.credential);
    assert!(proxy.host.contains(secret) || !said.contains(secret), "{said}");
    assert!(!told.contains(secret), "{told}");
    assert_eq!(Proxy::parse(&said).map(|again| (again.host, again.port)).ok(), {
        Some((proxy.host, proxy.port))
    });
}

/// A request goes to a host over HTTP, and its URL has no credential any more.
pub fn url(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    if let Some(host) = plain_url::host_of(&text) {
        assert_is_plain(&text, &host);
    }
    let Ok(request) = Request::new(&text) else { return };
    let parsed = url::Url::parse(&request.url);
    let Ok(parsed) = parsed else { panic!("{} was accepted", request.url) };
    assert!(matches!(parsed.scheme(), "http" | "https"));
    assert!(parsed.host_str().is_some_and(|host| !host.is_empty()), "{parsed}");
    assert!(parsed.username().is_empty() && parsed.password().is_none());
}

/// Panics if the URL is not its own legal form, of that host, or has a credential.
pub(crate) fn assert_is_plain(url: &str, host: &str) {
    let parsed = url::Url::parse(url);
    let Ok(parsed) = parsed else { panic!("{url} was taken for plain") };
    assert_eq!((parsed.as_str(), host_of(&parsed).as_str()), (url, host));
    assert!(parsed.username().is_empty() && parsed.password().is_none(), "{url}");
    assert_eq!(parsed.fragment(), None, "{url}");
}

#[cfg(test)]
mod tests {
    #[test]
    fn every_input_that_is_kept_or_drawn() {
        urlsession_testkit::mutation::play(super::TARGETS);
    }
}
