//! Servers that no credential of the task satisfies: the app is asked, and its answer shown.

use super::super::gate::{Gate, Means, Verdict};
use super::super::outgoing::Target;
use super::{Trial, question, summary};
use crate::credentials::{Keychain, Keys, Memory};
use crate::store::Store;
use http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use http::{HeaderMap, Method, StatusCode};
use urlsession_core::{Answered, Given};
use urlsession_protocol::{
    ApplicationId, AuthenticationMethod, Credential, CredentialPersistence, ProtectionSpace,
};
use urlsession_testkit::server::{Answer, Server};

const DIGEST: &str = "Digest realm=\"d\", qop=\"auth\", nonce=\"n\"";
/// `me:pw`
const BASIC: &str = "Basic bWU6cHc=";

fn challenge(field: &str) -> Answer {
    Answer::ok("who?").status(401).header("WWW-Authenticate", field)
}

fn guarded(realm: &str) -> Answer {
    challenge(&format!("Basic realm={realm}"))
}

fn asking(mut trial: Trial) -> Trial {
    trial.asks = Some(Vec::new());
    trial
}

fn answered(space: &ProtectionSpace, user: &str) -> Answered {
    let given = Given::Credential(Credential::new(user, "pw"));
    Answered { space: space.clone(), given }
}

fn shown(server: &Server) -> Vec<String> {
    let shown = |seen: &urlsession_testkit::server::Seen| {
        seen.header("authorization").unwrap_or("-").to_owned()
    };
    server.requests().iter().map(shown).collect()
}

#[tokio::test]
async fn who_has_no_credential_asks_and_shows_the_answer() {
    let server = Server::start();
    server.on("/", guarded("r").times(2).then(Answer::ok("in")));
    let mut trial = asking(Trial::data(&server.url("/")));
    let asked = question(&trial).await;
    let space = &asked.protection_space;
    assert_eq!(space.realm.as_deref(), Some("r"));
    assert_eq!(space.authentication_method, AuthenticationMethod::HttpBasic);
    assert!(space.is_of_same_server(&ProtectionSpace::of_url(&server.url("/")).unwrap()));
    assert_eq!((asked.previous_failure_count, asked.proposed_user), (0, None));
    trial.order.answers.push(answered(space, "me"));
    assert_eq!(summary(&trial.run().await), "done 200 2");
    // What the first request taught is remembered with the credential.
    assert_eq!(shown(&server), ["-", "-", BASIC]);
}

#[tokio::test]
async fn refused_credentials_are_counted_and_not_shown_again() {
    let server = Server::start();
    server.on("/", guarded("r"));
    let mut trial = asking(Trial::data(&server.url("/")));
    trial.order.request.credential = Some(Credential::new("own", "pw"));
    let asked = question(&trial).await;
    assert_eq!(asked.previous_failure_count, 1);
    assert_eq!(asked.proposed_user.unwrap().expose(), "own");
    trial.order.answers.push(answered(&asked.protection_space, "me"));
    let asked = question(&trial).await;
    assert_eq!(asked.previous_failure_count, 1, "the answer alone was tried");
    assert_eq!(asked.proposed_user.unwrap().expose(), "me");
    assert!(shown(&server).ends_with(&["-".to_owned(), BASIC.to_owned()]));
}

#[tokio::test]
async fn what_is_rejected_is_not_asked_about() {
    let server = Server::start();
    server.on("/", challenge(&format!("Basic realm=b, {DIGEST}")));
    let mut trial = asking(Trial::data(&server.url("/")));
    let mut seen = Vec::new();
    for _ in 0..2 {
        let space = question(&trial).await.protection_space;
        seen.push(space.authentication_method);
        trial.asks.as_mut().unwrap().push(space);
    }
    assert_eq!(seen, [AuthenticationMethod::HttpDigest, AuthenticationMethod::HttpBasic]);
    assert_eq!(summary(&trial.run().await), "done 401 4");
}

#[tokio::test]
async fn nobody_is_asked_in_vain() {
    let server = Server::start();
    let long = "r".repeat(2000);
    for (field, header) in [
        ("Negotiate", None),
        ("Bearer realm=r", None),
        (&*format!("Basic realm={long}"), None),
        ("Basic realm=r", Some("Bearer t")),
    ] {
        server.on("/", challenge(field));
        let mut trial = asking(Trial::data(&server.url("/")));
        if let Some(value) = header {
            trial = trial.header("Authorization", value);
        }
        assert_eq!(summary(&trial.run().await), "done 401 4", "{field}");
    }
    server.on("/", guarded("r"));
    assert_eq!(summary(&Trial::data(&server.url("/")).run().await), "done 401 4");
}

#[tokio::test]
async fn an_answer_is_for_the_server_that_asked() {
    let (first, second) = (Server::start(), Server::start());
    first.on("/", Answer::redirect(302, &second.url("/x")));
    second.on("/x", guarded("r").times(2).then(Answer::ok("in")));
    let mut trial = asking(Trial::data(&first.url("/")));
    trial.order.request.credential = Some(Credential::new("own", "pw"));
    let asked = question(&trial).await;
    assert_eq!(asked.previous_failure_count, 0, "the task's own credential is not for it");
    trial.order.answers.push(answered(&asked.protection_space, "me"));
    assert_eq!(summary(&trial.run().await), "done 200 2");
    assert_eq!(shown(&second), ["-", "-", BASIC]);
    assert_eq!(shown(&first), ["-", "-"]);
}

#[tokio::test]
async fn a_question_keeps_the_bytes() {
    let server = Server::start();
    let whole = || Answer::pseudo_random(3, 30_000).etag("\"1\"");
    server.on("/f", whole().drop_after(9000).times(1).then(guarded("r").times(1).then(whole())));
    let mut trial = asking(Trial::download(&server.url("/f")));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 9000");
    let ending = trial.run_and_record().await;
    assert_eq!(summary(&ending), "challenged kept 9000");
    assert_eq!(summary(&trial.run().await), "done 200 30000");
    assert_eq!(server.requests().last().unwrap().header("range"), Some("bytes=9000-"));
}

#[tokio::test]
async fn a_credential_that_was_let_in_is_kept_for_others() {
    let server = Server::start();
    server.on("/a/b", guarded("r").times(1).then(Answer::ok("in")));
    server.on("/a/c/d", Answer::ok("in"));
    server.on("/e", guarded("r").times(1).then(Answer::ok("in")));
    let (inbox, _messages) = crate::inbox::channel();
    let store = Store::in_memory();
    let kept = Keys::new(Keychain::new(false), inbox)
        .of(&ApplicationId::new("app").unwrap(), &store)
        .unwrap();
    let mut trial = Trial::data(&server.url("/a/b"));
    trial.credentials = Some(kept.clone());
    let credential = Credential::new("me", "pw").kept(CredentialPersistence::ForSession);
    trial.order.request.credential = Some(credential);
    assert_eq!(summary(&trial.run().await), "done 200 2");
    trial.order.request.credential = None;
    for path in ["/a/c/d", "/e"] {
        trial.order.request.url = server.url(path);
        assert_eq!(summary(&trial.run().await), "done 200 2");
    }
    // Below the folder of the first request it is not waited for the question.
    assert_eq!(shown(&server), ["-", BASIC, BASIC, "-", BASIC]);
    assert_eq!(kept.remove(None), 1);
    server.on("/e", guarded("r"));
    assert_eq!(summary(&trial.run().await), "done 401 4");
}

/// A server that let in one task is not asked about the next, which has the same credential.
#[tokio::test]
async fn a_credential_is_kept_though_nobody_asked_for_it() {
    let server = Server::start();
    server.on("/a/b", guarded("r").times(1).then(Answer::ok("in")));
    server.on("/a/open", Answer::ok("in"));
    let (inbox, _messages) = crate::inbox::channel();
    let mut keys = Keys::new(Keychain::new(false), inbox);
    let kept = keys.of(&ApplicationId::new("app").unwrap(), &Store::in_memory()).unwrap();
    let mut trial = Trial::data(&server.url("/a/b"));
    trial.credentials = Some(kept.clone());
    let credential = Credential::new("me", "pw");
    trial.order.request.credential = Some(credential.clone());
    assert_eq!(summary(&trial.run().await), "done 200 2");
    let lasting = credential.kept(CredentialPersistence::ForSession);
    let space = ProtectionSpace {
        realm: Some("r".into()),
        ..ProtectionSpace::of_url(&server.url("/")).unwrap()
    };
    let given = Given::Credential(lasting.clone());
    for (own, answers) in
        [(Some(lasting), vec![]), (None, vec![Answered { space: space.clone(), given }])]
    {
        trial.order.request.credential = own;
        trial.order.answers = answers;
        assert_eq!(summary(&trial.run().await), "done 200 2");
        assert_eq!(kept.list().len(), 1);
        assert_eq!(kept.remove(None), 1);
    }
    assert_eq!(shown(&server), ["-", BASIC, BASIC, BASIC]);
    // What nobody has seen has let in nobody.
    let other = Credential::new("other", "pw").kept(CredentialPersistence::ForSession);
    trial.order.request.credential = Some(other);
    trial.order.answers = vec![];
    trial.order.request.url = server.url("/a/open");
    assert_eq!(summary(&trial.run().await), "done 200 2");
    assert_eq!((shown(&server).last().unwrap().as_str(), kept.list()), ("-", vec![]));
}

/// A person forgets it while a request that it was lent for is on its way.
#[test]
fn a_credential_that_is_forgotten_stays_forgotten() {
    let (inbox, _messages) = crate::inbox::channel();
    let mut keys = Keys::new(Keychain::new(false), inbox);
    let kept = keys.of(&ApplicationId::new("app").unwrap(), &Store::in_memory()).unwrap();
    let (url, memory) = ("http://h/a".parse().unwrap(), Memory::default());
    let credential = Credential::new("me", "pw").kept(CredentialPersistence::Permanent);
    kept.set(&ProtectionSpace::of_url("http://h/").unwrap(), &credential).unwrap();
    let means = Means {
        own: None,
        answers: &[],
        kept: Some(&kept),
        asks: None,
        memory: &memory,
        method: AuthenticationMethod::Default,
    };
    let mut gate = Gate::new(means, &url, Target::OfUrl);
    let asked = HeaderMap::from_iter([(WWW_AUTHENTICATE, "Basic realm=r".parse().unwrap())]);
    let mut shown = HeaderMap::new();
    gate.show(&Method::GET, &mut shown);
    assert!(matches!(gate.judge(StatusCode::UNAUTHORIZED, &asked), Ok(Verdict::Again)));
    gate.show(&Method::GET, &mut shown);
    assert_eq!(shown[AUTHORIZATION], BASIC);
    assert_eq!(kept.remove(None), 1);
    assert!(matches!(gate.judge(StatusCode::OK, &HeaderMap::new()), Ok(Verdict::Response)));
    assert_eq!(kept.list(), []);
}

/// A proxy on the way refuses what was shown to the server, or nothing was shown at all.
#[test]
fn a_credential_that_the_server_has_not_seen_is_not_kept() {
    let (inbox, _messages) = crate::inbox::channel();
    let mut keys = Keys::new(Keychain::new(false), inbox);
    let kept = keys.of(&ApplicationId::new("app").unwrap(), &Store::in_memory()).unwrap();
    let (url, memory) = ("http://h/a".parse().unwrap(), Memory::default());
    let space = ProtectionSpace::of_url("http://h/").unwrap();
    memory.learn(&url, &space);
    let good = Credential::new("good", "pw").kept(CredentialPersistence::ForSession);
    kept.set(&space, &good).unwrap();
    let own = Credential::new("own", "pw").kept(CredentialPersistence::ForSession).proactive();
    for (status, method, expected) in [
        (StatusCode::PROXY_AUTHENTICATION_REQUIRED, AuthenticationMethod::Default, &good),
        // Nobody asked for Digest, and so it was not shown.
        (StatusCode::OK, AuthenticationMethod::HttpDigest, &good),
        (StatusCode::OK, AuthenticationMethod::Default, &own),
    ] {
        let means = Means {
            own: Some(&own),
            answers: &[],
            kept: Some(&kept),
            asks: None,
            memory: &memory,
            method,
        };
        let mut gate = Gate::new(means, &url, Target::OfUrl);
        gate.show(&Method::GET, &mut HeaderMap::new());
        assert!(matches!(gate.judge(status, &HeaderMap::new()), Ok(Verdict::Response)));
        assert_eq!(kept.find(&space).as_ref(), Some(expected), "{status} {method:?}");
    }
}

/// Says what a server is shown that always asks the same, and what the app is asked about at the end.
fn exchange(kept: &[(Option<&str>, &str)], own: Option<&str>, asked: &[&str]) -> String {
    let (inbox, _messages) = crate::inbox::channel();
    let mut keys = Keys::new(Keychain::new(false), inbox);
    let store = keys.of(&ApplicationId::new("app").unwrap(), &Store::in_memory()).unwrap();
    let space = ProtectionSpace::of_url("http://h/").unwrap();
    let credential =
        |user: &str| Credential::new(user, "pw").kept(CredentialPersistence::ForSession);
    let (url, memory) = ("http://h/a".parse().unwrap(), Memory::default());
    for (realm, user) in kept {
        let space = ProtectionSpace { realm: realm.map(str::to_owned), ..space.clone() };
        store.set(&space, &credential(user)).unwrap();
    }
    let own = own.map(credential);
    let means = Means {
        own: own.as_ref(),
        answers: &[],
        kept: Some(&store),
        asks: Some(&[]),
        memory: &memory,
        method: AuthenticationMethod::Default,
    };
    let mut gate = Gate::new(means, &url, Target::OfUrl);
    let fields = asked.iter().map(|field| (WWW_AUTHENTICATE, field.parse().unwrap()));
    let asked: HeaderMap = fields.collect();
    let mut seen = Vec::new();
    loop {
        let mut shown = HeaderMap::new();
        gate.show(&Method::GET, &mut shown);
        let shown = shown.get(AUTHORIZATION).map_or("-", |value| value.to_str().unwrap());
        let part = |name| shown.split(&format!("{name}=\"")).nth(1)?.split('"').next();
        seen.push(match (part("username"), part("realm")) {
            (Some(user), Some(realm)) => format!("{user} to {realm}"),
            _ => shown.to_owned(),
        });
        match gate.judge(StatusCode::UNAUTHORIZED, &asked).unwrap() {
            Verdict::Again => {}
            Verdict::Response => return format!("{}; refused", seen.join(", ")),
            Verdict::Ask(asked) => {
                let realm = asked.protection_space.realm.unwrap();
                return format!("{}; asks for {realm}", seen.join(", "));
            }
        }
    }
}

/// kept for which realms, the task's own => what is shown, and what is asked
#[test]
fn a_credential_of_one_part_answers_no_other() {
    let (one, two) =
        ("Digest realm=\"1\", nonce=n", "Digest realm=\"2\", nonce=n, algorithm=SHA-256");
    for asked in [&[one, two][..], &[two, one], &[&*format!("{one}, {two}")]] {
        for (kept, own, expected) in [
            (&[(Some("1"), "a")][..], None, "-, a to 1; asks for 2"),
            (&[(Some("2"), "b")], None, "-, b to 2; asks for 2"),
            (&[(Some("1"), "a"), (Some("2"), "b")], None, "-, b to 2, a to 1; asks for 2"),
            (&[(None, "all")], None, "-, all to 2; asks for 2"),
            (&[], Some("own"), "-, own to 2; asks for 2"),
            (&[(Some("1"), "a")], Some("own"), "-, own to 2, a to 1; asks for 2"),
            (&[], None, "-; asks for 2"),
        ] {
            assert_eq!(exchange(kept, own, asked), expected, "{asked:?}");
        }
    }
}
