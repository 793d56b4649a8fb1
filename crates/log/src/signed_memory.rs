//! What a log signed, remembered apart from its database: a backup that is brought back, a write-ahead log that is gone
//! and a bucket that lost objects do not take it along. It is asked before anything is signed.

use countersign::base64;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;

use crate::store::StoreError;

/// The head of a tree that the log signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedHead {
    /// The number of leaves.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
    /// Base64 of key ID and signature, as the checkpoint has them.
    signature: String,
}

impl SignedHead {
    /// Of a checkpoint of the log, by the first signature of a key of that origin on it.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] where it is none.
    pub fn of_note(note: &str) -> Result<Self, StoreError> {
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

    /// The checkpoint of the log of that origin, as it was signed.
    pub fn note(&self, origin: &str) -> String {
        let Self { size, root, signature } = self;
        format!("{origin}\n{size}\n{root}\n\n— {origin} {signature}\n")
    }

    /// A line of what is remembered: size, root hash, signature.
    pub fn to_line(&self) -> String {
        let Self { size, root, signature } = self;
        format!("{size} {root} {signature}\n")
    }

    /// Reads a line, without its line end.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split(' ');
        let (size, root, signature) = (words.next()?, words.next()?, words.next()?);
        // Four bytes of a key ID, and 64 of a signature.
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

/// Called when it is known whether a head is remembered for good.
pub type OnRemembered = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// Remembers what was signed, apart from the store.
pub trait SignedHeadMemory: Send {
    /// The largest tree that was signed, as far as it was handed here.
    fn newest(&self) -> Option<&SignedHead>;

    /// How many leaves the largest tree has that is remembered for good, where this survives the process.
    fn durable(&self) -> Option<u64> {
        None
    }

    /// Remembers one more, and says when that outlives a crash. Calls to `then` keep the order of these; none
    /// waits for another's.
    fn remember(&mut self, head: SignedHead, then: OnRemembered);
}

/// The memory of a log whose storage is all that there is. It begins empty and ends with the process;
/// [`Sequencer::begin`](crate::sequencer::Sequencer::begin) tells it what was published.
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
    fn a_head_is_read_as_it_was_written() {
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
