//! A bounded number of things by their names. Which one has to go depends on nothing but what was taken.

use crate::indexed_heap::{IndexedHeap, Rank, RankOf};
use crate::numbers::Numbers;
use crate::small::SmallStr;

/// Things by their names.
#[derive(Clone, Debug)]
pub(crate) struct Store<T> {
    most: usize,
    slots: Numbers,
    items: Vec<(SmallStr, T)>,
    free: Vec<u32>,
    /// Kept from when something has to go.
    order: Option<IndexedHeap>,
    /// How many had to go, and the leaf that made the first go.
    pub(crate) evicted: Option<(u64, u64)>,
}

/// What says how soon it goes.
pub(crate) trait Ranked {
    fn rank(&self) -> Rank;
}

impl<T: Ranked + Default> Store<T> {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            most,
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
        self.slots.len() >= self.most
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

    /// Changes what is there, and what it says of how soon it goes.
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

    /// The place of this name, and what had to go for it.
    pub(crate) fn enter(&mut self, name: &str, leaf: u64) -> (u32, Option<T>) {
        if let Some(slot) = self.find(name) {
            return (slot, None);
        }
        let gone = if self.slots.len() < self.most { None } else { self.evict(leaf) };
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

    /// Forgets what goes first.
    pub(crate) fn evict(&mut self, leaf: u64) -> Option<T> {
        let rank_of: RankOf<'_> = &|slot| self.items[slot as usize].1.rank();
        let order = self.order.get_or_insert_with(|| IndexedHeap::of(self.slots.all(), rank_of));
        let slot = order.pop(rank_of)?;
        let (number, _) = self.evicted.get_or_insert((0, leaf));
        *number += 1;
        self.slots.remove(slot, &|slot| &self.items[slot as usize].0);
        let (_, item) = std::mem::take(&mut self.items[slot as usize]);
        self.free.push(slot);
        Some(item)
    }

    /// All places that are taken, in no order that means anything.
    pub(crate) fn places(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default)]
    struct Seen(u32, u64);

    impl Ranked for Seen {
        fn rank(&self) -> Rank {
            (self.0, self.1)
        }
    }

    #[test]
    fn the_least_goes_first_and_is_counted() {
        let mut store: Store<Seen> = Store::new(3);
        for (leaf, name) in (0..).zip(["a", "b", "a", "c", "d", "d", "e", "a"]) {
            let (slot, _) = store.enter(name, leaf);
            store.change(slot, |seen| *seen = Seen(seen.0 + 1, leaf));
        }
        // b goes for d, c for e.
        assert_eq!(
            ["a", "b", "c", "d", "e"].map(|name| store.find(name).is_some()),
            [true, false, false, true, true]
        );
        assert_eq!((store.len(), store.evicted), (3, Some((2, 4))));
        assert_eq!(store.find("a").map(|slot| store.get(slot).0), Some(3));
    }
}
