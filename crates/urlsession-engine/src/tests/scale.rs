//! Many tasks: no answer holds them all, and what concerns all of them is done in portions.

use super::stage::{App, download, key, stage, suspended};
use urlsession_core::PORTION;
use urlsession_protocol::message::DESTINED_LIMIT;
use urlsession_protocol::{
    Call, NewTask, Reply, SessionIdentifier, SessionKey, TaskKind, TaskState,
};

#[tokio::test]
async fn twenty_thousand_tasks_are_listed_in_pages_also_after_a_restart() {
    let stage = stage().await;
    let mut app = stage.app().await;
    create(&mut app, 20_000, |number| suspended(download(number))).await;
    drop(app);
    let stage = stage.restart().await;
    let mut app = stage.connect();
    let (pages, numbers) = app.list(u32::MAX).await;
    assert_eq!(pages, [500; 40]);
    assert!(numbers.into_iter().eq(1..=20_000));
    assert_eq!(app.status(20_000).await.unwrap().state, TaskState::Suspended);
}

#[tokio::test]
async fn whoever_looks_for_a_free_name_hears_of_those_that_are_promised() {
    let stage = stage().await;
    let mut app = stage.app().await;
    create(&mut app, 10_000, |number| {
        let mut new = suspended(download(number));
        let destination = match number {
            9000 => "/f/b.1".to_owned(),
            9001 => "/f/./b".to_owned(),
            9002 => "/g/b".to_owned(),
            9003 => "/f/quote\".\u{fc}".to_owned(),
            _ => format!("/f/a.{number}"),
        };
        new.kind = TaskKind::Download { destination: Some(destination.into()) };
        new
    })
    .await;
    let mut wrong = wrong(10_001);
    wrong.kind = TaskKind::Download { destination: Some("/f/b.2".into()) };
    app.create(wrong).await;
    drop(app);
    let stage = stage.restart().await;
    let mut app = stage.connect();
    for (paths, expected) in [
        (&["/f/b"][..], &[4096, 8192, 9000, 9001][..]),
        (&["/f/quote\".\u{fc}", "/h/a"], &[4096, 8192, 9003]),
        (&["/f/a.4095"], &[4095, 4096, 8192]),
    ] {
        let (pages, numbers) = app.list_destined(paths).await;
        assert_eq!(numbers, expected, "{paths:?} in pages of {pages:?}");
    }
    let (_, numbers) = app.list_destined(&["/f/a"; DESTINED_LIMIT]).await;
    assert_eq!(numbers.len(), 10_000 - 4);
    assert_eq!(app.list_destined(&["/h/a"; DESTINED_LIMIT + 1]).await.1.len(), 10_001);
}

#[tokio::test]
async fn a_watcher_is_told_in_portions_what_is_owed() {
    let stage = stage().await;
    let mut app = stage.app().await;
    create(&mut app, 1500, wrong).await;
    let mut watcher = stage.connect();
    watcher.call(Call::Watch { session: None, replay: true }).await.unwrap();
    for number in 1..=1500 {
        assert_eq!(watcher.kept().await.0.0, number);
    }
    // From here on it watches.
    app.create(wrong(1501)).await;
    assert_eq!(watcher.kept().await.0.0, 1501);
    app.create(wrong(1502)).await;
    assert_eq!(watcher.kept().await.0.0, 1502);
}

#[tokio::test]
async fn long_events_that_are_owed_are_told_to_owner_and_watcher() {
    // So many, and so long, that they are more than may wait for a client that does not read.
    const OWED: u64 = 200;
    let long = |number| {
        let mut new = wrong(number);
        new.request.url = "x".repeat(100_000);
        new
    };
    let stage = stage().await;
    let mut app = stage.app().await;
    for number in 1..=OWED {
        app.create(long(number)).await;
    }
    drop(app);
    let mut watcher = stage.connect();
    watcher.call(Call::Watch { session: None, replay: true }).await.unwrap();
    let mut app = stage.app().await;
    for told in [&mut app, &mut watcher] {
        for number in 1..=OWED {
            assert_eq!(told.kept().await.0.0, number);
        }
    }
}

#[tokio::test]
async fn a_watcher_is_told_what_happens_behind_its_back_while_it_reads_what_is_owed() {
    // More than fits on the way to a watcher that does not read.
    const OWED: u64 = 6000;
    let stage = stage().await;
    let mut app = stage.app().await;
    create(&mut app, OWED, wrong).await;
    let mut watcher = stage.connect();
    watcher.call(Call::Watch { session: None, replay: true }).await.unwrap();
    // A session that comes before the one of which it is being told.
    let session = SessionKey { session: SessionIdentifier::new("another").unwrap(), ..key() };
    let mut other = stage.connect();
    let (configuration, wait, owner) = (Box::default(), false, None);
    let attach = Call::Attach { session: session.clone(), configuration, wait, owner };
    other.call(attach).await.unwrap();
    let mut fails = async |number| {
        let new = Box::new(wrong(number));
        other.call(Call::CreateTask { session: session.clone(), new }).await.unwrap();
    };
    fails(1).await;
    let mut told = 0;
    let mut of_other = Vec::new();
    while told < OWED {
        match watcher.kept_of().await {
            (of, _) if of == key() => told += 1,
            (_, number) => of_other.push(number.0),
        }
    }
    fails(2).await;
    while of_other.last() != Some(&2) {
        of_other.push(watcher.kept_of().await.1.0);
    }
    assert_eq!(of_other, [1, 2]);
}

#[tokio::test]
async fn all_tasks_of_a_session_are_cancelled_also_by_the_next_engine() {
    let tasks = 5 * PORTION as u64;
    let stage = stage().await;
    let mut app = stage.app().await;
    create(&mut app, tasks, |number| suspended(download(number))).await;
    app.call(Call::InvalidateAndCancel { session: key() }).await.unwrap();
    drop(app);
    let stage = stage.crash().await;
    let mut app = stage.connect();
    loop {
        let Ok(Reply::Status(status)) = app.call(Call::Status).await else { panic!("no status") };
        if status.tasks_completed == tasks {
            break;
        }
        assert_eq!(status.tasks_completed + status.tasks_suspended, tasks);
    }
}

/// Creates so many tasks, as fast as they are taken.
async fn create(app: &mut App, tasks: u64, new: impl Fn(u64) -> NewTask) {
    let numbers: Vec<u64> = (1..=tasks).collect();
    for batch in numbers.chunks(500) {
        let mut calls = Vec::new();
        for number in batch {
            let new = Box::new(new(*number));
            calls.push(app.send(Call::CreateTask { session: key(), new }).await);
        }
        for call in calls {
            assert_eq!(app.reply(call).await, Ok(Reply::Done));
        }
    }
}

/// A task that ends at once, because its URL is none.
fn wrong(number: u64) -> NewTask {
    let mut new = download(number);
    new.request.url = "nonsense".to_owned();
    new
}
