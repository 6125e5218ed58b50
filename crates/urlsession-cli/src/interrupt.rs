//! Ctrl-C and SIGTERM while tasks are followed: the shell leaves, the transfers go on.

use std::io;

/// Calls back for the first SIGINT or SIGTERM, which does not end the process; the second one does,
/// at once: whoever was told may wait for a daemon that hangs.
#[cfg(unix)]
pub(crate) fn subscribe(told: impl Fn(i32) -> bool + Send + 'static) -> io::Result<()> {
    use signal_hook::consts::{SIGINT, SIGTERM};
    let mut signals = signal_hook::iterator::Signals::new([SIGINT, SIGTERM])?;
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut is_first = true;
        for signal in signals.forever() {
            // Whoever does not listen any more is about to end.
            if !is_first || !told(signal) {
                let _ = signal_hook::low_level::emulate_default_handler(signal);
            }
            is_first = false;
        }
    })?;
    Ok(())
}

/// Leaves Ctrl-C to the system, which ends the process; the transfers go on all the same.
#[cfg(not(unix))]
pub(crate) fn subscribe(_: impl Fn(i32) -> bool + Send + 'static) -> io::Result<()> {
    Ok(())
}
