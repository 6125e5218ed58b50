//! A daemon's life, from the lock to the last goodbye.

use crate::door::{self, Door};
use crate::instance::Instance;
use crate::keychain;
use crate::ready::Ready;
use crate::{Ended, folder, log, simulation};
use anyhow::{Context as _, bail};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::UCred;
use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use urlsession_engine::{CachePlace, Engine, EngineConfiguration, Heritage, Scenario, crash};
use urlsession_protocol::connection::{Accepted, Connection, FAREWELL_LIMIT};
use urlsession_protocol::paths::Paths;
use urlsession_protocol::{Hello, PROTOCOL_VERSION};

/// Most clients at once.
const MAX_CLIENTS: usize = 512;
/// Threads that move bytes between sockets and buffers.
const WORKER_THREADS: usize = 2;
/// Most threads that wait for files.
const BLOCKING_THREADS: usize = 32;
/// How long a thread that waits for nothing stays.
const BLOCKING_KEEP_ALIVE: Duration = Duration::from_secs(5);
/// Size of a thread's stack in bytes; only what is touched costs memory.
const STACK_BYTES: usize = 4 * 1024 * 1024;
/// Longest orderly stop, shorter than starters wait: what is not done is recovered as after a crash.
const STOP_LIMIT: Duration = Duration::from_secs(8);
/// Pause after the system refused to accept: out of files, most likely.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Why a daemon stops whose files were removed.
const GONE: &str = "the state folder is not there any more";

/// What a life is like.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) paths: Paths,
    /// How long it goes on while idle; `None` is for ever.
    pub(crate) idle_exit: Option<Duration>,
    /// What the starter gave this process.
    pub(crate) heritage: Heritage,
    /// What is simulated.
    pub(crate) simulation: Option<Scenario>,
}

/// Lives until stopped or idle for so long; tells `ready` once clients can connect.
pub(crate) fn live(plan: Plan, version: &str, ready: &mut Ready) -> anyhow::Result<Ended> {
    let Plan { paths, idle_exit, heritage, simulation } = plan;
    let paths = &paths;
    folder::ensure_private(&paths.state)?;
    simulation::check_place(&paths.state, simulation.is_some())?;
    let Some(instance) = Instance::acquire(paths)? else {
        ready.tell();
        return Ok(Ended::AlreadyRunning);
    };
    crash::point("daemon.locked");
    log::begin(&paths.log())?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(WORKER_THREADS)
        .max_blocking_threads(BLOCKING_THREADS)
        .thread_keep_alive(BLOCKING_KEEP_ALIVE)
        .thread_stack_size(STACK_BYTES)
        .thread_name("urlsession")
        .enable_all()
        .build()
        .context("cannot start threads")?;
    let lived = runtime.block_on(async {
        let is_simulated = simulation.is_some();
        let mut house = House::open(paths, version, heritage, simulation).await?;
        crash::point("daemon.opened");
        instance.open_gate().context("cannot unlock the gate")?;
        ready.tell();
        crash::point("daemon.ready");
        tracing::info!(version, pid = std::process::id(), is_simulated, "started");
        let why = house.welcome(idle_exit, &instance).await;
        instance.close_gate().context("cannot lock the gate")?;
        tracing::info!(why, "stopping");
        crash::point("daemon.closing");
        house.close().await?;
        crash::point("daemon.closed");
        tracing::info!("stopped");
        Ok(Ended::Stopped)
    });
    // A file system that hangs must not keep the daemon.
    runtime.shutdown_timeout(FAREWELL_LIMIT);
    if let Err(error) = &lived {
        tracing::error!("{error:#}");
    }
    lived
}

/// The engine and all who talk to it.
struct House<'a> {
    paths: &'a Paths,
    hello: Hello,
    signals: Signals,
    engine: Arc<Engine>,
    door: Option<Door>,
    clients: JoinSet<()>,
}

impl<'a> House<'a> {
    async fn open(
        paths: &'a Paths,
        version: &str,
        heritage: Heritage,
        simulation: Option<Scenario>,
    ) -> anyhow::Result<Self> {
        // From here on a signal means an orderly stop.
        let signals = Signals::new().context("cannot handle signals")?;
        let configuration = EngineConfiguration {
            state: Some(paths.state.clone()),
            shared: None,
            caches: CachePlace::Nowhere,
            version: version.to_owned(),
            keychain: simulation.is_none() && keychain::is_used(),
            heritage: Some(heritage),
            simulation,
        };
        let engine = Engine::start(configuration, Handle::current())
            .with_context(|| format!("cannot open the store in {}", paths.state.display()))?;
        let hello = Hello {
            protocol: PROTOCOL_VERSION,
            program: format!("urlsession {version}"),
            pid: std::process::id(),
            state: Some(engine.state().to_owned()),
        };
        let mut house = Self {
            paths,
            hello,
            signals,
            engine: Arc::new(engine),
            door: None,
            clients: JoinSet::new(),
        };
        if let Err(error) = house.open_door() {
            // What keeps the door shut is the error to tell.
            let _ = house.close().await;
            return Err(error);
        }
        Ok(house)
    }

    fn open_door(&mut self) -> anyhow::Result<()> {
        // The old one, if any, must not remove the new one's path.
        self.door = None;
        folder::ensure_private(&self.paths.runtime)?;
        self.door = Some(Door::open(&self.paths.socket())?);
        Ok(())
    }

    /// Lets clients in until there is a reason to stop.
    async fn welcome(&mut self, idle_exit: Option<Duration>, instance: &Instance) -> &'static str {
        let idle = self.engine.idle();
        let mut idle = pin!(idle_for(idle.clone(), idle_exit));
        let mut is_refused = false;
        loop {
            tokio::select! {
                stranger = next(self.door.as_ref()) => match stranger {
                    // It comes again, to a daemon that remembers what it is told.
                    Ok(_) if !instance.is_in_place(self.paths) => return GONE,
                    Ok(stranger) => {
                        is_refused = false;
                        self.let_in(stranger);
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_refused, true) {
                            tracing::warn!(%error, "cannot accept clients");
                        }
                        sleep(ACCEPT_PAUSE).await;
                    }
                },
                Some(_) = self.clients.join_next() => {}
                () = &mut idle => {
                    if self.clients.is_empty() {
                        return "idle";
                    }
                    // Somebody has not said hello yet.
                    idle.set(idle_for(self.engine.idle(), idle_exit));
                }
                // Asked to by a client, or by an error that `close` tells.
                _ = self.engine.finished() => return "the engine ended",
                why = self.signals.next() => match why {
                    Some(why) => return why,
                    None if !instance.is_in_place(self.paths) => return GONE,
                    None => self.look_at_door(),
                },
            }
        }
    }

    fn let_in(&mut self, stream: UnixStream) {
        let peer = stream.peer_cred();
        let pid = peer.as_ref().ok().and_then(UCred::pid);
        let user = peer.map(|peer| peer.uid());
        if let Some(reason) = door::refusal(user, self.clients.len(), MAX_CLIENTS) {
            tracing::warn!(pid, reason, "refused a client");
            door::turn_away(stream, &reason);
            return;
        }
        let shut = match door::reading_end(&stream) {
            Ok(shut) => shut,
            Err(error) => {
                tracing::warn!(pid, %error, "cannot hold on to a client");
                return;
            }
        };
        crash::point("daemon.accepted");
        let (hello, engine) = (self.hello.clone(), Arc::clone(&self.engine));
        self.clients.spawn(async move {
            let closed = match Connection::accept(stream, &hello).await {
                Ok(Accepted { hello, connection, pump }) => {
                    let program = hello.program.chars().take(100).collect::<String>();
                    tracing::debug!(pid, ?program, "connected");
                    engine.serve(connection);
                    pump.run(shut).await
                }
                Err(closed) => closed,
            };
            if closed.is_fault() {
                tracing::warn!(pid, reason = closed.for_log(), "closed a connection");
            } else {
                tracing::debug!(pid, reason = closed.for_log(), "disconnected");
            }
        });
    }

    /// Makes a new socket if the old one's path is gone.
    fn look_at_door(&mut self) {
        if self.door.as_ref().is_some_and(Door::is_in_place) {
            return;
        }
        match self.open_door() {
            Ok(()) => tracing::info!("the socket was gone and is back"),
            Err(error) => tracing::error!("cannot open the socket again: {error:#}"),
        }
    }

    /// Stops the engine and lets the clients read what it said last.
    async fn close(mut self) -> anyhow::Result<()> {
        self.door = None;
        self.engine.stop();
        let ended = timeout(STOP_LIMIT, self.engine.finished()).await;
        let farewell = async { while self.clients.join_next().await.is_some() {} };
        if timeout(FAREWELL_LIMIT, farewell).await.is_err() {
            tracing::debug!(clients = self.clients.len(), "some clients took no goodbye");
        }
        match ended {
            Ok(ended) => ended.context("the engine failed"),
            Err(_) => bail!("the engine did not stop in {} s", STOP_LIMIT.as_secs()),
        }
    }
}

/// The signals that a daemon obeys.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hangup: Signal,
    /// Caught, so that a file which must not grow further is an error of that file alone.
    _file_size: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: signal(SignalKind::hangup())?,
            _file_size: signal(SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw()))?,
        })
    }

    /// Returns why to stop, `None` for a mere hang-up. SIGPIPE is ignored by the runtime of Rust.
    async fn next(&mut self) -> Option<&'static str> {
        tokio::select! {
            _ = self.terminate.recv() => Some("SIGTERM"),
            _ = self.interrupt.recv() => Some("SIGINT"),
            _ = self.hangup.recv() => None,
        }
    }
}

async fn next(door: Option<&Door>) -> std::io::Result<UnixStream> {
    match door {
        Some(door) => door.next().await,
        None => std::future::pending().await,
    }
}

/// Waits until the engine has been idle for so long without a break.
async fn idle_for(mut idle: watch::Receiver<bool>, limit: Option<Duration>) {
    let Some(limit) = limit else { return std::future::pending().await };
    // An engine that is gone has finished, and that is another reason to stop.
    while idle.wait_for(|idle| *idle).await.is_ok() {
        tokio::select! {
            // Who came at the last moment came.
            biased;
            _ = idle.wait_for(|idle| !*idle) => {}
            () = sleep(limit) => return,
        }
    }
    std::future::pending::<()>().await;
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::task::Poll;

    #[tokio::test(start_paused = true)]
    async fn nobody_is_idle_who_has_to_do_at_the_last_moment() {
        const LIMIT: Duration = Duration::from_secs(60);
        // Chance must not decide.
        for _ in 0..100 {
            let (shown, idle) = watch::channel(true);
            let mut idle = pin!(idle_for(idle, Some(LIMIT)));
            let mut is_over = async || {
                poll_fn(|context| Poll::Ready(idle.as_mut().poll(context).is_ready())).await
            };
            assert!(!is_over().await);
            tokio::time::advance(LIMIT).await;
            shown.send_replace(false);
            assert!(!is_over().await);
            shown.send_replace(true);
            assert!(!is_over().await);
            tokio::time::advance(LIMIT).await;
            assert!(is_over().await);
        }
    }
}
