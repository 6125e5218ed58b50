//! Does one kind of work so many times and nothing else, so that its instructions can be counted.

use anyhow::{Context as _, Result, bail, ensure};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;
use urlsession::{DownloadOptions, Event, Session, SessionConfiguration};
use urlsession_core::{
    Action, AttemptNumber, Core, Done, Ending, Input, Moment, PeerNumber, Report, Snapshot, TaskRef,
};
use urlsession_protocol::line::{decode, encode};
use urlsession_protocol::{
    ApplicationId, Call, CallId, ClientMessage, DaemonMessage, EventNumber, NewTask, Request,
    Response, SessionIdentifier, SessionKey, TaskIdentifier, TaskKind, TaskOptions,
};

const APP: PeerNumber = PeerNumber(1);

/// What is done.
#[derive(Debug, Clone, clap::Subcommand)]
pub enum Work {
    /// The core decides about downloads from their call to their last acknowledgement.
    Core {
        /// How often.
        count: u64,
    },
    /// Messages become lines and messages again.
    Line {
        /// How often.
        count: u64,
    },
    /// Files are downloaded from that URL by a session in this process that keeps no responses.
    Download {
        /// How often.
        count: u64,
        /// Where from; behind a slash at its end comes the number of the file.
        url: String,
        /// How many at once.
        #[arg(long, default_value_t = 1)]
        at_once: u32,
        /// Where they go, under their numbers; nowhere by default.
        #[arg(long)]
        folder: Option<PathBuf>,
    },
}

/// Does it.
///
/// # Errors
/// Something did not happen as it must.
pub fn run(work: &Work) -> Result<()> {
    match work {
        Work::Core { count } => core(*count),
        Work::Line { count } => line(*count),
        Work::Download { count, url, at_once, folder } => {
            download(*count, url, *at_once, folder.as_deref())
        }
    }
}

fn core(count: u64) -> Result<()> {
    let now = |turn: u64| {
        let steady = Duration::from_millis(turn);
        Moment { wall: urlsession::Timestamp(1_800_000_000_000 + turn), steady }
    };
    let (mut core, _) = Core::restore(Snapshot::default(), now(0), 7);
    let attach =
        Call::Attach { session: key()?, configuration: Box::default(), wait: false, owner: None };
    core.handle(now(0), Input::Call { peer: APP, id: CallId(0), call: attach });
    for number in 1..=count {
        let call = Call::CreateTask { session: key()?, new: Box::new(new(number)?) };
        let step = core.handle(now(number), Input::Call { peer: APP, id: CallId(number), call });
        let (task, attempt) = started(&step.actions).context("a new task starts")?;
        let report = Report::Ended(Ending::Done(Done {
            response: Response { status_code: 200, ..Response::default() },
            file: Some("/f".into()),
            length: 10,
            sent: 0,
        }));
        let step = core.handle(now(number), Input::Report { task, attempt, report });
        let numbers = step.actions.iter().filter_map(sent).collect::<Vec<_>>();
        ensure!(!numbers.is_empty(), "a task that is done has events");
        for number in numbers {
            core.handle(now(0), Input::Ack { peer: APP, session: key()?, number });
        }
    }
    Ok(())
}

fn started(actions: &[Action]) -> Option<(TaskRef, AttemptNumber)> {
    actions.iter().find_map(|action| match action {
        Action::Start { task, attempt, .. } => Some((*task, *attempt)),
        _ => None,
    })
}

fn sent(action: &Action) -> Option<EventNumber> {
    match action {
        Action::Send { number, .. } => *number,
        _ => None,
    }
}

fn line(count: u64) -> Result<()> {
    let call = Call::CreateTask { session: key()?, new: Box::new(new(1)?) };
    let asked = ClientMessage::Call { id: CallId(7), call };
    let told = DaemonMessage::Event {
        session: key()?,
        task: Some(TaskIdentifier(1)),
        number: Some(EventNumber(2)),
        event: Event::DidFinishDownloading { path: "/home/user/file.iso".into(), length: 10 },
    };
    for _ in 0..count {
        let asked_again: ClientMessage = decode(&encode(black_box(&asked))?)?;
        let told_again: DaemonMessage = decode(&encode(black_box(&told))?)?;
        black_box((asked_again, told_again));
    }
    Ok(())
}

fn download(count: u64, url: &str, at_once: u32, folder: Option<&Path>) -> Result<()> {
    let mut configuration = SessionConfiguration::default();
    // What was kept would be downloaded once.
    configuration.url_cache = None;
    configuration.http_maximum_connections_per_host = at_once;
    let session = Session::new(configuration)?;
    let mut events = session.events().into_iter();
    let (mut begun, mut ended) = (0, 0);
    while ended < count {
        while begun < count && begun < ended + u64::from(at_once) {
            let destination = folder.map(|folder| folder.join(begun.to_string()));
            let options = DownloadOptions { resume: true, destination, ..Default::default() };
            match url.ends_with('/') {
                true => session.download_task_with(format!("{url}{begun}").as_str(), options)?,
                false => session.download_task_with(url, options)?,
            };
            begun += 1;
        }
        let delivery = events.next().context("the session goes on")?;
        match &delivery.event {
            Event::DidComplete { error: Some(error), .. } => bail!("{error}"),
            Event::DidComplete { .. } => ended += 1,
            _ => {}
        }
        delivery.acknowledge();
    }
    Ok(())
}

fn new(number: u64) -> Result<NewTask> {
    Ok(NewTask {
        task: TaskIdentifier(number),
        kind: TaskKind::Download { destination: Some("/home/user/Downloads/file.iso".into()) },
        request: Request::new("https://download.example.com/pub/releases/file.iso")?,
        options: TaskOptions::default(),
        resume: true,
        resume_data: None,
    })
}

fn key() -> Result<SessionKey> {
    Ok(SessionKey {
        application: ApplicationId::new("com.example.app")?,
        session: SessionIdentifier::new("downloads")?,
    })
}
