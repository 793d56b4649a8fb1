//! Updates: intermediate results of verification.

use super::finding::Finding;
use super::visitor::{AnyItem, VerifiedItem};
use super::{Mark, VerifiedEvent};
use crate::error::{Code, Error};

/// Results since the last update. The [`Options`](super::Options) select which of them are returned.
#[derive(Debug, Default)]
pub struct Update {
    /// Events that became verified.
    pub events: Vec<VerifiedEvent>,
    /// Verified events that an examiner selected.
    pub(super) selected: Vec<VerifiedItem<AnyItem>>,
    /// The number of verified events that no examiner selected.
    pub(super) others: u64,
    /// The number of verified events and links that are missing here because more than 64 MiB waited for a signature.
    pub left_out: u64,
    /// Events that become verified later have this index or a greater one.
    pub settled: u64,
    /// Lines that are not events. In the order of the lines, except that links come once a signature covers them.
    pub marks: Vec<Mark>,
    /// The first [`LISTED`](super::LISTED) findings of each code, as they occur.
    pub findings: Vec<Finding>,
}

impl Update {
    /// True if there are no new results.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.selected.is_empty()
            && self.others == 0
            && self.left_out == 0
            && self.marks.is_empty()
            && self.findings.is_empty()
    }

    /// Returns this update if nothing is missing from it. Call it before presenting updates as complete.
    ///
    /// # Errors
    /// [`Code::LeftOut`] if anything was [left out](Self::left_out).
    pub fn whole(self) -> Result<Self, Error> {
        if self.left_out == 0 {
            return Ok(self);
        }
        let message = format!(
            "more than 64 MiB waited for a signature: {} verified events or links are missing from the result",
            self.left_out
        );
        Err(Error::new(Code::LeftOut, message).with_hint("verify without events, or select fewer of them"))
    }

    /// Appends a later update.
    pub fn append(&mut self, mut next: Self) {
        self.events.append(&mut next.events);
        self.selected.append(&mut next.selected);
        self.others += next.others;
        self.left_out += next.left_out;
        self.settled = self.settled.max(next.settled);
        self.marks.append(&mut next.marks);
        self.findings.append(&mut next.findings);
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    use crate::phrases::say;
    use crate::verify::finding::{FindingCode, Findings, Place};

    #[test]
    fn appends_later_updates() {
        let at = |line| {
            let mut findings = Findings::default();
            findings.add(FindingCode::ChainGap, Place::line(line), say!(""));
            let marks = vec![Mark::Opaque { line, index: line }];
            Update { marks, findings: findings.into_list(), ..Update::default() }
        };
        let mut update = Update::default();
        assert!(update.is_empty());
        update.append(Update { left_out: 1, ..at(1) });
        update.append(Update { left_out: 2, ..at(2) });
        assert_eq!(update.left_out, 3);
        assert!(!update.is_empty() && !Update { marks: Vec::new(), ..at(1) }.is_empty());
        assert_eq!(update.marks.iter().map(Mark::line).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(update.findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 2]);
    }
}
