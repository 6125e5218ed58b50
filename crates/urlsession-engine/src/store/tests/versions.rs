//! Stores of every version that there was: `version-N.sql` is what its program left behind.
//!
//! A new step of the schema needs a new file, which the test writes when `URLSESSION_BLESS` is set.

use super::super::{CheckedStore, Database as Store, Rows, StoreError, check, schema};
use super::{everything, order, task};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use urlsession_core::{Change, LaunchRecord, Snapshot};
use urlsession_protocol::SpeedLimits;

#[test]
fn a_store_of_every_version_is_upgraded_with_all_that_it_has() {
    let folder = tempfile::tempdir().unwrap();
    for version in 1..=schema::STEPS.len() {
        let file = folder.path().join(format!("store-{version}.sqlite"));
        make(&file, &text_of(version));
        let mut store = Store::open(&file).unwrap();
        assert_eq!(store.load().unwrap(), expected(version), "version {version}");
        assert_eq!(store.order(task(1, 2)).unwrap(), Some(order()), "version {version}");
        let is_set = version >= 9;
        let limits = is_set.then(limits).unwrap_or_default();
        assert_eq!(store.speed_limits().unwrap(), limits, "version {version}");
        let kept = schema::backup(&file, version);
        assert_eq!(kept.exists(), version < schema::STEPS.len(), "version {version}");
        let session = expected(version).sessions.remove(0);
        store.commit(&[Change::PutSession(session.into())]).unwrap();
    }
}

#[test]
fn a_check_reads_every_version_and_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let newest = schema::STEPS.len();
    let file = |name: &str| folder.path().join(name);
    assert_eq!(check(&file("none")).unwrap(), CheckedStore::Absent);
    assert!(!file("none").exists());
    for version in 1..=newest {
        let file = file(&format!("store-{version}.sqlite"));
        make(&file, &text_of(version));
        let before = std::fs::read(&file).unwrap();
        let expected = if version < newest { CheckedStore::Older } else { CheckedStore::Whole };
        assert_eq!(check(&file).unwrap(), expected, "version {version}");
        assert_eq!(std::fs::read(&file).unwrap(), before, "version {version}");
    }
    let later = text_of(newest).replace(
        &format!("PRAGMA user_version = {newest}"),
        &format!("PRAGMA user_version = {}", newest + 1),
    );
    make(&file("later"), &later);
    assert!(matches!(check(&file("later")), Err(StoreError::Newer { .. })));
    make(&file("foreign"), "CREATE TABLE theirs (a);");
    assert!(matches!(check(&file("foreign")), Err(StoreError::Foreign)));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), newest + 2, "no log is left");
}

#[test]
fn an_upgrade_that_dies_is_done_again() {
    let folder = tempfile::tempdir().unwrap();
    for version in 1..schema::STEPS.len() {
        let file = folder.path().join(format!("store-{version}.sqlite"));
        make(&file, &text_of(version));
        // After each of its steps.
        for steps in version..schema::STEPS.len() {
            let mut connection = Connection::open(&file).unwrap();
            schema::migrate(&mut connection, Some(&file), &schema::STEPS[..steps]).unwrap();
        }
        assert_eq!(Store::open(&file).unwrap().load().unwrap(), expected(version));
    }
}

/// What today's program finds in a store of that version.
fn expected(version: usize) -> Snapshot {
    let (_, mut all) = everything();
    if version < 2 {
        all.last_removed = None;
        all.sessions.iter_mut().for_each(|session| session.launch = LaunchRecord::default());
    }
    all
}

/// What the user had set.
fn limits() -> SpeedLimits {
    SpeedLimits { download: NonZeroU64::new(1_048_576), upload: None }
}

fn make(file: &Path, text: &str) {
    let connection = Connection::open(file).unwrap();
    // As it is written down, tables and rows come in no order that the keys would like.
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    connection.execute_batch(text).unwrap();
    connection.pragma_update(None, "journal_mode", "WAL").unwrap();
}

fn text_of(version: usize) -> String {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join(format!("src/store/tests/version-{version}.sql"));
    if version == schema::STEPS.len() && std::env::var_os("URLSESSION_BLESS").is_some() {
        let mut store = Store::in_memory().unwrap();
        let rows = Rows { speed_limits: Some(limits()), ..Rows::default() };
        store.commit_turn(&everything().0, &rows, &BTreeMap::new()).unwrap();
        std::fs::write(&file, dump(&store.connection, version)).unwrap();
    }
    std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Writes a store down as SQL.
fn dump(connection: &Connection, version: usize) -> String {
    let mut text = format!("-- A store as the program of version {version} left it.\n");
    let strings = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    for sql in strings("SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL") {
        let _ = writeln!(text, "{sql};");
    }
    for table in strings("SELECT name FROM sqlite_schema WHERE type = 'table'") {
        let columns =
            strings(&format!("SELECT 'quote(' || name || ')' FROM pragma_table_info('{table}')"));
        let values = columns.join(" || ',' || ");
        for row in strings(&format!("SELECT {values} FROM {table}")) {
            let _ = writeln!(text, "INSERT INTO {table} VALUES({row});");
        }
    }
    let _ = writeln!(text, "PRAGMA application_id = {};", schema::APPLICATION_ID);
    let _ = writeln!(text, "PRAGMA user_version = {version};");
    text
}
