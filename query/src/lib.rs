//! One language for asking which events there are, and one reading of what events of other shapes say.
//!
//! Nothing here does I/O or reads a clock. An event's bytes and "now" come in as arguments.
//!
//! - [`value`]: an event as it was read, in place.
//! - [`reading`]: who, what, when, on what, from where and with which outcome, whatever the event's shape.
#![deny(missing_docs, unsafe_code)]

pub mod reading;
pub mod value;
