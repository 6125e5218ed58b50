//! The shell from outside: the real executable, its daemon, a server on loopback.
#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod answers;
mod bad_input;
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
mod limits;
mod namespaces;
mod network;
mod power_loss;
#[cfg(target_os = "linux")]
mod reach;
mod secrets;
mod service;
mod sessions;
mod simulate;
mod torture;
mod transfers;
mod versions;
mod words;
