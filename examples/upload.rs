//! Uploads bytes and shows the answer, with a delegate: `cargo run --example upload -- URL TEXT`.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use urlsession::{
    Error, Response, Session, SessionConfiguration, SessionDelegate, Task, UploadSource,
};

struct Upload(Sender<()>);

impl SessionDelegate for Upload {
    fn did_receive_data(&mut self, _: &Task, path: &Path, length: u64) {
        println!("{length} bytes: {}", std::fs::read_to_string(path).unwrap_or_default());
    }

    fn did_complete(&mut self, task: &Task, response: Option<&Response>, error: Option<&Error>) {
        let status = response.map(|response| response.status_code);
        println!("task {}: status {status:?}, error {error:?}", task.task_identifier());
    }

    fn did_become_invalid(&mut self, _: &Session, _: Option<&Error>) {
        let _ = self.0.send(());
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(text)) = (arguments.next(), arguments.next()) else {
        return Err("usage: upload URL TEXT".into());
    };
    let (done, wait) = channel();
    let configuration = SessionConfiguration::background("example.upload");
    let session = Session::with_delegate(configuration, Upload(done))?;
    session.upload_task(url, UploadSource::Bytes(text.into_bytes()))?.resume()?;
    // The last event comes when all tasks have ended and all others are acknowledged.
    session.finish_tasks_and_invalidate()?;
    wait.recv()?;
    Ok(())
}
