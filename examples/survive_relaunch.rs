//! A transfer that outlives its app: `cargo run --example survive_relaunch -- URL` starts a download
//! and exits at once; without a URL the next run takes what arrived meanwhile.
#![expect(clippy::print_stdout, reason = "an example talks to a person")]

use urlsession::{Event, Session, SessionConfiguration};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // The same identifier in both runs is all that it takes.
    let session = Session::new(SessionConfiguration::background("example.relaunch"))?;

    if let Some(url) = std::env::args().nth(1) {
        let task = session.download_task(url)?;
        task.resume()?;
        println!("task {} is the daemon's now", task.task_identifier());
        return Ok(());
    }

    // Once all tasks have ended and everything has been told, the session ends, and so do its events.
    session.finish_tasks_and_invalidate()?;
    for delivery in session.events() {
        let task = delivery.task.unwrap_or_default();
        match &delivery.event {
            // The file is ours until the event is acknowledged, when the next one is asked for.
            Event::DidFinishDownloading { path, length } => {
                std::fs::copy(path, format!("task-{task}"))?;
                println!("task {task}: {length} bytes in the file task-{task}");
            }
            Event::DidComplete { error: Some(error), .. } => println!("task {task}: {error}"),
            _ => {}
        }
    }
    Ok(())
}
