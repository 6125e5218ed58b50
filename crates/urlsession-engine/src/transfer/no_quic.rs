//! A build without HTTP/3: there is no way for a request to go by it, and nothing to learn.

use super::carry::Broken;
use super::errors::Failure;
use super::http::{Answer, Http, Outgoing, Route};
use super::metrics::Transaction;
use super::wire::Wire;
use bytes::Bytes;
use std::sync::Arc;
use urlsession_protocol::{ErrorCode, Http3 as Switch};

/// What is known of HTTP/3.
#[derive(Debug, Default)]
pub(super) struct Alternatives;

impl Alternatives {
    pub(super) fn clear(&self) {}
}

/// A connection.
#[derive(Debug, Clone)]
pub(super) enum Http3 {}

impl Http3 {
    pub(super) fn is_closed(&self) -> bool {
        match *self {}
    }

    pub(super) fn users(&self) -> &Arc<()> {
        match *self {}
    }
}

/// A way to a server.
#[derive(Debug)]
pub(super) enum Way {}

/// A response body.
#[derive(Debug)]
pub(super) enum Body {}

impl Body {
    #[expect(clippy::unused_async, reason = "a build with HTTP/3 waits here")]
    pub(super) async fn data(&mut self) -> Result<Option<Bytes>, Failure> {
        match *self {}
    }
}

/// Where a request body goes.
#[derive(Debug)]
pub(super) enum Sink {}

/// It goes nowhere.
#[derive(Debug)]
pub(super) enum Refused {}

impl Sink {
    #[expect(clippy::unused_async, reason = "a build with HTTP/3 waits here")]
    pub(super) async fn send(&mut self, _: Bytes, _: &Wire) -> Result<(), Refused> {
        match *self {}
    }

    #[expect(clippy::unused_async, reason = "a build with HTTP/3 waits here")]
    pub(super) async fn finish(&mut self) {
        match *self {}
    }
}

#[expect(clippy::unused_async, reason = "a build with HTTP/3 waits here")]
pub(super) async fn over(
    channel: Http3,
    _: &Outgoing<'_>,
    _: &Transaction,
) -> Result<Answer, Broken> {
    match channel {}
}

impl Http {
    #[expect(clippy::unused_async, reason = "a build with HTTP/3 waits here")]
    pub(super) async fn way(
        &self,
        out: &Outgoing<'_>,
        _: &Route<'_>,
    ) -> Result<Option<Way>, Failure> {
        match out.options.http3 {
            Some(Switch::Only) => {
                let why = "only HTTP/3 may be used, and this build has none";
                Err(Failure::permanent(ErrorCode::UNSUPPORTED_URL, why))
            }
            _ => Ok(None),
        }
    }

    pub(super) fn learn(&self, _: &Outgoing<'_>, _: &Route<'_>, _: &Answer) {}

    #[expect(clippy::unused_async, reason = "a build with HTTP/3 waits here")]
    pub(super) async fn send_by(
        &self,
        way: &Way,
        _: &Route<'_>,
        _: &Outgoing<'_>,
    ) -> Result<Answer, Failure> {
        match *way {}
    }
}
