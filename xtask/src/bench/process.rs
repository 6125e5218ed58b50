//! Processes and what they cost: wall time, and processor time and memory from `/proc`.

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// The unit of processor times in `/proc`, fixed by Linux for every common processor.
const TICKS_PER_SECOND: f64 = 100.0;

/// How often a process is asked for its memory; the last answer counts.
const LOOK: Duration = Duration::from_millis(10);

/// What a process cost.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Cost {
    /// Seconds from start to end.
    pub(super) wall: f64,
    /// Seconds of processor time, user and system.
    pub(super) cpu: f64,
    /// Bytes of memory at most; zero for one that was too short to be asked.
    pub(super) peak: f64,
}

/// Runs a command to its end and returns what it wrote.
pub(super) fn output(command: &mut Command) -> Result<Vec<u8>> {
    let output = command.stdin(Stdio::null()).output().with_context(|| name(command))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        bail!("{}: {}: {said}", name(command), output.status);
    }
    Ok(output.stdout)
}

/// Runs a command to its end and returns what it cost.
#[expect(clippy::disallowed_methods, reason = "a benchmark asks the time")]
pub(super) fn cost(command: &mut Command) -> Result<Cost> {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let begin = Instant::now();
    let mut child = command.spawn().with_context(|| name(command))?;
    let pid = Pid::from_child(&child);
    // It stays a zombie until its times have been read.
    let id = child.id();
    let over = AtomicBool::new(false);
    let (ended, wall, peak) = std::thread::scope(|scope| {
        let watch = scope.spawn(|| watch(id, &over));
        let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
        let wall = begin.elapsed().as_secs_f64();
        over.store(true, Ordering::Release);
        watch.thread().unpark();
        (ended, wall, watch.join().unwrap_or_default())
    });
    ended.context("waitid")?;
    let cpu = cpu(id)?;
    let status = child.wait()?;
    ensure!(status.success(), "{}: {status}", name(command));
    Ok(Cost { wall, cpu, peak })
}

/// Asks for the peak until the process is over, when nobody can tell it any more.
fn watch(pid: u32, over: &AtomicBool) -> f64 {
    let mut last = 0.0;
    while !over.load(Ordering::Acquire) {
        last = peak(pid).unwrap_or(last);
        std::thread::park_timeout(LOOK);
    }
    last
}

/// Returns the most memory that a process had, in bytes.
pub(super) fn peak(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).context("/proc")?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()).context("VmHWM")?;
    Ok(kib.parse::<f64>()? * 1024.0)
}

/// Lets a process' peak begin anew.
pub(super) fn forget_peak(pid: u32) -> Result<()> {
    std::fs::write(format!("/proc/{pid}/clear_refs"), "5").context("clear_refs")
}

/// Returns the processor time of a process so far, in seconds.
pub(super) fn cpu(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).context("/proc")?;
    // The second field, a name in parentheses, may have spaces; the times are fields 14 and 15.
    let (_, rest) = text.rsplit_once(')').context("a process has a name")?;
    let ticks: f64 = rest
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|field| field.parse::<f64>().unwrap_or(f64::NAN))
        .sum();
    Ok(ticks / TICKS_PER_SECOND)
}

/// Says whether a command can be run.
pub(super) fn exists(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

fn name(command: &Command) -> String {
    format!("{command:?}")
}
