//! A web server of known speed with one large file, plain and over TLS.

use super::process;
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use urlsession_testkit::server::{Server, pseudo_random};

/// Bytes written at a time.
const PIECE: u64 = 1 << 20;

/// Where it listens in a network of its own.
const FAR_PORTS: [u16; 3] = [8080, 8443, 8444];

/// Many names for two of the files.
const NAMES: &str =
    "location /small/ { rewrite ^ /10k break; } location /middle/ { rewrite ^ /middle break; }";

/// How its files are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// HTTP/1.1.
    Plain,
    /// HTTP/1.1 over TLS.
    Tls,
    /// HTTP/2 over TLS, if the client offers it.
    Http2,
}

impl Way {
    /// Says what it is in a title.
    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Plain => "over plain HTTP/1.1",
            Self::Tls => "over TLS, HTTP/1.1",
            Self::Http2 => "over TLS, HTTP/2",
        }
    }
}

/// A running nginx; dropping it stops it.
pub(super) struct Nginx {
    folder: PathBuf,
    address: String,
    ports: [u16; 3],
    pub(super) size: u64,
}

impl Nginx {
    /// Starts nginx with one worker on free ports of loopback.
    pub(super) fn start(parent: &Path, size: u64, middle: u64) -> Result<Self> {
        // Between this moment and nginx's the ports are anyone's, which then shows as an error.
        Self::listen(parent, (size, middle), "127.0.0.1", free_ports()?, &|command| command)
    }

    /// Starts it at an address of another network, where a command is told to run.
    pub(super) fn start_at(
        parent: &Path,
        size: u64,
        address: &str,
        there: &dyn Fn(Command) -> Command,
    ) -> Result<Self> {
        Self::listen(parent, (size, 0), address, FAR_PORTS, there)
    }

    fn listen(
        parent: &Path,
        (size, middle): (u64, u64),
        address: &str,
        ports: [u16; 3],
        there: &dyn Fn(Command) -> Command,
    ) -> Result<Self> {
        let folder = parent.join("nginx");
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        fs::write(files.join("tiny"), "tiny!\n")?;
        fs::write(files.join("10k"), pseudo_random(2, 0, 10 << 10))?;
        write_large(&files.join("large"), size)?;
        write_large(&files.join("middle"), middle)?;
        // Its certificate serves nginx as well.
        let identity = Server::start_made(0, true)?;
        fs::copy(identity.ca_pem(), folder.join("authority.pem"))?;
        fs::copy(identity.server_pem(), folder.join("server.pem"))?;
        fs::write(folder.join("nginx.conf"), configuration(&folder, address, ports))?;
        let server = Self { folder, address: address.to_owned(), ports, size };
        // It returns once it listens.
        process::output(&mut there(server.command(&[])))
            .context("is nginx installed? (nginx-light is enough)")?;
        Ok(server)
    }

    pub(super) fn url(&self, way: Way, name: &str) -> String {
        let [plain, tls, http2] = self.ports;
        match way {
            Way::Plain => format!("http://{}:{plain}/{name}", self.address),
            Way::Tls => format!("https://localhost:{tls}/{name}"),
            Way::Http2 => format!("https://localhost:{http2}/{name}"),
        }
    }

    /// Returns the file that a URL is of.
    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.join("files").join(name)
    }

    /// Returns the certificate of who vouches for the server, in PEM.
    pub(super) fn authority(&self) -> PathBuf {
        self.folder.join("authority.pem")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        // Debian keeps it where the PATH of users does not look.
        let debian = Path::new("/usr/sbin/nginx");
        let program = if debian.exists() { debian } else { Path::new("nginx") };
        let mut command = Command::new(program);
        command.arg("-p").arg(&self.folder).arg("-e").arg(self.folder.join("error.log"));
        command.arg("-c").arg(self.folder.join("nginx.conf")).args(arguments);
        command
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // Its folder goes next; an nginx that does not stop shows there.
        let _ = process::output(&mut self.command(&["-s", "stop"]));
    }
}

fn free_ports() -> Result<[u16; 3]> {
    let open = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    // All at once, so that they differ.
    let listeners = [open()?, open()?, open()?];
    let mut ports = [0; 3];
    for (port, listener) in ports.iter_mut().zip(&listeners) {
        *port = listener.local_addr()?.port();
    }
    Ok(ports)
}

fn configuration(folder: &Path, address: &str, ports: [u16; 3]) -> String {
    let folder = folder.display();
    // Only root may choose; its temporary folders are closed to nginx's own user.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
    let [plain, tls, http2] = ports;
    let servers: String = [(plain, ""), (tls, "ssl"), (http2, "ssl http2")]
        .map(|(port, how)| format!("    server {{ listen {address}:{port} {how}; {NAMES} }}\n"))
        .concat();
    format!(
        "{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    root {folder}/files;
    keepalive_requests 100000;
    ssl_certificate {folder}/server.pem;
    ssl_certificate_key {folder}/server.pem;
{servers}}}
"
    )
}

fn write_large(path: &Path, size: u64) -> Result<()> {
    let mut file = BufWriter::new(File::create(path)?);
    let piece = pseudo_random(1, 0, usize::try_from(PIECE)?);
    for _ in 0..size / PIECE {
        file.write_all(&piece)?;
    }
    file.into_inner()?.sync_all().context("the large file")
}
