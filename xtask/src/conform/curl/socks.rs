//! The proxies of SOCKS that curl's cases go through: whatever they are asked for is on this machine.

use super::case::Case;
use urlsession_testkit::proxy::{Proxy, Way};

/// What a case calls its proxy of version 4.
pub(super) const SOCKS4: &str = "socks4";

/// Those of version 5 and of version 4, of one case.
#[derive(Debug)]
pub(super) struct Proxies([Proxy; 2]);

impl Proxies {
    pub(super) fn start() -> Self {
        Self([Way::Socks5, Way::Socks4].map(Proxy::start))
    }

    pub(super) fn ports(&self) -> [u16; 2] {
        self.0.each_ref().map(|proxy| proxy.address().port())
    }

    /// Has them do what the case says of its server.
    pub(super) fn obey(&self, case: &Case) {
        let [five, four] = &self.0;
        let (mut user, mut password, mut asks) = ("", "", false);
        for line in case.text("servercmd").lines() {
            match line.trim().split_once(' ') {
                Some(("response", code)) => {
                    let code = code.parse().unwrap_or(1);
                    five.reply(&[5, 0, 5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
                    four.reply(&[0, code, 0, 0, 0, 0, 0, 0]);
                }
                Some(("method", "2")) => asks = true,
                Some(("user", name)) => user = name,
                Some(("password", text)) => password = text,
                Some(("backendport", port)) => five.lead_to(port.parse().unwrap_or_default()),
                _ => {}
            }
        }
        if asks {
            five.demand(user, password);
        }
    }
}
