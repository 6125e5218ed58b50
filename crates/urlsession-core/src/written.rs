//! Orders as they are written down, read without a detour: a tag among the other fields would have
//! serde collect all of them first.

use crate::{Answered, Kind, Order};
use serde::Deserialize;
use std::path::PathBuf;
use std::time::Duration;
use urlsession_protocol::{CachePolicy, CookiePolicy, Request, TaskKind, TaskOptions};

/// The fields of an [`Order`], those of its kind among them.
#[derive(Debug, Deserialize)]
pub(crate) struct WrittenOrder {
    kind: Kind,
    destination: Option<PathBuf>,
    request: Request,
    options: TaskOptions,
    #[serde(with = "urlsession_protocol::time::milliseconds")]
    idle_timeout: Duration,
    #[serde(default)]
    cookies: CookiePolicy,
    #[serde(default)]
    cache: CachePolicy,
    #[serde(default)]
    answers: Vec<Answered>,
}

impl From<WrittenOrder> for Order {
    fn from(written: WrittenOrder) -> Self {
        let WrittenOrder { kind, destination, request, options, .. } = written;
        let kind = match kind {
            Kind::Download => TaskKind::Download { destination },
            Kind::Upload => TaskKind::Upload,
            Kind::Data => TaskKind::Data,
        };
        let WrittenOrder { idle_timeout, cookies, cache, answers, .. } = written;
        Self { kind, request, options, idle_timeout, cookies, cache, answers }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_is_read_as_it_was_written() {
        let kinds = [
            TaskKind::Download { destination: Some("/a \"b\"".into()) },
            TaskKind::Download { destination: None },
            TaskKind::Upload,
            TaskKind::Data,
        ];
        for kind in kinds {
            let order = Order {
                kind,
                request: Request::new("http://host/").expect("a URL"),
                options: TaskOptions { limit_rate: Some(7), ..TaskOptions::default() },
                idle_timeout: Duration::from_secs(9),
                cookies: CookiePolicy::default(),
                cache: CachePolicy::default(),
                answers: Vec::new(),
            };
            let text = serde_json::to_string(&order).expect("an order can be written");
            assert_eq!(serde_json::from_str::<Order>(&text).ok(), Some(order), "{text}");
        }
        assert!(serde_json::from_str::<Order>("{\"kind\":\"other\"}").is_err());
    }
}
