//! Credentials before servers and proxies that people run: nginx for Basic, Apache for Digest.
//! Where they are not installed the tests say so and pass.

use super::{Trial, summary};
use std::fs;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;
use urlsession_protocol::{ConnectionProxy, Credential, Proxy};
use urlsession_testkit::server::{Answer, Server};

/// A server in the foreground, which ends with this.
struct Guard {
    process: Child,
    port: u16,
    _folder: TempDir,
}

impl Guard {
    /// Starts a program with a configuration that is made from its folder and port; `None` where
    /// there is no such program.
    fn start(
        program: &str,
        arguments: &[&str],
        configuration: impl Fn(&str, u16) -> String,
    ) -> Option<Self> {
        let program = Path::new("/usr/sbin").join(program);
        if !program.exists() {
            eprintln!("SKIPPED: {} is not installed", program.display());
            return None;
        }
        let folder = TempDir::new().unwrap();
        let path = folder.path().to_str().unwrap();
        // Between this moment and the server's the port is anyone's, which then shows as an error.
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        fs::create_dir(folder.path().join("files")).unwrap();
        fs::write(folder.path().join("files/f"), "let in").unwrap();
        fs::write(folder.path().join("conf"), configuration(path, port)).unwrap();
        let place = |argument: &&str| argument.replace("FOLDER", path);
        let mut process = Command::new(program)
            // Apache ends all of its group, of which this process is none.
            .process_group(0)
            .args(arguments.iter().map(place))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
            let log = || fs::read_to_string(folder.path().join("error.log"));
            let ended = process.try_wait().unwrap();
            assert!(ended.is_none(), "it ended: {ended:?} {:?}", log());
            std::thread::yield_now();
        }
        Some(Self { process, port, _folder: folder })
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        // Both end their workers upon this.
        let pid = rustix::process::Pid::from_child(&self.process);
        let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        let _ = self.process.wait();
    }
}

/// Only root may choose; the folder is closed to the servers' own users.
fn user(directive: &str) -> &str {
    if rustix::process::geteuid().is_root() { directive } else { "" }
}

async fn tries(url: &str) {
    for (credential, expected) in [
        (None, "done 401"),
        (Some(Credential::new("me", "open sesame")), "done 200"),
        (Some(Credential::new("me", "open sesame").proactive()), "done 200"),
        (Some(Credential::new("me", "wrong")), "done 401"),
        (Some(Credential::new("you", "open sesame").proactive()), "done 401"),
    ] {
        let mut trial = Trial::data(url);
        trial.order.request.credential = credential.clone();
        for time in ["first", "second"] {
            let got = summary(&trial.run().await);
            assert!(got.starts_with(expected), "{credential:?}, the {time} time: {got}");
        }
    }
}

#[tokio::test]
async fn nginx_asks_for_basic() {
    let configuration = |folder: &str, port: u16| {
        // {PLAIN} is nginx's own.
        fs::write(Path::new(folder).join("users"), "me:{PLAIN}open sesame\n").unwrap();
        let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
            .map(|name| format!("{name}_temp_path {folder}/{name};"))
            .concat();
        format!(
            "{} daemon off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
            events {{ worker_connections 64; }}
            http {{ access_log off; {temporary} server {{
                listen 127.0.0.1:{port}; root {folder}/files;
                auth_basic \"the “vault”\"; auth_basic_user_file {folder}/users;
            }} }}",
            user("user root;")
        )
    };
    let arguments = ["-p", "FOLDER", "-e", "FOLDER/error.log", "-c", "FOLDER/conf"];
    let Some(nginx) = Guard::start("nginx", &arguments, configuration) else { return };
    tries(&nginx.url("/f")).await;
}

const APACHE: [&str; 6] = ["-d", "FOLDER", "-f", "FOLDER/conf", "-D", "FOREGROUND"];

/// Makes a configuration of Apache with these modules beside those of Digest, and the user
/// `me` with the password `open sesame`.
fn apache(folder: &str, port: u16, modules: &[&str], rest: &str) -> String {
    use md5::Digest as _;
    let secret = md5::Md5::digest("me:the vault:open sesame");
    let secret: String = secret.iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(Path::new(folder).join("users"), format!("me:the vault:{secret}\n")).unwrap();
    let digest =
        ["mpm_prefork", "authn_core", "authn_file", "authz_core", "authz_user", "auth_digest"];
    let modules: String = digest
        .iter()
        .chain(modules)
        .map(|name| format!("LoadModule {name}_module /usr/lib/apache2/modules/mod_{name}.so\n"))
        .collect();
    format!(
        "{modules}
        {}
        Listen 127.0.0.1:{port}
        ServerName localhost
        ServerRoot {folder}
        PidFile {folder}/pid
        DefaultRuntimeDir {folder}
        ErrorLog {folder}/error.log
        DocumentRoot {folder}/files
        {rest}
            AuthType Digest
            AuthName \"the vault\"
            AuthDigestNonceLifetime 0
            AuthUserFile {folder}/users
            Require valid-user
        ",
        user("User www-data\nGroup www-data")
    )
}

#[tokio::test]
async fn apache_asks_for_digest() {
    let configuration = |folder: &str, port: u16| {
        let all = "<Location />\nAuthDigestDomain /";
        format!("{}</Location>\n", apache(folder, port, &[], all))
    };
    let Some(apache) = Guard::start("apache2", &APACHE, configuration) else { return };
    tries(&apache.url("/f?q=a%20b,c=\"d\"")).await;
}

/// Apache compares what a request says that it is for with what it gets: the URL or the server.
#[tokio::test]
async fn apache_as_a_proxy_asks_for_digest() {
    let (plain, secure) = (Server::start(), Server::start_tls());
    let configuration = |folder: &str, port: u16| {
        let modules = ["proxy", "proxy_http", "proxy_connect"];
        let ports = format!("AllowCONNECT {}", secure.address().port());
        let all = format!("ProxyRequests On\n{ports}\n<Proxy *>\n");
        format!("{}</Proxy>\n", apache(folder, port, &modules, &all))
    };
    let Some(apache) = Guard::start("apache2", &APACHE, configuration) else { return };
    for (server, refused) in [(&plain, "done 407"), (&secure, "-1013 permanent")] {
        server.on("/f", Answer::ok("let in"));
        for (credential, expected) in [
            ("", refused),
            ("me:open%20sesame@", "done 200 6"),
            ("me:wrong@", refused),
            ("you:open%20sesame@", refused),
            ("me:open%20sesame@", "done 200 6"),
        ] {
            let mut trial = Trial::data(&server.url("/f?q=a%20b,c=\"d\""));
            if server.url("/").starts_with("https") {
                trial.order.options.ca_certificates.push(server.ca_pem());
            }
            let proxy =
                Proxy::parse(&apache.url("").replace("http://", &format!("http://{credential}")));
            trial.order.options.connection_proxy =
                Some(ConnectionProxy::everywhere(proxy.unwrap()));
            for time in ["first", "second"] {
                let got = summary(&trial.run().await);
                assert!(got.starts_with(expected), "{credential}, the {time} time: {got}");
            }
        }
        let seen = server.requests();
        assert_eq!(seen.len(), 4);
        assert!(seen.iter().all(|seen| seen.header("proxy-authorization").is_none()));
    }
}
