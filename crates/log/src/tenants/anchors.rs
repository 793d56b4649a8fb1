//! The ticks with which every reader compares a tenant log, and the proofs of heads at them (SPEC section 16.5).
//!
//! The directory of an anchor is stored in tiles of at most 256 hashes: those of the leaves, and of the levels 8, 16,
//! and 24. A path from a leaf to the top node needs one tile of each level.

use countersign::hash::Hash;
use countersign::merkle::empty_root;
use countersign::tenant::{Anchor, DirectoryEntry, Head, State, TenantOrigin, required_anchors};
use countersign::time::Time;

use super::directory::TickDirectory;
use super::tree::DirectoryTree;
use crate::hashes::{CachedHashes, root_at};
use crate::store::{EntryReader, StoreError};

/// Number of levels between the levels that are stored.
pub const TILE_LEVELS: u8 = 8;
/// Number of hashes in a tile, if the level has that many.
pub const TILE_HASHES: usize = 1 << TILE_LEVELS;
/// The time for which anchors are kept after no new head requires them, in ticks. Exports that began before have them.
const GRACE_TICKS: u64 = 4096;

/// True if the head of this tick is an anchor of later heads.
pub fn is_anchor(tick: u64) -> bool {
    required_anchors(tick + 1).last() == Some(&tick)
}

/// Returns the tick before which only the ticks in the list are still required as anchors, if `newest` is the newest
/// published tick. Anchors that were required until recently count as required.
pub fn required_before(newest: u64) -> (u64, Vec<u64>) {
    let end = newest.saturating_sub(GRACE_TICKS);
    (end, required_anchors(end))
}

/// A head of a tenant log at an earlier tick, and its path in that tick's directory. Its root hash is that of the log's
/// first `size` entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastHead {
    /// The tick.
    pub tick: u64,
    /// The number of entries.
    pub size: u64,
    /// The log's state.
    pub state: State,
    /// The salt that hides the head in the directory.
    pub salt: [u8; 16],
    /// The siblings in the directory, from the leaf up.
    pub siblings: Vec<Hash>,
}

/// Returns the siblings on the path from a slot's leaf to the top node of a directory. `tile` returns the tile of a level
/// with an index.
pub(crate) fn siblings(
    slot: u32,
    depth: u8,
    mut tile: impl FnMut(u8, u32) -> Result<Vec<Hash>, StoreError>,
) -> Result<Vec<Hash>, StoreError> {
    let mut siblings = Vec::with_capacity(depth.into());
    for level in (0..depth).step_by(TILE_LEVELS.into()) {
        let index = u64::from(slot) >> (level + TILE_LEVELS);
        let hashes = tile(level, index as u32)?;
        let levels = TILE_LEVELS.min(depth - level);
        if hashes.len() != 1 << levels {
            return Err(StoreError::Damaged(format!("a tile of level {level} of a directory is incomplete")));
        }
        siblings.extend(DirectoryTree::new(hashes).siblings((slot >> level) % (1 << levels)));
    }
    Ok(siblings)
}

/// A tile of a directory.
pub(crate) struct DirectoryTile {
    /// The level of the hashes.
    pub(crate) level: u8,
    /// The number of tiles of this level before it.
    pub(crate) index: u32,
    pub(crate) hashes: Vec<Hash>,
}

/// Returns the tiles of a directory that are stored. Those of the leaves are computed one by one.
pub(crate) fn stored_tiles(directory: &TickDirectory) -> impl Iterator<Item = DirectoryTile> {
    let tile_slots = TILE_HASHES as u32;
    let of_leaves = (0..1 << (directory.depth() - TILE_LEVELS)).map(move |index| DirectoryTile {
        level: 0,
        index,
        hashes: directory.leaves(index * tile_slots, tile_slots),
    });
    let levels = (TILE_LEVELS..directory.depth()).step_by(TILE_LEVELS.into());
    of_leaves.chain(levels.flat_map(|level| {
        let tiles = (0..).zip(directory.level(level).chunks(TILE_HASHES));
        tiles.map(move |(index, hashes)| DirectoryTile { level, index, hashes: hashes.to_vec() })
    }))
}

/// Proves heads of one tenant log at earlier ticks.
pub(super) struct PastHeads<'r> {
    /// The tenant log's entries.
    pub(super) entries: &'r dyn EntryReader,
    pub(super) root_log: &'r dyn EntryReader,
    pub(super) origin: TenantOrigin,
}

impl PastHeads<'_> {
    /// Returns the anchors for these heads, in ascending order of their ticks. Their inclusion proofs lead to the root log
    /// of `root_size` entries.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if the tenant log or the root log contradicts a directory.
    pub(super) fn prove(&self, heads: Vec<PastHead>, root_size: u64) -> Result<Vec<Anchor>, StoreError> {
        let hashes = CachedHashes::new(self.root_log, root_size);
        let mut last = None;
        let mut anchors = Vec::with_capacity(heads.len());
        for PastHead { tick, size, state, salt, siblings } in heads {
            let root = match last {
                Some((last, root)) if last == size => root,
                _ if size == 0 => empty_root(),
                _ => root_at(self.entries, size)?,
            };
            last = Some((size, root));
            let entry = directory_entry(self.root_log, tick)?;
            let head = Head { origin: self.origin.clone(), size, root, state };
            let hashes = hashes.prove_inclusion(tick)?;
            let anchor = Anchor { head, salt, time: entry.time, siblings, tick, hashes };
            if anchor.entry() != entry {
                let message = format!("a tenant log differs from its head at tick {tick}");
                return Err(StoreError::Damaged(message));
            }
            anchors.push(anchor);
        }
        Ok(anchors)
    }
}

/// Returns the root log's entry of a tick.
///
/// # Errors
/// [`StoreError::Damaged`] if it isn't a directory.
pub(super) fn directory_entry(
    root_log: &(impl EntryReader + ?Sized),
    tick: u64,
) -> Result<DirectoryEntry, StoreError> {
    let entry = root_log.leaves(tick..tick + 1)?.pop().unwrap_or_default();
    let entry = str::from_utf8(&entry).ok().and_then(DirectoryEntry::parse);
    entry.ok_or_else(|| StoreError::Damaged(format!("entry {tick} of the root log is not a directory")))
}

/// Returns the time of the last one of a root log's ticks.
pub(crate) fn time_of_last_tick(
    root_log: &(impl EntryReader + ?Sized),
    ticks: u64,
) -> Result<Option<Time>, StoreError> {
    let Some(last) = ticks.checked_sub(1) else { return Ok(None) };
    Ok(Some(directory_entry(root_log, last)?.time))
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::tenants::heads::{HeadShards, SlotHead};
    use crate::tenants::secret::TickSecret;
    use crate::tenants::tenant::TenantNumber;

    #[test]
    fn anchors_are_those_of_the_specification() {
        for tick in [0, 1, 4094, 4096, 8190, 12_288] {
            assert!(!is_anchor(tick), "{tick}");
        }
        for tick in [4095, 8191, (1 << 17) - 1, (1 << 21) - 1, (7 << 12) - 1] {
            assert!(is_anchor(tick), "{tick}");
        }
    }

    #[test]
    fn every_path_can_be_computed_from_tiles() {
        for depth in [8, 10, 16, 17] {
            let id = [0xa7; 16];
            let number = TenantNumber::new(1).expect("a number");
            let head = SlotHead { id, number, size: 3, root: Hash([1; 32]), state: State::Live };
            let heads = HeadShards::new(depth).and_then(|heads| heads.with([head])).expect("a free slot");
            let secret = TickSecret::from_bytes([depth; 32]);
            let directory =
                TickDirectory::build(secret, "log.example", 4095, Time::MIN, heads).expect("a directory");
            let tile = |level, index: u32| {
                let mut tiles = stored_tiles(&directory);
                Ok(tiles.find(|tile| (tile.level, tile.index) == (level, index)).expect("a tile").hashes)
            };
            let (_, _, expected) = directory.prove(&id).expect("a proof");
            assert_eq!(siblings(head.slot(depth), depth, tile).unwrap(), expected, "{depth}");
            assert!(siblings(0, depth, |_, _| Ok(Vec::new())).is_err());
        }
    }
}
