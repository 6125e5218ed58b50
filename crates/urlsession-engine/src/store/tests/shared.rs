//! Cookies and known hosts of sessions that live in processes outlive these, and nothing else does.

use super::super::Store as Either;
use super::*;
use crate::strict::{HostRow, Known};

fn application() -> ApplicationId {
    ApplicationId::new("com.example").unwrap()
}

fn cookie(name: &str, is_kept: bool) -> CookieRow {
    let cookie = Cookie {
        identity: CookieIdentity {
            domain: "example.com".to_owned(),
            host_only: true,
            path: "/".to_owned(),
            name: name.to_owned(),
        },
        value: Secret::new("secret"),
        secure: true,
        http_only: false,
        same_site: Some(SameSite::Lax),
        expires: Some(Timestamp(5)),
        created: Timestamp(1),
    };
    let name = cookie.identity.clone();
    let kept = is_kept.then_some(Kept { cookie, accessed: Timestamp(2) });
    CookieRow { application: application(), name, kept }
}

fn write(store: &mut Either, cookies: Vec<CookieRow>, hosts: &[&str]) {
    let known = Some(Known { include_subdomains: true, expires: Timestamp(9) });
    let host =
        |host: &&str| HostRow { application: application(), name: (*host).to_owned(), kept: known };
    let known_hosts = hosts.iter().map(host).collect();
    let rows = Rows { cookies, known_hosts, ..Rows::default() };
    store.commit_turn(&[], &rows, &BTreeMap::new()).unwrap();
}

fn names(store: &Either) -> Vec<String> {
    let all = store.cookies(&application()).unwrap().into_iter();
    all.map(|kept| kept.cookie.identity.name).collect()
}

#[test]
fn what_one_process_keeps_the_next_one_has() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("state/shared.sqlite");
    let open = || Either::in_process(Some(file.clone()));
    let (mut first, mut second) = (open(), open());
    assert!(names(&first).is_empty() && !file.exists(), "who only reads creates no file");
    write(&mut first, vec![cookie("a", true), cookie("b", true)], &["one.test"]);
    write(&mut second, vec![cookie("c", true), cookie("a", false)], &["two.test"]);
    for store in [&first, &second, &open()] {
        assert_eq!(names(store), ["b", "c"]);
        let hosts = store.known_hosts(&application()).unwrap().into_iter();
        assert_eq!(hosts.map(|(host, _)| host).collect::<Vec<_>>(), ["one.test", "two.test"]);
    }
    assert_eq!(first.cookies(&application()).unwrap()[0], cookie("b", true).kept.unwrap());
    let other = ApplicationId::new("com.example.other").unwrap();
    assert!(first.cookies(&other).unwrap().is_empty());
    #[cfg(unix)]
    for entry in std::fs::read_dir(folder.path().join("state")).unwrap() {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = entry.unwrap().metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_file_that_is_of_no_use_stops_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("shared.sqlite");
    let open = || Either::in_process(Some(file.clone()));
    // What is damaged gives way to what comes next.
    std::fs::write(&file, [b'x'; 5000]).unwrap();
    let mut store = open();
    assert!(names(&store).is_empty());
    write(&mut store, vec![cookie("a", true)], &[]);
    assert_eq!(names(&open()), ["a"]);
    drop(store);
    // What a later program wrote stays as it is.
    let later = Connection::open(&file).unwrap();
    later.pragma_update(None, "user_version", 2).unwrap();
    let mut store = open();
    write(&mut store, vec![cookie("b", true)], &[]);
    assert_eq!(names(&store), ["b"], "in memory");
    assert_eq!(names(&open()), Vec::<String>::new());
    let count = "SELECT count(*) FROM cookies WHERE name = 'a'";
    assert_eq!(later.query_row(count, [], |row| row.get::<_, i64>(0)).unwrap(), 1);
}
