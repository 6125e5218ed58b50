//! Servers that answer a request before they have all of it, and those among them that close.

use super::{Trial, summary};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::timeout;
use urlsession_core::Ending;
use urlsession_protocol::TaskKind;
use urlsession_testkit::server::Server;

/// More than all buffers on the way have.
const LENGTH: usize = 5_000_000;
/// How often it is tried: who is faster is luck.
const TRIES: usize = 20;
const EARLY_TRIES: usize = 300;
/// A request that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts a server that reads the begin of each request, answers, and closes with the rest unread.
fn start(serve: impl Fn(TcpStream) + Send + 'static) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    // It ends with the test program.
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // What waits to be sent is thrown away by who closes with bytes unread.
            stream.set_nodelay(true).unwrap();
            serve(stream);
        }
    });
    port
}

fn refuse(mut stream: impl Read + Write) {
    let _ = stream.read(&mut [0; 1024]);
    let _ = stream.write_all(b"HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\n\r\nno!");
    let _ = stream.flush();
}

#[tokio::test]
async fn what_they_said_counts() {
    let lender = Server::start_tls();
    let pem = lender.server_pem();
    let chain = CertificateDer::pem_file_iter(&pem).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&pem).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let tls = Arc::new(tls);
    let secure = move |stream| {
        let session = rustls::ServerConnection::new(Arc::clone(&tls)).unwrap();
        refuse(rustls::StreamOwned::new(session, stream));
    };
    let urls = [
        format!("http://localhost:{}/", start(refuse)),
        format!("https://localhost:{}/", start(secure)),
    ];
    let bytes = vec![0; LENGTH];
    for url in urls {
        let mut trial = Trial::upload(&url, &bytes);
        trial.order.options.ca_certificates = vec![lender.ca_pem()];
        for _ in 0..TRIES {
            let ending = trial.run().await;
            assert_eq!(summary(&ending), "done 413 3", "{url}: {ending:?}");
        }
    }
}

const OK: &str = "200 OK\r\nContent-Length: 2\r\n\r\nok";

/// What a server does about the rest of a request that it has answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    ReadsOn,
    /// It reads nothing until it is told to.
    Stalls,
    /// The same, and it says that it sends nothing more.
    Closes,
}

/// What an early server has of a request: the bytes of its body, once that ends or its client is gone.
type Bodies = UnboundedReceiver<usize>;

/// Starts a server that answers every request once it has the begin of it. One that
/// stalls is told to read the rest when the sender is dropped.
fn start_early(answer: &'static str, then: Then) -> (u16, Bodies, mpsc::Sender<()>) {
    let (got, bodies) = unbounded_channel();
    let (go, goes) = mpsc::channel::<()>();
    let goes = Arc::new(Mutex::new(goes));
    let port = start(move |stream| {
        let (got, goes) = (got.clone(), Arc::clone(&goes));
        std::thread::spawn(move || answer_early(stream, answer, then, &got, &goes));
    });
    (port, bodies, go)
}

fn answer_early(
    mut stream: TcpStream,
    answer: &str,
    then: Then,
    got: &UnboundedSender<usize>,
    goes: &Mutex<mpsc::Receiver<()>>,
) {
    let mut bytes = vec![0; 256 * 1024];
    while let Ok(count @ 1..) = stream.read(&mut bytes) {
        let head = bytes[..count].windows(4).position(|four| four == b"\r\n\r\n").unwrap();
        let mut body = count - head - 4;
        let _ = stream.write_all(format!("HTTP/1.1 {answer}").as_bytes());
        if then == Then::Closes {
            stream.shutdown(Shutdown::Write).unwrap();
        }
        if then != Then::ReadsOn {
            let _ = goes.lock().unwrap().recv();
        }
        while body < LENGTH
            && let Ok(count @ 1..) = stream.read(&mut bytes)
        {
            body += count;
        }
        let _ = got.send(body);
    }
}

async fn next(bodies: &mut Bodies) -> usize {
    timeout(PATIENCE, bodies.recv()).await.expect("it ends").expect("a server")
}

/// The answer is there while the body of the request is still on its way.
#[tokio::test]
async fn who_answers_early_is_asked_again() {
    for (then, tries) in [(Then::ReadsOn, EARLY_TRIES), (Then::Stalls, 2)] {
        let (port, mut bodies, _go) = start_early(OK, then);
        let mut trial = Trial::upload(&format!("http://localhost:{port}/"), &vec![0; LENGTH]);
        if then == Then::Stalls {
            trial.order.idle_timeout = super::PATIENCE;
        }
        for number in 0..tries {
            let ending = timeout(PATIENCE, trial.run()).await;
            let ending = ending.unwrap_or_else(|_| panic!("it hangs at {number}"));
            assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
            if then == Then::ReadsOn {
                let Ending::Done(done) = ending else { unreachable!() };
                let sent = (done.sent, trial.progress.counts().sent);
                assert_eq!(sent, (LENGTH as u64, LENGTH as u64), "{number}");
                assert_eq!(next(&mut bodies).await, LENGTH, "{number}");
            }
        }
    }
}

/// answer, what its server does then => how the task ends, whether the server gets all of the request
#[tokio::test]
async fn what_goes_out_behind_an_early_answer() {
    let closing = "200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
    let refusal = "413 Too Large\r\nContent-Length: 2\r\n\r\nno";
    for (answer, then, expected, whole) in [
        ("200 OK\r\nContent-Length: 0\r\n\r\n", Then::Stalls, "done 200 0", true),
        (closing, Then::Stalls, "done 200 2", false),
        (OK, Then::Closes, "done 200 2", false),
        (refusal, Then::Stalls, "done 413 2", false),
    ] {
        for kind in [TaskKind::Upload, TaskKind::Download { destination: None }] {
            let (port, mut bodies, go) = start_early(answer, then);
            let mut go = Some(go);
            let mut trial = Trial::upload(&format!("http://localhost:{port}/"), &vec![0; LENGTH]);
            trial.order.kind = kind;
            let reading = async {
                // All that comes of a request that is given up has come by its end.
                while whole && !is_answered(&trial) {
                    tokio::task::yield_now().await;
                }
                go.take_if(|_| whole);
            };
            let run = async { tokio::join!(trial.run(), reading).0 };
            let ending = timeout(PATIENCE, run).await;
            let ending = ending.unwrap_or_else(|_| panic!("{answer} {then:?} hangs"));
            assert!(summary(&ending).starts_with(expected), "{answer} {then:?}: {ending:?}");
            drop((trial, go));
            let got = next(&mut bodies).await;
            assert_eq!(got == LENGTH, whole, "{answer} {then:?}: {got} bytes");
        }
    }
}

/// Says whether the client has all of the answer.
fn is_answered(trial: &Trial) -> bool {
    let metrics = trial.metrics.snapshot();
    metrics.transaction_metrics.iter().any(|one| one.response_end_date.is_some())
}

/// The server has a part of the file, whatever it answered.
#[tokio::test]
async fn a_file_that_changes_behind_an_early_answer_is_not_sent() {
    let (port, _bodies, go) = start_early(OK, Then::Stalls);
    let trial = Trial::upload(&format!("http://localhost:{port}/"), &vec![0; LENGTH]);
    let path = trial.folder.path().join("source");
    let changing = async {
        while trial.progress.counts().sent == 0 {
            tokio::task::yield_now().await;
        }
        std::fs::File::options().write(true).open(path).unwrap().set_len(1).unwrap();
        drop(go);
    };
    let (ending, ()) = tokio::join!(trial.run(), changing);
    assert_eq!(summary(&ending), "-1021 permanent progressed", "{ending:?}");
}
