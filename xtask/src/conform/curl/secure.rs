//! The TLS of curl's cases: certificates, the server behind them, and what is typed about them.

use super::super::peer::Stream;
use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, CustomExtension, DnType,
    ExtendedKeyUsagePurpose, IsCa, KeyPair, KeyUsagePurpose, PublicKeyData as _, SanType,
};
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};
use sha2::{Digest as _, Sha256};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tempfile::TempDir;

/// Servers of curl's that speak TLS.
pub(super) const SERVERS: &[&str] = &["https", "https-proxy", MUTUAL];
/// The one that asks clients for a certificate.
const MUTUAL: &str = "https-mtls";
/// What a server shows if the case names nothing else.
const OWN: &str = "test-localhost.pem";
/// Where certificates are below the folder that cases know.
const FOLDER: &str = "certs";
const AUTHORITY: &str = "test-ca";
/// The number of the extension with the alternative names.
const ALTERNATIVE_NAMES: &[u64] = &[2, 5, 29, 17];

/// Options of curl's about TLS that have a value, and how we call them.
pub(super) const SAME: &[(&str, &str)] = &[
    ("--cacert", "--cacert"),
    ("--cert", "--cert"),
    ("-E", "--cert"),
    ("--key", "--key"),
    ("--tls-max", "--tls-max"),
    ("--pass", "--pass"),
    ("--proxy-cacert", "--proxy-cacert"),
    ("--proxy-cert", "--proxy-cert"),
    ("--proxy-key", "--proxy-key"),
    ("--pinnedpubkey", "--pinnedpubkey"),
];
/// The same without a value.
pub(super) const SAME_FLAGS: &[(&str, &str)] = &[
    ("-k", "--insecure"),
    ("--insecure", "--insecure"),
    ("--proxy-insecure", "--proxy-insecure"),
    ("-1", "--tlsv1"),
    ("--tlsv1", "--tlsv1"),
    ("--proxy-tlsv1", "--proxy-tlsv1"),
    ("--tlsv1.2", "--tlsv1.2"),
    ("--tlsv1.3", "--tlsv1.3"),
];
/// Options about TLS without a value that change nothing here: what is trusted besides a file has no
/// say in whether that file can be read.
pub(super) const IDLE: &[&str] = &["--no-ca-native"];

/// The certificates that curl's suite makes, made from its own files of parameters.
#[derive(Debug)]
pub(super) struct Certificates {
    folder: TempDir,
}

impl Certificates {
    pub(super) fn make(checkout: &Path) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let [from, to] = [checkout.join("tests"), folder.path().to_owned()].map(|f| f.join(FOLDER));
        std::fs::create_dir(&to)?;
        let parameters = |name: &str| {
            let path = from.join(name);
            let text = std::fs::read_to_string(&path);
            text.with_context(|| path.display().to_string())
        };
        let mut params = read(&parameters(&format!("{AUTHORITY}.prm"))?)?;
        params.use_authority_key_identifier_extension = false;
        let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
        std::fs::write(to.join(format!("{AUTHORITY}.crt")), authority.pem())?;
        for entry in std::fs::read_dir(&from)? {
            let file = entry?.file_name().to_string_lossy().into_owned();
            let Some(name) = file.strip_suffix(".prm").filter(|name| *name != AUTHORITY) else {
                continue;
            };
            let text = parameters(&file)?;
            let key = KeyPair::generate()?;
            let made = read(&text)?.signed_by(&key, &authority)?;
            let write =
                |end: &str, bytes: &[u8]| std::fs::write(to.join(format!("{name}.{end}")), bytes);
            write("crt", made.pem().as_bytes())?;
            write("der", made.der())?;
            write("key", key.serialize_pem().as_bytes())?;
            write("pem", (text + &key.serialize_pem() + &made.pem()).as_bytes())?;
            write("pub.der", &key.subject_public_key_info())?;
            write("pub.pem", key.public_key_pem().as_bytes())?;
        }
        Ok(Self { folder })
    }

    /// Returns the folder that cases name.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns how the servers of a case shake hands, if one of them speaks TLS.
    pub(super) fn front(&self, servers: &str, port: u16) -> Result<Option<Front>> {
        let mut lines =
            servers.lines().map(|line| line.trim().split_once(' ').unwrap_or((line.trim(), "")));
        let Some((server, shown)) = lines.find(|(server, _)| SERVERS.contains(server)) else {
            return Ok(None);
        };
        let folder = self.folder.path().join(FOLDER);
        let shown = folder.join(if shown.is_empty() { OWN } else { shown });
        let chain = CertificateDer::pem_file_iter(&shown)?.collect::<Result<Vec<_>, _>>()?;
        let key = PrivateKeyDer::from_pem_file(&shown)?;
        let provider = Arc::new(default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()?;
        let builder = if server == MUTUAL {
            let mut roots = RootCertStore::empty();
            roots.add(CertificateDer::from_pem_file(folder.join(format!("{AUTHORITY}.crt")))?)?;
            let judge = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(judge.build()?)
        } else {
            builder.with_no_client_auth()
        };
        let config = Arc::new(builder.with_single_cert(chain, key)?);
        Ok(Some(Front { config, port }))
    }
}

/// Reads what a file of parameters says of a certificate.
fn read(text: &str) -> Result<CertificateParams> {
    let value = |name: &str| {
        let mut lines = text.lines().filter_map(|line| line.split_once('='));
        lines.find(|(key, _)| key.trim() == name).map_or("", |(_, value)| value.trim())
    };
    let mut params = CertificateParams::default();
    params.use_authority_key_identifier_extension = true;
    for (kind, name) in [
        (DnType::CountryName, "countryName_value"),
        (DnType::OrganizationName, "organizationName_value"),
        (DnType::CommonName, "commonName_value"),
    ] {
        params.distinguished_name.push(kind, value(name));
    }
    if value("basicConstraints").contains("CA:true") {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    } else {
        params.is_ca = IsCa::ExplicitNoCa;
    }
    for one in value("keyUsage").split(',').map(str::trim) {
        params.key_usages.extend(match one {
            "keyCertSign" => Some(KeyUsagePurpose::KeyCertSign),
            "cRLSign" => Some(KeyUsagePurpose::CrlSign),
            "digitalSignature" => Some(KeyUsagePurpose::DigitalSignature),
            "keyEncipherment" => Some(KeyUsagePurpose::KeyEncipherment),
            "keyAgreement" => Some(KeyUsagePurpose::KeyAgreement),
            _ => None,
        });
    }
    for one in value("extendedKeyUsage").split(',').map(str::trim) {
        params.extended_key_usages.extend(match one {
            "serverAuth" => Some(ExtendedKeyUsagePurpose::ServerAuth),
            "clientAuth" => Some(ExtendedKeyUsagePurpose::ClientAuth),
            _ => None,
        });
    }
    let names = value("subjectAltName");
    if let Some(hex) = names.strip_prefix("DER:") {
        let bytes = hex.split(':').map(|byte| u8::from_str_radix(byte, 16));
        let bytes = bytes.collect::<Result<Vec<_>, _>>()?;
        params.custom_extensions.push(CustomExtension::from_oid_content(ALTERNATIVE_NAMES, bytes));
    } else {
        for name in names.split(',').filter_map(|name| name.trim().strip_prefix("DNS:")) {
            params.subject_alt_names.push(SanType::DnsName(name.try_into()?));
        }
    }
    Ok(params)
}

/// What a server does before it is asked for anything.
#[derive(Debug)]
pub(super) struct Front {
    config: Arc<ServerConfig>,
    /// Who asks a proxy for this port means such a server.
    pub(super) port: u16,
}

impl Front {
    /// Makes the server's side of a connection; hands are shaken with the first byte that is read.
    pub(super) fn accept(&self, stream: Box<dyn Stream>) -> io::Result<Box<dyn Stream>> {
        let connection =
            ServerConnection::new(Arc::clone(&self.config)).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(connection, stream)))
    }
}

impl Stream for StreamOwned<ServerConnection, Box<dyn Stream>> {
    fn finish(&mut self) -> io::Result<()> {
        self.conn.send_close_notify();
        io::Write::flush(self)?;
        self.sock.finish()
    }
}

/// Returns what an error of ours says that is one of curl's about certificates and keys.
pub(super) fn told(code: &str) -> Option<&'static str> {
    match code {
        "60" => Some("[-1202]"),
        "77,60" => Some("cannot use the file"),
        "90" => Some("public key"),
        _ => None,
    }
}

/// Returns the digest of a file in Base64; of one that is not there it is nobody's.
pub(super) fn digest_of_file(path: &str) -> String {
    let bytes = std::fs::read(PathBuf::from(path)).unwrap_or_default();
    STANDARD.encode(Sha256::digest(bytes))
}
