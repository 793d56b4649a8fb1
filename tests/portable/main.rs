//! Tests of the core that run natively, in Node.js, and in a browser. They read no files at run time.

mod common;
mod merkle;
mod ml_dsa;
mod notes;
mod primitives;
mod recorder;
mod webcrypto;
