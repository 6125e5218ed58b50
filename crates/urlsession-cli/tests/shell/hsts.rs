//! `hsts`, `--no-hsts` and files of hosts: those that said so are asked over https only, whoever is
//! killed.

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
        world.get(&home, &["-w", "%{url_effective} %{scheme}", "http://known.example/"]),
        "securehttps://known.example/ https"
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

/// curl's file is ours, and ours is curl's.
#[test]
fn files_go_to_curl_and_come_from_it() {
    if !crate::has_curl() {
        return;
    }
    let (home, world) = (Home::new(), World::new());
    let curl = |file: &str, url: &str| {
        let words = world.words.iter().skip(1).filter(|word| *word != "-q");
        let output = std::process::Command::new("curl")
            .args(["-q", "-s", "-S", "--noproxy", "*", "--hsts", file])
            .args(words)
            .arg(url)
            .current_dir(home.file(""))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(curl("curl.txt", "https://known.example/"), "secure");
    assert_eq!(world.get(&home, &["--hsts", "curl.txt", "http://known.example/"]), "secure");
    assert_eq!(world.get(&home, &["--hsts", "ours.txt", "http://known.example/"]), "secure");
    assert_eq!(curl("ours.txt", "http://known.example/"), "secure");
    let known = |name: &str| {
        let text = std::fs::read_to_string(home.file(name)).unwrap();
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect::<Vec<_>>()
    };
    let [line] = &known("ours.txt")[..] else { panic!("{:?}", known("ours.txt")) };
    assert!(line.starts_with(".known.example \"2"), "{line}");
    // As wget has it, to another home.
    world.get(&home, &["--hsts-file", "wget.txt", "http://known.example/"]);
    assert!(known("wget.txt")[0].starts_with("known.example\t0\t1\t"), "{:?}", known("wget.txt"));
    let other = Home::new();
    let file = home.file("wget.txt").display().to_string();
    assert_eq!(world.get(&other, &["--hsts-file", &file, "http://known.example/"]), "secure");
    assert_eq!(world.plain.requests().len(), 0);
}

#[test]
fn files_of_hosts_are_read_and_written_whole_or_not_at_all() {
    let (home, world) = (Home::new(), World::new());
    let text = "known.example \"20990101 00:00:00\"\nwhat is this\n";
    home.write("wrong", text.as_bytes());
    let words: Vec<&str> = world.words.iter().map(String::as_str).collect();
    let ran = home.run(&[&words[..], &["--hsts", "wrong", "http://known.example/"]].concat());
    assert_eq!((ran.code, ran.out.as_str()), (9, ""), "{ran:?}");
    assert!(ran.err.contains("wrong, line 2: no host with its end"), "{ran:?}");
    assert_eq!(std::fs::read_to_string(home.file("wrong")).unwrap(), text);
    assert_eq!((home.out(&["hsts", "ls"]), world.plain.requests().len()), (String::new(), 0));
    // Also where something failed.
    world.secure.on("/gone", Answer::ok("x").status(404).header(FIELD, "max-age=86400"));
    let gone = ["--hsts", "file", "https://known.example/gone"];
    assert_eq!(home.run(&[&words[..], &gone].concat()).code, 8);
    assert!(std::fs::read_to_string(home.file("file")).unwrap().contains("\nknown.example \"2"));
    let nowhere = ["--hsts", "none/file", "https://known.example/"];
    let ran = home.run(&[&words[..], &nowhere].concat());
    assert_eq!((ran.code, ran.out.as_str()), (9, "secure"), "{ran:?}");
    for (words, what) in [
        (&["add", "--hsts", "f", "http://h"][..], "--hsts"),
        (&["put", "--detach", "--hsts-file", "f", "wrong", "http://h"], "--hsts"),
        (&["get", "--hsts", "f", "--no-hsts", "http://h"], "--no-hsts"),
    ] {
        let ran = home.run(words);
        assert!(ran.code == 2 && ran.err.contains(what), "{ran:?}");
    }
}
