//! A priority queue of slots whose ranks change often.

/// The rank of a slot. The lowest is removed first.
pub(crate) type Rank = (i64, u64);

/// Returns the rank of a slot.
pub(crate) type RankOf<'a> = &'a dyn Fn(u32) -> Rank;

/// A heap of slots by rank; of equal ranks the lower slot comes first. There may be many slots, so ranks
/// are computed on demand.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexedHeap {
    /// A binary heap: the slot at `(at - 1) / 2` comes before the slot at `at`.
    heap: Vec<u32>,
    /// Each slot's index in `heap`.
    places: Vec<u32>,
}

impl IndexedHeap {
    /// Creates a heap of these slots.
    pub(crate) fn from_slots(slots: impl Iterator<Item = u32>, rank_of: RankOf<'_>) -> Self {
        let mut heap = Self::default();
        slots.for_each(|slot| heap.insert(slot, rank_of));
        heap
    }

    /// Adds a slot that isn't in the heap yet.
    pub(crate) fn insert(&mut self, slot: u32, rank_of: RankOf<'_>) {
        self.heap.push(slot);
        let least = slot as usize + 1;
        self.places.resize(self.places.len().max(least), 0);
        self.settle(self.heap.len() - 1, rank_of);
    }

    /// Moves a slot whose rank has changed.
    pub(crate) fn change(&mut self, slot: u32, rank_of: RankOf<'_>) {
        self.settle(self.places[slot as usize] as usize, rank_of);
    }

    /// Returns the first slot.
    pub(crate) fn first(&self) -> Option<u32> {
        self.heap.first().copied()
    }

    /// Removes and returns the first slot.
    pub(crate) fn pop(&mut self, rank_of: RankOf<'_>) -> Option<u32> {
        let last = self.heap.pop()?;
        let Some(first) = self.heap.first_mut() else { return Some(last) };
        let first = std::mem::replace(first, last);
        self.settle(0, rank_of);
        Some(first)
    }

    /// Moves the slot at `at` to its position.
    fn settle(&mut self, mut at: usize, rank_of: RankOf<'_>) {
        let slot = self.heap[at];
        let rank = |slot: u32| (rank_of(slot), slot);
        let own = rank(slot);
        while let Some(above) = at.checked_sub(1).map(|before| before / 2)
            && own < rank(self.heap[above])
        {
            self.put(self.heap[above], at);
            at = above;
        }
        while let Some(below) =
            (at * 2 + 1..self.heap.len().min(at * 2 + 3)).min_by_key(|at| rank(self.heap[*at]))
            && rank(self.heap[below]) < own
        {
            self.put(self.heap[below], at);
            at = below;
        }
        self.put(slot, at);
    }

    fn put(&mut self, slot: u32, at: usize) {
        self.heap[at] = slot;
        self.places[slot as usize] = at as u32;
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
                fn removes_the_lowest_rank_first(steps in prop::collection::vec((0..4u8, 0..20usize, 0..6i64, 0..6u64), 0..200)) {
            let ranks = RefCell::new(vec![None; 20]);
            let rank_of = |slot: u32| ranks.borrow()[slot as usize].unwrap_or_default();
            let mut heap = IndexedHeap::default();
            for (step, slot, first, then) in steps {
                if step > 0 {
                    let before = ranks.borrow_mut()[slot].replace((first, then));
                    match before {
                        Some(_) => heap.change(slot as u32, &rank_of),
                        None => heap.insert(slot as u32, &rank_of),
                    }
                    continue;
                }
                let all = (0..).zip(ranks.borrow().iter()).filter_map(|(slot, rank)| Some(((*rank)?, slot))).min();
                let popped = heap.pop(&rank_of);
                prop_assert_eq!(popped, all.map(|(_, slot)| slot));
                if let Some(slot) = popped {
                    ranks.borrow_mut()[slot as usize] = None;
                }
            }
        }
    }
}
