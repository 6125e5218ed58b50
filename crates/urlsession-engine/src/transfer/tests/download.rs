//! Downloads: whole, cut, resumed, restarted, stopped, and what is left in the folder.

use super::{PATIENCE, Road, Told, Trial, all, error_of, resume_of, summary};
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use urlsession_core::Ending;
use urlsession_protocol::{Checksum, ChecksumAlgorithm, ResumeRung};
use urlsession_testkit::server::{Answer, Body, Server, pseudo_random, sha256};

pub(super) const SIZE: u64 = 300_000;
const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";

/// What is tried, the answer, the ending, and what is left in the folder.
type OneAttempt = (&'static str, Answer, &'static str, &'static [&'static str]);
/// What is tried, the answers, from where it goes on, and the ranges that the server saw.
type SecondAttempt = (&'static str, Answer, Resumed, &'static [Option<&'static str>]);
type Resumed = (u64, Option<u64>, ResumeRung);

pub(super) fn file() -> Answer {
    Answer::pseudo_random(7, SIZE)
}

pub(super) fn bytes() -> Vec<u8> {
    pseudo_random(7, 0, SIZE as usize)
}

/// what => answer => how the one attempt ends and what is left in the folder
#[tokio::test]
async fn one_attempt() {
    let table: Vec<OneAttempt> = vec![
        ("whole", file(), "done 200 300000", &["file"]),
        ("chunked", file().chunked(), "done 200 300000", &["file"]),
        ("to the close", file().without_length(), "done 200 300000", &["file"]),
        ("empty", Answer::ok(""), "done 200 0", &["file"]),
        ("a 404 is a result", Answer::ok("gone").status(404), "done 404 4", &["file"]),
        ("no content", Answer::status_only(204), "done 204 0", &["file"]),
        ("cut, unprovable", file().drop_after(9000), "-1005 transient", &[]),
        ("cut, weak tag", file().etag("W/\"a\"").drop_after(9000), "-1005 transient", &[]),
        (
            "cut, strong tag",
            file().etag("\"a\"").drop_after(9000),
            "-1005 transient progressed kept 9000",
            &["file.part"],
        ),
        (
            "cut, date",
            file().last_modified(DATE).drop_after(9000),
            "-1005 transient progressed kept 9000",
            &["file.part"],
        ),
        (
            "cut in chunks",
            file().etag("\"a\"").chunked().drop_after(9000),
            "-1005 transient progressed kept 9000",
            &["file.part"],
        ),
        ("cut before the body", file().etag("\"a\"").drop_after(0), "-1005 transient", &[]),
        (
            "an error page is not gone on from",
            file().status(500).etag("\"a\"").drop_after(9000),
            "-1005 transient",
            &[],
        ),
        (
            "shorter than told",
            Answer::raw("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: 5\r\n\r\nabc"),
            "-1005 transient progressed kept 3",
            &["file.part"],
        ),
    ];
    check_one_attempt(table).await;
}

/// what => bytes instead of a response => how the one attempt ends
#[tokio::test]
async fn one_attempt_at_what_is_no_response() {
    let table: Vec<OneAttempt> = vec![
        ("nothing at all", Answer::raw(""), "-1005 transient", &[]),
        ("half a head", Answer::raw("HTTP/1.1 200 OK\r\nconte"), "-1005 transient", &[]),
        ("not HTTP", Answer::raw("SSH-2.0-x\r\n\r\n"), "-1011 permanent", &[]),
        ("no status", Answer::raw("HTTP/1.1 abc\r\n\r\n"), "-1011 permanent", &[]),
        (
            "garbage in a field",
            Answer::raw("HTTP/1.1 200 OK\r\n\u{1}: x\r\n\r\n"),
            "-1017 permanent",
            &[],
        ),
        (
            "garbage in chunks",
            Answer::raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
            "-1017 permanent",
            &[],
        ),
    ];
    check_one_attempt(table).await;
}

async fn check_one_attempt(table: Vec<OneAttempt>) {
    for road in Road::all() {
        for case in table.clone() {
            check_over(&road, case).await;
        }
    }
}

async fn check_over(road: &Road, (what, answer, expected, left): OneAttempt) {
    let server = &road.server;
    server.on("/file", answer);
    let trial = road.download("/file");
    let ending = trial.run().await;
    assert_eq!(summary(&ending), expected, "{what} {}: {ending:?}", server.url("/"));
    assert_eq!(trial.left(), left, "{what}");
    if expected == "done 200 300000" {
        assert!(fs::read(&trial.files.finished).unwrap() == bytes(), "{what}");
    }
    if let Ending::Failed { error, .. } = &ending {
        assert_eq!(error.failing_url.as_deref(), Some(&*server.url("/file")), "{what}");
        assert!(error.detail.is_some(), "{what}");
    }
}

/// what => answers of both attempts => how the second goes on
#[tokio::test]
async fn second_attempt() {
    use ResumeRung::{LastModified, Restart, StrongEtag};
    let cut = || file().etag("\"a\"").drop_after(9000).times(1);
    let whole = Some(SIZE);
    let table: Vec<SecondAttempt> = vec![
        ("tag", cut(), (9000, whole, StrongEtag), &[None, Some("bytes=9000-")]),
        (
            "date",
            file().last_modified(DATE).drop_after(9000).times(1),
            (9000, whole, LastModified),
            &[None, Some("bytes=9000-")],
        ),
        (
            "length unknown",
            file().etag("\"a\"").chunked().drop_after(9000).times(1),
            (9000, whole, StrongEtag),
            &[None, Some("bytes=9000-")],
        ),
        (
            "the entity changed",
            file().etag("\"a\"").drop_after(9000).times(1).change_etag_after(1),
            (0, whole, Restart),
            &[None, Some("bytes=9000-")],
        ),
        (
            "200 to a range",
            cut().then(file().etag("\"a\"").ignore_range()),
            (0, whole, Restart),
            &[None, Some("bytes=9000-")],
        ),
        (
            "a lying range is asked anew",
            cut().then(file().etag("\"a\"").lying_range(8000).times(2).then(file())),
            (0, whole, Restart),
            &[None, Some("bytes=9000-"), None],
        ),
        (
            "416 and shorter now",
            cut().then(Answer::status_only(416).times(1).then(file().etag("\"b\""))),
            (0, whole, Restart),
            &[None, Some("bytes=9000-"), None],
        ),
        (
            "304 to a range",
            cut().then(Answer::status_only(304).times(1).then(file().etag("\"a\""))),
            (0, whole, Restart),
            &[None, Some("bytes=9000-"), None],
        ),
    ];
    let roads = Road::all();
    let all = table.into_iter().flat_map(|case| roads.iter().map(move |road| (case.clone(), road)));
    for ((what, answer, expected, ranges), road) in all {
        let server = &road.server;
        let before = server.requests().len();
        server.on("/file", answer);
        let mut trial = road.download("/file");
        let first = trial.run_and_record().await;
        assert!(resume_of(&first).is_some(), "{what}: {first:?}");
        let second = trial.run().await;
        assert_eq!(summary(&second), "done 200 300000", "{what}: {second:?}");
        assert!(fs::read(&trial.files.finished).unwrap() == bytes(), "{what}");
        assert_eq!(trial.resumed(), Some(expected), "{what}");
        assert_eq!(trial.left(), ["file"], "{what}");
        let seen = server.requests().split_off(before);
        let asked: Vec<_> = seen.iter().map(|seen| seen.header("range")).collect();
        assert_eq!(asked, ranges, "{what}");
    }
}

#[tokio::test]
async fn all_bytes_came_but_not_the_end() {
    // Without a length, all bytes may be there while the end is missing: 416 says so.
    let server = Server::start();
    let head = "HTTP/1.1 200 OK\r\nETag: \"a\"\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\n";
    let complete = Answer::status_only(416).header("content-range", "bytes */4");
    server.on("/file", Answer::raw(head).times(1).then(complete));
    let mut trial = Trial::download(&server.url("/file"));
    assert_eq!(summary(&trial.run_and_record().await), "-1005 transient progressed kept 4");
    assert_eq!(summary(&trial.run().await), "done 200 4");
    assert_eq!(fs::read(&trial.files.finished).unwrap(), b"abcd");
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn what_a_crash_leaves_is_understood() {
    let server = Server::start();
    server.on("/file", file().etag("\"a\"").drop_after(9000).times(1));
    let mut trial = Trial::download(&server.url("/file"));
    trial.run_and_record().await;
    let state = trial.resume.clone().unwrap();

    // More bytes than were recorded are not trusted.
    let mut longer = fs::read(&trial.files.part).unwrap();
    longer.extend(b"never synced");
    fs::write(&trial.files.part, &longer).unwrap();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert!(fs::read(&trial.files.finished).unwrap() == bytes());

    // The rename had happened, its report was lost.
    let before = server.requests().len();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert_eq!(server.requests().len(), before, "nothing is asked");

    // A name that cannot be made durable is not told. The superuser may look into everything.
    let folder = trial.folder.path();
    fs::set_permissions(folder, Permissions::from_mode(0o300)).unwrap();
    if fs::File::open(folder).is_err() {
        assert_eq!(summary(&trial.run().await), "-3005 permanent kept 9000");
    }
    fs::set_permissions(folder, Permissions::from_mode(0o700)).unwrap();

    // Another file lies where the part was: it is not gone on from.
    fs::rename(&trial.files.finished, trial.folder.path().join("moved")).unwrap();
    fs::write(&trial.files.part, vec![0; 20_000]).unwrap();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert!(fs::read(&trial.files.finished).unwrap() == bytes());

    // Everything was synced, nothing renamed.
    fs::rename(&trial.files.finished, &trial.files.part).unwrap();
    let inode = std::os::unix::fs::MetadataExt::ino(&fs::metadata(&trial.files.part).unwrap());
    trial.resume = Some(urlsession_core::ResumeState { durable_bytes: SIZE, inode, ..state });
    let before = server.requests().len();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    assert_eq!(server.requests().len(), before, "nothing is asked");
}

#[tokio::test]
async fn a_range_of_the_apps_own_is_left_alone() {
    let server = Server::start();
    server.on("/file", file().etag("\"a\""));
    let trial = Trial::download(&server.url("/file")).header("Range", "bytes=100-199");
    assert_eq!(summary(&trial.run().await), "done 206 100");
    assert!(fs::read(&trial.files.finished).unwrap() == bytes()[100..200]);
    server.on("/file", file().etag("\"a\"").drop_after(50));
    assert_eq!(summary(&trial.run().await), "-1005 transient");
}

#[tokio::test]
async fn bytes_are_durable_before_they_are_told() {
    const LARGE: u64 = 40 * 1024 * 1024;
    for road in Road::all() {
        let server = &road.server;
        server.on("/file", Answer::pseudo_random(1, LARGE).etag("\"a\""));
        let trial = road.download("/file");
        assert_eq!(summary(&trial.run().await), format!("done 200 {LARGE}"));
        let mut last = 0;
        for told in trial.told() {
            let Told::Durable(state) = told else { panic!("not resumed") };
            assert!(state.durable_bytes > last && state.durable_bytes - last <= 8 * 1024 * 1024);
            last = state.durable_bytes;
        }
        assert!(last >= LARGE - 8 * 1024 * 1024, "{last}");
        let counts = trial.progress.counts();
        assert_eq!((counts.received, counts.expected_to_receive), (LARGE, Some(LARGE)));

        // Without a validator nothing could be gone on from, so nothing is told.
        server.on("/file", Answer::pseudo_random(1, LARGE));
        let trial = road.download("/file");
        assert_eq!(summary(&trial.run().await), format!("done 200 {LARGE}"));
        assert_eq!(trial.told(), []);
    }
}

#[tokio::test]
async fn stopping_keeps_what_came() {
    let roads = Road::all();
    let cases = [
        (file().etag("\"a\"").stall_after(9000), "stopped kept 9000"),
        (file().stall_after(9000), "stopped"),
        (file().etag("\"a\"").stall_after(0), "stopped"),
    ];
    let all = cases.into_iter().flat_map(|case| roads.iter().map(move |road| (case.clone(), road)));
    for ((answer, expected), road) in all {
        let server = &road.server;
        server.on("/file", answer);
        let mut trial = road.download("/file");
        let stop = trial.stop.clone();
        let progress = trial.progress.clone();
        let wanted = if expected == "stopped kept 9000" { 9000 } else { 0 };
        let before = server.requests().len();
        let stopping = async {
            server.reach(move |seen| seen.len() > before).await;
            while progress.counts().received < wanted {
                tokio::task::yield_now().await;
            }
            stop.cancel();
        };
        let (ending, ()) = tokio::join!(trial.run_and_record(), stopping);
        assert_eq!(summary(&ending), expected);
        if expected == "stopped kept 9000" {
            trial.stop = tokio_util::sync::CancellationToken::new();
            server.on("/file", file().etag("\"a\""));
            assert_eq!(summary(&trial.run().await), "done 200 300000");
            assert!(fs::read(&trial.files.finished).unwrap() == bytes());
        }
    }
}

#[tokio::test]
async fn checksums() {
    let server = Server::start();
    let right = sha256(&bytes());
    assert_eq!(right, Body::PseudoRandom { seed: 7, length: SIZE }.sha256());
    for (cut, hex, expected, left) in [
        (false, right.to_uppercase(), "done 200 300000", "file"),
        (true, right.clone(), "done 200 300000", "file"),
        (false, "0".repeat(64), "-3007 permanent", ""),
        (true, "0".repeat(64), "-3007 permanent", ""),
    ] {
        let answer = file().etag("\"a\"");
        server.on("/file", if cut { answer.drop_after(9000).times(1) } else { answer });
        let mut trial = Trial::download(&server.url("/file"));
        let algorithm = ChecksumAlgorithm::Sha256;
        trial.order.options.checksum = Some(Checksum { algorithm, hex: hex.clone() });
        if cut {
            trial.run_and_record().await;
        }
        let ending = trial.run().await;
        assert_eq!(summary(&ending), expected, "cut {cut}");
        assert_eq!(trial.left().join(" "), left, "cut {cut}");
        if expected != "done 200 300000" {
            let detail = error_of(&ending).detail.clone().unwrap();
            assert!(detail.contains(&hex) && detail.contains(&right), "{detail}");
        }
    }
}

#[tokio::test]
async fn destinations_that_cannot_be() {
    use std::os::unix::fs::symlink;
    let server = Server::start();
    server.on("/file", file());
    let url = server.url("/file");

    let mut trial = Trial::download(&url);
    trial.files.part = trial.folder.path().join("missing/file.part");
    trial.files.finished = trial.folder.path().join("missing/file");
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-3000 permanent");
    assert!(error_of(&ending).detail.as_ref().unwrap().contains("missing"));

    let trial = Trial::download(&url);
    fs::create_dir(&trial.files.finished).unwrap();
    assert_eq!(summary(&trial.run().await), "-3000 permanent");

    // A name that is too long is met before the body comes, which would be lost here.
    server.on("/cut", file().drop_after(9000));
    let mut trial = Trial::download(&server.url("/cut"));
    trial.files.finished = trial.folder.path().join("n".repeat(256));
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "-3000 permanent", "{ending:?}");
    assert_eq!(trial.left(), [""; 0]);

    // A link is not followed, and not removed: it is not ours.
    let trial = Trial::download(&url);
    let victim = trial.folder.path().join("victim");
    fs::write(&victim, "precious").unwrap();
    symlink(&victim, &trial.files.part).unwrap();
    assert_eq!(summary(&trial.run().await), "-3000 permanent");
    assert_eq!(fs::read(&victim).unwrap(), b"precious");

    // A leftover is ours, and removed.
    let trial = Trial::download(&url);
    fs::write(&trial.files.part, "leftover").unwrap();
    assert_eq!(summary(&trial.run().await), "done 200 300000");
    let mode = std::os::unix::fs::PermissionsExt::mode(
        &fs::metadata(&trial.files.finished).unwrap().permissions(),
    );
    assert_eq!(mode & 0o7777, 0o600);
}

/// The name of a device, a pipe or a socket stays theirs, whoever runs this.
#[cfg(target_os = "linux")]
#[tokio::test]
async fn destinations_that_are_no_files() {
    use rustix::fs::{CWD, FileType, Mode, makedev, mknodat};
    use std::os::unix::fs::FileTypeExt as _;
    let server = Server::start();
    server.on("/long", file());
    server.on("/short", Answer::ok("x"));
    let mut kinds = vec![FileType::Fifo, FileType::Socket];
    let probe = tempfile::tempdir().unwrap();
    let null = makedev(1, 3);
    let device = mknodat(CWD, probe.path().join("a"), FileType::CharacterDevice, Mode::RUSR, null);
    // Only the superuser makes devices, and only they could lose one.
    if device.is_ok() {
        kinds.push(FileType::CharacterDevice);
    }
    for kind in kinds {
        for path in ["/long", "/short"] {
            let trial = Trial::download(&server.url(path));
            mknodat(CWD, &trial.files.finished, kind, Mode::RUSR | Mode::WUSR, null).unwrap();
            let ending = trial.run().await;
            assert_eq!(summary(&ending), "-3000 permanent", "{kind:?} {path}: {ending:?}");
            let found = fs::symlink_metadata(&trial.files.finished).unwrap().file_type();
            let stays = found.is_fifo() || found.is_socket() || found.is_char_device();
            assert!(stays, "{kind:?} {path}");
            assert_eq!(trial.left(), ["file"], "{kind:?} {path}: nothing else is there");
            // A link to it is as good as the thing itself.
            let mut linked = Trial::download(&server.url(path));
            linked.files.finished = linked.folder.path().join("link");
            std::os::unix::fs::symlink(&trial.files.finished, &linked.files.finished).unwrap();
            assert_eq!(summary(&linked.run().await), "-3000 permanent", "{kind:?} {path}, linked");
            assert!(linked.files.finished.is_symlink());
        }
    }
}

#[tokio::test]
async fn a_full_disk_keeps_what_came() {
    let server = Server::start();
    // No file system here has room for an exbibyte, so that setting it aside fails at once.
    let head = format!("HTTP/1.1 200 OK\r\nETag: \"a\"\r\nContent-Length: {}\r\n\r\n", 1u64 << 60);
    server.on("/file", Answer::raw(head));
    let trial = Trial::download(&server.url("/file"));
    let ending = trial.run().await;
    // Some file systems refuse the length itself rather than the room; then the cut is met.
    assert!(["-3003 disk", "-1005 transient"].contains(&&*summary(&ending)), "{ending:?}");
    assert_eq!(trial.left(), [""; 0]);
}

#[tokio::test]
async fn silence_ends_an_attempt() {
    let roads = Road::all();
    let cases = [
        (file().etag("\"a\"").stall_after(9000), "-1001 transient progressed kept 9000"),
        (file().stall_after(9000), "-1001 transient"),
    ];
    let of_all = cases.into_iter().enumerate().flat_map(|(case, (answer, expected))| {
        roads.iter().map(move |road| {
            let path = format!("/{case}");
            road.server.on(&path, answer.clone());
            let mut trial = road.download(&path);
            trial.order.idle_timeout = PATIENCE;
            async move { assert_eq!(summary(&trial.run().await), expected) }
        })
    });
    all(of_all).await;
}

/// what the server calls it, what lies there, what happens then => the finished file
#[tokio::test]
async fn servers_name_files_inside_the_folder() {
    use urlsession_protocol::{NameClash, TaskKind};
    let server = Server::start();
    for (field, there, clash, expected) in [
        (Some("attachment; filename=a.bin"), &[][..], NameClash::TakeFree, "a.bin"),
        (Some("attachment; filename=a.bin"), &["a.bin", "a.bin.1"], NameClash::TakeFree, "a.bin.2"),
        (Some("attachment; filename=a.bin"), &["a.bin"], NameClash::Replace, "a.bin"),
        (Some("attachment; filename=\"../../a.bin\""), &[], NameClash::TakeFree, "a.bin"),
        (Some("attachment; filename=\"..\""), &[], NameClash::TakeFree, "file"),
        (Some("attachment"), &["file"], NameClash::TakeFree, "file.1"),
        (None, &[], NameClash::TakeFree, "file"),
    ] {
        let mut answer = Answer::pseudo_random(1, 1000).etag("\"a\"");
        if let Some(field) = field {
            answer = answer.header("content-disposition", field);
        }
        server.on("/f", answer);
        let mut trial = Trial::download(&server.url("/f"));
        let destination = Some(trial.files.finished.clone());
        trial.order.kind = TaskKind::Download { destination };
        trial.order.options.suggested_filename = Some(clash);
        for name in there {
            fs::write(trial.folder.path().join(name), "old").unwrap();
        }
        let Ending::Done(done) = trial.run().await else { panic!("{field:?}") };
        let path = trial.folder.path().join(expected);
        assert_eq!(done.file, Some(path.clone()), "{field:?}");
        assert_eq!(fs::metadata(&path).unwrap().len(), 1000, "{field:?}");
        for name in there.iter().filter(|name| **name != expected) {
            assert_eq!(fs::read(trial.folder.path().join(name)).unwrap(), b"old", "{field:?}");
        }
        let left = trial.left();
        assert!(left.iter().all(|name| there.contains(&name.as_str()) || name == expected));
    }
}

/// where it is redirected to, what the server calls it there => the finished file
#[tokio::test]
async fn a_redirect_names_the_file_where_the_server_may() {
    use urlsession_protocol::{NameClash, TaskKind};
    let server = Server::start();
    for (location, field, clash, expected) in [
        ("/v2/tool-2.0.tgz?key=1", None, Some(NameClash::TakeFree), "tool-2.0.tgz"),
        ("/v2/%2e%2e%2ftool/", None, Some(NameClash::TakeFree), "_.._tool"),
        ("/v2/.profile", None, Some(NameClash::Replace), "_.profile"),
        ("/v2/x", Some("attachment; filename=a.bin"), Some(NameClash::TakeFree), "a.bin"),
        ("/v2/latest", None, Some(NameClash::TakeFree), "file"),
        ("/v2/tool-2.0.tgz", None, None, "file"),
    ] {
        server.on("/latest", Answer::redirect(302, location));
        let answer = Answer::pseudo_random(1, 1000);
        let answer = match field {
            Some(field) => answer.header("content-disposition", field),
            None => answer,
        };
        server.on(location.split('?').next().unwrap(), answer);
        let mut trial = Trial::download(&server.url("/latest"));
        let destination = Some(trial.files.finished.clone());
        trial.order.kind = TaskKind::Download { destination };
        trial.order.options.suggested_filename = clash;
        let Ending::Done(done) = trial.run().await else { panic!("{location}") };
        assert_eq!(done.file, Some(trial.folder.path().join(expected)), "{location}");
    }
}

#[tokio::test]
async fn a_file_named_by_its_server_is_found_after_a_crash() {
    use std::os::unix::fs::MetadataExt as _;
    use urlsession_core::ResumeState;
    use urlsession_protocol::{NameClash, TaskKind};
    let server = Server::start();
    let answer = Answer::pseudo_random(1, 6_000_000).etag("\"a\"");
    server.on("/f", answer.header("content-disposition", "attachment; filename=a.bin"));
    let mut trial = Trial::download(&server.url("/f"));
    trial.order.kind = TaskKind::Download { destination: Some(trial.files.finished.clone()) };
    trial.order.options.suggested_filename = Some(NameClash::TakeFree);
    fs::write(trial.folder.path().join("a.bin"), "old").unwrap();
    let Ending::Done(done) = trial.run().await else { panic!("not done") };
    let inode = fs::metadata(done.file.unwrap()).unwrap().ino();
    trial.resume = Some(ResumeState {
        part: trial.files.part.clone(),
        inode,
        durable_bytes: 1_000_000,
        further: None,
        total_bytes: Some(6_000_000),
        etag: Some("\"a\"".into()),
        last_modified: None,
        response: done.response,
    });
    // A crash after the rename lost the end of the attempt; one before it, the part's removal too.
    for part_is_left in [false, true] {
        let path = trial.folder.path().join("a.bin.1");
        if part_is_left {
            fs::hard_link(&path, &trial.files.part).unwrap();
            let state = trial.resume.as_mut().unwrap();
            state.durable_bytes = 6_000_000;
        }
        let Ending::Done(done) = trial.run().await else { panic!("not found") };
        assert_eq!((done.file, done.length), (Some(path), 6_000_000));
        assert_eq!(trial.left(), ["a.bin", "a.bin.1"]);
    }
    assert_eq!(server.requests().len(), 1);
}
