//! A scriptable HTTP server on loopback that answers, drops, stalls and lies as told.
