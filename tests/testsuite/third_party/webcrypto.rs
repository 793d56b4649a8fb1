//! Comparison of Node.js's Ed25519 with the core's for unusual signatures.

use countersign::ed25519;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::common::third_party::json;
use crate::common::value::{hex, hex_array, list, text};
use crate::common::webcrypto;

/// A runtime that rejects points of small order, as WebCrypto requires, never differs. Others accept some
/// signatures with such points, and no others.
#[wasm_bindgen_test]
async fn cctv() {
    let Some(cases) = json("ed25519/cctv/ed25519vectors.json") else { return };
    for case in list(&cases) {
        let flags: Vec<&str> =
            case["flags"].as_array().map_or(vec![], |flags| flags.iter().map(text).collect());
        let of_small_order = flags.contains(&"low_order_A") || flags.contains(&"low_order_R");
        let (public, message) = (hex_array(&case["key"]), text(&case["msg"]).as_bytes());
        let signature: [u8; 64] = hex_array(&case["sig"]);
        let ours = ed25519::verify(&public, message, &signature);
        let theirs = webcrypto::verifies(&public, message, &signature).await;
        assert!(ours == theirs || (theirs && of_small_order), "{case}");
    }
}

/// The two agree on all its cases.
#[wasm_bindgen_test]
async fn wycheproof() {
    let Some(vectors) = json("ed25519/wycheproof/ed25519_test.json") else { return };
    for group in list(&vectors["testGroups"]) {
        let public = hex_array(&group["publicKey"]["pk"]);
        for case in list(&group["tests"]) {
            let (message, signature) = (hex(&case["msg"]), hex(&case["sig"]));
            let ours = <&[u8; 64]>::try_from(&signature[..])
                .is_ok_and(|signature| ed25519::verify(&public, &message, signature));
            assert_eq!(webcrypto::verifies(&public, &message, &signature).await, ours, "{case}");
        }
    }
}
