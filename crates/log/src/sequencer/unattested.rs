//! The latest time among the links that no cosigned checkpoint holds yet: a witness that says an earlier one would make
//! them links of the future.

use std::collections::VecDeque;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::log::PendingBatch;
use countersign::time::Time;
use countersign::trust::Trust;

use crate::export::PAGE;
use crate::store::{Published, Reader, StoreError, link};

/// How many steps are kept: of more, the last two become one.
const STEPS: usize = 64;

/// Follows a log as it grows and is cosigned.
pub struct Unattested {
    reader: Arc<dyn Reader>,
    /// How many leaves were looked at; none before anything was asked for.
    seen: Option<u64>,
    /// Up to which size which link is the latest, from the previous size on: sizes go up, times go down, because of an
    /// earlier link that is no later than one after it nothing need be known.
    steps: VecDeque<(u64, Time)>,
}

impl Unattested {
    /// Of a log that is read there.
    pub fn new(reader: Arc<dyn Reader>) -> Self {
        Self { reader, seen: None, steps: VecDeque::new() }
    }

    /// The size of the newest checkpoint with a quorum of cosignatures.
    fn cosigned(&self, trust: &Trust) -> Result<u64, StoreError> {
        let newest = self.reader.published()?.map_or(0, |published| published.size);
        let kept = self.reader.checkpoints(0..newest + 1)?;
        let cosigned = kept.iter().rev().find(|published| is_cosigned(published, trust));
        Ok(cosigned.map_or(0, |published| published.size))
    }

    /// The log grew by this.
    pub(super) fn grew(&mut self, growth: &PendingBatch) {
        // What came before it, from other servers, is looked at when it is asked for.
        if self.seen == Some(growth.base()) {
            self.seen = Some(growth.size());
            self.add(growth.size(), growth.latest());
        }
    }

    /// A checkpoint of that size was published with cosignatures.
    pub(super) fn attested(&mut self, size: u64) {
        self.seen = self.seen.max(Some(size));
        while self.steps.pop_front_if(|(until, _)| *until <= size).is_some() {}
    }

    /// The latest time of a link among the first `size` leaves that none holds which the witnesses of that trust file
    /// cosigned.
    pub(super) fn latest(&mut self, size: u64, trust: &Trust) -> Result<Option<Time>, StoreError> {
        let mut seen = match self.seen {
            Some(seen) => seen,
            None => self.cosigned(trust)?,
        };
        while seen < size {
            let end = size.min((seen / PAGE + 1) * PAGE);
            let leaves = self.reader.leaves(seen..end)?;
            self.add(end, leaves.iter().filter_map(|leaf| link(leaf)).map(|link| link.time()).max());
            seen = end;
        }
        self.seen = Some(seen);
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
