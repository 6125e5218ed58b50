//! Development only: the scriptable server, and the simulated world that tries the core.

pub mod server;
pub mod world;
