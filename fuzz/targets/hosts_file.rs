//! The target `hosts_file` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| urlsession_cli::fuzz::hosts_file(bytes));
