//! The requests of one attempt: which header fields they carry, and the chain of redirects.

use super::coding::{self, Decoder};
use super::disposition;
use super::errors::Failure;
use super::framing;
use super::gate::{self, Gate, Means, Verdict};
use super::guard::Guard;
use super::http::{Answer, Http};
use super::leave::LEAVE_MINIMUM;
use super::leg::Leg;
use super::metrics::{Collector, fields, protocol_name};
use super::outgoing::{Outgoing, Target};
use super::question;
use super::rate::Rate;
use super::redirect::{self, Trail};
use super::speedometer::Speedometer;
use super::upload::Sending;
use super::{Attempt, Progress};
use crate::boxed::pinned;
use crate::cache::{self, Kept, LookUp, Received, Recording};
use crate::cookies::Exchange;
use crate::strict;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio::sync::oneshot;
use url::Url;
use urlsession_core::{Cause, Order};
use urlsession_protocol::{
    Credential, ErrorCode, HttpRedirectDisposition, HttpRedirection, RequestPolicy, Response,
    TaskKind, TaskOptions, Timestamp,
};

/// What the server learns of us, unless the app says something else.
const USER_AGENT: &str = concat!("urlsession/", env!("CARGO_PKG_VERSION"));

/// The requests of one attempt: everything that its tries share.
#[derive(Debug)]
pub(super) struct Chain<'a> {
    http: &'a Http,
    attempt: &'a Attempt,
    order: &'a Order,
    /// Those of the order, with what the app answered to proxies.
    options: Cow<'a, TaskOptions>,
    cookies: Exchange,
    strict: strict::Exchange,
    cache: cache::Exchange,
    metrics: &'a Collector,
    /// How often the app was asked about a redirect.
    questions: AtomicU32,
    pub(super) sending: Option<Arc<Sending>>,
    pub(super) rate: Arc<Rate>,
}

/// The final response of a chain.
#[derive(Debug)]
pub(super) struct Final {
    /// It is long, and handed on often.
    pub(super) answer: Box<Answer>,
    pub(super) response: Response,
    /// Bytes that the body will have, if known.
    pub(super) length: Option<u64>,
}

impl<'a> Chain<'a> {
    pub(super) fn new(
        http: &'a Http,
        attempt: &'a Attempt,
        speedometer: Option<Arc<Speedometer>>,
    ) -> Self {
        let order: &Order = &attempt.order;
        // A simulation keeps to the limit in its own time.
        let limit = order.options.limit_rate.filter(|_| http.simulation.is_none());
        let rate = Arc::new(Rate::new(limit, &http.overall).measured(speedometer));
        let progress: &Arc<Progress> = &attempt.progress;
        let sending = order
            .request
            .body
            .clone()
            .map(|body| Arc::new(Sending::new(body, Arc::clone(progress), Arc::clone(&rate))));
        let cookies = Exchange::new(attempt.cookies.clone(), order);
        let strict = strict::Exchange::new(attempt.known_hosts.clone());
        let cache = cache::Exchange::new(attempt.cache.clone(), order);
        let metrics = &attempt.metrics;
        let questions = AtomicU32::new(0);
        let options = question::answered(&order.options, &order.answers);
        Self {
            http,
            attempt,
            order,
            options,
            cookies,
            strict,
            cache,
            metrics,
            questions,
            sending,
            rate,
        }
    }

    /// Returns the request body bytes of the last request.
    pub(super) fn sent(&self) -> u64 {
        self.sending.as_ref().map_or(0, |sending| sending.sent())
    }

    /// Asks and follows redirects to the final response. The extra fields go with every request.
    pub(super) async fn ask(&self, extra: &[(HeaderName, String)]) -> Result<Final, Failure> {
        pinned(|| self.ask_beside(extra, None)).await
    }

    /// The same, unless its server has so many connections at work already.
    pub(super) async fn ask_beside(
        &self,
        extra: &[(HeaderName, String)],
        most_connections: Option<u32>,
    ) -> Result<Final, Failure> {
        let body = self.sending.as_ref();
        let policy = &self.order.options.request_policy;
        let mut leg = Leg::first(&self.order.request, body)?;
        leg.target = Target::of(policy);
        if let Some(sending) = body {
            // A file that cannot be sent is no reason to look for its server.
            drop(sending.open().await?);
        }
        let mut trail = Trail::new(self.order.options.maximum_redirects);
        let home = leg.url.host_str().map(str::to_owned);
        loop {
            self.strict.upgrade(&mut leg.url);
            self.check_scheme(&leg.url)?;
            let fields = Fields { leg: &leg, extra, decodes: self.decodes(), policy };
            let out = Outgoing {
                headers: fields.compose()?,
                method: &leg.method,
                url: &leg.url,
                target: leg.target,
                body: leg.body,
                options: &self.options,
                asks: self.attempt.asks.as_deref(),
                answers: &self.order.answers,
                asks_leave: false,
                shows_own: policy.trusts_redirects || leg.url.host_str() == home.as_deref(),
                most_connections,
                idle_timeout: self.order.idle_timeout,
                rate: &self.rate,
                metrics: self.metrics,
            };
            let answer = self.load(out, leg.credential.as_deref()).await?;
            let (method, url) = (leg.method.clone(), leg.url.clone());
            let Some(next) = self.next(&answer, leg, &mut trail).await? else {
                return self.finish(answer, &method, &url);
            };
            answer.pass(self.order.idle_timeout).await;
            self.metrics.redirect();
            leg = next;
        }
    }

    /// Returns where the server and the app send the task next; `None` if this is its response.
    async fn next<'s>(
        &self,
        answer: &Answer,
        leg: Leg<'s>,
        trail: &mut Trail,
    ) -> Result<Option<Leg<'s>>, Failure> {
        let options = &self.order.options;
        if options.ignores_redirects {
            return Ok(None);
        }
        let location = answer.head.headers.get(header::LOCATION).map(HeaderValue::as_bytes);
        let rules = redirect::Rules {
            allow_insecure: options.allow_insecure_redirect,
            schemes: options.request_policy.redirect_schemes.as_deref(),
            keeps_post: &options.request_policy.keeps_post,
            trusts: options.request_policy.trusts_redirects,
            strict: Some(&self.strict),
        };
        let status = answer.head.status;
        let Some(hop) = redirect::next(status, location, &leg.method, &leg.url, rules)? else {
            return Ok(None);
        };
        let mut cookies = HeaderMap::new();
        self.cookies.send(&hop.url, &mut cookies);
        trail.step(&hop, cookies.get(header::COOKIE))?;
        let leg = if options.request_policy.tells_referer { leg.told(&hop) } else { leg };
        if !self.attempt.asks_about_redirects {
            return Ok(Some(leg.follow(hop)));
        }
        let response = response_of(&answer.head, &leg.url);
        let next = leg.follow(hop);
        match self.decision(response, &next).await {
            HttpRedirectDisposition::Follow => Ok(Some(next)),
            HttpRedirectDisposition::UseRequest { request } => next.replace(*request).map(Some),
            HttpRedirectDisposition::Refuse => Ok(None),
        }
    }

    /// Asks the app, for as long as that takes.
    async fn decision(&self, response: Response, next: &Leg<'_>) -> HttpRedirectDisposition {
        let question = self.questions.fetch_add(1, Ordering::Relaxed) + 1;
        let new_request = next.shown();
        let until = Timestamp(0);
        let redirection = HttpRedirection { question, response, new_request, until };
        let (decision, decided) = oneshot::channel();
        self.attempt.notices.redirected(Box::new(redirection), decision);
        decided.await.unwrap_or_default()
    }

    /// Says whether what the server packs is unpacked.
    fn decodes(&self) -> bool {
        !matches!(self.order.kind, TaskKind::Download { .. }) || self.order.options.decodes_content
    }

    fn finish(&self, answer: Answer, method: &Method, url: &Url) -> Result<Final, Failure> {
        let mut last = finished(answer, method, url);
        // Part of what is packed cannot be unpacked.
        let is_part = last.answer.head.status == StatusCode::PARTIAL_CONTENT;
        let (head, none) = (&last.answer.head, HeaderMap::new());
        let way = framing::packed(head);
        let unpacks = self.decodes() && !is_part;
        if (unpacks || !way.is_empty()) && last.length != Some(0) {
            let decoder = Decoder::of(if unpacks { &head.headers } else { &none }, &way)
                .map_err(|failure| failure.at(url.as_str()))?;
            if decoder.is_some() {
                last.length = None;
            }
            last.answer.body.decode(decoder);
        }
        Ok(last)
    }

    /// Answers one request with what is kept, or sends it.
    async fn load(&self, out: Outgoing<'_>, own: Option<&Credential>) -> Result<Answer, Failure> {
        if self.cache.is_idle() {
            return self.send(out, own).await;
        }
        Box::pin(self.load_or_answer(out, own)).await
    }

    async fn load_or_answer(
        &self,
        out: Outgoing<'_>,
        own: Option<&Credential>,
    ) -> Result<Answer, Failure> {
        let (method, url) = (out.method, out.url);
        let mut fields = out.headers.clone();
        // What the task leaves out does not tell what comes back.
        let policy = &self.order.options.request_policy;
        if !policy.omits("cookie") {
            self.cookies.send(url, &mut fields);
        }
        let mut credentials = self.means(own).of_server(url);
        credentials.retain(|_| !policy.omits("authorization"));
        let credential = credentials.iter().map(identity).collect::<Vec<_>>().concat();
        let mut pending = match self.cache.look_up((method, url), fields, &credential).await {
            LookUp::Answer(kept) => return Ok(self.kept(kept, method, url)),
            LookUp::Nothing => {
                let why = "nothing is kept for the request";
                let code = ErrorCode::CANNOT_LOAD_FROM_NETWORK;
                return Err(Failure::permanent(code, why).at(url.as_str()));
            }
            LookUp::Send(pending) => pending,
        };
        loop {
            let mut out = out.clone();
            pending.prepare(&mut out.headers);
            let mut answer = match self.send(out, own).await {
                Ok(answer) => answer,
                // What is wrong with the request or with who answers stays wrong.
                Err(failure)
                    if failure.challenge.is_some() || failure.cause == Cause::Permanent =>
                {
                    return Err(failure);
                }
                Err(failure) => {
                    let kept = pending.stand_in().ok_or(failure)?;
                    return Ok(self.kept(kept, method, url));
                }
            };
            match pending.receive(&answer.head).await {
                Received::Kept(kept) => {
                    answer.body.drain(&answer.wire, self.order.idle_timeout).await;
                    return Ok(self.kept(kept, method, url));
                }
                Received::New(recording) => {
                    record(&mut answer, recording).await;
                    return Ok(answer);
                }
                Received::Again(next) => {
                    answer.pass(self.order.idle_timeout).await;
                    pending = *next;
                }
            }
        }
    }

    fn kept(&self, kept: Kept, method: &Method, url: &Url) -> Answer {
        Answer::kept(kept, self.metrics.begin(url.as_str(), method.as_str()))
    }

    /// Sends one request as often as it takes to show the server and the proxy who we are.
    async fn send(
        &self,
        mut out: Outgoing<'_>,
        own: Option<&Credential>,
    ) -> Result<Answer, Failure> {
        let fields = std::mem::take(&mut out.headers);
        // What the app says itself is neither replaced nor asked for.
        let policy = &self.order.options.request_policy;
        let says = fields.contains_key(header::AUTHORIZATION) || policy.omits("authorization");
        let mut gate = (!says).then(|| Gate::new(self.means(own), out.url, out.target));
        let proxy = out.forwarder();
        let memory = &self.http.credentials;
        let mut proxy = proxy
            .and_then(|proxy| Guard::of_proxy(memory, proxy, out.target.absolute_form(out.url)));
        let mut can_wait =
            !policy.omits("expect") && out.body.is_some_and(|body| body.length() >= LEAVE_MINIMUM);
        loop {
            out.headers.clone_from(&fields);
            if !policy.omits("cookie") {
                self.cookies.send(out.url, &mut out.headers);
            }
            out.asks_leave = false;
            if let Some(gate) = &mut gate {
                out.asks_leave |= gate.show(out.method, &mut out.headers) && can_wait;
            }
            if let Some(proxy) = &mut proxy {
                out.asks_leave |= proxy.show(out.method, &mut out.headers) && can_wait;
            }
            out.tell_forwarder()?;
            let answer = self.http.send(&out).await?;
            self.cookies.receive(out.url, &answer.head.headers);
            self.strict.receive(out.url, &answer.head.headers, || out.waives_trust());
            let (status, fields) = (answer.head.status, &answer.head.headers);
            // RFC 9110 section 15.5.18: it does not know how to give leave.
            let needs_no_leave = out.asks_leave && status == StatusCode::EXPECTATION_FAILED;
            can_wait &= !needs_no_leave;
            let lets_in = match &mut proxy {
                Some(proxy) => !proxy.may_relent(status, fields)?,
                None => true,
            };
            let asks = out.forwarder().filter(|_| lets_in && !needs_no_leave);
            let asks = asks.and_then(|proxy| question::of_proxy(out.asks, proxy, status, fields));
            let verdict = match &mut gate {
                _ if asks.is_some() => asks.map_or(Verdict::Response, Verdict::Ask),
                _ if needs_no_leave || !lets_in => Verdict::Again,
                Some(gate) => gate.judge(status, fields)?,
                None => Verdict::Response,
            };
            if matches!(verdict, Verdict::Response) {
                return Ok(answer);
            }
            Box::pin(answer.pass(self.order.idle_timeout)).await;
            if let Verdict::Ask(challenge) = verdict {
                return Err(gate::ask(challenge, out.url));
            }
        }
    }

    fn means<'s>(&'s self, own: Option<&'s Credential>) -> Means<'s> {
        Means {
            own,
            answers: &self.order.answers,
            kept: self.attempt.credentials.as_deref(),
            asks: self.attempt.asks.as_deref(),
            memory: &self.http.credentials,
            method: self.order.options.request_policy.authentication_method,
        }
    }

    fn check_scheme(&self, url: &Url) -> Result<(), Failure> {
        if self.order.options.request_policy.refuses_https && url.scheme() == "https" {
            let why = "only http is allowed, and this is https";
            return Err(Failure::permanent(ErrorCode::UNSUPPORTED_URL, why).at(url.as_str()));
        }
        if !self.order.options.tls.https_only || url.scheme() == "https" {
            return Ok(());
        }
        let code = ErrorCode::APP_TRANSPORT_SECURITY_REQUIRES_SECURE_CONNECTION;
        Err(Failure::permanent(code, "only https is allowed, and this is http").at(url.as_str()))
    }

    /// Turns a status into an error where the task asks for that; the body is then discarded. With
    /// the last try, a status that is only tried again is the result.
    pub(super) async fn judge_status(&self, got: Final) -> Result<Final, Failure> {
        let status = got.answer.head.status;
        let options = &self.order.options;
        let delay = retry_after(&got.answer.head.headers);
        let ends_before =
            delay.zip(self.attempt.time_left).is_some_and(|(delay, left)| delay > left);
        let retried = !self.attempt.is_last_try
            && self.attempt.patience.allows(self.metrics.now(), delay)
            && !ends_before
            && options.retry_statuses.contains(&status.as_u16());
        let refused = options.fail_on_http_error && status.as_u16() >= 400;
        let recoverable = options.recoverable_statuses.contains(&status.as_u16());
        if !retried && !refused && !recoverable {
            return Ok(got);
        }
        let cause = match delay {
            _ if recoverable => Cause::Answer,
            _ if !retried => Cause::Permanent,
            Some(delay) => Cause::After(delay),
            None => Cause::Transient,
        };
        let reason = status.canonical_reason().unwrap_or_default();
        let why = format!("the server answered {} {reason}", status.as_u16());
        let url = got.response.url.clone();
        Box::pin(self.discard(got)).await;
        Err(Failure::new(ErrorCode::BAD_SERVER_RESPONSE, cause, why.trim_end())
            .with_status(status.as_u16())
            .at(&url))
    }

    /// Gives up a response; its connection is saved where that is cheap.
    pub(super) async fn discard(&self, got: Final) {
        let Answer { body, wire, .. } = *got.answer;
        body.drain(&wire, self.order.idle_timeout).await;
    }
}

/// What the header fields of one request depend on.
struct Fields<'a> {
    leg: &'a Leg<'a>,
    extra: &'a [(HeaderName, String)],
    /// Whether what the server packs is unpacked.
    decodes: bool,
    policy: &'a RequestPolicy,
}

impl Fields<'_> {
    /// The caller's fields win over ours, save those of the connection.
    fn compose(&self) -> Result<HeaderMap, Failure> {
        let Leg { url, method, headers, body, .. } = self.leg;
        let mut map = HeaderMap::new();
        for field in headers.iter() {
            let name = HeaderName::from_bytes(field.name.as_bytes())
                .map_err(|error| self.illegal(&field.name, &error))?;
            if field.is_of_connection() {
                continue;
            }
            let value = HeaderValue::from_bytes(field.value.expose().as_bytes())
                .map_err(|error| self.illegal(&field.name, &error))?;
            map.append(name, value);
        }
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        if let Ok(host) = HeaderValue::from_str(host) {
            self.default(&mut map, header::HOST, host);
        }
        self.default(&mut map, header::USER_AGENT, HeaderValue::from_static(USER_AGENT));
        self.default(&mut map, header::ACCEPT, HeaderValue::from_static("*/*"));
        let is_part = map.contains_key(header::RANGE) || !self.decodes;
        let codings = if is_part { "identity" } else { coding::accepted(url.scheme()) };
        self.default(&mut map, header::ACCEPT_ENCODING, HeaderValue::from_static(codings));
        for (name, value) in self.extra {
            // An app that asks for a range of its own never gets here with another.
            if let Ok(value) = HeaderValue::from_str(value) {
                map.insert(name.clone(), value);
            }
        }
        let length = body.map(|body| body.length());
        if let Some(length) = length.or_else(|| expects_body(method).then_some(0)) {
            map.insert(header::CONTENT_LENGTH, length.into());
        }
        if *method == Method::POST && length.is_some_and(|length| length > 0) {
            let form = HeaderValue::from_static("application/x-www-form-urlencoded");
            self.default(&mut map, header::CONTENT_TYPE, form);
        }
        Ok(map)
    }

    fn default(&self, map: &mut HeaderMap, name: HeaderName, value: HeaderValue) {
        if !map.contains_key(&name) && !self.policy.omits(name.as_str()) {
            map.insert(name, value);
        }
    }

    fn illegal(&self, name: &str, error: &dyn std::fmt::Display) -> Failure {
        let why = format!("the header field “{}”: {error}", name.escape_debug());
        Failure::permanent(ErrorCode::UNKNOWN, why).at(self.leg.url.as_str())
    }
}

async fn record(answer: &mut Answer, recording: Option<Recording>) {
    match recording {
        // What is packed for the way alone would be kept packed.
        Some(mut recording) if !framing::packed(&answer.head).is_empty() => {
            recording.give_up();
            recording.finish().await;
        }
        recording => answer.body.record(recording),
    }
}

/// Returns what tells a credential from others.
fn identity(credential: &Credential) -> Vec<u8> {
    let Credential { user, password, .. } = credential;
    [user.expose().as_bytes(), password.expose().as_bytes()].join(&0)
}

/// RFC 9110 section 8.6: servers expect to hear of an empty body with these methods.
fn expects_body(method: &Method) -> bool {
    [Method::POST, Method::PUT, Method::PATCH].contains(method)
}

fn response_of(head: &http::response::Parts, url: &Url) -> Response {
    Response {
        url: url.as_str().to_owned(),
        status_code: head.status.as_u16(),
        network_protocol: Some(protocol_name(head.version).to_owned()),
        resource_fetch_type: head.extensions.get().copied().unwrap_or_default(),
        headers: fields(&head.headers),
        suggested_filename: Some(disposition::suggested(&head.headers, url.as_str())),
    }
}

fn finished(answer: Answer, method: &Method, url: &Url) -> Final {
    let head = &answer.head;
    let response = response_of(head, url);
    let empty = *method == Method::HEAD
        || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    let length = match framing::length(&head.headers) {
        _ if empty => Some(0),
        // RFC 9112 section 6.3: the coding overrides the length.
        _ if head.headers.contains_key(header::TRANSFER_ENCODING) => {
            framing::length_beside_identity(head)
        }
        length => length,
    };
    Final { answer: Box::new(answer), response, length }
}

/// RFC 9110 section 10.2.3. A date counts from the server's own clock, so that ours may be wrong.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = |name: HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    let after = text(header::RETRY_AFTER)?.trim();
    if let Ok(seconds) = after.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let then = httpdate::parse_http_date(after).ok()?;
    let now = httpdate::parse_http_date(text(header::DATE)?).ok()?;
    Some(then.duration_since(now).unwrap_or_default())
}
