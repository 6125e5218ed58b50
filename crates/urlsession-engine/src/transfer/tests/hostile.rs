//! Hundreds of troubles drawn from seeds: every task ends right, whole or with an error, and leaves
//! nothing else.

use super::{BOTH_WAYS, Trial, resume_of, summary};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use urlsession_core::{Cause, Ending};
use urlsession_testkit::server::{End, Server, Trouble};

/// Asks for more than the usual number of cases, from another seed on.
const CASES_VARIABLE: &str = "URLSESSION_HOSTILE_CASES";
const SEED_VARIABLE: &str = "URLSESSION_HOSTILE_SEED";
const CASES: u64 = 400;
/// Cases at a time.
const AT_ONCE: usize = 24;
/// A server that is silent for so long is left: also one on a busy machine, which costs a try.
const SILENCE: Duration = Duration::from_millis(300);
/// Most tries of one case: the server behaves after a few, a busy machine later.
const TRIES: u32 = 60;
/// A case that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);
/// Bytes of the file that is cut everywhere.
const SMALL: u64 = 64;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_a_server_does_a_task_ends_whole_or_with_an_error() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let first = number(SEED_VARIABLE).unwrap_or(0);
    let cases = number(CASES_VARIABLE).unwrap_or(CASES);
    let ends = run((first..first + cases).map(Trouble::draw)).await;
    println!("{cases} cases, {} whole, {} with an error", cases - ends.errors, ends.errors);
    // A generator that draws one kind of end only proves little.
    assert!(ends.errors * 10 > cases && ends.errors * 10 < cases * 9, "{} errors", ends.errors);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_that_is_cut_at_any_byte_is_whole_in_the_end() {
    let cuts = (0..SMALL).flat_map(|after| {
        let ways = [(false, false), (false, true), (true, false), (true, true)];
        ways.map(|(chunked, reset)| Trouble::cut(SMALL, after, chunked, reset))
    });
    assert_eq!(run(cuts).await.errors, 0);
}

/// How the cases ended.
#[derive(Default)]
struct Ends {
    errors: u64,
}

async fn run(troubles: impl Iterator<Item = Trouble>) -> Ends {
    let server = Arc::new(Server::start());
    let mut ends = Ends::default();
    let mut running = JoinSet::new();
    for (number, trouble) in troubles.enumerate() {
        if running.len() >= AT_ONCE {
            let failed: bool = running.join_next().await.unwrap().unwrap();
            ends.errors += u64::from(failed);
        }
        let server = Arc::clone(&server);
        running.spawn(async move {
            let case = format!("case {number}: {}", trouble.name);
            let path = format!("/{number}");
            server.on(&path, trouble.answer.clone());
            let url = server.url(&path);
            let failed = tokio::time::timeout(
                PATIENCE,
                try_it(&url, &trouble, &case, BOTH_WAYS[number % 2]),
            )
            .await;
            let failed = failed.unwrap_or_else(|_| panic!("{case}: it hangs"));
            server.off(&path);
            failed
        });
    }
    while let Some(failed) = running.join_next().await {
        ends.errors += u64::from(failed.unwrap());
    }
    ends
}

/// Tries until the task has ended, and says whether it did with an error.
async fn try_it(url: &str, trouble: &Trouble, case: &str, way: u64) -> bool {
    let mut trial = Trial::download(url).detouring_from(way);
    trial.order.idle_timeout = SILENCE;
    for _ in 0..TRIES {
        let ending = trial.run_and_record().await;
        match &ending {
            Ending::Done(done) => {
                let found = fs::read(done.file.as_ref().unwrap()).unwrap();
                let status = done.response.status_code;
                assert!(
                    trouble.allows(status, &found),
                    "{case}: {status} with {} bytes is no right end",
                    found.len()
                );
                assert_eq!((done.length, trial.left().len()), (found.len() as u64, 1), "{case}");
                return false;
            }
            Ending::Challenged { .. } => panic!("{case}: nobody may be asked"),
            Ending::Failed { cause: Cause::Permanent, .. } => {
                assert!(trouble.ends.contains(&End::Error), "{case}: {}", summary(&ending));
                // What it had is removed by who recorded it, or nothing is left.
                let kept = usize::from(resume_of(&ending).is_some());
                assert_eq!(trial.left().len(), kept, "{case}: {:?}", trial.left());
                return true;
            }
            Ending::Failed { .. } => {
                // A part that does not count any more makes room for the next one.
                let kept = usize::from(resume_of(&ending).is_some());
                assert!((kept..=1).contains(&trial.left().len()), "{case}: {:?}", trial.left());
            }
            Ending::Stopped { .. } => panic!("{case}: nobody stopped it"),
        }
    }
    panic!("{case}: no end after {TRIES} tries")
}
