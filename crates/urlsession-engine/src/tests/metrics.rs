//! What the attempts of a task took is kept with the task, whoever dies in between.

use super::stage::{Hand, Stage, bytes, download, key, stage, suspended};
use urlsession_core::{Cause, Ending};
use urlsession_protocol::{Call, Error, ErrorCode, Event, TaskIdentifier, TaskMetrics};

/// Begins and ends a request of the attempt.
fn ask(hand: &Hand, url: &str) {
    hand.attempt.metrics.begin(url, "GET").ended();
}

fn urls(metrics: &TaskMetrics) -> Vec<&str> {
    metrics.transaction_metrics.iter().map(|one| one.request.url.as_str()).collect()
}

async fn completion(stage: &Stage) -> TaskMetrics {
    let mut app = stage.app().await;
    loop {
        if let (_, Event::DidComplete { metrics, .. }) = app.kept().await {
            return *metrics.expect("every completion has metrics");
        }
    }
}

#[tokio::test]
async fn attempts_add_up_over_stops_and_deaths() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(download(1)).await;
    let hand = stage.hand().await;
    ask(&hand, "first");
    // The stop is orderly, and the attempt says what it took.
    let mut stage = stage.restart().await;
    let hand = stage.hand().await;
    ask(&hand, "second");
    hand.attempt.metrics.redirect();
    hand.attempt.notices.durable(bytes(&hand, 3));
    // What is recorded with durable bytes survives a death without a word.
    let mut app = stage.app().await;
    let status = app.status(1).await.unwrap();
    assert!(status.response.is_some(), "what was told before the question is recorded");
    assert_eq!(urls(&status.metrics.unwrap()), ["first", "second"]);
    drop(app);
    let mut stage = stage.crash().await;
    let hand = stage.hand().await;
    ask(&hand, "third");
    hand.done(b"bytes");
    let metrics = completion(&stage).await;
    assert_eq!(urls(&metrics), ["first", "second", "third"]);
    assert_eq!(metrics.redirect_count, 1);
    assert!(metrics.task_interval.start <= metrics.task_interval.end);
    let end = metrics.transaction_metrics[2].response_end_date.unwrap();
    assert!(end <= metrics.task_interval.end, "{metrics:?}");
    // Unacknowledged, it is told to the next process as it was.
    let stage = stage.restart().await;
    assert_eq!(completion(&stage).await, metrics);
    let mut app = stage.connect();
    assert_eq!(app.status(1).await.unwrap().metrics.as_deref(), Some(&metrics));
}

#[tokio::test]
async fn failures_have_metrics_and_so_has_what_never_began() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    app.create(suspended(download(1))).await;
    app.call(Call::Cancel { session: key(), task: TaskIdentifier(1) }).await.unwrap();
    let (_, event) = app.kept().await;
    let Event::DidComplete { metrics: Some(metrics), .. } = event else { panic!("{event:?}") };
    assert!(metrics.transaction_metrics.is_empty());
    app.create(download(2)).await;
    let hand = stage.hand().await;
    ask(&hand, "only");
    let (error, cause) = (Error::new(ErrorCode::BAD_SERVER_RESPONSE), Cause::Permanent);
    hand.end(Ending::Failed { error, cause, resume: None, progressed: false });
    let (number, event) = app.kept().await;
    let Event::DidComplete { metrics: Some(metrics), .. } = event else { panic!("{event:?}") };
    assert_eq!(urls(&metrics), ["only"]);
    app.acknowledge(number).await;
    assert!(app.status(2).await.is_err());
}
