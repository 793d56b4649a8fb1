//! Strict Ed25519 verification (SPEC section 2), with the same result on every platform.
//!
//! RFC 8032 lets verifiers differ. Here a signature is valid only if S is below the group's order, A and R are
//! canonical encodings of points that are not of small order, and `[S]B = R + [k]A` holds without multiplying by the
//! cofactor.
//!
//! ```
//! # #[cfg(feature = "sign")] {
//! use countersign::ed25519::PublicKey;
//! use countersign::note::SignerKey;
//!
//! let signer = SignerKey::from_seed("example.com/dashboard", [7; 32])?;
//! let signature = signer.sign(b"text");
//! let key = PublicKey::new(signer.verifier_key().ed25519().unwrap()).unwrap();
//! assert!(key.verify(b"text", &signature));
//! assert!(!key.verify(b"other text", &signature));
//!
//! // y = p, a non-canonical encoding of y = 0.
//! let mut encoding = [0xff; 32];
//! (encoding[0], encoding[31]) = (0xed, 0x7f);
//! assert!(PublicKey::new(&encoding).is_none());
//! # }
//! # Ok::<(), countersign::Error>(())
//! ```
#![cfg(any(feature = "sign", feature = "verify"))]

use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};

/// True if `signature` is strictly valid for `message` under `public`.
///
/// To verify several signatures of one key, use a [`PublicKey`].
pub fn verify(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    #[cfg(test)]
    VERIFIED.set(VERIFIED.get() + 1);
    PublicKey::new(public).is_some_and(|key| key.verify(message, signature))
}

#[cfg(test)]
std::thread_local! {
    /// The number of signatures that this thread verified.
    pub(crate) static VERIFIED: core::cell::Cell<usize> = const { core::cell::Cell::new(0) };
}

/// A public key whose point is decoded, ready to verify signatures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicKey(VerifyingKey);

impl PublicKey {
    /// Decodes a key. Returns `None` if no signature can be valid under it: the bytes are not a canonical encoding of
    /// a point, or the point is of small order.
    pub fn new(public: &[u8; 32]) -> Option<Self> {
        if !is_reduced(public) {
            return None;
        }
        // After the check of y, the only remaining non-canonical encodings have x = 0 with its sign set. Those
        // points, (0, 1) and (0, -1), are of small order.
        VerifyingKey::from_bytes(public).ok().filter(|key| !key.is_weak()).map(Self)
    }

    /// True if `signature` is strictly valid for `message`.
    pub fn verify(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        // dalek's `verify` compares R's bytes with the canonical encoding of the expected point. So R is canonical,
        // and its bytes tell if its order is small. `verify_strict` gives the same result but takes a fifth longer,
        // because it decodes R. Both accept any S below 2^253 if another crate of the program enables dalek's
        // `legacy_compatibility`.
        let (r, s) = signature.split_at(32);
        is_below_order(s)
            && !has_small_order(r)
            && self.0.verify(message, &Signature::from_bytes(signature)).is_ok()
    }
}

/// The y coordinates of the eight points whose order divides the cofactor: of order 4, 1, 2, 8, and 8.
const SMALL_ORDER: [[u8; 32]; 5] = {
    let mut all = [[0; 32]; 5];
    all[1][0] = 1;
    all[2] = [0xff; 32];
    (all[2][0], all[2][31]) = (0xec, 0x7f);
    all[3] = *b"\x26\xe8\x95\x8f\xc2\xb2\x27\xb0\x45\xc3\xf4\x89\xf2\xef\x98\xf0\
                \xd5\xdf\xac\x05\xd3\xc6\x33\x39\xb1\x38\x02\x88\x6d\x53\xfc\x05";
    all[4] = *b"\xc7\x17\x6a\x70\x3d\x4d\xd8\x4f\xba\x3c\x0b\x76\x0d\x10\x67\x0f\
                \x2a\x20\x53\xfa\x2c\x39\xcc\xc6\x4e\xc7\xfd\x77\x92\xac\x03\x7a";
    all
};

/// True if a canonically encoded point is of small order.
fn has_small_order(encoding: &[u8]) -> bool {
    let is = |y: &[u8; 32]| encoding[..31] == y[..31] && encoding[31] & 0x7f == y[31];
    SMALL_ORDER.iter().any(is)
}

/// The order of the base point's group: 2^252 + 27742317777372353535851937790883648493.
const ORDER: [u8; 32] =
    *b"\xed\xd3\xf5\x5c\x1a\x63\x12\x58\xd6\x9c\xf7\xa2\xde\xf9\xde\x14\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x10";

/// True if a little-endian number is below the order.
fn is_below_order(scalar: &[u8]) -> bool {
    scalar.iter().rev().lt(ORDER.iter().rev())
}

/// True if the y coordinate, the lower 255 bits, is below p = 2^255 − 19.
fn is_reduced(encoding: &[u8; 32]) -> bool {
    encoding[31] & 0x7f != 0x7f || encoding[1..31].iter().any(|&b| b != 0xff) || encoding[0] < 0xed
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    /// dalek calls exactly these points weak, with either sign of x.
    #[test]
    fn the_table_has_the_points_of_small_order() {
        let mut points = 0;
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut encoding = y;
                encoding[31] |= sign;
                assert!(has_small_order(&encoding));
                points += usize::from(VerifyingKey::from_bytes(&encoding).is_ok_and(|key| key.is_weak()));
            }
        }
        // Eight points. Two of them have a second encoding because their x is 0.
        assert_eq!(points, 10);
    }

    #[test]
    fn agrees_with_strict_verification() {
        use ed25519_dalek::{Signer as _, SigningKey};

        let key = SigningKey::from_bytes(&[7; 32]);
        let public = PublicKey::new(key.verifying_key().as_bytes()).unwrap();
        let agree = |message: &[u8], signature: &[u8; 64]| {
            let strict =
                key.verifying_key().verify_strict(message, &Signature::from_bytes(signature)).is_ok();
            assert_eq!(public.verify(message, signature), strict);
            strict
        };
        let good = key.sign(b"message").to_bytes();
        assert!(agree(b"message", &good));
        for bit in 0..512 {
            let mut signature = good;
            signature[bit / 8] ^= 1 << (bit % 8);
            assert!(!agree(b"message", &signature));
        }
        for y in SMALL_ORDER {
            for sign in [0, 0x80] {
                let mut signature = good;
                signature[..32].copy_from_slice(&y);
                signature[31] |= sign;
                assert!(!agree(b"message", &signature));
            }
        }
    }

    /// S and S + L give the same multiple of the base point, so only the check of S tells them apart. For these
    /// tests, dalek is built with `legacy_compatibility`, with which it accepts both.
    #[test]
    fn legacy_compatibility_of_dalek_has_no_effect() {
        use ed25519_dalek::{Signer as _, SigningKey};

        let key = SigningKey::from_bytes(&[7; 32]);
        let good = key.sign(b"message").to_bytes();
        let mut other = good;
        let mut carry = 0;
        for (byte, of_order) in other[32..].iter_mut().zip(ORDER) {
            let sum = u16::from(*byte) + u16::from(of_order) + carry;
            (*byte, carry) = (sum.to_le_bytes()[0], sum >> 8);
        }
        let dalek =
            |signature| key.verifying_key().verify_strict(b"message", &Signature::from_bytes(signature));
        assert!(dalek(&good).is_ok() && dalek(&other).is_ok());
        let public = PublicKey::new(key.verifying_key().as_bytes()).unwrap();
        assert!(public.verify(b"message", &good));
        assert!(!public.verify(b"message", &other));
    }

    #[test]
    fn s_must_be_below_the_order() {
        let mut below = ORDER;
        below[0] -= 1;
        assert!(is_below_order(&[0; 32]) && is_below_order(&below));
        let mut above = ORDER;
        above[16] = 1;
        assert!(!is_below_order(&ORDER) && !is_below_order(&above) && !is_below_order(&[0xff; 32]));
    }

    #[test]
    fn rejects_non_canonical_encodings() {
        let mut points = 0;
        // The y coordinates from p = 2^255 - 19 to 2^255 - 1, with either sign of x.
        for low in 0xed..=0xff {
            for high in [0x7f, 0xff] {
                let mut encoding = [0xff; 32];
                (encoding[0], encoding[31]) = (low, high);
                assert_eq!(PublicKey::new(&encoding), None, "{low:x} {high:x}");
                points += usize::from(VerifyingKey::from_bytes(&encoding).is_ok_and(|key| !key.is_weak()));
            }
        }
        assert!(points > 0, "some are points of a large order, which the decoder alone would accept");
    }

    #[test]
    fn y_just_below_p_is_canonical() {
        let mut encoding = [0xff; 32];
        (encoding[0], encoding[31]) = (0xec, 0x7f);
        assert!(is_reduced(&encoding));
        encoding[0] = 0xed;
        assert!(!is_reduced(&encoding));
        encoding[15] = 0xfe;
        assert!(is_reduced(&encoding));
    }
}
