//! A task as the tests of this crate begin with it.

use urlsession::{TaskIdentifier, TaskKind, TaskState, TaskStatus, Timestamp};

/// Returns a download of the shell that has just been made.
pub(crate) fn task() -> TaskStatus {
    TaskStatus {
        session: crate::task_name::shell(),
        task: TaskIdentifier(12),
        kind: TaskKind::Download { destination: None },
        url: "http://h/f".into(),
        method: "GET".into(),
        description: None,
        state: TaskState::Suspended,
        reason: None,
        attempts: 0,
        count_of_bytes_received: 0,
        count_of_bytes_expected_to_receive: None,
        count_of_bytes_sent: 0,
        count_of_bytes_expected_to_send: None,
        created: Timestamp(1000),
        completed: None,
        response: None,
        error: None,
        file: None,
        metrics: None,
        challenge: None,
    }
}
