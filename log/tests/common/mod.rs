//! A collector, and emitters that deliver to it.
#![allow(dead_code, reason = "each test file uses a part of it")]

pub mod emitter;
pub mod server;
pub mod witness;
