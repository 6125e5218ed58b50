//! `daemon enable` and `daemon disable`: the daemon as a service of this user, where there is systemd.

use crate::exit::{self, Failure};
use crate::terminal;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process::Command;
use urlsession::Daemon;
use urlsession_daemon::service::{self, NAME};

const NO_SYSTEMCTL: &str = "this machine has no systemctl";

/// What says where the daemon's folders are: the service must have the same.
const VARIABLES: [&str; 3] = ["URLSESSION_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME"];

/// What is known of the service without changing it.
#[cfg(unix)]
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Service {
    /// There is no service manager, or it does not answer; why.
    Unknown(String),
    Disabled,
    /// It starts with the user's login.
    Enabled {
        /// Whether its unit is one that [`enable`] would write anew.
        is_old: bool,
    },
}

/// Looks whether the daemon is a service.
#[cfg(unix)]
pub(crate) fn look() -> Service {
    if let Err(why) = systemctl(&["is-enabled", NAME]) {
        let has_unit = unit_path().is_ok_and(|path| path.exists());
        let is_known = why.contains("disabled") || (!has_unit && !why.contains(NO_SYSTEMCTL));
        return if is_known { Service::Disabled } else { Service::Unknown(why) };
    }
    let current = wanted_unit();
    let found = unit_path().and_then(|path| read(&path));
    let is_old = match (found, current) {
        (Ok(Some(Some(found))), Ok(current)) => service::is_ours(&found) && found != current,
        _ => false,
    };
    Service::Enabled { is_old }
}

/// Writes the unit and lets systemd start it, now and at every login.
pub(crate) fn enable(force: bool) -> Result<u8, Failure> {
    let path = unit_path()?;
    let unit = wanted_unit()?;
    match read(&path)? {
        Some(old) if old.as_deref() == Some(&unit) => {
            terminal::say(&format!("{} is up to date", path.display()))?;
        }
        old => {
            check_ours(&path, old.as_ref(), force)?;
            write(&path, &unit).map_err(|error| Failure::file(&path, &error))?;
            terminal::say(&format!("wrote {}", path.display()))?;
        }
    }
    let by_hand = format!("systemctl --user enable --now {NAME}");
    if let Err(why) = systemctl(&["daemon-reload"]).and_then(|()| systemctl(&["enable", NAME])) {
        return unfinished(&why, &by_hand);
    }
    // What runs would keep the service from starting; its transfers go on with the next one.
    if let Some(daemon) = Daemon::running()? {
        daemon.shutdown()?;
    }
    if let Err(why) = systemctl(&["start", NAME]) {
        return unfinished(&why, &by_hand);
    }
    terminal::say("the daemon runs as a service, now and whenever you log in")?;
    terminal::say("to begin at boot, before you log in: loginctl enable-linger")?;
    Ok(exit::DONE)
}

/// Returns the unit that starts this program with these folders.
fn wanted_unit() -> Result<String, Failure> {
    let executable = std::env::current_exe()?;
    let variables = VARIABLES.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?)));
    let variables: Vec<_> = variables.filter(|(_, value)| !value.is_empty()).collect();
    service::unit(&executable, &variables).ok_or_else(|| unspeakable(&executable))
}

/// Stops the service and removes its unit.
pub(crate) fn disable(force: bool) -> Result<u8, Failure> {
    let path = unit_path()?;
    let Some(old) = read(&path)? else {
        terminal::say("the daemon is no service; it starts at the next use")?;
        return Ok(exit::DONE);
    };
    check_ours(&path, Some(&old), force)?;
    let stopped = systemctl(&["disable", "--now", NAME]);
    std::fs::remove_file(&path).map_err(|error| Failure::file(&path, &error))?;
    terminal::say(&format!("removed {}", path.display()))?;
    if let Err(why) = stopped.and_then(|()| systemctl(&["daemon-reload"])) {
        return unfinished(&why, &format!("systemctl --user stop {NAME}"));
    }
    terminal::say(
        "the service has stopped; transfers go on when the daemon starts again, at the next use",
    )?;
    Ok(exit::DONE)
}

/// Says what is left to do where systemd could not be told.
fn unfinished(why: &str, by_hand: &str) -> Result<u8, Failure> {
    terminal::say(&format!("urlsession: {why}"))?;
    terminal::say(&format!("  where systemd runs, when you are logged in: {by_hand}"))?;
    terminal::say("  without it, the daemon starts at the next use, as always")?;
    Ok(exit::UNFINISHED)
}

/// Returns where the units of this user are.
fn unit_path() -> Result<PathBuf, Failure> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let config = absolute("XDG_CONFIG_HOME").or_else(|| Some(absolute("HOME")?.join(".config")));
    let config = config.ok_or_else(|| {
        Failure::new(exit::FILE, "neither XDG_CONFIG_HOME nor HOME says where units are")
    })?;
    Ok(config.join("systemd/user").join(NAME))
}

/// Reads a unit, `None` if there is none; what is inside is `None` for what is no file.
fn read(path: &Path) -> Result<Option<Option<String>>, Failure> {
    let read = || match path.symlink_metadata() {
        Ok(about) if about.is_file() => {
            let text = std::fs::read(path)?;
            Ok(Some(String::from_utf8(text).ok()))
        }
        Ok(_) => Ok(Some(None)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    };
    read().map_err(|error| Failure::file(path, &error))
}

/// Refuses to touch what somebody else wrote, unless that is wanted.
fn check_ours(path: &Path, old: Option<&Option<String>>, force: bool) -> Result<(), Failure> {
    let is_ours = |old: &Option<String>| old.as_deref().is_some_and(service::is_ours);
    if force || old.is_none_or(is_ours) {
        return Ok(());
    }
    let why = format!("{} was not written by this command", path.display());
    Err(Failure::new(exit::FILE, why).next("look at it first; --force takes it as ours"))
}

/// Writes aside and renames: nobody sees half a unit, and no link is followed.
fn write(path: &Path, unit: &str) -> io::Result<()> {
    let folder = path.parent().ok_or(ErrorKind::NotFound)?;
    std::fs::create_dir_all(folder)?;
    let file = tempfile::NamedTempFile::new_in(folder)?;
    std::fs::write(file.path(), unit)?;
    file.persist(path).map(drop).map_err(|error| error.error)
}

/// Tells the service manager of this user; what it said if it refused.
fn systemctl(words: &[&str]) -> Result<(), String> {
    let output = Command::new("systemctl").arg("--user").args(words).output();
    let output = output.map_err(|error| match error.kind() {
        ErrorKind::NotFound => NO_SYSTEMCTL.to_owned(),
        _ => format!("systemctl: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = [&output.stderr, &output.stdout].map(|said| String::from_utf8_lossy(said));
    let said = said.iter().map(|said| said.trim()).find(|said| !said.is_empty());
    let said = said.unwrap_or_default().replace('\n', "; ");
    let said = if said.is_empty() { output.status.to_string() } else { said };
    Err(format!("systemctl --user {}: {}", words.join(" "), crate::escape::shown(&said)))
}

fn unspeakable(executable: &Path) -> Failure {
    let why = format!("systemd has no words for the path {}", executable.display());
    Failure::new(exit::FILE, why)
}
