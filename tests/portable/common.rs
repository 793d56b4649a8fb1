//! Modules shared with `tests/testsuite`.

#[path = "../testsuite/common/value.rs"]
pub mod value;
#[cfg(target_arch = "wasm32")]
#[path = "../testsuite/common/webcrypto.rs"]
pub mod webcrypto;
