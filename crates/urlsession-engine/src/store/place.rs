//! Where the state folder is: when it has another name than before, so do the files in it.

use super::{Database, StoreError, settings, write};
use rusqlite::{Connection, params};
use std::path::{Path, PathBuf};

const STATE_FOLDER: &str = "state_folder";

/// Texts in JSON in which paths are, with their tables.
const TEXTS: [(&str, &str); 4] =
    [("tasks", "state"), ("tasks", "content"), ("results", "state"), ("results", "events")];

impl Database {
    /// Has all paths of the state folder begin with its name. A store that does not say which one
    /// they begin with was written under the name `given`.
    pub(super) fn settle(&mut self, state: &Path, given: &Path) -> Result<(), StoreError> {
        let before: Option<PathBuf> = settings::find(&self.connection, STATE_FOLDER)?;
        if before.as_deref() == Some(state) {
            return Ok(());
        }
        let before = before.as_deref().unwrap_or(given);
        let transaction = self.connection.transaction()?;
        if before != state {
            tracing::info!(?before, now = ?state, "the state folder has another name");
            rename(&transaction, before, state)?;
        }
        settings::put(&transaction, STATE_FOLDER, &state)?;
        Ok(transaction.commit()?)
    }
}

fn rename(store: &Connection, before: &Path, after: &Path) -> Result<(), StoreError> {
    let (old, new) = (quoted(before)?, quoted(after)?);
    for (table, text) in TEXTS {
        let change = format!(
            "UPDATE {table} SET {text} = replace({text}, ?1, ?2) WHERE instr({text}, ?1) > 0"
        );
        store.execute(&change, params![old, new])?;
    }
    let [old, new] = [before, after].map(|folder| format!("{}/", folder.display()));
    store.execute(
        "UPDATE tasks SET spool = ?2 || substr(spool, length(?1) + 1) WHERE instr(spool, ?1) = 1",
        params![old, new],
    )?;
    Ok(())
}

/// Returns how a path in the folder begins as JSON spells it. With its quote it is not found in the
/// middle of another one.
fn quoted(folder: &Path) -> Result<String, StoreError> {
    let text = write(&folder)?;
    Ok(format!("{}/", text.strip_suffix('"').unwrap_or(&text)))
}
