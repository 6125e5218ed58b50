//! Against programs of others, where this machine has them: tinyproxy, Squid, microsocks, nginx.
//!
//! A missing one is said loudly and skipped; `URLSESSION_REQUIRE_PEERS` makes that a failure.

use super::{Trial, error_of, summary};
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use tempfile::TempDir;
use tokio::net::TcpStream;
use urlsession_core::Ending;
use urlsession_protocol::{ClientCertificate, ConnectionProxy, Proxy, PublicKeyPin, TlsVersion};
use urlsession_testkit::server::{Answer, Demands, Server};

/// Longest wait for a program to listen.
const START_LIMIT: Duration = Duration::from_secs(20);

/// A program that listens on a port of its own and dies with the test.
pub(super) struct Peer {
    child: Child,
    pub(super) port: u16,
    pub(super) folder: TempDir,
}

impl Peer {
    /// Starts the program with the arguments made for a port and a folder, if it is there.
    pub(super) async fn start(
        program: &str,
        arguments: impl Fn(u16, &Path) -> Vec<String>,
    ) -> Option<Self> {
        let folder = TempDir::new().unwrap();
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let spawned = Command::new(program)
            .args(arguments(port, folder.path()))
            // Some write where their user lives.
            .env("XDG_CONFIG_HOME", folder.path())
            .env("XDG_DATA_HOME", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        let Ok(child) = spawned else {
            missing(program);
            return None;
        };
        let peer = Self { child, port, folder };
        let listens = async {
            while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.is_err() {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(START_LIMIT, listens).await.expect("the program listens in time");
        Some(peer)
    }
}

fn missing(program: &str) {
    assert!(std::env::var_os("URLSESSION_REQUIRE_PEERS").is_none(), "no {program} here");
    eprintln!("SKIPPED: there is no {program} on this machine");
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn through(server: &Server, url: &str) -> Trial {
    let mut trial = Trial::download(&server.url("/f"));
    if server.url("/").starts_with("https") {
        trial.order.options.ca_certificates.push(server.ca_pem());
    }
    let proxy = ConnectionProxy::everywhere(Proxy::parse(url).unwrap());
    trial.order.options.connection_proxy = Some(proxy);
    trial
}

fn servers() -> [Server; 3] {
    let servers = [Server::start(), Server::start_tls(), Server::start_h2()];
    for server in &servers {
        server.on("/f", Answer::pseudo_random(5, 2_000_000).etag("\"a\""));
    }
    servers
}

async fn tinyproxy(extra: &str) -> Option<Peer> {
    Peer::start("tinyproxy", |port, folder| {
        let path = folder.join("tinyproxy.conf");
        let text = format!("Port {port}\nListen 127.0.0.1\nTimeout 60\nAllow 127.0.0.1\n{extra}\n");
        fs::write(&path, text).unwrap();
        vec!["-d".into(), "-c".into(), path.display().to_string()]
    })
    .await
}

#[tokio::test]
async fn tinyproxy_forwards_and_tunnels() {
    let Some(peer) = tinyproxy("").await else { return };
    for server in servers() {
        let trial = through(&server, &format!("http://127.0.0.1:{}", peer.port));
        let ending = trial.run().await;
        assert_eq!(summary(&ending), "done 200 2000000", "{ending:?}");
    }
    let port = peer.port;
    drop(peer);
    let server = Server::start();
    let ending = through(&server, &format!("http://127.0.0.1:{port}")).run().await;
    assert_eq!(summary(&ending), "-1004 transient", "{ending:?}");
}

#[tokio::test]
async fn tinyproxy_asks_who_we_are() {
    let Some(peer) = tinyproxy("BasicAuth someone secret").await else { return };
    let port = peer.port;
    for server in servers() {
        let is_tls = server.url("/").starts_with("https");
        let good = through(&server, &format!("http://someone:secret@127.0.0.1:{port}"));
        assert_eq!(summary(&good.run().await), "done 200 2000000");
        for wrong in ["", "someone:wrong@"] {
            let ending = through(&server, &format!("http://{wrong}127.0.0.1:{port}")).run().await;
            let got = summary(&ending);
            match is_tls {
                true => assert_eq!(error_of(&ending).code.name(), "UserAuthenticationRequired"),
                false => assert!(got.starts_with("done 40"), "{got}"),
            }
        }
    }
}

/// Where Debian has Squid's programs that know passwords.
const SQUID_PROGRAMS: &str = "/usr/lib/squid";

/// `secret` as `openssl passwd -apr1` hashes it.
const SECRET_HASHED: &str = "$apr1$salty$GY3CpKmA8he0dDHlJp6hv0";

async fn squid(extra: &str) -> Option<Peer> {
    Peer::start("squid", |port, folder| {
        // Started as root, it becomes somebody else.
        let open = <fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o755);
        fs::set_permissions(folder, open).unwrap();
        fs::write(folder.join("digest"), "someone:secret\n").unwrap();
        fs::write(folder.join("basic"), format!("someone:{SECRET_HASHED}\n")).unwrap();
        let path = folder.join("squid.conf");
        let extra = extra.replace("FOLDER", &folder.display().to_string());
        let text = format!(
            "http_port 127.0.0.1:{port}\nvisible_hostname localhost\npid_filename none\n\
             cache_log /dev/null\naccess_log none\ncoredump_dir none\npinger_enable off\n\
             cache deny all\n{extra}\n"
        );
        fs::write(&path, text).unwrap();
        vec!["-N".into(), "-f".into(), path.display().to_string()]
    })
    .await
}

#[tokio::test]
async fn squid_forwards_and_tunnels() {
    let Some(peer) = squid("http_access allow all").await else { return };
    for server in servers() {
        let trial = through(&server, &format!("http://127.0.0.1:{}", peer.port));
        assert_eq!(summary(&trial.run().await), "done 200 2000000", "{}", server.url("/"));
    }
}

/// how it asks => who we are is told, wrong and not at all
#[tokio::test]
async fn squid_asks_who_we_are() {
    let basic = format!("auth_param basic program {SQUID_PROGRAMS}/basic_ncsa_auth FOLDER/basic");
    let digest = format!(
        "auth_param digest program {SQUID_PROGRAMS}/digest_file_auth FOLDER/digest\n\
         auth_param digest realm squid"
    );
    let rule = "acl known proxy_auth REQUIRED\nhttp_access allow known\nhttp_access deny all";
    for how in [basic.clone(), digest.clone(), format!("{basic}\n{digest}")] {
        let Some(peer) = squid(&format!("{how}\n{rule}")).await else { return };
        let port = peer.port;
        for server in servers() {
            let is_tls = server.url("/").starts_with("https");
            let good = format!("http://someone:secret@127.0.0.1:{port}");
            assert_eq!(summary(&through(&server, &good).run().await), "done 200 2000000", "{how}");
            for wrong in ["", "someone:wrong@"] {
                let wrong = format!("http://{wrong}127.0.0.1:{port}");
                let ending = through(&server, &wrong).run().await;
                match is_tls {
                    true => assert_eq!(error_of(&ending).code.name(), "UserAuthenticationRequired"),
                    false => assert!(summary(&ending).starts_with("done 407"), "{how}: {ending:?}"),
                }
            }
            server.on("/up", Answer::sink());
            let mut trial = Trial::upload(&server.url("/up"), &vec![7; 300_000]);
            trial.order.options.ca_certificates.extend(is_tls.then(|| server.ca_pem()));
            let proxy = ConnectionProxy::everywhere(Proxy::parse(&good).unwrap());
            trial.order.options.connection_proxy = Some(proxy);
            let ending = trial.run().await;
            let Ending::Done(done) = &ending else { panic!("{how}: {ending:?}") };
            assert_eq!((done.response.status_code, done.sent), (201, 300_000), "{how}");
        }
    }
}

/// The first time it refuses before it has read anything, and closes.
#[tokio::test]
async fn tinyproxy_asks_while_we_send() {
    let Some(peer) = tinyproxy("BasicAuth someone secret").await else { return };
    let server = Server::start();
    server.on("/up", Answer::sink());
    for length in [1, 100_000, 20_000_000] {
        let mut trial = Trial::upload(&server.url("/up"), &vec![7; length]);
        let proxy = format!("http://someone:secret@127.0.0.1:{}", peer.port);
        let proxy = ConnectionProxy::everywhere(Proxy::parse(&proxy).unwrap());
        trial.order.options.connection_proxy = Some(proxy);
        // Each time it has to be asked anew.
        let ending = trial.run().await;
        let Ending::Done(done) = &ending else { panic!("{length}: {ending:?}") };
        assert_eq!((done.response.status_code, done.sent), (201, length as u64));
    }
}

#[tokio::test]
async fn microsocks_connects() {
    let started = Peer::start("microsocks", |port, _| {
        let words = ["-i", "127.0.0.1", "-u", "someone", "-P", "secret", "-p", &port.to_string()];
        words.map(str::to_owned).to_vec()
    });
    let Some(peer) = started.await else { return };
    let port = peer.port;
    for server in servers() {
        for scheme in ["socks5", "socks5h"] {
            let good = through(&server, &format!("{scheme}://someone:secret@127.0.0.1:{port}"));
            assert_eq!(summary(&good.run().await), "done 200 2000000");
            for wrong in ["", "someone:wrong@"] {
                let bad = through(&server, &format!("{scheme}://{wrong}127.0.0.1:{port}"));
                assert_eq!(summary(&bad.run().await), "-1013 permanent");
            }
        }
    }
}

/// how OpenSSL is told to write the file
#[tokio::test]
async fn openssl_writes_certificates_for_us() {
    let demands = Demands { certificate: true, ..Demands::default() };
    let server = Server::start_tls_demanding(demands);
    server.on("/f", Answer::ok("x"));
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("own.p12");
    for words in [
        &[][..],
        &["-legacy"],
        &["-descert"],
        &["-keypbe", "AES-128-CBC", "-certpbe", "NONE", "-macalg", "sha512"],
        &["-keypbe", "NONE", "-certpbe", "NONE"],
        &["-nomac"],
    ] {
        let mut openssl = Command::new("openssl");
        openssl.args(["pkcs12", "-export", "-passout", "pass:s e:c", "-in"]);
        openssl.arg(server.client_pem()).arg("-certfile").arg(server.ca_pem());
        let ran = openssl.arg("-out").arg(&path).args(words).output();
        let Ok(ran) = ran else { return missing("openssl") };
        assert!(ran.status.success(), "{words:?}: {}", String::from_utf8_lossy(&ran.stderr));
        for (password, expected) in [("s e:c", "done 200 1"), ("wrong", "-1206 permanent")] {
            let mut trial = Trial::data(&server.url("/f"));
            trial.order.options.ca_certificates.push(server.ca_pem());
            let own = ClientCertificate::new(&path).password(password);
            trial.order.options.tls.client_certificate = Some(own);
            let ending = trial.run().await;
            assert_eq!(summary(&ending), expected, "{words:?} {password}: {ending:?}");
        }
    }
}

/// the key of a certificate, and what is in it => what comes of it
#[tokio::test]
async fn openssl_shows_certificates_to_us() {
    let everybody = "keyUsage=digitalSignature";
    let weak = "-1202 the key of the certificate is too weak, or it is not the server’s";
    for (key, extension, expected) in [
        ("rsa:2048", everybody, "done"),
        ("rsa:1024", everybody, weak),
        ("rsa:2048", "extendedKeyUsage=clientAuth", "-1202 the certificate is not for servers"),
    ] {
        let started = Peer::start("openssl", |port, folder| {
            certify(folder, key, extension);
            let words =
                "s_server -quiet -www -cipher DEFAULT@SECLEVEL=0 -cert leaf.pem -key leaf.key";
            let place = |word: &str| match word.starts_with("leaf") {
                true => folder.join(word).display().to_string(),
                false => word.to_owned(),
            };
            words.split(' ').map(place).chain(["-accept".into(), port.to_string()]).collect()
        });
        let Some(peer) = started.await else { return };
        let mut trial = Trial::data(&format!("https://127.0.0.1:{}/", peer.port));
        trial.order.options.ca_certificates.push(peer.folder.path().join("root.pem"));
        let ended = match trial.run().await {
            Ending::Done(_) => "done".to_owned(),
            ending => {
                let error = error_of(&ending);
                format!("{} {}", error.code.0, error.detail.as_deref().unwrap_or_default())
            }
        };
        assert_eq!(ended, expected, "{key} {extension}");
    }
}

/// Makes `root.pem`, and `leaf.pem` that it signs, with the key beside each.
fn certify(folder: &Path, key: &str, extension: &str) {
    let curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"];
    let signed = ["-CA", "root.pem", "-CAkey", "root.key", "-addext", extension, "-newkey", key];
    let leaf = ["-addext", "subjectAltName=IP:127.0.0.1", "-addext", "basicConstraints=CA:FALSE"];
    for (name, words) in [("root", &curve[..]), ("leaf", &[&signed[..], &leaf].concat())] {
        let mut openssl = Command::new("openssl");
        openssl.current_dir(folder).args(["req", "-x509", "-nodes", "-days", "30", "-subj"]);
        openssl.args([format!("/CN={name}"), "-out".into(), format!("{name}.pem")]);
        // Where it is missing, that is told by who starts it.
        let Ok(ran) = openssl.args(["-keyout", &format!("{name}.key")]).args(words).output() else {
            return;
        };
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    }
}

#[tokio::test]
async fn nginx_judges_us_and_is_judged() {
    // Only the certificates of this server are used.
    let kit = Server::start_tls_demanding(Demands::default());
    let started = Peer::start("nginx", |port, folder| {
        let path = folder.join("nginx.conf");
        fs::write(&path, nginx(port, folder, &kit)).unwrap();
        vec!["-p".into(), folder.display().to_string(), "-c".into(), path.display().to_string()]
    });
    let Some(peer) = started.await else { return };
    fs::create_dir_all(peer.folder.path().join("html")).unwrap();
    fs::write(peer.folder.path().join("html/f"), vec![7; 1_000_000]).unwrap();
    let url = format!("https://127.0.0.1:{}/f", peer.port);
    let show = |trial: &mut Trial, certificate| {
        trial.order.options.tls.client_certificate = Some(ClientCertificate::new(certificate));
    };
    for (what, change, expected) in [
        (
            "a client it knows",
            &(|t: &mut Trial| show(t, kit.client_pem())) as Change<'_>,
            "done 200 1000000",
        ),
        ("one it does not know", &|t| show(t, kit.stranger_pem()), "done 400"),
        ("nobody: nginx says it in HTTP", &|_| {}, "done 400"),
        (
            "the right key",
            &|t| {
                show(t, kit.client_pem());
                let right = PublicKeyPin::new(kit.public_key_sha256());
                t.order.options.tls.pinned_public_keys = vec![right];
            },
            "done 200 1000000",
        ),
        (
            "another key",
            &|t| t.order.options.tls.pinned_public_keys = vec![PublicKeyPin::new([0; 32])],
            "-1202 permanent",
        ),
        (
            "a version it does not speak",
            &|t| t.order.options.tls.minimum_version = Some(TlsVersion::Tls13),
            "-1200 permanent",
        ),
        ("no trust", &|t| t.order.options.ca_certificates.clear(), "-1202 permanent"),
    ] {
        let mut trial = Trial::download(&url);
        trial.order.options.ca_certificates.push(kit.ca_pem());
        change(&mut trial);
        let ending = trial.run().await;
        assert!(summary(&ending).starts_with(expected), "{what}: {ending:?}");
    }
}

type Change<'a> = &'a dyn Fn(&mut Trial);

fn nginx(port: u16, folder: &Path, kit: &Server) -> String {
    let (folder, authority) = (folder.display(), kit.ca_pem());
    let (pem, authority) = (kit.server_pem().display().to_string(), authority.display());
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/error.log;\n\
         events {{}}\nhttp {{\n access_log off;\n client_body_temp_path {folder}/body;\n\
         proxy_temp_path {folder}/proxy;\n fastcgi_temp_path {folder}/fastcgi;\n\
         uwsgi_temp_path {folder}/uwsgi;\n scgi_temp_path {folder}/scgi;\n server {{\n\
         listen 127.0.0.1:{port} ssl http2;\n root {folder}/html;\n\
         ssl_certificate {pem};\n ssl_certificate_key {pem};\n ssl_protocols TLSv1.2;\n\
         ssl_client_certificate {authority};\n ssl_verify_client on;\n }}\n}}\n"
    )
}
