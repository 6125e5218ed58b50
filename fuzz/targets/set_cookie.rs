//! The target `set_cookie` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_engine::fuzz::set_cookie(bytes));
