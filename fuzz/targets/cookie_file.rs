//! The target `cookie_file` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_cli::fuzz::cookie_file(bytes));
