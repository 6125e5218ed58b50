//! Metrics as a picture for the terminal: one bar for each step of each request.
//!
//! ```text
//! 1  GET http://example.com/old
//!    302, http/1.1, 192.0.2.1:80, 70 B out, 30 B + 0 B in
//!    lookup   |==                                      |    1.2 ms
//! ```

use crate::escape::shown;
use crate::measure;
use std::fmt::Write as _;
use std::time::Duration;
use urlsession::{Date, ResourceFetchType, TaskMetrics, TlsVersion, TransactionMetrics};

/// Columns beside a bar: indent, name, edges and time.
const BESIDE: usize = 27;
/// Fewest and most columns of a bar: below nothing can be told, above the eye loses its line.
const BAR: (usize, usize) = (20, 80);
/// What lines below a request's begin with.
const INDENT: &str = "   ";

/// A step of a request: its name, its start and its end.
type Step = (&'static str, Option<Date>, Option<Date>);

/// Draws the metrics of a task in so many columns; every line ends with a line break.
pub(crate) fn waterfall(metrics: &TaskMetrics, columns: usize) -> String {
    let mut out = String::new();
    let scale = Scale::of(metrics, columns.saturating_sub(BESIDE).clamp(BAR.0, BAR.1));
    for (index, transaction) in metrics.transaction_metrics.iter().enumerate() {
        let request = &transaction.request;
        let _ = writeln!(out, "{:<2} {} {}", index + 1, request.method, shown(&request.url));
        for line in lines(&facts(transaction), columns.saturating_sub(INDENT.len())) {
            let _ = writeln!(out, "{INDENT}{line}");
        }
        for (name, start, end) in steps(transaction) {
            let Some(start) = start else { continue };
            let took = match end {
                Some(end) => milliseconds(start.until(end)),
                None => "unfinished".to_owned(),
            };
            let bar = scale.bar(start, end.unwrap_or(start));
            let _ = writeln!(out, "{INDENT}{name:<8} |{bar}| {took:>11}");
        }
    }
    if metrics.omitted_transactions > 0 {
        let _ = writeln!(out, "{INDENT}{} more in the middle", metrics.omitted_transactions);
    }
    let interval = metrics.task_interval;
    let redirects = match metrics.redirect_count {
        0 => String::new(),
        1 => "1 redirect, ".to_owned(),
        count => format!("{count} redirects, "),
    };
    let took = milliseconds(interval.start.until(interval.end));
    let _ = writeln!(out, "{INDENT}{redirects}{took} from creation to end");
    out
}

/// Fills lines of so many columns with facts; one that is longer has a line of its own.
fn lines(facts: &[String], columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for (index, fact) in facts.iter().enumerate() {
        let comma = if index + 1 < facts.len() { "," } else { "" };
        let length = fact.chars().count() + comma.len();
        match lines.last_mut().filter(|line| line.chars().count() + 1 + length <= columns) {
            Some(line) => {
                let _ = write!(line, " {fact}{comma}");
            }
            None => lines.push(format!("{fact}{comma}")),
        }
    }
    lines
}

/// From when until when the bars go.
struct Scale {
    start: Date,
    length: Duration,
    columns: usize,
}

impl Scale {
    fn of(metrics: &TaskMetrics, columns: usize) -> Self {
        let all = metrics.transaction_metrics.iter();
        let all =
            all.flat_map(|one| steps(one).into_iter().flat_map(|(_, start, end)| [start, end]));
        let (start, end) = all.flatten().fold((None, None), |(least, most), date: Date| {
            (Some(least.map_or(date, |least: Date| least.min(date))), most.max(Some(date)))
        });
        let (start, end) = (start.unwrap_or_default(), end.unwrap_or_default());
        Self { start, length: start.until(end).max(Duration::from_micros(1)), columns }
    }

    fn bar(&self, start: Date, end: Date) -> String {
        let column = |date: Date| {
            let share = self.start.until(date).as_micros() * self.columns as u128;
            // A share of the length is at most the width.
            (share / self.length.as_micros()) as usize
        };
        let from = column(start).min(self.columns - 1);
        let length = (column(end) - column(start)).clamp(1, self.columns - from);
        let rest = self.columns - from - length;
        format!("{}{}{}", " ".repeat(from), "=".repeat(length), " ".repeat(rest))
    }
}

fn steps(one: &TransactionMetrics) -> [Step; 6] {
    let handshake = one.secure_connection_start_date;
    let asked = one.request_end_date.or(one.request_start_date);
    [
        ("lookup", one.domain_lookup_start_date, one.domain_lookup_end_date),
        // What comes after the handshake with a proxy's server is none of the connection's.
        ("connect", one.connect_start_date, handshake.or(one.connect_end_date)),
        ("tls", handshake, one.secure_connection_end_date),
        ("send", one.request_start_date, one.request_end_date),
        ("wait", asked, one.response_start_date),
        ("receive", one.response_start_date, one.response_end_date),
    ]
}

fn facts(one: &TransactionMetrics) -> Vec<String> {
    let status = one.response.as_ref().map(|response| response.status_code.to_string());
    let mut facts = vec![status.unwrap_or_else(|| "no response".to_owned())];
    if one.resource_fetch_type == ResourceFetchType::LocalCache {
        facts.push("from the cache".to_owned());
    }
    facts.extend(one.network_protocol_name.clone());
    facts.extend(one.negotiated_tls_protocol_version.map(|version| match version {
        TlsVersion::Tls12 => "TLS 1.2".to_owned(),
        TlsVersion::Tls13 => "TLS 1.3".to_owned(),
    }));
    facts.extend(one.negotiated_tls_cipher_suite.clone());
    facts.extend(one.remote.map(|remote| match one.is_proxy_connection {
        true => format!("proxy {remote}"),
        false => remote.to_string(),
    }));
    facts.extend(one.is_reused_connection.then(|| "reused connection".to_owned()));
    let sent = one.count_of_request_header_bytes_sent + one.count_of_request_body_bytes_sent;
    if sent > 0 {
        facts.push(format!("{} out", measure::size(sent)));
    }
    let head = one.count_of_response_header_bytes_received;
    let body = one.count_of_response_body_bytes_received;
    if head + body > 0 {
        facts.push(format!("{} + {} in", measure::size(head), measure::size(body)));
    }
    let decoded = one.count_of_response_body_bytes_after_decoding;
    if decoded != body && decoded > 0 {
        facts.push(format!("{} decoded", measure::size(decoded)));
    }
    facts.into_iter().map(|fact| shown(&fact).into_owned()).collect()
}

fn milliseconds(time: Duration) -> String {
    match time.as_secs() {
        0 => format!("{:.1} ms", time.as_secs_f64() * 1000.0),
        1..=9 => format!("{:.2} s", time.as_secs_f64()),
        _ => measure::duration(time),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use urlsession::{DateInterval, TransactionRequest, TransactionResponse};

    #[test]
    fn every_step_has_its_place() {
        let at = |milliseconds: u64| Some(Date(milliseconds * 1000));
        let first = TransactionMetrics {
            request: TransactionRequest::new("http://a/\u{1b}[2J", "GET"),
            response: Some(TransactionResponse {
                status_code: 302,
                ..TransactionResponse::default()
            }),
            fetch_start_date: at(0),
            connect_start_date: at(100),
            connect_end_date: at(110),
            request_start_date: at(110),
            request_end_date: at(110),
            response_start_date: at(120),
            response_end_date: at(120),
            network_protocol_name: Some("http/1.1".into()),
            remote: "192.0.2.1:80".parse().ok(),
            count_of_request_header_bytes_sent: 70,
            count_of_response_header_bytes_received: 30,
            ..TransactionMetrics::default()
        };
        let second = TransactionMetrics {
            request: TransactionRequest::new("https://a/", "GET"),
            domain_lookup_start_date: at(120),
            domain_lookup_end_date: at(140),
            connect_start_date: at(140),
            secure_connection_start_date: at(300),
            ..TransactionMetrics::default()
        };
        let metrics = TaskMetrics {
            transaction_metrics: vec![first, second],
            task_interval: DateInterval { start: Date(0), end: Date(1_500_000) },
            redirect_count: 1,
            omitted_transactions: 2,
        };
        let expected = "\
1  GET http://a/^[[2J
   302, http/1.1, 192.0.2.1:80, 70 B out, 30 B + 0 B in
   connect  |==                                      |     10.0 ms
   send     |  =                                     |      0.0 ms
   wait     |  ==                                    |     10.0 ms
   receive  |    =                                   |      0.0 ms
2  GET https://a/
   no response
   lookup   |    ====                                |     20.0 ms
   connect  |        ================================|    160.0 ms
   tls      |                                       =|  unfinished
   2 more in the middle
   1 redirect, 1.50 s from creation to end
";
        let drawn = waterfall(&metrics, 40 + BESIDE);
        assert_eq!(drawn.replace("\\u{1b}", "^["), expected, "{drawn}");
        assert_eq!(waterfall(&TaskMetrics::default(), 80).lines().count(), 1);
    }

    #[test]
    fn every_line_fits_the_terminal() {
        let one = TransactionMetrics {
            request: TransactionRequest::new("https://a/", "GET"),
            response: Some(TransactionResponse {
                status_code: 206,
                ..TransactionResponse::default()
            }),
            network_protocol_name: Some("h2".into()),
            negotiated_tls_protocol_version: Some(TlsVersion::Tls12),
            negotiated_tls_cipher_suite: Some("TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384".into()),
            remote: "[2001:db8:aaaa:bbbb:cccc:dddd:eeee:ffff]:65535".parse().ok(),
            is_proxy_connection: true,
            is_reused_connection: true,
            response_start_date: Some(Date(5)),
            response_end_date: Some(Date(5_000_000)),
            count_of_request_header_bytes_sent: 154,
            count_of_response_header_bytes_received: 272,
            count_of_response_body_bytes_received: 417_792,
            ..TransactionMetrics::default()
        };
        let metrics = TaskMetrics { transaction_metrics: vec![one], ..TaskMetrics::default() };
        for columns in [60, 80, 120, 300] {
            let drawn = waterfall(&metrics, columns);
            let longest = drawn.lines().map(|line| line.chars().count()).max();
            assert!(longest <= Some(columns), "{columns}\n{drawn}");
            let words = drawn.split_whitespace().collect::<Vec<_>>().join(" ");
            for fact in ["proxy [2001:", "reused connection, 154 B out, 272 B + 408 KiB in"] {
                assert!(words.contains(fact), "{columns}\n{drawn}");
            }
        }
    }
}
