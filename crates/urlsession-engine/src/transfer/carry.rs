//! A request over TCP: over which connections it goes until one takes it, and servers that take it
//! over HTTP/1.1 only.

use super::errors::Failure;
use super::framing;
use super::http::{Answer, Http, Outgoing, Route};
use super::pool::{Channel, Key};
use super::tls::Terms;
use crate::boxed::pinned;
use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use urlsession_protocol::ErrorCode;

/// Most servers that are remembered for wanting HTTP/1.1; the oldest goes first.
const HTTP1_ONLY_LIMIT: usize = 256;

/// Servers that speak HTTP/2, but not for what they were asked (RFC 9113 section 7).
#[derive(Debug, Default)]
pub(super) struct Http1Only(Mutex<VecDeque<(String, u16)>>);

impl Http1Only {
    pub(super) fn clear(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn knows(&self, key: &Key) -> bool {
        let servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        servers.iter().any(|(host, port)| *host == key.host && *port == key.port)
    }

    fn note(&self, key: &Key) {
        if self.knows(key) {
            return;
        }
        let mut servers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if servers.len() >= HTTP1_ONLY_LIMIT {
            servers.pop_front();
        }
        servers.push_back((key.host.clone(), key.port));
    }
}

/// A request that got no response.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    /// Nothing of it can have had an effect: it may go out again on a fresh connection.
    pub(super) untouched: bool,
    /// The server takes it over HTTP/1.1.
    pub(super) wants_http1: bool,
}

impl Broken {
    pub(super) fn final_(failure: Failure) -> Self {
        Self { failure, untouched: false, wants_http1: false }
    }

    /// It did not go out at all.
    pub(super) fn unsent(failure: Failure) -> Self {
        Self { untouched: true, ..Self::final_(failure) }
    }
}

impl Http {
    /// Sends the request in the newest version of HTTP that the server has for it.
    pub(super) async fn send_over_tcp(
        &self,
        route: &Route<'_>,
        out: &Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        if route.trust.is_some() && self.http1_only.knows(route.key) {
            return Box::pin(self.send_over_http1(route, out)).await;
        }
        // Every caller would keep room for it, and move that into place: kept apart it is moved once.
        match pinned(|| self.carry(route, out)).await {
            Err(Broken { wants_http1: true, .. }) if route.trust.is_some() => {
                self.http1_only.note(route.key);
                Box::pin(self.send_over_http1(route, out)).await
            }
            result => result.map_err(|broken| broken.failure),
        }
    }

    async fn send_over_http1(
        &self,
        route: &Route<'_>,
        out: &Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        let trust = self.tls.trust(Terms { http2: false, ..out.terms() }).await?;
        let key = Key { trust: Some(trust.number), ..route.key.clone() };
        let route = Route { key: &key, trust: Some(&trust), ..*route };
        self.carry(&route, out).await.map_err(|broken| broken.failure)
    }

    async fn carry(&self, route: &Route<'_>, out: &Outgoing<'_>) -> Result<Answer, Broken> {
        let key = route.key;
        // Taken before it is counted: two that begin at once must not both find room for one.
        let seat = out.most_connections.map(|most| (self.pool.seat(key), most));
        if seat.as_ref().is_some_and(|(_, most)| self.pool.busy(key) > *most) {
            let why = "the server has as many connections as the session allows";
            let code = ErrorCode::CANNOT_CONNECT_TO_HOST;
            return Err(Broken::final_(Failure::transient(code, why)));
        }
        let begin = || out.metrics.begin(out.url.as_str(), out.method.as_str());
        let mut transaction = begin();
        if let Some(channel) = self.pool.find(key, out.idle_timeout).await {
            transaction.reused();
            match self.over(channel, key, out, &transaction).await {
                Err(Broken { untouched: true, wants_http1: false, .. }) => {}
                Ok(answer) if out.is_harmless() && framing::may_have_crossed(&answer.head) => {
                    Box::pin(answer.pass(out.idle_timeout)).await;
                }
                result => return result,
            }
            transaction = begin();
        }
        let goal = route.goal(&transaction);
        let channel =
            Box::pin(self.open(key, &goal, out.idle_timeout)).await.map_err(Broken::final_)?;
        let is_shared = matches!(channel, Channel::Http2(_));
        match self.over(channel, key, out, &transaction).await {
            // A server that takes no more over one connection says so to all who share it.
            Err(Broken { untouched: true, wants_http1: false, .. }) if is_shared => {
                Box::pin(self.carry_alone(route, out)).await
            }
            result => result,
        }
    }

    /// Sends the request over a new connection, as its first one.
    async fn carry_alone(&self, route: &Route<'_>, out: &Outgoing<'_>) -> Result<Answer, Broken> {
        let transaction = out.metrics.begin(out.url.as_str(), out.method.as_str());
        let goal = route.goal(&transaction);
        let channel =
            self.open_alone(route.key, &goal, out.idle_timeout).await.map_err(Broken::final_)?;
        self.over(channel, route.key, out, &transaction).await
    }
}
