//! Does the same to many tasks over several connections, so that the daemon commits them together.

use crate::exit::Failure;
use std::thread;
use urlsession::{Daemon, Error};

/// Most connections at a time.
const CONNECTIONS: usize = 32;
/// Fewer tasks than this are not worth a connection of their own.
const SHARE: usize = 8;

/// Does something to every item and returns what came of each, in order.
pub(super) fn each<T: Sync, R: Send>(
    items: &[T],
    act: impl Fn(&Daemon, &T) -> R + Sync,
) -> Result<Vec<R>, Failure> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let share = items.len().div_ceil(CONNECTIONS).max(SHARE);
    let done: Result<Vec<Vec<R>>, Error> = thread::scope(|scope| {
        let act = &act;
        let work = move |share: &[T]| {
            let daemon = Daemon::connect(true)?;
            Ok(share.iter().map(|item| act(&daemon, item)).collect())
        };
        let mut shares = items.chunks(share);
        // The first share needs no thread, which makes the usual single task as quick as can be.
        let own = shares.next().unwrap_or_default();
        let others: Vec<_> = shares.map(|share| scope.spawn(move || work(share))).collect();
        let first = work(own);
        let joined = others.into_iter().map(|other| other.join().expect("no act panics"));
        std::iter::once(first).chain(joined).collect()
    });
    Ok(done?.into_iter().flatten().collect())
}
