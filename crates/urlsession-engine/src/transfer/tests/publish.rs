//! Files that get their names together: each has its own end.

use crate::transfer::TaskFiles;
use crate::transfer::landing::Landing;
use crate::transfer::part::Part;
use crate::transfer::publish::{Finished, Publisher};
use bytes::Bytes;
use std::fs;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tempfile::TempDir;
use urlsession_core::Cause;
use urlsession_protocol::ErrorCode;

/// A body that is whole in memory.
fn finished(folder: &Path, name: &str, rest: &[&'static str]) -> Finished {
    let files = TaskFiles {
        part: folder.join(format!("{name}.part")),
        finished: folder.join(name),
        kept_parts: folder.join("kept").into(),
    };
    let rest = rest.iter().map(|bytes| Bytes::from_static(bytes.as_bytes())).collect();
    let landing = Landing::exact(&files);
    Finished { part: Part::planned(&files.part), rest, files, landing }
}

#[tokio::test]
async fn one_that_fails_does_not_take_others_with_it() {
    let folder = TempDir::new().unwrap();
    let publisher = Arc::new(Publisher::default());
    fs::create_dir(folder.path().join("7")).unwrap();
    let numbers = 0..200;
    let publishing: Vec<_> = numbers
        .clone()
        .map(|number| {
            let finished = finished(folder.path(), &number.to_string(), &["he", "llo"]);
            let publisher = Arc::clone(&publisher);
            tokio::spawn(async move { publisher.publish(finished).await })
        })
        .collect();
    for (number, published) in numbers.zip(publishing) {
        let code = published.await.unwrap().err().map(|failure| failure.error.code);
        assert_eq!(code, (number == 7).then_some(ErrorCode::CANNOT_CREATE_FILE), "{number}");
        if number != 7 {
            assert_eq!(fs::read(folder.path().join(number.to_string())).unwrap(), b"hello");
        }
        assert!(!folder.path().join(format!("{number}.part")).exists(), "{number}");
    }
}

#[tokio::test]
async fn an_empty_file_is_a_file() {
    for publisher in [Publisher::default(), Publisher::passing()] {
        let folder = TempDir::new().unwrap();
        Arc::new(publisher).publish(finished(folder.path(), "empty", &[])).await.unwrap();
        assert_eq!(fs::read(folder.path().join("empty")).unwrap(), b"");
    }
}

#[tokio::test]
async fn what_need_not_last_is_in_place_at_once() {
    let folder = TempDir::new().unwrap();
    let publisher = Arc::new(Publisher::passing());
    fs::write(folder.path().join("file"), "old").unwrap();
    let publish = pin!(publisher.publish(finished(folder.path(), "file", &["he", "llo"])));
    let published = publish.poll(&mut Context::from_waker(Waker::noop()));
    assert!(matches!(published, Poll::Ready(Ok(_))), "nobody else is woken for it");
    assert_eq!(fs::read(folder.path().join("file")).unwrap(), b"hello");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[tokio::test]
async fn a_folder_is_worked_on_again_after_a_failure() {
    let folder = TempDir::new().unwrap();
    let publisher = Arc::new(Publisher::default());
    let place = folder.path().join("later");
    let failure = publisher.publish(finished(&place, "file", &["a"])).await.unwrap_err();
    assert_eq!(failure.error.code, ErrorCode::CANNOT_CREATE_FILE);
    fs::create_dir(&place).unwrap();
    publisher.publish(finished(&place, "file", &["a"])).await.unwrap();
    assert_eq!(fs::read(place.join("file")).unwrap(), b"a");
}

/// As another daemon of the same user has it that downloads to the same place.
#[tokio::test]
async fn a_part_whose_name_is_another_files_is_not_put_in_place() {
    let folder = TempDir::new().unwrap();
    let mut replaced = finished(folder.path(), "file", &[]);
    replaced.part.append(b"ours").unwrap();
    assert!(replaced.part.inode() != 0, "it was recorded");
    let files = replaced.files.clone();
    fs::remove_file(&files.part).unwrap();
    fs::write(&files.part, "the").unwrap();
    let failure = Arc::new(Publisher::default()).publish(replaced).await.unwrap_err();
    assert_eq!(
        (failure.error.code, failure.cause),
        (ErrorCode::CANNOT_MOVE_FILE, Cause::Transient)
    );
    assert!(!files.finished.exists());
    assert_eq!(fs::read(&files.part).unwrap(), b"the");
}

/// As `git clean` has it, or whoever removes the folder.
#[tokio::test]
async fn a_part_that_is_gone_is_fetched_anew_where_its_folder_is_there() {
    for (folder_stays, expected) in [(true, Cause::Transient), (false, Cause::Permanent)] {
        let folder = TempDir::new().unwrap();
        let place = folder.path().join("place");
        fs::create_dir(&place).unwrap();
        let mut gone = finished(&place, "file", &[]);
        gone.part.append(b"ours").unwrap();
        fs::remove_file(&gone.files.part).unwrap();
        if !folder_stays {
            fs::remove_dir(&place).unwrap();
        }
        let failure = Arc::new(Publisher::default()).publish(gone).await.unwrap_err();
        assert_eq!(failure.cause, expected, "{failure:?}");
        assert_eq!(place.exists(), folder_stays);
    }
}

#[cfg(target_os = "linux")]
#[tokio::test]
async fn what_cannot_be_renamed_leaves_nothing() {
    for publisher in [Publisher::default(), Publisher::passing()] {
        let folder = TempDir::new().unwrap();
        let mut unnamed = finished(folder.path(), "file", &["a"]);
        // A name that no file system takes, while the part's is a good one.
        unnamed.files.finished = folder.path().join("x".repeat(300));
        unnamed.landing = Landing::exact(&unnamed.files);
        let failure = Arc::new(publisher).publish(unnamed).await.unwrap_err();
        assert!(failure.error.detail.is_some(), "{failure:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}
