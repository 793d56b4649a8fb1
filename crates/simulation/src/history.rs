//! The history that the log showed to everyone. An honest log has one, which only grows.

use std::collections::BTreeMap;

use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::hash::Hash;
use countersign::merkle::{CompactRange, empty_root, leaf_hash};

/// The one history that an honest log has.
pub struct History {
    /// The text of each entry that was shown.
    entries: Vec<String>,
    range: CompactRange,
    /// The root of the entries, for each size from 0.
    roots: Vec<Hash>,
    /// The root that was signed for each size.
    signed: BTreeMap<u64, Hash>,
}

impl Default for History {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            range: CompactRange::new(),
            roots: vec![empty_root()],
            signed: BTreeMap::new(),
        }
    }
}

impl History {
    /// Returns the size of the largest tree of which a signature was shown.
    pub fn signed(&self) -> u64 {
        self.signed.last_key_value().map_or(0, |(size, _)| *size)
    }

    /// Adds a checkpoint that the log showed to someone, and returns its size.
    ///
    /// # Errors
    /// If it contradicts what was shown before.
    pub fn add_checkpoint(&mut self, note: &str) -> Result<u64, String> {
        let Checkpoint { size, root, .. } =
            SignedCheckpoint::parse(note).map_err(|error| error.to_string())?.checkpoint;
        self.add_tree(size, root)?;
        Ok(size)
    }

    /// Adds the size and root of a tree that the log showed to someone.
    ///
    /// # Errors
    /// If it contradicts what was shown before.
    pub fn add_tree(&mut self, size: u64, root: Hash) -> Result<(), String> {
        let before = self.signed.insert(size, root);
        let entries = usize::try_from(size).ok().and_then(|size| self.roots.get(size).copied());
        for other in before.into_iter().chain(entries) {
            if other != root {
                return Err(format!("the log showed two trees of {size} entries"));
            }
        }
        Ok(())
    }

    /// Returns the number of entries that were shown.
    pub fn size(&self) -> u64 {
        self.entries.len() as u64
    }

    /// Adds the entries of an export of the whole log.
    ///
    /// # Errors
    /// If they contradict what was shown before.
    pub fn add_entries<'e>(&mut self, entries: impl Iterator<Item = &'e str>) -> Result<(), String> {
        self.add_entries_from(0, entries)
    }

    /// Adds the entries from an index on, which is not above the number of entries that were shown.
    ///
    /// # Errors
    /// If they contradict what was shown before.
    pub fn add_entries_from<'e>(
        &mut self,
        first: usize,
        entries: impl Iterator<Item = &'e str>,
    ) -> Result<(), String> {
        for (index, entry) in (first..).zip(entries) {
            if let Some(before) = self.entries.get(index) {
                if before != entry {
                    return Err(format!("the log showed two entries {index}"));
                }
                continue;
            }
            self.entries.push(entry.to_owned());
            self.range.append(leaf_hash(entry.as_bytes()));
            let root = self.range.root().unwrap_or_else(empty_root);
            self.roots.push(root);
            let size = self.entries.len() as u64;
            if self.signed.get(&size).is_some_and(|signed| *signed != root) {
                return Err(format!("the log signed another tree of {size} entries than it shows"));
            }
        }
        Ok(())
    }
}
