//! The network goes, comes, changes and loses: two network namespaces and a cable between them.
//!
//! ```text
//!   this test again, its server, the shell          the daemon
//!   veth0 10.77.0.1 ───────────── cable ─────────── net0 10.77.0.2
//! ```
#![cfg(target_os = "linux")]

use crate::home::Home;
use serde_json::Value;
use std::fs;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};
use std::process::{Child, Command, Stdio};
use urlsession_testkit::server::{Answer, Body, Server, sha256};

const MIB: u64 = 1 << 20;
/// How often a state is looked for; each look starts a program that asks the daemon.
const LOOKS: u32 = 6000;
/// Set for the test that runs in a network of its own.
const INSIDE: &str = "URLSESSION_TEST_NETWORK";
const NEAR: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);

#[test]
fn without_a_network_no_try_is_lost_and_the_first_one_with_it_succeeds() {
    if !is_inside("without_a_network_no_try_is_lost_and_the_first_one_with_it_succeeds", &[]) {
        return;
    }
    let cable = Cable::new();
    cable.far("ip link set net0 down");
    let (home, server) = (Home::new(), Server::start_at(IpAddr::V4(NEAR)));
    server.on("/file", Answer::ok("content"));
    cable.start_daemon(&home);
    home.out(&["add", "-q", "--retry", "0", &server.url("/file")]);
    wait_for(&home, "1", |task| task["reason"] == "connectivity");
    // The next look without being told would come after ten minutes.
    cable.far("ip link set net0 up");
    home.out(&["wait", "--timeout", "120s", "1"]);
    assert_eq!(fs::read(home.file("file")).unwrap(), b"content");
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn a_cable_that_is_pulled_out_and_put_in_again() {
    if !is_inside("a_cable_that_is_pulled_out_and_put_in_again", &[]) {
        return;
    }
    let (cable, home, server) = begin_download(&["--retry", "0", "--idle-timeout", "5s"]);
    cable.near("ip link set veth0 down");
    wait_for(&home, "1", |task| task["reason"] == "connectivity");
    cable.near("ip link set veth0 up");
    check_download(&home, &server);
}

#[test]
fn another_address_ends_the_connections_of_the_old_one() {
    if !is_inside("another_address_ends_the_connections_of_the_old_one", &[]) {
        return;
    }
    // The idle timer would not notice.
    let (cable, home, server) = begin_download(&["--idle-timeout", "1h"]);
    cable.far("ip addr del 10.77.0.2/24 dev net0");
    cable.far("ip addr add 10.77.0.3/24 dev net0");
    check_download(&home, &server);
    let log = home.out(&["daemon", "logs"]);
    assert!(log.contains("the network changed"), "{log}");
}

#[test]
fn packets_are_lost() {
    if !is_inside("packets_are_lost", &["nft"]) {
        return;
    }
    let (cable, home) = (Cable::new(), Home::new());
    let server = Server::start_at(IpAddr::V4(NEAR));
    server.on("/file", Answer::pseudo_random(3, 2 * MIB).etag("\"3\""));
    server.on("/later", Answer::ok("content"));
    cable.start_daemon(&home);
    cable.near("nft add table inet faults");
    cable.near("nft add chain inet faults in { type filter hook input priority 0; }");
    let lose = |what: &str| {
        cable.near("nft flush chain inet faults in");
        cable.near(&format!("nft add rule inet faults in ip saddr 10.77.0.2 {what}"));
    };
    lose("numgen random mod 100 < 5 drop");
    home.out(&["get", "-q", &server.url("/file")]);
    let body = Body::PseudoRandom { seed: 3, length: 2 * MIB };
    assert_eq!(sha256(&fs::read(home.file("file")).unwrap()), body.sha256());
    // No interface tells of that.
    lose("drop");
    home.out(&["add", "-q", "--idle-timeout", "1s", &server.url("/later")]);
    wait_for(&home, "2", |task| task["reason"] == "retry_at");
    lose("accept");
    home.out(&["wait", "--timeout", "120s", "2"]);
    assert_eq!(fs::read(home.file("later")).unwrap(), b"content");
}

#[test]
fn names_cannot_be_looked_up_for_a_while() {
    if !is_inside("names_cannot_be_looked_up_for_a_while", &[]) {
        return;
    }
    let (cable, home) = (Cable::new(), Home::new());
    let server = Server::start_at(IpAddr::V4(NEAR));
    server.on("/file", Answer::ok("content"));
    cable.start_daemon(&home);
    home.out(&["add", "-q", &format!("http://files.test:{}/file", server.address().port())]);
    wait_for(&home, "1", |task| {
        task["reason"] == "retry_at" && task["error"].to_string().contains("files.test")
    });
    let socket = UdpSocket::bind((NEAR, 53)).unwrap();
    std::thread::spawn(move || tell_names(&socket));
    home.out(&["wait", "--timeout", "120s", "1"]);
    assert_eq!(fs::read(home.file("file")).unwrap(), b"content");
}

#[test]
fn an_address_of_the_link_has_its_interface_in_the_url() {
    if !is_inside("an_address_of_the_link_has_its_interface_in_the_url", &[]) {
        return;
    }
    let (cable, home) = (Cable::new(), Home::new());
    cable.near("ip addr add fe80::77/64 dev veth0 nodad");
    cable.far("ip addr add fe80::78/64 dev net0 nodad");
    let server = Server::start_at(Ipv6Addr::UNSPECIFIED.into());
    server.on("/f", Answer::ok("content"));
    cable.start_daemon(&home);
    let port = server.address().port();
    let url = |address: &str| format!("[fe80::77{address}]:{port}/f");
    for (name, url) in [
        ("a", format!("http://{}", url("%25net0"))),
        ("b", format!("http://{}", url("%net0"))),
        ("c", url("%25net0")),
    ] {
        home.out(&["get", "-q", "-o", name, &url]);
        assert_eq!(fs::read(home.file(name)).unwrap(), b"content", "{url}");
    }
    let host = format!("[fe80::77]:{port}");
    assert!(server.requests().iter().all(|seen| seen.header("host") == Some(&host)));
    let ran = home.run(&["get", "-q", "--retry", "0", &url("%25none0")]);
    assert!(ran.code == 10 && ran.err.contains("none0"), "{ran:?}");
    let ran = home.run(&["get", "-q", "--interface", "lo", &url("%25net0")]);
    assert!(ran.code == 2 && ran.err.contains("--interface"), "{ran:?}");
}

/// Begins to download 8 MiB, of which the first comes and then nothing more.
fn begin_download(options: &[&str]) -> (Cable, Home, Server) {
    let (cable, home) = (Cable::new(), Home::new());
    let server = Server::start_at(IpAddr::V4(NEAR));
    let answer = Answer::pseudo_random(2, 8 * MIB).etag("\"2\"");
    server.on("/file", answer.stall_after(MIB).times(1));
    cable.start_daemon(&home);
    home.out(&[&["add", "-q"], options, &[&server.url("/file")]].concat());
    wait_for(&home, "1", |task| task["count_of_bytes_received"].as_u64() == Some(MIB));
    (cable, home, server)
}

/// Waits for the end of that download, which must go on from what it had.
fn check_download(home: &Home, server: &Server) {
    home.out(&["wait", "--timeout", "120s", "1"]);
    let body = Body::PseudoRandom { seed: 2, length: 8 * MIB };
    assert_eq!(sha256(&fs::read(home.file("file")).unwrap()), body.sha256());
    let asked = server.requests();
    let ranges: Vec<_> = asked.iter().map(|seen| seen.header("range")).collect();
    assert_eq!(ranges, [None, Some("bytes=1048576-")]);
}

fn wait_for(home: &Home, task: &str, found: impl Fn(&Value) -> bool) {
    let shown = || home.json(&["show", "--json", task]);
    assert!((0..LOOKS).any(|_| found(&shown())), "{}", shown());
}

/// Answers every question for a name with the near address (RFC 1035).
fn tell_names(socket: &UdpSocket) {
    let mut question = [0; 512];
    while let Ok((length, from)) = socket.recv_from(&mut question) {
        // The name ends with an empty label; type and class follow.
        let Some(end) = question[12..length].iter().position(|byte| *byte == 0) else { return };
        let asked = &question[12..12 + end + 5];
        let is_ipv4 = asked[end + 1..end + 3] == [0, 1];
        let answers = u8::from(is_ipv4);
        let mut answer = question[..2].to_vec();
        answer.extend([0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0]);
        answer.extend(asked);
        if is_ipv4 {
            answer.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4]);
            answer.extend(NEAR.octets());
        }
        let _ = socket.send_to(&answer, from);
    }
}

/// Says whether this process is in a network of its own; otherwise it starts the test again, as
/// one that is.
fn is_inside(test: &str, tools: &[&str]) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let can = |program: &str, words: &[&str]| {
        let status = Command::new(program).args(words).stdout(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    };
    let missing: Vec<_> = ["ip"]
        .iter()
        .chain(tools)
        .filter(|tool| !can("sh", &["-c", &format!("command -v {tool}")]))
        .collect();
    let is_prepared = std::env::var_os("CI").is_some() && rustix::process::geteuid().is_root();
    assert!(!is_prepared || missing.is_empty(), "no {missing:?}");
    if !missing.is_empty() || !can("unshare", &["-rnm", "true"]) {
        eprintln!("SKIPPED: no {missing:?}, or no right to make a network");
        return false;
    }
    let mut inside = Command::new("unshare");
    inside.arg("-rn").arg(std::env::current_exe().unwrap());
    inside.args(["--exact", &format!("namespaces::{test}"), "--nocapture"]);
    assert!(inside.env(INSIDE, "1").status().unwrap().success());
    false
}

/// Two interfaces that face each other, one of them in another namespace.
struct Cable {
    /// Keeps the other namespace alive; ends when its input does.
    holder: Child,
    _resolver: tempfile::TempDir,
}

impl Cable {
    fn new() -> Self {
        let resolver = tempfile::tempdir().unwrap();
        let file = resolver.path().join("resolv.conf");
        fs::write(&file, format!("nameserver {NEAR}\n")).unwrap();
        let script = "mount --bind \"$0\" /etc/resolv.conf && echo up && exec cat";
        let mut holder = Command::new("unshare")
            .args(["-nm", "sh", "-c", script])
            .arg(&file)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        holder.stdout.as_mut().unwrap().read_exact(&mut [0; 3]).unwrap();
        let cable = Self { holder, _resolver: resolver };
        cable.near("ip link set lo up");
        cable.near("ip link add veth0 type veth peer name net0");
        cable.near(&format!("ip link set net0 netns {}", cable.holder.id()));
        cable.near("ip addr add 10.77.0.1/24 dev veth0");
        cable.near("ip link set veth0 up");
        cable.far("ip link set lo up");
        cable.far("ip addr add 10.77.0.2/24 dev net0");
        cable.far("ip link set net0 up");
        cable
    }

    fn near(&self, line: &str) {
        let mut words = line.split(' ');
        let mut command = Command::new(words.next().unwrap());
        assert!(command.args(words).status().unwrap().success(), "{line}");
    }

    fn far(&self, line: &str) {
        assert!(self.enter().args(line.split(' ')).status().unwrap().success(), "{line}");
    }

    fn start_daemon(&self, home: &Home) {
        let inside = home.command(&["daemon", "start"]);
        let mut command = self.enter();
        command.arg(inside.get_program()).args(inside.get_args());
        for (name, value) in inside.get_envs() {
            command.env(name, value.unwrap());
        }
        assert!(command.status().unwrap().success());
    }

    fn enter(&self) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["-n", "-m", "-t", &self.holder.id().to_string()]);
        command
    }
}

impl Drop for Cable {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
