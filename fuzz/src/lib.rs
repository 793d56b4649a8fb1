//! What `verify_export` makes of the fuzzer's bytes: a log, what was done to it, and who trusts it.

pub mod model;
pub mod program;
