//! ML-DSA-44 (FIPS 204) with an empty context string, for checkpoints (SPEC section 2).
//!
//! FIPS 204 leaves verifiers no choice, unlike RFC 8032: a signature is valid only if Algorithm 3 returns true. In
//! particular, its hints must have their only permitted encoding, so that nobody can make a second signature from a valid one.
#![cfg(any(feature = "sign", feature = "verify"))]

use ml_dsa::{EncodedVerifyingKey, MlDsa44, Signature, VerifyingKey};
#[cfg(feature = "sign")]
use ml_dsa::{Keypair as _, Seed, SigningKey};
#[cfg(feature = "sign")]
use zeroize::{Zeroize as _, Zeroizing};

#[cfg(all(feature = "prove", feature = "sign"))]
use crate::checkpoint::Cosigner;
#[cfg(feature = "sign")]
use crate::error::{Code, Error};
use crate::note::MlDsaPublic;
#[cfg(feature = "sign")]
use crate::note::{KeyType, PrivateKey, VerifierKey, encode_private};

/// True if `signature` is valid for `message` under `public`. Signatures of a wrong length are invalid.
pub fn verify(public: &MlDsaPublic, message: &[u8], signature: &[u8]) -> bool {
    let Ok(signature) = Signature::<MlDsa44>::try_from(signature) else { return false };
    let Ok(public) = EncodedVerifyingKey::<MlDsa44>::try_from(&public[..]) else { return false };
    VerifyingKey::decode(&public).verify_with_context(message, &[], &signature)
}

/// A private key of type `0x06`, of a log or a witness, which can sign only checkpoints. It is wiped from memory on drop;
/// only [`MlDsaKey::encode`] reveals it.
#[cfg(feature = "sign")]
#[derive(derive_more::Debug)]
#[debug("MlDsaKey({verifier})")]
pub struct MlDsaKey {
    verifier: VerifierKey,
    signing: SigningKey<MlDsa44>,
}

#[cfg(feature = "sign")]
impl MlDsaKey {
    /// Creates a key from a seed: 32 bytes from a secure random source.
    ///
    /// # Errors
    ///
    /// [`Code::Name`] if the name is invalid.
    pub fn from_seed(name: &str, mut seed: [u8; 32]) -> Result<Self, Error> {
        let mut array = Seed::from(seed);
        let signing = SigningKey::from_seed(&array);
        array.zeroize();
        seed.zeroize();
        let verifier = VerifierKey::new(name, KeyType::MlDsa44, signing.verifying_key().encode())?;
        Ok(Self { verifier, signing })
    }

    /// Parses `PRIVATE+KEY+name+hhhhhhhh+base64(0x06 ‖ seed)`, without surrounding white space.
    ///
    /// # Errors
    ///
    /// [`Code::Key`] if the text does not have that form, is of another type, or its key ID does not match. The message
    /// reveals nothing of the text.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let private = PrivateKey::parse(text)?;
        if private.kind != KeyType::MlDsa44 {
            let hint = "create one with: countersign keygen NAME --ml-dsa";
            return Err(Error::new(Code::Key, "this is not an ML-DSA-44 private key").with_hint(hint));
        }
        let key = Self::from_seed(private.name, *private.seed)?;
        private.check_id(&key.verifier)?;
        Ok(key)
    }

    /// Returns the text that [`MlDsaKey::parse`] reads. Contains the secret.
    pub fn encode(&self) -> Zeroizing<String> {
        encode_private(&self.verifier, self.signing.as_seed().as_ref())
    }

    /// Returns the public key for this private key.
    pub const fn verifier_key(&self) -> &VerifierKey {
        &self.verifier
    }
}

#[cfg(all(feature = "prove", feature = "sign"))]
impl Cosigner for MlDsaKey {
    fn verifier_key(&self) -> &VerifierKey {
        Self::verifier_key(self)
    }

    /// Signs by the deterministic variant of FIPS 204.
    fn sign_message(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.signing.expanded_key().sign_deterministic(message, &[]);
        let signature = signature.map_err(|_| Error::new(Code::Key, "the key can't sign this checkpoint"))?;
        Ok(signature.encode().to_vec())
    }
}
