//! Servers that send exactly the bytes they are told to.

use anyhow::Result;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::time::Duration;

/// Most bytes of a request head.
const HEAD_LIMIT: usize = 1024 * 1024;
/// A client that is silent for so long is left.
const PATIENCE: Duration = Duration::from_secs(10);

/// A connection, of whatever it is made.
pub(super) trait Stream: Read + Write + Send {
    /// Ends the writing side.
    fn finish(&mut self) -> io::Result<()>;
}

impl Stream for TcpStream {
    fn finish(&mut self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

/// Serves every connection in a thread of its own, until the process ends; returns the port.
pub(super) fn listen(
    serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> Result<u16> {
    listen_at(Ipv4Addr::LOCALHOST.into(), serve)
}

/// The same at this address.
pub(super) fn listen_at(
    address: IpAddr,
    serve: impl Fn(TcpStream) -> io::Result<()> + Clone + Send + 'static,
) -> Result<u16> {
    let listener = TcpListener::bind((address, 0))?;
    let port = listener.local_addr()?.port();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let serve = serve.clone();
            std::thread::spawn(move || {
                stream.set_read_timeout(Some(PATIENCE))?;
                // A client that leaves is what some suites are after.
                serve(stream)
            });
        }
    });
    Ok(port)
}

/// The head of a request, as it came.
#[derive(Debug)]
pub(super) struct Head {
    text: String,
}

impl Head {
    /// Reads to the empty line; `None` if there is no further request.
    pub(super) fn read(stream: &mut (impl Read + ?Sized)) -> io::Result<Option<Self>> {
        let mut bytes = Vec::new();
        while !bytes.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            if bytes.len() >= HEAD_LIMIT || stream.read(&mut byte)? == 0 {
                return Ok(None);
            }
            bytes.extend(byte);
        }
        Ok(Some(Self { text: String::from_utf8_lossy(&bytes).into_owned() }))
    }

    pub(super) fn text(&self) -> &str {
        &self.text
    }

    pub(super) fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or_default()
    }

    pub(super) fn target(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or_default()
    }

    pub(super) fn field(&self, name: &str) -> Option<&str> {
        let fields = self.text.lines().skip(1).filter_map(|line| line.split_once(':'));
        let mut found = fields.filter(|(field, _)| field.eq_ignore_ascii_case(name));
        found.next().map(|(_, value)| value.trim())
    }
}

/// Writes all, ends the writing side, and reads until the client has closed.
pub(super) fn say_and_leave(stream: &mut (impl Stream + ?Sized), bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.finish()?;
    io::copy(stream, &mut io::sink()).map(drop)
}
