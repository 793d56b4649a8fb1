//! A run of ticks that no signed checkpoint is known to contain yet.

use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::verify_consistency;
use countersign_log::tenants::tenant::TenantId;

use crate::finding::{GrowthFinding, Recheck};
use crate::root_tail::RootTail;
use crate::state::{GrowthState, Step, TickError, edge_of};
use crate::wire::{ProofRequest, Snapshot, TickChanges};

/// The maximum number of findings that are kept until a signed checkpoint contains their ticks.
const MAX_FINDINGS: usize = 100;

/// The ticks after a state that passed. They are only claims of the log server, and so are the findings about them, until a
/// [signed checkpoint ends with the last one](Self::is_at).
#[derive(Clone, Debug)]
pub struct GrowthRun {
    /// The state that passed. `None` if the run begins with a snapshot.
    start: Option<GrowthState>,
    state: GrowthState,
    tail: RootTail,
    findings: Vec<GrowthFinding>,
    omitted: u64,
    unchecked: Option<Unchecked>,
    is_resumed: bool,
    /// True if the last tick has a finding that no proof can settle.
    is_flawed: bool,
}

/// Ticks of which not all heads were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// The first tick.
    pub first: u64,
    /// The last tick.
    pub last: u64,
}

impl Unchecked {
    /// Returns the number of ticks.
    pub const fn ticks(self) -> u64 {
        self.last + 1 - self.first
    }
}

impl GrowthRun {
    /// Starts after a state that passed.
    pub fn new(state: GrowthState) -> Self {
        let (start, tail) = (Some(state.clone()), RootTail::new(state.edge().clone()));
        Self {
            start,
            state,
            tail,
            findings: Vec::new(),
            omitted: 0,
            unchecked: None,
            is_resumed: false,
            is_flawed: false,
        }
    }

    /// Starts with a snapshot, which nothing contradicts yet.
    ///
    /// # Errors
    /// [`TickError`] if it contradicts itself.
    pub fn begin(root_origin: &str, snapshot: &Snapshot) -> Result<Self, TickError> {
        let step = GrowthState::begin(root_origin, snapshot)?;
        let mut run =
            Self { start: None, tail: RootTail::new(edge_of(snapshot)?), ..Self::new(step.state.clone()) };
        run.add(step);
        Ok(run)
    }

    /// Compares a snapshot with a state that passed, because ticks in between are not shown.
    ///
    /// # Errors
    /// [`TickError`].
    pub fn resume(state: GrowthState, snapshot: &Snapshot) -> Result<Self, TickError> {
        let (step, tick) = (state.resume(snapshot)?, snapshot.tick.tick);
        let edge = edge_of(snapshot)?;
        let is_gap = state.size() < tick;
        let unchecked = is_gap.then(|| Unchecked { first: state.size(), last: tick - 1 });
        // The edge is only a claim: without a gap, it must be that of the state.
        let is_resumed = is_gap || !edge.hashes().eq(state.edge().hashes());
        let tail = RootTail::new(edge);
        let mut run = Self { tail, unchecked, is_resumed, ..Self::new(state) };
        run.add(step);
        Ok(run)
    }

    /// Adds the next tick.
    ///
    /// # Errors
    /// [`TickError`]; the run is unchanged then.
    pub fn apply(&mut self, tick: &TickChanges) -> Result<(), TickError> {
        let step = self.state.apply(tick)?;
        if !step.state.is_whole() {
            let last = tick.tick.tick;
            let first = self.unchecked.map_or(last, |unchecked| unchecked.first);
            self.unchecked = Some(Unchecked { first, last });
        }
        self.add(step);
        Ok(())
    }

    fn add(&mut self, step: Step) {
        let Step { state, entry, findings, omitted, is_flawed } = step;
        self.omitted += omitted;
        self.is_flawed = is_flawed;
        let before = std::mem::replace(&mut self.state, state);
        self.add_findings(findings, &before);
        self.tail.push(entry);
    }

    /// Adds findings with the proofs of their earlier heads, which the start or the state before has.
    fn add_findings(&mut self, mut findings: Vec<GrowthFinding>, before: &GrowthState) {
        let room = MAX_FINDINGS - self.findings.len();
        self.omitted += findings.len().saturating_sub(room) as u64;
        findings.truncate(room);
        for state in [Some(before), self.start.as_ref()].into_iter().flatten() {
            let lacks = |finding: &&mut GrowthFinding| {
                let head = finding.before.as_ref().filter(|_| finding.proof_before.is_none());
                head.is_some_and(|head| state.find(head).is_some())
            };
            let mut lacking: Vec<&mut GrowthFinding> = findings.iter_mut().filter(lacks).collect();
            let id = |finding: &&mut GrowthFinding| state.find(finding.before.as_ref()?);
            let ids: Vec<TenantId> = lacking.iter().filter_map(id).collect();
            for (finding, proof) in lacking.iter_mut().zip(state.prove(&ids)) {
                finding.proof_before = proof;
            }
        }
        self.findings.append(&mut findings);
    }

    /// Returns the state after the last tick.
    pub const fn state(&self) -> &GrowthState {
        &self.state
    }

    /// Returns the number of ticks, up to the last one of the run.
    pub const fn size(&self) -> u64 {
        self.state.size()
    }

    /// True if a checkpoint ends with the last tick. If it is signed, so are all ticks and heads of the run.
    pub fn is_at(&self, checkpoint: &Checkpoint) -> bool {
        self.state.is_at(checkpoint)
    }

    /// True if ticks between the state that passed and the run weren't shown, or if the run begins with another right edge of
    /// the root log. The root log's earlier checkpoint then doesn't follow from the run.
    pub const fn is_resumed(&self) -> bool {
        self.is_resumed
    }

    /// Returns the range of the ticks that were not shown, or of which not all heads were checked. The state after the last
    /// tick may nevertheless be [whole](GrowthState::is_whole).
    pub fn unchecked(&self) -> Option<Unchecked> {
        let Unchecked { first, last } = self.unchecked?;
        // Proofs may have come in the meantime.
        let last = if self.state.is_whole() { last.min(self.state.tick().saturating_sub(1)) } else { last };
        (first <= last).then_some(Unchecked { first, last })
    }

    /// True if the finding is about a log whose last head doesn't follow from the last one that passed.
    pub fn is_lasting(&self, finding: &GrowthFinding) -> bool {
        let head = finding.before.as_ref().or(finding.after.as_ref());
        head.is_some_and(|head| self.state.held.contains_key(&head.origin.id()))
    }

    /// True if the last tick has a finding that no proof can settle, whether or not it was taken already. Such a tick must
    /// not be the last one that passed, even if the state after it is [whole](GrowthState::is_whole).
    pub const fn is_flawed(&self) -> bool {
        self.is_flawed
    }

    /// Returns the root hash of the root log of this size, if it ends within the run.
    pub fn root_at(&self, size: u64) -> Option<Hash> {
        self.tail.root_at(size)
    }

    /// Returns the requests for all proofs that the run lacks: those of held logs, and those that may settle findings.
    pub fn required_proofs(&self) -> Vec<ProofRequest> {
        let rechecks = self.findings.iter().filter_map(|finding| finding.recheck?.request());
        let rechecks = rechecks.filter(|request| self.is_provable(request));
        let mut requests: Vec<ProofRequest> = rechecks.chain(self.state.required_proofs()).collect();
        requests.sort_by_key(|request| (request.id, request.from, request.to));
        requests.dedup();
        requests
    }

    /// True if the log server must have this proof, unless it can't read the log.
    pub fn is_provable(&self, request: &ProofRequest) -> bool {
        self.state.heads.find(&request.id).is_some_and(|head| request.to <= head.size)
    }

    /// Notes that an earlier finding about a log is settled.
    pub fn clear_finding(&mut self, id: &TenantId) {
        self.state.clear_finding(id);
    }

    /// Verifies proofs that were requested. `None` stands for one that the log server doesn't have at present.
    pub fn add_proofs(&mut self, proofs: &[(ProofRequest, Option<Vec<Hash>>)]) {
        let is_settled =
            |finding: &GrowthFinding| finding.recheck.is_some_and(|recheck| recheck.is_settled(proofs));
        let settled: Vec<TenantId> = self
            .findings
            .extract_if(.., |finding| is_settled(finding))
            .filter_map(|finding| finding.before.map(|head| head.origin.id()))
            .collect();
        for id in &settled {
            self.state.clear_finding(id);
        }
        let invalid = self.state.add_proofs(proofs);
        let state = self.state.clone();
        self.add_findings(invalid, &state);
    }

    /// Returns the findings since the last call, and the number of those that were omitted. Call it once a signed checkpoint
    /// [ends with the run](Self::is_at): proofs of heads lead to that checkpoint.
    pub fn take_findings(&mut self) -> (Vec<GrowthFinding>, u64) {
        let mut findings = std::mem::take(&mut self.findings);
        for finding in &mut findings {
            for anchor in [&mut finding.proof_before, &mut finding.proof_after].into_iter().flatten() {
                if let Some(hashes) = self.tail.inclusion_proof(anchor.tick) {
                    anchor.hashes = hashes;
                }
            }
        }
        (findings, std::mem::take(&mut self.omitted))
    }

    /// Returns the state after the last tick, to be the start of the next run.
    pub fn into_state(self) -> GrowthState {
        self.state
    }
}

impl Recheck {
    /// Returns the request for the proof that settles the finding.
    pub fn request(&self) -> Option<ProofRequest> {
        match self {
            Self::Root { .. } => None,
            Self::Growth { id, before, after } => Some(ProofRequest { id: *id, from: before.0, to: after.0 }),
        }
    }

    /// True if one of these proofs settles the finding.
    pub fn is_settled(&self, proofs: &[(ProofRequest, Option<Vec<Hash>>)]) -> bool {
        let (Self::Growth { before, after, .. }, Some(request)) = (self, self.request()) else {
            return false;
        };
        proofs.iter().any(|(proven, proof)| {
            let verify =
                |proof: &Vec<Hash>| verify_consistency(before.0, after.0, &before.1, &after.1, proof);
            *proven == request && proof.as_ref().is_some_and(|proof| verify(proof).is_ok())
        })
    }
}
