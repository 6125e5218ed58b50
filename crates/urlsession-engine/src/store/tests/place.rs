//! Paths in the store when its folder gets another name.

use super::*;
use urlsession_protocol::Body;

#[test]
fn paths_of_the_state_folder_follow_its_name() {
    // Its name before, and afterwards.
    let table = [
        ("/home/user/state", "/var/home/user/state"),
        ("/home/user/state", "/home/user/state/state"),
        ("/home/user/state", "/home/user/new \"state\" \\ ü"),
        ("/home/user/new \"state\" \\ ü", "/home/user/state"),
        ("/home/user/state", "/home/user/state"),
    ];
    for (before, after) in table {
        // A store that does not know its folder yet is told the name that it has had.
        for is_known in [true, false] {
            let mut store = Store::in_memory().unwrap();
            if is_known {
                store.settle(before.as_ref(), "/elsewhere".as_ref()).unwrap();
            }
            store.commit(&in_folder(before)).unwrap();
            let given = if is_known { "/elsewhere" } else { before };
            store.settle(after.as_ref(), given.as_ref()).unwrap();
            let mut expected = Store::in_memory().unwrap();
            expected.commit(&in_folder(after)).unwrap();
            assert_eq!(store.load().unwrap(), expected.load().unwrap(), "{before} {after}");
            for task in [task(1, 1), task(1, 2)] {
                assert_eq!(store.order(task).unwrap(), expected.order(task).unwrap());
            }
        }
    }
}

/// Returns two tasks with files in that folder, and others that only look so.
fn in_folder(state: &str) -> Vec<Change> {
    let at = |name: &str| PathBuf::from(format!("{state}/{name}"));
    let mut order = order();
    order.kind = TaskKind::Download { destination: Some(at("apps/one/file")) };
    order.request.body = Some(Body::Spool { path: at("spool/5"), length: 5 });
    order.request.headers.push(Header::new("Referer", "see /home/user/state/spool/5"));
    order.request.headers.push(Header::new("X-Like", "/home/user/states/spool/5"));
    let facts = TaskFacts { spool: Some(at("spool/5")), ..facts() };
    let resume = ResumeState { part: at("files/1/1.part"), ..resume() };
    let begun = TaskRecord { resume: Some(resume.into()), ..record(Stage::Suspended) };
    let done = Done { file: Some(at("files/1/2.download")), ..done() };
    let ended = record(Stage::Completed { at: Timestamp(9), done: Some(done.into()) });
    let finished = |number, name: &str| EventRecord {
        event: Event::DidFinishDownloading { path: at(name), length: 1 },
        ..event(1, number, 2)
    };
    let create = |task| Change::CreateTask {
        task,
        facts: facts.clone(),
        state: begun.clone(),
        order: order.clone().into(),
    };
    vec![
        Change::PutSession(session(1).into()),
        create(task(1, 1)),
        create(task(1, 2)),
        Change::PutTask { task: task(1, 2), state: ended },
        // One that says what the state says, and one that does not.
        Change::AppendEvent(finished(1, "files/1/2.download")),
        Change::AppendEvent(finished(2, "files/1/2")),
    ]
}
