//! What ends with the process is remembered as what does not, for as long.

use super::super::Store as Either;
use super::*;

#[test]
fn what_is_in_memory_answers_as_a_database_does() {
    let mut stores = [Store::in_memory().unwrap().into(), Either::in_memory()];
    let url = Some("http://other/fresh".to_owned());
    let edit = RequestEdit { url, ..RequestEdit::default() };
    let (first, second) = (task(1, 1), task(1, 2));
    let metrics = TaskMetrics { redirect_count: 7, ..TaskMetrics::default() };
    let answers = stores.each_mut().map(|store: &mut Either| {
        let mut commit = |changes: &[Change], metrics: &[(TaskRef, &TaskMetrics)]| {
            let metrics = metrics.iter().map(|(task, metrics)| (*task, (*metrics).clone()));
            store.commit_turn(changes, &Rows::default(), &metrics.collect()).unwrap();
        };
        let active = || record(Stage::Active);
        let put = Change::PutSession(session(1).into());
        commit(&[put, create(first, active()), create(second, active())], &[]);
        let change = Change::EditTask { task: first, facts: facts(), edit: Box::new(edit.clone()) };
        commit(&[change], &[(second, &metrics)]);
        let before = (store.order(first).unwrap(), store.metrics(second).unwrap());
        store
            .commit_turn(&[Change::RemoveTask(second)], &Rows::default(), &BTreeMap::new())
            .unwrap();
        let after = (store.orders(&[first, second]).unwrap(), store.metrics(second).unwrap());
        (before, after)
    });
    let [(before, after), other] = answers;
    assert_eq!(before.1, Some(metrics));
    assert_eq!((after.0.len(), after.0[1].is_none(), after.1.is_none()), (2, true, true));
    assert_ne!(before.0.as_deref(), Some(&order()));
    assert_eq!((before, after), other);
}
