//! Attempts against a server on loopback that answers, drops, stalls and lies as told.

mod cached;
mod cases;
mod challenges;
mod conditions;
mod credentials;
mod detour;
mod download;
mod exchange;
mod floods;
mod framing;
#[cfg(unix)]
mod guards;
mod hostile;
mod hostile_lines;
mod http2;
#[cfg(feature = "http3")]
mod http3;
#[cfg(feature = "http3")]
mod http3_hostile;
#[cfg(feature = "http3")]
mod http3_peers;
mod kept;
mod known_names;
mod landing;
mod lies;
mod limits;
#[cfg(unix)]
mod local;
mod metrics;
mod peers;
mod policy;
mod proxied;
mod proxy_terms;
mod publish;
mod questions;
mod redirections;
mod refusals;
mod secure;
mod segments;
mod slow;
mod streams;
mod terms;

use super::{Attempt, Collector, Hands, Notices, Patience, Progress, TaskFiles};
use crate::cache::SharedCache;
use crate::cookies::SharedJar;
use crate::credentials::Kept;
use crate::strict::SharedHosts;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};
use tempfile::TempDir;
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use urlsession_core::{Cause, Ending, Order, ResumeState};
use urlsession_protocol::{
    AuthenticationChallenge, Body, CachePolicy, CookiePolicy, Date, Header, Http3,
    HttpRedirectDisposition, HttpRedirection, ProtectionSpace, Request, ResumeRung, TaskKind,
    TaskOptions, Timestamp,
};
use urlsession_testkit::server::{Certificate, Demands, Server};

/// What an attempt told while it ran.
#[derive(Debug, Clone, PartialEq)]
enum Told {
    Durable(ResumeState),
    Resumed(u64, Option<u64>, ResumeRung),
}

/// What an app decides about a redirect.
type Decide = Box<dyn FnMut(&HttpRedirection) -> HttpRedirectDisposition + Send>;

#[derive(Default)]
struct Ear {
    told: Mutex<Vec<Told>>,
    decide: Mutex<Option<Decide>>,
}

impl std::fmt::Debug for Ear {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Ear").field("told", &self.told).finish_non_exhaustive()
    }
}

impl Notices for Ear {
    fn durable(&self, state: ResumeState) {
        self.told.lock().unwrap().push(Told::Durable(state));
    }

    fn resumed(&self, offset: u64, expected: Option<u64>, rung: ResumeRung) {
        self.told.lock().unwrap().push(Told::Resumed(offset, expected, rung));
    }

    fn redirected(
        &self,
        redirection: Box<HttpRedirection>,
        decision: oneshot::Sender<HttpRedirectDisposition>,
    ) {
        let answer = self.decide.lock().unwrap().as_mut().map(|decide| decide(&redirection));
        decision.send(answer.unwrap_or_default()).unwrap();
    }

    fn received(&self) {}
}

/// From which length on bodies go the short way: never, and always.
const BOTH_WAYS: [u64; 2] = [u64::MAX, 1];

/// How long who is to be given up is waited for: longer than others, who are not, wait for their turn
/// on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3);

/// A server of every version, the last of HTTP/3.
fn servers() -> impl Iterator<Item = (usize, Arc<Server>)> {
    let mut servers = vec![Server::start(), Server::start_tls(), Server::start_h2()];
    if cfg!(feature = "http3") {
        servers.push(Server::start_quic(Certificate::Valid, Demands::default()));
    }
    servers.into_iter().map(Arc::new).enumerate()
}

/// Has the trial speak with the server of that number of [`servers`].
fn at(server: &Server, number: usize, mut trial: Trial) -> Trial {
    if number > 0 {
        trial.order.options.ca_certificates = vec![server.ca_pem()];
    }
    trial.order.options.http3 = (number == 3).then_some(Http3::Only);
    trial
}

/// Runs cases beside each other: each takes seconds.
async fn all(cases: impl Iterator<Item = impl Future<Output = ()> + Send + 'static>) {
    cases.collect::<JoinSet<()>>().join_all().await;
}

/// A server, and the way of its bodies into their files.
struct Road {
    server: Server,
    minimum: u64,
}

impl Road {
    /// Returns one for each way: the long one, the short one of the kernel, and that through memory.
    fn all() -> [Self; 3] {
        let [never, always] = BOTH_WAYS;
        [(Server::start(), never), (Server::start(), always), (Server::start_tls(), always)]
            .map(|(server, minimum)| Self { server, minimum })
    }

    fn download(&self, path: &str) -> Trial {
        let mut trial = Trial::download(&self.server.url(path)).detouring_from(self.minimum);
        if trial.order.request.url.starts_with("https") {
            trial.order.options.ca_certificates = vec![self.server.ca_pem()];
        }
        trial
    }
}

/// One task in a folder of its own.
struct Trial {
    folder: TempDir,
    hands: Arc<Hands>,
    order: Order,
    files: TaskFiles,
    asks: Option<Vec<ProtectionSpace>>,
    connections_per_host: u32,
    is_last_try: bool,
    time_left: Option<Duration>,
    first: Date,
    credentials: Option<Arc<Kept>>,
    resume: Option<ResumeState>,
    cache: Option<Arc<SharedCache>>,
    cookies: Option<Arc<SharedJar>>,
    known_hosts: Option<Arc<SharedHosts>>,
    progress: Arc<Progress>,
    metrics: Arc<Collector>,
    stop: CancellationToken,
    ear: Arc<Ear>,
}

impl Trial {
    fn new(kind: TaskKind, url: &str) -> Self {
        let folder = TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        let files = TaskFiles {
            part: at("file.part"),
            finished: at("file"),
            kept_parts: at("kept").into(),
        };
        fs::create_dir(&files.kept_parts).unwrap();
        Self {
            hands: Arc::new(Hands::new()),
            order: Order {
                kind,
                request: Request::new(url).unwrap(),
                options: TaskOptions::default(),
                idle_timeout: Duration::from_secs(30),
                cookies: CookiePolicy::default(),
                answers: Vec::new(),
                cache: CachePolicy::default(),
            },
            files,
            asks: None,
            connections_per_host: 6,
            is_last_try: false,
            time_left: None,
            first: Date(0),
            credentials: None,
            resume: None,
            cache: None,
            cookies: None,
            known_hosts: None,
            progress: Arc::default(),
            metrics: Arc::new(Collector::new(Date(0))),
            stop: CancellationToken::new(),
            ear: Arc::default(),
            folder,
        }
    }

    fn download(url: &str) -> Self {
        Self::new(TaskKind::Download { destination: None }, url)
    }

    /// The same over connections of its own, with bodies of that length going the short way.
    fn detouring_from(mut self, length: u64) -> Self {
        self.hands = Arc::new(Hands::detouring_from(length));
        self
    }

    fn data(url: &str) -> Self {
        Self::new(TaskKind::Data, url)
    }

    /// An upload of the bytes from a file of the app's own.
    fn upload(url: &str, bytes: &[u8]) -> Self {
        let mut trial = Self::new(TaskKind::Upload, url);
        let path = trial.folder.path().join("source");
        fs::write(&path, bytes).unwrap();
        trial.order.request.method = "PUT".into();
        trial.order.request.body = Some(source(&path));
        trial
    }

    fn header(mut self, name: &str, value: &str) -> Self {
        self.order.request.headers.push(Header::new(name, value));
        self
    }

    async fn run(&self) -> Ending {
        let attempt = Attempt {
            patience: Patience::of(&self.order.options, self.first),
            order: Arc::new(self.order.clone()),
            resume: self.resume.clone(),
            created: Timestamp(0),
            files: self.files.clone(),
            cookies: self.cookies.clone(),
            known_hosts: self.known_hosts.clone(),
            cache: self.cache.clone(),
            credentials: self.credentials.clone(),
            asks: self.asks.clone(),
            asks_about_redirects: self.ear.decide.lock().unwrap().is_some(),
            connections_per_host: self.connections_per_host,
            is_last_try: self.is_last_try,
            time_left: self.time_left,
            progress: Arc::clone(&self.progress),
            metrics: Arc::clone(&self.metrics),
            stop: self.stop.clone(),
            notices: Arc::clone(&self.ear) as Arc<dyn Notices>,
        };
        Box::pin(Arc::clone(&self.hands).run(attempt)).await
    }

    /// Runs, then takes over what a driver would have recorded.
    async fn run_and_record(&mut self) -> Ending {
        let ending = self.run().await;
        self.resume = resume_of(&ending).cloned();
        ending
    }

    fn told(&self) -> Vec<Told> {
        self.ear.told.lock().unwrap().clone()
    }

    fn resumed(&self) -> Option<(u64, Option<u64>, ResumeRung)> {
        self.told().into_iter().find_map(|told| match told {
            Told::Resumed(offset, expected, rung) => Some((offset, expected, rung)),
            Told::Durable(_) => None,
        })
    }

    /// Names in the folder, those that every trial has not among them.
    fn left(&self) -> Vec<String> {
        let names = fs::read_dir(self.folder.path()).unwrap();
        let mut names: Vec<_> =
            names.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.retain(|name| name != "kept" && name != "source");
        names.sort();
        names
    }
}

/// Says in one line how an attempt ended.
fn summary(ending: &Ending) -> String {
    match ending {
        Ending::Done(done) => {
            let file = if done.file.is_some() { "" } else { " no file" };
            format!("done {} {}{file}", done.response.status_code, done.length)
        }
        Ending::Stopped { resume } => format!("stopped{}", kept(resume.as_ref())),
        Ending::Challenged { resume, .. } => format!("challenged{}", kept(resume.as_ref())),
        Ending::Failed { error, cause, resume, progressed } => {
            let cause = match cause {
                Cause::Permanent => "permanent".to_owned(),
                Cause::Transient => "transient".to_owned(),
                Cause::Interval(delay) => format!("interval {delay:?}"),
                Cause::After(delay) => format!("after {delay:?}"),
                Cause::Connectivity => "connectivity".to_owned(),
                Cause::Disk => "disk".to_owned(),
                Cause::Answer => "answer".to_owned(),
            };
            let progressed = if *progressed { " progressed" } else { "" };
            format!("{} {cause}{progressed}{}", error.code.0, kept(resume.as_ref()))
        }
    }
}

fn kept(resume: Option<&ResumeState>) -> String {
    resume.map_or_else(String::new, |state| format!(" kept {}", state.durable_bytes))
}

fn resume_of(ending: &Ending) -> Option<&ResumeState> {
    match ending {
        Ending::Done(_) => None,
        Ending::Stopped { resume }
        | Ending::Failed { resume, .. }
        | Ending::Challenged { resume, .. } => resume.as_ref(),
    }
}

fn error_of(ending: &Ending) -> &urlsession_protocol::Error {
    match ending {
        Ending::Failed { error, .. } => error,
        other => panic!("did not fail: {other:?}"),
    }
}

async fn question(trial: &Trial) -> AuthenticationChallenge {
    match trial.run().await {
        Ending::Challenged { challenge, .. } => *challenge,
        other => panic!("no question: {other:?}"),
    }
}

fn source(path: &Path) -> Body {
    let about = fs::metadata(path).unwrap();
    let modified = about.modified().unwrap().duration_since(UNIX_EPOCH).unwrap();
    Body::File {
        path: PathBuf::from(path),
        length: about.len(),
        modified: u64::try_from(modified.as_nanos()).unwrap(),
    }
}
