//! The memory of signed checkpoints, kept apart from the database: restoring a backup, losing a write-ahead log, or
//! losing objects in a bucket doesn't affect it. The sequencer consults it before it signs anything.

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;

use crate::store::StoreError;

/// The head of a tree that the log signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The number of entries.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
    /// Base64 of key ID and signature, as the checkpoint has them.
    signature: String,
}

impl SignedHead {
    /// Extracts the head from a checkpoint of the log, with the first signature by a key named after the
    /// origin.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the note is not a checkpoint, or has no such signature.
    pub fn from_note(note: &str) -> Result<Self, StoreError> {
        let signed =
            SignedCheckpoint::parse(note).map_err(|error| StoreError::Damaged(error.into_message()))?;
        let Checkpoint { origin, size, root, .. } = &signed.checkpoint;
        let begin = format!("— {origin} ");
        let mut lines = signed.note.signatures.iter().map(ToString::to_string);
        let signature = lines.find_map(|line| Some(line.strip_prefix(&begin)?.trim_end().to_owned()));
        let signature =
            signature.ok_or_else(|| StoreError::Damaged("the log did not sign this checkpoint".into()))?;
        Ok(Self { size: *size, root: *root, signature })
    }

    /// Returns the checkpoint of the log with this origin, as it was signed.
    pub fn note(&self, origin: &str) -> String {
        let Self { size, root, signature } = self;
        format!("{origin}\n{size}\n{root}\n\n— {origin} {signature}\n")
    }

    /// Returns the head as a line: size, root hash, signature.
    pub fn to_line(&self) -> String {
        let Self { size, root, signature } = self;
        format!("{size} {root} {signature}\n")
    }

    /// Parses a line, without its line end.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (size, root, signature) = (words.next()?, words.next()?, words.next()?);
        // The key ID has 4 bytes, the signature 64.
        let whole = words.next().is_none() && base64::decode_array::<68>(signature).is_some();
        let is_decimal =
            size == "0" || !size.starts_with('0') && size.bytes().all(|byte| byte.is_ascii_digit());
        if !whole || !is_decimal {
            return None;
        }
        Some(Self {
            size: size.parse().ok()?,
            root: Hash::from_base64(root)?,
            signature: signature.to_owned(),
        })
    }
}

/// A callback that is called once it is known whether a head is durably remembered.
pub type OnRemembered = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Stores the signed checkpoints outside the log's store.
pub trait SignedHeadMemory: Send {
    /// Returns the largest signed tree that was passed to `remember`.
    fn newest(&self) -> Option<&SignedHead>;

    /// Returns the number of entries of the largest tree that is durably remembered; `None` if the memory ends with the
    /// process.
    fn durable(&self) -> Option<u64> {
        None
    }

    /// Remembers a head, and calls `then` when it survives a crash, or can't be stored. The callbacks run in
    /// the order of the calls. No callback waits for a later one.
    fn remember(&mut self, head: SignedHead, then: OnRemembered);
}

/// A memory for a log without storage apart from its store. It starts empty, ends with the process, and learns from
/// [`Sequencer::begin`](crate::sequencer::Sequencer::begin) what was published.
#[derive(Default)]
pub struct InStore(Option<SignedHead>);

impl SignedHeadMemory for InStore {
    fn newest(&self) -> Option<&SignedHead> {
        self.0.as_ref()
    }

    fn remember(&mut self, head: SignedHead, then: OnRemembered) {
        if self.0.as_ref().is_none_or(|newest| newest.size < head.size) {
            self.0 = Some(head);
        }
        then(Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use countersign::merkle::empty_root;
    use countersign::note::SignerKey;

    use super::*;

    #[test]
    fn head_round_trips() {
        let key = SignerKey::from_seed("log.example", [1; 32]).unwrap();
        let note = Checkpoint::new("log.example", 7, empty_root()).unwrap().sign(&key).unwrap();
        let head = SignedHead::from_note(&note).unwrap();
        assert_eq!(head.note("log.example"), note);
        let line = head.to_line();
        assert_eq!(SignedHead::parse(line.trim_end()), Some(head));
        for wrong in [
            &line[..line.len() - 2],
            &line[1..],
            &format!("0{line}"),
            "",
            "7",
            &format!("{} x", line.trim_end()),
        ] {
            assert_eq!(SignedHead::parse(wrong), None, "{wrong:?}");
        }
    }
}
