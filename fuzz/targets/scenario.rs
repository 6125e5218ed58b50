//! The target `scenario` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_testkit::fuzz::scenario(bytes));
