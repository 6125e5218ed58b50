//! Every phase against every input, as a table that people read: `table.txt`.

use super::challenges::{asked, challenged, credential};
use super::*;
use crate::task::Phase;
use std::fmt::Write as _;

type Phases = &'static [(&'static str, fn(&mut Bench))];
type Inputs = &'static [(&'static str, fn(&mut Bench) -> Step)];

/// Each brings task 1 into a phase.
const PHASES: Phases = &[
    ("Suspended", |b| {
        b.create(download(1));
    }),
    ("Suspended, malformed", |b| {
        let mut new = download(1);
        new.request.url = "ftp://host/".to_owned();
        b.create(new);
    }),
    ("Waiting for a slot", |b| {
        let one = SessionConfiguration {
            maximum_concurrent_tasks: Some(1),
            ..SessionConfiguration::default()
        };
        b.attach(APP, one);
        b.create(download(1));
        b.create(NewTask { resume: true, ..download(2) });
        b.resume(1);
    }),
    ("Waiting for its begin date", |b| {
        let mut new = NewTask { resume: true, ..download(1) };
        new.options.earliest_begin_date = Some(b.now.wall.after(Duration::from_secs(60)));
        b.create(new);
    }),
    ("Waiting for a retry", |b| {
        b.download();
        b.ended(1, failed(Cause::Interval(Duration::from_secs(60))));
    }),
    ("Waiting for the network", |b| {
        b.download();
        b.handle(network(false));
        b.ended(1, failed(Cause::Connectivity));
    }),
    ("Waiting for the disk", |b| {
        b.download();
        b.ended(1, failed(Cause::Disk));
    }),
    ("Waiting for its app's answer", |b| {
        b.download();
        b.ended(1, failed(Cause::Answer));
    }),
    ("Running", |b| {
        b.download();
    }),
    ("Running, suspended", |b| {
        b.download();
        b.suspend(1);
    }),
    ("Running, suspended, resumed", |b| {
        b.download();
        b.suspend(1);
        b.resume(1);
    }),
    ("Running, edited", |b| {
        b.download();
        b.edit(1, other_url());
    }),
    ("Waiting for an answer to a challenge", |b| {
        *b = asked();
        b.ended(1, challenged("r", 0));
    }),
    ("Running, timed out", |b| {
        b.download();
        b.tick_after(WEEK);
    }),
    ("Running, quiesced", |b| {
        b.download();
        b.handle(Input::Quiesce);
    }),
    ("Canceling", |b| {
        b.download();
        b.cancel(1);
    }),
    ("Canceling for resume data", |b| {
        b.download();
        b.cancel_for_resume_data(1);
    }),
    ("Completed", |b| {
        b.download();
        b.ended(1, done());
    }),
    ("Completed with an error", |b| {
        b.download();
        b.ended(1, failed(Cause::Permanent));
    }),
    ("Completed, to be forgotten", |b| {
        b.download();
        b.ended(1, done());
        b.remove(1);
    }),
];

const INPUTS: Inputs = &[
    ("CreateTask", |b| b.create(download(1))),
    ("Resume", |b| b.resume(1)),
    ("Suspend", |b| b.suspend(1)),
    ("Edit", |b| b.edit(1, other_url())),
    ("Edit of nothing", |b| b.edit(1, RequestEdit::default())),
    ("Answer", |b| b.answer(1, credential())),
    ("Cancel", |b| b.cancel(1)),
    ("CancelByProducingResumeData", |b| b.cancel_for_resume_data(1)),
    ("Remove", |b| b.remove(1)),
    ("FinishTasksAndInvalidate", |b| {
        b.call(APP, Call::FinishTasksAndInvalidate { session: key() })
    }),
    ("InvalidateAndCancel", |b| b.call(APP, Call::InvalidateAndCancel { session: key() })),
    ("Detach", |b| b.call(APP, Call::Detach { session: key() })),
    ("Attach by the owner", |b| b.attach(APP, SessionConfiguration::default())),
    ("Attach by another", |b| b.attach(OTHER, SessionConfiguration::default())),
    ("a call that only looks", |b| b.call(APP, Call::Status)),
    ("Ack of the first event", |b| b.ack(1)),
    ("Ack of the second event", |b| b.ack(2)),
    ("Ack by another", |b| {
        b.handle(Input::Ack { peer: OTHER, session: key(), number: EventNumber(1) })
    }),
    ("Disconnected", |b| b.handle(Input::Disconnected { peer: APP })),
    ("Report: Durable", |b| current(b, Report::Durable(part(20)))),
    ("Report: Done", |b| current(b, Report::Ended(done()))),
    ("Report: Stopped", |b| current(b, Report::Ended(stopped()))),
    ("Report: Failed, Permanent", |b| current(b, Report::Ended(failed(Cause::Permanent)))),
    ("Report: Failed, Transient", |b| current(b, Report::Ended(failed(Cause::Transient)))),
    ("Report: Failed, After", |b| {
        current(b, Report::Ended(failed(Cause::After(Duration::from_secs(5)))))
    }),
    ("Report: Failed, Connectivity", |b| current(b, Report::Ended(failed(Cause::Connectivity)))),
    ("Report: Failed, Disk", |b| current(b, Report::Ended(failed(Cause::Disk)))),
    ("Report: Failed, Answer", |b| current(b, Report::Ended(failed(Cause::Answer)))),
    ("Report: Challenged", |b| current(b, Report::Ended(challenged("r", 0)))),
    ("Report of another attempt", |b| {
        let report = Report::Ended(done());
        b.handle(Input::Report { task: name(1), attempt: attempt(99), report })
    }),
    ("Conditions: no network", |b| b.handle(network(false))),
    ("Conditions: network", |b| {
        b.core.network = false;
        b.handle(network(true))
    }),
    ("Tick", |b| b.handle(Input::Tick)),
    ("Tick in a minute", |b| b.tick_after(Duration::from_secs(60))),
    ("Tick after the deadline", |b| b.tick_after(WEEK)),
    ("Quiesce", |b| b.handle(Input::Quiesce)),
    ("restart", Bench::restart),
];

const WEEK: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Set while this test is built, `URLSESSION_BLESS` makes it write the table anew.
#[test]
fn every_phase_meets_every_input() {
    let mut table = String::new();
    for (phase, prepare) in PHASES {
        writeln!(table, "{phase}").unwrap();
        for (input, send) in INPUTS {
            let mut bench = Bench::new();
            prepare(&mut bench);
            let step = send(&mut bench);
            writeln!(table, "    {input:<28} -> {}", after(&bench, &step)).unwrap();
        }
        table.push('\n');
    }
    if option_env!("URLSESSION_BLESS").is_some() {
        bless(&table);
    } else {
        assert_eq!(table, include_str!("table.txt"), "read the difference, then bless it");
    }
}

#[expect(clippy::disallowed_methods, reason = "the test writes its own table")]
fn bless(table: &str) {
    std::fs::write(concat!(env!("CARGO_MANIFEST_DIR"), "/src/tests/table.txt"), table).unwrap();
}

fn other_url() -> RequestEdit {
    RequestEdit { url: Some("http://other/file".to_owned()), ..RequestEdit::default() }
}

/// Reports for the attempt that runs, or for the first if none does.
fn current(bench: &mut Bench, report: Report) -> Step {
    let running = bench.core.tasks.get(&name(1)).and_then(|task| task.attempt());
    let attempt = running.unwrap_or(attempt(1));
    bench.handle(Input::Report { task: name(1), attempt, report })
}

fn after(bench: &Bench, step: &Step) -> String {
    let phase = match bench.core.tasks.get(&name(1)).map(|task| &task.phase) {
        None => "gone".to_owned(),
        Some(Phase::Completed { owed, .. }) => format!("Completed, {owed} owed"),
        Some(Phase::Waiting(wait)) => {
            let text = format!("{wait:?}");
            format!("Waiting {}", text.split(' ').next().unwrap_or_default())
        }
        Some(Phase::Running { stopping: None, .. }) => "Running".to_owned(),
        Some(Phase::Running { stopping: Some(why), .. }) => format!("Running, {why:?}"),
        Some(Phase::Suspended) => "Suspended".to_owned(),
        Some(Phase::Canceling { .. }) => "Canceling".to_owned(),
    };
    let changes = step.changes.iter().map(change);
    let actions = step.actions.iter().filter_map(action);
    let all: Vec<String> = changes.chain(actions).collect();
    if all.is_empty() { phase } else { format!("{phase}: {}", all.join(", ")) }
}

fn change(change: &Change) -> String {
    match change {
        Change::PutSession(_) => "put session".to_owned(),
        Change::RemoveSession(_) => "remove session".to_owned(),
        Change::CreateTask { task, .. } => format!("create {}", task.task),
        Change::EditTask { task, facts, .. } => format!("edit {} for {}", task.task, facts.host),
        Change::AnswerTask { task, .. } => format!("answer {}", task.task),
        Change::PutTask { task, .. } => format!("put {}", task.task),
        Change::RemoveTask(task) => format!("remove {}", task.task),
        Change::AppendEvent(record) => format!("append {}", record.number.0),
        Change::RemoveEvent { number, .. } => format!("remove event {}", number.0),
    }
}

fn action(action: &Action) -> Option<String> {
    Some(match action {
        Action::Start { task, attempt, .. } => format!("Start {}.{}", task.task, attempt.0),
        Action::Stop { task, attempt } => format!("Stop {}.{}", task.task, attempt.0),
        Action::Reply { result: Ok(reply), .. } => match reply {
            Reply::ResumeData { .. } => "Reply ResumeData None".to_owned(),
            Reply::Attached { .. } => "Reply Attached".to_owned(),
            other => format!("Reply {other:?}"),
        },
        Action::Reply { result: Err(error), .. } => format!("Reply {}", error.code.0),
        Action::Send { event, .. } => format!("Send {}", words(event)),
        // A copy of what is sent; only the states are worth a word.
        Action::Publish { event: event @ Event::DidChangeState { reason, .. }, .. } => {
            match reason {
                // The moment comes from the generator.
                Some(urlsession_protocol::Reason::RetryAt(_)) => "Publish RetryAt".to_owned(),
                _ => format!("Publish {}", words(event)),
            }
        }
        Action::Publish { .. } => return None,
        Action::RemovePart { task } => format!("RemovePart {}", task.task),
        Action::RemoveFile(path) => format!("RemoveFile {}", path.display()),
        Action::KeepPart { task, .. } => format!("KeepPart {}", task.task),
        Action::Launch { session, .. } => format!("Launch {}", session.0),
        Action::Redirect { .. } => "Redirect".to_owned(),
    })
}
