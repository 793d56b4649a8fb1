//! ML-DSA-44 (FIPS 204) with an empty context string, for checkpoints (SPEC section 2).
//!
//! FIPS 204 leaves verifiers no choice, unlike RFC 8032: a signature is valid only if Algorithm 3 returns true. In
//! particular, its hints must have their only permitted encoding, so that nobody can make a second signature from a valid one.
#![cfg(any(feature = "sign", feature = "verify"))]

use ml_dsa::{EncodedVerifyingKey, MlDsa44, Signature, VerifyingKey};

/// True if `signature` is valid for `message` under `public`. Signatures of a wrong length are invalid.
pub fn verify(public: &[u8; 1_312], message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::<MlDsa44>::try_from(signature) else { return false };
    let Ok(public) = EncodedVerifyingKey::<MlDsa44>::try_from(&public[..]) else { return false };
    VerifyingKey::decode(&public).verify_with_context(message, &[], &signature)
}
