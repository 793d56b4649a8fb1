//! Tests of a growth witness's checks, with an operator that can lie.

use std::collections::BTreeMap;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{
    CompactRange, HashReader, Subtree, consistency_proof, empty_root, leaf_hash, skips,
};
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
use crate::{
    GrowthCode, GrowthFinding, GrowthRun, GrowthState, MAX_DEPTH, MAX_GONE, Step, StoredState, TickError,
    Unchecked,
};

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
#[derive(Clone, Default)]
struct Operator {
    logs: BTreeMap<TenantId, Log>,
    shown: BTreeMap<TenantId, SlotHead>,
    edge: CompactRange,
    ticks: u64,
    /// The seconds from the first tick on.
    seconds: i64,
}

fn id(number: u8) -> TenantId {
    let mut id = [7; 16];
    id[0] = number;
    id
}

impl Operator {
    /// Makes all ticks before this one, with entries that nobody looks at.
    fn skip_to(&mut self, tick: u64) {
        (self.ticks, self.seconds, self.edge) = (tick, tick.cast_signed(), CompactRange::new());
        for subtree in skips(0, tick) {
            self.edge.append_subtree(subtree.level, Hash([1; 32])).unwrap();
        }
    }

    /// Returns a copy that recorded one more event in a log.
    fn record_later(&self, number: u8) -> Self {
        let mut later = self.clone();
        later.record(number, 1);
        later
    }

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
            let proof = if from == 0 { Vec::new() } else { self.proof(&head.id, from, head.size) };
            changes.push(Change { id: head.id, head: Some(*head), from, proof: Some(proof) });
        }
        for (gone, before) in &self.shown {
            if !self.logs.contains_key(gone) {
                changes.push(Change { id: *gone, head: None, from: before.size, proof: Some(Vec::new()) });
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

    /// Returns the consistency proof of the present log; an empty one if there is none.
    fn proof(&self, id: &TenantId, from: u64, to: u64) -> Vec<Hash> {
        consistency_proof(from, to, &self.logs[id]).unwrap_or_default()
    }

    fn prove(&self, run: &mut GrowthRun) {
        let prove = |request: ProofRequest| {
            let proof = self
                .logs
                .get(&request.id)
                .filter(|log| request.to <= log.leaves.len() as u64)
                .map(|_| self.proof(&request.id, request.from, request.to));
            (request, proof)
        };
        let proofs: Vec<_> = run.required_proofs().into_iter().map(prove).collect();
        run.add_proofs(&proofs);
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

/// Returns the state after a tick with which nothing is wrong.
fn passed(step: Result<Step, TickError>) -> GrowthState {
    let Step { state, findings, omitted, .. } = step.unwrap();
    assert_eq!((findings, omitted, state.is_whole()), (Vec::new(), 0, true));
    state
}

/// Three tenants with some entries, and a witness that has checked all ticks.
fn world() -> (Operator, GrowthState) {
    let mut operator = Operator::default();
    operator.record(1, 3);
    operator.record(2, 0);
    let mut state = passed(GrowthState::begin(ROOT, &operator.snapshot()));
    operator.record(3, 5);
    for round in 0..5 {
        operator.record(1, round);
        let (tick, _) = operator.tick();
        state = passed(state.apply(&tick));
        assert!(state.is_at(&operator.checkpoint()));
    }
    (operator, state)
}

/// Returns the only finding about a run that the signed checkpoint contains.
fn only(mut run: GrowthRun, operator: &Operator) -> GrowthFinding {
    assert!(run.is_at(&operator.checkpoint()));
    let (mut findings, omitted) = run.take_findings();
    assert_eq!((findings.len(), omitted), (1, 0), "{findings:?}");
    findings.remove(0)
}

/// Returns the finding about the next tick, after a change of the operator. A restarted witness, and one that missed the
/// tick, must find the same, and a lie that is undone must not hide it.
fn finding(lie: impl Fn(&mut Operator)) -> GrowthFinding {
    let (mut operator, state) = world();
    let signed_before = operator.signed();
    let honest = operator.logs.clone();
    lie(&mut operator);
    let restarted = GrowthState::from_stored(ROOT, &state.to_stored()).unwrap();
    let (tick, edge) = operator.tick();
    let mut run = GrowthRun::new(state.clone());
    run.apply(&tick).unwrap();
    let found = only(run.clone(), &operator);
    let mut again = GrowthRun::new(restarted);
    again.apply(&tick).unwrap();
    let again = only(again, &operator);
    assert_eq!((found.code, &found.message), (again.code, &again.message));
    let snapshot = Snapshot { tick: tick.tick, edge, heads: operator.heads() };
    let mut resumed = GrowthRun::resume(state, &snapshot).unwrap();
    operator.prove(&mut resumed);
    let resumed = only(resumed, &operator);
    assert_eq!((resumed.code, &resumed.before), (found.code, &found.before));
    for evidence in [
        found.evidence(Some(&signed_before), &operator.signed()),
        resumed.evidence(Some(&signed_before), &operator.signed()),
    ] {
        let proofs: Vec<HeadProof> = evidence.iter().filter_map(|text| HeadProof::parse(text).ok()).collect();
        assert!(proofs.iter().all(|proof| proof.check().is_ok()), "{evidence:?}");
        let heads: Vec<_> = proofs.iter().map(HeadProof::head).collect();
        assert_eq!(heads, found.before.iter().chain(&found.after).collect::<Vec<_>>());
    }
    // The operator undoes it.
    operator.logs = honest;
    run.apply(&operator.tick().0).unwrap();
    operator.prove(&mut run);
    assert!(run.state().is_whole());
    assert_eq!(run.unchecked(), Some(Unchecked { first: 6, last: 6 }));
    assert!(run.is_at(&operator.checkpoint()));
    let mut undone = run.take_findings().0;
    if undone.len() == 2 {
        // A proof could have settled the lie, but not that the log got shorter again.
        let shortened = undone.pop().unwrap();
        assert_eq!((shortened.code, shortened.tick), (GrowthCode::Shortened, 7));
        assert!(undone[0].recheck.is_some());
    }
    assert_eq!(undone.len(), 1);
    let undone = undone.remove(0);
    assert_eq!((undone.code, &undone.message), (found.code, &found.message));
    let signed = operator.signed();
    // The head is in an earlier directory of the checkpoint.
    let evidence = undone.evidence(Some(&signed_before), &signed);
    let proofs: Vec<HeadProof> = evidence.iter().filter_map(|text| HeadProof::parse(text).ok()).collect();
    let proof = proofs.iter().find(|proof| proof.checkpoint == signed);
    assert_eq!(proof.map(HeadProof::head), undone.after.as_ref());
    assert!(
        proof
            .is_none_or(|proof| { proof.anchor.tick == 6 && proof.anchor.is_in(8, &signed.checkpoint.root) })
    );
    assert_eq!(proof.is_none(), evidence.contains(&signed.to_string()));
    found
}

#[test]
fn accepts_logs_that_grow_and_end() {
    let (mut operator, mut state) = world();
    assert_eq!((state.size(), state.logs(), state.first()), (6, 3, 0));
    operator.logs.get_mut(&id(3)).unwrap().state = Some(State::Ended);
    operator.record(2, 300);
    state = passed(state.apply(&operator.tick().0));
    assert!(state.is_at(&operator.checkpoint()));
    assert_eq!(state.not_live_since(&id(3)), Some(6));
    // It may also move.
    operator.logs.get_mut(&id(3)).unwrap().state = Some(State::Moved);
    state = passed(state.apply(&operator.tick().0));
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
}

#[test]
fn finds_a_log_that_grows_after_its_end() {
    for (first, then) in
        [(State::Ended, State::Live), (State::Moved, State::Ended), (State::Ended, State::Ended)]
    {
        let (mut operator, state) = world();
        operator.logs.get_mut(&id(1)).unwrap().state = Some(first);
        let state = passed(state.apply(&operator.tick().0));
        operator.logs.get_mut(&id(1)).unwrap().state = Some(then);
        if first == then {
            operator.record(1, 1);
        }
        let mut run = GrowthRun::new(state);
        run.apply(&operator.tick().0).unwrap();
        assert_eq!(only(run, &operator).code, GrowthCode::Reopened, "{first:?}");
    }
}

const ANCHOR: u64 = 1 << 21;

/// Returns a state in which log 1 ended at one tick, and the next tick is `next`.
fn ended_at(ended: u64, next: u64) -> (Operator, GrowthState) {
    let (mut operator, state) = world();
    operator.logs.get_mut(&id(1)).unwrap().state = Some(State::Ended);
    let state = passed(state.apply(&operator.tick().0));
    let mut stored = state.to_stored();
    for (head, since) in &mut stored.heads {
        *since = (head.id == id(1)).then_some(ended);
    }
    stored.size = next;
    operator.skip_to(next);
    stored.edge = operator.edge.hashes().copied().collect();
    (operator, GrowthState::from_stored(ROOT, &stored).unwrap())
}

#[test]
fn a_log_that_ended_may_vanish_after_two_anchors() {
    for (ended, gone, is_allowed) in [
        (6, 6 + 1, false),
        (6, 2 * ANCHOR - 1, false),
        (6, 2 * ANCHOR, true),
        (ANCHOR - 1, 2 * ANCHOR, true),
        (ANCHOR, 2 * ANCHOR, false),
        (ANCHOR, 3 * ANCHOR, true),
    ] {
        let (mut operator, state) = ended_at(ended, gone);
        operator.logs.remove(&id(1));
        let codes: Vec<GrowthCode> =
            state.apply(&operator.tick().0).unwrap().findings.iter().map(|found| found.code).collect();
        let expected = if is_allowed { vec![] } else { vec![GrowthCode::Dropped] };
        assert_eq!(codes, expected, "{ended} {gone}");
    }
}

#[test]
fn an_id_is_never_used_again() {
    let (mut operator, state) = ended_at(6, 2 * ANCHOR);
    let log = operator.logs.remove(&id(1)).unwrap();
    let state = passed(state.apply(&operator.tick().0));
    assert_eq!(state.to_stored().gone, [id(1)]);
    let restored = GrowthState::from_stored(ROOT, &state.to_stored()).unwrap();
    // It comes back as it was, as a new log, and empty.
    for back in [log, Log::default(), Log { leaves: vec![Hash([1; 32])], state: None }] {
        operator.logs.insert(id(1), back);
        let before = (operator.ticks, operator.seconds, operator.edge.clone(), operator.shown.clone());
        let (tick, edge) = operator.tick();
        let snapshot = Snapshot { tick: tick.tick, edge, heads: operator.heads() };
        for state in [&state, &restored] {
            for step in [state.apply(&tick), state.resume(&snapshot)] {
                let Step { state, findings, .. } = step.unwrap();
                assert_eq!((findings.len(), findings[0].code), (1, GrowthCode::Reopened));
                assert!(findings[0].proof_after.is_some() && !state.is_whole());
                // It stays held while it is there, and there is one finding about it.
                let mut operator_later = operator.record_later(1);
                let step = state.apply(&operator_later.tick().0).unwrap();
                assert_eq!((step.findings.len(), step.state.is_whole()), (0, false));
                operator_later.logs.remove(&id(1));
                let gone = passed(step.state.apply(&operator_later.tick().0));
                assert_eq!(gone.to_stored().gone, [id(1)]);
            }
        }
        operator.logs.remove(&id(1));
        (operator.ticks, operator.seconds, operator.edge, operator.shown) = before;
    }
}

#[test]
fn a_log_may_have_ended_while_ticks_were_missed() {
    for (tick, is_allowed) in [(2 * ANCHOR - 1, false), (2 * ANCHOR, true)] {
        let (mut operator, state) = world();
        operator.logs.remove(&id(1));
        operator.skip_to(tick);
        let step = state.resume(&operator.snapshot()).unwrap();
        assert_eq!(step.findings.is_empty(), is_allowed, "{:?}", step.findings);
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
    let applied = passed(state.apply(&tick));
    assert_eq!(honest.len(), applied.logs());
    assert!(!applied.is_at(&operator.checkpoint()));
}

#[test]
fn one_unreadable_log_does_not_hide_the_others() {
    let (mut operator, state) = world();
    operator.record(1, 4);
    operator.record(3, 1);
    let (mut tick, _) = operator.tick();
    tick.changes[0].proof = None;
    let mut run = GrowthRun::new(state);
    run.apply(&tick).unwrap();
    assert_eq!(run.state().unproven().collect::<Vec<_>>(), [&id(1)]);
    assert!(run.is_at(&operator.checkpoint()) && run.take_findings().0.is_empty());
    // Another log is rewritten in the meantime, and the unreadable one grows.
    operator.record(1, 2);
    operator.logs.get_mut(&id(3)).unwrap().leaves[0] = Hash([9; 32]);
    run.apply(&operator.tick().0).unwrap();
    let found = only(run.clone(), &operator);
    assert_eq!((found.code, found.after.unwrap().origin.id()), (GrowthCode::Rewritten, id(3)));
    // The server still can't read it, and then it can.
    let requests = run.required_proofs();
    assert_eq!(requests, [ProofRequest { id: id(1), from: 13, to: 19 }]);
    run.add_proofs(&[(requests[0], None)]);
    assert_eq!(run.state().unproven().count(), 1);
    operator.prove(&mut run);
    assert_eq!(run.state().unproven().count(), 0);
    // A wrong proof is a finding, which a right one settles.
    let (mut operator, state) = world();
    operator.record(1, 4);
    let (mut tick, _) = operator.tick();
    tick.changes[0].proof = Some(vec![Hash([1; 32])]);
    let mut run = GrowthRun::new(state);
    run.apply(&tick).unwrap();
    let mut settled = run.clone();
    operator.prove(&mut settled);
    assert!(settled.state().is_whole() && settled.take_findings().0.is_empty());
    let found = only(run, &operator);
    assert_eq!((found.code, found.recheck.is_some()), (GrowthCode::Rewritten, true));
}

#[test]
fn finds_malformed_ticks() {
    let change: [fn(&mut TickChanges); 5] = [
        |tick| tick.tick.tick += 1,
        |tick| tick.tick.depth = 7,
        |tick| tick.tick.heads += 1,
        |tick| tick.changes[0].from -= 1,
        |tick| {
            // It shares a slot with another log.
            let mut taken = new_head(2);
            taken.id[15] = 0;
            tick.changes
                .insert(1, Change { id: taken.id, head: Some(taken), from: 0, proof: Some(Vec::new()) });
        },
    ];
    for (at, change) in change.into_iter().enumerate() {
        let (mut operator, state) = world();
        operator.record(1, 1);
        let (mut tick, _) = operator.tick();
        passed(state.apply(&tick));
        change(&mut tick);
        assert!(matches!(state.apply(&tick), Err(TickError::Directory(_))), "{at}");
    }
    let (mut operator, state) = world();
    let (mut tick, _) = operator.tick();
    let deep = TickChanges { tick: Tick { depth: MAX_DEPTH + 1, ..tick.tick }, changes: Vec::new() };
    assert!(matches!(state.apply(&deep), Err(TickError::Limit(_))));
    tick.tick.time = Time::from_millis(tick.tick.time.millis() - 1).unwrap();
    let findings = state.apply(&tick).unwrap().findings;
    assert_eq!((findings.len(), findings[0].code), (1, GrowthCode::Directory));
}

/// A tick that is dated too early must not let the next ones be dated too early unnoticed.
#[test]
fn ticks_are_judged_by_the_greatest_time_so_far() {
    let (mut operator, state) = world();
    let seconds = operator.seconds;
    let mut run = GrowthRun::new(state.clone());
    operator.seconds = seconds - 60;
    for _ in 0..3 {
        run.apply(&operator.tick().0).unwrap();
        assert!(run.is_flawed() && run.state().is_whole());
    }
    let (findings, _) = run.take_findings();
    let found: Vec<_> = findings.iter().map(|finding| (finding.code, finding.tick)).collect();
    assert_eq!(found, [6, 7, 8].map(|tick| (GrowthCode::Directory, tick)));
    // The state remains flawed although its finding was taken.
    assert!(run.is_flawed());
    // Ten ticks after the last one that passed, ten seconds must have passed.
    operator.seconds = seconds + 2;
    run.apply(&operator.tick().0).unwrap();
    assert!(run.is_flawed());
    operator.seconds = seconds + 4;
    run.apply(&operator.tick().0).unwrap();
    assert!(!run.is_flawed());
    // A snapshot after a gap is judged in the same way.
    operator.seconds = seconds + 9;
    let snapshot = operator.snapshot();
    assert!(!GrowthRun::resume(state.clone(), &snapshot).unwrap().is_flawed());
    let mut early = snapshot;
    early.tick.time = Time::from_millis(early.tick.time.millis() - 5000).unwrap();
    assert!(GrowthRun::resume(state, &early).unwrap().is_flawed());
}

/// A finding that a proof can settle must not hide one that rests on signatures.
#[test]
fn an_open_finding_hides_no_contradiction() {
    type Lie = (GrowthCode, fn(&mut Operator));
    let lies: [Lie; 3] = [
        (GrowthCode::Shortened, |operator| operator.logs.get_mut(&id(1)).unwrap().leaves.truncate(14)),
        (GrowthCode::Rewritten, |operator| operator.logs.get_mut(&id(1)).unwrap().leaves[15] = Hash([9; 32])),
        (GrowthCode::Dropped, |operator| _ = operator.logs.remove(&id(1))),
    ];
    for (code, lie) in lies {
        let (mut operator, state) = world();
        let signed_before = operator.signed();
        operator.record(1, 4);
        let (mut tick, _) = operator.tick();
        tick.changes[0].proof = Some(vec![Hash([1; 32])]);
        let mut run = GrowthRun::new(state);
        run.apply(&tick).unwrap();
        let honest = operator.logs.clone();
        lie(&mut operator);
        run.apply(&operator.tick().0).unwrap();
        // The operator undoes it, and proves everything.
        operator.logs = honest;
        run.apply(&operator.tick().0).unwrap();
        operator.prove(&mut run);
        assert!(run.state().is_whole());
        let signed = operator.signed();
        let (findings, _) = run.take_findings();
        let contradiction = &findings[0];
        assert_eq!(
            (contradiction.code, contradiction.tick, contradiction.recheck),
            (code, 7, None),
            "{findings:?}"
        );
        let evidence = contradiction.evidence(Some(&signed_before), &signed);
        assert!(evidence.iter().any(|text| HeadProof::parse(text).is_ok()), "{code:?} {evidence:?}");
    }
}

#[test]
fn a_contradiction_is_reported_once_while_it_lasts() {
    let (mut operator, state) = world();
    operator.logs.get_mut(&id(1)).unwrap().leaves.truncate(5);
    let mut run = GrowthRun::new(state);
    for _ in 0..3 {
        run.apply(&operator.tick().0).unwrap();
        operator.record(1, 1);
    }
    // Getting shorter again is another one.
    operator.logs.get_mut(&id(1)).unwrap().leaves.truncate(6);
    run.apply(&operator.tick().0).unwrap();
    let found: Vec<_> = run
        .take_findings()
        .0
        .iter()
        .map(|found| (found.code, found.tick, found.before.as_ref().unwrap().size))
        .collect();
    assert_eq!(found, [(GrowthCode::Shortened, 6, 13), (GrowthCode::Shortened, 9, 13)]);
}

#[test]
fn findings_about_one_tick_are_bounded() {
    let mut operator = Operator::default();
    (0..=255).for_each(|number| operator.record(number, 2));
    let state = passed(GrowthState::begin(ROOT, &operator.snapshot()));
    operator.logs.values_mut().for_each(|log| log.leaves[0] = Hash([9; 32]));
    let step = state.apply(&operator.tick().0).unwrap();
    assert_eq!((step.findings.len(), step.omitted), (100, 156));
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
    let mut run = GrowthRun::resume(state, &snapshot).unwrap();
    assert_eq!(run.required_proofs().len(), 1);
    assert!(!run.state().is_whole() && run.is_at(&operator.checkpoint()));
    let mut forged = run.clone();
    let wrong: Vec<_> =
        run.required_proofs().into_iter().map(|request| (request, Some(Vec::new()))).collect();
    forged.add_proofs(&wrong);
    assert_eq!(only(forged, &operator).code, GrowthCode::Rewritten);
    operator.prove(&mut run);
    assert_eq!(run.unchecked(), Some(Unchecked { first: 6, last: 14 }));
    let resumed = run.into_state();
    assert_eq!((resumed.size(), resumed.logs(), resumed.is_whole()), (16, 4, true));
    // It may have ended right after the last tick that was checked.
    assert_eq!(resumed.not_live_since(&id(3)), Some(6));
    operator.record(1, 2);
    let next = passed(resumed.apply(&operator.tick().0));
    assert!(next.is_at(&operator.checkpoint()));
    // A snapshot of an earlier tick is no continuation.
    assert!(next.resume(&snapshot).is_err());
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
    let proofs = [Some(vec![Hash([1; 32]), Hash([2; 32])]), None];
    let line =
        |(request, proof): (&ProofRequest, &Option<Vec<Hash>>)| proof_line(&request.id, proof.as_deref());
    let text: String = requests.iter().zip(&proofs).map(line).collect();
    assert_eq!(parse_proofs(text.as_bytes(), &requests).unwrap(), proofs);
    let swapped = [requests[1], requests[0]];
    assert!(parse_proofs(text.as_bytes(), &swapped).is_err());
    assert!(parse_proofs((text.clone() + &text).as_bytes(), &requests).is_err());
    assert!(parse_proofs(text.as_bytes(), &requests[..1]).is_err());
}

/// Returns an answer with these ticks, each with so many new logs.
fn answer_of(ticks: impl IntoIterator<Item = (u64, usize)>) -> String {
    let mut text = Header { origin: ROOT.to_owned(), first: 0, next: 900 }.to_line();
    for (tick, count) in ticks {
        let tick = Tick { tick, time: Time::MIN, secret: [7; 32], depth: 16, heads: 0 };
        text += &tick.to_tick_line(count);
        for nth in 0..count {
            let head = SlotHead { id: (nth as u128).to_be_bytes(), ..new_head(0) };
            text += &change_line(&Change { id: head.id, head: Some(head), from: 0, proof: Some(Vec::new()) });
        }
    }
    text
}

#[test]
fn answers_are_bounded() {
    let parse = |ticks: &[(u64, usize)]| {
        Answer::parse(answer_of(ticks.iter().copied()).as_bytes()).map(|_| ()).map_err(|error| error.why)
    };
    let ticks: Vec<(u64, usize)> = (0..257).map(|tick| (tick, 0)).collect();
    assert_eq!(parse(&ticks[..256]), Ok(()));
    assert_eq!(parse(&ticks), Err("there are too many ticks or changes"));
    assert_eq!(parse(&[(0, 16_000), (1, 384)]), Ok(()));
    assert_eq!(parse(&[(0, 16_000), (1, 385)]), Err("there are too many ticks or changes"));
    // Only the first tick may have more.
    assert_eq!(parse(&[(0, 20_000)]), Ok(()));
    assert_eq!(parse(&[(3, 1), (5, 1)]), Err("it isn't the next tick"));
    assert_eq!(parse(&[(3, 1), (3, 1)]), Err("it isn't the next tick"));
    let text = answer_of([(0, 1)]);
    for (from, to, why) in [
        ("\"changes\":1", "\"changes\":2097153", "it isn't a tick"),
        ("\"changes\":1", "\"changes\":18446744073709551616", "it doesn't have the required fields"),
        ("\"changes\":1", "\"changes\":2097152", "it is missing"),
        ("\"heads\":0", "\"heads\":2097153", "it isn't a tick"),
        ("\"tick\":0", "\"tick\":9007199254740992", "it isn't a tick"),
        ("\"next\":900", "\"next\":9007199254740992", "it isn't the first line of an answer"),
        ("\"first\":0", "\"first\":901", "it isn't the first line of an answer"),
        (ROOT, &*"x".repeat(256), "it isn't the first line of an answer"),
        (ROOT, &*"x".repeat(20_000), "it is too long"),
        ("\"proof\":[]", "\"proof\":[\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\"]", "it isn't a head"),
        ("\"proof\":[]", "\"proof\":null", "it isn't a head"),
        ("\"size\":0", "\"size\":9007199254740992", "it isn't a head"),
        ("\"size\":0", "\"size\":-1", "it doesn't have the required fields"),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        assert_eq!(Answer::parse(changed.as_bytes()).unwrap_err().why, why, "{from} {to:.99}");
    }
    // A proof has at most 63 hashes.
    let grown = |count: usize, from: u64| {
        let head = SlotHead { size: 9, ..new_head(0) };
        let proof = Some(vec![Hash([1; 32]); count]);
        answer_of([(0, 0)]).replace("\"changes\":0", "\"changes\":1")
            + &change_line(&Change { id: head.id, head: Some(head), from, proof })
    };
    assert!(Answer::parse(grown(63, 1).as_bytes()).is_ok());
    assert!(Answer::parse(grown(64, 1).as_bytes()).is_err());
    assert!(Answer::parse(grown(1, 0).as_bytes()).is_err() && Answer::parse(grown(1, 9).as_bytes()).is_err());
}

#[test]
fn no_debug_text_shows_a_secret() {
    let (mut operator, state) = world();
    let (tick, edge) = operator.tick();
    let snapshot = Snapshot { tick: tick.tick, edge, heads: operator.heads() };
    let answer = Answer {
        header: Header { origin: ROOT.to_owned(), first: 0, next: 1 },
        snapshot: Some(snapshot),
        ticks: vec![tick.clone()],
    };
    let shown = format!("{answer:?} {tick:?} {state:?} {:?}", GrowthRun::new(state.clone()));
    assert!(shown.contains("depth: 8") && !shown.contains("secret: ["), "{shown}");
    assert!(!shown.contains(&format!("{:?}", tick.tick.secret)), "{shown}");
}

#[test]
fn a_log_that_is_live_with_a_proof_has_not_ended() {
    let (mut operator, state) = world();
    let mut run = GrowthRun::new(state);
    // The log ends, without a proof, and is live again.
    for state in [Some(State::Ended), None] {
        operator.record(1, 1);
        operator.logs.get_mut(&id(1)).unwrap().state = state;
        let (mut tick, _) = operator.tick();
        tick.changes[0].proof = None;
        run.apply(&tick).unwrap();
        assert_eq!(run.state().not_live_since(&id(1)), Some(6));
    }
    operator.prove(&mut run);
    assert!(run.state().is_whole());
    // Otherwise, it could vanish earlier than two anchors after its next end.
    assert_eq!(run.state().not_live_since(&id(1)), None);
}

#[test]
fn an_edge_has_exactly_the_hashes_of_its_size() {
    let (mut operator, state) = world();
    let snapshot = operator.snapshot();
    assert!(state.resume(&snapshot).is_ok());
    for hashes in [[&snapshot.edge[..], &[Hash([1; 32])]].concat(), snapshot.edge[1..].to_vec()] {
        let step = state.resume(&Snapshot { edge: hashes.clone(), ..snapshot.clone() });
        assert!(matches!(step, Err(TickError::Directory(_))));
        let stored = StoredState { edge: hashes, ..state.to_stored() };
        assert!(GrowthState::from_stored(ROOT, &stored).is_none());
    }
}

#[test]
fn a_snapshot_of_the_next_tick_leaves_no_gap() {
    let (mut operator, state) = world();
    operator.record(1, 1);
    let snapshot = operator.snapshot();
    let mut run = GrowthRun::resume(state.clone(), &snapshot).unwrap();
    operator.prove(&mut run);
    assert_eq!((run.state().is_whole(), run.unchecked()), (true, None));
    let later = operator.snapshot();
    let run = GrowthRun::resume(state, &later).unwrap();
    assert_eq!(run.unchecked(), Some(Unchecked { first: 6, last: 6 }));
}

#[test]
fn the_first_tick_of_a_stored_state_is_one_of_its_ticks() {
    let (_, state) = world();
    let with_first = |first| StoredState { first, ..state.to_stored() };
    assert!(GrowthState::from_stored(ROOT, &with_first(state.size() - 1)).is_some());
    assert!(GrowthState::from_stored(ROOT, &with_first(state.size())).is_none());
}

#[test]
fn the_ids_of_freed_slots_are_bounded() {
    let (mut operator, state) = ended_at(6, 2 * ANCHOR);
    let gone = |count: usize| -> Vec<TenantId> { (0..count as u128).map(u128::to_be_bytes).collect() };
    let with_gone = |count| {
        let stored = StoredState { gone: gone(count), ..state.to_stored() };
        GrowthState::from_stored(ROOT, &stored)
    };
    assert!(with_gone(MAX_GONE + 1).is_none());
    operator.logs.remove(&id(1));
    let (tick, _) = operator.tick();
    let last = passed(with_gone(MAX_GONE - 1).unwrap().apply(&tick));
    assert_eq!(last.to_stored().gone.len(), MAX_GONE);
    assert!(matches!(with_gone(MAX_GONE).unwrap().apply(&tick), Err(TickError::Limit(_))));
}
