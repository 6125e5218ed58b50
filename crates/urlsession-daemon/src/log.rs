//! The daemon's log: one file of bounded size and the one before it.

use crate::LOG_VARIABLE;
use anyhow::Context as _;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tracing::Level;
use tracing_subscriber::filter::{EnvFilter, LevelFilter, filter_fn};
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;

/// Size at which the log becomes the old one, in bytes.
pub(crate) const LOG_BYTES: u64 = 1024 * 1024;
/// Longest line, in bytes; a longer one is cut.
const LINE_BYTES: usize = 4 * 1024;

/// Sends what the process traces to the file, filtered by [`LOG_VARIABLE`].
///
/// Of foreign crates only warnings pass, whatever the filter says: what they trace below that has
/// header fields in it.
///
/// # Errors
/// The file cannot be opened, or the filter is wrong.
pub(crate) fn begin(path: &Path) -> anyhow::Result<()> {
    let filter = std::env::var(LOG_VARIABLE).unwrap_or_default();
    let filter = EnvFilter::builder()
        .with_default_directive(LevelFilter::INFO.into())
        .parse(&filter)
        .with_context(|| format!("{LOG_VARIABLE}={filter} is no filter"))?;
    let log = Log::open(path.to_owned(), LOG_BYTES)
        .with_context(|| format!("cannot open the log {}", path.display()))?;
    let subscriber = tracing_subscriber::registry()
        .with(filter_fn(|event| {
            event.target().starts_with("urlsession") || *event.level() <= Level::WARN
        }))
        .with(filter)
        .with(tracing_subscriber::fmt::layer().with_ansi(false).with_writer(log));
    tracing::subscriber::set_global_default(subscriber).context("the process has a logger")?;
    let before = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        tracing::error!("{panic}");
        before(panic);
    }));
    Ok(())
}

/// A file that is replaced when it is full.
#[derive(Debug)]
struct Log {
    path: PathBuf,
    limit: u64,
    current: Mutex<Current>,
}

#[derive(Debug)]
struct Current {
    file: File,
    length: u64,
}

impl Log {
    fn open(path: PathBuf, limit: u64) -> io::Result<Self> {
        let current = Mutex::new(Current::open(&path)?);
        Ok(Self { path, limit, current })
    }

    fn lock(&self) -> MutexGuard<'_, Current> {
        // A panic while writing leaves at worst a cut line.
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Current {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .append(true)
            .create(true)
            .mode(0o600)
            .custom_flags(rustix::fs::OFlags::NOFOLLOW.bits().cast_signed())
            .open(path)?;
        let length = file.metadata()?.len();
        Ok(Self { file, length })
    }

    /// Keeps the file as the old one and begins a new one; where that fails, begins it again.
    fn rotate(&mut self, path: &Path) -> io::Result<()> {
        let mut old = path.as_os_str().to_owned();
        old.push(".1");
        if std::fs::rename(path, old).is_err() {
            self.file.set_len(0)?;
            self.length = 0;
            return Ok(());
        }
        *self = Self::open(path)?;
        Ok(())
    }

    /// Appends a line, cut if it is too long.
    fn append(&mut self, line: &[u8], path: &Path, limit: u64) -> io::Result<()> {
        let kept = &line[..line.len().min(LINE_BYTES)];
        if self.length > 0 && self.length + kept.len() as u64 > limit {
            self.rotate(path)?;
        }
        self.file.write_all(kept)?;
        self.length += kept.len() as u64;
        if kept.len() < line.len() {
            self.file.write_all(b"\n")?;
            self.length += 1;
        }
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = &'a Self;

    fn make_writer(&'a self) -> Self::Writer {
        self
    }
}

/// Every write is one whole line.
impl Write for &Log {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        // On a full disk a line is lost. Whoever is told of that prints it on a standard error that
        // may be on the same disk, or gone, and panics where that fails.
        let _ = self.lock().append(line, &self.path, self.limit);
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    #[test]
    fn the_log_and_the_one_before_are_bounded() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("daemon.log");
        let log = Log::open(path.clone(), 100).unwrap();
        for number in 0..50 {
            writeln!(&log, "line {number:04}").unwrap();
        }
        let texts = [path.with_extension("log.1"), path.clone()]
            .map(|path| std::fs::read_to_string(path).unwrap());
        assert!(texts.iter().all(|text| text.len() <= 100), "{texts:?}");
        assert!(texts[1].ends_with("line 0049\n"), "{texts:?}");
        assert_eq!(std::fs::read_dir(home.path()).unwrap().count(), 2);
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_line_that_cannot_be_written_is_lost_and_no_more() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("daemon.log");
        let log = Log::open(path.clone(), LOG_BYTES).unwrap();
        writeln!(&log, "one").unwrap();
        let file = log.lock().file.try_clone().unwrap();
        // It refuses to be written to, as a full disk does.
        log.lock().file = File::open(&path).unwrap();
        writeln!(&log, "two").unwrap();
        log.lock().file = file;
        writeln!(&log, "three").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nthree\n");
    }

    #[test]
    fn a_long_line_is_cut_and_an_old_log_goes_on() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("daemon.log");
        for _ in 0..2 {
            let log = Log::open(path.clone(), LOG_BYTES).unwrap();
            (&log).write_all("x".repeat(2 * LINE_BYTES).as_bytes()).unwrap();
        }
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(text.len(), 2 * (LINE_BYTES + 1));
        assert_eq!(text.lines().count(), 2);
    }
}
