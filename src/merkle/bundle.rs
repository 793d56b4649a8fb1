//! Entry bundles, in which a log publishes its leaves (C2SP tlog-tiles).
//!
//! A bundle has the leaves whose hashes are in the tile of level 0 with the same index. Each leaf follows its length,
//! two bytes in big-endian order.

use super::MAX_SIZE;
use super::tile::{TILE_WIDTH, Tile, parse_place, refuse, write_path};
use crate::error::Error;

/// Maximum size of a bundle in bytes: 256 leaves of 65,535 bytes.
pub const MAX_BUNDLE_BYTES: usize = TILE_WIDTH as usize * (2 + u16::MAX as usize);

/// The position and width of an entry bundle.
///
/// ```
/// use countersign::merkle::Bundle;
///
/// let bundle = Bundle { index: 5, width: 2 };
/// assert_eq!(bundle.path(), "tile/entries/005.p/2");
/// let bytes = Bundle::encode([b"one", b"two"])?;
/// assert_eq!(bytes, b"\0\x03one\0\x03two");
/// assert_eq!(bundle.decode(&bytes)?, [b"one", b"two"]);
/// # Ok::<(), countersign::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bundle {
    /// The 0-based number of the bundle. Its first leaf has 256 times this index.
    pub index: u64,
    /// The number of leaves, 1 to 256. A bundle of 256 is full.
    pub width: u16,
}

impl Bundle {
    /// Returns the bundles that a log must write when it grows from `old` to `new` leaves.
    pub fn grown(old: u64, new: u64) -> impl Iterator<Item = Self> {
        Tile::grown(old, new).take_while(|tile| tile.level == 0).map(Self::from_tile)
    }

    /// Returns the bundle of the leaves whose hashes are in a tile of level 0.
    const fn from_tile(tile: Tile) -> Self {
        Self { index: tile.index, width: tile.width }
    }

    /// Returns the tile of level 0 with the hashes of these leaves.
    pub const fn tile(self) -> Tile {
        Tile { level: 0, index: self.index, width: self.width }
    }

    /// True if the bundle has all 256 leaves.
    pub const fn is_full(self) -> bool {
        self.tile().is_full()
    }

    /// Returns the full bundle at this position.
    #[must_use]
    pub const fn full(self) -> Self {
        Self::from_tile(self.tile().full())
    }

    /// Returns the path below the log's prefix: `tile/entries/x001/x234/067`, or `tile/entries/000.p/17` for a
    /// partial bundle.
    pub fn path(self) -> String {
        write_path("entries", self.index, self.width)
    }

    /// Parses a path as [`Self::path`] writes it.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile) if the path is malformed, or if no log can have that bundle.
    pub fn parse(path: &str) -> Result<Self, Error> {
        let read = || {
            let (index, width) = parse_place(path.strip_prefix("tile/entries/")?)?;
            let bundle = Self { index, width };
            let end = index.checked_mul(TILE_WIDTH)?.checked_add(width.into())?;
            (end <= MAX_SIZE && bundle.path() == path).then_some(bundle)
        };
        read().ok_or_else(|| {
            refuse("the path is not that of an entry bundle").with_hint(
                "write it as tile/entries/INDEX, with the index in groups of three digits such as x001/234, \
                 and append .p/WIDTH for a partial bundle",
            )
        })
    }

    /// Encodes a bundle of these leaves.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile) if a leaf is longer than 65,535 bytes or there are more than 256.
    pub fn encode<L: AsRef<[u8]>>(leaves: impl IntoIterator<Item = L>) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::new();
        for (place, leaf) in leaves.into_iter().enumerate() {
            let leaf = leaf.as_ref();
            let length = u16::try_from(leaf.len()).ok().filter(|_| (place as u64) < TILE_WIDTH);
            let length = length.ok_or_else(|| {
                refuse("an entry bundle has at most 256 leaves of at most 65,535 bytes each")
            })?;
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(leaf);
        }
        Ok(bytes)
    }

    /// Cuts this bundle's bytes out of those of a wider one at the same position. Returns all bytes if they are
    /// truncated.
    pub fn cut(self, wider: &[u8]) -> &[u8] {
        let mut end = 0;
        for _ in 0..self.width {
            let length = wider.get(end..).and_then(|rest| rest.first_chunk());
            end += length.map_or(0, |length| 2 + usize::from(u16::from_be_bytes(*length)));
        }
        wider.get(..end).unwrap_or(wider)
    }

    /// Decodes this bundle's bytes into its leaves.
    ///
    /// # Errors
    ///
    /// [`Code::Tile`](crate::Code::Tile) if a leaf is truncated, or if the bytes have fewer or more leaves.
    pub fn decode(self, bytes: &[u8]) -> Result<Vec<&[u8]>, Error> {
        let mut leaves = Vec::with_capacity(usize::from(self.width).min(TILE_WIDTH as usize));
        let mut rest = bytes;
        for place in 0..self.width {
            let read = rest
                .split_first_chunk()
                .and_then(|(length, rest)| rest.split_at_checked(u16::from_be_bytes(*length).into()));
            let (leaf, after) = read.ok_or_else(|| {
                refuse(format!("{} is truncated at leaf {place} of {}", self.path(), self.width))
            })?;
            leaves.push(leaf);
            rest = after;
        }
        if !rest.is_empty() {
            let (path, more, width) = (self.path(), rest.len(), self.width);
            return Err(refuse(format!("{path} has {more} bytes after its {width} leaves")));
        }
        Ok(leaves)
    }
}
