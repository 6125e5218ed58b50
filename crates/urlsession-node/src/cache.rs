//! Words for what is kept of responses, on their way from JavaScript.

use crate::task::no_such;
use napi_derive::napi;
use urlsession::{Error, RequestCachePolicy, UrlCache};

/// How much a session keeps of responses.
#[napi(object, object_to_js = false)]
pub struct UrlCacheFields {
    /// Bytes in memory.
    pub memory_capacity: f64,
    /// Bytes on disk.
    pub disk_capacity: f64,
}

impl From<UrlCacheFields> for UrlCache {
    fn from(fields: UrlCacheFields) -> Self {
        Self {
            memory_capacity: fields.memory_capacity as u64,
            disk_capacity: fields.disk_capacity as u64,
        }
    }
}

/// Reads a policy by Apple's name.
pub(crate) fn policy(name: &str) -> Result<RequestCachePolicy, Error> {
    Ok(match name {
        "useProtocolCachePolicy" => RequestCachePolicy::UseProtocolCachePolicy,
        "reloadIgnoringLocalCacheData" => RequestCachePolicy::ReloadIgnoringLocalCacheData,
        "returnCacheDataElseLoad" => RequestCachePolicy::ReturnCacheDataElseLoad,
        "returnCacheDataDontLoad" => RequestCachePolicy::ReturnCacheDataDontLoad,
        "reloadIgnoringLocalAndRemoteCacheData" => {
            RequestCachePolicy::ReloadIgnoringLocalAndRemoteCacheData
        }
        "reloadRevalidatingCacheData" => RequestCachePolicy::ReloadRevalidatingCacheData,
        other => {
            let choices = "useProtocolCachePolicy, reloadIgnoringLocalCacheData, \
                returnCacheDataElseLoad, returnCacheDataDontLoad, \
                reloadIgnoringLocalAndRemoteCacheData or reloadRevalidatingCacheData";
            return Err(no_such("request cache policy", other, choices));
        }
    })
}
