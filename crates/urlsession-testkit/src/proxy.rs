//! A scriptable proxy on loopback: HTTP, HTTPS, SOCKS 5 or SOCKS 4, that forwards, refuses and lies as told.
//!
//! It takes every name for `127.0.0.1`, so that a test can tell who looked a name up.

mod digest;

use self::digest::Doorman;
use crate::server::{Certificate, Demands, Identity};
use anyhow::{Context as _, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio_rustls::TlsAcceptor;

/// Most bytes of a request head.
const HEAD_LIMIT: usize = 256 * 1024;

/// How a proxy is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// HTTP.
    Http,
    /// HTTP over TLS.
    Https,
    /// SOCKS 5.
    Socks5,
    /// SOCKS 4 and SOCKS 4A.
    Socks4,
}

/// The proxy; dropping it closes every connection.
#[derive(Debug)]
pub struct Proxy {
    way: Way,
    address: SocketAddr,
    shared: Arc<Shared>,
    authority: Option<(TempDir, PathBuf)>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

#[derive(Debug, Default)]
struct Shared {
    script: Mutex<Script>,
    doorman: Mutex<Option<Doorman>>,
    seen: Mutex<Vec<String>>,
}

#[derive(Debug, Clone, Default)]
struct Script {
    port: Option<u16>,
    reply: Option<Vec<u8>>,
    grant: Option<String>,
    user: Option<(String, String)>,
}

impl Proxy {
    /// Starts a proxy.
    ///
    /// # Panics
    /// If there is no free port.
    #[must_use]
    pub fn start(way: Way) -> Self {
        Self::start_demanding(way, Demands::default())
    }

    /// Starts a proxy that demands this of clients where it speaks TLS.
    ///
    /// # Panics
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_demanding(way: Way, demands: Demands) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime starts");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("the listener does not block");
        let address = listener.local_addr().expect("the listener has an address");
        let listener = {
            let _entered = runtime.enter();
            TcpListener::from_std(listener).expect("the runtime takes the listener")
        };
        let shared = Arc::<Shared>::default();
        let identity = (way == Way::Https).then(|| {
            Identity::demanding(Certificate::Valid, &[b"http/1.1"], demands)
                .expect("certificates are made")
        });
        let tls = identity.as_ref().map(|identity| TlsAcceptor::from(identity.config.clone()));
        runtime.spawn(accept(listener, way, tls, Arc::clone(&shared)));
        let authority = identity.map(|identity| {
            let dir = TempDir::new().expect("a temporary directory");
            let path = dir.path().join("proxy-ca.pem");
            std::fs::write(&path, &identity.authority).expect("the authority is written");
            let client = dir.path().join("client.pem");
            std::fs::write(client, &identity.client).expect("the certificate is written");
            (dir, path)
        });
        Self { way, address, shared, authority, runtime: Some(runtime) }
    }

    /// Returns its address.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns its URL, with the user-info where there is one.
    #[must_use]
    pub fn url(&self, user_info: &str) -> String {
        let scheme = match self.way {
            Way::Http => "http",
            Way::Https => "https",
            Way::Socks5 => "socks5h",
            Way::Socks4 => "socks4a",
        };
        format!("{scheme}://{user_info}{}", self.address)
    }

    /// Returns the file with the authority of an HTTPS proxy.
    ///
    /// # Panics
    /// If it does not speak TLS.
    #[must_use]
    pub fn ca_pem(&self) -> PathBuf {
        self.authority.as_ref().expect("the proxy speaks TLS").1.clone()
    }

    /// Returns a file with a certificate and key that an HTTPS proxy knows, to be shown by a client.
    ///
    /// # Panics
    /// If it does not speak TLS.
    #[must_use]
    pub fn client_pem(&self) -> PathBuf {
        self.ca_pem().with_file_name("client.pem")
    }

    /// Answers the first bytes of every further connection with these, and ends it.
    pub fn reply(&self, bytes: &[u8]) {
        self.shared.script().reply = Some(bytes.to_vec());
    }

    /// Leads to this port of this machine from now on, whatever it is asked for over SOCKS 5.
    pub fn lead_to(&self, port: u16) {
        self.shared.script().port = Some(port);
    }

    /// Says with these bytes that there is a tunnel, from now on.
    pub fn grant(&self, head: &str) {
        self.shared.script().grant = Some(head.to_owned());
    }

    /// Serves only this user from now on, who proves it with Digest; a nonce is stale after so many
    /// requests. Basic is offered too, and refused.
    pub fn demand_digest(&self, user: &str, password: &str, uses: u32) {
        let mut doorman = self.shared.doorman.lock().unwrap_or_else(PoisonError::into_inner);
        *doorman = Some(Doorman::new(user, password, uses));
    }

    /// Serves only this user from now on, who says so with Basic.
    pub fn demand(&self, user: &str, password: &str) {
        self.shared.script().user = Some((user.to_owned(), password.to_owned()));
    }

    /// Returns what it was asked so far: request heads; for SOCKS `user:password host:port`,
    /// of version 4 `user host:port`.
    #[must_use]
    pub fn seen(&self) -> Vec<String> {
        self.shared.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // Waiting for the threads would panic inside an async test.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn script(&self) -> std::sync::MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets Digest judge; returns the challenge to answer with.
    fn judge(&self, head: &str) -> Option<String> {
        let mut doorman = self.doorman.lock().unwrap_or_else(PoisonError::into_inner);
        doorman.as_mut()?.judge(head)
    }

    fn note(&self, seen: impl Into<String>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).push(seen.into());
    }
}

async fn accept(listener: TcpListener, way: Way, tls: Option<TlsAcceptor>, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        tokio::spawn(async move {
            // Clients go away in every possible way; none is an error here.
            let _ = match (way, tls) {
                (Way::Socks5, _) => socks(stream, &shared).await,
                (Way::Socks4, _) => socks4(stream, &shared).await,
                (_, None) => http(stream, &shared).await,
                (_, Some(tls)) => match tls.accept(stream).await {
                    Ok(stream) => http(stream, &shared).await,
                    Err(error) => Err(error.into()),
                },
            };
        });
    }
}

async fn http(mut client: impl AsyncRead + AsyncWrite + Unpin, shared: &Shared) -> Result<()> {
    let head = read_head(&mut client).await?;
    shared.note(&head);
    let script = shared.script().clone();
    if let Some(reply) = script.reply {
        return end(client, &reply).await;
    }
    if let Some((user, password)) = script.user {
        let wanted =
            format!("Proxy-Authorization: Basic {}", STANDARD.encode(format!("{user}:{password}")));
        if !head.lines().any(|line| line.eq_ignore_ascii_case(&wanted)) {
            return end(client, refusal("Basic realm=\"p\"").as_bytes()).await;
        }
    }
    if let Some(challenge) = shared.judge(&head) {
        return end(client, refusal(&challenge).as_bytes()).await;
    }
    let (line, fields) = head.split_once("\r\n").context("a head has a line")?;
    let mut words = line.split(' ');
    let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    if method == "CONNECT" {
        let Ok(mut server) = reach(target).await else {
            return end(client, b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
        };
        let grant =
            script.grant.as_deref().unwrap_or("HTTP/1.1 200 Connection established\r\n\r\n");
        client.write_all(grant.as_bytes()).await?;
        copy_bidirectional(&mut client, &mut server).await?;
        return Ok(());
    }
    let Some(rest) = target.strip_prefix("http://") else { bail!("no absolute URL: {target}") };
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let mut server = reach(authority).await?;
    let fields = fields.split_inclusive("\r\n").filter(|line| !line.starts_with("Proxy-"));
    let fields: String = fields.collect();
    let head = format!("{method} /{path} HTTP/1.1\r\nConnection: close\r\nVia: 1.1 p\r\n{fields}");
    server.write_all(head.as_bytes()).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

fn refusal(challenge: &str) -> String {
    format!(
        "HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: {challenge}\r\n\
         Content-Length: 2\r\n\r\nno"
    )
}

async fn read_head(client: &mut (impl AsyncRead + Unpin)) -> Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_LIMIT {
            bail!("the head is too long");
        }
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8(head)?)
}

async fn socks(mut client: TcpStream, shared: &Shared) -> Result<()> {
    let script = shared.script().clone();
    let count = [client.read_u8().await?, client.read_u8().await?][1];
    let mut methods = vec![0; usize::from(count)];
    client.read_exact(&mut methods).await?;
    if let Some(reply) = script.reply {
        shared.note("greeting");
        return end(client, &reply).await;
    }
    let mut who = String::new();
    if let Some((user, password)) = script.user {
        if !methods.contains(&2) {
            return end(client, &[5, 0xff]).await;
        }
        client.write_all(&[5, 2]).await?;
        client.read_u8().await?;
        who = format!("{}:{}", text(&mut client).await?, text(&mut client).await?);
        if who != format!("{user}:{password}") {
            return end(client, &[1, 1]).await;
        }
        client.write_all(&[1, 0]).await?;
        who.push(' ');
    } else {
        client.write_all(&[5, 0]).await?;
    }
    let mut ask = [0; 4];
    client.read_exact(&mut ask).await?;
    let host = match ask[3] {
        1 => IpAddr::from(Ipv4Addr::from(client.read_u32().await?)).to_string(),
        4 => IpAddr::from(Ipv6Addr::from(client.read_u128().await?)).to_string(),
        _ => text(&mut client).await?,
    };
    let port = client.read_u16().await?;
    shared.note(format!("{who}{host}:{port}"));
    let port = script.port.unwrap_or(port);
    let Ok(mut server) = reach(&format!("{host}:{port}")).await else {
        return end(client, &[5, 5, 0, 1, 0, 0, 0, 0, 0, 0]).await;
    };
    client.write_all(b"\x05\x00\x00\x03\x05bound\x00\x00").await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn socks4(mut client: TcpStream, shared: &Shared) -> Result<()> {
    let script = shared.script().clone();
    let mut ask = [0; 4];
    client.read_exact(&mut ask).await?;
    let address = Ipv4Addr::from(client.read_u32().await?);
    let mut who = until_nul(&mut client).await?;
    let host = match address.octets() {
        [0, 0, 0, 1..=255] => until_nul(&mut client).await?,
        _ => address.to_string(),
    };
    if let Some(reply) = script.reply {
        shared.note("greeting");
        return end(client, &reply).await;
    }
    if script.user.is_some_and(|(user, _)| user != who) {
        return end(client, &[0, 93, 0, 0, 0, 0, 0, 0]).await;
    }
    if !who.is_empty() {
        who.push(' ');
    }
    let port = u16::from_be_bytes([ask[2], ask[3]]);
    shared.note(format!("{who}{host}:{port}"));
    let Ok(mut server) = reach(&format!("{host}:{port}")).await else {
        return end(client, &[0, 91, 0, 0, 0, 0, 0, 0]).await;
    };
    client.write_all(&[0, 90, 0, 0, 0, 0, 0, 0]).await?;
    copy_bidirectional(&mut client, &mut server).await?;
    Ok(())
}

async fn until_nul(client: &mut TcpStream) -> Result<String> {
    let mut bytes = Vec::new();
    loop {
        match client.read_u8().await? {
            0 => return Ok(String::from_utf8(bytes)?),
            byte => bytes.push(byte),
        }
    }
}

async fn text(client: &mut TcpStream) -> Result<String> {
    let mut bytes = vec![0; usize::from(client.read_u8().await?)];
    client.read_exact(&mut bytes).await?;
    Ok(String::from_utf8(bytes)?)
}

async fn reach(authority: &str) -> Result<TcpStream> {
    let (_, port) = authority.rsplit_once(':').unwrap_or(("", "80"));
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port.parse()?)).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Says the last words, and reads what still comes, so that they are not lost in a reset.
async fn end(mut client: impl AsyncRead + AsyncWrite + Unpin, last: &[u8]) -> Result<()> {
    client.write_all(last).await?;
    client.shutdown().await?;
    tokio::io::copy(&mut client, &mut tokio::io::sink()).await?;
    Ok(())
}
