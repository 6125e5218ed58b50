//! The addon of the npm package: the Rust API of urlsession as one JavaScript class.

#![expect(
    missing_debug_implementations,
    reason = "these types live in JavaScript, which shows them"
)]

mod cache;
mod configuration;
mod credential;
mod error;
mod event;
mod hold;
mod metrics;
mod network;
mod redirection;
mod remembered;
mod request_policy;
mod session;
mod task;
