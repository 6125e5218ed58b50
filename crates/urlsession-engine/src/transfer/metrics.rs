//! What the requests of one attempt take, noted as it happens.

use http::{HeaderMap, Version};
use hyper::ext::ReasonPhrase;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::time::Instant;
use urlsession_protocol::metrics::{TRANSACTION_HEADS_LIMIT, TRANSACTIONS_LIMIT};
use urlsession_protocol::{
    Date, HeaderFields, ResourceFetchType, TaskMetrics, TlsVersion, TransactionMetrics,
    TransactionRequest, TransactionResponse,
};

/// The transactions of one attempt; written by the transfer, read by the driver.
#[derive(Debug)]
pub(crate) struct Collector {
    watch: Watch,
    noted: Mutex<Noted>,
}

#[derive(Debug, Default)]
struct Noted {
    transactions: Vec<Arc<Mutex<TransactionMetrics>>>,
    omitted: u32,
    redirects: u32,
}

/// One request on its way. A clone is the same transaction.
#[derive(Debug, Clone)]
pub(crate) struct Transaction {
    watch: Watch,
    metrics: Arc<Mutex<TransactionMetrics>>,
}

/// What is known of a connection.
#[derive(Debug)]
pub(super) struct Facts {
    local: Option<SocketAddr>,
    remote: Option<SocketAddr>,
    version: Option<TlsVersion>,
    suite: Option<String>,
    is_proxied: bool,
    protocol: Version,
    /// Counts the connection for as long as it is there.
    _seat: Option<Arc<()>>,
}

impl Facts {
    /// A connection of QUIC, which tells nothing of its cipher.
    #[cfg(feature = "http3")]
    pub(super) fn of_quic(local: Option<SocketAddr>, remote: SocketAddr) -> Self {
        let version = Some(TlsVersion::Tls13);
        let (remote, protocol) = (Some(remote), Version::HTTP_3);
        Self { local, remote, version, suite: None, is_proxied: false, protocol, _seat: None }
    }

    /// Counts the connection by a clone of its seat.
    pub(super) fn seated(self, seat: Arc<()>) -> Self {
        Self { _seat: Some(seat), ..self }
    }

    pub(super) fn new(
        (local, remote): (Option<SocketAddr>, Option<SocketAddr>),
        tls: Option<&rustls::ConnectionCommon<rustls::client::ClientConnectionData>>,
        is_proxied: bool,
        is_http2: bool,
    ) -> Self {
        let version = tls.and_then(|tls| tls.protocol_version());
        let suite = tls.and_then(|tls| tls.negotiated_cipher_suite());
        Self {
            local,
            remote,
            version: version.map(|version| match version {
                rustls::ProtocolVersion::TLSv1_2 => TlsVersion::Tls12,
                // No older version is spoken, and no newer one exists.
                _ => TlsVersion::Tls13,
            }),
            // The registry has no number in the names of those of TLS 1.3.
            suite: suite.map(|suite| format!("{:?}", suite.suite()).replace("TLS13_", "TLS_")),
            is_proxied,
            protocol: if is_http2 { Version::HTTP_2 } else { Version::HTTP_11 },
            _seat: None,
        }
    }
}

/// Tells the date without ever going back, whatever is done to the wall clock.
#[derive(Debug, Clone, Copy)]
struct Watch {
    began: Date,
    origin: Instant,
}

impl Collector {
    /// Begins at that date, which is now.
    pub(crate) fn new(began: Date) -> Self {
        let watch = Watch { began, origin: Instant::now() };
        Self { watch, noted: Mutex::default() }
    }

    /// Returns the date.
    pub(super) fn now(&self) -> Date {
        self.watch.now()
    }

    /// Begins a transaction.
    pub(crate) fn begin(&self, url: &str, method: &str) -> Transaction {
        let metrics = Arc::new(Mutex::new(TransactionMetrics {
            request: TransactionRequest::new(url, method),
            fetch_start_date: Some(self.watch.now()),
            ..TransactionMetrics::default()
        }));
        let mut noted = lock(&self.noted);
        if noted.transactions.len() >= TRANSACTIONS_LIMIT {
            noted.transactions.remove(TRANSACTIONS_LIMIT / 2);
            noted.omitted += 1;
        }
        noted.transactions.push(Arc::clone(&metrics));
        Transaction { watch: self.watch, metrics }
    }

    /// Counts a redirect that is followed.
    pub(crate) fn redirect(&self) {
        lock(&self.noted).redirects += 1;
    }

    /// Returns the address that the last connection came from.
    pub(crate) fn local(&self) -> Option<IpAddr> {
        let noted = lock(&self.noted);
        noted.transactions.last().and_then(|last| lock(last).local).map(|local| local.ip())
    }

    /// Returns what is known by now; when the task began and ends is the driver's to say.
    pub(crate) fn snapshot(&self) -> TaskMetrics {
        let noted = lock(&self.noted);
        let transactions = noted.transactions.iter();
        TaskMetrics {
            transaction_metrics: transactions.map(|metrics| lock(metrics).clone()).collect(),
            redirect_count: noted.redirects,
            omitted_transactions: noted.omitted,
            ..TaskMetrics::default()
        }
    }
}

impl Transaction {
    /// Writes something down; the date is that of the moment.
    pub(super) fn note(&self, write: impl FnOnce(&mut TransactionMetrics, Date)) {
        let now = self.watch.now();
        write(&mut lock(&self.metrics), now);
    }

    /// Notes that the connection was open already.
    pub(super) fn reused(&self) {
        self.note(|metrics, _| metrics.is_reused_connection = true);
    }

    /// Notes over what the request goes.
    pub(super) fn connected(&self, facts: &Facts) {
        self.note(|metrics, _| {
            metrics.local = facts.local;
            metrics.remote = facts.remote;
            metrics.negotiated_tls_protocol_version = facts.version;
            metrics.negotiated_tls_cipher_suite.clone_from(&facts.suite);
            metrics.is_proxy_connection = facts.is_proxied;
            metrics.network_protocol_name = Some(protocol_name(facts.protocol).to_owned());
        });
    }

    /// Begins to note apart what may come to nothing.
    #[cfg(feature = "http3")]
    pub(super) fn fork(&self) -> Self {
        let metrics = Arc::new(Mutex::new(lock(&self.metrics).clone()));
        Self { watch: self.watch, metrics }
    }

    /// Takes over what was noted apart.
    #[cfg(feature = "http3")]
    pub(super) fn adopt(&self, fork: &Self) {
        let metrics = lock(&fork.metrics).clone();
        *lock(&self.metrics) = metrics;
    }

    /// Notes that the request goes out; its body tells its own end.
    pub(super) fn requested<T>(&self, request: &http::Request<T>, has_body: bool) {
        self.note(|metrics, now| {
            let target = request.uri().path_and_query().map_or(0, |target| target.as_str().len());
            let line = request.method().as_str().len() + target + "  HTTP/1.1\r\n".len();
            metrics.request_start_date = Some(now);
            metrics.request_end_date = Some(now).filter(|_| !has_body);
            metrics.count_of_request_header_bytes_sent = length(line, request.headers());
        });
    }

    /// Notes how much of the request's body is out.
    pub(super) fn sent(&self, bytes: u64) {
        self.note(|metrics, _| {
            metrics.count_of_request_body_bytes_sent = bytes;
            metrics.count_of_request_body_bytes_before_encoding = bytes;
        });
    }

    /// Notes that the head of a response is there.
    pub(super) fn answered(&self, head: &http::response::Parts) {
        self.note(|metrics, now| {
            metrics.response_start_date = Some(now);
            metrics.response = Some(response(head));
            metrics.network_protocol_name = Some(protocol_name(head.version).to_owned());
            metrics.count_of_response_header_bytes_received = length_of(head);
        });
    }

    /// Notes what a proxy answers that is asked for a way to the server.
    pub(super) fn let_through(&self, head: &http::response::Parts) {
        self.note(|metrics, _| {
            metrics.proxy_status_code = Some(head.status.as_u16());
            metrics.count_of_proxy_header_bytes_received += length_of(head);
        });
    }

    /// Notes that a response is taken from what is kept.
    pub(super) fn answered_from_cache(&self, head: &http::response::Parts) {
        self.note(|metrics, now| {
            metrics.resource_fetch_type = ResourceFetchType::LocalCache;
            metrics.response_start_date = Some(now);
            metrics.response = Some(response(head));
        });
    }

    /// Keeps the head of a response that another request answers: nothing else tells it later.
    pub(super) fn passed(&self, head: &http::response::Parts) {
        if length(0, &head.headers) <= TRANSACTION_HEADS_LIMIT as u64 {
            let headers = fields(&head.headers);
            let response = TransactionResponse { headers, ..response(head) };
            self.note(|metrics, _| metrics.response = Some(response));
        }
    }

    /// Notes bytes of the body of the response.
    pub(super) fn received(&self, bytes: usize, is_coded: bool) {
        self.note(|metrics, _| {
            metrics.count_of_response_body_bytes_received += bytes as u64;
            if !is_coded {
                metrics.count_of_response_body_bytes_after_decoding += bytes as u64;
            }
        });
    }

    /// Notes bytes of the body of the response that were unpacked.
    pub(super) fn decoded(&self, bytes: usize) {
        self.note(|metrics, _| {
            metrics.count_of_response_body_bytes_after_decoding += bytes as u64;
        });
    }

    /// Notes that the whole response is there.
    pub(crate) fn ended(&self) {
        self.note(|metrics, now| {
            metrics.response_end_date = metrics.response_end_date.or(Some(now));
        });
    }
}

impl Watch {
    fn now(self) -> Date {
        self.began.after(self.origin.elapsed())
    }
}

/// Returns the registered name of a protocol (RFC 7301).
pub(super) fn protocol_name(version: Version) -> &'static str {
    match version {
        Version::HTTP_3 => "h3",
        Version::HTTP_2 => "h2",
        Version::HTTP_10 => "http/1.0",
        _ => "http/1.1",
    }
}

/// Returns header fields as apps have them; a value that is not UTF-8 is taken for Latin-1, which
/// HTTP once had.
pub(super) fn fields(headers: &HeaderMap) -> HeaderFields {
    let text = |value: &http::HeaderValue| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    };
    headers.iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}

fn response(head: &http::response::Parts) -> TransactionResponse {
    let status_code = head.status.as_u16();
    TransactionResponse { status_code, ..TransactionResponse::default() }
}

/// Returns the bytes of the head of a response.
fn length_of(head: &http::response::Parts) -> u64 {
    let reason = match head.extensions.get::<ReasonPhrase>() {
        Some(own) => own.as_bytes().len(),
        None => head.status.canonical_reason().unwrap_or_default().len(),
    };
    // The version and two spaces, the number, the reason and the end of the line.
    length("HTTP/1.1 200 \r\n".len() + reason, &head.headers)
}

/// Returns the bytes of a head: its first line, its fields and the empty line.
pub(super) fn length(line: usize, fields: &HeaderMap) -> u64 {
    let fields = fields.iter().map(|(name, value)| name.as_str().len() + value.len() + 4);
    (line + fields.sum::<usize>() + 2) as u64
}

/// A panic in between leaves numbers that are as good as any.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn dates_follow_steady_time() {
        let collector = Collector::new(Date(1_000_000));
        let first = collector.begin("http://a/1", "GET");
        tokio::time::advance(Duration::from_millis(20)).await;
        first.note(|metrics, now| metrics.request_start_date = Some(now));
        let head = http::Response::builder().header("a", "bc").body(()).expect("a response");
        tokio::time::advance(Duration::from_micros(5)).await;
        first.answered(&head.into_parts().0);
        first.received(7, true);
        first.decoded(70);
        first.ended();
        tokio::time::advance(Duration::from_secs(1)).await;
        first.ended();
        collector.redirect();
        collector.begin("http://a/2", "GET");
        let TaskMetrics { transaction_metrics, redirect_count, .. } = collector.snapshot();
        let [first, second] = &transaction_metrics[..] else { panic!("{transaction_metrics:?}") };
        let dates = [
            first.fetch_start_date,
            first.request_start_date,
            first.response_start_date,
            first.response_end_date,
            second.fetch_start_date,
        ];
        let expected = [1_000_000, 1_020_000, 1_020_005, 1_020_005, 2_020_005];
        assert_eq!(dates, expected.map(|date| Some(Date(date))));
        assert_eq!(first.count_of_response_header_bytes_received, 17 + 7 + 2);
        assert_eq!(first.count_of_response_body_bytes_received, 7);
        assert_eq!(first.count_of_response_body_bytes_after_decoding, 70);
        assert_eq!((redirect_count, second.response.as_ref()), (1, None));
    }

    #[test]
    fn fields_are_utf_8_or_latin_1() {
        let value = |bytes: &[u8]| http::HeaderValue::from_bytes(bytes).expect("a value");
        let headers: HeaderMap = [
            (http::header::SERVER, value(b"caf\xe9")),
            (http::header::ETAG, value("\"né日\"".as_bytes())),
        ]
        .into_iter()
        .collect();
        let told = fields(&headers);
        let expected = [("server", "café"), ("etag", "\"né日\"")];
        assert_eq!(told[..], expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_middle_goes_first() {
        let collector = Collector::new(Date(0));
        for number in 0..TRANSACTIONS_LIMIT + 5 {
            collector.begin(&number.to_string(), "GET");
        }
        let metrics = collector.snapshot();
        let urls = metrics.transaction_metrics.iter().map(|one| one.request.url.as_str());
        let urls: Vec<_> = urls.collect();
        assert_eq!((urls.len(), metrics.omitted_transactions), (TRANSACTIONS_LIMIT, 5));
        assert_eq!((urls[0], urls[19], urls[20], urls[39]), ("0", "19", "25", "44"));
    }
}
