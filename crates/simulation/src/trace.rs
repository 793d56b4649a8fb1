//! The record of a run.

use countersign::hash::Hash;

/// The events of a run, one line each. Equal seeds give equal traces.
#[derive(Default)]
pub struct Trace(Vec<String>);

impl Trace {
    /// Adds a line with the time in milliseconds since the start.
    pub fn add(&mut self, now: u64, line: impl std::fmt::Display) {
        self.0.push(format!("{:>6}.{:03} {line}", now / 1000, now % 1000));
    }

    /// Returns the lines.
    pub fn lines(&self) -> &[String] {
        &self.0
    }

    /// Returns the hash of all lines.
    pub fn hash(&self) -> Hash {
        Hash::digest(&[self.0.join("\n").as_bytes()])
    }
}
