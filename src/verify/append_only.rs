//! The check `append_only`: does the log still hold what was seen of it before?

use super::FindingCode::{AppendOnlyNotReached, AppendOnlyRollback, AppendOnlySplitView};
use super::finding::{Findings, Place};
use super::report::Check;
use crate::checkpoint::SignedCheckpoint;
use crate::hash::Hash;

/// The pins of the export's log, by size.
#[derive(Debug, Default)]
pub(super) struct Pins {
    all: Vec<(u64, Hash)>,
    /// How many of them were met or passed.
    next: usize,
    reached: u64,
    split: u64,
    /// The skips that jumped over pins, with the pins' sizes.
    jumped: Vec<(u64, Place)>,
}

impl Pins {
    /// Those of `pins` that are of the export's log.
    pub(super) fn new(pins: &[SignedCheckpoint], origin: &str) -> Self {
        let of_origin = pins.iter().map(|pin| &pin.checkpoint).filter(|pin| pin.origin == origin);
        let mut pins: Vec<_> = of_origin.map(|pin| (pin.size, pin.root)).collect();
        pins.sort_unstable();
        Self { all: pins, ..Self::default() }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// The next size to stop at.
    #[inline]
    pub(super) fn next_size(&self) -> Option<u64> {
        self.all.get(self.next).map(|(size, _)| *size)
    }

    /// The leaves and skips reach `size`, with this root.
    pub(super) fn reach(&mut self, size: u64, root: Option<Hash>, place: Place, findings: &mut Findings) {
        while let Some((_, pinned)) = self.all.get(self.next).filter(|(pinned, _)| *pinned == size) {
            self.next += 1;
            self.reached += 1;
            if root != Some(*pinned) {
                self.split += 1;
                findings.add(AppendOnlySplitView, place, || {
                    format!("the log's first {size} leaves are not those of the pinned checkpoint")
                });
            }
        }
    }

    /// A skip leads to `size` without a stop at the sizes before it.
    pub(super) fn jump(&mut self, size: u64, place: Place) {
        while let Some((pinned, _)) = self.all.get(self.next).filter(|(pinned, _)| *pinned < size) {
            self.jumped.push((*pinned, place));
            self.next += 1;
        }
    }

    /// `last_checkpoint` is the last checkpoint's size and line; `last` the last line.
    pub(super) fn check(
        &self,
        last_checkpoint: Option<(u64, Place)>,
        last: Place,
        findings: &mut Findings,
    ) -> Check {
        let (mut rolled_back, mut not_reached) = (0, false);
        let unmet = self.all[self.next..].iter().map(|(size, _)| (*size, last));
        for (size, place) in self.jumped.iter().copied().chain(unmet) {
            match last_checkpoint {
                Some((checkpoint, at)) if size > checkpoint => {
                    rolled_back += 1;
                    findings.add(AppendOnlyRollback, at, || {
                        format!("the last checkpoint has {checkpoint} leaves, the pinned one {size}")
                    });
                }
                _ => {
                    not_reached = true;
                    findings.add(AppendOnlyNotReached, place, || {
                        format!("the pinned size {size} is not reached")
                    });
                }
            }
        }
        let reason = if self.is_empty() {
            Some("no checkpoint of this log was pinned before")
        } else {
            not_reached.then_some("a pinned size is not reached")
        };
        Check::of(self.reached + rolled_back, self.split + rolled_back, reason)
    }
}
