//! Random submissions to a log: honest emitters whose submissions arrive cut, repeated, mixed, and out of order.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::{BTreeMap, HashMap};
use std::convert::Infallible;
use std::num::NonZeroU32;

use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::link::{ChainId, Link};
use countersign::log::{
    AcceptanceError, Chain, Empty, EntryRef, Life, Limits, PendingBatch, RefusalKind, Rules, Storage,
    Submission, SubmissionError, SubmissionOutcome,
};
use countersign::merkle::leaf_hash;
use countersign::note::{SignerKey, VerifierKey};
use countersign::recorder::Recorder;
use countersign::time::Time;
use countersign::trust::Trust;
use proptest::prelude::*;
use serde_json::Value;

const ORIGIN: &str = "log.example/audit";
const CHAINS: usize = 4;
const LINKS: usize = 24;
/// The chain whose key an issuer grants. The other keys are in the trust file.
const GRANTED: usize = 3;

fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

/// A link as its emitter wrote it.
struct Made {
    line: String,
    leaf: String,
    signed: bool,
}

struct World {
    rules: Rules,
    chains: Vec<Vec<Made>>,
    ids: Vec<ChainId>,
    grant: String,
}

impl World {
    fn new() -> Self {
        let issuer = key("example.com", 1);
        let mut trust = Trust::default().with_issuer(issuer.verifier_key().clone()).unwrap();
        let keys: Vec<SignerKey> =
            (10..).take(CHAINS).map(|seed| key(&format!("example.com/e{seed}"), seed)).collect();
        for key in &keys[..GRANTED] {
            trust = trust.with_emitter(key.verifier_key().clone()).unwrap();
        }
        let granted = keys[GRANTED].verifier_key().clone();
        let statement = Statement::Grant { key: granted, from: None, until: None };
        let chains: Vec<Vec<Made>> = keys.iter().zip(1..).map(|(key, every)| chain(key, every)).collect();
        let ids = chains.iter().map(|chain| ChainId::of_open(&leaf_hash(chain[0].leaf.as_bytes()))).collect();
        Self {
            rules: Rules::new(ORIGIN, Some(trust)),
            chains,
            ids,
            grant: KeyNote::sign(ORIGIN, &[statement], &issuer).unwrap(),
        }
    }
}

/// Returns a closed chain in which every `every`-th event link is signed.
fn chain(key: &SignerKey, every: u32) -> Vec<Made> {
    let time = Time::from_millis(1_795_150_000_000).unwrap();
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), time, &[0; 16]).unwrap();
    recorder = recorder.sign_every(NonZeroU32::new(every).unwrap());
    recorder.sign_with(key).unwrap();
    for number in 0..LINKS - 2 {
        let event = format!(r#"{{"number":{number}}}"#);
        let event = Event::parse(event.as_bytes(), &Redaction::none()).unwrap();
        recorder.record(&event, time, &[number as u8; 16]).unwrap();
        recorder.sign_with(key).unwrap();
    }
    recorder.close(time).unwrap();
    recorder.sign_with(key).unwrap();
    let made = |line: &str| {
        let leaf = serde_json::from_str::<Value>(line).unwrap()["link"].as_str().unwrap().to_owned();
        let signed = Link::parse(&leaf).unwrap().signature().is_some();
        Made { line: line.to_owned(), leaf, signed }
    };
    let made: Vec<Made> = recorder.drain().lines().map(made).collect();
    assert_eq!(made.len(), LINKS);
    made
}

/// A part of a submission.
#[derive(Clone, Debug)]
enum Part {
    Links { chain: usize, begin: usize, end: usize, order: Order },
    Grant,
}

#[derive(Clone, Copy, Debug)]
enum Order {
    AsMade,
    Reversed,
    Twice,
}

/// A submission, and true if everything accepted so far becomes durable after it.
type Step = (Vec<Part>, bool);

fn parts() -> impl Strategy<Value = Part> {
    let order = prop_oneof![
        8 => Just(Order::AsMade),
        1 => Just(Order::Reversed),
        1 => Just(Order::Twice),
    ];
    let links = (0..CHAINS, 0..LINKS, 1..LINKS, order).prop_map(|(chain, begin, length, order)| {
        // Most parts begin early: otherwise nearly all would be gaps.
        let begin = begin * begin / LINKS;
        Part::Links { chain, begin, end: (begin + length).min(LINKS), order }
    });
    prop_oneof![12 => links, 1 => Just(Part::Grant)]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec((prop::collection::vec(parts(), 1..4), any::<bool>()), 1..25)
}

/// An entry of a submission: a link of a chain, or `None` for the grant.
type SubmittedLeaf = Option<(usize, usize)>;

fn submitted(parts: &[Part]) -> Vec<SubmittedLeaf> {
    let mut all = Vec::new();
    for part in parts {
        match part {
            Part::Grant => all.push(None),
            Part::Links { chain, begin, end, order } => {
                let links = (*begin..*end).map(|link| Some((*chain, link)));
                match order {
                    Order::AsMade => all.extend(links),
                    Order::Reversed => all.extend(links.rev()),
                    Order::Twice => all.extend(links.clone().chain(links)),
                }
            }
        }
    }
    all
}

/// A model of the log, as its emitters would count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Model {
    next: [usize; CHAINS],
    granted: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Accepted { added: u64, repeated: u64 },
    Gap { chain: usize, expected: usize },
    Unauthorized,
    Unsigned,
}

/// True if the first link is signed, or one of those that follow it.
fn is_vouched_for(world: &World, submitted: &[SubmittedLeaf]) -> bool {
    let mut links = submitted.iter().flatten().copied();
    let Some((chain, mut last)) = links.next() else { return false };
    let is_signed = |link: usize| world.chains[chain][link].signed;
    for (of, link) in links {
        if of == chain && link == last + 1 && !is_signed(last) {
            last = link;
        }
    }
    is_signed(last)
}

impl Model {
    /// Predicts the outcome of a submission without reading its bytes.
    fn submit(&mut self, world: &World, submitted: &[SubmittedLeaf]) -> Outcome {
        let mut after = self.clone();
        let (mut added, mut repeated) = (0, 0);
        for (place, leaf) in submitted.iter().enumerate() {
            let is_new = match *leaf {
                None => !std::mem::replace(&mut after.granted, true),
                Some((chain, link)) => {
                    let is_signed = is_vouched_for(world, &submitted[place..]);
                    if link > after.next[chain] {
                        return Outcome::Gap {
                            chain,
                            expected: if is_signed { self.next[chain] } else { 0 },
                        };
                    }
                    let is_new = link == after.next[chain];
                    if is_new && !is_signed {
                        return Outcome::Unsigned;
                    }
                    if is_new {
                        if chain == GRANTED && !after.granted {
                            return Outcome::Unauthorized;
                        }
                        after.next[chain] += 1;
                    }
                    is_new
                }
            };
            added += u64::from(is_new);
            repeated += u64::from(!is_new);
        }
        *self = after;
        Outcome::Accepted { added, repeated }
    }
}

fn outcome(world: &World, result: &Result<SubmissionOutcome, SubmissionError>) -> Outcome {
    let refusal = match result {
        Ok(taken) => return Outcome::Accepted { added: taken.added, repeated: taken.repeated },
        Err(refusal) => refusal,
    };
    match &refusal.kind {
        RefusalKind::Unauthorized => Outcome::Unauthorized,
        RefusalKind::Malformed => Outcome::Unsigned,
        RefusalKind::Gap { chain, expected, last } => {
            let number = world.ids.iter().position(|id| id == chain).unwrap();
            let expected = usize::try_from(*expected).unwrap();
            let before = expected.checked_sub(1).map(|place| &world.chains[number][place]);
            assert_eq!(*last, before.map(|made| leaf_hash(made.leaf.as_bytes())));
            Outcome::Gap { chain: number, expected }
        }
        RefusalKind::TooLarge | RefusalKind::TooMany | RefusalKind::Fork(_) | RefusalKind::Early { .. } => {
            panic!("an honest emitter: {refusal:?}")
        }
    }
}

/// A storage in memory that knows only what a batch reports about itself.
#[derive(Default)]
struct Memory {
    leaves: Vec<String>,
    chains: HashMap<ChainId, Chain>,
    links: HashMap<(ChainId, u64), EntryRef>,
    notes: HashMap<Hash, u64>,
    lives: HashMap<VerifierKey, Life>,
}

impl Memory {
    fn commit(&mut self, batch: &PendingBatch) {
        assert_eq!(batch.base(), self.leaves.len() as u64);
        for run in batch.runs() {
            for (seq, index) in (run.seq..).zip(run.index..run.index + run.count) {
                let hash = batch.leaves()[(index - batch.base()) as usize].hash;
                let known = self.links.insert((run.chain, seq), EntryRef { index, hash });
                assert_eq!(known, None, "a link twice");
            }
        }
        self.leaves.extend(batch.leaves().iter().map(|leaf| leaf.text.clone()));
        self.chains.extend(batch.chains().map(|(id, chain)| (*id, chain.clone())));
        self.notes.extend(batch.notes().map(|(hash, index)| (*hash, index)));
        self.lives.extend(batch.lives().map(|(key, life)| (key.clone(), life.clone())));
    }
}

impl Storage for Memory {
    type Error = Infallible;

    fn chain(&self, chain: &ChainId) -> Result<Option<Chain>, Infallible> {
        Ok(self.chains.get(chain).cloned())
    }

    fn link(&self, chain: &ChainId, seq: u64) -> Result<Option<EntryRef>, Infallible> {
        Ok(self.links.get(&(*chain, seq)).copied())
    }

    fn note(&self, hash: &Hash) -> Result<Option<u64>, Infallible> {
        Ok(self.notes.get(hash).copied())
    }

    fn life(&self, key: &VerifierKey) -> Result<Life, Infallible> {
        Ok(self.lives.get(key).cloned().unwrap_or_default())
    }
}

/// Returns everything that a batch reports, sorted.
fn state_of(batch: &PendingBatch) -> impl PartialEq + std::fmt::Debug + use<> {
    let text = |value: &dyn std::fmt::Debug| format!("{value:?}");
    let chains: BTreeMap<String, String> =
        batch.chains().map(|(id, chain)| (id.to_string(), text(chain))).collect();
    let notes: BTreeMap<String, u64> = batch.notes().map(|(hash, index)| (hash.to_string(), index)).collect();
    let lives: BTreeMap<String, String> =
        batch.lives().map(|(key, life)| (key.to_string(), text(life))).collect();
    (batch.leaves().to_vec(), batch.runs(), chains, notes, lives)
}

fn submission(world: &World, submitted: &[SubmittedLeaf]) -> Submission {
    let line = |leaf: &SubmittedLeaf| match leaf {
        None => serde_json::json!({ "note": world.grant }).to_string(),
        Some((chain, link)) => world.chains[*chain][*link].line.clone(),
    };
    let body = submitted.iter().map(line).collect::<Vec<_>>().join("\n");
    let mut submission = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
    // Half of the submissions are verified ahead, where possible.
    if submitted.len().is_multiple_of(2) {
        submission.verify(|_| None, |key| world.rules.admits(key));
    }
    submission
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 96,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x6c6f_6700),
        ..ProptestConfig::default()
    })]

    #[test]
    fn chains_are_accepted_once_and_in_order_however_submissions_arrive(steps in steps()) {
        let world = World::new();
        let mut model = Model::default();
        // Compare a log that keeps everything in one batch with one that makes its entries durable from time
        // to time.
        let mut big = PendingBatch::new(0);
        let mut memory = Memory::default();
        let mut small = PendingBatch::new(0);
        // Every emitter sends what is left at the end.
        let mut steps = steps;
        steps.push((vec![Part::Grant], true));
        for chain in 0..CHAINS {
            steps.push((vec![Part::Links { chain, begin: 0, end: LINKS, order: Order::AsMade }], chain % 2 == 0));
        }
        for (parts, durable) in steps {
            let submitted = submitted(&parts);
            let submission = submission(&world, &submitted);
            let before = (state_of(&big), state_of(&small));
            let result = big.submit(&world.rules, &Empty, &submission, Time::MAX).map_err(AcceptanceError::refusal);
            let same = small.submit(&world.rules, &memory, &submission, Time::MAX).map_err(AcceptanceError::refusal);
            prop_assert_eq!(&result, &same, "what is durable makes no difference");
            if result.is_err() {
                prop_assert_eq!((state_of(&big), state_of(&small)), before, "a refusal leaves no trace");
            }
            prop_assert_eq!(outcome(&world, &result), model.submit(&world, &submitted));
            if let Ok(taken) = &result {
                for (id, tip) in &taken.chains {
                    let chain = world.ids.iter().position(|known| known == id).unwrap();
                    let last = submitted.iter().flatten().filter(|(of, _)| *of == chain).map(|(_, link)| link).max();
                    prop_assert_eq!(Some(&(tip.seq as usize)), last);
                    let leaf = &big.leaves()[tip.index as usize];
                    prop_assert_eq!((&leaf.text, leaf.hash), (&world.chains[chain][tip.seq as usize].leaf, tip.hash));
                }
            }
            if durable {
                memory.commit(&small);
                small = PendingBatch::new(small.size());
            }
        }
        memory.commit(&small);
        let all: Vec<&str> = big.leaves().iter().map(|leaf| leaf.text.as_str()).collect();
        prop_assert_eq!(&memory.leaves, &all);
        prop_assert_eq!(all.len(), CHAINS * LINKS + 1);
        for chain in &world.chains {
            let made: Vec<&str> = chain.iter().map(|made| made.leaf.as_str()).collect();
            let taken: Vec<&str> = all.iter().copied().filter(|leaf| made.contains(leaf)).collect();
            prop_assert_eq!(taken, made);
        }
    }
}

#[test]
fn a_fork_within_one_submission_is_reported_with_both_links() {
    let world = World::new();
    let mut batch = PendingBatch::new(0);
    let begin: Vec<SubmittedLeaf> = (0..3).map(|link| Some((0, link))).collect();
    batch.submit(&world.rules, &Empty, &submission(&world, &begin), Time::MAX).unwrap();
    // Continue differently with the same key after the same links.
    let key = key("example.com/e10", 10);
    let time = Time::from_millis(1_795_150_000_000).unwrap();
    let position = countersign::recorder::Position {
        chain: world.ids[0],
        seq: 2,
        last: leaf_hash(world.chains[0][2].leaf.as_bytes()),
        time,
    };
    let mut twin = Recorder::resume(key.verifier_key().clone(), &position).unwrap();
    let event = Event::parse(br#"{"number":"another"}"#, &Redaction::none()).unwrap();
    twin.record(&event, time, &[9; 16]).unwrap();
    twin.flush();
    twin.sign_with(&key).unwrap();
    let other = twin.drain();
    let other_leaf = serde_json::from_str::<Value>(&other).unwrap()["link"].as_str().unwrap().to_owned();
    let one = &world.chains[0][3];
    assert!(one.signed);
    let fork = |body: String, batch: &mut PendingBatch| {
        let submission = Submission::parse(body.as_bytes(), &Limits::default()).unwrap();
        let refusal = batch
            .submit(&world.rules, &Empty, &submission, Time::MAX)
            .map_err(AcceptanceError::refusal)
            .unwrap_err();
        let RefusalKind::Fork(evidence) = refusal.kind else { panic!("{refusal:?}") };
        assert_eq!((evidence.chain, evidence.seq), (world.ids[0], 3));
        (evidence.index, evidence.refused)
    };
    let both = format!("{}\n{other}", one.line);
    assert_eq!(fork(both, &mut batch), (None, vec![one.leaf.clone(), other_leaf.clone()]));
    assert_eq!(batch.size(), 3);
    // If the log has one of the links, the evidence refers to it.
    batch.submit(&world.rules, &Empty, &submission(&world, &[Some((0, 3))]), Time::MAX).unwrap();
    assert_eq!(fork(other, &mut batch), (Some(3), vec![other_leaf]));
}
