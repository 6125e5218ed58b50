//! The target `file_name` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_protocol::fuzz::file_name(bytes));
