//! A hash table of known field names. Looking up a field of an event compares it with one or two of them at most.
//!
//! ```
//! use countersign_query::names::Names;
//!
//! let mut names = Names::default();
//! assert_eq!(names.get_or_insert("actor", 7), 7);
//! assert_eq!((names.get_or_insert("actor", 8), names.get("action")), (7, None));
//! ```

/// Names with their hash and value.
#[derive(Clone, Debug, Default)]
pub struct Names {
    names: Vec<(u32, Box<str>, usize)>,
    /// Indexes into `names` by hash, counted from one; 0 is a free slot. Open addressing with linear probing.
    slots: Box<[u32]>,
}

/// Hashes a name by its length, its first bytes, and its last bytes. Not resistant to collisions: rule authors choose
/// the names in the table, authors of events don't.
fn mark(name: &[u8]) -> u32 {
    let four = |at: usize| match name.get(at..at + 4) {
        Some(&[a, b, c, d]) => u32::from_le_bytes([a, b, c, d]),
        _ => 0,
    };
    let (begin, end) = match name {
        [.., _, _, _, _] => (four(0), four(name.len() - 4)),
        [] => (0, 0),
        [first, .., last] => (u32::from(*first), u32::from(*last)),
        [one] => (u32::from(*one), 0),
    };
    let mixed = begin.wrapping_mul(0x9e37_79b1) ^ end.wrapping_mul(0x85eb_ca6b) ^ name.len() as u32;
    mixed.wrapping_mul(0xc2b2_ae35)
}

/// The higher bits are mixed best; large tables need the lower ones too.
const fn slot(mark: u32) -> usize {
    mark.rotate_left(16) as usize
}

impl Names {
    /// Returns the number of names.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Iterates over the names in insertion order.
    pub fn iter(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|(_, name, _)| &**name)
    }

    /// True if there are no names.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Returns the value of a name.
    pub fn get(&self, name: &str) -> Option<usize> {
        let most = self.slots.len().checked_sub(1)?;
        let mark = mark(name.as_bytes());
        let mut at = slot(mark) & most;
        loop {
            let (marked, known, leads_to) =
                self.names.get((*self.slots.get(at)? as usize).checked_sub(1)?)?;
            if *marked == mark && **known == *name {
                return Some(*leads_to);
            }
            at = (at + 1) & most;
        }
    }

    /// Returns the value of a name, inserting it if the name is new.
    pub fn get_or_insert(&mut self, name: &str, leads_to: usize) -> usize {
        if let Some(known) = self.get(name) {
            return known;
        }
        self.names.push((mark(name.as_bytes()), name.into(), leads_to));
        if self.names.len() * 2 > self.slots.len() {
            self.slots = vec![0; (self.names.len() * 4).next_power_of_two()].into();
            (1..=self.names.len()).for_each(|nth| self.place(nth));
        } else {
            self.place(self.names.len());
        }
        leads_to
    }

    /// Stores the nth name in the next free slot; at least half of the slots are free.
    fn place(&mut self, nth: usize) {
        let most = self.slots.len() - 1;
        let mut at = slot(self.names[nth - 1].0) & most;
        while self.slots[at] != 0 {
            at = (at + 1) & most;
        }
        self.slots[at] = nth as u32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn get_returns_the_inserted_value() {
        let mut names = Names::default();
        assert_eq!(names.get(""), None);
        let all: Vec<String> = (0..500).map(|nth| format!("{:0>1$}", nth, nth % 9)).collect();
        for (nth, name) in all.iter().enumerate() {
            assert_eq!(names.get_or_insert(name, nth), all.iter().position(|other| other == name).unwrap());
        }
        for name in &all {
            assert_eq!(names.get(name), all.iter().position(|other| other == name));
        }
        for none in ["", "x", "0000x", "é", "00000000000000"] {
            assert_eq!(names.get(none), None, "{none}");
        }
        assert_eq!((names.get_or_insert("", 7), names.get("")), (7, Some(7)));
    }
}
