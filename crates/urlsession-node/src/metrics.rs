//! Metrics on their way to JavaScript: Apple's names, dates as milliseconds with fractions.

use crate::event::{HeaderField, number};
use napi_derive::napi;
use urlsession::{Date, ResourceFetchType, TlsVersion};

/// What all requests of a task took.
#[napi(object, object_from_js = false)]
pub struct TaskMetrics {
    /// Every request, in order: each redirect and each further try is one of its own.
    pub transaction_metrics: Vec<TransactionMetrics>,
    /// From the creation of the task to its completion.
    pub task_interval: DateInterval,
    /// Redirects that were followed.
    pub redirect_count: u32,
    /// Transactions left out of the middle of very many.
    pub omitted_transactions: u32,
}

/// Two dates in milliseconds since 1970.
#[napi(object, object_from_js = false)]
pub struct DateInterval {
    /// Its start.
    pub start: f64,
    /// Its end.
    pub end: f64,
}

/// The request of a transaction, without header fields.
#[napi(object, object_from_js = false)]
pub struct TransactionRequest {
    /// Its URL, without user-info.
    pub url: String,
    /// Its method.
    pub method: String,
}

/// The response of a transaction.
#[napi(object, object_from_js = false)]
pub struct TransactionResponse {
    /// The HTTP status.
    pub status_code: u32,
    /// Its header fields where another request answered it, as a redirect that was followed; those
    /// of the final response come with the completion.
    pub headers: Option<Vec<HeaderField>>,
}

impl From<&urlsession::TransactionResponse> for TransactionResponse {
    fn from(response: &urlsession::TransactionResponse) -> Self {
        let fields = response.headers.iter().cloned();
        let headers: Vec<_> = fields.map(|(name, value)| HeaderField { name, value }).collect();
        Self {
            status_code: response.status_code.into(),
            headers: (!headers.is_empty()).then_some(headers),
        }
    }
}

/// One request and its response. Dates are milliseconds since 1970 with fractions, absent where
/// the step was not needed or did not come to its end.
#[napi(object, object_from_js = false)]
pub struct TransactionMetrics {
    /// Whom was asked for what.
    pub request: TransactionRequest,
    /// What the server answered; absent if it did not.
    pub response: Option<TransactionResponse>,
    /// When it was begun.
    pub fetch_start_date: Option<f64>,
    /// When the look-up of the host, or of its proxy, began.
    pub domain_lookup_start_date: Option<f64>,
    /// When its addresses were known.
    pub domain_lookup_end_date: Option<f64>,
    /// When the first address was tried.
    pub connect_start_date: Option<f64>,
    /// When the TLS handshake with the server began.
    pub secure_connection_start_date: Option<f64>,
    /// When the server was known to be the right one.
    pub secure_connection_end_date: Option<f64>,
    /// When the connection was ready, tunnel and TLS included.
    pub connect_end_date: Option<f64>,
    /// When the request was handed to the connection.
    pub request_start_date: Option<f64>,
    /// When the connection had taken its last byte.
    pub request_end_date: Option<f64>,
    /// When the head of the response was there.
    pub response_start_date: Option<f64>,
    /// When its last byte was.
    pub response_end_date: Option<f64>,
    /// `http/1.0`, `http/1.1`, `h2` or `h3`.
    pub network_protocol_name: Option<String>,
    /// What the proxy answered last to `CONNECT`.
    pub proxy_status_code: Option<u32>,
    /// Whether it went through a proxy.
    pub is_proxy_connection: bool,
    /// Whether the connection was open already.
    pub is_reused_connection: bool,
    /// Whether the server answered, or what was kept.
    #[napi(ts_type = "'networkLoad' | 'localCache'")]
    pub resource_fetch_type: String,
    /// Bytes of the request's head as HTTP/1.1 spells it.
    pub count_of_request_header_bytes_sent: i64,
    /// Bytes of the request's body that the connection took.
    pub count_of_request_body_bytes_sent: i64,
    /// Bytes of the request's body before any coding.
    pub count_of_request_body_bytes_before_encoding: i64,
    /// Bytes of the response's head as HTTP/1.1 spells it.
    pub count_of_response_header_bytes_received: i64,
    /// Bytes of the heads that the proxy answered `CONNECT` with.
    pub count_of_proxy_header_bytes_received: i64,
    /// Bytes of the response's body as they came.
    pub count_of_response_body_bytes_received: i64,
    /// Bytes of the response's body as the task has them.
    pub count_of_response_body_bytes_after_decoding: i64,
    /// Our end of the connection.
    pub local_address: Option<String>,
    /// Its port.
    pub local_port: Option<u32>,
    /// The other end, a proxy's if there is one.
    pub remote_address: Option<String>,
    /// Its port.
    pub remote_port: Option<u32>,
    /// The version of TLS.
    #[napi(js_name = "negotiatedTLSProtocolVersion", ts_type = "'1.2' | '1.3'")]
    pub negotiated_tls_protocol_version: Option<String>,
    /// The registered name of the cipher suite.
    #[napi(js_name = "negotiatedTLSCipherSuite")]
    pub negotiated_tls_cipher_suite: Option<String>,
}

impl From<&urlsession::TaskMetrics> for TaskMetrics {
    fn from(metrics: &urlsession::TaskMetrics) -> Self {
        let interval = metrics.task_interval;
        Self {
            transaction_metrics: metrics.transaction_metrics.iter().map(Into::into).collect(),
            task_interval: DateInterval {
                start: milliseconds(interval.start),
                end: milliseconds(interval.end),
            },
            redirect_count: metrics.redirect_count,
            omitted_transactions: metrics.omitted_transactions,
        }
    }
}

impl From<&urlsession::TransactionMetrics> for TransactionMetrics {
    fn from(metrics: &urlsession::TransactionMetrics) -> Self {
        let urlsession::TransactionRequest { url, method } = metrics.request.clone();
        let date = |date: Option<Date>| date.map(milliseconds);
        Self {
            request: TransactionRequest { url, method },
            response: metrics.response.as_ref().map(Into::into),
            fetch_start_date: date(metrics.fetch_start_date),
            domain_lookup_start_date: date(metrics.domain_lookup_start_date),
            domain_lookup_end_date: date(metrics.domain_lookup_end_date),
            connect_start_date: date(metrics.connect_start_date),
            secure_connection_start_date: date(metrics.secure_connection_start_date),
            secure_connection_end_date: date(metrics.secure_connection_end_date),
            connect_end_date: date(metrics.connect_end_date),
            request_start_date: date(metrics.request_start_date),
            request_end_date: date(metrics.request_end_date),
            response_start_date: date(metrics.response_start_date),
            response_end_date: date(metrics.response_end_date),
            network_protocol_name: metrics.network_protocol_name.clone(),
            proxy_status_code: metrics.proxy_status_code.map(u32::from),
            is_proxy_connection: metrics.is_proxy_connection,
            is_reused_connection: metrics.is_reused_connection,
            resource_fetch_type: match metrics.resource_fetch_type {
                ResourceFetchType::NetworkLoad => "networkLoad".to_owned(),
                ResourceFetchType::LocalCache => "localCache".to_owned(),
            },
            count_of_request_header_bytes_sent: number(metrics.count_of_request_header_bytes_sent),
            count_of_request_body_bytes_sent: number(metrics.count_of_request_body_bytes_sent),
            count_of_request_body_bytes_before_encoding: number(
                metrics.count_of_request_body_bytes_before_encoding,
            ),
            count_of_response_header_bytes_received: number(
                metrics.count_of_response_header_bytes_received,
            ),
            count_of_proxy_header_bytes_received: number(
                metrics.count_of_proxy_header_bytes_received,
            ),
            count_of_response_body_bytes_received: number(
                metrics.count_of_response_body_bytes_received,
            ),
            count_of_response_body_bytes_after_decoding: number(
                metrics.count_of_response_body_bytes_after_decoding,
            ),
            local_address: metrics.local_address().map(|address| address.to_string()),
            local_port: metrics.local_port().map(u32::from),
            remote_address: metrics.remote_address().map(|address| address.to_string()),
            remote_port: metrics.remote_port().map(u32::from),
            negotiated_tls_protocol_version: metrics.negotiated_tls_protocol_version.map(
                |version| match version {
                    TlsVersion::Tls12 => "1.2".to_owned(),
                    TlsVersion::Tls13 => "1.3".to_owned(),
                },
            ),
            negotiated_tls_cipher_suite: metrics.negotiated_tls_cipher_suite.clone(),
        }
    }
}

fn milliseconds(Date(microseconds): Date) -> f64 {
    microseconds as f64 / 1000.0
}
