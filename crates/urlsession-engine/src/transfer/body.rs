//! A data or upload task: the request, and a response body that is kept up to a limit.

use super::errors::Failure;
use super::http::Http;
use super::landing::Landing;
use super::part::Part;
use super::publish::{Finished, Publisher};
use super::receive::{self, Inflow, Received, Receiver};
use super::request::{Chain, Final};
use super::speedometer::Speedometer;
use super::{Attempt, blocking};
use std::sync::Arc;
use urlsession_core::{Done, Ending};

/// Most bytes of a response body that are kept.
pub(super) const BODY_LIMIT: u64 = 8 * 1024 * 1024;

/// Runs one attempt of a data or upload task.
pub(super) async fn run(
    http: &Http,
    publisher: &Arc<Publisher>,
    attempt: Attempt,
    speedometer: Option<Arc<Speedometer>>,
) -> Ending {
    let chain = Chain::new(http, &attempt, speedometer);
    let exchanged = tokio::select! {
        biased;
        () = attempt.stop.cancelled() => None,
        got = async { chain.judge_status(chain.ask(&[]).await?).await } => Some(got),
    };
    let kept = match exchanged {
        Some(Ok(got)) => keep(&attempt, &chain, publisher, got).await,
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
async fn keep(
    attempt: &Attempt,
    chain: &Chain<'_>,
    publisher: &Arc<Publisher>,
    got: Final,
) -> Result<Option<Done>, Failure> {
    let Final { mut answer, response, length } = got;
    let named = |failure: Failure| failure.at(&response.url);
    attempt.progress.expect_to_receive(length);
    let asked = attempt.order.options.maximum_response_size.unwrap_or(BODY_LIMIT);
    let limit = asked.min(BODY_LIMIT);
    if length.is_some_and(|length| length > limit) {
        return Err(named(receive::too_large(limit)));
    }
    let part = Part::planned(&attempt.files.part);
    let mut receiver = Receiver::new(part, &attempt.progress, Arc::clone(&chain.rate));
    receiver.limit = Some(limit);
    let from = Inflow {
        body: &mut answer.body,
        wire: &answer.wire,
        idle_timeout: attempt.order.idle_timeout,
        stop: &attempt.stop,
    };
    let received = receiver.run(from, length).await;
    let length = receiver.length();
    let Receiver { part, batch: rest, .. } = receiver;
    let file = match received {
        Received::Whole if length == 0 => None,
        Received::Whole => {
            attempt.progress.set_received(length);
            attempt.notices.received();
            let files = attempt.files.clone();
            let landing = Landing::exact(&files);
            let finished = Finished { part, rest, files, landing };
            Some(publisher.publish(finished).await.map_err(named)?)
        }
        Received::Stopped => {
            discard(part).await;
            return Ok(None);
        }
        Received::Failed(failure) => {
            discard(part).await;
            return Err(named(failure));
        }
    };
    Ok(Some(Done { file, length, sent: chain.sent(), response }))
}

/// Removes what was written. One that cannot be removed is met again as a leftover.
async fn discard(part: Part) {
    let remove = move || {
        part.remove();
        Ok(())
    };
    let _ = blocking(remove).await;
}
