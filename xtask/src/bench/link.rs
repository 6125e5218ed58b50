//! A link between two network namespaces that is slow, long and loses packets as told: a program
//! hands every packet over, because not every kernel can do it itself.
//!
//! ```text
//!   far namespace                                           near namespace
//!   10.78.0.1 ── tun ── lost? ── queue ── rate ── delay ── tun ── 10.78.0.2
//! ```

use super::process;
use anyhow::{Context as _, Result};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::ioctl::{Setter, ioctl, opcode};
use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};
use urlsession_testkit::dice::Dice;

/// Where servers are.
pub(super) const FAR: &str = "10.78.0.1";
/// Where who downloads is.
const NEAR: &str = "10.78.0.2";
const NETWORK: &str = "10.78.0.0/24";
/// A packet, whatever it has.
const PACKET_LIMIT: usize = 65_536;
/// What the link carries in this time waits before it: a stream that begins loses nothing by itself.
const QUEUE: Duration = Duration::from_millis(250);
/// How often a thread looks whether the link is gone.
const LOOK: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const TUNSETIFF: rustix::ioctl::Opcode = opcode::write::<c_int>(b'T', 202);
/// Bytes of the system's `ifreq`, and of the name in it.
const REQUEST: usize = 40;
const NAME: usize = 16;
/// `IFF_TUN` and `IFF_NO_PI`: bare packets.
const FLAGS: u16 = 0x1001;

/// What a link is like.
#[derive(Debug, Clone, Copy)]
pub(super) struct Character {
    /// Of a packet, one way.
    pub(super) delay: Duration,
    /// Bytes per second, each way.
    pub(super) rate: f64,
    /// Of so many packets to who downloads, one is lost; 0 loses none.
    pub(super) loses_one_of: u64,
}

/// The link; it goes when it is dropped, and its namespaces with it.
pub(super) struct Link {
    far: String,
    near: String,
    gone: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Link {
    /// Makes both namespaces and what is between them. Needs the rights for that.
    pub(super) fn new(character: Character, seed: u64) -> Result<Self> {
        let id = std::process::id();
        let (far, near) = (format!("us{id}far"), format!("us{id}near"));
        let gone = Arc::new(AtomicBool::new(false));
        let mut link = Self { far, near, gone, threads: Vec::new() };
        let far = end(&link.far, "tunfar", FAR)?;
        let near = end(&link.near, "tunnear", NEAR)?;
        let lossless = Character { loses_one_of: 0, ..character };
        for (from, to, character) in
            [(far.try_clone()?, near.try_clone()?, character), (near, far, lossless)]
        {
            let (queue, packets) = channel();
            let gone = Arc::clone(&link.gone);
            link.threads.push(std::thread::spawn(move || {
                take(from, character, Dice(seed), &queue, &gone);
            }));
            link.threads.push(std::thread::spawn(move || hand_over(&packets, to)));
        }
        Ok(link)
    }

    /// Makes a command run where servers are.
    pub(super) fn far(&self, command: Command) -> Command {
        within(&self.far, &command)
    }

    /// Makes a command run where who downloads is.
    pub(super) fn near(&self, command: Command) -> Command {
        within(&self.near, &command)
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.gone.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // One that panicked has said so.
            let _ = thread.join();
        }
        for namespace in [&self.far, &self.near] {
            let _ = process::output(&mut words(&format!("ip netns del {namespace}")));
        }
    }
}

/// Makes a namespace with one end of the link. Its connections begin like the first one: nothing is
/// remembered of those before.
fn end(namespace: &str, device: &str, address: &str) -> Result<File> {
    let run = |line: String| process::output(&mut words(&line)).map(drop);
    run(format!("ip netns add {namespace}"))?;
    let file = open(device)?;
    run(format!("ip link set {device} netns {namespace}"))?;
    run(format!("ip -n {namespace} addr add {address}/24 dev {device}"))?;
    run(format!("ip -n {namespace} link set {device} up"))?;
    run(format!("ip -n {namespace} link set lo up"))?;
    // What most servers have. The system's own choice may be another, and not to be changed here.
    run(format!(
        "ip -n {namespace} route replace {NETWORK} dev {device} src {address} congctl cubic"
    ))?;
    run(format!("ip netns exec {namespace} sysctl -q -w net.ipv4.tcp_no_metrics_save=1"))?;
    Ok(file)
}

#[expect(unsafe_code, reason = "the system has no other call for it")]
fn open(device: &str) -> Result<File> {
    let file = OpenOptions::new().read(true).write(true).open("/dev/net/tun");
    let file = file.context("/dev/net/tun")?;
    let mut request = [0_u8; REQUEST];
    request[..device.len()].copy_from_slice(device.as_bytes());
    request[NAME..NAME + 2].copy_from_slice(&FLAGS.to_ne_bytes());
    // SAFETY: TUNSETIFF reads an `ifreq`, which has this size, a name that ends with zero and flags
    // behind it.
    unsafe { ioctl(&file, Setter::<TUNSETIFF, [u8; REQUEST]>::new(request)) }
        .context("TUNSETIFF")?;
    Ok(file)
}

/// Takes packets in and says when they arrive, unless they are lost or the queue is full.
#[expect(clippy::disallowed_methods, reason = "a benchmark asks the time")]
fn take(
    mut from: File,
    character: Character,
    mut dice: Dice,
    queue: &Sender<(Instant, Vec<u8>)>,
    gone: &AtomicBool,
) {
    let mut packet = vec![0; PACKET_LIMIT];
    let mut free = Instant::now();
    while !gone.load(Ordering::Relaxed) {
        let ready = poll(&mut [PollFd::new(&from, PollFlags::IN)], Some(&LOOK));
        if ready.unwrap_or(0) == 0 {
            continue;
        }
        let Ok(length) = from.read(&mut packet) else { continue };
        let now = Instant::now();
        let starts = free.max(now);
        let is_lost = character.loses_one_of > 0 && dice.below(character.loses_one_of) == 0;
        if is_lost || starts - now > QUEUE {
            continue;
        }
        free = starts + Duration::from_secs_f64(length as f64 / character.rate);
        if queue.send((free + character.delay, packet[..length].to_vec())).is_err() {
            return;
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "a benchmark asks the time")]
fn hand_over(packets: &Receiver<(Instant, Vec<u8>)>, mut to: File) {
    for (due, packet) in packets {
        let left = due.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            std::thread::sleep(left);
        }
        // One that its end does not take is lost, as on any link.
        let _ = to.write_all(&packet);
    }
}

fn within(namespace: &str, command: &Command) -> Command {
    let mut inside = words(&format!("ip netns exec {namespace}"));
    inside.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            inside.env(name, value);
        }
    }
    if let Some(folder) = command.get_current_dir() {
        inside.current_dir(folder);
    }
    inside
}

fn words(line: &str) -> Command {
    let mut words = line.split_whitespace();
    let mut command = Command::new(words.next().unwrap_or_default());
    command.args(words);
    command
}
