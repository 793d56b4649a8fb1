//! The right edge of a tree, as the hashes of its partial tiles.

use countersign::hash::Hash;
use countersign::merkle::{CompactRange, TILE_HEIGHT, TILE_WIDTH, Tile, empty_root, skips};
use countersign_log::mirroring::bundle_root;

/// The partial tiles of a tree, which suffice to add leaves and to write all tiles that these complete.
#[derive(Clone, Default)]
pub(crate) struct EdgeTiles {
    size: u64,
    /// The hashes of the partial tile at each level.
    levels: Vec<Vec<Hash>>,
}

impl EdgeTiles {
    /// Reads the edge of a tree of `size` leaves from its full tiles, and from its partial tile of level 0.
    pub(crate) fn read<E>(size: u64, mut tile: impl FnMut(Tile) -> Result<Vec<Hash>, E>) -> Result<Self, E> {
        let mut levels = Vec::new();
        let mut count = size;
        while count > 0 {
            let level = levels.len() as u8;
            let first = count - count % TILE_WIDTH;
            let hashes = match level.checked_sub(1) {
                None => Tile::of_size(0, first / TILE_WIDTH, size).map_or(Ok(Vec::new()), &mut tile)?,
                Some(level) => {
                    let full = |index| Tile { level, index, width: TILE_WIDTH as u16 };
                    let roots =
                        (first..count).map(|index| tile(full(index)).map(|hashes| bundle_root(&hashes)));
                    roots.collect::<Result<_, E>>()?
                }
            };
            levels.push(hashes);
            count >>= TILE_HEIGHT;
        }
        Ok(Self { size, levels })
    }

    /// Returns the number of leaves.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, and passes on each tile that it completes.
    pub(crate) fn append(&mut self, leaf: Hash, mut completed: impl FnMut(Tile, &[Hash])) {
        self.size += 1;
        let (mut hash, mut count) = (leaf, self.size);
        for level in 0.. {
            let place = usize::from(level);
            if self.levels.len() == place {
                self.levels.push(Vec::with_capacity(TILE_WIDTH as usize));
            }
            let hashes = &mut self.levels[place];
            hashes.push(hash);
            if hashes.len() < TILE_WIDTH as usize {
                return;
            }
            count >>= TILE_HEIGHT;
            completed(Tile { level, index: count - 1, width: TILE_WIDTH as u16 }, hashes);
            hash = bundle_root(hashes);
            hashes.clear();
        }
    }

    /// Returns the partial tiles with their hashes.
    pub(crate) fn partial(&self) -> impl Iterator<Item = (Tile, &[Hash])> {
        partial_tiles(self.size).map(|tile| (tile, self.levels[usize::from(tile.level)].as_slice()))
    }

    /// Returns the root hash.
    pub(crate) fn root(&self) -> Hash {
        let mut tree = CompactRange::new();
        for (level, hashes) in self.levels.iter().enumerate().rev() {
            let level = level as u8;
            for subtree in skips(0, hashes.len() as u64) {
                let first = subtree.index as usize;
                let root = bundle_root(&hashes[first..first + (1 << subtree.level)]);
                let added = tree.append_subtree(level * TILE_HEIGHT + subtree.level, root);
                debug_assert!(added.is_ok(), "levels come in descending order");
            }
        }
        tree.root().unwrap_or_else(empty_root)
    }
}

/// Returns the partial tiles of a tree.
pub(crate) fn partial_tiles(size: u64) -> impl Iterator<Item = Tile> {
    (0_u8..7).filter_map(move |level| {
        let index = size >> (level * TILE_HEIGHT) >> TILE_HEIGHT;
        Tile::of_size(level, index, size)
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use countersign::merkle::leaf_hash;

    use super::*;

    #[test]
    fn writes_every_tile_of_a_tree_and_reads_its_edge_again() {
        let mut edge = EdgeTiles::default();
        let mut whole = CompactRange::new();
        let mut tiles = BTreeMap::new();
        for index in 0..70_000_u32 {
            let leaf = leaf_hash(&index.to_be_bytes());
            edge.append(leaf, |tile, hashes| assert!(tiles.insert(tile, hashes.to_vec()).is_none()));
            whole.append(leaf);
            let size = u64::from(index) + 1;
            if ![1, 255, 256, 257, 65_535, 65_536, 65_537, 70_000].contains(&size) {
                continue;
            }
            assert_eq!(Some(edge.root()), whole.root(), "{size}");
            let mut of_size = tiles.clone();
            of_size.extend(edge.partial().map(|(tile, hashes)| (tile, hashes.to_vec())));
            let expected: Vec<Tile> = Tile::grown(0, size).collect();
            assert_eq!(of_size.keys().copied().collect::<Vec<_>>(), expected, "{size}");
            let read = EdgeTiles::read(size, |tile| of_size.get(&tile).cloned().ok_or(tile));
            let read = read.unwrap_or_else(|tile| panic!("{size} needs {}", tile.path()));
            assert_eq!((read.size(), read.root()), (size, edge.root()));
        }
    }
}
