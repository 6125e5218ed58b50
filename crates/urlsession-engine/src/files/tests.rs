//! Paths stay inside their folders, and nothing that is needed is swept.

use super::sweep::{Needs, changed};
use super::{Files, abandon, create_private_file, create_private_folder};
use crate::clock::Clock;
use crate::transfer::claim;
use std::path::{Path, PathBuf};
use std::time::Duration;
use urlsession_core::{Order, ResumeState, SessionNumber, TaskRef};
use urlsession_protocol::{
    CachePolicy, CookiePolicy, Request, Response, TaskIdentifier, TaskKind, TaskOptions,
};

#[test]
fn a_task_has_its_files_where_its_kind_puts_them() {
    let (_home, files) = home();
    let state = files.state();
    let inside = |name: &str| state.join("files").join("3").join(name);
    let check = |kind, part: PathBuf, finished: PathBuf| {
        let found = files.of(TASK, &order(kind));
        assert_eq!((found.part, found.finished), (part, finished));
        assert_eq!(*found.kept_parts, state.join("resume"));
    };
    check(download(None), inside("7.part"), inside("7.download"));
    check(TaskKind::Upload, inside("7.part"), inside("7.body"));
    check(TaskKind::Data, inside("7.part"), inside("7.body"));
    check(
        download(Some("/home/user/film.mkv")),
        "/home/user/.film.mkv.3-7.urlsession-part".into(),
        "/home/user/film.mkv".into(),
    );
}

#[test]
fn a_hidden_name_fits_every_file_system() {
    let (_home, files) = home();
    for name in ["a".repeat(255), "ü".repeat(127), "x".repeat(233), "x".repeat(234), "x".into()] {
        let destination = format!("/folder/{name}");
        let part = files.of(TASK, &order(download(Some(&destination)))).part;
        let hidden = part.file_name().unwrap().to_str().unwrap();
        assert!(hidden.len() <= 255, "{} bytes", hidden.len());
        assert!(hidden.starts_with('.') && hidden.ends_with(".3-7.urlsession-part"), "{hidden}");
        assert_eq!(part.parent(), Some(Path::new("/folder")));
    }
}

#[test]
fn only_files_of_ours_are_removed() {
    let (home, files) = home();
    let outside = home.path().join("outside");
    let check = |file: PathBuf, goes: bool| {
        std::fs::write(&file, "").unwrap();
        files.remove(&file);
        assert_eq!(file.exists(), !goes, "{}", file.display());
        // Once more: a file that is gone is no error.
        files.remove(&file);
    };
    create_private_folder(&files.session(SessionNumber(1))).unwrap();
    check(files.finished().join("1").join("1.download"), true);
    check(files.spool().join("x"), true);
    check(files.kept.join("1-1.part"), true);
    check(outside, false);
    check(files.state().join("store.sqlite"), false);
    check(files.spool().join("..").join("store.sqlite"), false);
}

#[test]
fn a_part_is_kept_by_rename() {
    let (_home, files) = home();
    let part = files.session(TASK.session).join("7.part");
    create_private_folder(&files.session(TASK.session)).unwrap();
    std::fs::write(&part, "bytes").unwrap();
    let kept = files.keep_part(TASK, resume(&part)).finish().unwrap();
    assert_eq!(kept.part, files.kept.join("3-7-0.part"));
    assert_eq!(std::fs::read(&kept.part).unwrap(), b"bytes");
    assert!(!part.exists());
    // A part that is not there cannot be kept.
    assert_eq!(files.keep_part(TASK, resume(&part)).finish(), None);
    // Another task of the same number takes nothing away.
    std::fs::write(&part, "other").unwrap();
    let other = files.keep_part(TASK, resume(&part)).finish().unwrap();
    assert_eq!(std::fs::read(&other.part).unwrap(), b"other");
    assert_eq!(std::fs::read(&kept.part).unwrap(), b"bytes");
    // Resume data that names something else moves nothing.
    let theirs = files.state().join("theirs");
    std::fs::write(&theirs, "theirs").unwrap();
    assert_eq!(files.keep_part(TASK, resume(&theirs)).finish(), None);
    assert_eq!(std::fs::read(&theirs).unwrap(), b"theirs");
    // One that somebody goes on from is not taken from them.
    let used = std::fs::File::open(&kept.part).unwrap();
    assert!(claim(&used));
    assert_eq!(files.keep_part(TASK, kept.clone()).finish(), None);
    assert_eq!(std::fs::read(&kept.part).unwrap(), b"bytes");
    drop(used);
    assert_eq!(
        files.keep_part(TASK, kept.clone()).finish().unwrap().part,
        files.kept.join("3-7-2.part")
    );
    // That of a task with a destination is beside it.
    let destination = files.state().join("f");
    let beside = files.of(TASK, &order(download(destination.to_str()))).part;
    std::fs::write(&beside, "beside").unwrap();
    assert!(files.keep_part(TASK, resume(&beside)).finish().is_some() && !beside.exists());
}

/// As that of a download to a disk of its own.
#[cfg(unix)]
#[test]
fn a_part_on_another_file_system_is_kept_by_copy() {
    use std::os::unix::fs::MetadataExt as _;
    let about = |path: &Path| std::fs::metadata(path).unwrap();
    let (_home, files) = home();
    let far = tempfile::TempDir::new_in("/dev/shm").ok();
    let far = far.filter(|far| about(far.path()).dev() != about(files.state()).dev());
    let Some(far) = far else {
        eprintln!("SKIPPED: there is no other file system");
        return;
    };
    let destination = far.path().join("file");
    let beside = files.of(TASK, &order(download(destination.to_str()))).part;
    std::fs::write(&beside, "bytes").unwrap();
    let state = || ResumeState { inode: about(&beside).ino(), ..resume(&beside) };
    let keeping = files.keep_part(TASK, state());
    assert!(keeping.takes_long());
    // What comes meanwhile gets another name, and a crash leaves nothing beside the destination.
    assert!(!beside.exists());
    std::fs::write(&beside, "other").unwrap();
    let other = files.keep_part(TASK, state());
    let [kept, other] = [keeping, other].map(|keeping| keeping.finish().unwrap());
    assert_eq!(kept.part, files.kept.join("3-7-0.part"));
    assert_eq!(kept, ResumeState { inode: about(&kept.part).ino(), ..resume(&kept.part) });
    assert_eq!(std::fs::read(&kept.part).unwrap(), b"bytes");
    assert_eq!(std::fs::read(&other.part).unwrap(), b"other");
    assert_eq!(about(&kept.part).mode() & 0o777, 0o600);
    // What is not the part that the state speaks of is not copied.
    std::fs::write(&beside, "theirs").unwrap();
    let state = ResumeState { inode: 0, ..state() };
    assert_eq!(files.keep_part(TASK, state).finish(), None);
    assert_eq!(std::fs::read_dir(far.path()).unwrap().count(), 0);
}

#[test]
fn the_sweep_leaves_what_is_needed() {
    let (_home, files) = home();
    for session in [1, 2] {
        create_private_folder(&files.session(SessionNumber(session))).unwrap();
    }
    let put = |folder: PathBuf, name: &str| {
        let file = folder.join(name);
        std::fs::write(&file, "").unwrap();
        file
    };
    let session = |n: u32| files.finished().join(n.to_string());
    let owed = put(session(1), "1.download");
    let forgotten = put(session(1), "2.download");
    // Renamed into place, and the crash came before the commit.
    let unrecorded = put(session(1), "3.download");
    let stray = put(session(2), "1.part");
    let spooled = put(files.spool(), "needed");
    let unspooled = put(files.spool(), "left behind");
    let kept = put(files.kept.to_path_buf(), "1-9.part");
    let needs = Needs {
        files: [owed.clone(), spooled.clone()].into(),
        is_unfinished: &|task| {
            task == TaskRef { session: SessionNumber(1), task: TaskIdentifier(3) }
        },
    };

    let now = Clock::start().now().wall;
    files.sweep(&needs, now);
    let check = |there: &[&PathBuf], gone: &[&PathBuf]| {
        for file in there {
            assert!(file.exists(), "{} was swept", file.display());
        }
        for file in gone {
            assert!(!file.exists(), "{} was left", file.display());
        }
    };
    check(&[&owed, &unrecorded, &spooled, &unspooled, &kept], &[&forgotten, &stray]);
    assert!(!session(2).exists());

    files.sweep(&needs, now.after(Duration::from_secs(2 * 60 * 60)));
    check(&[&owed, &unrecorded, &spooled, &kept], &[&unspooled]);
    files.sweep(&needs, now.after(Duration::from_secs(8 * 24 * 60 * 60)));
    check(&[&owed, &unrecorded, &spooled], &[&kept]);
}

#[test]
fn a_temporary_state_folder_is_its_own_and_goes() {
    let (one, two) = (Files::temporary().unwrap(), Files::temporary().unwrap());
    assert_ne!(one.state(), two.state());
    let destination = order(download(Some("/folder/name")));
    assert_ne!(one.of(TASK, &destination).part, two.of(TASK, &destination).part);
    for files in [one, two] {
        files.remove_all();
        assert!(!files.state().exists());
    }
}

#[test]
fn a_temporary_state_folder_goes_with_its_process_at_the_latest() {
    let parent = tempfile::tempdir().unwrap();
    let [dead, living] = [(); 2].map(|()| Files::temporary_in(parent.path()).unwrap());
    let (left, stays) = (dead.state().to_owned(), living.state().to_owned());
    std::fs::write(left.join("files/f"), "x").unwrap();
    let destinations = tempfile::tempdir().unwrap();
    let destination = order(download(destinations.path().join("name").to_str()));
    let parts = [&dead, &living].map(|files| {
        files.prepare_for(TASK, &destination).unwrap();
        let part = files.of(TASK, &destination).part;
        std::fs::write(&part, "x").unwrap();
        part
    });
    let like = parts[0].with_extension("other");
    std::fs::write(&like, "x").unwrap();
    // Whose they are is not known.
    let others = ["urlsession-1-0-state", "urlsession-a-b-state", "state"];
    let others = others.map(|name| parent.path().join(name));
    others.iter().for_each(|folder| std::fs::create_dir(folder).unwrap());
    std::fs::write(others[0].join("other"), "").unwrap();
    // The end of its removal did not come.
    let bare = parent.path().join("urlsession-1-1-state");
    std::fs::create_dir(&bare).unwrap();
    std::fs::write(others[1].join("lock"), "").unwrap();
    // The system does that for a process that dies.
    drop(dead);
    let now = changed(parent.path());
    super::temporary::sweep(parent.path(), now);
    assert!(!parts[0].exists() && parts[1].exists() && like.exists());
    assert!(stays.exists() && others.iter().all(|folder| folder.exists()));
    assert!(!left.exists() && !bare.exists());
    // Nobody comes back for one without a lock.
    super::temporary::sweep(parent.path(), now.after(Duration::from_secs(25 * 60 * 60)));
    assert!(stays.exists() && parts[1].exists());
    assert_eq!(others.map(|folder| folder.exists()), [false, true, true]);
}

#[test]
fn a_process_that_ends_takes_the_files_of_its_engine_along() {
    let parent = tempfile::tempdir().unwrap();
    let [ended, other] = [(); 2].map(|()| Files::temporary_in(parent.path()).unwrap());
    std::fs::write(ended.finished().join("f"), "x").unwrap();
    let destinations = tempfile::tempdir().unwrap();
    let destination = order(download(destinations.path().join("name").to_str()));
    let parts = [&ended, &other].map(|files| {
        files.prepare_for(TASK, &destination).unwrap();
        let part = files.of(TASK, &destination).part;
        std::fs::write(&part, "x").unwrap();
        part
    });
    // It still has its lock.
    abandon(ended.state()).unwrap();
    assert_eq!([&parts[0], &parts[1]].map(|part| part.exists()), [false, true]);
    assert_eq!([&ended, &other].map(|files| files.state().exists()), [false, true]);
    let (_home, kept) = home();
    abandon(kept.state()).unwrap();
    assert!(kept.state().exists(), "what is for later stays");
}

#[cfg(unix)]
#[test]
fn a_state_folder_that_cannot_be_spelled_is_refused() {
    use std::os::unix::ffi::OsStrExt as _;
    let home = tempfile::tempdir().unwrap();
    let state = home.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    assert_eq!(Files::prepare(&state).unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
    assert!(!state.exists());
}

#[cfg(unix)]
#[test]
fn folders_and_files_are_private_and_no_symlink_is_followed() {
    use std::os::unix::fs::{PermissionsExt as _, symlink};
    let (home, files) = home();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    for folder in [files.state(), &files.finished(), &files.spool(), &files.kept] {
        assert_eq!(mode(folder), 0o700);
    }
    let open = home.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    create_private_folder(&open).unwrap();
    assert_eq!(mode(&open), 0o700);
    let file = open.join("file");
    create_private_file(&file).unwrap();
    create_private_file(&file).unwrap();
    assert_eq!(mode(&file), 0o600);
    let link = home.path().join("link");
    symlink(&open, &link).unwrap();
    assert!(create_private_folder(&link).is_err());
    assert!(create_private_file(&link).is_err());
}

const TASK: TaskRef = TaskRef { session: SessionNumber(3), task: TaskIdentifier(7) };

fn home() -> (tempfile::TempDir, Files) {
    let home = tempfile::tempdir().unwrap();
    let files = Files::prepare(&home.path().join("state")).unwrap();
    (home, files)
}

fn download(destination: Option<&str>) -> TaskKind {
    TaskKind::Download { destination: destination.map(PathBuf::from) }
}

fn order(kind: TaskKind) -> Order {
    Order {
        kind,
        request: Request::new("http://example.com/").unwrap(),
        options: TaskOptions::default(),
        idle_timeout: Duration::ZERO,
        cookies: CookiePolicy::default(),
        answers: Vec::new(),
        cache: CachePolicy::default(),
    }
}

fn resume(part: &Path) -> ResumeState {
    ResumeState {
        part: part.to_owned(),
        inode: 1,
        durable_bytes: 5,
        further: None,
        total_bytes: None,
        etag: None,
        last_modified: None,
        response: Response::default(),
    }
}
