//! Answers that writers compare with the head that they have seen, as conformance vectors (SPEC section 16.8).
//!
//! With `COUNTERSIGN_WRITE=1`, the test writes them into `tests/vectors/answers.json`.
#![cfg(not(target_arch = "wasm32"))]

use countersign::error::Code;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, consistency_proof, leaf_hash};
use countersign::tenant::{Anchor, AnchorProof, HeadProof, NewestHead, Since, State, TenantOrigin};
use serde_json::{Value, json};

use crate::common::tenant_world::{RootLog, chain, tenant};

const FILE: &str = "tests/vectors/answers.json";
/// The tick of the head that the writer has seen.
const SEEN: u64 = 4000;
const ANCHOR: u64 = 4095;
/// The tick of the answer.
const HEAD: u64 = 4100;

/// A tick, with the number of its entries and the label of their history.
type TickEntries = (u64, usize, &'static str);

type Change = fn(&mut Answer);

/// The outcome of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Outcome {
    /// The head becomes the newest one.
    Accepted,
    /// The answer can't be used.
    Unproven,
    /// The log server has shown two histories.
    Rewritten,
}

/// An answer, as the writer compares it.
#[derive(Clone)]
struct Answer {
    head: HeadProof,
    anchors: Vec<(Anchor, Vec<Hash>)>,
    consistency: Vec<Hash>,
}

/// A tenant log, with a history for each tick.
struct World {
    origin: TenantOrigin,
    root: RootLog,
    ticks: Vec<(u64, Vec<String>)>,
}

/// The entries of a history: the link lines of a chain with this label.
fn entries(origin: &TenantOrigin, label: &str, size: usize) -> Vec<String> {
    chain(origin.as_str(), label, 8, 0)[..size].to_vec()
}

fn tree(lines: &[String]) -> PendingTree {
    let link =
        |line: &String| serde_json::from_str::<Value>(line).unwrap()["link"].as_str().unwrap().to_owned();
    let mut tree = PendingTree::new(&CompactRange::new());
    tree.extend(&lines.iter().map(|line| leaf_hash(link(line).as_bytes())).collect::<Vec<_>>());
    tree
}

impl World {
    fn new(ticks: &[TickEntries]) -> Self {
        let (origin, mut root) = (tenant(0xac), RootLog::default());
        let ticks: Vec<_> =
            ticks.iter().map(|(tick, size, label)| (*tick, entries(&origin, label, *size))).collect();
        for (tick, lines) in &ticks {
            root.publish(*tick, &origin, lines);
        }
        Self { origin, root, ticks }
    }

    fn honest() -> Self {
        Self::new(&[(SEEN, 3, "first"), (ANCHOR, 5, "first"), (HEAD, 6, "first")])
    }

    fn lines(&self, tick: u64) -> &[String] {
        &self.ticks.iter().find(|(other, _)| *other == tick).unwrap().1
    }

    /// Returns the proof to the entries at a tick from their first `old` ones.
    fn proof(&self, old: usize, tick: u64) -> Vec<Hash> {
        let lines = self.lines(tick);
        if old > lines.len() {
            return Vec::new();
        }
        consistency_proof(old as u64, lines.len() as u64, &tree(lines)).unwrap()
    }

    fn answer(&self, seen: usize, anchors: &[u64]) -> Answer {
        let mut before = seen;
        let mut proof = |tick| self.proof(std::mem::replace(&mut before, self.lines(tick).len()), tick);
        let anchors = anchors.iter().map(|tick| (self.root.anchor(*tick, HEAD + 1), proof(*tick))).collect();
        Answer { anchors, consistency: proof(HEAD), head: self.root.head(HEAD) }
    }
}

fn changed(change: Change) -> Answer {
    let mut answer = World::honest().answer(3, &[ANCHOR]);
    change(&mut answer);
    answer
}

/// Returns the names, the writer's `since` or its head, the answers, and the outcomes.
fn cases() -> Vec<(&'static str, Result<HeadProof, Since>, Answer, Outcome)> {
    use Outcome::{Accepted, Rewritten, Unproven};

    let (honest, none) = (World::honest(), |tick| Err(Since { size: 0, tick }));
    let seen = || Ok(honest.root.head(SEEN));
    let lie = |ticks: &[TickEntries]| World::new(ticks).answer(ticks[0].1, &[ANCHOR]);
    let without_anchor = || honest.answer(0, &[]);
    let mut cases = vec![
        ("valid", seen(), honest.answer(3, &[ANCHOR]), Accepted),
        ("valid-after-the-anchor", Ok(honest.root.head(HEAD)), honest.answer(6, &[]), Accepted),
        ("valid-at-the-anchor", Ok(honest.root.head(ANCHOR)), honest.answer(5, &[ANCHOR]), Accepted),
        ("without-a-head", none(0), honest.answer(0, &[ANCHOR]), Accepted),
        ("without-a-head-from-a-tick", none(ANCHOR), honest.answer(0, &[ANCHOR]), Accepted),
        ("without-a-head-younger-than-the-anchor", none(0), without_anchor(), Accepted),
        ("without-a-head-from-a-tick-after-the-anchor", none(ANCHOR + 1), without_anchor(), Accepted),
        ("without-a-head-from-a-tick-anchor-missing", none(ANCHOR), without_anchor(), Unproven),
        ("anchor-missing", seen(), honest.answer(3, &[]), Unproven),
        ("anchor-before-the-head", Ok(honest.root.head(HEAD)), honest.answer(6, &[ANCHOR]), Unproven),
    ];
    let changes: [(&str, Outcome, Change); 8] = [
        ("anchor-twice", Unproven, |answer| answer.anchors.push(answer.anchors[0].clone())),
        ("anchor-not-proven", Unproven, |answer| answer.anchors[0].0.salt[0] ^= 1),
        ("anchor-of-another-size", Unproven, |answer| answer.anchors[0].0.head.size = 4),
        ("anchor-ended", Unproven, |answer| answer.anchors[0].0.head.state = State::Ended),
        ("anchor-of-another-tenant", Unproven, |answer| {
            answer.anchors[0].0.head.origin = tenant(0xbe);
        }),
        ("proof-to-the-anchor-cut", Unproven, |answer| _ = answer.anchors[0].1.pop()),
        ("proof-to-the-head-cut", Unproven, |answer| _ = answer.consistency.pop()),
        ("proof-to-the-head-changed", Unproven, |answer| answer.consistency[0].0[0] ^= 1),
    ];
    cases.extend(changes.map(|(name, outcome, change)| (name, seen(), changed(change), outcome)));
    let lies: [(&str, Outcome, &[TickEntries]); 7] = [
        // Only a consistency proof fails, which nobody signed.
        ("anchor-rewritten", Unproven, &[(SEEN, 3, "first"), (ANCHOR, 5, "other"), (HEAD, 6, "first")]),
        (
            "anchor-and-head-rewritten",
            Unproven,
            &[(SEEN, 3, "first"), (ANCHOR, 5, "other"), (HEAD, 6, "other")],
        ),
        (
            "head-rewritten-after-the-anchor",
            Unproven,
            &[(SEEN, 3, "first"), (ANCHOR, 5, "first"), (HEAD, 6, "other")],
        ),
        ("anchor-shortened", Rewritten, &[(SEEN, 3, "first"), (ANCHOR, 2, "first"), (HEAD, 6, "first")]),
        (
            "anchor-of-the-same-size-rewritten",
            Rewritten,
            &[(SEEN, 3, "first"), (ANCHOR, 3, "other"), (HEAD, 6, "other")],
        ),
        (
            "head-of-the-same-size-rewritten",
            Rewritten,
            &[(SEEN, 3, "first"), (ANCHOR, 6, "first"), (HEAD, 6, "other")],
        ),
        (
            "head-shortened-after-the-anchor",
            Rewritten,
            &[(SEEN, 3, "first"), (ANCHOR, 5, "first"), (HEAD, 4, "first")],
        ),
    ];
    for (name, outcome, ticks) in lies {
        cases.push((name, Ok(World::new(ticks).root.head(SEEN)), lie(ticks), outcome));
    }
    let two = World::new(&[(SEEN, 3, "first"), (ANCHOR, 5, "other"), (HEAD, 6, "first")]);
    cases.push(("without-a-head-anchor-rewritten", none(0), two.answer(0, &[ANCHOR]), Unproven));
    let split = World::new(&[(HEAD, 7, "first")]);
    cases.push(("two-heads-of-a-tick", Ok(split.root.head(HEAD)), honest.answer(7, &[]), Rewritten));
    let later = |size, label| Ok(World::new(&[(HEAD + 5, size, label)]).root.head(HEAD + 5));
    cases.push(("tick-before-the-head", later(6, "first"), honest.answer(6, &[]), Unproven));
    cases.push((
        "tick-before-the-head-with-more-entries",
        later(5, "first"),
        honest.answer(5, &[]),
        Rewritten,
    ));
    cases.push((
        "tick-before-the-head-with-other-entries",
        later(6, "other"),
        honest.answer(6, &[]),
        Rewritten,
    ));
    let mut of_none = honest.answer(0, &[]);
    of_none.consistency.push(Hash([0; 32]));
    cases.push(("proof-from-no-entries", none(0), of_none, Unproven));
    let empty = World::new(&[(ANCHOR, 0, "first"), (HEAD, 6, "first")]).answer(0, &[ANCHOR]);
    cases.push(("empty-anchor", none(0), empty.clone(), Accepted));
    let mut of_empty = empty;
    of_empty.consistency.push(Hash([0; 32]));
    cases.push(("proof-from-an-empty-anchor", none(0), of_empty, Unproven));
    assert_eq!(honest.origin, two.origin);
    cases
}

fn texts(hashes: &[Hash]) -> Vec<String> {
    hashes.iter().map(ToString::to_string).collect()
}

#[test]
fn answers_have_the_result_of_the_vectors() {
    let mut vectors = Vec::new();
    for (name, seen, Answer { head, anchors, consistency }, outcome) in cases() {
        let newest = seen.as_ref().map_or_else(|since| NewestHead::none(since.tick), NewestHead::from);
        let proofs: Vec<AnchorProof> = anchors
            .iter()
            .map(|(anchor, consistency)| AnchorProof {
                anchor: anchor.clone(),
                consistency: consistency.clone(),
            })
            .collect();
        let compared = newest.compare(&head, &proofs, &consistency);
        let found = match &compared {
            Ok(next) => {
                assert_eq!(next.since(), Since { size: 6, tick: HEAD }, "{name}");
                Outcome::Accepted
            }
            Err(error) if error.code == Code::Rewritten => Outcome::Rewritten,
            Err(error) => {
                assert_eq!(error.code, Code::Proof, "{name}");
                Outcome::Unproven
            }
        };
        assert_eq!(found, outcome, "{name}: {compared:?}");
        let anchors: Vec<Value> = anchors
            .iter()
            .map(|(anchor, consistency)| json!({ "anchor": anchor.to_string(), "consistency": texts(consistency) }))
            .collect();
        vectors.push(json!({
            "name": name,
            "since": newest.since().to_string(),
            "seen": seen.ok().map(|seen| seen.to_string()),
            "head": head.to_string(),
            "anchors": anchors,
            "consistency": texts(&consistency),
            "result": format!("{outcome:?}").to_lowercase(),
        }));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("COUNTERSIGN_WRITE").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    // The order of members depends on the features of other packages.
    let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(written, Value::Array(vectors));
}
