//! The addon of the npm package: the Rust API of urlsession as one JavaScript class.

#![expect(unsafe_code, reason = "the attribute `napi` writes the glue to Node-API")]

mod error;
mod event;
mod session;
mod task;
