//! How a new task comes in: checked, completed from its session, split into what the core keeps
//! and the order that only the transfer needs.

use crate::core::refusal;
use crate::planted::CoreBug;
use crate::task::Task;
use crate::turn::{Asker, Turn};
use crate::{Core, Kind, Order, ResumeState, Stage, TaskFacts, TaskRecord, TaskRef, resume};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use urlsession_protocol::error::without_user_info;
use urlsession_protocol::request::check_url;
use urlsession_protocol::task::DESCRIPTION_LIMIT;
use urlsession_protocol::{
    Body, ChecksumAlgorithm, ConnectionProxy, Error, ErrorCode, Header, NewTask, Request,
    RequestCachePolicy, SessionConfiguration, SessionKey, TaskIdentifier, TaskKind, TaskOptions,
    Timestamp,
};

/// Most tasks of one session that are not yet forgotten.
pub const MAX_TASKS_PER_SESSION: u64 = 10_000_000;
/// Longest name that file systems give a file, in bytes, elsewhere than on Unix in UTF-16 units.
const DESTINATION_NAME_LIMIT: usize = 255;
/// How much of a name that is too long an error shows, in characters.
const SHOWN: usize = 40;

impl Core {
    pub(crate) fn create_task(
        &mut self,
        turn: &mut Turn,
        from: Asker,
        key: &SessionKey,
        new: NewTask,
    ) {
        let Some(number) = self.owned_session(turn, from, key) else { return };
        let session = self.sessions.get(&number).expect("every number has its session");
        if new.task < session.next_task && !self.planted.is(CoreBug::CreateTwice) {
            return turn.done(from);
        }
        if session.invalidating {
            return turn.reply(from, Err(refusal("the session has been invalidated")));
        }
        if session.tasks >= MAX_TASKS_PER_SESSION || new.task.0 == u64::MAX {
            return turn.reply(from, Err(refusal("the session has too many tasks")));
        }
        let key = TaskRef { session: number, task: new.task };
        let starts = new.resume;
        let (facts, order, origin) = admit(new, &session.configuration, turn.now.wall);
        let host = self.intern(&facts.host);
        let task = Task::new(facts, born(origin), host);
        let Some(session) = self.sessions.get_mut(&number) else { return };
        session.next_task = TaskIdentifier(key.task.0 + 1);
        session.tasks += 1;
        turn.sessions.insert(number);
        turn.created.push((key, Arc::new(order)));
        if self.watched {
            turn.touched.insert(key, None);
        }
        self.index.add(key, &task);
        self.tasks.insert(key, task);
        turn.done(from);
        if starts {
            self.resume(turn, key);
        }
    }
}

/// Makes the record of a new task: it has something to go on from, or an error to end with.
fn born(origin: Result<Option<ResumeState>, Error>) -> TaskRecord {
    let (resume, error) = match origin {
        Ok(resume) => (resume.map(Box::new), None),
        Err(error) => (None, Some(Box::new(error))),
    };
    TaskRecord {
        stage: Stage::Suspended,
        attempts: 0,
        failures: 0,
        deadline: None,
        suspended: None,
        resume,
        error,
        question: None,
        received: None,
        retry_at: None,
    }
}

/// Splits a new task. A request that is wrong makes a task that completes with that error, as
/// Apple's do; its host is then unknown.
fn admit(
    mut new: NewTask,
    configuration: &SessionConfiguration,
    now: Timestamp,
) -> (TaskFacts, Order, Result<Option<ResumeState>, Error>) {
    let checked = check(&mut new);
    let (host, origin) = match checked {
        Ok((host, resume)) => {
            merge(&mut new.request, configuration);
            (host, Ok(resume))
        }
        Err(error) => {
            // It was not rewritten to its legal form, and is listed.
            new.request.url = without_user_info(&new.request.url);
            (new.request.host().unwrap_or_default(), Err(error))
        }
    };
    merge_network(&mut new.options, configuration);
    let timeout = |own: Option<u64>, session| own.map_or(session, Duration::from_millis);
    let order = Order {
        idle_timeout: timeout(
            new.options.timeout_interval_for_request,
            configuration.timeout_interval_for_request,
        ),
        kind: new.kind,
        request: new.request,
        options: new.options,
        cookies: configuration.cookie_policy(),
        cache: configuration.cache_policy(),
        answers: Vec::new(),
    };
    let (kind, owns_file) = match &order.kind {
        TaskKind::Download { destination } => (Kind::Download, destination.is_none()),
        TaskKind::Upload => (Kind::Upload, true),
        TaskKind::Data => (Kind::Data, true),
    };
    let options = &order.options;
    let facts = TaskFacts {
        kind,
        host: if order.loads_nothing() { String::new() } else { host },
        priority: options.priority,
        created: now,
        begin: options.earliest_begin_date,
        resource_timeout: timeout(
            options.timeout_interval_for_resource,
            configuration.timeout_interval_for_resource,
        ),
        maximum_retries: options.maximum_retries,
        no_unsafe_retry: order.forbids_retry(),
        stays_here: options.request_policy.unix_socket.is_some(),
        owns_file,
        spool: match &order.request.body {
            Some(Body::Spool { path, .. }) => Some(path.clone()),
            Some(Body::File { .. }) | None => None,
        },
    };
    (facts, order, origin)
}

impl Order {
    /// Says whether it is answered with what is kept, or not at all.
    fn loads_nothing(&self) -> bool {
        let policy = self.options.request_cache_policy.unwrap_or(self.cache.policy);
        policy == RequestCachePolicy::ReturnCacheDataDontLoad
    }
}

/// Refuses a timeout that is over before anything can happen: a task with one would end at once, or
/// try in vain until its whole time is up.
pub(crate) fn no_time() -> Error {
    refusal("a timeout must be at least 1 ms")
}

/// Returns where the request goes, and from what to go on.
fn check(new: &mut NewTask) -> Result<(String, Option<ResumeState>), Error> {
    let host = new.request.normalize()?;
    if new.options.description.as_ref().is_some_and(|text| text.len() > DESCRIPTION_LIMIT) {
        return Err(refusal("the task description is too long"));
    }
    let options = &new.options;
    options.main_document_url.as_deref().map_or(Ok(()), check_main_document)?;
    if [options.timeout_interval_for_request, options.timeout_interval_for_resource]
        .contains(&Some(0))
    {
        return Err(no_time());
    }
    let body = match &new.request.body {
        Some(Body::File { path, .. } | Body::Spool { path, .. }) => Some(path),
        None => None,
    };
    if body.is_some_and(|path| !path.is_absolute()) {
        return Err(Error::new(ErrorCode::FILE_DOES_NOT_EXIST)
            .because("the path of the body's file is not absolute"));
    }
    if let Some(checksum) = &new.options.checksum {
        let digits = match checksum.algorithm {
            ChecksumAlgorithm::Md5 => 32,
            ChecksumAlgorithm::Sha256 => 64,
            ChecksumAlgorithm::Sha512 => 128,
        };
        let is_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
        if checksum.hex.len() != digits || !checksum.hex.bytes().all(is_hex) {
            return Err(refusal("the checksum has the wrong length or is not hexadecimal"));
        }
    }
    new.options.connection_proxy.as_ref().map_or(Ok(()), ConnectionProxy::check)?;
    new.options.lowest_speed.map_or(Ok(()), |lowest| lowest.check())?;
    new.options.tls.check()?;
    new.options.request_policy.check()?;
    new.request.check_body(&new.options.request_policy)?;
    let resume = match &new.kind {
        TaskKind::Download { destination } => {
            destination.as_deref().map_or(Ok(()), check_destination)?;
            new.resume_data.as_ref().map(resume::decode).transpose()?
        }
        TaskKind::Upload if body.is_none() => return Err(refusal("an upload needs a body")),
        TaskKind::Upload | TaskKind::Data => None,
    };
    Ok((host, resume))
}

/// Refuses a document that is no URL: whose cookies are of its site would be a guess. One of the app's
/// own, of whichever scheme, is of another site than all servers.
fn check_main_document(url: &str) -> Result<(), Error> {
    check_url(url).map_err(|error| {
        let why = error.detail.unwrap_or_default();
        Error::new(error.code).because(format!("the main document: {why}"))
    })
}

/// Refuses a destination that no file system has room for in its names: the part has a name of its
/// own, so that this would be met when all bytes are there.
fn check_destination(path: &Path) -> Result<(), Error> {
    let refused = |why: String| Err(Error::new(ErrorCode::CANNOT_CREATE_FILE).because(why));
    if !path.is_absolute() {
        return refused("the path of the destination is not absolute".to_owned());
    }
    let name = path.file_name().unwrap_or_default();
    let length = match cfg!(unix) {
        true => name.len(),
        false => name.to_string_lossy().encode_utf16().count(),
    };
    if length > DESTINATION_NAME_LIMIT {
        let shown: String = name.to_string_lossy().chars().take(SHOWN).collect();
        let limit = DESTINATION_NAME_LIMIT;
        return refused(format!(
            "the file name of the destination is {length} bytes long, {limit} can be: {shown}…"
        ));
    }
    Ok(())
}

/// Adds the session's header fields and its credential; the request's own of the same name win, and
/// so does its credential.
fn merge(request: &mut Request, configuration: &SessionConfiguration) {
    let own = request.headers.len();
    for header in &configuration.http_additional_headers {
        let is_same = |h: &Header| h.name.eq_ignore_ascii_case(&header.name);
        let has_credential =
            request.credential.is_some() && header.name.eq_ignore_ascii_case("authorization");
        if !has_credential && !request.headers[..own].iter().any(is_same) {
            request.headers.push(header.clone());
        }
    }
    if request.credential.is_none() {
        request.credential.clone_from(&configuration.credential);
    }
}

/// Adds how the session reaches servers; what the task says itself stays.
fn merge_network(options: &mut TaskOptions, configuration: &SessionConfiguration) {
    if options.connection_proxy.is_none() {
        options.connection_proxy = configuration.connection_proxy.as_deref().cloned();
    }
    options.http3 = options.http3.or(configuration.http3);
    options.segments = options.segments.or(configuration.segments);
    options.tls.merge(&configuration.tls);
    options.ca_certificates.extend_from_slice(&configuration.ca_certificates);
}
