//! The judgement of urlsession: decides what happens next to every task, without IO or a clock.

pub mod step;

pub use step::*;
