//! The machine loses power: a file system that forgets, while app and daemon work on it, whatever
//! was not synced.
//!
//! ```text
//!   folder/          survives: plan, journal, uploads
//!     disk.image ──loop──> disk/      ext4, shut down without writing its journal
//!     home ──────────────> disk/home
//!     downloads ─────────> disk/downloads
//! ```
//! It is mounted in the mount namespace of this process, which should be one of its own.

use super::{FAILURES_LIMIT, House, Strikes, kill_child};
use crate::dice::Dice;
use anyhow::{Context as _, Result, ensure};
use rustix::ioctl::{Setter, ioctl};
use std::fs::{self, DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;

/// Size of the disk in bytes; only what is used of it takes room.
const DISK_BYTES: u64 = 2 << 30;
/// Most tries to unmount, each of which starts a program: processes that were killed take a moment
/// to be gone.
const UNMOUNTS_LIMIT: u32 = 5000;

/// `FS_IOC_GOINGDOWN`, and the way that writes nothing more, not even the journal.
const GOING_DOWN: rustix::ioctl::Opcode = 0x8004_587d;
const WITHOUT_LOG: u32 = 2;

/// A disk that can lose power; unmounted when it is dropped.
#[derive(Debug)]
pub(super) struct Disk {
    image: PathBuf,
    folder: PathBuf,
}

impl Disk {
    /// Makes a disk in that folder, with the home and the downloads on it.
    pub(super) fn new(folder: &Path) -> Result<Self> {
        let disk = Self { image: folder.join("disk.image"), folder: folder.join("disk") };
        File::create(&disk.image)?.set_len(DISK_BYTES)?;
        run(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&disk.image))?;
        fs::create_dir(&disk.folder)?;
        disk.mount()?;
        for name in ["home", "downloads"] {
            let path = disk.folder.join(name);
            DirBuilder::new().mode(0o700).create(&path)?;
            symlink(path, folder.join(name))?;
        }
        // They were there long before.
        rustix::fs::syncfs(File::open(&disk.folder)?)?;
        Ok(disk)
    }

    fn mount(&self) -> Result<()> {
        run(Command::new("mount").args(["-o", "loop"]).arg(&self.image).arg(&self.folder))
    }

    /// From now on nothing reaches the disk, and every write and sync fails.
    #[expect(unsafe_code, reason = "the system has no other call for it")]
    fn cut(&self) -> Result<()> {
        let folder = File::open(&self.folder)?;
        // SAFETY: this call reads one `u32` from the address that it is given, and writes nothing.
        let cut = unsafe { ioctl(&folder, Setter::<GOING_DOWN, u32>::new(WITHOUT_LOG)) };
        cut.context("the disk cannot be shut down")
    }

    fn is_unmounted(&self) -> bool {
        let unmounted = Command::new("umount").arg(&self.folder).output();
        unmounted.is_ok_and(|output| output.status.success())
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-q", "-l"]).arg(&self.folder).status();
    }
}

impl House<'_> {
    /// Lets the machine lose power again and again, then the app finish.
    pub(super) fn lose_power(&self, disk: &Disk, dice: &mut Dice) -> Result<Strikes> {
        let all = self.options.power;
        let mut strikes = Strikes::default();
        let mut app = self.start_app()?;
        while strikes.losses < all {
            self.allow_share(strikes.losses, all)?;
            let pause = match dice.below(4) {
                0 => 2000 + dice.below(1500),
                _ => 50 + dice.below(700),
            };
            if let Ok(()) | Err(RecvTimeoutError::Disconnected) =
                app.ended.recv_timeout(Duration::from_millis(pause))
            {
                strikes.failures += u32::from(!app.child.wait()?.success());
                let limit = FAILURES_LIMIT * all;
                ensure!(strikes.failures <= limit, "the app gave up {} times", strikes.failures);
                app = self.start_app()?;
                continue;
            }
            disk.cut()?;
            kill_child(&mut app)?;
            self.restart(disk)?;
            strikes.losses += 1;
            app = self.start_app()?;
        }
        self.allow_share(1, 1)?;
        self.drain(app, strikes)
    }

    /// Ends all that still runs, and lets the disk come up again.
    fn restart(&self, disk: &Disk) -> Result<()> {
        for _ in 0..UNMOUNTS_LIMIT {
            // One that was just starting listens only now.
            self.kill_daemon()?;
            if disk.is_unmounted() {
                return disk.mount();
            }
        }
        anyhow::bail!("the disk cannot be unmounted: somebody lives on it")
    }
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}
