//! Servers that break the rules of HTTP/3, or end connections in the middle.

use super::{PATIENCE, Trial, error_of, summary};
use quinn::crypto::rustls::QuicServerConfig;
use quinn::{Connection, Endpoint, ServerConfig, VarInt};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::net::Ipv4Addr;
use std::sync::Arc;
use tokio::sync::watch;
use urlsession_core::Ending;
use urlsession_protocol::Http3;
use urlsession_testkit::server::Server;

const HEADERS: u64 = 0x1;
const GOAWAY: u64 = 0x7;
const GREASE: u64 = 0x21;

/// What a server does with a connection; the number counts them.
type Act = fn(u32, Connection) -> Acting;
type Acting = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;

/// A server of bare QUIC, with the certificate of another.
struct Bare {
    /// Lends its certificate.
    lender: Server,
    endpoint: Endpoint,
}

impl Bare {
    fn start(act: Act) -> Self {
        Self::with(move |number, connection| act(number, connection))
    }

    /// Answers the first request of each connection with the bytes.
    fn answering(bytes: Vec<u8>) -> Self {
        Self::with(move |_, connection| Box::pin(answer(connection, bytes.clone(), true)))
    }

    fn with(act: impl Fn(u32, Connection) -> Acting + Send + Sync + 'static) -> Self {
        Self::of_streams(100, act)
    }

    /// Allows so many requests at once on a connection.
    fn of_streams(
        most: u32,
        act: impl Fn(u32, Connection) -> Acting + Send + Sync + 'static,
    ) -> Self {
        let lender = Server::start_tls();
        let pem = lender.server_pem();
        let chain = CertificateDer::pem_file_iter(&pem).unwrap().collect::<Result<_, _>>().unwrap();
        let key = PrivateKeyDer::from_pem_file(&pem).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        tls.alpn_protocols = vec![b"h3".to_vec()];
        let tls = QuicServerConfig::try_from(tls).unwrap();
        let mut configuration = ServerConfig::with_crypto(Arc::new(tls));
        let mut transport = quinn::TransportConfig::default();
        transport.max_concurrent_bidi_streams(VarInt::from_u32(most));
        configuration.transport_config(Arc::new(transport));
        let at = (Ipv4Addr::LOCALHOST, 0).into();
        let endpoint = Endpoint::server(configuration, at).unwrap();
        let accepting = endpoint.clone();
        let act = Arc::new(act);
        tokio::spawn(async move {
            let mut number = 0;
            while let Some(incoming) = accepting.accept().await {
                let act = Arc::clone(&act);
                tokio::spawn(async move { act(number, incoming.await.unwrap()).await });
                number += 1;
            }
        });
        Self { lender, endpoint }
    }

    fn trial(&self) -> Trial {
        let mut trial =
            Trial::download(&format!("https://{}/", self.endpoint.local_addr().unwrap()));
        trial.order.options.ca_certificates = vec![self.lender.ca_pem()];
        trial.order.options.http3 = Some(Http3::Only);
        trial
    }
}

fn number(value: u64) -> Vec<u8> {
    match value {
        0..0x40 => vec![value as u8],
        _ => (value | 0xc000_0000_0000_0000).to_be_bytes().into(),
    }
}

fn frame(kind: u64, payload: &[u8]) -> Vec<u8> {
    [number(kind), number(payload.len() as u64), payload.to_vec()].concat()
}

/// The head of a response: no dynamic table, `:status` 200 from the static one.
fn head() -> Vec<u8> {
    frame(HEADERS, &[0, 0, 0xc0 | 25])
}

/// The same with a field of that name and value, spelled out.
fn head_with(name: &str, value: &str) -> Vec<u8> {
    // A number that does not fit into its bits goes on in the next byte (RFC 7541 section 5.1).
    let spelled = |text: &str, mark: u8, most: u8| {
        let length = u8::try_from(text.len()).unwrap();
        let begin = match length.checked_sub(most) {
            None => vec![mark | length],
            Some(rest) => vec![mark | most, rest],
        };
        [begin, text.as_bytes().to_vec()].concat()
    };
    let status = vec![0, 0, 0xc0 | 25];
    let fields = [status, spelled(name, 0x20, 7), spelled(value, 0, 0x7f)].concat();
    frame(HEADERS, &fields)
}

/// Opens the control stream with settings.
async fn settle(connection: &Connection) -> quinn::SendStream {
    let mut control = connection.open_uni().await.unwrap();
    control.write_all(&[number(0), frame(0x4, &[])].concat()).await.unwrap();
    control
}

/// Answers the first request with the bytes, and keeps the connection.
async fn answer(connection: Connection, bytes: Vec<u8>, ends: bool) {
    let control = settle(&connection).await;
    let (mut to, from) = connection.accept_bi().await.unwrap();
    // Who has had enough says so.
    let _ = to.write_all(&bytes).await;
    if ends {
        let _ = to.finish();
    }
    connection.closed().await;
    drop((control, from, to));
}

/// What is announced never comes whole: the memory that it would take is never needed.
async fn endless(connection: Connection, kind: u64) {
    let begin = [number(kind), number(1 << 40)].concat();
    answer(connection, [begin, vec![0; 10_000_000]].concat(), false).await;
}

#[tokio::test]
async fn endless_frames_are_refused() {
    for act in [(|_, connection| Box::pin(endless(connection, HEADERS))) as Act, |_, connection| {
        Box::pin(endless(connection, GREASE))
    }] {
        let server = Bare::start(act);
        let ending = server.trial().run().await;
        assert_eq!(summary(&ending), "-1017 permanent", "{ending:?}");
        let detail = error_of(&ending).detail.clone().unwrap();
        assert!(detail.contains("more than 262144 bytes"), "{detail}");
    }
}

/// what the server does => how the attempt ends
fn broken_rules() -> [(&'static str, Act, &'static str); 10] {
    [
        (
            "no head",
            |_, connection| Box::pin(answer(connection, Vec::new(), true)),
            "-1017 permanent",
        ),
        (
            "data before the head",
            |_, connection| Box::pin(answer(connection, frame(0, b"xyz"), true)),
            "-1017 permanent",
        ),
        (
            "half a head",
            |_, connection| Box::pin(answer(connection, vec![1, 5, 0, 0], true)),
            "-1017 permanent",
        ),
        (
            "a head that cannot be read",
            |_, connection| Box::pin(answer(connection, frame(HEADERS, &[0xff; 9]), true)),
            "-1017 permanent",
        ),
        (
            "a head without a status",
            |_, connection| Box::pin(answer(connection, frame(HEADERS, &[0, 0]), true)),
            "-1017 permanent",
        ),
        (
            "half of the data",
            |_, connection| {
                let bytes = [head(), vec![0, 5, b'x']].concat();
                Box::pin(answer(connection, bytes, true))
            },
            "-1005 transient",
        ),
        (
            "a good answer",
            |_, connection| Box::pin(answer(connection, [head(), frame(0, b"xyz")].concat(), true)),
            "done 200 3",
        ),
        (
            "interim responses without end",
            |_, connection| {
                let interim = frame(HEADERS, &[0, 0, 0xc0 | 24]);
                Box::pin(answer(connection, interim.repeat(101), false))
            },
            "-1017 permanent",
        ),
        (
            "some of them, and an answer",
            |_, connection| {
                let interim = frame(HEADERS, &[0, 0, 0xc0 | 24]).repeat(100);
                Box::pin(answer(connection, [interim, head(), frame(0, b"xyz")].concat(), true))
            },
            "done 200 3",
        ),
        (
            "an error of the connection",
            |_, connection| {
                Box::pin(async move {
                    let _control = settle(&connection).await;
                    let _stream = connection.accept_bi().await.unwrap();
                    connection.close(VarInt::from_u32(0x102), b"secret words");
                })
            },
            "-1005 transient",
        ),
    ]
}

/// a field, the data => how the attempt ends
#[tokio::test]
async fn fields_that_are_in_doubt() {
    for (name, value, data, expected) in [
        ("x", "y", "abcd", "done 200 4"),
        ("length", "9", "abcd", "done 200 4"),
        ("x", "a\r\nb: c", "abcd", "-1017 permanent"),
        ("x", "a\0b", "abcd", "-1017 permanent"),
        ("X", "y", "abcd", "-1017 permanent"),
        ("a b", "y", "abcd", "-1017 permanent"),
    ] {
        let said = format!("{name:?} {value:?}");
        let bytes = [head_with(name, value), frame(0, data.as_bytes())].concat();
        let ending = answering(bytes).await;
        assert_eq!(summary(&ending), expected, "{said}: {ending:?}");
    }
}

/// what is said of the length, the data => how the attempt ends
#[tokio::test]
async fn lengths_that_are_in_doubt() {
    for (value, data, expected) in [
        ("4", "abcd", "done 200 4"),
        ("4, 4", "abcd", "done 200 4"),
        ("9", "abcd", "-1005 transient"),
        ("9, 9", "abcd", "-1005 transient"),
        ("3, 3", "abcd", "-1005 transient"),
        ("4, 9", "abcd", "-1017 permanent"),
        ("+4", "abcd", "-1017 permanent"),
        ("", "abcd", "-1017 permanent"),
        ("99999999999999999999", "abcd", "-1017 permanent"),
    ] {
        // The name is the fourth of the static table.
        let mut fields = vec![0, 0, 0xc0 | 25, 0x54, value.len() as u8];
        fields.extend(value.bytes());
        let bytes = [frame(HEADERS, &fields), frame(0, data.as_bytes())].concat();
        let ending = answering(bytes).await;
        assert_eq!(summary(&ending), expected, "{value}: {ending:?}");
    }
}

/// Runs one attempt at a server that answers with the bytes.
async fn answering(bytes: Vec<u8>) -> Ending {
    let server = Bare::answering(bytes);
    server.trial().run().await
}

#[tokio::test]
async fn rules_that_are_broken() {
    for (what, act, expected) in broken_rules() {
        let server = Bare::start(act);
        let ending = server.trial().run().await;
        assert_eq!(summary(&ending), expected, "{what}: {ending:?}");
        assert!(!format!("{ending:?}").contains("secret words"), "{what}: {ending:?}");
    }
}

/// Answers each request on its own.
async fn serve(connection: &Connection) {
    while let Ok((mut to, _)) = connection.accept_bi().await {
        to.write_all(&[head(), frame(0, b"xyz")].concat()).await.unwrap();
        to.finish().unwrap();
    }
}

/// A connection that ends before a request over it began is none that the request can fail by.
#[tokio::test]
async fn connections_that_end_are_made_anew() {
    let cases: [(&str, Act); 2] = [
        ("refused", |count, connection| {
            Box::pin(async move {
                let _control = settle(&connection).await;
                if count == 0 {
                    let (mut to, _) = connection.accept_bi().await.unwrap();
                    to.write_all(&[head(), frame(0, b"xyz")].concat()).await.unwrap();
                    to.finish().unwrap();
                    let (mut to, _) = connection.accept_bi().await.unwrap();
                    to.reset(VarInt::from_u32(0x10b)).unwrap();
                    connection.closed().await;
                }
                serve(&connection).await;
            })
        }),
        ("going away", |count, connection| {
            Box::pin(async move {
                let mut control = settle(&connection).await;
                if count == 0 {
                    let (mut to, _) = connection.accept_bi().await.unwrap();
                    control.write_all(&frame(GOAWAY, &[4])).await.unwrap();
                    to.write_all(&[head(), frame(0, b"xyz")].concat()).await.unwrap();
                    to.finish().unwrap();
                    while let Ok((mut to, _)) = connection.accept_bi().await {
                        to.reset(VarInt::from_u32(0x10b)).unwrap();
                    }
                }
                serve(&connection).await;
            })
        }),
    ];
    for (what, act) in cases {
        let server = Bare::start(act);
        let trial = server.trial();
        for _ in 0..2 {
            let ending = trial.run().await;
            assert_eq!(summary(&ending), "done 200 3", "{what}: {ending:?}");
        }
    }
}

/// A server may allow one request at a time, and another be waiting longer than it would for a silent
/// server.
#[tokio::test]
async fn who_waits_for_a_stream_does_not_take_the_server_for_silent() {
    let (release, released) = watch::channel(false);
    let (begin, mut begun) = watch::channel(0);
    let server = Bare::of_streams(1, move |_, connection| {
        let (mut released, begin) = (released.clone(), begin.clone());
        Box::pin(async move {
            let control = settle(&connection).await;
            while let Ok((mut to, mut from)) = connection.accept_bi().await {
                begin.send_modify(|begun| *begun += 1);
                let _ = released.wait_for(|released| *released).await;
                let _ = from.read_to_end(64 * 1024).await;
                let _ = to.write_all(&head()).await;
                let _ = to.finish();
            }
            drop(control);
        })
    });
    let first = server.trial();
    let hasty = |url: Option<&str>, patience| {
        let mut trial = server.trial();
        trial.order.idle_timeout = patience;
        match url {
            Some(url) => trial.order.request.url = url.to_owned(),
            None => trial.hands = Arc::clone(&first.hands),
        }
        trial
    };
    let second = hasty(None, PATIENCE);
    // Nobody answers there: its third end says that the time is over.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut clock = hasty(Some(&format!("http://{}/", silent.local_addr().unwrap())), PATIENCE / 2);
    clock.order.options.http3 = None;
    let first = tokio::spawn(async move { first.run().await });
    begun.wait_for(|begun| *begun == 1).await.unwrap();
    let second = tokio::spawn(async move { second.run().await });
    for _ in 0..3 {
        assert_eq!(summary(&clock.run().await), "-1001 transient");
    }
    assert!(!second.is_finished());
    release.send(true).unwrap();
    for trial in [first, second] {
        assert_eq!(summary(&trial.await.unwrap()), "done 200 0");
    }
}

/// What comes in many packets is read in turns with what comes last, which then ends nothing well: of a
/// body without a length, nobody else would know that something is missing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_long_body_that_is_cut_is_not_whole() {
    let data = vec![7; 200_000];
    let cut = [head(), frame(0, &data)[..150_000].to_vec()].concat();
    let endless = [number(HEADERS), number(1 << 40), vec![0; 2000]].concat();
    let unfit = [head(), frame(0, &data), endless].concat();
    for (bytes, expected) in [(cut, "-1005 transient"), (unfit, "-1017 permanent")] {
        // How much is there when it is looked at differs from time to time.
        for _ in 0..8 {
            let ending = answering(bytes.clone()).await;
            assert_eq!(summary(&ending), expected, "{ending:?}");
        }
    }
}

/// An answer takes nothing away from the request (RFC 9114 section 4.1).
#[tokio::test]
async fn who_answers_early_gets_the_rest() {
    const LENGTH: usize = 8 << 20;
    let (got, mut bodies) = watch::channel(None);
    let server = Bare::with(move |_, connection| {
        let got = got.clone();
        Box::pin(async move {
            let control = settle(&connection).await;
            let (mut to, mut from) = connection.accept_bi().await.unwrap();
            to.write_all(&head()).await.unwrap();
            to.finish().unwrap();
            // That of the request has frames around it.
            got.send_replace(Some(from.read_to_end(2 * LENGTH).await.map(|bytes| bytes.len())));
            connection.closed().await;
            drop(control);
        })
    });
    let template = server.trial();
    let mut trial = Trial::upload(&template.order.request.url, &vec![7; LENGTH]);
    trial.order.options = template.order.options.clone();
    let ending = trial.run().await;
    assert_eq!(summary(&ending), "done 200 0 no file", "{ending:?}");
    let got = bodies.wait_for(Option::is_some).await.unwrap().clone();
    assert!(matches!(got, Some(Ok(LENGTH..))), "{got:?}");
}
