//! Comparison of the core's SHA-256 and Ed25519 with `SubtleCrypto` of the browser or of Node.js.
#![cfg(target_arch = "wasm32")]

use countersign::ed25519;
use countersign::hash::{Hash, Message, hash_many};
use countersign::note::SignerKey;
use serde_json::Value;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::common::value::{hex, hex_array, list, text};
use crate::common::webcrypto;

/// A reproducible source of pseudorandom bytes.
struct Random(u64);

impl Random {
    /// Advances the `SplitMix64` generator.
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.next().to_le_bytes()[0]).collect()
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end as u64).expect("below a usize")
    }
}

fn vectors() -> Value {
    serde_json::from_str(include_str!("../vectors/primitives.json")).expect("the vectors are JSON")
}

/// Hashes messages of every length up to three blocks of SHA-256 and some longer ones, singly and in a batch.
#[wasm_bindgen_test]
async fn sha256_agrees() {
    let mut random = Random(1);
    let mut messages: Vec<Vec<u8>> = (0..200).map(|length| random.bytes(length)).collect();
    messages.extend([4_095, 4_096, 65_535].map(|length| random.bytes(length)));
    messages.extend(list(&vectors()["leafhash"]).iter().map(|case| hex(&case["bytes"])));
    let mut many = Vec::new();
    let whole: Vec<Message<'_>> =
        messages.iter().map(|message| Message { prefix: b"", body: message }).collect();
    hash_many(&whole, &mut many);
    for (message, hash) in messages.iter().zip(many) {
        let theirs = webcrypto::sha256(message).await;
        assert_eq!(Hash::digest(&[message]).0, theirs[..], "{} bytes", message.len());
        assert_eq!(hash.0, theirs[..], "{} bytes", message.len());
    }
}

/// Signatures are identical, and one flipped bit makes them invalid for both.
#[wasm_bindgen_test]
async fn ed25519_agrees_for_random_keys() {
    let mut random = Random(2);
    for _ in 0..64 {
        let seed = random.bytes(32).try_into().expect("32 bytes");
        let length = random.below(300);
        let message = random.bytes(length);
        let key = SignerKey::from_seed("signer.example", seed).expect("a name");
        let public = key.verifier_key().ed25519().expect("an Ed25519 key");
        let signature = key.sign(&message);
        assert_eq!(webcrypto::sign(&seed, &message).await, signature);
        assert!(webcrypto::verifies(public, &message, &signature).await);

        let mut other = signature;
        other[random.below(64)] ^= 1 << random.below(8);
        assert!(!ed25519::verify(public, &message, &other));
        assert!(!webcrypto::verifies(public, &message, &other).await);
    }
}

/// Cases that the core rejects although the equation of RFC 8032 holds, because A or R has small order.
/// WebCrypto requires that too (Secure Curves, section 3.2), and Node.js does it; Chromium only checks the
/// equation. All of them compare R as bytes, require S to be below the order, and check the equation without
/// the cofactor.
const LOOSER: [&str; 5] = [
    "R is the identity, the equation holds",
    "A of small order, the equation holds",
    "A = p + 1, not canonical",
    "A = the identity with its sign set, not canonical",
    "A = p + 1 with its sign set",
];

#[wasm_bindgen_test]
async fn ed25519_differs_only_at_points_of_small_order() {
    let vectors = vectors();
    let mut looser = Vec::new();
    for case in list(&vectors["ed25519"]) {
        let public = hex_array(&case["public"]);
        let (message, signature) = (hex(&case["message"]), hex_array(&case["signature"]));
        let ours = ed25519::verify(&public, &message, &signature);
        let theirs = webcrypto::verifies(&public, &message, &signature).await;
        if ours != theirs {
            assert!(theirs, "{case}");
            looser.push(text(&case["why"]));
        }
    }
    looser.dedup();
    assert!(looser.is_empty() || looser == LOOSER, "{looser:?}");
}
