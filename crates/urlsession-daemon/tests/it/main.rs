//! The daemon as a process: started, spoken to over its socket, killed.
#![cfg(unix)]
#![cfg(test)]

mod activation;
mod crashes;
mod daemon;
mod ending;
mod hostile;
mod hostile_lines;
mod hostile_paths;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod idle;
mod stranger;
mod survival;

/// Is the daemon when [`daemon::Daemon`] starts this program again, and nothing otherwise.
#[test]
fn daemon_process() {
    if std::env::var_os(daemon::IS_DAEMON).is_none() {
        return;
    }
    let options = urlsession_daemon::Options::new("0.0.0-test");
    let code = match urlsession_daemon::run(&options) {
        Ok(ended) => ended.exit_code(),
        Err(_) => 1,
    };
    std::process::exit(code.into());
}
