//! The target `cookie_date` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_engine::fuzz::cookie_date(bytes));
