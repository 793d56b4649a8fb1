//! Which of many things has to go first, where what they are ranked by changes all the time.

/// How soon something goes: what has the least goes first.
pub(crate) type Rank = (u32, u64);

/// Gives the rank of what is in a slot.
pub(crate) type RankOf<'a> = &'a dyn Fn(u32) -> Rank;

/// Slots by their ranks, as a heap; of equal ones the lower slot goes first. There may be many: ranks are asked for, not
/// kept.
#[derive(Clone, Debug, Default)]
pub(crate) struct IndexedHeap {
    /// What stands at `(at - 1) / 2` goes before what stands at `at`.
    heap: Vec<u32>,
    /// Where each slot stands there.
    places: Vec<u32>,
}

impl IndexedHeap {
    /// Of all of these.
    pub(crate) fn of(slots: impl Iterator<Item = u32>, rank_of: RankOf<'_>) -> Self {
        let mut heap = Self::default();
        slots.for_each(|slot| heap.insert(slot, rank_of));
        heap
    }

    /// Adds a slot that is not there yet.
    pub(crate) fn insert(&mut self, slot: u32, rank_of: RankOf<'_>) {
        self.heap.push(slot);
        let least = slot as usize + 1;
        self.places.resize(self.places.len().max(least), 0);
        self.settle(self.heap.len() - 1, rank_of);
    }

    /// The rank of a slot has changed.
    pub(crate) fn change(&mut self, slot: u32, rank_of: RankOf<'_>) {
        self.settle(self.places[slot as usize] as usize, rank_of);
    }

    /// The first.
    pub(crate) fn first(&self) -> Option<u32> {
        self.heap.first().copied()
    }

    /// Removes the first.
    pub(crate) fn pop(&mut self, rank_of: RankOf<'_>) -> Option<u32> {
        let last = self.heap.pop()?;
        let Some(first) = self.heap.first_mut() else { return Some(last) };
        let first = std::mem::replace(first, last);
        self.settle(0, rank_of);
        Some(first)
    }

    /// Moves what stands there to where it belongs.
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
        fn what_has_the_least_goes_first(steps in prop::collection::vec((0..4u8, 0..20usize, 0..6u32, 0..6u64), 0..200)) {
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
