//! Servers that refuse a request before they have all of it, and close.

use super::{Trial, summary};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;
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

/// Answers every request before it has its body, and reads that then, if it does.
fn answer_early(stream: TcpStream, reads_on: bool) {
    let mut stream = stream;
    std::thread::spawn(move || {
        let mut bytes = vec![0; 256 * 1024];
        let mut left = 0;
        while let Ok(count @ 1..) = stream.read(&mut bytes) {
            if left > 0 {
                left -= count;
                continue;
            }
            let head = bytes[..count].windows(4).position(|four| four == b"\r\n\r\n").unwrap();
            left = LENGTH + head + 4 - count;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            if !reads_on {
                loop {
                    std::thread::park();
                }
            }
        }
    });
}

/// The answer is there while the body of the request is still on its way.
#[tokio::test]
async fn who_answers_early_is_asked_again() {
    for reads_on in [true, false] {
        let port = start(move |stream| answer_early(stream, reads_on));
        let trial = Trial::upload(&format!("http://localhost:{port}/"), &vec![0; LENGTH]);
        for number in 0..if reads_on { EARLY_TRIES } else { 2 } {
            let ending = tokio::time::timeout(PATIENCE, trial.run()).await;
            let ending = ending.unwrap_or_else(|_| panic!("it hangs at {number}"));
            assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
        }
    }
}
