//! What of the core is tested natively, in Node.js and in a browser: it reads no files while it runs.

mod common;
mod merkle;
mod notes;
mod primitives;
mod recorder;
mod webcrypto;
