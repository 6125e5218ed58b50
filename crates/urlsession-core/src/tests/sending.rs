//! What a server must not get twice.

use super::*;
use urlsession_protocol::{Body, ErrorCode};

/// Makes a bench whose task 1 is sending a body by that method, which must not be sent twice.
fn sending(method: &str) -> Bench {
    let mut bench = Bench::new();
    let mut new = NewTask { kind: TaskKind::Upload, resume: true, ..download(1) };
    new.request.method = method.to_owned();
    new.request.body = Some(Body::Spool { path: "/state/spool/1".into(), length: 5 });
    new.options.no_unsafe_retry = true;
    bench.create(new);
    bench
}

#[test]
fn what_was_sent_is_not_sent_again_if_forbidden() {
    let forms = [TaskKind::Upload, download(1).kind];
    for (forbidden, method, cause, expected) in [
        (true, "POST", Cause::Transient, TaskState::Completed),
        (true, "POST", Cause::Disk, TaskState::Completed),
        (true, "PUT", Cause::Transient, TaskState::Running),
        (false, "POST", Cause::Transient, TaskState::Running),
        (false, "POST", Cause::Disk, TaskState::Running),
    ] {
        for kind in forms.clone() {
            let mut bench = Bench::new();
            let mut new = NewTask { kind, resume: true, ..download(1) };
            new.request.method = method.to_owned();
            new.request.body = Some(Body::Spool { path: "/state/spool/1".into(), length: 5 });
            new.options.no_unsafe_retry = forbidden;
            bench.create(new);
            let error = Error::new(ErrorCode::NETWORK_CONNECTION_LOST);
            let ending = Ending::Failed { error, cause, resume: None, progressed: true };
            let step = bench.ended(1, ending);
            assert_eq!(bench.state(1), expected, "{forbidden} {method} {cause:?}");
            let removal = Action::RemoveFile("/state/spool/1".into());
            let completed = expected == TaskState::Completed;
            assert_eq!(step.actions.contains(&removal), completed);
            // A crash may fall between the commit and the removal.
            assert_eq!(bench.restart().actions.contains(&removal), completed);
        }
    }
}

/// After a crash nobody knows what a server has got; what failed before it was sent is tried again.
#[test]
fn what_was_being_sent_is_not_sent_again_after_a_crash() {
    for (method, fails, expected) in [
        ("POST", false, TaskState::Completed),
        ("POST", true, TaskState::Running),
        ("PUT", false, TaskState::Running),
    ] {
        let mut bench = sending(method);
        if fails {
            bench.ended(1, failed(Cause::Transient));
        }
        bench.restart();
        assert_eq!(bench.state(1), expected, "{method} {fails}");
    }
}

/// A pause, or an edit, meets an attempt that has sent something: method, whether it has => state.
#[test]
fn what_was_sent_is_not_sent_again_after_a_pause() {
    for (method, progressed, paused, edited) in [
        ("POST", true, TaskState::Completed, TaskState::Completed),
        ("POST", false, TaskState::Suspended, TaskState::Running),
        ("PUT", true, TaskState::Suspended, TaskState::Running),
    ] {
        let error = Error::new(ErrorCode::NETWORK_CONNECTION_LOST);
        let cause = Cause::Transient;
        let ending = Ending::Failed { error, cause, resume: None, progressed };
        let mut bench = sending(method);
        bench.suspend(1);
        bench.ended(1, ending.clone());
        assert_eq!(bench.state(1), paused, "{method} {progressed}");
        let mut bench = sending(method);
        let url = Some("http://host/other".to_owned());
        bench.edit(1, RequestEdit { url, ..RequestEdit::default() });
        bench.ended(1, ending);
        assert_eq!(bench.state(1), edited, "{method} {progressed}");
        // The daemon dies before the attempt has ended.
        let mut bench = sending(method);
        bench.suspend(1);
        bench.restart();
        let expected = if method == "PUT" { TaskState::Suspended } else { TaskState::Completed };
        assert_eq!(bench.state(1), expected, "{method}");
    }
}
