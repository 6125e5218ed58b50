//! A simulated world around the core: app, network, server and crashes, in virtual time.
