//! The hashes of a tree out of its tiles, without reading anything: who verifies says which tiles
//! it takes, gets them from wherever they are, and puts them here.

use std::collections::{BTreeMap, BTreeSet};

use super::tile::{TILE_HEIGHT, TILE_WIDTH, Tile, refuse};
use super::tree::{MAX_SIZE, joined, root_of};
use super::{HashReader, Subtree, skips};
use crate::error::Error;
use crate::hash::Hash;

/// How many bytes a hash has.
const HASH_BYTES: usize = 32;

/// The tiles whose hashes give the roots of these subtrees of a tree of `size` leaves, each once,
/// in order. Subtrees that are not within the tree are left out.
pub fn tiles_for(subtrees: &[Subtree], size: u64) -> Vec<Tile> {
    let tiles = subtrees.iter().filter_map(|&subtree| Tile::holding(subtree, size));
    tiles.collect::<BTreeSet<_>>().into_iter().collect()
}

/// The tiles of [`tiles_for`], and those that it takes to authenticate them by the root of the
/// tree: the partial ones, and each tile above a full one.
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

/// Tiles that were read so far, at most as many as it was made for.
///
/// Its hashes are as true as where the tiles came from. Those of a stranger have to be
/// [authenticated](Self::authenticate) first.
#[derive(Clone, Debug)]
pub struct TileHashes {
    most: usize,
    tiles: BTreeMap<(u8, u64), Vec<Hash>>,
}

impl TileHashes {
    /// Room for `most` tiles, each of up to 8,192 bytes.
    pub const fn new(most: usize) -> Self {
        Self { most, tiles: BTreeMap::new() }
    }

    /// Whether that tile is here, at least as wide.
    pub fn has(&self, tile: Tile) -> bool {
        self.get(tile.level, tile.index).is_some_and(|hashes| hashes.len() >= tile.width.into())
    }

    fn get(&self, level: u8, index: u64) -> Option<&[Hash]> {
        self.tiles.get(&(level, index)).map(Vec::as_slice)
    }

    /// Takes the bytes of a tile. What is here already of the same tile stays when it is wider.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile) when the bytes are not as many as the tile's hashes, differ from what is here
    /// of that tile, or there is no room for more.
    pub fn insert(&mut self, tile: Tile, bytes: &[u8]) -> Result<(), Error> {
        let hashes = decode_tile(tile, bytes)?;
        let full = self.tiles.len() >= self.most;
        match self.tiles.get_mut(&(tile.level, tile.index)) {
            Some(known) => {
                if known.iter().zip(&hashes).any(|(known, hash)| known != hash) {
                    return Err(refuse(format!("{} differs from what was read of it before", tile.path())));
                }
                if hashes.len() > known.len() {
                    *known = hashes;
                }
            }
            None if full => return Err(refuse(format!("there is room for {} tiles and no more", self.most))),
            None => {
                self.tiles.insert((tile.level, tile.index), hashes);
            }
        }
        Ok(())
    }

    /// Shows that each tile here is of the tree of `size` leaves with that root, such as a verified
    /// checkpoint names: the partial tiles give the root, and the root of each full tile stands in
    /// the tile above it. [`authentic_tiles_for`] says which tiles that takes.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile) naming the tile that is missing or is not of that tree.
    pub fn authenticate(&self, size: u64, root: &Hash) -> Result<AuthenticHashes<'_>, Error> {
        let edge: Vec<Subtree> = skips(0, size).collect();
        if joined(self.read_hashes(&edge)?) != *root {
            return Err(refuse(format!("the tiles at the right edge of {size} leaves give another root")));
        }
        for (&(level, index), hashes) in &self.tiles {
            let tile = Tile { level, index, width: hashes.len() as u16 };
            if Tile::of_size(level, index, size) != Some(tile) {
                return Err(refuse(format!("a tree of {size} leaves has no {}", tile.path())));
            }
            // The partial tiles are those of the right edge, and no others.
            if !tile.is_full() {
                continue;
            }
            let above = Subtree {
                index: index << TILE_HEIGHT << (level * TILE_HEIGHT),
                level: (level + 1) * TILE_HEIGHT,
            };
            let [stands] = self.read_hashes(&[above])?[..] else { return Err(missing(tile)) };
            if root_of(hashes) != stands {
                let path = tile.path();
                return Err(refuse(format!("the root of {path} is not what the tile above it says")));
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

/// Hashes of tiles that were shown to be of a tree: see [`TileHashes::authenticate`].
#[derive(Clone, Copy, Debug)]
pub struct AuthenticHashes<'a>(&'a TileHashes);

impl HashReader for AuthenticHashes<'_> {
    fn read_hashes(&self, subtrees: &[Subtree]) -> Result<Vec<Hash>, Error> {
        self.0.read_hashes(subtrees)
    }
}

/// The hashes in the bytes of a tile.
///
/// # Errors
///
/// [`Code::Tile`](crate::Code::Tile) when they are not as many as the tile is wide.
pub fn decode_tile(tile: Tile, bytes: &[u8]) -> Result<Vec<Hash>, Error> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() || hashes.len() != usize::from(tile.width) || hashes.is_empty() {
        let (path, length, width) = (tile.path(), bytes.len(), usize::from(tile.width));
        let due = width * HASH_BYTES;
        return Err(refuse(format!("{path} has {length} bytes, not the {due} of its {width} hashes")));
    }
    Ok(hashes.iter().map(|&hash| Hash(hash)).collect())
}

fn missing(tile: Tile) -> Error {
    refuse(format!("{} is needed and missing", tile.path()))
}
