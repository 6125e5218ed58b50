//! Notices that the wall clock was set or that the machine slept, so that nobody has to look.

use crate::inbox::Sender;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

/// Longest sleep while something is due, where the system does not tell: steady time does not
/// notice a wall clock that is set.
const BLIND_SLEEP_LIMIT: Duration = Duration::from_secs(60);

/// Watches the wall clock while it lives.
#[derive(Debug)]
pub(crate) struct WallWatch(Option<AbortOnDropHandle<()>>);

impl WallWatch {
    /// Sends [`crate::inbox::Message::ClockSet`] whenever the clock jumps, where the system tells.
    pub(crate) fn begin(runtime: &Handle, inbox: Sender) -> Self {
        let _runtime = runtime.enter();
        match system::watch(inbox) {
            Ok(watch) => Self(Some(AbortOnDropHandle::new(runtime.spawn(watch)))),
            Err(error) => {
                tracing::debug!(%error, "the system does not tell when its clock is set");
                Self(None)
            }
        }
    }

    /// Cuts a sleep to what nobody would cut short.
    pub(crate) fn limit(&self, sleep: Duration) -> Duration {
        match &self.0 {
            Some(watch) if !watch.is_finished() => sleep,
            _ => sleep.min(BLIND_SLEEP_LIMIT),
        }
    }
}

#[cfg(target_os = "linux")]
mod system {
    use crate::inbox::{Message, Sender};
    use rustix::io::Errno;
    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use std::io;
    use std::os::fd::{AsFd, OwnedFd};
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    /// In seconds since 1970: later than any clock, and no more than the system can count.
    const NEVER: i64 = 1 << 33;

    /// Returns what tells of every jump, for as long as it runs.
    #[expect(unsafe_code, reason = "the reactor is told of a descriptor")]
    pub(super) fn watch(inbox: Sender) -> io::Result<impl Future<Output = ()>> {
        let timer = timerfd_create(
            TimerfdClockId::Realtime,
            TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC,
        )?;
        arm(&timer)?;
        // SAFETY: an `OwnedFd` names one open descriptor until it is dropped, which is after the
        // `AsyncFd` that owns it has let go of it.
        let timer = unsafe { AsyncFd::register_with_interest(timer, Interest::READABLE) }?;
        Ok(
            async move { while jump(&timer).await.is_ok() && inbox.send(Message::ClockSet).is_ok() {} },
        )
    }

    /// Waits until the timer is cancelled, which a jump does, and arms it again.
    async fn jump(timer: &AsyncFd<OwnedFd>) -> io::Result<()> {
        let read = |timer: &OwnedFd| match rustix::io::read(timer, &mut [0; 8]) {
            Ok(_) | Err(Errno::CANCELED) => Ok(()),
            Err(error) => Err(error.into()),
        };
        timer.async_io(Interest::READABLE, read).await?;
        arm(timer.get_ref())
    }

    fn arm(timer: impl AsFd) -> io::Result<()> {
        let none = Timespec { tv_sec: 0, tv_nsec: 0 };
        let never =
            Itimerspec { it_interval: none, it_value: Timespec { tv_sec: NEVER, tv_nsec: 0 } };
        let flags = TimerfdTimerFlags::ABSTIME | TimerfdTimerFlags::CANCEL_ON_SET;
        is_armed(timerfd_settime(timer, flags, &never).map(drop))
    }

    /// Where the clock jumped since the last read, the call fails, and the timer is armed all the
    /// same (timerfd_create(2)). The jump is told with the one before it.
    pub(super) fn is_armed(result: Result<(), Errno>) -> io::Result<()> {
        match result {
            Ok(()) | Err(Errno::CANCELED) => Ok(()),
            Err(error) => Err(error.into()),
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

    const YEAR: Duration = Duration::from_secs(365 * 24 * 60 * 60);

    #[tokio::test]
    async fn nobody_wakes_who_waits_for_long() {
        let (inbox, told) = crate::inbox::channel();
        let watch = WallWatch::begin(&Handle::current(), inbox);
        let expected = if cfg!(target_os = "linux") { YEAR } else { BLIND_SLEEP_LIMIT };
        assert_eq!(watch.limit(YEAR), expected);
        assert!(told.take().next().is_none(), "no clock was set");
    }

    /// Nobody can set the clock in between to try it.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_jump_while_the_timer_is_armed_is_no_failure() {
        use rustix::io::Errno;
        for (result, armed) in
            [(Ok(()), true), (Err(Errno::CANCELED), true), (Err(Errno::INVAL), false)]
        {
            assert_eq!(system::is_armed(result).is_ok(), armed, "{result:?}");
        }
    }

    #[test]
    fn who_is_not_told_looks() {
        assert_eq!(WallWatch(None).limit(YEAR), BLIND_SLEEP_LIMIT);
        assert_eq!(WallWatch(None).limit(Duration::from_secs(1)), Duration::from_secs(1));
    }
}
