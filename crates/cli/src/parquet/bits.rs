//! A set of numbers, most of which come in runs.

use std::collections::BTreeMap;

/// How many numbers share a block.
const BLOCK: u64 = 4096;

/// The numbers, a bit each in blocks that are there only where a number is.
#[derive(Default)]
pub(super) struct Bits(BTreeMap<u64, Box<[u64; 64]>>);

impl Bits {
    pub(super) fn insert(&mut self, number: u64) {
        let block = self.0.entry(number / BLOCK).or_insert_with(|| Box::new([0; 64]));
        block[(number % BLOCK / 64) as usize] |= 1 << (number % 64);
    }

    pub(super) fn contains(&self, number: u64) -> bool {
        let block = self.0.get(&(number / BLOCK));
        block.is_some_and(|block| block[(number % BLOCK / 64) as usize] >> (number % 64) & 1 == 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_what_was_put_in_and_nothing_else() {
        let mut bits = Bits::default();
        let numbers = [0, 1, 63, 64, 4095, 4096, 70_000, (1 << 53) - 1];
        for number in numbers {
            bits.insert(number);
        }
        for number in numbers {
            for near in number.saturating_sub(2)..number + 2 {
                assert_eq!(bits.contains(near), numbers.contains(&near), "{near}");
            }
        }
        assert_eq!(bits.0.len(), 4);
    }
}
