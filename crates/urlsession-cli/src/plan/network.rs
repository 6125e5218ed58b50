//! From the network's options to what a task says of its way to the server.

use super::existing;
use crate::args::NetworkArgs;
use crate::exit::Failure;
use urlsession::{
    ClientCertificate, ConnectionProxy, Proxy, SessionConfiguration, TaskOptions, TlsPolicy,
    TlsVersion,
};

/// Adds what was typed about the network.
pub(super) fn apply(args: &NetworkArgs, options: &mut TaskOptions) -> Result<(), Failure> {
    options.connection_proxy = Some(proxies(args)?);
    options.ca_certificates =
        args.cacert.iter().map(|path| existing(path)).collect::<Result<_, _>>()?;
    let minimum = args.tls13.then_some(TlsVersion::Tls13);
    let key = args.key.as_deref().map(existing).transpose()?;
    let certificate = args.cert.as_deref().map(existing).transpose()?;
    options.tls = TlsPolicy {
        minimum_version: minimum.or(args.tls12.then_some(TlsVersion::Tls12)),
        maximum_version: args.tls_max.map(TlsVersion::from),
        client_certificate: certificate
            .map(|certificate| ClientCertificate { certificate, key: key.clone() }),
        pinned_public_keys: args.pinnedpubkey.iter().flat_map(|pins| pins.0.clone()).collect(),
        allow_any_certificate: args.insecure,
        https_only: args.https_only,
    };
    options.tls.check().map_err(usage)
}

/// `--proxy` wins over the environment's proxies, `--noproxy` over its exceptions.
fn proxies(args: &NetworkArgs) -> Result<ConnectionProxy, Failure> {
    let mut proxies = match args.proxy.as_deref() {
        Some("") => return Ok(ConnectionProxy::default()),
        Some(text) => {
            let proxy = Proxy::parse(text).map_err(usage)?;
            let environment = SessionConfiguration::environment_proxy();
            let exceptions = environment.map(|found| found.exceptions).unwrap_or_default();
            ConnectionProxy { exceptions, ..ConnectionProxy::everywhere(proxy) }
        }
        None => SessionConfiguration::environment_proxy().map_err(usage)?,
    };
    if let Some(list) = &args.noproxy {
        proxies = proxies.except(list);
    }
    proxies.check().map_err(usage)?;
    Ok(proxies)
}

fn usage(error: urlsession::Error) -> Failure {
    Failure::usage(error.detail.unwrap_or(error.message))
}
