//! A log in memory: a server's responses with real proofs.
#![allow(dead_code, reason = "each test file uses a part of it")]

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::log::{Empty, Limits, PendingBatch, RefusalKind, Rules, Submission, SubmissionError};
use countersign::merkle::{CompactRange, PendingTree, inclusion_proof};
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign::time::Time;
use countersign::trust::Trust;
use serde_json::{Value, json};

/// The log's origin.
pub const ORIGIN: &str = "log.example/audit";

/// A log in memory.
pub struct FakeLog {
    pub key: SignerKey,
    pub limits: Limits,
    /// The time that its clock shows.
    pub now: Time,
    rules: Rules,
    pub growth: PendingBatch,
    tree: PendingTree,
}

impl FakeLog {
    /// Creates a log with a key from this seed. It accepts chains of any key, or of the trusted ones.
    pub fn new(seed: u8, trust: Option<Trust>) -> Self {
        Self {
            key: SignerKey::from_seed(ORIGIN, [seed; 32]).unwrap(),
            limits: Limits::default(),
            now: Time::MAX,
            rules: Rules::new(ORIGIN, trust),
            growth: PendingBatch::new(0),
            tree: PendingTree::new(&CompactRange::new()),
        }
    }

    /// Accepts a submission if valid, and returns the status and body of the response.
    pub fn submit(&mut self, body: &[u8]) -> (u16, Value) {
        let before = self.growth.leaves().len();
        let taken = Submission::parse(body, &self.limits).and_then(|submission| {
            let taken = self.growth.submit(&self.rules, &Empty, &submission, self.now);
            taken.map_err(countersign::log::AcceptanceError::refusal)
        });
        let taken = match taken {
            Ok(taken) => taken,
            Err(refusal) => return self.refuse(&refusal),
        };
        let hashes: Vec<_> = self.growth.leaves()[before..].iter().map(|leaf| leaf.hash).collect();
        self.tree.extend(&hashes);
        let checkpoint = self.checkpoint(&self.key);
        let chains: serde_json::Map<String, Value> = taken
            .chains
            .iter()
            .map(|(chain, tip)| {
                let proof = self.proof(tip.index, &checkpoint);
                (chain.to_string(), json!({ "seq": tip.seq, "index": tip.index, "proof": proof }))
            })
            .collect();
        let answer = json!({
            "checkpoint": checkpoint, "chains": chains, "notes": [], "added": taken.added, "repeated": taken.repeated,
        });
        (200, answer)
    }

    /// Returns the checkpoint, signed with this key.
    pub fn checkpoint(&self, key: &SignerKey) -> String {
        let checkpoint =
            Checkpoint::new(key.verifier_key().name(), self.tree.size(), self.tree.root()).unwrap();
        checkpoint.sign(key).unwrap()
    }

    /// Returns a leaf's inclusion proof.
    pub fn proof(&self, index: u64, checkpoint: &str) -> String {
        let hashes = inclusion_proof(index, self.tree.size(), &self.tree).unwrap();
        let checkpoint = SignedCheckpoint::parse(checkpoint).unwrap();
        Proof { extra: None, index, hashes, checkpoint }.to_string()
    }

    /// Changes the proofs of a response to this checkpoint.
    pub fn with_checkpoint(&self, answer: &Value, checkpoint: &str) -> Value {
        let mut answer = answer.clone();
        for (_, chain) in answer["chains"].as_object_mut().unwrap() {
            let index = chain["index"].as_u64().unwrap();
            chain["proof"] = self.proof(index, checkpoint).into();
        }
        answer
    }

    /// Forgets everything, like a log rolled back to its start.
    pub fn forget(&mut self) {
        self.growth = PendingBatch::new(0);
        self.tree = PendingTree::new(&CompactRange::new());
    }

    fn refuse(&self, refusal: &SubmissionError) -> (u16, Value) {
        let error = &refusal.error;
        let said = json!({ "code": error.code.as_str(), "message": error.message, "hint": error.hint, "line": error.line });
        match &refusal.kind {
            RefusalKind::Malformed => (400, json!({ "error": said })),
            RefusalKind::Early { now, .. } => (503, json!({ "error": said, "now": now.to_string() })),
            RefusalKind::Unauthorized => (403, json!({ "error": said })),
            RefusalKind::TooLarge | RefusalKind::TooMany => {
                let limits = json!({ "bytes": self.limits.bytes, "lines": self.limits.lines });
                (413, json!({ "error": said, "limits": limits }))
            }
            RefusalKind::Gap { chain, expected, last } => {
                let last = last.map(|last| base64::encode(last.0));
                (
                    409,
                    json!({ "error": said, "chain": chain.to_string(), "expected": expected, "last": last }),
                )
            }
            RefusalKind::Fork(evidence) => {
                let (chain, seq, index) = (evidence.chain.to_string(), evidence.seq, evidence.index);
                (409, json!({ "error": said, "chain": chain, "seq": seq, "index": index }))
            }
        }
    }

    /// Returns the events in the log, in order.
    pub fn events(&self) -> Vec<String> {
        let events = self.growth.leaves().iter().filter_map(|leaf| leaf.event());
        events.map(|event| event.text.clone()).collect()
    }
}
