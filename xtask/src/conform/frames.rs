//! HTTP/2 frames that are malformed: those of http2jp/http2-frame-test-case.

use super::peer;
use super::scores::Scores;
use super::worker::Program;
use anyhow::{Context as _, Result};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde::Deserialize;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// What every client says first.
const PREFACE: usize = 24;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const GOAWAY: u8 = 7;
/// An empty frame of settings.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// A client that has not noticed by then does not.
const PATIENCE: Duration = Duration::from_secs(3);

#[derive(Debug, Deserialize)]
struct Case {
    error: Option<Vec<u32>>,
    wire: String,
    description: String,
}

pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let entries = std::fs::read_dir(folder.join("error"))
        .context("this is no checkout of http2jp/http2-frame-test-case")?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.sort_unstable();
    let home = tempfile::tempdir()?;
    let root = home.path().join("root.pem");
    let config = Arc::new(config(&root)?);
    let root = root.to_string_lossy().into_owned();
    let program = Program::build()?.with(&["--cacert", &root]);
    let mut scores = Scores::new("frames", "http2jp/http2-frame-test-case, malformed");
    let mut others = 0;
    for path in paths {
        let case: Case = serde_json::from_str(&std::fs::read_to_string(&path)?)?;
        let allowed = case.error.unwrap_or_default();
        let wire = Arc::new(bytes(&case.wire)?);
        let (seen, complaint) = mpsc::channel();
        let config = Arc::clone(&config);
        let port = peer::listen(move |stream| {
            let told = serve(stream, &config, &wire)?;
            // Fails if nobody asks any more.
            let _ = seen.send(told);
            Ok(())
        })?;
        let answer = program.start()?.get(&format!("https://localhost:{port}/"))?;
        let told = complaint.recv_timeout(PATIENCE * 2).unwrap_or_default();
        let wrong = match (answer.error, told) {
            (None, _) => Some("it is taken for a response".to_owned()),
            (Some(_), Some(code)) if code != 0 => {
                others += usize::from(!allowed.contains(&code));
                None
            }
            (Some(_), _) => Some("nothing is said to the server".to_owned()),
        };
        scores.count(case.description, wrong);
    }
    scores.note("of them with another code of error than the suite's", others);
    scores.conclude(&[], keep)
}

fn config(root: &Path) -> Result<ServerConfig> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(root, made.cert.pem())?;
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(made.signing_key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

/// Sends the frame once there is a request, and returns the code that the client complains with.
fn serve(stream: TcpStream, config: &Arc<ServerConfig>, wire: &[u8]) -> io::Result<Option<u32>> {
    stream.set_read_timeout(Some(PATIENCE))?;
    let connection = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
    let mut stream = StreamOwned::new(connection, stream);
    stream.read_exact(&mut [0; PREFACE])?;
    while frame(&mut stream)?.0 != HEADERS {}
    stream.write_all(&[&SETTINGS, wire].concat())?;
    stream.flush()?;
    loop {
        let code = match frame(&mut stream) {
            Ok((RST_STREAM, payload)) => payload.first_chunk().copied(),
            Ok((GOAWAY, payload)) => payload.get(4..8).and_then(|four| four.try_into().ok()),
            Ok(_) => continue,
            // It is gone, or has nothing to say.
            Err(_) => return Ok(None),
        };
        return Ok(code.map(u32::from_be_bytes));
    }
}

/// Reads one frame: its type and its payload.
fn frame(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let mut head = [0; 9];
    stream.read_exact(&mut head)?;
    let [high, middle, low, kind, ..] = head;
    let mut payload = vec![0; u32::from_be_bytes([0, high, middle, low]) as usize];
    stream.read_exact(&mut payload)?;
    Ok((kind, payload))
}

fn bytes(hex: &str) -> Result<Vec<u8>> {
    let digits: Vec<char> = hex.chars().collect();
    let pairs = digits.chunks(2).map(|pair| pair.iter().collect::<String>());
    pairs.map(|pair| u8::from_str_radix(&pair, 16).context("a frame is hexadecimal")).collect()
}
