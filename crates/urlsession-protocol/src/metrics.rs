//! What a task's requests took: Apple's `URLSessionTaskMetrics` and its transactions.
//!
//! ```text
//!   fetch_start ── domain_lookup ── connect ──────────────────── request ── response
//!                  start … end      start … secure_connection … end         start … end
//! ```
//! A date is absent where its step was not needed, as on a connection that was open already, or
//! did not come to its end. What this system cannot tell is not here: `isCellular`, `isExpensive`,
//! `isConstrained`, `isMultipath` and `domainResolutionProtocol`.

use crate::{HeaderFields, ResourceFetchType, Timestamp, TlsVersion, abridged};
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// Most transactions kept of one task: the first ones and the last ones.
pub const TRANSACTIONS_LIMIT: usize = 40;
/// Most bytes of the header fields that are kept of one task's transactions; the earliest go first.
pub const TRANSACTION_HEADS_LIMIT: usize = 64 * 1024;
/// Longest URL kept of a transaction, in bytes; a longer one ends with `…`.
pub const TRANSACTION_URL_LIMIT: usize = 2048;

/// Microseconds since 1970-01-01 UTC: on a loopback much happens within a millisecond.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct Date(pub u64);

impl Date {
    /// Adds a duration; ends at the largest date rather than wrapping.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)))
    }

    /// Returns how long it is from `self` until `later`, zero if that is past.
    #[must_use]
    pub fn until(self, later: Self) -> Duration {
        Duration::from_micros(later.0.saturating_sub(self.0))
    }
}

impl From<Timestamp> for Date {
    fn from(Timestamp(milliseconds): Timestamp) -> Self {
        Self(milliseconds.saturating_mul(1000))
    }
}

/// From when until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DateInterval {
    /// Its start.
    pub start: Date,
    /// Its end.
    pub end: Date,
}

/// What all requests of a task took, of all its attempts: Apple's `URLSessionTaskMetrics`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TaskMetrics {
    /// Every request, in order: each redirect and each further try is one of its own.
    pub transaction_metrics: Vec<TransactionMetrics>,
    /// From the creation of the task to its completion, and not before the last of the requests.
    pub task_interval: DateInterval,
    /// Redirects that were followed, by all attempts.
    pub redirect_count: u32,
    /// Transactions left out of the middle, beyond [`TRANSACTIONS_LIMIT`], or all where a message
    /// would be too long for a line.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub omitted_transactions: u32,
}

impl TaskMetrics {
    /// Appends a transaction; beyond the limit the one in the middle goes, and beyond that of
    /// header fields those of the earliest.
    pub fn push(&mut self, transaction: TransactionMetrics) {
        if self.transaction_metrics.len() >= TRANSACTIONS_LIMIT {
            self.transaction_metrics.remove(TRANSACTIONS_LIMIT / 2);
            self.omitted_transactions = self.omitted_transactions.saturating_add(1);
        }
        let is_headed = transaction.response.as_ref().is_some_and(|one| !one.headers.is_empty());
        self.transaction_metrics.push(transaction);
        if is_headed {
            self.trim_heads();
        }
    }

    /// Says from when until when the task was. That is known in milliseconds, and of its requests in
    /// microseconds: it does not end before they do.
    #[must_use]
    pub fn during(mut self, interval: DateInterval) -> Self {
        let ends = self.transaction_metrics.iter().filter_map(TransactionMetrics::end);
        let end = ends.fold(interval.end, Date::max);
        self.task_interval = DateInterval { end, ..interval };
        self
    }

    /// Hides the values of cookies, for whoever has no use for them.
    pub fn hide_cookies(&mut self) {
        let responses = self.transaction_metrics.iter_mut().filter_map(|one| one.response.as_mut());
        responses.for_each(|response| response.headers.hide_cookies());
    }

    fn trim_heads(&mut self) {
        let mut left = TRANSACTION_HEADS_LIMIT;
        for one in self.transaction_metrics.iter_mut().rev() {
            let Some(response) = &mut one.response else { continue };
            left = left.saturating_sub(response.header_bytes());
            if left == 0 {
                response.headers = HeaderFields::default();
            }
        }
    }

    /// Appends what a later attempt took.
    pub fn append(&mut self, later: Self) {
        for transaction in later.transaction_metrics {
            self.push(transaction);
        }
        self.redirect_count = self.redirect_count.saturating_add(later.redirect_count);
        self.omitted_transactions =
            self.omitted_transactions.saturating_add(later.omitted_transactions);
    }
}

/// One request and its response: Apple's `URLSessionTaskTransactionMetrics`.
///
/// Header fields of requests are not kept, as they hold secrets.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TransactionMetrics {
    /// Whom was asked for what.
    pub request: TransactionRequest,
    /// What the server answered; `None` if it did not.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response: Option<TransactionResponse>,
    /// When the engine began to see to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fetch_start_date: Option<Date>,
    /// When the look-up of the host, or of its proxy, began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_lookup_start_date: Option<Date>,
    /// When its addresses were known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub domain_lookup_end_date: Option<Date>,
    /// When the first address was tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_start_date: Option<Date>,
    /// When the TLS handshake with the server began.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_connection_start_date: Option<Date>,
    /// When the server was known to be the right one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secure_connection_end_date: Option<Date>,
    /// When the connection was ready, tunnel and TLS included.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_end_date: Option<Date>,
    /// When the request was handed to the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_start_date: Option<Date>,
    /// When the connection had taken its last byte.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub request_end_date: Option<Date>,
    /// When the head of the response was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_start_date: Option<Date>,
    /// When its last byte was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub response_end_date: Option<Date>,
    /// `http/1.0`, `http/1.1`, `h2` or `h3`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub network_protocol_name: Option<String>,
    /// What the proxy answered last to `CONNECT`, where the connection was opened for this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub proxy_status_code: Option<u16>,
    /// Whether it went through a proxy.
    #[serde(rename = "proxy_connection", skip_serializing_if = "std::ops::Not::not")]
    pub is_proxy_connection: bool,
    /// Whether the connection was open already.
    #[serde(rename = "reused_connection", skip_serializing_if = "std::ops::Not::not")]
    pub is_reused_connection: bool,
    /// Whether the server answered, or what was kept.
    pub resource_fetch_type: ResourceFetchType,
    /// Bytes of the request's head as HTTP/1.1 spells it; HTTP/2 sends fewer.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_request_header_bytes_sent: u64,
    /// Bytes of the request's body that the connection took.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_request_body_bytes_sent: u64,
    /// Bytes of the request's body before any coding: as many as the task has.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_request_body_bytes_before_encoding: u64,
    /// Bytes of the response's head as HTTP/1.1 spells it; HTTP/2 sends fewer.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_response_header_bytes_received: u64,
    /// Bytes of the heads that the proxy answered `CONNECT` with, where the connection was opened
    /// for this request.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_proxy_header_bytes_received: u64,
    /// Bytes of the response's body as they came.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_response_body_bytes_received: u64,
    /// Bytes of the response's body as the task has them.
    #[serde(skip_serializing_if = "is_none")]
    pub count_of_response_body_bytes_after_decoding: u64,
    /// Our end of the connection: Apple's `localAddress` and `localPort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub local: Option<SocketAddr>,
    /// The other end, a proxy's if there is one: Apple's `remoteAddress` and `remotePort`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remote: Option<SocketAddr>,
    /// The version of TLS.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negotiated_tls_protocol_version: Option<TlsVersion>,
    /// The registered name of the cipher suite, such as `TLS_AES_256_GCM_SHA384`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub negotiated_tls_cipher_suite: Option<String>,
}

impl TransactionMetrics {
    /// Returns the latest of its dates.
    fn end(&self) -> Option<Date> {
        let dates = [
            self.fetch_start_date,
            self.domain_lookup_start_date,
            self.domain_lookup_end_date,
            self.connect_start_date,
            self.secure_connection_start_date,
            self.secure_connection_end_date,
            self.connect_end_date,
            self.request_start_date,
            self.request_end_date,
            self.response_start_date,
            self.response_end_date,
        ];
        dates.into_iter().flatten().max()
    }

    /// Returns our end's address.
    #[must_use]
    pub fn local_address(&self) -> Option<IpAddr> {
        self.local.map(|local| local.ip())
    }

    /// Returns our end's port.
    #[must_use]
    pub fn local_port(&self) -> Option<u16> {
        self.local.map(|local| local.port())
    }

    /// Returns the other end's address.
    #[must_use]
    pub fn remote_address(&self) -> Option<IpAddr> {
        self.remote.map(|remote| remote.ip())
    }

    /// Returns the other end's port.
    #[must_use]
    pub fn remote_port(&self) -> Option<u16> {
        self.remote.map(|remote| remote.port())
    }
}

/// The request of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransactionRequest {
    /// Its URL, without user-info.
    pub url: String,
    /// Its method.
    pub method: String,
}

impl TransactionRequest {
    /// Makes a request of its parts; of a URL that is too long only the beginning is kept.
    #[must_use]
    pub fn new(url: &str, method: &str) -> Self {
        let url = abridged(url, TRANSACTION_URL_LIMIT).into_owned();
        Self { url, method: method.to_owned() }
    }
}

/// The response of a transaction.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TransactionResponse {
    /// The HTTP status.
    pub status_code: u16,
    /// Its header fields where another request answered it: a redirect that was followed, a
    /// question who asks. Those of the final response come with the completion. At most
    /// [`TRANSACTION_HEADS_LIMIT`] bytes of one task.
    #[serde(default, skip_serializing_if = "HeaderFields::is_none")]
    pub headers: HeaderFields,
}

impl TransactionResponse {
    /// Returns the bytes of its header fields, as HTTP/1.1 spells them.
    fn header_bytes(&self) -> usize {
        self.headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
    }
}

fn is_zero(count: &u32) -> bool {
    *count == 0
}

fn is_none(bytes: &u64) -> bool {
    *bytes == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbered(number: usize) -> TransactionMetrics {
        TransactionMetrics {
            request: TransactionRequest::new(&number.to_string(), "GET"),
            ..TransactionMetrics::default()
        }
    }

    fn numbers(metrics: &TaskMetrics) -> Vec<usize> {
        let urls = metrics.transaction_metrics.iter().map(|one| &one.request.url);
        urls.map(|url| url.parse().unwrap()).collect()
    }

    #[test]
    fn the_first_and_the_last_transactions_are_kept() {
        let mut metrics = TaskMetrics::default();
        (0..100).for_each(|number| metrics.push(numbered(number)));
        let kept: Vec<usize> = (0..20).chain(80..100).collect();
        assert_eq!(numbers(&metrics), kept);
        assert_eq!(metrics.omitted_transactions, 60);
        let mut before = TaskMetrics { redirect_count: 2, ..TaskMetrics::default() };
        before.push(numbered(7));
        before.append(TaskMetrics { redirect_count: 3, ..metrics });
        assert_eq!(numbers(&before)[..3], [7, 0, 1]);
        assert_eq!(numbers(&before).last(), Some(&99));
        assert_eq!((before.redirect_count, before.omitted_transactions), (5, 61));
    }

    /// when the task ended and the last step of each of its requests => until when it was
    #[test]
    fn a_task_does_not_end_before_its_requests() {
        let asked = |date| TransactionMetrics {
            fetch_start_date: Some(Date(1_000_050)),
            request_end_date: Some(Date(date)),
            ..TransactionMetrics::default()
        };
        let answered =
            |date| TransactionMetrics { response_end_date: Some(Date(date)), ..asked(1_000_500) };
        for (end, transactions, expected) in [
            (1_037_000, vec![], 1_037_000),
            (1_037_000, vec![TransactionMetrics::default()], 1_037_000),
            (1_037_000, vec![answered(1_037_090)], 1_037_090),
            (1_038_000, vec![answered(1_037_090)], 1_038_000),
            (1_037_000, vec![asked(1_037_080)], 1_037_080),
            (1_037_000, vec![answered(1_037_900), answered(1_037_090)], 1_037_900),
        ] {
            let metrics = TaskMetrics { transaction_metrics: transactions, ..Default::default() };
            let interval = DateInterval { start: Date(1_000_000), end: Date(end) };
            let found = metrics.clone().during(interval).task_interval;
            assert_eq!((found.start.0, found.end.0), (1_000_000, expected), "{metrics:?}");
        }
    }

    #[test]
    fn the_last_heads_are_kept() {
        let mut metrics = TaskMetrics::default();
        for number in 0..5 {
            let fields = [("Set-Cookie".to_owned(), "x".repeat(20_000))];
            let headers = fields.into_iter().collect();
            let response = Some(TransactionResponse { status_code: 302, headers });
            metrics.push(TransactionMetrics { response, ..numbered(number) });
        }
        let kept = |metrics: &TaskMetrics| {
            let responses = metrics.transaction_metrics.iter().flat_map(|one| &one.response);
            responses.map(TransactionResponse::header_bytes).collect::<Vec<_>>()
        };
        assert_eq!(kept(&metrics), [0, 0, 20_014, 20_014, 20_014]);
        metrics.hide_cookies();
        assert_eq!(kept(&metrics), [0, 0, 17, 17, 17]);
        let headers = [("a".to_owned(), "x".repeat(TRANSACTION_HEADS_LIMIT))].into_iter().collect();
        let response = Some(TransactionResponse { status_code: 302, headers });
        metrics.push(TransactionMetrics { response, ..numbered(5) });
        assert_eq!(kept(&metrics), [0; 6], "one that is too long takes all room");
    }

    #[test]
    fn the_longest_metrics_fit_into_a_line() {
        let mut metrics = TaskMetrics::default();
        let headers = [("a".to_owned(), "\"".repeat(TRANSACTION_HEADS_LIMIT - 6))];
        let headed =
            TransactionResponse { status_code: 302, headers: headers.into_iter().collect() };
        let url = format!("https://a/{}", "ä".repeat(70_000));
        for _ in 0..=TRANSACTIONS_LIMIT {
            let request = TransactionRequest::new(&url, &"M".repeat(64));
            assert!(request.url.len() <= TRANSACTION_URL_LIMIT && request.url.ends_with("ä…"));
            metrics.push(TransactionMetrics { request, ..TransactionMetrics::default() });
        }
        metrics.transaction_metrics[0].response = Some(headed);
        metrics.trim_heads();
        let line = serde_json::to_string(&metrics).unwrap();
        assert!(line.len() > 2 * TRANSACTION_HEADS_LIMIT, "{}", line.len());
        assert!(line.len() < crate::line::LINE_LIMIT / 4, "{}", line.len());
    }
}
