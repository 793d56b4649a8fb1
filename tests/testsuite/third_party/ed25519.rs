//! Ed25519, verified strictly. Omits nothing.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::ed25519::{PublicKey, verify};
use countersign::note::SignerKey;

use crate::common::third_party::json;
use crate::common::value::{hex, hex_array, list, text, truth};

/// Returns the result of both ways to verify, which must agree. A signature that is not 64 bytes long is invalid.
fn is_valid(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = signature.try_into() else { return false };
    let valid = verify(public, message, signature);
    assert_eq!(PublicKey::new(public).is_some_and(|key| key.verify(message, signature)), valid);
    valid
}

/// The set has no verdicts but describes what is unusual about each case. Strict verification rejects points
/// of small order and non-canonical encodings, and requires the equation without the cofactor. Points of
/// mixed order are neither.
#[test]
fn cctv() {
    let Some(cases) = json("ed25519/cctv/ed25519vectors.json") else { return };
    let refused = ["low_order_A", "low_order_R", "non_canonical_A", "non_canonical_R", "low_order_residue"];
    let mut counts = [0, 0];
    for case in list(&cases) {
        let flags: Vec<&str> =
            case["flags"].as_array().map_or(vec![], |flags| flags.iter().map(text).collect());
        let expected = !flags.iter().any(|flag| refused.contains(flag));
        let valid = is_valid(&hex_array(&case["key"]), text(&case["msg"]).as_bytes(), &hex(&case["sig"]));
        assert_eq!(valid, expected, "{case}");
        counts[usize::from(valid)] += 1;
    }
    assert!(counts[0] > 800 && counts[1] > 40, "both kinds are there: {counts:?}");
}

/// The table of its README for a verifier that rejects small orders: only case 3 is valid. Cases 4 and 5 hold
/// only with the cofactor, 6 and 7 have S out of range, 8 to 11 have non-canonical encodings.
#[test]
fn speccheck() {
    let Some(cases) = json("ed25519/speccheck/cases.json") else { return };
    let valid: Vec<usize> = list(&cases)
        .iter()
        .map(|case| is_valid(&hex_array(&case["pub_key"]), &hex(&case["message"]), &hex(&case["signature"])))
        .enumerate()
        .filter_map(|(number, valid)| valid.then_some(number))
        .collect();
    assert_eq!(valid, [3]);
}

#[test]
fn wycheproof() {
    let Some(vectors) = json("ed25519/wycheproof/ed25519_test.json") else { return };
    let mut count = 0;
    for group in list(&vectors["testGroups"]) {
        let public = hex_array(&group["publicKey"]["pk"]);
        for case in list(&group["tests"]) {
            let valid = is_valid(&public, &hex(&case["msg"]), &hex(&case["sig"]));
            assert_eq!(valid, text(&case["result"]) == "valid", "{case}");
            count += 1;
        }
    }
    assert_eq!(count, vectors["numberOfTests"]);
}

#[test]
fn rfc_8032() {
    let Some(vectors) = json("ed25519/rfc8032/rfc8032.json") else { return };
    for case in list(&vectors["tests"]) {
        let (public, message) = (hex_array(&case["publicKey"]), hex(&case["message"]));
        let signature: [u8; 64] = hex_array(&case["signature"]);
        assert_eq!(is_valid(&public, &message, &signature), truth(&case["valid"]), "{case}");
        let signer = SignerKey::from_seed("signer.example", hex_array(&case["secretKey"])).expect("a name");
        assert_eq!(signer.verifier_key().public(), &public, "{case}");
        assert_eq!(signer.sign(&message), signature, "{case}");
    }
}
