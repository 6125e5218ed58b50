//! `-w`: what a script wants to know of a transfer, in its own words, as curl spells them.

mod parts;

use crate::escape::shown;
use crate::exit::{self, Failure};
use crate::input;
use crate::tracked::Tracked;
use parts::{Measure, Step, UrlPart};
use serde_json::json;
use std::path::{Path, PathBuf};
use urlsession::{Error, Response, TaskKind, TransactionMetrics};

/// Most bytes of a format that comes from a file.
const FORMAT_LIMIT: u64 = 64 * 1024;

/// What has all fields of a name written, with what follows it between them.
const ALL: &str = ":all:";

/// A format that was read: pieces of text and what is filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct WriteOut(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Value(Value),
    /// A field of the last response, empty if there is none; with something to stand between them,
    /// all fields of that name of all responses.
    Header(String, Option<String>),
    /// What follows goes there.
    To(Place),
    /// What follows is only for a transfer that failed.
    OnError,
}

/// Where text goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Place {
    Output,
    Error,
    /// Replacing what is there.
    File(PathBuf),
    /// Behind what is there.
    EndOf(PathBuf),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Status,
    ProxyStatus,
    Url,
    EffectiveUrl,
    FileName,
    ContentType,
    Method,
    Scheme,
    Version,
    Id,
    Downloaded,
    RedirectUrl,
    HeaderJson,
    Headers,
    LocalIp,
    LocalPort,
    RemoteIp,
    RemotePort,
    ExitCode,
    Error,
    UrlNumber,
    Retries,
    Referer,
    Json,
    /// 0, or that a certificate was found wrong.
    Verified,
    /// What HTTP has none of, as a number or a text.
    Zero,
    Nothing,
    Time(Step),
    Counted(Measure),
    OfUrl(UrlPart),
    OfEffectiveUrl(UrlPart),
}

/// The names that can be asked for.
const NAMES: &[(&str, Value)] = &[
    ("response_code", Value::Status),
    ("http_code", Value::Status),
    ("http_connect", Value::ProxyStatus),
    ("url", Value::Url),
    ("url_effective", Value::EffectiveUrl),
    ("filename_effective", Value::FileName),
    ("content_type", Value::ContentType),
    ("method", Value::Method),
    ("scheme", Value::Scheme),
    ("http_version", Value::Version),
    ("id", Value::Id),
    ("size_download", Value::Downloaded),
    ("size_delivered", Value::Downloaded),
    ("size_upload", Value::Counted(Measure::Uploaded)),
    ("size_header", Value::Counted(Measure::Header)),
    ("size_request", Value::Counted(Measure::Request)),
    ("speed_download", Value::Counted(Measure::DownloadSpeed)),
    ("speed_upload", Value::Counted(Measure::UploadSpeed)),
    ("proxy_used", Value::Counted(Measure::ProxyUsed)),
    ("num_redirects", Value::Counted(Measure::Redirects)),
    ("redirect_url", Value::RedirectUrl),
    ("header_json", Value::HeaderJson),
    ("num_connects", Value::Counted(Measure::Connections)),
    ("num_headers", Value::Headers),
    ("time_total", Value::Time(Step::Total)),
    ("local_ip", Value::LocalIp),
    ("local_port", Value::LocalPort),
    ("remote_ip", Value::RemoteIp),
    ("remote_port", Value::RemotePort),
    ("exitcode", Value::ExitCode),
    ("errormsg", Value::Error),
    ("urlnum", Value::UrlNumber),
    ("num_retries", Value::Retries),
    ("referer", Value::Referer),
    ("time_queue", Value::Time(Step::Queue)),
    ("time_redirect", Value::Time(Step::Redirect)),
    ("time_namelookup", Value::Time(Step::NameLookup)),
    ("time_connect", Value::Time(Step::Connect)),
    ("time_appconnect", Value::Time(Step::AppConnect)),
    ("time_pretransfer", Value::Time(Step::PreTransfer)),
    ("time_posttransfer", Value::Time(Step::PostTransfer)),
    ("time_starttransfer", Value::Time(Step::StartTransfer)),
    ("url.scheme", Value::OfUrl(UrlPart::Scheme)),
    ("url.host", Value::OfUrl(UrlPart::Host)),
    ("url.port", Value::OfUrl(UrlPart::Port)),
    ("url.path", Value::OfUrl(UrlPart::Path)),
    ("url.query", Value::OfUrl(UrlPart::Query)),
    ("url.user", Value::OfUrl(UrlPart::User)),
    ("url.password", Value::OfUrl(UrlPart::Password)),
    ("url.fragment", Value::OfUrl(UrlPart::Fragment)),
    ("urle.scheme", Value::OfEffectiveUrl(UrlPart::Scheme)),
    ("urle.host", Value::OfEffectiveUrl(UrlPart::Host)),
    ("urle.port", Value::OfEffectiveUrl(UrlPart::Port)),
    ("urle.path", Value::OfEffectiveUrl(UrlPart::Path)),
    ("urle.query", Value::OfEffectiveUrl(UrlPart::Query)),
    ("urle.user", Value::OfEffectiveUrl(UrlPart::User)),
    ("urle.password", Value::OfEffectiveUrl(UrlPart::Password)),
    ("urle.fragment", Value::OfEffectiveUrl(UrlPart::Fragment)),
    ("json", Value::Json),
    ("ssl_verify_result", Value::Verified),
    ("proxy_ssl_verify_result", Value::Zero),
    ("num_certs", Value::Zero),
    ("ftp_entry_path", Value::Nothing),
];

/// A transfer that is over, and what is known beside it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Told<'a> {
    pub(crate) task: &'a Tracked,
    /// Its URL where that was typed in other letters.
    pub(crate) typed: Option<&'a str>,
    /// The same where it says who asks, or has a fragment: requests have neither.
    pub(crate) whole: Option<&'a str>,
    /// The place of its URL on the command line, from 0.
    pub(crate) number: usize,
    /// How often it was tried.
    pub(crate) attempts: u32,
    /// What was said of where it comes from.
    pub(crate) referer: Option<&'a str>,
    /// Whether redirects are told where they come from.
    pub(crate) tells_referer: bool,
}

/// What one transfer says, and where.
pub(crate) type Said = Vec<(Place, String)>;

impl WriteOut {
    /// Reads a format, with `@FILE` the one of a file, with `@-` that of standard input.
    pub(crate) fn read(text: &str) -> Result<Self, Failure> {
        match text.strip_prefix('@') {
            None => Self::parse(text),
            Some(path) => Self::parse(&input::text(Path::new(path), FORMAT_LIMIT, exit::USAGE)?),
        }
    }

    fn parse(text: &str) -> Result<Self, Failure> {
        let mut pieces = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['%', '\\']) {
            push(&mut pieces, &rest[..at]);
            rest = special(&rest[at..], &mut pieces)?;
        }
        push(&mut pieces, rest);
        Ok(Self(pieces))
    }

    /// Says whether it has what is asked for of one task only: whole heads, and how often it was tried.
    pub(crate) fn tells_heads(&self) -> bool {
        let tells = |piece: &Piece| match piece {
            Piece::Header(..) => true,
            Piece::Value(value) => {
                matches!(value, Value::HeaderJson | Value::Retries | Value::Json)
            }
            _ => false,
        };
        self.0.iter().any(tells)
    }

    /// Fills in what is known of a transfer that is over.
    pub(crate) fn of(&self, told: Told<'_>) -> Said {
        let task = told.task;
        let mut said: Said = vec![(Place::Output, String::new())];
        for piece in &self.0 {
            let text = match piece {
                Piece::Text(text) => text.clone(),
                // Its lines are ours, and what servers say is escaped in them.
                Piece::Value(value @ (Value::HeaderJson | Value::Json)) => value.of(told),
                Piece::Value(value) => shown(&value.of(told)).into_owned(),
                Piece::Header(name, None) => {
                    let response = task.response.as_ref();
                    let value = response.and_then(|response| response.header(name));
                    shown(value.unwrap_or_default()).into_owned()
                }
                Piece::Header(name, Some(between)) => all_fields(task, name, between),
                Piece::To(place) => {
                    said.push((place.clone(), String::new()));
                    continue;
                }
                Piece::OnError if task.error.is_none() => break,
                Piece::OnError => continue,
            };
            if let Some((_, last)) = said.last_mut() {
                last.push_str(&text);
            }
        }
        said
    }
}

fn push(pieces: &mut Vec<Piece>, text: &str) {
    match pieces.last_mut() {
        Some(Piece::Text(last)) => last.push_str(text),
        _ if text.is_empty() => {}
        _ => pieces.push(Piece::Text(text.to_owned())),
    }
}

/// Reads what begins with `%` or a backslash, and returns what follows it.
fn special<'a>(text: &'a str, pieces: &mut Vec<Piece>) -> Result<&'a str, Failure> {
    for (sign, meaning) in
        [("\\n", "\n"), ("\\r", "\r"), ("\\t", "\t"), ("\\\\", "\\"), ("%%", "%")]
    {
        if let Some(rest) = text.strip_prefix(sign) {
            push(pieces, meaning);
            return Ok(rest);
        }
    }
    if let Some(rest) = text.strip_prefix("%header{")
        && let Some((name, rest)) = enclosed(rest)
    {
        let (name, between) = match name.split_once(ALL) {
            Some((name, between)) => (name.to_owned(), Some(separator(between))),
            None => (name, None),
        };
        pieces.push(Piece::Header(name, between));
        return Ok(rest);
    }
    let open = |begin: &str| text.strip_prefix(begin).and_then(|rest| rest.split_once('}'));
    if let Some((file, rest)) = open("%output{") {
        pieces.push(Piece::To(match file.strip_prefix(">>") {
            Some(file) => Place::EndOf(file.into()),
            None => Place::File(file.into()),
        }));
        return Ok(rest);
    }
    if let Some((name, rest)) = open("%{") {
        pieces.push(named(name)?);
        return Ok(rest);
    }
    push(pieces, &text[..1]);
    Ok(&text[1..])
}

/// Splits at the brace that closes; one behind a backslash is part of what it closes.
fn enclosed(text: &str) -> Option<(String, &str)> {
    let ends = text.match_indices('}').map(|(at, _)| at);
    let end = ends.into_iter().find(|at| !text[..*at].ends_with('\\'))?;
    Some((text[..end].replace("\\}", "}"), &text[end + 1..]))
}

/// Reads what is to stand between fields, where a backslash means what it means elsewhere.
fn separator(text: &str) -> String {
    let mut parts = text.split('\\');
    let mut read = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let meaning = [('n', '\n'), ('r', '\r'), ('t', '\t')];
        match meaning.into_iter().find(|(sign, _)| part.starts_with(*sign)) {
            Some((_, meaning)) => {
                read.push(meaning);
                read.push_str(&part[1..]);
            }
            None => {
                read.push('\\');
                read.push_str(part);
            }
        }
    }
    read
}

/// Returns the fields of that name of all responses on the way.
fn all_fields(task: &Tracked, name: &str, between: &str) -> String {
    let last = task.response.iter().flat_map(|response| &response.headers);
    let all = task.passed().flat_map(|(passed, _)| &passed.headers).chain(last);
    let all = all.filter(|(known, _)| known.eq_ignore_ascii_case(name));
    all.map(|(_, value)| shown(value)).collect::<Vec<_>>().join(between)
}

/// Says whether a server’s certificate is what ended a task.
fn distrusts(error: &Error) -> bool {
    (-1204..=-1201).contains(&error.code.0)
}

fn named(name: &str) -> Result<Piece, Failure> {
    match name {
        "stderr" => return Ok(Piece::To(Place::Error)),
        "stdout" => return Ok(Piece::To(Place::Output)),
        "onerror" => return Ok(Piece::OnError),
        _ => {}
    }
    match NAMES.iter().find(|(known, _)| *known == name) {
        Some((_, value)) => Ok(Piece::Value(*value)),
        None => {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            let known = format!("there are {}, stdout, stderr, onerror", names.join(", "));
            Err(Failure::usage(format!("-w has no “{name}”")).next(known))
        }
    }
}

impl Value {
    fn is_number(self) -> bool {
        matches!(
            self,
            Self::Status
                | Self::ProxyStatus
                | Self::Downloaded
                | Self::Headers
                | Self::LocalPort
                | Self::RemotePort
                | Self::ExitCode
                | Self::UrlNumber
                | Self::Retries
                | Self::Verified
                | Self::Zero
                | Self::Time(_)
                | Self::Counted(_)
        )
    }

    fn of(self, told: Told<'_>) -> String {
        let Told { task, typed, .. } = told;
        let response = task.response.as_ref();
        let metrics = task.metrics.as_deref();
        let all = metrics.map_or(&[][..], |metrics| &metrics.transaction_metrics);
        let last = all.last();
        let is_upload = matches!(task.kind, TaskKind::Upload);
        let field =
            |name: &str| response.and_then(|response| response.header(name)).map(str::to_owned);
        let asked = last.map_or(&task.url, |last| &last.request.url);
        let file = || task.file.as_ref().map(|path| path.display().to_string());
        let text = match self {
            Self::Status => {
                let failed = task.error.as_ref().and_then(|error| error.status_code);
                let status = response.map(|response| response.status_code).or(failed);
                return format!("{:03}", status.unwrap_or(0));
            }
            Self::ProxyStatus => {
                let status = all.iter().rev().find_map(|one| one.proxy_status_code);
                return format!("{:03}", status.unwrap_or(0));
            }
            Self::Url => Some(typed.unwrap_or(&task.url).to_owned()),
            Self::EffectiveUrl => {
                let url = response.map_or(asked, |response| &response.url);
                typed.and_then(|typed| as_typed(url, typed)).or_else(|| Some(url.clone()))
            }
            Self::FileName => file(),
            Self::ContentType => field("content-type"),
            Self::Method => last.map(|last| last.request.method.clone()),
            Self::Scheme => asked.split_once(':').map(|(scheme, _)| scheme.to_owned()),
            Self::Version => version(last, response),
            Self::Id => Some(task.name.to_string()),
            Self::Downloaded if is_upload => Some(received(last).to_string()),
            Self::Downloaded => Some(task.done.to_string()),
            Self::RedirectUrl => response.and_then(redirect_url),
            Self::HeaderJson => response.map(header_json),
            Self::Headers => {
                Some(response.map_or(0, |response| response.headers.len()).to_string())
            }
            Self::LocalIp | Self::LocalPort | Self::RemoteIp | Self::RemotePort => {
                last.and_then(|last| self.of_connection(last))
            }
            Self::ExitCode => {
                Some(task.error.as_ref().map_or(exit::DONE, exit::code_of).to_string())
            }
            Self::Error => task.error.as_ref().map(ToString::to_string),
            Self::UrlNumber => Some(told.number.to_string()),
            Self::Retries => Some(told.attempts.saturating_sub(1).to_string()),
            Self::Referer => referer(told),
            Self::Json => Some(all_as_json(told)),
            Self::Verified => {
                Some(u8::from(task.error.as_ref().is_some_and(distrusts)).to_string())
            }
            Self::Zero => Some("0".to_owned()),
            Self::Nothing => None,
            Self::Time(step) => metrics.map(|metrics| step.of(metrics)),
            Self::Counted(measure) => {
                Some(metrics.map_or(0, |metrics| measure.of(metrics)).to_string())
            }
            Self::OfUrl(part) => part.of(told.whole.unwrap_or(&task.url)),
            Self::OfEffectiveUrl(part) => {
                part.of(response.map_or(&task.url, |response| &response.url))
            }
        };
        text.unwrap_or_default()
    }
}

impl Value {
    /// Returns what it says of the ends of a connection.
    fn of_connection(self, last: &TransactionMetrics) -> Option<String> {
        match self {
            Self::LocalIp => last.local_address().map(|ip| ip.to_string()),
            Self::LocalPort => last.local_port().map(|at| at.to_string()),
            Self::RemoteIp => last.remote_address().map(|ip| ip.to_string()),
            Self::RemotePort => last.remote_port().map(|at| at.to_string()),
            _ => None,
        }
    }
}

/// All that can be asked for, as one object: numbers as numbers, what is not known as null.
fn all_as_json(told: Told<'_>) -> String {
    let mut object = serde_json::Map::new();
    for (name, value) in NAMES {
        // Whoever wants the password asks for it.
        let is_password = matches!(value, Value::OfUrl(UrlPart::Password));
        if is_password || matches!(value, Value::Json | Value::HeaderJson) {
            continue;
        }
        let text = value.of(told);
        let number = value.is_number().then(|| match text.parse::<u64>() {
            Ok(number) => json!(number),
            Err(_) => text.parse::<f64>().map_or(serde_json::Value::Null, |number| json!(number)),
        });
        let spelled = match number {
            Some(number) => number,
            None if text.is_empty() => serde_json::Value::Null,
            None => json!(shown(&text)),
        };
        object.insert((*name).to_owned(), spelled);
    }
    serde_json::Value::Object(object).to_string()
}

/// Writes the host of a URL as it was typed, if it is that one.
fn as_typed(url: &str, typed: &str) -> Option<String> {
    let (host, own) = (url::Url::parse(url).ok()?, url::Url::parse(typed).ok()?);
    let (host, own) = (host.host_str()?, own.host_str()?);
    let rest = typed.split_once("://")?.1.split(['/', '?', '#']).next()?;
    let letters = rest.rsplit('@').next()?.split(':').next()?;
    (host == own).then(|| url.replacen(host, letters, 1))
}

/// Where the server would send the task, had that been followed.
fn redirect_url(response: &Response) -> Option<String> {
    let place = response.header("location").filter(|_| response.status_code / 100 == 3)?;
    Some(url::Url::parse(&response.url).ok()?.join(place).ok()?.into())
}

/// All fields as they came, one a line, each with the list of its values.
fn header_json(response: &Response) -> String {
    let mut fields: Vec<(String, Vec<_>)> = Vec::new();
    for (name, value) in &response.headers {
        let (name, value) = (name.to_ascii_lowercase(), shown(value));
        match fields.iter_mut().find(|(known, _)| *known == name) {
            Some((_, values)) => values.push(value),
            None => fields.push((name, vec![value])),
        }
    }
    let lines: Vec<String> =
        fields.iter().map(|(name, values)| format!("{}:{}", json!(name), json!(values))).collect();
    format!("{{{}\n}}", lines.join(",\n"))
}

/// The number only, as curl has it. Of a response that was refused only the metrics know.
fn version(last: Option<&TransactionMetrics>, response: Option<&Response>) -> Option<String> {
    let answered = last.filter(|last| last.response.is_some());
    let name = answered
        .and_then(|last| last.network_protocol_name.as_deref())
        .or_else(|| response?.network_protocol.as_deref())?;
    Some(name.trim_start_matches("http/").trim_start_matches('h').to_owned())
}

/// What the last request said of where it comes from: the URL before it, where redirects are told.
fn referer(told: Told<'_>) -> Option<String> {
    let metrics = told.task.metrics.as_deref();
    let redirected = metrics.filter(|m| told.tells_referer && m.redirect_count > 0);
    match redirected.map(|metrics| &metrics.transaction_metrics[..]) {
        Some([.., before, _]) => Some(before.request.url.clone()),
        _ => told.referer.map(str::to_owned),
    }
}

fn received(last: Option<&TransactionMetrics>) -> u64 {
    last.map_or(0, |last| last.count_of_response_body_bytes_after_decoding)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_told_as_json() {
        let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let headers = vec![field("Vary", "a\""), field("etag", "b"), field("vary", "c")];
        let response = Response { headers: headers.into(), ..Response::default() };
        let told = header_json(&response);
        assert_eq!(told, "{\"vary\":[\"a\\\"\",\"c\"],\n\"etag\":[\"b\"]\n}");
        assert!(serde_json::from_str::<serde_json::Value>(&told).is_ok());
    }

    /// what the last request met, and what its task has => the version
    #[test]
    fn versions() {
        let over = |name: &str| Response {
            network_protocol: Some(name.to_owned()),
            ..Response::default()
        };
        let last = |name: &str, is_answered: bool| TransactionMetrics {
            network_protocol_name: Some(name.to_owned()),
            response: is_answered.then(Default::default),
            ..TransactionMetrics::default()
        };
        for (last, response, expected) in [
            (Some(last("h2", true)), None, Some("2")),
            (Some(last("http/1.1", true)), Some(over("http/1.1")), Some("1.1")),
            (Some(last("http/1.1", false)), None, None),
            (None, Some(over("h3")), Some("3")),
            (Some(TransactionMetrics::default()), Some(over("http/1.0")), Some("1.0")),
            (None, None, None),
        ] {
            let told = version(last.as_ref(), response.as_ref());
            assert_eq!(told.as_deref(), expected, "{last:?} {response:?}");
        }
    }

    #[test]
    fn hosts_are_told_as_they_were_typed() {
        for (url, typed, expected) in [
            ("http://xn--4cab6c.se:80/a", "http://åäö.se:80/b", Some("http://åäö.se:80/a")),
            ("http://xn--4cab6c.se/", "http://u:p@ÅÄÖ.se", Some("http://ÅÄÖ.se/")),
            ("http://other.se/", "http://åäö.se/", None),
            ("http://h/", "http://h/ö", Some("http://h/")),
        ] {
            assert_eq!(as_typed(url, typed).as_deref(), expected, "{typed}");
        }
    }

    /// what is typed => what is read, or why not
    #[test]
    fn formats() {
        for (text, expected) in [
            ("", vec![]),
            ("a\\n%%b%c\\x", vec![Piece::Text("a\n%b%c\\x".into())]),
            ("%{http_code}", vec![Piece::Value(Value::Status)]),
            (
                "%header{ETag}%{id",
                vec![Piece::Header("ETag".into(), None), Piece::Text("%{id".into())],
            ),
            ("%header{a:all:-{\\}-}", vec![Piece::Header("a".into(), Some("-{}-".into()))]),
            ("%header{a:all:,\\n\\x}", vec![Piece::Header("a".into(), Some(",\n\\x".into()))]),
            ("%header{a\\}", vec![Piece::Text("%header{a\\}".into())]),
            (
                "%{onerror}%{stderr}ü",
                vec![Piece::OnError, Piece::To(Place::Error), Piece::Text("ü".into())],
            ),
            (
                "%output{a}%output{>>b}%{stdout}",
                vec![
                    Piece::To(Place::File("a".into())),
                    Piece::To(Place::EndOf("b".into())),
                    Piece::To(Place::Output),
                ],
            ),
        ] {
            assert_eq!(WriteOut::parse(text).unwrap(), WriteOut(expected), "{text}");
        }
        for wrong in ["%{}", "%{http_code }", "a%{nothing}b"] {
            let failure = WriteOut::parse(wrong).unwrap_err();
            assert!(failure.message.contains("-w has no"), "{wrong}: {failure:?}");
        }
    }
}
