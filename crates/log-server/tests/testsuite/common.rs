//! A log server, and emitters that deliver to it.

#[allow(dead_code, reason = "shared with the tests of the program")]
pub mod emitter;
pub mod mirror;
pub mod random;
pub mod server;
pub mod witness;
