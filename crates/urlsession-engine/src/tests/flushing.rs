//! `Flush` and `Reset`: what they let go, and what they leave alone.

use super::stage::{App, bytes, download, key, stage};
use crate::{Engine, EngineConfiguration};
use std::path::PathBuf;
use tokio::runtime::Handle;
use urlsession_core::resume;
use urlsession_protocol::{
    ApplicationId, Call, Reply, ResumeData, SessionConfiguration, SessionKey, TaskIdentifier,
    TaskState, UrlCache,
};
use urlsession_testkit::server::{Answer, Server};

#[tokio::test(flavor = "multi_thread")]
async fn requests_after_a_flush_use_new_connections() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, 1000));
    server.on("/slow", Answer::pseudo_random(7, 1000).stall_after(500));
    let configuration = EngineConfiguration::default();
    let engine = Engine::start(configuration, Handle::current()).unwrap();
    let mut app = App::connect(&engine);
    app.attach(false).await.unwrap();

    fetch(&mut app, &server, 1, "/file").await;
    fetch(&mut app, &server, 2, "/file").await;
    assert_eq!(app.call(Call::Flush { session: key() }).await, Ok(Reply::Done));
    fetch(&mut app, &server, 3, "/file").await;
    assert_eq!(connections(&server), [0, 0, 1]);

    // A connection that is in use goes on, and does not come back.
    let mut slow = download(4);
    slow.request.url = server.url("/slow");
    app.create(slow).await;
    server.wait_for_requests(4);
    assert_eq!(app.call(Call::Reset { session: key() }).await, Ok(Reply::Done));
    server.release("/slow");
    finish(&mut app).await;
    fetch(&mut app, &server, 5, "/file").await;
    assert_eq!(connections(&server), [0, 0, 1, 1, 2]);
}

#[tokio::test]
async fn a_session_of_an_engine_without_caches_is_refused_one() {
    let stage = stage().await;
    let mut app = stage.connect();
    let mut attach = async |url_cache| {
        let configuration = SessionConfiguration { url_cache, ..SessionConfiguration::default() };
        let configuration = Box::new(configuration);
        app.call(Call::Attach { session: key(), configuration, wait: false, owner: None }).await
    };
    let error = attach(Some(UrlCache::default())).await.unwrap_err();
    assert_eq!(error.detail.as_deref(), Some("a background session has no URL cache"));
    assert!(attach(None).await.is_ok());
}

#[tokio::test]
async fn a_flush_writes_the_store_out() {
    let stage = stage().await;
    let mut app = stage.app().await;
    let log = stage.engine().state().join("store.sqlite-wal");
    assert_ne!(std::fs::metadata(&log).unwrap().len(), 0);
    assert_eq!(app.call(Call::Flush { session: key() }).await, Ok(Reply::Done));
    assert_eq!(std::fs::metadata(&log).unwrap().len(), 0);
    let unknown = app.call(Call::Flush { session: other_key() }).await;
    assert_eq!(unknown.unwrap_err().detail.as_deref(), Some("no such session"));
}

#[tokio::test]
async fn a_reset_removes_kept_parts_of_its_application_that_no_task_needs() {
    let mut stage = stage().await;
    let mut app = stage.app().await;
    let mut parts = Vec::new();
    for task in [1, 2] {
        app.create(download(task)).await;
        let mut hand = stage.hand().await;
        std::fs::write(&hand.attempt.files.part, "byt").unwrap();
        hand.keeps(bytes(&hand, 3));
        let call = Call::CancelByProducingResumeData { session: key(), task: TaskIdentifier(task) };
        let Ok(Reply::ResumeData { resume_data: Some(data) }) = app.call(call).await else {
            panic!("no resume data");
        };
        parts.push((part(&data), data));
    }
    let mut new = download(3);
    new.resume_data = Some(parts[0].1.clone());
    app.create(new).await;
    let hand = stage.hand().await;
    app.create(download(4)).await;
    let finished = stage.hand().await;
    let file = finished.attempt.files.finished.clone();
    finished.done(b"bytes");
    while app.status(4).await.unwrap().state != TaskState::Completed {}

    let mut other = stage.connect();
    let configuration = SessionConfiguration::default();
    let attach = Call::Attach {
        session: other_key(),
        configuration: Box::new(configuration),
        wait: false,
        owner: None,
    };
    other.call(attach).await.unwrap();
    other.call(Call::Reset { session: other_key() }).await.unwrap();
    assert!(parts.iter().all(|(part, _)| part.exists()), "they are another application's");

    app.call(Call::Reset { session: key() }).await.unwrap();
    assert!(parts[0].0.exists(), "a task goes on from it");
    assert!(!parts[1].0.exists());
    assert!(file.exists(), "its event is owed");
    hand.done(b"bytes");
}

async fn fetch(app: &mut App, server: &Server, number: u64, path: &str) {
    let mut new = download(number);
    new.request.url = server.url(path);
    app.create(new).await;
    finish(app).await;
}

/// Waits for both events of a download.
async fn finish(app: &mut App) {
    for _ in 0..2 {
        app.kept().await;
    }
}

fn connections(server: &Server) -> Vec<u64> {
    server.requests().iter().map(|seen| seen.connection).collect()
}

fn part(data: &ResumeData) -> PathBuf {
    resume::decode(data).unwrap().part
}

fn other_key() -> SessionKey {
    SessionKey { application: ApplicationId::new("com.example.other").unwrap(), ..key() }
}
