//! What a collector that watches itself finds in its log.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The most findings that are kept to be read; the oldest go first.
pub const MAX_FINDINGS: usize = 2_048;

/// The newest findings, one JSON object each.
#[derive(Debug, Default)]
pub struct Findings(Mutex<Option<VecDeque<String>>>);

impl Findings {
    fn kept(&self) -> MutexGuard<'_, Option<VecDeque<String>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The log is watched; these were found before.
    pub fn begin(&self, before: impl IntoIterator<Item = String>) {
        let mut kept: VecDeque<String> = before.into_iter().collect();
        kept.drain(..kept.len().saturating_sub(MAX_FINDINGS));
        *self.kept() = Some(kept);
    }

    /// Something was found.
    pub fn add(&self, finding: String) {
        let mut kept = self.kept();
        let kept = kept.get_or_insert_default();
        kept.push_back(finding);
        kept.drain(..kept.len().saturating_sub(MAX_FINDINGS));
    }

    /// The findings, a line each, the newest last. None where the log does not watch itself.
    pub fn lines(&self) -> Option<String> {
        let kept = self.kept();
        kept.as_ref().map(|kept| kept.iter().flat_map(|finding| [finding, "\n"]).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_are_kept() {
        let findings = Findings::default();
        assert_eq!(findings.lines(), None);
        findings.begin(["before".to_owned()]);
        assert_eq!(findings.lines().unwrap(), "before\n");
        (0..MAX_FINDINGS).for_each(|nth| findings.add(nth.to_string()));
        let lines = findings.lines().unwrap();
        assert_eq!((lines.lines().count(), lines.lines().next()), (MAX_FINDINGS, Some("0")));
    }
}
