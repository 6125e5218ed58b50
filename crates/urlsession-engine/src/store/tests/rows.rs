//! The rows of tasks: numbers say what they can, and whatever the core can say is given back.

use super::*;
use std::sync::Arc;
use urlsession_core::Received;

#[test]
fn facts_are_given_back_however_large_their_numbers() {
    let least = TaskFacts {
        kind: Kind::Data,
        host: String::new(),
        priority: Priority(0),
        created: Timestamp(0),
        begin: None,
        resource_timeout: Duration::ZERO,
        maximum_retries: None,
        no_unsafe_retry: false,
        stays_here: false,
        owns_file: false,
        spool: None,
    };
    let most = TaskFacts {
        kind: Kind::Upload,
        priority: Priority(255),
        created: Timestamp(u64::MAX),
        begin: Some(Timestamp(u64::MAX)),
        resource_timeout: Duration::from_millis(u64::MAX),
        maximum_retries: Some(u32::MAX),
        no_unsafe_retry: false,
        stays_here: false,
        ..facts()
    };
    for facts in [least, most] {
        for version in [6, schema::STEPS.len()] {
            let folder = tempfile::tempdir().unwrap();
            let file = folder.path().join("store");
            let mut connection = Connection::open(&file).unwrap();
            schema::migrate(&mut connection, None, &schema::STEPS[..version]).unwrap();
            if version == 6 {
                let row = (write(&facts), write(&record(Stage::Active)), write(&order()));
                connection
                    .execute("INSERT INTO tasks VALUES (1, 1, ?1, ?2, NULL, ?3)", row)
                    .unwrap();
            }
            drop(connection);
            let mut store = Store::open(&file).unwrap();
            if version != 6 {
                let (order, state) = (Arc::new(order()), record(Stage::Active));
                let create =
                    Change::CreateTask { task: task(1, 1), facts: facts.clone(), state, order };
                store.commit(&[Change::PutSession(session(1).into()), create]).unwrap();
            }
            let found = store.load().unwrap().tasks;
            assert_eq!(found, [(task(1, 1), facts.clone(), record(Stage::Active))]);
        }
    }
}

#[test]
fn a_state_is_in_numbers_where_they_say_it_all() {
    let plain = [Stage::Suspended, Stage::Active, Stage::Asking, Stage::Canceling];
    let error = Some(Box::new(Error::new(ErrorCode::TIMED_OUT)));
    let received = Some(Received { bytes: 2, total_bytes: Some(3) });
    let failed = Stage::Completed { at: Timestamp(1), done: None };
    let rest = [
        record(Stage::Sending),
        record(Stage::Challenged),
        record(failed.clone()),
        TaskRecord { received, ..record(failed) },
        TaskRecord { error, ..record(Stage::Active) },
    ];
    let states = plain.into_iter().map(|stage| (record(stage), false));
    for (state, has_text) in states.chain(rest.into_iter().map(|state| (state, true))) {
        let late = TaskRecord { deadline: Some(Timestamp(u64::MAX)), ..state };
        for state in [TaskRecord { attempts: u32::MAX, ..late.clone() }, late] {
            let mut store = Store::in_memory().unwrap();
            let before = record(Stage::Suspended);
            store
                .commit(&[Change::PutSession(session(1).into()), create(task(1, 1), before)])
                .unwrap();
            let ends = matches!(state.stage, Stage::Completed { .. });
            store.commit(&[Change::PutTask { task: task(1, 1), state: state.clone() }]).unwrap();
            assert_eq!(store.load().unwrap().tasks, [(task(1, 1), facts(), state)]);
            let text: Option<String> = store
                .connection
                .query_row("SELECT state FROM tasks", [], |row| row.get(0))
                .unwrap();
            assert_eq!(text.is_some(), has_text && !ends);
        }
    }
}

/// As a row is that a later program wrote, or a disk that fails.
#[test]
fn an_order_that_cannot_be_read_is_lost_and_no_other() {
    let (whole, damaged) = (task(1, 1), task(1, 2));
    let mut store = Store::in_memory().unwrap();
    let put = Change::PutSession(session(1).into());
    let created = [whole, damaged].map(|task| create(task, record(Stage::Active)));
    store.commit(&[[put].as_slice(), &created].concat()).unwrap();
    let spoil =
        "UPDATE tasks SET content = replace(content, '\"kind\"', '\"sort\"') WHERE task = 2";
    assert_eq!(store.connection.execute(spoil, []).unwrap(), 1);
    assert_eq!(store.order(damaged).unwrap(), None);
    assert_eq!(store.orders(&[whole, damaged]).unwrap(), [Some(order()), None]);
    let TaskKind::Download { destination: Some(destination) } = order().kind else {
        panic!("the order has no destination")
    };
    let name = destination.file_name().and_then(|name| name.to_str()).unwrap();
    let about = store.orders_about(&[whole, damaged], &[name]).unwrap();
    assert_eq!(about, [Some(order()), None]);
    let edit =
        Box::new(RequestEdit { url: Some("http://other/".to_owned()), ..RequestEdit::default() });
    store.commit(&[Change::EditTask { task: damaged, facts: facts(), edit }]).unwrap();
    assert_eq!(store.order(damaged).unwrap(), None);
}
