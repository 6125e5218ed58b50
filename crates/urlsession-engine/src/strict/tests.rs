//! Known hosts as data: what a field says, who is known by it and for how long, who goes first.

use super::field::{AGE_LIMIT, Field};
use super::hosts::{HOSTS_LIMIT, Hosts, Known, NAME_LIMIT};
use super::{HostRow, Strict};
use crate::clock::Clock;
use crate::shelf::{COLLECTIONS_LIMIT, Collection as _, Owner};
use crate::store::{Rows, Store};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use url::Url;
use urlsession_core::SessionNumber;
use urlsession_protocol::{ApplicationId, KnownHost, Timestamp};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
const YEAR: u64 = 365 * 24 * 60 * 60;

/// the field => seconds, and whether names below are meant
#[test]
fn fields_are_taken_apart_strictly() {
    for (field, expected) in [
        // RFC 6797 section 6.2.
        ("max-age=31536000", Some((YEAR, false))),
        ("max-age=15768000 ; includeSubDomains", Some((YEAR / 2, true))),
        ("max-age=\"31536000\"", Some((YEAR, false))),
        ("max-age=0", Some((0, false))),
        ("max-age=0; includeSubDomains", Some((0, true))),
        // In any case and order, with blanks and empty directives.
        ("MAX-AGE=1;INCLUDESUBDOMAINS", Some((1, true))),
        ("includesubdomains; max-age=1", Some((1, true))),
        (" ;; \tmax-age \t= \"1\"\t; ;", Some((1, false))),
        ("max-age=\"\\1\\0\"", Some((10, false))),
        // Unknown directives.
        ("max-age=1; preload", Some((1, false))),
        ("max-age=1; what=\"; max-age=2; \\\" \"; includeSubDomains", Some((1, true))),
        ("what=ever; max-age=1; preload; preload", Some((1, false))),
        ("max-age=1; x=\"\u{e4}\"", Some((1, false))),
        // However long it is.
        ("max-age=63072001", Some((AGE_LIMIT.as_secs(), false))),
        ("max-age=99999999999999999999999999", Some((AGE_LIMIT.as_secs(), false))),
        // None as a whole.
        ("", None),
        (";", None),
        ("includeSubDomains", None),
        ("max-age", None),
        ("max-age=", None),
        ("max-age=\"\"", None),
        ("max-age=\"1", None),
        ("max-age=\"1\\", None),
        ("max-age=\"1\"2", None),
        ("max-age=-1", None),
        ("max-age=+1", None),
        ("max-age=1.5", None),
        ("max-age=1s", None),
        ("max-age=1 2", None),
        ("max-age=1, includeSubDomains", None),
        ("max-age=1; max-age=1", None),
        ("max-age=1; Max-Age=2", None),
        ("max-age=1; includeSubDomains; includeSubDomains", None),
        ("max-age=1; includeSubDomains=1", None),
        ("max-age=1; =x", None),
        ("max-age=1; x=", None),
        ("max-age=1; a b", None),
        ("max-age=1; \u{e4}", None),
        ("max-age=1; \0", None),
    ] {
        let read = Field::parse(field.as_bytes());
        let read = read.map(|said| (said.max_age.as_secs(), said.include_subdomains));
        assert_eq!(read, expected, "{field:?}");
    }
}

/// What hosts said, the last one last; the URL that is asked, and whether over https only.
type Story<'a> = (&'a [(&'a str, &'a str)], &'a str, bool);

fn check(stories: &[Story<'_>]) {
    for (said, url, expected) in stories {
        let mut hosts = Hosts::default();
        for (from, field) in *said {
            note(&mut hosts, from, field, NOW);
        }
        assert_eq!(knows(&hosts, url, NOW), *expected, "{said:?} {url}");
    }
}

#[test]
fn a_host_is_known_and_what_is_below_it_if_it_says_so() {
    let alone = &[("https://ex.test/", "max-age=9")][..];
    let all = &[("https://ex.test/", "max-age=9; includeSubDomains")][..];
    check(&[
        (alone, "http://ex.test/", true),
        (alone, "http://EX.Test/path", true),
        (alone, "http://ex.test:8080/", true),
        (alone, "http://www.ex.test/", false),
        (alone, "http://test/", false),
        (alone, "http://anex.test/", false),
        (alone, "http://ex.test.evil.test/", false),
        (all, "http://ex.test/", true),
        (all, "http://www.ex.test/", true),
        (all, "http://a.b.ex.test/", true),
        (all, "http://anex.test/", false),
        (all, "http://test/", false),
        (&[("https://localhost/", "max-age=9")], "http://localhost/", false),
        (&[("https://a.LOCALHOST./", "max-age=9")], "http://a.localhost/", false),
        (&[("https://alocalhost/", "max-age=9")], "http://alocalhost/", true),
    ]);
}

/// The dot of the root makes no other host, neither where it is said nor where it is asked.
#[test]
fn a_dot_at_the_end_changes_nothing() {
    for (from, to) in [
        ("https://ex.test/", "http://ex.test./"),
        ("https://ex.test./", "http://ex.test/"),
        ("https://ex.test./", "http://ex.test./"),
        ("https://ex.test./", "http://www.ex.test/"),
        ("https://ex.test/", "http://www.ex.test./"),
    ] {
        let said = "max-age=9; includeSubDomains";
        check(&[(&[(from, said)], to, true)]);
        check(&[(&[(from, said), (from, "max-age=0")], to, false)]);
    }
    let (mut hosts, said) = (Hosts::default(), Field::parse(b"max-age=9").unwrap());
    for host in ["", ".", &"a".repeat(NAME_LIMIT + 1)] {
        hosts.note(host, said, NOW);
        assert!(hosts.is_empty(), "{host:?}");
    }
    hosts.note(&"a".repeat(NAME_LIMIT), said, NOW);
    assert!(!hosts.is_empty());
}

/// Names are A-labels, however they and the dots between them are written.
#[test]
fn international_names_are_one_in_all_spellings() {
    let spellings = [
        "b\u{fc}cher.ex.test",
        "B\u{dc}CHER.EX.TEST",
        "xn--bcher-kva.ex.test",
        "b\u{fc}cher\u{3002}ex\u{ff0e}test",
        "b\u{fc}cher\u{ff61}ex.test\u{3002}",
        "b%C3%BCcher%E3%80%82ex.test",
        "bu\u{308}cher.ex.test",
        "\u{ff42}\u{fc}cher.ex.test",
    ];
    for from in spellings {
        for to in spellings {
            let (from, to) = (format!("https://{from}/"), format!("http://{to}/"));
            check(&[(&[(&from, "max-age=9")], &to, true)]);
        }
    }
}

/// What a host says of itself neither shortens nor widens what one above it said, nor the reverse.
#[test]
fn hosts_speak_for_themselves() {
    let above = ("https://ex.test/", "max-age=9; includeSubDomains");
    let narrow = ("https://ex.test/", "max-age=9");
    let below = "https://www.ex.test/";
    check(&[
        (&[above, (below, "max-age=0")], "http://www.ex.test/", true),
        (&[above, (below, "max-age=0")], "http://ex.test/", true),
        (&[above, (below, "max-age=1")], "http://other.ex.test/", true),
        (&[above, (below, "max-age=1"), (below, "max-age=0")], "http://ex.test/", true),
        (&[narrow, (below, "max-age=9; includeSubDomains")], "http://other.ex.test/", false),
        (&[(below, "max-age=9"), above, ("https://ex.test/", "max-age=0")], below, true),
        (&[above, narrow], "http://www.ex.test/", false),
        (&[above, ("https://ex.test/", "max-age=0")], "http://ex.test/", false),
    ]);
    let mut hosts = Hosts::default();
    note(&mut hosts, above.0, "max-age=100; includeSubDomains", NOW);
    note(&mut hosts, below, "max-age=1", NOW);
    let later = NOW.after(Duration::from_secs(50));
    assert!(knows(&hosts, "http://www.ex.test/", later), "the end of the one below is not its");
    assert!(knows(&hosts, "http://ex.test/", later));
}

#[test]
fn nothing_is_known_longer_than_its_host_says() {
    let mut hosts = Hosts::default();
    note(&mut hosts, "https://ex.test/", "max-age=10; includeSubDomains", NOW);
    for (seconds, expected) in [(0, true), (9, true), (10, false), (11, false)] {
        let now = NOW.after(Duration::from_secs(seconds));
        assert_eq!(knows(&hosts, "http://ex.test/", now), expected, "{seconds}");
        assert_eq!(knows(&hosts, "http://www.ex.test/", now), expected, "{seconds}");
    }
    note(&mut hosts, "https://ex.test/", "max-age=99999999999", NOW);
    assert!(knows(&hosts, "http://ex.test/", NOW.after(AGE_LIMIT - Duration::from_secs(1))));
    assert!(!knows(&hosts, "http://ex.test/", NOW.after(AGE_LIMIT)));
}

#[test]
fn the_one_that_ends_first_goes_first() {
    let mut hosts = Hosts::default();
    for number in 0..HOSTS_LIMIT {
        // The one in the middle ends first, and then those after it.
        let age = 1000 + (number + HOSTS_LIMIT / 2) % HOSTS_LIMIT;
        note(&mut hosts, &format!("https://h{number}.test/"), &format!("max-age={age}"), NOW);
    }
    let here = |hosts: &Hosts, number: usize| knows(hosts, &format!("http://h{number}.test/"), NOW);
    assert!((0..HOSTS_LIMIT).all(|number| here(&hosts, number)));
    let middle = HOSTS_LIMIT / 2;
    for number in 0..3 {
        note(&mut hosts, &format!("https://new{number}.test/"), "max-age=9000", NOW);
        assert!(!here(&hosts, middle + number) && here(&hosts, middle + number + 1));
    }
    // Who ends first of all has no room.
    note(&mut hosts, "https://short.test/", "max-age=5", NOW);
    assert!(!knows(&hosts, "http://short.test/", NOW));
    let unwritten = hosts.take_unwritten();
    let known = unwritten.iter().filter(|(_, known)| known.is_some()).count();
    assert_eq!((known, unwritten.len()), (HOSTS_LIMIT, HOSTS_LIMIT + 4));
}

/// after how many seconds it is said, and what => whether its row is written
#[test]
fn a_row_is_written_when_it_says_something_else() {
    let mut hosts = Hosts::default();
    for (after, field, expected) in [
        (0, "max-age=31536000", true),
        (3600, "max-age=31536000", false),
        (86_399, "max-age=31536000", false),
        (86_400, "max-age=31536000", true),
        (90_000, "max-age=31536000; includeSubDomains", true),
        (90_001, "max-age=31536000; includeSubDomains", false),
        (90_002, "max-age=60; includeSubDomains", true),
        (90_005, "max-age=60; includeSubDomains", false),
        (90_008, "max-age=60; includeSubDomains", true),
        (90_009, "max-age=0", true),
        (90_010, "max-age=0", false),
        (90_011, "max-age=0; includeSubDomains", false),
    ] {
        let now = NOW.after(Duration::from_secs(after));
        note(&mut hosts, "https://ex.test/", field, now);
        assert_eq!(hosts.is_unwritten(), expected, "{after} {field}");
        let row = hosts.take_unwritten().pop().map(|(_, known)| known.map(|known| known.expires));
        if expected {
            let said = Field::parse(field.as_bytes()).unwrap().max_age;
            let end = Some(now.after(said)).filter(|_| !said.is_zero());
            assert_eq!(row, Some(end), "{after} {field}");
        }
    }
}

#[test]
fn what_is_read_back_has_not_ended() {
    let known = |end| Known { include_subdomains: false, expires: Timestamp(end) };
    let all = vec![("old.test".to_owned(), known(NOW.0)), ("ex.test".to_owned(), known(NOW.0 + 1))];
    let mut hosts = Hosts::restore(all, NOW);
    assert!(knows(&hosts, "http://ex.test/", NOW) && !knows(&hosts, "http://old.test/", NOW));
    assert_eq!(hosts.take_unwritten(), [("old.test".to_owned(), None)]);
    assert_eq!(hosts.clear(None), 1);
    assert_eq!(hosts.take_unwritten(), [("ex.test".to_owned(), None)]);
}

/// what was known, what is brought => what is known then, if it is taken
#[test]
fn what_people_bring_weakens_nothing() {
    let end = NOW.after(Duration::from_secs(100));
    let known = |host: &str, include_subdomains, seconds| KnownHost {
        host: host.to_owned(),
        include_subdomains,
        expires: NOW.after(Duration::from_secs(seconds)),
    };
    for (before, brought, expected) in [
        ("max-age=9", known("ex.test", true, 100), Some(known("ex.test", true, 100))),
        ("max-age=200", known("ex.test", false, 100), Some(known("ex.test", false, 200))),
        (
            "max-age=200; includeSubDomains",
            known("EX.test.", false, 300),
            Some(known("ex.test", true, 300)),
        ),
        (
            "max-age=0",
            known("b\u{fc}cher.test", true, 1),
            Some(known("xn--bcher-kva.test", true, 1)),
        ),
        ("max-age=0", known("ex.test", true, 0), None),
        ("max-age=0", known("", true, 9), None),
        ("max-age=0", known(".", true, 9), None),
        ("max-age=0", known("127.0.0.1", true, 9), None),
        ("max-age=0", known("[::1]", true, 9), None),
        ("max-age=0", known("a b", true, 9), None),
        (
            "max-age=0",
            known(&"a.".repeat(127), true, 9),
            Some(known(&"a.".repeat(127)[..253], true, 9)),
        ),
        ("max-age=0", known(&"a.".repeat(128), true, 9), None),
    ] {
        let mut hosts = Hosts::default();
        note(&mut hosts, "https://ex.test/", before, NOW);
        assert_eq!(hosts.add(&brought, NOW), expected.is_some(), "{brought:?}");
        assert_eq!(hosts.list(NOW), expected.into_iter().collect::<Vec<_>>(), "{brought:?}");
    }
    let mut hosts = Hosts::default();
    hosts.add(&KnownHost { expires: Timestamp(u64::MAX), ..known("ex.test", true, 9) }, NOW);
    hosts.add(&known("b.test", false, 100), NOW);
    assert_eq!(hosts.list(NOW)[1].expires, NOW.after(AGE_LIMIT));
    assert_eq!(hosts.list(end).len(), 1, "what has ended is not listed");
    for (host, count) in [("other.test", 0), ("[::1]", 0), ("EX.TEST.", 1), ("b.test", 1)] {
        assert_eq!(hosts.clear(Some(host)), count, "{host}");
    }
    assert!(hosts.is_empty());
}

/// http => what is asked of a known host
#[test]
fn only_scheme_and_port_change() {
    let (_, strict) = known_by_everybody("ex.test");
    for (url, expected) in [
        ("http://ex.test/a?b#c", "https://ex.test/a?b#c"),
        ("http://ex.test:80/", "https://ex.test/"),
        ("http://ex.test:443/", "https://ex.test/"),
        ("http://ex.test:8080/", "https://ex.test:8080/"),
        ("http://me:pw@ex.test/", "https://me:pw@ex.test/"),
        ("http://ex.test./", "https://ex.test./"),
        ("https://ex.test/", "https://ex.test/"),
        ("https://ex.test:80/", "https://ex.test:80/"),
        ("http://other.test/", "http://other.test/"),
        ("http://127.0.0.1/", "http://127.0.0.1/"),
        ("http://[::1]:80/", "http://[::1]/"),
        ("ftp://ex.test/", "ftp://ex.test/"),
    ] {
        let mut url: Url = url.parse().unwrap();
        strict.upgrade(&mut url);
        assert_eq!(url.as_str(), expected);
    }
    let mut url: Url = "http://ex.test/".parse().unwrap();
    super::Exchange::default().upgrade(&mut url);
    assert_eq!(url.as_str(), "http://ex.test/");
}

/// where a response comes from, its fields, whether trust was waived => whether its host is known
#[test]
fn which_responses_are_heard() {
    let year = "max-age=31536000";
    for (from, fields, is_waived, expected) in [
        ("https://ex.test/", &[year][..], false, true),
        ("https://ex.test:8443/", &[year], false, true),
        ("http://ex.test/", &[year], false, false),
        ("https://ex.test/", &[year], true, false),
        ("https://127.0.0.1/", &[year], false, false),
        ("https://0x7f.1/", &[year], false, false),
        ("https://[::1]/", &[year], false, false),
        // Only the first one counts.
        ("https://ex.test/", &[year, "max-age=0"], false, true),
        ("https://ex.test/", &["max-age=0", year], false, false),
        ("https://ex.test/", &["", year], false, false),
        ("https://ex.test/", &[], false, false),
    ] {
        let (mut all, strict) = known_by_everybody("other.test");
        let mut headers = http::HeaderMap::new();
        for field in fields {
            headers.append("strict-transport-security", field.parse().unwrap());
        }
        strict.receive(&from.parse().unwrap(), &headers, || is_waived);
        let mut url: Url = from.replace("https:", "http:").parse().unwrap();
        strict.upgrade(&mut url);
        assert_eq!(url.scheme() == "https", expected, "{from} {fields:?} {is_waived}");
        assert_eq!(all.take_unwritten().len(), 1 + usize::from(expected));
    }
}

#[test]
fn what_ended_meanwhile_is_removed_from_the_store() {
    let (sender, _inbox) = crate::inbox::channel();
    let (mut all, mut store) = (Strict::new(Clock::start(), sender), Store::in_memory());
    let application = ApplicationId::new("com.example").unwrap();
    let row = HostRow {
        application: application.clone(),
        name: "ex.test".to_owned(),
        kept: Some(Known { include_subdomains: false, expires: Timestamp(1) }),
    };
    let rows = Rows { known_hosts: vec![row.clone()], ..Rows::default() };
    store.commit_turn(&[], &rows, &BTreeMap::new()).unwrap();
    assert_eq!(all.next(Duration::ZERO), None);
    let hosts = all.of(Owner::Application(application), &store).unwrap();
    assert!(hosts.list().is_empty() && all.next(Duration::ZERO).is_some());
    assert_eq!(all.take_unwritten(), [HostRow { kept: None, ..row }]);
}

#[test]
fn many_collections_are_not_all_in_memory() {
    let (sender, _inbox) = crate::inbox::channel();
    let (mut all, store) = (Strict::new(Clock::start(), sender), Store::in_memory());
    let application = |number: usize| {
        Owner::Application(ApplicationId::new(format!("com.example.n{number}")).unwrap())
    };
    let held = all.of(application(0), &store).unwrap();
    let year = Field::parse(b"max-age=31536000").unwrap();
    all.of(application(1), &store).unwrap().note("ex.test", year);
    all.of(Owner::Session(SessionNumber(1)), &store).unwrap();
    for number in 2..4 * COLLECTIONS_LIMIT {
        all.of(application(number), &store).unwrap();
        assert!(all.count() <= COLLECTIONS_LIMIT);
    }
    assert!(Arc::ptr_eq(&held, &all.of(application(0), &store).unwrap()));
    assert!(all.of(application(1), &store).unwrap().knows("ex.test"));
    assert!(all.has(&Owner::Session(SessionNumber(1))));
    all.forget(SessionNumber(1));
    assert!(!all.has(&Owner::Session(SessionNumber(1))));
}

/// Makes what an attempt has of an application that knows a host.
fn known_by_everybody(host: &str) -> (Strict, super::Exchange) {
    let (sender, _inbox) = crate::inbox::channel();
    let mut all = Strict::new(Clock::start(), sender);
    let owner = Owner::Application(ApplicationId::new("com.example").unwrap());
    let hosts = all.of(owner, &Store::in_memory()).unwrap();
    hosts.note(host, Field::parse(b"max-age=31536000").unwrap());
    (all, super::Exchange::new(Some(hosts)))
}

fn note(hosts: &mut Hosts, from: &str, field: &str, now: Timestamp) {
    let from: Url = from.parse().unwrap();
    hosts.note(from.host_str().unwrap(), Field::parse(field.as_bytes()).unwrap(), now);
}

fn knows(hosts: &Hosts, url: &str, now: Timestamp) -> bool {
    let url: Url = url.parse().unwrap();
    hosts.knows(url.host_str().unwrap(), now)
}
