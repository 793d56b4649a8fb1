//! A log whose storage was brought back to an earlier state signs nothing that contradicts what it signed.
#![cfg(unix)]

#[path = "../../../log/tests/common/emitter.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod emitter;
#[path = "../crash/process.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod process;
#[path = "../crash/witness.rs"]
mod witness;

mod after;
mod bucket;
mod scene;
mod stopped;
#[path = "../crash/whole.rs"]
mod whole;
