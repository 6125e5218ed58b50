//! Which origins offer HTTP/3 and where (RFC 7838), and where it did not come through lately.
//!
//! In memory only: what was learned goes with the daemon, and with `reset` and `flush`.

use crate::transfer::pool::Key;
use http::{HeaderMap, HeaderName, header};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

const ALT_SVC: HeaderName = HeaderName::from_static("alt-svc");

/// Most origins something is known of; the one learned of longest ago is forgotten first.
const ORIGINS_LIMIT: usize = 1000;
/// Longest field that is read.
const FIELD_LIMIT: usize = 8 * 1024;
/// How long an offer holds that does not say it (RFC 7838 section 3.1).
const LIFETIME: Duration = Duration::from_secs(24 * 60 * 60);
/// Longest time that an offer holds, whatever it says.
pub(super) const LIFETIME_LIMIT: Duration = Duration::from_secs(30 * 24 * 60 * 60);
/// How long HTTP/3 is not tried after it failed; doubled each further time in a row.
const FIRST_BREAK: Duration = Duration::from_secs(60);
/// Longest time for which it is not tried.
const LONGEST_BREAK: Duration = Duration::from_secs(60 * 60);

/// Where an origin is reached by HTTP/3.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alternative {
    /// `None` is the origin's own.
    pub(super) host: Option<String>,
    pub(super) port: u16,
}

/// What is known of HTTP/3 at the origins: those of connections on the same terms.
#[derive(Debug, Default)]
pub(in crate::transfer) struct Alternatives {
    origins: Mutex<HashMap<Key, Origin>>,
}

#[derive(Debug)]
struct Origin {
    learned: Instant,
    offer: Option<(Alternative, Instant)>,
    broken: Option<Broken>,
}

#[derive(Debug, Clone, Copy)]
struct Broken {
    until: Instant,
    pause: Duration,
}

impl Alternatives {
    /// Returns where HTTP/3 is worth a try; at the origin itself if that is assumed and no offer
    /// says otherwise.
    pub(super) fn find(&self, origin: &Key, is_assumed: bool) -> Option<Alternative> {
        let now = Instant::now();
        let own = || is_assumed.then_some(Alternative { host: None, port: origin.port });
        let origins = self.lock();
        let Some(known) = origins.get(origin) else { return own() };
        if known.broken.is_some_and(|broken| now < broken.until) {
            return None;
        }
        let offer = known.offer.as_ref().filter(|(_, until)| now < *until);
        offer.map(|(alternative, _)| alternative.clone()).or_else(own)
    }

    /// Takes what a response of the origin offers; one that says nothing changes nothing.
    pub(super) fn learn(&self, origin: &Key, fields: &HeaderMap) {
        let Some(offer) = read(fields) else { return };
        let now = Instant::now();
        let offer = offer.map(|(alternative, lifetime)| (alternative, now + lifetime));
        let mut origins = self.lock();
        match (origins.get_mut(origin), &offer) {
            (Some(known), _) => (known.offer, known.learned) = (offer, now),
            (None, None) => {}
            (None, Some(_)) => known(&mut origins, origin).offer = offer,
        }
    }

    /// Notes that HTTP/3 failed or was too slow: for a while it is not tried.
    pub(super) fn broke(&self, origin: &Key) {
        let now = Instant::now();
        let mut origins = self.lock();
        let known = known(&mut origins, origin);
        // Many requests tell of the same failure.
        if known.broken.is_some_and(|broken| now < broken.until) {
            return;
        }
        let last = known.broken.map(|broken| broken.pause * 2);
        let pause = last.unwrap_or(FIRST_BREAK).min(LONGEST_BREAK);
        known.broken = Some(Broken { until: now + pause, pause });
    }

    /// Notes that HTTP/3 came through.
    pub(super) fn worked(&self, origin: &Key) {
        if let Some(known) = self.lock().get_mut(origin) {
            known.broken = None;
        }
    }

    /// Forgets everything.
    pub(in crate::transfer) fn clear(&self) {
        self.lock().clear();
    }

    /// A panic in between leaves knowledge that is as good as any.
    fn lock(&self) -> MutexGuard<'_, HashMap<Key, Origin>> {
        self.origins.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn known<'a>(origins: &'a mut HashMap<Key, Origin>, origin: &Key) -> &'a mut Origin {
    if !origins.contains_key(origin) && origins.len() >= ORIGINS_LIMIT {
        let oldest = origins.iter().min_by_key(|(_, known)| known.learned);
        if let Some(key) = oldest.map(|(key, _)| key.clone()) {
            origins.remove(&key);
        }
    }
    let new = || Origin { learned: Instant::now(), offer: None, broken: None };
    origins.entry(origin.clone()).or_insert_with(new)
}

/// Returns the first offer of HTTP/3 and how long it holds; `Some(None)` takes back what was
/// offered, and `None` says nothing at all.
pub(super) fn read(fields: &HeaderMap) -> Option<Option<(Alternative, Duration)>> {
    let mut says = false;
    let age = fields.get(header::AGE).and_then(|age| age.to_str().ok()?.trim().parse().ok());
    let age = Duration::from_secs(age.unwrap_or_default());
    for field in fields.get_all(ALT_SVC) {
        let Some(field) = field.to_str().ok().filter(|field| field.len() <= FIELD_LIMIT) else {
            continue;
        };
        says = true;
        if field.trim() == "clear" {
            return Some(None);
        }
        for value in split(field, ',') {
            if let Some((alternative, lifetime)) = offer(value) {
                let left = lifetime.min(LIFETIME_LIMIT).saturating_sub(age);
                return Some((!left.is_zero()).then_some((alternative, left)));
            }
        }
    }
    says.then_some(None)
}

/// Reads `h3="host:port"; ma=seconds`.
fn offer(value: &str) -> Option<(Alternative, Duration)> {
    let mut parts = split(value, ';');
    let (protocol, authority) = parts.next()?.split_once('=')?;
    if protocol.trim() != "h3" {
        return None;
    }
    let authority = unquote(authority.trim())?;
    let (host, port) = authority.rsplit_once(':')?;
    let port = port.parse().ok().filter(|port| *port != 0)?;
    let host = match host {
        "" => None,
        host => Some(url::Host::parse(host).ok()?.to_string()),
    };
    let mut lifetime = LIFETIME;
    for part in parts {
        if let Some((name, seconds)) = part.split_once('=')
            && name.trim().eq_ignore_ascii_case("ma")
        {
            let seconds = unquote(seconds.trim()).and_then(|text| text.parse().ok());
            lifetime = Duration::from_secs(seconds?);
        }
    }
    Some((Alternative { host, port }, lifetime))
}

/// Splits at a character that is not inside quotes.
fn split(text: &str, at: char) -> impl Iterator<Item = &str> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    text.split(move |c| {
        let was_escaped = is_escaped;
        is_escaped = is_quoted && !was_escaped && c == '\\';
        is_quoted ^= c == '"' && !was_escaped;
        c == at && !is_quoted
    })
}

/// Reads a token or a quoted string (RFC 9110 section 5.6).
fn unquote(text: &str) -> Option<String> {
    let Some(text) = text.strip_prefix('"') else { return Some(text.to_owned()) };
    let mut inside = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return characters.next().is_none().then_some(inside),
            '\\' => inside.push(characters.next()?),
            c => inside.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(host: &str) -> Key {
        Key {
            host: host.into(),
            port: 443,
            to: None,
            trust: Some(1),
            via: None,
            ip_version: None,
            interface: None,
            socket: None,
        }
    }

    fn fields(values: &[&str]) -> HeaderMap {
        let values = values.iter().map(|value| (ALT_SVC, value.parse().expect("a field")));
        values.collect()
    }

    fn told(values: &[&str]) -> String {
        match read(&fields(values)) {
            None => "nothing".into(),
            Some(None) => "none".into(),
            Some(Some((Alternative { host, port }, lifetime))) => {
                format!("{}:{port} {}", host.unwrap_or_default(), lifetime.as_secs())
            }
        }
    }

    /// fields => what they offer and for how many seconds
    #[test]
    fn offers() {
        for (values, expected) in [
            (&[][..], "nothing"),
            (&[r#"h3=":443""#], ":443 86400"),
            (&[r#"h3=":8443"; ma=60"#], ":8443 60"),
            (&[r#"h3=":443"; ma="60"; persist=1"#], ":443 60"),
            (&[r#"h3=":443";MA=60;ma=70"#], ":443 70"),
            // caddy 2.6
            (&[r#"h3=":18443"; ma=2592000"#], ":18443 2592000"),
            (&[r#"h3-29=":1", h2=":2", h3=":3"; ma=5, h3=":4""#], ":3 5"),
            (&[r#"h2="a:1""#, r#"h3="b.example:2""#], "b.example:2 86400"),
            (&[r#"h3="[::1]:443""#], "[::1]:443 86400"),
            (&[r#"h3="B\.Example:443""#], "b.example:443 86400"),
            (&[r#"h2="a,b;c\"=:1"; x="h3=", h3=":5""#], ":5 86400"),
            (&["clear"], "none"),
            (&[" clear "], "none"),
            (&[r#"h2=":443""#], "none"),
            (&[r#"h3=":443"; ma=0"#], "none"),
            (&[r#"h3=":443"; ma=99999999999999"#], ":443 2592000"),
            (&[r#"h3=":443"; ma=soon"#], "none"),
            (&[r#"h3=":0""#], "none"),
            (&[r#"h3=":65536""#], "none"),
            (&[r#"h3="a b:1""#], "none"),
            (&["h3=\":1"], "none"),
            (&["h3=:443"], ":443 86400"),
            (&["h3"], "none"),
            (&[""], "none"),
            (&[",;=\"\\"], "none"),
        ] {
            assert_eq!(told(values), expected, "{values:?}");
        }
        let long = format!("h3=\":1\"; x={}", "y".repeat(FIELD_LIMIT));
        assert_eq!(told(&[&long]), "nothing");
    }

    #[test]
    fn the_way_here_counts() {
        let mut old = fields(&[r#"h3=":443"; ma=60"#]);
        old.insert(header::AGE, "50".parse().expect("a field"));
        assert_eq!(read(&old).flatten().map(|(_, left)| left.as_secs()), Some(10));
        old.insert(header::AGE, "60".parse().expect("a field"));
        assert_eq!(read(&old), Some(None));
    }

    #[tokio::test(start_paused = true)]
    async fn offers_end_and_failures_pass() {
        let alternatives = Alternatives::default();
        let (a, b) = (origin("a"), origin("b"));
        let port = |key: &Key, assumed| alternatives.find(key, assumed).map(|found| found.port);
        assert_eq!((port(&a, false), port(&a, true)), (None, Some(443)));
        alternatives.learn(&a, &fields(&[r#"h3=":1"; ma=100"#]));
        alternatives.learn(&a, &HeaderMap::new());
        assert_eq!((port(&a, false), port(&a, true), port(&b, false)), (Some(1), Some(1), None));
        // The terms of TLS are a part of the origin.
        assert_eq!(port(&Key { trust: Some(2), ..a.clone() }, false), None);

        alternatives.broke(&a);
        alternatives.broke(&a);
        assert_eq!((port(&a, false), port(&a, true)), (None, None));
        tokio::time::advance(FIRST_BREAK).await;
        assert_eq!(port(&a, false), Some(1));
        alternatives.broke(&a);
        tokio::time::advance(FIRST_BREAK).await;
        assert_eq!(port(&a, true), None);
        // The offer has ended meanwhile.
        tokio::time::advance(FIRST_BREAK).await;
        assert_eq!((port(&a, false), port(&a, true)), (None, Some(443)));
        alternatives.worked(&a);
        alternatives.broke(&a);
        tokio::time::advance(FIRST_BREAK).await;
        assert_eq!(port(&a, true), Some(443));

        alternatives.learn(&a, &fields(&[r#"h3=":1""#]));
        alternatives.learn(&a, &fields(&["clear"]));
        assert_eq!(port(&a, false), None);
        alternatives.learn(&a, &fields(&[r#"h3=":1""#]));
        alternatives.clear();
        assert_eq!(port(&a, false), None);
    }

    #[tokio::test(start_paused = true)]
    async fn the_oldest_is_forgotten() {
        let alternatives = Alternatives::default();
        for number in 0..=ORIGINS_LIMIT {
            alternatives.learn(&origin(&number.to_string()), &fields(&[r#"h3=":1""#]));
            tokio::time::advance(Duration::from_millis(1)).await;
        }
        let is_known =
            |number: usize| alternatives.find(&origin(&number.to_string()), false).is_some();
        assert!(!is_known(0) && is_known(1) && is_known(ORIGINS_LIMIT));
        assert_eq!(alternatives.lock().len(), ORIGINS_LIMIT);
    }
}
