//! What a request does about every refusal, and what the next one knows of it.

use super::*;
use crate::credentials::challenge::parse;

const BASIC: &str = "Basic realm=r";
const N1: &str = "Digest realm=r, nonce=n1, qop=auth";
const N2: &str = "Digest realm=r, nonce=n2, qop=auth";
const N2_STALE: &str = "Digest realm=r, nonce=n2, qop=auth, stale=TRUE";

fn space(url: &str) -> ProtectionSpace {
    origin_space(&url.parse().unwrap())
}

/// Sends a request until it is let in or given up; says what it showed each time.
fn seek(memory: &Memory, url: &str, credential: &Credential, refusals: &[&str]) -> String {
    seek_by(AuthenticationMethod::Default, memory, (url, credential), refusals)
}

fn seek_by(
    method: AuthenticationMethod,
    memory: &Memory,
    (url, credential): (&str, &Credential),
    refusals: &[&str],
) -> String {
    let url = url.parse().unwrap();
    let mut seeker = Seeker::of_origin(memory, &url, credential, method);
    let mut shown = Vec::new();
    for refusal in refusals.iter().map(Some).chain([None]) {
        shown.push(match seeker.authorization("GET", "/") {
            None => "nothing".to_owned(),
            Some(value) if value.starts_with(b"Basic") => "Basic".to_owned(),
            Some(value) => {
                let parsed = parse([&value[..]]);
                let part = |name| parsed[0].parameter(name).unwrap();
                format!("{} {}", part("nonce"), part("nc").trim_start_matches('0'))
            }
        });
        let Some(refusal) = refusal else {
            seeker.let_in();
            break;
        };
        if !seeker.is_worth_another(&parse([refusal.as_bytes()]), "c") {
            shown.push("refused".to_owned());
            break;
        }
    }
    shown.join(", ")
}

/// proactive, refusals => what is shown
#[test]
fn every_refusal() {
    for (proactive, refusals, expected) in [
        (true, &[][..], "Basic"),
        (true, &[BASIC], "Basic, refused"),
        (true, &[N1], "Basic, n1 1"),
        (true, &[N1, N2], "Basic, n1 1, refused"),
        (true, &[N1, N2_STALE], "Basic, n1 1, n2 1"),
        (true, &[N1, BASIC], "Basic, n1 1, refused"),
        (false, &[], "nothing"),
        (false, &[BASIC], "nothing, Basic"),
        (false, &[BASIC, BASIC], "nothing, Basic, refused"),
        (false, &["Basic realm=r, Digest realm=r, nonce=n1, qop=auth"], "nothing, n1 1"),
        (false, &["Bearer"], "nothing, refused"),
        (false, &[""], "nothing, refused"),
        (false, &[N1, N2_STALE, N1, N2_STALE], "nothing, n1 1, n2 1, refused"),
        (false, &[N2, N2_STALE], "nothing, n2 1, refused"),
    ] {
        let credential = Credential { proactive, ..Credential::new("u", "p") };
        let got = seek(&Memory::default(), "http://h/", &credential, refusals);
        assert_eq!(got, expected, "{proactive} {refusals:?}");
    }
}

/// Between a challenge and its answer, others are challenged, let in and refused on the same server.
#[test]
fn each_request_answers_its_own_challenge() {
    let (memory, credential) = (Memory::default(), Credential::new("u", "p"));
    let seeker = || Seeker::new(&memory, space("http://h/"), &credential);
    let is_worth = |seeker: &mut Seeker<'_>, refusal: &str| {
        seeker.is_worth_another(&parse([refusal.as_bytes()]), "c")
    };
    let realm = |seeker: &mut Seeker<'_>| {
        let value = seeker.authorization("GET", "/")?;
        parse([&value[..]])[0].parameter("realm").map(str::to_owned)
    };
    let (mut one, mut two) = (seeker(), seeker());
    assert_eq!((realm(&mut one), realm(&mut two)), (None, None));
    assert!(is_worth(&mut one, "Digest realm=one, nonce=n1, qop=auth"));
    assert!(is_worth(&mut two, "Digest realm=two, nonce=n2, qop=auth"));
    assert_eq!(realm(&mut one).as_deref(), Some("one"));
    assert_eq!(realm(&mut two).as_deref(), Some("two"));
    let mut three = seeker();
    assert!(is_worth(&mut three, "Digest realm=three, nonce=n3, qop=auth"));
    assert!(!is_worth(&mut two, "Digest realm=two, nonce=n4, qop=auth"), "it is wrong there");
    assert_eq!(realm(&mut three).as_deref(), Some("three"));
}

fn digest(seeker: &mut Seeker<'_>) -> Option<String> {
    let value = seeker.authorization("GET", "/")?;
    let parsed = parse([&value[..]]);
    let part = |name| parsed[0].parameter(name).unwrap_or_default();
    Some(format!("{} {}", part("nonce"), part("nc").trim_start_matches('0')))
}

/// Servers that count take each number once, and none below the last.
#[test]
fn no_number_is_used_twice_and_none_overtakes_the_first() {
    let (memory, credential) = (Memory::default(), Credential::new("u", "p"));
    let seeker = || Seeker::new(&memory, space("http://h/"), &credential);
    let challenged = |refusal: &str| {
        let mut seeker = seeker();
        assert_eq!(digest(&mut seeker), None);
        assert!(seeker.is_worth_another(&parse([refusal.as_bytes()]), "c"));
        seeker
    };
    // They begin at once, and the server gives its nonce to both.
    let (mut one, mut two) = (challenged(N1), challenged(N1));
    assert_eq!(digest(&mut one).as_deref(), Some("n1 1"));
    assert_eq!(digest(&mut two).as_deref(), Some("n1 2"));
    // Who comes now could be there before them, and gives nothing away either.
    assert_eq!(digest(&mut seeker()), None);
    let proactive = credential.clone().proactive();
    let mut hasty = Seeker::new(&memory, space("http://h/"), &proactive);
    assert_eq!(hasty.authorization("GET", "/"), None);
    two.let_in();
    assert_eq!(digest(&mut seeker()).as_deref(), Some("n1 3"));
    assert!(one.is_worth_another(&parse([N2_STALE.as_bytes()]), "c"));
    assert_eq!(digest(&mut one).as_deref(), Some("n2 1"));
    assert_eq!(digest(&mut seeker()), None);
    // It is sent again, for a proxy has refused it, and others have come meanwhile.
    assert_eq!(digest(&mut challenged("Digest realm=r, nonce=n3")).as_deref(), Some("n3 "));
    assert_eq!(digest(&mut one).as_deref(), Some("n2 2"));
    one.let_in();
    assert_eq!(digest(&mut seeker()).as_deref(), Some("n2 3"));
    // The server itself says what comes next, whoever is on the way with another.
    let stale = N2_STALE.replace("n2", "n3");
    assert!(one.is_worth_another(&parse([stale.as_bytes()]), "c"));
    assert_eq!(digest(&mut one).as_deref(), Some("n3 1"));
    assert_eq!(digest(&mut seeker()), None);
    two.renew("n4");
    assert_eq!(digest(&mut seeker()).as_deref(), Some("n4 1"));
}

#[test]
fn what_cannot_be_spelled_is_not_sent_again() {
    for (user, refusal, expected) in [
        ("a:b", BASIC, "nothing, refused"),
        ("a:b", N1, "nothing, n1 1"),
        ("a\nb", BASIC, "nothing, refused"),
        ("a\nb", N1, "nothing, refused"),
    ] {
        let credential = Credential::new(user, "p");
        let got = seek(&Memory::default(), "http://h/", &credential, &[refusal]);
        assert_eq!(got, expected, "{user:?} {refusal}");
    }
}

#[test]
fn the_next_nonce_is_counted_from_one() {
    let memory = Memory::default();
    let (credential, other) = (Credential::new("u", "p"), Credential::new("v", "p"));
    let told = |field: &'static str| crate::credentials::next_nonce([field.as_bytes()]);
    for credential in [&credential, &other] {
        assert_eq!(seek(&memory, "http://h/", credential, &[N1]), "nothing, n1 1");
    }
    let nonce = told("rspauth=\"a, nextnonce=x\", nextnonce = \"n2\", qop=auth").unwrap();
    Seeker::new(&memory, space("http://h/"), &credential).renew(&nonce);
    assert_eq!(seek(&memory, "http://h/", &credential, &[]), "n2 1");
    // The same one again counts on.
    Seeker::new(&memory, space("http://h/"), &credential).renew("n2");
    assert_eq!(seek(&memory, "http://h/", &credential, &[]), "n2 2");
    assert_eq!(seek(&memory, "http://h/", &other, &[]), "n1 2", "another user's");
    let session = "Digest realm=r, nonce=n1, qop=auth, algorithm=MD5-sess";
    assert_eq!(seek(&memory, "http://i/", &credential, &[session]), "nothing, n1 1");
    Seeker::new(&memory, space("http://i/"), &credential).renew("n2");
    assert_eq!(seek(&memory, "http://i/", &credential, &[]), "n1 2", "made of the first");
    assert_eq!(
        ["", "nextnonce=\"\"", "nextnonce", "rspauth=\"nextnonce=n\""].map(told),
        [const { None }; 4]
    );
}

#[test]
fn a_server_that_calls_everything_stale_is_left() {
    let fields: Vec<String> =
        (0..20).map(|n| format!("Digest realm=r, nonce=n{n}, qop=auth, stale=true")).collect();
    let refusals: Vec<&str> = fields.iter().map(String::as_str).collect();
    let credential = Credential::new("u", "p");
    let shown = seek(&Memory::default(), "http://h/", &credential, &refusals);
    assert!(shown.ends_with("n3 1, refused"), "{shown}");
}

#[test]
fn later_requests_know_the_way() {
    let memory = Memory::default();
    let credential = Credential::new("u", "p");
    assert_eq!(seek(&memory, "http://h/a", &credential, &[N1]), "nothing, n1 1");
    assert_eq!(seek(&memory, "http://h:80/b", &credential, &[]), "n1 2");
    // A server that forgot its nonce says so or does not.
    assert_eq!(seek(&memory, "http://h/", &credential, &[N2_STALE]), "n1 3, n2 1");
    assert_eq!(seek(&memory, "http://h/", &credential, &[N1]), "n2 2, n1 1");
    assert_eq!(seek(&memory, "http://h/", &credential, &[N2, N1]), "n1 2, n2 1, refused");
    assert_eq!(seek(&memory, "http://h/", &credential, &[]), "nothing", "forgotten");
}

#[test]
fn a_password_is_told_unasked_only_where_it_was_asked_for() {
    let memory = Memory::default();
    let waiting = Credential::new("u", "p");
    for (url, authentication_method) in [
        ("http://h/a/x", AuthenticationMethod::HttpBasic),
        ("http://h/a/d/x", AuthenticationMethod::HttpDigest),
    ] {
        let space = ProtectionSpace { authentication_method, ..space(url) };
        memory.learn(&url.parse().unwrap(), &space);
    }
    assert_eq!(seek(&memory, "http://h/a/x", &waiting, &[BASIC]), "nothing, Basic");
    for (url, expected) in [
        ("http://h/a/", "Basic"),
        ("http://h/a/b/c?d", "Basic"),
        ("http://h/a", "nothing"),
        ("http://h/ab/", "nothing"),
        ("http://h/", "nothing"),
        ("http://h/a/d/y", "nothing"),
        ("http://h:81/a/x", "nothing"),
    ] {
        assert_eq!(seek(&memory, url, &waiting, &[]), expected, "{url}");
        assert_eq!(seek(&memory, url, &waiting.clone().proactive(), &[]), "Basic", "{url}");
    }
}

/// the way that worked, the only one that may be gone, proactive => what is shown unasked
#[test]
fn no_other_way_is_gone_than_the_one_that_may_be() {
    use AuthenticationMethod as By;
    for (learned, method, proactive, expected) in [
        (N1, By::HttpBasic, true, "Basic"),
        (N1, By::HttpBasic, false, "nothing"),
        (N1, By::HttpDigest, true, "n1 2"),
        (N1, By::Default, true, "n1 2"),
        (BASIC, By::HttpDigest, true, "nothing"),
        (BASIC, By::HttpDigest, false, "nothing"),
        (BASIC, By::HttpBasic, true, "Basic"),
    ] {
        let memory = Memory::default();
        let credential = Credential { proactive, ..Credential::new("u", "p") };
        let waiting = Credential::new("u", "p");
        seek(&memory, "http://h/", &waiting, &[learned]);
        let got = seek_by(method, &memory, ("http://h/", &credential), &[]);
        assert_eq!(got, expected, "{learned} {method:?} {proactive}");
        // It leaves to others what it did not use.
        seek_by(method, &memory, ("http://h/", &credential), &["Negotiate"]);
        let uses = (method == By::HttpDigest) == (learned == N1) || method == By::Default;
        assert_eq!(memory.lock().is_empty(), uses, "{learned} {method:?} {proactive}");
    }
}

#[test]
fn folders_are_remembered_up_to_a_number() {
    let memory = Memory::default();
    let url = |n: usize| format!("http://h{n}/a/b").parse().unwrap();
    for n in 0..=FOLDERS_LIMIT {
        memory.learn(&url(n), &space(&format!("http://h{n}/")));
    }
    assert_eq!(memory.space_of(&url(0)), None);
    assert!(memory.space_of(&url(1)).is_some() && memory.space_of(&url(FOLDERS_LIMIT)).is_some());
}

/// The state of a digest is good for its own origin and credential only.
#[test]
fn nothing_is_shared() {
    let memory = Memory::default();
    let credential = Credential::new("u", "p");
    seek(&memory, "http://h/", &credential, &[N1]);
    for url in ["https://h/", "http://h:81/", "http://other/", "http://h.other/"] {
        assert_eq!(seek(&memory, url, &credential, &[]), "nothing", "{url}");
    }
    let other = Credential::new("u", "q");
    assert_eq!(seek(&memory, "http://h/", &other, &[]), "nothing");
    let proxy = ProtectionSpace { is_proxy: true, ..space("http://h/") };
    assert_eq!(Seeker::new(&memory, proxy, &credential).authorization("GET", "/"), None);
    assert_eq!(seek(&memory, "http://h/", &credential, &[]), "n1 2");
    for n in 0..=ENTRIES_LIMIT {
        seek(&memory, &format!("http://h{n}/"), &credential, &[N1]);
    }
    assert_eq!(memory.lock().len(), ENTRIES_LIMIT);
}
