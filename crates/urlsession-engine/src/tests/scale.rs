//! Many tasks: no answer holds them all, and what concerns all of them is done in portions.

use super::stage::{App, download, key, stage, suspended};
use urlsession_core::PORTION;
use urlsession_protocol::{Call, NewTask, Reply, TaskState};

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
