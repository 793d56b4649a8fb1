//! The answers of a root log's server to growth witnesses.

use countersign::hash::Hash;
use countersign_growth::prove_growth;
use countersign_growth::wire::{Change, ProofRequest, Snapshot, Tick, TickChanges};
use countersign_log::tenants::growth::{GrowthAnswer, GrowthTick};

use super::Server;

impl Server {
    /// Returns the ticks from `from` on, or all heads. `None` if this is no root log's server.
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
            let changes = changes.filter_map(|change| Change::prove(change, &*root_log.readers).0).collect();
            TickChanges { tick: Tick::from(tick), changes }
        };
        Some((snapshot, ticks.iter().map(|tick| changed(tick)).collect()))
    }

    /// Returns consistency proofs: `None` for a log that can't be read.
    pub fn growth_proofs(&self, requests: Vec<ProofRequest>) -> Vec<(ProofRequest, Option<Vec<Hash>>)> {
        let prove = |request: &ProofRequest| {
            let root_log = self.root_log.as_ref()?;
            let heads = root_log.growth.newest()?;
            let head = heads.find(&request.id).filter(|head| request.to <= head.size)?;
            prove_growth(&*root_log.readers, head, request.from, request.to).ok()
        };
        requests.into_iter().map(|request| (request, prove(&request))).collect()
    }
}
