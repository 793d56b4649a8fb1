//! Shared test code.

pub mod cases;
pub mod files;
pub mod sliced;
pub mod tenant_world;
pub mod third_party;
pub mod value;
#[cfg(target_arch = "wasm32")]
pub mod webcrypto;
pub mod world;
