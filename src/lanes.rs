//! SHA-256 of many messages.

use sha2::Digest as _;

use crate::hash::{Hash, Message};

/// Appends `H(prefix ‖ body)` of every message to `out`, in order.
pub(crate) fn hash_many(messages: &[Message<'_>], out: &mut Vec<Hash>) {
    out.extend(messages.iter().map(|message| {
        let hasher = sha2::Sha256::new_with_prefix(message.prefix);
        Hash(hasher.chain_update(message.body).finalize().into())
    }));
}

/// Appends `H(0x01 ‖ left ‖ right)` of every pair of children to `parents`, in order.
pub(crate) fn hash_nodes(children: &[Hash], parents: &mut Vec<Hash>) {
    parents.extend(children.chunks_exact(2).map(|pair| Hash::of(&[&[1], &pair[0].0, &pair[1].0])));
}
