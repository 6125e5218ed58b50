//! The shell from outside: the real executable, its daemon, a server on loopback.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod answers;
mod bad_input;
mod bare_urls;
mod conditions;
mod configuration;
mod control;
mod cookies;
mod credentials;
mod demo;
mod disk;
mod disk_faults;
mod doctor;
mod habits;
mod home;
mod hsts;
#[cfg(target_os = "linux")]
mod keychain;
mod leavings;
mod limits;
mod namespaces;
mod network;
mod numbers;
mod places;
mod power_loss;
#[cfg(target_os = "linux")]
mod reach;
mod secrets;
mod sending;
mod service;
mod sessions;
mod simulate;
mod surroundings;
mod torture;
mod transfers;
mod versions;
mod words;

/// Says whether there is curl; where there is none, the test that compares with it is skipped loudly.
fn has_curl() -> bool {
    let is_there = std::process::Command::new("curl").arg("--version").output().is_ok();
    if !is_there {
        assert!(std::env::var_os("URLSESSION_REQUIRE_PEERS").is_none(), "no curl here");
        eprintln!("SKIPPED: there is no curl on this machine");
    }
    is_there
}
