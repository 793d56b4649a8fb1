//! The copies that a server's index has of a bucket's commits.
//!
//! A copy is used only if it is proven: its entries lead to a root hash that the log signed, and its events match their
//! links. Events that were erased are never part of a copy.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::link::{Link, commit};
use countersign::log::SaltedEvent;
use countersign::merkle::{leaf_hash, verify_inclusion};
use countersign::note::VerifierKey;
use object_store::path::Path as ObjectPath;
use roaring::RoaringTreemap;

use super::codec::{Commit, Events, Generation, SplitCommit};
use super::commit_names::{commit_before, commit_end, known_commits};
use super::index::Erasures;
use super::layout::Layout;
use crate::signed_file::{SignedFile, head_of};
use crate::sqlite;
use countersign_log::hashes::{CachedHashes, root_at};
use countersign_log::signed_memory::SignedHead;
use countersign_log::store::{EntryReader, Reader, StoreError, StoredEvent, StoredLeaf};

/// A commit as an index has it, encoded as the objects of a bucket.
pub(super) struct CommitCopy {
    /// The commit with the events that it still has.
    pub(super) whole: Vec<u8>,
    /// The commit without its events.
    pub(super) stub: Vec<u8>,
    /// The events that it still has.
    pub(super) events: Events,
    /// The bounds of the numbers of its events.
    pub(super) numbers: Range<u64>,
    /// True if any of its events was erased. The events are then in a separate generation.
    pub(super) has_erased: bool,
}

impl CommitCopy {
    /// Returns the object with the events that the commit still has.
    pub(super) fn generation(&self) -> Result<Vec<u8>, StoreError> {
        Generation::Here(self.events.clone()).encode()
    }
}

/// The commits in a server's index.
pub(super) trait CommitCopies: Send {
    /// Returns at most `max` numbers of commits, from `first` on, in ascending order.
    fn known(&self, first: u64, max: u64) -> Result<Vec<u64>, StoreError>;

    /// Returns the number of the index's last commit that begins at `end` or before it.
    fn before(&self, end: u64) -> Result<Option<u64>, StoreError> {
        commit_before(self.folder(), end)
    }

    /// Returns the commit in the object with this number, without the events in `erased`. `None` if the index doesn't
    /// have it, or can't prove it.
    fn copy(&self, base: u64, erased: &RoaringTreemap) -> Result<Option<CommitCopy>, StoreError>;

    /// Splits the object of a commit.
    fn split(&self, bytes: &[u8]) -> Result<SplitCommit, StoreError>;

    /// Returns the reader of the log in the bucket.
    fn reader(&self) -> &Arc<dyn Reader>;

    /// Returns the folder of the index.
    fn folder(&self) -> &Path;

    /// Returns the trees that the log signed, as far as the folder knows.
    fn signed(&self) -> &SignedTrees;

    /// Calls `put` with each object, other than commits, that the index has and `list` doesn't show. `list` returns the
    /// names of the objects in a folder of the bucket.
    #[allow(clippy::type_complexity, reason = "an alias would hide which function gets what")]
    fn each_other(
        &self,
        _layout: &Layout,
        _list: &mut dyn FnMut(&ObjectPath) -> Result<BTreeSet<ObjectPath>, StoreError>,
        _put: &mut dyn FnMut(&ObjectPath, Vec<u8>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        Ok(())
    }

    /// Returns how far the index has followed the bucket's erasures.
    fn erasures(&self) -> Result<Erasures, StoreError> {
        let connection = sqlite::connect_to_read(&self.folder().join(sqlite::FILE))?;
        Ok(Erasures::read(&connection)?.unwrap_or_default())
    }

    /// Returns the numbers of all events that the index knows to be erased.
    fn all_erased(&self) -> Result<Vec<u64>, StoreError> {
        let connection = sqlite::connect_to_read(&self.folder().join(sqlite::FILE))?;
        super::index::erased_in(&connection, &(0..u64::MAX >> 1))
    }
}

/// The trees that a log signed, as far as a folder knows.
pub(super) struct SignedTrees {
    /// In ascending order.
    heads: Vec<SignedHead>,
}

impl SignedTrees {
    /// Collects the trees from a folder's record and from its index.
    pub(super) fn read(folder: &Path, key: &VerifierKey, index: &dyn Reader) -> Result<Self, StoreError> {
        let keys = [key.clone()];
        let own = SignedFile::read(folder, key.name())?.heads;
        let mut heads: Vec<SignedHead> =
            own.into_iter().filter(|head| head_of(&head.note(key.name()), &keys).is_some()).collect();
        let published = index.checkpoints(0..u64::MAX >> 1)?;
        heads.extend(published.iter().filter_map(|published| head_of(&published.note, &keys)));
        heads.sort_by_key(|head| head.size);
        heads.dedup_by_key(|head| head.size);
        Ok(Self { heads })
    }

    /// Returns the trees in ascending order.
    pub(super) fn heads(&self) -> &[SignedHead] {
        &self.heads
    }

    /// Returns the size of the newest tree.
    pub(super) fn newest(&self) -> u64 {
        self.heads.last().map_or(0, |head| head.size)
    }

    /// True if entries with these hashes, from `base` on, lead to a root that the log signed. The newest entries, which
    /// the log didn't sign yet, have to follow the signed ones.
    pub(super) fn prove(
        &self,
        index: &dyn EntryReader,
        base: u64,
        hashes: &[Hash],
    ) -> Result<bool, StoreError> {
        let (end, size) = (base + hashes.len() as u64, index.size()?);
        let signed = self.heads.iter().find(|head| head.size >= end && head.size <= size);
        if let Some(head) = signed {
            return is_included(index, base, hashes, head.size, &head.root);
        }
        let Some(newest) = self.heads.iter().rfind(|head| head.size <= size) else { return Ok(false) };
        let root = root_at(index, size)?;
        Ok(root_at(index, newest.size)? == newest.root && is_included(index, base, hashes, size, &root)?)
    }
}

/// True if entries with these hashes, from `base` on, are in the tree with this size and root hash.
pub(super) fn is_included(
    index: &dyn EntryReader,
    base: u64,
    hashes: &[Hash],
    size: u64,
    root: &Hash,
) -> Result<bool, StoreError> {
    let tree = CachedHashes::new(index, size);
    for (hash, index) in hashes.iter().zip(base..) {
        let proof = match tree.prove_inclusion(index) {
            Ok(proof) => proof,
            Err(StoreError::Damaged(_)) => return Ok(false),
            Err(error) => return Err(error),
        };
        if verify_inclusion(index, size, hash, &proof, root).is_err() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Entries of an index with the events that they still have.
pub(super) struct CopiedEntries {
    pub(super) leaves: Vec<String>,
    pub(super) hashes: Vec<Hash>,
    pub(super) events: Events,
    pub(super) has_erased: bool,
}

/// Reads entries from an index. `number` returns the number of an entry's event. `None` if an entry is missing, or an
/// event doesn't match its link.
pub(super) fn read_entries(
    index: &dyn EntryReader,
    range: Range<u64>,
    erased: &RoaringTreemap,
    number: impl Fn(u64) -> u64,
) -> Result<Option<CopiedEntries>, StoreError> {
    let stored = match index.leaves_with_events(range.clone()) {
        Ok(stored) => stored,
        Err(StoreError::Damaged(_)) => return Ok(None),
        Err(error) => return Err(error),
    };
    let (leaves, hashes) = (Vec::with_capacity(stored.len()), Vec::with_capacity(stored.len()));
    let mut entries = CopiedEntries { leaves, hashes, events: BTreeMap::new(), has_erased: false };
    for (stored, index) in stored.into_iter().zip(range) {
        let number = number(index);
        match &stored.event {
            StoredEvent::None => {}
            StoredEvent::Here(event) if !erased.contains(number) => {
                if !matches_link(&stored, event) {
                    return Ok(None);
                }
                entries.events.insert(number, event.clone());
            }
            StoredEvent::Here(_) | StoredEvent::Erased => entries.has_erased = true,
        }
        entries.hashes.push(leaf_hash(&stored.leaf));
        let Ok(leaf) = String::from_utf8(stored.leaf) else { return Ok(None) };
        entries.leaves.push(leaf);
    }
    Ok(Some(entries))
}

/// True if the event is the one to which the entry's link commits.
fn matches_link(stored: &StoredLeaf, event: &SaltedEvent) -> bool {
    matches!(stored.link(), Some(Link::Event(link)) if commit(&event.salt, event.text.as_bytes()) == link.commit)
}

/// The commits in the index of an ordinary log.
pub(super) struct LogCopies {
    folder: PathBuf,
    index: Arc<dyn Reader>,
    signed: SignedTrees,
}

impl LogCopies {
    /// Uses the index in a folder, which `index` reads.
    pub(super) fn new(folder: &Path, key: &VerifierKey, index: Arc<dyn Reader>) -> Result<Self, StoreError> {
        let signed = SignedTrees::read(folder, key, &*index)?;
        Ok(Self { folder: folder.to_owned(), index, signed })
    }
}

impl CommitCopies for LogCopies {
    fn known(&self, first: u64, max: u64) -> Result<Vec<u64>, StoreError> {
        known_commits(&self.folder, first, max)
    }

    fn copy(&self, base: u64, erased: &RoaringTreemap) -> Result<Option<CommitCopy>, StoreError> {
        let size = self.index.size()?;
        if base >= size {
            return Ok(None);
        }
        let end = commit_end(&self.folder, base)?.unwrap_or(size).min(size);
        let entries = read_entries(&*self.index, base..end, erased, |index| index)?;
        let Some(CopiedEntries { leaves, hashes, events, has_erased }) = entries else { return Ok(None) };
        if !self.signed.prove(&*self.index, base, &hashes)? {
            return Ok(None);
        }
        let stub = Commit { base, leaves: leaves.clone(), events: None }.encode()?;
        let whole = Commit { base, leaves, events: Some(events.clone()) }.encode()?;
        Ok(Some(CommitCopy { whole, stub, events, numbers: base..end, has_erased }))
    }

    fn split(&self, bytes: &[u8]) -> Result<SplitCommit, StoreError> {
        Commit::split(bytes)
    }

    fn reader(&self) -> &Arc<dyn Reader> {
        &self.index
    }

    fn folder(&self) -> &Path {
        &self.folder
    }

    fn signed(&self) -> &SignedTrees {
        &self.signed
    }
}
