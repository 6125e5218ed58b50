//! TLS: the certificate chains of C2SP/x509-limbo, each shown by a server in a real handshake.

use super::scores::{Reason, Scores};
use super::worker::Program;
use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Chains that are made to take long must not.
const PATIENCE: Duration = Duration::from_secs(2);

/// Where the suite is stricter, or our library is.
const REASONS: &[Reason] = &[
    (
        &[
            "pathlen::validation-ignores-pathlen-in-leaf",
            "pathlen::self-issued-certs-pathlen",
            "rfc5280::nc::permitted-self-issued",
            "rfc5280::ca-as-leaf",
        ],
        "rustls refuses an authority's certificate as a server's own, and counts authorities that \
         sign themselves as others",
    ),
    (
        &["pathlen::max-chain-depth-0-exhausted", "pathlen::max-chain-depth-1-exhausted"],
        "the case is of a client that is told how long a chain may be; ours has rustls's limit",
    ),
    (
        &[
            "rfc5280::aki::critical-aki",
            "rfc5280::aki::leaf-missing-aki",
            "rfc5280::aki::intermediate-missing-aki",
            "rfc5280::aki::cross-signed-root-missing-aki",
            "rfc5280::ski::critical-ski",
            "rfc5280::ski::root-missing-ski",
            "rfc5280::ski::intermediate-missing-ski",
            "webpki::aki::root-with-aki-missing-keyidentifier",
            "webpki::aki::root-with-aki-authoritycertissuer",
            "webpki::aki::root-with-aki-authoritycertserialnumber",
            "webpki::aki::root-with-aki-all-fields",
            "webpki::aki::root-with-aki-ski-mismatch",
        ],
        "identifiers of keys only help to find a chain; what counts is who signed",
    ),
    (
        &[
            "webpki::cn::ipv4-hex-mismatch",
            "webpki::cn::ipv4-leading-zeros-mismatch",
            "webpki::cn::ipv6-uppercase-mismatch",
            "webpki::cn::ipv6-uncompressed-mismatch",
            "webpki::cn::ipv6-non-rfc5952-mismatch",
            "webpki::cn::punycode-not-in-san",
            "webpki::cn::utf8-vs-punycode-mismatch",
            "webpki::cn::not-in-san",
            "webpki::cn::case-mismatch",
        ],
        "the common name is not read at all; the alternative names are right",
    ),
    (
        &[
            "rfc5280::validity::expired-root",
            "rfc5280::unknown-critical-extension-root",
            "rfc5280::root-missing-basic-constraints",
            "rfc5280::root-non-critical-basic-constraints",
            "rfc5280::root-inconsistent-ca-extensions",
            "webpki::eku::root-has-eku",
            "webpki::forbidden-rsa-not-divisible-by-8-in-root",
            "rfc5280::ca-empty-subject",
        ],
        "a root is trusted because it is in the store: only its name, key and name constraints \
         are read (RFC 5280 section 6.1.1)",
    ),
    (
        &[
            "rfc5280::nc::permitted-dns-match-noncritical",
            "rfc5280::nc::invalid-dnsname-leading-period",
            "rfc5280::nc::not-allowed-in-ee-noncritical",
            "rfc5280::nc::not-allowed-in-ee-critical",
            "rfc5280::pc::ica-noncritical-pc",
            "rfc5280::san::noncritical-with-empty-subject",
            "rfc5280::san::underscore-dns",
            "rfc5280::serial::too-long",
            "rfc5280::serial::zero",
            "rfc5280::validity::notbefore-fractional",
            "rfc5280::leaf-ku-keycertsign",
            "webpki::eku::ee-anyeku",
            "webpki::eku::ee-critical-eku",
            "webpki::eku::ee-without-eku",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-null",
            "webpki::nc::intermediate-permitted-excluded-subtrees-both-empty-sequences",
            "webpki::san::san-critical-with-nonempty-subject",
            "webpki::malformed-aia",
            "webpki::forbidden-rsa-key-not-divisible-by-8-in-leaf",
        ],
        "how authorities must write certificates, which says nothing of whose the key is; rustls \
         and OpenSSL leave it to those who audit them",
    ),
    (
        &[
            "webpki::san::public-suffix-multi-label-wildcard-san",
            "webpki::san::public-suffix-private-namespace-wildcard-san",
        ],
        "which wildcards may be issued is for authorities to check",
    ),
];

#[derive(Debug, Deserialize)]
struct Limbo {
    testcases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
struct Case {
    id: String,
    #[serde(default)]
    features: Vec<String>,
    validation_kind: String,
    trusted_certs: Vec<String>,
    untrusted_intermediates: Vec<String>,
    peer_certificate: String,
    peer_certificate_key: Option<String>,
    validation_time: Option<String>,
    expected_result: String,
    expected_peer_name: Option<Name>,
    #[serde(default)]
    crls: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Name {
    value: String,
}

#[expect(clippy::disallowed_methods, reason = "how long a handshake takes is what is asked")]
pub(super) fn run(folder: &Path, keep: bool) -> Result<()> {
    let text = std::fs::read_to_string(folder.join("limbo.json"))
        .context("the checkout has no limbo.json; its own “limbo compile” makes it")?;
    let limbo: Limbo = serde_json::from_str(&text).context("limbo.json")?;
    let program = Program::build()?;
    let mut scores = Scores::new("tls", "C2SP/x509-limbo, by handshake");
    let (mut left, mut slow) = (0, Vec::new());
    for case in limbo.testcases {
        let Some(host) = case.host() else {
            left += 1;
            continue;
        };
        let folder = tempfile::tempdir()?;
        let Some(server) = Server::start(&case, folder.path())? else {
            left += 1;
            continue;
        };
        let began = Instant::now();
        let error = case.connect(&program, &host, &server, folder.path())?;
        if case.features.iter().any(|feature| feature == "denial-of-service")
            && began.elapsed() > PATIENCE
        {
            slow.push(case.id.clone());
        }
        let wrong = match (case.expected_result.as_str(), error) {
            ("SUCCESS", Some(error)) => Some(format!("refuses: {error}")),
            ("FAILURE", None) => Some("accepts".to_owned()),
            _ => None,
        };
        scores.count(case.id, wrong);
    }
    scores.note("not drivable: clients, revocation lists, no key, no host", left);
    scores.conclude(REASONS, keep)?;
    ensure!(slow.is_empty(), "these took longer than {PATIENCE:?}: {slow:?}");
    Ok(())
}

impl Case {
    /// Returns the host of the URL, if the case is one of a client that knows no revocation lists.
    fn host(&self) -> Option<String> {
        let for_us = self.validation_kind == "SERVER" && self.crls.is_empty();
        let name = &self.expected_peer_name.as_ref().filter(|_| for_us)?.value;
        Some(if name.contains(':') { format!("[{name}]") } else { name.clone() })
    }

    /// Returns why the handshake fails.
    fn connect(
        &self,
        program: &Program,
        host: &str,
        server: &Server,
        folder: &Path,
    ) -> Result<Option<String>> {
        let roots = folder.join("roots.pem");
        std::fs::write(&roots, self.trusted_certs.concat())?;
        let detour = format!(":443:127.0.0.1:{}", server.port);
        let mut program =
            program.clone().with(&["--cacert", &roots.to_string_lossy(), "--connect-to", &detour]);
        if let Some(time) = &self.validation_time {
            let time = time.split('+').next().unwrap_or_default();
            program = program.at(&time.replace('T', " "))?;
        }
        let answer = program.start()?.get(&format!("https://{host}/"))?;
        Ok(answer.error)
    }
}

/// OpenSSL's own server, which shows whatever it is given.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts it; `None` if it does not take the certificate.
    fn start(case: &Case, folder: &Path) -> Result<Option<Self>> {
        let Some(key) = &case.peer_certificate_key else { return Ok(None) };
        for (name, text) in [
            ("leaf.pem", &case.peer_certificate),
            ("key.pem", key),
            ("chain.pem", &case.untrusted_intermediates.concat()),
        ] {
            std::fs::write(folder.join(name), text)?;
        }
        let mut command = Command::new("openssl");
        command
            .args(["s_server", "-accept", "127.0.0.1:0", "-www", "-cert", "leaf.pem"])
            .args(["-key", "key.pem", "-cipher", "ALL:@SECLEVEL=0", "-naccept", "1"])
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        if !case.untrusted_intermediates.is_empty() {
            command.args(["-cert_chain", "chain.pem"]);
        }
        let mut child = command.spawn().context("this needs openssl: apt-get install openssl")?;
        let lines = BufReader::new(child.stdout.take().context("it is piped")?).lines();
        let port = lines
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("ACCEPT ")?.rsplit(':').next()?.trim().parse().ok());
        match port {
            Some(port) => Ok(Some(Self { child, port })),
            None => {
                child.wait()?;
                Ok(None)
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
