//! The connections of one download, from its first response to its last byte.

use super::journal::Journal;
use super::plan::{Plan, Share};
use super::policy::{Moment, Policy};
use super::span::Span;
use crate::transfer::Attempt;
use crate::transfer::checksum::Digest;
use crate::transfer::errors::Failure;
use crate::transfer::http::Answer;
use crate::transfer::part::{Part, Site};
use crate::transfer::pool::Crowd;
use crate::transfer::receive::{Inflow, Received, Receiver};
use crate::transfer::request::{Chain, Final};
use crate::transfer::resume::{self, Verdict};
use http::header;
use std::future::poll_fn;
use std::ops::Range;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};
use tokio_util::sync::CancellationToken;
use urlsession_core::ResumeState;

/// How often it is looked at whether another number of connections would be better.
const LOOK: Duration = Duration::from_millis(250);

/// A download that may come over several connections.
pub(crate) struct Segments<'a> {
    pub(crate) attempt: &'a Attempt,
    pub(crate) chain: &'a Chain<'a>,
    pub(crate) journal: &'a Arc<Journal>,
    /// Whose bytes these are.
    pub(crate) state: &'a ResumeState,
    /// Size of the file.
    pub(crate) total: u64,
}

/// The first connection: its response has come, and goes to the first hole of the file.
pub(crate) struct Lead {
    pub(crate) answer: Box<Answer>,
    pub(crate) receiver: Receiver,
    /// Where its body ends.
    pub(crate) last: u64,
}

/// How it ended.
#[derive(Debug)]
pub(crate) enum Outcome {
    Received(Received),
    /// The server has another file now: what it sent of it, if that is the whole.
    Changed(Option<Box<Final>>),
}

/// One connection at work.
struct Stream<'a> {
    number: u32,
    /// Whether others were at work when it began: it may then fail without harm.
    is_beside: bool,
    span: Arc<Span>,
    /// Ends it before the others; what it has stays.
    stop: CancellationToken,
    fetch: Pin<Box<dyn Future<Output = Ended> + Send + 'a>>,
}

/// How one connection ended.
enum Ended {
    /// Its response was of use.
    Received(Received, Part, Option<Digest>),
    /// It got none.
    Failed(Failure),
    /// Its response was another than asked for.
    Other(Verdict, Box<Final>),
}

impl<'a> Segments<'a> {
    /// Fetches what the journal says is missing. The part that it returns has the whole file, the
    /// digest is of all of it.
    pub(crate) async fn run(
        &'a self,
        lead: Lead,
        mut policy: Policy,
    ) -> (Outcome, Part, Option<Digest>) {
        let mut plan = Plan::new(self.total, &self.journal.written());
        let site = lead.receiver.part.site();
        let range = plan.first_hole().unwrap_or(self.total..self.total);
        let (number, span) = plan.begin(range, lead.last);
        span.begin();
        let crowd = lead.answer.body.crowd();
        let fetch = Box::pin(self.lead(lead, Arc::clone(&span)));
        let stop = self.attempt.stop.clone();
        let mut streams = vec![Stream { number, is_beside: false, span, stop, fetch }];
        let (mut kept, mut fetched) = (None, 1_u32);
        let began = Instant::now();
        let mut tick = tokio::time::interval_at(began + LOOK, LOOK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        fetched += self.add(&mut streams, &mut plan, &policy, site.as_ref());
        let outcome = loop {
            let (number, is_beside, ended) = tokio::select! {
                biased;
                _ = tick.tick() => {
                    policy.look(self.moment(began, &streams));
                    if let Some(left) = self.give_way(crowd.as_ref(), &streams) {
                        policy.refused(began.elapsed(), left);
                    }
                    fetched += self.add(&mut streams, &mut plan, &policy, site.as_ref());
                    continue;
                }
                ended = next(&mut streams) => ended,
            };
            plan.end(number);
            let (is_last, is_stopped) = (streams.is_empty(), self.attempt.stop.is_cancelled());
            let failure = match ended {
                Ended::Received(received, part, digest) => {
                    kept = kept.or(Some((part, digest)));
                    match received {
                        Received::Failed(failure) if is_last && !is_stopped => {
                            break Outcome::Received(Received::Failed(failure));
                        }
                        Received::Failed(failure) => Some(failure),
                        Received::Whole | Received::Stopped => None,
                    }
                }
                Ended::Failed(failure) if is_last && !is_beside && !is_stopped => {
                    break Outcome::Received(Received::Failed(failure));
                }
                Ended::Failed(failure) => Some(failure),
                Ended::Other(verdict, got) if !is_beside && !is_stopped => {
                    break self.changed(verdict, *got).await;
                }
                Ended::Other(..) => Some(Failure::lost("it sent something else than asked for")),
            };
            if plan.is_done() {
                break Outcome::Received(Received::Whole);
            }
            match is_stopped {
                true if is_last => break Outcome::Received(Received::Stopped),
                true => continue,
                false => {}
            }
            if let Some(failure) = failure {
                tracing::debug!(error = %failure.error, "one connection less");
                let left = u32::try_from(streams.len()).unwrap_or(u32::MAX);
                policy.refused(began.elapsed(), left);
            }
            fetched += self.add(&mut streams, &mut plan, &policy, site.as_ref());
        };
        let (part, digest) = kept.expect("the first connection has ended");
        (outcome, part, digest.filter(|_| fetched == 1))
    }

    fn moment(&self, began: Instant, streams: &[Stream<'_>]) -> Moment {
        let received = self.journal.received();
        let begun = streams.iter().filter(|stream| stream.span.has_begun());
        Moment {
            now: began.elapsed(),
            received,
            left: self.total.saturating_sub(received),
            connections: u32::try_from(begun.count()).unwrap_or(u32::MAX),
        }
    }

    /// Lets as many connections work as there should be; returns how many are new.
    fn add(
        &'a self,
        streams: &mut Vec<Stream<'a>>,
        plan: &mut Plan,
        policy: &Policy,
        site: Option<&Site>,
    ) -> u32 {
        let mut added = 0;
        let share = policy.tail().map_or(Share::Half, Share::Tail);
        while streams.len() < policy.wanted() as usize {
            let written = self.journal.written().count();
            let Some(range) = plan.choose(share, policy.least(), written) else { break };
            let Some(site) = site.cloned() else { break };
            let is_beside = !streams.is_empty();
            let (number, span) = plan.begin(range.clone(), range.end);
            let stop = self.attempt.stop.child_token();
            let fetch = Box::pin(self.fetch(Arc::clone(&span), site, is_beside, stop.clone()));
            streams.push(Stream { number, is_beside, span, stop, fetch });
            added += 1;
        }
        added
    }

    /// Stops one connection where the server has more than the session allows: the first one of each
    /// download asks for no leave. Returns how many are left then.
    fn give_way(&self, crowd: Option<&Crowd>, streams: &[Stream<'_>]) -> Option<u32> {
        if crowd?.busy() <= self.attempt.connections_per_host {
            return None;
        }
        let goes_on = |stream: &&Stream<'_>| !stream.stop.is_cancelled();
        streams.iter().filter(goes_on).rfind(|stream| stream.is_beside)?.stop.cancel();
        u32::try_from(streams.iter().filter(goes_on).count()).ok()
    }

    async fn lead(&self, lead: Lead, span: Arc<Span>) -> Ended {
        let Lead { answer, receiver, .. } = lead;
        self.receive(answer, receiver, &span, &self.attempt.stop).await
    }

    /// Asks for a range and receives it.
    async fn fetch(
        &self,
        span: Arc<Span>,
        site: Site,
        is_beside: bool,
        stop: CancellationToken,
    ) -> Ended {
        // Others that began with it may have taken a part of it by now.
        let range = span.ask();
        if range.is_empty() {
            return Ended::Failed(Failure::lost("another one brings it"));
        }
        let asked = tokio::select! {
            biased;
            () = stop.cancelled() => Err(Failure::lost("it was stopped")),
            got = self.ask(&range, is_beside) => got,
        };
        let got = match asked {
            Ok((Verdict::Append, got)) => got,
            Ok((verdict, got)) => return Ended::Other(verdict, Box::new(got)),
            Err(failure) => return Ended::Failed(failure),
        };
        let part = match site.open(range.start) {
            Ok(part) => part,
            Err(failure) => return Ended::Failed(failure),
        };
        if !span.begin() {
            return Ended::Failed(Failure::lost("another one brings it"));
        }
        let mut receiver =
            Receiver::beside(part, &self.attempt.progress, Arc::clone(&self.chain.rate));
        receiver.keep_journal(self.journal);
        match self.receive(got.answer, receiver, &span, &stop).await {
            // A response of which nothing comes is of no more use than none.
            Ended::Received(Received::Failed(failure), part, _) if part.length() == range.start => {
                Ended::Failed(failure)
            }
            ended => ended,
        }
    }

    async fn ask(&self, range: &Range<u64>, is_beside: bool) -> Result<(Verdict, Final), Failure> {
        // As if the file began with the hole: the rules for what is appended are the same.
        let state = ResumeState { durable_bytes: range.start, further: None, ..self.state.clone() };
        let Some(if_range) = resume::validator(&state) else {
            return Err(Failure::lost("nothing proves whose bytes these are"));
        };
        let bytes = format!("bytes={}-{}", range.start, range.end - 1);
        let fields = [(header::RANGE, bytes), (header::IF_RANGE, if_range)];
        let most = is_beside.then_some(self.attempt.connections_per_host);
        let got = self.chain.ask_beside(&fields, most).await?;
        let head = &got.answer.head;
        let verdict = match resume::judge(&state, head.status, &head.headers) {
            Verdict::Append if resume::last(&head.headers) > Some(range.end) => Verdict::AskAnew,
            verdict => verdict,
        };
        Ok((verdict, got))
    }

    async fn receive(
        &self,
        mut answer: Box<Answer>,
        mut receiver: Receiver,
        span: &Arc<Span>,
        stop: &CancellationToken,
    ) -> Ended {
        receiver.keep_to(span);
        let from = Inflow {
            body: &mut answer.body,
            wire: &answer.wire,
            idle_timeout: self.attempt.order.idle_timeout,
            stop,
        };
        let received = receiver.run(from, None).await;
        let Receiver { part, digest, .. } = receiver;
        Ended::Received(received, part, digest)
    }

    /// What the only connection got instead of what it asked for counts, as at the begin of an
    /// attempt.
    async fn changed(&self, verdict: Verdict, got: Final) -> Outcome {
        let status = got.answer.head.status;
        // It says nothing of the file, of which the better part may be here.
        if verdict == Verdict::Restart && !status.is_success() {
            self.chain.discard(got).await;
            let why = format!("the rest was answered with {}", status.as_u16());
            return Outcome::Received(Received::Failed(Failure::lost(why)));
        }
        if verdict == Verdict::Restart {
            return match self.chain.judge_status(got).await {
                Ok(got) => Outcome::Changed(Some(Box::new(got))),
                Err(failure) => Outcome::Received(Received::Failed(failure)),
            };
        }
        self.chain.discard(got).await;
        Outcome::Changed(None)
    }
}

/// Waits for the next connection that ends. They take turns in being looked at first, so that a fast
/// one does not starve the others.
async fn next(streams: &mut Vec<Stream<'_>>) -> (u32, bool, Ended) {
    poll_fn(|context| {
        let is_crowd = streams.len() > 1;
        streams.rotate_left(usize::from(is_crowd));
        for at in 0..streams.len() {
            if let Poll::Ready(ended) = streams[at].fetch.as_mut().poll(context) {
                let Stream { number, is_beside, .. } = streams.swap_remove(at);
                return Poll::Ready((number, is_beside, ended));
            }
        }
        Poll::Pending
    })
    .await
}
