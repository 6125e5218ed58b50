//! A response body into a file, from the request to the finished file or a state to go on from.

use super::checksum::{self, Digest};
use super::errors::Failure;
use super::http::Http;
use super::landing::Landing;
use super::part::{self, Part};
use super::receive::{Inflow, Received, Receiver};
use super::request::{Chain, Final};
use super::resume::{self, Question, Verdict};
use super::{Attempt, blocking};
use http::header;
use std::path::PathBuf;
use urlsession_core::{Done, Ending, Order, ResumeState};
use urlsession_protocol::{ErrorCode, ResumeRung};

/// Runs one attempt of a download.
pub(super) async fn run(http: &Http, attempt: Attempt) -> Ending {
    let chain = Chain::new(http, &attempt);
    let mut part = match prepare(&attempt).await {
        Ok(Prepared::Begin) => None,
        Ok(Prepared::GoOn(part)) => Some(part),
        Ok(Prepared::Published { state, path, length }) => return done(state, path, length, 0),
        Err(failure) => return failed(failure, attempt.resume.clone(), false),
    };
    if let Some(whole) = take_whole(&mut part, &attempt) {
        return whole.publish(&attempt, 0).await;
    }
    // Until a response says otherwise, the state is as good as its part file.
    let resume = attempt.resume.clone().filter(|_| part.is_some());
    let begun = tokio::select! {
        biased;
        () = attempt.stop.cancelled() => return Ending::Stopped { resume },
        begun = begin(&chain, resume.as_ref()) => begun,
    };
    match (begun, part, resume) {
        (Err(failure), _, resume) => failed(failure, resume, chain.sent() > 0),
        (Ok((_, Verdict::Complete)), Some(part), Some(state)) => {
            Whole { part, state, digest: None, provable: true }.publish(&attempt, 0).await
        }
        (Ok((got, Verdict::Append)), Some(part), Some(state)) => {
            let state = ResumeState {
                part: part.path().into(),
                total_bytes: resume::total(&state, &got.answer.head.headers),
                ..state
            };
            let rung = resume::question(&state).map_or(ResumeRung::Restart, |asked| asked.rung);
            attempt.notices.resumed(part.length(), state.total_bytes, rung);
            receive(&attempt, &chain, got, part, state).await
        }
        (Ok((got, _)), ..) => restart(&attempt, &chain, got).await,
    }
}

/// What an attempt finds of the ones before it.
#[derive(Debug)]
enum Prepared {
    /// Nothing that could be used.
    Begin,
    /// A part file to go on from.
    GoOn(Part),
    /// The file is in place; the end of its attempt was lost in a crash.
    Published { state: ResumeState, path: PathBuf, length: u64 },
}

async fn prepare(attempt: &Attempt) -> Result<Prepared, Failure> {
    let (files, resume) = (attempt.files.clone(), attempt.resume.clone());
    let landing = resume.as_ref().map(|state| Landing::of(attempt, &state.response));
    let is_get = attempt.order.request.method == "GET";
    blocking(move || {
        if let (Some(state), Some(landing)) = (&resume, &landing)
            && let Some((path, length)) = part::published(state, &files, landing)
        {
            return Ok(Prepared::Published { state: state.clone(), path, length });
        }
        part::check_destination(&files)?;
        let usable = resume.filter(|state| is_get && resume::question(state).is_some());
        let part = usable.and_then(|state| Part::reopen(&state, &files));
        Ok(part.map_or(Prepared::Begin, Prepared::GoOn))
    })
    .await
}

/// Takes a part file that misses nothing: its attempt ended between the last sync and the rename.
fn take_whole(part: &mut Option<Part>, attempt: &Attempt) -> Option<Whole> {
    let state = attempt.resume.as_ref()?;
    if state.total_bytes != Some(state.durable_bytes) {
        return None;
    }
    let (part, state) = (part.take()?, state.clone());
    Some(Whole { part, state, digest: None, provable: true })
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
            Verdict::AskAnew => chain.discard(got).await,
            verdict => return Ok((got, verdict)),
        }
    }
    Ok((chain.judge_status(chain.ask(&[]).await?).await?, Verdict::Restart))
}

/// Receives the whole entity into a new part file.
async fn restart(attempt: &Attempt, chain: &Chain<'_>, got: Final) -> Ending {
    let path = attempt.files.part.clone();
    let old = attempt.resume.as_ref().map(|state| state.part.clone());
    let kept_parts = attempt.files.kept_parts.clone();
    let landing = Landing::of(attempt, &got.response);
    let created = blocking(move || {
        landing.take_back(|taken| part::is_same(taken, &path));
        let part = Part::create(&path)?;
        if let Some(old) = old.filter(|old| old.parent() == Some(kept_parts.as_path())) {
            // One that cannot be removed lies in a folder that is swept.
            let _ = std::fs::remove_file(old);
        }
        Ok(part)
    });
    let part = match created.await {
        Ok(part) => part,
        Err(failure) => return failed(failure.at(&got.response.url), None, false),
    };
    let (etag, last_modified) = resume::validators(&got.answer.head.headers);
    let state = ResumeState {
        part: part.path().into(),
        inode: part.inode(),
        durable_bytes: 0,
        total_bytes: got.length,
        etag,
        last_modified,
        response: got.response.clone(),
    };
    if attempt.resume.is_some() {
        attempt.notices.resumed(0, state.total_bytes, ResumeRung::Restart);
        // The recorded state must not outlive its part file.
        attempt.notices.durable(state.clone());
    }
    receive(attempt, chain, got, part, state).await
}

async fn receive(
    attempt: &Attempt,
    chain: &Chain<'_>,
    got: Final,
    part: Part,
    state: ResumeState,
) -> Ending {
    let before = part.length();
    let expected = state.total_bytes.or_else(|| got.length.map(|length| before + length));
    attempt.progress.expect_to_receive(expected);
    let provable = is_provable(&state, &attempt.order);
    let mut receiver = Receiver::new(part, &attempt.progress, chain.rate.clone());
    if before == 0 {
        let wanted = attempt.order.options.checksum.as_ref();
        receiver.digest = wanted.map(|wanted| Digest::new(wanted.algorithm));
    }
    if provable {
        receiver.keep_checkpoints(state.clone(), &attempt.notices);
    }
    let mut answer = got.answer;
    let from = Inflow {
        body: &mut answer.body,
        wire: &answer.wire,
        idle_timeout: attempt.order.idle_timeout,
        stop: &attempt.stop,
    };
    let received = match expected.map(|total| receiver.part.reserve(total)) {
        Some(Err(failure)) => Received::Failed(failure),
        _ => receiver.run(from, expected).await,
    };
    let (settled, synced) = receiver.settle().await;
    let resume = settled.clone().filter(|state| state.durable_bytes > 0);
    let progressed = receiver.part.length() > before && resume.is_some();
    match (received, synced) {
        (Received::Whole, Ok(())) => {
            let state = settled.unwrap_or(state);
            let Receiver { part, digest, .. } = receiver;
            Whole { part, state, digest, provable }.publish(attempt, chain.sent()).await
        }
        (Received::Stopped, _) => {
            discard(receiver.part, resume.as_ref()).await;
            Ending::Stopped { resume }
        }
        (Received::Failed(failure), _) | (Received::Whole, Err(failure)) => {
            discard(receiver.part, resume.as_ref()).await;
            failed(failure.at(&got.response.url), resume, progressed)
        }
    }
}

/// Says whether a later attempt could prove that its bytes belong to the same entity.
fn is_provable(state: &ResumeState, order: &Order) -> bool {
    let request = &order.request;
    // A server's ranges are those of what it packed, and these bytes are unpacked.
    let is_decoded =
        order.options.decodes_content && state.response.header("content-encoding").is_some();
    !is_decoded &&     request.method == "GET"
        // A range that the app asks for itself would be taken for the whole entity.
        && !request.headers.iter().any(|field| field.name.eq_ignore_ascii_case("range"))
        && state.response.status_code == 200
        && (state.etag.is_some() || state.last_modified.is_some())
}

/// A part file that misses nothing but its name.
#[derive(Debug)]
struct Whole {
    part: Part,
    state: ResumeState,
    /// Computed while the bytes passed; otherwise the file is read again where that is needed.
    digest: Option<Digest>,
    provable: bool,
}

impl Whole {
    async fn publish(self, attempt: &Attempt, sent: u64) -> Ending {
        let Self { part, state, digest, provable } = self;
        let wanted = attempt.order.options.checksum.clone();
        let (files, stop) = (attempt.files.clone(), attempt.stop.clone());
        let landing = Landing::of(attempt, &state.response);
        let length = part.length();
        attempt.progress.set_received(length);
        let published = blocking(move || {
            if let Some(wanted) = wanted {
                let got = match digest {
                    Some(digest) => digest.finish(),
                    None => match part.digest(wanted.algorithm, &stop)? {
                        Some(got) => got,
                        None => return Ok(None),
                    },
                };
                if let Err(mismatch) = checksum::check(&wanted, &got) {
                    part.remove();
                    return Err(mismatch);
                }
            }
            part.publish(&files, &landing).map(Some)
        });
        let resume = Some(ResumeState { durable_bytes: length, ..state.clone() });
        let resume = resume.filter(|_| provable);
        match published.await {
            Ok(Some(path)) => done(state, path, length, sent),
            Ok(None) => Ending::Stopped { resume },
            Err(failure) => {
                let wrong = failure.error.code == ErrorCode::DOWNLOAD_DECODING_FAILED_TO_COMPLETE;
                failed(failure.at(&state.response.url), resume.filter(|_| !wrong), false)
            }
        }
    }
}

/// Removes a part file that nothing can go on from.
async fn discard(part: Part, resume: Option<&ResumeState>) {
    if resume.is_none() {
        // The worst case is a leftover, which the next attempt removes.
        let _ = tokio::task::spawn_blocking(move || part.remove()).await;
    }
}

fn done(state: ResumeState, path: PathBuf, length: u64, sent: u64) -> Ending {
    Ending::Done(Done { response: state.response, file: Some(path), length, sent })
}

fn failed(failure: Failure, resume: Option<ResumeState>, progressed: bool) -> Ending {
    failure.end(resume, progressed)
}
