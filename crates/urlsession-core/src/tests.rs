//! Tries the core: every phase against every input, and every rule by itself.
