//! What does not change with the number of tasks: their room, the work of one step, its length.

use super::*;
use crate::index::Entries;
use crate::{MAX_RUNNING, PORTION};

#[test]
fn a_queued_task_is_small() {
    // What comes in order fills the chunks that it lies in.
    let bytes = size_of::<(TaskRef, Task)>() + size_of::<Entries>();
    assert!(bytes <= 184, "{bytes} bytes");
}

#[test]
fn what_ends_all_tasks_ends_them_in_portions() {
    let mut bench = queue(3 * PORTION as u64);
    let running = bench.core.running().len();
    let cancel = Call::InvalidateAndCancel { session: key() };
    let mut steps = vec![bench.call(APP, cancel)];
    assert_eq!(replies(&steps[0]), [Ok(Reply::Done)]);
    let stops = steps[0].actions.iter().filter(|a| matches!(a, Action::Stop { .. })).count();
    assert_eq!(stops, running, "what runs is stopped at once");
    // A crash in between changes nothing.
    bench.restart();
    while bench.wakeup() == Some(Duration::ZERO) {
        steps.push(bench.tick_after(Duration::ZERO));
    }
    assert!(steps.iter().all(|step| starts(step).is_empty()));
    assert!(steps.iter().all(|step| ends(step) <= PORTION));
    assert!(bench.core.is_idle());
    assert_eq!(bench.core.counts().completed, 3 * PORTION as u64);
}

#[test]
fn what_is_due_at_once_is_done_in_portions() {
    let tasks = 2 * PORTION as u64 + 7;
    let mut late = queue(tasks);
    late.pass(Duration::from_secs(8 * 24 * 60 * 60));
    let mut steps = vec![late.restart()];
    while late.wakeup() == Some(Duration::ZERO) {
        steps.push(late.tick_after(Duration::ZERO));
    }
    // A tick ends a portion, and another where slots are given away.
    assert!(steps.iter().all(|step| ends(step) <= 2 * PORTION));
    assert_eq!(steps.iter().map(ends).sum::<usize>() as u64, tasks);
    assert!(steps.iter().all(|step| starts(step).is_empty()));
}

#[test]
fn what_ended_tasks_leave_is_removed_in_portions_after_a_crash() {
    let tasks = 2 * PORTION as u64 + 7;
    let mut bench = queue(tasks);
    bench.call(APP, Call::InvalidateAndCancel { session: key() });
    while bench.wakeup() == Some(Duration::ZERO) {
        bench.tick_after(Duration::ZERO);
    }
    let mut steps = vec![bench.restart()];
    assert!(!bench.core.is_idle());
    while bench.wakeup() == Some(Duration::ZERO) {
        steps.push(bench.tick_after(Duration::ZERO));
    }
    // The first step also ends what was being cancelled.
    assert!(steps.iter().all(|step| sweeps(step) <= PORTION + MAX_RUNNING as usize));
    assert_eq!(steps.iter().map(sweeps).sum::<usize>() as u64, tasks);
}

#[test]
fn a_step_does_no_more_for_one_of_many_tasks() {
    for tasks in [200, 20_000] {
        let mut bench = queue(tasks);
        let (task, attempt) = bench.core.running()[0];
        let report = Report::Ended(done());
        let step = bench.handle(Input::Report { task, attempt, report });
        assert_eq!(step.changes.len(), 4, "{tasks} tasks: {:?}", step.changes);
        assert_eq!(starts(&step).len(), 1);
        let suspended = bench.suspend(tasks);
        assert_eq!(suspended.changes.len(), 1);
        assert_eq!(bench.core.tasks_after(None, None, 10).len(), 10);
    }
}

#[test]
fn pages_are_read_from_where_the_last_one_ended() {
    let tasks = 20_000;
    let bench = queue(tasks);
    let (mut after, mut seen) = (None, 0);
    loop {
        let place = after.as_ref().map(|(key, task)| (key, *task));
        let page = bench.core.tasks_after(None, place, 500);
        let Some(last) = page.last() else { break };
        assert!(page.iter().map(|view| view.task.task.0).eq(seen + 1..=seen + page.len() as u64));
        seen += page.len() as u64;
        after = Some((last.key.clone(), last.task.task));
    }
    assert_eq!(seen, tasks);
}

/// Makes a core with so many tasks in one session, most of which wait.
fn queue(tasks: u64) -> Bench {
    let mut bench = Bench::new();
    for _ in 0..tasks {
        bench.download();
    }
    assert!(!bench.core.running().is_empty());
    bench
}

fn ends(step: &Step) -> usize {
    step.changes.iter().filter(|change| matches!(change, Change::AppendEvent(_))).count()
}

fn sweeps(step: &Step) -> usize {
    step.actions.iter().filter(|action| matches!(action, Action::RemovePart { .. })).count()
}
