//! `countersign receipt`: a leaf, a proof, and a trust file.

use std::fs;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::merkle::{leaf_hash, node_hash};
use countersign::note::{SignerKey, sign_note};
use countersign::proof::Proof;
use predicates::prelude::*;
use serde_json::Value;

use crate::common::Place;

const ORIGIN: &str = "other.example/log";

fn log() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

/// Returns the receipt of the second of two leaves.
fn proof(checkpoint: &str) -> Proof {
    let checkpoint = SignedCheckpoint::parse_extended(checkpoint).unwrap();
    Proof { extra: None, index: 1, hashes: vec![leaf_hash(b"one")], checkpoint }
}

fn checkpoint() -> Checkpoint {
    Checkpoint::new(ORIGIN, 2, node_hash(&leaf_hash(b"one"), &leaf_hash(b"two"))).unwrap()
}

fn place() -> Place {
    let place = Place::new();
    let note = checkpoint().sign(&log()).unwrap();
    place.write("receipt", proof(&note).to_string());
    place.write("leaf", "two");
    let logs = format!("log {}\n", log().verifier_key());
    place.write("known.txt", &logs);
    place.write("quorum.txt", format!("{logs}witness w {}\nquorum w\n", witness().verifier_key()));
    place
}

#[test]
fn a_receipt_depends_on_the_readers_trust() {
    let place = place();
    let args = ["receipt", "receipt", "--entry", "leaf", "--trust"];
    let run = |trust: &str| place.run(&[&args[..], &[trust]].concat());
    run("known.txt")
        .code(0)
        .stdout(predicate::str::starts_with("✓ Verified."))
        .stdout(predicate::str::contains("entry: 1"));
    run("trust.txt").code(3).stdout(predicate::str::starts_with("? Signed by a log you haven't trusted."));
    run("quorum.txt")
        .code(1)
        .stdout(predicate::str::starts_with("✗ Broken."))
        .stdout(predicate::str::contains("too few trusted witnesses"));
    run("missing.txt").code(2);

    let cosigned = checkpoint().sign(&log()).unwrap() + &checkpoint().cosign(&witness(), 5).unwrap();
    place.write("receipt", proof(&cosigned).to_string());
    run("quorum.txt").code(0);
    place.write("receipt", proof(&cosigned).to_string().replace("index 1", "index 0"));
    run("quorum.txt").code(1).stdout(predicate::str::starts_with("✗ Altered."));
}

#[test]
fn leaves_are_compared_byte_for_byte() {
    let place = place();
    place.write("leaf", "two\n");
    let run = |leaf: &str| place.run(&["receipt", "receipt", "--entry", leaf, "--trust", "known.txt"]);
    run("leaf").code(1).stdout(predicate::str::contains("final line feed"));
    place.write("leaf", "three\n");
    run("leaf").code(1).stdout(predicate::str::contains("final line feed").not());
    place.write("leaf", vec![b'a'; 65_536]);
    run("leaf").code(2).stderr(predicate::str::contains("error[entry.too_large]"));
    run("missing").code(2);
    place
        .command(&["receipt", "receipt", "--entry", "-", "--trust", "known.txt"])
        .write_stdin("two")
        .assert()
        .code(0);
    let receipt = fs::read(place.path("receipt")).unwrap();
    place.write("leaf", "two");
    place
        .command(&["receipt", "-", "--entry", "leaf", "--trust", "known.txt"])
        .write_stdin(receipt)
        .assert()
        .code(0);
    place.run(&["receipt", "-", "--entry", "-", "--trust", "known.txt"]).code(2);
}

#[test]
fn json_has_the_same_result() {
    let place = place();
    let answer = |trust: &str| -> Value {
        let output = place
            .command(&["receipt", "receipt", "--entry", "leaf", "--json", "--trust", trust])
            .output()
            .unwrap();
        serde_json::from_slice(&output.stdout).unwrap()
    };
    let good = answer("known.txt");
    assert_eq!((&good["countersign"], &good["verdict"]), (&"receipt/v1".into(), &"verified".into()));
    assert_eq!(
        (&good["origin"], &good["index"], &good["size"], &good["error"]),
        (&ORIGIN.into(), &1.into(), &2.into(), &Value::Null)
    );
    let unknown = answer("trust.txt");
    assert_eq!(
        (&unknown["verdict"], &unknown["error"]["code"]),
        (&"untrusted".into(), &"proof.invalid".into())
    );
}

#[test]
fn accepts_extension_lines() {
    let place = place();
    let note = sign_note(&format!("{}an extension line\n", checkpoint()), &log()).unwrap();
    place.write("receipt", proof(&note).to_string());
    place.run(&["receipt", "receipt", "--entry", "leaf", "--trust", "known.txt"]).code(0);
}

#[test]
fn reports_invalid_receipts() {
    let place = place();
    for text in ["", "c2sp.org/tlog-proof@v2\n", &place.read("receipt").replace("index 1", "index 01")] {
        place.write("other", text);
        place
            .run(&["receipt", "other", "--entry", "leaf", "--trust", "known.txt"])
            .code(1)
            .stdout("")
            .stderr(predicate::str::contains("error[proof.invalid]"));
    }
}
