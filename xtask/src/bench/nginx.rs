//! A web server of known speed with one large file.

use super::process;
use anyhow::{Context as _, Result};
use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use urlsession_testkit::server::pseudo_random;

/// Bytes written at a time.
const PIECE: u64 = 1 << 20;

/// A running nginx; dropping it stops it.
pub(super) struct Nginx {
    folder: PathBuf,
    port: u16,
    pub(super) size: u64,
}

impl Nginx {
    /// Starts nginx with one worker on a free port of loopback.
    pub(super) fn start(parent: &Path, size: u64) -> Result<Self> {
        let folder = parent.join("nginx");
        let files = folder.join("files");
        fs::create_dir_all(&files)?;
        fs::write(files.join("small"), "small\n")?;
        fs::write(files.join("10k"), pseudo_random(2, 0, 10 << 10))?;
        write_large(&files.join("large"), size)?;
        // Between this moment and nginx's the port is anyone's, which then shows as an error.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port();
        fs::write(folder.join("nginx.conf"), configuration(&folder, port))?;
        let server = Self { folder, port, size };
        // It returns once it listens.
        process::output(&mut server.command(&[]))
            .context("is nginx installed? (nginx-light is enough)")?;
        Ok(server)
    }

    pub(super) fn url(&self, name: &str) -> String {
        format!("http://127.0.0.1:{}/{name}", self.port)
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

fn configuration(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    // Only root may choose; its temporary folders are closed to nginx's own user.
    let user = if rustix::process::geteuid().is_root() { "user root;" } else { "" };
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
    server {{
        listen 127.0.0.1:{port};
        root {folder}/files;
        keepalive_requests 100000;
        location /small/ {{ rewrite ^ /10k break; }}
    }}
}}
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
