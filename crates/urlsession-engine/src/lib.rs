//! The hands of urlsession: moves the bytes, remembers the decisions, drives the core.

mod transfer;
