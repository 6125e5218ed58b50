//! Which credential a request has: what is typed, what a file has, what the URL says.

use super::user;
use crate::args::RequestArgs;
use crate::exit::Failure;
use crate::netrc::Netrc;
use crate::netscape::without_port;
use urlsession::{Credential, Request};

/// Where credentials come from, but for the URL.
pub(super) struct Keys {
    user: Option<Credential>,
    netrc: Option<Netrc>,
    /// Whether a password in the URL wins over the file.
    url_first: bool,
    /// Whether the server has to ask first.
    on_demand: bool,
}

impl Keys {
    pub(super) fn of(args: &RequestArgs) -> Result<Self, Failure> {
        let netrc = match &args.netrc_file {
            Some(path) => Some(Netrc::read(path)?),
            None if args.netrc || args.netrc_optional => Some(Netrc::of_user()?),
            None => None,
        };
        Ok(Self {
            user: args.user.as_deref().map(user).transpose()?,
            netrc,
            url_first: args.netrc_optional,
            on_demand: args.anyauth || args.digest,
        })
    }

    /// Chooses as curl does: `-u`, then the file, then the URL, whose name the file's must have.
    pub(super) fn fit(&self, request: &Request) -> Option<Credential> {
        let in_url = request.credential.as_ref();
        let complete = in_url.filter(|c| self.url_first && !c.password.expose().is_empty());
        let found = || {
            let host = request.host().ok()?;
            let host = without_port(&host);
            let wanted = in_url.map(|credential| credential.user.expose());
            let (user, password) = self.netrc.as_ref()?.find(host, wanted)?;
            Some(Credential::new(user, password))
        };
        let chosen =
            self.user.clone().or_else(|| complete.cloned()).or_else(found).or(in_url.cloned())?;
        Some(Credential { proactive: !self.on_demand, ..chosen })
    }
}
