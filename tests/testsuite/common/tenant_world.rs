//! A tenant log and its root log, with everything that a lying operator could show instead.

use std::collections::BTreeMap;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::export::Line;
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::{Anchor, Head, HeadProof, State, TenantOrigin};
use countersign::time::Time;

pub const ROOT: &str = "log.example";
pub const EMITTER: &str = "example.com/app";
pub const DEPTH: u8 = 10;
/// The time of tick 0.
const START: &str = "2026-11-20T06:00:00.000Z";

pub fn tenant(id: u8) -> TenantOrigin {
    TenantOrigin::new(ROOT, [id; 16]).unwrap()
}

pub fn key(name: &str, seed: u8) -> SignerKey {
    SignerKey::from_seed(name, [seed; 32]).unwrap()
}

pub fn root_key() -> SignerKey {
    key(ROOT, 1)
}

pub fn witness_key() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

/// Returns the time of a tick: there is one a second.
pub fn time_of(tick: u64) -> Time {
    let start: Time = START.parse().unwrap();
    Time::from_millis(start.millis() + 1000 * i64::try_from(tick).unwrap()).unwrap()
}

/// Returns bytes that only the name decides.
fn bytes(name: &str) -> Hash {
    Hash::digest(&[name.as_bytes()])
}

fn short(name: &str) -> [u8; 16] {
    bytes(name).0[..16].try_into().unwrap()
}

/// Returns the lines of one chain: an open link, `events` events with this label, and a close link, two seconds apart
/// from this tick on.
pub fn chain(origin: &str, label: &str, events: u64, first: u64) -> Vec<String> {
    let key = key(EMITTER, 3);
    let time = |number: u64| time_of(first + 2 * number);
    let mut recorder = Recorder::open(origin, key.verifier_key().clone(), time(0), &short(label)).unwrap();
    recorder.sign_with(&key).unwrap();
    for number in 1..=events {
        let event = format!("{{\"action\":\"{label}\",\"n\":{number}}}");
        let event = Event::parse(event.as_bytes(), &Redaction::default()).unwrap();
        recorder.record(&event, time(number), &short(&format!("{label} {number}"))).unwrap();
    }
    recorder.close(time(events + 1)).unwrap();
    recorder.sign_with(&key).unwrap();
    recorder.drain().lines().map(str::to_owned).collect()
}

/// Returns the root hash of the entries on these lines.
pub fn root_of(lines: &[String]) -> Hash {
    let mut tree = CompactRange::new();
    for line in lines {
        let line = Line::parse(line).unwrap();
        let text = match line.item {
            countersign::export::Item::Link { text, .. } | countersign::export::Item::Note { text, .. } => {
                text
            }
            other => panic!("no entry: {other:?}"),
        };
        tree.append(leaf_hash(text.as_bytes()));
    }
    tree.root().unwrap()
}

/// The root log. Ticks without a head that a test needs have a directory of other tenants alone.
#[derive(Clone, Default)]
pub struct RootLog {
    heads: BTreeMap<u64, Anchor>,
    /// Entries other than directories, which no honest root log has.
    others: BTreeMap<u64, String>,
}

impl RootLog {
    /// Publishes the head of the first entries of a log at a tick.
    pub fn publish(&mut self, tick: u64, origin: &TenantOrigin, entries: &[String]) -> &mut Anchor {
        let head = Head {
            origin: origin.clone(),
            size: entries.len() as u64,
            root: root_of(entries),
            state: State::Live,
        };
        let anchor = Anchor {
            head,
            salt: short(&format!("salt {tick}")),
            time: time_of(tick),
            siblings: (0..DEPTH).map(|level| bytes(&format!("sibling {tick} {level}"))).collect(),
            tick,
            hashes: Vec::new(),
        };
        self.heads.insert(tick, anchor);
        self.heads.get_mut(&tick).unwrap()
    }

    /// Puts an entry that is not a directory at a tick.
    pub fn put(&mut self, tick: u64, entry: &str) {
        self.others.insert(tick, entry.to_owned());
    }

    fn tree(&self, size: u64) -> PendingTree {
        let entry = |tick: u64| match (self.heads.get(&tick), self.others.get(&tick)) {
            (_, Some(other)) => other.clone(),
            (Some(head), None) => head.entry().to_string(),
            (None, None) => {
                format!("countersign/v1 directory {} {}", time_of(tick), bytes(&format!("directory {tick}")))
            }
        };
        let leaves: Vec<Hash> = (0..size).map(|tick| leaf_hash(entry(tick).as_bytes())).collect();
        let mut tree = PendingTree::new(&CompactRange::new());
        tree.extend(&leaves);
        tree
    }

    /// Returns the anchor at a tick, proven by the root log of this size.
    pub fn anchor(&self, tick: u64, size: u64) -> Anchor {
        let hashes = inclusion_proof(tick, size, &self.tree(size)).unwrap();
        Anchor { hashes, ..self.heads[&tick].clone() }
    }

    /// Returns the signed checkpoint of this size, cosigned a second after its last tick.
    pub fn checkpoint(&self, size: u64) -> SignedCheckpoint {
        let checkpoint = Checkpoint::new(ROOT, size, self.tree(size).root()).unwrap();
        let seconds = time_of(size).millis().cast_unsigned() / 1000;
        let note =
            checkpoint.sign(&root_key()).unwrap() + &checkpoint.cosign(&witness_key(), seconds).unwrap();
        SignedCheckpoint::parse(&note).unwrap()
    }

    /// Returns the head proof at a tick, by the checkpoint of this size.
    pub fn head_in(&self, tick: u64, size: u64) -> HeadProof {
        HeadProof { anchor: self.anchor(tick, size), checkpoint: self.checkpoint(size) }
    }

    /// Returns the head proof at a tick.
    pub fn head(&self, tick: u64) -> HeadProof {
        self.head_in(tick, tick + 1)
    }
}

/// Returns a line of an export with one string field.
pub fn line(name: &str, text: &str) -> String {
    format!("{{\"{name}\":{}}}", serde_json::to_string(text).unwrap())
}
