//! Parts of a transfer for `-w`: the steps that took time, and what a URL consists of.

use urlsession::TaskMetrics;

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
        });
        let since = date.map_or(0, |date| date.0.saturating_sub(metrics.task_interval.start.0));
        format!("{:.6}", since as f64 / 1e6)
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
    use urlsession::{Date, DateInterval, TransactionMetrics};

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
            [Step::Queue, Step::Redirect, Step::NameLookup, Step::Connect, Step::StartTransfer]
                .map(|step| step.of(metrics))
        };
        assert_eq!(told(&metrics), ["0.500000", "0.000000", "0.000000", "1.250000", "2.000001"]);
        metrics.redirect_count = 1;
        assert_eq!(told(&metrics)[1], "0.500000");
        assert_eq!(Step::Connect.of(&TaskMetrics::default()), "0.000000");
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
