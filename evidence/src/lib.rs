//! Evidence that can be filed: a [`sample`] of events that nobody could choose.
//!
//! Nothing here does I/O or reads a clock.
#![deny(missing_docs, unsafe_code)]

mod sample;

pub use sample::{Draw, MOST as MOST_SAMPLED, sample};
