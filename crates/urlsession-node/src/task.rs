//! Tasks in both directions: what JavaScript asks for, and how a task is.

use crate::cache;
use crate::credential::Credential;
use crate::error::TaskError;
use crate::event::{HeaderField, ResponseHead, number, reason_name, state_name, text};
use crate::network::{self, ProxyFields, TlsFields};
use crate::request_policy::RequestPolicyFields;
use napi::Either;
use napi::bindgen_prelude::Uint8Array;
use napi_derive::napi;
use std::path::PathBuf;
use urlsession::{
    Checksum, ChecksumAlgorithm, DownloadOptions, Error, ErrorCode, Header, LowestSpeed, NameClash,
    Priority, Request, RequestEdit, ResumeData, Secret, Session, Task, TaskIdentifier, TaskKind,
    TaskOptions, TaskStatus, Timestamp, UploadOptions, UploadSource,
};

/// A task to be created.
#[napi(object, object_to_js = false)]
pub struct NewTask {
    /// What it moves.
    #[napi(ts_type = "'download' | 'upload' | 'data'")]
    pub kind: String,
    /// An absolute `http` or `https` URL.
    pub url: String,
    /// The HTTP method; `GET` by default.
    pub method: Option<String>,
    /// Header fields.
    pub headers: Option<Vec<HeaderField>>,
    /// The path that a download's file gets when it is whole.
    pub destination: Option<String>,
    /// The file that is the request body.
    pub file: Option<String>,
    /// Takes the file as it is at the moment, so that it may be removed.
    pub snapshot: Option<bool>,
    /// The bytes that are the request body.
    pub data: Option<Uint8Array>,
    /// Starts the task at once; otherwise it is born suspended.
    pub resume: Option<bool>,
    /// From what a download goes on.
    pub resume_data: Option<String>,
    /// Free text of the app, kept with the task.
    pub description: Option<String>,
    /// Which waiting task runs first: 0 to 1, 0.5 by default.
    pub priority: Option<f64>,
    /// The earliest moment to begin, in milliseconds since 1970.
    pub earliest_begin_date: Option<f64>,
    /// Most bytes per second.
    pub limit_rate: Option<f64>,
    /// The slowest that a transfer may be before its attempt is given up.
    pub lowest_speed: Option<LowestSpeedFields>,
    /// Milliseconds without any byte before an attempt is given up.
    pub timeout_interval_for_request: Option<f64>,
    /// Milliseconds from the first resume, or a later `earliestBeginDate`, to completion.
    pub timeout_interval_for_resource: Option<f64>,
    /// A digest that the finished file must have: `sha-256:…`, `sha-512:…` or `md5:…`.
    pub checksum: Option<String>,
    /// Most attempts after the first that make no progress.
    pub maximum_retries: Option<u32>,
    /// Milliseconds between an attempt that failed and the next.
    pub retry_interval: Option<f64>,
    /// Milliseconds from the begin of the first attempt after which a failure is the last.
    pub timeout_interval_for_retries: Option<f64>,
    /// Takes a status of 400 or above as an error.
    pub fail_on_http_error: Option<bool>,
    /// Statuses that are tried again like network errors.
    pub retry_statuses: Option<Vec<u16>>,
    /// Statuses that another request can mend: the task keeps its bytes and waits for `edit`.
    pub recoverable_statuses: Option<Vec<u16>>,
    /// What the server is shown when it asks who is there.
    pub credential: Option<Credential>,
    /// Never sends a non-idempotent request again once body bytes were sent.
    pub no_unsafe_retry: Option<bool>,
    /// Follows redirects from https to http.
    pub allow_insecure_redirect: Option<bool>,
    /// Whether redirects are followed, are the result, or are an error: they are followed.
    #[napi(ts_type = "'follow' | 'manual' | 'error'")]
    pub redirect: Option<String>,
    /// Asks for a packed body and unpacks it, as other tasks do: a download that cannot resume.
    pub decodes_content: Option<bool>,
    /// Most redirects: 20.
    pub maximum_redirects: Option<u32>,
    /// Most bytes of the file, or of a body that is kept; a larger one ends the task with -1103.
    pub maximum_response_size: Option<f64>,
    /// PEM files of roots that are trusted beside the platform's.
    pub ca_certificates: Option<Vec<String>>,
    /// Sends and keeps cookies, as the session says; `true` by default.
    pub http_should_handle_cookies: Option<bool>,
    /// Asks hosts that said so over https only, as the session says; `true` by default.
    pub uses_strict_transport_security: Option<bool>,
    /// The document that the request is made for, which tells the cookies of other sites.
    pub main_document_url: Option<String>,
    /// Through whom the request goes.
    pub connection_proxy: Option<ProxyFields>,
    /// What TLS connections must be like.
    pub tls: Option<TlsFields>,
    /// How the request goes out.
    pub request_policy: Option<RequestPolicyFields>,
    /// When the request is answered with what is kept.
    pub request_cache_policy: Option<String>,
    /// Lets the server name the file in the destination's folder: which one is taken if there is
    /// one of that name.
    #[napi(ts_type = "'take-free' | 'replace'")]
    pub suggested_filename: Option<String>,
    /// Which name is taken if a file has that of the destination by then.
    #[napi(ts_type = "'take-free' | 'replace'")]
    pub destination_clash: Option<String>,
    /// Whether the request goes over HTTP/3; absent, the session says.
    #[napi(ts_type = "'off' | 'auto' | 'only'")]
    pub http3: Option<String>,
    /// Tries HTTP/3 before the server has offered it.
    pub assumes_http3_capable: Option<bool>,
    /// Over how many connections a download comes; absent, the session says.
    #[napi(ts_type = "number | 'automatic'")]
    pub segments: Option<Either<f64, String>>,
}

impl NewTask {
    /// Creates the task in the session and returns its number.
    pub(crate) fn create(self, session: &Session) -> Result<TaskIdentifier, Error> {
        let task = self.options()?;
        let resume = self.resume.unwrap_or(false);
        let request = self.request()?;
        if self.kind == "download" {
            let options = DownloadOptions {
                destination: self.destination.map(PathBuf::from),
                resume_data: self.resume_data.map(|data| ResumeData(Secret::new(data))),
                resume,
                task,
            };
            return Ok(session.download_task_with(request, options)?.task_identifier());
        }
        let source = match (self.file, self.data) {
            (Some(file), _) if self.snapshot == Some(true) => {
                Some(UploadSource::Snapshot(PathBuf::from(file)))
            }
            (Some(file), _) => Some(UploadSource::File(PathBuf::from(file))),
            (None, Some(data)) => Some(UploadSource::Bytes(data.to_vec())),
            (None, None) => None,
        };
        let is_get = self.method.is_some_and(|method| method.eq_ignore_ascii_case("GET"));
        if is_get && source.is_some() && !task.request_policy.sends_get_body {
            // The front desk takes GET for a method that nobody named.
            return Err(Error::new(ErrorCode::DATA_LENGTH_EXCEEDS_MAXIMUM)
                .because("a GET request cannot have a body")
                .for_url(&self.url));
        }
        let options = UploadOptions { resume, task };
        let created: Task = match (self.kind.as_str(), source) {
            ("data", source) => session.data_task_with(request, source, options)?.into(),
            ("upload", Some(source)) => session.upload_task_with(request, source, options)?.into(),
            ("upload", None) => return Err(illegal("an upload needs a body".to_owned())),
            (kind, _) => return Err(no_such("kind of task", kind, "download, upload or data")),
        };
        Ok(created.task_identifier())
    }

    fn request(&self) -> Result<Request, Error> {
        let mut request = Request::new(&self.url)?;
        if let Some(method) = &self.method {
            method.clone_into(&mut request.method);
        }
        let fields = self.headers.iter().flatten();
        request.headers.extend(fields.map(|field| Header::new(&field.name, &field.value)));
        if let Some(credential) = &self.credential {
            request.credential = Some(credential.clone().try_into()?);
        }
        Ok(request)
    }

    fn options(&self) -> Result<TaskOptions, Error> {
        let (ignores_redirects, maximum_redirects) = match self.redirect.as_deref() {
            None | Some("follow") => (false, self.maximum_redirects),
            Some("manual") => (true, None),
            Some("error") => (false, Some(0)),
            Some(other) => {
                return Err(no_such("way to take redirects", other, "follow, manual or error"));
            }
        };
        Ok(TaskOptions {
            description: self.description.clone(),
            priority: self.priority.map_or_else(Priority::default, priority),
            limit_rate: self.limit_rate.map(|rate| rate as u64),
            lowest_speed: self.lowest_speed.as_ref().map(LowestSpeedFields::read),
            earliest_begin_date: self.earliest_begin_date.map(|date| Timestamp(date as u64)),
            timeout_interval_for_request: self.timeout_interval_for_request.map(|time| time as u64),
            timeout_interval_for_resource: self
                .timeout_interval_for_resource
                .map(|time| time as u64),
            checksum: self.checksum.as_deref().map(checksum).transpose()?,
            maximum_retries: self.maximum_retries,
            retry_interval: self.retry_interval.map(|time| time as u64),
            timeout_interval_for_retries: self.timeout_interval_for_retries.map(|time| time as u64),
            fail_on_http_error: self.fail_on_http_error.unwrap_or(false),
            retry_statuses: self.retry_statuses.clone().unwrap_or_default(),
            recoverable_statuses: self.recoverable_statuses.clone().unwrap_or_default(),
            no_unsafe_retry: self.no_unsafe_retry.unwrap_or(false),
            allow_insecure_redirect: self.allow_insecure_redirect.unwrap_or(false),
            ignores_redirects,
            maximum_redirects,
            maximum_response_size: self.maximum_response_size.map(|most| most as u64),
            decodes_content: self.decodes_content.unwrap_or(false),
            ca_certificates: self.ca_certificates.iter().flatten().map(PathBuf::from).collect(),
            no_cookies: self.http_should_handle_cookies == Some(false),
            no_strict_transport_security: self.uses_strict_transport_security == Some(false),
            main_document_url: self.main_document_url.clone(),
            connection_proxy: self.connection_proxy.as_ref().map(ProxyFields::read).transpose()?,
            request_cache_policy: self
                .request_cache_policy
                .as_deref()
                .map(cache::policy)
                .transpose()?,
            tls: self.tls.as_ref().map(TlsFields::read).transpose()?.unwrap_or_default(),
            request_policy: self
                .request_policy
                .as_ref()
                .map(RequestPolicyFields::read)
                .transpose()?
                .unwrap_or_default(),
            suggested_filename: self.suggested_filename.as_deref().map(name_clash).transpose()?,
            destination_clash: self.destination_clash.as_deref().map(name_clash).transpose()?,
            http3: self.http3.as_deref().map(network::http3).transpose()?,
            assumes_http3_capable: self.assumes_http3_capable.unwrap_or(false),
            segments: self.segments.as_ref().map(network::segments).transpose()?,
        })
    }
}

/// How slow a transfer may be.
#[napi(object, object_to_js = false)]
pub struct LowestSpeedFields {
    /// Bytes per second on average, both directions together.
    pub bytes_per_second: f64,
    /// For how long it may be slower.
    pub seconds: u32,
}

impl LowestSpeedFields {
    fn read(&self) -> LowestSpeed {
        LowestSpeed { bytes_per_second: self.bytes_per_second as u64, seconds: self.seconds }
    }
}

/// What replaces parts of a task's request.
#[napi(object, object_to_js = false)]
pub struct TaskEdit {
    /// The new URL; credentials of another origin do not go there.
    pub url: Option<String>,
    /// Header fields that replace those of the same names.
    pub headers: Option<Vec<HeaderField>>,
    /// The new credential.
    pub credential: Option<Credential>,
}

impl TryFrom<TaskEdit> for RequestEdit {
    type Error = Error;

    fn try_from(edit: TaskEdit) -> Result<Self, Error> {
        Ok(Self {
            url: edit.url,
            headers: edit.headers.into_iter().flatten().map(Into::into).collect(),
            credential: edit.credential.map(TryInto::try_into).transpose()?,
        })
    }
}

/// How a task is.
#[napi(object, object_from_js = false)]
pub struct TaskListing {
    /// The number in the session.
    pub task_identifier: i64,
    /// What it moves.
    #[napi(ts_type = "'download' | 'upload' | 'data'")]
    pub kind: String,
    /// Where a download's file appears once it is whole, unless the server names it.
    pub destination: Option<String>,
    /// The URL asked for, without user-info.
    pub url: String,
    /// The method.
    pub method: String,
    /// The app's own text.
    pub description: Option<String>,
    /// Apple's state.
    #[napi(ts_type = "'running' | 'suspended' | 'canceling' | 'completed'")]
    pub state: String,
    /// Why a running task moves no bytes.
    #[napi(
        ts_type = "'slot' | 'connectivity' | 'retry' | 'begin' | 'disk' | 'answer' | 'conditions'"
    )]
    pub reason: Option<String>,
    /// Until when it waits, in milliseconds since 1970, where that is known.
    pub waiting_until: Option<f64>,
    /// Attempts so far.
    pub attempts: u32,
    /// Body bytes received and kept.
    pub count_of_bytes_received: i64,
    /// Body bytes expected; absent when unknown.
    pub count_of_bytes_expected_to_receive: Option<i64>,
    /// Body bytes sent by the running or last attempt.
    pub count_of_bytes_sent: i64,
    /// Body bytes expected to be sent; absent when unknown.
    pub count_of_bytes_expected_to_send: Option<i64>,
    /// When it was created, in milliseconds since 1970.
    pub created: f64,
    /// When it completed.
    pub completed: Option<f64>,
    /// The head of the response.
    pub response: Option<ResponseHead>,
    /// The error it ended with, or that of the last attempt.
    pub error: Option<TaskError>,
    /// Where the finished file or the kept response body is.
    pub file: Option<String>,
}

impl From<TaskStatus> for TaskListing {
    fn from(status: TaskStatus) -> Self {
        let reason = status.reason.map(reason_name);
        Self {
            task_identifier: number(status.task.0),
            kind: match status.kind {
                TaskKind::Download { .. } => "download".to_owned(),
                TaskKind::Upload => "upload".to_owned(),
                TaskKind::Data => "data".to_owned(),
            },
            destination: match &status.kind {
                TaskKind::Download { destination } => destination.as_deref().map(text),
                TaskKind::Upload | TaskKind::Data => None,
            },
            url: status.url,
            method: status.method,
            description: status.description,
            state: state_name(status.state).to_owned(),
            reason: reason.map(|(name, _)| name.to_owned()),
            waiting_until: reason.and_then(|(_, until)| until),
            attempts: status.attempts,
            count_of_bytes_received: number(status.count_of_bytes_received),
            count_of_bytes_expected_to_receive: status
                .count_of_bytes_expected_to_receive
                .map(number),
            count_of_bytes_sent: number(status.count_of_bytes_sent),
            count_of_bytes_expected_to_send: status.count_of_bytes_expected_to_send.map(number),
            created: status.created.0 as f64,
            completed: status.completed.map(|moment| moment.0 as f64),
            response: status.response.map(ResponseHead::from),
            error: status.error.map(TaskError::from),
            file: status.file.as_deref().map(text),
        }
    }
}

/// Apple's 0 to 1 on the daemon's scale; a float that is none becomes 0.
fn priority(apple: f64) -> Priority {
    Priority((apple.clamp(0.0, 1.0) * 255.0).round() as u8)
}

fn checksum(given: &str) -> Result<Checksum, Error> {
    let (name, hex) = given.split_once(':').unwrap_or_default();
    let algorithm = match name {
        "sha-256" => ChecksumAlgorithm::Sha256,
        "sha-512" => ChecksumAlgorithm::Sha512,
        "md5" => ChecksumAlgorithm::Md5,
        other => return Err(no_such("checksum", other, "sha-256:…, sha-512:… or md5:…")),
    };
    Ok(Checksum { algorithm, hex: hex.to_ascii_lowercase() })
}

fn name_clash(given: &str) -> Result<NameClash, Error> {
    match given {
        "take-free" => Ok(NameClash::TakeFree),
        "replace" => Ok(NameClash::Replace),
        other => Err(no_such("way to take a name", other, "take-free or replace")),
    }
}

/// Makes the error of a choice that there is not; says which there are.
pub(crate) fn no_such(what: &str, given: &str, choices: &str) -> Error {
    illegal(format!("there is no {what} “{given}”: it is {choices}"))
}

pub(crate) fn illegal(why: String) -> Error {
    Error::new(ErrorCode::UNKNOWN).because(why)
}
