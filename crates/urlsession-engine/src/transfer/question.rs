//! What an app is asked while a connection is made: who it is to a proxy or to a server that wants a
//! certificate, and whether it trusts a server that the platform does not trust.

use super::errors::Failure;
use super::verify::Shaken;
use crate::credentials::{self, Way, proxy_space};
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::borrow::Cow;
use urlsession_core::{Answered, Given};
use urlsession_protocol::challenge::REALM_LIMIT;
use urlsession_protocol::{
    AuthenticationChallenge, AuthenticationMethod, Certificate, ClientCertificate, ErrorCode,
    ProtectionSpace, Proxy, Secret, TaskOptions,
};

/// Most bytes of the certificates that an app is shown.
const TRUST_LIMIT: usize = 64 * 1024;

/// What may be asked: everything but these parts of servers; `None` is nothing.
pub(super) type Asks<'a> = Option<&'a [ProtectionSpace]>;

/// Returns the options with what the app answered to proxies.
pub(super) fn answered<'a>(options: &'a TaskOptions, answers: &[Answered]) -> Cow<'a, TaskOptions> {
    let mut options = Cow::Borrowed(options);
    for answer in answers.iter().filter(|answer| answer.space.is_proxy) {
        let (Some(credential), Some(_)) = (answer.credential(), &options.connection_proxy) else {
            continue;
        };
        let Some(proxies) = &mut options.to_mut().connection_proxy else { continue };
        for proxy in [&mut proxies.http, &mut proxies.https].into_iter().flatten() {
            if proxy_space(proxy).is_of_same_server(&answer.space) {
                proxy.credential = Some(credential.clone());
            }
        }
    }
    options
}

/// What the app answered about the TLS of a server.
#[derive(Debug, Default)]
pub(super) struct OfTls<'a> {
    pub(super) trusted: Vec<Certificate>,
    pub(super) own: Option<&'a ClientCertificate>,
}

impl<'a> OfTls<'a> {
    pub(super) fn new(answers: &'a [Answered], server: &ProtectionSpace) -> Self {
        let mut found = Self::default();
        for answer in answers.iter().filter(|answer| answer.space.is_of_same_server(server)) {
            match &answer.given {
                Given::ServerTrust(certificate) => found.trusted.push(certificate.clone()),
                Given::ClientCertificate(own) => found.own = Some(own),
                Given::Credential(_) => {}
            }
        }
        found
    }
}

/// Makes the question of a proxy that refused what it was shown, if it is one.
pub(super) fn of_proxy(
    asks: Asks<'_>,
    proxy: &Proxy,
    status: StatusCode,
    fields: &HeaderMap,
) -> Option<Box<AuthenticationChallenge>> {
    let rejected = asks.filter(|_| status == StatusCode::PROXY_AUTHENTICATION_REQUIRED)?;
    let fields = fields.get_all(header::PROXY_AUTHENTICATE);
    let challenges = credentials::offered(
        fields.iter().map(HeaderValue::as_bytes),
        AuthenticationMethod::Default,
    );
    let spaces = challenges.iter().filter_map(|challenge| {
        let way = Way::strongest(std::slice::from_ref(challenge), "")?;
        Some(way.space(proxy_space(proxy), challenge))
    });
    let is_known = |realm: &String| realm.len() <= REALM_LIMIT;
    let space = spaces
        .filter(|space| space.realm.as_ref().is_none_or(is_known) && !rejected.contains(space))
        .max_by_key(|space| space.authentication_method)?;
    let shown = proxy.credential.as_ref();
    Some(Box::new(AuthenticationChallenge {
        previous_failure_count: shown.map_or(0, |_| 1),
        proposed_user: shown.map(|shown| Secret::new(shown.user.expose())),
        ..AuthenticationChallenge::new(space)
    }))
}

/// Returns the space of a server of `https`.
pub(super) fn server(host: &str, port: u16) -> ProtectionSpace {
    ProtectionSpace {
        protocol: "https".to_owned(),
        host: host.to_owned(),
        port,
        realm: None,
        authentication_method: AuthenticationMethod::default(),
        is_proxy: false,
    }
}

/// Makes a question of a handshake with a server that failed, if the app can mend it.
pub(super) fn of_handshake(
    mut failure: Failure,
    shaken: Shaken,
    server: &ProtectionSpace,
    asks: Asks<'_>,
) -> Failure {
    let Shaken { refused, has_unknown_root, wants_certificate } = shaken;
    if has_unknown_root {
        let why = failure.error.detail.take().unwrap_or_default();
        failure = Failure::permanent(ErrorCode::SERVER_CERTIFICATE_HAS_UNKNOWN_ROOT, why);
    }
    if let Some(chain) = refused {
        failure.challenge = of_trust(&failure, chain, server, asks);
    } else if wants_certificate && failure.error.code == ErrorCode::SECURE_CONNECTION_FAILED {
        // Before TLS 1.3 there is no word for what is missing.
        let why = failure.error.detail.take().unwrap_or_default();
        let why = format!("the server asks for a client certificate: {why}");
        failure = Failure::permanent(ErrorCode::CLIENT_CERTIFICATE_REQUIRED, why);
    }
    failure
}

/// Makes a question of a server that wants to see a certificate of ours, and has seen none.
pub(super) fn of_identity(
    mut failure: Failure,
    server: &ProtectionSpace,
    asks: Asks<'_>,
) -> Failure {
    if server.protocol != "https" {
        // It is the proxy that wants one.
        return failure;
    }
    if failure.error.code == ErrorCode::CLIENT_CERTIFICATE_REJECTED {
        // Many servers have one word for a certificate that is missing and one that is wrong.
        let why = failure.error.detail.take().unwrap_or_default();
        let why = format!("the server asks for a client certificate: {why}");
        failure = Failure::permanent(ErrorCode::CLIENT_CERTIFICATE_REQUIRED, why);
    }
    if failure.error.code == ErrorCode::CLIENT_CERTIFICATE_REQUIRED {
        let space = of_tls(server, AuthenticationMethod::ClientCertificate);
        let is_open = asks.is_some_and(|rejected| !rejected.contains(&space));
        failure.challenge = is_open.then(|| Box::new(AuthenticationChallenge::new(space)));
    }
    failure
}

fn of_trust(
    failure: &Failure,
    chain: Vec<Certificate>,
    server: &ProtectionSpace,
    asks: Asks<'_>,
) -> Option<Box<AuthenticationChallenge>> {
    let space = of_tls(server, AuthenticationMethod::ServerTrust);
    asks.filter(|rejected| !rejected.contains(&space))?;
    let length: usize = chain.iter().map(|certificate| certificate.der().len()).sum();
    (length <= TRUST_LIMIT).then(|| {
        Box::new(AuthenticationChallenge {
            server_trust: chain,
            reason: failure.error.detail.clone(),
            ..AuthenticationChallenge::new(space)
        })
    })
}

fn of_tls(server: &ProtectionSpace, method: AuthenticationMethod) -> ProtectionSpace {
    ProtectionSpace { authentication_method: method, ..server.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transfer::errors;
    use urlsession_protocol::{ConnectionProxy, Credential};

    /// the server, what it says => the error, and whether the app is asked
    #[test]
    fn a_certificate_that_nobody_showed_is_missing() {
        use rustls::AlertDescription as Alert;
        let code = ErrorCode::CLIENT_CERTIFICATE_REQUIRED;
        for (url, alert, expected) in [
            ("https://h/", Alert::CertificateRequired, (code, true)),
            ("https://h/", Alert::BadCertificate, (code, true)),
            ("https://h/", Alert::UnknownCA, (code, true)),
            ("https://h/", Alert::InternalError, (ErrorCode::SECURE_CONNECTION_FAILED, false)),
            ("http://h/", Alert::CertificateRequired, (code, false)),
        ] {
            let failure = errors::tls(&rustls::Error::AlertReceived(alert));
            let server = ProtectionSpace::of_url(url).expect("a URL");
            let failure = of_identity(failure, &server, Some(&[]));
            let got = (failure.error.code, failure.challenge.is_some());
            assert_eq!(got, expected, "{url} {alert:?}");
        }
    }

    fn answered_with(given: Given) -> Answered {
        let space = ProtectionSpace::of_url("https://there").expect("a URL");
        Answered { space, given }
    }

    /// What the store has of it; the first is as it was when there were only credentials.
    #[test]
    fn answers_are_kept() {
        let own = ClientCertificate::new("/own.pem");
        for (given, key) in [
            (Given::Credential(Credential::new("me", "pw")), "credential"),
            (Given::ClientCertificate(own), "client_certificate"),
            (Given::ServerTrust(Certificate::new([0x30, 0x80])), "server_trust"),
        ] {
            let answered = answered_with(given);
            let text = serde_json::to_string(&answered).expect("it can be written");
            assert!(
                text.starts_with("{\"space\":{") && text.contains(&format!("\"{key}\":")),
                "{text}"
            );
            assert_eq!(serde_json::from_str::<Answered>(&text).expect("it can be read"), answered);
        }
    }

    #[test]
    fn an_answer_to_a_proxy_is_for_that_proxy() {
        let proxy = |url| Proxy::parse(url).expect("a proxy");
        let proxies = ConnectionProxy {
            http: Some(proxy("http://one:1")),
            https: Some(proxy("http://two:2")),
            ..ConnectionProxy::default()
        };
        let options = TaskOptions { connection_proxy: Some(proxies), ..TaskOptions::default() };
        let space = proxy_space(&proxy("http://two:2"));
        let given = Given::Credential(Credential::new("me", "pw"));
        let answers = [answered_with(given.clone()), Answered { space, given }];
        assert!(matches!(answered(&options, &answers[..1]), Cow::Borrowed(_)));
        let proxies = answered(&options, &answers).into_owned().connection_proxy;
        let shown = |proxy: Option<Proxy>| proxy.is_some_and(|proxy| proxy.credential.is_some());
        let shown = proxies.map(|proxies| (shown(proxies.http), shown(proxies.https)));
        assert_eq!(shown, Some((false, true)));
    }
}
