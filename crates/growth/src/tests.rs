//! Tests of a growth witness's checks, with an operator that can lie.

use std::collections::BTreeMap;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, HashReader, Subtree, consistency_proof, empty_root, leaf_hash};
use countersign::tenant::{HeadProof, State, TenantOrigin};
use countersign::time::Time;
use countersign_log::tenants::directory::TickDirectory;
use countersign_log::tenants::heads::{HeadShards, SlotHead};
use countersign_log::tenants::secret::TickSecret;
use countersign_log::tenants::tenant::{TenantId, TenantNumber};

use crate::wire::{
    Answer, Change, Header, ProofRequest, Snapshot, Tick, TickChanges, change_line, head_line, parse_proofs,
    proof_line,
};
use crate::{GrowthCode, GrowthFinding, GrowthState};

const ROOT: &str = "log.example";
const DEPTH: u8 = 8;

/// A tenant log: its entries, by their leaf hashes.
#[derive(Clone, Default)]
struct Log {
    leaves: Vec<Hash>,
    state: Option<State>,
}

impl Log {
    fn root(&self, begin: u64, end: u64) -> Hash {
        let mut tree = CompactRange::new();
        self.leaves[begin as usize..end as usize].iter().for_each(|leaf| tree.append(*leaf));
        tree.root().unwrap_or_else(empty_root)
    }

    fn head(&self, id: TenantId) -> SlotHead {
        let size = self.leaves.len() as u64;
        let state = self.state.unwrap_or(State::Live);
        SlotHead { id, number: TenantNumber::MAX, size, root: self.root(0, size), state }
    }
}

impl HashReader for Log {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, countersign::Error> {
        Ok(subtrees.iter().map(|tree| self.root(tree.index, tree.index + (1 << tree.level))).collect())
    }
}

/// The operator of a root log, who may change everything between two ticks.
#[derive(Default)]
struct Operator {
    logs: BTreeMap<TenantId, Log>,
    shown: BTreeMap<TenantId, SlotHead>,
    edge: CompactRange,
    ticks: u64,
    /// The seconds from the first tick on. A test that sets `ticks` ahead doesn't change them.
    seconds: i64,
}

fn id(number: u8) -> TenantId {
    let mut id = [7; 16];
    id[0] = number;
    id
}

impl Operator {
    fn record(&mut self, number: u8, count: usize) {
        let log = self.logs.entry(id(number)).or_default();
        for _ in 0..count {
            let nth = log.leaves.len();
            log.leaves.push(leaf_hash(&[number, nth as u8, (nth >> 8) as u8]));
        }
    }

    fn heads(&self) -> Vec<SlotHead> {
        self.logs.iter().map(|(id, log)| log.head(*id)).collect()
    }

    /// Makes a tick, and returns it with the edge before.
    fn tick(&mut self) -> (TickChanges, Vec<Hash>) {
        self.seconds += 1;
        let heads = self.heads();
        let shards = HeadShards::new(DEPTH).unwrap().with(heads.iter().copied()).unwrap();
        let secret = [self.ticks as u8; 32];
        let time = Time::from_millis(1_795_154_400_000 + self.seconds * 1000).unwrap();
        let directory =
            TickDirectory::build(TickSecret::from_bytes(secret), ROOT, self.ticks, time, shards).unwrap();
        let tick = Tick { tick: self.ticks, time, secret, depth: DEPTH, heads: heads.len() as u64 };
        let mut changes = Vec::new();
        for head in &heads {
            let before = self.shown.get(&head.id).copied();
            if before == Some(*head) {
                continue;
            }
            let from = before.map_or(0, |before| before.size);
            let proof = if from == 0 { Ok(Vec::new()) } else { self.proof(&head.id, from, head.size) };
            changes.push(Change { id: head.id, head: Some(*head), from, proof: proof.unwrap_or_default() });
        }
        for (gone, before) in &self.shown {
            if !self.logs.contains_key(gone) {
                changes.push(Change { id: *gone, head: None, from: before.size, proof: Vec::new() });
            }
        }
        changes.sort_by_key(|change| change.id);
        self.shown = heads.iter().map(|head| (head.id, *head)).collect();
        let edge = self.edge.hashes().copied().collect();
        self.edge.append(leaf_hash(directory.entry().to_string().as_bytes()));
        self.ticks += 1;
        (TickChanges { tick, changes }, edge)
    }

    fn snapshot(&mut self) -> Snapshot {
        let heads = self.heads();
        let (TickChanges { tick, .. }, edge) = self.tick();
        Snapshot { tick, edge, heads }
    }

    fn proof(&self, id: &TenantId, from: u64, to: u64) -> Result<Vec<Hash>, countersign::Error> {
        consistency_proof(from, to, &self.logs[id])
    }

    /// Returns the proofs that a witness needs to resume with a snapshot; empty ones if the present logs have none.
    fn proofs(&self, state: &GrowthState, snapshot: &Snapshot) -> Vec<(ProofRequest, Vec<Hash>)> {
        let prove = |request: ProofRequest| {
            (request, self.proof(&request.id, request.from, request.to).unwrap_or_default())
        };
        state.required_proofs(snapshot).into_iter().map(prove).collect()
    }

    fn checkpoint(&self) -> Checkpoint {
        Checkpoint::new(ROOT, self.ticks, self.edge.root().unwrap()).unwrap()
    }

    /// Parses the checkpoint as if it were signed.
    fn signed(&self) -> SignedCheckpoint {
        let key = countersign::base64::encode([0; 68]);
        let text = format!("{}\n\u{2014} {ROOT} {key}\n", self.checkpoint());
        SignedCheckpoint::parse(&text).unwrap()
    }
}

/// Three tenants with some entries, and a witness that has checked all ticks.
fn world() -> (Operator, GrowthState) {
    let mut operator = Operator::default();
    operator.record(1, 3);
    operator.record(2, 0);
    let mut state = GrowthState::begin(ROOT, &operator.snapshot()).unwrap();
    operator.record(3, 5);
    for round in 0..5 {
        operator.record(1, round);
        let (tick, _) = operator.tick();
        state = state.apply(&tick).unwrap();
        state.check(&operator.checkpoint()).unwrap();
    }
    (operator, state)
}

/// Returns the finding about the next tick, after a change of the operator. A restarted witness, and one that missed the
/// tick, must find the same.
fn finding(lie: impl Fn(&mut Operator)) -> GrowthFinding {
    let (mut operator, state) = world();
    lie(&mut operator);
    let restarted = GrowthState::from_stored(ROOT, &state.to_stored()).unwrap();
    let (tick, edge) = operator.tick();
    let found = *state.apply(&tick).unwrap_err();
    let again = *restarted.apply(&tick).unwrap_err();
    assert_eq!((found.code, &found.message), (again.code, &again.message));
    let snapshot = Snapshot { tick: tick.tick, edge, heads: operator.heads() };
    let proofs = operator.proofs(&state, &snapshot);
    let resumed = *state.resume(&snapshot, proofs).unwrap_err();
    assert_eq!((resumed.code, resumed.before.clone()), (found.code, found.before.clone()));
    if found.after.is_some() {
        let signed = operator.signed();
        assert!(found.is_signed(&signed));
        let evidence = found.evidence(None, &signed);
        let proof = HeadProof::parse(evidence.last().unwrap()).unwrap();
        assert!(proof.check().is_ok());
        assert_eq!(Some(proof.head()), found.after.as_ref());
    }
    found
}

#[test]
fn accepts_logs_that_grow_and_end() {
    let (mut operator, mut state) = world();
    assert_eq!((state.size(), state.logs()), (6, 3));
    operator.logs.get_mut(&id(3)).unwrap().state = Some(State::Ended);
    operator.record(2, 300);
    let (tick, _) = operator.tick();
    state = state.apply(&tick).unwrap();
    state.check(&operator.checkpoint()).unwrap();
    assert_eq!(state.not_live_since(&id(3)), Some(6));
    // It may also move.
    operator.logs.get_mut(&id(3)).unwrap().state = Some(State::Moved);
    let (tick, _) = operator.tick();
    state = state.apply(&tick).unwrap();
    assert_eq!(state.not_live_since(&id(3)), Some(6));
    assert_eq!(GrowthState::from_stored(ROOT, &state.to_stored()).unwrap().to_stored(), state.to_stored());
}

#[test]
fn finds_a_rewritten_log() {
    let same_size = finding(|operator| operator.logs.get_mut(&id(1)).unwrap().leaves[0] = Hash([9; 32]));
    assert_eq!(same_size.code, GrowthCode::Rewritten);
    assert_eq!(same_size.before.as_ref().unwrap().size, same_size.after.as_ref().unwrap().size);
    let grown = finding(|operator| {
        operator.logs.get_mut(&id(1)).unwrap().leaves[0] = Hash([9; 32]);
        operator.record(1, 4);
    });
    assert_eq!(grown.code, GrowthCode::Rewritten);
    assert_eq!(grown.after.unwrap().origin, TenantOrigin::new(ROOT, id(1)).unwrap());
}

#[test]
fn finds_a_shortened_log() {
    let found = finding(|operator| operator.logs.get_mut(&id(3)).unwrap().leaves.truncate(2));
    assert_eq!(found.code, GrowthCode::Shortened);
    assert_eq!((found.before.unwrap().size, found.after.unwrap().size), (5, 2));
}

#[test]
fn finds_a_dropped_log() {
    let found = finding(|operator| _ = operator.logs.remove(&id(1)));
    assert_eq!((found.code, found.after), (GrowthCode::Dropped, None));
    assert_eq!(found.before.unwrap().size, 13);
    // The earlier head is proven as long as the tick's secret is in memory.
    assert!(found.proof_before.is_some());
}

#[test]
fn finds_a_log_that_grows_after_its_end() {
    for (first, then) in
        [(State::Ended, State::Live), (State::Moved, State::Ended), (State::Ended, State::Ended)]
    {
        let (mut operator, state) = world();
        operator.logs.get_mut(&id(1)).unwrap().state = Some(first);
        let state = state.apply(&operator.tick().0).unwrap();
        operator.logs.get_mut(&id(1)).unwrap().state = Some(then);
        if first == then {
            operator.record(1, 1);
        }
        let found = state.apply(&operator.tick().0).unwrap_err();
        assert_eq!(found.code, GrowthCode::Reopened, "{first:?}");
    }
}

#[test]
fn a_log_that_ended_may_vanish_after_two_anchors() {
    const ANCHOR: u64 = 1 << 21;
    for (ended, gone, is_allowed) in [
        (6, 6 + 1, false),
        (6, 2 * ANCHOR - 1, false),
        (6, 2 * ANCHOR, true),
        (ANCHOR - 1, 2 * ANCHOR, true),
        (ANCHOR, 2 * ANCHOR, false),
        (ANCHOR, 3 * ANCHOR, true),
    ] {
        let (mut operator, state) = world();
        operator.logs.get_mut(&id(1)).unwrap().state = Some(State::Ended);
        let state = state.apply(&operator.tick().0).unwrap();
        let mut stored = state.to_stored();
        for (head, since) in &mut stored.heads {
            *since = (head.id == id(1)).then_some(ended);
        }
        stored.size = gone;
        stored.edge = vec![Hash([1; 32]); gone.count_ones() as usize];
        let state = GrowthState::from_stored(ROOT, &stored).unwrap();
        operator.logs.remove(&id(1));
        operator.ticks = gone;
        let result = state.apply(&operator.tick().0).map_err(|found| found.code);
        assert_eq!(result.err(), (!is_allowed).then_some(GrowthCode::Dropped), "{ended} {gone}");
    }
}

#[test]
fn finds_other_heads_than_the_signed_ones() {
    // The witness is shown the truth, and the signed directory contains a lie.
    let (mut operator, state) = world();
    let honest = operator.heads();
    operator.logs.get_mut(&id(1)).unwrap().leaves[0] = Hash([9; 32]);
    let (mut tick, _) = operator.tick();
    tick.changes.clear();
    let applied = state.apply(&tick).unwrap();
    assert_eq!(honest.len(), applied.logs());
    assert_eq!(applied.check(&operator.checkpoint()).unwrap_err().code, GrowthCode::Directory);
}

#[test]
fn finds_malformed_ticks() {
    let change: [fn(&mut TickChanges); 7] = [
        |tick| tick.tick.tick += 1,
        |tick| tick.tick.time = Time::from_millis(tick.tick.time.millis() - 1).unwrap(),
        |tick| tick.tick.depth = 7,
        |tick| tick.tick.depth = 25,
        |tick| tick.tick.heads += 1,
        |tick| tick.changes[0].from -= 1,
        |tick| {
            // It shares a slot with another log.
            let mut taken = new_head(2);
            taken.id[15] = 0;
            tick.changes.insert(1, Change { id: taken.id, head: Some(taken), from: 0, proof: Vec::new() });
        },
    ];
    for (at, change) in change.into_iter().enumerate() {
        let (mut operator, state) = world();
        operator.record(1, 1);
        let (mut tick, _) = operator.tick();
        assert!(state.apply(&tick).is_ok());
        change(&mut tick);
        assert_eq!(state.apply(&tick).unwrap_err().code, GrowthCode::Directory, "{at}");
    }
}

fn new_head(number: u8) -> SlotHead {
    Log::default().head(id(number))
}

#[test]
fn resumes_with_a_snapshot_after_missed_ticks() {
    let (mut operator, state) = world();
    operator.logs.get_mut(&id(3)).unwrap().state = Some(State::Ended);
    for round in 0..9 {
        operator.record(1, round);
        operator.record(4, 1);
        operator.tick();
    }
    let snapshot = operator.snapshot();
    let proofs = operator.proofs(&state, &snapshot);
    assert_eq!(proofs.len(), 1);
    assert_eq!(state.resume(&snapshot, Vec::new()).unwrap_err().code, GrowthCode::Rewritten);
    let resumed = state.resume(&snapshot, proofs).unwrap();
    resumed.check(&operator.checkpoint()).unwrap();
    assert_eq!((resumed.size(), resumed.logs()), (16, 4));
    // It may have ended right after the last tick that was checked.
    assert_eq!(resumed.not_live_since(&id(3)), Some(6));
    operator.record(1, 2);
    let next = resumed.apply(&operator.tick().0).unwrap();
    next.check(&operator.checkpoint()).unwrap();
    // A snapshot of an earlier tick is no continuation.
    assert!(next.resume(&snapshot, Vec::new()).is_err());
}

#[test]
fn answers_round_trip() {
    let (mut operator, _) = world();
    operator.record(1, 70);
    operator.logs.remove(&id(2));
    let header = Header { origin: ROOT.to_owned(), first: 3, next: 7 };
    let (tick, edge) = operator.tick();
    assert_eq!(tick.changes.len(), 2);
    let mut text = header.to_line() + &tick.tick.to_tick_line(tick.changes.len());
    text.extend(tick.changes.iter().map(change_line));
    let answer = Answer::parse(text.as_bytes()).unwrap();
    assert_eq!(answer, Answer { header: header.clone(), snapshot: None, ticks: vec![tick.clone()] });
    let snapshot = Snapshot { tick: tick.tick, edge: edge.clone(), heads: operator.heads() };
    let mut text = header.to_line() + &tick.tick.to_snapshot_line(&edge);
    text.extend(snapshot.heads.iter().map(head_line));
    let answer = Answer::parse(text.as_bytes()).unwrap();
    assert_eq!(answer, Answer { header, snapshot: Some(snapshot), ticks: Vec::new() });
    // A text that is cut off, or in which lines are repeated or reordered, is malformed.
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let missing = Answer::parse(lines[..lines.len() - 1].concat().as_bytes()).unwrap_err();
    assert_eq!((missing.line, missing.why), (lines.len(), "it is missing"));
    for malformed in [
        "",
        &text[..text.len() - 1],
        &lines[..lines.len() - 1].concat(),
        &lines[1..].concat(),
        &(text.clone() + lines[lines.len() - 1]),
        &(text.clone() + lines[1]),
        &[lines[0], lines[1], lines[3], lines[2]].concat(),
        &text.replace("live", "alive"),
        &text.replace("\"depth\":8", "\"depth\":256"),
    ] {
        assert!(Answer::parse(malformed.as_bytes()).is_err(), "{malformed}");
    }
}

#[test]
fn requests_for_proofs_round_trip() {
    let requests = [(1, 3, 9), (2, 0, 0)].map(|(number, from, to)| ProofRequest { id: id(number), from, to });
    let text: String = requests.iter().map(ProofRequest::to_line).collect();
    assert_eq!(ProofRequest::parse_all(text.as_bytes()).unwrap(), requests);
    for malformed in
        [String::new(), text.replace("\"to\":9", "\"to\":2"), "{}\n".to_owned(), text.repeat(501)]
    {
        assert!(ProofRequest::parse_all(malformed.as_bytes()).is_err());
    }
    let proofs = [vec![Hash([1; 32]), Hash([2; 32])], Vec::new()];
    let text: String =
        requests.iter().zip(&proofs).map(|(request, proof)| proof_line(&request.id, proof)).collect();
    assert_eq!(parse_proofs(text.as_bytes(), &requests).unwrap(), proofs);
    let swapped = [requests[1], requests[0]];
    assert!(parse_proofs(text.as_bytes(), &swapped).is_err());
}
