//! The memory of tenant heads, kept apart from the database: restoring a backup, or losing some of a tenant's rows,
//! doesn't affect it. The sequencer compares the database with it before it shows a head to anyone.

use std::collections::{BTreeMap, BTreeSet};

use countersign::hash::Hash;

use super::heads::SlotHead;
use super::tenant::{TenantId, TenantNumber};
use crate::stop::Cause;
use crate::store::StoreError;

/// A head that was about to be shown, or was shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedHead {
    /// The first tick with this head, or a later one.
    pub tick: u64,
    /// The head.
    pub head: SlotHead,
}

/// The loss of a stopped tenant log that its operator ended: it stays without the entries that it showed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AcceptedLoss {
    /// The ID of the tenant log.
    pub id: TenantId,
    /// The reason why the log was stopped.
    pub cause: Cause,
    /// The number of entries that were stored when the log ended.
    pub stored: u64,
    /// The root hash of these entries; zeros if they couldn't be read. Any other entries are damage.
    pub root: Hash,
}

/// Stores the newest heads of all tenant logs outside their database.
pub trait TenantHeadMemory: Send {
    /// Returns the newest remembered head of each tenant log, at the start, before anything is remembered. A tenant log
    /// whose head can't be read is not among them.
    ///
    /// # Errors
    /// [`StoreError`] if the memory can't be read.
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError>;

    /// Returns the number of ticks in the store when its heads were added to this memory, for a store that several servers
    /// share. Heads of tenant logs whose first tick came later may be missing. `None` if heads are only remembered.
    fn completed_at(&self) -> Option<u64> {
        None
    }

    /// Remembers the heads that changed at a tick. They survive a crash when this returns.
    ///
    /// # Errors
    /// [`StoreError`]. Some of the heads may be remembered then; the call can be repeated.
    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError>;

    /// Returns the accepted losses. They count only for logs that have ended.
    ///
    /// # Errors
    /// [`StoreError`] if the memory can't be read.
    fn accepted_losses(&mut self) -> Result<Vec<AcceptedLoss>, StoreError> {
        Ok(Vec::new())
    }

    /// Returns the logs that ended without an event, as a stopped log does.
    fn ended_without_event(&self) -> BTreeSet<TenantNumber> {
        BTreeSet::new()
    }

    /// Remembers that the operator accepts the loss of a stopped log, before the log ends. It survives a crash when this
    /// returns.
    ///
    /// # Errors
    /// [`StoreError`] if it can't be remembered.
    fn accept_loss(&mut self, _: &AcceptedLoss) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A memory for a log without storage apart from its database. It starts with the heads that it is given, and ends with
/// the process.
#[derive(Clone, Debug, Default)]
pub struct HeadsInMemory(BTreeMap<TenantNumber, RememberedHead>);

impl FromIterator<RememberedHead> for HeadsInMemory {
    fn from_iter<I: IntoIterator<Item = RememberedHead>>(heads: I) -> Self {
        Self(heads.into_iter().map(|remembered| (remembered.head.number, remembered)).collect())
    }
}

impl TenantHeadMemory for HeadsInMemory {
    fn heads(&mut self) -> Result<Vec<RememberedHead>, StoreError> {
        Ok(self.0.values().copied().collect())
    }

    fn remember(&mut self, tick: u64, heads: &[SlotHead]) -> Result<(), StoreError> {
        self.0.extend(heads.iter().map(|head| (head.number, RememberedHead { tick, head: *head })));
        Ok(())
    }
}
