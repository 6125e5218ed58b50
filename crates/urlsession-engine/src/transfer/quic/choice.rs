//! Whether a request goes over HTTP/3: what it asks for, what the origin offers, and a race with TCP
//! that QUIC is given a head start in.

use super::alternatives::Alternative;
use super::dial::{self, Goal};
use super::{Http3, Origin};
use crate::transfer::carry::Broken;
use crate::transfer::errors::Failure;
use crate::transfer::http::{Answer, Http, Outgoing, Route};
use crate::transfer::metrics::Transaction;
use crate::transfer::pool::{self, Channel, Key, Shared};
use crate::transfer::race::ATTEMPT_DELAY;
use crate::transfer::tls::{Terms, Trust};
use http::{HeaderValue, StatusCode};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use urlsession_protocol::{ErrorCode, Http3 as Switch, TaskOptions, TlsVersion};

/// How a request may reach its origin by HTTP/3.
#[derive(Debug)]
pub(in crate::transfer) struct Way {
    alternative: Alternative,
    trust: Trust,
    /// Under which its connections are kept; those over TCP have other terms, and so another.
    key: Key,
    /// Whether there is no other way.
    is_only: bool,
}

/// Who was there first, and whether it was there before.
struct Won {
    channel: Channel,
    is_reused: bool,
}

impl Http {
    /// Returns how the request goes over HTTP/3, if it does.
    pub(in crate::transfer) async fn way(
        &self,
        out: &Outgoing<'_>,
        route: &Route<'_>,
    ) -> Result<Option<Way>, Failure> {
        let (switch, is_assumed) = switch(out.options);
        let is_only = switch == Switch::Only;
        let hindrance = match switch {
            Switch::Off => return Ok(None),
            _ if out.options.request_policy.http_version.is_some() => return Ok(None),
            _ => hindrance(out, route),
        };
        if let Some((code, why)) = hindrance {
            let refusal = Failure::permanent(code, format!("only HTTP/3 may be used, {why}"));
            return if is_only { Err(refusal) } else { Ok(None) };
        }
        let own = Alternative { host: None, port: route.key.port };
        let alternative = match is_only {
            true => Some(own),
            false => self.alternatives.find(route.key, is_assumed),
        };
        let Some(alternative) = alternative else { return Ok(None) };
        let trust = self.tls.trust(Terms { http3: true, ..out.terms() }).await?;
        let key = Key { trust: Some(trust.number), ..route.key.clone() };
        Ok(Some(Way { alternative, trust, key, is_only }))
    }

    /// Takes from a response where its origin offers HTTP/3.
    pub(in crate::transfer) fn learn(
        &self,
        out: &Outgoing<'_>,
        route: &Route<'_>,
        answer: &Answer,
    ) {
        if switch(out.options).0 != Switch::Off && hindrance(out, route).is_none() {
            self.alternatives.learn(route.key, &answer.head.headers);
        }
    }

    /// Sends the request that way; over TCP where that is better.
    pub(in crate::transfer) async fn send_by(
        &self,
        way: &Way,
        route: &Route<'_>,
        out: &Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        let mut transaction = out.metrics.begin(out.url.as_str(), out.method.as_str());
        if let Some(channel) = self.pool.find(&way.key, out.idle_timeout).await {
            transaction.reused();
            match self.over(channel, route.key, out, &transaction).await {
                Err(Broken { untouched: true, .. }) => {}
                result => return self.settle(way, route, out, result).await,
            }
            transaction = out.metrics.begin(out.url.as_str(), out.method.as_str());
        }
        let won = self.win(way, route, out, &transaction).await?;
        if won.is_reused {
            transaction.reused();
        }
        let is_quic = matches!(won.channel, Channel::Http3(_));
        let is_http2 = matches!(won.channel, Channel::Http2(_));
        let result = self.over(won.channel, route.key, out, &transaction).await;
        match result {
            Err(Broken { untouched: true, .. }) if is_quic && !way.is_only => {
                self.alternatives.broke(route.key);
                self.send_over_tcp(route, out).await
            }
            Err(Broken { untouched: true, .. }) if won.is_reused && !is_quic => {
                self.send_over_tcp(route, out).await
            }
            // Other connections, or HTTP/1.1, may have it.
            Err(Broken { untouched: true, .. } | Broken { wants_http1: true, .. }) if is_http2 => {
                self.send_over_tcp(route, out).await
            }
            result => self.settle(way, route, out, result).await,
        }
    }

    /// RFC 7838 section 6: a server that is not the right one says so, and is asked no more.
    async fn settle(
        &self,
        way: &Way,
        route: &Route<'_>,
        out: &Outgoing<'_>,
        result: Result<Answer, Broken>,
    ) -> Result<Answer, Failure> {
        let answer = result.map_err(|broken| broken.failure)?;
        if answer.head.status == StatusCode::MISDIRECTED_REQUEST && !way.is_only {
            self.alternatives.broke(route.key);
            answer.body.drain(&answer.wire, out.idle_timeout).await;
            return self.send_over_tcp(route, out).await;
        }
        Ok(answer)
    }

    /// Finds or opens a connection.
    async fn win(
        &self,
        way: &Way,
        route: &Route<'_>,
        out: &Outgoing<'_>,
        transaction: &Transaction,
    ) -> Result<Won, Failure> {
        let limit = out.idle_timeout;
        let gate = self.pool.gate(&way.key);
        let _turn = match &gate {
            Some(gate) => pool::turn(gate, limit.min(route.connect_limit.unwrap_or(limit))).await,
            None => None,
        };
        if let Some(channel) = self.pool.find(&way.key, limit).await {
            return Ok(Won { channel, is_reused: true });
        }
        if way.is_only {
            let channel = self.dial(way, route, limit, transaction).await?;
            return Ok(Won { channel: channel.into(), is_reused: false });
        }
        // Who had the turn before may have found out.
        if self.alternatives.find(route.key, true).is_none() {
            return self.tcp(route, limit, transaction).await;
        }
        self.race(way, route, limit, transaction).await
    }

    /// Lets QUIC and TCP race. TCP joins after a pause, or once QUIC has failed.
    async fn race(
        &self,
        way: &Way,
        route: &Route<'_>,
        limit: Duration,
        transaction: &Transaction,
    ) -> Result<Won, Failure> {
        let (over_quic, over_tcp) = (transaction.fork(), transaction.fork());
        let mut quic = Box::pin(self.dial(way, route, limit, &over_quic));
        let mut tcp = Box::pin(self.tcp(route, limit, &over_tcp));
        let came_through = |channel: Http3| {
            transaction.adopt(&over_quic);
            self.alternatives.worked(route.key);
            Ok(Won { channel: channel.into(), is_reused: false })
        };
        let failed = |failure: &Failure| {
            tracing::debug!(host = route.key.host, "HTTP/3 is not to be had: {}", failure.error);
            self.alternatives.broke(route.key);
        };
        let early = tokio::select! {
            biased;
            opened = &mut quic => Some(opened),
            () = sleep(ATTEMPT_DELAY) => None,
        };
        let first = match early {
            Some(opened) => Err(opened),
            None => tokio::select! {
                biased;
                opened = &mut quic => Err(opened),
                won = &mut tcp => Ok(won),
            },
        };
        let won = match first {
            Err(Ok(channel)) => return came_through(channel),
            Err(Err(failure)) => {
                failed(&failure);
                tcp.await
            }
            Ok(Ok(won)) => {
                tracing::debug!(host = route.key.host, "TCP was there before QUIC");
                self.alternatives.broke(route.key);
                Ok(won)
            }
            Ok(Err(reason)) => match quic.await {
                Ok(channel) => return came_through(channel),
                Err(failure) => {
                    failed(&failure);
                    Err(reason)
                }
            },
        };
        transaction.adopt(&over_tcp);
        won
    }

    async fn dial(
        &self,
        way: &Way,
        route: &Route<'_>,
        limit: Duration,
        transaction: &Transaction,
    ) -> Result<Http3, Failure> {
        let Alternative { host, port } = &way.alternative;
        let goal = Goal {
            name: &route.key.host,
            origin_port: route.key.port,
            host: host.as_ref().unwrap_or(&route.key.host),
            port: *port,
            ip_version: route.key.ip_version,
            trust: &way.trust,
            asks: route.asks,
            transaction,
        };
        let origin =
            Origin { alternatives: Arc::clone(&self.alternatives), key: route.key.clone() };
        let is_own = host.is_none() && *port == route.key.port;
        let used = (!is_own).then(|| HeaderValue::from_str(&format!("{}:{port}", goal.host)).ok());
        let limit = limit.min(route.connect_limit.unwrap_or(limit));
        let age = self.pool.age();
        let channel = dial::dial(&goal, Arc::new(origin), used.flatten(), limit).await?;
        self.pool.share(&way.key, Shared::Http3(channel.clone()), age);
        Ok(channel)
    }

    async fn tcp(
        &self,
        route: &Route<'_>,
        limit: Duration,
        transaction: &Transaction,
    ) -> Result<Won, Failure> {
        if let Some(channel) = self.pool.find(route.key, limit).await {
            return Ok(Won { channel, is_reused: true });
        }
        let channel = self.open(route.key, &route.goal(transaction), limit).await?;
        Ok(Won { channel, is_reused: false })
    }
}

/// Returns what counts for a task, and whether it assumes that servers speak HTTP/3.
fn switch(options: &TaskOptions) -> (Switch, bool) {
    let is_assumed = options.assumes_http3_capable;
    let otherwise = if is_assumed { Switch::Auto } else { Switch::Off };
    (options.http3.unwrap_or(otherwise), is_assumed)
}

/// Says why a request cannot go over HTTP/3 at all.
fn hindrance(out: &Outgoing<'_>, route: &Route<'_>) -> Option<(ErrorCode, &'static str)> {
    let newest = out.options.tls.maximum_version;
    if route.trust.is_none() {
        Some((ErrorCode::UNSUPPORTED_URL, "and it needs https"))
    } else if route.key.to.is_some() {
        Some((ErrorCode::CANNOT_CONNECT_TO_HOST, "and the server is said to be elsewhere"))
    } else if route.key.interface.is_some() {
        Some((
            ErrorCode::CANNOT_CONNECT_TO_HOST,
            "and it goes by no interface of the task's choice",
        ))
    } else if route.key.socket.is_some() {
        Some((ErrorCode::CANNOT_CONNECT_TO_HOST, "and it goes over no socket of this machine"))
    } else if route.via.is_some() {
        Some((ErrorCode::CANNOT_CONNECT_TO_HOST, "and it goes through no proxy"))
    } else if newest.is_some_and(|newest| newest < TlsVersion::Tls13) {
        Some((ErrorCode::SECURE_CONNECTION_FAILED, "and it needs TLS 1.3"))
    } else {
        None
    }
}
