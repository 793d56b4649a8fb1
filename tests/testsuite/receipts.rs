//! Receipts of entries of a tenant log, as conformance vectors (SPEC section 16.8).
//!
//! With `COUNTERSIGN_WRITE=1`, the test writes them into `tests/vectors/receipts.json`.
#![cfg(not(target_arch = "wasm32"))]

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, PendingTree, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::tenant::{HeadProof, Receipt, TenantOrigin};
use countersign::trust::Trust;
use countersign::verify::Verdict;
use serde_json::{Value, json};

use crate::common::tenant_world::{ROOT, RootLog, chain, root_key, tenant, witness_key};

const FILE: &str = "tests/vectors/receipts.json";
/// The ticks with a head: before the entry, with it, and of the other tenant.
const EARLIER: u64 = 50;
const TICK: u64 = 60;
const OTHER_TICK: u64 = 70;
/// The entry of the receipt.
const INDEX: u64 = 3;

/// A receipt with what its reader has, and the expected result.
struct Case {
    name: &'static str,
    receipt: String,
    entry: String,
    trust: String,
    origin: Option<String>,
    /// `None` if the receipt can't be parsed.
    verdict: Option<Verdict>,
}

struct World {
    origin: TenantOrigin,
    other: TenantOrigin,
    entries: Vec<String>,
    root: RootLog,
}

impl World {
    fn new() -> Self {
        let (origin, other) = (tenant(0xac), tenant(0xbe));
        let lines = chain(origin.as_str(), "first", 3, 0);
        let link =
            |line: &String| serde_json::from_str::<Value>(line).unwrap()["link"].as_str().unwrap().to_owned();
        let entries = lines.iter().map(link).collect();
        let mut root = RootLog::default();
        root.publish(EARLIER, &origin, &lines[..3]);
        root.publish(TICK, &origin, &lines);
        root.publish(OTHER_TICK, &other, &lines);
        Self { origin, other, entries, root }
    }

    fn hashes(&self, index: u64, size: u64) -> Vec<Hash> {
        let mut tree = PendingTree::new(&CompactRange::new());
        let leaves = self.entries[..usize::try_from(size).unwrap()].iter();
        tree.extend(&leaves.map(|entry| leaf_hash(entry.as_bytes())).collect::<Vec<_>>());
        inclusion_proof(index, size, &tree).unwrap()
    }

    fn receipt(&self) -> Receipt {
        Receipt { index: INDEX, hashes: self.hashes(INDEX, 5), proof: self.root.head(TICK) }
    }

    fn trust(&self) -> String {
        format!("{}origin {} 10\n", trust_without_origin(), self.origin)
    }

    fn case(&self, name: &'static str, receipt: &impl ToString, verdict: Option<Verdict>) -> Case {
        Case {
            name,
            receipt: receipt.to_string(),
            entry: self.entries[3].clone(),
            trust: self.trust(),
            origin: None,
            verdict,
        }
    }

    /// Returns a case with a changed receipt.
    fn changed(&self, name: &'static str, verdict: Verdict, change: impl Fn(&mut Receipt)) -> Case {
        let mut receipt = self.receipt();
        change(&mut receipt);
        self.case(name, &receipt, Some(verdict))
    }

    /// Returns a case with another reader.
    fn read(&self, name: &'static str, trust: String, origin: Option<&str>, verdict: Verdict) -> Case {
        let origin = origin.map(str::to_owned);
        Case { trust, origin, ..self.case(name, &self.receipt(), Some(verdict)) }
    }

    fn cases(&self) -> Vec<Case> {
        use Verdict::{Altered, Broken, Untrusted, Verified};

        let (origin, other, good) = (self.origin.as_str(), self.other.as_str(), self.receipt().to_string());
        let (trust, anyone) = (self.trust(), trust_without_origin());
        let own_key = SignerKey::from_seed(origin, [9; 32]).unwrap();
        let without = |name: &str| {
            let checkpoint = self.root.head(TICK).checkpoint;
            let lines = checkpoint.to_string();
            let kept: Vec<&str> =
                lines.split_inclusive('\n').filter(|line| !line.starts_with(&format!("— {name} "))).collect();
            let checkpoint = SignedCheckpoint::parse(&kept.concat()).unwrap();
            Receipt { proof: HeadProof { checkpoint, ..self.receipt().proof }, ..self.receipt() }
        };
        let malformed = |name, text: String| self.case(name, &text, None);
        vec![
            self.case("valid", &good, Some(Verified)),
            self.changed("first-entry", Altered, |receipt| {
                (receipt.index, receipt.hashes) = (0, self.hashes(0, 5));
            }),
            Case {
                entry: self.entries[0].clone(),
                ..self.changed("valid-first-entry", Verified, |receipt| {
                    (receipt.index, receipt.hashes) = (0, self.hashes(0, 5));
                })
            },
            Case {
                entry: self.entries[3].clone() + "\n",
                ..self.case("entry-with-lf", &good, Some(Altered))
            },
            self.changed("wrong-index", Altered, |receipt| receipt.index = 2),
            self.changed("index-not-below-the-size", Altered, |receipt| receipt.index = 5),
            self.changed("wrong-hash", Altered, |receipt| receipt.hashes[0].0[0] ^= 1),
            self.changed("one-hash-less", Altered, |receipt| {
                receipt.hashes.pop();
            }),
            self.changed("one-hash-more", Altered, |receipt| receipt.hashes.push(Hash([0; 32]))),
            self.changed("hashes-of-another-size", Altered, |receipt| {
                receipt.hashes = self.hashes(INDEX, 4);
            }),
            self.changed("head-before-the-entry", Altered, |receipt| {
                receipt.proof = self.root.head(EARLIER);
            }),
            self.changed("head-of-another-tenant", Broken, |receipt| {
                receipt.proof = self.root.head(OTHER_TICK);
            }),
            self.changed("head-of-another-tenant-renamed", Altered, |receipt| {
                receipt.proof = self.root.head(OTHER_TICK);
                receipt.proof.anchor.head.origin = self.origin.clone();
            }),
            self.changed("head-with-another-size", Altered, |receipt| receipt.proof.anchor.head.size = 6),
            self.changed("stale-head", Altered, |receipt| {
                receipt.proof = self.root.head_in(TICK, TICK + 2);
            }),
            self.changed("checkpoint-of-another-log", Broken, |receipt| {
                let Checkpoint { size, root, .. } = receipt.proof.checkpoint.checkpoint;
                let key = SignerKey::from_seed("other.example", [1; 32]).unwrap();
                let note = Checkpoint::new("other.example", size, root).unwrap().sign(&key).unwrap();
                receipt.proof.checkpoint = SignedCheckpoint::parse(&note).unwrap();
            }),
            self.changed("invalid-signature", Altered, |receipt| {
                receipt.proof.checkpoint.note.signatures[0].signature[20] ^= 1;
            }),
            self.case("root-without-quorum", &without("witness.example"), Some(Broken)),
            self.case("root-not-signed", &without(ROOT), Some(Untrusted)),
            self.read("expected-origin", anyone.clone(), Some(origin), Verified),
            self.read("expected-origin-and-origin-line", trust.clone(), Some(origin), Verified),
            self.read("origin-line-among-others", format!("{trust}origin {other}\n"), None, Verified),
            self.read("unnamed", anyone.clone(), None, Untrusted),
            self.read("another-expected-origin", anyone.clone(), Some(other), Broken),
            self.read("another-origin-line", format!("{anyone}origin {other}\n"), None, Broken),
            self.read("another-origin-line-than-expected", trust.clone(), Some(other), Broken),
            self.read("origin-line-of-the-root-log", format!("{anyone}origin {ROOT}\n"), None, Broken),
            self.read(
                "tenant-with-a-key-of-its-own",
                format!("log {}\n{trust}", own_key.verifier_key()),
                None,
                Broken,
            ),
            self.read("no-trust", format!("origin {origin}\n"), None, Untrusted),
            malformed("another-first-line", good.replacen("v1 receipt", "v2 receipt", 1)),
            malformed("index-with-a-leading-zero", good.replacen("receipt\n3\n", "receipt\n03\n", 1)),
            malformed("index-with-a-word", good.replacen("receipt\n3\n", "receipt\nindex 3\n", 1)),
            malformed("no-index", good.replacen("receipt\n3\n", "receipt\n", 1)),
            malformed("two-empty-lines", good.replacen("\n\n", "\n\n\n", 1)),
            malformed("no-empty-line", good.replacen("\n\n", "\n", 1)),
            malformed("crlf", good.replace('\n', "\r\n")),
            malformed("no-lf-at-the-end", good.trim_end().to_owned()),
            malformed("head-proof-alone", self.root.head(TICK).to_string()),
            malformed("too-long", {
                let line = "— unknown.example AAAAAAAA\n";
                good.clone() + &line.repeat((20 << 10) / line.len())
            }),
        ]
    }
}

fn trust_without_origin() -> String {
    let (log, witness) = (root_key(), witness_key());
    format!("log {}\nwitness w {}\nquorum w\n", log.verifier_key(), witness.verifier_key())
}

#[test]
fn receipts_have_the_result_of_the_vectors() {
    let mut vectors = Vec::new();
    for case in World::new().cases() {
        let Case { name, receipt, entry, trust, origin, verdict } = case;
        let parsed = Receipt::parse(&receipt);
        assert_eq!(parsed.is_ok(), verdict.is_some(), "{name}: {parsed:?}");
        if let Ok(parsed) = &parsed {
            assert_eq!(parsed.to_string(), receipt, "{name}");
            let trust = Trust::parse(trust.as_bytes()).unwrap();
            let outcome = parsed.judge(entry.as_bytes(), origin.as_deref(), &trust);
            let found = outcome.as_ref().err().map_or(Verdict::Verified, |(verdict, _)| *verdict);
            assert_eq!(Some(found), verdict, "{name}: {outcome:?}");
        }
        let is_valid = verdict == Some(Verdict::Verified);
        vectors.push(json!({
            "name": name, "receipt": receipt, "entry": entry, "trust": trust, "origin": origin, "valid": is_valid,
        }));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("COUNTERSIGN_WRITE").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    // The order of members depends on the features of other packages.
    let written: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(written, serde_json::Value::Array(vectors));
}
