//! Answers that never end, or that become far more than they were: an error with a name, soon, and
//! little taken.

use super::{Trial, error_of, summary};
use flate2::{Compression, write::GzEncoder};
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use urlsession_protocol::{ConnectionProxy, Proxy};

/// Most bytes that one attempt may take before it gives up, those in the buffers of both sockets
/// among them.
const TAKEN_LIMIT: u64 = 24 * 1024 * 1024;
/// What an endless answer has at most: by far more than may be taken.
const ENDLESS: u64 = 1 << 30;
const HUNDRED_MEGABYTES: u64 = 100_000_000;
/// Silence ends an attempt: what never becomes a head or a byte of the body is silence.
const SILENCE: Duration = Duration::from_secs(2);

/// How an answer begins, what is repeated, up to how many bytes, and how the attempt ends.
type Flood<'a> = (&'a str, &'a str, Vec<u8>, u64, &'a str);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn heads_without_end() {
    let ok = "HTTP/1.1 200 OK\r\n";
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    let (extension, end) = (format!("{chunked}5;"), format!("{chunked}0\r\n"));
    let trailer = format!("{end}a: ");
    let y = || vec![b'y'; 64 * 1024];
    let lines = |line: &str| line.repeat(64 * 1024 / line.len()).into_bytes();
    let table: Vec<Flood<'_>> = vec![
        ("a status line", "HTTP/1.1 200 ", y(), ENDLESS, "-1017 permanent"),
        ("a field's name", ok, y(), ENDLESS, "-1017 permanent"),
        ("a field", "HTTP/1.1 200 OK\r\nx: ", y(), ENDLESS, "-1017 permanent"),
        ("fields", ok, lines("a: b\r\n"), ENDLESS, "-1017 permanent"),
        ("100 MB of fields", ok, lines("x-a: b\r\n"), HUNDRED_MEGABYTES, "-1017 permanent"),
        ("100 MB of a field", "HTTP/1.1 200 OK\r\nx: ", y(), HUNDRED_MEGABYTES, "-1017 permanent"),
        ("cookies", ok, lines("Set-Cookie: a=b; Path=/\r\n"), ENDLESS, "-1017 permanent"),
        ("empty lines before the head", "", lines("\r\n"), ENDLESS, "-1017 permanent"),
        ("an extension of a chunk", &extension, y(), ENDLESS, "-1017 permanent"),
        ("zeros of a chunk's size", chunked, vec![b'0'; 64 * 1024], ENDLESS, "-1017 permanent"),
        ("trailers", &end, lines("a: b\r\n"), ENDLESS, "-1017 permanent"),
        ("a trailer", &trailer, y(), ENDLESS, "-1017 permanent"),
    ];
    for flood in table {
        check(&flood).await;
    }
}

/// What is legal however often it comes ends with the patience for a first byte.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_without_end() {
    for (what, line) in [
        ("continue", "HTTP/1.1 100 Continue\r\n\r\n"),
        ("early hints", "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"),
    ] {
        check(&(what, "", line.repeat(100).into_bytes(), ENDLESS, "-1017 permanent")).await;
    }
}

/// The same of a proxy that is asked for a way to the server.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn interim_answers_of_a_proxy_without_end() {
    let line = b"HTTP/1.1 100 Continue\r\n\r\n".repeat(100);
    let proxy = Pourer::start(Vec::new(), line, ENDLESS);
    let mut trial = Trial::data("https://a.invalid/");
    trial.order.idle_timeout = SILENCE;
    let through = ConnectionProxy::everywhere(Proxy::parse(&proxy.url).unwrap());
    trial.order.options.connection_proxy = Some(through);
    assert_eq!(summary(&trial.run().await), "-1017 permanent");
    let taken = proxy.poured.load(Ordering::Relaxed);
    assert!(taken < TAKEN_LIMIT, "{taken} bytes were taken");
}

/// A body that becomes a thousand times as much when it is unpacked.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bombs() {
    let mut zeros = GzEncoder::new(Vec::new(), Compression::best());
    zeros.write_all(&vec![0; 16 * 1024 * 1024]).unwrap();
    let once = zeros.finish().unwrap();
    let mut twice = GzEncoder::new(Vec::new(), Compression::best());
    twice.write_all(&once.repeat(64)).unwrap();
    let twice = twice.finish().unwrap();
    for (what, head, members) in [
        ("gzip", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n", once),
        ("twice", "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\n\r\n", twice),
    ] {
        // Members may follow each other for ever.
        check(&(what, head, members, ENDLESS, "-1103 permanent")).await;
    }
}

async fn check((what, head, repeated, most, expected): &Flood<'_>) {
    let server = Pourer::start(head.as_bytes().to_vec(), repeated.clone(), *most);
    for mut trial in [Trial::data(&server.url), Trial::download(&server.url)] {
        trial.order.options.decodes_content = true;
        trial.order.idle_timeout = SILENCE;
        server.poured.store(0, Ordering::Relaxed);
        let ending = trial.run().await;
        assert_eq!(summary(&ending), *expected, "{what}: {ending:?}");
        let error = error_of(&ending);
        assert_eq!(error.failing_url.as_ref(), Some(&server.url), "{what}");
        assert!(error.detail.as_ref().is_some_and(|why| why.len() < 300), "{what}: {error}");
        let taken = server.poured.load(Ordering::Relaxed);
        assert!(taken < TAKEN_LIMIT, "{what}: {taken} bytes were taken");
        assert_eq!(trial.left(), [""; 0], "{what}");
    }
}

/// A server that says one thing for ever to everyone.
struct Pourer {
    url: String,
    /// Bytes that were written in the present case.
    poured: Arc<AtomicU64>,
}

impl Pourer {
    fn start(head: Vec<u8>, repeated: Vec<u8>, most: u64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let poured = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&poured);
        // It ends with the test program.
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (head, repeated, counter) = (head.clone(), repeated.clone(), counter.clone());
                std::thread::spawn(move || pour(stream, &head, &repeated, most, &counter));
            }
        });
        Self { url, poured }
    }
}

/// Writes until nobody takes any more.
fn pour(mut stream: TcpStream, head: &[u8], repeated: &[u8], most: u64, poured: &AtomicU64) {
    let mut request = [0; 4096];
    if !stream.read(&mut request).is_ok_and(|length| length > 0) || stream.write_all(head).is_err()
    {
        return;
    }
    let mut written = 0;
    while written < most && stream.write_all(repeated).is_ok() {
        written += repeated.len() as u64;
        poured.fetch_add(repeated.len() as u64, Ordering::Relaxed);
    }
}
