//! The whole engine against a server that misbehaves as told.

use super::stage::{App, download, key};
use crate::{Engine, EngineConfiguration};
use std::path::Path;
use tokio::runtime::Handle;
use urlsession_protocol::{
    Body, Call, ErrorCode, Event, NewTask, RequestEdit, ResumeRung, TaskIdentifier, TaskKind,
};
use urlsession_testkit::server::{Answer, Server, pseudo_random, sha256};

const LENGTH: u64 = 3 * 1024 * 1024;
const HALF: u64 = LENGTH / 2;

#[tokio::test]
async fn a_download_goes_on_where_the_engine_before_stopped() {
    let server = Server::start();
    let whole = || Answer::pseudo_random(7, LENGTH).etag("\"v1\"");
    server.on("/file", whole().stall_after(HALF).times(1).then(whole()));
    let folder = tempfile::tempdir().unwrap();
    let destination = folder.path().join("film.mkv");
    let engine = engine(folder.path());
    let mut app = owner(&engine).await;
    let mut new = get(&server, 1, "/file");
    new.kind = TaskKind::Download { destination: Some(destination.clone()) };
    app.create(new).await;
    while total_written(&app.event().await.1) != Some(HALF) {}
    engine.stop();
    engine.finished().await.unwrap();
    assert!(!destination.exists());

    let engine = self::engine(folder.path());
    let mut app = owner(&engine).await;
    let (mut last, mut resumed) = (None, None);
    let finished = loop {
        let (_, event) = app.event().await;
        last = total_written(&event).or(last);
        match event {
            Event::DidResumeAtOffset { file_offset, rung, .. } => {
                resumed = Some((file_offset, rung));
            }
            Event::DidFinishDownloading { path, length } => break (path, length),
            _ => {}
        }
    };
    assert_eq!(finished, (destination.clone(), LENGTH));
    // Told only to those who are there in time.
    assert!(last.is_none_or(|told| told == LENGTH));
    assert!(resumed.is_none_or(|told| told == (HALF, ResumeRung::StrongEtag)));
    let range = server.requests_for("/file")[1].header("range").map(str::to_owned);
    assert_eq!(range, Some(format!("bytes={HALF}-")));
    let content = std::fs::read(&destination).unwrap();
    let original = pseudo_random(7, 0, content.len());
    assert_eq!(sha256(&content), sha256(&original));
    let names: Vec<_> = std::fs::read_dir(folder.path()).unwrap().collect();
    assert_eq!(names.len(), 2, "only the state and the file are left: {names:?}");
}

#[tokio::test]
async fn a_request_is_replaced_and_the_bytes_stay() {
    let server = Server::start();
    let whole = || Answer::pseudo_random(7, LENGTH).etag("\"v1\"");
    server.on("/old", whole().drop_after(HALF).times(1).then(Answer::status_only(403)));
    server.on("/new", whole());
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let mut app = owner(&engine).await;
    let mut new = get(&server, 1, "/old");
    new.options.recoverable_statuses = vec![403];
    app.create(new).await;
    let asked = loop {
        if let (_, Event::WillBeginDelayedRequest { error }) = app.event().await {
            break error.unwrap();
        }
    };
    assert_eq!((asked.status_code, asked.failing_url), (Some(403), Some(server.url("/old"))));
    let edit = Box::new(RequestEdit { url: Some(server.url("/new")), ..RequestEdit::default() });
    let call = Call::Edit { session: key(), task: TaskIdentifier(1), edit };
    app.call(call).await.unwrap();
    while !matches!(app.event().await.1, Event::DidFinishDownloading { length: LENGTH, .. }) {}
    let range = server.requests_for("/new")[0].header("range").map(str::to_owned);
    assert_eq!(range, Some(format!("bytes={HALF}-")));
}

#[tokio::test]
async fn a_cancelled_download_leaves_no_part_beside_its_destination() {
    let server = Server::start();
    server.on("/file", Answer::pseudo_random(7, LENGTH).etag("\"v1\"").stall_after(HALF));
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let mut app = owner(&engine).await;
    let mut new = get(&server, 1, "/file");
    new.kind = TaskKind::Download { destination: Some(folder.path().join("film.mkv")) };
    app.create(new).await;
    while total_written(&app.event().await.1) != Some(HALF) {}
    app.call(Call::Cancel { session: key(), task: TaskIdentifier(1) }).await.unwrap();
    let (_, Event::DidComplete { error: Some(error), .. }) = app.kept().await else {
        panic!("no error");
    };
    assert_eq!(error.code, ErrorCode::CANCELLED);
    assert_eq!(error.failing_url, Some(server.url("/file")));
    app.status(1).await.unwrap();
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn an_upload_is_answered_and_its_spool_file_removed() {
    let server = Server::start();
    server.on("/echo", Answer::echo());
    let folder = tempfile::tempdir().unwrap();
    let engine = engine(folder.path());
    let mut app = owner(&engine).await;
    let spool = engine.state().join("spool").join("body");
    std::fs::write(&spool, "four").unwrap();
    let mut new = get(&server, 1, "/echo");
    new.kind = TaskKind::Upload;
    new.request.method = "POST".to_owned();
    new.request.body = Some(Body::Spool { path: spool.clone(), length: 4 });
    app.create(new).await;
    let mut sent = 0;
    let path = loop {
        match app.event().await.1 {
            Event::DidSendBodyData { total_bytes_sent, .. } => sent = total_bytes_sent,
            Event::DidReceiveData { path, .. } => break path,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(sent, 4);
    let echo = std::fs::read_to_string(path).unwrap();
    assert!(echo.contains("\"bodyLength\":4"), "{echo}");
    app.status(1).await.unwrap();
    assert!(!spool.exists());
}

#[tokio::test]
async fn a_path_without_a_spelling_is_taken_where_nothing_is_written_down() {
    #[cfg(target_os = "linux")]
    {
        use std::os::unix::ffi::OsStrExt as _;
        let server = Server::start();
        server.on("/file", Answer::pseudo_random(7, 1000));
        let folder = tempfile::tempdir().unwrap();
        let destination = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
        let engine = Engine::start(EngineConfiguration::default(), Handle::current()).unwrap();
        let mut app = owner(&engine).await;
        let mut new = get(&server, 1, "/file");
        new.kind = TaskKind::Download { destination: Some(destination.clone()) };
        app.create(new).await;
        let path = loop {
            if let (_, Event::DidFinishDownloading { path, .. }) = app.event().await {
                break path;
            }
        };
        assert_eq!((&path, std::fs::read(&path).unwrap().len()), (&destination, 1000));
    }
}

pub(super) fn engine(folder: &Path) -> Engine {
    let state = Some(folder.join("state"));
    let configuration = EngineConfiguration { state, ..EngineConfiguration::default() };
    Engine::start(configuration, Handle::current()).unwrap()
}

pub(super) async fn owner(engine: &Engine) -> App {
    let mut app = App::connect(engine);
    app.attach(false).await.unwrap();
    app
}

pub(super) fn get(server: &Server, number: u64, path: &str) -> NewTask {
    let mut new = download(number);
    new.request.url = server.url(path);
    new
}

pub(super) fn total_written(event: &Event) -> Option<u64> {
    match event {
        Event::DidWriteData { total_bytes_written, .. } => Some(*total_bytes_written),
        _ => None,
    }
}
