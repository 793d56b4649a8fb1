//! The check of entries against tiles, and of both against published checkpoints.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::{Hash, hash_nodes};
use countersign::merkle::{CompactRange, Tile, decode_tile, empty_root, leaf_hash};

use super::report::{Repair, Report};
use countersign_log::store::{Published, Reader, StoreError, StoredLeaf};

const TILE_HASHES: usize = 256;

/// The root hash of a checkpoint, if it can be parsed, and whether it matches the tree of entries and the tree of tiles,
/// once they have its size.
type SignedTree = (Option<Hash>, Option<(bool, bool)>);

pub(super) struct Tree {
    reader: Arc<dyn Reader>,
    size: u64,
    /// The hashes of each level that aren't in a full tile yet.
    pending: Vec<(u64, Vec<Hash>)>,
    /// The tree computed from the entries, and the one computed from the tiles of the lowest level.
    by_leaves: CompactRange,
    by_tiles: CompactRange,
    /// The checkpoints by their sizes, or a tenant log's head.
    checkpoints: BTreeMap<u64, SignedTree>,
    /// True for a tenant log.
    has_head: bool,
    /// Entries whose hash isn't in their tile.
    mismatched: Vec<u64>,
    /// Entries that can't be read.
    missing: Vec<u64>,
    /// Missing tiles, and wrong tiles above the lowest level.
    tiles: Vec<Tile>,
}

impl Tree {
    pub(super) fn new(
        reader: &Arc<dyn Reader>,
        size: u64,
        head: Option<(u64, Hash)>,
    ) -> Result<Self, StoreError> {
        let found =
            reader.checkpoints(0..u64::MAX >> 1)?.into_iter().map(|Published { size, note, .. }| {
                (size, SignedCheckpoint::parse(&note).ok().map(|signed| signed.checkpoint.root))
            });
        let found = found.chain(head.map(|(size, root)| (size, Some(root))));
        let mut tree = Self {
            reader: reader.clone(),
            size,
            pending: Vec::new(),
            by_leaves: CompactRange::new(),
            by_tiles: CompactRange::new(),
            checkpoints: found.map(|(size, root)| (size, (root, None))).collect(),
            has_head: head.is_some(),
            mismatched: Vec::new(),
            missing: Vec::new(),
            tiles: Vec::new(),
        };
        tree.check_size(0);
        Ok(tree)
    }

    /// Adds the next entries, up to 256: those of one tile.
    pub(super) fn add_batch(&mut self, first: u64, leaves: &[Option<StoredLeaf>]) {
        let tile = Tile { level: 0, index: first / TILE_HASHES as u64, width: leaves.len() as u16 };
        let stored = self.reader.tile(tile).ok().flatten();
        let stored = stored.and_then(|bytes| decode_tile(tile, &bytes).ok());
        if stored.is_none() {
            self.tiles.push(tile);
        }
        for ((leaf, place), index) in leaves.iter().zip(0_usize..).zip(first..) {
            let stored = stored.as_ref().map(|hashes| hashes[place]);
            let hash = if let Some(leaf) = leaf {
                leaf_hash(&leaf.leaf)
            } else {
                self.missing.push(index);
                stored.unwrap_or(Hash([0; 32]))
            };
            if stored.is_some_and(|stored| stored != hash) {
                self.mismatched.push(index);
            }
            self.by_leaves.append(hash);
            self.by_tiles.append(stored.unwrap_or(hash));
            self.push(0, hash);
            self.check_size(index + 1);
        }
    }

    /// Compares the checkpoint of that size with both trees, if there is one.
    fn check_size(&mut self, size: u64) {
        let Some((root, found)) = self.checkpoints.get_mut(&size) else { return };
        let matches = |tree: &CompactRange| *root == Some(tree.root().unwrap_or_else(empty_root));
        *found = Some((matches(&self.by_leaves), matches(&self.by_tiles)));
    }

    fn push(&mut self, level: usize, hash: Hash) {
        if self.pending.len() == level {
            self.pending.push((0, Vec::with_capacity(TILE_HASHES)));
        }
        self.pending[level].1.push(hash);
        if self.pending[level].1.len() < TILE_HASHES {
            return;
        }
        let (index, mut hashes) = std::mem::take(&mut self.pending[level]);
        self.pending[level] = (index + 1, Vec::with_capacity(TILE_HASHES));
        self.compare(level, index, &hashes);
        while hashes.len() > 1 {
            let mut parents = Vec::with_capacity(hashes.len() / 2);
            hash_nodes(&hashes, &mut parents);
            hashes = parents;
        }
        self.push(level + 1, hashes[0]);
    }

    /// Compares a tile above the lowest level.
    fn compare(&mut self, level: usize, index: u64, hashes: &[Hash]) {
        if level == 0 || hashes.is_empty() {
            return;
        }
        let tile = Tile { level: level as u8, index, width: hashes.len() as u16 };
        let bytes: Vec<u8> = hashes.iter().flat_map(|Hash(bytes)| *bytes).collect();
        if self.reader.tile(tile).ok().flatten().is_none_or(|stored| stored != bytes) {
            self.tiles.push(tile);
        }
    }

    pub(super) fn finish(mut self, report: &mut Report) {
        for (level, (index, hashes)) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            self.compare(level, index, &hashes);
        }
        let newest = self.checkpoints.last_key_value().and_then(|(_, (_, found))| *found);
        // The newest checkpoint decides which of the two is right.
        let (by_leaves, by_tiles) = newest.unwrap_or((self.missing.is_empty(), false));
        for index in &self.missing {
            report.add("fsck.entry", format!("entry {index}"), "the entry can't be read", Repair::Not);
        }
        let mut last = None;
        for index in &self.mismatched {
            if by_leaves {
                let tile = Tile::of_size(0, index / TILE_HASHES as u64, self.size);
                let path = tile.map_or_else(String::new, Tile::path);
                if last.replace(path.clone()) != Some(path.clone()) {
                    report.add("fsck.tile", path, "the tile doesn't match its entries", Repair::Tiles);
                }
            } else {
                let why = "the entry isn't the one that the log signed";
                report.add("fsck.entry", format!("entry {index}"), why, Repair::Not);
            }
        }
        // Computing tiles from damaged entries would make it worse.
        let repair = if by_leaves { Repair::Tiles } else { Repair::Not };
        for tile in self.tiles.iter().filter(|tile| by_leaves || tile.level == 0) {
            report.add(
                "fsck.tile",
                tile.path(),
                "the tile is missing or doesn't match the tiles below it",
                repair,
            );
        }
        let word = if self.has_head { "head" } else { "checkpoint" };
        for (size, (_, found)) in &self.checkpoints {
            match found {
                Some((leaves, tiles)) if if by_leaves { *leaves } else { *tiles && by_tiles } => {}
                Some(_) => {
                    let why = "the entries' tree of that size isn't the one that was signed";
                    report.add("fsck.checkpoint", format!("{word} {size}"), why, Repair::Not);
                }
                None => {
                    let why = format!("the {word} was published, but only {} entries are stored", self.size);
                    report.add("fsck.checkpoint", format!("{word} {size}"), why, Repair::Not);
                }
            }
        }
    }
}
