//! Programs of different versions meet: a store of a later one, a daemon and a client of another
//! protocol.

use crate::home::Home;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};

/// Where SQLite keeps the number that a program gives to its schema (file format, 1.3).
const USER_VERSION: std::ops::Range<usize> = 60..64;

#[test]
fn a_store_of_a_later_program_is_refused_and_untouched() {
    let home = Home::new();
    home.out(&["daemon", "start"]);
    home.out(&["daemon", "stop"]);
    let file = home.paths().state.join("store.sqlite");
    let mut store = std::fs::read(&file).unwrap();
    store[USER_VERSION].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&file, &store).unwrap();
    for words in [&["ls"][..], &["daemon", "start"]] {
        let ran = home.run(words);
        assert_eq!(ran.code, 6, "{ran:?}");
        assert!(ran.err.contains("the store has version 99"), "{ran:?}");
    }
    assert!(std::fs::read(&file).unwrap() == store, "it was touched");
}

#[test]
fn a_daemon_of_another_protocol_is_named() {
    let home = Home::new();
    let socket = home.paths().socket();
    std::fs::create_dir_all(socket.parent().unwrap()).unwrap();
    let listener = UnixListener::bind(&socket).unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().map(Result::unwrap) {
            let mut reader = BufReader::new(stream);
            let hello =
                "{\"message\":\"hello\",\"protocol\":2,\"program\":\"urlsession 9\",\"pid\":1}\n";
            let _ = reader.get_mut().write_all(hello.as_bytes());
            let _ = reader.read_line(&mut String::new());
        }
    });
    let ran = home.run(&["ls"]);
    assert_eq!(ran.code, 6, "{ran:?}");
    assert!(
        ran.err.contains("urlsession 9") && ran.err.contains("version 2 of the protocol"),
        "{ran:?}"
    );
}

#[test]
fn a_client_of_another_protocol_is_told_which_is_spoken() {
    let home = Home::new();
    home.out(&["daemon", "start"]);
    let mut client = BufReader::new(UnixStream::connect(home.paths().socket()).unwrap());
    let hello = "{\"message\":\"hello\",\"protocol\":2,\"program\":\"urlsession 9\",\"pid\":1}\n";
    client.get_mut().write_all(hello.as_bytes()).unwrap();
    let goodbye = client.lines().map_while(Result::ok).last().unwrap();
    let reason = "the client speaks protocol 2, this daemon speaks protocol 1";
    assert!(goodbye.contains("goodbye") && goodbye.contains(reason), "{goodbye}");
    home.out(&["ls"]);
}
