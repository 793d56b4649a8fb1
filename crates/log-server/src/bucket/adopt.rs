//! Moving a log into a bucket: the folder's entries become the bucket's first commits.
//!
//! The move can be interrupted and resumed: it compares the objects already in the bucket and adds the rest.

use super::codec::{Commit, encode_checkpoint};
use super::erasure_log::ErasingLog as _;
use super::layout::in_object;
use super::objects::CreateOutcome;
use super::writer::{BucketWriter, fetch};
use countersign_log::store::{StoreError, StoredEvent};

/// Maximum number of entries per commit.
const MAX_COMMIT_ENTRIES: u64 = 4_096;
/// A commit with this many bytes of events gets no more entries.
const MAX_COMMIT_EVENT_BYTES: usize = 8 << 20;
/// Number of entries read at a time.
const BATCH_ENTRIES: u64 = 256;

impl BucketWriter {
    /// Moves the folder's log into the bucket, and starts using the bucket.
    pub(super) fn adopt(&mut self) -> Result<(), StoreError> {
        let size = self.index.size();
        let begun = self.claim.has_origin()?;
        if size == 0 && !begun && self.objects.wait(fetch(&self.objects, &self.layout, 0))?.is_some() {
            let why = "another server is moving its log into this bucket; start this server when the move is complete";
            return Err(StoreError::bucket("opening the bucket", why));
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
            tracing::info!(base, size, "moving the log into the bucket");
        }
        for published in self.index.reader.checkpoints(0..size + 1)? {
            let path = self.layout.kept_checkpoint(published.size);
            self.objects.wait(self.objects.write(&path, encode_checkpoint(&published)?))?;
        }
        for (time, evidence) in self.index.reader.evidence()? {
            self.put_evidence(&evidence, time)?;
        }
        self.claim.check_origin()?;
        if erased.is_empty() {
            self.index.set_erasures(self.erasures.progress())
        } else {
            self.add_erasure(&erased)
        }
    }

    /// Adds the next commit.
    fn add(&self, base: u64, size: u64) -> Result<Commit, StoreError> {
        let mut commit = Commit { base, leaves: Vec::new(), events: Some(std::collections::BTreeMap::new()) };
        let mut bytes = 0;
        while commit.size() < size.min(base + MAX_COMMIT_ENTRIES) && bytes < MAX_COMMIT_EVENT_BYTES {
            let start = commit.size();
            let leaves = self.index.reader.leaves_with_events(start..size.min(start + BATCH_ENTRIES))?;
            for (stored, index) in leaves.into_iter().zip(start..) {
                let leaf = String::from_utf8(stored.leaf)
                    .map_err(|_| StoreError::Damaged(format!("entry {index} isn't UTF-8")))?;
                commit.leaves.push(leaf);
                if let (StoredEvent::Here(event), Some(events)) = (stored.event, &mut commit.events) {
                    bytes += event.text.len();
                    events.insert(index, event);
                }
            }
        }
        let path = self.layout.commit(base);
        match self.objects.wait(self.objects.create(&path, commit.encode()?))? {
            CreateOutcome::Ours => Ok(commit),
            CreateOutcome::Other(bytes) => Commit::decode(&bytes).map_err(in_object(&path)),
        }
    }

    /// Checks that the commit has the same entries as the folder, and collects the erased ones.
    fn compare(&self, commit: &Commit, erased: &mut Vec<u64>) -> Result<(), StoreError> {
        let different = || {
            StoreError::Damaged(format!(
                "the bucket and this folder contain different logs from entry {} on",
                commit.base
            ))
        };
        let range = commit.base..commit.size();
        if range.end > self.index.size() {
            return Err(different());
        }
        let leaves = self.index.reader.leaves(range.clone())?;
        let same = commit.leaves.iter().zip(&leaves).all(|(one, other)| one.as_bytes() == other);
        if !same {
            return Err(different());
        }
        erased.extend(self.index.erased_in(&range)?);
        Ok(())
    }
}
