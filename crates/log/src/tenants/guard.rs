//! Compares the heads in the database with those that were shown, and remembers each before it is shown.
//!
//! | database, compared with memory | consequence |
//! | --- | --- |
//! | equal | none |
//! | ahead: more entries after the remembered ones, or a later state | the last tick was committed, but not remembered; its heads are remembered before the next tick |
//! | behind, but all entries of the remembered head are stored | the head is restored |
//! | behind, or different | the tenant log is stopped alone; its remembered head stays in each directory |
//! | nothing remembered, although the head was in a tick before the last one | the tenant log is stopped alone; the head in the database stays in each directory |
//! | nothing remembered, and another server made the log's first tick after memory was completed from the store | none: the log is new, and its head is remembered before the next tick |

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::merkle::empty_root;
use countersign::tenant::State;
use countersign::time::Time;

use super::heads::{HeadShards, SlotHead};
use super::memory::{AcceptedLoss, RememberedHead, TenantHeadMemory};
use super::stops::{TenantStop, TenantStops};
use super::store::TenantReaders;
use super::tenant::{TenantId, TenantNumber};
use crate::hashes::root_at;
use crate::stop::{Cause, SigningStop};
use crate::store::{EntryReader, StoreError};

/// The result of comparing the heads in a database with those that were shown.
#[derive(Debug, Default)]
pub struct HeadComparison {
    /// The head of each tenant log for the next directory.
    pub heads: Vec<SlotHead>,
    /// The heads that are not remembered yet.
    pub ahead: Vec<SlotHead>,
    /// The heads that the database lacks, although it has all of their entries.
    pub restored: Vec<SlotHead>,
    /// The tenant logs to stop.
    pub stops: Vec<TenantStop>,
}

/// Compares the heads in a database with those that were shown. Memory may lack tenant logs whose first tick is at or
/// after `complete_to`. Trees are read only for heads that are not equal.
///
/// # Errors
/// [`StoreError`] if the database can't be read.
pub fn compare_heads(
    stored: &[SlotHead],
    remembered: &[RememberedHead],
    readers: &dyn TenantReaders,
    complete_to: u64,
    now: Time,
) -> Result<HeadComparison, StoreError> {
    let stored: BTreeMap<TenantNumber, SlotHead> = stored.iter().map(|head| (head.number, *head)).collect();
    let remembered: BTreeMap<TenantNumber, SlotHead> =
        remembered.iter().map(|remembered| (remembered.head.number, remembered.head)).collect();
    let numbers: BTreeSet<TenantNumber> = stored.keys().chain(remembered.keys()).copied().collect();
    let mut comparison = HeadComparison::default();
    let mut ids: BTreeSet<TenantId> = BTreeSet::new();
    for number in numbers {
        let (stored, shown) = (stored.get(&number), remembered.get(&number));
        let head = match (stored, shown) {
            (Some(stored), Some(shown)) if stored == shown => *stored,
            (Some(stored), None) if is_new(stored, readers, complete_to)? => {
                comparison.ahead.push(*stored);
                *stored
            }
            (Some(stored), Some(shown)) if is_ahead(stored, shown, readers)? => {
                comparison.ahead.push(*stored);
                *stored
            }
            (Some(stored), Some(shown))
                if stored.id == shown.id && is_restorable(stored, shown, readers)? =>
            {
                comparison.restored.push(*shown);
                *shown
            }
            (stored, Some(shown)) => {
                comparison.stops.push(TenantStop {
                    head: *shown,
                    reason: Arc::new(contradiction(stored, shown, now)),
                    is_readable: has_entries(&*readers.log(number), shown)?,
                    is_accepted: false,
                });
                *shown
            }
            (Some(stored), None) => {
                let message = "the record of the heads that this tenant log showed is missing";
                comparison.stops.push(TenantStop {
                    head: *stored,
                    reason: Arc::new(SigningStop::new(now, Cause::Unremembered, message)),
                    is_readable: has_entries(&*readers.log(number), stored)?,
                    is_accepted: false,
                });
                *stored
            }
            (None, None) => continue,
        };
        // An ID is never used twice. If it is, the log that has it first was shown.
        if ids.insert(head.id) {
            comparison.heads.push(head);
        }
    }
    Ok(comparison)
}

/// Returns the stop of a tenant log whose stored head is behind the one that was shown, or differs from it.
fn contradiction(stored: Option<&SlotHead>, shown: &SlotHead, now: Time) -> SigningStop {
    let size = shown.size;
    let (cause, message) = match stored {
        None => (Cause::Rollback, format!("the tenant log showed {size} entries, but the database lacks it")),
        Some(stored) if stored.id != shown.id => {
            (Cause::SplitView, "the tenant has another ID than the one that was shown".to_owned())
        }
        Some(stored) if stored.size < size => {
            let message = format!("the tenant log showed {size} entries, but has only {}", stored.size);
            (Cause::Rollback, message)
        }
        Some(stored) if stored.size == size && stored.root == shown.root => {
            let (from, to) = (shown.state.as_str(), stored.state.as_str());
            (Cause::Rollback, format!("the tenant log was shown as {from}, but is {to}"))
        }
        Some(_) => {
            let message =
                format!("the tenant log showed a tree of {size} entries that differs from the one it has");
            (Cause::SplitView, message)
        }
    };
    SigningStop::new(now, cause, message)
}

/// True if the first tick with this tenant log's head is at or after `complete_to`.
fn is_new(head: &SlotHead, readers: &dyn TenantReaders, complete_to: u64) -> Result<bool, StoreError> {
    let since = readers.find(&head.id)?.and_then(|tenant| tenant.since);
    Ok(since.is_some_and(|since| since >= complete_to))
}

/// Returns the tick from which on memory may lack new tenant logs, given the number of ticks: the last one, which may
/// have been committed, but not remembered.
pub const fn complete_to(ticks: u64) -> u64 {
    ticks.saturating_sub(1)
}

/// True if the stored head is a later one of the same log.
fn is_ahead(stored: &SlotHead, shown: &SlotHead, readers: &dyn TenantReaders) -> Result<bool, StoreError> {
    if stored.id != shown.id || stored.size < shown.size || stored.state < shown.state {
        return Ok(false);
    }
    if stored.size == shown.size {
        return Ok(stored.root == shown.root && stored.state > shown.state);
    }
    Ok(shown.state == State::Live && has_entries(&*readers.log(shown.number), shown)?)
}

/// True if the database has exactly the entries of the head that was shown, and only its own head is an earlier one.
fn is_restorable(
    stored: &SlotHead,
    shown: &SlotHead,
    readers: &dyn TenantReaders,
) -> Result<bool, StoreError> {
    let is_behind = stored.size <= shown.size && stored.state <= shown.state;
    let reader = readers.log(shown.number);
    Ok(is_behind && reader.size()? == shown.size && has_entries(&*reader, shown)?)
}

/// True if the stored entries begin with those of a head, according to the tiles.
///
/// # Errors
/// [`StoreError::Unavailable`] if the database can't be read.
pub fn has_entries(reader: &dyn EntryReader, head: &SlotHead) -> Result<bool, StoreError> {
    if reader.size()? < head.size {
        return Ok(false);
    }
    match root_at(reader, head.size) {
        Ok(root) => Ok(root == head.root),
        Err(StoreError::Damaged(_)) => Ok(false),
        Err(error) => Err(error),
    }
}

/// A head that was shown, although the database has another one.
#[derive(Clone, Copy, Debug)]
pub(super) struct ShownHead {
    /// The head that stays in each directory.
    pub(super) head: SlotHead,
    /// The head in the database at the start.
    pub(super) stored: Option<SlotHead>,
    /// True if the next tick writes it to the database.
    pub(super) is_due: bool,
}

/// The heads at the start.
pub(super) struct HeadsAtStart {
    /// The heads for the first directory.
    pub(super) heads: HeadShards,
    /// Those of them that the database lacks.
    pub(super) unstored: Vec<ShownHead>,
}

/// Remembers heads before they are shown, and stops tenant logs that contradict what was shown.
pub struct HeadGuard {
    memory: Box<dyn TenantHeadMemory>,
    stops: TenantStops,
    /// The committed heads that are not remembered yet.
    pending: BTreeMap<TenantNumber, SlotHead>,
    /// The last tick with one of them.
    tick: u64,
}

impl HeadGuard {
    /// Creates the guard of a sequencer. It adds to `stops`.
    pub fn new(memory: Box<dyn TenantHeadMemory>, stops: TenantStops) -> Self {
        Self { memory, stops, pending: BTreeMap::new(), tick: 0 }
    }

    /// Compares the heads in the database with memory at the start. `depth` is that of the last directory, and `ticks`
    /// the number of ticks. If other servers share the store, also the heads of stopped logs are due, so that those
    /// servers show the same heads.
    ///
    /// # Errors
    /// [`StoreError`] if the database or the memory can't be read.
    pub(super) fn begin(
        &mut self,
        stored: &[SlotHead],
        readers: &dyn TenantReaders,
        depth: u8,
        ticks: u64,
        is_shared: bool,
        now: Time,
    ) -> Result<HeadsAtStart, StoreError> {
        let remembered = self.memory.heads()?;
        let complete_to = complete_to(ticks).min(self.memory.completed_at().unwrap_or(u64::MAX));
        let comparison = compare_heads(stored, &remembered, readers, complete_to, now)?;
        let HeadComparison { heads, ahead, restored, stops } = comparison;
        let stored_as = |shown: &SlotHead| {
            let place = stored.binary_search_by_key(&shown.number, |head| head.number);
            place.ok().map(|place| stored[place])
        };
        let mut unstored: Vec<ShownHead> = restored
            .into_iter()
            .map(|head| ShownHead { head, stored: stored_as(&head), is_due: true })
            .collect();
        for stop in stops {
            let (head, stored) = (stop.head, stored_as(&stop.head));
            if stored != Some(head) {
                // Without the tenant, other servers couldn't read the tick.
                let is_due = is_shared && stored.is_some_and(|stored| stored.id == head.id);
                unstored.push(ShownHead { head, stored, is_due });
            }
            self.stops.stop(stop);
        }
        self.stop_accepted(&heads, readers, now)?;
        self.committed(ticks.saturating_sub(1), &ahead);
        // They share a slot only if the depth in the database was set back.
        Ok(HeadsAtStart { heads: HeadShards::from_heads(depth, &heads)?, unstored })
    }

    /// Stops the logs that ended although they were stopped: their entries are still not those of their heads. Accepts the
    /// losses of logs that an older version ended.
    fn stop_accepted(
        &mut self,
        heads: &[SlotHead],
        readers: &dyn TenantReaders,
        now: Time,
    ) -> Result<(), StoreError> {
        let mut losses: BTreeMap<TenantId, AcceptedLoss> =
            self.memory.accepted_losses()?.into_iter().map(|loss| (loss.id, loss)).collect();
        let without_event = self.memory.ended_without_event();
        for head in heads.iter().filter(|head| head.state != State::Live) {
            let entries = readers.log(head.number);
            if without_event.contains(&head.number) && !losses.contains_key(&head.id) {
                let stored = entries.size()?;
                let root = if stored == 0 { Ok(empty_root()) } else { root_at(&*entries, stored) };
                let root = root.unwrap_or(Hash([0; 32]));
                if stored != head.size || root != head.root {
                    let cause = stop_of(head, stored, root, false, now).reason.cause;
                    let loss = AcceptedLoss { id: head.id, cause, stored, root };
                    self.memory.accept_loss(&loss)?;
                    losses.insert(head.id, loss);
                }
            }
            if let Some(loss) = losses.get(&head.id) {
                let message = "the log was stopped, and has ended";
                self.stops.stop(TenantStop {
                    head: *head,
                    reason: Arc::new(SigningStop::new(now, loss.cause, message)),
                    is_readable: has_entries(&*entries, head)?,
                    is_accepted: true,
                });
                self.stops.accept(head.number);
            }
        }
        Ok(())
    }

    /// Remembers that a stopped log, which has `stored` entries with this root hash, is about to end.
    pub(super) fn accept_loss(&mut self, head: &SlotHead, stored: u64, root: Hash) -> Result<(), StoreError> {
        let Some(stop) = self.stops.get(head.number) else { return Ok(()) };
        self.memory.accept_loss(&AcceptedLoss { id: head.id, cause: stop.reason.cause, stored, root })
    }

    /// Notes that stopped logs have ended.
    pub(super) fn ended(&self, heads: &[SlotHead]) {
        for head in heads {
            self.stops.accept(head.number);
        }
    }

    /// Stops a tenant log whose number of stored entries is not that of its head. Heads that other servers show are not
    /// compared with memory.
    pub(super) fn check_size(&self, head: &SlotHead, size: u64, now: Time) {
        if size != head.size && self.check(head.number).is_ok() {
            self.stops.stop(stop_of(head, size, Hash([0; 32]), false, now));
        }
    }

    /// Notes the heads that a tick changed, once it is committed.
    pub(super) fn committed(&mut self, tick: u64, heads: &[SlotHead]) {
        self.tick = tick;
        self.pending.extend(heads.iter().map(|head| (head.number, *head)));
    }

    /// Remembers all committed heads. Until this succeeds, none of them may be shown.
    ///
    /// # Errors
    /// [`StoreError`] if they can't be remembered now.
    pub(super) fn remember(&mut self) -> Result<(), StoreError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let heads: Vec<SlotHead> = self.pending.values().copied().collect();
        self.memory.remember(self.tick, &heads)?;
        self.pending.clear();
        Ok(())
    }

    /// Returns the stopped tenant logs, and the numbers of all.
    pub(super) const fn stops(&self) -> &TenantStops {
        &self.stops
    }

    /// Fails if the tenant log is stopped.
    pub(super) fn check(&self, number: TenantNumber) -> Result<(), StoreError> {
        self.stops.check(number)
    }

    /// Stops a tenant log whose stored entries, `size` with this root hash, are not those of its last head. Returns the
    /// error for its submissions.
    pub(super) fn stop(&self, head: &SlotHead, size: u64, root: Hash, now: Time) -> StoreError {
        StoreError::Stopped(self.stops.stop(stop_of(head, size, root, false, now)))
    }
}

/// Returns the stop of a tenant log whose stored entries, `size` with this root hash, are not those of its last head.
pub fn stop_of(head: &SlotHead, size: u64, root: Hash, is_readable: bool, now: Time) -> TenantStop {
    let reason = if size > head.size {
        let message = format!("the tenant log showed {} entries, but has {size}", head.size);
        SigningStop::new(now, Cause::SplitView, message)
    } else {
        contradiction(Some(&SlotHead { size, root, ..*head }), head, now)
    };
    TenantStop { head: *head, reason: Arc::new(reason), is_readable, is_accepted: false }
}
