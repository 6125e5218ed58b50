//! What is kept of responses, and when a request is answered with it: Apple's `URLCache` and
//! `NSURLRequest.CachePolicy`.

use serde::{Deserialize, Serialize};

/// How much a session may keep of responses: Apple's `URLCache`.
///
/// With room on disk it is the cache that all such sessions of the application share, with the room
/// that the largest of them wants. Without, or if the session has
/// [cookies of its own](crate::HttpCookieStorage::Private), it is the session's own, in memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct UrlCache {
    /// Bytes in memory (4 MiB).
    pub memory_capacity: u64,
    /// Bytes on disk (20 MiB).
    pub disk_capacity: u64,
}

impl UrlCache {
    /// Apple's cache of an ephemeral session: 4 MiB in memory, nothing on disk.
    pub const IN_MEMORY: Self = Self { memory_capacity: 4 * 1024 * 1024, disk_capacity: 0 };
}

impl Default for UrlCache {
    fn default() -> Self {
        Self { disk_capacity: 20 * 1024 * 1024, ..Self::IN_MEMORY }
    }
}

/// When a request is answered with what is kept: Apple's `NSURLRequest.CachePolicy`, in Apple's
/// order. Without a cache nothing is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RequestCachePolicy {
    /// As HTTP says (RFC 9111): 0.
    #[default]
    UseProtocolCachePolicy = 0,
    /// Never; the response is kept: 1.
    ReloadIgnoringLocalCacheData = 1,
    /// Always, however old it is; what is not kept is loaded: 2.
    ReturnCacheDataElseLoad = 2,
    /// Always, however old it is; what is not kept is the error -2000: 3.
    ReturnCacheDataDontLoad = 3,
    /// Never, and caches on the way are asked to do the same: 4.
    ReloadIgnoringLocalAndRemoteCacheData = 4,
    /// When the server says that it still holds: 5.
    ReloadRevalidatingCacheData = 5,
}

/// What a session says about keeping responses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct CachePolicy {
    /// For requests that do not say it themselves.
    #[serde(default)]
    pub policy: RequestCachePolicy,
    /// How much; `None` is nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<UrlCache>,
}

impl CachePolicy {
    /// Says whether it is that of a session without cache that says nothing.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// Where a response came from: Apple's `URLSessionTaskMetrics.ResourceFetchType`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ResourceFetchType {
    /// From the server: 1.
    #[default]
    NetworkLoad = 1,
    /// From what was kept, of which the server may have said that it still holds: 3.
    LocalCache = 3,
}

impl ResourceFetchType {
    /// Says whether it came from the server.
    #[must_use]
    pub fn is_network_load(&self) -> bool {
        *self == Self::NetworkLoad
    }
}
