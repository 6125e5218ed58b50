//! Connections that go elsewhere than their URL says: a SOCKS5 proxy on loopback which knows
//! better.

use anyhow::{Context as _, Result, anyhow, ensure};
use std::io::{self, Read, Write as _};
use std::net::{Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::str::FromStr;
use std::sync::Arc;

/// Where connections to an address go instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detour {
    from: (String, u16),
    to: (String, u16),
}

impl FromStr for Detour {
    type Err = anyhow::Error;

    /// Reads `HOST:PORT:HOST:PORT` as curl does; the first pair may leave out either part.
    fn from_str(text: &str) -> Result<Self> {
        let (rest, to_port) = text.rsplit_once(':').context("four parts are wanted")?;
        let (from, to_host) = match rest.strip_suffix(']') {
            Some(open) => {
                let at = open.rfind(":[").context("the second host has no begin")?;
                (&rest[..at], &open[at + 2..])
            }
            None => rest.rsplit_once(':').context("four parts are wanted")?,
        };
        let (from_host, from_port) = from.rsplit_once(':').context("four parts are wanted")?;
        let port = |text: &str| match text {
            "" => Ok(0),
            digits => digits.parse().map_err(|_| anyhow!("“{digits}” is no port")),
        };
        let from_host = from_host.trim_matches(['[', ']']).to_ascii_lowercase();
        Ok(Self { from: (from_host, port(from_port)?), to: (to_host.to_owned(), port(to_port)?) })
    }
}

/// The proxy; it ends with the process.
#[derive(Debug)]
pub struct Relay {
    address: SocketAddr,
}

impl Relay {
    pub fn start(detours: Vec<Detour>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let detours = Arc::new(detours);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let detours = Arc::clone(&detours);
                // A connection that fails is what the client under test is to notice.
                std::thread::spawn(move || drop(serve(stream, &detours)));
            }
        });
        Ok(Self { address })
    }

    /// Returns the URL of a proxy that is given names as they are.
    pub fn url(&self) -> String {
        format!("socks5h://{}", self.address)
    }
}

fn serve(mut client: TcpStream, detours: &[Detour]) -> Result<()> {
    let [version, methods] = read(&mut client)?;
    ensure!(version == 5, "not SOCKS5");
    io::copy(&mut (&mut client).take(methods.into()), &mut io::sink())?;
    client.write_all(&[5, 0])?;
    let [version, command, _, kind] = read(&mut client)?;
    ensure!((version, command) == (5, 1), "not a connection");
    let host = match kind {
        1 => Ipv4Addr::from(read::<4>(&mut client)?).to_string(),
        4 => Ipv6Addr::from(read::<16>(&mut client)?).to_string(),
        _ => {
            let [length] = read(&mut client)?;
            let mut name = vec![0; length.into()];
            client.read_exact(&mut name)?;
            String::from_utf8(name)?
        }
    };
    let (host, port) = direct(detours, &host, u16::from_be_bytes(read(&mut client)?));
    let server = TcpStream::connect((host.as_str(), port));
    // "Connection refused" for whatever it was.
    let code = if server.is_ok() { 0 } else { 5 };
    client.write_all(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0])?;
    let server = server?;
    let (mut upstream, mut up) = (server.try_clone()?, client.try_clone()?);
    let forth = std::thread::spawn(move || {
        let _ = io::copy(&mut up, &mut upstream);
        let _ = upstream.shutdown(Shutdown::Write);
    });
    let mut server = server;
    let _ = io::copy(&mut server, &mut client);
    let _ = client.shutdown(Shutdown::Both);
    let _ = forth.join();
    Ok(())
}

fn direct(detours: &[Detour], host: &str, port: u16) -> (String, u16) {
    let is_met = |detour: &&Detour| {
        (detour.from.0.is_empty() || detour.from.0.eq_ignore_ascii_case(host))
            && (detour.from.1 == 0 || detour.from.1 == port)
    };
    match detours.iter().find(is_met) {
        None => (host.to_owned(), port),
        Some(Detour { to, .. }) => (
            if to.0.is_empty() { host.to_owned() } else { to.0.clone() },
            if to.1 == 0 { port } else { to.1 },
        ),
    }
}

fn read<const N: usize>(from: &mut impl Read) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn detours_as_curl_spells_them() {
        let detours: Vec<Detour> = [
            "example.org:80:127.0.0.1:8080",
            "Secure.example:443:[::1]:8443",
            ":81:127.0.0.1:",
            "any.example::127.0.0.1:9",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        for (host, port, to) in [
            ("example.org", 80, "127.0.0.1 8080"),
            ("example.org", 82, "example.org 82"),
            ("secure.example", 443, "::1 8443"),
            ("other.example", 81, "127.0.0.1 81"),
            ("any.example", 7, "127.0.0.1 9"),
        ] {
            let (got, at) = direct(&detours, host, port);
            assert_eq!(format!("{got} {at}"), to);
        }
        for wrong in ["", "a", "a:1", "a:1:b", "a:x:b:1", "a:1:b:99999"] {
            assert!(wrong.parse::<Detour>().is_err(), "{wrong}");
        }
    }
}
