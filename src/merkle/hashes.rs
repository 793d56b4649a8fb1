//! Reads a tree's hashes from its tiles, without I/O: the verifier determines which tiles it needs, fetches
//! them, and inserts them here.

use std::collections::{BTreeMap, BTreeSet};

use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, refuse};
use super::tree::{MAX_SIZE, joined, root_of};
use super::{HashReader, Subtree, skips};
use crate::error::Error;
use crate::hash::Hash;

/// The size of a hash, in bytes.
const HASH_BYTES: usize = 32;

/// Returns the tiles that determine the roots of these subtrees of a tree of `size` leaves, without repetitions and
/// in order. Ignores subtrees that are not within the tree.
pub fn tiles_for(subtrees: &[Subtree], size: u64) -> Vec<Tile> {
    let tiles = subtrees.iter().filter_map(|&subtree| Tile::holding(subtree, size));
    tiles.collect::<BTreeSet<_>>().into_iter().collect()
}

/// Returns the tiles of [`tiles_for`] and those needed to authenticate them with the root of the tree: the partial
/// tiles, and each tile above a full one.
///
/// ```
/// use countersign::merkle::{authentic_tiles_for, inclusion_subtrees};
///
/// let tiles = authentic_tiles_for(&inclusion_subtrees(3, 70_000)?, 70_000);
/// let paths: Vec<_> = tiles.iter().map(|tile| tile.path()).collect();
/// assert_eq!(paths, ["tile/0/000", "tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]);
/// # Ok::<(), countersign::Error>(())
/// ```
pub fn authentic_tiles_for(subtrees: &[Subtree], size: u64) -> Vec<Tile> {
    let mut tiles: BTreeSet<Tile> = skips(0, size).filter_map(|tree| Tile::holding(tree, size)).collect();
    for tile in tiles_for(subtrees, size) {
        let mut above = Some(tile);
        while let Some(tile) = above.filter(|&tile| tiles.insert(tile)) {
            above = tile.parent(size);
        }
    }
    tiles.into_iter().collect()
}

/// A bounded collection of tiles.
///
/// Its hashes are only as trustworthy as the source of the tiles. [Authenticate](Self::authenticate) tiles from an
/// untrusted source before use.
#[derive(Clone, Debug)]
pub struct TileHashes {
    capacity: usize,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl TileHashes {
    /// Creates a collection of at most `capacity` tiles, each of up to 8,192 bytes.
    pub const fn new(capacity: usize) -> Self {
        Self { capacity, tiles: BTreeMap::new() }
    }

    /// True if that tile was inserted with at least this width.
    pub fn has(&self, tile: Tile) -> bool {
        self.get(tile.level, tile.index).is_some_and(|hashes| hashes.len() >= tile.width.into())
    }

    fn get(&self, level: u8, index: u64) -> Option<&[Hash]> {
        self.tiles.get(&(level, index)).map(Vec::as_slice)
    }

    /// Inserts the bytes of a tile. Keeps a wider version of the tile that was inserted earlier.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile) if the number of bytes does not match the tile's width, if they contradict
    /// an earlier version of that tile, or if the collection is full.
    pub fn insert(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Error> {
        let hashes = decode_tile(tile, bytes)?;
        let full = self.tiles.len() >= self.capacity;
        match self.tiles.get_mut(&(tile.level, tile.index)) {
            Some(known) => {
                if known.iter().zip(&hashes).any(|(known, hash)| known != hash) {
                    return Err(refuse(format!("{} differs from an earlier version of it", tile.path())));
                }
                if hashes.len() > known.len() {
                    *known = hashes;
                }
            }
            None if full => return Err(refuse(format!("there is room for only {} tiles", self.capacity))),
            None => {
                self.tiles.insert((tile.level, tile.index), hashes);
            }
        }
        Ok(())
    }

    /// Checks that every tile belongs to the tree of `size` leaves with this root, for example from a
    /// verified checkpoint: the partial tiles give the root, and the root of each full tile is in the tile
    /// above it. [`authentic_tiles_for`] returns the tiles that this needs.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile), naming the tile that is missing or does not belong to that tree.
    pub fn authenticate(&self, size: u64, root: &Hash) -> Result<AuthenticHashes<'_>, Error> {
        let edge: Vec<Subtree> = skips(0, size).collect();
        if joined(self.read_hashes(&edge)?) != *root {
            return Err(refuse(format!(
                "the tiles at the right edge of {size} leaves produce a different root"
            )));
        }
        for (&(level, index), hashes) in &self.tiles {
            let tile = Tile { level, index, width: hashes.len() as u16 };
            if Tile::of_size(level, index, size) != Some(tile) {
                return Err(refuse(format!("a tree of {size} leaves has no {}", tile.path())));
            }
            // All partial tiles are on the right edge, which was checked above.
            if !tile.is_full() {
                continue;
            }
            let above = Subtree {
                index: index << TILE_HEIGHT << (level * TILE_HEIGHT),
                level: (level + 1) * TILE_HEIGHT,
            };
            let [in_parent] = self.read_hashes(&[above])?[..] else { return Err(missing(tile)) };
            if root_of(hashes) != in_parent {
                let path = tile.path();
                return Err(refuse(format!("the root of {path} differs from the hash in the tile above it")));
            }
        }
        Ok(AuthenticHashes(self))
    }
}

impl HashReader for TileHashes {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        let read = |&subtree: &Subtree| {
            let tile = Tile::holding(subtree, MAX_SIZE).ok_or_else(|| refuse("no tree has this subtree"))?;
            let first = (subtree.index >> (tile.level * TILE_HEIGHT)) % TILE_WIDTH;
            let (first, count) = (first as usize, 1_usize << (subtree.level % TILE_HEIGHT));
            let hashes = self.get(tile.level, tile.index).and_then(|hashes| hashes.get(first..first + count));
            hashes.map(root_of).ok_or_else(|| missing(Tile { width: (first + count) as u16, ..tile }))
        };
        subtrees.iter().map(read).collect()
    }
}

/// Hashes of tiles proven to belong to a tree: see [`TileHashes::authenticate`].
#[derive(Clone, Copy, Debug)]
pub struct AuthenticHashes<'a>(&'a TileHashes);

impl HashReader for AuthenticHashes<'_> {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        self.0.read_hashes(subtrees)
    }
}

/// Decodes the bytes of a tile into its hashes.
///
/// # Errors
///
/// [`Code::Tile`](crate::Code::Tile) if the number of hashes is not the tile's width.
pub fn decode_tile(tile: Tile, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() != usize::from(tile.width) || hashes.is_empty() {
        let (path, length, width) = (tile.path(), bytes.len(), usize::from(tile.width));
        let expected = width * HASH_BYTES;
        return Err(refuse(format!(
            "{path} has {length} bytes instead of {expected} for its {width} hashes"
        )));
    }
    Ok(hashes.iter().map(|&hash| Hash(hash)).collect())
}

fn missing(tile: Tile) -> Error {
    refuse(format!("{} is needed but missing", tile.path()))
}
