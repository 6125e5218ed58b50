//! Known hosts in the store: what comes back of them.

use super::*;
use crate::strict::{HostRow, Known};

#[test]
fn known_hosts_are_read_back_as_they_were() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("store");
    let one = ApplicationId::new("com.example").unwrap();
    let other = ApplicationId::new("com.other").unwrap();
    let row = |application: &ApplicationId, host: &str, known: Option<(bool, u64)>| HostRow {
        application: application.clone(),
        name: host.to_owned(),
        kept: known
            .map(|(include_subdomains, end)| Known { include_subdomains, expires: Timestamp(end) }),
    };
    let mut store = Store::open(&file).unwrap();
    let mut write = |rows: [HostRow; 2]| {
        let rows = Rows { known_hosts: rows.into(), ..Rows::default() };
        store.commit_turn(&[], &rows, &BTreeMap::new()).unwrap();
    };
    write([row(&one, "a", Some((true, 1))), row(&one, "b", Some((true, 2)))]);
    write([row(&one, "a", None), row(&other, "b", Some((true, 4)))]);
    write([row(&one, "b", Some((false, u64::MAX))), row(&one, "none", None)]);
    drop(store);
    let store = Store::open(&file).unwrap();
    for (application, known) in [(one, (false, u64::MAX)), (other, (true, 4))] {
        let expected = row(&application, "b", Some(known)).kept.unwrap();
        assert_eq!(store.known_hosts(&application).unwrap(), [("b".to_owned(), expected)]);
    }
}
