//! Transfers in memory: they move bytes, sync them now and then, and report late.

use super::PlantedBug;
use super::random::Random;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use urlsession_core::{
    AttemptNumber, Cause, Done, Ending, Input, Kind, Report, ResumeState, TaskFacts, TaskRef,
};
use urlsession_protocol::{
    AuthenticationChallenge, AuthenticationMethod, Error, ErrorCode, HttpRedirection,
    ProtectionSpace, Request, Response, Timestamp,
};

/// The folder of finished files that wait for their acknowledgement.
const FILES: &str = "/files";
/// The folder of bodies that are to be sent.
pub(super) const SPOOL: &str = "/spool";

/// An attempt that no task comes to.
const NEVER: AttemptNumber = AttemptNumber(u32::MAX);

/// One attempt that moves bytes.
#[derive(Debug)]
struct Transfer {
    attempt: AttemptNumber,
    kind: Kind,
    host: Arc<str>,
    owns_file: bool,
    /// Its request must not be sent twice.
    is_unsafe: bool,
    inode: u64,
    bytes: u64,
    stop: bool,
    /// It has said that it needs no slot any more.
    received: bool,
    /// It waits to be told where it goes on from a redirect.
    waits: bool,
}

/// A part file: whose it is, and how much of it is synced.
#[derive(Debug, Clone, Copy)]
struct Part {
    task: Option<TaskRef>,
    synced: u64,
}

#[derive(Debug, Default)]
pub(super) struct Network {
    running: BTreeMap<TaskRef, Transfer>,
    /// Reports on their way, in order per attempt.
    reports: BTreeMap<(TaskRef, AttemptNumber), VecDeque<Report>>,
    /// Copies of reports that come again, much later.
    late: Vec<(TaskRef, AttemptNumber, Report)>,
    parts: BTreeMap<u64, Part>,
    files: BTreeSet<PathBuf>,
    /// Tasks of which a server has got something that it must not get again.
    spent: BTreeSet<TaskRef>,
    /// Files that the planted bug puts in place too late.
    unplaced: Vec<PathBuf>,
    inodes: u64,
    /// Every attempt succeeds.
    kind: bool,
    bug: Option<PlantedBug>,
}

impl Network {
    pub(super) fn new(bug: Option<PlantedBug>) -> Self {
        Self { bug, ..Self::default() }
    }

    /// From here on every attempt succeeds.
    pub(super) fn be_kind(&mut self) {
        self.kind = true;
    }

    pub(super) fn is_running(&self, task: TaskRef) -> bool {
        self.running.contains_key(&task)
    }

    /// Returns how many attempts take a slot: in all, of the session, of the session for the host.
    pub(super) fn slots(&self, task: TaskRef, host: &str) -> (usize, usize, usize) {
        let all = || self.running.iter().filter(|(_, transfer)| !transfer.received);
        let of_session = || all().filter(|(key, _)| key.session == task.session);
        let of_host = of_session().filter(|(_, transfer)| &*transfer.host == host).count();
        (all().count(), of_session().count(), of_host)
    }

    pub(super) fn is_quiet(&self) -> bool {
        self.running.is_empty() && self.reports.is_empty()
    }

    /// Says whether a server has got something of the task that it must not get again.
    pub(super) fn is_spent(&self, task: TaskRef) -> bool {
        self.spent.contains(&task)
    }

    /// Returns how many bytes of a part file are synced.
    pub(super) fn synced(&self, inode: u64) -> Option<u64> {
        self.parts.get(&inode).map(|part| part.synced)
    }

    pub(super) fn has_file(&self, path: &PathBuf) -> bool {
        self.files.contains(path)
    }

    /// A task is new. Somebody spooled its body, if it has one; nothing of that was sent.
    pub(super) fn add_task(&mut self, task: TaskRef, spool: Option<&PathBuf>) {
        self.files.extend(spool.cloned());
        // Its number may be that of another one before a restart.
        self.spent.remove(&task);
    }

    /// Returns a part or a file of ours that nobody needs once no task is left.
    pub(super) fn stray(&self) -> Option<String> {
        let part = self.parts.values().find_map(|part| part.task);
        let part = part.map(|task| format!("a part of {task:?}"));
        let ours = |file: &&PathBuf| file.starts_with(FILES) || file.starts_with(SPOOL);
        let file = self.files.iter().find(ours);
        part.or_else(|| file.map(|file| file.display().to_string()))
    }

    /// Removes the files of ours that the core does not know, as a daemon does when it starts.
    pub(super) fn sweep(&mut self, referenced: &BTreeSet<&Path>) {
        self.files.retain(|file| !file.starts_with(FILES) || referenced.contains(file.as_path()));
    }

    pub(super) fn start(
        &mut self,
        task: TaskRef,
        attempt: AttemptNumber,
        facts: &TaskFacts,
        host: &str,
        resume: Option<&ResumeState>,
    ) {
        let known = resume.and_then(|resume| Some((resume, self.parts.get_mut(&resume.inode)?)));
        let (inode, bytes) = if let Some((resume, part)) = known {
            part.task = Some(task);
            (resume.inode, resume.durable_bytes)
        } else {
            self.inodes += 1;
            // A part that is begun anew takes the place of the one before.
            self.parts.retain(|_, part| part.task != Some(task));
            if facts.kind == Kind::Download {
                self.parts.insert(self.inodes, Part { task: Some(task), synced: 0 });
            }
            (self.inodes, 0)
        };
        let transfer = Transfer {
            attempt,
            kind: facts.kind,
            host: host.into(),
            owns_file: facts.owns_file,
            is_unsafe: facts.no_unsafe_retry,
            inode,
            bytes,
            stop: false,
            received: false,
            waits: false,
        };
        self.running.insert(task, transfer);
    }

    pub(super) fn stop(&mut self, task: TaskRef, attempt: AttemptNumber) {
        if let Some(transfer) = self.running.get_mut(&task)
            && transfer.attempt == attempt
        {
            transfer.stop = true;
        }
    }

    /// An attempt goes on from a redirect, or ends with it.
    pub(super) fn redirect(&mut self, task: TaskRef, attempt: AttemptNumber) {
        if let Some(transfer) = self.running.get_mut(&task)
            && transfer.attempt == attempt
        {
            transfer.waits = false;
        }
    }

    /// All transfers die with the daemon; what they synced stays.
    pub(super) fn crash(&mut self) {
        self.running.clear();
        self.reports.clear();
        self.late.clear();
        self.files.extend(self.unplaced.drain(..));
    }

    pub(super) fn remove_parts(&mut self, task: TaskRef) {
        self.parts.retain(|_, part| part.task != Some(task));
    }

    /// The part is no longer the task's: it belongs to whoever holds resume data.
    pub(super) fn keep_part(&mut self, inode: u64) {
        if let Some(part) = self.parts.get_mut(&inode) {
            part.task = None;
        }
    }

    pub(super) fn remove_file(&mut self, path: &PathBuf) {
        self.files.remove(path);
    }

    /// Lets one transfer do something.
    pub(super) fn act(&mut self, random: &mut Random) {
        self.files.extend(self.unplaced.drain(..));
        if self.running.is_empty() {
            return;
        }
        let at = random.index(self.running.len());
        let Some((task, transfer)) = self.running.iter_mut().nth(at) else { return };
        let task = *task;
        if transfer.waits && !transfer.stop {
            return;
        }
        if !self.kind && !transfer.stop && random.one_in(40) {
            transfer.waits = true;
            return self.report(random, task, Report::Redirected(Box::new(redirection())));
        }
        match random.below(12) {
            0..4 if !self.kind && !transfer.stop => {
                transfer.bytes += random.below(5000);
                self.spent.extend(Some(task).filter(|_| transfer.is_unsafe));
            }
            4..10 if !self.kind && !transfer.stop && transfer.kind == Kind::Download => {
                let syncs = self.bug != Some(PlantedBug::JournalBeforeSync);
                let part = self.parts.get_mut(&transfer.inode);
                if let Some(part) = part.filter(|_| syncs) {
                    part.synced = transfer.bytes;
                }
                let report = Report::Durable(state(task, transfer));
                self.report(random, task, report);
            }
            // It takes its time to stop.
            0..7 if !self.kind => {}
            10 if !self.kind && random.one_in(3) => {
                transfer.received = true;
                self.report(random, task, Report::Received);
            }
            _ => self.end(random, task),
        }
    }

    /// Makes the report of an attempt that never was.
    pub(super) fn forged(&self, random: &mut Random, task: TaskRef) -> Input {
        let ending = match random.below(3) {
            0 => Ending::Stopped { resume: None },
            1 => Ending::Failed {
                error: Error::new(ErrorCode::NETWORK_CONNECTION_LOST),
                cause: Cause::Permanent,
                resume: None,
                progressed: false,
            },
            _ => {
                Ending::Done(Done { response: Response::default(), file: None, length: 0, sent: 0 })
            }
        };
        Input::Report { task, attempt: NEVER, report: Report::Ended(ending) }
    }

    /// Takes a report on its way, or a late one.
    pub(super) fn take_report(&mut self, random: &mut Random) -> Option<Input> {
        if !self.late.is_empty() && (random.one_in(6) || self.kind) {
            let (task, attempt, report) = self.late.swap_remove(random.index(self.late.len()));
            return Some(Input::Report { task, attempt, report });
        }
        if self.reports.is_empty() {
            return None;
        }
        let at = random.index(self.reports.len());
        let (key, queue) = self.reports.iter_mut().nth(at)?;
        let (task, attempt) = *key;
        let report = queue.pop_front();
        if queue.is_empty() {
            self.reports.remove(&(task, attempt));
        }
        Some(Input::Report { task, attempt, report: report? })
    }

    fn end(&mut self, random: &mut Random, task: TaskRef) {
        let Some(transfer) = self.running.get(&task) else { return };
        let download = transfer.kind == Kind::Download;
        let synced = self.parts.get(&transfer.inode).map_or(0, |part| part.synced);
        let known = ResumeState { durable_bytes: synced, ..state(task, transfer) };
        let resume = Some(known).filter(|_| download && synced > 0);
        let stop = transfer.stop;
        let ending = match random.below(10) {
            0..4 if stop => Ending::Stopped { resume },
            // Nobody asked for it.
            0 if random.one_in(10) => Ending::Stopped { resume },
            0..5 => self.done(random, task, download),
            _ if self.kind => self.done(random, task, download),
            9 if random.one_in(6) => {
                Ending::Challenged { challenge: Box::new(challenge()), resume }
            }
            number => Ending::Failed {
                error: Error::new(ErrorCode::NETWORK_CONNECTION_LOST),
                cause: match number {
                    5 if stop || random.one_in(3) => Cause::Permanent,
                    6 if random.one_in(4) => Cause::Answer,
                    6 => Cause::After(Duration::from_millis(random.below(5000))),
                    7 if random.one_in(4) => {
                        Cause::Interval(Duration::from_millis(random.below(5000)))
                    }
                    7 => Cause::Connectivity,
                    8 => Cause::Disk,
                    _ => Cause::Transient,
                },
                // Without it the next attempt begins anew.
                resume: resume.filter(|_| !random.one_in(4)),
                progressed: match random.one_in(2) {
                    _ if transfer.is_unsafe => self.is_spent(task),
                    progressed => progressed,
                },
            },
        };
        let ending = match ending {
            Ending::Stopped { resume } if self.is_spent(task) => cut_off(resume),
            ending => ending,
        };
        let is_refused = matches!(
            ending,
            Ending::Challenged { .. } | Ending::Failed { cause: Cause::Answer, .. }
        );
        if is_refused {
            self.spent.remove(&task);
        }
        self.report(random, task, Report::Ended(ending));
        self.running.remove(&task);
    }

    fn done(&mut self, random: &mut Random, task: TaskRef, download: bool) -> Ending {
        let owns_file = self.running.get(&task).is_some_and(|transfer| transfer.owns_file);
        let folder = Path::new(if owns_file { FILES } else { "/home" });
        let path = folder.join(format!("{}-{}", task.session.0, task.task.0));
        let file = Some(path).filter(|_| download || random.one_in(2));
        // The part becomes the file by rename: its bytes stay synced under its inode.
        self.parts.values_mut().filter(|p| p.task == Some(task)).for_each(|p| p.task = None);
        if self.bug == Some(PlantedBug::FileLate) {
            self.unplaced.extend(file.clone());
        } else {
            self.files.extend(file.clone());
        }
        Ending::Done(Done { response: Response::default(), file, length: 1, sent: 0 })
    }

    fn report(&mut self, random: &mut Random, task: TaskRef, report: Report) {
        let Some(transfer) = self.running.get(&task) else { return };
        let attempt = transfer.attempt;
        let loses = self.bug == Some(PlantedBug::ReportsLost) && random.one_in(50);
        if loses && matches!(report, Report::Ended(_)) {
            return;
        }
        if random.one_in(5) {
            self.late.push((task, attempt, report.clone()));
        }
        self.reports.entry((task, attempt)).or_default().push_back(report);
    }
}

/// Ends an attempt that was stopped while it sent what must not be sent again.
fn cut_off(resume: Option<ResumeState>) -> Ending {
    Ending::Failed {
        error: Error::new(ErrorCode::NETWORK_CONNECTION_LOST),
        cause: Cause::Transient,
        resume,
        progressed: true,
    }
}

fn challenge() -> AuthenticationChallenge {
    let protection_space = ProtectionSpace {
        protocol: "http".to_owned(),
        host: "host".to_owned(),
        port: 80,
        realm: None,
        authentication_method: AuthenticationMethod::HttpBasic,
        is_proxy: false,
    };
    AuthenticationChallenge {
        previous_failure_count: 1,
        ..AuthenticationChallenge::new(protection_space)
    }
}

fn redirection() -> HttpRedirection {
    let new_request = Request {
        url: "http://host/next".to_owned(),
        method: "GET".to_owned(),
        headers: Vec::new(),
        body: None,
        credential: None,
    };
    let response = Response::default();
    HttpRedirection { question: 1, response, new_request, until: Timestamp(0) }
}

fn state(task: TaskRef, transfer: &Transfer) -> ResumeState {
    ResumeState {
        part: format!("/parts/{}/{}", task.session.0, task.task.0).into(),
        inode: transfer.inode,
        durable_bytes: transfer.bytes,
        further: None,
        total_bytes: None,
        etag: Some("\"e\"".to_owned()),
        last_modified: None,
        response: Response::default(),
    }
}
