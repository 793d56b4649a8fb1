//! Cuts a log into parts.

use crate::check::{Resource, TileCode, Walk};
use crate::checkpoint::SignedCheckpoint;
use crate::error::Error;
use crate::merkle::{Bundle, TILE_WIDTH, Tile};

/// A part of a log: a range of entry bundles of the tree of one checkpoint.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Part {
    /// The version of this crate that summarized it.
    pub(super) by: String,
    /// The signed checkpoint.
    pub(super) checkpoint: String,
    /// The first bundle of the first part.
    pub(super) first: u64,
    /// True if the log has no earlier bundles, and its minimum index was not stated.
    pub(super) is_pruned: bool,
    pub(super) number: u64,
    pub(super) of: u64,
}

impl Part {
    /// Returns part `number` (1-based) of `of` of a walk that didn't begin yet.
    pub fn new(walk: &Walk, number: u64, of: u64) -> Self {
        let (first, _) = walk.range();
        Self {
            by: env!("CARGO_PKG_VERSION").into(),
            checkpoint: walk.checkpoint.to_string(),
            first: first / TILE_WIDTH,
            is_pruned: walk.tiles.finding_counts.contains_key(&TileCode::Pruned),
            number,
            of,
        }
    }

    /// Returns the 1-based number of the part and the number of all parts.
    pub const fn place(&self) -> (u64, u64) {
        (self.number, self.of)
    }

    /// Returns the resources to read: each entry bundle of the part, and after it its tile of level 0.
    pub fn resources(&self) -> impl Iterator<Item = Resource> + Clone + Send + use<> {
        let tile_resources = |bundle: Bundle| [Resource::Bundle(bundle), Resource::Tile(bundle.tile())];
        self.bundles().flat_map(tile_resources)
    }

    /// Returns the number of entry bundles in the part.
    pub fn len(&self) -> u64 {
        let (begin, end) = self.range();
        end - begin
    }

    /// True if the part has no bundles: there are more parts than bundles.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the bundles of the part.
    pub(super) fn bundles(&self) -> impl Iterator<Item = Bundle> + Clone + Send + use<> {
        let (begin, end) = self.range();
        let size = self.size();
        (begin..end).filter_map(move |index| {
            let tile = Tile::of_size(0, index, size)?;
            Some(Bundle { index, width: tile.width })
        })
    }

    /// Starts the walk over the whole log.
    pub(super) fn walk(&self) -> Result<Walk, Error> {
        let checkpoint = SignedCheckpoint::parse_extended(&self.checkpoint)?;
        Ok(if self.is_pruned {
            Walk::after_missing(checkpoint, self.first)
        } else {
            Walk::from_bundle(checkpoint, self.first)
        })
    }

    /// True if the numbers are consistent.
    pub(super) fn is_sound(&self) -> bool {
        (1..=self.of).contains(&self.number)
            && self.walk().is_ok_and(|walk| walk.range().0 == self.first * TILE_WIDTH)
    }

    fn size(&self) -> u64 {
        SignedCheckpoint::parse_extended(&self.checkpoint).map_or(0, |signed| signed.checkpoint.size)
    }

    /// Returns the first bundle of the part, and the one after its last.
    fn range(&self) -> (u64, u64) {
        let bundles = self.size().div_ceil(TILE_WIDTH).saturating_sub(self.first);
        let cut = |nth: u64| {
            let offset = u128::from(bundles) * u128::from(nth) / u128::from(self.of.max(1));
            self.first + offset as u64
        };
        (cut(self.number.saturating_sub(1)), cut(self.number))
    }
}
