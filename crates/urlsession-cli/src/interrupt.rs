//! Ctrl-C, SIGTERM and a terminal that is closed while tasks are followed: the shell leaves, the
//! transfers go on.

use std::io;

/// Calls back for every SIGINT, SIGTERM and SIGHUP, which do not end the process any more, but for
/// those that nobody listens to. What the process was started to ignore, it ignores.
#[cfg(unix)]
pub(crate) fn subscribe(mut told: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    let wanted = match ignored() {
        Some(ignored) => {
            let mut wanted = vec![SIGINT, SIGTERM, SIGHUP];
            wanted.retain(|signal| ignored & (1 << (signal - 1)) == 0);
            wanted
        }
        // Whether nohup has started this is not known.
        None => vec![SIGINT, SIGTERM],
    };
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

/// Returns the signals that this process ignores, a bit each from 1 on; `None` where the system does
/// not tell.
#[cfg(unix)]
fn ignored() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

/// Leaves Ctrl-C to the system, which ends the process; the transfers go on all the same.
#[cfg(not(unix))]
pub(crate) fn subscribe(_: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    Ok(())
}
