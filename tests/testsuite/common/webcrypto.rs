//! Bindings to `SubtleCrypto` of the browser or of Node.js, an independent implementation of SHA-256 and Ed25519.

use js_sys::{Array, Object, Promise, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto};

const ED25519: &str = "Ed25519";

fn subtle() -> SubtleCrypto {
    let crypto = Reflect::get(&js_sys::global(), &"crypto".into()).expect("a member");
    crypto.unchecked_into::<Crypto>().subtle()
}

async fn settled(promise: Result<Promise, JsValue>) -> Result<JsValue, JsValue> {
    JsFuture::from(promise?).await
}

async fn bytes(promise: Result<Promise, JsValue>) -> Vec<u8> {
    let buffer = settled(promise).await.expect("what every runtime has");
    Uint8Array::new(&buffer).to_vec()
}

pub(crate) async fn sha256(message: &[u8]) -> Vec<u8> {
    bytes(subtle().digest_with_str_and_u8_array("SHA-256", message)).await
}

/// True if the signature is valid. A key that cannot be imported has no valid signatures.
pub(crate) async fn verifies(public: &[u8; 32], message: &[u8], signature: &[u8]) -> bool {
    let (raw, usages) = (Uint8Array::from(&public[..]), Array::of1(&"verify".into()));
    let imported = subtle().import_key_with_str("raw", raw.unchecked_ref::<Object>(), ED25519, true, &usages);
    let Ok(key) = settled(imported).await else { return false };
    let key: CryptoKey = key.unchecked_into();
    let answer = subtle().verify_with_str_and_u8_array_and_u8_array(ED25519, &key, signature, message);
    settled(answer).await.expect("an answer").is_truthy()
}

/// Returns the signature of the key with that seed.
pub(crate) async fn sign(seed: &[u8; 32], message: &[u8]) -> Vec<u8> {
    // RFC 8410: version 0, the algorithm 1.3.101.112, and the seed as an octet string in an octet string.
    let mut pkcs8 = b"\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20".to_vec();
    pkcs8.extend(seed);
    let (key, usages) = (Uint8Array::from(&pkcs8[..]), Array::of1(&"sign".into()));
    let imported =
        subtle().import_key_with_str("pkcs8", key.unchecked_ref::<Object>(), ED25519, true, &usages);
    let key: CryptoKey = settled(imported).await.expect("a key").unchecked_into();
    bytes(subtle().sign_with_str_and_u8_array(ED25519, &key, message)).await
}
