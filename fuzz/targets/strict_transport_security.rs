//! The target `strict_transport_security` for libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    urlsession_engine::fuzz::strict_transport_security(bytes)
});
