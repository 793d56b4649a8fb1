//! What is told while an export is verified.

use super::finding::Finding;
use super::visitor::{AnyItem, VerifiedItem};
use super::{Mark, VerifiedEvent};
use crate::error::{Code, Error};

/// What became known since the last time, of what the [`Options`](super::Options) ask for.
#[derive(Debug, Default)]
pub struct Update {
    /// Events that became verified.
    pub events: Vec<VerifiedEvent>,
    /// Events that became verified and that an examiner had selected.
    pub(super) selected: Vec<VerifiedItem<AnyItem>>,
    /// The number of verified events that no examiner selected.
    pub(super) others: u64,
    /// How many events and links became verified that are missing here, because more than 64 MiB waited for a
    /// signature.
    pub left_out: u64,
    /// Events that become verified later have this index or a greater one.
    pub settled: u64,
    /// What the export holds beside them: in the order of the lines, but for links, which come when a signature
    /// covers them.
    pub marks: Vec<Mark>,
    /// What was found, of each code the first [`LISTED`](super::LISTED) that were met.
    pub findings: Vec<Finding>,
}

impl Update {
    /// Whether nothing became known.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
            && self.selected.is_empty()
            && self.others == 0
            && self.left_out == 0
            && self.marks.is_empty()
            && self.findings.is_empty()
    }

    /// This, where nothing is missing: who shows it as all there is asks here.
    ///
    /// # Errors
    /// [`Code::LeftOut`] where something was [left out](Self::left_out).
    pub fn whole(self) -> Result<Self, Error> {
        if self.left_out == 0 {
            return Ok(self);
        }
        let message = format!(
            "more than 64 MiB waited for a signature: {} verified events or links would be missing from what is shown",
            self.left_out
        );
        Err(Error::new(Code::LeftOut, message)
            .with_hint("verify it without its events, or ask for fewer of them"))
    }

    /// This, and what became known after it.
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
    fn what_became_known_later_comes_after_it() {
        let at = |line| {
            let mut findings = Findings::default();
            findings.add(FindingCode::ChainGap, Place::line(line), say!(""));
            let marks = vec![Mark::Opaque { line, index: line }];
            Update { marks, findings: findings.into_list(), ..Update::default() }
        };
        let mut told = Update::default();
        assert!(told.is_empty());
        told.append(Update { left_out: 1, ..at(1) });
        told.append(Update { left_out: 2, ..at(2) });
        assert_eq!(told.left_out, 3);
        assert!(!told.is_empty() && !Update { marks: Vec::new(), ..at(1) }.is_empty());
        assert_eq!(told.marks.iter().map(Mark::line).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(told.findings.iter().map(|finding| finding.line).collect::<Vec<_>>(), [1, 2]);
    }
}
