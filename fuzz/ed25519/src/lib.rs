//! A stand-in for ed25519-dalek while fuzzing, with as much of its interface as the core uses.
//!
//! A key created from its seed by this crate signs with a hash, which is a hundred times cheaper. Every other key
//! uses real Ed25519, so that the vectors' signatures stay valid. NOT FOR PRODUCTION: anyone who knows the public key
//! of a key created here can sign with it.

use std::collections::HashMap;
use std::sync::{LazyLock, PoisonError, RwLock};

use curve25519_dalek::edwards::{CompressedEdwardsY, EdwardsPoint};
use curve25519_dalek::scalar::Scalar;
use sha2::{Digest as _, Sha512};

/// The public keys created from seeds here, each with its point, which is slow to decode.
static MADE_HERE: LazyLock<RwLock<HashMap<[u8; 32], EdwardsPoint>>> = LazyLock::new(RwLock::default);

fn made_here(public: &[u8; 32]) -> Option<EdwardsPoint> {
    MADE_HERE.read().unwrap_or_else(PoisonError::into_inner).get(public).copied()
}

/// The error of an invalid key or signature.
#[derive(Debug)]
pub struct SignatureError;

pub trait Signer {
    fn sign(&self, message: &[u8]) -> Signature;
}

pub trait Verifier {
    /// # Errors
    /// If the signature is not valid for the message under this key.
    fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError>;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature([u8; 64]);

impl Signature {
    pub fn from_bytes(bytes: &[u8; 64]) -> Self {
        Self(*bytes)
    }

    pub fn to_bytes(&self) -> [u8; 64] {
        self.0
    }
}

pub struct SigningKey {
    seed: [u8; 32],
    public: VerifyingKey,
}

impl SigningKey {
    pub fn from_bytes(seed: &[u8; 32]) -> Self {
        let mut scalar = [0; 32];
        scalar.copy_from_slice(&Sha512::digest(seed)[..32]);
        let point = EdwardsPoint::mul_base_clamped(scalar);
        let public = VerifyingKey { bytes: point.compress().to_bytes(), point };
        MADE_HERE.write().unwrap_or_else(PoisonError::into_inner).insert(public.bytes, point);
        Self { seed: *seed, public }
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.seed
    }

    pub fn verifying_key(&self) -> VerifyingKey {
        self.public
    }
}

impl Signer for SigningKey {
    fn sign(&self, message: &[u8]) -> Signature {
        self.public.hash(message)
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VerifyingKey {
    bytes: [u8; 32],
    point: EdwardsPoint,
}

impl VerifyingKey {
    /// # Errors
    /// If the bytes are not a point.
    pub fn from_bytes(bytes: &[u8; 32]) -> Result<Self, SignatureError> {
        let decode = || CompressedEdwardsY(*bytes).decompress();
        let point = made_here(bytes).or_else(decode).ok_or(SignatureError)?;
        Ok(Self { bytes: *bytes, point })
    }

    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.bytes
    }

    pub fn to_bytes(&self) -> [u8; 32] {
        self.bytes
    }

    pub fn is_weak(&self) -> bool {
        self.point.is_small_order()
    }

    /// Returns the stand-in for a signature. Its S is below the group's order.
    fn hash(&self, message: &[u8]) -> Signature {
        let mut bytes: [u8; 64] =
            Sha512::new().chain_update(self.bytes).chain_update(message).finalize().into();
        bytes[63] &= 0x0f;
        Signature(bytes)
    }
}

impl Verifier for VerifyingKey {
    fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), SignatureError> {
        if made_here(&self.bytes).is_some() {
            return if self.hash(message) == *signature { Ok(()) } else { Err(SignatureError) };
        }
        let (r, s) = signature.0.split_first_chunk::<32>().ok_or(SignatureError)?;
        let s: [u8; 32] = s.try_into().map_err(|_| SignatureError)?;
        let s = Scalar::from_canonical_bytes(s).into_option().ok_or(SignatureError)?;
        let k =
            Sha512::new().chain_update(r).chain_update(self.bytes).chain_update(message).finalize().into();
        let k = Scalar::from_bytes_mod_order_wide(&k);
        let point = EdwardsPoint::vartime_double_scalar_mul_basepoint(&k, &-self.point, &s);
        if point.compress().as_bytes() == r { Ok(()) } else { Err(SignatureError) }
    }
}
