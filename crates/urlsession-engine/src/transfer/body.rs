//! A data or upload task: the request, and a response body that is kept up to a limit.

use super::errors::Failure;
use super::http::Http;
use super::landing::Landing;
use super::part::Part;
use super::receive::{self, Inflow, Received, Receiver};
use super::request::{Chain, Final};
use super::{Attempt, blocking};
use std::path::PathBuf;
use urlsession_core::{Done, Ending};

/// Most bytes of a response body that are kept.
pub(super) const BODY_LIMIT: u64 = 8 * 1024 * 1024;

/// Runs one attempt of a data or upload task.
pub(super) async fn run(http: &Http, attempt: Attempt) -> Ending {
    let chain = Chain::new(http, &attempt);
    let exchanged = tokio::select! {
        biased;
        () = attempt.stop.cancelled() => None,
        got = async { chain.judge_status(chain.ask(&[]).await?).await } => Some(got),
    };
    let kept = match exchanged {
        Some(Ok(got)) => keep(&attempt, &chain, got).await,
        Some(Err(failure)) => Err(failure),
        None => Ok(None),
    };
    match kept {
        Ok(Some(done)) => Ending::Done(done),
        Ok(None) => Ending::Stopped { resume: None },
        Err(failure) => failure.end(None, chain.sent() > 0),
    }
}

/// Receives the body and puts it in place; `None` if it was stopped.
async fn keep(attempt: &Attempt, chain: &Chain<'_>, got: Final) -> Result<Option<Done>, Failure> {
    let Final { mut answer, response, length } = got;
    let named = |failure: Failure| failure.at(&response.url);
    attempt.progress.expect_to_receive(length);
    if length.is_some_and(|length| length > BODY_LIMIT) {
        return Err(named(receive::too_large(BODY_LIMIT)));
    }
    let path = attempt.files.part.clone();
    let part = blocking(move || Part::create(&path)).await.map_err(named)?;
    let mut receiver = Receiver::new(part, &attempt.progress, chain.rate.clone());
    receiver.limit = Some(BODY_LIMIT);
    let from = Inflow {
        body: &mut answer.body,
        wire: &answer.wire,
        idle_timeout: attempt.order.idle_timeout,
        stop: &attempt.stop,
    };
    let received = receiver.run(from, length).await;
    let (part, files) = (receiver.part, attempt.files.clone());
    let length = part.length();
    let published = blocking(move || match received {
        Received::Whole if length > 0 => {
            part.publish(&files, &Landing::exact(&files)).map(|path| Some(Some(path)))
        }
        Received::Whole => {
            part.remove();
            Ok(Some(None))
        }
        Received::Stopped => {
            part.remove();
            Ok(None)
        }
        Received::Failed(failure) => {
            part.remove();
            Err(failure)
        }
    });
    let file: Option<Option<PathBuf>> = published.await.map_err(named)?;
    Ok(file.map(|file| Done { file, length, sent: chain.sent(), response }))
}
