//! The servers, the network and the disk of a simulation, and what they make of a request.

use super::Happening;
use super::scenario::{Entity, Place, Statement, Trouble, What};
use http::{HeaderMap, Method, StatusCode, header};
use std::collections::VecDeque;
use std::time::Duration;
use url::Url;
use urlsession_protocol::ErrorCode;

/// The world at one moment.
#[derive(Debug)]
pub(super) struct World {
    /// What is yet to come, each with its place in the scenario.
    coming: VecDeque<(usize, Statement)>,
    served: Vec<Served>,
    troubles: Vec<Active>,
    /// How often each trouble has struck, by its place in the scenario.
    pub(super) struck: Vec<u32>,
    pub(super) has_network: bool,
    /// How often the network went.
    pub(super) outages: u64,
    pub(super) has_room: bool,
}

#[derive(Debug)]
struct Served {
    place: Place,
    uploads: bool,
    entity: Entity,
}

#[derive(Debug)]
struct Active {
    place: Place,
    trouble: Trouble,
    times: Option<u32>,
    /// Its place in the scenario.
    number: usize,
}

/// A request, as a server sees it.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) method: &'a Method,
    pub(crate) url: &'a Url,
    pub(crate) headers: &'a HeaderMap,
}

/// What comes of a request.
#[derive(Debug)]
pub(crate) enum Plan {
    /// No response.
    Fail(ErrorCode),
    Answer(Reply),
}

/// A response, and how it comes.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) fields: Vec<(String, String)>,
    pub(crate) bytes: Bytes,
    pub(crate) latency: Duration,
    /// Bytes a second, in either direction.
    pub(crate) rate: u64,
    /// What happens to the body of the request, or else of the response.
    pub(crate) breaks: Option<Break>,
}

/// What happens to a body after so many bytes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Break {
    pub(crate) after: u64,
    /// How long nothing comes; `None` if the connection is lost.
    pub(crate) stall: Option<Duration>,
}

/// The bytes of a response's body: a part of an entity.
#[derive(Debug, Default)]
pub(crate) struct Bytes {
    text: Option<String>,
    seed: u64,
    pub(crate) from: u64,
    /// Where it ends.
    pub(crate) until: u64,
}

impl World {
    pub(super) fn of(statements: Vec<Statement>) -> Self {
        let struck = vec![0; statements.len()];
        let coming = statements.into_iter().enumerate().collect();
        let mut world = Self {
            coming,
            served: Vec::new(),
            troubles: Vec::new(),
            struck,
            has_network: true,
            outages: 0,
            has_room: true,
        };
        world.happen_quietly(Duration::ZERO, false);
        world
    }

    /// Lets everything have happened that has, but for what has an end: deaths and pauses.
    pub(super) fn go_on(&mut self, now: Duration, struck: &[u32]) {
        self.happen_quietly(now, true);
        if struck.len() == self.struck.len() {
            self.struck = struck.to_vec();
        }
    }

    pub(super) fn next(&self) -> Option<Duration> {
        self.coming.front().map(|(_, statement)| statement.at)
    }

    /// Lets happen what is due; says whether somebody must look up who waits.
    pub(super) fn happen(&mut self, now: Duration) -> (Vec<Happening>, bool) {
        let (mut happenings, mut disturbs) = (Vec::new(), false);
        while let Some((number, Statement { what, .. })) =
            self.coming.pop_front_if(|(_, statement)| statement.at <= now)
        {
            match what {
                What::Kill => happenings.push(Happening::Kill),
                What::Hold => happenings.push(Happening::Hold),
                what => {
                    disturbs |= matches!(what, What::Network(_) | What::Disk(_));
                    self.apply(number, what);
                }
            }
        }
        (happenings, disturbs)
    }

    /// Lets happen what is due, at the beginning of a daemon's life. Deaths and pauses of the very
    /// beginning are yet to come, unless they are past.
    fn happen_quietly(&mut self, now: Duration, is_past: bool) {
        while let Some((number, Statement { what, .. })) = self.coming.pop_front_if(|(_, next)| {
            next.at <= now && (is_past || !matches!(next.what, What::Kill | What::Hold))
        }) {
            self.apply(number, what);
        }
    }

    fn apply(&mut self, number: usize, what: What) {
        match what {
            What::Serve { place, uploads, entity } => {
                self.served.retain(|known| (&known.place, known.uploads) != (&place, uploads));
                self.served.push(Served { place, uploads, entity });
            }
            What::Change { place, edit } => {
                for known in self.served.iter_mut().filter(|known| known.place == place) {
                    known.entity.version += 1;
                    known.entity.edit(&edit);
                }
            }
            What::Remove { place } => self.served.retain(|known| known.place != place),
            What::Trouble { place, trouble, times } => {
                self.troubles.push(Active { place, trouble, times, number });
            }
            What::Mend { place } => self.troubles.retain(|active| active.place != place),
            What::Network(up) => {
                self.outages += u64::from(self.has_network && !up);
                self.has_network = up;
            }
            What::Disk(free) => self.has_room = free,
            What::Kill | What::Hold => {}
        }
    }

    /// Says what comes of a request, and whether a trouble struck.
    pub(super) fn plan(&mut self, asked: &Asked<'_>) -> (Plan, bool) {
        let mut url = asked.url.clone();
        url.set_fragment(None);
        let url = url.as_str();
        let before = self.strike(url, |trouble| {
            matches!(trouble, Trouble::Fail(_) | Trouble::Status(..) | Trouble::Redirect(..))
        });
        if let Some(trouble) = before {
            return (self.troubled(&trouble, url), true);
        }
        let has_body = asked.headers.contains_key(header::CONTENT_LENGTH);
        let reads = *asked.method == Method::GET || *asked.method == Method::HEAD;
        let fits = |known: &&Served| known.uploads != reads && known.place.has(url);
        let Some(served) = self.served.iter().rev().find(fits) else {
            return (self.nothing(asked), false);
        };
        let mut reply = respond(&served.entity, asked, url);
        let is_long = |after: &u64| has_body || *after < reply.bytes.until - reply.bytes.from;
        let struck = self.strike(url, |trouble| match trouble {
            Trouble::Drop(after) | Trouble::Stall(after, _) => is_long(after),
            Trouble::Fail(_) | Trouble::Status(..) | Trouble::Redirect(..) => false,
        });
        reply.breaks = match struck {
            Some(Trouble::Drop(after)) => Some(Break { after, stall: None }),
            Some(Trouble::Stall(after, length)) => {
                Some(Break { after, stall: Some(length.unwrap_or(Duration::MAX)) })
            }
            _ => None,
        };
        let has_struck = reply.breaks.is_some();
        (Plan::Answer(reply), has_struck)
    }

    /// Takes the newest trouble of that kind that a URL has.
    fn strike(&mut self, url: &str, is_meant: impl Fn(&Trouble) -> bool) -> Option<Trouble> {
        let struck = &mut self.struck;
        let active = self.troubles.iter().rev().find(|active| {
            let is_left = active.times.is_none_or(|times| struck[active.number] < times);
            is_left && active.place.has(url) && is_meant(&active.trouble)
        })?;
        struck[active.number] += 1;
        Some(active.trouble.clone())
    }

    fn troubled(&self, trouble: &Trouble, url: &str) -> Plan {
        let (status, fields) = match trouble {
            Trouble::Fail(code) => return Plan::Fail(*code),
            Trouble::Redirect(status, to) => (*status, vec![("Location".to_owned(), to.clone())]),
            Trouble::Status(status, after) => {
                let after = after.map(|after| after.as_secs().to_string());
                (
                    *status,
                    after.map(|after| ("Retry-After".to_owned(), after)).into_iter().collect(),
                )
            }
            Trouble::Drop(_) | Trouble::Stall(..) => (200, Vec::new()),
        };
        let known = self.served.iter().rev().find(|known| known.place.has(url));
        let latency = known.map_or(Entity::default().latency, |known| known.entity.latency);
        Plan::Answer(plain(status, fields, latency))
    }

    /// Answers where nothing is: no page, or no server.
    fn nothing(&self, asked: &Asked<'_>) -> Plan {
        let origin = |place: &Place| Url::parse(&place.url).ok().map(|url| url.origin());
        let asked_origin = Some(asked.url.origin());
        let places = self.served.iter().map(|known| (&known.place, known.uploads));
        let mut here = places.filter(|(place, _)| origin(place) == asked_origin).peekable();
        if here.peek().is_none() {
            return Plan::Fail(ErrorCode::CANNOT_FIND_HOST);
        }
        let is_there = here.any(|(place, _)| place.has(asked.url.as_str()));
        let status = if is_there { 405 } else { 404 };
        Plan::Answer(plain(status, Vec::new(), Entity::default().latency))
    }
}

/// Makes a response that says no more than its status.
fn plain(status: u16, mut fields: Vec<(String, String)>, latency: Duration) -> Reply {
    let status = StatusCode::from_u16(status).unwrap_or_default();
    let text = format!("{}\n", status.canonical_reason().unwrap_or("a status"));
    let until = text.len() as u64;
    fields.push(("Content-Type".to_owned(), "text/plain".to_owned()));
    fields.push(("Content-Length".to_owned(), until.to_string()));
    let bytes = Bytes { text: Some(text), until, ..Bytes::default() };
    Reply { status, fields, bytes, latency, rate: Entity::default().rate, breaks: None }
}

/// Answers with an entity, or with the part of it that is asked for (RFC 9110 section 14).
fn respond(entity: &Entity, asked: &Asked<'_>, url: &str) -> Reply {
    let size = entity.size;
    let mut bytes =
        Bytes { text: entity.text.clone(), seed: seed(url, entity.version), from: 0, until: size };
    let mut fields = entity.fields.clone();
    let mut status = StatusCode::from_u16(entity.status).unwrap_or_default();
    let text = |name| asked.headers.get(name).and_then(|value| value.to_str().ok());
    let is_same = text(header::IF_RANGE).is_none_or(|wanted| {
        let proves = |(name, value): &(String, String)| {
            let is_tag = name.eq_ignore_ascii_case("etag") && !value.starts_with("W/");
            value == wanted && (is_tag || name.eq_ignore_ascii_case("last-modified"))
        };
        entity.fields.iter().any(proves)
    });
    if entity.has_ranges && status == StatusCode::OK && *asked.method == Method::GET {
        fields.push(("Accept-Ranges".to_owned(), "bytes".to_owned()));
        match text(header::RANGE).filter(|_| is_same).and_then(|range| part(range, size)) {
            Some(Some((from, until))) => {
                status = StatusCode::PARTIAL_CONTENT;
                let range = format!("bytes {from}-{}/{size}", until - 1);
                fields.push(("Content-Range".to_owned(), range));
                (bytes.from, bytes.until) = (from, until);
            }
            Some(None) => {
                status = StatusCode::RANGE_NOT_SATISFIABLE;
                fields.push(("Content-Range".to_owned(), format!("bytes */{size}")));
                bytes.until = 0;
            }
            None => {}
        }
    }
    fields.push(("Content-Length".to_owned(), (bytes.until - bytes.from).to_string()));
    if *asked.method == Method::HEAD || status == StatusCode::NO_CONTENT {
        bytes.until = bytes.from;
    }
    Reply { status, fields, bytes, latency: entity.latency, rate: entity.rate, breaks: None }
}

/// Reads `bytes=5-` and `bytes=5-9`; what is inside `Some` is where it begins and where it ends, or
/// that there is nothing.
fn part(range: &str, size: u64) -> Option<Option<(u64, u64)>> {
    let (from, last) = range.strip_prefix("bytes=")?.split_once('-')?;
    let from: u64 = from.parse().ok()?;
    let until = if last.is_empty() { size } else { last.parse::<u64>().ok()?.saturating_add(1) };
    Some((from < size && from < until).then_some((from, until.min(size))))
}

impl Bytes {
    /// Takes so many bytes, or what is left.
    pub(crate) fn take(&mut self, length: u64) -> Vec<u8> {
        let from = self.from;
        self.from = self.until.min(from.saturating_add(length));
        let range = from..self.from;
        match &self.text {
            Some(text) => range
                .filter_map(|at| text.as_bytes().get(usize::try_from(at).ok()?))
                .copied()
                .collect(),
            None => made_up(self.seed, from, self.from),
        }
    }
}

/// Makes up bytes that are the same whenever they are asked for.
fn made_up(seed: u64, from: u64, until: u64) -> Vec<u8> {
    let length = usize::try_from(until - from).unwrap_or(usize::MAX);
    let skipped = usize::try_from(from % 8).unwrap_or_default();
    let mut bytes = Vec::with_capacity(length + 16);
    for word in from / 8..until.div_ceil(8) {
        bytes.extend_from_slice(&mix(seed ^ word).to_le_bytes());
    }
    bytes.truncate(skipped + length);
    bytes.drain(..skipped);
    bytes
}

/// Tells the bytes of one URL from those of others, and of what was there before.
fn seed(url: &str, version: u64) -> u64 {
    let hash = url.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    mix(hash ^ version)
}

/// The finalizer of `SplitMix64`.
fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::Scenario;
    use super::*;

    /// Plays a scenario up to a second and asks once for each line: `METHOD URL [header: value]`.
    fn ask(scenario: &str, second: u64, requests: &[&str]) -> Vec<String> {
        let mut world = World::of(Scenario::parse(scenario).unwrap().statements);
        let _ = world.happen(Duration::from_secs(second));
        let asked = requests.iter().map(|request| {
            let mut words = request.splitn(3, ' ');
            let method: Method = words.next().unwrap().parse().unwrap();
            let url = Url::parse(words.next().unwrap()).unwrap();
            let fields = words.next().unwrap_or_default().split("; ");
            let fields = fields.filter_map(|field| field.split_once(": "));
            let headers = fields.map(|(name, value)| {
                (name.parse::<http::HeaderName>().unwrap(), value.parse().unwrap())
            });
            let headers: HeaderMap = headers.collect();
            match world.plan(&Asked { method: &method, url: &url, headers: &headers }).0 {
                Plan::Fail(code) => code.0.to_string(),
                Plan::Answer(Reply { status, bytes, breaks, .. }) => {
                    let breaks = breaks.map_or(String::new(), |b| format!(" {}", b.after));
                    format!("{} {}-{}{breaks}", status.as_u16(), bytes.from, bytes.until)
                }
            }
        });
        asked.collect()
    }

    const A: &str = "file https://a.test/a size 100 etag a\n";

    #[test]
    fn what_is_there_is_sent_and_what_is_not_is_missed() {
        let requests = [
            "GET https://a.test/a#x",
            "HEAD https://a.test/a",
            "PUT https://a.test/a",
            "GET https://a.test/b",
            "GET https://b.test/a",
        ];
        assert_eq!(ask(A, 0, &requests), ["200 0-100", "200 0-0", "405 0-19", "404 0-10", "-1003"]);
    }

    #[test]
    fn ranges_are_sent_of_what_is_still_the_same() {
        let requests = [
            "GET https://a.test/a range: bytes=40-; if-range: \"a\"",
            "GET https://a.test/a range: bytes=40-; if-range: \"b\"",
            "GET https://a.test/a range: bytes=40-49",
            "GET https://a.test/a range: bytes=100-",
        ];
        assert_eq!(ask(A, 0, &requests), ["206 40-100", "200 0-100", "206 40-50", "416 0-0"]);
        let changed = format!("{A}at 5s change https://a.test/a etag b size 200");
        assert_eq!(ask(&changed, 4, &requests[..1]), ["206 40-100"]);
        assert_eq!(ask(&changed, 5, &requests[..2]), ["200 0-200", "206 40-200"]);
        assert_eq!(
            ask("file https://a.test/a size 100 no-ranges", 0, &requests[2..3]),
            ["200 0-100"]
        );
    }

    #[test]
    fn troubles_strike_as_often_as_they_are_told_to() {
        let scenario = format!(
            "{A}status https://a.test/* 503 times 1\ndrop https://a.test/a after 10 times 1\n\
            fail https://a.test/a -1004 times 1\nat 1s redirect https://a.test/a to /b\nat 2s mend https://a.test/a\n\
            accept https://a.test/up status 201"
        );
        let get = "GET https://a.test/a";
        assert_eq!(
            ask(&scenario, 0, &[get; 5]),
            ["-1004", "503 0-20", "200 0-100 10", "200 0-100", "200 0-100"]
        );
        assert_eq!(ask(&scenario, 1, &[get]), ["302 0-6"]);
        assert_eq!(ask(&scenario, 2, &[get; 2]), ["503 0-20", "200 0-100"]);
        assert_eq!(
            ask(&scenario, 2, &["PUT https://a.test/x", "PUT https://a.test/up content-length: 5"]),
            ["503 0-20", "201 0-0"]
        );
    }

    #[test]
    fn made_up_bytes_are_the_same_in_pieces() {
        let mut whole = Bytes { seed: 7, until: 1000, ..Bytes::default() };
        let mut pieces = Bytes { seed: 7, until: 1000, ..Bytes::default() };
        let whole = whole.take(u64::MAX);
        let together: Vec<u8> = (0..100).flat_map(|length| pieces.take(length)).collect();
        assert_eq!(whole.len(), 1000);
        assert_eq!(whole, together);
        assert_ne!(whole, Bytes { seed: 8, until: 1000, ..Bytes::default() }.take(1000));
    }
}
