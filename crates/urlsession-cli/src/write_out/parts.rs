//! Parts of a transfer for `-w`: the steps that took time, and what a URL consists of.

use urlsession::{DateInterval, TaskMetrics, TransactionMetrics};

/// Until when a time is told, from the creation of the task.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Queue,
    Redirect,
    NameLookup,
    Connect,
    AppConnect,
    PreTransfer,
    PostTransfer,
    StartTransfer,
    Total,
}

impl Step {
    /// Returns seconds, as curl writes them; what was not needed took none.
    pub(super) fn of(self, metrics: &TaskMetrics) -> String {
        let all = &metrics.transaction_metrics;
        let date = all.last().and_then(|last| match self {
            Self::Queue => all.first()?.fetch_start_date,
            Self::Redirect => last.fetch_start_date.filter(|_| metrics.redirect_count > 0),
            Self::NameLookup => last.domain_lookup_end_date,
            Self::Connect => last.secure_connection_start_date.or(last.connect_end_date),
            Self::AppConnect => last.secure_connection_end_date,
            Self::PreTransfer => last.request_start_date,
            Self::PostTransfer => last.request_end_date,
            Self::StartTransfer => last.response_start_date,
            Self::Total => None,
        });
        let date = if self == Self::Total { Some(metrics.task_interval.end) } else { date };
        let since = date.map_or(0, |date| date.0.saturating_sub(metrics.task_interval.start.0));
        format!("{:.6}", since as f64 / 1e6)
    }
}

/// What is counted over all requests of a transfer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    /// Body bytes of the last request.
    Uploaded,
    /// Redirects that were followed.
    Redirects,
    /// Connections that were opened.
    Connections,
    /// Bytes of the heads of responses, a proxy's to `CONNECT` among them.
    Header,
    /// Bytes of requests, bodies included.
    Request,
    /// Body bytes a second that came, from the creation of the task to its end.
    DownloadSpeed,
    /// The same that went.
    UploadSpeed,
    /// Requests that went through a proxy: 1 if the last one did.
    ProxyUsed,
}

impl Measure {
    pub(super) fn of(self, metrics: &TaskMetrics) -> u64 {
        let all = &metrics.transaction_metrics;
        let sum = |count: fn(&TransactionMetrics) -> u64| all.iter().map(count).sum::<u64>();
        let DateInterval { start, end } = metrics.task_interval;
        let time = end.0.saturating_sub(start.0).max(1);
        let speed = |bytes: u64| u64::try_from(u128::from(bytes) * 1_000_000 / u128::from(time));
        match self {
            Self::Uploaded => all.last().map_or(0, |last| last.count_of_request_body_bytes_sent),
            Self::Redirects => metrics.redirect_count.into(),
            Self::Connections => {
                sum(|one| u64::from(one.connect_start_date.is_some() && !one.is_reused_connection))
            }
            Self::Header => sum(|one| {
                one.count_of_response_header_bytes_received
                    + one.count_of_proxy_header_bytes_received
            }),
            Self::Request => sum(|one| {
                one.count_of_request_header_bytes_sent + one.count_of_request_body_bytes_sent
            }),
            Self::DownloadSpeed => {
                speed(sum(|one| one.count_of_response_body_bytes_received)).unwrap_or(u64::MAX)
            }
            Self::UploadSpeed => {
                speed(sum(|one| one.count_of_request_body_bytes_sent)).unwrap_or(u64::MAX)
            }
            Self::ProxyUsed => u64::from(all.last().is_some_and(|last| last.is_proxy_connection)),
        }
    }
}

/// A part of a URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UrlPart {
    Scheme,
    Host,
    Port,
    Path,
    Query,
    User,
    Password,
    Fragment,
}

impl UrlPart {
    /// Returns it, if the URL has it; every URL has a port.
    pub(super) fn of(self, url: &str) -> Option<String> {
        let url = url::Url::parse(url).ok()?;
        match self {
            Self::Scheme => Some(url.scheme().to_owned()),
            Self::Host => url.host_str().map(str::to_owned),
            Self::Port => url.port_or_known_default().map(|port| port.to_string()),
            Self::Path => Some(url.path().to_owned()),
            Self::Query => url.query().map(str::to_owned),
            Self::User => Some(url.username().to_owned()),
            Self::Password => url.password().map(str::to_owned),
            Self::Fragment => url.fragment().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::Date;

    #[test]
    fn steps_are_told_in_seconds_from_the_begin() {
        let last = TransactionMetrics {
            fetch_start_date: Some(Date(1_500_000)),
            connect_end_date: Some(Date(2_250_000)),
            response_start_date: Some(Date(3_000_001)),
            ..TransactionMetrics::default()
        };
        let mut metrics = TaskMetrics {
            transaction_metrics: vec![last],
            task_interval: DateInterval { start: Date(1_000_000), end: Date(4_000_000) },
            ..TaskMetrics::default()
        };
        let told = |metrics: &TaskMetrics| {
            use Step::{Connect, NameLookup, Queue, Redirect, StartTransfer, Total};
            [Queue, Redirect, NameLookup, Connect, StartTransfer, Total]
                .map(|step| step.of(metrics))
        };
        let expected = ["0.500000", "0.000000", "0.000000", "1.250000", "2.000001", "3.000000"];
        assert_eq!(told(&metrics), expected);
        metrics.redirect_count = 1;
        assert_eq!(told(&metrics)[1], "0.500000");
        assert_eq!(Step::Connect.of(&TaskMetrics::default()), "0.000000");
    }

    #[test]
    fn requests_are_counted_together() {
        let one = TransactionMetrics {
            count_of_request_header_bytes_sent: 100,
            count_of_request_body_bytes_sent: 6_000,
            count_of_response_header_bytes_received: 200,
            count_of_response_body_bytes_received: 1_000_000,
            ..TransactionMetrics::default()
        };
        let last = TransactionMetrics {
            is_proxy_connection: true,
            count_of_proxy_header_bytes_received: 50,
            ..one.clone()
        };
        let metrics = TaskMetrics {
            transaction_metrics: vec![one, last],
            task_interval: DateInterval { start: Date(1_000_000), end: Date(3_000_000) },
            ..TaskMetrics::default()
        };
        let all = [
            Measure::Header,
            Measure::Request,
            Measure::DownloadSpeed,
            Measure::UploadSpeed,
            Measure::ProxyUsed,
        ];
        let counted = all.map(|measure| measure.of(&metrics));
        assert_eq!(counted, [450, 12_200, 1_000_000, 6_000, 1]);
        let none = all.map(|measure| measure.of(&TaskMetrics::default()));
        assert_eq!(none, [0; 5]);
    }

    #[test]
    fn urls_consist_of_parts() {
        let all = [UrlPart::Scheme, UrlPart::Host, UrlPart::Port, UrlPart::Path, UrlPart::Query];
        let whole = "http://me:s%20t@h/#d";
        let rest = [UrlPart::User, UrlPart::Password, UrlPart::Fragment].map(|part| part.of(whole));
        assert_eq!(rest.map(Option::unwrap), ["me", "s%20t", "d"]);
        let told = |url| all.map(|part| part.of(url).unwrap_or_default()).join(" ");
        assert_eq!(told("https://h/a?b"), "https h 443 /a b");
        assert_eq!(told("http://[::1]:8/"), "http [::1] 8 / ");
        assert_eq!(told("no url"), "    ");
    }
}
