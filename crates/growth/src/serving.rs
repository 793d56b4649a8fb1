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
    /// Creates a change with its consistency proof. `None` if the log has no head at either tick. If the log can't be read,
    /// the change has no proof, and the error is returned too.
    pub fn prove(change: &HeadChange, readers: &dyn TenantReaders) -> (Option<Self>, Option<StoreError>) {
        let Some(head) = change.after.or(change.before) else { return (None, None) };
        let from = change.before.map_or(0, |before| before.size);
        let proof = if change.after.is_some() {
            prove_growth(readers, head.number, from, head.size)
        } else {
            Ok(Vec::new())
        };
        let (proof, error) = proof.map_or_else(|error| (None, Some(error)), |proof| (Some(proof), None));
        (Some(Self { id: head.id, head: change.after, from, proof }), error)
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
