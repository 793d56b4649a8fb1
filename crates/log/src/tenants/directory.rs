//! The directory of a tick, which commits to the heads of all tenant logs (SPEC section 16.2).

use countersign::hash::{Hash, Message, hash_many};
use countersign::hex;
use countersign::tenant::{DirectoryEntry, Head, TenantOrigin, directory_hash};
use countersign::time::Time;

use super::error::DirectoryError;
use super::heads::{HeadShards, SlotHead};
use super::secret::TickSecret;
use super::tenant::TenantId;
use super::tree::{DirectoryTree, hash_levels};

/// Number of heads hashed together: enough to fill all SIMD lanes, and few enough for the processor's cache.
const BATCH: usize = 256;
/// The lowest level of the tree that is kept in memory. The hashes of each 2^3 slots below it are computed again when they
/// are needed, from the secret and the heads.
const KEPT_LEVEL: u8 = 3;
/// The number of slots below a hash of the lowest kept level.
const BLOCK_SLOTS: u32 = 1 << KEPT_LEVEL;
/// The prefix of a leaf's hash input, before the salt.
const HEAD: &[u8] = b"countersign/v1 head\0";

/// The directory of a tick that isn't due yet. Built ahead, so that the tick itself only adds the heads that changed
/// since.
///
/// It can't be cloned: two directories with the same secret would reveal which heads differ. Uses 8 bytes of memory
/// per slot, apart from the heads.
pub struct PreparedDirectory {
    root_origin: String,
    secret: TickSecret,
    heads: HeadShards,
    /// The levels from [`KEPT_LEVEL`] on.
    tree: DirectoryTree,
}

impl PreparedDirectory {
    /// Computes the directory with these heads, under the root log with this origin.
    ///
    /// # Errors
    /// [`DirectoryError::RootOrigin`] if no tenant log can be under this root log.
    pub fn new(secret: TickSecret, root_origin: &str, heads: HeadShards) -> Result<Self, DirectoryError> {
        // The validity of an origin doesn't depend on the ID in it.
        if TenantOrigin::new(root_origin, TenantId::default()).is_none() {
            return Err(DirectoryError::RootOrigin(root_origin.to_owned()));
        }
        let leaves = Leaves { secret: &secret, root_origin, heads: &heads };
        let tree = DirectoryTree::new(leaves.tops_of(0..1 << (heads.depth() - KEPT_LEVEL)));
        Ok(Self { root_origin: root_origin.to_owned(), secret, heads, tree })
    }

    /// Adds or replaces heads, and recomputes the hashes above them, each once.
    ///
    /// # Errors
    /// As [`HeadShards::with`]. The directory is lost then, so draw a new secret for another.
    pub fn with_changes(mut self, changes: &[SlotHead]) -> Result<Self, DirectoryError> {
        let depth = self.heads.depth();
        self.heads = self.heads.with(changes.iter().copied())?;
        let mut blocks: Vec<u32> = changes.iter().map(|change| change.slot(depth) / BLOCK_SLOTS).collect();
        blocks.sort_unstable();
        blocks.dedup();
        let tops = self.leaves().tops_of(blocks.iter().copied());
        self.tree.replace(blocks.into_iter().map(|block| block as usize).collect(), &tops);
        Ok(self)
    }

    fn leaves(&self) -> Leaves<'_> {
        Leaves { secret: &self.secret, root_origin: &self.root_origin, heads: &self.heads }
    }

    /// Completes the directory for the tick with this number and time.
    pub fn finish(self, tick: u64, time: Time) -> TickDirectory {
        TickDirectory { tick, time, prepared: self }
    }
}

/// The directory of a tick, with all hashes of its tree.
pub struct TickDirectory {
    tick: u64,
    time: Time,
    prepared: PreparedDirectory,
}

impl TickDirectory {
    /// Computes the directory of a tick. For a future tick, use a [`PreparedDirectory`].
    ///
    /// # Errors
    /// As [`PreparedDirectory::new`].
    pub fn build(
        secret: TickSecret,
        root_origin: &str,
        tick: u64,
        time: Time,
        heads: HeadShards,
    ) -> Result<Self, DirectoryError> {
        Ok(PreparedDirectory::new(secret, root_origin, heads)?.finish(tick, time))
    }

    /// Returns the root log's entry for this directory.
    pub fn entry(&self) -> DirectoryEntry {
        DirectoryEntry { time: self.time, hash: directory_hash(self.depth(), self.prepared.tree.top()) }
    }

    /// Returns the head of the tenant log with this ID, and the salt and the siblings, from the leaf up, that prove it.
    /// `None` if there is no such tenant log.
    pub fn prove(&self, id: &TenantId) -> Option<(Head, [u8; 16], Vec<Hash>)> {
        let PreparedDirectory { root_origin, secret, heads, tree } = &self.prepared;
        let head = heads.find(id)?;
        let slot = head.slot(heads.depth());
        let block = slot / BLOCK_SLOTS;
        let leaves = self.prepared.leaves().hash_range(block * BLOCK_SLOTS, BLOCK_SLOTS);
        let mut siblings = DirectoryTree::new(leaves).siblings(slot % BLOCK_SLOTS);
        siblings.extend(tree.siblings(block));
        Some((head.to_head(root_origin)?, secret.salt(slot), siblings))
    }

    /// Returns the number of the tick, which is the entry's index in the root log.
    pub const fn tick(&self) -> u64 {
        self.tick
    }

    /// Returns the time of the tick.
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Returns the number of levels below the top node.
    pub const fn depth(&self) -> u8 {
        self.prepared.heads.depth()
    }

    /// Returns the origin of the root log.
    pub fn root_origin(&self) -> &str {
        &self.prepared.root_origin
    }

    /// Returns the heads of all tenant logs.
    pub const fn heads(&self) -> &HeadShards {
        &self.prepared.heads
    }

    /// Returns the secret, which is stored with the tick until it isn't needed anymore.
    pub const fn secret(&self) -> &TickSecret {
        &self.prepared.secret
    }

    /// Computes the leaves of `count` slots from this one on, which the directory must have.
    pub(super) fn leaves(&self, first: u32, count: u32) -> Vec<Hash> {
        self.prepared.leaves().hash_range(first, count)
    }

    /// Returns the hashes of a level from 3 to `depth`, the top node. Empty above it, and below level 3, whose hashes are
    /// not kept.
    pub(super) fn level(&self, level: u8) -> &[Hash] {
        level.checked_sub(KEPT_LEVEL).map_or(&[], |level| self.prepared.tree.level(level))
    }
}

/// Computes leaves of a directory.
struct Leaves<'d> {
    secret: &'d TickSecret,
    root_origin: &'d str,
    heads: &'d HeadShards,
}

impl Leaves<'_> {
    /// Returns the hashes of the lowest kept level above these blocks, which must be ascending.
    fn tops_of(&self, blocks: impl Iterator<Item = u32>) -> Vec<Hash> {
        let mut tops = Vec::with_capacity(blocks.size_hint().0);
        let mut blocks = blocks.peekable();
        let mut slots: Vec<u32> = Vec::with_capacity(BATCH);
        while blocks.peek().is_some() {
            slots.clear();
            for block in blocks.by_ref().take(BATCH / BLOCK_SLOTS as usize) {
                slots.extend((0..BLOCK_SLOTS).map(|nth| block * BLOCK_SLOTS + nth));
            }
            tops.extend(hash_levels(self.hash_slots(&slots), KEPT_LEVEL));
        }
        tops
    }

    /// Returns the leaves of `count` slots from this one on.
    fn hash_range(&self, first: u32, count: u32) -> Vec<Hash> {
        self.hash_slots(&(0..count).map(|nth| first + nth).collect::<Vec<_>>())
    }

    /// Returns the leaves of these slots, used or not.
    fn hash_slots(&self, slots: &[u32]) -> Vec<Hash> {
        let heads: Vec<Option<&SlotHead>> = slots.iter().map(|slot| self.heads.get(*slot)).collect();
        let used: Vec<&SlotHead> = heads.iter().copied().flatten().collect();
        let mut hashes = hash_heads(self.secret, self.root_origin, self.heads.depth(), &used).into_iter();
        let leaf = |(slot, head): (&u32, Option<&SlotHead>)| {
            head.and_then(|_| hashes.next()).unwrap_or_else(|| self.secret.unused_leaf(*slot))
        };
        slots.iter().zip(heads).map(leaf).collect()
    }
}

/// Computes the leaves of these heads. The result is that of [`head_leaf`](countersign::tenant::head_leaf) for each
/// head, but faster.
fn hash_heads(secret: &TickSecret, root_origin: &str, depth: u8, heads: &[&SlotHead]) -> Vec<Hash> {
    let mut hashes = Vec::with_capacity(heads.len());
    let mut origin = format!("{root_origin}/t/");
    let root_length = origin.len();
    let mut bodies = Vec::new();
    for heads in heads.chunks(BATCH) {
        bodies.clear();
        for head in heads {
            origin.truncate(root_length);
            hex::push(&head.id, &mut origin);
            bodies.extend_from_slice(&secret.salt(head.slot(depth)));
            // An origin has at most 255 bytes.
            bodies.push(origin.len() as u8);
            bodies.extend_from_slice(origin.as_bytes());
            bodies.push(head.state.to_byte());
            bodies.extend_from_slice(&head.size.to_be_bytes());
            bodies.extend_from_slice(&head.root.0);
        }
        // All origins have the same length.
        let bodies = bodies.chunks_exact(bodies.len() / heads.len());
        let messages: Vec<_> = bodies.map(|body| Message { prefix: HEAD, body }).collect();
        hash_many(&messages, &mut hashes);
    }
    hashes
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use countersign::tenant::{Anchor, State, head_leaf, node_hash, root_of_path};
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::tenants::tenant::TenantNumber;

    const ROOT: &str = "log.example";

    fn id(first: u8, second: u8) -> TenantId {
        let mut id = [9; 16];
        (id[0], id[1]) = (first, second);
        id
    }

    /// Returns a head whose number follows from the first two bytes of its ID.
    fn head(id: TenantId, size: u64) -> SlotHead {
        let number = 1 + u32::from(u16::from_be_bytes([id[0], id[1]]));
        let number = TenantNumber::new(number).expect("a number");
        SlotHead { id, number, size, root: Hash([size as u8; 32]), state: State::Live }
    }

    fn secret(byte: u8) -> TickSecret {
        TickSecret::from_bytes([byte; 32])
    }

    fn shards(depth: u8, heads: &[SlotHead]) -> HeadShards {
        HeadShards::new(depth).and_then(|none| none.with(heads.iter().copied())).expect("free slots")
    }

    fn build(depth: u8, secret: TickSecret, heads: &[SlotHead]) -> TickDirectory {
        let heads = shards(depth, heads);
        TickDirectory::build(secret, ROOT, 7, Time::MIN, heads).expect("a directory")
    }

    /// Computes a directory by the definitions of SPEC section 16.2, one hash at a time.
    fn directory_by_definition(depth: u8, secret: &TickSecret, heads: &HeadShards) -> Hash {
        let leaf = |slot| match heads.get(slot).and_then(|head| head.to_head(ROOT)) {
            Some(head) => head_leaf(&head, &secret.salt(slot)),
            None => secret.unused_leaf(slot),
        };
        let mut hashes: Vec<Hash> = (0..1 << depth).map(leaf).collect();
        while let [_, _, ..] = &hashes[..] {
            hashes = hashes.chunks(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
        }
        directory_hash(depth, &hashes[0])
    }

    #[test]
    fn proves_each_head() {
        let heads = [head(id(0, 0), 1), head(id(0xff, 0xff), 2), head(id(0x12, 0x34), 3)];
        for depth in [8, 10, 13] {
            let directory = build(depth, secret(1), &heads);
            for expected in &heads {
                let (head, salt, siblings) = directory.prove(&expected.id).expect("a proof");
                assert_eq!(Some(&head), expected.to_head(ROOT).as_ref());
                let (time, tick) = (directory.time(), directory.tick());
                let anchor = Anchor { head, salt, time, siblings, tick, hashes: Vec::new() };
                assert_eq!(anchor.entry(), directory.entry(), "{depth}");
            }
            // The slot is unused, or another tenant log's.
            assert!(directory.prove(&id(0x80, 0)).is_none() && directory.prove(&id(0xff, 0xfe)).is_none());
        }
    }

    #[test]
    fn every_hash_is_fresh_in_each_tick() {
        let (mine, busy) = (head(id(0x80, 0), 1), head(id(0x80, 0x40), 9));
        let ticks = [
            build(10, secret(3), &[mine]),
            build(10, secret(4), &[mine]),
            build(10, secret(5), &[mine, busy]),
        ];
        let mut seen = std::collections::HashSet::new();
        for directory in &ticks {
            let (_, salt, siblings) = directory.prove(&mine.id).expect("a proof");
            assert!(siblings.into_iter().all(|sibling| seen.insert(sibling)));
            assert!(seen.insert(Hash::digest(&[&salt])));
        }
    }

    #[test]
    fn root_origins_are_checked() {
        let try_build = |root: &str| {
            let heads = shards(10, &[head(id(1, 2), 3)]);
            TickDirectory::build(secret(1), root, 0, Time::MIN, heads).map(|built| built.depth())
        };
        let (longest, too_long) = ("x".repeat(220), "x".repeat(221));
        for root in ["", "log example", &too_long, "log.example/t/00000000000000000000000000000000"] {
            assert_eq!(try_build(root), Err(DirectoryError::RootOrigin(root.to_owned())));
        }
        assert_eq!(try_build(&longest), Ok(10));
    }

    #[test]
    fn levels_lead_from_the_leaves_to_the_top_node() {
        let directory = build(9, secret(2), &[head(id(1, 2), 3)]);
        assert_eq!([2, 3, 8, 9, 10].map(|level| directory.level(level).len()), [0, 64, 2, 1, 0]);
        assert_eq!(directory.entry().hash, directory_hash(9, &directory.level(9)[0]));
        assert_eq!(hash_levels(directory.leaves(0, 512), 3), directory.level(3));
        assert_eq!(hash_levels(directory.leaves(256, 256), 8), directory.level(8)[1..]);
    }

    #[test]
    fn a_conflicting_change_is_refused() {
        let prepared = PreparedDirectory::new(secret(1), ROOT, shards(8, &[head(id(1, 0), 1)]));
        let result = prepared.and_then(|prepared| prepared.with_changes(&[head(id(1, 1), 1)]));
        assert!(matches!(result.err(), Some(DirectoryError::SlotTaken { slot: 1, .. })));
    }

    /// Returns heads of up to 256 tenant logs, which never share a slot. An ID may occur twice.
    fn some_heads() -> impl Strategy<Value = Vec<SlotHead>> {
        let states = proptest::sample::select(vec![State::Live, State::Ended, State::Moved]);
        let head = (any::<u8>(), any::<u64>(), states)
            .prop_map(|(first, size, state)| SlotHead { state, ..head(id(first, first ^ 0x5a), size) });
        vec(head, 0..300)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_prepared_directory_becomes_the_one_of_the_new_heads(
            old in some_heads(),
            changes in vec(some_heads(), 0..3),
            depth in 8_u8..=11,
            deeper in 0_u8..2,
            byte: u8,
        ) {
            let heads = shards(depth, &old).deepened(depth + deeper).unwrap();
            let mut prepared = PreparedDirectory::new(secret(byte), ROOT, heads).unwrap();
            let mut model: BTreeMap<TenantId, SlotHead> = old.iter().map(|head| (head.id, *head)).collect();
            for changes in &changes {
                prepared = prepared.with_changes(changes).unwrap();
                model.extend(changes.iter().map(|head| (head.id, *head)));
            }
            let depth = depth + deeper;
            let directory = prepared.finish(7, Time::MIN);
            let heads: Vec<SlotHead> = model.values().copied().collect();
            prop_assert!(directory.heads().iter().eq(&heads));
            let hash = directory_by_definition(depth, &secret(byte), &shards(depth, &heads));
            prop_assert_eq!(directory.entry(), DirectoryEntry { time: Time::MIN, hash });
            prop_assert_eq!(build(depth, secret(byte), &heads).entry(), directory.entry());
            for first in 0..=255 {
                let id = id(first, first ^ 0x5a);
                let Some((head, salt, siblings)) = directory.prove(&id) else {
                    prop_assert!(!model.contains_key(&id));
                    continue;
                };
                prop_assert_eq!(Some(head.clone()), model[&id].to_head(ROOT));
                let top = root_of_path(head.origin.slot(depth), &head_leaf(&head, &salt), &siblings);
                prop_assert_eq!(directory_hash(depth, &top), hash);
            }
        }
    }
}
