//! Downloads a file: `cargo run --example download -- URL FILE`. Interrupt it: the download goes on,
//! and the same line shows the rest.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use urlsession::{DownloadOptions, Event, Session, SessionConfiguration};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(url), Some(file)) = (arguments.next(), arguments.next()) else {
        return Err("usage: download URL FILE".into());
    };

    let session = Session::new(SessionConfiguration::background("example.download"))?;
    let events = session.events();
    if session.tasks()?.is_empty() {
        let destination = Some(file.into());
        let options = DownloadOptions { destination, resume: true, ..Default::default() };
        session.download_task_with(url, options)?;
    }

    for delivery in events {
        match &delivery.event {
            Event::DidWriteData { total_bytes_written, .. } => println!("{total_bytes_written}"),
            Event::DidFinishDownloading { path, .. } => println!("{}", path.display()),
            Event::DidComplete { error: Some(error), .. } => {
                delivery.acknowledge();
                return Err(error.clone().into());
            }
            Event::DidComplete { .. } => {
                delivery.acknowledge();
                return Ok(());
            }
            _ => {}
        }
    }
    Err("the daemon is gone".into())
}
