//! Ctrl-C, SIGTERM and a terminal that is closed while tasks are followed: the shell leaves, the
//! transfers go on.

use std::io;

/// Calls back for every SIGINT, SIGTERM and SIGHUP, which do not end the process any more, but for
/// those that nobody listens to. A SIGHUP that the process was started to ignore it ignores; not
/// SIGINT, which scripts ignore for all that they start with `&`: to leave harms no transfer.
#[cfg(unix)]
pub(crate) fn subscribe(mut told: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let mut wanted = vec![SIGINT, SIGTERM];
    if !is_ignored(SIGHUP) {
        wanted.push(SIGHUP);
    }
    let mut signals = signal_hook::iterator::Signals::new(wanted)?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for signal in signals.forever() {
            // Whoever does not listen any more is about to end: the second one ends at once.
            if !told(signal) {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
        }
    })?;
    Ok(())
}

/// Has a file that must not grow further be an error of that file, instead of ending the process.
#[cfg(unix)]
pub(crate) fn outlive_file_sizes() {
    let caught = std::sync::Arc::default();
    // Where that fails it is as it was.
    let _ = signal_hook::flag::register(signal_hook::consts::SIGXFSZ, caught);
}

/// There is no such signal.
#[cfg(not(unix))]
pub(crate) fn outlive_file_sizes() {}

/// Says whether this process was started to ignore the signal, as nohup does, or may have been.
#[cfg(unix)]
fn is_ignored(signal: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    // Each signal has a bit, from 1 on.
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_none_or(|mask| mask & (1 << (signal - 1)) != 0)
}

/// Leaves Ctrl-C to the system, which ends the process; the transfers go on all the same.
#[cfg(not(unix))]
pub(crate) fn subscribe(_: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    Ok(())
}
