//! The changes of the newest ticks, for growth witnesses (SPEC section 16.10).
//!
//! The newest tick is always kept. Earlier ones, with their secrets, are kept only while a growth witness requests them:
//! they are deleted once there was no request during 600 ticks. A restart loses all of them.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use countersign::hash::Hash;
use countersign::merkle::CompactRange;
use countersign::time::Time;

use super::directory::TickDirectory;
use super::heads::{HeadChange, HeadShards};
use super::secret::TickSecret;

/// The maximum number of ticks that are kept.
const MAX_TICKS: usize = 600;
/// The maximum number of changes in the ticks that are kept, unless the newest one has more. They use 68 MB.
const MAX_CHANGES: usize = 524_288;

/// A tick, and the heads that it changed.
#[derive(Debug)]
pub struct GrowthTick {
    /// The number of the tick.
    pub tick: u64,
    /// Its time.
    pub time: Time,
    /// Its secret.
    pub secret: TickSecret,
    /// The directory's depth.
    pub depth: u8,
    /// The number of heads in the directory.
    pub heads: usize,
    /// The changes from the tick before, ascending by ID.
    pub changes: Vec<HeadChange>,
}

/// All heads at the newest tick.
#[derive(Clone, Debug)]
pub struct GrowthSnapshot {
    /// The tick.
    pub tick: Arc<GrowthTick>,
    /// The heads.
    pub heads: HeadShards,
    /// The right edge of the root log before the tick's entry.
    pub edge: Vec<Hash>,
}

/// The answer to a request for ticks.
#[derive(Clone, Debug)]
pub struct GrowthAnswer {
    /// The first tick that is kept.
    pub first: u64,
    /// The number of ticks; `first` if none is kept.
    pub next: u64,
    /// All heads, if the requested ticks are not kept.
    pub snapshot: Option<GrowthSnapshot>,
    /// The requested ticks, ascending and without a gap.
    pub ticks: Vec<Arc<GrowthTick>>,
}

/// The newest ticks of a root log. Clones share one state.
#[derive(Clone, Debug)]
pub struct GrowthTicks(Arc<Mutex<TickHistory>>);

#[derive(Debug, Default)]
struct TickHistory {
    /// The maximum number of changes, unless the newest tick has more.
    max_changes: usize,
    ticks: VecDeque<Arc<GrowthTick>>,
    /// The number of changes in these ticks.
    changes: usize,
    newest: Option<GrowthSnapshot>,
    /// The number of ticks at the last request.
    requested_at: Option<u64>,
    /// The number of ticks.
    next: u64,
}

impl Default for GrowthTicks {
    /// Keeps 524,288 changes.
    fn default() -> Self {
        Self::with_max_changes(MAX_CHANGES)
    }
}

impl GrowthTicks {
    /// Keeps ticks with at most this many changes, 130 bytes each, unless the newest one has more.
    pub fn with_max_changes(max_changes: usize) -> Self {
        Self(Arc::new(Mutex::new(TickHistory {
            max_changes: max_changes.min(MAX_CHANGES),
            ..Default::default()
        })))
    }

    /// Sets the number of the root log's ticks, at the start.
    pub(super) fn begin(&self, ticks: u64) {
        self.lock().next = ticks;
    }

    /// Keeps a tick, once its heads may be shown. `before` are the heads, and `edge` the right edge of the root log, before
    /// it.
    pub(super) fn add(&self, before: &HeadShards, edge: &CompactRange, directory: &TickDirectory) {
        let tick = GrowthTick {
            tick: directory.tick(),
            time: directory.time(),
            secret: directory.secret().clone(),
            depth: directory.depth(),
            heads: directory.heads().len(),
            changes: directory.heads().changes_since(before),
        };
        let (heads, edge) = (directory.heads().clone(), edge.hashes().copied().collect());
        let tick = Arc::new(tick);
        self.lock().add(GrowthSnapshot { tick, heads, edge });
    }

    /// Returns at most `max` ticks from `from` on. If these are not kept, or without `from`, returns all heads at the newest
    /// tick. From now on, ticks are kept.
    pub fn read(&self, from: Option<u64>, max: usize) -> GrowthAnswer {
        let mut kept = self.lock();
        kept.requested_at = Some(kept.next);
        let next = kept.next;
        let first = kept.ticks.front().map_or(next, |tick| tick.tick);
        let mut answer = GrowthAnswer { first, next, snapshot: None, ticks: Vec::new() };
        match from.and_then(|from| from.checked_sub(first)) {
            Some(skipped) => {
                let skipped = usize::try_from(skipped).unwrap_or(usize::MAX);
                answer.ticks = kept.ticks.iter().skip(skipped).take(max).cloned().collect();
            }
            None => answer.snapshot.clone_from(&kept.newest),
        }
        answer
    }

    /// Returns the heads at the newest tick.
    pub fn newest(&self) -> Option<HeadShards> {
        self.lock().newest.as_ref().map(|newest| newest.heads.clone())
    }

    fn lock(&self) -> MutexGuard<'_, TickHistory> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TickHistory {
    fn add(&mut self, newest: GrowthSnapshot) {
        let tick = newest.tick.clone();
        let is_requested =
            self.requested_at.is_some_and(|requested| tick.tick < requested + MAX_TICKS as u64);
        // After a gap, the ticks before it lead nowhere.
        if !is_requested || tick.tick != self.next {
            self.ticks.clear();
            self.changes = 0;
        }
        self.next = tick.tick + 1;
        self.changes += tick.changes.len();
        self.ticks.push_back(tick);
        self.newest = Some(newest);
        while self.ticks.len() > MAX_TICKS || self.ticks.len() > 1 && self.changes > self.max_changes {
            let deleted = self.ticks.pop_front().map_or(0, |tick| tick.changes.len());
            self.changes -= deleted;
        }
    }
}

#[cfg(test)]
mod tests {
    use countersign::tenant::State;

    use super::*;
    use crate::tenants::heads::SlotHead;
    use crate::tenants::tenant::TenantNumber;

    /// Adds a tick in which this tenant log has that size.
    fn tick(ticks: &GrowthTicks, heads: &mut HeadShards, number: u64, size: u64) {
        let id = [size as u8; 16];
        let tenant = TenantNumber::MAX;
        let head = SlotHead { id, number: tenant, size, root: Hash([1; 32]), state: State::Live };
        let before = heads.clone();
        *heads = heads.with([head]).unwrap();
        let secret = TickSecret::from_bytes([number as u8; 32]);
        let directory =
            TickDirectory::build(secret, "log.example", number, Time::MIN, heads.clone()).unwrap();
        ticks.add(&before, &CompactRange::starting_at(number), &directory);
    }

    fn numbers(answer: &GrowthAnswer) -> Vec<u64> {
        answer.ticks.iter().map(|tick| tick.tick).collect()
    }

    #[test]
    fn keeps_ticks_only_while_they_are_requested() {
        let (ticks, mut heads) = (GrowthTicks::default(), HeadShards::new(8).unwrap());
        ticks.begin(5);
        let answer = ticks.read(None, 9);
        assert_eq!((answer.first, answer.next, answer.snapshot.is_none()), (5, 5, true));
        for number in 5..9 {
            tick(&ticks, &mut heads, number, number);
        }
        // The request above began it.
        assert_eq!(numbers(&ticks.read(Some(5), 9)), [5, 6, 7, 8]);
        assert_eq!(numbers(&ticks.read(Some(6), 2)), [6, 7]);
        assert!(ticks.read(Some(9), 2).ticks.is_empty() && ticks.read(Some(99), 2).snapshot.is_none());
        let old = ticks.read(Some(4), 9);
        assert_eq!(old.snapshot.map(|snapshot| (snapshot.tick.tick, snapshot.heads.len())), Some((8, 4)));
        assert!(old.ticks.is_empty());
        for number in 9..9 + MAX_TICKS as u64 {
            tick(&ticks, &mut heads, number, 9);
        }
        {
            let kept = ticks.lock();
            assert_eq!((kept.ticks.len(), kept.ticks[0].tick), (MAX_TICKS, 9));
        }
        tick(&ticks, &mut heads, 9 + MAX_TICKS as u64, 9);
        assert_eq!(ticks.lock().ticks.len(), 1);
        assert_eq!(ticks.read(Some(9), 9).first, 9 + MAX_TICKS as u64);
    }

    #[test]
    fn forgets_ticks_before_a_gap() {
        let (ticks, mut heads) = (GrowthTicks::default(), HeadShards::new(8).unwrap());
        ticks.read(None, 1);
        for number in [0, 1, 3] {
            tick(&ticks, &mut heads, number, number);
        }
        let answer = ticks.read(Some(1), 9);
        assert_eq!((answer.first, answer.next), (3, 4));
        assert_eq!(answer.snapshot.map(|snapshot| snapshot.tick.changes.len()), Some(1));
    }
}
