//! A session: Apple's `URLSession`, the one object an app begins with.

use crate::calls::{Answer, call_back};
use crate::configuration::SessionConfiguration;
use crate::deadline::Deadline;
use crate::delegate::{self, SessionDelegate};
#[cfg(feature = "embedded")]
use crate::embedded::session as in_process;
use crate::events::Events;
use crate::link::{Attachment, Connect, Link, log_refusal};
use crate::request::{DownloadOptions, IntoRequest, UploadOptions, UploadSource};
use crate::task::{DataTask, DownloadTask, Task, UploadTask};
use crate::transport::lost;
use crate::{application, environment, registry, spool};
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak};
use std::time::Duration;
use urlsession_protocol::message::TASKS_PAGE_LIMIT;
use urlsession_protocol::{
    Body, Call, ClientCertificate, ConnectionProxy, Error, ErrorCode, Event, NewTask, Reply,
    Request, SessionKey, TaskIdentifier, TaskKind, TaskOptions, TaskState, TaskStatus, TlsPolicy,
};

/// Longest [`Session::detach`] waits for the daemon to let go.
const DETACH_LIMIT: Duration = Duration::from_secs(5);
/// Most pages that [`Session::tasks`] asks for.
const PAGES_LIMIT: usize = 10_000;

/// Hands tasks to the daemon and receives their events. Cheap to clone.
///
/// Only one process owns a session at a time. Creating one with the identifier of a session that
/// this process has already returns that one, as Apple's does; its configuration stays as it was.
///
/// **Drop**: dropping the last clone, with its tasks and [`Events`], detaches: transfers go on and
/// events stay owed to the next process that creates the session. A session in this process
/// cancels its tasks. An invalidated session with a delegate lives until
/// [`did_become_invalid`](SessionDelegate::did_become_invalid).
///
/// **Its end**: an invalidated session refuses new tasks with -1; it is there, also for who creates it
/// again, until its last event has come, and then every call fails with -1. After
/// [`detach`](Self::detach) they fail with -997.
///
/// **Dead daemon**: the session starts it again and repeats what was not answered. If that does not
/// succeed within 30 s, [`Event::DidBecomeInvalid`] with -997 is the last event and every call
/// fails with -997; what the daemon had accepted goes on when it starts again. The same event comes
/// where the daemon is back with another store, which has none of the session's tasks.
#[derive(Clone)]
pub struct Session(Arc<Handle>);

/// What the clones of a session share; its end is the session's.
pub(crate) struct Handle {
    link: Arc<Link>,
    configuration: SessionConfiguration,
    /// Where files are kept; `None` is where the daemon says.
    state: Option<PathBuf>,
    /// Whether a delegate takes the events.
    delegated: AtomicBool,
    /// Keeps an invalidated session with a delegate alive until its last event.
    alive: Mutex<Option<Session>>,
}

impl Session {
    /// Creates the session, or finds what an earlier process left of it; starts the daemon if
    /// none runs. Blocks the thread, at most 30 s unless the configuration waits for another owner.
    ///
    /// A background session that this process has already is returned as it is: what else this
    /// configuration says does not count, and [`configuration`](Self::configuration) is the first one.
    ///
    /// # Errors
    /// -996 if another process owns the session, -997 if there is no daemon and none can be
    /// started, -1 for an identifier that is none, for what the configuration's kind does not have
    /// or a limit forbids, and for a session in this process without the feature `embedded`.
    pub fn new(configuration: SessionConfiguration) -> Result<Self, Error> {
        configuration.check_kind()?;
        let Some(session) = configuration.session_identifier()? else {
            return in_process(configuration);
        };
        let application = application::application_id(configuration.application.as_deref())?;
        let key = SessionKey { application, session };
        registry::share(&key.clone(), || {
            Self::over(Box::new(crate::launch::connect), key, configuration, None)
        })
    }

    /// As [`Session::new`], with a delegate that is called, one event at a time, on a thread of
    /// the session's own. If the session exists in this process and has a delegate, that one stays.
    ///
    /// # Errors
    /// As [`Session::new`].
    pub fn with_delegate(
        configuration: SessionConfiguration,
        delegate: impl SessionDelegate + 'static,
    ) -> Result<Self, Error> {
        let session = Self::new(configuration)?;
        session.delegate(Box::new(delegate))?;
        Ok(session)
    }

    /// Returns the identifier; `None` for a session in this process.
    #[must_use]
    pub fn identifier(&self) -> Option<&str> {
        self.0.configuration.identifier()
    }

    /// Returns the name of the session among all of this user's.
    #[must_use]
    pub fn key(&self) -> &SessionKey {
        self.0.link.key()
    }

    /// Returns the configuration that the session was created with.
    #[must_use]
    pub fn configuration(&self) -> &SessionConfiguration {
        &self.0.configuration
    }

    /// Returns the folder in which files without a destination wait until their events are
    /// acknowledged: what is there is not the app's yet. `None` where an older daemon does not say it.
    ///
    /// It is the daemon's name of it, which may have another environment than this process.
    #[must_use]
    pub fn state_folder(&self) -> Option<PathBuf> {
        self.0.state.clone().or_else(|| self.0.link.state())
    }

    /// Creates a download, suspended. Returns once the daemon has its line.
    ///
    /// A request that the daemon refuses ends the task with [`Event::DidComplete`].
    ///
    /// # Errors
    /// -1000 and -1002 for a URL that is none, -1 for a method or header fields that cannot be, for a
    /// proxy of the environment that cannot be read and after invalidation, -997 without a daemon.
    pub fn download_task(&self, request: impl IntoRequest) -> Result<DownloadTask, Error> {
        self.download_task_with(request, DownloadOptions::default())
    }

    /// Creates a download with options.
    ///
    /// # Errors
    /// As [`download_task`](Self::download_task).
    pub fn download_task_with(
        &self,
        request: impl IntoRequest,
        options: DownloadOptions,
    ) -> Result<DownloadTask, Error> {
        let DownloadOptions { destination, resume_data, resume, task } = options;
        let destination = destination.as_deref().map(absolute).transpose()?;
        let order = Order {
            kind: TaskKind::Download { destination },
            request: request.into_request()?,
            options: task,
            resume,
            resume_data,
        };
        self.create(order).map(DownloadTask)
    }

    /// Creates an upload, suspended. Returns once the daemon has its line; bytes are on disk then.
    ///
    /// The method is the request's; Apple's uploads use POST or PUT. A GET is sent as POST, unless
    /// [`sends_get_body`](crate::RequestPolicy::sends_get_body) is set.
    ///
    /// # Errors
    /// As [`download_task`](Self::download_task), and -3000 or -3003 if bytes cannot be stored.
    pub fn upload_task(
        &self,
        request: impl IntoRequest,
        source: UploadSource,
    ) -> Result<UploadTask, Error> {
        self.upload_task_with(request, source, UploadOptions::default())
    }

    /// Creates an upload with options.
    ///
    /// # Errors
    /// As [`upload_task`](Self::upload_task).
    pub fn upload_task_with(
        &self,
        request: impl IntoRequest,
        source: UploadSource,
        options: UploadOptions,
    ) -> Result<UploadTask, Error> {
        self.create_with_body(TaskKind::Upload, request, Some(source), options).map(UploadTask)
    }

    /// Creates a data task, suspended: a request, with a body or without, and its response body.
    /// With a body, a request with the method GET becomes a POST, as for an upload.
    ///
    /// # Errors
    /// As [`upload_task`](Self::upload_task).
    pub fn data_task(
        &self,
        request: impl IntoRequest,
        source: Option<UploadSource>,
    ) -> Result<DataTask, Error> {
        self.data_task_with(request, source, UploadOptions::default())
    }

    /// Creates a data task with options.
    ///
    /// # Errors
    /// As [`upload_task`](Self::upload_task).
    pub fn data_task_with(
        &self,
        request: impl IntoRequest,
        source: Option<UploadSource>,
        options: UploadOptions,
    ) -> Result<DataTask, Error> {
        self.create_with_body(TaskKind::Data, request, source, options).map(DataTask)
    }

    /// Returns a handle of a task by its number, such as one that an earlier process created.
    /// Whether there is such a task shows [`Task::status`].
    #[must_use]
    pub fn task(&self, task: TaskIdentifier) -> Task {
        Task::of(self.clone(), task, Arc::default())
    }

    /// Lists the unfinished tasks in the order of their numbers.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn tasks(&self) -> Result<Vec<TaskStatus>, Error> {
        let mut listed = Vec::new();
        let mut after = None;
        for _ in 0..PAGES_LIMIT {
            let session = Some(self.key().clone());
            let call = Call::Tasks { session, after, limit: TASKS_PAGE_LIMIT, destined: vec![] };
            let Reply::Tasks { tasks, more } = self.0.link.ask(call)? else {
                return Err(lost("the daemon gave an answer to another question"));
            };
            after = tasks.last().map(|last| (last.session.clone(), last.task));
            listed.extend(tasks.into_iter().filter(|task| task.state != TaskState::Completed));
            if !more || after.is_none() {
                break;
            }
        }
        Ok(listed)
    }

    /// Returns the session's events. With a delegate there are none here.
    #[must_use]
    pub fn events(&self) -> Events {
        Events::of(self.clone(), self.0.delegated.load(Ordering::Acquire))
    }

    /// Waits until the daemon has answered every call made so far: what they asked for is durable,
    /// and survives power loss.
    ///
    /// Answered is not granted: [`Task::refusal`] tells.
    ///
    /// # Errors
    /// -1001 when the time is up, -997 when the daemon is gone for good.
    pub fn synced(&self, timeout: Duration) -> Result<(), Error> {
        if self.0.link.wait_until_answered(Deadline::after(timeout))? {
            return Ok(());
        }
        Err(Error::new(ErrorCode::TIMED_OUT).because("the daemon did not answer in time"))
    }

    /// Removes what is stored for the session's application, but for its tasks and the events and
    /// files that are owed: cookies, credentials, hosts known to be asked over `https` only, responses
    /// in the cache, and the bytes kept for resume data, which is void then. An ephemeral session's
    /// own go instead, and what the session does not use stays. Then does what
    /// [`flush`](Self::flush) does. Waits for the daemon, at most 30 s.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn reset(&self) -> Result<(), Error> {
        self.0.link.ask(Call::Reset { session: self.key().clone() }).map(drop)
    }

    /// As [`reset`](Self::reset), and calls back instead of waiting.
    ///
    /// The completion is called once, on a thread of the session's connection: it must not wait
    /// for anything of this session.
    ///
    /// # Errors
    /// -997 without a daemon; the completion is not called then.
    pub fn reset_with(
        &self,
        completion: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), Error> {
        let call = Call::Reset { session: self.key().clone() };
        self.0.link.post_answered(call, when_done(completion))
    }

    /// Writes out what is stored and drops idle connections: requests that begin later use new
    /// ones. Waits for the daemon, at most 30 s.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn flush(&self) -> Result<(), Error> {
        self.0.link.ask(Call::Flush { session: self.key().clone() }).map(drop)
    }

    /// As [`flush`](Self::flush), and calls back instead of waiting, as
    /// [`reset_with`](Self::reset_with) does.
    ///
    /// # Errors
    /// -997 without a daemon; the completion is not called then.
    pub fn flush_with(
        &self,
        completion: impl FnOnce(Result<(), Error>) + Send + 'static,
    ) -> Result<(), Error> {
        let call = Call::Flush { session: self.key().clone() };
        self.0.link.post_answered(call, when_done(completion))
    }

    /// Refuses new tasks; once the last task has ended and its events are acknowledged, the session
    /// is gone and [`Event::DidBecomeInvalid`] is its last event. A process that ends before leaves
    /// the tasks to the next one, which has the session as if this had not been asked for.
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn finish_tasks_and_invalidate(&self) -> Result<(), Error> {
        self.invalidate(Call::FinishTasksAndInvalidate { session: self.key().clone() })
    }

    /// Cancels every task, then the session is gone as after
    /// [`finish_tasks_and_invalidate`](Self::finish_tasks_and_invalidate).
    ///
    /// # Errors
    /// -997 without a daemon.
    pub fn invalidate_and_cancel(&self) -> Result<(), Error> {
        self.invalidate(Call::InvalidateAndCancel { session: self.key().clone() })
    }

    /// Gives the session back: transfers go on, events stay owed, another process may own it. All
    /// clones, tasks and event streams of it end. Waits for the daemon, at most 5 s. A session in this
    /// process is cancelled instead: nobody can come back for it.
    pub fn detach(self) {
        if self.identifier().is_none() {
            self.0.abandon();
            return self.0.link.end(&detached(), true);
        }
        let (done, gone) = std::sync::mpsc::sync_channel(1);
        let call = Call::Detach { session: self.key().clone() };
        let answer = Box::new(move |_| done.send(()).unwrap_or(()));
        if self.0.link.is_up() && self.0.link.post(call, answer).is_ok() {
            // Without an answer the closed connection says the same.
            let _ = gone.recv_timeout(DETACH_LIMIT);
        }
        self.0.link.end(&detached(), true);
    }

    /// Removes what the sessions in this process have on disk and what goes with them, for a process
    /// that ends now without dropping them, as by [`std::process::exit`]: their tasks are of no use
    /// after this. Otherwise the next process with such a session does it.
    pub fn remove_temporary_files() {
        #[cfg(feature = "embedded")]
        crate::embedded::remove_files();
    }

    /// Creates the session on a connection of any kind.
    pub(crate) fn over(
        connect: Connect,
        session: SessionKey,
        mut configuration: SessionConfiguration,
        state: Option<PathBuf>,
    ) -> Result<Self, Error> {
        anchor(&mut configuration.ca_certificates, &mut configuration.tls)?;
        configuration.connection_proxy.as_mut().map_or(Ok(()), anchor_proxy)?;
        let attachment = Attachment {
            session,
            configuration: configuration.to_protocol(),
            wait: configuration.wait_for_owner,
        };
        let link = Link::open(connect, attachment)?;
        let delegated = AtomicBool::new(false);
        let alive = Mutex::new(None);
        Ok(Self(Arc::new(Handle { link, configuration, state, delegated, alive })))
    }

    pub(crate) fn delegate(&self, delegate: Box<dyn SessionDelegate>) -> Result<(), Error> {
        if self.0.delegated.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        delegate::dispatch(self, delegate)
    }

    pub(crate) fn link(&self) -> &Arc<Link> {
        &self.0.link
    }

    pub(crate) fn downgrade(&self) -> Weak<Handle> {
        Arc::downgrade(&self.0)
    }

    pub(crate) fn upgrade(handle: &Weak<Handle>) -> Option<Self> {
        handle.upgrade().map(Self)
    }

    /// Lets go of what [`invalidate`](Self::invalidate) kept alive.
    pub(crate) fn release(&self) {
        let kept = self.0.alive.lock().unwrap_or_else(PoisonError::into_inner).take();
        drop(kept);
    }

    fn invalidate(&self, call: Call) -> Result<(), Error> {
        if self.0.delegated.load(Ordering::Acquire) {
            let mut alive = self.0.alive.lock().unwrap_or_else(PoisonError::into_inner);
            *alive = Some(self.clone());
        }
        self.0.link.invalidate(call).inspect_err(|_| self.release())
    }

    fn create_with_body(
        &self,
        kind: TaskKind,
        request: impl IntoRequest,
        source: Option<UploadSource>,
        options: UploadOptions,
    ) -> Result<Task, Error> {
        let mut request = request.into_request()?;
        if let Some(source) = source {
            let keeps_get = options.task.request_policy.sends_get_body;
            if request.method.eq_ignore_ascii_case("GET") && !keeps_get {
                "POST".clone_into(&mut request.method);
            }
            request.body = Some(spool::body(source, self.state_folder().as_deref())?);
        }
        let UploadOptions { resume, task: options } = options;
        self.create(Order { kind, request, options, resume, resume_data: None })
    }

    fn create(&self, mut order: Order) -> Result<Task, Error> {
        let copy = BodyCopy::of(&order.request);
        self.complete(&mut order).inspect_err(|_| copy.remove())?;
        let Order { kind, request, options, resume, resume_data } = order;
        let refusal = Arc::<OnceLock<Error>>::default();
        let (link, told, refused) =
            (Arc::downgrade(&self.0.link), Arc::clone(&refusal), copy.clone());
        let created = self.0.link.create(
            |task| {
                Box::new(move |result| match result {
                    Err(error) if link.upgrade().is_some_and(|link| !link.is_over()) => {
                        if !is_unknown(&error) {
                            refused.remove();
                        }
                        refuse(&link, task, error, &told);
                    }
                    other => log_refusal(other),
                })
            },
            |task| NewTask { task, kind, request, options, resume, resume_data },
        );
        let task = created.inspect_err(|error| {
            if !is_unknown(error) {
                copy.remove();
            }
        })?;
        Ok(Task::of(self.clone(), task, refusal))
    }

    /// Checks an order, and adds what only this process knows.
    fn complete(&self, order: &mut Order) -> Result<(), Error> {
        let Order { request, options, .. } = order;
        request.normalize()?;
        request.check_body(&options.request_policy)?;
        if self.identifier().is_none() && !asks_for_retries(options) {
            // The app is there to be told, and to ask again.
            options.maximum_retries = Some(0);
        }
        anchor(&mut options.ca_certificates, &mut options.tls)?;
        options.connection_proxy.as_mut().map_or(Ok(()), anchor_proxy)?;
        if let Some(path) = &mut options.request_policy.unix_socket {
            *path = absolute(path)?;
        }
        if options.connection_proxy.is_none() && self.0.configuration.connection_proxy.is_none() {
            // The daemon's environment is that of another program, or of another day.
            let proxies = environment::proxies()?;
            let is_needed = proxies.http.is_some() || proxies.https.is_some();
            options.connection_proxy = Some(if is_needed { proxies } else { Default::default() });
        }
        // To a socket of this machine there is no proxy.
        let is_remote = options.request_policy.unix_socket.is_none();
        let of_session = || self.0.configuration.connection_proxy.as_ref();
        match options.connection_proxy.as_ref().or_else(of_session) {
            Some(proxies) if is_remote => environment::check(&request.url, proxies),
            _ => Ok(()),
        }
    }
}

struct Order {
    kind: TaskKind,
    request: Request,
    options: TaskOptions,
    resume: bool,
    resume_data: Option<urlsession_protocol::ResumeData>,
}

/// The private copy of a request body that goes with a task nobody accepted.
#[derive(Clone)]
struct BodyCopy(Option<PathBuf>);

impl BodyCopy {
    fn of(request: &Request) -> Self {
        Self(match &request.body {
            Some(Body::Spool { path, .. }) => Some(path.clone()),
            Some(Body::File { .. }) | None => None,
        })
    }

    fn remove(&self) {
        if let Some(path) = &self.0 {
            let _ = std::fs::remove_file(path);
        }
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.key())
    }
}

impl Handle {
    /// Cancels what nobody can come back for.
    fn abandon(&self) {
        if !self.link.is_over() {
            let call = Call::InvalidateAndCancel { session: self.link.key().clone() };
            let _ = self.link.post(call, Box::new(log_refusal));
        }
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        if self.configuration.identifier().is_none() {
            self.abandon();
        }
        self.link.end(&detached(), true);
    }
}

#[cfg(not(feature = "embedded"))]
fn in_process(_: SessionConfiguration) -> Result<Session, Error> {
    Err(Error::new(ErrorCode::UNKNOWN)
        .because("sessions in this process need the feature `embedded` of the crate urlsession"))
}

fn when_done(completion: impl FnOnce(Result<(), Error>) + Send + 'static) -> Answer {
    Box::new(move |result| call_back(move || completion(result.map(drop))))
}

/// A task that was refused ends like any other.
fn refuse(link: &Weak<Link>, task: TaskIdentifier, error: Error, told: &OnceLock<Error>) {
    let _ = told.set(error.clone());
    if let Some(link) = link.upgrade() {
        let event = Event::DidComplete { error: Some(error), response: None, metrics: None };
        link.inbox.arrive(Some(task), None, event);
    }
}

/// Says whether the daemon may have the task all the same, and need its body.
fn is_unknown(error: &Error) -> bool {
    error.code() == ErrorCode::BACKGROUND_SESSION_WAS_DISCONNECTED
}

/// Says whether a task has a wish of its own about when it is tried again.
fn asks_for_retries(options: &TaskOptions) -> bool {
    options.maximum_retries.is_some()
        || options.retry_interval.is_some()
        || options.timeout_interval_for_retries.is_some()
        || !options.retry_statuses.is_empty()
}

fn absolute(path: &Path) -> Result<PathBuf, Error> {
    std::path::absolute(path)
        .map_err(|error| Error::new(ErrorCode::CANNOT_CREATE_FILE).because(error))
}

/// Makes every path absolute: the daemon lives in another folder.
fn anchor(roots: &mut [PathBuf], tls: &mut TlsPolicy) -> Result<(), Error> {
    for path in roots {
        *path = absolute(path)?;
    }
    tls.client_certificate.as_mut().map_or(Ok(()), anchor_certificate)
}

fn anchor_proxy(proxies: &mut ConnectionProxy) -> Result<(), Error> {
    anchor(&mut proxies.ca_certificates, &mut proxies.tls)
}

pub(crate) fn anchor_certificate(own: &mut ClientCertificate) -> Result<(), Error> {
    for path in std::iter::once(&mut own.certificate).chain(&mut own.key) {
        *path = absolute(path)?;
    }
    Ok(())
}

fn detached() -> Error {
    lost("the session was detached")
}
