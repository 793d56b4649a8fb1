//! Checks of the format's basic values in `tests/vectors/primitives.json`.

use countersign::base64;
use countersign::canonical::{self, canonicalize, rfc8785};
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::ed25519::{self, PublicKey};
use countersign::event::{Event, Redaction};
use countersign::hash::Hash;
use countersign::keys::KeyNote;
use countersign::link::{self, Link, signed_part};
use countersign::merkle::{
    CompactRange, HashReader, Subtree, inclusion_proof, leaf_hash, node_hash, skips, verify_inclusion,
};
use countersign::note::{KeyType, SignerKey, VerifierKey};
use countersign::proof::Proof;
use countersign::time::Time;
use countersign::trust::Trust;
use serde_json::Value;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::common::value::{hex, hex_array, list, maybe_list, number, text, truth};

type Check = fn(&Value);

/// The sections of the file, each with its check.
const SECTIONS: &[(&str, Check)] = &[
    ("leafhash", check_leaf_hashes),
    ("nodehash", check_node_hashes),
    ("commits", check_commits),
    ("base64_refused", check_base64_refused),
    ("times", check_times),
    ("vkeys", check_vkeys),
    ("vkeys_refused", check_vkeys_refused),
    ("notes", check_notes),
    ("checkpoints", check_checkpoints),
    ("cosignatures", check_cosignatures),
    ("ed25519", check_ed25519),
    ("policies", check_policies),
    ("pins", check_pins),
    ("tree", check_tree),
    ("jcs", check_jcs),
    ("numbers", check_numbers),
    ("event_refused", check_event_refused),
    ("links", check_links),
];

/// Sections that need other sections, or are not vectors.
const OTHERS: &[&str] = &["about", "tlog_proof"];

#[test]
fn every_primitive_matches_the_vectors() {
    let json = include_str!("../vectors/primitives.json");
    let vectors: Value = serde_json::from_str(json).expect("the vectors are JSON");
    for &(name, check) in SECTIONS {
        check(&vectors[name]);
    }
    check_tlog_proof(&vectors["tlog_proof"], &vectors["checkpoints"]);
    for section in vectors.as_object().expect("an object").keys() {
        let known = SECTIONS.iter().any(|(name, _)| name == section) || OTHERS.contains(&&section[..]);
        assert!(known, "no check for the section {section}");
    }
}

fn hash(value: &Value) -> Hash {
    Hash(hex_array(value))
}

fn hashes(value: &Value) -> Vec<Hash> {
    maybe_list(value).iter().map(hash).collect()
}

fn key(value: &Value) -> VerifierKey {
    text(value).parse().expect("a vkey")
}

fn check_leaf_hashes(cases: &Value) {
    for case in list(cases) {
        assert_eq!(leaf_hash(&hex(&case["bytes"])), hash(&case["hash"]), "{case}");
    }
}

fn check_node_hashes(cases: &Value) {
    for case in list(cases) {
        assert_eq!(node_hash(&hash(&case["left"]), &hash(&case["right"])), hash(&case["hash"]), "{case}");
    }
}

fn check_commits(cases: &Value) {
    for case in list(cases) {
        let event = hex(&case["event_bytes"]);
        assert_eq!(event, text(&case["event"]).as_bytes(), "{case}");
        let commit = link::commit(&hex_array(&case["salt"]), &event);
        assert_eq!(commit, hash(&case["commit"]), "{case}");
        assert_eq!(commit.to_string(), text(&case["commit_base64"]), "{case}");
    }
}

fn check_base64_refused(cases: &Value) {
    for case in list(cases) {
        assert_eq!(base64::decode(text(case)), None, "{case}");
    }
}

fn check_times(cases: &Value) {
    for case in list(cases) {
        let time = text(&case["time"]).parse::<Time>().ok();
        assert_eq!(time.map(Time::millis), case["ms"].as_i64(), "{case}");
        if let Some(time) = time {
            assert_eq!(time.to_string(), text(&case["time"]), "{case}");
        }
    }
}

fn check_vkeys(cases: &Value) {
    for case in list(cases) {
        let (name, vkey) = (text(&case["name"]), text(&case["vkey"]));
        let (kind, other) = match number(&case["type"]) {
            1 => (KeyType::Ed25519, KeyType::Cosignature),
            4 => (KeyType::Cosignature, KeyType::Ed25519),
            other => panic!("key type {other}"),
        };
        let key = VerifierKey::parse(vkey, kind).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((key.name(), key.id(), key.key_type()), (name, hex_array(&case["key_id"]), kind));
        assert_eq!(key.public(), hex(&case["public"]), "{case}");
        assert_eq!(key.to_string(), vkey);
        assert_eq!(VerifierKey::new(name, kind, key.public()), Ok(key.clone()));
        assert!(VerifierKey::parse(vkey, other).is_err(), "{case}");

        let signer = match kind {
            KeyType::Ed25519 => SignerKey::from_seed(name, hex_array(&case["seed"])),
            _ => SignerKey::witness_from_seed(name, hex_array(&case["seed"])),
        };
        let signer = signer.expect("a name");
        assert_eq!(signer.verifier_key(), &key);
        let again = SignerKey::parse(&signer.encode()).expect("what encode wrote");
        assert_eq!(again.verifier_key(), &key);
        assert_eq!(again.sign(b"text"), signer.sign(b"text"));
    }
}

fn check_vkeys_refused(cases: &Value) {
    for case in list(cases) {
        assert!(text(case).parse::<VerifierKey>().is_err(), "{case}");
    }
}

fn check_notes(cases: &Value) {
    for case in list(cases) {
        let note = text(&case["note"]);
        assert_eq!(leaf_hash(note.as_bytes()), hash(&case["leafhash"]), "{case}");
        let read = KeyNote::parse(note).unwrap_or_else(|error| panic!("{error}: {case}"));
        let signers: Vec<VerifierKey> = list(&case["signers"]).iter().map(key).collect();
        assert_eq!(read.note.signatures.len(), signers.len(), "{case}");
        for signer in signers {
            assert!(read.note.is_signed_by(&signer), "{case}");
        }
        let mut lines = vec!["countersign/v1 keys".to_owned(), read.origin];
        lines.extend(read.statements.iter().map(ToString::to_string));
        assert_eq!(lines.join("\n") + "\n", read.note.text, "{case}");
    }
}

fn check_checkpoints(cases: &Value) {
    for case in list(cases) {
        let note = text(&case["note"]);
        let read = SignedCheckpoint::parse(note).unwrap_or_else(|error| panic!("{error}: {case}"));
        let expected = Checkpoint::new(text(&case["origin"]), number(&case["size"]), hash(&case["root"]));
        assert_eq!(Ok(&read.checkpoint), expected.as_ref(), "{case}");
        assert!(read.is_signed_by(&key(&case["log"])), "{case}");
        assert_eq!(read.to_string(), note);
    }
}

fn check_cosignatures(cases: &Value) {
    for case in list(cases) {
        let (checkpoint, line) = (text(&case["text"]), text(&case["line"]));
        let (time, message) = (number(&case["time"]), text(&case["message"]));
        let witness =
            VerifierKey::parse(text(&case["vkey"]), KeyType::Cosignature).expect("a witness's vkey");
        let signer = SignerKey::witness_from_seed(witness.name(), hex_array(&case["seed"])).expect("a name");
        let unsigned = Checkpoint::parse_text(checkpoint).expect("a checkpoint");
        assert_eq!(unsigned.cosign(&signer, time).as_deref(), Ok(line), "{case}");

        let note = format!("{checkpoint}\n{line}");
        let read = SignedCheckpoint::parse(&note).expect("a cosigned checkpoint");
        assert_eq!(read.cosignatures([&witness]).times(), [(0, Time::from_seconds(time).unwrap())], "{case}");
        assert!(witness.verify(message.as_bytes(), &read.note.signatures[0].signature[8..]), "{case}");

        // The cosignature is valid only for this checkpoint and this time.
        let other = format!("other.example\n{}", note.split_once('\n').expect("lines").1);
        let other = SignedCheckpoint::parse(&other).expect("a cosigned checkpoint");
        assert_eq!(other.cosignatures([&witness]).invalid, [&witness], "{case}");
        let mut later = read;
        later.note.signatures[0].signature[7] ^= 1;
        assert_eq!(later.cosignatures([&witness]).invalid, [&witness], "{case}");
    }
}

fn check_ed25519(cases: &Value) {
    for case in list(cases) {
        let public = hex_array(&case["public"]);
        let (message, signature) = (hex(&case["message"]), hex_array(&case["signature"]));
        let valid = ed25519::verify(&public, &message, &signature);
        assert_eq!(valid, truth(&case["valid"]), "{case}");
        let cached = PublicKey::new(&public).is_some_and(|key| key.verify(&message, &signature));
        assert_eq!(cached, valid, "{case}");
    }
}

/// Decodes policies, which are bytes: the JSON has the character of each byte's number.
fn latin1(value: &Value) -> Vec<u8> {
    text(value).chars().map(|c| u8::try_from(c).expect("latin-1")).collect()
}

fn check_policies(cases: &Value) {
    for case in list(cases) {
        assert_eq!(text(&case["encoding"]), "latin-1");
        let file = latin1(&case["policy"]);
        let trust = match Trust::parse(&file) {
            Ok(trust) => trust,
            Err(error) => {
                assert!(!truth(&case["valid"]), "{error}: {case}");
                continue;
            }
        };
        assert!(truth(&case["valid"]), "{case}");
        assert_eq!(Trust::parse(&trust.to_text()).as_ref(), Ok(&trust), "{case}");
        for quorum in maybe_list(&case["quorum"]) {
            // The vectors name witnesses w1, w2, ... in the order of the file.
            let cosigned: Vec<&str> = maybe_list(&quorum["cosigned"]).iter().map(text).collect();
            let met = trust.quorum_met(&|witness| cosigned.contains(&&format!("w{}", witness + 1)[..]));
            assert_eq!(met, truth(&quorum["met"]), "{quorum} of {case}");
        }
        for growth in maybe_list(&case["growth"]) {
            let created = growth["created"].as_u64().expect("a tick");
            assert_eq!(trust.requires_growth(created), truth(&growth["required"]), "{growth} of {case}");
        }
    }
}

fn check_pins(cases: &Value) {
    for case in list(cases) {
        let read = SignedCheckpoint::parse_extended(text(&case["pin"])).ok().map(|signed| signed.checkpoint);
        let expected = truth(&case["valid"]).then(|| Checkpoint {
            origin: text(&case["origin"]).into(),
            size: number(&case["size"]),
            root: hash(&case["root"]),
        });
        assert_eq!(read, expected, "{case}");
    }
}

/// A tree stored as its leaves.
struct Leaves(Vec<Hash>);

impl HashReader for Leaves {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, countersign::Error> {
        let root = |subtree: &Subtree| {
            let first = usize::try_from(subtree.index).expect("an index");
            let mut tree = CompactRange::new();
            tree.extend(&self.0[first..first + (1 << subtree.level)]);
            tree.root().expect("a range from 0")
        };
        Ok(subtrees.iter().map(root).collect())
    }
}

fn check_tree(vectors: &Value) {
    let leaves: Vec<Hash> =
        list(&vectors["leaves"]).iter().map(|leaf| leaf_hash(text(leaf).as_bytes())).collect();
    let mut one_by_one = CompactRange::new();
    for (case, next) in list(&vectors["roots"]).iter().zip(0..) {
        let size = usize::try_from(number(&case["size"])).expect("a size");
        assert_eq!(size, next, "the sizes are all there");
        assert_eq!(one_by_one.root(), Some(hash(&case["root"])), "{case}");
        let mut at_once = CompactRange::new();
        at_once.extend(&leaves[..size]);
        assert_eq!(at_once, one_by_one);
        if let Some(leaf) = leaves.get(size) {
            one_by_one.append(*leaf);
        }
    }
    let roots: Vec<Hash> = list(&vectors["roots"]).iter().map(|case| hash(&case["root"])).collect();
    for case in list(&vectors["inclusion"]) {
        let (index, size) = (number(&case["index"]), number(&case["size"]));
        let proof = hashes(&case["proof"]);
        let at = |n: u64| usize::try_from(n).expect("an index");
        assert_eq!(inclusion_proof(index, size, &Leaves(leaves.clone())).as_ref(), Ok(&proof), "{case}");
        let verified = verify_inclusion(index, size, &leaves[at(index)], &proof, &roots[at(size)]);
        assert_eq!(verified, Ok(()), "{case}");
    }
    for case in list(&vectors["skips"]) {
        let range = &case["range"];
        let found: Vec<(u64, u64)> = skips(number(&range[0]), number(&range[1]))
            .map(|subtree| (subtree.index, u64::from(subtree.level)))
            .collect();
        let expected: Vec<(u64, u64)> =
            maybe_list(&case["skips"]).iter().map(|skip| (number(&skip[0]), number(&skip[1]))).collect();
        assert_eq!(found, expected, "{case}");
    }
}

/// Checks the proof, whose checkpoint is signed by the log of the section `checkpoints`.
fn check_tlog_proof(vector: &Value, checkpoints: &Value) {
    let proof = Proof::parse(text(&vector["proof"])).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(proof.to_string(), text(&vector["proof"]));
    assert_eq!(proof.index, number(&vector["index"]));
    let leaf = text(&vector["leaf"]).as_bytes();
    let trust = Trust::default().with_log(key(&checkpoints[0]["log"])).expect("a log's key");
    assert_eq!(proof.verify(leaf, None, &trust), Ok(()));

    assert!(proof.verify(&leaf[1..], None, &trust).is_err(), "another leaf");
    assert!(proof.verify(leaf, None, &Trust::default()).is_err(), "no trusted log");
    for place in 0..proof.hashes.len() {
        let mut other = proof.clone();
        other.hashes[place].0[0] ^= 1;
        assert!(other.verify(leaf, None, &trust).is_err(), "another hash at {place}");
    }
    let mut other = proof.clone();
    other.index += 1;
    assert!(other.verify(leaf, None, &trust).is_err(), "another index");
    let mut unsigned = proof;
    unsigned.checkpoint.note.signatures[0].signature[0] ^= 1;
    assert!(unsigned.verify(leaf, None, &trust).is_err(), "an invalid signature");
}

fn check_jcs(cases: &Value) {
    for case in list(cases) {
        let out = text(&case["out"]);
        let written = rfc8785(text(&case["in"]).as_bytes()).unwrap_or_else(|error| panic!("{error}: {case}"));
        assert_eq!(std::str::from_utf8(&written), Ok(out), "{case}");
        assert_eq!(rfc8785(out.as_bytes()).as_deref(), Ok(out.as_bytes()), "{case}");
        // Numbers that I-JSON cannot represent are the only difference.
        match canonicalize(out.as_bytes()) {
            Ok(written) => assert_eq!(written, out.as_bytes()),
            Err(error) => assert!(error.message.starts_with("a number"), "{error}: {case}"),
        }
    }
}

fn check_numbers(cases: &Value) {
    for case in list(cases) {
        let value = f64::from_bits(u64::from_be_bytes(hex_array(&case["ieee"])));
        assert_eq!(canonical::number(value).as_deref(), Some(text(&case["out"])), "{case}");
        let out = text(&case["out"]).as_bytes();
        assert_eq!(rfc8785(out).as_deref(), Ok(out), "{case}");
        assert_eq!(canonicalize(out).is_ok(), value.abs() < 9_007_199_254_740_992.0, "{case}");
    }
}

fn check_event_refused(cases: &Value) {
    for case in list(cases) {
        let error = Event::parse(text(&case["in"]).as_bytes(), &Redaction::none()).expect_err("a refusal");
        assert_eq!(error.member.as_deref(), case["member"].as_str(), "{case}");
    }
}

fn check_links(cases: &Value) {
    let mut before = None;
    let mut key = None;
    for case in list(cases) {
        let written = text(&case["link"]);
        let link = Link::parse(written).unwrap_or_else(|error| panic!("{error}: {case}"));
        assert_eq!(leaf_hash(written.as_bytes()), hash(&case["leafhash"]), "{case}");
        assert_eq!(link.chain().to_string(), text(&case["chain"]), "{case}");
        assert_eq!(link.seq(), number(&case["seq"]), "{case}");
        assert_eq!(link.prev().copied(), before, "{case}");
        let kind = match &link {
            Link::Open(open) => {
                key = Some(open.key.clone());
                "open"
            }
            Link::Event(event) => {
                let bytes = text(&case["event"]).as_bytes();
                assert_eq!(event.commit, link::commit(&hex_array(&case["salt"]), bytes), "{case}");
                assert_eq!(canonicalize(bytes).as_deref(), Ok(bytes), "{case}");
                "event"
            }
            Link::Close(_) => "close",
        };
        assert_eq!(kind, text(&case["kind"]));
        assert_eq!(link.signature().is_some(), case["signed_bytes"].is_string(), "{case}");
        if let Some(signature) = link.signature() {
            assert_eq!(signed_part(written), text(&case["signed_bytes"]), "{case}");
            let key = key.as_ref().expect("the chain's open link comes first");
            assert!(key.verify(signed_part(written).as_bytes(), signature), "{case}");
        }
        before = Some(hash(&case["leafhash"]));
    }
}
