//! `countersign receipt --format cose`: receipts that other people's libraries verify, from a log's public files.

use std::fs;

use countersign::checkpoint::SignedCheckpoint;
use countersign::cose::TreeSignature;
use countersign::hex;
use countersign::note::SignerKey;
use predicates::prelude::*;
use serde_json::{Value, json};

use crate::common::{Place, log, validators};

const ORIGIN: &str = "log.example/audit";

/// Creates a log of numbered leaves in the folder `log`, with its COSE signature, and a trust file.
fn publish(place: &Place, size: u64) -> SignerKey {
    let key = log::opaque(&place.path("log"), ORIGIN, size);
    let checkpoint = SignedCheckpoint::parse(&place.read("log/checkpoint")).unwrap();
    place.write("log/checkpoint.cose", TreeSignature::sign(checkpoint, &key).unwrap().to_bytes());
    place.write("trusted.txt", format!("log {}\n", key.verifier_key()));
    key
}

fn make<'a>(index: &'a str, output: &'a str) -> [&'a str; 10] {
    ["receipt", "log", "--format", "cose", "--index", index, "--trust", "trusted.txt", "-o", output]
}

#[test]
fn an_independent_library_verifies_receipts() {
    let Some(python) = validators::python() else { return };
    let (mut cases, mut expected) = (String::new(), Vec::new());
    for (size, indexes) in
        [(1, vec![0]), (2, vec![0, 1]), (7, vec![0, 3, 4, 6]), (700, vec![0, 255, 256, 511, 699])]
    {
        let place = Place::new();
        let key = publish(&place, size);
        let root = SignedCheckpoint::parse(&place.read("log/checkpoint")).unwrap().checkpoint.root;
        for index in indexes {
            place.run(&make(&index.to_string(), "made")).code(0).stdout("");
            let receipt = fs::read(place.path("made")).unwrap();
            place.write("entry", format!("leaf {index}"));
            place.run(&["receipt", "made", "--entry", "entry", "--trust", "trusted.txt"]).code(0);
            let mut case = |entry: &str, receipt: &[u8]| {
                let key = hex::encode(key.verifier_key().public());
                let (receipt, entry) = (hex::encode(receipt), hex::encode(entry.as_bytes()));
                cases += &json!({ "receipt": receipt, "entry": entry, "key": key }).to_string();
                cases.push('\n');
            };
            case(&format!("leaf {index}"), &receipt);
            expected.push(Some(json!({
                "size": size, "index": index, "root": hex::encode(&root.0),
                "issuer": ORIGIN, "subject": format!("countersign/v1 tree {size}"),
            })));
            case("another leaf", &receipt);
            let last = receipt.len() - 1;
            case(&format!("leaf {index}"), &[&receipt[..last], &[receipt[last] ^ 1]].concat());
            expected.extend([None, None]);
        }
    }
    let script = include_str!("../../../../tests/validators/check_cose.py");
    let found = validators::run(&python, script, cases.as_bytes());
    let found: Vec<Value> = found.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        match expected {
            Some(expected) => assert_eq!(*found, expected),
            None => assert_eq!(found["error"], "VerifyError: Failed to verify."),
        }
    }
}

#[test]
fn only_the_receipt_of_that_entry_verifies() {
    let place = Place::new();
    publish(&place, 300);
    place.run(&make("256", "made")).code(0);
    let verify = |entry: &str, trust: &str| {
        place.write("entry", entry);
        place.run(&["receipt", "made", "--entry", "entry", "--trust", trust])
    };
    verify("leaf 256", "trusted.txt")
        .code(0)
        .stdout(predicate::str::starts_with("✓ Verified."))
        .stdout(predicate::str::contains("log: log.example/audit, 300 entries, root "))
        .stdout(predicate::str::contains("entry: 256\n"));
    verify("leaf 255", "trusted.txt")
        .code(1)
        .stdout(predicate::str::starts_with("✗ Altered."))
        .stdout(predicate::str::contains("root ").count(1));
    verify("leaf 256\n", "trusted.txt").code(1).stdout(predicate::str::contains("final line feed"));
    verify("leaf 256", "trust.txt")
        .code(3)
        .stdout(predicate::str::starts_with("? Signed by a log you don't trust."));
    place
        .run(&["receipt", "made", "--entry", "entry", "--trust", "trusted.txt", "--origin", "other"])
        .code(1);
    let output = place
        .command(&["receipt", "made", "--entry", "entry", "--trust", "trusted.txt", "--json"])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((&answer["verdict"], &answer["index"]), (&"verified".into(), &256.into()));
    assert_eq!(answer["is_index_signed"], true);
    let mut changed = fs::read(place.path("made")).unwrap();
    changed.push(0);
    place.write("made", changed);
    verify("leaf 256", "trusted.txt")
        .code(1)
        .stderr(predicate::str::contains("there are bytes after the receipt"));
}

#[test]
fn receipts_meet_a_quorum_by_the_cosignatures_in_them() {
    let place = Place::new();
    let key = publish(&place, 5);
    let witness = SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap();
    let quorum = format!("log {}\nwitness w {}\nquorum w\n", key.verifier_key(), witness.verifier_key());
    place.write("trusted.txt", quorum);
    place.run(&make("1", "made")).code(1).stderr(predicate::str::contains("too few trusted witnesses"));
    assert!(!place.path("made").exists());
    let note = place.read("log/checkpoint");
    let cosigned = SignedCheckpoint::parse(&note).unwrap().cosign(&witness, 7).unwrap();
    let checkpoint = SignedCheckpoint::parse(&(note + &cosigned)).unwrap();
    place.write("log/checkpoint.cose", TreeSignature::sign(checkpoint, &key).unwrap().to_bytes());
    place.run(&make("1", "made")).code(0);
}

#[test]
fn a_log_that_lies_gets_no_receipt() {
    let place = Place::new();
    publish(&place, 300);
    let fails = |why: &str| {
        place.run(&make("3", "made")).code(predicate::ne(0)).stderr(predicate::str::contains(why));
        assert!(!place.path("made").exists(), "{why}");
    };
    let tile = fs::read(place.path("log/tile/0/000")).unwrap();
    place.write("log/tile/0/000", [&tile[..32], &[0; 32], &tile[64..]].concat());
    fails("differs from the hash in the tile above it");
    place.write("log/tile/0/000", &tile[32..]);
    fails("bytes instead of");
    place.write("log/tile/0/000", tile);
    let signature = fs::read(place.path("log/checkpoint.cose")).unwrap();
    let last = signature.len() - 1;
    place.write("log/checkpoint.cose", [&signature[..last], &[signature[last] ^ 1]].concat());
    fails("the log did not sign the root");
    place.write("log/checkpoint.cose", "a text");
    fails("not a tagged COSE_Sign1 structure");
    fs::remove_file(place.path("log/checkpoint.cose")).unwrap();
    fails("error[log.no_signature]");
}

#[test]
fn unusable_arguments_are_explained() {
    let place = Place::new();
    publish(&place, 5);
    let says = |args: &[&str], why: &str| {
        place.run(args).code(2).stderr(predicate::str::contains(why));
    };
    says(&make("5", "made"), "the log has 5 entries, so none has the index 5");
    let trust = ["--trust", "trusted.txt"];
    says(&[&["receipt", "log", "--index", "1"], &trust[..]].concat(), "add --format cose");
    place.write("entry", "leaf 1");
    says(&[&["receipt", "log", "--format", "cose", "--entry", "entry"], &trust[..]].concat(), "--index N");
    says(
        &[&["receipt", "x", "--entry", "entry", "-o", "y"], &trust[..]].concat(),
        "--output is for making a receipt",
    );
}
