//! What is told while an export is verified.

use super::finding::Finding;
use super::{Mark, VerifiedEvent};

/// What became known since the last time, of what the [`Options`](super::Options) ask for.
#[derive(Debug, Default)]
pub struct Told {
    /// Events that became verified.
    pub events: Vec<VerifiedEvent>,
    /// What the export holds beside them: in the order of the lines, but for links, which come when a signature
    /// covers them.
    pub marks: Vec<Mark>,
    /// What was found, of each code the first [`LISTED`](super::LISTED) that were met.
    pub findings: Vec<Finding>,
}

impl Told {
    /// Whether nothing became known.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty() && self.marks.is_empty() && self.findings.is_empty()
    }

    /// This, and what became known after it.
    pub fn append(&mut self, mut next: Self) {
        self.events.append(&mut next.events);
        self.marks.append(&mut next.marks);
        self.findings.append(&mut next.findings);
    }
}
