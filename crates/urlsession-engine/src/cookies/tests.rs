//! Cookies as data: what servers set, what requests get, what is refused, what goes first.

use super::jar::{Asker, JAR_LIMIT, Jar, SENT_LENGTH_LIMIT, SENT_LIMIT, SITE_LIMIT};
use super::set_cookie::{LIFE_LIMIT, SetCookie};
use crate::shelf::Collection as _;
use std::time::Duration;
use url::Url;
use urlsession_protocol::{Cookie, CookieIdentity, SameSite, Secret, Timestamp};

const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// What a response from a URL sets, to which URL the next request goes, and what it carries.
type Story<'a> = (&'a str, &'a [&'a str], &'a str, &'a str);

fn check(stories: &[Story<'_>]) {
    for (from, fields, to, expected) in stories {
        let mut jar = Jar::default();
        for field in *fields {
            receive(&mut jar, from, field, NOW);
        }
        let sent = send(&mut jar, to, NOW).unwrap_or_default();
        assert_eq!(sent, *expected, "{from} {fields:?} {to}");
    }
}

#[test]
fn fields_are_taken_apart_leniently() {
    let here =
        |fields, expected| -> Story<'_> { ("http://h.test/", fields, "http://h.test/", expected) };
    check(&[
        // RFC 6265bis section 3.1.
        here(&["SID=31d4d96e407aad42"], "SID=31d4d96e407aad42"),
        here(&["SID=31d4d96e407aad42", "lang=en-US"], "SID=31d4d96e407aad42; lang=en-US"),
        here(&["lang=en-US; Expires=Wed, 09 Jun 2033 10:18:14 GMT"], "lang=en-US"),
        here(&["lang=en-US", "lang=; Expires=Sun, 06 Nov 1994 08:49:37 GMT"], ""),
        // Pairs.
        here(&["a=b;c=d"], "a=b"),
        here(&[" \ta \t=\t b\t ;"], "a=b"),
        here(&["a=b=c"], "a=b=c"),
        here(&["a=\"b c\""], "a=\"b c\""),
        here(&["a=\"b;c\""], "a=\"b"),
        here(&["a=b, c=d"], "a=b, c=d"),
        here(&["a="], "a="),
        here(&["a"], "a"),
        here(&["=a"], "a"),
        here(&["=a=b"], "a=b"),
        here(&["a", "b=c", "d"], "d; b=c"),
        here(&["", "=", ";", "; Path=/", " "], ""),
        here(&["a\tb=c\td"], "a\tb=c\td"),
        here(&["ä=ö"], "ä=ö"),
        here(&["a=1", "A=2"], "a=1; A=2"),
        here(&["a=1", "b=2", "a=3"], "a=3; b=2"),
        // Control characters.
        here(&["a=b\0c", "a=b\rc", "a\n=b", "a=\u{7f}", "a=b; x=\u{1}"], ""),
        // Attributes that are not understood.
        here(&["a=b; what; =; ;; Version=1; Comment=x"], "a=b"),
        here(&["a=b; Expires=soon; Max-Age=+5"], "a=b"),
        here(&["a=b; Max-Age=1x"], "a=b"),
        here(&["a=b; Max-Age=-"], "a=b"),
        // The end.
        here(&["a=b; Max-Age=0"], ""),
        here(&["a=b; Max-Age=-1"], ""),
        here(&["a=b; Max-Age=-99999999999999999999"], ""),
        here(&["a=b; Max-Age=99999999999999999999"], "a=b"),
        here(&["a=b; Expires=Sun, 06 Nov 1994 08:49:37 GMT; Max-Age=9"], "a=b"),
        here(&["a=b; Max-Age=0; Max-Age=9"], "a=b"),
        here(&["a=b; Max-Age=0; Max-Age=x"], ""),
        here(&["a=b; EXPIRES=6 nov 94 08:49:37"], ""),
        // Prefixes need a secure origin.
        here(&["__Secure-a=b; Secure", "__Host-a=b; Secure; Path=/", "__host-c=d"], ""),
    ]);
}

#[test]
fn domains() {
    let from = |from, fields, to, expected| -> Story<'_> { (from, fields, to, expected) };
    check(&[
        from("http://a.ex.com/", &["x=1"], "http://a.ex.com:8080/", "x=1"),
        from("http://a.ex.com/", &["x=1"], "http://b.a.ex.com/", ""),
        from("http://A.Ex.com/", &["x=1; Domain=EX.com"], "http://b.ex.COM/", "x=1"),
        from("http://a.ex.com/", &["x=1; Domain=.ex.com"], "http://ex.com/", "x=1"),
        from("http://a.ex.com/", &["x=1; Domain=..ex.com"], "http://a.ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain=b.ex.com"], "http://b.ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain=b.a.ex.com"], "http://a.ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain=x.com"], "http://a.ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain=ex.com."], "http://a.ex.com/", ""),
        from("http://a.ex.com./", &["x=1; Domain=ex.com."], "http://b.ex.com./", "x=1"),
        from("http://a.ex.com./", &["x=1; Domain=com."], "http://a.ex.com./", ""),
        from("http://a.ex.com/", &["x=1; Domain="], "http://a.ex.com/", "x=1"),
        from("http://a.ex.com/", &["x=1; Domain="], "http://b.a.ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain"], "http://a.ex.com/", "x=1"),
        from("http://a.ex.com/", &["x=1; Domain=y.com; Domain=ex.com"], "http://ex.com/", "x=1"),
        from("http://a.ex.com/", &["x=1; Domain=ex.com; Domain="], "http://ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain=\"ex.com\""], "http://a.ex.com/", ""),
        from("http://a.ex.com/", &["x=1; Domain=ex.cöm"], "http://a.ex.com/", ""),
        // Public suffixes.
        from("http://ex.com/", &["x=1; Domain=com"], "http://ex.com/", ""),
        from("http://ex.com/", &["x=1; Domain=COM"], "http://ex.com/", ""),
        from("http://ex.co.uk/", &["x=1; Domain=co.uk"], "http://ex.co.uk/", ""),
        from("http://me.github.io/", &["x=1; Domain=github.io"], "http://you.github.io/", ""),
        from("http://github.io/", &["x=1; Domain=github.io"], "http://github.io/", "x=1"),
        from("http://github.io/", &["x=1; Domain=github.io"], "http://me.github.io/", ""),
        from("http://a.unlisted/", &["x=1; Domain=unlisted"], "http://b.unlisted/", ""),
        from("http://localhost/", &["x=1; Domain=localhost"], "http://localhost/", "x=1"),
        from("http://localhost/", &["x=1; Domain=localhost"], "http://a.localhost/", ""),
        // Addresses have no part that is a domain.
        from("http://127.0.0.1/", &["x=1"], "http://127.0.0.1:99/", "x=1"),
        from("http://127.0.0.1/", &["x=1; Domain=127.0.0.1"], "http://127.0.0.1/", "x=1"),
        from("http://127.0.0.1/", &["x=1; Domain=0.0.1"], "http://127.0.0.1/", ""),
        from("http://127.0.0.1/", &["x=1; Domain=.swift.org; Secure"], "https://127.0.0.1/", ""),
        from("http://[::1]/", &["x=1"], "http://[::1]:8080/", "x=1"),
        from("http://bücher.example/", &["x=1"], "http://xn--bcher-kva.example/", "x=1"),
    ]);
}

#[test]
fn paths_and_order() {
    let set =
        |path: &'static str, fields, to, expected| -> Story<'_> { (path, fields, to, expected) };
    check(&[
        set("http://h.test/a/b", &["x=1"], "http://h.test/a/c", "x=1"),
        set("http://h.test/a/b", &["x=1"], "http://h.test/a", "x=1"),
        set("http://h.test/a/b", &["x=1"], "http://h.test/ab", ""),
        set("http://h.test/a/b", &["x=1; Path=/"], "http://h.test/", "x=1"),
        set("http://h.test/a/b", &["x=1; Path=c"], "http://h.test/a/", "x=1"),
        set("http://h.test/a/b", &["x=1; Path="], "http://h.test/a/", "x=1"),
        set("http://h.test/a/b", &["x=1; Path=/q; Path"], "http://h.test/a/", "x=1"),
        set("http://h.test/", &["x=1; Path=/a"], "http://h.test/a?b", "x=1"),
        set("http://h.test/", &["x=1; Path=/a"], "http://h.test/A", ""),
        // Longer paths first, then the older one.
        set(
            "http://h.test/a/b/c",
            &["x=1; Path=/a", "x=2; Path=/a/b", "y=3; Path=/a", "z=4; Path=/", "x=5; Path=/a"],
            "http://h.test/a/b",
            "x=2; x=5; y=3; z=4",
        ),
        // The same name for the host alone and for the domain are two cookies.
        set("http://h.test/", &["x=1", "x=2; Domain=h.test"], "http://h.test/", "x=1; x=2"),
    ]);
    let long = format!("x=1; Path=/{}", "p".repeat(1024));
    check(&[("http://h.test/", &[&long], "http://h.test/", "x=1")]);
    let long = format!("x=1; Domain={}.test", "d".repeat(1024));
    check(&[("http://h.test/", &[&long], "http://h.test/", "x=1")]);
}

#[test]
fn secure_cookies_and_prefixes() {
    let (http, https) = ("http://s.test/", "https://s.test/");
    check(&[
        (https, &["x=1; Secure"], https, "x=1"),
        (https, &["x=1; Secure"], http, ""),
        (http, &["x=1; Secure"], https, ""),
        (https, &["x=1; SECURE=no"], http, ""),
        (https, &["__Secure-x=1; Secure"], https, "__Secure-x=1"),
        (https, &["__Secure-x=1", "__secure-x=1", "__SeCuRe-x=1"], https, ""),
        (https, &["__Host-x=1; Secure; Path=/"], https, "__Host-x=1"),
        (https, &["__Host-x=1; Secure"], https, "__Host-x=1"),
        (https, &["__Host-x=1; Path=/"], https, ""),
        (https, &["__Host-x=1; Secure; Path=/; Domain=s.test"], https, ""),
        (https, &["__host-x=1; Secure; Path=/a"], "https://s.test/a", ""),
        // Without a name, and yet with one for the server.
        (https, &["=__Host-x=1; Secure", "__Secure-x; Secure", "__HOST-x"], https, ""),
        (https, &["x=1; SameSite=None"], https, ""),
        (https, &["x=1; SameSite=None; Secure"], https, "x=1"),
        (https, &["x=1; SameSite=None; SameSite=whatever"], https, "x=1"),
        (https, &["x=1; SameSite=Strict; HttpOnly"], https, "x=1"),
    ]);
    // What came over https is not replaced over http, nor hidden.
    let mut jar = Jar::default();
    receive(&mut jar, "https://s.test/a/b", "x=1; Secure; Path=/a; Domain=s.test", NOW);
    for refused in ["x=2; Path=/a", "x=2; Path=/a/b", "x=2; Path=/a; Domain=s.test"] {
        assert!(!receive(&mut jar, "http://s.test/a/b", refused, NOW), "{refused}");
    }
    assert!(!receive(&mut jar, "http://w.s.test/a/b", "x=2; Path=/a", NOW));
    assert!(receive(&mut jar, "http://s.test/a/b", "x=2; Path=/", NOW));
    assert!(receive(&mut jar, "http://s.test/a/b", "y=2; Path=/a", NOW));
    assert!(receive(&mut jar, "https://s.test/a/b", "x=3; Path=/a; Domain=s.test", NOW));
    assert_eq!(send(&mut jar, "http://s.test/a", NOW).unwrap(), "x=3; y=2; x=2");
    // One that has ended hides nothing, although nobody has removed it yet.
    assert!(receive(&mut jar, "https://s.test/", "z=1; Secure; Max-Age=1", NOW));
    assert!(!receive(&mut jar, "http://s.test/", "z=2", NOW));
    assert!(receive(&mut jar, "http://s.test/", "z=2", later(1000)));
}

#[test]
fn same_site_counts_where_there_is_another_site() {
    let url: Url = "https://s.test/".parse().unwrap();
    let there = Asker { url: &url, cross_site: true };
    let mut jar = Jar::default();
    for (field, kept) in [
        ("a=1; SameSite=Strict", false),
        ("b=1; SameSite=Lax", false),
        ("c=1; SameSite=None; Secure", true),
        ("d=1", true),
    ] {
        assert_eq!(jar.receive(field.as_bytes(), there, NOW), kept, "{field}");
        receive(&mut jar, "https://s.test/", field, NOW);
    }
    assert_eq!(jar.send(there, NOW).unwrap(), "c=1; d=1");
    assert_eq!(send(&mut jar, "https://s.test/", NOW).unwrap().matches('=').count(), 4);
}

#[test]
fn nothing_lives_longer_than_it_may() {
    let most = NOW.after(LIFE_LIMIT);
    for (attributes, end) in [
        ("", None),
        ("; Max-Age=60", Some(NOW.after(Duration::from_secs(60)))),
        ("; Max-Age=99999999999", Some(most)),
        ("; Max-Age=18446744073709551615", Some(most)),
        ("; Expires=Fri, 31 Dec 9999 23:59:59 GMT", Some(most)),
        ("; Expires=Tue, 14 Nov 2023 22:13:21 GMT", Some(Timestamp(NOW.0 + 1000))),
    ] {
        let field = format!("a=b{attributes}");
        assert_eq!(SetCookie::parse(field.as_bytes()).unwrap().end(NOW), end, "{field}");
    }
    let mut jar = Jar::default();
    receive(&mut jar, "http://h.test/", "a=b; Max-Age=60", NOW);
    let last = Timestamp(NOW.0 + 59_999);
    assert_eq!(send(&mut jar, "http://h.test/", last).as_deref(), Some("a=b"));
    let over = Timestamp(NOW.0 + 60_000);
    assert_eq!(send(&mut jar, "http://h.test/", over), None);
    assert!(jar.list(None, over).is_empty());
}

#[test]
fn what_is_too_long_or_no_text_is_ignored() {
    let (longest, too_long) = ("v".repeat(4095), "v".repeat(4096));
    for (field, kept) in [
        (format!("n={longest}"), true),
        (format!("n={too_long}"), false),
        (format!("{too_long}=v"), false),
        (format!("{longest}=v"), true),
        (format!("n=v; x={too_long}"), true),
    ] {
        assert_eq!(receive(&mut Jar::default(), "http://h.test/", &field, NOW), kept);
    }
    assert!(SetCookie::parse(b"a=\xff\xfe").is_none());
    let mut state = 7_u32;
    for _ in 0..20_000 {
        let field: Vec<u8> = (0..24)
            .map(|_| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                b"ae=;,: \t\0\r\n-1259.\"Max-AgExpirsDomnPth\xc3\xff"[(state >> 16) as usize % 39]
            })
            .collect();
        if let Some(set) = SetCookie::parse(&field) {
            assert!(set.name.len() + set.value.len() <= 24);
        }
    }
}

#[test]
fn a_site_has_so_much_room() {
    let mut jar = Jar::default();
    receive(&mut jar, "https://other.test/", "o=1", NOW);
    receive(&mut jar, "https://a.h.test/", "safe=1; Secure", NOW);
    for number in 0..SITE_LIMIT as u64 {
        let host = format!("https://{}.h.test/", number % 7);
        receive(&mut jar, &host, &format!("n{number}=1; Domain=h.test"), later(number));
    }
    // Of those that are not secure the one that was not sent for longest goes.
    let sent = send(&mut jar, "https://b.h.test/", later(999));
    assert_eq!(jar.list(Some("h.test"), NOW).len(), SITE_LIMIT);
    assert!(!names(&jar).contains(&"n0".to_owned()));
    assert!(sent.unwrap().starts_with("n1=1; n2=1"));
    // Those that were sent are younger than those beyond the limit of one request.
    receive(&mut jar, "https://a.h.test/", "new=1", later(1000));
    assert!(!names(&jar).contains(&format!("n{}", SENT_LIMIT + 1)));
    assert!(names(&jar).contains(&"n1".to_owned()));
    // One that has ended goes before all.
    receive(&mut jar, "https://a.h.test/", "short=1; Max-Age=1; Secure", later(1001));
    let before = names(&jar).len();
    receive(&mut jar, "https://a.h.test/", "newest=1", later(9999));
    assert_eq!(names(&jar).len(), before);
    assert!(!names(&jar).contains(&"short".to_owned()));
    for kept in ["safe", "o", "new", "newest"] {
        assert!(names(&jar).contains(&kept.to_owned()), "{kept}");
    }
}

#[test]
fn an_application_has_so_much_room() {
    let mut jar = Jar::default();
    for number in 0..=JAR_LIMIT as u64 {
        let field = format!("n{number}=1; Secure");
        receive(&mut jar, &format!("https://h{}.test/", number % 100), &field, later(number));
    }
    assert_eq!(jar.list(None, NOW).len(), JAR_LIMIT);
    assert_eq!(send(&mut jar, "https://h0.test/", NOW).unwrap().split("; ").next(), Some("n100=1"));
}

#[test]
fn a_request_carries_so_much() {
    let mut jar = Jar::default();
    for number in 0..SITE_LIMIT {
        receive(&mut jar, "http://h.test/", &format!("{number}=1"), NOW);
    }
    let sent = send(&mut jar, "http://h.test/", NOW).unwrap();
    assert_eq!(sent.split("; ").count(), SENT_LIMIT);
    jar.clear(None);
    for number in 0..4 {
        let field = format!("{number}={}", "v".repeat(3000));
        receive(&mut jar, "http://h.test/", &field, NOW);
    }
    let sent = send(&mut jar, "http://h.test/", NOW).unwrap();
    assert!(sent.len() <= SENT_LENGTH_LIMIT && sent.split("; ").count() == 2);
}

#[test]
fn what_is_written_is_what_has_an_end() {
    let mut jar = Jar::default();
    let written = |jar: &mut Jar, field: &str| -> Vec<(String, bool)> {
        receive(jar, "http://h.test/", field, NOW);
        let rows = jar.take_unwritten().into_iter();
        rows.map(|(identity, kept)| (identity.name, kept.is_some())).collect()
    };
    let row = |name: &str, kept| vec![(name.to_owned(), kept)];
    assert_eq!(written(&mut jar, "a=1"), []);
    assert_eq!(written(&mut jar, "a=2; Max-Age=60"), row("a", true));
    assert_eq!(written(&mut jar, "a=3; Max-Age=60"), row("a", true));
    assert_eq!(written(&mut jar, "a=4"), row("a", false));
    assert_eq!(written(&mut jar, "b=1; Max-Age=60"), row("b", true));
    assert_eq!(written(&mut jar, "b=1; Max-Age=0"), row("b", false));
    assert_eq!(written(&mut jar, "c=1; Max-Age=0"), []);
    // Sending writes nothing.
    send(&mut jar, "http://h.test/", later(5));
    assert!(!jar.is_unwritten());
}

#[test]
fn the_creation_time_stays_and_orders() {
    let mut jar = Jar::default();
    for field in ["a=1", "b=1", "a=2; Max-Age=9"] {
        receive(&mut jar, "http://h.test/", field, NOW);
    }
    let list = jar.list(None, NOW);
    assert_eq!(list[0].created, NOW);
    assert!(list[1].created > list[0].created);
    // Brought elsewhere they come in the order that they had, and none from the future.
    let mut other = Jar::default();
    for mut cookie in jar.list(None, NOW).into_iter().rev().cloned() {
        cookie.identity.name.insert(0, 'z');
        assert!(other.bring(cookie, later(5)));
    }
    assert_eq!(send(&mut other, "http://h.test/", later(5)), Some("za=2; zb=1".to_owned()));
    let mut early = brought("h.test", true, "/", "c", "3");
    early.created = later(50);
    assert!(other.bring(early, later(5)));
    assert_eq!(other.list(None, NOW)[0].created, later(5));
}

#[test]
fn what_people_bring_is_checked() {
    let good = || brought("h.test", false, "/", "a", "b");
    let with = |change: fn(&mut Cookie)| {
        let mut cookie = good();
        change(&mut cookie);
        cookie
    };
    for (cookie, kept) in [
        (good(), true),
        (brought("H.test", true, "/p", "", "b"), true),
        (brought(".h.test", false, "/", "a", ""), true),
        (brought("localhost", false, "/", "a", "b"), true),
        (brought("127.0.0.1", false, "/", "a", "b"), true),
        (brought("co.uk", true, "/", "a", "b"), true),
        (brought("co.uk", false, "/", "a", "b"), false),
        (brought("", false, "/", "a", "b"), false),
        (brought("h test\n", false, "/", "a", "b"), false),
        (brought("h.test", false, "p", "a", "b"), false),
        (brought("h.test", false, "/;", "a", "b"), false),
        (brought("h.test", false, "/", "", ""), false),
        (brought("h.test", false, "/", "a=", "b"), false),
        (brought("h.test", false, "/", "a", "b; c=d"), false),
        (brought("h.test", false, "/", "a", "b\r\nX: y"), false),
        (brought("h.test", true, "/", "__Host-a", "b"), false),
        (with(|c| c.same_site = Some(SameSite::None)), false),
        (with(|c| (c.same_site, c.secure) = (Some(SameSite::None), true)), true),
    ] {
        assert_eq!(Jar::default().bring(cookie.clone(), NOW), kept, "{:?}", cookie.identity);
    }
    let mut jar = Jar::default();
    jar.bring(with(|c| c.expires = Some(Timestamp(u64::MAX))), NOW);
    assert_eq!(jar.list(None, NOW)[0].expires, Some(NOW.after(LIFE_LIMIT)));
    assert!(jar.bring(with(|c| c.expires = Some(Timestamp(1))), NOW), "and so it is removed");
    assert!(jar.list(None, NOW).is_empty());
}

/// Files of cookies have no brackets around an address, and programs have every form of it.
#[test]
fn an_address_of_ipv6_is_one_host_however_it_is_spelled() {
    for domain in ["::1", "[::1]", "0:0:0:0:0:0:0:1", ".::1", "[0::0:1]"] {
        let mut jar = Jar::default();
        assert!(jar.bring(brought(domain, false, "/", "a", "b"), NOW), "{domain}");
        assert_eq!(send(&mut jar, "http://[::1]:8080/", NOW).as_deref(), Some("a=b"), "{domain}");
        assert_eq!(send(&mut jar, "http://[::2]/", NOW), None, "{domain}");
        receive(&mut jar, "http://[::1]/", "a=c", NOW);
        let kept: Vec<_> = jar.list(Some(domain), NOW).into_iter().map(|c| &c.identity).collect();
        assert_eq!(kept, [&brought("[::1]", true, "/", "a", "c").identity], "{domain}");
        assert_eq!(jar.clear(Some(domain)), 1, "{domain}");
    }
    let mut jar = Jar::default();
    assert!(jar.bring(brought("::FFFF:1.2.3.4", true, "/", "a", "b"), NOW));
    assert_eq!(send(&mut jar, "http://[::ffff:1.2.3.4]/", NOW).as_deref(), Some("a=b"));
    assert!(jar.bring(brought("[::1", true, "/", "a", "b"), NOW), "no address, and of no URL");
}

#[test]
fn a_domain_is_cleared_with_what_is_below_it() {
    let mut jar = Jar::default();
    for host in ["a.ex.com", "ex.com", "badex.com", "127.0.0.1"] {
        receive(&mut jar, &format!("http://{host}/"), "x=1; Max-Age=60", NOW);
    }
    jar.take_unwritten();
    assert_eq!(jar.clear(Some(".EX.com")), 2);
    assert_eq!(jar.take_unwritten().len(), 2);
    assert_eq!(jar.list(Some("0.0.1"), NOW).len(), 0);
    assert_eq!(jar.clear(None), 2);
    assert_eq!(jar.clear(None), 0);
}

#[test]
fn no_value_is_printed() {
    let mut jar = Jar::default();
    receive(&mut jar, "http://h.test/", "name=hidden; Max-Age=9", NOW);
    let shown = format!("{jar:?} {:?}", jar.list(None, NOW));
    assert!(shown.contains("name") && !shown.contains("hidden"));
}

fn brought(domain: &str, host_only: bool, path: &str, name: &str, value: &str) -> Cookie {
    Cookie {
        identity: CookieIdentity {
            domain: domain.into(),
            host_only,
            path: path.into(),
            name: name.into(),
        },
        value: Secret::new(value),
        secure: false,
        http_only: false,
        same_site: None,
        expires: None,
        created: Timestamp(0),
    }
}

fn receive(jar: &mut Jar, from: &str, field: &str, now: Timestamp) -> bool {
    let url = from.parse().unwrap();
    jar.receive(field.as_bytes(), Asker { url: &url, cross_site: false }, now)
}

fn send(jar: &mut Jar, to: &str, now: Timestamp) -> Option<String> {
    jar.send(Asker { url: &to.parse().unwrap(), cross_site: false }, now)
}

fn names(jar: &Jar) -> Vec<String> {
    jar.list(None, NOW).into_iter().map(|cookie| cookie.identity.name.clone()).collect()
}

fn later(milliseconds: u64) -> Timestamp {
    Timestamp(NOW.0 + milliseconds)
}
