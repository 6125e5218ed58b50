//! Processes and what they cost: wall time, and processor time from `/proc`.

use anyhow::{Context as _, Result, bail, ensure};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};
use std::process::{Command, Stdio};
use std::time::Instant;

/// The unit of processor times in `/proc`, fixed by Linux for every common processor.
const TICKS_PER_SECOND: f64 = 100.0;

/// What a process cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Seconds from start to end.
    pub(super) wall: f64,
    /// Seconds of processor time, user and system.
    pub(super) cpu: f64,
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
    let ended = waitid(WaitId::Pid(pid), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
    let wall = begin.elapsed().as_secs_f64();
    ended.context("waitid")?;
    let cpu = cpu(child.id())?;
    let status = child.wait()?;
    ensure!(status.success(), "{}: {status}", name(command));
    Ok(Cost { wall, cpu })
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
