//! Who on the way may ask for a credential, the server or a proxy: what it is shown, and when to
//! try again.

use super::errors::Failure;
use super::outgoing::Target;
use crate::credentials::{self, Memory, Seeker};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use std::borrow::Cow;
use url::Url;
use urlsession_protocol::{AuthenticationMethod, Credential, ErrorCode, Proxy};

/// A server or a proxy, for as long as one request takes.
#[derive(Debug)]
pub(super) struct Guard<'a> {
    seeker: Seeker<'a>,
    shown: HeaderName,
    asks: HeaderName,
    tells: HeaderName,
    refusal: StatusCode,
    /// What the request line has when the request gets to it.
    target: Cow<'a, str>,
    /// The only way in that may be gone.
    method: AuthenticationMethod,
    /// The only part of it that the credential is for; `None` is all of it.
    realm: Option<String>,
    has_seen: bool,
}

impl<'a> Guard<'a> {
    pub(super) fn of_origin(
        memory: &'a Memory,
        (url, target): (&'a Url, Target<'a>),
        credential: &Credential,
        method: AuthenticationMethod,
    ) -> Self {
        Self {
            seeker: Seeker::of_origin(memory, url, credential, method),
            shown: header::AUTHORIZATION,
            asks: header::WWW_AUTHENTICATE,
            tells: HeaderName::from_static("authentication-info"),
            refusal: StatusCode::UNAUTHORIZED,
            target: target.origin_form(url).into(),
            method,
            realm: None,
            has_seen: false,
        }
    }

    /// Keeps the credential to one part of the server, if it is for that alone.
    pub(super) fn within(self, realm: Option<String>) -> Self {
        Self { realm, ..self }
    }

    /// Says whether the credential is for what a challenge speaks of.
    pub(super) fn is_for(&self, realm: Option<&str>) -> bool {
        self.realm.as_deref().is_none_or(|only| realm == Some(only))
    }

    /// `None` for a proxy that nobody has a credential for.
    pub(super) fn of_proxy(
        memory: &'a Memory,
        proxy: &'a Proxy,
        target: impl Into<Cow<'a, str>>,
    ) -> Option<Self> {
        let credential = proxy.credential.as_ref()?;
        Some(Self {
            seeker: Seeker::of_proxy(memory, proxy, credential),
            shown: header::PROXY_AUTHORIZATION,
            asks: header::PROXY_AUTHENTICATE,
            tells: HeaderName::from_static("proxy-authentication-info"),
            refusal: StatusCode::PROXY_AUTHENTICATION_REQUIRED,
            target: target.into(),
            method: AuthenticationMethod::Default,
            realm: None,
            has_seen: false,
        })
    }

    /// Adds what it is shown to the fields of the request; says whether it may want to see
    /// something else before it lets the request in.
    pub(super) fn show(&mut self, method: &Method, fields: &mut HeaderMap) -> bool {
        let value = self.seeker.authorization(method.as_str(), &self.target);
        // A nonce gets old; a password does not.
        let may_refuse = !value.as_ref().is_some_and(|value| value.starts_with(b"Basic "));
        // A name with a control character cannot be shown.
        let value = value.and_then(|value| HeaderValue::from_bytes(&value).ok());
        self.has_seen = value.is_some();
        if let Some(mut value) = value {
            value.set_sensitive(true);
            fields.insert(self.shown.clone(), value);
        }
        may_refuse
    }

    /// Says whether it was shown anything when the request was sent last.
    pub(super) fn has_seen(&self) -> bool {
        self.has_seen
    }

    /// Looks at an answer; says whether it refused the request, and may let another one in.
    pub(super) fn may_relent(
        &mut self,
        status: StatusCode,
        fields: &HeaderMap,
    ) -> Result<bool, Failure> {
        if status != self.refusal {
            self.let_in(fields);
            return Ok(false);
        }
        let fields = fields.get_all(&self.asks);
        let mut challenges =
            credentials::offered(fields.iter().map(HeaderValue::as_bytes), self.method);
        challenges.retain(|challenge| self.is_for(challenge.parameter("realm")));
        Ok(self.seeker.is_worth_another(&challenges, &cnonce()?))
    }

    /// Learns from an answer that refused nothing how the next request is let in.
    pub(super) fn let_in(&mut self, fields: &HeaderMap) {
        self.seeker.let_in();
        let told = fields.get_all(&self.tells).iter().map(HeaderValue::as_bytes);
        if let Some(nonce) = credentials::next_nonce(told) {
            self.seeker.renew(&nonce);
        }
    }
}

/// Makes the client's part of a digest, which nobody can foresee.
pub(super) fn cnonce() -> Result<String, Failure> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| Failure::transient(ErrorCode::UNKNOWN, error))?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}
