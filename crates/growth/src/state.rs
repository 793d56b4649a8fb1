//! The state of a growth witness: the heads of the last tick that it checked.

use std::collections::{BTreeMap, BTreeSet};

use countersign::checkpoint::Checkpoint;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, empty_root, leaf_hash, skips, verify_consistency};
use countersign::tenant::{Anchor, MIN_DEPTH, State};
use countersign::time::Time;
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadChange, HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::tenant::TenantId;

use crate::finding::{GrowthCode, GrowthFinding};
use crate::wire::{Change, ProofRequest, Snapshot, Tick, TickChanges};

/// The maximum depth of a directory that is checked. Its tree takes 1 GiB of memory.
pub const MAX_DEPTH: u8 = 24;
/// The distance between anchors of the third kind, in ticks. A log that ended keeps its slot until two have passed.
const ANCHOR_DISTANCE: u64 = 1 << 21;
/// The minimum difference between the times of two ticks, in milliseconds.
const MIN_INTERVAL_MS: i64 = 1000;

/// The heads of all tenant logs at the last tick that was checked. Copies share memory.
#[derive(Clone, Debug)]
pub struct GrowthState {
    root_origin: String,
    heads: HeadShards,
    /// The right edge of the root log's tree, with the tick's entry.
    edge: CompactRange,
    /// The time of the tick.
    time: Time,
    /// The tick from which on a log that isn't live is known to be so.
    not_live: BTreeMap<TenantId, u64>,
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

/// A state as it is stored. It contains no secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredState {
    /// The number of ticks, up to the last one that was checked.
    pub size: u64,
    /// The time of that tick.
    pub time: Time,
    /// The depth of its directory.
    pub depth: u8,
    /// The right edge of the root log's tree, as in [`CompactRange::hashes`].
    pub edge: Vec<Hash>,
    /// The heads, in any order, each with the tick from which on the log is known not to be live.
    pub heads: Vec<(SlotHead, Option<u64>)>,
}

type Checked<T> = Result<T, Box<GrowthFinding>>;

impl GrowthState {
    /// Starts with a snapshot, which nothing contradicts yet.
    ///
    /// # Errors
    /// [`GrowthFinding`] if it contradicts itself.
    pub fn begin(root_origin: &str, snapshot: &Snapshot) -> Checked<Self> {
        let tick = &snapshot.tick;
        let wrong = |message: String| GrowthFinding::new(GrowthCode::Directory, tick.tick, message);
        let none = HeadShards::new(MIN_DEPTH).map_err(|error| wrong(error.to_string()))?;
        let empty = Self {
            root_origin: root_origin.to_owned(),
            heads: none,
            edge: CompactRange::new(),
            time: Time::MIN,
            not_live: BTreeMap::new(),
            proof: None,
        };
        let changes: Vec<Change> = snapshot.heads.iter().map(|head| new_log(*head)).collect();
        // A log that has ended by now may have ended at any tick before.
        empty.advance(tick, &edge_of(snapshot)?, &changes, 0)
    }

    /// Checks the next tick, and returns the state after it.
    ///
    /// # Errors
    /// [`GrowthFinding`].
    pub fn apply(&self, tick: &TickChanges) -> Checked<Self> {
        if tick.tick.tick != self.size() {
            let message = format!("tick {} comes after tick {}", tick.tick.tick, self.tick());
            return Err(Box::new(GrowthFinding::new(GrowthCode::Directory, tick.tick.tick, message)));
        }
        self.advance(&tick.tick, &self.edge, &tick.changes, tick.tick.tick)
    }

    /// Returns the consistency proofs that [`resume`](Self::resume) needs to compare a snapshot with this state.
    pub fn required_proofs(&self, snapshot: &Snapshot) -> Vec<ProofRequest> {
        let grown = |head: &SlotHead| {
            let before = self.heads.find(&head.id)?;
            let (id, from, to) = (head.id, before.size, head.size);
            (0 < from && from < to).then_some(ProofRequest { id, from, to })
        };
        snapshot.heads.iter().filter_map(grown).collect()
    }

    /// Compares a later snapshot with this state, as if all changes had happened in one tick, and returns the state after
    /// it. `proofs` are the consistency proofs of these requests.
    ///
    /// # Errors
    /// [`GrowthFinding`].
    pub fn resume(&self, snapshot: &Snapshot, proofs: Vec<(ProofRequest, Vec<Hash>)>) -> Checked<Self> {
        let tick = snapshot.tick.tick;
        if tick < self.size() {
            let message = format!("the newest tick is {tick}, although tick {} was checked", self.tick());
            return Err(Box::new(GrowthFinding::new(GrowthCode::Directory, tick, message)));
        }
        let mut proofs: BTreeMap<TenantId, Vec<Hash>> =
            proofs.into_iter().map(|(request, proof)| (request.id, proof)).collect();
        let mut changes = Vec::new();
        let mut ids = BTreeSet::new();
        for head in &snapshot.heads {
            ids.insert(head.id);
            match self.heads.find(&head.id) {
                Some(before) if before == head => {}
                Some(before) => {
                    let proof = proofs.remove(&head.id).unwrap_or_default();
                    changes.push(Change { id: head.id, head: Some(*head), from: before.size, proof });
                }
                None => changes.push(new_log(*head)),
            }
        }
        let gone = self.heads.iter().filter(|head| !ids.contains(&head.id));
        changes.extend(gone.map(|head| Change {
            id: head.id,
            head: None,
            from: head.size,
            proof: Vec::new(),
        }));
        changes.sort_by_key(|change| change.id);
        self.advance(&snapshot.tick, &edge_of(snapshot)?, &changes, self.size())
    }

    /// Checks that a checkpoint of the root log ends with the directory of the last tick that was checked.
    ///
    /// # Errors
    /// [`GrowthFinding`].
    pub fn check(&self, checkpoint: &Checkpoint) -> Checked<()> {
        if checkpoint.size == self.size() && Some(checkpoint.root) == self.edge.root() {
            return Ok(());
        }
        let message = format!(
            "the checkpoint of {} entries doesn't end with the directory of the heads at tick {}",
            checkpoint.size,
            self.tick()
        );
        Err(Box::new(GrowthFinding::new(GrowthCode::Directory, self.tick(), message)))
    }

    /// Returns the number of ticks, up to the last one that was checked.
    pub const fn size(&self) -> u64 {
        self.edge.end()
    }

    /// Returns the last tick that was checked.
    const fn tick(&self) -> u64 {
        self.size().saturating_sub(1)
    }

    /// Returns the number of tenant logs.
    pub const fn logs(&self) -> usize {
        self.heads.len()
    }

    /// Returns what must be stored, if `earlier` is stored.
    pub fn changes_since(&self, earlier: &Self) -> Vec<HeadChange> {
        self.heads.changes_since(&earlier.heads)
    }

    /// Returns the state to store. Its `heads` are all heads.
    pub fn to_stored(&self) -> StoredState {
        let heads = self.heads.iter().map(|head| (*head, self.not_live_since(&head.id))).collect();
        StoredState { heads, ..self.to_stored_without_heads() }
    }

    /// Returns the state to store, with no heads.
    pub fn to_stored_without_heads(&self) -> StoredState {
        let edge = self.edge.hashes().copied().collect();
        let (size, time, depth) = (self.size(), self.time, self.heads.depth());
        StoredState { size, time, depth, edge, heads: Vec::new() }
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
        Some(Self { root_origin, heads, edge, time: stored.time, not_live, proof: None })
    }

    /// Checks a later tick, whose entry follows this edge. `not_live_since` is the tick from which on logs that aren't live
    /// anymore are known to be so.
    fn advance(
        &self,
        tick: &Tick,
        edge_before: &CompactRange,
        changes: &[Change],
        not_live_since: u64,
    ) -> Checked<Self> {
        let wrong = |message: String| Box::new(GrowthFinding::new(GrowthCode::Directory, tick.tick, message));
        if tick.depth > MAX_DEPTH {
            return Err(wrong(format!("the directory has more than 2^{MAX_DEPTH} slots")));
        }
        let passed = i64::try_from(tick.tick + 1 - self.size()).unwrap_or(i64::MAX);
        let earliest = self.time.millis().saturating_add(passed.saturating_mul(MIN_INTERVAL_MS));
        if self.size() > 0 && tick.time.millis() < earliest {
            return Err(wrong(format!("tick {} is dated too early", tick.tick)));
        }
        let (heads, directory) = self
            .directory(tick, changes)
            .map_err(|why| wrong(format!("the directory of tick {} can't exist: {why}", tick.tick)))?;
        for change in changes {
            if let Err((code, message)) = self.check_change(change, tick.tick) {
                let before = self.heads.find(&change.id).and_then(|head| head.to_head(&self.root_origin));
                let after = change.head.and_then(|head| head.to_head(&self.root_origin));
                return Err(Box::new(GrowthFinding {
                    proof_before: self.prove(&change.id),
                    proof_after: prove(&directory, edge_before, &change.id),
                    before,
                    after,
                    ..GrowthFinding::new(code, tick.tick, message)
                }));
            }
        }
        if heads.len() as u64 != tick.heads {
            let message = format!("tick {} has {} heads, not {}", tick.tick, heads.len(), tick.heads);
            return Err(wrong(message));
        }
        let mut edge = edge_before.clone();
        edge.append(leaf_hash(directory.entry().to_string().as_bytes()));
        let mut not_live = self.not_live.clone();
        for change in changes {
            match change.head {
                None => _ = not_live.remove(&change.id),
                Some(head) if head.state == State::Live => {}
                Some(_) => _ = not_live.entry(change.id).or_insert(not_live_since),
            }
        }
        let proof = TickProof { secret: directory.secret().clone(), edge_before: edge_before.clone() };
        let root_origin = self.root_origin.clone();
        Ok(Self { root_origin, heads, edge, time: tick.time, not_live, proof: Some(proof) })
    }

    /// Returns the heads after these changes, and their directory.
    fn directory(&self, tick: &Tick, changes: &[Change]) -> Result<(HeadShards, TickDirectory), String> {
        let text = |error: countersign_log::tenants::DirectoryError| error.to_string();
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

    /// Checks the change of one tenant log.
    fn check_change(&self, change: &Change, tick: u64) -> Result<(), (GrowthCode, String)> {
        let before = self.heads.find(&change.id);
        let Some(after) = change.head else {
            let since = self.not_live_since(&change.id);
            let passed =
                since.map_or(0, |since| (tick / ANCHOR_DISTANCE).saturating_sub(since / ANCHOR_DISTANCE));
            if passed >= 2 {
                return Ok(());
            }
            let message = match before {
                None => "a tenant log vanished that wasn't known".to_owned(),
                Some(before) => {
                    format!(
                        "a tenant log of {} entries vanished, although it is {}",
                        before.size,
                        before.state.as_str()
                    )
                }
            };
            return Err((GrowthCode::Dropped, message));
        };
        let (size, root, state) =
            before.map_or((0, empty_root(), State::Live), |before| (before.size, before.root, before.state));
        if change.from != size {
            let message = format!("a tenant log had {size} entries, but the change is from {}", change.from);
            return Err((GrowthCode::Directory, message));
        }
        if after.size < size {
            let message = format!("a tenant log of {size} entries has only {} now", after.size);
            return Err((GrowthCode::Shortened, message));
        }
        if after.state < state {
            let message = format!("a tenant log that was {} is {}", state.as_str(), after.state.as_str());
            return Err((GrowthCode::Reopened, message));
        }
        if state != State::Live && after.size > size {
            return Err((GrowthCode::Reopened, format!("a tenant log that was {} grew", state.as_str())));
        }
        if verify_consistency(size, after.size, &root, &after.root, &change.proof).is_err() {
            let message = if after.size == size {
                format!("the {size} entries of a tenant log differ from those before")
            } else {
                format!(
                    "the {} entries of a tenant log don't begin with its earlier {size} entries",
                    after.size
                )
            };
            return Err((GrowthCode::Rewritten, message));
        }
        Ok(())
    }

    /// Proves a head in the directory of the last tick that was checked. `None` if its secret isn't in memory anymore.
    fn prove(&self, id: &TenantId) -> Option<Anchor> {
        let TickProof { secret, edge_before } = self.proof.as_ref()?;
        let heads = self.heads.clone();
        let directory =
            TickDirectory::build(secret.clone(), &self.root_origin, self.tick(), self.time, heads).ok()?;
        prove(&directory, edge_before, id)
    }
}

fn new_log(head: SlotHead) -> Change {
    Change { id: head.id, head: Some(head), from: 0, proof: Vec::new() }
}

/// Proves a head in a directory that is the last entry of the root log. The edge before it consists of the siblings on the
/// path to the root.
fn prove(directory: &TickDirectory, edge_before: &CompactRange, id: &TenantId) -> Option<Anchor> {
    let (head, salt, siblings) = directory.prove(id)?;
    let hashes = edge_before.hashes().rev().copied().collect();
    let (time, tick) = (directory.time(), directory.tick());
    Some(Anchor { head, salt, time, siblings, tick, hashes })
}

fn edge_of(snapshot: &Snapshot) -> Checked<CompactRange> {
    let tick = snapshot.tick.tick;
    read_edge(tick, &snapshot.edge).ok_or_else(|| {
        let message = format!("the edge of the root log isn't that of {tick} entries");
        Box::new(GrowthFinding::new(GrowthCode::Directory, tick, message))
    })
}

fn read_edge(size: u64, hashes: &[Hash]) -> Option<CompactRange> {
    let mut edge = CompactRange::new();
    let mut hashes = hashes.iter();
    for subtree in skips(0, size) {
        edge.append_subtree(subtree.level, *hashes.next()?).ok()?;
    }
    hashes.next().is_none().then_some(edge)
}
