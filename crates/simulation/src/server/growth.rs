//! The answers of a root log's server to growth witnesses.

use countersign::hash::Hash;
use countersign_growth::prove_growth;
use countersign_growth::wire::{Change, ProofRequest, Snapshot, Tick, TickChanges};
use countersign_log::tenants::growth::{GrowthAnswer, GrowthTick};

use super::Server;

impl Server {
    /// Returns the ticks from `from` on, or all heads. `None` if the store fails.
    pub fn growth(&self, from: Option<u64>) -> Option<(Option<Snapshot>, Vec<TickChanges>)> {
        let root_log = self.root_log.as_ref()?;
        let GrowthAnswer { snapshot, ticks, .. } = root_log.growth.read(from, usize::MAX);
        let snapshot = snapshot.map(|snapshot| Snapshot {
            tick: Tick::from(&*snapshot.tick),
            edge: snapshot.edge,
            heads: snapshot.heads.iter().copied().collect(),
        });
        let changed = |tick: &GrowthTick| {
            let changes = tick.changes.iter();
            let changes: Option<_> =
                changes.map(|change| Change::prove(change, &*root_log.readers).ok().flatten()).collect();
            Some(TickChanges { tick: Tick::from(tick), changes: changes? })
        };
        let ticks: Option<_> = ticks.iter().map(|tick| changed(tick)).collect();
        Some((snapshot, ticks?))
    }

    /// Returns consistency proofs. `None` if the store fails.
    pub fn growth_proofs(&self, requests: Vec<ProofRequest>) -> Option<Vec<(ProofRequest, Vec<Hash>)>> {
        let root_log = self.root_log.as_ref()?;
        let heads = root_log.growth.newest()?;
        let prove = |request: ProofRequest| {
            let number = heads.find(&request.id)?.number;
            Some((request, prove_growth(&*root_log.readers, number, request.from, request.to).ok()?))
        };
        requests.into_iter().map(prove).collect()
    }
}
