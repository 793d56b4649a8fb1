//! `countersign receipt`: a leaf, a proof, and a trust file.

use std::fs;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{leaf_hash, node_hash};
use countersign::note::{MlDsaKey, SignerKey, sign_note};
use countersign::proof::Proof;
use countersign::tenant::{Anchor, Head, HeadProof, Receipt, State, TenantOrigin};
use countersign::time::Time;
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
    run("trust.txt").code(3).stdout(predicate::str::starts_with("? Signed by a log you don't trust."));
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
fn receipts_count_ml_dsa_signatures() {
    let place = place();
    let log_key = MlDsaKey::from_seed(ORIGIN, [1; 32]).unwrap();
    let witness_key = MlDsaKey::from_seed("witness.example", [2; 32]).unwrap();
    let (log_vkey, witness_vkey) = (log_key.verifier_key(), witness_key.verifier_key());
    place.write("pq.txt", format!("log {log_vkey}\nwitness w {witness_vkey}\nquorum w\n"));
    let run = |lines: &str| {
        let note = checkpoint().sign_with_both(&log(), Some(&log_key)).unwrap() + lines;
        place.write("receipt", proof(&note).to_string());
        place.run(&["receipt", "receipt", "--entry", "leaf", "--trust", "pq.txt"])
    };
    run(&checkpoint().cosign(&witness_key, 5).unwrap()).code(0);
    run(&checkpoint().cosign(&witness(), 5).unwrap())
        .code(1)
        .stdout(predicate::str::contains("too few trusted witnesses"));
    // A cosignature without a time, and one for another checkpoint.
    let other = Checkpoint::new(ORIGIN, 2, leaf_hash(b"other")).unwrap();
    for line in [checkpoint().cosign(&witness_key, 0), other.cosign(&witness_key, 5)] {
        run(&line.unwrap()).code(1).stdout(predicate::str::contains("the cosignature of"));
    }
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

const TENANT: &str = "other.example/log/t/8f000000000000000000000000000001";

/// Returns the receipt of the second of two entries of a tenant log, in the only directory of its root log.
fn tenant_receipt() -> Receipt {
    let head = Head {
        origin: TenantOrigin::parse(TENANT).unwrap(),
        size: 2,
        root: node_hash(&leaf_hash(b"one"), &leaf_hash(b"two")),
        state: State::Live,
    };
    let siblings = vec![Hash([5; 32]); 10];
    let anchor = Anchor { head, salt: [4; 16], time: Time::MIN, siblings, tick: 0, hashes: Vec::new() };
    let directory = leaf_hash(anchor.entry().to_string().as_bytes());
    let note = Checkpoint::new(ORIGIN, 1, directory).unwrap().sign(&log()).unwrap();
    let checkpoint = SignedCheckpoint::parse(&note).unwrap();
    Receipt { index: 1, hashes: vec![leaf_hash(b"one")], proof: HeadProof { anchor, checkpoint } }
}

#[test]
fn the_receipt_of_a_tenant_log_needs_the_log_to_be_named() {
    let place = place();
    place.write("receipt", tenant_receipt().to_string());
    let known = place.read("known.txt");
    place.write("named.txt", format!("{known}origin {TENANT} 0\n"));
    place.write("other.txt", format!("{known}origin {ORIGIN}/t/{}\n", "0".repeat(32)));
    let run =
        |more: &[&str]| place.run(&[&["receipt", "receipt", "--entry", "leaf", "--trust"], more].concat());
    run(&["named.txt"])
        .code(0)
        .stdout(predicate::str::starts_with("✓ Verified."))
        .stdout(predicate::str::contains(format!("log: {TENANT}, 2 entries, root ")))
        .stdout(predicate::str::contains(format!("root log: {ORIGIN}, 1 entry, root ")));
    run(&["known.txt", "--origin", TENANT]).code(0);
    run(&["known.txt"])
        .code(3)
        .stdout(predicate::str::starts_with("? You haven't named the log you expect."));
    run(&["trust.txt"]).code(3).stdout(predicate::str::starts_with("? Signed by a log you don't trust."));
    run(&["other.txt"]).code(1).stdout(predicate::str::contains("has no origin line for the log"));
    run(&["known.txt", "--origin", ORIGIN]).code(1).stdout(predicate::str::starts_with("✗ Broken."));
    run(&["quorum.txt", "--origin", TENANT])
        .code(1)
        .stdout(predicate::str::contains("too few trusted witnesses"));
    place.write("leaf", "one");
    run(&["named.txt"]).code(1).stdout(predicate::str::starts_with("✗ Altered."));
    let output = place
        .command(&["receipt", "receipt", "--entry", "leaf", "--json", "--trust", "named.txt"])
        .output()
        .unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&answer["origin"], &answer["index"], &answer["size"]),
        (&TENANT.into(), &1.into(), &2.into())
    );
    assert_eq!((&answer["root_log"]["origin"], &answer["verdict"]), (&ORIGIN.into(), &"altered".into()));
}

#[test]
fn a_malformed_receipt_has_an_answer_in_json() {
    let place = place();
    for receipt in ["", "nothing", "c2sp.org/tlog-proof@v1\n", "countersign/v1 receipt\n", "\u{d2}\u{84}"] {
        place.write("other", receipt);
        let args = ["receipt", "other", "--entry", "leaf", "--trust", "known.txt"];
        place.run(&args).code(1).stdout("");
        let json = place.run(&[&args[..], &["--json"]].concat()).code(1);
        let answer: Value = serde_json::from_slice(&json.get_output().stdout).unwrap();
        assert_eq!(answer["verdict"], "broken", "{receipt:?}");
        let members = ["countersign", "verdict", "origin", "index", "size", "root", "error"];
        assert!(answer.as_object().unwrap().keys().eq(members), "{answer}");
        assert!(answer["error"]["code"].is_string() && answer["error"]["hint"].is_string(), "{answer}");
    }
}

#[test]
fn an_ordinary_receipt_must_be_of_the_expected_log() {
    let place = place();
    let args = ["receipt", "receipt", "--entry", "leaf", "--trust", "known.txt", "--origin"];
    place.run(&[&args[..], &[ORIGIN]].concat()).code(0);
    place
        .run(&[&args[..], &["other.example/audit"]].concat())
        .code(1)
        .stdout(predicate::str::contains("not for"));
}
