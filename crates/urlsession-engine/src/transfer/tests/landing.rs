//! Which name a finished file gets where another one has the destination's.

use super::Trial;
use std::fs;
use urlsession_core::Ending;
use urlsession_protocol::{NameClash, TaskKind};
use urlsession_testkit::server::{Answer, Server};

/// what happens if there is one => the finished file, and what the other one has
#[tokio::test]
async fn a_file_that_appears_meanwhile_is_kept_where_that_is_asked_for() {
    let server = Server::start();
    server.on("/f", Answer::ok("new").header("content-disposition", "attachment; filename=a"));
    for (clash, expected, left) in [
        (None, "file", "new"),
        (Some(NameClash::Replace), "file", "new"),
        (Some(NameClash::TakeFree), "file.1", "theirs"),
    ] {
        let mut trial = Trial::download(&server.url("/f"));
        trial.order.kind = TaskKind::Download { destination: Some(trial.files.finished.clone()) };
        trial.order.options.destination_clash = clash;
        fs::write(&trial.files.finished, "theirs").unwrap();
        let Ending::Done(done) = trial.run().await else { panic!("{clash:?}") };
        let path = trial.folder.path().join(expected);
        assert_eq!(done.file, Some(path.clone()), "{clash:?}");
        assert_eq!(fs::read(path).unwrap(), b"new");
        assert_eq!(fs::read(&trial.files.finished).unwrap(), left.as_bytes(), "{clash:?}");
    }
}
