//! Tiles, in which a log publishes its tree (C2SP tlog-tiles).
//!
//! A tile is up to 256 adjacent hashes of one level: at level 0 those of leaves, at level 1 the roots of full tiles
//! of level 0, and so on. A tile with fewer than 256 hashes is partial: it is at the right edge of the tree, and is
//! replaced as the tree grows.

use core::fmt::Write as _;
use core::iter;

use super::{MAX_SIZE, Subtree};
use crate::error::{Code, Error};
use crate::integer;

/// The number of tree levels that a tile spans.
pub const TILE_HEIGHT: u8 = 8;

/// The number of hashes in a full tile.
pub const TILE_WIDTH: u64 = 1 << TILE_HEIGHT;

/// The highest level at which a tree of [`MAX_SIZE`] leaves has a tile.
const MAX_LEVEL: u8 = (MAX_SIZE.ilog2() / TILE_HEIGHT as u32) as u8;

/// The position and width of a tile.
///
/// ```
/// use countersign::merkle::Tile;
///
/// let tile = Tile::parse("tile/0/x001/x234/067")?;
/// assert_eq!(tile, Tile { level: 0, index: 1_234_067, width: 256 });
///
/// let written: Vec<_> = Tile::grown(250, 300).map(|tile| tile.path()).collect();
/// assert_eq!(written, ["tile/0/000", "tile/0/001.p/44", "tile/1/000.p/1"]);
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tile {
    /// The tile's level: its hashes are roots of 256^level leaves. At most 6 in any tree.
    pub level: u8,
    /// The 0-based number of the tile within its level.
    pub index: u64,
    /// The number of hashes, 1 to 256. A tile of 256 is full.
    pub width: u16,
}

impl Tile {
    /// Returns the tile at a level and index in a tree of `size` leaves, with its width there, or `None` if the tree
    /// has no such tile.
    pub fn of_size(level: u8, index: u64, size: u64) -> Option<Self> {
        let hashes = hashes_at(level, size);
        let width = hashes.checked_sub(index.checked_mul(TILE_WIDTH)?)?.min(TILE_WIDTH);
        (width > 0).then_some(Self { level, index, width: width as u16 })
    }

    /// Returns the tile that determines the root of `subtree`, with its width in a tree of `size` leaves, or `None`
    /// if the subtree is not within the tree.
    pub fn holding(subtree: Subtree, size: u64) -> Option<Self> {
        let leaves = 1_u64.checked_shl(subtree.level.into())?;
        let within = size >= leaves && subtree.index <= size - leaves && subtree.index.is_multiple_of(leaves);
        if !within {
            return None;
        }
        let level = subtree.level / TILE_HEIGHT;
        Self::of_size(level, (subtree.index >> (level * TILE_HEIGHT)) / TILE_WIDTH, size)
    }

    /// Returns the tiles that a log must write when it grows from `old` to `new` leaves: tiles of the new
    /// tree that the old one lacks or has with a smaller width. The order is from level 0 up, and from left
    /// to right within each level. If `old` is 0, these are all tiles of the tree.
    pub fn grown(old: u64, new: u64) -> impl Iterator<Item = Self> {
        (0..=MAX_LEVEL).flat_map(move |level| {
            let (had, has) = (hashes_at(level, old), hashes_at(level, new));
            let indexes = if has > had { had / TILE_WIDTH..has.div_ceil(TILE_WIDTH) } else { 0..0 };
            indexes.filter_map(move |index| Self::of_size(level, index, new))
        })
    }

    /// True if the tile has all 256 hashes.
    pub const fn is_full(self) -> bool {
        self.width as u64 == TILE_WIDTH
    }

    /// Returns the full tile at this position.
    #[must_use]
    pub const fn full(self) -> Self {
        Self { width: TILE_WIDTH as u16, ..self }
    }

    /// Returns the tile above this one, with its width in a tree of `size` leaves, or `None` if this tile is
    /// not full in that tree, so that the tile above lacks its root.
    pub fn parent(self, size: u64) -> Option<Self> {
        let above = Self::of_size(self.level.checked_add(1)?, self.index / TILE_WIDTH, size)?;
        (self.index % TILE_WIDTH < above.width.into()).then_some(above)
    }

    /// Returns the path below the log's prefix: `tile/0/x001/x234/067`, or `tile/1/000.p/17` for a partial tile.
    pub fn path(self) -> String {
        write_path(&self.level.to_string(), self.index, self.width)
    }

    /// Parses a path as [`Self::path`] writes it.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`] if the path is malformed, or if no log can have that tile because it exceeds 2^53 − 1 leaves.
    pub fn parse(path: &str) -> Result<Self, Error> {
        let read = || {
            let (level, rest) = path.strip_prefix("tile/")?.split_once('/')?;
            let level = integer::parse(level.as_bytes()).filter(|&level| level < 64)? as u8;
            let (index, width) = parse_place(rest)?;
            let tile = Self { level, index, width };
            // Accept only one spelling of each path.
            (tile.path() == path).then_some(tile)
        };
        let tile = read().ok_or_else(|| {
            refuse("the path is not that of a tile").with_hint(
                "write it as tile/LEVEL/INDEX, with the index in groups of three digits such as x001/234, \
                 and append .p/WIDTH for a partial tile",
            )
        })?;
        if tile.end().is_none_or(|end| end > MAX_SIZE) {
            return Err(refuse("no log has this tile: a tree has at most 2^53 - 1 leaves"));
        }
        Ok(tile)
    }

    /// Returns the index after the last leaf below this tile's hashes; `None` above 2^64 − 1.
    fn end(self) -> Option<u64> {
        let last = self.index.checked_mul(TILE_WIDTH)?.checked_add(self.width.into())?;
        last.checked_mul(1_u64.checked_shl(u32::from(self.level) * u32::from(TILE_HEIGHT))?)
    }
}

pub(super) fn refuse(why: impl Into<String>) -> Error {
    Error::new(Code::Tile, why)
}

/// Returns the total number of hashes in a level's tiles in a tree of `size` leaves.
const fn hashes_at(level: u8, size: u64) -> u64 {
    if level > MAX_LEVEL { 0 } else { size >> (level * TILE_HEIGHT) }
}

/// Writes `tile/KIND/INDEX[.p/WIDTH]`.
pub(super) fn write_path(kind: &str, index: u64, width: u16) -> String {
    let groups: Vec<u64> = iter::successors(Some(index), |&index| (index >= 1000).then_some(index / 1000))
        .map(|index| index % 1000)
        .collect();
    let mut path = format!("tile/{kind}/");
    for (place, group) in groups.iter().enumerate().rev() {
        // Writing to a string does not fail.
        let _ = if place > 0 { write!(path, "x{group:03}/") } else { write!(path, "{group:03}") };
    }
    if u64::from(width) < TILE_WIDTH {
        let _ = write!(path, ".p/{width}");
    }
    path
}

/// Parses `INDEX[.p/WIDTH]`. Accepts several spellings of one position; callers write it again to compare.
pub(super) fn parse_place(text: &str) -> Option<(u64, u16)> {
    let (index, width) = match text.split_once(".p/") {
        Some((index, width)) => {
            (index, integer::parse(width.as_bytes()).filter(|width| (1..TILE_WIDTH).contains(width))?)
        }
        None => (text, TILE_WIDTH),
    };
    let mut value: u64 = 0;
    for group in index.split('/') {
        let digits = group.strip_prefix('x').unwrap_or(group);
        value = value.checked_mul(1000)?.checked_add(digits.parse().ok()?)?;
    }
    Some((value, width as u16))
}
