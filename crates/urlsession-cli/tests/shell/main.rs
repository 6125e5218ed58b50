//! The shell from outside: the real executable, its daemon, a server on loopback.
#![cfg(unix)]

mod bad_input;
mod control;
mod demo;
mod home;
mod transfers;
