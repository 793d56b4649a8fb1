//! The steps by which a log server turns its [ticks](countersign_log::tenants::growth) into the form of [`wire`](crate::wire).

use countersign::hash::Hash;
use countersign_log::hashes::CachedHashes;
use countersign_log::store::StoreError;
use countersign_log::tenants::growth::GrowthTick;
use countersign_log::tenants::heads::HeadChange;
use countersign_log::tenants::store::TenantReaders;
use countersign_log::tenants::tenant::TenantNumber;

use crate::wire::{Change, Tick};

impl From<&GrowthTick> for Tick {
    fn from(tick: &GrowthTick) -> Self {
        let GrowthTick { tick, time, secret, depth, heads, changes: _ } = tick;
        Self { tick: *tick, time: *time, secret: secret.to_bytes(), depth: *depth, heads: *heads as u64 }
    }
}

impl Change {
    /// Creates a change with its consistency proof. `None` if the log has no head at either tick.
    ///
    /// # Errors
    /// Those of [`prove_growth`].
    pub fn prove(change: &HeadChange, readers: &dyn TenantReaders) -> Result<Option<Self>, StoreError> {
        let from = change.before.map_or(0, |before| before.size);
        let Some(head) = change.after.or(change.before) else { return Ok(None) };
        let proof = prove_growth(readers, head.number, from, head.size)?;
        Ok(Some(Self { id: head.id, head: change.after, from, proof }))
    }
}

/// Returns the consistency proof of a tenant log between two sizes. It is empty if the smaller one is 0, or if the log
/// didn't grow.
///
/// # Errors
/// [`StoreError::Damaged`] if the log has no proof; [`StoreError::Unavailable`] if the store fails.
pub fn prove_growth(
    readers: &dyn TenantReaders,
    number: TenantNumber,
    from: u64,
    to: u64,
) -> Result<Vec<Hash>, StoreError> {
    if from == 0 || from >= to {
        return Ok(Vec::new());
    }
    CachedHashes::new(&*readers.log(number), to).prove_consistency(from, to)
}
