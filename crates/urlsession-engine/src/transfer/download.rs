//! A response body into a file, from the request to the finished file or a state to go on from.

use super::checksum::{self, Digest};
use super::errors::Failure;
use super::http::Http;
use super::landing::Landing;
use super::part::{self, Part};
use super::publish::{Finished, Publisher};
use super::receive::{self, Inflow, Received, Receiver};
use super::request::{Chain, Final};
use super::resume::{self, Question, Verdict};
use super::segments;
use super::segments::journal::Journal;
use super::segments::run::{Lead, Outcome, Segments};
use super::speedometer::Speedometer;
use super::{Attempt, blocking};
use crate::boxed::pinned;
use bytes::Bytes;
use http::{StatusCode, header};
use std::path::PathBuf;
use std::sync::Arc;
use urlsession_core::{Done, Ending, Order, ResumeState};
use urlsession_protocol::{ErrorCode, ResumeRung, TaskKind};

/// Most parts that one attempt receives of a file of which nobody says how long it is.
const PARTS_LIMIT: u32 = 64;

/// Runs one attempt of a download.
pub(super) async fn run(
    http: &Http,
    publisher: &Arc<Publisher>,
    attempt: Attempt,
    speedometer: Option<Arc<Speedometer>>,
) -> Ending {
    let chain = Chain::new(http, &attempt, speedometer);
    let run = Run { chain, publisher, attempt: &attempt };
    let (mut part, resume) = match prepare(&attempt, publisher).await {
        Ok(Prepared::Begin) => (None, None),
        Ok(Prepared::GoOn(part, state)) => (Some(part), Some(*state)),
        Ok(Prepared::Published { state, path, length }) => return run.done(state, path, length),
        Err(failure) => return failed(failure, attempt.resume.clone(), false),
    };
    if let Some(whole) = take_whole(&mut part, resume.as_ref()) {
        return run.publish(whole).await;
    }
    // Until a response says otherwise, the state is as good as its part file.
    let begun = tokio::select! {
        biased;
        () = attempt.stop.cancelled() => return Ending::Stopped { resume },
        begun = begin(&run.chain, resume.as_ref()) => begun,
    };
    match (begun, part, resume) {
        (Err(failure), _, resume) => failed(failure, resume, run.chain.sent() > 0),
        (Ok((_, Verdict::Complete)), Some(part), Some(state)) => {
            run.publish(Whole::of(part, state)).await
        }
        (Ok((got, Verdict::Append)), Some(part), Some(state)) => {
            let state = ResumeState {
                part: part.path().into(),
                total_bytes: resume::total(&state, &got.answer.head.headers),
                ..state
            };
            let rung = resume::question(&state).map_or(ResumeRung::Restart, |asked| asked.rung);
            attempt.notices.resumed(state.synced_bytes(), state.total_bytes, rung);
            Box::pin(run.receive(got, part, state)).await
        }
        (Ok((got, _)), part, _) if is_unchanged(&got, &attempt) => {
            if let Some(part) = part {
                discard(part, None).await;
            }
            run.keep_file(got).await
        }
        (Ok((got, _)), ..) => pinned(|| run.restart(got, attempt.resume.is_some())).await,
    }
}

/// What an attempt finds of the ones before it.
#[derive(Debug)]
enum Prepared {
    /// Nothing that could be used.
    Begin,
    /// A part file to go on from, and what it has.
    GoOn(Part, Box<ResumeState>),
    /// The file is in place; the end of its attempt was lost in a crash.
    Published { state: ResumeState, path: PathBuf, length: u64 },
}

/// Looks for what there is before anything is asked. A first GET finds nothing, and may be asked
/// in vain: it looks when its body is there.
async fn prepare(attempt: &Attempt, publisher: &Arc<Publisher>) -> Result<Prepared, Failure> {
    let is_get = attempt.order.request.method == "GET";
    if is_get && attempt.resume.is_none() {
        return Ok(Prepared::Begin);
    }
    let (files, resume) = (attempt.files.clone(), attempt.resume.clone());
    let landing = resume.as_ref().map(|state| Landing::of(attempt, &state.response));
    let publisher = Arc::clone(publisher);
    blocking(move || {
        if let (Some(state), Some(landing)) = (&resume, &landing)
            && let Some((path, length)) = part::published(state, &files, landing)
        {
            // The crash may have come before the name was durable.
            publisher.sync_name(&path)?;
            if part::is_kept(state, &files) {
                // Where that is a copy of it, it may have stayed.
                part::remove_unclaimed(&state.part);
            }
            return Ok(Prepared::Published { state: state.clone(), path, length });
        }
        part::check_destination(&files)?;
        let usable = resume.filter(|state| is_get && resume::question(state).is_some());
        let found = usable.and_then(|mut state| Some((Part::reopen(&mut state, &files)?, state)));
        Ok(found.map_or(Prepared::Begin, |(part, state)| Prepared::GoOn(part, Box::new(state))))
    })
    .await
}

/// Takes a part file that misses nothing: its attempt ended between the last sync and the rename.
fn take_whole(part: &mut Option<Part>, state: Option<&ResumeState>) -> Option<Whole> {
    let state = state?;
    if state.total_bytes != Some(state.durable_bytes) {
        return None;
    }
    Some(Whole::of(part.take()?, state.clone()))
}

/// Asks for what is missing, and for everything if the answer to that cannot be used.
async fn begin(
    chain: &Chain<'_>,
    resume: Option<&ResumeState>,
) -> Result<(Final, Verdict), Failure> {
    if let Some(state) = resume
        && let Some(Question { range, if_range, .. }) = resume::question(state)
    {
        let got = chain.ask(&[(header::RANGE, range), (header::IF_RANGE, if_range)]).await?;
        let head = &got.answer.head;
        match resume::judge(state, head.status, &head.headers) {
            Verdict::Restart => return Ok((chain.judge_status(got).await?, Verdict::Restart)),
            Verdict::AskAnew => Box::pin(chain.discard(got)).await,
            verdict => return Ok((got, verdict)),
        }
    }
    Ok((chain.judge_status(chain.ask(&[]).await?).await?, Verdict::Restart))
}

/// Asks for what is behind what there is, if there is anything.
async fn ask_behind(chain: &Chain<'_>, state: &ResumeState) -> Result<(Final, Verdict), Failure> {
    let Some(Question { range, if_range, .. }) = resume::question(state) else {
        return Err(Failure::lost("nothing proves whose bytes these are"));
    };
    let got = chain.ask(&[(header::RANGE, range), (header::IF_RANGE, if_range)]).await?;
    let head = &got.answer.head;
    let verdict = match resume::judge(state, head.status, &head.headers) {
        Verdict::AskAnew if resume::says_nothing_is_behind(head.status, &head.headers) => {
            Verdict::Complete
        }
        Verdict::Restart if !head.status.is_success() => {
            let why = format!("whether there is more was answered with {}", head.status.as_u16());
            return Err(Failure::lost(why));
        }
        verdict => verdict,
    };
    Ok((got, verdict))
}

/// One attempt under way.
struct Run<'a> {
    attempt: &'a Attempt,
    chain: Chain<'a>,
    publisher: &'a Arc<Publisher>,
}

impl Run<'_> {
    /// Receives the whole entity into a new part file, which may have to replace another.
    async fn restart(&self, got: Final, replaces: bool) -> Ending {
        match self.begin_anew(&got, replaces).await {
            Ok((part, state)) => self.receive(got, part, state).await,
            Err(failure) => failed(failure.at(&got.response.url), None, self.chain.sent() > 0),
        }
    }

    async fn begin_anew(
        &self,
        got: &Final,
        replaces: bool,
    ) -> Result<(Part, ResumeState), Failure> {
        let part = self.create(got, replaces).await?;
        let (etag, last_modified) = resume::validators(&got.answer.head.headers);
        let state = ResumeState {
            part: part.path().into(),
            inode: part.inode(),
            durable_bytes: 0,
            further: None,
            total_bytes: got.length,
            etag,
            last_modified,
            response: got.response.clone(),
        };
        if replaces {
            self.attempt.notices.resumed(0, state.total_bytes, ResumeRung::Restart);
            // The recorded state must not outlive its part file.
            self.attempt.notices.durable(state.clone());
        }
        Ok((part, state))
    }

    /// Creates the part file, unless its body may be short: that is whole before there is
    /// anything to write, most likely.
    async fn create(&self, got: &Final, replaces: bool) -> Result<Part, Failure> {
        let is_short = got.length.is_none_or(|length| length < receive::LARGE as u64);
        if is_short && !replaces {
            return Ok(Part::planned(&self.attempt.files.part));
        }
        let files = self.attempt.files.clone();
        let old = self.attempt.resume.as_ref().map(|state| state.part.clone());
        let landing = Landing::of(self.attempt, &got.response);
        let create = move || {
            part::check_destination(&files)?;
            landing.take_back(&files.part);
            let part = Part::create(&files.part)?;
            if let Some(old) = old.filter(|old| old.parent() == Some(&*files.kept_parts)) {
                // One that cannot be removed lies in a folder that is swept.
                part::remove_unclaimed(&old);
            }
            Ok(part)
        };
        blocking(create).await
    }

    async fn receive(&self, got: Final, part: Part, state: ResumeState) -> Ending {
        let (mut next, mut parts) = ((got, part, state), PARTS_LIMIT);
        loop {
            let (got, part, state) = next;
            // What is to be known of the whole is known now, or never.
            let may_split = parts == PARTS_LIMIT;
            match self.receive_once(got, part, state, (may_split, parts)).await {
                Ok(ending) => return ending,
                Err(Next::Changed(changed)) => {
                    return Box::pin(self.receive_changed(changed)).await;
                }
                Err(Next::Behind(behind)) => next = *behind,
            }
            parts = parts.saturating_sub(1);
        }
    }

    /// Receives another file than the one that was begun, over one connection.
    async fn receive_changed(&self, changed: Option<Box<Final>>) -> Ending {
        let got = match changed {
            Some(got) => Ok(*got),
            None => self.ask_for_all().await,
        };
        let got = match got {
            Ok(got) => got,
            Err(_) if self.attempt.stop.is_cancelled() => return Ending::Stopped { resume: None },
            Err(failure) => return failed(failure, None, false),
        };
        let (part, state) = match self.begin_anew(&got, true).await {
            Ok(begun) => begun,
            Err(failure) => return failed(failure.at(&got.response.url), None, false),
        };
        // Without segments nothing is asked twice, and nothing can have changed.
        let received = self.receive_once(got, part, state, (false, 0)).await;
        received.unwrap_or(Ending::Stopped { resume: None })
    }

    async fn ask_for_all(&self) -> Result<Final, Failure> {
        tokio::select! {
            biased;
            () = self.attempt.stop.cancelled() => Err(Failure::lost("it was stopped")),
            got = async { self.chain.judge_status(self.chain.ask(&[]).await?).await } => got,
        }
    }

    /// Receives what is missing. What is not the file that was begun comes back, and so does what is
    /// behind a part.
    async fn receive_once(
        &self,
        got: Final,
        part: Part,
        state: ResumeState,
        (may_split, parts): (bool, u32),
    ) -> Result<Ending, Next> {
        let attempt = self.attempt;
        let before = state.synced_bytes();
        let length = got.length.map(|length| before + length);
        // Where nobody knows the size of the whole, a part that ends early must not be its end.
        let ends = || resume::last(&got.answer.head.headers).filter(|_| before > 0);
        let expected = state.total_bytes.or(length).or_else(ends);
        // It ends where it says, and the whole perhaps elsewhere.
        let is_open = before > 0 && state.total_bytes.is_none();
        attempt.progress.expect_to_receive(expected.filter(|_| !is_open));
        let limit = attempt.order.options.maximum_response_size;
        if let Some(limit) = limit.filter(|limit| expected.is_some_and(|total| total > *limit)) {
            discard(part, None).await;
            return Ok(failed(receive::too_large(limit).at(&got.response.url), None, false));
        }
        let provable = is_provable(&state, &attempt.order);
        let policy = expected.filter(|_| may_split && provable && !is_open).and_then(|total| {
            segments::policy_for(attempt, &got, &state, total).map(|policy| (policy, total))
        });
        let is_new = part.length() == 0;
        let mut receiver = Receiver::new(part, &attempt.progress, Arc::clone(&self.chain.rate));
        // What is known to keep to it need not be watched.
        receiver.limit = limit.filter(|_| expected.is_none());
        if is_new {
            let wanted = attempt.order.options.checksum.as_ref();
            receiver.digest = wanted.map(|wanted| Digest::new(wanted.algorithm));
        }
        let journal = provable.then(|| {
            let most = policy.as_ref().map_or(1, |(policy, _)| policy.most());
            Journal::new(state.clone(), most, &attempt.progress, &attempt.notices)
        });
        if let Some(journal) = &journal {
            receiver.keep_journal(journal);
        }
        let url = got.response.url.clone();
        let reserved = expected.map_or(Ok(()), |total| receiver.part.reserve(total));
        let (received, filled) = match (reserved, policy, &journal) {
            (Err(failure), ..) => (Received::Failed(failure), Filled::of(receiver)),
            (Ok(()), Some((policy, total)), Some(journal)) => {
                let segments =
                    Segments { attempt, chain: &self.chain, journal, state: &state, total };
                let last = resume::last(&got.answer.head.headers).unwrap_or(total);
                let lead = Lead { answer: got.answer, receiver, last };
                let (outcome, part, digest) = Box::pin(segments.run(lead, policy)).await;
                let filled = Filled { part, rest: Vec::new(), digest };
                match outcome {
                    Outcome::Received(received) => (received, filled),
                    Outcome::Changed(changed) => {
                        // A sync that is told later would be of a file that is gone.
                        let _ = journal.settle(&filled.part).await;
                        return Err(Next::Changed(changed));
                    }
                }
            }
            // Kept apart, as what ends it is: every caller would move both into place.
            (Ok(()), ..) => pinned(|| self.fill(got, receiver, expected)).await,
        };
        match (received, journal) {
            (Received::Whole, Some(journal)) if is_open => {
                Box::pin(self.go_on(filled, state, journal, (&url, before, parts))).await
            }
            (received, journal) => {
                let state = (state, journal);
                Ok(pinned(|| self.conclude(received, filled, state, (&url, before))).await)
            }
        }
    }

    /// Asks for what is behind a part of which neither the server nor an earlier answer says of how
    /// much it is: it may send less than was asked for (RFC 9110 section 15.3.7).
    async fn go_on(
        &self,
        filled: Filled,
        state: ResumeState,
        journal: Arc<Journal>,
        (url, before, parts): (&str, u64, u32),
    ) -> Result<Ending, Next> {
        let (settled, synced) = journal.settle(&filled.part).await;
        let asked = match synced {
            Err(failure) => Err(Received::Failed(failure)),
            Ok(()) if parts == 0 => {
                let why = "nobody says how long the file is, of which there are many parts";
                Err(Received::Failed(Failure::lost(why)))
            }
            Ok(()) => tokio::select! {
                biased;
                () = self.attempt.stop.cancelled() => Err(Received::Stopped),
                behind = ask_behind(&self.chain, &settled) => behind.map_err(Received::Failed),
            },
        };
        let received = match asked {
            Ok((got, Verdict::Append)) => {
                let total_bytes = resume::total(&settled, &got.answer.head.headers);
                let state = ResumeState { total_bytes, ..settled };
                return Err(Next::Behind(Box::new((got, filled.part, state))));
            }
            Ok((got, Verdict::Restart)) => return Err(Next::Changed(Some(Box::new(got)))),
            Ok((got, verdict)) => {
                Box::pin(self.chain.discard(got)).await;
                if verdict == Verdict::AskAnew {
                    return Err(Next::Changed(None));
                }
                Received::Whole
            }
            Err(received) => received,
        };
        Ok(self.conclude(received, filled, (state, Some(journal)), (url, before)).await)
    }

    /// Receives from start to end over one connection.
    async fn fill(
        &self,
        got: Final,
        mut receiver: Receiver,
        expected: Option<u64>,
    ) -> (Received, Filled) {
        let mut answer = got.answer;
        let from = Inflow {
            body: &mut answer.body,
            wire: &answer.wire,
            idle_timeout: self.attempt.order.idle_timeout,
            stop: &self.attempt.stop,
        };
        (receiver.run(from, expected).await, Filled::of(receiver))
    }

    /// Makes durable what came, and ends the attempt.
    async fn conclude(
        &self,
        received: Received,
        Filled { mut part, rest, digest }: Filled,
        (state, journal): (ResumeState, Option<Arc<Journal>>),
        (url, before): (&str, u64),
    ) -> Ending {
        if let Received::Whole = received {
            self.attempt.notices.received();
        }
        let (settled, synced) = match &journal {
            Some(journal) => {
                let (state, result) = journal.settle(&part).await;
                (Some(state), result)
            }
            None => (None, Ok(())),
        };
        let resume = settled.as_ref().filter(|state| state.durable_bytes > 0).cloned();
        let has_more = resume.as_ref().is_some_and(|state| state.synced_bytes() > before);
        let progressed = has_more || self.chain.sent() > 0;
        match (received, synced) {
            (Received::Whole, Ok(())) => {
                let (provable, state) = (settled.is_some(), settled.unwrap_or(state));
                if state.durable_bytes > part.length() {
                    part.complete(state.durable_bytes);
                }
                self.publish(Whole { part, rest, state, digest, provable }).await
            }
            (Received::Stopped, _) => {
                discard(part, resume.as_ref()).await;
                Ending::Stopped { resume }
            }
            (Received::Failed(failure), _) | (Received::Whole, Err(failure)) => {
                discard(part, resume.as_ref()).await;
                failed(failure.at(url), resume, progressed)
            }
        }
    }

    async fn publish(&self, whole: Whole) -> Ending {
        let Whole { part, rest, mut state, digest, provable } = whole;
        // What is in memory only is nothing to go on from.
        let provable = provable && rest.is_empty() && part.inode() != 0;
        let length = part.length() + rest.iter().map(|bytes| bytes.len() as u64).sum::<u64>();
        self.attempt.progress.set_received(length);
        let published = async {
            let Some(part) = self.verify(part, digest).await? else { return Ok(None) };
            let files = self.attempt.files.clone();
            let landing = Landing::of(self.attempt, &state.response);
            self.publisher.publish(Finished { part, rest, files, landing }).await.map(Some)
        };
        let published = published.await;
        if let Ok(Some(path)) = published {
            return self.done(state, path, length);
        }
        state.durable_bytes = length;
        let url = state.response.url.clone();
        let resume = Some(state).filter(|_| provable);
        match published {
            Ok(_) => Ending::Stopped { resume },
            Err(failure) => {
                let wrong = failure.error.code == ErrorCode::DOWNLOAD_DECODING_FAILED_TO_COMPLETE;
                failed(failure.at(&url), resume.filter(|_| !wrong), self.chain.sent() > 0)
            }
        }
    }

    /// Compares the checksum, if there is one to compare with; `None` if it was stopped.
    async fn verify(
        &self,
        mut part: Part,
        digest: Option<Digest>,
    ) -> Result<Option<Part>, Failure> {
        let Some(wanted) = self.attempt.order.options.checksum.clone() else {
            return Ok(Some(part));
        };
        let stop = self.attempt.stop.clone();
        let verify = move || {
            let got = match digest {
                Some(digest) => digest.finish(),
                None => match part.digest(wanted.algorithm, &stop)? {
                    Some(got) => got,
                    None => return Ok(None),
                },
            };
            match checksum::check(&wanted, &got) {
                Ok(()) => Ok(Some(part)),
                Err(mismatch) => {
                    part.remove();
                    Err(mismatch)
                }
            }
        };
        blocking(verify).await
    }

    /// Leaves the file at the destination as it is.
    async fn keep_file(&self, got: Final) -> Ending {
        let response = got.response.clone();
        Box::pin(self.chain.discard(got)).await;
        let sent = self.chain.sent();
        Ending::Done(Done { response, file: None, length: 0, sent })
    }

    fn done(&self, state: ResumeState, path: PathBuf, length: u64) -> Ending {
        let sent = self.chain.sent();
        Ending::Done(Done { response: state.response, file: Some(path), length, sent })
    }
}

/// Says whether the app asked for news of a file of its own, and there are none.
fn is_unchanged(got: &Final, attempt: &Attempt) -> bool {
    got.answer.head.status == StatusCode::NOT_MODIFIED
        && matches!(attempt.order.kind, TaskKind::Download { destination: Some(_) })
}

/// Says whether a later attempt could prove that its bytes belong to the same entity.
fn is_provable(state: &ResumeState, order: &Order) -> bool {
    let request = &order.request;
    // A server's ranges are those of what it packed, and these bytes are unpacked.
    let is_decoded =
        order.options.decodes_content && state.response.header("content-encoding").is_some();
    // A range that the app asks for itself would be taken for the whole entity.
    let is_partial = request.headers.iter().any(|field| field.name.eq_ignore_ascii_case("range"));
    !is_decoded
        && !is_partial
        && request.method == "GET"
        && state.response.status_code == 200
        && (state.etag.is_some() || state.last_modified.is_some())
}

/// With what a download goes on.
enum Next {
    /// It is another file, of which this is the response, if there is one yet.
    Changed(Option<Box<Final>>),
    /// There is more behind the part.
    Behind(Box<(Final, Part, ResumeState)>),
}

/// What receiving leaves.
struct Filled {
    part: Part,
    rest: Vec<Bytes>,
    digest: Option<Digest>,
}

impl Filled {
    fn of(receiver: Receiver) -> Self {
        let Receiver { part, batch: rest, digest, .. } = receiver;
        Self { part, rest, digest }
    }
}

/// A body that misses nothing but its name.
#[derive(Debug)]
struct Whole {
    part: Part,
    /// What is not in the part file yet.
    rest: Vec<Bytes>,
    state: ResumeState,
    /// Computed while the bytes passed; otherwise the file is read again where that is needed.
    digest: Option<Digest>,
    provable: bool,
}

impl Whole {
    fn of(part: Part, state: ResumeState) -> Self {
        Self { part, rest: Vec::new(), state, digest: None, provable: true }
    }
}

/// Removes a part file that nothing can go on from.
async fn discard(part: Part, resume: Option<&ResumeState>) {
    if resume.is_none() {
        // The worst case is a leftover, which the next attempt removes.
        let _ = tokio::task::spawn_blocking(move || part.remove()).await;
    }
}

fn failed(failure: Failure, resume: Option<ResumeState>, progressed: bool) -> Ending {
    failure.end(resume, progressed)
}
