//! Records signed, hash-chained audit events and verifies exported logs.
#![deny(missing_docs, unsafe_code)]

pub mod base64;
pub mod canonical;
#[cfg(feature = "verify")]
pub mod check;
#[cfg(feature = "prove")]
pub mod checkpoint;
pub mod ed25519;
pub mod error;
pub mod event;
#[cfg(feature = "verify")]
pub mod explain;
#[cfg(feature = "verify")]
pub mod export;
pub mod hash;
mod hex;
#[cfg_attr(not(feature = "verify"), allow(dead_code, reason = "whole lines are scanned in verifying alone"))]
mod json;
#[cfg(feature = "prove")]
pub mod keys;
mod lanes;
pub mod link;
#[cfg(feature = "verify")]
#[cfg_attr(
    not(feature = "sign"),
    allow(dead_code, unused_imports, reason = "sealing an export grows a log too")
)]
pub mod log;
pub mod merkle;
pub mod note;
#[cfg(feature = "prove")]
pub mod proof;
pub mod recorder;
pub mod time;
#[cfg(feature = "prove")]
pub mod trust;
#[cfg(feature = "verify")]
pub mod verify;
#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(feature = "verify")]
pub mod witness;

pub use error::{Code, Error};
