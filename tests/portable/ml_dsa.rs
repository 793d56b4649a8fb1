//! ML-DSA-44 keys and signatures on checkpoints, as in `tests/vectors/ml-dsa.json`.
//!
//! Another implementation (OpenSSL) made the vectors.

use countersign::checkpoint::{Cosigner as _, SignedCheckpoint, claimed_time};
use countersign::note::{MlDsaKey, SignerKey, VerifierKey};
use countersign::time::Time;
use serde_json::Value;
#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use crate::common::value::{hex, hex_array, list, number, text, truth};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/ml-dsa.json")).expect("the vectors are JSON")
}

#[test]
fn keys_match_the_vectors() {
    let vectors = vectors();
    for case in list(&vectors["keys"]) {
        let key = MlDsaKey::from_seed(text(&case["name"]), hex_array(&case["seed"])).expect("a name");
        assert_eq!(key.verifier_key().as_str(), text(&case["vkey"]));
        assert_eq!(key.encode().as_str(), text(&case["private"]));
        let parsed = MlDsaKey::parse(text(&case["private"])).expect("a private key");
        assert_eq!(parsed.verifier_key(), key.verifier_key());
        assert!(SignerKey::parse(text(&case["private"])).is_err(), "it can't sign links or notes");
        let public = key.verifier_key().as_str();
        assert_eq!(VerifierKey::parse_log(public), Ok(key.verifier_key().clone()));
        assert_eq!(VerifierKey::parse_witness(public), Ok(key.verifier_key().clone()));
        assert!(public.parse::<VerifierKey>().is_err(), "it can't be an emitter's");
        let message = b"message";
        assert!(key.verifier_key().verify(message, &key.sign_message(message).expect("a signature")));
    }
    for case in list(&vectors["keys_refused"]) {
        assert!(VerifierKey::parse_log(text(&case["vkey"])).is_err(), "{}", case["about"]);
        assert!(VerifierKey::parse_witness(text(&case["vkey"])).is_err(), "{}", case["about"]);
    }
}

#[test]
fn signatures_match_the_vectors() {
    let mut counts = [0, 0];
    for case in list(&vectors()["signatures"]) {
        let about = text(&case["about"]);
        let note = format!("{}\n{}", text(&case["text"]), text(&case["line"]));
        let signed = SignedCheckpoint::parse_extended(&note);
        let valid = truth(&case["valid"]);
        counts[usize::from(valid)] += 1;
        let Ok(signed) = signed else {
            assert!(!valid, "{about}");
            continue;
        };
        if text(&case["role"]) == "log" {
            let key = VerifierKey::parse_log(text(&case["vkey"])).expect("a log's key");
            assert_eq!(signed.is_signed_by(&key), valid, "{about}");
            if valid {
                assert!(signed.log_signatures([&key]).invalid.is_empty(), "{about}");
                assert_eq!(
                    claimed_time(&signed.note.signatures[0]).is_some(),
                    number(&case["time"]) > 0,
                    "{about}"
                );
            }
            continue;
        }
        let key = VerifierKey::parse_witness(text(&case["vkey"])).expect("a witness's key");
        let opened = signed.cosignatures([&key]);
        if valid {
            let time = Time::from_seconds(number(&case["time"])).expect("a time");
            assert_eq!(opened.times(), [(0, time)], "{about}");
            let signature = &signed.note.signatures[0].signature;
            assert!(key.verify(&hex(&case["message"]), &signature[8..]), "{about}");
        } else {
            assert_eq!((opened.verified.len(), opened.invalid), (0, vec![&key]), "{about}");
        }
    }
    assert!(counts[0] > 20 && counts[1] > 5, "both kinds are there: {counts:?}");
}
