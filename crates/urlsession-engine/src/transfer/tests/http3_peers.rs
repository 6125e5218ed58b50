//! HTTP/3 with a program of others, where this machine has it: caddy.

use super::peers::Peer;
use super::{Trial, summary};
use std::fs;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;
use urlsession_core::Ending;
use urlsession_protocol::{Http3, PublicKeyPin};
use urlsession_testkit::server::{Server, pseudo_random};

const SIZE: u64 = 30_000_000;

/// Starts caddy with the certificate of the server, and a file `f`.
async fn caddy(kit: &Server) -> Option<Peer> {
    let started = Peer::start("caddy", |port, folder| {
        let path = folder.join("Caddyfile");
        let (pem, folder) = (kit.server_pem().display().to_string(), folder.display());
        let text = format!(
            "{{\n admin off\n auto_https off\n storage file_system {folder}/data\n \
             servers {{\n protocols h1 h2 h3\n }}\n}}\nhttps://127.0.0.1:{port} {{\n \
             bind 127.0.0.1\n tls {pem} {pem}\n root * {folder}/html\n file_server\n}}\n"
        );
        fs::write(&path, text).unwrap();
        let path = path.display().to_string();
        ["run", "--config", &path, "--adapter", "caddyfile"].map(str::to_owned).into()
    });
    let peer = started.await?;
    fs::create_dir_all(peer.folder.path().join("html")).unwrap();
    fs::write(peer.folder.path().join("html/f"), pseudo_random(9, 0, SIZE as usize)).unwrap();
    Some(peer)
}

fn only(mut trial: Trial, kit: &Server) -> Trial {
    trial.order.options.ca_certificates.push(kit.ca_pem());
    trial.order.options.http3 = Some(Http3::Only);
    trial
}

#[tokio::test]
async fn caddy_sends_files() {
    let kit = Server::start_tls();
    let Some(peer) = caddy(&kit).await else { return };
    let at = |path: &str| format!("https://127.0.0.1:{}/{path}", peer.port);

    let mut trial = only(Trial::download(&at("f")), &kit);
    // It stops somewhere in the middle, and goes on from there.
    trial.order.options.limit_rate = Some(40_000_000);
    let (progress, stop) = (Arc::clone(&trial.progress), trial.stop.clone());
    let stopping = tokio::spawn(async move {
        while progress.counts().received < 2_000_000 {
            tokio::task::yield_now().await;
        }
        stop.cancel();
    });
    let ending = trial.run_and_record().await;
    assert!(summary(&ending).starts_with("stopped kept"), "{ending:?}");
    stopping.await.unwrap();
    trial.stop = CancellationToken::new();
    trial.order.options.limit_rate = None;
    let ending = trial.run().await;
    assert_eq!(summary(&ending), format!("done 200 {SIZE}"), "{ending:?}");
    let Ending::Done(done) = ending else { panic!("not done") };
    assert_eq!(done.response.network_protocol.as_deref(), Some("h3"));
    let (offset, ..) = trial.resumed().unwrap();
    assert!(offset >= 2_000_000, "{offset}");
    assert!(fs::read(&trial.files.finished).unwrap() == pseudo_random(9, 0, SIZE as usize));

    let missing = only(Trial::data(&at("missing")), &kit);
    assert!(summary(&missing.run().await).starts_with("done 404"));
    // It says so before it has read what it does not want.
    let upload = only(Trial::upload(&at("missing"), &vec![7; 3_000_000]), &kit);
    let ending = upload.run().await;
    assert!(summary(&ending).starts_with("done 404"), "{ending:?}");
    let mut pinned = only(Trial::data(&at("f")), &kit);
    pinned.order.options.tls.pinned_public_keys = vec![PublicKeyPin::new([0; 32])];
    assert_eq!(summary(&pinned.run().await), "-1202 permanent");
}
