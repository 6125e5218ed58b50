//! The target `chunks` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_engine::fuzz::chunks(bytes));
