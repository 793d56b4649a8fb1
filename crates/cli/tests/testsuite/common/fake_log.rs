//! A log without storage: what a log server answers, with real proofs.
#![allow(dead_code, reason = "each test file uses a part of it")]

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::log::{Empty, Growth, Kind, Limits, Rules, Submission, SubmissionError};
use countersign::merkle::{CompactRange, Grown, inclusion_proof};
use countersign::note::SignerKey;
use countersign::proof::Proof;
use countersign::trust::Trust;
use serde_json::{Value, json};

/// The log's origin.
pub const ORIGIN: &str = "log.example/audit";

/// A log in memory.
pub struct FakeLog {
    pub key: SignerKey,
    pub limits: Limits,
    rules: Rules,
    pub growth: Growth,
    tree: Grown,
}

impl FakeLog {
    /// A log whose key is made of that seed. It takes the chains of any key, or of those that the trust names.
    pub fn new(seed: u8, trust: Option<Trust>) -> Self {
        Self {
            key: SignerKey::generate(ORIGIN, [seed; 32]).unwrap(),
            limits: Limits::default(),
            rules: Rules::new(ORIGIN, trust),
            growth: Growth::new(0),
            tree: Grown::new(&CompactRange::new()),
        }
    }

    /// Takes a submission, if it can, and gives status and body of the answer.
    pub fn submit(&mut self, body: &[u8]) -> (u16, Value) {
        let before = self.growth.leaves().len();
        let taken = Submission::parse(body, &self.limits).and_then(|submission| {
            let taken = self.growth.submit(&self.rules, &Empty, &submission, countersign::time::Time::MAX);
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

    /// The checkpoint as that key signs it.
    pub fn checkpoint(&self, key: &SignerKey) -> String {
        let checkpoint =
            Checkpoint::new(key.verifier_key().name(), self.tree.size(), self.tree.root()).unwrap();
        checkpoint.sign(key).unwrap()
    }

    /// The proof that leads from a leaf to a checkpoint.
    pub fn proof(&self, index: u64, checkpoint: &str) -> String {
        let hashes = inclusion_proof(index, self.tree.size(), &self.tree).unwrap();
        let checkpoint = SignedCheckpoint::parse(checkpoint).unwrap();
        Proof { extra: None, index, hashes, checkpoint }.to_string()
    }

    /// An answer with all of its proofs led to this checkpoint instead.
    pub fn with_checkpoint(&self, answer: &Value, checkpoint: &str) -> Value {
        let mut answer = answer.clone();
        for (_, chain) in answer["chains"].as_object_mut().unwrap() {
            let index = chain["index"].as_u64().unwrap();
            chain["proof"] = self.proof(index, checkpoint).into();
        }
        answer
    }

    /// Forgets everything, as a log that was rolled back to its beginning.
    pub fn forget(&mut self) {
        self.growth = Growth::new(0);
        self.tree = Grown::new(&CompactRange::new());
    }

    fn refuse(&self, refusal: &SubmissionError) -> (u16, Value) {
        let error = &refusal.error;
        let said = json!({ "code": error.code.as_str(), "message": error.message, "hint": error.hint, "line": error.line });
        match &refusal.kind {
            Kind::Malformed => (400, json!({ "error": said })),
            Kind::Early { now, .. } => (503, json!({ "error": said, "now": now.to_string() })),
            Kind::Unauthorized => (403, json!({ "error": said })),
            Kind::TooLarge | Kind::TooMany => {
                let limits = json!({ "bytes": self.limits.bytes, "lines": self.limits.lines });
                (413, json!({ "error": said, "limits": limits }))
            }
            Kind::Gap { chain, expected, last } => {
                let last = last.map(|last| base64::encode(last.0));
                (
                    409,
                    json!({ "error": said, "chain": chain.to_string(), "expected": expected, "last": last }),
                )
            }
            Kind::Fork(evidence) => {
                let (chain, seq, index) = (evidence.chain.to_string(), evidence.seq, evidence.index);
                (409, json!({ "error": said, "chain": chain, "seq": seq, "index": index }))
            }
        }
    }

    /// The events in the log, in its order.
    pub fn events(&self) -> Vec<String> {
        let events = self.growth.leaves().iter().filter_map(|leaf| leaf.event());
        events.map(|event| event.text.clone()).collect()
    }
}
