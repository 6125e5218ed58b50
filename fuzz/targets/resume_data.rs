//! The target `resume_data` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_engine::fuzz::resume_data(bytes));
