//! A bounded store of items by name. Which item is evicted depends only on the items.

use crate::indexed_heap::{IndexedHeap, Rank, RankOf};
use crate::numbers::Numbers;
use crate::small::SmallStr;

/// A bounded store of items by name.
#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    capacity: usize,
    slots: Numbers,
    items: Vec<(SmallStr, T)>,
    free: Vec<u32>,
    /// The order of eviction, built at the first eviction.
    order: Option<IndexedHeap>,
    /// The number of evictions, and the entry that caused the first.
    pub(crate) evicted: Option<(u64, u64)>,
}

/// An item that can be evicted.
pub(crate) trait Ranked {
    fn rank(&self) -> Rank;
}

impl<T: Ranked + Default> Store<T> {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            capacity,
            slots: Numbers::default(),
            items: Vec::new(),
            free: Vec::new(),
            order: None,
            evicted: None,
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.slots.len()
    }

    #[cfg(feature = "snapshot")]
    pub(crate) fn is_full(&self) -> bool {
        self.slots.len() >= self.capacity
    }

    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        self.slots.find(name, &|slot| self.name(slot))
    }

    pub(crate) fn get(&self, slot: u32) -> &T {
        &self.items[slot as usize].1
    }

    pub(crate) fn name(&self, slot: u32) -> &str {
        &self.items[slot as usize].0
    }

    /// Changes an item, and updates its rank.
    pub(crate) fn change<R>(&mut self, slot: u32, change: impl FnOnce(&mut T) -> R) -> R {
        let item = &mut self.items[slot as usize].1;
        let before = item.rank();
        let result = change(item);
        let after = item.rank();
        if let Some(order) = &mut self.order
            && before != after
        {
            order.change(slot, &|slot| self.items[slot as usize].1.rank());
        }
        result
    }

    /// Returns the slot of a name, creating a default item if it is new, and the item that was evicted for
    /// it.
    pub(crate) fn enter(&mut self, name: &str, leaf: u64) -> (u32, Option<T>) {
        if let Some(slot) = self.find(name) {
            return (slot, None);
        }
        let gone = if self.slots.len() < self.capacity { None } else { self.evict(leaf) };
        let item = (name.into(), T::default());
        let slot = self.free.pop().unwrap_or(self.items.len() as u32);
        match self.items.get_mut(slot as usize) {
            Some(place) => *place = item,
            None => self.items.push(item),
        }
        if let Some(order) = &mut self.order {
            order.insert(slot, &|slot| self.items[slot as usize].1.rank());
        }
        self.slots.insert(slot, &|slot| &self.items[slot as usize].0);
        (slot, gone)
    }

    /// Evicts the item with the lowest rank.
    pub(crate) fn evict(&mut self, leaf: u64) -> Option<T> {
        let rank_of: RankOf<'_> = &|slot| self.items[slot as usize].1.rank();
        let order = self.order.get_or_insert_with(|| IndexedHeap::from_slots(self.slots.all(), rank_of));
        let slot = order.pop(rank_of)?;
        let (number, _) = self.evicted.get_or_insert((0, leaf));
        *number += 1;
        self.slots.remove(slot, &|slot| &self.items[slot as usize].0);
        let (_, item) = std::mem::take(&mut self.items[slot as usize]);
        self.free.push(slot);
        Some(item)
    }

    /// Returns all slots in use, in no particular order.
    pub(crate) fn slots(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Item(u32, u64);

    impl Ranked for Item {
        fn rank(&self) -> Rank {
            (self.0.into(), self.1)
        }
    }

    #[test]
    fn evicts_and_counts_the_lowest_rank() {
        let mut store: Store<Item> = Store::new(3);
        for (leaf, name) in (0..).zip(["a", "b", "a", "c", "d", "d", "e", "a"]) {
            let (slot, _) = store.enter(name, leaf);
            store.change(slot, |item| *item = Item(item.0 + 1, leaf));
        }
        // b is evicted for d, and c for e.
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|name| store.find(name).is_some()),
            [true, false, false, true, true]
        );
        assert_eq!((store.len(), store.evicted), (3, Some((2, 4))));
        assert_eq!(store.find("a").map(|slot| store.get(slot).0), Some(3));
    }
}
