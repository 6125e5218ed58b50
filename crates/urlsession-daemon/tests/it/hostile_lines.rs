//! Lines that are wrong, out of order, of another's session, or never read: they harm who writes them.

use crate::daemon::{Client, HELLO, Home};
use std::path::Path;
use std::time::Duration;
use urlsession_testkit::dice::Dice;

/// Asks for more than the usual number of mutated lines.
const CASES_VARIABLE: &str = "URLSESSION_HOSTILE_CLIENT_CASES";
const CASES: u64 = 500;
/// Most memory of a daemon under any client.
const MEMORY_LIMIT: u64 = 128 * 1024 * 1024;
const SESSION: &str = r#""session":{"application":"com.example","session":"victim"}"#;
const OTHER: &str = r#""session":{"application":"com.example","session":"other"}"#;

/// call => what the answer has; the victim's session is owned by somebody else
const OUT_OF_ORDER: &[(&str, &str)] = &[
    (r#""call":"detach",OTHER"#, r#""reply":"done""#),
    (r#""call":"resume",OTHER,"task":1"#, "no such task"),
    (r#""call":"create_task",OTHER,"task":1,"kind":"data","request":REQUEST"#, "no such session"),
    (r#""call":"create_task",VICTIM,"task":9,"kind":"data","request":REQUEST"#, "-996"),
    (r#""call":"attach",VICTIM,"configuration":{}"#, "-996"),
    (r#""call":"detach",VICTIM"#, r#""reply":"done""#),
    (r#""call":"finish_tasks_and_invalidate",VICTIM"#, "-996"),
    (r#""call":"invalidate_and_cancel",VICTIM"#, "-996"),
    (r#""call":"attach",OTHER,"configuration":{}"#, r#""reply":"attached""#),
    (r#""call":"attach",OTHER,"configuration":{}"#, r#""reply":"attached""#),
    (r#""call":"create_task",OTHER,"task":5,"kind":"data","request":REQUEST"#, r#""reply":"done""#),
    (r#""call":"create_task",OTHER,"task":4,"kind":"data","request":REQUEST"#, r#""reply":"done""#),
    (r#""call":"task",OTHER,"task":4"#, "no such task"),
    (
        r#""call":"create_task",OTHER,"task":18446744073709551615,"kind":"data","request":REQUEST"#,
        "too many tasks",
    ),
    (
        r#""call":"attach",OTHER,"configuration":{"http_additional_headers":[{"name":"X\r\nY","value":"z"}]}"#,
        "Err",
    ),
    (
        r#""call":"attach",OTHER,"configuration":{"launch_command":{"program":"sh","directory":"/"}}"#,
        "absolute",
    ),
    (r#""call":"finish_tasks_and_invalidate",OTHER"#, r#""reply":"done""#),
    (r#""call":"create_task",OTHER,"task":6,"kind":"data","request":REQUEST"#, "invalidated"),
];

#[test]
fn nobody_gets_at_a_session_that_another_owns() {
    let home = Home::new();
    let _daemon = home.start();
    let mut victim = Victim::new(&home);
    let mut thief = Client::greet(&home.socket()).unwrap();
    // Acknowledges what was never sent to it.
    for numbers in ["1", "2", "0,\"through\":4", "0,\"through\":18446744073709551615"] {
        let ack = format!("{{\"message\":\"ack\",{SESSION},\"number\":{numbers}}}\n");
        thief.write(ack.as_bytes()).unwrap();
    }
    for (id, (call, expected)) in OUT_OF_ORDER.iter().enumerate() {
        let call = call
            .replace("VICTIM", SESSION)
            .replace("OTHER", OTHER)
            .replace("REQUEST", r#"{"url":"http://127.0.0.1:1/","method":"GET"}"#);
        let answer = thief.call(id as u64, &call).unwrap();
        assert!(answer.contains(expected), "{call}: {answer}");
        victim.is_well();
    }
}

#[test]
fn mutated_lines_harm_only_their_own_connection() {
    let cases = std::env::var(CASES_VARIABLE).ok().and_then(|n| n.parse().ok()).unwrap_or(CASES);
    let lines = corpus();
    let home = Home::new();
    let mut daemon = home.start();
    let mut victim = Victim::new(&home);
    for case in 0..cases {
        let mut dice = Dice(case);
        let mut client = Client::connect(&home.socket()).unwrap();
        let _ = client.write(format!("{HELLO}\n").as_bytes());
        for _ in 0..=dice.below(4) {
            let line = &lines[dice.below(lines.len() as u64) as usize];
            let _ = client.write(&mutate(&mut dice, line));
            let _ = client.write(b"\n");
        }
        if dice.below(2) == 0 {
            let _ = client.stream.get_ref().shutdown(std::net::Shutdown::Write);
            client.rest();
        }
        drop(client);
        victim.is_well();
    }
    assert!(daemon.lives());
    victim.is_light();
}

#[test]
fn who_writes_byte_by_byte_is_answered_and_holds_nobody_up() {
    let home = Home::new();
    let _daemon = home.start();
    let mut victim = Victim::new(&home);
    let mut slow = Client::connect(&home.socket()).unwrap();
    let lines = format!("{HELLO}\n{}\n", r#"{"message":"call","id":1,"call":"status"}"#);
    for byte in lines.as_bytes() {
        slow.write(&[*byte]).unwrap();
        if *byte == b',' {
            victim.is_well();
        }
    }
    assert!(slow.line().unwrap().contains("hello"));
    assert!(slow.line().unwrap().contains(r#""reply":"status""#));
}

/// Every answer is a long page. They must neither pile up in memory nor keep others waiting.
#[test]
fn who_never_reads_is_sent_away_before_it_costs_much() {
    const TASKS: u64 = 60;
    const CALLS: usize = 100_000;
    const ROUNDS: u32 = 100_000;
    let home = Home::new();
    let _daemon = home.start();
    let mut victim = Victim::new(&home);
    let mut hoarder = Client::greet(&home.socket()).unwrap();
    hoarder.call(1, &format!(r#""call":"attach",{OTHER},"configuration":{{}}"#)).unwrap();
    let description = "x".repeat(60_000);
    for task in 1..=TASKS {
        let call = format!(
            r#""call":"create_task",{OTHER},"task":{task},"kind":"data","resume":false,"options":{{"description":"{description}"}},"request":{{"url":"http://127.0.0.1:1/","method":"GET"}}"#
        );
        let answer = hoarder.call(task, &call).unwrap();
        assert!(answer.contains(r#""reply":"done""#), "{answer}");
    }
    let page = hoarder.call(99, r#""call":"tasks","limit":500"#).unwrap();
    assert!(page.len() > 200_000, "{} bytes are no long page", page.len());
    // It writes until nobody takes it any more.
    hoarder.stream.get_ref().set_write_timeout(Some(Duration::from_secs(1))).unwrap();
    let call = r#"{"message":"call","id":1,"call":"tasks","limit":500}"#.to_owned() + "\n";
    let taken = (0..CALLS).take_while(|_| hoarder.write(call.as_bytes()).is_ok()).count();
    assert!(taken < CALLS, "it was never stopped");
    let mut rounds = 0..ROUNDS;
    while !home.log().contains("a client does not read") {
        assert!(rounds.next().is_some(), "it was never sent away");
        victim.is_well();
    }
    victim.is_light();
}

/// A client with a session and a task, which must not notice anything.
struct Victim {
    client: Client,
    calls: u64,
}

impl Victim {
    fn new(home: &Home) -> Self {
        let mut client = Client::greet(&home.socket()).unwrap();
        client.call(1, &format!(r#""call":"attach",{SESSION},"configuration":{{}}"#)).unwrap();
        let call = format!(
            r#""call":"create_task",{SESSION},"task":1,"kind":"data","resume":false,"request":{{"url":"http://127.0.0.1:1/","method":"GET"}}"#
        );
        client.call(2, &call).unwrap();
        Self { client, calls: 2 }
    }

    /// It still owns its session, with its task as it was.
    fn is_well(&mut self) {
        self.calls += 1;
        let call = format!(r#""call":"task",{SESSION},"task":1"#);
        let answer = self.client.call(self.calls, &call).unwrap();
        assert!(answer.contains(r#""state":"suspended""#), "{answer}");
        self.calls += 1;
        // A claim of what one owns is granted at once.
        let call = format!(r#""call":"attach",{SESSION},"configuration":{{}}"#);
        let answer = self.client.call(self.calls, &call).unwrap();
        assert!(answer.contains(r#""next_task":2"#), "{answer}");
    }

    /// The daemon takes little memory, which is printed.
    fn is_light(&mut self) {
        let memory = self.memory();
        println!("memory {memory}");
        assert!(memory < MEMORY_LIMIT, "{memory} bytes");
    }

    fn memory(&mut self) -> u64 {
        self.calls += 1;
        let answer = self.client.call(self.calls, r#""call":"status""#).unwrap();
        let digits = answer.split(r#""memory":"#).nth(1).unwrap();
        digits.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
    }
}

/// Every message that a client can send, as the protocol's own tests have them.
fn corpus() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../urlsession-protocol/tests/golden");
    let mut lines: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            let name = path.file_name().unwrap().to_str().unwrap();
            // Who asks the daemon to end may.
            name.starts_with("client.") && !name.contains("shutdown")
        })
        .map(|path| std::fs::read(path).unwrap().trim_ascii().to_vec())
        .collect();
    lines.sort();
    assert!(lines.len() > 15);
    lines
}

fn mutate(dice: &mut Dice, line: &[u8]) -> Vec<u8> {
    let mut line = line.to_vec();
    for _ in 0..dice.below(4) {
        let at = dice.below(line.len() as u64) as usize;
        match dice.below(6) {
            0 => line.truncate(at),
            1 => line.insert(at, dice.below(256) as u8),
            2 if !line.is_empty() => line[at] = dice.below(256) as u8,
            3 => {
                let again = line[at..].to_vec();
                line.extend(again);
            }
            4 => line.splice(at..at, [b'9'; 25]).for_each(drop),
            _ => line.splice(at..at, *b"\\u0000../\"{[").for_each(drop),
        }
    }
    line
}
