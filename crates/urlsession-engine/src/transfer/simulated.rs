//! A request to a server of a simulation: what a connection would bring, without one.

use super::errors::{self, Failure, Place};
use super::http::{Answer, Inbound, Stream};
use super::metrics::Transaction;
use super::outgoing::Outgoing;
use super::wire::Wire;
use crate::simulate::{Asked, Break, Bytes, Plan, Reply, Simulation};
use http::{HeaderName, HeaderValue};
use std::io;
use std::sync::Arc;
use std::time::Duration;
use urlsession_core::Cause;
use urlsession_protocol::ErrorCode;

/// Smallest and largest piece of a body, and into how many it is cut between them.
const PIECE: (u64, u64, u64) = (1024, 1024 * 1024, 128);

/// How long it takes to find out that there is no response.
const FAILURE_TIME: Duration = Duration::from_millis(10);

/// Asks a server of the simulation and waits for the head of its response.
pub(super) async fn send(
    simulation: &Arc<Simulation>,
    out: &Outgoing<'_>,
) -> Result<Answer, Failure> {
    let transaction = out.metrics.begin(out.url.as_str(), out.method.as_str());
    let (is_up, outages) = simulation.network();
    if !is_up {
        let why = "there is no network in the simulation";
        return Err(Failure::new(ErrorCode::NOT_CONNECTED_TO_INTERNET, Cause::Connectivity, why));
    }
    let asked = Asked { method: out.method, url: out.url, headers: &out.headers };
    let mut line = Line {
        simulation: Arc::clone(simulation),
        outages,
        idle_timeout: out.idle_timeout,
        rate: out.options.limit_rate.unwrap_or(u64::MAX).max(1),
    };
    let mut reply = match simulation.plan(&asked) {
        Plan::Fail(code) => {
            line.wait(FAILURE_TIME).await?;
            return Err(Failure::new(code, cause(code), "as the simulation has it"));
        }
        Plan::Answer(reply) => reply,
    };
    line.rate = line.rate.min(reply.rate);
    let mut request = http::Request::new(());
    *request.headers_mut() = out.headers.clone();
    transaction.requested(&request, out.body.is_some());
    if out.body.is_some() {
        // It is this body that breaks, and not that of the response.
        let breaks = reply.breaks.take();
        upload(&line, out, breaks, &transaction).await?;
    }
    line.wait(reply.latency).await?;
    let head = head(&reply)?;
    transaction.answered(&head);
    let body = Body { line, bytes: reply.bytes, breaks: reply.breaks, sent: 0, due: None };
    let body = Inbound::new(Stream::Simulated(Box::new(body)), &head, (None, None), transaction);
    Ok(Answer { head, body, wire: Arc::new(Wire::without_limit()) })
}

/// What stands for a connection.
#[derive(Debug)]
struct Line {
    simulation: Arc<Simulation>,
    /// How often the network had gone when it was made.
    outages: u64,
    idle_timeout: Duration,
    /// Bytes a second, at least one.
    rate: u64,
}

impl Line {
    /// Waits in simulated time, unless the network goes or nothing moves for too long.
    async fn wait(&self, length: Duration) -> Result<(), Failure> {
        let timeline = &self.simulation.timeline;
        let limit = length.min(self.idle_timeout);
        let until = timeline.now().saturating_add(limit);
        self.wait_until(until).await?;
        if length > self.idle_timeout { Err(Failure::idle(self.idle_timeout)) } else { Ok(()) }
    }

    /// Waits in simulated time, unless the network goes.
    async fn wait_until(&self, until: Duration) -> Result<(), Failure> {
        let timeline = &self.simulation.timeline;
        loop {
            if self.simulation.network() != (true, self.outages) {
                let code = ErrorCode::NETWORK_CONNECTION_LOST;
                let why = "the network of the simulation went down";
                return Err(Failure::new(code, Cause::Connectivity, why));
            }
            if timeline.now() >= until {
                return Ok(());
            }
            timeline.sleep(until).await;
        }
    }

    /// Returns how long so many bytes take.
    fn takes(&self, bytes: u64) -> Duration {
        Duration::from_secs_f64(bytes as f64 / self.rate as f64)
    }

    /// Returns how many bytes of so many move at once: no more than in a second.
    fn piece(&self, of: u64) -> u64 {
        let (least, most, pieces) = PIECE;
        (of / pieces).clamp(least, most).min(self.rate)
    }

    /// Ends the body as it was foretold.
    async fn end(&self, breaks: Break) -> Result<(), Failure> {
        match breaks.stall {
            Some(length) => self.wait(length).await,
            None => Err(Failure::lost("the simulation drops the connection")),
        }
    }
}

/// Reads the body of a request to its end, as a server would.
async fn upload(
    line: &Line,
    out: &Outgoing<'_>,
    mut breaks: Option<Break>,
    transaction: &Transaction,
) -> Result<(), Failure> {
    let Some(sending) = out.body else { return Ok(()) };
    let mut source = sending.open().await?;
    let piece = usize::try_from(line.piece(sending.length())).unwrap_or(usize::MAX);
    while let Some(bytes) = source.next(piece).await? {
        if let Some(due) = breaks.take_if(|breaks| sending.sent() >= breaks.after) {
            line.end(due).await?;
        }
        line.wait(line.takes(bytes.len() as u64)).await?;
        sending.advance(&source, bytes.len());
        transaction.sent(sending.sent());
    }
    transaction.note(|metrics, now| metrics.request_end_date = Some(now));
    Ok(())
}

/// The body of a response.
#[derive(Debug)]
pub(super) struct Body {
    line: Line,
    bytes: Bytes,
    breaks: Option<Break>,
    sent: u64,
    /// When the next thing happens, once that is known.
    due: Option<Duration>,
}

impl Body {
    /// Waits for the next bytes; `None` at the end. Who stops waiting may ask again.
    pub(super) async fn next(&mut self) -> Result<Option<bytes::Bytes>, Failure> {
        if !self.line.simulation.has_room() {
            return Err(errors::io(Place::Write, &io::ErrorKind::StorageFull.into()));
        }
        if let Some(due) = self.breaks.filter(|breaks| self.sent >= breaks.after) {
            match due.stall {
                Some(length) => self.pause(length).await?,
                None => self.line.end(due).await?,
            }
            self.breaks = None;
        }
        let left = self.bytes.until - self.bytes.from;
        if left == 0 {
            return Ok(None);
        }
        let until_break = self.breaks.map_or(u64::MAX, |breaks| breaks.after - self.sent);
        let length = self.line.piece(left + self.sent).min(until_break).min(left);
        self.pause(self.line.takes(length)).await?;
        self.sent += length;
        Ok(Some(self.bytes.take(length).into()))
    }

    /// Does as [`Line::wait`]; who asks again waits for the same moment.
    async fn pause(&mut self, length: Duration) -> Result<(), Failure> {
        let limit = self.line.idle_timeout;
        let now = self.line.simulation.timeline.now();
        let until = *self.due.get_or_insert(now.saturating_add(length.min(limit)));
        self.line.wait_until(until).await?;
        self.due = None;
        if length > limit { Err(Failure::idle(limit)) } else { Ok(()) }
    }
}

fn head(reply: &Reply) -> Result<http::response::Parts, Failure> {
    let mut response = http::Response::new(());
    *response.status_mut() = reply.status;
    for (name, value) in &reply.fields {
        let name = HeaderName::from_bytes(name.as_bytes());
        let value = HeaderValue::from_str(value);
        let (Ok(name), Ok(value)) = (name, value) else {
            let code = ErrorCode::CANNOT_PARSE_RESPONSE;
            return Err(Failure::permanent(code, "a field of the simulation is none of HTTP"));
        };
        response.headers_mut().append(name, value);
    }
    Ok(response.into_parts().0)
}

/// Says whether trying again can help, as for the same error of a real server.
fn cause(code: ErrorCode) -> Cause {
    match code {
        ErrorCode::NOT_CONNECTED_TO_INTERNET => Cause::Connectivity,
        ErrorCode::TIMED_OUT
        | ErrorCode::CANNOT_FIND_HOST
        | ErrorCode::CANNOT_CONNECT_TO_HOST
        | ErrorCode::NETWORK_CONNECTION_LOST
        | ErrorCode::DNS_LOOKUP_FAILED => Cause::Transient,
        _ => Cause::Permanent,
    }
}
