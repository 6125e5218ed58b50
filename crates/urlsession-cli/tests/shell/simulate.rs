//! A simulated world, as those meet it who test an app with it: the unchanged client, its daemon, no
//! network.

use crate::home::{Home, OWN, Ran, ran};
use std::path::Path;
use std::process::Command;
use urlsession_testkit::server::sha256;

const MIB: usize = 1 << 20;
const A: &str = "https://example.com/a.zip";

/// A home whose daemon lives in a simulation.
struct Simulated(Home);

impl Simulated {
    fn of(scenario: &str) -> Self {
        let home = Home::new();
        home.write("scenario.txt", scenario.as_bytes());
        Self(home)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.0.command(words);
        command.env("URLSESSION_SIMULATE", self.0.file("scenario.txt"));
        command
    }

    fn run(&self, words: &[&str]) -> Ran {
        ran(self.command(words).output().unwrap())
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.0.file(name)).unwrap()
    }

    /// Returns the seconds of the simulation that have passed.
    fn passed(&self) -> u64 {
        let text = std::fs::read(self.0.paths().state.join("simulation.json")).unwrap();
        let position: serde_json::Value = serde_json::from_slice(&text).unwrap();
        position["passed"].as_u64().unwrap() / 1000
    }
}

#[test]
fn a_day_of_troubles_passes_in_a_moment() {
    let world = Simulated::of(&format!(
        "file {A} size 4MiB rate 64KiB/s etag a\n\
         drop {A} after 1MiB times 1\n\
         at 35s network down\n\
         at 12h network up\n\
         at 12h status {A} 503 retry-after 6h times 1\n\
         at 18h disk full\n\
         at 24h disk free"
    ));
    let got = world.run(&["get", A, "-o", "a"]);
    assert_eq!(got.code, 0, "{got:?}");
    assert_eq!(world.bytes("a").len(), 4 * MIB);
    for word in ["connection was lost", "no network", "503"] {
        assert!(got.err.contains(word), "{word}: {got:?}");
    }
    let passed = world.passed();
    assert!((24 * 3600..25 * 3600).contains(&passed), "{passed}");
    // Interrupted or not, the bytes are those of the file.
    let smooth = Simulated::of(&format!("file {A} size 4MiB"));
    assert_eq!(smooth.run(&["get", A, "-o", "a"]).code, 0);
    assert_eq!(sha256(&world.bytes("a")), sha256(&smooth.bytes("a")));
}

#[test]
fn a_limit_of_the_real_world_does_not_hold_up_a_simulation() {
    let world = Simulated::of(&format!("file {A} size 4MiB rate 1MiB/s"));
    assert_eq!(world.run(&["limit", "1"]).code, 0);
    let got = world.run(&["get", "--max-time", "1h", A, "-o", "a"]);
    assert_eq!((got.code, world.bytes("a").len()), (0, 4 * MIB), "{got:?}");
}

#[test]
fn a_daemon_that_dies_goes_on_where_it_was() {
    let world = Simulated::of(&format!(
        "file {A} size 32MiB rate 1MiB/s etag a\n\
         at 20s kill daemon\n\
         at 25s kill daemon"
    ));
    let got = world.run(&["get", A, "-o", "a"]);
    assert_eq!(got.code, 0, "{got:?}");
    assert_eq!(world.bytes("a").len(), 32 * MIB);
    // From the beginning it would be 57 s and more.
    let passed = world.passed();
    assert!((32..50).contains(&passed), "{passed}");
    let log = std::fs::read_to_string(world.0.paths().log()).unwrap();
    assert_eq!(log.matches(" started ").count(), 3, "{log}");
}

#[test]
fn a_busy_server_is_not_asked_sooner_by_the_next_daemon() {
    let world = Simulated::of(&format!(
        "file {A} size 1KiB\nstatus {A} 503 retry-after 6h times 1\nat 1h kill daemon"
    ));
    let got = world.run(&["get", A, "-o", "a"]);
    assert_eq!(got.code, 0, "{got:?}");
    let passed = world.passed();
    assert!((6 * 3600..7 * 3600).contains(&passed), "{passed}");
}

#[test]
fn a_file_that_changes_is_fetched_anew() {
    let world = Simulated::of(&format!(
        "file {A} size 8MiB rate 1MiB/s etag a\n\
         drop {A} after 4MiB times 1\n\
         at 4s change {A} etag b text \"the new one\""
    ));
    let got = world.run(&["get", A, "-o", "a"]);
    assert_eq!((got.code, world.bytes("a").as_slice()), (0, b"the new one".as_slice()), "{got:?}");
}

#[test]
fn time_stands_still_for_an_app_that_is_asked() {
    let world = Simulated::of(&format!(
        "file {A}?fresh size 100\n\
         status {A} 403"
    ));
    let id = world.run(&["add", "-q", "--recoverable", "403", A, "-o", "a"]);
    let id = id.out.trim();
    let asked = world.run(&["explain", id]);
    assert!(asked.out.contains("403"), "{asked:?}");
    assert_eq!(world.run(&["edit", id, "--url", &format!("{A}?fresh")]).code, 0);
    let waited = world.run(&["wait", id]);
    assert_eq!(waited.code, 0, "{waited:?}");
    assert_eq!(world.bytes("a").len(), 100);
}

#[test]
fn time_can_be_held_in_the_middle() {
    let world = Simulated::of(&format!(
        "file {A} size 10MiB rate 1MiB/s\n\
         at 5s hold"
    ));
    let id = world.run(&["add", "-q", A, "-o", "a"]);
    let seen = loop {
        let shown = world.run(&["show", "--json", id.out.trim()]);
        let shown: serde_json::Value = serde_json::from_str(&shown.out).unwrap();
        let received = shown["count_of_bytes_received"].as_u64().unwrap();
        if received > 9 * MIB as u64 / 2 {
            break received;
        }
    };
    assert!(seen < 11 * MIB as u64 / 2, "{seen}");
    assert_eq!(world.run(&["wait", id.out.trim()]).code, 0);
}

#[test]
fn servers_answer_as_they_were_told_to() {
    let world = Simulated::of(
        "file https://example.com/a text \"hello\" type text/plain\n\
         redirect https://example.com/old to /a\n\
         accept https://example.com/up status 201 text \"thanks\"\n\
         fail https://example.com/bad -1202",
    );
    let out = |words: &[&str]| {
        let got = world.run(words);
        (got.code, got.err)
    };
    assert_eq!(out(&["get", "https://example.com/old", "-o", "a"]).0, 0);
    assert_eq!(world.bytes("a"), b"hello");
    world.0.write("body", &[7; 100_000]);
    assert_eq!(out(&["put", "body", "https://example.com/up"]).0, 0);
    assert_eq!(out(&["get", "https://example.com/nothing", "-o", "b"]).0, 8);
    let (code, said) = out(&["get", "https://example.com/bad", "-o", "b"]);
    assert_eq!(code, 10);
    assert!(said.contains("certificate"), "{said}");
    let (code, said) = out(&["get", "https://elsewhere.org/", "-o", "b", "--retry", "2"]);
    assert_eq!(code, 10);
    assert!(said.contains("hostname could not be found"), "{said}");
}

#[test]
fn a_simulation_and_the_world_share_no_home() {
    let world = Simulated::of("file https://example.com/a siez 5");
    let wrong = world.run(&["daemon", "start"]);
    assert_eq!(wrong.code, 6);
    assert!(wrong.err.contains("scenario.txt: line 1: a file has no “siez”"), "{wrong:?}");
    world.0.write("scenario.txt", b"file https://example.com/a size 5");
    assert_eq!(world.run(&["daemon", "start"]).code, 0);
    assert_eq!(world.run(&["daemon", "stop"]).code, 0);
    let real = world.0.run(&["daemon", "start"]);
    assert_eq!(real.code, 6);
    assert!(real.err.contains("belongs to a simulation"), "{real:?}");
    let mut homeless = Command::new(OWN);
    let scenario = world.0.file("scenario.txt");
    homeless.args(["daemon", "--simulate"]).arg(scenario).env_remove("URLSESSION_HOME");
    let homeless = ran(homeless.output().unwrap());
    assert_eq!(homeless.code, 6);
    assert!(homeless.err.contains("set URLSESSION_HOME"), "{homeless:?}");
}

#[test]
fn the_page_about_testing_says_what_works() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let page = std::fs::read_to_string(root.join("docs/testing.md")).unwrap();
    let script = page.split("```sh\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let home = Home::new();
    let folder = Path::new(OWN).parent().unwrap();
    let path = std::env::join_paths(
        std::iter::once(folder.to_owned())
            .chain(std::env::split_paths(&std::env::var_os("PATH").unwrap())),
    );
    let output = Command::new("sh")
        .args(["-euc", script])
        .current_dir(home.file(""))
        .env("PATH", path.unwrap())
        .env_remove("URLSESSION_HOME")
        .output();
    let got = ran(output.unwrap());
    assert_eq!(got.code, 0, "{got:?}");
    assert!(got.out.ends_with("it came\n"), "{got:?}");
}
