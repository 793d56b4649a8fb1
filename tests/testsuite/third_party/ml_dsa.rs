//! ML-DSA-44 with an empty context string. Omits cases with an external μ. Cases with a context string must fail here.

#[cfg(target_arch = "wasm32")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use countersign::ml_dsa::verify;

use crate::common::third_party::json;
use crate::common::value::{hex, list, text};

#[test]
fn wycheproof() {
    let Some(vectors) = json("mldsa44/wycheproof/mldsa_44_verify_test.json") else { return };
    let (mut valid, mut invalid, mut with_context) = (0, 0, 0);
    for group in list(&vectors["testGroups"]) {
        let public = hex(&group["publicKey"]);
        for case in list(&group["tests"]) {
            let Some(message) = case.get("msg") else { continue };
            let has_context = case.get("ctx").is_some_and(|context| !text(context).is_empty());
            let is_valid = public
                .as_slice()
                .try_into()
                .is_ok_and(|public| verify(public, &hex(message), &hex(&case["sig"])));
            assert_eq!(is_valid, text(&case["result"]) == "valid" && !has_context, "{}", case["tcId"]);
            match (is_valid, has_context) {
                (true, _) => valid += 1,
                (false, true) => with_context += 1,
                (false, false) => invalid += 1,
            }
        }
    }
    assert!(valid > 50 && invalid > 50 && with_context > 1, "{valid} {invalid} {with_context}");
}
