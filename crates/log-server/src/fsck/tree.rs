//! Leaves against tiles, and both against what was published.

use std::collections::BTreeMap;
use std::sync::Arc;

use countersign::checkpoint::SignedCheckpoint;
use countersign::hash::{Hash, hash_nodes};
use countersign::merkle::{CompactRange, Tile, decode_tile, empty_root, leaf_hash};

use super::report::{Repair, Report};
use countersign_log::store::{Published, Reader, StoreError, StoredLeaf};

const WIDTH: usize = 256;

pub(super) struct Tree {
    reader: Arc<dyn Reader>,
    size: u64,
    /// The hashes of each level that are in no full tile yet.
    pending: Vec<(u64, Vec<Hash>)>,
    /// The tree as the leaves have it, and as the tiles of the lowest level have it.
    by_leaves: CompactRange,
    by_tiles: CompactRange,
    /// The checkpoints, and whether each is of these trees.
    checkpoints: BTreeMap<u64, (Published, Option<(bool, bool)>)>,
    /// Leaves whose hash is not in its tile.
    differ: Vec<u64>,
    /// Leaves that cannot be read.
    missing: Vec<u64>,
    /// Tiles above the lowest level, and missing ones, that are not as they should be.
    tiles: Vec<Tile>,
}

impl Tree {
    pub(super) fn new(reader: &Arc<dyn Reader>, size: u64) -> Result<Self, StoreError> {
        let found = reader.checkpoints(0..u64::MAX >> 1)?;
        let mut tree = Self {
            reader: reader.clone(),
            size,
            pending: Vec::new(),
            by_leaves: CompactRange::new(),
            by_tiles: CompactRange::new(),
            checkpoints: found.into_iter().map(|published| (published.size, (published, None))).collect(),
            differ: Vec::new(),
            missing: Vec::new(),
            tiles: Vec::new(),
        };
        tree.reach(0);
        Ok(tree)
    }

    /// Takes the next leaves, up to 256: the leaves of a tile.
    pub(super) fn take(&mut self, first: u64, leaves: &[Option<StoredLeaf>]) {
        let tile = Tile { level: 0, index: first / WIDTH as u64, width: leaves.len() as u16 };
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
                self.differ.push(index);
            }
            self.by_leaves.append(hash);
            self.by_tiles.append(stored.unwrap_or(hash));
            self.add(0, hash);
            self.reach(index + 1);
        }
    }

    /// Compares a checkpoint of that size, if there is one.
    fn reach(&mut self, size: u64) {
        let Some((published, found)) = self.checkpoints.get_mut(&size) else { return };
        let root = SignedCheckpoint::parse(&published.note).ok().map(|signed| signed.checkpoint.root);
        let is = |tree: &CompactRange| root == Some(tree.root().unwrap_or_else(empty_root));
        *found = Some((is(&self.by_leaves), is(&self.by_tiles)));
    }

    fn add(&mut self, level: usize, hash: Hash) {
        if self.pending.len() == level {
            self.pending.push((0, Vec::with_capacity(WIDTH)));
        }
        self.pending[level].1.push(hash);
        if self.pending[level].1.len() < WIDTH {
            return;
        }
        let (index, mut hashes) = std::mem::take(&mut self.pending[level]);
        self.pending[level] = (index + 1, Vec::with_capacity(WIDTH));
        self.compare(level, index, &hashes);
        while hashes.len() > 1 {
            let mut parents = Vec::with_capacity(hashes.len() / 2);
            hash_nodes(&hashes, &mut parents);
            hashes = parents;
        }
        self.add(level + 1, hashes[0]);
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

    pub(super) fn end(mut self, report: &mut Report) {
        for (level, (index, hashes)) in std::mem::take(&mut self.pending).into_iter().enumerate() {
            self.compare(level, index, &hashes);
        }
        let newest = self.checkpoints.last_key_value().and_then(|(_, (_, found))| *found);
        // Which of the two is right says the newest checkpoint.
        let (by_leaves, by_tiles) = newest.unwrap_or((self.missing.is_empty(), false));
        for index in &self.missing {
            report.tell("fsck.entry", format!("leaf {index}"), "it cannot be read", Repair::Not);
        }
        let mut last = None;
        for index in &self.differ {
            if by_leaves {
                let tile = Tile::of_size(0, index / WIDTH as u64, self.size);
                let path = tile.map_or_else(String::new, Tile::path);
                if last.replace(path.clone()) != Some(path.clone()) {
                    report.tell("fsck.tile", path, "it is not of the leaves", Repair::Tiles);
                }
            } else {
                let why = "its bytes are not those that the log signed";
                report.tell("fsck.entry", format!("leaf {index}"), why, Repair::Not);
            }
        }
        // Whoever computes tiles from damaged leaves makes it worse.
        let repair = if by_leaves { Repair::Tiles } else { Repair::Not };
        for tile in self.tiles.iter().filter(|tile| by_leaves || tile.level == 0) {
            report.tell("fsck.tile", tile.path(), "it is missing, or not of the tiles below it", repair);
        }
        for (size, (_, found)) in &self.checkpoints {
            match found {
                Some((leaves, tiles)) if if by_leaves { *leaves } else { *tiles && by_tiles } => {}
                Some(_) => {
                    let why = "the tree of so many leaves is not the one that was signed";
                    report.tell("fsck.checkpoint", format!("checkpoint {size}"), why, Repair::Not);
                }
                None => {
                    let why = format!("it was published, and {} leaves are here", self.size);
                    report.tell("fsck.checkpoint", format!("checkpoint {size}"), why, Repair::Not);
                }
            }
        }
    }
}
