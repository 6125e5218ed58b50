//! What one attempt does with the cache: asks before each request, tells of each response.

use super::SharedCache;
use super::control::Control;
use super::forgotten::Begun;
use super::policy::{self, Asked, Policy};
use super::range::{self, Wanted};
use super::stored::{Stored, without_connection};
use super::variant::{Partition, Variant};
use bytes::Bytes;
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sha2::{Digest as _, Sha256};
use std::sync::Arc;
use tokio::task::JoinHandle;
use url::{Position, Url};
use urlsession_core::Order;
use urlsession_protocol::{RequestCachePolicy, ResourceFetchType, Timestamp};

/// The cache of one attempt, every hop of which asks and tells.
#[derive(Debug, Default)]
pub(crate) struct Exchange {
    cache: Option<Arc<SharedCache>>,
    policy: RequestCachePolicy,
    /// Statuses that the task tries again: the next try must not get them from here.
    shunned: Vec<u16>,
    /// The digest of the terms on which connections are made: what came over others is not for this task.
    terms: Vec<u8>,
}

/// Makes the digest of the terms of an order; empty are those that all have. What the app has
/// answered about TLS is part of them: the next task may trust no such server, nor be trusted.
fn terms(order: &Order) -> Vec<u8> {
    let Order { options, answers, .. } = order;
    let of_tls: Vec<_> = answers.iter().filter(|answer| answer.credential().is_none()).collect();
    let of_proxy = options.connection_proxy.as_ref().map(|all| (&all.tls, &all.ca_certificates));
    let of_proxy = of_proxy.filter(|(tls, roots)| !tls.is_default() || !roots.is_empty());
    let roots = &options.ca_certificates;
    if roots.is_empty() && options.tls.is_default() && of_tls.is_empty() && of_proxy.is_none() {
        return Vec::new();
    }
    let terms = serde_json::to_vec(&(roots, &options.tls, of_tls, of_proxy));
    Sha256::digest(terms.expect("an order that was stored is text")).to_vec()
}

/// What there is for a request.
#[derive(Debug)]
pub(crate) enum LookUp<'a> {
    /// The answer.
    Answer(Kept),
    /// Nothing, and the task wants nothing else.
    Nothing,
    /// The request is to be sent.
    Send(Pending<'a>),
}

/// An answer without the network.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) head: Parts,
    pub(crate) body: Bytes,
}

/// A request that is sent, and what its response will mean.
#[derive(Debug)]
pub(crate) struct Pending<'a> {
    exchange: &'a Exchange,
    /// `None` if nothing is kept of the response.
    cache: Option<&'a Arc<SharedCache>>,
    url: Url,
    method: Method,
    headers: HeaderMap,
    partition: Partition,
    candidate: Option<Arc<Stored>>,
    conditions: Vec<(HeaderName, HeaderValue)>,
    sent: Timestamp,
    begun: Begun,
}

/// What a response means.
#[derive(Debug)]
pub(crate) enum Received<'a> {
    /// What is kept is the answer, and the body of the response is not wanted.
    Kept(Kept),
    /// The response is the answer; its body is to be recorded if it can be kept.
    New(Option<Recording>),
    /// It is about something that is not kept: the request is to be sent once more, as it is.
    Again(Box<Pending<'a>>),
}

/// A body that is being kept.
#[derive(Debug)]
pub(crate) struct Recording {
    cache: Arc<SharedCache>,
    url: String,
    stored: Stored,
    begun: Begun,
    body: Vec<u8>,
    room: u64,
    /// It has come whole, or cannot be kept, and that is being written.
    writing: Option<JoinHandle<()>>,
}

impl Exchange {
    /// Applies what the session and the task say.
    pub(crate) fn new(cache: Option<Arc<SharedCache>>, order: &Order) -> Self {
        let options = &order.options;
        let shunned = [&options.retry_statuses[..], &options.recoverable_statuses[..]].concat();
        let policy = options.request_cache_policy.unwrap_or(order.cache.policy);
        let asked = &options.request_policy;
        // What is kept is found by its URL, which is not all that others ask for; their `Host` is looked
        // at with each request.
        let is_of_url = asked.target.is_none()
            && asked.path.is_none()
            && asked.connect_to.is_empty()
            && asked.unix_socket.is_none()
            && !asked.sends_get_body;
        Self { cache: cache.filter(|_| is_of_url), policy, shunned, terms: terms(order) }
    }

    /// Says whether requests go out as they are, and nothing is kept of what comes back.
    pub(crate) fn is_idle(&self) -> bool {
        self.cache.is_none() && self.policy == RequestCachePolicy::UseProtocolCachePolicy
    }

    /// Looks for an answer to a request, whose fields are complete but for `Authorization`.
    pub(crate) async fn look_up(
        &self,
        (method, url): (&Method, &Url),
        headers: HeaderMap,
        credential: &[u8],
    ) -> LookUp<'_> {
        let cache = self.cache.as_ref().filter(|_| is_of_host(url, &headers));
        let url = without_fragment(url.clone());
        let own = headers.get(header::AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        let partition = Partition::of(&[own, credential, &self.terms]);
        let asked = Asked { method, headers: &headers, policy: self.policy };
        let candidate = match cache {
            Some(cache) => self.candidate(cache, &asked, &url, &partition).await,
            None => None,
        };
        let now = self.now();
        let verdict = candidate.as_ref().map(|stored| Policy::of(&asked, stored, now));
        let mut conditions = Vec::new();
        match (candidate.as_deref(), verdict) {
            (Some(stored), Some(Policy::Fresh)) => {
                return LookUp::Answer(Kept::of(stored, method, &headers, Some(now)));
            }
            _ if self.policy == RequestCachePolicy::ReturnCacheDataDontLoad => {
                return LookUp::Nothing;
            }
            _ if policy::wants_only_kept(&asked) => return LookUp::Answer(Kept::timeout()),
            (_, Some(Policy::Revalidate { conditions: asks })) if *method == Method::GET => {
                conditions = asks;
            }
            _ => {}
        }
        let method = method.clone();
        let pending = Pending {
            exchange: self,
            cache,
            url,
            method,
            headers,
            partition,
            candidate,
            conditions,
            sent: now,
            begun: cache.map(|cache| cache.begin()).unwrap_or_default(),
        };
        LookUp::Send(pending)
    }

    /// Returns the latest of the kept responses that are for the request.
    async fn candidate(
        &self,
        cache: &Arc<SharedCache>,
        asked: &Asked<'_>,
        url: &Url,
        partition: &Partition,
    ) -> Option<Arc<Stored>> {
        if !matches!(*asked.method, Method::GET | Method::HEAD) || policy::passes_by(asked) {
            return None;
        }
        let url = url.as_str().to_owned();
        let mut found = run(cache, move |cache| cache.find(&url)).await;
        found.retain(|stored| {
            stored.variant.partition == *partition
                && policy::is_of_url(stored.status)
                && !self.shunned.contains(&stored.status.as_u16())
                && stored.variant.matches(asked.headers, &stored.headers)
                && range::wanted(asked.headers, stored) != Wanted::Unclear
        });
        found.into_iter().max_by_key(|stored| stored.received)
    }

    fn now(&self) -> Timestamp {
        self.cache.as_ref().map_or(Timestamp(0), |cache| cache.now())
    }
}

impl<'a> Pending<'a> {
    /// Adds to the request what the server must know.
    pub(crate) fn prepare(&self, headers: &mut HeaderMap) {
        for (name, value) in &self.conditions {
            headers.insert(name.clone(), value.clone());
        }
        let (control, pragma) = match self.exchange.policy {
            RequestCachePolicy::ReloadIgnoringLocalAndRemoteCacheData => ("no-cache", true),
            // Caches on the way must ask the server too.
            RequestCachePolicy::ReloadRevalidatingCacheData => ("max-age=0", false),
            _ => return,
        };
        if !headers.contains_key(header::CACHE_CONTROL) {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static(control));
        }
        if pragma && !headers.contains_key(header::PRAGMA) {
            headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
        }
    }

    /// Takes the head of the response.
    pub(crate) async fn receive(mut self, head: &Parts) -> Received<'a> {
        let Some(cache) = self.cache else { return Received::New(None) };
        let now = cache.now();
        let asked = self.asked();
        if let Some(stored) = &self.candidate {
            if head.status == StatusCode::NOT_MODIFIED && !self.conditions.is_empty() {
                if stored.is_other_than(&head.headers) {
                    self.forget(cache, vec![self.url.clone()]).await;
                    return Received::Again(Box::new(self.without_conditions(cache)));
                }
                let fresh = self.renew(cache, stored, head, now).await;
                return Received::Kept(Kept::of(&fresh, &self.method, &self.headers, None));
            }
            let is_error = head.status.is_server_error();
            if is_error && policy::stands_in(&asked, stored, Some(head.status), now) {
                let kept = Kept::of(stored, &self.method, &self.headers, Some(now));
                return Received::Kept(kept);
            }
            if self.method == Method::HEAD && head.status == StatusCode::OK {
                if stored.status == head.status && stored.is_described_by(&head.headers) {
                    self.renew(cache, stored, head, now).await;
                } else {
                    self.forget(cache, vec![self.url.clone()]).await;
                }
            }
        }
        if policy::invalidates(&self.method, head.status) {
            let (url, begun) = (self.url.as_str().to_owned(), self.begun);
            self.begun = run(cache, move |cache| cache.change(&url, begun)).await;
            let others = policy::named_by(&self.url, &head.headers).map(without_fragment);
            self.forget(cache, others.filter(|other| *other != self.url).collect()).await;
        }
        let recording = self.recording(cache, head, now);
        // What the server has replaced with something that is not kept must not come back later.
        if recording.is_none() && self.candidate.is_some() && self.replaces(head.status) {
            self.forget(cache, vec![self.url.clone()]).await;
        }
        Received::New(recording)
    }

    fn without_conditions(self, cache: &SharedCache) -> Self {
        let (candidate, conditions) = (None, Vec::new());
        Self { candidate, conditions, sent: cache.now(), begun: cache.begin(), ..self }
    }

    /// Returns what may stand in for a response that did not come.
    pub(crate) fn stand_in(&self) -> Option<Kept> {
        let now = self.exchange.now();
        let stored = self.candidate.as_deref()?;
        let asked = self.asked();
        policy::stands_in(&asked, stored, None, now)
            .then(|| Kept::of(stored, &self.method, &self.headers, Some(now)))
    }

    fn replaces(&self, status: StatusCode) -> bool {
        self.method == Method::GET
            && status.is_success()
            && status != StatusCode::PARTIAL_CONTENT
            && !Control::of_request(&self.headers).no_store
    }

    fn asked(&self) -> Asked<'_> {
        Asked { method: &self.method, headers: &self.headers, policy: self.exchange.policy }
    }

    fn recording(
        &self,
        cache: &Arc<SharedCache>,
        head: &Parts,
        now: Timestamp,
    ) -> Option<Recording> {
        let variant = Variant::of(&head.headers, &self.headers, &self.partition)?;
        let stored = Stored {
            status: head.status,
            version: head.version,
            headers: without_connection(&head.headers),
            requested: self.sent,
            received: now,
            variant,
            body: Bytes::new(),
        };
        let limit = cache.entry_limit();
        let room = limit.checked_sub(stored.size() + self.url.as_str().len() as u64)?;
        let told = head.headers.get(header::CONTENT_LENGTH);
        let told = told.and_then(|value| value.to_str().ok()?.trim().parse::<u64>().ok());
        let fits = told.is_none_or(|length| length <= room);
        (fits && policy::is_storable(&self.asked(), &self.url, &stored)).then(|| Recording {
            cache: Arc::clone(cache),
            url: self.url.as_str().to_owned(),
            stored,
            begun: self.begun,
            body: Vec::new(),
            room,
            writing: None,
        })
    }

    /// Has a kept response take over the fields of a head, which may also end its being kept.
    async fn renew(
        &self,
        cache: &Arc<SharedCache>,
        stored: &Arc<Stored>,
        head: &Parts,
        now: Timestamp,
    ) -> Stored {
        let mut fresh = Stored::clone(stored);
        fresh.freshen(&head.headers, self.sent, now);
        let asked = Asked { method: &Method::GET, ..self.asked() };
        match stored.variant.renewed(&fresh.headers, &self.headers) {
            Some(variant) if policy::is_storable(&asked, &self.url, &fresh) => {
                fresh.variant = variant;
                let (url, was) = (self.url.as_str().to_owned(), Arc::clone(stored));
                let fresh = fresh.clone();
                run(cache, move |cache| cache.renew(&url, &was, fresh)).await;
            }
            _ => self.forget(cache, vec![self.url.clone()]).await,
        }
        fresh
    }

    async fn forget(&self, cache: &Arc<SharedCache>, urls: Vec<Url>) {
        run(cache, move |cache| {
            for url in urls {
                cache.forget(url.as_str());
            }
        })
        .await;
    }
}

impl Kept {
    /// Makes the answer to a request. The moment is `None` if the server has just said that it
    /// holds.
    fn of(
        stored: &Stored,
        method: &Method,
        request: &HeaderMap,
        unvalidated_at: Option<Timestamp>,
    ) -> Self {
        let mut head = parts(stored.status);
        head.version = stored.version;
        head.headers = stored.headers.clone();
        if let Some(now) = unvalidated_at {
            head.headers.insert(header::AGE, stored.age(now).as_secs().into());
            for name in stored.control().no_cache_fields {
                head.headers.remove(name);
            }
        }
        let mut body = stored.body.clone();
        if *method == Method::HEAD {
            body = Bytes::new();
        } else if let Wanted::Part(part) = range::wanted(request, stored) {
            head.status = StatusCode::PARTIAL_CONTENT;
            range::describe(&mut head.headers, &part, body.len());
            body = body.slice(part);
        }
        Self { head, body }
    }

    /// RFC 9111 section 5.2.1.7: what answers a request that wants only what is kept.
    fn timeout() -> Self {
        Self { head: parts(StatusCode::GATEWAY_TIMEOUT), body: Bytes::new() }
    }
}

impl Recording {
    /// Takes the next bytes.
    pub(crate) fn take(&mut self, piece: &[u8]) {
        match self.room.checked_sub(piece.len() as u64) {
            _ if self.writing.is_some() => {}
            Some(room) => {
                self.room = room;
                self.body.extend_from_slice(piece);
            }
            None => self.give_up(),
        }
    }

    /// Keeps nothing after all. What the server has replaced with it must not come back later.
    pub(crate) fn give_up(&mut self) {
        self.body = Vec::new();
        let (cache, url) = (Arc::clone(&self.cache), std::mem::take(&mut self.url));
        self.writing = Some(tokio::task::spawn_blocking(move || cache.forget(&url)));
    }

    /// Keeps the response, whose body has come whole. Losing the future does not lose that.
    pub(crate) async fn finish(&mut self) {
        if self.writing.is_none() {
            let (cache, url) = (Arc::clone(&self.cache), std::mem::take(&mut self.url));
            let body = std::mem::take(&mut self.body).into();
            let (stored, begun) = (Stored { body, ..self.stored.clone() }, self.begun);
            let keep = move || cache.keep(&url, stored, begun);
            self.writing = Some(tokio::task::spawn_blocking(keep));
        }
        if let Some(writing) = &mut self.writing {
            // What panics there was not kept.
            let _ = writing.await;
        }
    }
}

/// Says whether a request names the host of its URL in its `Host` field: what another site of the same
/// server answers is not of the URL (RFC 9110 section 7.1).
fn is_of_host(url: &Url, headers: &HeaderMap) -> bool {
    let authority = &url[Position::BeforeHost..Position::AfterPort];
    let mut hosts = headers.get_all(header::HOST).iter();
    let is_named = |host: &HeaderValue| host.as_bytes().eq_ignore_ascii_case(authority.as_bytes());
    hosts.next().is_some_and(is_named) && hosts.next().is_none()
}

fn without_fragment(mut url: Url) -> Url {
    url.set_fragment(None);
    url
}

fn parts(status: StatusCode) -> Parts {
    let (mut parts, ()) = http::Response::new(()).into_parts();
    parts.status = status;
    parts.extensions.insert(ResourceFetchType::LocalCache);
    parts
}

/// Runs what may wait for the disk where waiting harms nobody.
async fn run<T: Send + Default + 'static>(
    cache: &Arc<SharedCache>,
    work: impl FnOnce(&SharedCache) -> T + Send + 'static,
) -> T {
    if !cache.has_disk {
        return work(cache);
    }
    let cache = Arc::clone(cache);
    // What panics there was not kept.
    tokio::task::spawn_blocking(move || work(&cache)).await.unwrap_or_default()
}
