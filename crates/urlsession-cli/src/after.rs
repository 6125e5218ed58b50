//! What is told of a transfer that is over, beside its bytes: heads, ETags, dates, what `-w` asks.

use crate::condition;
use crate::escape::shown;
use crate::exit::Failure;
use crate::hand_over;
use crate::terminal;
use crate::tracked::Tracked;
use crate::write_out::{Place, Told, WriteOut};
use std::borrow::Cow;
use std::fs::{File, OpenOptions};
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};
use urlsession::{HeaderFields, Response};

/// What was asked for.
#[derive(Debug, Default)]
pub(crate) struct After {
    pub(crate) format: Option<WriteOut>,
    pub(crate) heads: Vec<Sheet>,
    pub(crate) etag: Option<Sheet>,
    /// Whether heads stand before bodies.
    pub(crate) shows_heads: bool,
    pub(crate) fails_with_body: bool,
    pub(crate) keeps_time: bool,
    /// What requests say of where they come from.
    pub(crate) referer: Option<String>,
    /// Whether redirects are told where they come from.
    pub(crate) tells_referer: bool,
}

/// A file that is written beside the one that came; `-` is standard output.
#[derive(Debug)]
pub(crate) struct Sheet {
    path: PathBuf,
    /// Whether `%` is standard error.
    has_error: bool,
    open: Option<File>,
}

impl Sheet {
    pub(crate) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), has_error: false, open: None }
    }

    /// Makes one for `-D`, which has a name for standard error, too.
    pub(crate) fn of_heads(path: &Path) -> Self {
        Self { has_error: true, ..Self::new(path) }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the file at once: what cannot be written need not be brought.
    pub(crate) fn begin(mut self) -> Result<Self, Failure> {
        self.write("")?;
        Ok(self)
    }

    /// Adds to what was written; replaces what was there before.
    fn write(&mut self, text: &str) -> Result<(), Failure> {
        match self.path.to_str() {
            Some("-") => {
                let is_seen = std::io::stdout().is_terminal();
                return Ok(terminal::print(&for_reader(text, is_seen))?);
            }
            Some("%") if self.has_error => {
                let is_seen = std::io::stderr().is_terminal();
                return Ok(terminal::complain(&for_reader(text, is_seen))?);
            }
            _ => {}
        }
        let named = |error| Failure::file(&self.path, &error);
        let file = match &mut self.open {
            Some(file) => file,
            open => open.insert(private().open(&self.path).map_err(named)?),
        };
        file.write_all(text.as_bytes()).map_err(named)
    }
}

/// What a server said is what a program gets; on a terminal it is only seen.
fn for_reader(text: &str, is_seen: bool) -> Cow<'_, str> {
    if !is_seen {
        return Cow::Borrowed(text);
    }
    let seen = text.split_inclusive('\n').map(|line| {
        let words = line.trim_end_matches(['\r', '\n']);
        format!("{}{}", shown(words), &line[words.len()..])
    });
    Cow::Owned(seen.collect())
}

/// Heads say much of who asked: nobody else reads a file that is made.
fn private() -> OpenOptions {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

impl After {
    /// Says whether it tells what servers set as cookies: who asks for a head gets it whole.
    pub(crate) fn tells_heads(&self) -> bool {
        !self.heads.is_empty()
            || self.shows_heads
            || self.format.as_ref().is_some_and(WriteOut::tells_heads)
    }

    /// Returns the head that stands before a body, if that was asked for.
    pub(crate) fn head_before(&self, task: &Tracked) -> String {
        if self.shows_heads { heads(task) } else { String::new() }
    }

    /// Tells the heads of a task, which come before its body where both go to one place.
    pub(crate) fn tell_head(&mut self, task: &Tracked) -> Result<(), Failure> {
        self.heads.iter_mut().try_for_each(|sheet| sheet.write(&heads(task)))
    }

    /// Tells the rest of a task; returns with what the command fails although the body is there.
    pub(crate) fn tell(&mut self, told: Told<'_>) -> Result<Option<Failure>, Failure> {
        let task = told.task;
        if let (Some(sheet), Some(response), None) = (&mut self.etag, &task.response, &task.error) {
            let etag = response.header("etag").map(str::trim).filter(|etag| !etag.is_empty());
            // What has no news has its old ETag.
            if etag.is_some() || response.status_code != hand_over::NOT_MODIFIED {
                sheet.write(&etag.map_or_else(String::new, |etag| format!("{etag}\n")))?;
            }
        }
        if self.keeps_time {
            keep_time(task)?;
        }
        if let Some(format) = &self.format {
            let (referer, tells_referer) = (self.referer.as_deref(), self.tells_referer);
            let told = Told { referer, tells_referer, ..told };
            for (place, text) in format.of(told) {
                say(&place, &text)?;
            }
        }
        let refused = task.response.as_ref().filter(|response| response.status_code >= 400);
        Ok(refused
            .filter(|_| self.fails_with_body && task.error.is_none())
            .map(|response| hand_over::of_status(task, response)))
    }
}

fn say(place: &Place, text: &str) -> Result<(), Failure> {
    let (path, replaces) = match place {
        Place::Output => return Ok(terminal::print(text)?),
        Place::Error => return Ok(terminal::complain(text)?),
        Place::File(path) => (path, true),
        Place::EndOf(path) => (path, false),
    };
    let mut options = File::options();
    if replaces {
        options.write(true).truncate(true);
    } else {
        options.append(true);
    }
    let written = options.create(true).open(path);
    let written = written.and_then(|mut file| file.write_all(text.as_bytes()));
    written.map_err(|error| Failure::file(path, &error))
}

/// Writes the heads of all responses of a task, in order: those that another request answered, as a
/// redirect or a challenge wants, and the last one.
fn heads(task: &Tracked) -> String {
    let mut heads = String::new();
    for (passed, protocol) in task.passed() {
        heads += &spelled(protocol, passed.status_code, &passed.headers);
    }
    heads + &task.response.as_ref().map(head).unwrap_or_default()
}

/// Writes a head as HTTP/1.1 has it.
pub(crate) fn head(response: &Response) -> String {
    spelled(response.network_protocol.as_deref(), response.status_code, &response.headers)
}

fn spelled(protocol: Option<&str>, status_code: u16, fields: &HeaderFields) -> String {
    let protocol = match protocol {
        Some("h2") => "HTTP/2".to_owned(),
        Some("h3") => "HTTP/3".to_owned(),
        Some(other) => other.to_uppercase(),
        None => "HTTP/1.1".to_owned(),
    };
    let mut head = format!("{protocol} {status_code}\r\n");
    for (name, value) in fields {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head + "\r\n"
}

fn keep_time(task: &Tracked) -> Result<(), Failure> {
    let told = task.response.as_ref().and_then(|response| response.header("last-modified"));
    // What is told as older than time is counted here is no date that a file could have.
    let date = told.and_then(|text| condition::date(text).ok()).filter(|date| date.0 > 0);
    let path = task.destination().or(task.file.as_deref()).filter(|path| path.is_file());
    let (Some(date), Some(path), None) = (date, path, &task.error) else { return Ok(()) };
    let changed = File::options()
        .write(true)
        .open(path)
        .and_then(|file| file.set_modified(UNIX_EPOCH + Duration::from_millis(date.0)));
    changed.map_err(|error| Failure::file(path, &error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_that_is_seen_commands_no_terminal() {
        let head = "HTTP/1.1 200\r\nX: \u{9b}2J\u{202e}\r\n\r\n\"etag\"\n";
        let seen = "HTTP/1.1 200\r\nX: \\u{9b}2J\\u{202e}\r\n\r\n\"etag\"\n";
        assert_eq!(for_reader(head, true), seen);
        assert_eq!(for_reader(head, false), head);
    }
}
