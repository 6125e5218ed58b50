//! What a new task is made of: its request, its body and how it differs from Apple's defaults.

use std::path::PathBuf;
use urlsession_protocol::{Error, Request, ResumeData, TaskOptions};

/// Something that a task can be asked for with: a [`Request`] or the text of a URL.
pub trait IntoRequest {
    /// Makes the request.
    ///
    /// # Errors
    /// Those of [`Request::new`]: -1000 for text that is no URL, -1002 for another scheme than
    /// http and https.
    fn into_request(self) -> Result<Request, Error>;
}

impl IntoRequest for Request {
    fn into_request(self) -> Result<Request, Error> {
        Ok(self)
    }
}

impl IntoRequest for &str {
    fn into_request(self) -> Result<Request, Error> {
        Request::new(self)
    }
}

impl IntoRequest for String {
    fn into_request(self) -> Result<Request, Error> {
        Request::new(&self)
    }
}

impl IntoRequest for &String {
    fn into_request(self) -> Result<Request, Error> {
        Request::new(self)
    }
}

/// Where the bytes of a request body come from.
#[derive(Clone, PartialEq, Eq)]
pub enum UploadSource {
    /// The app's own file, read while the task runs. It must stay as it is until the task
    /// completes: another size then ends the task with -1021. A file that is missing, a folder or
    /// unreadable is no error of the call; it ends the task with -1100, -1101 or -1102.
    File(PathBuf),
    /// The app's own file as it is at the moment, linked or copied to a private one before the call
    /// returns. The app may remove its own then, but must not write into it. One that cannot be read
    /// ends the task as above.
    Snapshot(PathBuf),
    /// These bytes, copied to a private file before the call returns.
    Bytes(Vec<u8>),
}

impl std::fmt::Debug for UploadSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Snapshot(path) => f.debug_tuple("Snapshot").field(path).finish(),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

/// How a download task differs from Apple's default one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DownloadOptions {
    /// The path that the finished file gets by rename, replacing what is there; a relative one is
    /// taken from the working folder. Without it the file is removed when
    /// [`Event::DidFinishDownloading`](crate::Event::DidFinishDownloading) is acknowledged.
    pub destination: Option<PathBuf>,
    /// Goes on from an earlier download of the same URL; good for one use.
    pub resume_data: Option<ResumeData>,
    /// Starts the task in the same message, which saves a call to [`Task::resume`](crate::Task::resume).
    pub resume: bool,
    /// What any task may ask for.
    pub task: TaskOptions,
}

/// How an upload or data task differs from Apple's default one.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct UploadOptions {
    /// Starts the task in the same message, which saves a call to [`Task::resume`](crate::Task::resume).
    pub resume: bool,
    /// What any task may ask for.
    pub task: TaskOptions,
}
