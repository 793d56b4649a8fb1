//! The heads of all tenant logs at a tick.

use std::cmp::Ordering;
use std::sync::Arc;

use countersign::hash::Hash;
use countersign::tenant::{Head, MAX_DEPTH, MIN_DEPTH, State, TenantOrigin};

use super::error::DirectoryError;
use super::slots::slot_of;
use super::tenant::{TenantId, TenantNumber};

/// Number of slots in a shard, as a power of two. Not above [`MIN_DEPTH`], so that each shard is full of slots.
const SHARD_BITS: u8 = 8;
/// The maximum depth for which a directory is deepened because slots collide. Its tree takes 1 GiB of memory.
const MAX_DEEPENED: u8 = 24;

/// The head of a tenant log in its slot. Its origin follows from the ID and the root log's origin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SlotHead {
    /// The ID in the tenant log's origin.
    pub id: TenantId,
    /// The tenant's number.
    pub number: TenantNumber,
    /// The number of entries.
    pub size: u64,
    /// The root hash of the entries.
    pub root: Hash,
    /// The log's state.
    pub state: State,
}

impl SlotHead {
    /// Returns the slot in a directory of this depth.
    pub fn slot(&self, depth: u8) -> u32 {
        slot_of(&self.id, depth)
    }

    /// Returns the head with its origin under this root log. `None` if the root log's origin is invalid.
    pub fn to_head(&self, root_origin: &str) -> Option<Head> {
        let origin = TenantOrigin::new(root_origin, self.id)?;
        Some(Head { origin, size: self.size, root: self.root, state: self.state })
    }
}

/// A tenant log whose head differs between two ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadChange {
    /// The head at the earlier tick. `None` if the log is new.
    pub before: Option<SlotHead>,
    /// The head at the later tick. `None` if the log has no slot anymore.
    pub after: Option<SlotHead>,
}

/// The heads of all tenant logs, by slot. A persistent map: a changed copy shares all shards without changes.
///
/// Uses about 65 bytes of memory per head, and nothing per unused slot except a pointer for each 256.
#[derive(Clone, Debug)]
pub struct HeadShards {
    depth: u8,
    count: usize,
    /// The heads of 256 slots each, ascending by ID and so by slot.
    shards: Vec<Arc<[SlotHead]>>,
}

impl HeadShards {
    /// Creates the map without heads for a directory of 2^`depth` slots.
    ///
    /// # Errors
    /// [`DirectoryError::Depth`] if the depth isn't 8 to 32.
    pub fn new(depth: u8) -> Result<Self, DirectoryError> {
        if !(MIN_DEPTH..=MAX_DEPTH).contains(&depth) {
            return Err(DirectoryError::Depth(depth));
        }
        let shards = vec![Arc::default(); 1 << (depth - SHARD_BITS)];
        Ok(Self { depth, count: 0, shards })
    }

    /// Creates the map of these heads for a directory of this depth, or of the least greater one, up to [`MAX_DEEPENED`],
    /// at which all of them have slots of their own.
    ///
    /// # Errors
    /// As [`Self::new`] and [`Self::with`].
    pub(super) fn from_heads(depth: u8, heads: &[SlotHead]) -> Result<Self, DirectoryError> {
        Self::new(depth)?.deepened_for(heads, depth)?.with(heads.iter().copied())
    }

    /// Returns the depth of the directory.
    pub const fn depth(&self) -> u8 {
        self.depth
    }

    /// Returns the number of heads.
    pub const fn len(&self) -> usize {
        self.count
    }

    /// True if there are no heads.
    pub const fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Returns the head in a slot, if the slot is used.
    pub fn get(&self, slot: u32) -> Option<&SlotHead> {
        let shard = self.shards.get((slot >> SHARD_BITS) as usize)?;
        self.position(shard, slot).ok().map(|at| &shard[at])
    }

    /// Returns the head of the tenant log with this ID.
    pub fn find(&self, id: &TenantId) -> Option<&SlotHead> {
        self.get(slot_of(id, self.depth)).filter(|head| head.id == *id)
    }

    /// Returns all heads, ascending by slot.
    pub fn iter(&self) -> impl Iterator<Item = &SlotHead> {
        self.shards.iter().flat_map(|shard| shard.iter())
    }

    /// Returns a copy with these heads added or replaced. Of two with the same ID, the last one counts.
    ///
    /// # Errors
    /// [`DirectoryError::SlotTaken`] if a slot is held by another tenant log, [`DirectoryError::Renumbered`] if a
    /// tenant has another number than before.
    pub fn with(&self, changes: impl IntoIterator<Item = SlotHead>) -> Result<Self, DirectoryError> {
        let mut changes: Vec<SlotHead> = changes.into_iter().collect();
        changes.sort_by_key(|change| change.id);
        let mut copy = self.clone();
        for changes in changes.chunk_by(|a, b| self.shard(&a.id) == self.shard(&b.id)) {
            let shard = &mut copy.shards[self.shard(&changes[0].id)];
            let mut heads = shard.to_vec();
            for change in changes {
                self.insert(&mut heads, change)?;
            }
            copy.count += heads.len() - shard.len();
            *shard = heads.into();
        }
        Ok(copy)
    }

    /// Returns the changes from the heads of an earlier tick, ascending by ID. Skips shards that both share.
    pub fn changes_since(&self, earlier: &Self) -> Vec<HeadChange> {
        let mut changes = Vec::new();
        if self.depth == earlier.depth {
            for (before, after) in earlier.shards.iter().zip(&self.shards) {
                if !Arc::ptr_eq(before, after) {
                    merge_changes(before.iter(), after.iter(), &mut changes);
                }
            }
        } else {
            merge_changes(earlier.iter(), self.iter(), &mut changes);
        }
        changes
    }

    /// Returns a copy for a directory of a greater depth, or of the same.
    ///
    /// # Errors
    /// [`DirectoryError::Reduced`] if the depth is less than before, [`DirectoryError::Depth`] if it is above 32.
    pub fn deepened(&self, depth: u8) -> Result<Self, DirectoryError> {
        if depth == self.depth {
            return Ok(self.clone());
        }
        let deepened = Self::new(depth)?;
        if depth < self.depth {
            return Err(DirectoryError::Reduced { from: self.depth, to: depth });
        }
        deepened.with(self.iter().copied())
    }

    /// Returns a copy for a directory of this depth, or of the least greater one, up to [`MAX_DEEPENED`], at which all
    /// heads and these new ones have slots of their own. It doesn't contain the new ones.
    ///
    /// # Errors
    /// As [`Self::deepened`] and [`Self::with`].
    pub(super) fn deepened_for(&self, new: &[SlotHead], mut depth: u8) -> Result<Self, DirectoryError> {
        loop {
            let deepened = self.deepened(depth)?;
            match deepened.with(new.iter().copied()) {
                Err(DirectoryError::SlotTaken { .. }) if depth < MAX_DEEPENED => depth += 1,
                fits => return fits.map(|_| deepened),
            }
        }
    }

    /// Adds or replaces a head in its shard.
    fn insert(&self, heads: &mut Vec<SlotHead>, change: &SlotHead) -> Result<(), DirectoryError> {
        let slot = change.slot(self.depth);
        match self.position(heads, slot) {
            Err(at) => heads.insert(at, *change),
            Ok(at) => {
                let (holder, number) = (heads[at].number, change.number);
                if heads[at].id != change.id {
                    return Err(DirectoryError::SlotTaken { slot, holder, number });
                }
                if holder != number {
                    return Err(DirectoryError::Renumbered { holder, number });
                }
                heads[at] = *change;
            }
        }
        Ok(())
    }

    /// Returns the position of a slot's head in its shard, or where it belongs.
    fn position(&self, shard: &[SlotHead], slot: u32) -> Result<usize, usize> {
        shard.binary_search_by_key(&slot, |head| head.slot(self.depth))
    }

    /// Returns the index of the shard with the slot of this ID.
    fn shard(&self, id: &TenantId) -> usize {
        (slot_of(id, self.depth) >> SHARD_BITS) as usize
    }
}

/// Adds the changes between heads, which ascend by ID.
fn merge_changes<'a>(
    before: impl Iterator<Item = &'a SlotHead>,
    after: impl Iterator<Item = &'a SlotHead>,
    changes: &mut Vec<HeadChange>,
) {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some(before), Some(after)) => before.id.cmp(&after.id),
        };
        let before = before.next_if(|_| order.is_le()).copied();
        let after = after.next_if(|_| order.is_ge()).copied();
        if before != after {
            changes.push(HeadChange { before, after });
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::tenants::tenant::TenantNumber;

    fn head(id: [u8; 2], number: u32) -> SlotHead {
        let mut full = [9; 16];
        full[..2].copy_from_slice(&id);
        let number = TenantNumber::new(number).expect("a number");
        SlotHead { id: full, number, size: 0, root: Hash([7; 32]), state: State::Live }
    }

    #[test]
    fn a_head_takes_64_bytes() {
        assert_eq!(size_of::<SlotHead>(), 64);
    }

    #[test]
    fn depths_are_from_8_to_32() {
        for depth in [0, 7, 33, 255] {
            assert_eq!(HeadShards::new(depth).err(), Some(DirectoryError::Depth(depth)));
        }
        let heads = HeadShards::new(10).unwrap();
        assert_eq!(heads.deepened(33).err(), Some(DirectoryError::Depth(33)));
        assert_eq!(heads.deepened(9).err(), Some(DirectoryError::Reduced { from: 10, to: 9 }));
    }

    #[test]
    fn a_slot_and_an_id_belong_to_one_tenant() {
        let (mine, other) = (head([0x80, 0], 1), head([0x80, 1], 2));
        let heads = HeadShards::new(8).unwrap().with([mine]).unwrap();
        let taken = DirectoryError::SlotTaken { slot: 0x80, holder: mine.number, number: other.number };
        assert_eq!(heads.with([other]).err(), Some(taken.clone()));
        assert_eq!(HeadShards::new(8).unwrap().with([other, mine]).err(), Some(taken));
        let renumbered = DirectoryError::Renumbered { holder: mine.number, number: other.number };
        assert_eq!(heads.with([head([0x80, 0], 2)]).err(), Some(renumbered));
        assert!(heads.deepened(16).unwrap().with([other]).is_ok());
        assert_eq!((heads.find(&mine.id), heads.find(&other.id)), (Some(&mine), None));
    }

    #[test]
    fn heads_that_share_a_slot_deepen_the_directory() {
        let (mine, other) = (head([7, 0], 1), head([7, 0x40], 2));
        let deepened = HeadShards::new(8).unwrap().deepened_for(&[mine, other], 8).unwrap();
        assert_eq!((deepened.depth(), deepened.len()), (10, 0));
        let deepened = HeadShards::new(8).unwrap().with([mine]).unwrap().deepened_for(&[other], 9).unwrap();
        assert_eq!((deepened.depth(), deepened.len()), (10, 1));
        let mut twin = SlotHead { id: mine.id, ..other };
        twin.id[15] = 0;
        let result = HeadShards::new(8).unwrap().deepened_for(&[mine, twin], 8);
        assert!(matches!(result.err(), Some(DirectoryError::SlotTaken { .. })));
    }

    #[test]
    fn a_changed_copy_shares_all_other_shards() {
        let heads = HeadShards::new(10).unwrap().with([head([0, 0], 1), head([0xff, 0], 2)]).unwrap();
        let changed = heads.with([SlotHead { size: 5, ..head([0, 0], 1) }]).unwrap();
        let is_shared: Vec<bool> =
            heads.shards.iter().zip(&changed.shards).map(|(old, new)| Arc::ptr_eq(old, new)).collect();
        assert_eq!(is_shared, [false, true, true, true]);
        assert_eq!(heads.get(0).map(|head| head.size), Some(0));
        assert_eq!(changed.get(0).map(|head| head.size), Some(5));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Compares the map with a `BTreeMap`. Each ID has two varying bytes, so the slots at depth 16 never collide.
        #[test]
        fn the_map_has_the_heads_of_a_plain_one(
            steps in vec(vec((0_u16..800, 0_u64..9), 0..40), 1..5),
        ) {
            let mut heads = HeadShards::new(16).unwrap();
            let mut model = BTreeMap::new();
            for changes in steps {
                let changes: Vec<SlotHead> = changes
                    .into_iter()
                    .map(|(at, size)| SlotHead { size, ..head((at * 80).to_be_bytes(), 1 + u32::from(at)) })
                    .collect();
                let earlier = (heads.clone(), model.clone());
                heads = heads.with(changes.iter().copied()).unwrap();
                model.extend(changes.into_iter().map(|head| (head.id, head)));
                let changed = model.iter().filter(|(id, head)| earlier.1.get(*id) != Some(*head));
                let changed: Vec<HeadChange> = changed
                    .map(|(id, head)| HeadChange { before: earlier.1.get(id).copied(), after: Some(*head) })
                    .collect();
                prop_assert_eq!(heads.changes_since(&earlier.0), changed.clone());
                // A change of the depth changes no head.
                prop_assert_eq!(heads.deepened(17).unwrap().changes_since(&earlier.0), changed.clone());
                let back = changed.iter().map(|&HeadChange { before, after }| HeadChange { before: after, after: before });
                prop_assert!(earlier.0.changes_since(&heads).into_iter().eq(back));
                prop_assert!(heads.iter().eq(model.values()));
                prop_assert_eq!((heads.len(), heads.is_empty()), (model.len(), model.is_empty()));
            }
            let deepened = heads.deepened(18).unwrap();
            prop_assert!(deepened.iter().eq(model.values()) && deepened.len() == heads.len());
            for head in model.values() {
                prop_assert_eq!(heads.find(&head.id), Some(head));
                prop_assert_eq!(deepened.get(head.slot(18)), Some(head));
            }
            for slot in (0..1 << 16).filter(|slot| slot % 80 != 0) {
                prop_assert_eq!(heads.get(slot), None);
            }
        }
    }
}
