//! The way into a server: which credentials are shown to it, in which order, and when nothing is left
//! but to ask the app.
//!
//! ```text
//!   the app's answer for this part of the server
//!     or else  the task's own credential, then the kept one      each until it is refused
//!     then     a question, if somebody answers; else the refusal is the response
//! ```

use super::errors::Failure;
use super::guard::Guard;
use super::outgoing::Target;
use crate::credentials::{self, Kept, Memory, Way, origin_space};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use std::cmp::Reverse;
use url::Url;
use urlsession_core::Answered;
use urlsession_protocol::challenge::REALM_LIMIT;
use urlsession_protocol::{
    AuthenticationChallenge, AuthenticationMethod, Credential, CredentialPersistence, ErrorCode,
    ProtectionSpace, Secret,
};

/// What there is to be shown to servers, and whether the app can be asked.
#[derive(Debug, Clone, Copy)]
pub(super) struct Means<'a> {
    /// The task's own credential, where it may go.
    pub(super) own: Option<&'a Credential>,
    /// What the app answered before.
    pub(super) answers: &'a [Answered],
    /// What is kept for the application.
    pub(super) kept: Option<&'a Kept>,
    /// What must not be asked about; `None` if nothing may be asked.
    pub(super) asks: Option<&'a [ProtectionSpace]>,
    pub(super) memory: &'a Memory,
    /// The only way in that may be gone.
    pub(super) method: AuthenticationMethod,
}

/// One request's way into its server, however many times it is sent.
#[derive(Debug)]
pub(super) struct Gate<'a> {
    means: Means<'a>,
    url: &'a Url,
    target: Target<'a>,
    shows: Option<(Guard<'a>, Credential)>,
    /// The part of the server that refused the request last, or else the one that it is known to go to.
    space: Option<ProtectionSpace>,
    refused: Vec<Credential>,
    has_strayed: bool,
}

/// What became of a request that was sent.
#[derive(Debug)]
pub(super) enum Verdict {
    /// This is its response.
    Response,
    /// It is worth sending again.
    Again,
    /// Only the app can know.
    Ask(Box<AuthenticationChallenge>),
}

impl Means<'_> {
    /// Returns everything that a server may be shown: who is let in with one of them may get other
    /// responses than others.
    pub(super) fn of_server(&self, url: &Url) -> Vec<Credential> {
        let server = origin_space(url);
        let own = self.own.cloned();
        let is_its = |answer: &&Answered| answer.space.is_of_same_server(&server);
        let answers = self.answers.iter().filter(is_its).filter_map(Answered::credential).cloned();
        let kept = self.kept.map(|kept| kept.of_server(&server)).unwrap_or_default();
        own.into_iter().chain(answers).chain(kept).collect()
    }
}

impl<'a> Gate<'a> {
    pub(super) fn new(means: Means<'a>, url: &'a Url, target: Target<'a>) -> Self {
        let space = means.memory.space_of(url);
        let mut gate = Self {
            means,
            url,
            target,
            shows: None,
            space,
            refused: Vec::new(),
            has_strayed: false,
        };
        let first = match means.answers {
            [] => None,
            answers => {
                let server = origin_space(url);
                let answers = answers.iter().rev().filter(|a| a.space.is_of_same_server(&server));
                answers.filter_map(Answered::credential).next().cloned()
            }
        };
        let kept = || means.kept?.find_with_realm(gate.space.as_ref()?).map(lent);
        let first = first.or_else(|| means.own.cloned()).map(of_all).or_else(kept);
        gate.shows = first.map(|first| gate.showing(first));
        gate
    }

    /// Adds what it shows to the fields of the request; says whether it may want to see something
    /// else before it lets the request in.
    pub(super) fn show(&mut self, method: &Method, fields: &mut HeaderMap) -> bool {
        match &mut self.shows {
            Some((guard, _)) => guard.show(method, fields),
            None => self.means.asks.is_some(),
        }
    }

    /// Looks at the head of an answer.
    pub(super) fn judge(
        &mut self,
        status: StatusCode,
        fields: &HeaderMap,
    ) -> Result<Verdict, Failure> {
        if status == StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            // The server itself has seen nothing.
            return Ok(Verdict::Response);
        }
        if status != StatusCode::UNAUTHORIZED {
            if let Some((guard, _)) = &mut self.shows {
                guard.let_in(fields);
            }
            self.keep();
            return Ok(Verdict::Response);
        }
        let parts = self.parts(fields);
        if let Some((guard, _)) = &mut self.shows
            && guard.may_relent(status, fields)?
        {
            let part = parts.iter().find(|part| guard.is_for(part.realm.as_deref()));
            self.learn(part);
            return Ok(Verdict::Again);
        }
        if let Some((guard, credential)) = self.shows.take() {
            let is_meant = parts.iter().any(|part| guard.is_for(part.realm.as_deref()));
            // Where another part answers than the one it was meant for, it may be right there. Once: they
            // may answer in turn.
            if is_meant || std::mem::replace(&mut self.has_strayed, true) {
                self.refused.push(credential);
            }
        }
        self.learn(parts.first());
        for part in &parts {
            let is_refused =
                |c: &Credential| self.refused.iter().any(|r| credentials::are_alike(r, c));
            let next = self.candidates(part).find(|(c, _)| !is_refused(c));
            let Some((mut guard, next)) = next.map(|next| self.showing(next)) else { continue };
            // It takes from the challenge how it is to be shown.
            if guard.may_relent(status, fields)? {
                self.shows = Some((guard, next));
                self.learn(Some(part));
                return Ok(Verdict::Again);
            }
        }
        let question = parts.into_iter().next().and_then(|space| self.question(space));
        Ok(question.map_or(Verdict::Response, Verdict::Ask))
    }

    /// Returns which parts of the server refused, those that the app has not rejected: the one with
    /// the strongest way first. Who has nothing for that may have something for another (RFC 9110
    /// section 11.5).
    fn parts(&self, fields: &HeaderMap) -> Vec<ProtectionSpace> {
        let fields = fields.get_all(header::WWW_AUTHENTICATE);
        let fields = fields.iter().map(HeaderValue::as_bytes);
        let challenges = credentials::offered(fields, self.means.method);
        let rejected = self.means.asks.unwrap_or_default();
        let understood = challenges.into_iter().filter_map(|challenge| {
            let way = Way::of(&challenge, "")?;
            let space = way.space(origin_space(self.url), &challenge);
            (!rejected.contains(&space)).then(|| (Reverse(way.strength()), space))
        });
        let mut parts: Vec<_> = understood.collect();
        parts.sort_by(|(one, _), (other, _)| one.cmp(other));
        parts.into_iter().map(|(_, space)| space).collect()
    }

    /// Notes which part of the server refused.
    fn learn(&mut self, part: Option<&ProtectionSpace>) {
        self.space = part.cloned();
        if let Some(space) = part {
            self.means.memory.learn(self.url, space);
        }
    }

    /// Returns what may be shown to a part of the server, each with the only realm that it is for.
    fn candidates(
        &self,
        space: &ProtectionSpace,
    ) -> impl Iterator<Item = (Credential, Option<String>)> {
        let is_its = |answer: &&Answered| {
            answer.space.is_of_same_server(space) && answer.space.realm == space.realm
        };
        let answers = self.means.answers.iter().rev().filter(is_its);
        let answer = answers.filter_map(Answered::credential).next();
        let answer = answer.map(|answer| (answer.clone(), space.realm.clone()));
        let own = self.means.own.filter(|_| answer.is_none()).cloned();
        let kept = self.means.kept.filter(|_| answer.is_none());
        let kept = kept.and_then(|kept| kept.find_with_realm(space));
        answer.into_iter().chain(own.map(of_all)).chain(kept.map(lent))
    }

    fn question(&self, space: ProtectionSpace) -> Option<Box<AuthenticationChallenge>> {
        let is_known = |realm: &String| realm.len() <= REALM_LIMIT;
        self.means.asks.filter(|_| space.realm.as_ref().is_none_or(is_known))?;
        let user = self.refused.last().map(|refused| Secret::new(refused.user.expose()));
        Some(Box::new(AuthenticationChallenge {
            previous_failure_count: u32::try_from(self.refused.len()).unwrap_or(u32::MAX),
            proposed_user: user,
            ..AuthenticationChallenge::new(space)
        }))
    }

    /// The server took what it was shown: others may have it, if its giver wants that.
    fn keep(&self) {
        if let (Some((guard, credential)), Some(space), Some(kept)) =
            (&self.shows, &self.space, self.means.kept)
            && guard.has_seen()
            && credential.persistence != CredentialPersistence::None
        {
            kept.keep(space, credential);
        }
    }

    fn showing(
        &self,
        (credential, realm): (Credential, Option<String>),
    ) -> (Guard<'a>, Credential) {
        let asks = (self.url, self.target);
        let Means { memory, method, .. } = self.means;
        (Guard::of_origin(memory, asks, &credential, method).within(realm), credential)
    }
}

/// Shows a credential wherever the server asks.
fn of_all(credential: Credential) -> (Credential, Option<String>) {
    (credential, None)
}

/// Has a credential that is kept not kept once more: it may be forgotten while it is used.
fn lent((kept, realm): (Credential, Option<String>)) -> (Credential, Option<String>) {
    (kept.kept(CredentialPersistence::None), realm)
}

/// Ends an attempt with a question of a server or a proxy.
pub(super) fn ask(challenge: Box<AuthenticationChallenge>, url: &Url) -> Failure {
    let code = ErrorCode::USER_AUTHENTICATION_REQUIRED;
    let why = format!("{} wants a credential", challenge.protection_space);
    Failure { challenge: Some(challenge), ..Failure::permanent(code, why).at(url.as_str()) }
}
