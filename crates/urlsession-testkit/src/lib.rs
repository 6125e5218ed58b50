//! Development only: the scriptable server, the torturer, and the simulated world around the core.

pub mod server;
pub mod torture;
pub mod world;
