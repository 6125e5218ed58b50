//! Notices that the network came, went or changed, so that nobody waits for one that is there.

#[cfg(target_os = "linux")]
mod netlink;

use crate::attempts::Moves;
use crate::driver::{Driver, Turn};
use crate::inbox::Sender;
use std::collections::BTreeSet;
use std::net::IpAddr;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;
use urlsession_core::{Conditions, Input};

/// Watches the network while it lives.
#[derive(Debug)]
pub(crate) struct NetworkWatch {
    _watch: Option<AbortOnDropHandle<()>>,
}

/// The addresses of this machine at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Addresses {
    /// All of them: a connection from one that goes away is dead.
    present: BTreeSet<IpAddr>,
    /// Those of an interface that works, from which others can be reached.
    usable: BTreeSet<IpAddr>,
}

/// What became different.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct NetworkChange {
    /// Whether there is any network now.
    pub(crate) is_up: bool,
    /// Whether there is a new way to others: what failed before may succeed.
    pub(crate) is_new: bool,
    /// The addresses that are gone.
    pub(crate) gone: BTreeSet<IpAddr>,
}

impl NetworkWatch {
    /// Sends [`crate::inbox::Message::NetworkChanged`] whenever something changes, and at once if
    /// there is no network. Where the system does not tell, there always is one.
    pub(crate) fn begin(runtime: &Handle, inbox: Sender) -> Self {
        let _runtime = runtime.enter();
        match system::watch(inbox) {
            Ok(watch) => Self { _watch: Some(AbortOnDropHandle::new(runtime.spawn(watch))) },
            Err(error) => {
                tracing::debug!(%error, "the system does not tell of its network");
                Self { _watch: None }
            }
        }
    }
}

impl NetworkWatch {
    /// Watches nothing: the network is simulated.
    pub(crate) fn none() -> Self {
        Self { _watch: None }
    }
}

impl<H: Moves> Driver<H> {
    /// Tells the core, and gives up what no byte can come over any more.
    pub(crate) fn network_changed(&mut self, turn: &mut Turn, change: &NetworkChange) {
        if change.is_new || !change.gone.is_empty() {
            self.attempts.drop_idle_connections();
            self.attempts.abandon(&change.gone);
        }
        // Another network is for those who wait as one that comes back.
        let states: &[bool] = if change.is_new { &[false, true] } else { &[change.is_up] };
        for &network in states {
            turn.add(self.core.handle(turn.now, Input::Conditions(Conditions { network })));
        }
    }
}

impl Addresses {
    /// Compares with what was; `routed` says that a route to everywhere came. `None` if nothing
    /// matters to anybody.
    fn since(&self, before: &Self, routed: bool) -> Option<NetworkChange> {
        let is_up = !self.usable.is_empty();
        let is_new = is_up && (routed || self.usable.difference(&before.usable).next().is_some());
        let gone: BTreeSet<_> = before.present.difference(&self.present).copied().collect();
        let same = is_up != before.usable.is_empty() && !is_new && gone.is_empty();
        (!same).then_some(NetworkChange { is_up, is_new, gone })
    }
}

#[cfg(target_os = "linux")]
mod system {
    use super::netlink::{Listener, addresses};
    use super::{Addresses, NetworkChange};
    use crate::inbox::{Message, Sender};
    use std::io;
    use std::time::Duration;

    /// How long changes gather: an address, its routes and those to everywhere come one by one.
    const SETTLE_TIME: Duration = Duration::from_millis(250);
    /// A look that fails is made again after this long,
    const FIRST_PAUSE: Duration = Duration::from_secs(1);
    /// and after twice as long every time, up to this.
    const LONGEST_PAUSE: Duration = Duration::from_secs(60);

    /// Returns what tells of every change, for as long as it runs.
    pub(super) fn watch(inbox: Sender) -> io::Result<impl Future<Output = ()>> {
        // Before the first look, so that no change is lost between the two.
        let listener = Listener::open()?;
        let before = addresses()?;
        let none = Addresses::default();
        if before.usable.is_empty() {
            let change = NetworkChange { is_up: false, is_new: false, gone: none.present };
            let _ = inbox.send(Message::NetworkChanged(change));
        }
        Ok(async move {
            if let Err(error) = follow(&listener, &inbox, before, addresses).await {
                tracing::warn!(%error, "the network is watched no more");
                // Nobody must wait for what nobody tells.
                let none = Addresses::default();
                let change = NetworkChange { is_up: true, is_new: true, gone: none.present };
                let _ = inbox.send(Message::NetworkChanged(change));
            }
        })
    }

    /// Tells of changes until the engine is gone.
    pub(super) async fn follow(
        listener: &Listener,
        inbox: &Sender,
        mut before: Addresses,
        mut look: impl FnMut() -> io::Result<Addresses>,
    ) -> io::Result<()> {
        loop {
            let mut routed = listener.next().await?;
            tokio::time::sleep(SETTLE_TIME).await;
            routed |= listener.drain()?;
            let now = look_until_seen(&mut look).await;
            if let Some(change) = now.since(&before, routed) {
                tracing::info!(up = change.is_up, new = change.is_new, "the network changed");
                if inbox.send(Message::NetworkChanged(change)).is_err() {
                    return Ok(());
                }
            }
            before = now;
        }
    }

    /// Looks until that succeeds: it takes a descriptor, of which there may be none for a moment.
    async fn look_until_seen(look: &mut impl FnMut() -> io::Result<Addresses>) -> Addresses {
        let mut pause = FIRST_PAUSE;
        loop {
            match look() {
                Ok(now) => return now,
                Err(error) => tracing::warn!(%error, ?pause, "could not look at the network"),
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use crate::inbox::Sender;
    use std::future::Ready;
    use std::io;

    pub(super) fn watch(_inbox: Sender) -> io::Result<Ready<()>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(present: &[&str], usable: &[&str]) -> Addresses {
        let parse = |list: &[&str]| list.iter().map(|text| text.parse().unwrap()).collect();
        Addresses { present: parse(present), usable: parse(usable) }
    }

    #[test]
    fn only_what_matters_is_told() {
        let lo = addresses(&["127.0.0.1"], &[]);
        let unplugged = addresses(&["127.0.0.1", "10.0.0.2"], &[]);
        let home = addresses(&["127.0.0.1", "10.0.0.2"], &["10.0.0.2"]);
        let other = addresses(&["127.0.0.1", "10.0.0.3"], &["10.0.0.3"]);
        let both = addresses(&["127.0.0.1", "10.0.0.2", "fd::2"], &["10.0.0.2", "fd::2"]);
        let bridge = addresses(&["127.0.0.1", "10.0.0.2", "fe80::1"], &["10.0.0.2"]);
        for (name, before, now, routed, told) in [
            ("nothing", &home, &home, false, None),
            ("nothing, and no network", &lo, &lo, false, None),
            ("a route to everywhere", &home, &home, true, Some((true, true, vec![]))),
            ("a route to nowhere", &lo, &lo, true, None),
            ("the plug is out", &home, &unplugged, false, Some((false, false, vec![]))),
            ("the plug is in", &unplugged, &home, false, Some((true, true, vec![]))),
            ("the address is gone", &home, &lo, false, Some((false, false, vec!["10.0.0.2"]))),
            (
                "an address that works no more is gone",
                &unplugged,
                &lo,
                false,
                Some((false, false, vec!["10.0.0.2"])),
            ),
            ("another address", &home, &other, false, Some((true, true, vec!["10.0.0.2"]))),
            ("one more address", &home, &both, false, Some((true, true, vec![]))),
            ("one address less", &both, &home, false, Some((true, false, vec!["fd::2"]))),
            ("one for neighbours only", &home, &bridge, false, None),
        ] {
            let told = told.map(|(is_up, is_new, gone)| NetworkChange {
                is_up,
                is_new,
                gone: addresses(&gone, &[]).present,
            });
            assert_eq!(now.since(before, routed), told, "{name}");
        }
    }

    /// As where all descriptors are taken.
    #[cfg(target_os = "linux")]
    #[tokio::test(start_paused = true)]
    async fn a_look_that_fails_is_made_again() {
        let (near, far) = std::os::unix::net::UnixDatagram::pair().unwrap();
        near.set_nonblocking(true).unwrap();
        let listener = netlink::Listener::of(near.into()).unwrap();
        let (inbox, mut told) = crate::inbox::channel();
        let home = addresses(&["10.0.0.2"], &["10.0.0.2"]);
        let other = addresses(&["10.0.0.3"], &["10.0.0.3"]);
        let mut failures = 9;
        let look = || match failures {
            0 => Ok(other.clone()),
            _ => {
                failures -= 1;
                Err(std::io::Error::other("no descriptor"))
            }
        };
        far.send(b"changed").unwrap();
        let messages = tokio::select! {
            biased;
            ended = system::follow(&listener, &inbox, home.clone(), look) => panic!("{ended:?}"),
            messages = told.gather(None) => messages,
        };
        let [crate::inbox::Message::NetworkChanged(change)] = &messages[..] else {
            panic!("{messages:?}")
        };
        assert_eq!(Some(change), other.since(&home, false).as_ref());
    }
}
