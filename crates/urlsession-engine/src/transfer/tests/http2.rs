//! Servers that take a request over another connection, or over HTTP/1.1 only.

use super::super::handshake::STREAM_WINDOW;
use super::super::pool::IDLE_TIME;
use super::{Trial, summary};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use urlsession_core::Ending;
use urlsession_testkit::server::Server;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;
/// A body that is more than a part of one that is held back.
const SHORT: usize = 1024 * 1024;
/// Bytes with which a client begins (RFC 9113 section 3.4).
const PREFACE: usize = 24;

/// What a server does about the requests of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    /// It answers the first, and says that it takes no more.
    OneRequest,
    /// It answers one at a time, refuses those beside it, and has not said so.
    OneAtATime,
    /// It takes them over HTTP/1.1.
    Http1,
    /// It answers all.
    Every,
    /// It answers at once, whatever of a body is still to come, and says nothing more.
    LeavesAtOnce,
    /// It answers at once without a body, and goes on taking that of the request, or so much of it.
    AnswersEarly(usize),
    /// It answers the first of a connection, and hangs up at the second.
    ForgetsConnections,
    /// It says that it has done nothing of what came over its first connection, and hangs up: it is
    /// overloaded.
    GoesAwayInHaste,
    /// It answers with long bodies, of which it sends as much as it may.
    Pours,
    /// It takes one at a time, says so at the first one, and answers that only once another
    /// connection is there.
    One,
}

/// A server of bare frames, with the certificate of another.
struct Bare {
    lender: Server,
    url: String,
    /// How many connections of HTTP/2 there were.
    connections: Arc<AtomicUsize>,
    /// Bytes that were poured, or that an early server had when the request or its patience ended.
    poured: watch::Receiver<usize>,
}

impl Bare {
    async fn start(habit: Habit) -> Self {
        let lender = Server::start_tls();
        let pem = lender.server_pem();
        let chain = CertificateDer::pem_file_iter(&pem).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(&pem).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let acceptor = TlsAcceptor::from(Arc::new(tls));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}/", listener.local_addr().unwrap().port());
        let connections = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&connections);
        let (count, poured) = watch::channel(0);
        // Ends with the runtime of the test.
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, counted) = (acceptor.clone(), Arc::clone(&counted));
                let count = count.clone();
                tokio::spawn(async move {
                    let stream = acceptor.accept(stream).await.unwrap();
                    if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                        let before = counted.fetch_add(1, Ordering::Relaxed);
                        // Who is served hangs up.
                        match habit {
                            Habit::GoesAwayInHaste if before > 0 => {
                                drop(serve(stream, Habit::Every).await);
                            }
                            Habit::Pours => pour(stream, count).await,
                            Habit::AnswersEarly(most) => {
                                drop(serve_early(stream, most, &count).await);
                            }
                            Habit::One => drop(serve_one(stream, before, &count).await),
                            habit => drop(serve(stream, habit).await),
                        }
                    } else {
                        let _ = serve_http1(stream).await;
                    }
                });
            }
        });
        Self { lender, url, connections, poured }
    }

    fn trial(&self) -> Trial {
        let mut trial = Trial::data(&self.url);
        trial.order.options.ca_certificates = vec![self.lender.ca_pem()];
        trial
    }

    /// Runs so many trials at once over the same connections.
    async fn run(&self, count: usize) -> Vec<Ending> {
        let first = self.trial();
        let running: Vec<_> = (0..count)
            .map(|_| {
                let mut trial = self.trial();
                trial.hands = Arc::clone(&first.hands);
                tokio::spawn(async move { trial.run().await })
            })
            .collect();
        let mut endings = Vec::new();
        for one in running {
            endings.push(one.await.unwrap());
        }
        endings
    }
}

type Stream = TlsStream<TcpStream>;

async fn serve(mut stream: Stream, habit: Habit) -> std::io::Result<()> {
    stream.read_exact(&mut [0; PREFACE]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut served = 0_u32;
    loop {
        let (head, id) = next_frame(&mut stream).await?;
        if habit == Habit::ForgetsConnections && served > 0 && has_ended(&head) {
            return Ok(());
        }
        if head[3] != HEADERS {
            continue;
        }
        match habit {
            Habit::OneRequest if served == 0 => {
                let goaway = [id.to_be_bytes(), [0; 4]].concat();
                let answer = [frame(GOAWAY, 0, 0, &goaway), answer(id)].concat();
                stream.write_all(&answer).await?;
            }
            // It goes away and looks at nothing more.
            Habit::OneRequest => {}
            Habit::OneAtATime if served == 0 => {
                // The others have come by then, if they come.
                let settings = [0, 3, 0, 0, 0, 1];
                stream.write_all(&frame(SETTINGS, 0, 0, &settings)).await?;
                stream.write_all(&answer(id)).await?;
            }
            Habit::OneAtATime if served < 8 => {
                stream.write_all(&frame(RST_STREAM, 0, id, &[0, 0, 0, 7])).await?;
            }
            Habit::OneAtATime => stream.write_all(&answer(id)).await?,
            Habit::ForgetsConnections if served > 0 => {}
            Habit::Every
            | Habit::Pours
            | Habit::One
            | Habit::AnswersEarly(_)
            | Habit::ForgetsConnections => {
                stream.write_all(&answer(id)).await?;
            }
            Habit::LeavesAtOnce => {
                stream
                    .write_all(&[refusal(id), frame(DATA, END_STREAM, id, b"no")].concat())
                    .await?;
                stream.shutdown().await?;
            }
            Habit::GoesAwayInHaste => {
                // The last of all streams is none, and the error is ENHANCE_YOUR_CALM.
                let goaway = frame(GOAWAY, 0, 0, &[0, 0, 0, 0, 0, 0, 0, 11]);
                stream.write_all(&goaway).await?;
                stream.shutdown().await?;
            }
            Habit::Http1 => {
                stream.write_all(&frame(RST_STREAM, 0, id, &[0, 0, 0, 13])).await?;
            }
        }
        served += 1;
    }
}

/// Says whether the head of a frame is that of the last one of a request.
fn has_ended(head: &[u8; 9]) -> bool {
    [HEADERS, DATA].contains(&head[3]) && head[4] & END_STREAM != 0
}

/// Answers before it has the body of a request, of which it wants no more than so much.
async fn serve_early(
    mut stream: Stream,
    most: usize,
    count: &watch::Sender<usize>,
) -> std::io::Result<()> {
    stream.read_exact(&mut [0; PREFACE]).await?;
    stream.write_all(&frame(SETTINGS, 0, 0, &[])).await?;
    let mut got = 0;
    loop {
        let (head, id) = next_frame(&mut stream).await?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        match head[3] {
            HEADERS => {
                // Status 204.
                let ends = END_HEADERS | END_STREAM;
                stream.write_all(&frame(HEADERS, ends, id, &[0x89])).await?;
            }
            DATA => got += usize::try_from(length).unwrap(),
            _ => {}
        }
        if head[3] == RST_STREAM || has_ended(&head) {
            count.send_replace(got);
        } else if head[3] == DATA && got >= most {
            stream.write_all(&frame(RST_STREAM, 0, id, &[0; 4])).await?;
            count.send_replace(got);
        } else if head[3] == DATA && length > 0 {
            let more = length.to_be_bytes();
            let windows = [frame(WINDOW_UPDATE, 0, 0, &more), frame(WINDOW_UPDATE, 0, id, &more)];
            stream.write_all(&windows.concat()).await?;
        }
    }
}

/// Answers the first connection last.
async fn serve_one(
    mut stream: Stream,
    before: usize,
    count: &watch::Sender<usize>,
) -> std::io::Result<()> {
    stream.read_exact(&mut [0; PREFACE]).await?;
    let mut is_first = true;
    loop {
        let (head, id) = next_frame(&mut stream).await?;
        if head[3] != HEADERS {
            continue;
        }
        if std::mem::take(&mut is_first) {
            stream.write_all(&frame(SETTINGS, 0, 0, &[0, 3, 0, 0, 0, 1])).await?;
            if before == 0 {
                let _ = count.subscribe().wait_for(|answered| *answered > 0).await;
            }
            stream.write_all(&answer(id)).await?;
            count.send_modify(|answered| *answered += 1);
        }
    }
}

async fn next_frame(stream: &mut Stream) -> std::io::Result<([u8; 9], u32)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await?;
    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
    let id = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
    stream.read_exact(&mut vec![0; usize::try_from(length).unwrap()]).await?;
    Ok((head, id))
}

async fn pour(stream: Stream, count: watch::Sender<usize>) {
    let mut connection = h2::server::handshake(stream).await.unwrap();
    while let Some(Ok((request, mut respond))) = connection.accept().await {
        let is_short = request.uri().path() == "/short";
        let mut left = if is_short { SHORT } else { 2 * STREAM_WINDOW as usize };
        let mut body = respond.send_response(http::Response::new(()), false).unwrap();
        let count = count.clone();
        tokio::spawn(async move {
            while left > 0 {
                body.reserve_capacity(left);
                let granted = poll_fn(|cx| body.poll_capacity(cx)).await;
                let Some(Ok(granted)) = granted else { return };
                left -= granted;
                body.send_data(vec![7; granted].into(), left == 0).unwrap();
                count.send_modify(|count| *count += granted);
            }
        });
    }
}

async fn serve_http1(mut stream: Stream) -> std::io::Result<()> {
    while stream.read(&mut [0; 4096]).await? > 0 {
        stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await?;
    }
    Ok(())
}

/// A response with status 200, which HPACK has in its table, and a body.
fn answer(id: u32) -> Vec<u8> {
    [frame(HEADERS, END_HEADERS, id, &[0x88]), frame(DATA, END_STREAM, id, b"ok")].concat()
}

/// The head of one with status 413 and two bytes.
fn refusal(id: u32) -> Vec<u8> {
    // A name of HPACK's table with a value of its own, twice.
    let fields = [&[0x08, 3][..], b"413", &[0x0f, 0x0d, 1], b"2"].concat();
    frame(HEADERS, END_HEADERS, id, &fields)
}

fn frame(kind: u8, flags: u8, id: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &id.to_be_bytes(), payload].concat()
}

/// nginx does so after as many requests as it is told.
#[tokio::test]
async fn who_goes_away_is_asked_over_other_connections() {
    let server = Bare::start(Habit::OneRequest).await;
    for ending in server.run(16).await {
        assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 16);
}

#[tokio::test]
async fn who_refuses_streams_is_asked_again() {
    let server = Bare::start(Habit::OneAtATime).await;
    for ending in server.run(8).await {
        assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
    }
}

/// Those who begin at once do not know of each other how far they may share.
#[tokio::test]
async fn who_takes_one_at_a_time_is_asked_over_another_connection() {
    let server = Bare::start(Habit::One).await;
    for ending in server.run(2).await {
        assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 2);
}

/// RFC 9113 section 8.1 lets a server answer before it has all of a request.
#[tokio::test]
async fn who_answers_early_and_leaves_is_heard() {
    let server = Bare::start(Habit::LeavesAtOnce).await;
    let mut trial = Trial::upload(&server.url, &vec![7; 1024 * 1024]);
    trial.order.options.ca_certificates = vec![server.lender.ca_pem()];
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "done 413 2", "{ending:?}");
}

/// RFC 9113 section 8.1 has one that wants no more of a request say so; others get all of it.
#[tokio::test]
async fn who_answers_early_gets_what_it_wants() {
    const LENGTH: usize = 3 * SHORT;
    for (most, whole) in [(usize::MAX, true), (SHORT, false)] {
        let mut server = Bare::start(Habit::AnswersEarly(most)).await;
        let mut trial = Trial::upload(&server.url, &vec![7; LENGTH]);
        trial.order.options.ca_certificates = vec![server.lender.ca_pem()];
        let ending = timeout(trial.order.idle_timeout, trial.run()).await.expect("it ends");
        assert_eq!(summary(&ending), "done 204 0 no file", "{ending:?}");
        let got = *server.poured.wait_for(|got| *got > 0).await.unwrap();
        assert_eq!(got == LENGTH, whole, "{got} bytes");
        assert_eq!(matches!(ending, Ending::Done(done) if done.sent == LENGTH as u64), whole);
    }
}

/// Whatever is wrong, it says what it has not looked at (RFC 9113 section 8.7).
#[tokio::test]
async fn who_goes_away_with_an_error_is_asked_again_for_what_is_untouched() {
    for body in [&b""[..], b"body"] {
        let server = Bare::start(Habit::GoesAwayInHaste).await;
        let mut trial = Trial::upload(&server.url, body);
        trial.order.options.ca_certificates = vec![server.lender.ca_pem()];
        trial.order.request.method = "POST".into();
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
    }
}

/// method, body => how a request ends whose connection was gone when it came
#[tokio::test]
async fn what_a_connection_that_is_gone_may_have_brought() {
    let server = Bare::start(Habit::ForgetsConnections).await;
    for (method, body, expected) in [
        ("GET", None, "done 200 2"),
        ("PUT", Some(&b"body"[..]), "done 200 2"),
        ("POST", Some(b"body"), "-1005 transient progressed"),
        ("POST", None, "-1005 transient"),
        ("POST", Some(b""), "-1005 transient"),
    ] {
        let first = server.trial();
        assert_eq!(summary(&first.run().await), "done 200 2");
        let mut second = match body {
            Some(body) => Trial::upload(&server.url, body),
            None => Trial::data(&server.url),
        };
        second.hands = Arc::clone(&first.hands);
        second.order.options = first.order.options.clone();
        second.order.request.method = method.into();
        let ending = second.run().await;
        assert_eq!(summary(&ending), expected, "{method} {body:?}: {ending:?}");
    }
}

/// It may be one of a network that is gone.
#[tokio::test]
async fn a_connection_that_was_dialled_before_all_were_dropped_is_not_shared() {
    let server = Bare::start(Habit::Every).await;
    let front = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut trial = server.trial();
    let (here, there) = (front.local_addr().unwrap(), url::Url::parse(&server.url).unwrap());
    trial.order.request.url = format!("https://localhost:{}/", here.port());
    let (hands, port) = (Arc::clone(&trial.hands), there.port().unwrap());
    tokio::spawn(async move {
        let mut is_first = true;
        while let Ok((mut from, _)) = front.accept().await {
            if std::mem::take(&mut is_first) {
                hands.drop_idle_connections();
            }
            let mut to = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
            tokio::spawn(async move { copy_bidirectional(&mut from, &mut to).await });
        }
    });
    for expected in [1, 2, 2] {
        assert_eq!(summary(&trial.run().await), "done 200 2");
        assert_eq!(server.connections.load(Ordering::Relaxed), expected);
    }
}

/// What is on the way forgets a connection that is silent, and tells nobody.
#[tokio::test]
async fn a_connection_that_nobody_has_used_for_long_is_not_trusted() {
    let server = Bare::start(Habit::Every).await;
    let trial = server.trial();
    for (idle, expected) in [(0, 1), (IDLE_TIME.as_secs() - 1, 1), (IDLE_TIME.as_secs(), 2)] {
        tokio::time::pause();
        tokio::time::advance(Duration::from_secs(idle)).await;
        tokio::time::resume();
        assert_eq!(summary(&trial.run().await), "done 200 2");
        assert_eq!(server.connections.load(Ordering::Relaxed), expected, "{idle}");
    }
}

#[tokio::test]
async fn those_who_are_held_back_hold_up_nobody_else() {
    let mut server = Bare::start(Habit::Pours).await;
    let mut quick = server.trial();
    quick.order.request.url.push_str("short");
    quick.order.idle_timeout = Duration::from_secs(10);
    let slow: Vec<_> = (0..4)
        .map(|_| {
            let mut slow = Trial::download(&server.url);
            slow.order.options = quick.order.options.clone();
            slow.order.options.limit_rate = Some(1);
            slow.hands = Arc::clone(&quick.hands);
            tokio::spawn(async move { slow.run().await })
        })
        .collect();
    let all = slow.len() * STREAM_WINDOW as usize;
    server.poured.wait_for(|poured| *poured >= all).await.unwrap();
    assert_eq!(summary(&quick.run().await), format!("done 200 {SHORT}"));
    assert_eq!(server.connections.load(Ordering::Relaxed), 1);
    slow.iter().for_each(tokio::task::JoinHandle::abort);
}

/// One attempt waits for a handshake that never ends; another one to the same server has less time.
#[tokio::test]
async fn nobody_waits_longer_for_others_than_for_a_server() {
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://localhost:{}/", silent.local_addr().unwrap().port());
    let (first, mut hasty) = (Trial::data(&url), Trial::data(&url));
    hasty.hands = Arc::clone(&first.hands);
    let first = tokio::spawn(async move { first.run().await });
    let _held = silent.accept().await.unwrap();
    for limit in [None, Some(50)] {
        hasty.order.idle_timeout = Duration::from_millis(limit.map_or(50, |_| 30_000));
        hasty.order.options.request_policy.timeout_interval_for_connection = limit;
        assert_eq!(summary(&hasty.run().await), "-1001 transient", "{limit:?}");
        assert!(!first.is_finished(), "{limit:?}");
    }
    first.abort();
}

#[tokio::test]
async fn who_wants_http1_for_a_request_gets_it() {
    let server = Bare::start(Habit::Http1).await;
    let trial = server.trial();
    for _ in 0..2 {
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "done 200 2", "{ending:?}");
        let Ending::Done(done) = ending else { unreachable!() };
        assert_eq!(done.response.network_protocol.as_deref(), Some("http/1.1"));
    }
    assert_eq!(server.connections.load(Ordering::Relaxed), 1, "it is remembered");
    trial.hands.drop_idle_connections();
    assert_eq!(summary(&trial.run().await), "done 200 2");
    assert_eq!(server.connections.load(Ordering::Relaxed), 2, "it is learned anew");
    // Where HTTP/3 is tried first and does not come through, nothing else changes.
    let mut trial = server.trial();
    trial.order.options.assumes_http3_capable = true;
    assert_eq!(summary(&trial.run().await), "done 200 2");
}
