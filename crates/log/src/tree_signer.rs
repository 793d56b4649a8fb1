//! COSE signatures of published checkpoints, from which receipts are made (SPEC section 18).

use std::sync::{Arc, Mutex, PoisonError};

use countersign::checkpoint::SignedCheckpoint;
use countersign::cose::TreeSignature;
use countersign::note::SignerKey;

use crate::store::Published;

/// Signs the published checkpoint when a reader asks for it, once.
///
/// It isn't stored: Ed25519 gives the same signature each time, of a tree that the log has already signed.
pub struct TreeSigner {
    key: Arc<SignerKey>,
    newest: Mutex<Option<Signed>>,
}

/// A checkpoint, and its signature.
struct Signed {
    checkpoint: Arc<Published>,
    signature: Arc<[u8]>,
}

impl TreeSigner {
    /// Creates the signer of a log with its key.
    pub const fn new(key: Arc<SignerKey>) -> Self {
        Self { key, newest: Mutex::new(None) }
    }

    /// Returns the signature of the published checkpoint. `None` if an earlier key of the log signed the checkpoint: until
    /// the next one, this log has no other signature than that.
    pub fn sign(&self, published: &Arc<Published>) -> Option<Arc<[u8]>> {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(signed) = &*newest
            && signed.checkpoint == *published
        {
            return Some(Arc::clone(&signed.signature));
        }
        let checkpoint = SignedCheckpoint::parse(&published.note).ok()?;
        let signature: Arc<[u8]> = TreeSignature::sign(checkpoint, &self.key).ok()?.to_bytes().into();
        *newest = Some(Signed { checkpoint: Arc::clone(published), signature: Arc::clone(&signature) });
        Some(signature)
    }
}

#[cfg(test)]
mod tests {
    use countersign::checkpoint::Checkpoint;
    use countersign::merkle::empty_root;
    use countersign::time::Time;

    use super::*;

    fn key(seed: u8) -> SignerKey {
        SignerKey::from_seed("log.example", [seed; 32]).unwrap()
    }

    fn published(signer: &SignerKey) -> Arc<Published> {
        let note = Checkpoint::new("log.example", 0, empty_root()).unwrap().sign(signer).unwrap();
        Arc::new(Published { size: 0, note, at: Time::MIN, witnessed: true })
    }

    #[test]
    fn signs_each_checkpoint_of_its_own_key_once() {
        let signer = TreeSigner::new(Arc::new(key(1)));
        let first = signer.sign(&published(&key(1))).unwrap();
        assert!(Arc::ptr_eq(&first, &signer.sign(&published(&key(1))).unwrap()), "not signed again");
        let parsed = TreeSignature::parse(&first).unwrap();
        assert_eq!(parsed.checkpoint().to_string(), published(&key(1)).note);
        assert_eq!(signer.sign(&published(&key(2))), None, "a checkpoint of an earlier key");
    }
}
