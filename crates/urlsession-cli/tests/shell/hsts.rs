//! `hsts` and `--no-hsts`: hosts that said so are asked over https only, whoever is killed.

use crate::home::Home;
use urlsession_testkit::server::{Answer, Certificate, Server};

const FIELD: &str = "Strict-Transport-Security";

/// A host with a server that speaks TLS and one that does not, and the words that lead there.
struct World {
    secure: Server,
    plain: Server,
    words: Vec<String>,
}

impl World {
    fn new() -> Self {
        let secure = Server::start_tls_with(Certificate::Named(&["known.example"]));
        let plain = Server::start();
        secure.on("/", Answer::ok("secure").header(FIELD, "max-age=86400; includeSubDomains"));
        plain.on("/", Answer::ok("plain"));
        let to = |port, server: &Server| {
            format!("known.example:{port}:127.0.0.1:{}", server.address().port())
        };
        let root = secure.ca_pem().display().to_string();
        let words = ["get", "-q", "-o", "-", "--cacert", &root, "--connect-to", &to(443, &secure)]
            .into_iter()
            .chain(["--connect-to", &to(80, &plain)])
            .map(str::to_owned)
            .collect();
        Self { secure, plain, words }
    }

    fn get(&self, home: &Home, more: &[&str]) -> String {
        let words: Vec<&str> = self.words.iter().map(String::as_str).chain(more.to_vec()).collect();
        home.out(&words)
    }
}

#[test]
fn what_is_known_survives_the_death_of_the_daemon() {
    let (home, world) = (Home::new(), World::new());
    assert_eq!(world.get(&home, &["http://known.example/"]), "plain");
    assert_eq!(world.get(&home, &["https://known.example/"]), "secure");
    home.kill_daemon();
    assert_eq!(world.get(&home, &["http://known.example/"]), "secure");
    home.kill_daemon();
    assert_eq!(
        world.get(&home, &["http://known.example:80/", "http://KNOWN.example/"]),
        "securesecure"
    );
    assert_eq!((world.plain.requests().len(), world.secure.requests().len()), (1, 4));
}

#[test]
fn what_is_known_is_listed_and_forgotten() {
    let (home, world) = (Home::new(), World::new());
    assert_eq!(home.out(&["hsts", "ls"]), "");
    // Without it nothing is heard, and nothing is asked.
    assert_eq!(world.get(&home, &["--no-hsts", "https://known.example/"]), "secure");
    assert_eq!(world.get(&home, &["http://known.example/"]), "plain");
    // Nor where any certificate is taken.
    assert_eq!(world.get(&home, &["--insecure", "https://known.example/"]), "secure");
    assert_eq!(home.out(&["hsts", "ls"]), "");
    assert_eq!(world.get(&home, &["https://known.example/"]), "secure");
    assert_eq!(world.get(&home, &["--no-hsts", "http://known.example/"]), "plain");
    assert_eq!(
        world.get(&home, &["-w", "%{url_effective}", "http://known.example/"]),
        "securehttps://known.example/"
    );
    let listed = home.out(&["hsts", "ls"]);
    assert!(listed.starts_with("HOST") && listed.contains("\n.known.example "), "{listed}");
    let json = home.json(&["hsts", "ls", "--json"]);
    assert_eq!((&json[0]["schema"], &json[0]["host"]), (&1.into(), &"known.example".into()));
    assert_eq!(json[0]["include_subdomains"], serde_json::Value::Bool(true));
    assert_eq!(home.out(&["hsts", "ls", "--app", "com.other"]), "");
    assert_eq!(home.run(&["hsts", "clear", "other.test"]).err, "0 forgotten\n");
    assert_eq!(home.run(&["hsts", "clear", "Known.Example."]).err, "1 forgotten\n");
    assert_eq!(world.get(&home, &["http://known.example/"]), "plain");
    assert_eq!(home.run(&["hsts"]).code, 2);
}
