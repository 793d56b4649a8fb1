//! The latest time among the links that no cosigned checkpoint contains yet. A witness that states an earlier time
//! would make them links of the future.

use std::collections::VecDeque;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::log::PendingBatch;
use countersign::time::Time;
use countersign::trust::Trust;

use crate::export::PAGE;
use crate::store::{Published, Reader, StoreError, link};

/// The maximum number of steps. Beyond it, the last two are merged.
const STEPS: usize = 64;

/// Follows a log as it grows and is cosigned.
pub struct Unattested {
    reader: Arc<dyn Reader>,
    /// The number of entries that were examined; `None` before the first call that needs it.
    examined: Option<u64>,
    /// Pairs of a size and the latest link time from the previous size up to that one. Sizes ascend and times descend:
    /// an earlier link that is no later than a link after it doesn't matter.
    steps: VecDeque<(u64, Time)>,
}

impl Unattested {
    /// Creates a tracker for the log behind `reader`.
    pub fn new(reader: Arc<dyn Reader>) -> Self {
        Self { reader, examined: None, steps: VecDeque::new() }
    }

    /// Returns the size of the newest checkpoint with a quorum of cosignatures.
    fn cosigned(&self, trust: &Trust) -> Result<u64, StoreError> {
        let newest = self.reader.published()?.map_or(0, |published| published.size);
        let kept = self.reader.checkpoints(0..newest + 1)?;
        let cosigned = kept.iter().rev().find(|published| is_cosigned(published, trust));
        Ok(cosigned.map_or(0, |published| published.size))
    }

    /// Accounts for a commit.
    pub(super) fn grew(&mut self, growth: &PendingBatch) {
        // Entries of other servers before it are examined on demand.
        if self.examined == Some(growth.base()) {
            self.examined = Some(growth.size());
            self.add(growth.size(), growth.latest());
        }
    }

    /// Accounts for a checkpoint of this size that was published with cosignatures.
    pub(super) fn attested(&mut self, size: u64) {
        self.examined = self.examined.max(Some(size));
        while self.steps.pop_front_if(|(until, _)| *until <= size).is_some() {}
    }

    /// Returns the latest link time among those of the first `size` entries that are not in any checkpoint cosigned by
    /// the trust file's witnesses.
    pub(super) fn latest(&mut self, size: u64, trust: &Trust) -> Result<Option<Time>, StoreError> {
        let mut examined = match self.examined {
            Some(examined) => examined,
            None => self.cosigned(trust)?,
        };
        while examined < size {
            let end = size.min((examined / PAGE + 1) * PAGE);
            let leaves = self.reader.leaves(examined..end)?;
            self.add(end, leaves.iter().filter_map(|leaf| link(leaf)).map(|link| link.time()).max());
            examined = end;
        }
        self.examined = Some(examined);
        Ok(self.steps.front().map(|(_, time)| *time))
    }

    fn add(&mut self, size: u64, latest: Option<Time>) {
        let Some(latest) = latest else { return };
        while self.steps.pop_back_if(|(_, time)| *time <= latest).is_some() {}
        let is_full = self.steps.len() == STEPS;
        match self.steps.back_mut().filter(|_| is_full) {
            Some((until, _)) => *until = size,
            None => self.steps.push_back((size, latest)),
        }
    }
}

fn is_cosigned(published: &Published, trust: &Trust) -> bool {
    SignedCheckpoint::parse(&published.note)
        .is_ok_and(|signed| trust.times(&signed.cosignatures(trust.witnesses()).times()).is_some())
}
