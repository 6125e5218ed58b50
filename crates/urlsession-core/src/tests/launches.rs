//! The rules of launching an app, one by one.

use super::*;
use crate::{LAUNCH_LIMIT, MAX_LAUNCHES, MAX_LAUNCHING, VACANCY};
use urlsession_protocol::{LaunchCommand, LaunchState, LaunchStatus};

const MINUTE: Duration = Duration::from_secs(60);

#[test]
fn the_app_is_launched_once_when_all_tasks_have_ended() {
    let mut bench = with_command();
    for _ in 0..3 {
        bench.download();
    }
    bench.create(download(4));
    leave(&mut bench);
    bench.pass(VACANCY);
    assert_eq!(launches(&bench.ended(1, done())), 0);
    assert_eq!(launches(&bench.ended(2, failed(Cause::Permanent))), 0);
    let step = bench.ended(3, done());
    assert_eq!(launches(&step), 1, "a suspended task holds nobody back");
    let Some(Action::Launch { key: launched, handler, command, .. }) = step.actions.last() else {
        panic!("{step:?}");
    };
    assert_eq!((launched, handler.as_str()), (&key(), "Session-1003-1"));
    assert_eq!(Some(&**command), configuration().launch_command.as_ref());
    assert_eq!(state(&bench), LaunchState::Launched);
    assert_eq!(launches(&bench.tick_after(MINUTE / 2)), 0);
    assert!(!bench.core.is_idle());
}

#[test]
fn nobody_is_launched_without_need() {
    let mut owned = with_command();
    finish(&mut owned);
    assert_eq!(launches(&owned.tick_after(VACANCY)), 0, "it has an owner");

    let mut plain = Bench::new();
    finish(&mut plain);
    leave(&mut plain);
    assert_eq!(launches(&plain.tick_after(VACANCY)), 0, "it has no command");
    assert_eq!(plain.core.session_status(&key()).unwrap().launch, None);

    let mut busy = with_command();
    finish(&mut busy);
    busy.download();
    leave(&mut busy);
    assert_eq!(launches(&busy.tick_after(VACANCY)), 0, "a task runs");

    let mut told = with_command();
    finish(&mut told);
    told.ack(1);
    told.ack(2);
    leave(&mut told);
    assert_eq!(launches(&told.tick_after(VACANCY)), 0, "nothing is owed");

    let mut stopping = with_command();
    finish(&mut stopping);
    leave(&mut stopping);
    stopping.handle(Input::Quiesce);
    assert_eq!(launches(&stopping.tick_after(VACANCY)), 0, "the engine stops");
    for bench in [owned, plain, told, stopping] {
        assert_eq!((bench.wakeup(), bench.core.is_idle()), (None, true));
    }
}

#[test]
fn an_owner_that_comes_back_at_once_is_not_launched() {
    let mut bench = with_command();
    finish(&mut bench);
    leave(&mut bench);
    assert_eq!(state(&bench), LaunchState::Due(bench.now.wall.after(VACANCY)));
    assert_eq!((bench.wakeup(), bench.core.is_idle()), (Some(VACANCY), false));
    assert_eq!(launches(&bench.tick_after(VACANCY / 2)), 0);
    bench.attach(OTHER, configuration());
    assert_eq!(state(&bench), LaunchState::Resting);
    assert_eq!(launches(&bench.tick_after(VACANCY)), 0);
}

#[test]
fn an_app_that_fails_is_launched_again_ever_later_and_not_for_ever() {
    let mut bench = with_command();
    finish(&mut bench);
    leave(&mut bench);
    assert_eq!(launches(&bench.tick_after(VACANCY)), 1);
    for minutes in [1, 2, 4, 8, 16, 32, 60] {
        launch_ended(&mut bench, Err("exit status: 1"));
        assert_eq!(state(&bench), LaunchState::Due(bench.now.wall.after(minutes * MINUTE)));
        assert_eq!(bench.wakeup(), Some(minutes * MINUTE));
        assert_eq!(launches(&bench.tick_after(minutes * MINUTE)), 1);
    }
    launch_ended(&mut bench, Err("exit status: 2"));
    let status = LaunchStatus {
        state: LaunchState::GivenUp,
        attempts: MAX_LAUNCHES,
        error: Some("exit status: 2".to_owned()),
    };
    assert_eq!(bench.core.session_status(&key()).unwrap().launch, Some(status.clone()));
    assert_eq!((bench.wakeup(), bench.core.is_idle()), (None, true));
    bench.restart();
    assert_eq!(bench.core.session_status(&key()).unwrap().launch, Some(status));
    assert_eq!(bench.wakeup(), None);
}

#[test]
fn a_task_that_ends_after_giving_up_launches_again() {
    let mut bench = with_command();
    finish(&mut bench);
    bench.create(download(2));
    leave(&mut bench);
    give_up(&mut bench);
    bench.call(OTHER, Call::Resume { session: key(), task: TaskIdentifier(2) });
    assert_eq!(launches(&bench.ended(2, done())), 1);
}

#[test]
fn an_app_that_does_not_attach_in_time_counts_as_failed() {
    let mut bench = with_command();
    finish(&mut bench);
    leave(&mut bench);
    bench.tick_after(VACANCY);
    launch_ended(&mut bench, Ok(()));
    assert_eq!(bench.wakeup(), Some(LAUNCH_LIMIT), "it may have started another program");
    assert_eq!(launches(&bench.tick_after(LAUNCH_LIMIT)), 0);
    assert_eq!(state(&bench), LaunchState::Due(bench.now.wall.after(MINUTE)));
    assert!(error(&bench).contains("nobody attached"));
}

#[test]
fn a_program_that_runs_is_not_joined_by_a_second() {
    let mut bench = with_command();
    finish(&mut bench);
    leave(&mut bench);
    bench.tick_after(VACANCY);
    assert_eq!(launches(&bench.tick_after(LAUNCH_LIMIT)), 0);
    assert!(error(&bench).contains("has not attached"));
    assert_eq!(launches(&bench.tick_after(100 * MINUTE)), 0);
    assert_eq!((bench.wakeup(), state(&bench)), (None, LaunchState::Launched));
    launch_ended(&mut bench, Ok(()));
    assert_eq!(launches(&bench.tick_after(MINUTE)), 1);
}

#[test]
fn an_acknowledgement_makes_the_launches_forgotten_an_attach_alone_does_not() {
    let mut bench = with_command();
    finish(&mut bench);
    leave(&mut bench);
    bench.tick_after(VACANCY);
    bench.attach(APP, configuration());
    assert_eq!(bench.wakeup(), None, "it has attached in time");
    leave(&mut bench);
    launch_ended(&mut bench, Err("signal: 11"));
    assert_eq!(bench.wakeup(), Some(MINUTE), "an app that crashes over and over is slowed down");

    bench.attach(APP, configuration());
    bench.ack(1);
    assert_eq!(bench.core.session_status(&key()).unwrap().launch.unwrap().attempts, 0);
    leave(&mut bench);
    assert_eq!(bench.wakeup(), Some(VACANCY), "it got somewhere");
}

#[test]
fn another_command_begins_anew() {
    let mut bench = with_command();
    finish(&mut bench);
    leave(&mut bench);
    give_up(&mut bench);
    let mut mended = configuration();
    mended.launch_command.as_mut().unwrap().arguments.push("--mended".to_owned());
    bench.attach(APP, mended);
    leave(&mut bench);
    assert_eq!(launches(&bench.tick_after(VACANCY)), 1);
}

#[test]
fn a_restart_derives_the_launch_and_leaves_time_to_reconnect() {
    let mut bench = with_command();
    finish(&mut bench);
    let step = bench.restart();
    assert_eq!((launches(&step), bench.wakeup()), (0, Some(VACANCY)));
    assert_eq!(launches(&bench.tick_after(VACANCY)), 1);
    let step = bench.restart();
    assert_eq!((launches(&step), bench.wakeup()), (0, Some(MINUTE)), "it was counted before");
}

#[test]
fn few_apps_are_launched_at_once() {
    let mut bench = Bench::empty();
    for session in 0..=MAX_LAUNCHING {
        let session = named(&format!("session {session}"));
        bench.call(
            APP,
            Call::Attach {
                session: session.clone(),
                configuration: Box::new(configuration()),
                wait: false,
                owner: None,
            },
        );
        let new = NewTask { resume: true, ..download(1) };
        bench.call(APP, Call::CreateTask { session: session.clone(), new: Box::new(new) });
        bench.call(APP, Call::Cancel { session, task: TaskIdentifier(1) });
        for (task, attempt) in bench.core.running() {
            let report = Report::Ended(stopped());
            bench.handle(Input::Report { task, attempt, report });
        }
    }
    leave(&mut bench);
    assert_eq!(launches(&bench.tick_after(VACANCY)), MAX_LAUNCHING);
    assert_eq!(bench.wakeup(), Some(LAUNCH_LIMIT), "no spinning while there is no room");
    assert_eq!(launches(&launch_ended(&mut bench, Err("exit status: 1"))), 1);
}

#[test]
fn a_command_that_is_none_is_refused() {
    let mut bench = Bench::empty();
    let mut configuration = configuration();
    configuration.launch_command.as_mut().unwrap().program = "app".into();
    assert_eq!(replies(&bench.attach(APP, configuration)), [Err(-1)]);
}

fn configuration() -> SessionConfiguration {
    let command = LaunchCommand {
        program: "/usr/bin/app".into(),
        arguments: Vec::new(),
        directory: "/".into(),
        environment: Vec::new(),
    };
    SessionConfiguration { launch_command: Some(command), ..SessionConfiguration::default() }
}

fn with_command() -> Bench {
    let mut bench = Bench::empty();
    bench.attach(APP, configuration());
    bench
}

/// Completes a further task.
fn finish(bench: &mut Bench) {
    let task = bench.download();
    bench.ended(task, done());
}

fn leave(bench: &mut Bench) {
    bench.handle(Input::Disconnected { peer: APP });
}

fn give_up(bench: &mut Bench) {
    for _ in 0..MAX_LAUNCHES {
        let wakeup = bench.wakeup().expect("a launch is due");
        assert_eq!(launches(&bench.tick_after(wakeup)), 1);
        launch_ended(bench, Err("exit status: 1"));
    }
    assert_eq!(state(bench), LaunchState::GivenUp);
}

fn launch_ended(bench: &mut Bench, result: Result<(), &str>) -> Step {
    let result = result.map_err(ToOwned::to_owned);
    bench.handle(Input::LaunchEnded { session: SessionNumber(1), result })
}

fn launches(step: &Step) -> usize {
    step.actions.iter().filter(|action| matches!(action, Action::Launch { .. })).count()
}

fn state(bench: &Bench) -> LaunchState {
    bench.core.session_status(&key()).unwrap().launch.unwrap().state
}

fn error(bench: &Bench) -> String {
    bench.core.session_status(&key()).unwrap().launch.unwrap().error.unwrap()
}
