//! The JavaScript door: an N-API addon over the public API of the crate `urlsession`.
