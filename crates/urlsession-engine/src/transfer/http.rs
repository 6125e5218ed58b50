//! One request and its response over HTTP/1.1 or HTTP/2, whichever the server agreed to.

use super::carry::{Broken, Http1Only};
use super::coding::Decoder;
use super::detour::Detour;
use super::dial::{self, Goal, Via};
use super::errors::{self, Failure};
use super::framing;
use super::handshake::{handshake1, handshake2};
use super::http2;
use super::interim::Interim;
use super::leave::Leave;
use super::metrics::Transaction;
pub(super) use super::outgoing::Outgoing;
use super::outgoing::request1;
use super::pool::{self, Channel, Crowd, Http1, Key, Pool, Shared};
use super::proxy;
use super::pump::{Pump, Rest, feed};
use super::question::{self, Asks};
use super::quic::{self, Alternatives};
use super::rate::Overall;
use super::simulated;
use super::tls::{Tls, Trust};
use super::upload::{Outbound, Sending};
use super::wire::Wire;
use crate::cache::{Kept, Recording};
use crate::credentials::{Memory, origin_space};
use crate::simulate::Simulation;
use bytes::Bytes;
use http_body::Body as _;
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use urlsession_protocol::{ErrorCode, Proxy, ProxyScheme};

/// Most bytes that are read to save a connection whose body nobody wants.
const DRAIN_LIMIT: usize = 64 * 1024;
/// Longest time that it may take.
const DRAIN_TIME_LIMIT: Duration = Duration::from_secs(1);

/// Makes and keeps connections.
#[derive(Debug)]
pub(super) struct Http {
    pub(super) pool: Arc<Pool>,
    pub(super) tls: Arc<Tls>,
    detour_minimum: u64,
    /// Who offers HTTP/3, and where.
    pub(super) alternatives: Arc<Alternatives>,
    /// Who wants HTTP/1.1.
    pub(super) http1_only: Http1Only,
    /// How servers and proxies were answered that asked for credentials.
    pub(super) credentials: Memory,
    /// What all transfers may have together.
    pub(super) overall: Arc<Overall>,
    /// What answers in place of all servers.
    pub(super) simulation: Option<Arc<Simulation>>,
}

/// The way of a request to its server, over TCP.
#[derive(Debug)]
pub(super) struct Route<'a> {
    pub(super) key: &'a Key,
    pub(super) trust: Option<&'a Trust>,
    pub(super) via: Option<&'a Via<'a>>,
    /// What the app may be asked.
    pub(super) asks: Asks<'a>,
    /// How long connecting may take, if the task says so.
    pub(super) connect_limit: Option<Duration>,
}

impl<'a> Route<'a> {
    pub(super) fn goal(&self, transaction: &'a Transaction) -> Goal<'a> {
        let Self { key, trust, via, asks, connect_limit } = *self;
        let Key { ref host, port, ip_version, .. } = *key;
        let (to, interface, socket) =
            (key.to.as_ref(), key.interface.as_ref(), key.socket.as_ref());
        Goal {
            host,
            port,
            to,
            ip_version,
            interface,
            socket,
            connect_limit,
            trust,
            via,
            asks,
            transaction,
        }
    }
}

/// A response whose body has yet to come.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) head: http::response::Parts,
    pub(super) body: Inbound,
    /// The pulse of what the body comes over.
    pub(super) wire: Arc<Wire>,
}

impl Answer {
    /// Makes an answer that nothing comes over a connection for.
    pub(super) fn kept(kept: Kept, transaction: Transaction) -> Self {
        let Kept { head, body } = kept;
        transaction.answered_from_cache(&head);
        let stream = Stream::Kept(Some(body).filter(|body| !body.is_empty()));
        let body = Inbound::new(stream, &head, (None, None), transaction);
        Self { head, body, wire: Arc::new(Wire::new()) }
    }

    /// Gives it up for another request that answers it, as a redirect or a challenge wants.
    pub(super) async fn pass(self, limit: Duration) {
        self.body.transaction.passed(&self.head);
        self.body.drain(&self.wire, limit).await;
    }
}

impl Http {
    /// Bodies at least as long as the minimum may go the short way.
    pub(super) fn new(detour_minimum: u64) -> Self {
        Self {
            pool: Arc::default(),
            tls: Arc::default(),
            detour_minimum,
            alternatives: Arc::default(),
            http1_only: Http1Only::default(),
            credentials: Memory::default(),
            overall: Arc::default(),
            simulation: None,
        }
    }

    /// Sends the request and waits for the head of the response.
    pub(super) async fn send(&self, out: &Outgoing<'_>) -> Result<Answer, Failure> {
        if let Some(simulation) = &self.simulation {
            let sent = Box::pin(simulated::send(simulation, out)).await;
            return sent.map_err(|failure| failure.at(out.url.as_str()));
        }
        self.try_send(out).await.map_err(|failure| {
            let failure = match out.has_own() {
                true => failure,
                false => question::of_identity(failure, &origin_space(out.url), out.asks),
            };
            failure.at(out.url.as_str())
        })
    }

    /// Lets later requests use new connections; those under way keep theirs. What servers offer
    /// is learned anew.
    pub(super) fn drop_idle_connections(&self) {
        self.pool.clear();
        self.alternatives.clear();
        self.http1_only.clear();
    }

    async fn try_send(&self, out: &Outgoing<'_>) -> Result<Answer, Failure> {
        let trust = match out.url.scheme() {
            "https" => Some(self.tls.trust(out.terms()).await?),
            _ => None,
        };
        let via = match out.proxy() {
            Some(proxy) => Some(self.via(proxy, out).await?),
            None => None,
        };
        let key = out.key(trust.as_ref(), via.as_ref());
        let (trust, via, asks) = (trust.as_ref(), via.as_ref(), out.asks);
        let route = Route { key: &key, trust, via, asks, connect_limit: out.connect_limit() };
        let answer = match self.way(out, &route).await? {
            // Few requests go this way, and what it keeps is long.
            Some(way) => Box::pin(self.send_by(&way, &route, out)).await?,
            None => self.send_over_tcp(&route, out).await?,
        };
        self.learn(out, &route, &answer);
        Ok(answer)
    }

    async fn via<'a>(&'a self, proxy: &'a Proxy, out: &Outgoing<'a>) -> Result<Via<'a>, Failure> {
        let trust = match proxy.scheme {
            ProxyScheme::Https => {
                let trust = self.tls.trust(out.terms_of_proxy()).await;
                Some(trust.map_err(proxy::unasked)?)
            }
            _ => None,
        };
        Ok(out.via(proxy, trust, &self.credentials))
    }

    pub(super) async fn open(
        &self,
        key: &Key,
        goal: &Goal<'_>,
        limit: Duration,
    ) -> Result<Channel, Failure> {
        let open = Box::pin(self.open_in_turn(key, goal, limit));
        match goal.connect_limit {
            None => open.await,
            // To wait for who dials already is a part of it.
            Some(all) => dial::within(all, "connecting", open).await,
        }
    }

    async fn open_in_turn(
        &self,
        key: &Key,
        goal: &Goal<'_>,
        limit: Duration,
    ) -> Result<Channel, Failure> {
        let gate = self.pool.gate(key);
        let _turn = match &gate {
            Some(gate) => pool::turn(gate, limit).await,
            None => None,
        };
        if gate.is_some()
            && let Some(Channel::Http2(shared)) = self.pool.find_now(key).await
        {
            goal.transaction.reused();
            return Ok(Channel::Http2(shared));
        }
        let age = self.pool.age();
        let channel = self.open_alone(key, goal, limit).await?;
        match &channel {
            Channel::Http2(channel) => self.pool.share(key, Shared::Http2(channel.clone()), age),
            _ => self.pool.learn_http1(key),
        }
        Ok(channel)
    }

    /// Opens a connection that nobody else uses.
    pub(super) async fn open_alone(
        &self,
        key: &Key,
        goal: &Goal<'_>,
        limit: Duration,
    ) -> Result<Channel, Failure> {
        let age = self.pool.age();
        let line = dial::dial(goal, limit).await?;
        goal.transaction.note(|metrics, now| metrics.connect_end_date = Some(now));
        let facts = Arc::new(line.facts(goal.via.is_some()).seated(self.pool.seat(key)));
        if line.is_http2() {
            let room = self.pool.room(key);
            return Ok(Channel::Http2(handshake2(line, facts, room).await?));
        }
        Ok(Channel::Http1(handshake1(line, age, facts).await?))
    }

    pub(super) async fn over(
        &self,
        channel: Channel,
        key: &Key,
        out: &Outgoing<'_>,
        transaction: &Transaction,
    ) -> Result<Answer, Broken> {
        match channel {
            Channel::Http1(channel) => self.over_http1(channel, key, out, transaction).await,
            Channel::Http2(channel) => Box::pin(http2::over(channel, out, transaction)).await,
            Channel::Http3(channel) => Box::pin(quic::over(channel, out, transaction)).await,
        }
    }

    async fn over_http1(
        &self,
        mut channel: Http1,
        key: &Key,
        out: &Outgoing<'_>,
        transaction: &Transaction,
    ) -> Result<Answer, Broken> {
        let wire = Arc::clone(&channel.wire);
        let before = wire.received();
        wire.touch();
        transaction.connected(&channel.facts);
        let ready = async { channel.sender.ready().await.map_err(|error| errors::http1(&error)) };
        dial::within(DRAIN_TIME_LIMIT, "the request before it", ready)
            .await
            .map_err(Broken::unsent)?;
        wire.ask();
        let leave = out.asks_leave.then(Leave::default);
        let source = out.open_body().await.map_err(Broken::final_)?;
        // The connection never asks for what an empty one has.
        let (body, pump) = match source.filter(|(sending, _)| !sending.is_done()) {
            Some((sending, source)) => {
                let waits = (leave.clone(), transaction);
                let (body, hold) = Outbound::blocks(sending.length(), &wire, |sink| {
                    feed(sending, source, &wire, sink, waits)
                });
                (body, Some(Pump::Inside(hold)))
            }
            None => (Outbound::Empty, None),
        };
        let mut request = request1(out, body).map_err(Broken::final_)?;
        if let Some(leave) = &leave {
            leave.ask(&mut request);
        }
        let interim = Interim::of(&mut request, leave);
        transaction.requested(&request, pump.is_some());
        // What comes back was never begun, whatever of its body waited behind it.
        let came_back = AtomicBool::new(false);
        let work = async {
            channel.sender.try_send_request(request).await.map_err(|mut error| {
                came_back.store(error.take_message().is_some(), Ordering::Relaxed);
                errors::http1(&error.into_error())
            })
        };
        let _watch = out.watch(&wire);
        let response =
            wire.watch(out.idle_timeout, interim.watch(work)).await.map_err(|failure| {
                let may_repeat = wire.received() == before && out.is_harmless();
                Broken {
                    untouched: failure.error.code == ErrorCode::NETWORK_CONNECTION_LOST
                        && (may_repeat || came_back.load(Ordering::Relaxed)),
                    failure: out.body.and_then(|sending| sending.failure()).unwrap_or(failure),
                    wants_http1: false,
                }
            })?;
        let (head, body) = response.into_parts();
        framing::check(&head, out.accepts_codings()).map_err(Broken::final_)?;
        framing::check_part(&head, out).map_err(Broken::final_)?;
        transaction.answered(&head);
        let transaction = transaction.clone();
        let is_empty = body.is_end_stream();
        let stays = framing::stays_open(&head, is_empty);
        let crowd = Crowd::of(&self.pool, key);
        let home = Home { crowd, channel, stays, detour_minimum: self.detour_minimum };
        let stream = Stream::Http1 { body, home: Some(home) };
        let mut body = Inbound::new(stream, &head, (pump, out.body.cloned()), transaction);
        body.left = framing::length_beside_identity(&head).filter(|_| !is_empty);
        Ok(Answer { head, body, wire })
    }
}

/// A response body on its way.
#[derive(Debug)]
pub(super) struct Inbound {
    stream: Stream,
    /// Still sends the request body; ends with this.
    pump: Option<Pump>,
    sending: Option<Arc<Sending>>,
    rest: Rest,
    /// Bytes to come of a body that would end with its connection otherwise.
    left: Option<u64>,
    /// What is to be kept of it.
    recording: Option<Recording>,
    transaction: Transaction,
    decoder: Option<Box<Decoder>>,
}

/// What a response body comes over.
#[derive(Debug)]
#[cfg_attr(not(feature = "http3"), expect(dead_code))]
pub(super) enum Stream {
    Kept(Option<Bytes>),
    Http1 { body: hyper::body::Incoming, home: Option<Home> },
    Http2(http2::Body),
    Http3(Box<quic::Body>),
    Simulated(Box<simulated::Body>),
}

/// Where an HTTP/1.1 connection goes back to.
#[derive(Debug)]
pub(super) struct Home {
    crowd: Crowd,
    channel: Http1,
    /// Whether the connection stays open after this response.
    stays: bool,
    detour_minimum: u64,
}

impl Inbound {
    /// Makes a body that is to come, beside what still sends that of the request.
    pub(super) fn new(
        stream: Stream,
        head: &http::response::Parts,
        (pump, sending): (Option<Pump>, Option<Arc<Sending>>),
        transaction: Transaction,
    ) -> Self {
        // Who closes after the answer has no use for more.
        let closes = matches!(&stream, Stream::Http1 { home: Some(home), .. } if !home.stays);
        let rest = if pump.is_some() && !closes { Rest::of(head.status) } else { Rest::GivenUp };
        let (left, recording, decoder) = (None, None, None);
        Self { stream, pump, sending, rest, left, recording, transaction, decoder }
    }

    /// Returns the connections to its server, where each has a body of its own.
    pub(super) fn crowd(&self) -> Option<Crowd> {
        let Stream::Http1 { home, .. } = &self.stream else { return None };
        home.as_ref().map(|home| home.crowd.clone())
    }

    /// Keeps the body if it comes whole, and is not kept already.
    pub(super) fn record(&mut self, recording: Option<Recording>) {
        self.recording = recording;
    }

    /// Unpacks what comes from now on. What is kept of it stays as it came.
    pub(super) fn decode(&mut self, decoder: Option<Decoder>) {
        self.decoder = decoder.map(Box::new);
    }

    /// Returns the next bytes, `None` at the end. Losing the future loses no bytes.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Failure> {
        loop {
            let Some(decoder) = &mut self.decoder else { return self.next_received().await };
            if let Some(bytes) = decoder.next()? {
                self.transaction.decoded(bytes.len());
                return Ok(Some(bytes));
            }
            let next = self.next_received().await?;
            let Some(decoder) = &mut self.decoder else { return Ok(next) };
            let Some(bytes) = next else { return decoder.finish().map(|()| None) };
            let length = bytes.len();
            decoder.feed(bytes);
            self.let_more_come(length);
        }
    }

    async fn next_received(&mut self) -> Result<Option<Bytes>, Failure> {
        let next = self.receive().await?;
        match &next {
            Some(bytes) => self.transaction.received(bytes.len(), self.decoder.is_some()),
            None => {
                self.transaction.ended();
                self.rest.come_due();
            }
        }
        match (&next, &mut self.recording) {
            (Some(bytes), Some(recording)) => recording.take(bytes),
            (None, Some(recording)) => {
                recording.finish().await;
                self.recording = None;
            }
            (_, None) => {}
        }
        Ok(next)
    }

    async fn receive(&mut self) -> Result<Option<Bytes>, Failure> {
        let Some(left) = self.left else { return self.receive_all().await };
        if left == 0 {
            return Ok(None);
        }
        let Some(mut bytes) = self.receive_all().await? else {
            // Whoever keeps it would take it for whole.
            return Err(Failure::lost(format!("{left} bytes are missing")));
        };
        bytes.truncate(usize::try_from(left).unwrap_or(usize::MAX));
        self.left = Some(left - bytes.len() as u64);
        Ok(Some(bytes))
    }

    async fn receive_all(&mut self) -> Result<Option<Bytes>, Failure> {
        let failed = match &mut self.stream {
            Stream::Kept(body) => return Ok(body.take()),
            Stream::Http1 { body, .. } => loop {
                match poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
                    Some(Ok(frame)) => {
                        if let Ok(bytes) = frame.into_data() {
                            return Ok(Some(bytes));
                        }
                    }
                    Some(Err(error)) => break errors::http1(&error),
                    None => {
                        self.go_home();
                        return Ok(None);
                    }
                }
            },
            Stream::Http2(body) => match body.data().await {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => failure,
            },
            Stream::Http3(body) => match body.data().await {
                Ok(bytes) => return Ok(bytes),
                Err(failure) => failure,
            },
            Stream::Simulated(body) => return body.next().await,
        };
        Err(self.sending.as_ref().and_then(|sending| sending.failure()).unwrap_or(failed))
    }

    /// Lets the server send as many bytes more; only after the bytes are where they belong.
    pub(super) fn release(&mut self, bytes: usize) {
        // What is unpacked was let come as it was received.
        if self.decoder.is_none() {
            self.let_more_come(bytes);
        }
    }

    /// Says whether what comes next may be far away in simulated time: nothing waits for it.
    pub(super) fn is_simulated(&self) -> bool {
        matches!(self.stream, Stream::Simulated(_))
    }

    fn let_more_come(&mut self, bytes: usize) {
        if let Stream::Http2(body) = &mut self.stream {
            body.let_more_come(bytes);
        }
    }

    /// Says whether the answer is whole, and the request may not be.
    pub(super) fn owes_rest(&self) -> bool {
        self.rest == Rest::Due
    }

    /// Sends the rest of the request until the server takes no more of it for the limit: one that
    /// wants none says so (RFC 9113 section 8.1), or closes.
    pub(super) async fn send_rest(&mut self, wire: &Wire, limit: Duration) -> Result<(), Failure> {
        let Some(pump) = self.pump.take() else { return Ok(()) };
        let rest = async {
            pump.end().await;
            if let Stream::Http1 { home: Some(home), .. } = &mut self.stream {
                home.channel.written().await;
            }
            Ok(())
        };
        // Whatever it took of it, it has answered.
        let sent = wire.watch(limit, rest).await;
        if let Some(failure) = self.sending.as_ref().and_then(|sending| sending.failure()) {
            return Err(failure);
        }
        self.rest = Rest::GivenUp;
        if sent.is_ok() {
            self.go_home();
        }
        Ok(())
    }

    /// Reads a short body nobody wants, so that its connection can be used again; one that is
    /// slow, or whose end is that of the connection, is not waited for.
    pub(super) async fn drain(mut self, wire: &Wire, limit: Duration) {
        if matches!(&self.stream, Stream::Http1 { home: Some(home), .. } if !home.stays) {
            return;
        }
        self.rest = Rest::GivenUp;
        let mut left = DRAIN_LIMIT;
        let read = async {
            while let Ok(Some(bytes)) = wire.watch(limit, self.next()).await {
                self.release(bytes.len());
                match left.checked_sub(bytes.len()) {
                    Some(rest) => left = rest,
                    None => return,
                }
            }
        };
        // What is not over by then costs more than a new connection.
        let _ = tokio::time::timeout(DRAIN_TIME_LIMIT, read).await;
    }

    /// Sends the rest of a body of known length the short way, if there is enough of it. Also
    /// returns the pieces that have been read already.
    pub(super) async fn detour(&mut self) -> Option<(Vec<Bytes>, Detour)> {
        let Stream::Http1 { body, home } = &mut self.stream else { return None };
        let is_seen = self.recording.is_some() || self.decoder.is_some();
        let home = home.as_mut().filter(|_| self.pump.is_none() && !is_seen)?;
        let mut left = body.size_hint().exact().filter(|left| *left >= home.detour_minimum)?;
        let (line, ahead) = home.channel.loan.take()?.call().await?;
        let mut early = Vec::new();
        // The body now ends after the piece that had been on its way here.
        while let Some(Ok(frame)) = poll_fn(|cx| Pin::new(&mut *body).poll_frame(cx)).await {
            early.extend(frame.into_data());
        }
        early.push(ahead);
        for piece in &mut early {
            let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(piece.len());
            // More than was announced is no part of the body.
            home.stays &= wanted == piece.len();
            piece.truncate(wanted);
            left -= wanted as u64;
        }
        self.transaction.received(early.iter().map(Bytes::len).sum(), false);
        let (wire, transaction) = (Arc::clone(&home.channel.wire), self.transaction.clone());
        Some((early, Detour::new(line, left, wire, transaction)))
    }

    /// Gives back the connection of a body that has come to its end on a detour.
    pub(super) async fn rejoin(&mut self, detour: Detour) {
        self.transaction.ended();
        if let Stream::Http1 { home, .. } = &mut self.stream
            && let Some(home) = home.take().filter(|home| home.stays)
            && let Some(line) = detour.into_line()
            && let Ok(channel) = handshake1(line, home.channel.age, home.channel.facts).await
        {
            home.crowd.take_back(channel);
        }
    }

    fn go_home(&mut self) {
        // A connection that still carries our body is not free for another request.
        let is_done = self.sending.as_ref().is_none_or(|sending| sending.is_done());
        let is_free = is_done && self.rest == Rest::GivenUp;
        if is_free
            && let Stream::Http1 { home, .. } = &mut self.stream
            && let Some(home) = home.take().filter(|home| home.stays)
            && !home.channel.wire.is_doubtful()
        {
            home.crowd.take_back(home.channel);
        }
    }
}
