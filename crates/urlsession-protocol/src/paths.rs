//! Where the socket, the state and the configuration live.

use std::path::{Path, PathBuf};

/// The folders of one user's urlsession. `URLSESSION_HOME` moves all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// Holds the socket; 0700.
    pub runtime: PathBuf,
    /// Holds the store, part files, finished files, spool and log; 0700.
    pub state: PathBuf,
    /// Holds `config.toml`.
    pub config: PathBuf,
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
        // Without a runtime folder (cron, su) the socket sits in a private folder of the state.
        let runtime =
            base.runtime_dir().map_or_else(|| state.join("run"), |dir| dir.join("urlsession"));
        Ok(Self { runtime, state, config: base.config_dir().join("urlsession") })
    }

    /// Puts all folders below one, as `URLSESSION_HOME` does.
    #[must_use]
    pub fn in_home(home: &Path) -> Self {
        Self { runtime: home.join("run"), state: home.join("state"), config: home.join("config") }
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

    /// Returns the daemon's log.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.state.join("daemon.log")
    }

    /// Returns the folder for request bodies that clients hand over.
    #[must_use]
    pub fn spool(&self) -> PathBuf {
        self.state.join("spool")
    }
}
