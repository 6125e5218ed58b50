//! One attempt as one straight async function: moves bytes, then reports how it ended.

mod block;
mod body;
mod carry;
mod checksum;
mod chunks;
mod coding;
mod detour;
mod dial;
mod disposition;
mod download;
mod errors;
mod framing;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod gate;
mod guard;
mod handshake;
mod http;
mod http2;
mod identity;
mod interface;
mod interim;
mod landing;
mod leave;
mod leg;
mod line;
mod local;
#[cfg(unix)]
mod mark;
mod metrics;
mod outgoing;
mod part;
mod patience;
mod pool;
mod progress;
mod proxy;
mod publish;
mod pump;
mod question;
#[cfg(not(feature = "http3"))]
#[path = "no_quic.rs"]
mod quic;
#[cfg(feature = "http3")]
mod quic;
mod race;
mod rate;
mod receive;
mod redirect;
mod request;
mod resume;
mod segments;
mod simulated;
mod speedometer;
mod splice;
mod tls;
mod tunnel;
mod upload;
mod verify;
mod wire;

#[cfg(test)]
#[cfg(unix)]
mod tests;

pub(crate) use metrics::Collector;
pub(crate) use part::{claim, find as find_part, inode};
pub(crate) use patience::Patience;
pub(crate) use progress::Progress;

use crate::cache::SharedCache;
use crate::cookies::SharedJar;
use crate::credentials::Kept;
use crate::simulate::Simulation;
use crate::strict::SharedHosts;
use speedometer::Speedometer;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use urlsession_core::{Ending, Order, ResumeState};
use urlsession_protocol::{
    ErrorCode, HttpRedirectDisposition, HttpRedirection, LowestSpeed, ProtectionSpace, ResumeRung,
    SpeedLimits, TaskKind, Timestamp,
};

/// One attempt: what to do, and where to say how it goes.
#[derive(Debug)]
pub(crate) struct Attempt {
    /// What the task asks for.
    pub order: Arc<Order>,
    /// From what to go on.
    pub resume: Option<ResumeState>,
    /// Whether no other follows, should it bring nothing.
    pub is_last_try: bool,
    /// How long its task has left; `None` is for ever.
    pub time_left: Option<Duration>,
    /// How its task wants to be tried again.
    pub patience: Patience,
    /// When its task was created.
    pub created: Timestamp,
    /// Where the files of this task go.
    pub files: TaskFiles,
    /// The cookies of its application, or of its session.
    pub cookies: Option<Arc<SharedJar>>,
    /// Which hosts its session knows to be asked over https only.
    pub known_hosts: Option<Arc<SharedHosts>>,
    /// What is kept of responses.
    pub cache: Option<Arc<SharedCache>>,
    /// The credentials that are kept for its application.
    pub credentials: Option<Arc<Kept>>,
    /// What its app must not be asked about; `None` if nothing may be asked.
    pub asks: Option<Vec<ProtectionSpace>>,
    /// Whether its app may be asked about redirects.
    pub asks_about_redirects: bool,
    /// How many connections its session may have to one server.
    pub connections_per_host: u32,
    /// Last value wins; read by the driver at a bounded rate.
    pub progress: Arc<Progress>,
    /// What its requests take.
    pub metrics: Arc<Collector>,
    /// Cancelled when the driver wants the attempt to stop.
    pub stop: CancellationToken,
    /// Where durable bytes and resumptions are told while the attempt runs.
    pub notices: Arc<dyn Notices>,
}

/// Where an attempt tells what cannot wait for its end. Never blocks.
pub(crate) trait Notices: Send + Sync + std::fmt::Debug {
    /// Tells that the bytes of the state are synced.
    fn durable(&self, state: ResumeState);
    /// Tells from where a download goes on, on a second or later attempt that got a response.
    fn resumed(&self, offset: u64, expected: Option<u64>, rung: ResumeRung);
    /// Asks where to go on from a redirect. A sender that is dropped means as proposed.
    fn redirected(
        &self,
        redirection: Box<HttpRedirection>,
        decision: oneshot::Sender<HttpRedirectDisposition>,
    );
    /// Tells that all bytes have come, and the connection is free.
    fn received(&self);
}

/// The paths a task's files have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TaskFiles {
    /// The part file: beside the destination, or in the session's folder.
    pub part: PathBuf,
    /// The finished file: the destination, or a file in the session's folder.
    pub finished: PathBuf,
    /// The folder of parts kept for resume data: the only other place a resumed part may be.
    pub kept_parts: Arc<Path>,
}

/// What all transfers share: connections, TLS, limits. Built once per engine.
#[derive(Debug)]
pub(crate) struct Hands {
    http: http::Http,
    publisher: Arc<publish::Publisher>,
}

impl Hands {
    /// Prepares everything that does not need the network. TLS and certificates are loaded by the
    /// first `https` request, so that an idle daemon never holds them.
    pub(crate) fn new() -> Self {
        Self::detouring_from(detour::DETOUR_MINIMUM)
    }

    /// Prepares for tasks that end with the process: their files are put in place without a sync.
    pub(crate) fn passing() -> Self {
        Self { publisher: Arc::new(publish::Publisher::passing()), ..Self::new() }
    }

    /// Prepares to ask the servers of a simulation, and nobody else.
    pub(crate) fn simulated(simulation: Arc<Simulation>) -> Self {
        let mut hands = Self::new();
        hands.http.simulation = Some(simulation);
        hands
    }

    /// Returns the simulation whose servers are asked.
    pub(crate) fn simulation(&self) -> Option<Arc<Simulation>> {
        self.http.simulation.clone()
    }

    /// Has bodies of that length and more go the short way.
    fn detouring_from(length: u64) -> Self {
        Self { http: http::Http::new(length), publisher: Arc::default() }
    }

    /// Runs one attempt to its end. Cancel-safe only through [`Attempt::stop`]: dropping the
    /// future loses what was not synced.
    pub(crate) async fn run(self: Arc<Self>, attempt: Attempt) -> Ending {
        let (patience, metrics) = (attempt.patience, Arc::clone(&attempt.metrics));
        let (order, progress) = (Arc::clone(&attempt.order), Arc::clone(&attempt.progress));
        // In a simulation, servers alone say how fast they are, in a time of their own.
        let lowest = order.options.lowest_speed.filter(|_| self.http.simulation.is_none());
        let ending = match lowest {
            Some(lowest) => Box::pin(self.run_measured(attempt, lowest)).await,
            None => self.run_to_end(attempt, None).await,
        };
        let ending = match ending {
            Ending::Stopped { resume } if progress.counts().sent > 0 && order.forbids_retry() => {
                // Whoever stopped it may only have wanted a pause.
                errors::Failure::lost("it was stopped while it was sent").end(resume, true)
            }
            ending => ending,
        };
        patience.pace(ending, metrics.now())
    }

    /// Runs the attempt unless it is too slow, which ends it as it ends who is idle: what came is
    /// kept, and asked for no more.
    async fn run_measured(&self, mut attempt: Attempt, lowest: LowestSpeed) -> Ending {
        let (order, progress) = (Arc::clone(&attempt.order), Arc::clone(&attempt.progress));
        let (before, stop) = (attempt.resume.clone(), attempt.stop.clone());
        let too_slow = stop.child_token();
        attempt.stop = too_slow.clone();
        let speedometer = Speedometer::new(lowest);
        let mut run = pin!(self.run_to_end(attempt, Some(Arc::clone(&speedometer))));
        let ending = tokio::select! {
            biased;
            ending = &mut run => return ending,
            () = speedometer.too_slow() => {
                too_slow.cancel();
                run.await
            }
        };
        match ending {
            Ending::Stopped { resume } if !stop.is_cancelled() => {
                let of_same = |before: &ResumeState| {
                    resume.as_ref().is_some_and(|resume| resume.inode == before.inode)
                };
                let synced = |state: &ResumeState| state.synced_bytes();
                let had = before.as_ref().filter(|before| of_same(before)).map_or(0, synced);
                let has_more = resume.as_ref().map_or(0, synced) > had;
                let progressed = has_more || progress.counts().sent > 0;
                errors::Failure::slow(lowest).at(&order.request.url).end(resume, progressed)
            }
            ending => ending,
        }
    }

    async fn run_to_end(&self, attempt: Attempt, speedometer: Option<Arc<Speedometer>>) -> Ending {
        match attempt.order.kind {
            TaskKind::Download { .. } => {
                download::run(&self.http, &self.publisher, attempt, speedometer).await
            }
            TaskKind::Upload | TaskKind::Data => {
                body::run(&self.http, &self.publisher, attempt, speedometer).await
            }
        }
    }

    /// Lets later requests use new connections; those under way keep theirs.
    pub(crate) fn drop_idle_connections(&self) {
        self.http.drop_idle_connections();
    }

    /// Limits all transfers together, those that run included. In a simulation, servers alone say how
    /// fast they are: buckets know no time but the real one.
    pub(crate) fn limit_speed(&self, limits: SpeedLimits) {
        if self.http.simulation.is_none() {
            self.http.overall.limit(limits);
        }
    }
}

/// Runs work that blocks on a thread that may.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, errors::Failure> + Send + 'static,
) -> Result<T, errors::Failure> {
    let joined = tokio::task::spawn_blocking(work).await;
    joined.unwrap_or_else(|error| Err(errors::Failure::permanent(ErrorCode::UNKNOWN, error)))
}
