//! What happens in a simulation, as a text that people write: one statement a line.
//!
//! ```text
//! file https://example.com/a.zip size 50MiB rate 1MiB/s etag "a"    # a comment
//! drop https://example.com/a.zip after 10MiB times 1
//! at 20s  change https://example.com/a.zip etag "b"
//! at 30s  network down
//! at 1h   network up
//! ```

use super::words::{Words, duration, quoted, rate, size};
use sha2::{Digest as _, Sha256};
use std::time::Duration;
use url::Url;
use urlsession_protocol::ErrorCode;

/// Longest text of a scenario, in bytes.
pub(crate) const SCENARIO_LENGTH_LIMIT: usize = 1024 * 1024;
/// Largest file that a scenario may have: all of it is written.
const FILE_SIZE_LIMIT: u64 = 16 * 1024 * 1024 * 1024;

/// What servers, network and disk do in a simulation.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    /// In the order of their time.
    pub(super) statements: Vec<Statement>,
    /// Tells it from others.
    pub(super) mark: String,
}

/// Why a text is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {why}")]
pub struct ScenarioError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Statement {
    pub(super) at: Duration,
    pub(super) what: What,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum What {
    /// There is something at a URL.
    Serve { place: Place, uploads: bool, entity: Entity },
    /// It becomes something else.
    Change { place: Place, edit: Vec<Edit> },
    /// It is gone.
    Remove { place: Place },
    /// Something goes wrong there, so many times, or until it is mended.
    Trouble { place: Place, trouble: Trouble, times: Option<u32> },
    /// Nothing goes wrong there any more.
    Mend { place: Place },
    /// Whether there is a network.
    Network(bool),
    /// Whether there is room on the disk.
    Disk(bool),
    /// The daemon dies as by `kill -9`.
    Kill,
    /// Time stands still until an app does something.
    Hold,
}

/// A URL, or all that begin with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) url: String,
    pub(super) is_prefix: bool,
}

/// What a server has.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entity {
    pub(super) status: u16,
    pub(super) size: u64,
    /// Its bytes; they are made up otherwise.
    pub(super) text: Option<String>,
    /// Counts its changes.
    pub(super) version: u64,
    /// Bytes a second, in either direction.
    pub(super) rate: u64,
    /// Until the head of a response comes.
    pub(super) latency: Duration,
    pub(super) has_ranges: bool,
    /// Names and values as they are sent.
    pub(super) fields: Vec<(String, String)>,
}

/// One property of an entity.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Edit {
    Status(u16),
    Size(u64),
    Text(String),
    Rate(u64),
    Latency(Duration),
    NoRanges,
    Field(String, String),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trouble {
    /// Another status, with a `Retry-After`.
    Status(u16, Option<Duration>),
    Redirect(u16, String),
    /// There is no response.
    Fail(ErrorCode),
    /// The connection is lost after so many bytes.
    Drop(u64),
    /// After so many bytes no more come for so long, or for ever.
    Stall(u64, Option<Duration>),
}

impl Default for Entity {
    fn default() -> Self {
        Self {
            status: 200,
            size: 0,
            text: None,
            version: 0,
            rate: 10 * 1024 * 1024,
            latency: Duration::from_millis(10),
            has_ranges: true,
            fields: Vec::new(),
        }
    }
}

impl Entity {
    /// Changes some of its properties.
    pub(super) fn edit(&mut self, edits: &[Edit]) {
        for edit in edits.iter().cloned() {
            match edit {
                Edit::Status(status) => self.status = status,
                Edit::Size(size) => (self.size, self.text) = (size, None),
                Edit::Text(text) => {
                    self.size = text.len() as u64;
                    self.text = Some(text);
                }
                Edit::Rate(rate) => self.rate = rate,
                Edit::Latency(latency) => self.latency = latency,
                Edit::NoRanges => self.has_ranges = false,
                Edit::Field(name, value) => {
                    self.fields.retain(|(known, _)| !known.eq_ignore_ascii_case(&name));
                    self.fields.push((name, value));
                }
            }
        }
    }
}

impl Place {
    /// Says whether a URL is meant.
    pub(super) fn has(&self, url: &str) -> bool {
        if self.is_prefix { url.starts_with(&self.url) } else { url == self.url }
    }

    fn parse(word: &str) -> Result<Self, String> {
        let (text, is_prefix) = match word.strip_suffix('*') {
            Some(text) => (text, true),
            None => (word, false),
        };
        let url = Url::parse(text).map_err(|error| format!("“{word}” is no URL: {error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("“{word}” is neither http nor https"));
        }
        Ok(Self { url: url.into(), is_prefix })
    }
}

impl Scenario {
    /// Reads a scenario.
    ///
    /// # Errors
    /// The first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, ScenarioError> {
        let fail = |line, why: String| ScenarioError { line, why };
        if text.len() > SCENARIO_LENGTH_LIMIT {
            let why = format!("the scenario is longer than {SCENARIO_LENGTH_LIMIT} bytes");
            return Err(fail(1, why));
        }
        let mut statements: Vec<Statement> = Vec::new();
        let mut served: Vec<Place> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let read = Words::of(text).and_then(|words| statement(words, &served));
            let Some(statement) = read.map_err(|why| fail(line, why))? else { continue };
            if let What::Serve { place, .. } = &statement.what {
                served.push(place.clone());
            }
            statements.push(statement);
        }
        // Of the same time, the first line is first.
        statements.sort_by_key(|statement| statement.at);
        let mark = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { statements, mark })
    }
}

fn statement(mut words: Words, served: &[Place]) -> Result<Option<Statement>, String> {
    let Some(mut verb) = words.take() else { return Ok(None) };
    let mut at = Duration::ZERO;
    if verb == "at" {
        at = duration(&words.need("a time")?)?;
        verb = words.need("a statement")?;
    }
    let what = match verb.as_str() {
        "network" => What::Network(words.one_of("up", "down")?),
        "disk" => What::Disk(words.one_of("free", "full")?),
        "kill" => {
            words.exactly("daemon")?;
            What::Kill
        }
        "hold" => What::Hold,
        _ => about_url(&verb, &mut words, served)?,
    };
    words.end()?;
    Ok(Some(Statement { at, what }))
}

fn about_url(verb: &str, words: &mut Words, served: &[Place]) -> Result<What, String> {
    const KNOWN: [&str; 10] = [
        "file", "accept", "change", "remove", "mend", "status", "redirect", "fail", "drop", "stall",
    ];
    if !KNOWN.contains(&verb) {
        return Err(format!("no statement begins with “{verb}”"));
    }
    let place = Place::parse(&words.need("a URL")?)?;
    let is_served = served.contains(&place);
    Ok(match verb {
        "file" | "accept" => {
            let uploads = verb == "accept";
            let edit = properties(words)?;
            let is_sized = edit.iter().any(|edit| matches!(edit, Edit::Size(_) | Edit::Text(_)));
            if !uploads && !is_sized {
                return Err("a file has a size or a text".to_owned());
            }
            let mut entity = Entity::default();
            entity.edit(&edit);
            What::Serve { place, uploads, entity }
        }
        "change" | "remove" if !is_served => {
            return Err(format!("no line before it has a file at {}", place.url));
        }
        "change" => What::Change { place, edit: properties(words)? },
        "remove" => What::Remove { place },
        "mend" => What::Mend { place },
        verb => trouble(verb, place, words)?,
    })
}

fn properties(words: &mut Words) -> Result<Vec<Edit>, String> {
    let mut edit = Vec::new();
    while let Some(name) = words.take() {
        edit.push(match name.as_str() {
            "size" => Edit::Size(file_size(&words.need("a size")?)?),
            "text" => Edit::Text(words.need("a text")?),
            "rate" => Edit::Rate(rate(&words.need("a rate")?)?),
            "latency" => Edit::Latency(duration(&words.need("a time")?)?),
            "status" => Edit::Status(status(&words.need("a status")?)?),
            "no-ranges" => Edit::NoRanges,
            "etag" => field("ETag", &quoted(&words.need("a tag")?))?,
            "last-modified" => field("Last-Modified", &words.need("a date")?)?,
            "type" => field("Content-Type", &words.need("a type")?)?,
            "header" => {
                let text = words.need("a field")?;
                let (name, value) = text.split_once(':').ok_or("a field is “Name: value”")?;
                field(name.trim(), value.trim())?
            }
            other => return Err(format!("a file has no “{other}”")),
        });
    }
    Ok(edit)
}

fn trouble(verb: &str, place: Place, words: &mut Words) -> Result<What, String> {
    let mut trouble = match verb {
        "status" => Trouble::Status(status(&words.need("a status")?)?, None),
        "redirect" => {
            words.exactly("to")?;
            let to = words.need("a URL")?;
            field("Location", &to)?;
            Trouble::Redirect(302, to)
        }
        "fail" => Trouble::Fail(error_code(&words.need("a number such as -1004")?)?),
        _ => {
            words.exactly("after")?;
            let after = size(&words.need("a size")?)?;
            if verb == "drop" { Trouble::Drop(after) } else { Trouble::Stall(after, None) }
        }
    };
    let mut times = None;
    while let Some(name) = words.take() {
        match (name.as_str(), &mut trouble) {
            ("times", _) => {
                let word = words.need("a number")?;
                let number = word.parse().ok().filter(|number| *number > 0);
                times = Some(number.ok_or_else(|| format!("“{word}” is no number of times"))?);
            }
            ("retry-after", Trouble::Status(_, after)) => {
                *after = Some(duration(&words.need("a time")?)?);
            }
            ("status", Trouble::Redirect(code, _)) => {
                *code = status(&words.need("a status")?)?;
            }
            ("for", Trouble::Stall(_, length)) => {
                *length = Some(duration(&words.need("a time")?)?);
            }
            _ => return Err(format!("“{verb}” has no “{name}”")),
        }
    }
    Ok(What::Trouble { place, trouble, times })
}

fn status(word: &str) -> Result<u16, String> {
    let status = word.parse().ok().filter(|status| (200..600).contains(status));
    status.ok_or_else(|| format!("“{word}” is no status from 200 to 599"))
}

fn file_size(word: &str) -> Result<u64, String> {
    let size = size(word)?;
    if size > FILE_SIZE_LIMIT {
        return Err(format!("{word} is more than the {FILE_SIZE_LIMIT} bytes of the largest file"));
    }
    Ok(size)
}

fn error_code(word: &str) -> Result<ErrorCode, String> {
    // Those of the network, of servers and of TLS: the others are about files.
    let code = word.parse().ok().filter(|code| (-1299..=-1001).contains(code));
    let code = code.filter(|code| !(-1199..=-1100).contains(code)).map(ErrorCode);
    code.ok_or_else(|| format!("“{word}” is no error of a network or a server, such as -1004"))
}

fn field(name: &str, value: &str) -> Result<Edit, String> {
    let name_is_right = http::HeaderName::from_bytes(name.as_bytes()).is_ok();
    if !name_is_right || http::HeaderValue::from_str(value).is_err() {
        return Err(format!("“{name}: {value}” is no header field"));
    }
    Ok(Edit::Field(name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(text: &str) -> Scenario {
        Scenario::parse(text).unwrap()
    }

    #[test]
    fn statements_are_in_the_order_of_their_time() {
        let scenario = whole(
            "# a story\n\n\
             at 1h30m network up\n\
             file https://example.com/a size 1.5KiB etag a  # with a tag\n\
             at 500ms change https://example.com/a text \"say \\\"b\\\"\\n\"\n\
             at 90 hold",
        );
        let at: Vec<_> = scenario.statements.iter().map(|s| s.at.as_millis()).collect();
        assert_eq!(at, [0, 500, 90_000, 5_400_000]);
        let What::Serve { entity, .. } = &scenario.statements[0].what else { panic!() };
        assert_eq!((entity.size, entity.fields[0].1.as_str()), (1536, "\"a\""));
        let What::Change { edit, .. } = &scenario.statements[1].what else { panic!() };
        assert_eq!(edit[0], Edit::Text("say \"b\"\n".to_owned()));
    }

    #[test]
    fn every_statement_is_read() {
        for line in [
            "accept https://a.test/up status 201 text ok rate 1MiB/s",
            "status https://a.test/* 503 retry-after 1m times 2",
            "redirect https://a.test/x to https://b.test/y status 307",
            "fail https://a.test/x -1004 times 1",
            "drop https://a.test/x after 1KiB",
            "stall https://a.test/x after 0 for 90s times 3",
            "mend https://a.test/x",
            "at 1s network down",
            "at 1s disk full",
            "kill daemon",
        ] {
            assert_eq!(whole(line).statements.len(), 1, "{line}");
        }
    }

    #[test]
    fn a_wrong_line_is_named() {
        for (line, why) in [
            ("fly", "no statement begins with “fly”"),
            ("at", "after “at” comes a time"),
            ("at soon hold", "“soon” is no time such as 90s, 5m or 1h30m"),
            ("file", "after “file” comes a URL"),
            ("file nowhere size 1", "“nowhere” is no URL: relative URL without a base"),
            ("file ftp://a.test/ size 1", "“ftp://a.test/” is neither http nor https"),
            ("file https://a.test/", "a file has a size or a text"),
            ("file https://a.test/ size 1X", "“1X” is no size such as 500, 64KiB or 2MiB"),
            ("file https://a.test/ size 1 colour red", "a file has no “colour”"),
            ("file https://a.test/ text \"a", "a quotation mark is missing"),
            ("change https://a.test/ size 1", "no line before it has a file at https://a.test/"),
            ("drop https://a.test/ 5", "“5” stands where “after” should"),
            ("drop https://a.test/ after 5 retry-after 1s", "“drop” has no “retry-after”"),
            (
                "fail https://a.test/ -1100",
                "“-1100” is no error of a network or a server, such as -1004",
            ),
            ("status https://a.test/ 99", "“99” is no status from 200 to 599"),
            ("network sideways", "“sideways” stands where “up” or “down” should"),
            ("hold on", "“on” is too much"),
        ] {
            let error = Scenario::parse(&format!("# nothing\n{line}")).unwrap_err();
            assert_eq!((error.line, error.why.as_str()), (2, why), "{line}");
        }
        assert!(Scenario::parse(&"#\n".repeat(SCENARIO_LENGTH_LIMIT)).is_err());
    }
}
