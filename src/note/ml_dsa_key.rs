//! Private ML-DSA-44 keys.

use ml_dsa::{Keypair as _, MlDsa44, Seed, SigningKey};
use zeroize::{Zeroize as _, Zeroizing};

use super::{KeyType, PrivateKey, VerifierKey, encode_private};
use crate::error::{Code, Error};

/// A private key of type `0x06`, of a log or a witness, which can sign only checkpoints. It is wiped from memory on drop;
/// only [`MlDsaKey::encode`] reveals it.
#[derive(derive_more::Debug)]
#[debug("MlDsaKey({verifier})")]
pub struct MlDsaKey {
    verifier: VerifierKey,
    signing: SigningKey<MlDsa44>,
}

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

    /// Signs by the deterministic variant of FIPS 204.
    #[cfg(feature = "prove")]
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let signature = self.signing.expanded_key().sign_deterministic(message, &[]);
        let signature = signature.map_err(|_| Error::new(Code::Key, "the key can't sign this checkpoint"))?;
        Ok(signature.encode().to_vec())
    }
}
