//! Moving a log into a bucket: what the folder has becomes the bucket's first commits.
//!
//! It may be interrupted, and then goes on where it was: what is in the bucket already is compared, and the rest added.

use super::codec::{Commit, encode_checkpoint};
use super::objects::Created;
use super::writer::{BucketWriter, at, fetch};
use countersign_log::store::{StoreError, StoredEvent};

/// How many leaves one commit gets.
const LEAVES: u64 = 4_096;
/// No more leaves are added to a commit with so many bytes of events.
const BYTES: usize = 8 << 20;
/// How many leaves are read at one time.
const PORTION: u64 = 256;

impl BucketWriter {
    /// Takes up work with a bucket for the first time.
    pub(super) fn adopt(&mut self) -> Result<(), StoreError> {
        let size = self.index.size();
        let begun = self.has_origin()?;
        if size == 0 && !begun && self.objects.wait(fetch(&self.objects, &self.layout, 0))?.is_some() {
            let why = "another server is moving its log to this bucket: start again when it is done";
            return Err(StoreError::unavailable("opening the bucket", why));
        }
        let mut erased = Vec::new();
        let mut base = 0;
        while base < size {
            let commit = match self.objects.wait(fetch(&self.objects, &self.layout, base))? {
                Some(commit) => commit,
                None => self.add(base, size)?,
            };
            let end = commit.size();
            self.compare(&commit, &mut erased)?;
            self.index.add_bases(&[base])?;
            base = end;
            tracing::info!(base, size, "the log is moved to the bucket");
        }
        for published in self.index.reader.checkpoints(0..size + 1)? {
            let path = self.layout.kept_checkpoint(published.size);
            self.objects.wait(self.objects.write(&path, encode_checkpoint(&published)?))?;
        }
        for (time, evidence) in self.index.reader.evidence()? {
            self.put_evidence(&evidence, time)?;
        }
        self.check_origin()?;
        if erased.is_empty() { self.index.set_erasures(self.erasures) } else { self.write_down(&erased) }
    }

    /// Adds the next commit.
    fn add(&self, base: u64, size: u64) -> Result<Commit, StoreError> {
        let mut commit = Commit { base, leaves: Vec::new(), events: Some(std::collections::BTreeMap::new()) };
        let mut bytes = 0;
        while commit.size() < size.min(base + LEAVES) && bytes < BYTES {
            let start = commit.size();
            let leaves = self.index.reader.leaves_with_events(start..size.min(start + PORTION))?;
            for (stored, index) in leaves.into_iter().zip(start..) {
                let leaf = String::from_utf8(stored.leaf)
                    .map_err(|_| StoreError::Damaged(format!("leaf {index} is not text")))?;
                commit.leaves.push(leaf);
                if let (StoredEvent::Here(event), Some(events)) = (stored.event, &mut commit.events) {
                    bytes += event.text.len();
                    events.insert(index, event);
                }
            }
        }
        let path = self.layout.commit(base);
        match self.objects.wait(self.objects.create(&path, commit.encode()?))? {
            Created::Ours => Ok(commit),
            Created::Other(bytes) => Commit::decode(&bytes).map_err(at(&path)),
        }
    }

    /// The bucket's commit has the same leaves as the folder. Notes which events are erased.
    fn compare(&self, commit: &Commit, erased: &mut Vec<u64>) -> Result<(), StoreError> {
        let other = || {
            StoreError::Damaged(format!(
                "the bucket has another log than this folder, from leaf {} on",
                commit.base
            ))
        };
        let range = commit.base..commit.size();
        if range.end > self.index.size() {
            return Err(other());
        }
        let leaves = self.index.reader.leaves(range.clone())?;
        let same = commit.leaves.iter().zip(&leaves).all(|(one, other)| one.as_bytes() == other);
        if !same {
            return Err(other());
        }
        erased.extend(self.index.erased_in(&range)?);
        Ok(())
    }
}
