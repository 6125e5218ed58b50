//! The target `proxy` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_protocol::fuzz::proxy(bytes));
