//! A state folder that has got another name: what is owed, begun and handed over is in it still.

use super::over_http::{engine, get, owner, total_written};
use super::stage::{App, key, suspended, upload};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use urlsession_protocol::{Call, Event, NewTask, Reply, TaskIdentifier};
use urlsession_testkit::server::{Answer, Server};

const LENGTH: u64 = 3 * 1024 * 1024;
const HALF: u64 = LENGTH / 2;

#[tokio::test]
async fn all_that_tasks_have_is_found_under_another_name() {
    // The name of the home before, its name afterwards, and what is done meanwhile.
    check("before", "after", |before, after| std::fs::rename(before, after)).await;
    check("before", "link", |before, link| symlink(before, link)).await;
    let no_link = |link: &Path, _: &Path| std::fs::remove_file(link);
    check("link", "home", no_link).await;
    let another = |link: &Path, other: &Path| {
        std::fs::rename(link.with_file_name("home"), link.with_file_name("moved"))?;
        symlink("moved", other)
    };
    check("link", "other", another).await;
}

async fn check(
    before: &str,
    after: &str,
    rename: impl FnOnce(&Path, &Path) -> std::io::Result<()>,
) {
    let server = Server::start();
    let half = || Answer::pseudo_random(7, LENGTH).etag("\"v1\"");
    server.on("/owed", Answer::ok("owed"));
    server.on("/begun", half().stall_after(HALF).times(1).then(half()));
    server.on("/cancelled", half().stall_after(HALF).times(1).then(half()));
    let folder = tempfile::tempdir().unwrap();
    let [before, after] = [before, after].map(|name| folder.path().join(name));
    if before.ends_with("link") {
        std::fs::create_dir(folder.path().join("home")).unwrap();
        symlink("home", &before).unwrap();
    }
    let engine = engine(&before);
    let mut app = owner(&engine).await;
    app.create(suspended(upload(1, engine.state()))).await;
    app.create(get(&server, 2, "/owed")).await;
    let owed = file(&mut app).await;
    app.create(get(&server, 3, "/cancelled")).await;
    while total_written(&app.event().await.1) != Some(HALF) {}
    let call = Call::CancelByProducingResumeData { session: key(), task: TaskIdentifier(3) };
    let Ok(Reply::ResumeData { resume_data }) = app.call(call).await else { panic!() };
    app.create(get(&server, 4, "/begun")).await;
    while total_written(&app.event().await.1) != Some(HALF) {}
    engine.stop();
    engine.finished().await.unwrap();
    rename(&before, &after).unwrap();

    let engine = self::engine(&after);
    assert_eq!(engine.state(), after.canonicalize().unwrap().join("state"));
    let mut app = owner(&engine).await;
    let found = file(&mut app).await;
    assert!(found.starts_with(engine.state()) && found.ends_with("2.download"), "{found:?}");
    assert_eq!(std::fs::read(&found).unwrap(), b"owed", "{}", owed.display());
    let spooled = engine.state().join("spool").join("body");
    assert!(spooled.exists());
    app.call(Call::Cancel { session: key(), task: TaskIdentifier(1) }).await.unwrap();
    app.create(NewTask { resume_data, ..get(&server, 5, "/cancelled") }).await;
    for _ in ["/begun", "/cancelled"] {
        file(&mut app).await;
    }
    assert!(!spooled.exists());
    for path in ["/begun", "/cancelled"] {
        let range = server.requests_for(path)[1].header("range").map(str::to_owned);
        assert_eq!(range, Some(format!("bytes={HALF}-")), "{path}");
    }
}

/// Waits for the next finished file.
async fn file(app: &mut App) -> PathBuf {
    loop {
        if let Event::DidFinishDownloading { path, .. } = app.event().await.1 {
            return path;
        }
    }
}
