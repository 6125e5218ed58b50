//! The running attempts: starts them, stops them, and hears from them.

use crate::boxed::pinned;
use crate::cache::SharedCache;
use crate::cookies::SharedJar;
use crate::credentials::Kept;
use crate::inbox::{Message, Sender};
use crate::simulate::Simulation;
use crate::strict::SharedHosts;
use crate::transfer::{Attempt, Collector, Hands, Notices, Patience, Progress, TaskFiles};
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, poll_fn};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use urlsession_core::{AttemptNumber, Cause, Ending, Order, ResumeState, TaskRef};
use urlsession_protocol::{
    Date, Error, ErrorCode, HttpRedirectDisposition, HttpRedirection, ProtectionSpace, ResumeRung,
    SpeedLimits, TaskKind, TaskMetrics, Timestamp,
};

/// Runs one attempt to its end: [`Hands`], or a script in tests.
pub(crate) trait Moves: Send + Sync + 'static {
    fn run(self: Arc<Self>, attempt: Attempt) -> impl Future<Output = Ending> + Send + 'static;

    /// Lets later requests use new connections.
    fn drop_idle_connections(&self) {}

    /// Limits all attempts together, those that run included.
    fn limit_speed(&self, _limits: SpeedLimits) {}

    /// Returns the simulation that it is in.
    fn simulation(&self) -> Option<Arc<Simulation>> {
        None
    }
}

impl Moves for Hands {
    fn run(self: Arc<Self>, attempt: Attempt) -> impl Future<Output = Ending> + Send + 'static {
        Self::run(self, attempt)
    }

    fn drop_idle_connections(&self) {
        Self::drop_idle_connections(self);
    }

    fn limit_speed(&self, limits: SpeedLimits) {
        Self::limit_speed(self, limits);
    }

    fn simulation(&self) -> Option<Arc<Simulation>> {
        Self::simulation(self)
    }
}

/// What an attempt finds: what other tasks share, and what is known of the attempts before it.
#[derive(Debug, Default)]
pub(crate) struct Storages {
    /// When it begins, which is now.
    pub now: Date,
    /// When its task was created.
    pub created: Timestamp,
    /// What the attempts before it took.
    pub earlier: TaskMetrics,
    pub cookies: Option<Arc<SharedJar>>,
    /// Which hosts are asked over https only.
    pub known_hosts: Option<Arc<SharedHosts>>,
    pub cache: Option<Arc<SharedCache>>,
    /// The credentials that are kept for its application.
    pub credentials: Option<Arc<Kept>>,
    /// What its app must not be asked about; `None` if nothing may be asked.
    pub asks: Option<Vec<ProtectionSpace>>,
    /// Whether no other follows, should it bring nothing.
    pub is_last_try: bool,
    /// How long its task has left; `None` is for ever.
    pub time_left: Option<Duration>,
    /// Whether its app may be asked about redirects.
    pub asks_about_redirects: bool,
    /// How many connections its session may have to one server.
    pub connections_per_host: u32,
}

/// All attempts that have not reported their end.
#[derive(Debug)]
pub(crate) struct Attempts<H> {
    running: BTreeMap<(TaskRef, AttemptNumber), Running>,
    hands: Arc<H>,
    runtime: Handle,
    inbox: Sender,
}

/// One of them, as the driver sees it.
#[derive(Debug)]
pub(crate) struct Running {
    /// Its counters.
    pub progress: Arc<Progress>,
    /// Body bytes received that were told.
    pub told_received: u64,
    /// Body bytes sent that were told.
    pub told_sent: u64,
    /// Whether what it receives is a download's file.
    pub downloads: bool,
    /// What the attempts before it took.
    pub earlier: TaskMetrics,
    /// What it takes itself.
    pub collector: Arc<Collector>,
    /// Where it waits to be told what to do about a redirect.
    decision: Option<oneshot::Sender<HttpRedirectDisposition>>,
    stop: CancellationToken,
    abort: AbortHandle,
    /// The address it came from, which is gone.
    lost: Option<IpAddr>,
}

impl<H: Moves> Attempts<H> {
    pub(crate) fn new(hands: Arc<H>, runtime: Handle, inbox: Sender) -> Self {
        Self { running: BTreeMap::new(), hands, runtime, inbox }
    }

    /// Starts an attempt, whose end comes back through the inbox.
    pub(crate) fn start(
        &mut self,
        task: TaskRef,
        number: AttemptNumber,
        order: Arc<Order>,
        files: TaskFiles,
        resume: Option<ResumeState>,
        storages: Storages,
    ) {
        let stop = CancellationToken::new();
        let progress = Arc::new(Progress::default());
        let told_received = resume.as_ref().map_or(0, ResumeState::synced_bytes);
        progress.set_received(told_received);
        progress.expect_to_receive(resume.as_ref().and_then(|resume| resume.total_bytes));
        let downloads = matches!(order.kind, TaskKind::Download { .. });
        let collector = Arc::new(Collector::new(storages.now));
        let first = storages.earlier.transaction_metrics.first();
        let first = first.and_then(|first| first.fetch_start_date).unwrap_or(storages.now);
        let attempt = Attempt {
            patience: Patience::of(&order.options, first),
            order,
            resume,
            created: storages.created,
            files,
            cookies: storages.cookies,
            known_hosts: storages.known_hosts,
            cache: storages.cache,
            credentials: storages.credentials,
            asks: storages.asks,
            is_last_try: storages.is_last_try,
            time_left: storages.time_left,
            asks_about_redirects: storages.asks_about_redirects,
            connections_per_host: storages.connections_per_host,
            progress: Arc::clone(&progress),
            metrics: Arc::clone(&collector),
            stop: stop.clone(),
            notices: Arc::new(Speaker(Arc::new(Notice {
                task,
                attempt: number,
                inbox: self.inbox.clone(),
                durable: Mutex::default(),
            }))),
        };
        // It is long, and would be copied on each step of its way otherwise.
        let run = pinned(|| Arc::clone(&self.hands).run(attempt));
        let inbox = self.inbox.clone();
        let run = self.runtime.spawn(async move {
            let ending = Box::new(ending(run).await);
            let _ = inbox.send(Message::Ended { task, attempt: number, ending });
        });
        let abort = run.abort_handle();
        let running = Running {
            progress,
            told_received,
            told_sent: 0,
            downloads,
            earlier: storages.earlier,
            collector,
            decision: None,
            stop,
            abort,
            lost: None,
        };
        self.running.insert((task, number), running);
    }

    /// Reports an attempt that could not begin.
    pub(crate) fn fail(&self, task: TaskRef, attempt: AttemptNumber, ending: Ending) {
        let _ = self.inbox.send(Message::Ended { task, attempt, ending: Box::new(ending) });
    }

    /// Asks an attempt to stop; it reports its end as always.
    pub(crate) fn stop(&self, task: TaskRef, attempt: AttemptNumber) {
        if let Some(running) = self.running.get(&(task, attempt)) {
            running.stop.cancel();
        }
    }

    /// Stops the attempts whose connections come from addresses that are gone; they would wait
    /// for bytes until their idle timers end.
    pub(crate) fn abandon(&mut self, gone: &BTreeSet<IpAddr>) {
        for running in self.running.values_mut() {
            if let Some(address) = running.collector.local().filter(|local| gone.contains(local)) {
                running.lost = Some(address);
                running.stop.cancel();
            }
        }
    }

    /// Notes where an attempt waits to be told what to do about a redirect; says whether it runs.
    pub(crate) fn redirected(
        &mut self,
        task: TaskRef,
        attempt: AttemptNumber,
        decision: oneshot::Sender<HttpRedirectDisposition>,
    ) -> bool {
        let running = self.running.get_mut(&(task, attempt));
        running.map(|running| running.decision = Some(decision)).is_some()
    }

    /// Tells an attempt what to do about the redirect that it waits with.
    pub(crate) fn redirect(
        &mut self,
        task: TaskRef,
        attempt: AttemptNumber,
        disposition: HttpRedirectDisposition,
    ) {
        let running = self.running.get_mut(&(task, attempt));
        if let Some(decision) = running.and_then(|running| running.decision.take()) {
            // One that is being stopped does not wait any more.
            let _ = decision.send(disposition);
        }
    }

    /// Lets later requests use new connections.
    pub(crate) fn drop_idle_connections(&self) {
        self.hands.drop_idle_connections();
    }

    /// Limits all attempts together, those that run included.
    pub(crate) fn limit_speed(&self, limits: SpeedLimits) {
        self.hands.limit_speed(limits);
    }

    /// Forgets an attempt that has ended.
    pub(crate) fn remove(&mut self, task: TaskRef, attempt: AttemptNumber) -> Option<Running> {
        self.running.remove(&(task, attempt))
    }

    /// Says whether that attempt runs.
    pub(crate) fn is_running(&self, task: TaskRef, attempt: AttemptNumber) -> bool {
        self.running.contains_key(&(task, attempt))
    }

    /// Returns that attempt, if it runs.
    pub(crate) fn running(&self, task: TaskRef, attempt: AttemptNumber) -> Option<&Running> {
        self.running.get(&(task, attempt))
    }

    /// Returns the attempt of a task.
    pub(crate) fn of(&self, task: TaskRef) -> Option<&Running> {
        let attempts = (task, AttemptNumber(0))..=(task, AttemptNumber(u32::MAX));
        self.running.range(attempts).next_back().map(|(_, running)| running)
    }

    /// Visits all attempts.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = (TaskRef, &mut Running)> {
        self.running.iter_mut().map(|((task, _), running)| (*task, running))
    }

    /// Returns all attempts.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (TaskRef, &Running)> {
        self.running.iter().map(|((task, _), running)| (*task, running))
    }

    /// Returns how many run.
    pub(crate) fn count(&self) -> usize {
        self.running.len()
    }

    /// Returns how many wait to be told what to do about a redirect.
    pub(crate) fn undecided(&self) -> usize {
        self.running.values().filter(|running| running.decision.is_some()).count()
    }

    /// Says whether none runs.
    pub(crate) fn is_empty(&self) -> bool {
        self.running.is_empty()
    }
}

impl Running {
    /// Says how an attempt ended that was stopped because its address is gone.
    pub(crate) fn explain(&self, ending: Ending) -> Ending {
        let (Some(address), Ending::Stopped { resume }) = (self.lost, &ending) else {
            return ending;
        };
        let why = format!("this machine does not have the address {address} any more");
        Ending::Failed {
            error: Error::new(ErrorCode::NETWORK_CONNECTION_LOST).because(why),
            cause: Cause::Connectivity,
            resume: resume.clone(),
            progressed: resume.is_some() || self.progress.counts().sent > 0,
        }
    }
}

impl<H> Drop for Attempts<H> {
    fn drop(&mut self) {
        for running in self.running.values() {
            running.abort.abort();
        }
    }
}

/// Runs an attempt to its end, which may be a panic. One that is aborted has none, and nobody is
/// left to hear of it.
async fn ending(run: impl Future<Output = Ending>) -> Ending {
    let mut run = pin!(run);
    let caught = poll_fn(|context| {
        let poll = AssertUnwindSafe(|| run.as_mut().poll(context));
        catch_unwind(poll).unwrap_or_else(|_| Poll::Ready(panicked()))
    });
    caught.await
}

fn panicked() -> Ending {
    tracing::error!("a transfer panicked");
    let error = Error::new(ErrorCode::UNKNOWN).because("the transfer panicked");
    Ending::Failed { error, cause: Cause::Permanent, resume: None, progressed: false }
}

/// The durable bytes of one attempt: at most one message about them is on its way.
#[derive(Debug)]
pub(crate) struct Notice {
    pub(crate) task: TaskRef,
    pub(crate) attempt: AttemptNumber,
    inbox: Sender,
    durable: Mutex<Option<ResumeState>>,
}

impl Notice {
    /// Takes the last state; the next one is a new message.
    pub(crate) fn take(&self) -> Option<ResumeState> {
        self.durable.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

#[derive(Debug)]
struct Speaker(Arc<Notice>);

impl Notices for Speaker {
    fn durable(&self, state: ResumeState) {
        let notice = &self.0;
        let before = notice.durable.lock().unwrap_or_else(PoisonError::into_inner).replace(state);
        if before.is_none() {
            let _ = notice.inbox.send(Message::Durable(Arc::clone(notice)));
        }
    }

    fn resumed(&self, offset: u64, expected: Option<u64>, rung: ResumeRung) {
        let Notice { task, attempt, inbox, .. } = &*self.0;
        let (task, attempt) = (*task, *attempt);
        let _ = inbox.send(Message::Resumed { task, attempt, offset, expected, rung });
    }

    fn redirected(
        &self,
        redirection: Box<HttpRedirection>,
        decision: oneshot::Sender<HttpRedirectDisposition>,
    ) {
        let Notice { task, attempt, inbox, .. } = &*self.0;
        let (task, attempt) = (*task, *attempt);
        let _ = inbox.send(Message::Redirected { task, attempt, redirection, decision });
    }

    fn received(&self) {
        let Notice { task, attempt, inbox, .. } = &*self.0;
        let _ = inbox.send(Message::Received { task: *task, attempt: *attempt });
    }
}
