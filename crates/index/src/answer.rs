//! Rows of an answer.

use core::ops::Range;

use crate::bits::{Bits, Ones, WORD, ones};

/// Number of words that are counted together.
const BLOCK: usize = 64;

/// An ordered list of rows.
#[derive(Debug)]
pub(crate) enum Rows {
    /// Rows in insertion order; takes one bit per row of the index.
    Set(Set),
    /// Rows in any order.
    List(Vec<u32>),
}

#[derive(Debug)]
pub(crate) struct Set {
    rows: Bits,
    /// Number of rows before each block.
    before: Vec<u32>,
    len: usize,
    descending: bool,
}

impl Default for Rows {
    fn default() -> Self {
        Self::List(Vec::new())
    }
}

impl Rows {
    /// Creates a list of the rows in a set.
    pub(crate) fn from_set(rows: Bits) -> Self {
        let mut len = 0;
        let before = rows.words().chunks(BLOCK).map(|block| {
            let before = len as u32;
            len += ones(block);
            before
        });
        Self::Set(Set { before: before.collect(), len, rows, descending: false })
    }

    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Set(set) => set.len,
            Self::List(rows) => rows.len(),
        }
    }

    /// Reverses the order.
    pub(crate) fn reverse(&mut self) {
        match self {
            Self::Set(set) => set.descending = !set.descending,
            Self::List(rows) => rows.reverse(),
        }
    }

    /// Returns the rows at some positions.
    pub(crate) fn range(&self, places: Range<usize>) -> Vec<u32> {
        let end = places.end.min(self.len());
        let begin = places.start.min(end);
        match self {
            Self::Set(set) => set.range(begin, end),
            Self::List(rows) => rows[begin..end].to_vec(),
        }
    }

    /// Returns all rows.
    pub(crate) fn all(self) -> Vec<u32> {
        match self {
            Self::Set(set) => set.range(0, set.len),
            Self::List(rows) => rows,
        }
    }

    /// Returns the position of a row.
    pub(crate) fn position(&self, row: u32) -> Option<usize> {
        match self {
            Self::Set(set) => set.position(row as usize),
            Self::List(rows) => rows.iter().position(|other| *other == row),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Set(set) => set.rows.bytes() + size_of_val(&*set.before),
            Self::List(rows) => size_of_val(&**rows),
        }
    }
}

impl Set {
    fn range(&self, begin: usize, end: usize) -> Vec<u32> {
        if self.descending {
            let mut rows = self.ascending(self.len - end, self.len - begin);
            rows.reverse();
            rows
        } else {
            self.ascending(begin, end)
        }
    }

    fn ascending(&self, begin: usize, end: usize) -> Vec<u32> {
        let block = self.before.partition_point(|before| *before as usize <= begin).saturating_sub(1);
        let before = self.before.get(block).map_or(0, |before| *before as usize);
        let mut before_first = begin - before;
        let mut rows = Vec::with_capacity(end - begin);
        for (nth, word) in self.rows.words().iter().enumerate().skip(block * BLOCK) {
            for bit in Ones(*word) {
                if before_first > 0 {
                    before_first -= 1;
                } else if rows.len() < end - begin {
                    rows.push((nth * WORD + bit) as u32);
                } else {
                    return rows;
                }
            }
        }
        rows
    }

    fn position(&self, row: usize) -> Option<usize> {
        if !self.rows.get(row) {
            return None;
        }
        let (word, bit) = (row / WORD, row % WORD);
        let words = self.rows.words();
        let block = word / BLOCK;
        let within = ones(&words[block * BLOCK..word]) + ones(&[words[word] & !(u64::MAX << bit)]);
        let place = self.before[block] as usize + within;
        Some(if self.descending { self.len - 1 - place } else { place })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn sets_and_lists_agree(
            rows in 0_usize..20_000,
            nth in 1_usize..700,
            descending in any::<bool>(),
            from in 0_usize..300,
            count in 0_usize..300,
        ) {
            let mut set = Bits::none(rows);
            (0..rows).filter(|row| row % nth < 2 || row / 5000 == 1).for_each(|row| set.put(row, true));
            let mut list = Rows::List(set.rows().map(|row| row as u32).collect());
            let mut set = Rows::from_set(set);
            if descending {
                set.reverse();
                list.reverse();
            }
            prop_assert_eq!(set.len(), list.len());
            prop_assert_eq!(set.range(from..from + count), list.range(from..from + count));
            let near_end = list.len().saturating_sub(from);
            prop_assert_eq!(set.range(near_end..near_end + count), list.range(near_end..near_end + count));
            for row in (0..rows as u32).step_by(97).chain([rows as u32, u32::MAX]) {
                prop_assert_eq!(set.position(row), list.position(row));
            }
            prop_assert_eq!(set.all(), list.all());
        }
    }
}
