//! The interpretation of the fuzzer's bytes for `verify_export`: a log, alterations of its export, and a reader's
//! trust.

pub mod model;
pub mod program;
