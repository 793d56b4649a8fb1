//! The secret of a tick (SPEC section 16.2).

use std::fmt;

use countersign::hash::Hash;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::own_chain::Random;
use crate::submission::SubmitError;

/// The length of a SHA-256 block, in bytes. HMAC pads shorter keys with zeros to this length.
const BLOCK_BYTES: usize = 64;

/// The secret of a tick, from which all salts and the leaves of unused slots are derived.
///
/// Anyone who knows it can tell used slots from unused ones. It is deleted after the tick, except for anchors.
#[derive(Clone)]
pub struct TickSecret {
    bytes: [u8; 32],
    /// HMAC with the secret as its key, set up once for all slots.
    mac: Hmac<Sha256>,
}

impl TickSecret {
    /// Draws a secret.
    ///
    /// # Errors
    /// If the random source fails.
    pub fn draw(random: &mut Random) -> Result<Self, SubmitError> {
        let mut bytes = [0; 32];
        bytes[..16].copy_from_slice(&random()?);
        bytes[16..].copy_from_slice(&random()?);
        Ok(Self::from_bytes(bytes))
    }

    /// Restores the secret of a stored tick.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        let mut key = [0; BLOCK_BYTES];
        key[..32].copy_from_slice(&bytes);
        Self { bytes, mac: Hmac::new(&key.into()) }
    }

    /// Returns the secret's bytes, to be stored.
    pub const fn to_bytes(&self) -> [u8; 32] {
        self.bytes
    }

    /// Returns the salt of the head in a slot.
    pub fn salt(&self, slot: u32) -> [u8; 16] {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.derive(*b"salt", slot).0[..16]);
        salt
    }

    /// Returns the leaf of a slot without a tenant log.
    pub(super) fn unused_leaf(&self, slot: u32) -> Hash {
        self.derive(*b"none", slot)
    }

    fn derive(&self, purpose: [u8; 4], slot: u32) -> Hash {
        let mut mac = self.mac.clone();
        mac.update(&purpose);
        mac.update(&slot.to_be_bytes());
        Hash(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for TickSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TickSecret(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computes HMAC-SHA-256 by its definition (RFC 2104).
    fn hmac(key: [u8; 32], message: &[u8]) -> Hash {
        let mut pad = [0; BLOCK_BYTES];
        pad[..32].copy_from_slice(&key);
        let inner = Hash::digest(&[&pad.map(|byte| byte ^ 0x36), message]);
        Hash::digest(&[&pad.map(|byte| byte ^ 0x5c), &inner.0])
    }

    #[test]
    fn hashes_are_derived_by_hmac() {
        let bytes = std::array::from_fn(|nth| nth as u8);
        let secret = TickSecret::from_bytes(bytes);
        assert_eq!(secret.unused_leaf(0x0102_0304), hmac(bytes, b"none\x01\x02\x03\x04"));
        assert_eq!(secret.salt(0x0102_0304), hmac(bytes, b"salt\x01\x02\x03\x04").0[..16]);
        assert_eq!(secret.to_bytes(), bytes);
    }

    #[test]
    fn a_secret_is_drawn_in_two_halves_and_not_shown() {
        let mut calls = 0;
        let mut random: Random = Box::new(move || {
            calls += 1;
            Ok([calls; 16])
        });
        let secret = TickSecret::draw(&mut random).unwrap();
        assert_eq!(secret.to_bytes(), *[[1; 16], [2; 16]].as_flattened());
        assert_eq!(format!("{secret:?}"), "TickSecret(..)");
        let mut random: Random = Box::new(|| Err(SubmitError::Busy));
        assert!(TickSecret::draw(&mut random).is_err());
    }
}
