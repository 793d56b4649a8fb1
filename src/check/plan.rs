//! The resources to read in order to check a log, and their order.

use crate::merkle::{Bundle, MAX_BUNDLE_BYTES, TILE_WIDTH, Tile};

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
#[derive(Clone, Debug)]
pub struct Plan {
    size: u64,
    bundle: u64,
    tile: Option<Tile>,
}

impl Plan {
    /// Creates the plan for a tree of `size` leaves.
    pub const fn new(size: u64) -> Self {
        Self { size, bundle: 0, tile: None }
    }
}

impl Iterator for Plan {
    type Item = Resource;

    fn next(&mut self) -> Option<Resource> {
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
}
