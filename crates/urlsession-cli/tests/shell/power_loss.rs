//! What a power loss may find: the system calls of a daemon, in their order.
//!
//! ```text
//!   write(part) ── fdatasync(part) ── pwrite(store: durable_bytes)
//!   fdatasync(part) ── rename ── fsync(folder) ── pwrite(store: event) ── fdatasync(store) ── send(event)
//! ```
#![cfg(target_os = "linux")]

use crate::home::{Home, OWN};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use urlsession_testkit::server::{Answer, Server};

/// How a record says how many bytes can be relied on, as strace prints it.
const RECORD: &str = "durable_bytes\\\":";
/// How the store says that a task has ended, from which follows that its file is finished.
const END: &str = "\\\"completed\\\":";
/// How the event that a file is finished is named on the socket.
const EVENT: &str = "did_finish_downloading";

#[test]
fn data_is_synced_before_it_is_recorded_and_recorded_before_it_is_told() {
    if !Command::new("strace").args(["-o", "/dev/null", "true"]).status().is_ok_and(|s| s.success())
    {
        eprintln!("SKIPPED: there is no strace, or it may not trace");
        return;
    }
    let seen = trace(20 << 20);
    assert!(seen.records > 0 && seen.events > 0 && seen.sends > 0, "{seen:?}");
    // One that is written when it is whole; it may be there before its client listens.
    let seen = trace(10 << 10);
    assert!(seen.records == 0 && seen.events > 0 && seen.written == 10 << 10, "{seen:?}");
}

/// Downloads a file of that size and looks at what the daemon did.
fn trace(size: u64) -> Seen {
    let (home, server) = (Home::new(), Server::start());
    server.on("/file", Answer::pseudo_random(5, size).etag("\"file\""));
    let calls =
        "write,writev,pwrite64,splice,sendto,sendmsg,fsync,fdatasync,rename,renameat,renameat2";
    let trace = home.file("trace");
    let script = format!(
        "#!/bin/sh\nexec strace -f -y -s 8192 -e trace={calls} -o '{}' '{OWN}' \"$@\"\n",
        trace.display()
    );
    let daemon = home.write("daemon", script.as_bytes());
    std::fs::set_permissions(&daemon, PermissionsExt::from_mode(0o700)).unwrap();
    let mut get = home.command(&["get", &server.url("/file")]);
    let got = get.env("URLSESSION_DAEMON", daemon).output().unwrap();
    assert!(got.status.success(), "{got:?}");
    home.out(&["daemon", "stop"]);
    judge(&std::fs::read_to_string(trace).unwrap()).unwrap()
}

#[test]
fn a_wrong_order_is_noticed() {
    let right = [
        "1 write(7</d/.f-part>, \"x\", 1) = 1",
        "2 fdatasync(7</d/.f-part> <unfinished ...>",
        "1 write(7</d/.f-part>, \"x\", 1) = 1",
        "2 <... fdatasync resumed>) = 0",
        r#"3 pwrite64(4</s/store-wal>, "\"durable_bytes\":1,", 9, 0) = 9"#,
        "3 fdatasync(4</s/store-wal>) = 0",
        "2 fdatasync(7</d/.f-part>) = 0",
        "1 rename(\"/d/.f-part\", \"/d/f\") = 0",
        "1 fsync(8</d>) = 0",
        r#"3 pwrite64(4</s/store-wal>, "\"completed\":{", 9, 0) = 9"#,
        "3 fdatasync(4</s/store-wal>) = 0",
        "3 sendto(9<socket:[1]>, \"did_finish_downloading\", 9, 0, NULL, 0) = 9",
    ];
    judge(&right.join("\n")).unwrap();
    // Each of these comes before what it rests on.
    for (early, rests_on) in [(4, 3), (7, 6), (9, 7), (9, 8), (11, 9), (11, 10)] {
        let mut wrong = right.to_vec();
        let line = wrong.remove(early);
        wrong.insert(rests_on, line);
        judge(&wrong.join("\n")).expect_err(line);
    }
    let too_much = right.join("\n").replace("\"durable_bytes\\\":1,", "\"durable_bytes\\\":2,");
    judge(&too_much).expect_err("the second byte was written while the sync ran");
}

/// How much was looked at.
#[derive(Debug, Default)]
struct Seen {
    records: u32,
    events: u32,
    sends: u32,
    /// Bytes of the part file.
    written: u64,
}

/// What the calls so far have done.
#[derive(Debug, Default)]
struct Disk {
    written: u64,
    synced: u64,
    renamed: bool,
    folder_synced: bool,
    /// Whether the store's log has the event, and whether that is synced.
    recorded: bool,
    store_synced: bool,
    /// By thread: the call that has begun, and what was written to its file by then.
    begun: BTreeMap<String, (String, u64)>,
    seen: Seen,
}

fn judge(trace: &str) -> Result<Seen, String> {
    let mut disk = Disk::default();
    for line in trace.lines() {
        let (thread, call) = line.split_once(' ').unwrap_or_default();
        let call = call.trim_start();
        if let Some(start) = call.strip_suffix("<unfinished ...>") {
            disk.begins(start).map_err(|why| format!("{why}: {line:.300}"))?;
            disk.begun.insert(thread.to_owned(), (start.to_owned(), disk.written));
        } else if call.starts_with("<... ") {
            let Some((start, written)) = disk.begun.remove(thread) else { continue };
            disk.ended(&start, call, written);
        } else {
            disk.begins(call).map_err(|why| format!("{why}: {line:.300}"))?;
            disk.ended(call, call, disk.written);
        }
    }
    Ok(disk.seen)
}

impl Disk {
    fn begins(&mut self, call: &str) -> Result<(), &'static str> {
        if call.starts_with("pwrite64(") && call.contains("-wal>") {
            for (at, _) in call.match_indices(RECORD) {
                let digits: String =
                    call[at + RECORD.len()..].chars().take_while(char::is_ascii_digit).collect();
                let recorded: u64 = digits.parse().unwrap_or(0);
                if recorded > self.synced {
                    return Err("recorded before it was synced");
                }
                self.seen.records += u32::from(recorded > 0);
            }
            if call.contains(END) {
                if !(self.renamed && self.folder_synced) {
                    return Err("an event before its file was in place");
                }
                self.seen.events += 1;
                (self.recorded, self.store_synced) = (true, false);
            }
        }
        let to_client = call.contains("<socket:") || call.contains("<UNIX");
        if to_client && call.contains(EVENT) {
            if !(self.recorded && self.store_synced) {
                return Err("told before it was recorded");
            }
            self.seen.sends += 1;
        }
        if call.starts_with("rename") && call.contains("-part\"") && self.synced < self.written {
            return Err("renamed before all of it was synced");
        }
        Ok(())
    }

    /// A call has ended; `written` is what the part file had when it began.
    fn ended(&mut self, call: &str, end: &str, written: u64) {
        let Some(result) = end.rsplit_once("= ").and_then(|(_, r)| r.trim().parse::<u64>().ok())
        else {
            return;
        };
        let syncs = call.starts_with("fdatasync(") || call.starts_with("fsync(");
        let name = call.split(['(', '<', '>']).nth(2).unwrap_or_default();
        if call.starts_with("rename") && call.contains("-part\"") {
            self.renamed = true;
        } else if call.contains("-part>") && syncs {
            self.synced = self.synced.max(written);
        } else if call.contains("-part>") {
            self.written += result;
            self.seen.written = self.written;
        } else if syncs && call.contains("-wal>") {
            self.store_synced = true;
        } else if syncs && self.renamed && !name.contains("store") {
            self.folder_synced = true;
        }
    }
}
