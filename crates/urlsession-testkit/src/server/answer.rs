//! What the server says to a request, and how it misbehaves while saying it.

use super::body::Body;
use bytes::Bytes;

/// An answer to every request for one path, built from a well-behaved one by adding faults.
///
/// ```text
/// Answer::pseudo_random(7, 1 << 20).etag("\"v1\"").drop_after(1000).times(2)
/// Answer::status_only(503).retry_after(1).times(1).then(Answer::ok("here"))
/// ```
#[derive(Debug, Clone)]
pub struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) content: Content,
    pub(super) etag: Option<String>,
    pub(super) last_modified: Option<String>,
    pub(super) ranges: Option<bool>,
    pub(super) framing: Framing,
    pub(super) rate: Option<u64>,
    pub(super) upload_rate: Option<u64>,
    pub(super) faults: Faults,
    pub(super) times: Option<u64>,
    pub(super) next: Option<Box<Self>>,
    pub(super) change_etag_after: Option<u64>,
}

/// What the body is made from.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// A fixed body.
    Body(Body),
    /// The request as JSON.
    Echo,
    /// Not HTTP: these bytes, then the end of the connection.
    Raw(Bytes),
}

/// How the end of the body is told over HTTP/1.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Framing {
    Length,
    Chunked,
    UntilClose,
}

/// What goes wrong, for as many requests as [`Answer::times`] says.
#[derive(Debug, Clone, Default)]
pub(super) struct Faults {
    pub(super) drop_after: Option<u64>,
    pub(super) reset: bool,
    pub(super) stalls_head: bool,
    pub(super) stall_after: Option<u64>,
    pub(super) drop_request_after: Option<u64>,
    pub(super) lying_range: Option<u64>,
    pub(super) ignore_range: bool,
    pub(super) content_length: Option<u64>,
}

impl Answer {
    /// Makes status 200 with this body.
    #[must_use]
    pub fn ok(body: impl Into<Bytes>) -> Self {
        Self::new(200, Content::Body(Body::Bytes(body.into())))
    }

    /// Makes status 200 with `length` bytes that follow from the seed, made while they are sent;
    /// [`Body`] tells what they are.
    #[must_use]
    pub fn pseudo_random(seed: u64, length: u64) -> Self {
        Self::new(200, Content::Body(Body::PseudoRandom { seed, length }))
    }

    /// Makes this status with an empty body.
    #[must_use]
    pub fn status_only(status: u16) -> Self {
        Self::new(status, Content::Body(Body::Bytes(Bytes::new())))
    }

    /// Makes a redirect.
    #[must_use]
    pub fn redirect(status: u16, location: &str) -> Self {
        Self::status_only(status).header("Location", location)
    }

    /// Makes status 200 whose body is the request as JSON: `method`, `path`, `headers` (an object,
    /// names in lower case), `bodyLength`, `bodySha256`.
    #[must_use]
    pub fn echo() -> Self {
        Self::new(200, Content::Echo).header("Content-Type", "application/json")
    }

    /// Makes status 201 with an empty body: a place to upload to.
    #[must_use]
    pub fn sink() -> Self {
        Self::status_only(201)
    }

    /// Makes these bytes, status line and all, and the end of the connection (HTTP/1.1 only).
    #[must_use]
    pub fn raw(bytes: impl Into<Bytes>) -> Self {
        Self::new(200, Content::Raw(bytes.into()))
    }

    fn new(status: u16, content: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
            etag: None,
            last_modified: None,
            ranges: None,
            framing: Framing::Length,
            rate: None,
            upload_rate: None,
            faults: Faults::default(),
            times: None,
            next: None,
            change_etag_after: None,
        }
    }

    /// Changes the status.
    #[must_use]
    pub fn status(mut self, status: u16) -> Self {
        self.status = status;
        self
    }

    /// Adds a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Retry-After` in seconds.
    #[must_use]
    pub fn retry_after(self, seconds: u64) -> Self {
        self.header("Retry-After", &seconds.to_string())
    }

    /// Sets the entity tag, quotes and `W/` included.
    #[must_use]
    pub fn etag(mut self, etag: &str) -> Self {
        self.etag = Some(etag.to_owned());
        self
    }

    /// Sets `Last-Modified`, spelled as an HTTP date.
    #[must_use]
    pub fn last_modified(mut self, date: &str) -> Self {
        self.last_modified = Some(date.to_owned());
        self
    }

    /// Says whether ranges are served; by default they are if there is a validator.
    #[must_use]
    pub fn ranges(mut self, served: bool) -> Self {
        self.ranges = Some(served);
        self
    }

    /// Sends the body in chunks, without `Content-Length`.
    #[must_use]
    pub fn chunked(mut self) -> Self {
        self.framing = Framing::Chunked;
        self
    }

    /// Sends the body until the connection closes, without `Content-Length`.
    #[must_use]
    pub fn without_length(mut self) -> Self {
        self.framing = Framing::UntilClose;
        self
    }

    /// Sends at most this many body bytes a second.
    #[must_use]
    pub fn rate(mut self, bytes_per_second: u64) -> Self {
        self.rate = Some(bytes_per_second);
        self
    }

    /// Reads at most this many bytes of the request body a second.
    #[must_use]
    pub fn upload_rate(mut self, bytes_per_second: u64) -> Self {
        self.upload_rate = Some(bytes_per_second);
        self
    }

    /// Serves the same body under another entity tag and date from request `requests` + 1 on.
    #[must_use]
    pub fn change_etag_after(mut self, requests: u64) -> Self {
        self.change_etag_after = Some(requests);
        self
    }

    /// Fault: cuts the connection after this many body bytes of a response (over HTTP/2: the
    /// stream). After [`Answer::without_length`] that looks like the end, unless it is a
    /// [`Answer::reset`].
    #[must_use]
    pub fn drop_after(mut self, body_bytes: u64) -> Self {
        self.faults.drop_after = Some(body_bytes);
        self
    }

    /// Makes the cut of [`Answer::drop_after`] a TCP reset; bytes in flight may be lost.
    #[must_use]
    pub fn reset(mut self) -> Self {
        self.faults.reset = true;
        self
    }

    /// Fault: has the head wait, with the connection open, until
    /// [`release`](super::Server::release) or the end of the server.
    #[must_use]
    pub fn stall_head(mut self) -> Self {
        self.faults.stalls_head = true;
        self
    }

    /// Fault: falls silent after this many body bytes, with the connection open, until
    /// [`release`](super::Server::release) or the end of the server.
    #[must_use]
    pub fn stall_after(mut self, body_bytes: u64) -> Self {
        self.faults.stall_after = Some(body_bytes);
        self
    }

    /// Fault: cuts the connection after this many bytes of the request body were read.
    #[must_use]
    pub fn drop_request_after(mut self, body_bytes: u64) -> Self {
        self.faults.drop_request_after = Some(body_bytes);
        self
    }

    /// Fault: answers every range request with 206 from `start`, whatever was asked.
    #[must_use]
    pub fn lying_range(mut self, start: u64) -> Self {
        self.faults.lying_range = Some(start);
        self
    }

    /// Fault: answers range requests with 200 and the whole body.
    #[must_use]
    pub fn ignore_range(mut self) -> Self {
        self.faults.ignore_range = true;
        self
    }

    /// Fault: sends this `Content-Length`, whatever the body's is.
    #[must_use]
    pub fn content_length(mut self, length: u64) -> Self {
        self.faults.content_length = Some(length);
        self
    }

    /// Limits this answer, with its faults, to the first requests; later ones get the answer of
    /// [`Answer::then`] or, without one, this answer without faults.
    #[must_use]
    pub fn times(mut self, requests: u64) -> Self {
        self.times = Some(requests);
        self
    }

    /// Says what is answered when [`Answer::times`] is used up.
    #[must_use]
    pub fn then(mut self, next: Self) -> Self {
        self.next = Some(Box::new(next));
        self
    }

    /// Returns the answer to request number `count`, counted from 0.
    pub(super) fn for_request(&self, count: u64) -> Self {
        match self.times {
            Some(times) if count >= times => match &self.next {
                Some(next) => next.for_request(count - times),
                None => {
                    let mut calm = self.with_etag_of(count);
                    calm.faults = Faults::default();
                    calm
                }
            },
            _ => self.with_etag_of(count),
        }
    }

    fn with_etag_of(&self, count: u64) -> Self {
        let mut answer = self.clone();
        if self.change_etag_after.is_some_and(|after| count >= after) {
            answer.etag = answer.etag.map(|_| "\"changed\"".to_owned());
            answer.last_modified =
                answer.last_modified.map(|_| "Fri, 20 Nov 2026 20:00:00 GMT".to_owned());
        }
        answer
    }
}
