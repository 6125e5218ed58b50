//! The store gives back what it was given, after any end of the process.

mod known_hosts;
mod memory;
mod place;
mod rows;
mod settings;
mod shared;
mod versions;

use super::{Database as Store, Rows, StoreError, schema};
use crate::cookies::{CookieRow, Kept};
use rusqlite::Connection;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;
use urlsession_core::{
    Change, Done, EventRecord, Kind, LaunchRecord, Order, ResumeState, SessionNumber,
    SessionRecord, Snapshot, Stage, TaskFacts, TaskRecord, TaskRef,
};
use urlsession_protocol::{
    ApplicationId, CachePolicy, Cookie, CookieIdentity, CookiePolicy, Error, ErrorCode, Event,
    EventNumber, Header, OwnerToken, Priority, Request, RequestEdit, Response, SameSite, Secret,
    SessionConfiguration, SessionIdentifier, SessionKey, TaskIdentifier, TaskKind, TaskMetrics,
    TaskOptions, Timestamp,
};

#[test]
fn every_change_is_read_back() {
    let (changes, expected) = everything();
    let largest = TaskRef { session: SessionNumber(u32::MAX), task: TaskIdentifier(u64::MAX) };
    // In one transaction and in one each, in memory and after reopening the file.
    let folder = tempfile::tempdir().unwrap();
    for (name, chunk) in [("at-once", changes.len()), ("one-by-one", 1)] {
        let file = folder.path().join(name);
        let mut memory = Store::in_memory().unwrap();
        let mut store = Store::open(&file).unwrap();
        for changes in changes.chunks(chunk) {
            memory.commit(changes).unwrap();
            store.commit(changes).unwrap();
        }
        assert_eq!(memory.load().unwrap(), expected);
        drop(store);
        let mut store = Store::open(&file).unwrap();
        assert_eq!(store.load().unwrap(), expected);
        assert_eq!(store.order(task(1, 2)).unwrap(), Some(order()));
        let orders = store.orders(&[task(1, 1), largest]).unwrap();
        assert_eq!(orders, [None, Some(order())]);
    }
}

#[test]
fn an_edit_replaces_parts_of_an_order() {
    let mut store = Store::in_memory().unwrap();
    let url = Some("http://other/fresh".to_owned());
    let edit = RequestEdit { url, ..RequestEdit::default() };
    let moved = TaskFacts { host: "other:80".to_owned(), stays_here: true, ..facts() };
    let active = TaskRecord { retry_at: Some(Timestamp(7)), ..record(Stage::Active) };
    let name = task(1, 1);
    let put = Change::PutSession(session(1).into());
    store.commit(&[put, create(name, active.clone())]).unwrap();
    let change =
        Change::EditTask { task: name, facts: moved.clone(), edit: Box::new(edit.clone()) };
    store.commit(std::slice::from_ref(&change)).unwrap();
    let mut expected = order();
    expected.edit(&edit);
    assert_ne!(expected, order());
    assert_eq!(store.order(name).unwrap(), Some(expected));
    assert_eq!(store.load().unwrap().tasks, [(name, moved, active)]);
    // One that is gone is no reason to stop.
    store.commit(&[Change::RemoveTask(name), change]).unwrap();
}

#[test]
fn metrics_go_with_their_task() {
    let mut store = Store::in_memory().unwrap();
    let metrics = |redirect_count| TaskMetrics { redirect_count, ..TaskMetrics::default() };
    let (kept, gone) = (task(1, 1), task(1, 2));
    let put = Change::PutSession(session(1).into());
    store.commit(&[put, create(kept, record(Stage::Active))]).unwrap();
    let written = BTreeMap::from([(kept, metrics(1)), (gone, metrics(2))]);
    store.commit_turn(&[], &Rows::default(), &written).unwrap();
    store.commit_turn(&[], &Rows::default(), &BTreeMap::from([(kept, metrics(3))])).unwrap();
    assert_eq!(store.metrics(kept).unwrap(), Some(metrics(3)));
    assert_eq!(store.metrics(gone).unwrap(), None);
    store.commit_turn(&[Change::RemoveTask(kept)], &Rows::default(), &written).unwrap();
    assert_eq!(store.metrics(kept).unwrap(), None);
}

#[test]
fn a_session_goes_when_it_is_empty() {
    let mut store = Store::in_memory().unwrap();
    let create = create(task(1, 1), record(Stage::Active));
    store.commit(&[Change::PutSession(session(1).into()), create]).unwrap();
    let remove = [Change::RemoveTask(task(1, 1)), Change::RemoveSession(SessionNumber(1))];
    store.commit(&remove).unwrap();
    let last_removed = Some(SessionNumber(1));
    assert_eq!(store.load().unwrap(), Snapshot { last_removed, ..Snapshot::default() });
}

#[test]
fn the_last_record_of_a_commit_wins() {
    let mut store = Store::in_memory().unwrap();
    let put = |stage| Change::PutTask { task: task(1, 1), state: record(stage) };
    let changes = [
        Change::PutSession(session(1).into()),
        create(task(1, 1), record(Stage::Active)),
        put(Stage::Canceling),
        Change::PutSession(SessionRecord { next_task: TaskIdentifier(99), ..session(1) }.into()),
        put(Stage::Suspended),
    ];
    store.commit(&changes).unwrap();
    let snapshot = store.load().unwrap();
    assert_eq!(snapshot.sessions[0].next_task, TaskIdentifier(99));
    assert_eq!(snapshot.tasks[0].2.stage, Stage::Suspended);
}

#[test]
fn a_commit_that_fails_changes_nothing() {
    let put = |n| Change::PutTask { task: task(1, n), state: record(Stage::Suspended) };
    let event_of_nothing = Change::AppendEvent(event(1, 1, 99));
    let task_of_nothing = create(task(7, 1), record(Stage::Active));
    for wrong in [put(99), event_of_nothing, task_of_nothing] {
        let mut store = Store::in_memory().unwrap();
        let begin =
            [Change::PutSession(session(1).into()), create(task(1, 1), record(Stage::Active))];
        store.commit(&begin).unwrap();
        let before = store.load().unwrap();
        let error = store.commit(&[put(1), wrong]).unwrap_err();
        assert!(matches!(error, StoreError::Contradiction(_)), "{error}");
        assert!(!error.can_pass());
        assert_eq!(store.load().unwrap(), before);
    }
}

#[test]
fn a_commit_survives_the_loss_of_everything_that_is_not_in_the_files() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let mut store = Store::open(&file).unwrap();
    store.commit(&[Change::PutSession(session(1).into())]).unwrap();
    // What kill -9 leaves: the files as they are while the store is open.
    let copy = folder.path().join("copy");
    std::fs::copy(&file, &copy).unwrap();
    std::fs::copy(log_of(&file), log_of(&copy)).unwrap();
    assert_eq!(Store::open(&copy).unwrap().load().unwrap().sessions, [session(1)]);
    drop(store);
}

#[test]
fn a_later_store_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let mut store = Store::open(&file).unwrap();
    store.commit(&[Change::PutSession(session(1).into())]).unwrap();
    drop(store);
    let later = schema::STEPS.len() + 1;
    let connection = Connection::open(&file).unwrap();
    connection.pragma_update(None, "user_version", later.to_string()).unwrap();
    drop(connection);
    let error = refused(&file);
    assert!(matches!(error, StoreError::Newer { found, .. } if found == later), "{error}");
    let expected =
        format!("the store has version {later}, this program knows versions up to {}", later - 1);
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_foreign_file_is_refused_and_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let text = folder.path().join("text");
    std::fs::write(&text, "this is no database, but it is long enough for a header").unwrap();
    let foreign = folder.path().join("foreign");
    let connection = Connection::open(&foreign).unwrap();
    connection.execute_batch("CREATE TABLE t (x); PRAGMA application_id = 7;").unwrap();
    drop(connection);
    let unmarked = folder.path().join("unmarked");
    let connection = Connection::open(&unmarked).unwrap();
    connection.execute_batch("CREATE TABLE sessions (x);").unwrap();
    drop(connection);
    for file in [text, foreign, unmarked] {
        let error = refused(&file);
        assert!(matches!(error, StoreError::Foreign), "{}: {error}", file.display());
    }
}

#[test]
fn an_upgrade_keeps_a_copy_and_a_failed_step_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    Store::open(&file).unwrap().commit(&[Change::PutSession(session(1).into())]).unwrap();
    let mut connection = Connection::open(&file).unwrap();
    let known = schema::STEPS.len();
    let bad = [schema::STEPS, &["CREATE TABLE extra (x); SELECT nothing FROM nowhere;"]].concat();
    assert!(schema::migrate(&mut connection, Some(&file), &bad).is_err());
    assert_eq!(version(&connection), known as i64);
    let more = ["CREATE TABLE extra (x);", "CREATE TABLE more (y);"];
    let good = [schema::STEPS, &more].concat();
    schema::migrate(&mut connection, Some(&file), &good).unwrap();
    assert_eq!(version(&connection), known as i64 + 2);
    drop(connection);
    let copy = schema::backup(&file, known);
    assert_eq!(Store::open(&copy).unwrap().load().unwrap().sessions, [session(1)]);
    #[cfg(unix)]
    for file in [file, copy] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(file).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_store_of_version_1_is_upgraded() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    let mut connection = Connection::open(&file).unwrap();
    schema::migrate(&mut connection, None, &schema::STEPS[..1]).unwrap();
    connection.execute_batch(VERSION_1).unwrap();
    drop(connection);
    let store = Store::open(&file).unwrap();
    assert_eq!(version(&store.connection), schema::STEPS.len() as i64);
    let snapshot = store.load().unwrap();
    assert_eq!(snapshot.sessions[0].configuration, SessionConfiguration::default());
    let (task, facts, _) = &snapshot.tasks[0];
    assert_eq!(facts.host, "example.com:443");
    let order = store.order(*task).unwrap().unwrap();
    assert_eq!(order.request, Request::new("https://example.com/file").unwrap());
    assert_eq!(order.cookies, CookiePolicy::default());
    let application = ApplicationId::new("com.example").unwrap();
    assert_eq!(store.cookies(&application).unwrap(), []);
    assert!(schema::backup(&file, 1).exists());
}

#[test]
fn a_store_of_version_5_keeps_its_tasks_and_what_they_owe() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store.sqlite");
    let mut connection = Connection::open(&file).unwrap();
    schema::migrate(&mut connection, None, &schema::STEPS[..5]).unwrap();
    let (active, done) = (record(Stage::Active), Box::new(done()));
    let ended = record(Stage::Completed { at: Timestamp(9), done: Some(done) });
    let metrics = TaskMetrics { redirect_count: 7, ..TaskMetrics::default() };
    connection.execute("INSERT INTO sessions VALUES (1, ?1)", [write(&session(1))]).unwrap();
    for (number, state) in [(1, &active), (2, &ended)] {
        connection
            .execute(
                "INSERT INTO tasks VALUES (1, ?1, ?2, ?3)",
                (number, write(&facts()), write(state)),
            )
            .unwrap();
        connection
            .execute("INSERT INTO orders VALUES (1, ?1, ?2)", (number, write(&order())))
            .unwrap();
    }
    let owed = [event(1, 3, 2), event(1, 4, 2)];
    for record in &owed {
        connection
            .execute(
                "INSERT INTO events VALUES (1, ?1, 2, ?2)",
                (record.number.0.cast_signed(), write(&record.event)),
            )
            .unwrap();
    }
    connection.execute("INSERT INTO metrics VALUES (1, 2, ?1)", [write(&metrics)]).unwrap();
    drop(connection);
    let mut store = Store::open(&file).unwrap();
    let snapshot = store.load().unwrap();
    assert_eq!(snapshot.tasks, [(task(1, 1), facts(), active), (task(1, 2), facts(), ended)]);
    assert_eq!(snapshot.events, owed);
    assert_eq!(store.orders(&[task(1, 1), task(1, 2)]).unwrap(), [Some(order()), Some(order())]);
    assert_eq!(store.metrics(task(1, 2)).unwrap(), Some(metrics));
    let acknowledged = Change::RemoveEvent { task: task(1, 2), number: EventNumber(3) };
    store.commit(&[acknowledged]).unwrap();
    assert_eq!(store.load().unwrap().events, owed[1..]);
    let rest = Change::RemoveEvent { task: task(1, 2), number: EventNumber(4) };
    store.commit(&[rest, Change::RemoveTask(task(1, 2))]).unwrap();
    assert_eq!(store.load().unwrap().tasks.len(), 1);
}

#[test]
fn what_a_task_owes_is_read_back_as_it_was_told() {
    let cases = [
        (Kind::Download, Event::DidFinishDownloading { path: "/state/file".into(), length: 5 }),
        (Kind::Data, Event::DidReceiveData { path: "/state/file".into(), length: 5 }),
        (Kind::Data, Event::DidReceiveData { path: "/state/other".into(), length: 5 }),
        (Kind::Data, Event::DidReceiveData { path: "/state/file".into(), length: 6 }),
    ];
    for (kind, first) in cases {
        let mut store = Store::in_memory().unwrap();
        let done = Done { file: Some("/state/file".into()), length: 5, ..done() };
        let response = Some(done.response.clone());
        let stage = Stage::Completed { at: Timestamp(9), done: Some(Box::new(done)) };
        let last = Event::DidComplete { error: None, response, metrics: None };
        let of = |number, event| EventRecord { event, ..self::event(1, number, 1) };
        let owed = [of(1, first), of(2, last)];
        let facts = TaskFacts { kind, ..facts() };
        let created = Change::CreateTask {
            task: task(1, 1),
            facts,
            state: record(Stage::Active),
            order: order().into(),
        };
        store.commit(&[Change::PutSession(session(1).into()), created]).unwrap();
        let ended = Change::PutTask { task: task(1, 1), state: record(stage.clone()) };
        let [first, last] = owed.clone().map(Change::AppendEvent);
        store.commit(&[ended, first, last]).unwrap();
        let snapshot = store.load().unwrap();
        assert_eq!((snapshot.events, &snapshot.tasks[0].2.stage), (owed.to_vec(), &stage));
    }
}

#[test]
fn cookies_are_read_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let one = ApplicationId::new("com.example").unwrap();
    let other = ApplicationId::new("com.other").unwrap();
    let row = |application: &ApplicationId, name: &str, kept: Option<&str>| {
        let identity = CookieIdentity {
            domain: "example.com".into(),
            host_only: true,
            path: "/".into(),
            name: name.into(),
        };
        let kept = kept.map(|value| Kept {
            cookie: Cookie {
                identity: identity.clone(),
                value: Secret::new(value),
                secure: true,
                http_only: true,
                same_site: Some(SameSite::Strict),
                expires: Some(Timestamp(5)),
                created: Timestamp(3),
            },
            accessed: Timestamp(4),
        });
        CookieRow { application: application.clone(), name: identity, kept }
    };
    let mut store = Store::open(&file).unwrap();
    let none = BTreeMap::new();
    let mut write = |rows: [CookieRow; 2]| {
        let rows = Rows { cookies: rows.into(), ..Rows::default() };
        store.commit_turn(&[], &rows, &none).unwrap();
    };
    write([row(&one, "a", Some("1")), row(&one, "b", Some("2"))]);
    write([row(&one, "a", None), row(&other, "b", Some("4"))]);
    write([row(&one, "b", Some("3")), row(&one, "none", None)]);
    drop(store);
    let store = Store::open(&file).unwrap();
    for (application, value) in [(one, "3"), (other, "4")] {
        let expected = row(&application, "b", Some(value)).kept.unwrap();
        assert_eq!(store.cookies(&application).unwrap(), [expected]);
    }
}

#[test]
fn the_schema_is_what_its_version_has() {
    let store = Store::in_memory().unwrap();
    let mut statement = store
        .connection
        .prepare("SELECT name FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY name")
        .unwrap();
    let names: Vec<String> =
        statement.query_map([], |r| r.get(0)).unwrap().map(Result::unwrap).collect();
    let expected = "cookies credentials known_hosts last_removed results sessions settings tasks";
    assert_eq!(names.join(" "), expected);
    assert_eq!(version(&store.connection), 9);
}

#[test]
fn a_commit_is_synced_in_full() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(&folder.path().join("store")).unwrap();
    let ask = |name: &str| -> String {
        let sql = format!("SELECT CAST({name} AS TEXT) FROM pragma_{name}");
        store.connection.query_row(&sql, [], |r| r.get(0)).unwrap()
    };
    assert_eq!(ask("journal_mode"), "wal");
    assert_eq!(ask("synchronous"), "2");
    assert_eq!(ask("trusted_schema"), "0");
}

#[test]
fn a_store_holds_ten_thousand_tasks_of_one_commit() {
    let mut store = Store::in_memory().unwrap();
    let mut changes = vec![Change::PutSession(session(1).into())];
    changes.extend((1..=10_000).map(|n| create(task(1, n), record(Stage::Active))));
    store.commit(&changes).unwrap();
    assert_eq!(store.load().unwrap().tasks.len(), 10_000);
}

/// What the first released version wrote.
const VERSION_1: &str = r#"
    INSERT INTO sessions VALUES (1, '{"number":1,"key":{"application":"com.example",
        "session":"files"},"configuration":{"http_additional_headers":[],
        "timeout_interval_for_request":60000,"timeout_interval_for_resource":604800000,
        "http_maximum_connections_per_host":6,"maximum_concurrent_tasks":null},
        "next_task":2,"next_event":1,"invalidating":false}');
    INSERT INTO tasks VALUES (1, 1, '{"kind":"download","host":"example.com:443",
        "priority":128,"created":1,"begin":null,"resource_timeout":604800000,
        "maximum_retries":null,"no_unsafe_retry":false,"owns_file":true,"spool":null}',
        '{"stage":"active","attempts":0,"failures":0}');
    INSERT INTO orders VALUES (1, 1, '{"kind":"download","request":{
        "url":"https://example.com/file","method":"GET"},"options":{"priority":128},
        "idle_timeout":60000}');
"#;

/// Returns changes of every kind, and what is left in the end.
fn everything() -> (Vec<Change>, Snapshot) {
    let active = record(Stage::Active);
    let failed = TaskRecord { error: Some(Box::new(error())), ..record(Stage::Canceling) };
    let done = record(Stage::Completed { at: Timestamp(9), done: Some(Box::new(done())) });
    let resumed = TaskRecord {
        deadline: Some(Timestamp(u64::MAX)),
        resume: Some(Box::new(resume())),
        ..record(Stage::Suspended)
    };
    let largest = TaskRef { session: SessionNumber(u32::MAX), task: TaskIdentifier(u64::MAX) };
    let changes = vec![
        Change::PutSession(session(1).into()),
        Change::PutSession(session(2).into()),
        Change::PutSession(session(8).into()),
        Change::PutSession(session(9).into()),
        Change::PutSession(session(u32::MAX).into()),
        create(task(1, 1), active.clone()),
        create(task(1, 2), active.clone()),
        create(task(2, 1), active.clone()),
        create(largest, active.clone()),
        Change::PutTask { task: task(1, 1), state: failed.clone() },
        Change::PutTask { task: task(1, 2), state: done.clone() },
        Change::PutTask { task: task(2, 1), state: resumed.clone() },
        Change::AppendEvent(event(1, 1, 1)),
        Change::AppendEvent(event(1, 2, 2)),
        Change::AppendEvent(event(2, 7, 1)),
        Change::RemoveEvent { task: task(1, 1), number: EventNumber(1) },
        Change::RemoveTask(task(1, 1)),
        Change::PutSession(SessionRecord { invalidating: true, ..session(2) }.into()),
        Change::RemoveSession(SessionNumber(9)),
        Change::RemoveSession(SessionNumber(8)),
    ];
    let expected = Snapshot {
        sessions: vec![
            session(1),
            SessionRecord { invalidating: true, ..session(2) },
            session(u32::MAX),
        ],
        tasks: vec![
            (task(1, 2), facts(), done),
            (task(2, 1), facts(), resumed),
            (largest, facts(), active),
        ],
        events: vec![event(1, 2, 2), event(2, 7, 1)],
        last_removed: Some(SessionNumber(9)),
    };
    (changes, expected)
}

fn write<T: serde::Serialize>(value: &T) -> String {
    super::write(value).unwrap()
}

/// Opens a store that must be refused, and checks that its bytes stay the same.
fn refused(file: &Path) -> StoreError {
    let before = std::fs::read(file).unwrap();
    let error = Store::open(file).unwrap_err();
    assert_eq!(std::fs::read(file).unwrap(), before);
    error
}

fn version(connection: &Connection) -> i64 {
    connection.pragma_query_value(None, "user_version", |r| r.get(0)).unwrap()
}

fn log_of(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap().to_owned();
    name.push("-wal");
    file.with_file_name(name)
}

fn session(number: u32) -> SessionRecord {
    let headers = vec![Header::new("Authorization", "Bearer secret")];
    SessionRecord {
        number: SessionNumber(number),
        key: SessionKey {
            application: ApplicationId::new("com.example").unwrap(),
            session: SessionIdentifier::new(format!("session {number} “ü”")).unwrap(),
        },
        configuration: SessionConfiguration {
            http_additional_headers: headers,
            ..SessionConfiguration::default()
        },
        next_task: TaskIdentifier(8),
        next_event: EventNumber(9),
        invalidating: false,
        cancels: false,
        last_owner: Some(OwnerToken(u64::MAX)),
        owned_from: TaskIdentifier(7),
        launch: LaunchRecord { attempts: number, error: Some("why".to_owned()) },
    }
}

fn task(session: u32, task: u64) -> TaskRef {
    TaskRef { session: SessionNumber(session), task: TaskIdentifier(task) }
}

fn create(task: TaskRef, state: TaskRecord) -> Change {
    Change::CreateTask { task, facts: facts(), state, order: order().into() }
}

fn facts() -> TaskFacts {
    TaskFacts {
        kind: Kind::Download,
        host: "example.com:443".into(),
        priority: Priority::default(),
        created: Timestamp(1),
        begin: Some(Timestamp(2)),
        resource_timeout: Duration::from_secs(3),
        maximum_retries: Some(4),
        no_unsafe_retry: true,
        stays_here: false,
        owns_file: true,
        spool: Some("/state/spool/5".into()),
    }
}

fn record(stage: Stage) -> TaskRecord {
    TaskRecord {
        stage,
        attempts: 1,
        failures: 2,
        deadline: None,
        suspended: None,
        retry_at: None,
        resume: None,
        error: None,
        question: None,
        received: None,
    }
}

fn order() -> Order {
    let mut request = Request::new("https://example.com/file?token=1").unwrap();
    request.headers.push(Header::new("Cookie", "a=b"));
    Order {
        kind: TaskKind::Download { destination: Some("/home/user/file".into()) },
        request,
        options: TaskOptions { fail_on_http_error: true, ..TaskOptions::default() },
        idle_timeout: Duration::from_secs(60),
        cookies: CookiePolicy::default(),
        answers: Vec::new(),
        cache: CachePolicy::default(),
    }
}

fn event(session: u32, number: u64, task: u64) -> EventRecord {
    EventRecord {
        session: SessionNumber(session),
        number: EventNumber(number),
        task: TaskIdentifier(task),
        event: Event::DidComplete {
            error: Some(error()),
            response: Some(response()),
            metrics: None,
        },
    }
}

fn error() -> Error {
    Error::new(ErrorCode::TIMED_OUT).for_url("https://user:secret@example.com/")
}

fn response() -> Response {
    Response {
        url: "https://example.com/".into(),
        status_code: 200,
        network_protocol: Some("h2".into()),
        resource_fetch_type: urlsession_protocol::ResourceFetchType::NetworkLoad,
        headers: vec![("etag".into(), "\"1\"".into())].into(),
        suggested_filename: None,
    }
}

fn resume() -> ResumeState {
    ResumeState {
        part: "/state/files/1/1.part".into(),
        inode: 1,
        durable_bytes: 2,
        further: None,
        total_bytes: Some(3),
        etag: Some("\"1\"".into()),
        last_modified: None,
        response: response(),
    }
}

fn done() -> Done {
    Done { response: response(), file: Some("/file".into()), length: 1, sent: 2 }
}
