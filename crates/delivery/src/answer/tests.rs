//! Tests of responses, mostly those of a tenant log.

use std::sync::Mutex;

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::keys::{KeyNote, Statement};
use countersign::log::{Empty, Limits, PendingBatch, Rules, Submission};
use countersign::merkle::{CompactRange, PendingTree, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::recorder::Recorder;
use countersign::tenant::{Anchor, Head, Since, State};
use serde_json::json;

use super::*;
use crate::{Delivery, DeliveryError, LogServer, Memory, Outbox, Step, submit_note};

const ROOT: &str = "log.example";
const ORIGIN: &str = "log.example/t/8f000000000000000000000000000001";
const OTHER: &str = "log.example/t/00000000000000000000000000000001";

type Change = fn(&mut Value);

/// A tenant log in memory. The other entries of its root log are not directories.
struct TenantLog {
    rules: Rules,
    growth: PendingBatch,
    tree: PendingTree,
    root_tree: PendingTree,
    /// A change of each response.
    change: Change,
}

impl TenantLog {
    fn new() -> Self {
        let key = emitter();
        let rules = trust(&format!("issuer {0}\nemitter {0}\n", key.verifier_key()));
        let empty = || PendingTree::new(&CompactRange::new());
        Self {
            rules: Rules::new(ORIGIN, Some(rules)),
            growth: PendingBatch::new(0),
            tree: empty(),
            root_tree: empty(),
            change: |_| {},
        }
    }

    /// Publishes the head in the directory of another tick.
    fn publish(&mut self) -> HeadProof {
        let head = Head {
            origin: TenantOrigin::parse(ORIGIN).unwrap(),
            size: self.tree.size(),
            root: self.tree.root(),
            state: State::Live,
        };
        self.root_tree.extend(&[leaf_hash(b"a tick before")]);
        let tick = self.root_tree.size();
        let siblings = vec![Hash([5; 32]); 10];
        let mut anchor = Anchor { head, salt: [4; 16], time: Time::MIN, siblings, tick, hashes: Vec::new() };
        self.root_tree.extend(&[leaf_hash(anchor.entry().to_string().as_bytes())]);
        anchor.hashes = inclusion_proof(tick, tick + 1, &self.root_tree).unwrap();
        let checkpoint = Checkpoint::new(ROOT, tick + 1, self.root_tree.root()).unwrap();
        let note = checkpoint.sign(&root_key()).unwrap();
        HeadProof { anchor, checkpoint: SignedCheckpoint::parse(&note).unwrap() }
    }

    fn answer(&mut self, lines: &str) -> Value {
        let submission = Submission::parse(lines.as_bytes(), &Limits::default()).unwrap();
        let before = self.growth.leaves().len();
        let taken = self.growth.submit(&self.rules, &Empty, &submission, Time::MAX).unwrap();
        let added: Vec<_> = self.growth.leaves()[before..].iter().map(|leaf| leaf.hash).collect();
        self.tree.extend(&added);
        let proof = self.publish().to_string();
        let (head, root) = proof.split_once("\n\n").unwrap();
        let hashes = |index| -> Vec<String> {
            let hashes = inclusion_proof(index, self.tree.size(), &self.tree).unwrap();
            hashes.iter().map(ToString::to_string).collect()
        };
        let chain = |tip: &countersign::log::Tip| json!({ "seq": tip.seq, "index": tip.index, "hashes": hashes(tip.index) });
        let chains: Map<String, Value> =
            taken.chains.iter().map(|(id, tip)| (id.to_string(), chain(tip))).collect();
        let notes: Vec<Value> = taken
            .notes
            .iter()
            .map(|note| json!({ "index": note.index, "hashes": hashes(note.index) }))
            .collect();
        json!({
            "root": root,
            "logs": { ORIGIN: {
                "head": format!("{head}\n"), "chains": chains, "notes": notes,
                "added": taken.added, "repeated": taken.repeated, "anchors": [], "consistency": [],
            } },
        })
    }
}

impl LogServer for TenantLog {
    type Error = DeliveryError;

    fn submit(&mut self, lines: &str, _: Option<Since>) -> Result<Answer, DeliveryError> {
        let mut answer = self.answer(lines);
        (self.change)(&mut answer);
        Ok(Answer { status: 200, retry_after: None, body: answer.to_string().into_bytes() })
    }
}

fn root_key() -> SignerKey {
    SignerKey::from_seed(ROOT, [1; 32]).unwrap()
}

fn trust(more: &str) -> Trust {
    Trust::parse(format!("log {}\n{more}", root_key().verifier_key()).as_bytes()).unwrap()
}

fn emitter() -> SignerKey {
    SignerKey::from_seed("example.com/app", [9; 32]).unwrap()
}

/// Returns an outbox with a chain of three events.
fn outbox() -> Mutex<Outbox> {
    let (key, now) = (emitter(), "2026-11-20T06:01:02.345Z".parse().unwrap());
    let mut recorder = Recorder::open(ORIGIN, key.verifier_key().clone(), now, &[1; 16]).unwrap();
    for number in 0..3 {
        recorder.sign_with(&key).unwrap();
        let event = format!("{{\"action\":\"job.create\",\"n\":{number}}}");
        let event = Event::parse(event.as_bytes(), &Redaction::default()).unwrap();
        recorder.record(&event, now, &[number; 16]).unwrap();
    }
    recorder.flush();
    recorder.sign_with(&key).unwrap();
    let mut outbox = Outbox::open(Box::new(Memory::default()), ORIGIN, "outbox").unwrap();
    outbox.append(&recorder.drain(), None).unwrap();
    Mutex::new(outbox)
}

/// Returns the reason why a response isn't accepted, if it isn't.
fn refusal(change: Change, trust: &Trust) -> Option<String> {
    let outbox = outbox();
    let mut log = TenantLog { change, ..TenantLog::new() };
    let step = Delivery::new(&outbox, trust, ORIGIN).step(&mut log);
    let left = outbox.lock().unwrap().pending().len();
    match step {
        Step::Delivered { events: 3 } => {
            assert_eq!(left, 0);
            None
        }
        Step::Later { why, .. } => {
            assert_eq!((why.code(), left), ("proof.invalid", 1));
            Some(why.to_string())
        }
        step => panic!("{step:?}"),
    }
}

fn log(answer: &mut Value) -> &mut Value {
    &mut answer["logs"][ORIGIN]
}

fn chain(answer: &mut Value) -> &mut Value {
    log(answer)["chains"].as_object_mut().unwrap().values_mut().next().unwrap()
}

#[test]
fn server_errors_are_transient_and_refusals_are_not() {
    assert!([408, 421, 425, 429, 500, 502, 503, 504].into_iter().all(is_transient));
    assert!(![301, 400, 401, 403, 404, 409, 410, 413, 422].into_iter().any(is_transient));
}

#[test]
fn the_outbox_keeps_the_receipt_of_a_tenant_log() {
    let (outbox, trust) = (outbox(), trust(&format!("origin {ORIGIN} 0\n")));
    let mut log = TenantLog::new();
    let mut delivery = Delivery::new(&outbox, &trust, ORIGIN);
    assert!(matches!(delivery.step(&mut log), Step::Delivered { events: 3 }));
    assert!(matches!(delivery.step(&mut log), Step::Empty));
    let outbox = outbox.lock().unwrap();
    let Receipt { link, proof } = outbox.receipt().unwrap();
    let receipt = tenant::Receipt::parse(proof).unwrap();
    assert_eq!((receipt.index, receipt.to_string()), (3, proof.clone()));
    assert_eq!(receipt.verify(link.as_bytes(), Some(ORIGIN), &trust), Ok(()));
}

#[test]
fn a_response_of_a_tenant_log_must_prove_each_chain() {
    let trust = trust("");
    assert_eq!(refusal(|_| {}, &trust), None);
    assert_eq!(refusal(|answer| answer["more"] = json!(1), &trust), None, "an unknown field");
    let changes: &[(Change, &str)] = &[
        (|answer| *answer = json!([]), "the response is not a JSON object"),
        (|answer| answer["logs"] = json!(null), "has no field `logs`"),
        (|answer| answer["logs"] = json!({}), "the response is not for the log"),
        (|answer| answer["logs"] = json!({ OTHER: log(answer).clone() }), "the response is not for the log"),
        (|answer| *log(answer) = json!("x"), "the response is not for the log"),
        (|answer| answer["root"] = json!(null), "has no field `root`"),
        (|answer| log(answer)["head"] = json!(7), "has no field `head`"),
        (|answer| log(answer)["chains"] = json!(null), "has no field `chains`"),
        (|answer| log(answer)["chains"] = json!({}), "no proof of"),
        (|answer| chain(answer)["index"] = json!("3"), "no proof of"),
        (|answer| chain(answer)["index"] = json!(-1), "no proof of"),
        (|answer| chain(answer)["hashes"] = json!(null), "no proof of"),
        (|answer| chain(answer)["hashes"][0] = json!("AAAA"), "no proof of"),
        (|answer| chain(answer)["index"] = json!(2), "leads to a different root"),
        (|answer| chain(answer)["hashes"][0] = json!(Hash([0; 32]).to_string()), "leads to a different root"),
        (|answer| chain(answer)["hashes"] = json!([]), "does not have the form"),
        (|answer| change_head(answer, |text| text.replacen("\n4\n", "\n5\n", 1)), "does not have the form"),
        (|answer| change_head(answer, |text| text.replacen("live", "ended", 1)), "from the head to the"),
        (|answer| change_head(answer, |text| text.replacen("8f", "00", 1)), "not for"),
        (|answer| change_head(answer, |text| text.trim_end().to_owned()), "a hash is not base64"),
        (|answer| change_root(answer, |text| text.replacen("index 1", "index 0", 1)), "from the head to the"),
        (|answer| change_root(answer, |text| text.replacen("\nlog.example\n", "\na\n", 1)), "root log"),
        (|answer| change_root(answer, without_signature), "proof"),
        (|answer| log(answer)["anchors"] = json!(null), "how the log grew"),
        (|answer| log(answer)["consistency"] = json!(null), "how the log grew"),
        (|answer| log(answer)["consistency"] = json!(["AAAA"]), "how the log grew"),
        (|answer| log(answer)["anchors"] = json!([{ "anchor": "", "consistency": [] }]), "no empty line"),
        // The proof of an ordinary log.
        (
            |answer| *answer = json!({ "chains": log(answer)["chains"], "checkpoint": answer["root"] }),
            "`logs`",
        ),
    ];
    for (number, (change, why)) in changes.iter().enumerate() {
        let found = refusal(*change, &trust).unwrap_or_default();
        assert!(found.contains(why), "{number}: {found}");
    }
}

fn change_head(answer: &mut Value, change: fn(&str) -> String) {
    let head = &mut log(answer)["head"];
    *head = change(head.as_str().unwrap()).into();
}

fn change_root(answer: &mut Value, change: fn(&str) -> String) {
    let root = &mut answer["root"];
    *root = change(root.as_str().unwrap()).into();
}

/// Replaces the signature by another one of the same form.
fn without_signature(root: &str) -> String {
    let (text, signature) = root.rsplit_once(' ').unwrap();
    let mut bytes = base64::decode(signature.trim_end()).unwrap();
    bytes[60] ^= 1;
    format!("{text} {}\n", base64::encode(bytes))
}

#[test]
fn a_tenant_log_needs_a_trusted_root_log() {
    let untrusted = SignerKey::from_seed("other.example", [7; 32]).unwrap();
    let trusts = [
        (format!("log {}\n", untrusted.verifier_key()), "no trusted log key signed"),
        (format!("log {}\norigin {OTHER}\n", root_key().verifier_key()), "no origin line"),
        (
            format!("log {}\nwitness w {}\nquorum w\n", root_key().verifier_key(), witness().verifier_key()),
            "too few trusted witnesses",
        ),
    ];
    for (text, why) in trusts {
        let found = refusal(|_| {}, &Trust::parse(text.as_bytes()).unwrap()).unwrap_or_default();
        assert!(found.contains(why), "{found}");
    }
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

#[test]
fn a_log_with_a_key_of_its_own_is_an_ordinary_one() {
    let own = SignerKey::from_seed(ORIGIN, [3; 32]).unwrap();
    let trust = trust(&format!("log {}\n", own.verifier_key()));
    assert!(refusal(|_| {}, &trust).is_some_and(|why| why.contains("has no field `chains`")));
}

#[test]
fn a_tenant_log_proves_key_notes() {
    let issuer = emitter();
    let key = SignerKey::from_seed("example.com/app/new", [8; 32]).unwrap().verifier_key().clone();
    let note = KeyNote::sign(ORIGIN, &[Statement::Revoke { key, since: None }], &issuer).unwrap();
    let line = json!({ "note": note }).to_string() + "\n";
    let mut log = TenantLog::new();
    let index = submit_note(&mut log, &line, &note, ORIGIN, &trust(""));
    assert_eq!(index.unwrap(), 0);
    let mut log =
        TenantLog { change: |answer| answer["logs"][ORIGIN]["notes"] = json!([]), ..TenantLog::new() };
    let missing = submit_note(&mut log, &line, &note, ORIGIN, &trust("")).unwrap_err();
    assert!(missing.to_string().contains("the response has no proof of the key note"));
}
