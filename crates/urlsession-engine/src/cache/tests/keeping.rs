//! What is kept where: limits, processes that share a file, damage.

use super::{ARRIVAL, kept, stored};
use crate::CachePlace;
use crate::cache::stored::Stored;
use crate::cache::{Caches, SharedCache};
use crate::clock::Clock;
use crate::shelf::Owner;
use bytes::Bytes;
use std::path::{Path, PathBuf};
use std::sync::{Arc, mpsc};
use std::time::Duration;
use tempfile::TempDir;
use urlsession_core::SessionNumber;
use urlsession_protocol::{ApplicationId, Timestamp, UrlCache};

const KIB: u64 = 1024;
/// Longest wait for what must not wait at all.
const PATIENCE: Duration = Duration::from_secs(20);

fn cache(folder: &Path, room: UrlCache) -> SharedCache {
    SharedCache::new(room, Some(folder.join("responses.sqlite")), Clock::start())
}

fn of(length: usize) -> Stored {
    Stored { body: Bytes::from(vec![b'x'; length]), ..stored(200, "Cache-Control: max-age=60") }
}

fn has(cache: &SharedCache, url: &str) -> bool {
    !cache.find(url).is_empty()
}

#[test]
fn what_was_kept_is_there_for_the_next_process() {
    let folder = TempDir::new().unwrap();
    let whole = Stored {
        version: http::Version::HTTP_2,
        ..kept(203, "Vary: a | B: 1 | B: 2 | C: \u{e4}", "a: 1")
    };
    cache(folder.path(), UrlCache::default()).keep_at_once("http://host/", whole.clone());
    let found = cache(folder.path(), UrlCache::default()).find("http://host/");
    assert_eq!(found.len(), 1);
    assert_eq!(*found[0], whole);
}

#[test]
fn two_processes_share_one_file() {
    let folder = TempDir::new().unwrap();
    let (one, other) =
        (cache(folder.path(), UrlCache::default()), cache(folder.path(), UrlCache::default()));
    one.keep_at_once("http://host/", of(1));
    assert!(has(&other, "http://host/"));
    // Both have it in memory now.
    other.forget("http://host/");
    assert!(!has(&one, "http://host/"));
    other.keep_at_once("http://host/", of(2));
    assert_eq!(one.find("http://host/")[0].body.len(), 2);
    one.clear();
    assert!(!has(&other, "http://host/"));
}

/// Another process may be writing, or the disk may be full: what was outdated then is outdated later.
#[test]
fn what_could_not_be_replaced_does_not_come_back() {
    type Outdate = fn(&SharedCache);
    let outdates: [(Outdate, &[usize]); 2] = [
        (|cache| cache.keep_at_once("http://host/", of(2)), &[2]),
        (|cache| cache.forget("http://host/"), &[]),
    ];
    for (outdate, lengths_then) in outdates {
        let folder = TempDir::new().unwrap();
        let used = cache(folder.path(), UrlCache::default());
        used.keep_at_once("http://host/", of(1));
        let mut other = rusqlite::Connection::open(folder.path().join("responses.sqlite")).unwrap();
        let immediate = rusqlite::TransactionBehavior::Immediate;
        let busy = other.transaction_with_behavior(immediate).unwrap();
        busy.execute("UPDATE entries SET used = used + 1", []).unwrap();
        outdate(&used);
        assert_eq!(lengths(&used), lengths_then);
        // What this process has in memory is not current any more after that.
        busy.commit().unwrap();
        assert!(lengths(&used).is_empty(), "{lengths_then:?}");
        used.keep_at_once("http://host/", of(3));
        assert_eq!(lengths(&cache(folder.path(), UrlCache::default())), [3]);
    }
}

fn lengths(cache: &SharedCache) -> Vec<usize> {
    cache.find("http://host/").iter().map(|stored| stored.body.len()).collect()
}

/// One that had begun before it was asked for again, and took long.
#[test]
fn an_older_response_does_not_take_the_place_of_a_newer_one() {
    let folder = TempDir::new().unwrap();
    for room in [UrlCache::default(), UrlCache::IN_MEMORY] {
        let cache = cache(folder.path(), room);
        let now = cache.now().0;
        let at = |received, length| Stored { received: Timestamp(received), ..of(length) };
        for (first, second, expected) in [
            (now - 1000, now - 2000, 1),
            (now - 2000, now - 1000, 2),
            // The clock was set back since.
            (now + 3_600_000, now - 1000, 2),
        ] {
            cache.clear();
            cache.keep_at_once("http://host/", at(first, 1));
            cache.keep_at_once("http://host/", at(second, 2));
            assert_eq!(lengths(&cache), [expected]);
        }
    }
}

/// Two requests may ask at once whether it still holds; what the later one hears may be older.
#[test]
fn what_was_replaced_or_forgotten_is_not_renewed() {
    type Change = fn(&SharedCache);
    let changes: [(Change, &[usize]); 3] = [
        (|_| {}, &[1]),
        (|cache| cache.keep_at_once("http://host/", of(2)), &[2]),
        (|cache| cache.forget("http://host/"), &[]),
    ];
    let folder = TempDir::new().unwrap();
    for room in [UrlCache::default(), UrlCache::IN_MEMORY] {
        for (change, lengths_then) in changes {
            let cache = cache(folder.path(), room);
            cache.clear();
            let was = Stored { received: Timestamp(ARRIVAL.0 - 9000), ..of(1) };
            cache.keep_at_once("http://host/", was.clone());
            change(&cache);
            cache.renew("http://host/", &was, Stored { received: ARRIVAL, ..was.clone() });
            assert_eq!(lengths(&cache), lengths_then);
        }
    }
}

#[test]
fn a_later_response_takes_the_place_of_its_variant_only() {
    let folder = TempDir::new().unwrap();
    for room in [UrlCache::default(), UrlCache::IN_MEMORY] {
        let cache = cache(folder.path(), room);
        cache.clear();
        for (request, count) in [("a: 1", 1), ("a: 2", 2), ("a: 1", 2)] {
            cache.keep_at_once("http://host/", kept(200, "Vary: a", request));
            assert_eq!(cache.find("http://host/").len(), count);
        }
        for number in 0..20 {
            cache.keep_at_once("http://host/", kept(200, "Vary: a", &format!("a: {number}")));
        }
        assert_eq!(cache.find("http://host/").len(), super::super::VARIANTS_LIMIT);
    }
    let next = cache(folder.path(), UrlCache::default());
    assert!(next.find("http://host/").len() <= super::super::VARIANTS_LIMIT);
}

#[test]
fn the_least_recently_used_goes_first() {
    let folder = TempDir::new().unwrap();
    let in_memory = UrlCache { memory_capacity: 40 * KIB, disk_capacity: 0 };
    let memory = cache(folder.path(), in_memory);
    for name in ["a", "b", "c", "d"] {
        memory.keep_at_once(name, of(9 * 1024));
    }
    assert!(has(&memory, "a"));
    memory.keep_at_once("e", of(9 * 1024));
    assert!(has(&memory, "a") && has(&memory, "e"));
    assert!(!has(&memory, "b"));

    let on_disk = UrlCache { memory_capacity: 0, disk_capacity: 400 * KIB };
    let disk = cache(folder.path(), on_disk);
    for number in 0..60 {
        disk.keep_at_once(&format!("http://host/{number}"), of(9 * 1024));
    }
    assert!(!has(&disk, "http://host/0"));
    assert!(has(&disk, "http://host/59"));
    let left = (0..60).filter(|number| has(&disk, &format!("http://host/{number}"))).count();
    assert!((38..=42).contains(&left), "{left} of 60 are left");
}

#[test]
fn what_is_used_from_memory_stays_on_disk() {
    let folder = TempDir::new().unwrap();
    let room = UrlCache { memory_capacity: 1024 * KIB, disk_capacity: 400 * KIB };
    let used = cache(folder.path(), room);
    used.keep_at_once("used", of(9 * 1024));
    used.keep_at_once("unused", of(9 * 1024));
    let later = used.now().after(super::super::USE_INTERVAL);
    assert_eq!(used.lock().find("used", later).len(), 1);
    for number in 0..50 {
        used.keep_at_once(&format!("http://host/{number}"), of(9 * 1024));
    }
    drop(used);
    let next = cache(folder.path(), room);
    assert!(has(&next, "used"));
    assert!(!has(&next, "unused"));
}

#[test]
fn what_is_too_large_is_not_kept() {
    let folder = TempDir::new().unwrap();
    let cache = cache(folder.path(), UrlCache { memory_capacity: 0, disk_capacity: 200 * KIB });
    assert_eq!(cache.entry_limit(), 10 * KIB);
    cache.keep_at_once("small", of(8 * 1024));
    cache.keep_at_once("large", of(11 * 1024));
    assert!(has(&cache, "small"));
    assert!(!has(&cache, "large"));
    // One that is too large takes away the one that it would have replaced.
    cache.keep_at_once("small", of(11 * 1024));
    assert!(!has(&cache, "small"));
    assert_eq!(
        SharedCache::new(UrlCache::default(), None, Clock::start()).entry_limit(),
        1024 * KIB
    );
}

/// Less room is for the next process, if nobody wants more there.
#[test]
fn a_session_with_less_room_takes_nothing_away() {
    let folder = TempDir::new().unwrap();
    let owner = || Owner::Application(ApplicationId::new("test").unwrap());
    let caches = || Caches::new(Clock::start(), CachePlace::Folder(folder.path().to_owned()));
    let kept = |cache: &SharedCache| {
        (0..10).filter(|number| has(cache, &format!("http://host/{number}"))).count()
    };
    let small = UrlCache { memory_capacity: 40 * KIB, disk_capacity: 40 * KIB };
    for rooms in [[UrlCache::default(), small], [small, UrlCache::default()]] {
        let mut caches = caches();
        let [first, second] = rooms.map(|room| caches.cache(owner(), room));
        for number in 0..10 {
            first.keep_at_once(&format!("http://host/{number}"), of(9 * 1024));
        }
        assert_eq!((kept(&first), kept(&second)), (10, 10), "{rooms:?}");
    }
    assert!(kept(&caches().cache(owner(), small)) <= 4);
    assert_eq!(
        kept(&caches().cache(owner(), UrlCache { memory_capacity: 0, disk_capacity: 1 })),
        0
    );
}

/// Whoever asks for a cache must not wait: the file is opened by who uses it, and its room changed.
#[test]
fn nobody_waits_for_the_disk_to_be_given_a_cache() {
    let folder = TempDir::new().unwrap();
    let mut caches = Caches::new(Clock::start(), CachePlace::Folder(folder.path().to_owned()));
    let owner = || Owner::Application(ApplicationId::new("test").unwrap());
    let cache = caches.cache(owner(), UrlCache::default());
    cache.flush();
    let files = || std::fs::read_dir(folder.path()).unwrap().count();
    assert_eq!(files(), 0);
    cache.keep_at_once("http://host/", of(1));
    assert!(files() > 0);
    let (held, release) = (mpsc::channel(), mpsc::channel::<()>());
    let busy = Arc::clone(&cache);
    let writer = std::thread::spawn(move || {
        let _tiers = busy.lock();
        held.0.send(()).unwrap();
        // Who waits is told in the end that it did.
        release.1.recv_timeout(PATIENCE).is_ok()
    });
    held.1.recv().unwrap();
    let larger = UrlCache { disk_capacity: 40 * 1024 * KIB, ..UrlCache::default() };
    let same = caches.cache(owner(), larger);
    let _ = release.0.send(());
    assert!(writer.join().unwrap(), "the lock was waited for");
    assert!(has(&same, "http://host/"));
    assert_eq!(same.entry_limit(), 2 * 1024 * KIB);
}

#[test]
fn sessions_without_room_on_disk_have_a_cache_of_their_own() {
    let folder = TempDir::new().unwrap();
    let mut caches = Caches::new(Clock::start(), CachePlace::Folder(folder.path().to_owned()));
    let mut of_session =
        |number| caches.cache(Owner::Session(SessionNumber(number)), UrlCache::IN_MEMORY);
    let (one, other) = (of_session(1), of_session(2));
    one.keep_at_once("http://host/", of(1));
    assert!(has(&one, "http://host/"));
    assert!(!has(&other, "http://host/"));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[cfg(unix)]
#[test]
fn nobody_else_may_read_the_files() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("caches");
    let cache = cache(&path, UrlCache::default());
    cache.keep_at_once("http://host/", of(1));
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o700);
    let files: Vec<_> =
        std::fs::read_dir(&path).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() >= 2, "there is a log beside the file");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

type Damage = fn(&Path);

/// Keeps a response, ends the process, damages the file, and looks.
fn after(damage: impl FnOnce(&Path)) -> (SharedCache, TempDir) {
    let folder = TempDir::new().unwrap();
    let before = cache(folder.path(), UrlCache::default());
    before.keep_at_once("http://host/", of(100 * 1024));
    before.flush();
    drop(before);
    damage(&folder.path().join("responses.sqlite"));
    (cache(folder.path(), UrlCache::default()), folder)
}

#[test]
fn a_damaged_file_is_an_empty_one() {
    let damages: [(&str, Damage); 6] = [
        ("no file", |path| std::fs::remove_file(path).unwrap()),
        ("empty", |path| std::fs::write(path, "").unwrap()),
        ("no database", |path| std::fs::write(path, "x".repeat(5000)).unwrap()),
        ("cut", |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(file.metadata().unwrap().len() / 2).unwrap();
        }),
        ("cut to its head", |path| {
            let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
            file.set_len(4096).unwrap();
        }),
        ("another layout", |path| {
            let other = rusqlite::Connection::open(path).unwrap();
            other.pragma_update(None, "user_version", 99).unwrap();
        }),
    ];
    for (name, damage) in damages {
        let (cache, _folder) = after(damage);
        assert!(!has(&cache, "http://host/"), "{name}");
        cache.keep_at_once("http://host/", of(1));
        // The first use may have been what found the damage.
        cache.keep_at_once("http://host/", of(1));
        assert!(has(&cache, "http://host/"), "{name}");
    }
}

#[test]
fn a_log_that_is_torn_anywhere_is_no_harm() {
    let folder = TempDir::new().unwrap();
    let alive = cache(folder.path(), UrlCache::default());
    alive.keep_at_once("http://host/0", of(1));
    alive.flush();
    for number in 1..20 {
        alive.keep_at_once(&format!("http://host/{number}"), of(number * 1000));
    }
    let log = std::fs::read(folder.path().join("responses.sqlite-wal")).unwrap();
    assert!(log.len() > 100_000, "there is something to tear");
    for cut in (0..log.len()).step_by(log.len() / 50) {
        let crashed = TempDir::new().unwrap();
        let at = |folder: &TempDir, name: &str| folder.path().join(name);
        let file = "responses.sqlite";
        std::fs::copy(at(&folder, file), at(&crashed, file)).unwrap();
        std::fs::write(at(&crashed, "responses.sqlite-wal"), &log[..cut]).unwrap();
        let next = cache(crashed.path(), UrlCache::default());
        assert!(has(&next, "http://host/0"), "torn at {cut}");
        let mut is_there = true;
        for number in 1..20 {
            let found = next.find(&format!("http://host/{number}"));
            assert!(found.iter().all(|stored| stored.body.len() == number * 1000));
            assert!(is_there || found.is_empty(), "{number} outlived what was before it");
            is_there = !found.is_empty();
        }
        next.keep_at_once("http://host/new", of(1));
        assert!(has(&next, "http://host/new"), "torn at {cut}");
    }
}

#[test]
fn a_flipped_bit_is_a_miss() {
    let (cache, _folder) = after(|path| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = bytes.windows(64).position(|window| window == [b'x'; 64]).unwrap();
        bytes[at + 32] ^= 1;
        std::fs::write(path, bytes).unwrap();
    });
    assert!(!has(&cache, "http://host/"));
    cache.keep_at_once("http://host/", of(1));
    assert!(has(&cache, "http://host/"));
}

#[test]
fn a_folder_that_cannot_be_used_leaves_the_memory() {
    let folder = TempDir::new().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, "").unwrap();
    let path: PathBuf = file.join("responses.sqlite");
    let cache = SharedCache::new(UrlCache::default(), Some(path), Clock::start());
    cache.keep_at_once("http://host/", of(1));
    assert!(has(&cache, "http://host/"));
}

#[test]
fn reset_leaves_no_byte_of_a_body_on_disk() {
    let (cache, folder) = after(|_| {});
    assert!(has(&cache, "http://host/"));
    cache.clear();
    for file in std::fs::read_dir(folder.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        assert!(!bytes.windows(64).any(|window| window == [b'x'; 64]));
    }
}
