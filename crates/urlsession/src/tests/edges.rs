//! Where a process, a wait or a method is not what it mostly is.

use super::*;

#[test]
fn who_waited_for_an_owner_has_time_for_the_next_daemon() {
    for wait_for_owner in [true, false] {
        let fake = Fake::new();
        let mut configuration = background();
        configuration.wait_for_owner = wait_for_owner;
        let opening = fake.open(configuration);
        let mut peer = fake.accept();
        assert!(matches!(peer.call().1, Call::Attach { .. }));
        // It dies while the other owner is there, perhaps after days.
        drop(peer);
        fake.accept().attach(1);
        opening.join().unwrap().unwrap();
        let deadlines = fake.deadlines.lock().unwrap();
        assert_eq!(deadlines[0] != deadlines[1], wait_for_owner);
    }
}

#[test]
fn a_get_with_a_body_becomes_a_post_however_it_is_spelled() {
    let fake = Fake::new();
    let (session, mut peer) = fake.session(background());
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("file");
    std::fs::write(&file, b"abc").unwrap();
    for method in ["GET", "get", "Get"] {
        let mut request = crate::Request::new(URL).unwrap();
        method.clone_into(&mut request.method);
        session.data_task(request, Some(UploadSource::File(file.clone()))).unwrap();
        let (_, Call::CreateTask { new, .. }) = peer.call() else { panic!("no new task") };
        assert_eq!(new.request.method, "POST", "{method}");
    }
}
