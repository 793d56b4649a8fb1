//! The latest time among the links that no cosigned checkpoint contains yet. A witness that states an earlier
//! time would put these links in the future.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::time::Time;
use countersign::trust::Trust;

use crate::export::PAGE;
use crate::store::{CheckpointReader, EntryReader, Published, Reader, StoreError, link};

/// The maximum number of steps. Beyond it, the last two are merged.
const STEPS: usize = 64;

/// Reads the times of links that are in a log already.
pub trait LinkTimes: Send {
    /// Returns the latest time among the links in these entries; `None` if they contain no link.
    ///
    /// # Errors
    /// [`StoreError`] if the store fails.
    fn latest(&self, entries: Range<u64>) -> Result<Option<Time>, StoreError>;
}

/// The times of entries that are links themselves.
struct EntryTimes(Arc<dyn EntryReader>);

impl LinkTimes for EntryTimes {
    fn latest(&self, entries: Range<u64>) -> Result<Option<Time>, StoreError> {
        let leaves = self.0.leaves(entries)?;
        Ok(leaves.iter().filter_map(|leaf| link(leaf)).map(|link| link.time()).max())
    }
}

/// Follows a log as it grows and is cosigned.
pub struct Unattested {
    reader: Arc<dyn CheckpointReader>,
    times: Box<dyn LinkTimes>,
    /// The number of entries that were examined; `None` before the first call that needs it.
    examined: Option<u64>,
    /// Pairs of a size and the latest link time from the previous size up to that one. Sizes ascend and times
    /// descend: a link doesn't matter if a link after it has the same time or a later one.
    steps: VecDeque<(u64, Time)>,
}

impl Unattested {
    /// Creates a tracker for the log behind `reader`.
    pub fn new(reader: Arc<dyn Reader>) -> Self {
        Self::with_times(reader.clone(), Box::new(EntryTimes(reader)))
    }

    /// Creates a tracker for a log whose entries aren't links, but contain some. `reader` reads its checkpoints.
    pub fn with_times(reader: Arc<dyn CheckpointReader>, times: Box<dyn LinkTimes>) -> Self {
        Self { reader, times, examined: None, steps: VecDeque::new() }
    }

    /// Starts again with other entries, as [`with_times`](Self::with_times) does.
    pub(crate) fn restart(&mut self, times: Box<dyn LinkTimes>) {
        *self = Self::with_times(self.reader.clone(), times);
    }

    /// Returns the size of the newest checkpoint with a quorum of cosignatures.
    fn cosigned(&self, trust: &Trust) -> Result<u64, StoreError> {
        let newest = self.reader.published()?.map_or(0, |published| published.size);
        let kept = self.reader.checkpoints(0..newest + 1)?;
        let cosigned = kept.iter().rev().find(|published| is_cosigned(published, trust));
        Ok(cosigned.map_or(0, |published| published.size))
    }

    /// Accounts for a commit of these entries. `latest` returns the latest time among the links in them.
    pub(crate) fn grew(&mut self, entries: Range<u64>, latest: impl FnOnce() -> Option<Time>) {
        // Entries of other servers before it are examined on demand.
        if self.examined == Some(entries.start) {
            self.examined = Some(entries.end);
            self.add(entries.end, latest());
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
            self.add(end, self.times.latest(examined..end)?);
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
