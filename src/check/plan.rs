//! The resources to read in order to check a log, and their order.

use crate::merkle::{Bundle, MAX_BUNDLE_BYTES, TILE_HEIGHT, TILE_WIDTH, Tile};

/// A resource that a log publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Resource {
    /// An entry bundle.
    Bundle(Bundle),
    /// A hash tile.
    Tile(Tile),
}

impl Resource {
    /// Returns the path below the log's prefix.
    pub fn path(self) -> String {
        match self {
            Self::Bundle(bundle) => bundle.path(),
            Self::Tile(tile) => tile.path(),
        }
    }

    /// Returns the maximum size of the full resource, in bytes.
    pub const fn max_bytes(self) -> usize {
        match self {
            Self::Bundle(_) => MAX_BUNDLE_BYTES,
            Self::Tile(_) => TILE_WIDTH as usize * 32,
        }
    }

    /// Returns the full resource at this position if this one is partial. Read the full one if the log has
    /// already replaced the partial one; [`Self::cut`] then extracts this resource's bytes.
    pub fn full(self) -> Option<Self> {
        match self {
            Self::Bundle(bundle) => (!bundle.is_full()).then(|| Self::Bundle(bundle.full())),
            Self::Tile(tile) => (!tile.is_full()).then(|| Self::Tile(tile.full())),
        }
    }

    /// True if a log with this minimum index may have pruned this resource: all entries that the full resource has or
    /// stands for are below the index.
    pub fn may_be_pruned(self, minimum_index: u64) -> bool {
        let (level, index) = match self {
            Self::Bundle(bundle) => (0, bundle.index),
            Self::Tile(tile) => (tile.level, tile.index),
        };
        index < minimum_index >> (u32::from(TILE_HEIGHT) * (u32::from(level) + 1)).min(63)
    }

    /// Cuts this resource's bytes out of the full one's. Returns all bytes if there are fewer.
    pub fn cut(self, full: &[u8]) -> &[u8] {
        match self {
            Self::Bundle(bundle) => bundle.cut(full),
            Self::Tile(tile) => full.get(..usize::from(tile.width) * 32).unwrap_or(full),
        }
    }
}

/// All resources of a tree in the order in which they are checked: each entry bundle, then its tile of level 0, and
/// each tile of a higher level as soon as all full tiles below it have been read.
///
/// If the plan begins after the first bundle, the tiles with the hashes of what comes before are read first, from the
/// highest level down. They are read again as soon as all full tiles below them have been read, if there are any from
/// the first bundle on.
#[derive(Clone, Debug)]
pub struct Plan {
    size: u64,
    /// The tiles on the left edge that are still to be read, in reverse order.
    left: Vec<LeftTile>,
    bundle: u64,
    tile: Option<Tile>,
}

/// A tile on the left edge: it contains the first entry of the plan, and hashes of what comes before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct LeftTile {
    pub(super) tile: Tile,
    /// The number of its hashes that stand for entries before the plan.
    pub(super) before: u16,
}

impl Plan {
    /// Creates the plan for a tree of `size` leaves.
    pub const fn new(size: u64) -> Self {
        Self { size, left: Vec::new(), bundle: 0, tile: None }
    }

    /// Creates the plan for a tree of `size` leaves without the bundles before `bundle`, which must be at most
    /// `size / 256`.
    pub(super) fn starting_at(bundle: u64, size: u64) -> Self {
        let left = (1..).map_while(|level| LeftTile::new(level, bundle, size)).flatten().collect();
        Self { size, left, bundle, tile: None }
    }

    /// Returns the next tile, if it is read for the hashes of what comes before the plan.
    pub(super) fn next_left(&mut self) -> Option<LeftTile> {
        self.left.pop()
    }
}

impl LeftTile {
    /// Returns the tile of a level, if it has hashes for bundles before `bundle`; `None` above the highest level.
    fn new(level: u8, bundle: u64, size: u64) -> Option<Option<Self>> {
        let hashes = bundle >> (TILE_HEIGHT * (level - 1));
        let tile = Tile::of_size(level, hashes / TILE_WIDTH, size);
        let before = (hashes % TILE_WIDTH) as u16;
        (hashes > 0).then(|| tile.filter(|_| before > 0).map(|tile| Self { tile, before }))
    }
}

impl Iterator for Plan {
    type Item = Resource;

    fn next(&mut self) -> Option<Resource> {
        if let Some(left) = self.next_left() {
            return Some(Resource::Tile(left.tile));
        }
        if let Some(tile) = self.tile.take() {
            let above = if tile.is_full() { tile.parent(self.size) } else { None };
            let is_last = |above: &Tile| tile.index % TILE_WIDTH + 1 == u64::from(above.width);
            self.tile = above.filter(is_last);
            return Some(Resource::Tile(tile));
        }
        let tile = Tile::of_size(0, self.bundle, self.size)?;
        self.bundle += 1;
        self.tile = Some(tile);
        Some(Resource::Bundle(Bundle { index: tile.index, width: tile.width }))
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn what_may_be_pruned_ends_at_or_below_the_minimum_index() {
        let tile = |level, index, width| Resource::Tile(Tile { level, index, width });
        let bundle = |index| Resource::Bundle(Bundle { index, width: 256 });
        for (resource, end) in [
            (bundle(0), 256),
            (bundle(2), 768),
            (tile(0, 2, 256), 768),
            (tile(0, 2, 7), 768),
            (tile(1, 0, 256), 65_536),
            (tile(1, 1, 3), 131_072),
            (tile(2, 0, 1), 16_777_216),
        ] {
            assert_eq!([end - 1, end].map(|minimum| resource.may_be_pruned(minimum)), [false, true]);
            assert!(!resource.may_be_pruned(0));
        }
        assert!(!tile(63, 0, 1).may_be_pruned(u64::MAX >> 1));
    }

    #[test]
    fn plans_every_resource_once_and_lower_levels_first() {
        for size in [0, 1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 66_000, 131_072, 196_700] {
            let plan: Vec<Resource> = Plan::new(size).collect();
            let expected: BTreeSet<Resource> = Tile::grown(0, size)
                .map(Resource::Tile)
                .chain(Bundle::grown(0, size).map(Resource::Bundle))
                .collect();
            assert_eq!((plan.len(), plan.iter().copied().collect()), (expected.len(), expected), "{size}");
            let place = |resource| plan.iter().position(|&planned| planned == resource).expect("planned");
            for tile in Tile::grown(0, size).step_by(17) {
                let at = place(Resource::Tile(tile));
                if tile.level == 0 {
                    assert_eq!(
                        plan[at - 1],
                        Resource::Bundle(Bundle { index: tile.index, width: tile.width })
                    );
                    continue;
                }
                let last = tile.index * TILE_WIDTH + u64::from(tile.width) - 1;
                let last = Tile { level: tile.level - 1, index: last, width: 256 };
                assert_eq!(plan[at - 1], Resource::Tile(last), "{size}");
            }
        }
    }

    #[test]
    fn plans_what_comes_before_first_and_nothing_else_of_it() {
        for size in [256, 257, 600, 65_536, 65_537, 66_000, 131_072, 196_700] {
            for bundle in [1, 2, 3, 255, 256, 257, 300, 512, 767, 768].into_iter().filter(|n| n * 256 <= size)
            {
                let mut plan = Plan::starting_at(bundle, size);
                let left: Vec<LeftTile> = std::iter::from_fn(|| plan.next_left()).collect();
                let before: u64 =
                    left.iter().map(|left| u64::from(left.before) << (left.tile.level * TILE_HEIGHT)).sum();
                assert_eq!(before, bundle * 256, "{bundle} of {size}");
                assert!(left.iter().all(|left| left.before <= left.tile.width && left.tile.level > 0));
                assert!(left.is_sorted_by_key(|left| std::cmp::Reverse(left.tile.level)));
                let rest: BTreeSet<Resource> = plan.clone().collect();
                assert_eq!(rest.len(), plan.count(), "{bundle} of {size}: once each");
                let known: BTreeSet<Resource> =
                    left.iter().map(|left| Resource::Tile(left.tile)).chain(rest.iter().copied()).collect();
                // Everything of the tree that ends after the first bundle begins.
                let ends_before = |index: u64, level: u8, is_full| {
                    is_full && (index + 1) << (level * TILE_HEIGHT) <= bundle
                };
                let expected: BTreeSet<Resource> = Plan::new(size)
                    .filter(|resource| match resource {
                        Resource::Bundle(at) => !ends_before(at.index, 0, at.is_full()),
                        Resource::Tile(at) => !ends_before(at.index, at.level, at.is_full()),
                    })
                    .collect();
                assert_eq!(known, expected, "{bundle} of {size}");
            }
        }
    }
}
