//! When a task may begin, and by when it must have ended.

use super::*;

#[test]
fn the_deadline_counts_from_the_first_resume() {
    let mut bench = Bench::new();
    let mut new = download(1);
    new.options.timeout_interval_for_resource = Some(10_000);
    bench.create(new);
    bench.pass(Duration::from_secs(60));
    assert_eq!(starts(&bench.resume(1)), [(1, 1)]);
    assert_eq!(bench.wakeup(), Some(Duration::from_secs(10)));
    bench.pass(Duration::from_secs(4));
    bench.suspend(1);
    bench.ended(1, stopped());
    assert_eq!(bench.wakeup(), None, "a suspended task is not subject to timeouts");
    bench.pass(Duration::from_secs(60));
    bench.resume(1);
    assert_eq!(bench.wakeup(), Some(Duration::from_secs(6)), "its time stood still");
    let step = bench.tick_after(Duration::from_secs(6));
    assert_eq!((stops(&step), bench.wakeup()), (vec![(1, 2)], None));
    assert_eq!(sent(&bench.ended(1, stopped())), ["1 DidComplete -1001"]);
}

#[test]
fn whose_time_is_up_is_told_what_it_waited_after() {
    let mut bench = Bench::new();
    let mut new = NewTask { resume: true, ..download(1) };
    new.options.timeout_interval_for_resource = Some(10_000);
    bench.create(new);
    bench.ended(1, failed(Cause::Disk));
    let step = bench.tick_after(Duration::from_secs(10));
    let told = step.actions.iter().find_map(|action| match action {
        Action::Send { event: Event::DidComplete { error, .. }, .. } => error.clone(),
        _ => None,
    });
    let told = told.expect("its end is told");
    assert_eq!(told.code, ErrorCode::TIMED_OUT);
    let why = told.detail.expect("it says why");
    assert!(why.ends_with("the last try: The network connection was lost."), "{why}");
}

#[test]
fn a_begin_date_is_waited_for() {
    let mut bench = Bench::new();
    let mut new = NewTask { resume: true, ..download(1) };
    new.options.earliest_begin_date = Some(bench.now.wall.after(Duration::from_secs(60)));
    assert_eq!(starts(&bench.create(new)), []);
    assert_eq!(bench.wakeup(), Some(Duration::from_secs(60)));
    bench.restart();
    assert_eq!(starts(&bench.tick_after(Duration::from_secs(60))), [(1, 1)]);
}

#[test]
fn its_time_begins_with_its_begin_date() {
    let mut bench = Bench::new();
    let mut new = NewTask { resume: true, ..download(1) };
    new.options.timeout_interval_for_resource = Some(10_000);
    new.options.earliest_begin_date = Some(bench.now.wall.after(Duration::from_secs(60)));
    bench.create(new);
    assert_eq!(starts(&bench.tick_after(Duration::from_secs(60))), [(1, 1)]);
    assert_eq!(stops(&bench.tick_after(Duration::from_secs(9))), []);
    assert_eq!(stops(&bench.tick_after(Duration::from_secs(1))), [(1, 1)]);
}

#[test]
fn its_time_stands_still_while_it_is_suspended() {
    for runs in [false, true] {
        let mut bench = Bench::new();
        let mut new = NewTask { resume: true, ..download(1) };
        new.options.timeout_interval_for_resource = Some(10_000);
        bench.create(new);
        if !runs {
            bench.ended(1, failed(Cause::Interval(Duration::from_secs(3600))));
        }
        bench.tick_after(Duration::from_secs(6));
        bench.suspend(1);
        if runs {
            bench.ended(1, stopped());
        }
        bench.tick_after(Duration::from_secs(8 * 24 * 3600));
        bench.restart();
        assert_eq!(starts(&bench.resume(1)).len(), 1, "{runs}");
        assert_eq!(stops(&bench.tick_after(Duration::from_secs(3))), [], "{runs}");
        assert_eq!(stops(&bench.tick_after(Duration::from_secs(1))).len(), 1, "{runs}");
    }
}
