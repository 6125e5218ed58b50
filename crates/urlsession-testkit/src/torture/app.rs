//! The app process: creates the planned tasks, writes down what it is told, and may die any time.

use super::journal::{Journal, Line};
use super::plan::{Kind, Plan, Planned, downloads};
use super::{ALLOWED, FOLDER};
use crate::server::sha256;
use anyhow::{Context as _, Result, bail};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::RecvTimeoutError;
use std::time::Duration;
use urlsession::{
    Acknowledgement, Delivery, DownloadOptions, Event, Request, Segments, Session,
    SessionConfiguration, TaskIdentifier, TaskOptions, TaskState, UploadOptions, UploadSource,
};

/// What a disk that has lost power answers with.
const EIO: i32 = 5;
/// How long the app listens before it looks whether it may create another task.
const PATIENCE: Duration = Duration::from_millis(25);

/// Longest time until the daemon has answered, over as many of its lives as that takes.
const ANSWER_LIMIT: Duration = Duration::from_secs(60);

/// How often in a row nothing must be left to do before the app believes it.
const QUIET_TURNS: u32 = 8;

/// Does what is left of the plan, then returns.
///
/// # Errors
/// Whatever an app would have to be started again for.
pub fn run() -> Result<()> {
    let folder = PathBuf::from(std::env::var_os(FOLDER).context("not started by the torturer")?);
    let (journal, past) = Journal::open(&folder)?;
    let mut configuration = SessionConfiguration::background("torture");
    configuration.wait_for_owner = true;
    configuration.acknowledgement = Acknowledgement::Explicit;
    let session = Session::new(configuration)?;
    let mut app = App {
        run: past.iter().filter(|line| **line == Line::Started).count(),
        plan: Plan::read(&folder)?,
        folder,
        journal,
        session,
        accepted: BTreeMap::new(),
        completed: BTreeSet::new(),
    };
    for line in past {
        app.remember(&line);
    }
    app.journal.write(&Line::Started)?;
    app.work()
}

struct App {
    folder: PathBuf,
    plan: Plan,
    journal: Journal,
    session: Session,
    /// How many app processes there were before.
    run: usize,
    /// Places in the plan by task identifier.
    accepted: BTreeMap<u64, usize>,
    completed: BTreeSet<u64>,
}

impl App {
    fn work(&mut self) -> Result<()> {
        // A process that was killed between creating and resuming left a suspended task.
        for status in self.session.tasks()? {
            if status.state == TaskState::Suspended {
                self.session.task(status.task).resume()?;
            }
        }
        let mut events = self.session.events();
        let mut quiet = 0;
        while quiet < QUIET_TURNS {
            match events.recv_timeout(PATIENCE) {
                Ok(delivery) => {
                    quiet = 0;
                    self.take(&delivery)?;
                    continue;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => bail!("the session is gone"),
            }
            let next = (0..self.plan.tasks.len())
                .find(|place| !self.accepted.values().any(|accepted| accepted == place));
            match next {
                Some(next) if next < self.allowed() => self.create(next)?,
                Some(_) => {}
                None if self.is_done()? => quiet += 1,
                None => quiet = 0,
            }
        }
        self.journal.write(&Line::Finished)
    }

    fn create(&mut self, place: usize) -> Result<()> {
        let planned = self.plan.tasks.get(place).context("a place in the plan")?.clone();
        self.journal.write(&Line::Creating { plan: place })?;
        let task = self.created(place, &planned)?;
        // Only the answer outlives the death of both: a line in the socket dies with its reader.
        self.session.synced(ANSWER_LIMIT)?;
        let line = Line::Accepted { plan: place, task: task.0 };
        self.journal.write(&line)?;
        self.remember(&line);
        Ok(())
    }

    fn created(&self, place: usize, planned: &Planned) -> Result<TaskIdentifier> {
        // Both ways to start a task are tried.
        let resume = place.is_multiple_of(2);
        let options = TaskOptions {
            description: Some(place.to_string()),
            segments: segments(place),
            ..TaskOptions::default()
        };
        let mut request = Request::new(&planned.url)?;
        let source = match (&planned.file, planned.request) {
            (Some(file), _) => Some(UploadSource::File(file.clone())),
            (None, Some(made)) => {
                let length = usize::try_from(made.length)?;
                Some(UploadSource::Bytes(made.body().slice(0, length).to_vec()))
            }
            (None, None) => None,
        };
        if source.is_some() {
            "PUT".clone_into(&mut request.method);
        }
        let upload = UploadOptions { resume, task: options.clone() };
        let task: urlsession::Task = match (planned.kind, source) {
            (Kind::Download, _) => {
                // The run in the name keeps tasks apart that a kill made this app create twice.
                let name = format!("{place}-{}", self.run);
                let destination = planned.keeps.then(|| downloads(&self.folder).join(name));
                let download =
                    DownloadOptions { destination, resume, task: options, ..Default::default() };
                self.session.download_task_with(request, download)?.into()
            }
            (Kind::Upload, Some(source)) => {
                self.session.upload_task_with(request, source, upload)?.into()
            }
            (_, source) => self.session.data_task_with(request, source, upload)?.into(),
        };
        if !resume {
            task.resume()?;
        }
        Ok(task.task_identifier())
    }

    /// Writes an event down, then lets the daemon forget it.
    fn take(&mut self, delivery: &Delivery) -> Result<()> {
        if let Event::DidBecomeInvalid { error } = &delivery.event {
            bail!("the session is invalid: {error:?}");
        }
        let (Some(task), Some(number)) = (delivery.task, delivery.number) else { return Ok(()) };
        let (task, number) = (task.0, number.0);
        let line = match &delivery.event {
            Event::DidFinishDownloading { path, .. } | Event::DidReceiveData { path, .. } => {
                let sha256 = digest(path)?;
                Line::Received { number, task, plan: self.place(task), sha256 }
            }
            Event::DidComplete { error, response, .. } => {
                let error = error.as_ref().map(|error| format!("{} {error}", error.code.0));
                let status = response.as_ref().map(|response| response.status_code);
                Line::Completed { number, task, plan: self.place(task), error, status }
            }
            _ => return Ok(()),
        };
        self.journal.write(&line)?;
        self.remember(&line);
        delivery.acknowledge();
        Ok(())
    }

    /// Finds the task in the plan: by the journal, else by the description it was given.
    fn place(&self, task: u64) -> Option<usize> {
        self.accepted.get(&task).copied().or_else(|| {
            let status = self.session.task(TaskIdentifier(task)).status().ok()?;
            status.description?.parse().ok()
        })
    }

    fn remember(&mut self, line: &Line) {
        match line {
            Line::Accepted { plan, task } => {
                self.accepted.insert(*task, *plan);
            }
            Line::Completed { task, .. } => {
                self.completed.insert(*task);
            }
            _ => {}
        }
    }

    fn is_done(&self) -> Result<bool> {
        let told = self.accepted.keys().all(|task| self.completed.contains(task));
        Ok(told && self.session.tasks()?.is_empty())
    }

    fn allowed(&self) -> usize {
        let text = fs::read_to_string(self.folder.join(ALLOWED)).unwrap_or_default();
        text.parse().unwrap_or(0)
    }
}

/// Over how many connections a download comes: of those that can go on, half come over several.
fn segments(place: usize) -> Option<Segments> {
    match place % 12 {
        0 => Segments::count(4),
        2 => Segments::count(3),
        6 => Some(Segments::Automatic),
        _ => None,
    }
}

/// Returns the file's digest, or why there is none.
///
/// # Errors
/// The disk has lost power: who saw that is dead, and says nothing more.
fn digest(path: &Path) -> Result<String> {
    match fs::read(path) {
        Ok(bytes) => Ok(sha256(&bytes)),
        Err(error) if error.raw_os_error() == Some(EIO) => Err(error).context("the disk is gone"),
        Err(error) => Ok(format!("{}: {error}", path.display())),
    }
}
