//! A small HTTP/1.1 server for the story: one file, ranges, an ETag, a limited rate, a diary.

use sha2::{Digest as _, Sha256};
use std::fmt::Write as _;
use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::clock;

const ETAG: &str = "\"the-one-and-only\"";
/// Longest request head, in bytes.
const HEAD_LIMIT: u64 = 16 * 1024;
/// Bytes written at once; also how smooth the rate is.
const CHUNK: usize = 64 * 1024;

/// What the server wrote down about one request.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    /// The `Range` that was asked for.
    pub(super) range: Option<String>,
    /// The `If-Range` that was asked for.
    pub(super) if_range: Option<String>,
    /// The status that was answered.
    pub(super) status: u16,
    /// Where the body began.
    pub(super) from: u64,
    /// Body bytes given to the system so far.
    pub(super) sent: u64,
}

/// The server; its threads end with the process.
pub(super) struct Server {
    address: SocketAddr,
    diary: Arc<Mutex<Vec<Entry>>>,
}

impl Server {
    /// Serves a file of so many bytes, so many of them a second.
    pub(super) fn start(length: u64, rate: u64) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let diary = Arc::<Mutex<Vec<Entry>>>::default();
        let shared = Arc::clone(&diary);
        std::thread::Builder::new().name("server".to_owned()).spawn(move || {
            for stream in listener.incoming().flatten() {
                let visit = Visit { length, rate, diary: Arc::clone(&shared) };
                // A client that was killed is part of the story.
                std::thread::spawn(move || visit.serve(&stream));
            }
        })?;
        Ok(Self { address, diary })
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}/episode.bin", self.address)
    }

    pub(super) fn diary(&self) -> Vec<Entry> {
        lock(&self.diary).clone()
    }
}

/// Returns the SHA-256 of the file, in hexadecimal.
pub(super) fn digest(length: u64) -> String {
    let mut hash = Sha256::new();
    let mut chunk = vec![0; CHUNK];
    let mut offset = 0;
    while offset < length {
        let part = part(&mut chunk, offset, length);
        hash.update(part);
        offset += part.len() as u64;
    }
    hexadecimal(&hash.finalize())
}

pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing into a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// One connection.
struct Visit {
    length: u64,
    rate: u64,
    diary: Arc<Mutex<Vec<Entry>>>,
}

impl Visit {
    fn serve(&self, stream: &TcpStream) -> io::Result<()> {
        let mut reader = BufReader::new(stream);
        loop {
            let (mut range, mut if_range) = (None, None);
            let mut line = String::new();
            let mut head = (&mut reader).take(HEAD_LIMIT);
            if head.read_line(&mut line)? == 0 {
                return Ok(());
            }
            loop {
                line.clear();
                if head.read_line(&mut line)? == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                let Some((name, value)) = line.split_once(':') else { break };
                match name.to_ascii_lowercase().as_str() {
                    "range" => range = Some(value.trim().to_owned()),
                    "if-range" => if_range = Some(value.trim().to_owned()),
                    _ => {}
                }
            }
            self.answer(stream, range, if_range)?;
        }
    }

    fn answer(
        &self,
        stream: &TcpStream,
        range: Option<String>,
        if_range: Option<String>,
    ) -> io::Result<()> {
        let length = self.length;
        let same = if_range.as_deref().is_none_or(|tag| tag == ETAG);
        let wanted = range.as_deref().filter(|_| same).and_then(first_byte);
        let from = wanted.filter(|from| *from < length).unwrap_or(0);
        let (status, reason) = if from > 0 { (206, "Partial Content") } else { (200, "OK") };
        let mut head = format!(
            "HTTP/1.1 {status} {reason}\r\nContent-Length: {}\r\nETag: {ETAG}\r\n\
             Accept-Ranges: bytes\r\nContent-Type: application/octet-stream\r\n",
            length - from
        );
        if from > 0 {
            // Writing into a string cannot fail.
            let _ = write!(head, "Content-Range: bytes {from}-{}/{length}\r\n", length - 1);
        }
        head.push_str("\r\n");
        let number = {
            let mut diary = lock(&self.diary);
            diary.push(Entry { range, if_range, status, from, sent: 0 });
            diary.len() - 1
        };
        let mut stream = stream;
        stream.write_all(head.as_bytes())?;
        let began = clock::steady();
        let mut chunk = vec![0; CHUNK];
        let mut sent = 0;
        while from + sent < length {
            let part = part(&mut chunk, from + sent, length);
            stream.write_all(part)?;
            sent += part.len() as u64;
            lock(&self.diary)[number].sent = sent;
            let due = Duration::from_secs_f64(sent as f64 / self.rate as f64);
            std::thread::sleep(due.saturating_sub(began.elapsed()));
        }
        Ok(())
    }
}

/// Reads the first byte out of `bytes=N-`; other forms are answered with the whole file.
fn first_byte(range: &str) -> Option<u64> {
    range.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok()
}

/// Fills the chunk with the file's bytes at an offset and returns those that exist.
fn part(chunk: &mut [u8], offset: u64, length: u64) -> &[u8] {
    let size = chunk.len().min(usize::try_from(length - offset).unwrap_or(usize::MAX));
    let part = &mut chunk[..size];
    let mut at = 0;
    while at < size {
        let position = offset + at as u64;
        let word = scrambled(position / 8).to_le_bytes();
        let skip = usize::try_from(position % 8).unwrap_or(0);
        let count = (8 - skip).min(size - at);
        part[at..at + count].copy_from_slice(&word[skip..skip + count]);
        at += count;
    }
    part
}

/// Makes the file's words: SplitMix64, so that any offset can be computed.
fn scrambled(index: u64) -> u64 {
    let mut word = index.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn lock(diary: &Mutex<Vec<Entry>>) -> MutexGuard<'_, Vec<Entry>> {
    diary.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_offset_has_the_same_bytes() {
        let mut whole = vec![0; 100];
        assert_eq!(part(&mut whole, 0, 100).len(), 100);
        for offset in [1, 7, 8, 13, 99] {
            let mut chunk = vec![0; 50];
            let part = part(&mut chunk, offset, 100);
            let begin = usize::try_from(offset).unwrap();
            assert_eq!(part, &whole[begin..(begin + 50).min(100)]);
        }
    }

    #[test]
    fn a_range_is_answered_from_its_first_byte() {
        let server = Server::start(1000, 1 << 30).unwrap();
        for (fields, status, from) in [
            ("", 200, 0),
            ("Range: bytes=600-\r\n", 206, 600),
            ("Range: bytes=600-\r\nIf-Range: \"the-one-and-only\"\r\n", 206, 600),
            ("Range: bytes=600-\r\nIf-Range: \"another\"\r\n", 200, 0),
            ("Range: bytes=0-1,5-6\r\n", 200, 0),
        ] {
            let mut stream = TcpStream::connect(server.address).unwrap();
            let request = format!("GET / HTTP/1.1\r\nHost: h\r\n{fields}\r\n");
            stream.write_all(request.as_bytes()).unwrap();
            let mut reader = BufReader::new(stream);
            let mut line = String::new();
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).unwrap();
            }
            let mut body = vec![0; 1000 - from];
            reader.read_exact(&mut body).unwrap();
            let mut expected = vec![0; 1000];
            assert_eq!(body, part(&mut expected, from as u64, 1000));
            let entry = server.diary().pop().unwrap();
            assert_eq!((entry.status, entry.from), (status, from as u64), "{fields}");
        }
    }
}
