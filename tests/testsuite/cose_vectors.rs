//! COSE receipts, as conformance vectors (SPEC section 18).
//!
//! With `COUNTERSIGN_WRITE=1`, the test writes them into `tests/vectors/cose-receipts.json`.
#![cfg(not(target_arch = "wasm32"))]

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::cose::{Receipt, TreeSignature};
use countersign::hex;
use countersign::merkle::{CompactRange, PendingTree, inclusion_proof, leaf_hash};
use countersign::note::SignerKey;
use countersign::trust::Trust;
use countersign::verify::Verdict;
use serde_json::{Value, json};

const FILE: &str = "tests/vectors/cose-receipts.json";
const ORIGIN: &str = "log.example/audit";
const SIZE: u64 = 5;
const INDEX: u64 = 2;
const ENTRY: &str = "entry 2";

/// A receipt with what its reader has, and the expected result.
struct Case {
    name: &'static str,
    receipt: Vec<u8>,
    entry: &'static str,
    trust: String,
    origin: Option<&'static str>,
    /// `None` if the receipt can't be parsed.
    verdict: Option<Verdict>,
}

fn log_key() -> SignerKey {
    SignerKey::from_seed(ORIGIN, [1; 32]).unwrap()
}

fn witness() -> SignerKey {
    SignerKey::witness_from_seed("witness.example", [2; 32]).unwrap()
}

fn trust() -> String {
    format!("log {}\n", log_key().verifier_key())
}

fn quorum() -> String {
    format!("{}witness w {}\nquorum w\n", trust(), witness().verifier_key())
}

/// Returns the receipt of an entry in a log of this size.
fn receipt(index: u64, size: u64, is_cosigned: bool) -> Vec<u8> {
    let mut tree = PendingTree::new(&CompactRange::new());
    let leaves: Vec<_> = (0..size).map(|number| leaf_hash(format!("entry {number}").as_bytes())).collect();
    tree.extend(&leaves);
    let checkpoint = Checkpoint::new(ORIGIN, size, tree.root()).unwrap();
    let cosignature = checkpoint.cosign(&witness(), 1_795_154_400).unwrap();
    let note = checkpoint.sign(&log_key()).unwrap() + if is_cosigned { &cosignature } else { "" };
    let signature = TreeSignature::sign(SignedCheckpoint::parse(&note).unwrap(), &log_key()).unwrap();
    signature.prove(index, inclusion_proof(index, size, &tree).unwrap()).to_bytes()
}

/// Returns a case with other bytes at the first place that has `from`.
fn changed(name: &'static str, from: &[u8], to: &[u8], verdict: Option<Verdict>) -> Case {
    let good = receipt(INDEX, SIZE, false);
    let at = good.windows(from.len()).position(|window| window == from).unwrap();
    let receipt = [&good[..at], to, &good[at + from.len()..]].concat();
    Case { receipt, verdict, ..read(name, &trust(), None, Verdict::Verified) }
}

/// Returns a case with another reader.
fn read(name: &'static str, trust: &str, origin: Option<&'static str>, verdict: Verdict) -> Case {
    let receipt = receipt(INDEX, SIZE, true);
    Case { name, receipt, entry: ENTRY, trust: trust.to_owned(), origin, verdict: Some(verdict) }
}

fn cases() -> Vec<Case> {
    use Verdict::{Altered, Broken, Untrusted, Verified};

    let good = receipt(INDEX, SIZE, false);
    let root = Receipt::parse(&good).unwrap().root(ENTRY.as_bytes()).unwrap();
    let detached = &[0xf6, 0x58, 0x40][..];
    let attached = [&[0x58, 0x20][..], &root.0, &[0x58, 0x40]].concat();
    let another = [&[0x58, 0x20][..], &[0; 32], &[0x58, 0x40]].concat();
    let mut last = good.clone();
    *last.last_mut().unwrap() ^= 1;
    // The labels of the subject and of the key ID, with the beginnings of their values.
    let (subject, key_id) = (&[0x02, 0x75][..], log_key().verifier_key().id());
    let named = [&[0x04, 0x44][..], &key_id].concat();
    vec![
        read("valid", &trust(), None, Verified),
        Case { entry: "entry 3", ..read("another-entry", &trust(), None, Altered) },
        Case { entry: "entry 2\n", ..read("entry-with-lf", &trust(), None, Altered) },
        Case {
            receipt: receipt(0, 1, false),
            entry: "entry 0",
            ..read("tree-of-one-leaf", &trust(), None, Verified)
        },
        read("quorum", &quorum(), None, Verified),
        Case { receipt: good.clone(), ..read("no-quorum", &quorum(), None, Broken) },
        read("expected-origin", &trust(), Some(ORIGIN), Verified),
        read("another-expected-origin", &trust(), Some("other.example"), Broken),
        read("no-trust", "quorum none\n", None, Untrusted),
        changed("attached-payload", detached, &attached, Some(Verified)),
        changed("another-attached-payload", detached, &another, Some(Altered)),
        changed("payload-of-another-length", detached, &[0x41, 0, 0x58, 0x40], None),
        changed("another-key-id", &named, &[0x04, 0x44, 0, 0, 0, 0], Some(Untrusted)),
        changed("another-issuer", b"log.example/audit", b"log.example/other", Some(Untrusted)),
        changed("another-signed-size", b"tree 5", b"tree 6", Some(Altered)),
        changed("signed-size-that-is-no-number", b"tree 5", b"tree x", None),
        changed("wrong-index", &[0x83, 5, 2], &[0x83, 5, 3], Some(Altered)),
        changed("index-not-below-the-size", &[0x83, 5, 2], &[0x83, 5, 5], Some(Altered)),
        changed("wrong-size", &[0x83, 5, 2], &[0x83, 6, 2], Some(Altered)),
        Case { receipt: last, ..read("invalid-signature", &trust(), None, Altered) },
        changed("untagged", &[0xd2, 0x84], &[0x84], None),
        changed("another-tag", &[0xd2, 0x84], &[0xd1, 0x84], None),
        changed("another-algorithm", &[0x01, 0x27], &[0x01, 0x26], None),
        changed("another-structure", &[0x19, 0x01, 0x8b, 0x01], &[0x19, 0x01, 0x8b, 0x02], None),
        changed("label-twice", subject, &[0x01, 0x75], None),
        changed("critical-parameters-unprotected", &[0x3a, 0, 1, 0, 0], &[0x02], None),
        changed("longer-integer", &[0xa1, 0x20, 0x81], &[0xa1, 0x38, 0x00, 0x81], None),
        changed("consistency-proof", &[0xa1, 0x20, 0x81], &[0xa1, 0x21, 0x81], None),
        changed("indefinite-length", &[0xa1, 0x20, 0x81], &[0xbf, 0x20, 0x81], None),
        changed(
            "null-after-the-receipt",
            &good[good.len() - 8..],
            &[&good[good.len() - 8..], &[0xf6]].concat(),
            None,
        ),
    ]
}

#[test]
fn cose_receipts_have_the_result_of_the_vectors() {
    let mut vectors = Vec::new();
    for Case { name, receipt, entry, trust, origin, verdict } in cases() {
        let parsed = Receipt::parse(&receipt);
        assert_eq!(parsed.is_ok(), verdict.is_some(), "{name}: {parsed:?}");
        if let Ok(parsed) = &parsed {
            let trust = Trust::parse(trust.as_bytes()).unwrap();
            let outcome = parsed.judge(entry.as_bytes(), origin, &trust);
            let found = outcome.as_ref().err().map_or(Verdict::Verified, |(verdict, _)| *verdict);
            assert_eq!(Some(found), verdict, "{name}: {outcome:?}");
        }
        let is_valid = verdict == Some(Verdict::Verified);
        vectors.push(json!({
            "name": name, "receipt": hex::encode(&receipt), "entry": entry, "trust": trust, "origin": origin,
            "valid": is_valid,
        }));
    }
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(FILE);
    if std::env::var_os("COUNTERSIGN_WRITE").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&vectors).unwrap() + "\n").unwrap();
    }
    let written: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert_eq!(written, Value::Array(vectors));
}

#[test]
fn no_changed_byte_moves_an_entry() {
    let (good, trust) = (receipt(INDEX, SIZE, true), Trust::parse(trust().as_bytes()).unwrap());
    let expected = Receipt::parse(&good).unwrap().checkpoint().unwrap().checkpoint.clone();
    let mut parsed = 0;
    for at in 0..good.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut changed = good.clone();
            changed[at] ^= bit;
            let Ok(receipt) = Receipt::parse(&changed) else { continue };
            parsed += 1;
            assert_eq!(Receipt::parse(&receipt.to_bytes()).as_ref(), Ok(&receipt), "byte {at}");
            // Without a quorum, the signature lines of the checkpoint aren't verified.
            if receipt.verify(ENTRY.as_bytes(), None, &trust).is_ok() {
                assert_eq!((receipt.index(), receipt.size(), receipt.origin()), (INDEX, SIZE, Some(ORIGIN)));
                let checkpoint = receipt.checkpoint().map(|signed| &signed.checkpoint);
                assert!(checkpoint.is_none_or(|found| *found == expected), "byte {at}");
            }
        }
    }
    assert!(parsed > 200, "{parsed} changed receipts were read");
}
