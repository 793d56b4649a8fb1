//! A hash table from values to their codes, which is consulted for each value of each event.

/// Codes by the hash of their value. Open addressing with linear probing.
#[derive(Clone, Debug, Default)]
pub(crate) struct Codes {
    /// At most three quarters of the slots are taken.
    slots: Vec<Slot>,
    count: usize,
}

#[derive(Clone, Copy, Debug, Default)]
struct Slot {
    hash: u32,
    /// The code plus one; 0 is a free slot.
    above: u32,
}

impl Codes {
    /// Returns the code with this hash for which `is` holds.
    #[inline]
    pub(crate) fn find(&self, hash: u32, is: impl Fn(u32) -> bool) -> Option<u32> {
        let most = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & most;
        loop {
            let slot = self.slots.get(at)?;
            let code = slot.above.checked_sub(1)?;
            if slot.hash == hash && is(code) {
                return Some(code);
            }
            at = (at + 1) & most;
        }
    }

    /// Adds a code that is not in the table.
    pub(crate) fn insert(&mut self, hash: u32, code: u32) {
        self.count += 1;
        if self.count * 4 > self.slots.len() * 3 {
            let more = vec![Slot::default(); (self.slots.len() * 2).max(4)];
            for slot in core::mem::replace(&mut self.slots, more) {
                if slot.above > 0 {
                    self.put(slot);
                }
            }
        }
        self.put(Slot { hash, above: code + 1 });
    }

    fn put(&mut self, slot: Slot) {
        let most = self.slots.len() - 1;
        let mut at = slot.hash as usize & most;
        while self.slots[at].above > 0 {
            at = (at + 1) & most;
        }
        self.slots[at] = slot;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_codes_with_any_hashes() {
        for spread in [1, 3, 1 << 20, 0] {
            let mut codes = Codes::default();
            assert_eq!(codes.find(0, |_| true), None);
            for code in 0..999 {
                assert_eq!(codes.find(code * spread, |found| found == code), None);
                codes.insert(code * spread, code);
            }
            for code in 0..999 {
                assert_eq!(codes.find(code * spread, |found| found == code), Some(code));
                assert_eq!(codes.find(code * spread + 1, |found| found == code), None);
            }
        }
    }
}
