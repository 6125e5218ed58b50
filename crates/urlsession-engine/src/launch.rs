//! Starts the app of a session: without a shell, in a clean environment, and waits for its end.

use crate::crash;
use crate::inbox::{Message, Sender};
use std::ffi::OsString;
use std::process::{ExitStatus, Stdio};
use tokio::process::Command;
use tokio::runtime::Handle;
use urlsession_core::SessionNumber;
use urlsession_protocol::launch::{LAUNCH_HANDLER_VARIABLE, LAUNCH_SESSION_VARIABLE};
use urlsession_protocol::{LaunchCommand, SessionKey};

/// What a launched app inherits of the daemon's environment, where it is set.
const INHERITED: &[&str] = &[
    "HOME",
    "USER",
    "LOGNAME",
    "PATH",
    "LANG",
    "TMPDIR",
    "URLSESSION_HOME",
    "URLSESSION_SIMULATE",
];
/// All variables with such a beginning, too.
const INHERITED_PREFIXES: &[&str] = &["LC_", "XDG_"];
/// Names the application, so that the app finds its session again.
const APPLICATION_VARIABLE: &str = "URLSESSION_APP_ID";

/// What its starter gave this process and it has changed for itself: launched apps get it back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Heritage {
    /// The mode bits that new files lack.
    #[cfg(unix)]
    pub umask: rustix::fs::RawMode,
    /// Most open files; `None` is as many as the system has.
    pub open_files: Option<u64>,
}

/// Starts apps on the runtime and tells the driver when they end. It never stops one.
#[derive(Debug)]
pub(crate) struct Launcher {
    runtime: Handle,
    inbox: Sender,
    heritage: Option<Heritage>,
}

impl Launcher {
    pub(crate) fn new(runtime: Handle, inbox: Sender, heritage: Option<Heritage>) -> Self {
        Self { runtime, inbox, heritage }
    }

    /// Starts the app; its end comes back through the inbox.
    pub(crate) fn launch(
        &self,
        session: SessionNumber,
        key: SessionKey,
        handler: String,
        command: LaunchCommand,
    ) {
        let (inbox, heritage) = (self.inbox.clone(), self.heritage);
        self.runtime.spawn(async move {
            let result = run(&key, &handler, &command, heritage).await;
            if let Err(error) = &result {
                tracing::warn!(session = %key, error, "a launch was of no use");
            }
            let _ = inbox.send(Message::LaunchEnded { session, result });
        });
    }
}

async fn run(
    key: &SessionKey,
    handler: &str,
    command: &LaunchCommand,
    heritage: Option<Heritage>,
) -> Result<(), String> {
    let program = command.program.display();
    if !command.directory.is_dir() {
        return Err(format!("the folder {} is not there", command.directory.display()));
    }
    crash::point("spawn");
    let mut process = prepare(key, handler, command);
    #[cfg(unix)]
    if let Some(heritage) = heritage {
        bequeath(&mut process, heritage);
    }
    #[cfg(not(unix))]
    let _ = heritage;
    let mut child = process.spawn().map_err(|error| format!("cannot start {program}: {error}"))?;
    crash::point("spawned");
    tracing::info!(session = %key, %program, pid = child.id(), "launched the app");
    match child.wait().await {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program} ended with {}", words(status))),
        Err(error) => Err(format!("cannot wait for {program}: {error}")),
    }
}

fn prepare(key: &SessionKey, handler: &str, command: &LaunchCommand) -> Command {
    let mut process = Command::new(&command.program);
    process
        .args(&command.arguments)
        .current_dir(&command.directory)
        .env_clear()
        .envs(std::env::vars_os().filter(|(name, _)| is_inherited(name)))
        // The daemon's own may be that of the app that happened to start it.
        .env(APPLICATION_VARIABLE, key.application.as_str())
        .envs(command.environment.iter().map(|(name, value)| (name, value)))
        .env(LAUNCH_SESSION_VARIABLE, key.session.as_str())
        .env(LAUNCH_HANDLER_VARIABLE, handler)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // What interrupts or ends the daemon does not reach the app.
    #[cfg(unix)]
    process.process_group(0);
    process
}

/// Gives the app what this process had of its starter.
#[cfg(unix)]
#[expect(unsafe_code, reason = "only the new process itself can change what it has")]
fn bequeath(process: &mut Command, heritage: Heritage) {
    use rustix::fs::Mode;
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit, umask};

    let mode = Mode::from_raw_mode(heritage.umask);
    let prepare = move || {
        umask(mode);
        let limit = Rlimit { current: heritage.open_files, ..getrlimit(Resource::Nofile) };
        // An app with room for more files runs as well.
        let _ = setrlimit(Resource::Nofile, limit);
        Ok(())
    };
    // SAFETY: between fork and exec it makes three system calls, and neither allocates nor locks.
    unsafe { process.pre_exec(prepare) };
}

fn is_inherited(name: &OsString) -> bool {
    name.to_str().is_some_and(|name| {
        INHERITED.contains(&name) || INHERITED_PREFIXES.iter().any(|begin| name.starts_with(begin))
    })
}

fn words(status: ExitStatus) -> String {
    match status.code() {
        Some(code) => format!("exit code {code}"),
        None => status.to_string(),
    }
}
