//! Ctrl-C and SIGTERM while tasks are followed: the shell leaves, the transfers go on.

use std::io;

/// Calls back for every SIGINT and SIGTERM, which do not end the process any more, but for those
/// that nobody listens to.
#[cfg(unix)]
pub(crate) fn subscribe(mut told: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
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

/// Leaves Ctrl-C to the system, which ends the process; the transfers go on all the same.
#[cfg(not(unix))]
pub(crate) fn subscribe(_: impl FnMut(i32) -> bool + Send + 'static) -> io::Result<()> {
    Ok(())
}
