//! Development only: the scriptable server and proxy, the torturer, and the simulated world around the core.

pub mod dice;
#[cfg(unix)]
pub mod door;
pub mod fuzz;
pub mod mutation;
pub mod proxy;
#[cfg(target_os = "linux")]
pub mod receive;
#[cfg(feature = "worker")]
pub mod relay;
pub mod server;
#[cfg(target_os = "linux")]
pub mod soak;
#[cfg(feature = "worker")]
pub mod spend;
pub mod torture;
#[cfg(feature = "worker")]
pub mod worker;
pub mod world;
