//! Which world a daemon lives in, and that no state folder ever sees both.

use crate::SIMULATE_VARIABLE;
use anyhow::{Context as _, bail};
use std::path::{Path, PathBuf};
use urlsession_engine::{POSITION, STORE, Scenario};

/// Reads the scenario that is named here or in the environment; `None` is the real world.
pub(crate) fn read(named: Option<&Path>) -> anyhow::Result<Option<Scenario>> {
    let variable = || std::env::var_os(SIMULATE_VARIABLE).filter(|path| !path.is_empty());
    let Some(path) = named.map(Path::to_owned).or_else(|| variable().map(PathBuf::from)) else {
        return Ok(None);
    };
    if std::env::var_os("URLSESSION_HOME").is_none_or(|home| home.is_empty()) {
        bail!(
            "a simulation needs a home of its own, as it moves no bytes: \
             set URLSESSION_HOME to an empty folder"
        );
    }
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read the scenario {}", path.display()))?;
    let scenario = Scenario::parse(&text).with_context(|| path.display().to_string())?;
    Ok(Some(scenario))
}

/// Refuses a folder of the other world: real tasks would end with made up files, and simulated ones
/// would go out to real servers.
pub(crate) fn check_place(state: &Path, simulated: bool) -> anyhow::Result<()> {
    let was_simulated = state.join(POSITION).exists();
    if simulated && !was_simulated && state.join(STORE).exists() {
        bail!("{} has real transfers: a simulation needs another URLSESSION_HOME", state.display());
    }
    if was_simulated && !simulated {
        bail!(
            "{} belongs to a simulation: set {SIMULATE_VARIABLE}, or use another URLSESSION_HOME",
            state.display()
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_folder_sees_both_worlds() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path();
        assert!(check_place(state, true).is_ok() && check_place(state, false).is_ok());
        std::fs::write(state.join(STORE), "").unwrap();
        assert!(check_place(state, true).is_err() && check_place(state, false).is_ok());
        std::fs::write(state.join(POSITION), "").unwrap();
        assert!(check_place(state, true).is_ok() && check_place(state, false).is_err());
    }
}
