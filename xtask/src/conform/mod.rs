//! Outside suites: what others have written to try clients with, run against ours on loopback.

mod cache;
mod cookies;
mod curl;
mod frames;
mod house;
mod lengths;
mod names;
mod peer;
mod responses;
mod scores;
mod suffixes;
mod tls;
mod worker;

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use std::path::PathBuf;

/// Run outside suites; print and keep the scores.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Which suite.
    #[arg(value_enum, default_value = "cache")]
    suite: Suite,
    /// A checkout of the suite; only that of the cache has a release that is fetched without it.
    folder: Option<PathBuf>,
    /// Write the scores into docs/conformance.md.
    #[arg(long)]
    record: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Suite {
    /// HTTP caches: http-tests/cache-tests.
    Cache,
    /// Cookies: abarth/http-state.
    Cookies,
    /// Public suffixes: publicsuffix/list.
    Suffixes,
    /// HTTP as curl tries itself with: curl/curl.
    Curl,
    /// Certificate chains: C2SP/x509-limbo.
    Tls,
    /// Responses as bytes: nodejs/llhttp.
    Responses,
    /// `Content-Length`: web-platform-tests/wpt.
    Lengths,
    /// Malformed HTTP/2 frames: http2jp/http2-frame-test-case.
    Frames,
    /// File names: jshttp/content-disposition.
    Names,
}

impl Suite {
    /// Where its checkout comes from.
    fn repository(self) -> &'static str {
        match self {
            Self::Cache => "https://github.com/http-tests/cache-tests",
            Self::Cookies => "https://github.com/abarth/http-state",
            Self::Suffixes => "https://github.com/publicsuffix/list",
            Self::Curl => "https://github.com/curl/curl",
            Self::Tls => "https://github.com/C2SP/x509-limbo",
            Self::Responses => "https://github.com/nodejs/llhttp",
            Self::Lengths => "https://github.com/web-platform-tests/wpt",
            Self::Frames => "https://github.com/http2jp/http2-frame-test-case",
            Self::Names => "https://github.com/jshttp/content-disposition",
        }
    }
}

pub(crate) fn conform(arguments: &Arguments) -> Result<()> {
    let folder = arguments.folder.as_ref().map(std::path::absolute).transpose()?;
    let checkout = || {
        let needed = || {
            let repository = arguments.suite.repository();
            format!(
                "this suite is used as its repository has it: git clone --depth 1 {repository} FOLDER, \
                 then name the folder"
            )
        };
        folder.as_deref().with_context(needed)
    };
    let keep = arguments.record;
    match arguments.suite {
        Suite::Cache => cache::run(folder.as_deref(), keep),
        Suite::Cookies => cookies::run(checkout()?, keep),
        Suite::Curl => curl::run(checkout()?, keep),
        Suite::Tls => tls::run(checkout()?, keep),
        Suite::Responses => responses::run(checkout()?, keep),
        Suite::Lengths => lengths::run(checkout()?, keep),
        Suite::Frames => frames::run(checkout()?, keep),
        Suite::Names => names::run(checkout()?, keep),
        Suite::Suffixes => suffixes::run(checkout()?, keep),
    }
}
