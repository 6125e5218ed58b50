//! One download over several connections: what each of them brings, and what of it is durable.

pub(super) mod journal;
pub(super) mod ranges;
pub(super) mod span;
