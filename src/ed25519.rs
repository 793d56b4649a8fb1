//! Ed25519 verified strictly (SPEC section 2): one answer everywhere.
//!
//! RFC 8032 leaves room for verifiers to differ. Here a signature is valid only when S is below
//! the group's order, A and R are canonical encodings of points that are not of small order, and
//! `[S]B = R + [k]A` holds as it stands, without multiplying by the cofactor.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::ed25519::PublicKey;
//! use countersign::note::SignerKey;
//!
//! let signer = SignerKey::generate("example.com/dashboard", [7; 32])?;
//! let signature = signer.sign(b"text");
//! let key = PublicKey::new(signer.verifier_key().public()).unwrap();
//! assert!(key.verify(b"text", &signature));
//! assert!(!key.verify(b"other text", &signature));
//!
//! // y = p, a second spelling of y = 0.
//! let mut spelling = [0xff; 32];
//! (spelling[0], spelling[31]) = (0xed, 0x7f);
//! assert!(PublicKey::new(&spelling).is_none());
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```
#![cfg(any(feature = "sign", feature = "verify"))]

use ed25519_dalek::{Signature, VerifyingKey};

/// Whether `signature` is strictly valid over `message` under `public`.
///
/// To check several signatures of one key, keep a [`PublicKey`].
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    PublicKey::new(public).is_some_and(|key| key.verify(message, signature))
}

/// A public key that can verify, its point at hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// The key with this encoding, or `None` where nothing can be valid under it: the bytes are
    /// no point, not its canonical encoding, or the point is of small order.
    pub fn new(public: &[u8; 32]) -> Option<Self> {
        if !is_reduced(public) {
            return None;
        }
        // Past the check of y, the only encodings that are not canonical have x = 0 with its sign
        // set. Those points, (0, 1) and (0, -1), are of small order.
        VerifyingKey::from_bytes(public).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// Whether `signature` is strictly valid over `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // This refuses an S that is not reduced and an R of small order, and compares R's bytes
        // with the canonical encoding of what they have to be.
        self.0.verify_strict(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// Whether the y coordinate, the lower 255 bits, is below p = 2^255 − 19.
fn is_reduced(encoding: &[u8; 32]) -> bool {
    encoding[31] & 0x7f != 0x7f || encoding[1..31].iter().any(|&b| b != 0xff) || encoding[0] < 0xed
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn no_second_spelling_is_a_key() {
        let mut points = 0;
        // y from p, which is 2^255 - 19, to 2^255 - 1, either sign of x.
        for low in 0xed..=0xff {
            for high in [0x7f, 0xff] {
                let mut spelling = [0xff; 32];
                (spelling[0], spelling[31]) = (low, high);
                assert_eq!(PublicKey::new(&spelling), None, "{low:x} {high:x}");
                points += usize::from(VerifyingKey::from_bytes(&spelling).is_ok_and(|key| !key.is_weak()));
            }
        }
        assert!(points > 0, "some are points of a large order, which the decoder alone would take");
    }

    #[test]
    fn a_key_just_below_p_is_not_refused_for_its_spelling() {
        let mut spelling = [0xff; 32];
        (spelling[0], spelling[31]) = (0xec, 0x7f);
        assert!(is_reduced(&spelling));
        spelling[0] = 0xed;
        assert!(!is_reduced(&spelling));
        spelling[15] = 0xfe;
        assert!(is_reduced(&spelling));
    }
}
