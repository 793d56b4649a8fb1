//! Bit sets of rows.

/// A set of rows below `len`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Bits {
    words: Vec<u64>,
    len: usize,
}

/// Number of rows in a word.
pub(crate) const WORD: usize = 64;

impl Bits {
    /// Creates an empty set.
    pub(crate) fn none(len: usize) -> Self {
        Self { words: vec![0; len.div_ceil(WORD)], len }
    }

    /// Creates a full set.
    pub(crate) fn all(len: usize) -> Self {
        let mut bits = Self { words: vec![u64::MAX; len.div_ceil(WORD)], len };
        bits.trim();
        bits
    }

    fn trim(&mut self) {
        let rest = self.len % WORD;
        if let (Some(last), 1..) = (self.words.last_mut(), rest) {
            *last &= u64::MAX >> (WORD - rest);
        }
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn get(&self, row: usize) -> bool {
        self.words.get(row / WORD).is_some_and(|word| word >> (row % WORD) & 1 == 1)
    }

    pub(crate) fn put(&mut self, row: usize, is_in: bool) {
        if let Some(word) = self.words.get_mut(row / WORD).filter(|_| row < self.len) {
            let bit = 1 << (row % WORD);
            *word = if is_in { *word | bit } else { *word & !bit };
        }
    }

    /// Returns the words of 64 rows each.
    pub(crate) fn words(&self) -> &[u64] {
        &self.words
    }

    /// Returns the words for writing. Bits beyond `len` must stay zero.
    pub(crate) fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    pub(crate) fn count(&self) -> usize {
        ones(&self.words)
    }

    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.words)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    fn each(&mut self, other: &Self, change: impl Fn(&mut u64, u64)) {
        debug_assert_eq!(self.len, other.len);
        self.words.iter_mut().zip(&other.words).for_each(|(word, other)| change(word, *other));
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.each(other, |word, other| *word &= other);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.each(other, |word, other| *word |= other);
    }

    /// Removes the other set's rows.
    pub(crate) fn less(&mut self, other: &Self) {
        self.each(other, |word, other| *word &= !other);
    }

    pub(crate) fn flip(&mut self) {
        self.words.iter_mut().for_each(|word| *word = !*word);
        self.trim();
    }

    /// Iterates over the rows in order.
    pub(crate) fn rows(&self) -> impl DoubleEndedIterator<Item = usize> {
        self.words.iter().enumerate().flat_map(|(nth, word)| Ones(*word).map(move |bit| nth * WORD + bit))
    }

    /// Calls `take` with the list's items at the set's rows.
    pub(crate) fn each_of<T: Copy>(&self, list: &[T], mut take: impl FnMut(T)) {
        for (word, items) in self.words.iter().zip(list.chunks(WORD)) {
            if *word == u64::MAX {
                for item in items {
                    take(*item);
                }
            } else {
                Ones(*word).filter_map(|bit| items.get(bit)).for_each(|item| take(*item));
            }
        }
    }

    /// Iterates over the rows from `first` on.
    pub(crate) fn rows_from(&self, first: usize) -> impl Iterator<Item = usize> {
        let words = self.words.iter().enumerate().skip(first / WORD);
        words
            .flat_map(|(nth, word)| Ones(*word).map(move |bit| nth * WORD + bit))
            .skip_while(move |row| *row < first)
    }

    /// Returns the last row before `end`.
    pub(crate) fn last_before(&self, end: usize) -> Option<usize> {
        let end = end.min(self.len);
        let mut nth = end.div_ceil(WORD);
        while nth > 0 {
            nth -= 1;
            let inside = end - nth * WORD;
            let word = if inside < WORD { self.words[nth] & !(u64::MAX << inside) } else { self.words[nth] };
            if word != 0 {
                return Some(nth * WORD + WORD - 1 - word.leading_zeros() as usize);
            }
        }
        None
    }

    /// Appends the other set's rows from `from` on.
    pub(crate) fn append(&mut self, other: &Self, from: usize) {
        let (begin, len) = (self.len, self.len + other.len.saturating_sub(from));
        self.words.resize(len.div_ceil(WORD), 0);
        self.len = len;
        if begin.is_multiple_of(WORD) && from.is_multiple_of(WORD) {
            let copied = other.words.get(from / WORD..).unwrap_or_default();
            self.words[begin / WORD..].copy_from_slice(copied);
            return;
        }
        for row in other.rows_from(from) {
            self.put(begin + row - from, true);
        }
    }
}

/// Counts the rows in words.
pub(crate) fn ones(words: &[u64]) -> usize {
    words.iter().map(|word| word.count_ones() as usize).sum()
}

/// Iterator over the positions of ones in a word.
pub(crate) struct Ones(pub(crate) u64);

impl Iterator for Ones {
    type Item = usize;

    fn next(&mut self) -> Option<usize> {
        let bit = self.0.trailing_zeros();
        (self.0 != 0).then(|| {
            self.0 &= self.0 - 1;
            bit as usize
        })
    }
}

impl DoubleEndedIterator for Ones {
    fn next_back(&mut self) -> Option<usize> {
        (self.0 != 0).then(|| {
            let bit = WORD - 1 - self.0.leading_zeros() as usize;
            self.0 &= !(1 << bit);
            bit
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_of_visits_the_items_of_its_rows() {
        let list: Vec<u32> = (0..130).collect();
        for rows in [Bits::none(130), Bits::all(130), Bits::all(70)] {
            for out in [None, Some(3), Some(64)] {
                let mut rows = rows.clone();
                if let Some(row) = out {
                    rows.put(row, false);
                }
                let mut had = Vec::new();
                rows.each_of(&list, |item| had.push(item as usize));
                assert_eq!(had, rows.rows().collect::<Vec<_>>());
            }
        }
        Bits::all(130).each_of(&list[..70], |item| assert!(item < 70));
    }

    #[test]
    fn appends_at_any_offset() {
        let mut other = Bits::none(130);
        for row in [0, 1, 63, 64, 100, 129] {
            other.put(row, true);
        }
        for begin in [0, 1, 64, 70] {
            for from in [0, 1, 64, 100, 130] {
                let mut bits = Bits::all(begin);
                bits.append(&other, from);
                let wanted: Vec<usize> = (0..begin)
                    .chain(other.rows().filter(|row| *row >= from).map(|row| begin + row - from))
                    .collect();
                assert_eq!(bits.rows().collect::<Vec<_>>(), wanted, "{begin} {from}");
                assert_eq!((bits.len(), bits.count()), (begin + 130 - from, wanted.len()));
                let last = |end| wanted.iter().copied().rfind(|row| *row < end);
                for end in [0, 1, 64, 65, 128, 200, 500] {
                    assert_eq!(bits.last_before(end), last(end));
                }
            }
        }
    }
}
