//! A session for suites that are written in other languages: one JSON request a line in, one
//! answer a line out, in the order in which they are done.
//!
//! ```text
//!   {"id":1,"url":…,"method":…,"headers":[[name,value]…],"body":…,"cache":…,"redirect":…}
//!   {"id":1,"status":200,"headers":[[name,value]…],"body":…}   or   {"id":1,"error":…,"name":…}
//! ```

mod line;

use crate::relay::{Detour, Relay};
use anyhow::{Context as _, Result};
use line::{Answer, Asked};
use std::collections::BTreeMap;
use std::io::{BufRead as _, Read as _, Write as _};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use urlsession::{
    ConnectionProxy, DataTask, Delivery, Error, Event, Events, HttpCookieStorage, Proxy, Session,
    SessionConfiguration, TaskIdentifier, TaskOptions, UploadOptions, UploadSource,
};

/// Longest line, its end counted.
const LINE_LIMIT: u64 = 16 * 1024 * 1024;
/// Most requests that run at once; more wait for their turn.
const RUNNING_LIMIT: u32 = 64;

/// What kind of session it is.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// PEM file of roots that are trusted beside the platform's.
    #[arg(long, value_name = "FILE")]
    cacert: Vec<PathBuf>,
    /// Connects to the second address where a URL names the first.
    #[arg(long, value_name = "HOST:PORT:HOST:PORT")]
    connect_to: Vec<Detour>,
    /// Keeps cookies, from one request to the next.
    #[arg(long)]
    cookie_jar: bool,
    /// Keeps nothing on disk.
    #[arg(long)]
    ephemeral: bool,
    /// Gives up where nothing has come for so many seconds.
    #[arg(long, value_name = "SECONDS")]
    timeout: Option<u64>,
    /// The application, which has its own cache.
    #[arg(long, default_value = "urlsession-testkit")]
    application: String,
}

/// Answers until the input ends and everything is answered.
///
/// # Errors
/// There can be no session, or nobody reads the answers.
pub fn run(options: Options) -> Result<()> {
    let mut configuration = match options.ephemeral {
        true => SessionConfiguration::ephemeral(),
        false => SessionConfiguration::default(),
    };
    // Each worker begins without cookies and known hosts; with cookies it has no cache on disk.
    configuration.http_cookie_storage = match options.cookie_jar {
        true => HttpCookieStorage::Private,
        false => HttpCookieStorage::None,
    };
    configuration.application = Some(options.application.clone());
    configuration.http_maximum_connections_per_host = RUNNING_LIMIT;
    configuration.ca_certificates.clone_from(&options.cacert);
    if let Some(seconds) = options.timeout {
        configuration.timeout_interval_for_request = std::time::Duration::from_secs(seconds);
    }
    let relay = match options.connect_to.is_empty() {
        true => None,
        false => Some(Relay::start(options.connect_to.clone())?),
    };
    configuration.connection_proxy = Some(match &relay {
        Some(relay) => ConnectionProxy::everywhere(Proxy::parse(&relay.url())?),
        None => ConnectionProxy::default(),
    });
    let session = Session::new(configuration)?;
    session.known_hosts().clear(None)?;
    let worker = Arc::new(Worker {
        cookies: options.cookie_jar,
        session: session.clone(),
        waiting: Mutex::default(),
    });
    let answers = {
        let (worker, events) = (Arc::clone(&worker), session.events());
        std::thread::spawn(move || worker.answer(events))
    };
    let mut input = std::io::stdin().lock();
    let mut line = Vec::new();
    loop {
        line.clear();
        input.by_ref().take(LINE_LIMIT).read_until(b'\n', &mut line).context("the input")?;
        if line.is_empty() {
            break;
        }
        worker.ask(&line)?;
    }
    session.finish_tasks_and_invalidate()?;
    answers.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

struct Worker {
    cookies: bool,
    session: Session,
    waiting: Mutex<BTreeMap<TaskIdentifier, Waiting>>,
}

/// A request without an answer yet.
struct Waiting {
    id: serde_json::Value,
    body: Vec<u8>,
}

impl Worker {
    fn ask(&self, line: &[u8]) -> Result<()> {
        let asked: Asked = match serde_json::from_slice(line) {
            Ok(asked) => asked,
            Err(error) => {
                let error = Error::new(urlsession::ErrorCode::UNKNOWN).because(error);
                return Answer::failed(serde_json::Value::Null, &error).say();
            }
        };
        let id = asked.id.clone();
        match self.create(asked) {
            Ok(task) => {
                let waiting = Waiting { id, body: Vec::new() };
                self.lock().insert(task.task_identifier(), waiting);
                // A task that was created has an end, whatever becomes of this.
                let _ = task.resume();
                Ok(())
            }
            Err(error) => Answer::failed(id, &error).say(),
        }
    }

    fn create(&self, asked: Asked) -> Result<DataTask, Error> {
        let body = asked.body.clone().map(|body| UploadSource::Bytes(body.into_bytes()));
        let task = TaskOptions {
            no_cookies: !self.cookies,
            ignores_redirects: asked.redirect.as_deref() == Some("manual"),
            request_cache_policy: asked.policy()?,
            ..TaskOptions::default()
        };
        let options = UploadOptions { task, ..UploadOptions::default() };
        self.session.data_task_with(asked.request()?, body, options)
    }

    fn answer(&self, events: Events) -> Result<()> {
        for Delivery { task, event, .. } in events {
            let Some(task) = task else { continue };
            match event {
                Event::DidReceiveData { path, .. } => {
                    if let Some(waiting) = self.lock().get_mut(&task) {
                        waiting.body = std::fs::read(path).context("a response body")?;
                    }
                }
                Event::DidComplete { error, response, .. } => {
                    let Some(Waiting { id, body }) = self.lock().remove(&task) else { continue };
                    match (error, response) {
                        (None, Some(response)) => Answer::of(id, response, &body),
                        (error, _) => Answer::failed(id, &error.unwrap_or_else(no_reason)),
                    }
                    .say()?;
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<TaskIdentifier, Waiting>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Answer {
    fn say(&self) -> Result<()> {
        let mut line = serde_json::to_vec(self)?;
        line.push(b'\n');
        let mut output = std::io::stdout().lock();
        output.write_all(&line)?;
        output.flush().context("nobody reads the answers")
    }
}

fn no_reason() -> Error {
    Error::new(urlsession::ErrorCode::UNKNOWN)
}
