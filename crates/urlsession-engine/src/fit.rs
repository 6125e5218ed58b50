//! What a client is told fits into a line: where a server makes it too long, what matters least goes.

use crate::peers::length_of_json;
use serde::Serialize;
use urlsession_protocol::line::LINE_LIMIT;
use urlsession_protocol::{
    DaemonMessage, Error, Event, Reply, Response, TaskMetrics, TaskStatus, abridged,
};

/// Longest of what is told, in bytes of JSON: its line has room for what stands around it.
const TOLD_LIMIT: usize = LINE_LIMIT - 4 * 1024;
/// Longest header field, name and value, where all of them would be too long.
const FIELD_LIMIT: usize = 1024;
/// Longest URL of a response or an error, and longest detail, where that is too long as well.
const TEXT_LIMIT: usize = 2048;

/// What servers have a say in, and may make as long as they like.
pub(crate) trait Told: Serialize {
    fn parts(&mut self) -> Parts<'_>;
}

#[derive(Default)]
pub(crate) struct Parts<'a> {
    error: Option<&'a mut Error>,
    response: Option<&'a mut Response>,
    metrics: Option<&'a mut TaskMetrics>,
}

/// Leaves out as much as must be; returns how many bytes of JSON it has then.
pub(crate) fn fit(told: &mut impl Told) -> usize {
    let mut length = length_of_json(told);
    for leave_out in [transactions, long_fields, long_texts] {
        if length <= TOLD_LIMIT {
            break;
        }
        leave_out(told.parts());
        length = length_of_json(told);
    }
    length
}

fn transactions(parts: Parts<'_>) {
    let Some(metrics) = parts.metrics else { return };
    let omitted = u32::try_from(metrics.transaction_metrics.len()).unwrap_or(u32::MAX);
    metrics.omitted_transactions = metrics.omitted_transactions.saturating_add(omitted);
    metrics.transaction_metrics.clear();
}

fn long_fields(parts: Parts<'_>) {
    let Some(response) = parts.response else { return };
    let fields = response.headers.iter();
    let short = fields.filter(|(name, value)| name.len() + value.len() <= FIELD_LIMIT);
    response.headers = short.cloned().collect();
}

fn long_texts(parts: Parts<'_>) {
    let cut = |text: &mut String| *text = abridged(text, TEXT_LIMIT).into_owned();
    if let Some(error) = parts.error {
        error.failing_url.iter_mut().chain(&mut error.detail).for_each(cut);
    }
    if let Some(response) = parts.response {
        cut(&mut response.url);
    }
}

impl Told for DaemonMessage {
    fn parts(&mut self) -> Parts<'_> {
        match self {
            Self::Event { event: Event::DidComplete { error, response, metrics }, .. } => Parts {
                error: error.as_mut(),
                response: response.as_mut(),
                metrics: metrics.as_deref_mut(),
            },
            Self::Reply { result: Ok(Reply::Task { task }), .. } => task.parts(),
            Self::Event { .. } | Self::Reply { .. } | Self::Hello(_) | Self::Goodbye { .. } => {
                Parts::default()
            }
        }
    }
}

impl Told for TaskStatus {
    fn parts(&mut self) -> Parts<'_> {
        Parts {
            error: self.error.as_mut(),
            response: self.response.as_mut(),
            metrics: self.metrics.as_deref_mut(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession_protocol::metrics::{TRANSACTION_URL_LIMIT, TRANSACTIONS_LIMIT};
    use urlsession_protocol::{
        ApplicationId, ErrorCode, EventNumber, SessionIdentifier, SessionKey, TaskIdentifier,
        TransactionMetrics, TransactionRequest, line,
    };

    /// KiB of three fields, KiB of the URLs => transactions, fields and bytes of a URL that are left
    #[test]
    fn what_matters_least_goes_first() {
        for (field, url, expected) in [
            (64, 1, "40 4 1024"),
            (85, 220, "0 4 225280"),
            (85, 300, "0 1 307200"),
            (85, 600, "0 1 2048"),
        ] {
            let mut told = completion(field * 1024, url * 1024);
            let length = fit(&mut told);
            let line = line::encode(&told).expect("it fits");
            assert_eq!(line.len(), length + 1);
            let Parts { response: Some(response), metrics: Some(metrics), .. } = told.parts()
            else {
                panic!("parts are missing");
            };
            let kept = metrics.transaction_metrics.len();
            assert_eq!(kept + metrics.omitted_transactions as usize, TRANSACTIONS_LIMIT);
            let left = format!("{kept} {} {}", response.headers.len(), response.url.len());
            assert_eq!(left, expected, "{field} {url}");
        }
    }

    fn completion(field: usize, url: usize) -> DaemonMessage {
        let mut metrics = TaskMetrics::default();
        for _ in 0..TRANSACTIONS_LIMIT {
            let request = TransactionRequest::new(&"u".repeat(TRANSACTION_URL_LIMIT), "GET");
            metrics.push(TransactionMetrics { request, ..TransactionMetrics::default() });
        }
        let long = ["a", "b", "c"].map(|name| (name.to_owned(), "\"".repeat(field)));
        let fields = [("short".to_owned(), "field".to_owned())].into_iter().chain(long);
        let url = "x".repeat(url);
        let headers = fields.collect();
        let response = Response { url: url.clone(), headers, ..Response::default() };
        let error = Error { failing_url: Some(url), ..Error::new(ErrorCode::UNKNOWN) };
        let session = SessionKey {
            application: ApplicationId::new("app").expect("a name"),
            session: SessionIdentifier::new("s").expect("a name"),
        };
        DaemonMessage::Event {
            session,
            task: Some(TaskIdentifier(1)),
            number: Some(EventNumber(1)),
            event: Event::DidComplete {
                error: Some(error),
                response: Some(response),
                metrics: Some(Box::new(metrics)),
            },
        }
    }
}
