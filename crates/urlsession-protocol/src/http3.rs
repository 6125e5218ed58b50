//! Whether requests go over HTTP/3.

use serde::{Deserialize, Serialize};

/// Whether requests go over HTTP/3. It needs `https` and no proxy on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Http3 {
    /// They do not.
    #[default]
    Off,
    /// They do to servers that offer it by `Alt-Svc`, and to those of requests that
    /// [assume](crate::TaskOptions::assumes_http3_capable) it. Where QUIC does not come through, or
    /// TCP is there first, they go over HTTP/2 or HTTP/1.1, for a while without trying again.
    Auto,
    /// They do or fail.
    Only,
}
