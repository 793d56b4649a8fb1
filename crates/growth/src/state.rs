//! The state of a growth witness: the heads of the last tick that it read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, leaf_hash, skips, verify_consistency};
use countersign::tenant::{Anchor, Head, MIN_DEPTH, State};
use countersign::time::Time;
use countersign_log::tenants::DirectoryError;
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadChange, HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::tenant::TenantId;

use crate::finding::{GrowthCode, GrowthFinding};
use crate::judge::{Base, Doubt, Held, Judgement, contradiction};
use crate::wire::{Change, ProofRequest, Snapshot, Tick, TickChanges};

/// The maximum depth of a directory that is checked. Its tree takes 1 GiB of memory.
pub const MAX_DEPTH: u8 = 24;
/// The maximum number of IDs whose slots were freed. They take about 50 MB.
pub const MAX_GONE: usize = 1 << 21;
/// The maximum number of findings that are kept about one tick.
const MAX_FINDINGS: usize = 100;
/// The minimum difference between the times of two ticks, in milliseconds.
const MIN_INTERVAL_MS: i64 = 1000;

/// The heads of all tenant logs at the last tick that was read. Copies share memory.
///
/// A log whose head isn't shown to follow from the last one that passed is *held*: that earlier head is kept too. A state
/// without such logs is *whole*. Only whole states are stored.
#[derive(Clone, Debug)]
pub struct GrowthState {
    root_origin: String,
    /// The heads as the log server shows them.
    pub(crate) heads: HeadShards,
    /// The right edge of the root log's tree, with the tick's entry.
    edge: CompactRange,
    /// The time of the tick.
    time: Time,
    /// The least time that the tick could have, by the times of all ticks up to it. It is later than `time` if the tick is
    /// dated too early: such a tick must not let later ones be dated earlier too.
    least_time: Time,
    /// The first tick that was checked.
    first: u64,
    /// The tick from which on a log that isn't live is known to be so.
    not_live: BTreeMap<TenantId, u64>,
    /// The logs whose slots were freed. Their IDs must never be used again.
    pub(crate) gone: Arc<BTreeSet<TenantId>>,
    pub(crate) held: BTreeMap<TenantId, Held>,
    /// The proof of the heads, until the state is stored and loaded again.
    proof: Option<TickProof>,
}

/// The proof of a tick's heads.
#[derive(Clone, Debug)]
struct TickProof {
    secret: TickSecret,
    /// The right edge of the root log's tree before the tick.
    edge_before: CompactRange,
}

/// A whole state as it is stored. It contains no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The number of ticks, up to the last one that was checked.
    pub size: u64,
    /// The time of that tick.
    pub time: Time,
    /// The first tick that was checked.
    pub first: u64,
    /// The depth of the directory.
    pub depth: u8,
    /// The right edge of the root log's tree, as in [`CompactRange::hashes`].
    pub edge: Vec<Hash>,
    /// The heads, in any order, each with the tick from which on the log is known not to be live.
    pub heads: Vec<(SlotHead, Option<u64>)>,
    /// The logs whose slots were freed, in any order.
    pub gone: Vec<TenantId>,
}

/// A reason why a tick can't be checked.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TickError {
    /// No directory can be signed that has the heads shown.
    #[error("{0}")]
    Directory(String),
    /// A limit of this program is exceeded.
    #[error("{0}")]
    Limit(String),
}

/// The state after a tick, and what is wrong with that tick.
#[derive(Clone, Debug)]
pub struct Step {
    /// The state.
    pub state: GrowthState,
    /// The leaf hash of the root log's entry.
    pub entry: Hash,
    /// At most 100 findings. They hold only if a signed checkpoint contains the entry.
    pub findings: Vec<GrowthFinding>,
    /// The number of further ones.
    pub omitted: u64,
    /// True if there is a finding that no proof can settle.
    pub(crate) is_flawed: bool,
}

type Stepped = Result<Step, TickError>;

impl GrowthState {
    /// Starts with a snapshot, which nothing contradicts yet.
    ///
    /// # Errors
    /// [`TickError`] if it contradicts itself.
    pub fn begin(root_origin: &str, snapshot: &Snapshot) -> Stepped {
        let tick = &snapshot.tick;
        let none = HeadShards::new(MIN_DEPTH).map_err(|error| TickError::Directory(error.to_string()))?;
        let empty = Self {
            root_origin: root_origin.to_owned(),
            heads: none,
            edge: CompactRange::new(),
            time: Time::MIN,
            least_time: Time::MIN,
            first: tick.tick,
            not_live: BTreeMap::new(),
            gone: Arc::default(),
            held: BTreeMap::new(),
            proof: None,
        };
        let changes: Vec<Change> = snapshot.heads.iter().map(|head| new_log(*head)).collect();
        // A log that has ended by now may have ended at any tick before.
        empty.advance(tick, &edge_of(snapshot)?, &changes, 0)
    }

    /// Checks the next tick.
    ///
    /// # Errors
    /// [`TickError`].
    pub fn apply(&self, tick: &TickChanges) -> Stepped {
        if tick.tick.tick != self.size() {
            let message = format!("tick {} comes after tick {}", tick.tick.tick, self.tick());
            return Err(TickError::Directory(message));
        }
        self.advance(&tick.tick, &self.edge, &tick.changes, tick.tick.tick)
    }

    /// Compares a later snapshot with this state, which is whole, as if all changes had happened in one tick. All logs that
    /// grew are held then, until [`add_proofs`](Self::add_proofs).
    ///
    /// # Errors
    /// [`TickError`].
    pub fn resume(&self, snapshot: &Snapshot) -> Stepped {
        let tick = snapshot.tick.tick;
        if tick < self.size() {
            let message = format!("the newest tick is {tick}, although tick {} was checked", self.tick());
            return Err(TickError::Directory(message));
        }
        let mut changes = Vec::new();
        let mut ids = BTreeSet::new();
        for head in &snapshot.heads {
            ids.insert(head.id);
            match self.heads.find(&head.id) {
                Some(before) if before == head => {}
                Some(before) => {
                    changes.push(Change { id: head.id, head: Some(*head), from: before.size, proof: None });
                }
                None => changes.push(new_log(*head)),
            }
        }
        let gone = self.heads.iter().filter(|head| !ids.contains(&head.id));
        changes.extend(gone.map(|head| Change { id: head.id, head: None, from: head.size, proof: None }));
        changes.sort_by_key(|change| change.id);
        self.advance(&snapshot.tick, &edge_of(snapshot)?, &changes, self.size())
    }

    /// True if each head follows from the last one that passed.
    pub fn is_whole(&self) -> bool {
        self.held.is_empty()
    }

    /// Returns the held logs whose growth the log server didn't prove, ascending by ID, without those that findings are
    /// about.
    pub fn unproven(&self) -> impl Iterator<Item = &TenantId> {
        self.held.iter().filter(|(_, held)| held.doubt == Doubt::Unproven).map(|(id, _)| id)
    }

    /// Returns the requests for the consistency proofs that show that held logs only grew.
    pub fn required_proofs(&self) -> Vec<ProofRequest> {
        self.held.keys().filter_map(|id| self.required_proof(id)).collect()
    }

    fn required_proof(&self, id: &TenantId) -> Option<ProofRequest> {
        let (Base::Head(before), after) = (self.held.get(id)?.base, self.heads.find(id)?) else {
            return None;
        };
        let is_provable = contradiction(&before, after).is_none();
        is_provable.then_some(ProofRequest { id: *id, from: before.size, to: after.size })
    }

    /// Verifies proofs of [`required_proofs`](Self::required_proofs); `None` stands for one that the log server doesn't
    /// have. Returns a finding for each log whose proof is invalid, unless it has one already.
    pub fn add_proofs(&mut self, proofs: &[(ProofRequest, Option<Vec<Hash>>)]) -> Vec<GrowthFinding> {
        let mut invalid = Vec::new();
        for (request, proof) in proofs {
            let (Some(proof), true) = (proof, self.required_proof(&request.id) == Some(*request)) else {
                continue;
            };
            let (Some(held), Some(after)) = (self.held.get_mut(&request.id), self.heads.find(&request.id))
            else {
                continue;
            };
            let Base::Head(before) = held.base else { continue };
            if verify_consistency(before.size, after.size, &before.root, &after.root, proof).is_ok() {
                self.held.remove(&request.id);
                if after.state == State::Live {
                    self.not_live.remove(&request.id);
                }
            } else if held.doubt == Doubt::Unproven && invalid.len() < MAX_FINDINGS {
                held.doubt = Doubt::InvalidProof;
                invalid.push((request.id, Judgement::unprovable(before, after)));
            }
        }
        let ids: Vec<TenantId> = invalid.iter().map(|(id, _)| *id).collect();
        let proofs = self.prove(&ids);
        let finding = |((id, judgement), proof): ((TenantId, Judgement), Option<Anchor>)| {
            let finding = judgement.finding(&self.root_origin, self.tick(), self.heads.find(&id))?;
            Some(GrowthFinding { proof_after: proof, ..finding })
        };
        invalid.into_iter().zip(proofs).filter_map(finding).collect()
    }

    /// Notes that the finding about an invalid proof of a held log is settled.
    pub(crate) fn clear_finding(&mut self, id: &TenantId) {
        if let Some(held) = self.held.get_mut(id)
            && held.doubt == Doubt::InvalidProof
        {
            held.doubt = Doubt::Unproven;
        }
    }

    /// True if a checkpoint of the root log ends with the directory of the last tick that was read.
    pub fn is_at(&self, checkpoint: &Checkpoint) -> bool {
        checkpoint.size == self.size() && Some(checkpoint.root) == self.edge.root()
    }

    /// Returns the number of ticks, up to the last one that was read.
    pub const fn size(&self) -> u64 {
        self.edge.end()
    }

    /// Returns the last tick that was read.
    pub const fn tick(&self) -> u64 {
        self.size().saturating_sub(1)
    }

    /// Returns the first tick that was checked.
    pub const fn first(&self) -> u64 {
        self.first
    }

    /// Returns the right edge of the root log's tree.
    pub(crate) const fn edge(&self) -> &CompactRange {
        &self.edge
    }

    /// Returns the number of tenant logs.
    pub const fn logs(&self) -> usize {
        self.heads.len()
    }

    /// Returns what must be stored, if `earlier` is stored. A log without a head afterward is one whose slot was freed.
    pub fn changes_since(&self, earlier: &Self) -> Vec<HeadChange> {
        self.heads.changes_since(&earlier.heads)
    }

    /// Returns the state to store. Its `heads` are all heads, and its `gone` all IDs.
    pub fn to_stored(&self) -> StoredState {
        let heads = self.heads.iter().map(|head| (*head, self.not_live_since(&head.id))).collect();
        let gone = self.gone.iter().copied().collect();
        StoredState { heads, gone, ..self.to_stored_without_heads() }
    }

    /// Returns the state to store, with no heads and no IDs.
    pub fn to_stored_without_heads(&self) -> StoredState {
        let edge = self.edge.hashes().copied().collect();
        let (size, time, first, depth) = (self.size(), self.time, self.first, self.heads.depth());
        StoredState { size, time, first, depth, edge, heads: Vec::new(), gone: Vec::new() }
    }

    /// Returns the tick from which on a log is known not to be live.
    pub fn not_live_since(&self, id: &TenantId) -> Option<u64> {
        self.not_live.get(id).copied()
    }

    /// Loads a stored state. Returns `None` if it is damaged.
    pub fn from_stored(root_origin: &str, stored: &StoredState) -> Option<Self> {
        let heads = HeadShards::new(stored.depth).ok()?;
        let heads = heads.with(stored.heads.iter().map(|(head, _)| *head)).ok()?;
        let not_live = stored.heads.iter().filter_map(|(head, since)| Some((head.id, (*since)?)));
        let (root_origin, not_live) = (root_origin.to_owned(), not_live.collect());
        let edge = read_edge(stored.size, &stored.edge)?;
        let gone: BTreeSet<TenantId> = stored.gone.iter().copied().collect();
        let is_sound = stored.first < stored.size
            && gone.len() <= MAX_GONE
            && heads.iter().all(|head| !gone.contains(&head.id));
        is_sound.then_some(Self {
            root_origin,
            heads,
            edge,
            time: stored.time,
            // A tick that is dated too early is not stored.
            least_time: stored.time,
            first: stored.first,
            not_live,
            gone: Arc::new(gone),
            held: BTreeMap::new(),
            proof: None,
        })
    }

    /// Checks a later tick, whose entry follows this edge. `not_live_since` is the tick from which on logs that aren't live
    /// anymore, or gone, can have ended.
    fn advance(
        &self,
        tick: &Tick,
        edge_before: &CompactRange,
        changes: &[Change],
        not_live_since: u64,
    ) -> Stepped {
        if tick.depth > MAX_DEPTH {
            let message = format!("the directory has more than 2^{MAX_DEPTH} slots");
            return Err(TickError::Limit(message));
        }
        let (heads, directory) = self.directory(tick, changes).map_err(|why| {
            TickError::Directory(format!("the directory of tick {} can't exist: {why}", tick.tick))
        })?;
        if heads.len() as u64 != tick.heads {
            let message = format!("tick {} has {} heads, not {}", tick.tick, heads.len(), tick.heads);
            return Err(TickError::Directory(message));
        }
        let mut findings = Vec::new();
        let mut omitted = 0;
        let least_time = self.least_time_of(tick);
        if tick.time < least_time {
            let message =
                format!("tick {} is dated {}, but must not be before {least_time}", tick.tick, tick.time);
            findings.push(GrowthFinding::new(GrowthCode::Directory, tick.tick, message));
        }
        let mut is_flawed = !findings.is_empty();
        let (mut held, mut not_live, mut gone) =
            (self.held.clone(), self.not_live.clone(), self.gone.clone());
        for change in changes {
            let judgement = self.judge(change, tick.tick, not_live_since)?;
            match judgement.held {
                Some(doubt) => _ = held.insert(change.id, doubt),
                None => _ = held.remove(&change.id),
            }
            match change.head {
                None if judgement.held.is_none() => {
                    not_live.remove(&change.id);
                    if !gone.contains(&change.id) {
                        Arc::make_mut(&mut gone).insert(change.id);
                    }
                }
                None => {}
                Some(head) if head.state == State::Live && judgement.held.is_none() => {
                    not_live.remove(&change.id);
                }
                Some(head) if head.state == State::Live => {}
                Some(_) => _ = not_live.entry(change.id).or_insert(not_live_since),
            }
            if let Some(finding) = judgement.finding(&self.root_origin, tick.tick, change.head.as_ref()) {
                is_flawed |= finding.recheck.is_none();
                if findings.len() < MAX_FINDINGS {
                    let proof_after = prove(&directory, edge_before, &change.id);
                    findings.push(GrowthFinding { proof_after, ..finding });
                } else {
                    omitted += 1;
                }
            }
        }
        if gone.len().max(held.len()) > MAX_GONE {
            let message =
                format!("more than {MAX_GONE} tenant logs are gone, or don't follow from their last heads");
            return Err(TickError::Limit(message));
        }
        let entry = leaf_hash(directory.entry().to_string().as_bytes());
        let mut edge = edge_before.clone();
        edge.append(entry);
        let proof = Some(TickProof { secret: directory.secret().clone(), edge_before: edge_before.clone() });
        let (root_origin, time, first) = (self.root_origin.clone(), tick.time, self.first);
        let least_time = least_time.max(time);
        let state = Self { root_origin, heads, edge, time, least_time, first, not_live, gone, held, proof };
        Ok(Step { state, entry, findings, omitted, is_flawed })
    }

    /// Returns the least time that a later tick can have.
    fn least_time_of(&self, tick: &Tick) -> Time {
        if self.size() == 0 {
            return Time::MIN;
        }
        let passed = i64::try_from(tick.tick + 1 - self.size()).unwrap_or(i64::MAX);
        let least = self.least_time.millis().saturating_add(passed.saturating_mul(MIN_INTERVAL_MS));
        Time::from_millis(least).unwrap_or(Time::MAX)
    }

    /// Returns the heads after these changes, and their directory.
    fn directory(&self, tick: &Tick, changes: &[Change]) -> Result<(HeadShards, TickDirectory), String> {
        let text = |error: DirectoryError| error.to_string();
        let is_gone = |head: &&SlotHead| {
            let change = changes.binary_search_by_key(&head.id, |change| change.id);
            change.is_ok_and(|at| changes[at].head.is_none())
        };
        let kept = if changes.iter().any(|change| change.head.is_none()) {
            let kept = self.heads.iter().filter(|head| !is_gone(head)).copied();
            HeadShards::new(self.heads.depth()).and_then(|none| none.with(kept)).map_err(text)?
        } else {
            self.heads.clone()
        };
        let heads = kept.deepened(tick.depth).map_err(text)?;
        let heads = heads.with(changes.iter().filter_map(|change| change.head)).map_err(text)?;
        let secret = TickSecret::from_bytes(tick.secret);
        let directory = TickDirectory::build(secret, &self.root_origin, tick.tick, tick.time, heads.clone());
        Ok((heads, directory.map_err(text)?))
    }

    /// Returns the ID of a tenant log that has this head.
    pub(crate) fn find(&self, head: &Head) -> Option<TenantId> {
        let id = head.origin.id();
        let found = self.heads.find(&id)?;
        let is_same = (found.size, found.root, found.state) == (head.size, head.root, head.state);
        is_same.then_some(id)
    }

    /// Proves heads in the directory of the last tick that was read: `None` for those that aren't there, and for all if the
    /// tick's secret isn't in memory anymore.
    pub(crate) fn prove(&self, ids: &[TenantId]) -> Vec<Option<Anchor>> {
        let directory = self.proof.as_ref().filter(|_| !ids.is_empty()).and_then(|proof| {
            let (secret, heads) = (proof.secret.clone(), self.heads.clone());
            let built = TickDirectory::build(secret, &self.root_origin, self.tick(), self.time, heads);
            Some((built.ok()?, &proof.edge_before))
        });
        ids.iter().map(|id| directory.as_ref().and_then(|(built, edge)| prove(built, edge, id))).collect()
    }
}

fn new_log(head: SlotHead) -> Change {
    Change { id: head.id, head: Some(head), from: 0, proof: Some(Vec::new()) }
}

/// Proves a head in a directory that is the last entry of the root log. The edge before it consists of the siblings on the
/// path to the root.
fn prove(directory: &TickDirectory, edge_before: &CompactRange, id: &TenantId) -> Option<Anchor> {
    let (head, salt, siblings) = directory.prove(id)?;
    let hashes = edge_before.hashes().rev().copied().collect();
    let (time, tick) = (directory.time(), directory.tick());
    Some(Anchor { head, salt, time, siblings, tick, hashes })
}

pub(crate) fn edge_of(snapshot: &Snapshot) -> Result<CompactRange, TickError> {
    let tick = snapshot.tick.tick;
    read_edge(tick, &snapshot.edge)
        .ok_or_else(|| TickError::Directory(format!("the edge of the root log isn't that of {tick} entries")))
}

fn read_edge(size: u64, hashes: &[Hash]) -> Option<CompactRange> {
    let mut edge = CompactRange::new();
    let mut hashes = hashes.iter();
    for subtree in skips(0, size) {
        edge.append_subtree(subtree.level, *hashes.next()?).ok()?;
    }
    hashes.next().is_none().then_some(edge)
}
