//! SHA-256 hashes, and many of them at once.

use core::fmt;
use sha2::Digest as _;

use crate::{base64, lanes};

/// A SHA-256 hash: 32 bytes. Shown as base64, as in links and checkpoints.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Hash(pub [u8; 32]);

impl Hash {
    /// `H(a ‖ b ‖ …)`: the hash of the parts, one after the other.
    pub fn of(parts: &[&[u8]]) -> Self {
        let mut hasher = sha2::Sha256::new();
        for part in parts {
            hasher.update(part);
        }
        Self(hasher.finalize().into())
    }

    /// The hash that canonical base64 stands for.
    pub fn from_base64(text: impl AsRef<[u8]>) -> Option<Self> {
        base64::decode_array(text).map(Self)
    }
}

/// A message in two parts, so that a domain's prefix need not be copied in front of its body.
#[derive(Clone, Copy, Debug)]
pub struct Message<'a> {
    /// The bytes that come first, such as the `0x00` of a leaf. May be empty.
    pub prefix: &'a [u8],
    /// The bytes after the prefix.
    pub body: &'a [u8],
}

/// Appends `H(prefix ‖ body)` of each message to `out`, in the messages' order.
///
/// The same hashes as [`Hash::of`] gives one by one, sooner: give as many messages at a time as
/// there are at hand.
pub fn hash_many(messages: &[Message<'_>], out: &mut Vec<Hash>) {
    lanes::hash_many(messages, out);
}

/// Appends the RFC 6962 node hash `H(0x01 ‖ left ‖ right)` of each pair of `children` to
/// `parents`: children 0 and 1, children 2 and 3, and so on.
///
/// # Panics
///
/// When the number of children is odd.
pub fn hash_nodes(children: &[Hash], parents: &mut Vec<Hash>) {
    assert!(children.len().is_multiple_of(2), "children come in pairs");
    lanes::hash_nodes(children, parents);
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64::encode(self.0))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
