//! The check `append_only`: the log still contains what it contained at the pins.

use super::FindingCode::{AppendOnlyNotReached, AppendOnlyRollback, AppendOnlySplitView};
use super::finding::{Findings, Place};
use super::heads::Comparison;
use super::report::Check;
use crate::hash::Hash;
use crate::phrases::{self, say};
use crate::pin::Pin;

/// The pins of the export's log, by size.
#[derive(Debug, Default)]
pub(super) struct Pins {
    all: Vec<(u64, Hash)>,
    /// True if there are pins of other logs, which are ignored.
    others: bool,
    /// The number of pins reached or passed.
    next: usize,
    reached: u64,
    split: u64,
    /// Skips that passed over pins, with the pins' sizes.
    jumped: Vec<(u64, Place)>,
}

impl Pins {
    /// Selects the pins of the export's log.
    pub(super) fn new(pins: &[Pin], origin: &str) -> Self {
        let mut all = Vec::new();
        for pin in pins.iter().filter(|pin| pin.origin == origin) {
            let pin = (pin.size, pin.root);
            // Pins mostly come in order, and a sort would be a lot of code.
            all.insert(all.partition_point(|before| *before <= pin), pin);
        }
        let others = all.len() < pins.len();
        Self { all, others, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// Returns the next size to stop at.
    #[inline]
    pub(super) fn next_size(&self) -> Option<u64> {
        self.next_sizes().next()
    }

    /// Returns the sizes that were not reached or passed.
    pub(super) fn next_sizes(&self) -> impl Iterator<Item = u64> {
        self.all[self.next..].iter().map(|(size, _)| *size)
    }

    /// Compares the pins of this size, which the leaves and skips reach with this root.
    pub(super) fn reach(&mut self, size: u64, root: Option<Hash>, place: Place, findings: &mut Findings) {
        while let Some((_, pinned)) = self.all.get(self.next).filter(|(pinned, _)| *pinned == size) {
            self.next += 1;
            self.reached += 1;
            if root != Some(*pinned) {
                self.split += 1;
                let message = say!(
                    "append_only.split_view",
                    "the log's first {size} entries are not those of the pinned checkpoint",
                    size
                );
                findings.add(AppendOnlySplitView, place, message);
            }
        }
    }

    /// Passes over the pins below `size` with a skip.
    pub(super) fn jump(&mut self, size: u64, place: Place) {
        while let Some((pinned, _)) = self.all.get(self.next).filter(|(pinned, _)| *pinned < size) {
            self.jumped.push((*pinned, place));
            self.next += 1;
        }
    }

    /// Runs the check, together with a tenant log's anchors. `last_checkpoint` is the last checkpoint's size and line;
    /// `last` is the last line.
    pub(super) fn check(
        &self,
        anchors: Comparison,
        last_checkpoint: Option<(u64, Place)>,
        last: Place,
        findings: &mut Findings,
    ) -> Check {
        let (mut rolled_back, mut not_reached) = (0, false);
        let jumped = self.jumped.iter().map(|(size, place)| (*size, *place, true));
        let unmet = self.all[self.next..].iter().map(|(size, _)| (*size, last, false));
        for (size, place, was_skipped) in jumped.chain(unmet) {
            match last_checkpoint {
                Some((checkpoint, at)) if size > checkpoint => {
                    rolled_back += 1;
                    let message = say!(
                        "append_only.rollback",
                        "the last checkpoint has {checkpoint} entries, the pinned one {size}",
                        checkpoint,
                        size
                    );
                    findings.add(AppendOnlyRollback, at, message);
                }
                _ => {
                    not_reached = true;
                    let message = if was_skipped {
                        say!("append_only.skipped", "a skip passes over the pinned size {size}", size)
                    } else {
                        say!("append_only.not_reached", "the export ends before the pinned size {size}", size)
                    };
                    findings.add(AppendOnlyNotReached, place, message);
                }
            }
        }
        let none = self.is_empty().then_some(if self.others {
            phrases::REASON_PINS_OF_OTHER_LOGS
        } else {
            phrases::REASON_NO_PIN
        });
        let anchors_missing = anchors.are_missing.then_some(phrases::REASON_ANCHORS_MISSING);
        let reason = not_reached.then_some(phrases::REASON_PINS_NOT_REACHED).or(anchors_missing);
        let reason = reason.or(none.filter(|_| anchors.items == 0));
        let items = self.reached + rolled_back + anchors.items;
        Check::new(items, self.split + rolled_back + anchors.failed, reason)
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    use crate::checkpoint::Checkpoint;
    use crate::verify::FindingCode;

    const ORIGIN: &str = "log.example";

    fn pinned(size: u64) -> Pins {
        let checkpoint = Checkpoint::new(ORIGIN, size, Hash([7; 32])).unwrap();
        let key = crate::note::SignerKey::from_seed(ORIGIN, [1; 32]).unwrap();
        Pins::new(&[Pin::parse(&checkpoint.sign(&key).unwrap()).unwrap()], ORIGIN)
    }

    fn codes(pins: &Pins, last_checkpoint: u64) -> (bool, Vec<(FindingCode, u64)>) {
        let mut findings = Findings::default();
        let check = pins.check(
            Comparison::default(),
            Some((last_checkpoint, Place::line(8))),
            Place::line(9),
            &mut findings,
        );
        let found = findings.into_list();
        (check.passes(), found.iter().map(|found| (found.code, found.line)).collect())
    }

    #[test]
    fn a_skip_reaches_the_size_it_leads_to_and_jumps_smaller_ones() {
        let mut reached = pinned(4);
        reached.jump(4, Place::line(2));
        assert_eq!(reached.next_size(), Some(4));
        reached.reach(4, Some(Hash([7; 32])), Place::line(2), &mut Findings::default());
        assert_eq!(codes(&reached, 4), (true, vec![]));
        let mut jumped = pinned(3);
        jumped.jump(4, Place::line(2));
        assert_eq!(codes(&jumped, 4), (false, vec![(AppendOnlyNotReached, 2)]));
    }

    #[test]
    fn only_a_pin_above_the_last_checkpoint_is_rolled_back() {
        assert_eq!(codes(&pinned(4), 3), (false, vec![(AppendOnlyRollback, 8)]));
        assert_eq!(codes(&pinned(4), 4), (false, vec![(AppendOnlyNotReached, 9)]));
    }
}
