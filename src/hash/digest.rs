//! Hashes and messages.

use sha2::Digest as _;

use crate::base64;

/// A SHA-256 hash of 32 bytes. Displayed as base64, as in links and checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, derive_more::Debug, derive_more::Display)]
#[debug("{self}")]
#[display("{}", base64::encode(_0))]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// Computes `H(a ‖ b ‖ …)`: the hash of the concatenated parts.
    pub fn digest(parts: &[&[u8]]) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// Parses a hash from canonical base64.
    pub fn from_base64(text: impl AsRef<[u8]>) -> Option<Self> {
        base64::decode_array(text).map(Self)
    }
}

/// A message in two parts, so that a domain's prefix need not be copied in front of the body.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The bytes that come first, such as the `0x00` of a leaf. May be empty.
    pub prefix: &'a [u8],
    /// The bytes after the prefix.
    pub body: &'a [u8],
}
