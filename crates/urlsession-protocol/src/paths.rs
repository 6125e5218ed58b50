//! Where the socket, the state and the configuration live.

use std::path::{Path, PathBuf};

/// Longest path of a socket in bytes, the closing NUL not counted: `sun_path` of Linux, and of the
/// BSD family.
pub const SOCKET_PATH_LIMIT: usize = if cfg!(target_os = "linux") { 107 } else { 103 };

/// The folders of one user's urlsession. `URLSESSION_HOME` moves all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Holds the socket; 0700.
    pub runtime: PathBuf,
    /// Holds the store, part files, finished files, spool and log; 0700.
    pub state: PathBuf,
    /// For what people may configure; nothing is read from it so far.
    pub config: PathBuf,
    /// Holds what may be lost: the caches of responses; 0700.
    pub cache: PathBuf,
}

impl Paths {
    /// Finds the folders from the environment (XDG Base Directory Specification); creates nothing.
    ///
    /// # Errors
    /// The user has no home folder.
    pub fn from_env() -> std::io::Result<Self> {
        use etcetera::BaseStrategy as _;
        if let Some(home) = std::env::var_os("URLSESSION_HOME").filter(|h| !h.is_empty()) {
            return Ok(Self::in_home(&std::path::absolute(home)?));
        }
        let base = etcetera::choose_base_strategy()
            .map_err(|error| std::io::Error::new(std::io::ErrorKind::NotFound, error))?;
        let state = base.state_dir().unwrap_or_else(|| base.data_dir()).join("urlsession");
        // Without a runtime folder the socket sits in a private folder of the state.
        let runtime = base
            .runtime_dir()
            .or_else(login_runtime_dir)
            .map_or_else(|| state.join("run"), |dir| dir.join("urlsession"));
        let (config, cache) = (base.config_dir(), base.cache_dir());
        let (config, cache) = (config.join("urlsession"), cache.join("urlsession"));
        // HOME may be relative, and whoever asks may leave the folder.
        let [runtime, state, config, cache] =
            [runtime, state, config, cache].map(std::path::absolute);
        Ok(Self { runtime: runtime?, state: state?, config: config?, cache: cache? })
    }

    /// Puts all folders below one, as `URLSESSION_HOME` does.
    #[must_use]
    pub fn in_home(home: &Path) -> Self {
        let at = |name| home.join(name);
        Self { runtime: at("run"), state: at("state"), config: at("config"), cache: at("cache") }
    }

    /// Returns the daemon's socket.
    #[must_use]
    pub fn socket(&self) -> PathBuf {
        self.runtime.join("daemon.socket")
    }

    /// Returns the file whose lock the one daemon of this user holds.
    #[must_use]
    pub fn lock(&self) -> PathBuf {
        self.state.join("daemon.lock")
    }

    /// Returns the file whose lock the daemon holds while it lives but cannot be reached: as it
    /// starts and as it stops.
    #[must_use]
    pub fn gate(&self) -> PathBuf {
        self.state.join("daemon.gate")
    }

    /// Returns the daemon's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.state.join("daemon.log")
    }

    /// Returns the folder of the caches of responses.
    #[must_use]
    pub fn url_caches(&self) -> PathBuf {
        self.cache.join("responses")
    }

    /// Returns the file of cookies and known hosts of sessions that live in their processes.
    #[must_use]
    pub fn shared(&self) -> PathBuf {
        self.state.join("in-process.sqlite")
    }

    /// Returns the folder for request bodies that clients hand over.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }
}

/// Finds the runtime folder of this user's login session where the environment does not name it:
/// under cron and ssh a client must find the same daemon as on the desktop.
#[cfg(target_os = "linux")]
fn login_runtime_dir() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt as _;
    let uid = std::fs::metadata("/proc/self").ok()?.uid();
    let dir = PathBuf::from(format!("/run/user/{uid}"));
    let found = std::fs::symlink_metadata(&dir).ok()?;
    (found.is_dir() && found.uid() == uid).then_some(dir)
}

#[cfg(not(target_os = "linux"))]
fn login_runtime_dir() -> Option<PathBuf> {
    None
}
