//! How fast all transfers of a daemon may be together.

use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// Most bytes a second that all transfers of a daemon move together, each direction for itself.
/// Tasks that run share them in turn; a task's own limit counts besides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct SpeedLimits {
    /// Of downloads, and of what answers to uploads; `None` is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<NonZeroU64>,
    /// Of request bodies; `None` is no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upload: Option<NonZeroU64>,
}
