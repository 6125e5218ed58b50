//! `get` and `put`, and what `add` has in common with them: create tasks in the shell's session, and
//! follow them unless told not to.

use super::cookies;
use super::hsts::HostsFile;
use super::wait::detached;
use crate::after::{After, Sheet};
use crate::args::{GetArgs, Output, PutArgs, RequestArgs, Talk};
use crate::exit::{self, Failure};
use crate::file_name::CLASH_LIMIT;
use crate::follow::{Followed, Stop, Until, follow};
use crate::hand_over::{HandOver, NOT_MODIFIED};
use crate::netscape::without_port;
use crate::plan::{self, Destination, Plan, What};
use crate::progress;
use crate::task_name::{self, APPLICATION, SESSION, TaskName};
use crate::terminal;
use crate::tracked::Tracked;
use crate::write_out::{Told, WriteOut};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use urlsession::{
    Daemon, DownloadOptions, Error, Secret, Session, SessionConfiguration, Task, TaskIdentifier,
    TaskKind, TaskState, UploadOptions,
};

/// Longest wait for the daemon to make tasks durable.
const ACCEPT_LIMIT: Duration = Duration::from_secs(300);
/// Longest silence about waiting for it.
const SILENCE_LIMIT: Duration = Duration::from_secs(5);
/// What to do where -b names nothing.
const NO_COOKIES: &str = "check the name, or write the cookies themselves: -b 'NAME=VALUE'; a file \
                          that --cookie-jar writes, too, need not be there";
/// Most tasks that are created before it is waited for.
const PORTION: usize = 8192;

pub(crate) fn get(args: GetArgs) -> Result<u8, Failure> {
    let keeps = Keeps::of(&args.request);
    keeps.during(|| bring(args))
}

/// The files that a command writes when all is done.
pub(super) struct Keeps {
    jar: Option<PathBuf>,
    hosts: Option<HostsFile>,
}

impl Keeps {
    pub(super) fn of(args: &RequestArgs) -> Self {
        Self { jar: args.cookie_jar.clone(), hosts: HostsFile::of(&args.network) }
    }

    /// Returns an option that names such a file.
    pub(super) fn typed(&self) -> Option<&'static str> {
        let hosts = self.hosts.as_ref().map(|_| "--hsts or --hsts-file");
        self.jar.as_ref().map(|_| "--cookie-jar").or(hosts)
    }

    /// Writes them also where something failed; not when the tasks go on alone.
    fn during(&self, work: impl FnOnce() -> Result<u8, Failure>) -> Result<u8, Failure> {
        self.hosts.as_ref().map_or(Ok(()), HostsFile::import)?;
        let mut done = work();
        if matches!(done, Ok(exit::UNFINISHED | exit::TIMED_OUT..)) {
            return done;
        }
        let application = task_name::shell().application;
        let jar = self.jar.as_ref().map(|jar| cookies::export(&application, None, jar));
        let hosts = self.hosts.as_ref().map(HostsFile::export);
        for written in jar.into_iter().chain(hosts) {
            done = match (written, done) {
                (Err(failure), Ok(code)) => failure.beside(code),
                (Err(failure), Err(before)) => {
                    Failure::both(Some(before), Some(failure)).map_or(Ok(exit::DONE), Err)
                }
                (Ok(()), done) => done,
            };
        }
        done
    }
}

fn bring(mut args: GetArgs) -> Result<u8, Failure> {
    let sheets = head_sheets(&mut args)?;
    let plans = plan::of_get(&args)?;
    if plans.is_empty() {
        // All of it is there.
        return Ok(exit::DONE);
    }
    keep_cookies(&args.request, &plans, args.talk)?;
    if args.create_dirs {
        let files = sheets.iter().map(Sheet::path).chain(args.condition.etag_save.as_deref());
        for folder in files.filter_map(Path::parent) {
            std::fs::create_dir_all(folder).map_err(|error| Failure::file(folder, &error))?;
        }
    }
    let mut after = After {
        format: args.write_out.as_deref().map(WriteOut::read).transpose()?,
        heads: sheets.into_iter().map(Sheet::begin).collect::<Result<_, _>>()?,
        etag: args.condition.etag_save.as_deref().map(Sheet::new),
        shows_heads: plans.iter().any(|plan| plan.shows_head),
        fails_with_body: args.policy.fail_with_body,
        keeps_time: args.remote_time,
        referer: referer(&plans),
        tells_referer: plans.iter().any(|plan| plan.options.request_policy.tells_referer),
    };
    if !args.fail_early {
        return run(plans, args.max_concurrent, args.talk, &mut after);
    }
    for plan in plans {
        let code = run(vec![plan], args.max_concurrent, args.talk, &mut after)?;
        if code != exit::DONE {
            return Ok(code);
        }
    }
    Ok(exit::DONE)
}

/// Finds where heads go: `-D` names one file, and `-I`, which is turned into HEAD without files, another.
fn head_sheets(args: &mut GetArgs) -> Result<Vec<Sheet>, Failure> {
    let mut sheets = Vec::from_iter(args.dump_header.as_deref().map(Sheet::of_heads));
    if !args.head {
        return Ok(sheets);
    }
    if !args.get && !args.data.0.is_empty() {
        return Err(Failure::usage("-I sends no data; with -G it is part of the URL"));
    }
    let to = match &args.output.0[..] {
        [Output::File(file)] if file.as_os_str() == "-" => file.clone(),
        [Output::File(file)] => in_folder(args, file)?,
        outputs if outputs.iter().any(|output| matches!(output, Output::File(_))) => {
            return Err(Failure::usage("-I writes all heads to one place: type one -o, or none"));
        }
        _ => PathBuf::from("-"),
    };
    // Both may name one place, which has them once.
    if args.dump_header.as_ref() != Some(&to) {
        sheets.push(Sheet::new(&to));
    }
    args.output.0 = vec![Output::Nowhere; args.urls.len()];
    args.request.method.get_or_insert_with(|| "HEAD".to_owned());
    args.talk.quiet = !args.talk.verbose;
    Ok(sheets)
}

/// Returns a file in the folder that was typed, and makes that as for other files.
fn in_folder(args: &GetArgs, file: &Path) -> Result<PathBuf, Failure> {
    if let Some(dir) = &args.dir {
        std::fs::create_dir_all(dir).map_err(|error| Failure::file(dir, &error))?;
    }
    Ok(args
        .dir
        .iter()
        .chain(&args.output_dir)
        .next()
        .map_or_else(|| file.into(), |dir| dir.join(file)))
}

pub(crate) fn put(args: &PutArgs) -> Result<u8, Failure> {
    let plans = vec![plan::of_put(args)?];
    keep_cookies(&args.request, &plans, args.talk)?;
    let keeps = Keeps::of(&args.request);
    if args.detach {
        if let Some(what) = keeps.typed() {
            let why = format!("--detach does not wait for the end, as {what} would have to");
            return Err(Failure::usage(why));
        }
        return enqueue(plans, None, args.talk);
    }
    let format = args.write_out.as_deref().map(WriteOut::read).transpose()?;
    let fails_with_body = args.policy.fail_with_body;
    let mut after = After { format, fails_with_body, ..After::default() };
    keeps.during(|| run(plans, None, args.talk, &mut after))
}

/// Returns what the first request says of where it comes from.
fn referer(plans: &[Plan]) -> Option<String> {
    let headers = &plans.first()?.request.headers;
    let referer = headers.iter().find(|field| field.name.eq_ignore_ascii_case("referer"))?;
    Some(referer.value.expose().to_owned())
}

/// Keeps the cookies of the files that `-b` names for the shell: its tasks may run for days.
pub(super) fn keep_cookies(args: &RequestArgs, plans: &[Plan], talk: Talk) -> Result<(), Failure> {
    if plan::cookie_files(args).next().is_none() {
        return Ok(());
    }
    if args.no_cookies {
        return Err(Failure::usage("-b keeps the cookies of a file, and --no-cookies sends none")
            .next("type one of them, or the cookies themselves: -b 'NAME=VALUE'"));
    }
    let hosts = plans.iter().filter_map(|plan| plan.request.host().ok());
    let hosts: BTreeSet<String> = hosts.map(|host| without_port(&host).to_owned()).collect();
    let hosts: Vec<String> = hosts.into_iter().collect();
    for file in plan::cookie_files(args) {
        if matches!(file.try_exists(), Ok(false)) && file.as_os_str() != "-" {
            // Who reads and writes one file begins with none.
            if args.cookie_jar.as_deref() == Some(file) {
                continue;
            }
            return Err(Failure::file(file, &io::ErrorKind::NotFound.into()).next(NO_COOKIES));
        }
        let imported = cookies::import(
            &task_name::shell().application,
            file,
            &hosts,
            args.junk_session_cookies,
        )?;
        if talk.verbose || !imported.whole {
            terminal::say(&imported.told)?;
        }
    }
    Ok(())
}

/// Creates the tasks and says how they are called.
pub(super) fn enqueue(plans: Vec<Plan>, at_once: Option<u32>, talk: Talk) -> Result<u8, Failure> {
    let created = aloud(talk, || create(plans, at_once))?;
    let mut out = String::new();
    for task in &created.tasks {
        if talk.json {
            let id = task.name.to_string();
            let line =
                serde_json::json!({ "schema": crate::json::SCHEMA, "id": id, "url": task.url });
            out.push_str(&format!("{line}\n"));
        } else if talk.quiet {
            out.push_str(&format!("{}\n", task.name));
        } else {
            let title = crate::escape::shown(&task.title);
            out.push_str(&format!("{} {title}\n", task.name));
        }
    }
    let printed = terminal::print(&out);
    created.say_refused();
    match printed {
        Ok(()) => Ok(created.code()),
        Err(error) => Failure::from(error).beside(created.code()),
    }
}

/// Creates the tasks, follows them to their ends, hands over what they brought and forgets them.
fn run(
    plans: Vec<Plan>,
    at_once: Option<u32>,
    talk: Talk,
    after: &mut After,
) -> Result<u8, Failure> {
    let created = aloud(talk, || create(plans, at_once))?;
    created.say_refused();
    let names: Vec<TaskName> = created.tasks.iter().map(|task| task.name.clone()).collect();
    if names.is_empty() {
        return Ok(created.code());
    }
    let followed = follow(&names, &mut *progress::of(talk), Until::default())?;
    let (mut told, mut failed) = (Vec::new(), None);
    let whole = after.tells_heads().then(|| Daemon::connect(true)).transpose()?;
    for task in followed.ended() {
        // What could not be handed over stays with the daemon.
        let (shown, attempts) = created.told(task, whole.as_ref());
        let outcome = match created.hand_over(task, &shown, after) {
            Ok(written) => {
                told.push(&task.name);
                let mut shown = shown;
                if let Some(written) = written {
                    shown.to_mut().file = written;
                }
                after.tell(Told {
                    task: &shown,
                    typed: created.typed.get(&task.name.task).map(String::as_str),
                    whole: created.whole.get(&task.name.task).map(Secret::expose),
                    number: created.numbers.get(&task.name.task).copied().unwrap_or(0),
                    attempts,
                    referer: None,
                    tells_referer: false,
                })
            }
            Err(failure) => {
                if failure.is_broken_pipe() {
                    // Who went away wants no more of it.
                    told.push(&task.name);
                }
                Err(kept(failure, task))
            }
        };
        // The others are handed over all the same.
        failed = Failure::both(failed, outcome.unwrap_or_else(Some));
    }
    if !told.is_empty() {
        // What a daemon that dies right now has not forgotten is still there to be seen.
        let told = told.iter().map(|name| (&name.session, name.task));
        drop(Daemon::connect(true)?.remove_all(told));
    }
    if matches!(followed.stop, Stop::Signal(_) | Stop::Unheard) {
        if let Some(failure) = failed {
            failure.tell();
        }
        let code = detached(&followed);
        created.say_kept(&followed)?;
        return Ok(code);
    }
    let refusals = created.refused.iter().map(|(_, error)| Some(error));
    let ends = followed.tasks.iter().map(|task| task.error.as_ref());
    let code = exit::code_of_all(refusals.chain(ends));
    failed.map_or(Ok(code), |failure| failure.beside(code))
}

/// Says where that is which could not be written.
fn kept(failure: Failure, task: &Tracked) -> Failure {
    if failure.code != exit::FILE || failure.next.is_some() || task.file.is_none() {
        return failure;
    }
    let name = &task.name;
    failure.next(format!(
        "what came is kept, see: urlsession show {name}; throw it away with: urlsession rm {name}"
    ))
}

/// What came of the plans.
struct Created {
    tasks: Vec<New>,
    refused: Vec<(String, Error)>,
    /// Where that goes which the daemon does not put in its place.
    answers: BTreeMap<TaskIdentifier, HandOver>,
    /// URLs as they were typed, where that differs in letters.
    typed: BTreeMap<TaskIdentifier, String>,
    /// The same, where they say who asks or have a fragment.
    whole: BTreeMap<TaskIdentifier, Secret>,
    /// The places of URLs on the command line, where that is not the first.
    numbers: BTreeMap<TaskIdentifier, usize>,
}

struct New {
    name: TaskName,
    title: String,
    url: String,
}

impl Created {
    fn code(&self) -> u8 {
        exit::code_of_all(self.refused.iter().map(|(_, error)| Some(error)))
    }

    fn say_refused(&self) {
        for (url, error) in &self.refused {
            let why = exit::sentence(error);
            let _ = terminal::say(&format!("{}: refused: {why}", crate::escape::shown(url)));
        }
    }

    /// Says where that will be which nobody is left to put in its place.
    fn say_kept(&self, followed: &Followed) -> io::Result<()> {
        let is_ours = |task: &&Tracked| {
            self.answers.get(&task.name.task).is_some_and(|to| *to != HandOver::Nowhere)
        };
        let mut ours = followed.unfinished().filter(is_ours);
        let Some(first) = ours.next() else { return Ok(()) };
        let id = if ours.next().is_none() { first.name.to_string() } else { "ID".to_owned() };
        terminal::say(&format!(
            "  only this command would have written what comes to its place; it is kept, see then: \
             urlsession show {id}"
        ))
    }

    /// Returns what is told of a task: what is no news is 304, also of a server that sent it again.
    /// Where heads are asked for they are whole.
    fn told<'a>(&self, task: &'a Tracked, whole: Option<&Daemon>) -> (Cow<'a, Tracked>, u32) {
        let (mut told, name) = (Cow::Borrowed(task), &task.name);
        let whole =
            whole.and_then(|daemon| daemon.task_with_cookies(&name.session, name.task).ok());
        let attempts = whole.as_ref().map_or(0, |status| status.attempts);
        if let Some(status) = whole {
            let told = told.to_mut();
            told.response = status.response.or(told.response.take());
            told.metrics = status.metrics.or(told.metrics.take());
        }
        if self.answers.get(&name.task).is_some_and(|to| to.drops(task))
            && let Some(response) = &mut told.to_mut().response
        {
            response.status_code = NOT_MODIFIED;
        }
        (told, attempts)
    }

    /// Writes what a task brought to where the user wants it, if the daemon does not do that, and
    /// returns the file, if it was one. Heads come before bodies, which may go to the same place.
    fn hand_over(
        &self,
        task: &Tracked,
        shown: &Tracked,
        after: &mut After,
    ) -> Result<Option<Option<PathBuf>>, Failure> {
        after.tell_head(shown)?;
        let head = after.head_before(shown);
        self.answers.get(&task.name.task).map(|to| to.take(task, &head)).transpose()
    }
}

/// Says that the daemon keeps something waiting where it does so for long.
fn aloud<T>(talk: Talk, ask: impl FnOnce() -> T) -> T {
    if talk.quiet {
        return ask();
    }
    let (end, ended) = mpsc::channel::<()>();
    std::thread::spawn(move || {
        if ended.recv_timeout(SILENCE_LIMIT) == Err(RecvTimeoutError::Timeout) {
            let _ =
                terminal::say("waits for the daemon; what keeps it may be in: urlsession doctor");
        }
    });
    let answer = ask();
    drop(end);
    answer
}

/// Owns the session for as long as it takes to create the tasks: others wait meanwhile.
fn create(mut plans: Vec<Plan>, at_once: Option<u32>) -> Result<Created, Failure> {
    let mut configuration = SessionConfiguration::background(SESSION);
    configuration.application = Some(APPLICATION.to_owned());
    configuration.wait_for_owner = true;
    configuration.maximum_concurrent_tasks = at_once;
    if let Some(at_once) = at_once {
        // Whoever asks for so many at once means from one server too.
        let per_host = &mut configuration.http_maximum_connections_per_host;
        *per_host = at_once.max(*per_host);
    }
    let session = Session::new(configuration)?;
    name_files(&session, &mut plans)?;
    let mut created = Created {
        tasks: vec![],
        refused: vec![],
        answers: BTreeMap::new(),
        typed: BTreeMap::new(),
        whole: BTreeMap::new(),
        numbers: BTreeMap::new(),
    };
    let mut plans = plans.into_iter();
    while plans.len() > 0 {
        create_portion(&session, plans.by_ref().take(PORTION), &mut created)?;
    }
    session.detach();
    Ok(created)
}

/// Creates tasks and waits until they are durable.
fn create_portion(
    session: &Session,
    plans: impl Iterator<Item = Plan>,
    created: &mut Created,
) -> Result<(), Failure> {
    let mut handles = Vec::with_capacity(PORTION);
    for plan in plans {
        let (url, title) = (plan.request.url.clone(), title(&plan));
        let (typed, whole, number) = (plan.typed.clone(), plan.whole.clone(), plan.number);
        let (task, answer) = begin(session, plan)?;
        created.typed.extend(typed.map(|typed| (task.task_identifier(), typed)));
        created.whole.extend(whole.map(|whole| (task.task_identifier(), whole)));
        if number > 0 {
            created.numbers.insert(task.task_identifier(), number);
        }
        if let Some(answer) = answer {
            created.answers.insert(task.task_identifier(), answer);
        }
        handles.push((task, url, title));
    }
    session.synced(ACCEPT_LIMIT)?;
    for (task, url, title) in handles {
        match task.refusal() {
            Some(error) => created.refused.push((url, error.clone())),
            None => {
                let name = TaskName::new(task_name::shell(), task.task_identifier());
                created.tasks.push(New { name, title, url });
            }
        }
    }
    Ok(())
}

/// Gives files their names. As long as the session is owned nobody else can take one.
fn name_files(session: &Session, plans: &mut [Plan]) -> Result<(), Failure> {
    let derived = plans.iter().filter_map(|plan| match &plan.what {
        What::Download(Destination::Derived { folder, name, .. }) => Some(folder.join(name)),
        _ => None,
    });
    let wanted: HashSet<PathBuf> = derived.collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let (key, wanted) = (session.key().clone(), wanted.into_iter().collect());
    let mut taken = HashSet::new();
    for status in Daemon::connect(true)?.tasks_destined(key, wanted) {
        let status = status?;
        if let (TaskKind::Download { destination: Some(path) }, false) =
            (status.kind, status.state == TaskState::Completed)
        {
            taken.insert(path);
        }
    }
    plan::settle(plans, taken)
}

/// Creates one task; the second value says where the shell itself must write the result.
fn begin(session: &Session, plan: Plan) -> Result<(Task, Option<HandOver>), Error> {
    let Plan { request, options, what, typed: _, whole: _, number: _, shows_head, finish } = plan;
    let mut options = Arc::unwrap_or_clone(options);
    let with_body = UploadOptions { resume: true, task: options.clone() };
    Ok(match what {
        What::Download(to) => {
            let (destination, answer) = match (finish, to) {
                (Some(finish), _) => (None, Some(finish)),
                (None, Destination::File(path)) if shows_head => {
                    // Nobody but the shell names the file.
                    (
                        None,
                        Some(match options.suggested_filename.take() {
                            Some(clash) => HandOver::Suggested(path, clash),
                            None if options.destination_clash.take().is_some() => {
                                HandOver::Free(path, CLASH_LIMIT)
                            }
                            None => HandOver::File(path),
                        }),
                    )
                }
                (None, Destination::File(path)) => (Some(path), None),
                (None, Destination::Device(path)) => (None, Some(HandOver::File(path))),
                (None, Destination::Nowhere) => (None, Some(HandOver::Nowhere)),
                (None, Destination::Output | Destination::Derived { .. }) => {
                    (None, Some(HandOver::Output))
                }
            };
            let options =
                DownloadOptions { destination, resume_data: None, resume: true, task: options };
            (session.download_task_with(request, options)?.into(), answer)
        }
        What::Upload(source, answer) => {
            (session.upload_task_with(request, source, with_body)?.into(), Some(answer))
        }
        What::Data(source, answer) => {
            (session.data_task_with(request, Some(source), with_body)?.into(), Some(answer))
        }
    })
}

fn title(plan: &Plan) -> String {
    match &plan.what {
        What::Download(Destination::File(path)) => crate::file_name::title(path),
        _ => urlsession::FileName::of_url(&plan.request.url).to_string(),
    }
}
