//! Kept responses on disk: one SQLite file of an application, which its processes share.
//!
//! Nothing here is needed: whatever fails is as if nothing had been kept, and a damaged file is
//! replaced by an empty one.

use super::stored::Stored;
use super::variant::Variant;
use crate::files::{create_private_file, create_private_folder};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use rusqlite::{Connection, ErrorCode, OpenFlags, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use urlsession_protocol::Timestamp;

/// A response may take this part of the room, as Apple's.
const ENTRY_PART: u64 = 20;
/// Longest wait for another process: a response is not worth more.
const BUSY_TIMEOUT: Duration = Duration::from_millis(250);
/// Most URLs whose responses are known to be outdated and could not be removed; one more, and all are
/// taken to be.
const OWED_LIMIT: usize = 1024;
/// Longest wait for another process where all responses are at stake.
const LONG_TIMEOUT: Duration = Duration::from_secs(5);
/// The layout of the file; a file of another one is replaced.
const LAYOUT: i64 = 1;
const SCHEMA: &str = "
    CREATE TABLE entries (
        id INTEGER PRIMARY KEY, url TEXT NOT NULL, variant TEXT NOT NULL, head TEXT NOT NULL,
        body BLOB NOT NULL, print BLOB NOT NULL, size INTEGER NOT NULL, used INTEGER NOT NULL,
        UNIQUE (url, variant)
    );
    CREATE INDEX by_use ON entries (used);
    CREATE TABLE room (taken INTEGER NOT NULL);
    INSERT INTO room VALUES (0);
    CREATE TRIGGER comes AFTER INSERT ON entries
        BEGIN UPDATE room SET taken = taken + new.size; END;
    CREATE TRIGGER goes AFTER DELETE ON entries
        BEGIN UPDATE room SET taken = taken - old.size; END;";

/// The file, which is opened for its first use: that may take as long as another process likes.
#[derive(Debug)]
pub(super) struct Disk {
    path: PathBuf,
    capacity: u64,
    file: File,
    /// Changes with every commit of another process.
    version: i64,
    /// URLs whose responses are to be removed before anything of them is used.
    owed: BTreeSet<String>,
    owes_all: bool,
}

#[derive(Debug)]
enum File {
    Unopened,
    Open(Connection),
    Unusable,
}

/// A response as it is written, but for its body.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    status: u16,
    protocol: String,
    /// Values have a character for each byte.
    headers: Vec<(String, String)>,
    requested: Timestamp,
    received: Timestamp,
}

impl Disk {
    pub(super) fn new(path: PathBuf, capacity: u64) -> Self {
        let (file, owed) = (File::Unopened, BTreeSet::new());
        Self { path, capacity, file, version: 0, owed, owes_all: false }
    }

    /// Opens the file in a folder that is private, or creates it.
    fn open(&mut self) {
        let opened = open(&self.path).or_else(|error| match is_damaged(&error) {
            true => replace(&self.path),
            false => Err(error),
        });
        self.file = match opened {
            Ok(connection) => File::Open(connection),
            Err(error) => {
                tracing::warn!(%error, "responses are not kept on disk");
                File::Unusable
            }
        };
        self.make_room();
        self.has_changed();
    }

    /// Returns the room that one response may take.
    pub(super) fn entry_limit(&self) -> u64 {
        match self.file {
            File::Unopened | File::Open(_) => self.capacity / ENTRY_PART,
            File::Unusable => 0,
        }
    }

    /// Says whether another process has changed something since this was last asked.
    pub(super) fn has_changed(&mut self) -> bool {
        let version = self.attempt(|connection| {
            connection.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0))
        });
        let version = version.unwrap_or(self.version);
        std::mem::replace(&mut self.version, version) != version
    }

    /// Reads the responses of a URL; one that is damaged is removed.
    pub(super) fn load(&mut self, url: &str) -> Vec<Stored> {
        if !self.is_settled(url) {
            return Vec::new();
        }
        let read = self.attempt(|connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, variant, head, body, print FROM entries WHERE url = ?1 ORDER BY id",
            )?;
            let mut rows = statement.query([url])?;
            let (mut whole, mut damaged) = (Vec::new(), Vec::new());
            while let Some(row) = rows.next()? {
                match decode(row) {
                    Some(stored) => whole.push(stored),
                    None => damaged.push(row.get::<_, i64>(0)?),
                }
            }
            Ok((whole, damaged))
        });
        let Some((whole, damaged)) = read else { return Vec::new() };
        for id in damaged {
            self.attempt(|connection| {
                connection.prepare_cached("DELETE FROM entries WHERE id = ?1")?.execute([id])
            });
        }
        whole
    }

    /// Notes that the responses of a URL were used.
    pub(super) fn note_use(&mut self, url: &str, now: Timestamp) {
        self.attempt(|connection| {
            connection
                .prepare_cached("UPDATE entries SET used = ?2 WHERE url = ?1")?
                .execute(params![url, now.0.cast_signed()])
        });
    }

    /// Keeps a response, instead of the one of the same variant. If that fails, the other one must not
    /// come back.
    pub(super) fn put(&mut self, url: &str, stored: &Stored, now: Timestamp) {
        if !self.is_settled(url) || self.write(url, stored, now).is_some() {
            return;
        }
        self.remove(url, 0);
    }

    fn write(&mut self, url: &str, stored: &Stored, now: Timestamp) -> Option<()> {
        let (Ok(variant), Ok(head)) =
            (serde_json::to_string(&stored.variant), serde_json::to_string(&head(stored)))
        else {
            return None;
        };
        let print = print(&variant, &head, &stored.body);
        let (size, capacity) = (stored.size() + url.len() as u64, self.capacity);
        self.attempt(|connection| {
            let to = connection.transaction()?;
            to.prepare_cached("DELETE FROM entries WHERE url = ?1 AND variant = ?2")?
                .execute(params![url, variant])?;
            to.prepare_cached(
                "INSERT INTO entries (url, variant, head, body, print, size, used)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )?
            .execute(params![
                url,
                variant,
                head,
                &stored.body[..],
                print,
                size.cast_signed(),
                now.0.cast_signed()
            ])?;
            shrink(&to, capacity)?;
            to.commit()
        })
    }

    /// Forgets the responses of a URL, but for so many of the newest.
    pub(super) fn remove(&mut self, url: &str, but: usize) {
        let removed = self.delete(url, but);
        // Without the file there is nothing to come back.
        if removed.is_some() || but > 0 || !self.is_open() {
            return;
        }
        self.owed.insert(url.to_owned());
        self.owes_all |= self.owed.len() > OWED_LIMIT;
        if self.owes_all {
            self.owed.clear();
        }
    }

    fn delete(&mut self, url: &str, but: usize) -> Option<()> {
        self.attempt(|connection| {
            connection
                .prepare_cached(
                    "DELETE FROM entries WHERE id IN
                     (SELECT id FROM entries WHERE url = ?1 ORDER BY id DESC LIMIT -1 OFFSET ?2)",
                )?
                .execute(params![url, but.cast_signed()])
                .map(drop)
        })
    }

    /// Removes what could not be removed when it was outdated; says whether all of that is gone.
    fn is_settled(&mut self, url: &str) -> bool {
        if self.owes_all {
            self.owes_all = self.attempt(|to| to.execute("DELETE FROM entries", [])).is_none();
        }
        if !self.owes_all && self.owed.contains(url) && self.delete(url, 0).is_some() {
            self.owed.remove(url);
        }
        !self.owes_all && !self.owed.contains(url)
    }

    /// Forgets everything, and gives the room back to the file system.
    pub(super) fn clear(&mut self) {
        let cleared = self.attempt(|connection| {
            connection.busy_timeout(LONG_TIMEOUT)?;
            connection.execute("DELETE FROM entries", [])
        });
        self.owes_all = cleared.is_none() && self.is_open();
        self.owed.clear();
        // Without this the bytes are still in the file, but of no entry.
        self.attempt(|connection| connection.execute_batch("VACUUM"));
        self.flush();
        self.attempt(|connection| connection.busy_timeout(BUSY_TIMEOUT));
    }

    /// Gives it so much room.
    pub(super) fn grow(&mut self, capacity: u64) {
        self.capacity = self.capacity.max(capacity);
    }

    /// Removes what an earlier process kept and has no room any more.
    fn make_room(&mut self) {
        let capacity = self.capacity;
        self.attempt(|connection| {
            let to = connection.transaction()?;
            shrink(&to, capacity)?;
            to.commit()?;
            connection.execute_batch("VACUUM")
        });
    }

    /// Writes everything to its place.
    pub(super) fn flush(&mut self) {
        if self.is_open() {
            self.attempt(|connection| {
                connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
            });
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.file, File::Open(_))
    }

    /// Tries something. A file that turns out to be damaged is replaced for the next time.
    fn attempt<T>(
        &mut self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Option<T> {
        if matches!(self.file, File::Unopened) {
            self.open();
        }
        let File::Open(connection) = &mut self.file else { return None };
        let error = match work(connection) {
            Ok(done) => return Some(done),
            Err(error) => error,
        };
        tracing::warn!(%error, "a kept response was not read or written");
        if is_damaged(&error) {
            self.file = File::Unusable;
            self.file = replace(&self.path).map_or(File::Unusable, File::Open);
        }
        None
    }
}

/// A missing table is damage too, and so is another layout.
fn is_damaged(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::InvalidQuery)
        || matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase | ErrorCode::Unknown)
        )
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // SQLite gives its other files the mode of this one.
    let folder = path.parent().map_or(Ok(()), create_private_folder);
    folder
        .and_then(|()| create_private_file(path))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    let mut connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(LONG_TIMEOUT)?;
    connection.pragma_update(None, "journal_mode", "WAL")?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "journal_size_limit", 1024 * 1024)?;
    let to = connection.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate)?;
    let layout: i64 = to.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    let tables = "SELECT count(*) FROM sqlite_schema";
    match (layout, to.query_row(tables, [], |row| row.get::<_, i64>(0))?) {
        (LAYOUT, _) => {}
        (0, 0) => {
            to.execute_batch(SCHEMA)?;
            to.pragma_update(None, "user_version", LAYOUT)?;
        }
        _ => return Err(rusqlite::Error::InvalidQuery),
    }
    to.commit()?;
    connection.busy_timeout(BUSY_TIMEOUT)?;
    Ok(connection)
}

/// Begins with an empty file.
fn replace(path: &Path) -> rusqlite::Result<Connection> {
    for ending in ["", "-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        // What is not there need not be removed; what stays is found by the opening.
        let _ = std::fs::remove_file(name);
    }
    open(path)
}

fn shrink(to: &rusqlite::Transaction<'_>, capacity: u64) -> rusqlite::Result<()> {
    loop {
        let taken: Option<i64> = to
            .prepare_cached("SELECT taken FROM room")?
            .query_row([], |row| row.get(0))
            .optional()?;
        if taken.unwrap_or(0) <= capacity.cast_signed() {
            return Ok(());
        }
        let gone = to
            .prepare_cached(
                "DELETE FROM entries WHERE id = (SELECT id FROM entries ORDER BY used, id LIMIT 1)",
            )?
            .execute([])?;
        if gone == 0 {
            return Ok(());
        }
    }
}

fn print(variant: &str, head: &str, body: &[u8]) -> Vec<u8> {
    let mut digest = Sha256::new();
    for part in [variant.as_bytes(), head.as_bytes(), body] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    digest.finalize().to_vec()
}

fn head(stored: &Stored) -> Head {
    let headers = stored.headers.iter().map(|(name, value)| {
        (name.as_str().to_owned(), value.as_bytes().iter().copied().map(char::from).collect())
    });
    Head {
        status: stored.status.as_u16(),
        protocol: format!("{:?}", stored.version),
        headers: headers.collect(),
        requested: stored.requested,
        received: stored.received,
    }
}

/// Reads a row; `None` if it is not what was written.
fn decode(row: &rusqlite::Row<'_>) -> Option<Stored> {
    let (variant, written): (String, String) = (row.get(1).ok()?, row.get(2).ok()?);
    let (body, told): (Vec<u8>, Vec<u8>) = (row.get(3).ok()?, row.get(4).ok()?);
    if print(&variant, &written, &body) != told {
        return None;
    }
    let variant: Variant = serde_json::from_str(&variant).ok()?;
    let head: Head = serde_json::from_str(&written).ok()?;
    let mut headers = HeaderMap::new();
    for (name, value) in head.headers {
        let value: Option<Vec<u8>> = value.chars().map(|c| u8::try_from(c).ok()).collect();
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_bytes(&value?).ok()?);
    }
    Some(Stored {
        status: StatusCode::from_u16(head.status).ok()?,
        version: match head.protocol.as_str() {
            "HTTP/1.0" => Version::HTTP_10,
            "HTTP/2.0" => Version::HTTP_2,
            _ => Version::HTTP_11,
        },
        headers,
        requested: head.requested,
        received: head.received,
        variant,
        body: body.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::stored;
    use super::*;

    #[test]
    fn too_many_debts_are_one_of_everything() {
        let folder = tempfile::TempDir::new().unwrap();
        let path = folder.path().join("responses.sqlite");
        let mut disk = Disk::new(path.clone(), 1024 * 1024);
        for url in ["http://host/a", "http://host/b"] {
            disk.put(url, &stored(200, ""), Timestamp(1));
        }
        let mut other = Connection::open(path).unwrap();
        let busy =
            other.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).unwrap();
        disk.owed = (0..OWED_LIMIT).map(|number| number.to_string()).collect();
        disk.remove("http://host/a", 0);
        assert!(disk.load("http://host/b").is_empty(), "nobody knows whether it is outdated");
        busy.commit().unwrap();
        assert!(disk.load("http://host/a").is_empty());
        disk.put("http://host/b", &stored(200, ""), Timestamp(1));
        assert_eq!(disk.load("http://host/b").len(), 1);
    }
}
