//! What many queued tasks cost: to enqueue, to keep, to find again at the next start.

use super::{House, process};
use anyhow::{Context as _, Result};
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Numbers of tasks; a quick run leaves out the last one.
const COUNTS: [usize; 3] = [10_000, 100_000, 1_000_000];
/// As many as aria2c is given.
const BESIDE: usize = 100_000;
/// How often the memory of aria2c is looked at, and how often it must be the same.
const LOOK: Duration = Duration::from_millis(300);
const SAME: u32 = 5;
/// Longest that aria2c may take to settle.
const PATIENCE: Duration = Duration::from_secs(120);

/// Bytes in a MiB.
const MIB: f64 = 1_048_576.0;

/// Measures and prints one line for each number of tasks, then aria2c beside it.
#[expect(clippy::print_stdout, reason = "the results are for people to read")]
pub(super) fn measure(house: &House, quick: bool) -> Result<()> {
    // It takes connections and never says a word: what is queued for it stays queued.
    let silent = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = silent.local_addr()?;
    println!(
        "{:>9} {:>8} {:>10} {:>10} {:>10} {:>8} {:>8} {:>10} {:>9} {:>8}",
        "tasks",
        "add -i",
        "client",
        "daemon",
        "memory",
        "a task",
        "start",
        "memory",
        "ls | head",
        "add one"
    );
    let counts = &COUNTS[..if quick { 2 } else { 3 }];
    let mut ours = f64::NAN;
    for count in counts {
        let row = queue(house, *count, address)?;
        if *count == BESIDE {
            ours = row.queued - row.empty;
        }
        println!("{}", row.line());
    }
    if !process::exists("aria2c") {
        println!("aria2c is not installed: skipped");
        return Ok(());
    }
    let (empty, full) = (aria2(house, 1, address)?, aria2(house, BESIDE, address)?);
    println!(
        "aria2c, {BESIDE} paused: {:.1} MiB, {:.0} bytes a task; ours are {:.2} of that",
        full / MIB,
        (full - empty) / BESIDE as f64,
        ours / (full - empty)
    );
    Ok(())
}

/// What was measured with so many tasks: seconds and bytes.
struct Row {
    count: usize,
    empty: f64,
    add: process::Cost,
    daemon: f64,
    queued: f64,
    start: f64,
    restored: f64,
    first: f64,
    one: f64,
}

impl Row {
    fn line(&self) -> String {
        format!(
            "{:>9} {:>6.2} s {:>8.2} s {:>8.2} s {:>6.1} MiB {:>6.0} B {:>6.2} s {:>6.1} MiB {:>6.0} ms {:>5.0} ms",
            self.count,
            self.add.wall,
            self.add.cpu,
            self.daemon,
            self.queued / MIB,
            (self.queued - self.empty) / self.count as f64,
            self.start,
            self.restored / MIB,
            self.first * 1000.0,
            self.one * 1000.0,
        )
    }
}

fn queue(house: &House, count: usize, address: SocketAddr) -> Result<Row> {
    let folder = house.folder().join(format!("scale-{count}"));
    std::fs::create_dir(&folder)?;
    let house = House { executable: house.executable.clone(), folder };
    let list = list(house.folder(), count, address)?.to_string_lossy().into_owned();
    let start = ["daemon", "start"];
    process::output(&mut house.command(&start))?;
    let (empty, pid) = (memory(&house)?, pid(&house)?);
    let before = process::cpu(pid)?;
    let add = process::cost(&mut house.command(&["add", "-q", "-j", "1", "-i", &list]))?;
    let daemon = process::cpu(pid)? - before;
    let queued = memory(&house)?;
    let first = first_line(&house)?;
    let one = process::cost(&mut house.command(&["add", "-q", &format!("http://{address}/one")]))?;
    house.stop()?;
    let start = process::cost(&mut house.command(&start))?.wall;
    let restored = memory(&house)?;
    house.stop()?;
    let row = Row { count, empty, add, daemon, queued, start, restored, first, one: one.wall };
    std::fs::remove_dir_all(house.folder())?;
    Ok(row)
}

fn list(folder: &Path, count: usize, address: SocketAddr) -> Result<PathBuf> {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "http://{address}/files/file-{number:07}.bin")?;
    }
    let list = folder.join("list.txt");
    std::fs::write(&list, text)?;
    Ok(list)
}

/// Returns how long it takes until a list has begun, and whoever reads it has gone.
fn first_line(house: &House) -> Result<f64> {
    let program = house.executable.to_string_lossy().into_owned();
    let mut command = Command::new("sh");
    command
        .args(["-c", "\"$0\" ls | head -n 1", &program])
        .env("URLSESSION_HOME", house.folder().join("home"));
    Ok(process::cost(&mut command)?.wall)
}

fn memory(house: &House) -> Result<f64> {
    house.status()?["memory"].as_f64().context("the daemon tells its memory")
}

fn pid(house: &House) -> Result<u32> {
    let pid = house.status()?["pid"].as_u64().context("the daemon tells its process")?;
    Ok(u32::try_from(pid)?)
}

/// Returns the memory of aria2c with so many paused downloads.
#[expect(clippy::disallowed_methods, reason = "a benchmark asks the time and waits")]
fn aria2(house: &House, count: usize, address: SocketAddr) -> Result<f64> {
    let list = list(house.folder(), count, address)?;
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
    let mut child = Command::new("aria2c")
        .args(["--no-conf", "--quiet", "--pause=true", "--enable-rpc"])
        .arg(format!("--rpc-listen-port={port}"))
        .arg("-d")
        .arg(house.folder())
        .arg("-i")
        .arg(&list)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .context("aria2c")?;
    let begin = Instant::now();
    let (mut last, mut same) = (0.0, 0);
    while same < SAME && begin.elapsed() < PATIENCE {
        std::thread::sleep(LOOK);
        let resident = resident(child.id())?;
        same = if resident > 0.0 && (resident - last).abs() < 4096.0 { same + 1 } else { 0 };
        last = resident;
    }
    child.kill()?;
    child.wait()?;
    Ok(last)
}

fn resident(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("/proc")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or("0 kB");
    let kibibytes: f64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kibibytes * 1024.0)
}
