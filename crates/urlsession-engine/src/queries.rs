//! Calls that the core does not decide: answered from what it knows, the orders in the store and
//! the running attempts.

use crate::attempts::Moves;
use crate::clock::milliseconds;
use crate::driver::Driver;
use crate::fit::fit;
use crate::peers::length_of_json;
use crate::transfer::Progress;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use urlsession_core::{Order, Stage, TaskRef, TaskView};
use urlsession_protocol::message::{DESTINED_LIMIT, TASKS_PAGE_LIMIT};
use urlsession_protocol::{
    ApplicationId, AuthenticationChallenge, Body, Call, DaemonStatus, Error, ErrorCode,
    PROTOCOL_VERSION, Reply, Response, SessionKey, TaskIdentifier, TaskKind, TaskStatus,
};

/// A page ends before the task or session that would make it longer than this, in bytes of JSON,
/// unless that is its first.
const PAGE_BYTES_LIMIT: usize = 512 * 1024;
/// Most tasks that are looked at for a page of those with certain destinations: nobody else is heard
/// meanwhile.
const PAGE_LOOKED_LIMIT: usize = 4096;
/// A page of sessions ends with the one whose tasks make more than these to be counted: nobody else
/// is heard meanwhile.
const PAGE_COUNTED_LIMIT: u64 = 100_000;

/// How long a page is so far.
#[derive(Default)]
struct Page(usize);

impl Page {
    /// Says whether it has room for so many bytes more, and counts them.
    fn takes(&mut self, bytes: usize) -> bool {
        let is_first = self.0 == 0;
        self.0 += bytes;
        is_first || self.0 <= PAGE_BYTES_LIMIT
    }
}

/// Says whether a call changes nothing.
pub(crate) fn only_looks(call: &Call) -> bool {
    matches!(
        call,
        Call::Tasks { .. }
            | Call::Task { .. }
            | Call::Session { .. }
            | Call::Sessions { .. }
            | Call::Cookies { .. }
            | Call::KnownHosts { .. }
            | Call::Credentials { .. }
            | Call::SpeedLimits
            | Call::Status
    )
}

impl<H: Moves> Driver<H> {
    /// Answers a call that changes no task and no session.
    pub(crate) fn look(&mut self, call: &Call) -> Result<Reply, Error> {
        match call {
            Call::Tasks { session, after, limit, destined }
                if (1..=DESTINED_LIMIT).contains(&destined.len()) =>
            {
                self.destined(session.as_ref(), after.as_ref(), *limit, destined)
            }
            Call::Tasks { session, after, limit, destined: _ } => {
                self.tasks(session.as_ref(), after.as_ref(), *limit)
            }
            Call::Task { session, task, with_cookies } => self.task(session, *task, *with_cookies),
            Call::Session { session } => {
                let status = self.core.session_status(session);
                let session = status
                    .ok_or_else(|| Error::new(ErrorCode::UNKNOWN).because("no such session"))?;
                Ok(Reply::Session { session: Box::new(session) })
            }
            Call::Sessions { application, after } => {
                Ok(self.sessions(application.as_ref(), after.as_ref()))
            }
            Call::Reset { session } => self.reset(session),
            Call::Flush { session } => self.flush(session),
            Call::Cookies { storage, domain, after } => {
                self.list_cookies(storage, domain.as_deref(), after.as_deref())
            }
            Call::KnownHosts { application, session } => {
                self.list_hosts(application, session.as_ref())
            }
            Call::Credentials { application, after } => {
                self.list_credentials(application, after.as_ref())
            }
            Call::SpeedLimits => Ok(Reply::SpeedLimits(self.speed_limits)),
            Call::Status => Ok(Reply::Status(self.status())),
            _ => {
                Err(Error::new(ErrorCode::UNKNOWN).because("the engine does not answer this call"))
            }
        }
    }

    fn sessions(&self, application: Option<&ApplicationId>, after: Option<&SessionKey>) -> Reply {
        let keys = self.core.sessions_after(after);
        let wanted = keys.filter(|key| application.is_none_or(|one| key.application == *one));
        let (mut sessions, mut page, mut counted) = (Vec::new(), Page::default(), 0);
        for status in wanted.filter_map(|key| self.core.session_status(key)) {
            if counted > PAGE_COUNTED_LIMIT || !page.takes(length_of_json(&status)) {
                return Reply::Sessions { sessions, more: true };
            }
            counted += status.tasks;
            sessions.push(status);
        }
        Reply::Sessions { sessions, more: false }
    }

    fn tasks(
        &mut self,
        session: Option<&SessionKey>,
        after: Option<&(SessionKey, TaskIdentifier)>,
        limit: u32,
    ) -> Result<Reply, Error> {
        let limit = limit.clamp(1, TASKS_PAGE_LIMIT) as usize;
        let after = after.map(|(key, task)| (key, *task));
        let mut views = self.core.tasks_after(session, after, limit + 1);
        let mut more = views.len() > limit;
        views.truncate(limit);
        let names: Vec<TaskRef> = views.iter().map(|view| view.task).collect();
        let orders = self.store.orders(&names).map_err(unreadable)?;
        let (mut tasks, mut page) = (Vec::new(), Page::default());
        for (view, order) in views.into_iter().zip(orders) {
            let mut status = self.describe(view, order, false);
            if !page.takes(fit(&mut status)) {
                more = true;
                break;
            }
            tasks.push(status);
        }
        Ok(Reply::Tasks { tasks, more })
    }

    /// Lists unfinished downloads to one of the paths, or to one in its folder whose name begins so.
    fn destined(
        &self,
        session: Option<&SessionKey>,
        after: Option<&(SessionKey, TaskIdentifier)>,
        limit: u32,
        paths: &[PathBuf],
    ) -> Result<Reply, Error> {
        let limit = limit.clamp(1, TASKS_PAGE_LIMIT) as usize;
        let after = after.map(|(key, task)| (key, *task));
        let mut views = self.core.tasks_after(session, after, PAGE_LOOKED_LIMIT + 1);
        let more = views.len() > PAGE_LOOKED_LIMIT;
        views.truncate(PAGE_LOOKED_LIMIT);
        let called = paths.iter().filter_map(|path| path.file_name()?.to_str());
        let called: Vec<&str> = called.collect();
        // The next page begins behind the last one.
        let last = views.last().map(|view| view.task).filter(|_| more);
        let (mut tasks, mut page) = (Vec::new(), Page::default());
        let mut views = views.into_iter().peekable();
        while views.peek().is_some() {
            // Not all at once: where many are wanted, the page is full soon.
            let portion: Vec<TaskView> = views.by_ref().take(limit).collect();
            let names: Vec<TaskRef> = portion.iter().map(|view| view.task).collect();
            let orders = self.store.orders_about(&names, &called).map_err(unreadable)?;
            for (view, order) in portion.into_iter().zip(orders) {
                if tasks.len() == limit {
                    return Ok(Reply::Tasks { tasks, more: true });
                }
                let is_over = matches!(view.record.stage, Stage::Completed { .. });
                let is_one = !is_over && order.as_deref().is_some_and(|o| goes_to(o, paths));
                if is_one || Some(view.task) == last {
                    let mut status = self.describe(view, order, false);
                    if !page.takes(fit(&mut status)) {
                        return Ok(Reply::Tasks { tasks, more: true });
                    }
                    tasks.push(status);
                }
            }
        }
        Ok(Reply::Tasks { tasks, more })
    }

    fn task(
        &self,
        session: &SessionKey,
        task: TaskIdentifier,
        with_cookies: bool,
    ) -> Result<Reply, Error> {
        let view = self
            .core
            .session_number(session)
            .and_then(|session| self.core.task(TaskRef { session, task }))
            .ok_or_else(|| Error::new(ErrorCode::UNKNOWN).because("no such task"))?;
        let order = self.store.order(view.task).map_err(unreadable)?;
        let mut metrics = self.metrics_of(&view, self.clock.now().wall).map(Box::new);
        if !with_cookies {
            metrics.iter_mut().for_each(|metrics| metrics.hide_cookies());
        }
        let task = Box::new(TaskStatus { metrics, ..self.describe(view, order, with_cookies) });
        Ok(Reply::Task { task })
    }

    fn describe(
        &self,
        view: TaskView,
        order: Option<Arc<Order>>,
        with_cookies: bool,
    ) -> TaskStatus {
        let TaskView { task, key, facts, state, reason, record, challenge } = view;
        let counts = match self.attempts.of(task) {
            Some(running) => running.progress.counts(),
            None => recorded(&record, order.as_deref()).counts(),
        };
        let (completed, done) = match record.stage {
            Stage::Completed { at, done } => (Some(at), done),
            Stage::Suspended
            | Stage::Active
            | Stage::Sending
            | Stage::Asking
            | Stage::Challenged
            | Stage::Canceling => (None, None),
        };
        let (file, mut answered) = match done {
            Some(done) => (done.file, Some(done.response)),
            None => (None, record.resume.map(|resume| resume.response)),
        };
        if !with_cookies {
            // Any client may look; what a server set is in the jar.
            answered.iter_mut().for_each(Response::hide_cookies);
        }
        // The order is gone only if the store was damaged.
        let (kind, request, options) = match order.map(Arc::unwrap_or_clone) {
            Some(order) => (order.kind, Some(order.request), Some(order.options)),
            None => (kind_of(facts.kind), None, None),
        };
        let (url, method) = request.map(|r| (r.url, r.method)).unwrap_or_default();
        let error = record.error.map(|error| match error.failing_url {
            None => error.for_url(&url),
            Some(_) => *error,
        });
        TaskStatus {
            session: key,
            task: task.task,
            kind,
            url,
            method,
            description: options.and_then(|options| options.description),
            state,
            reason,
            attempts: record.attempts,
            count_of_bytes_received: counts.received,
            count_of_bytes_expected_to_receive: counts.expected_to_receive,
            count_of_bytes_sent: counts.sent,
            count_of_bytes_expected_to_send: counts.expected_to_send,
            created: facts.created,
            completed,
            response: answered,
            error,
            file,
            metrics: None,
            challenge: challenge.map(|challenge| {
                Box::new(AuthenticationChallenge { proposed_user: None, ..challenge })
            }),
        }
    }

    fn status(&self) -> DaemonStatus {
        let counts = self.core.counts();
        DaemonStatus {
            pid: std::process::id(),
            version: self.version.clone(),
            protocol: PROTOCOL_VERSION,
            uptime: milliseconds(self.clock.now().steady),
            sessions: counts.sessions,
            tasks_running: counts.running,
            tasks_waiting: counts.waiting,
            tasks_suspended: counts.suspended,
            tasks_completed: counts.completed,
            events_owed: counts.events_owed,
            clients: self.peers.count() as u64,
            memory: resident_bytes(),
        }
    }
}

fn goes_to(order: &Order, paths: &[PathBuf]) -> bool {
    let TaskKind::Download { destination: Some(path) } = &order.kind else { return false };
    // Not as bytes: a path may have ‘./’ in it.
    let name = |path: &Path| path.file_name().unwrap_or_default().as_encoded_bytes().to_owned();
    let is_it = |one: &PathBuf| path.parent() == one.parent() && name(path).starts_with(&name(one));
    paths.iter().any(is_it)
}

/// Returns the progress of a task without an attempt: what is durable, or was in the end.
fn recorded(record: &urlsession_core::TaskRecord, order: Option<&Order>) -> Progress {
    let progress = Progress::default();
    let body = order.and_then(|order| order.request.body.as_ref());
    progress.expect_to_send(body.map(|body| match body {
        Body::File { length, .. } | Body::Spool { length, .. } => *length,
    }));
    if let Stage::Completed { done: Some(done), .. } = &record.stage {
        progress.set_received(done.length);
        progress.expect_to_receive(Some(done.length));
        progress.set_sent(done.sent);
    } else if let Some(received) = record.received.or(record.resume.as_ref().map(|r| r.received()))
    {
        progress.set_received(received.bytes);
        progress.expect_to_receive(received.total_bytes);
    }
    progress
}

fn kind_of(kind: urlsession_core::Kind) -> TaskKind {
    use urlsession_core::Kind;
    match kind {
        Kind::Download => TaskKind::Download { destination: None },
        Kind::Upload => TaskKind::Upload,
        Kind::Data => TaskKind::Data,
    }
}

fn unreadable(error: crate::StoreError) -> Error {
    tracing::error!(%error, "could not read orders");
    Error::new(ErrorCode::UNKNOWN).because(error)
}

/// Reads how much memory the process takes; `None` where the system does not tell.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
