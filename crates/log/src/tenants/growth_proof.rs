//! Proves to writers how a tenant log grew since the newest head that they have seen (SPEC section 16.8).

use countersign::hash::Hash;
use countersign::tenant::{AnchorProof, HeadProof, Since};

use crate::hashes::CachedHashes;
use crate::store::{Reader, StoreError};

/// The proof that the anchors since a head, and the newest head, extend each other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrowthProof {
    /// The anchors, by ascending tick.
    pub anchors: Vec<AnchorProof>,
    /// The consistency proof to the newest head.
    pub consistency: Vec<Hash>,
}

impl GrowthProof {
    /// Proves how a tenant log grew from the head that a writer stated to this one, which is published. `reader` is that
    /// of the tenant log. A head with more entries than the next one has no proof.
    ///
    /// # Errors
    /// [`StoreError`] if the tenant log or its root log can't be read, or contradicts an anchor.
    pub fn prove(since: Since, head: &HeadProof, reader: &dyn Reader) -> Result<Self, StoreError> {
        let (size, root_size) = (head.head().size, head.checkpoint.checkpoint.size);
        let tree = CachedHashes::new(reader, size);
        let mut before = since.size;
        let mut prove_to = |next: u64| {
            let old = std::mem::replace(&mut before, next);
            if old > next { Ok(Vec::new()) } else { tree.prove_consistency(old, next) }
        };
        let anchors = reader.anchors(&since.anchors(head.anchor.tick), root_size)?.into_iter();
        let anchors = anchors.map(|anchor| {
            let consistency = prove_to(anchor.head.size)?;
            Ok(AnchorProof { anchor, consistency })
        });
        let anchors = anchors.collect::<Result<_, StoreError>>()?;
        Ok(Self { anchors, consistency: prove_to(size)? })
    }
}
