//! Sorted orders of rows.

use crate::answer::Rows;
use crate::bits::Bits;

/// The sort keys of rows.
pub(crate) trait SortKeys {
    /// Returns the line of a row.
    fn line(&self, row: u32) -> i64;
    /// Returns the time of a row in milliseconds.
    fn time(&self, row: u32) -> i64;
}

/// Rows sorted by line and by time, computed on demand. New rows mostly belong at the end.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    by_line: Sorted,
    by_time: Sorted,
}

/// A sorted list of rows, mostly in insertion order.
#[derive(Debug, Default)]
pub(crate) struct Sorted {
    len: usize,
    /// The rows, or `None` if they are in insertion order.
    moved: Option<Vec<u32>>,
}

impl Sorted {
    pub(crate) fn get(&self, place: usize) -> Option<u32> {
        match &self.moved {
            Some(rows) => rows.get(place).copied(),
            None => (place < self.len).then_some(place as u32),
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        (0..self.len).filter_map(|place| self.get(place))
    }

    /// Returns the first position where `is` is false, as in [`slice::partition_point`].
    pub(crate) fn partition_point(&self, is: &dyn Fn(u32) -> bool) -> usize {
        let (mut begin, mut end) = (0, self.len);
        while begin < end {
            let middle = usize::midpoint(begin, end);
            if self.get(middle).is_some_and(is) {
                begin = middle + 1;
            } else {
                end = middle;
            }
        }
        begin
    }

    /// Extends the list to `len` rows if they are in insertion order by this number. Examines only new rows.
    fn extend_in_order(&mut self, len: usize, number: &dyn Fn(u32) -> i64) -> bool {
        let new = self.len.saturating_sub(1) as u32..len as u32;
        let is_in_order = self.moved.is_none() && new.map(number).is_sorted();
        if is_in_order {
            self.len = len;
        }
        is_in_order
    }

    fn set_order(&mut self, rows: Vec<u32>) {
        self.len = rows.len();
        self.moved = Some(rows);
    }
}

impl Orders {
    /// Returns the first `rows` rows sorted by line.
    pub(crate) fn by_line(&mut self, rows: usize, keys: &impl SortKeys) -> &Sorted {
        let by_line = &mut self.by_line;
        let line = &|row| keys.line(row);
        if by_line.len < rows && !by_line.extend_in_order(rows, line) {
            let new = by_line.len as u32..rows as u32;
            let begin = new.clone().map(line).min().unwrap_or(0);
            let from = by_line.partition_point(&|row| line(row) < begin);
            let mut sorted = by_line.moved.take().unwrap_or_else(|| (0..new.start).collect());
            sorted.extend(new);
            sort(&mut sorted[from..], line);
            by_line.set_order(sorted);
        }
        by_line
    }

    /// Returns the first `rows` rows sorted by time, then by line.
    pub(crate) fn by_time(&mut self, rows: usize, keys: &impl SortKeys) -> &Sorted {
        if self.by_time.len < rows {
            self.by_line(rows, keys);
            let time = &|row| keys.time(row);
            if self.by_line.moved.is_some() || !self.by_time.extend_in_order(rows, time) {
                let mut sorted: Vec<u32> = self.by_line.iter().collect();
                sort(&mut sorted, time);
                self.by_time.set_order(sorted);
            }
        }
        &self.by_time
    }

    /// Returns the rows of a set, sorted.
    pub(crate) fn sorted_set(
        &mut self,
        by_time: bool,
        set: &Bits,
        rows: usize,
        keys: &impl SortKeys,
    ) -> Rows {
        let sorted = if by_time { self.by_time(rows, keys) } else { self.by_line(rows, keys) };
        match &sorted.moved {
            Some(all) => Rows::List(all.iter().copied().filter(|row| set.get(*row as usize)).collect()),
            None => Rows::from_set(set.clone()),
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        [&self.by_line, &self.by_time]
            .into_iter()
            .flat_map(|sorted| &sorted.moved)
            .map(|rows| rows.len() * 4)
            .sum()
    }
}

/// Sorts rows by a number, stably. Merges ascending runs, so that nearly sorted input takes linear time.
pub(crate) fn sort(rows: &mut [u32], number: &dyn Fn(u32) -> i64) {
    let mut keyed: Vec<(i64, u32)> = rows.iter().map(|row| (number(*row), *row)).collect();
    let mut ends: Vec<usize> = (1..keyed.len()).filter(|nth| keyed[*nth].0 < keyed[nth - 1].0).collect();
    ends.push(keyed.len());
    let mut spare = Vec::new();
    while ends.len() > 1 {
        let mut begin = 0;
        let mut merged = Vec::with_capacity(ends.len().div_ceil(2));
        for pair in ends.chunks(2) {
            let end = pair[pair.len() - 1];
            merge(&mut keyed[begin..end], pair[0] - begin, &mut spare);
            merged.push(end);
            begin = end;
        }
        ends = merged;
    }
    for (row, (_, sorted)) in rows.iter_mut().zip(keyed) {
        *row = sorted;
    }
}

/// Merges two adjacent sorted parts; the second starts at `middle`.
fn merge(keyed: &mut [(i64, u32)], middle: usize, spare: &mut Vec<(i64, u32)>) {
    let Some(second) = keyed.get(middle).map(|first| first.0) else { return };
    let from = keyed[..middle].partition_point(|(number, _)| *number <= second);
    spare.clear();
    spare.extend(&keyed[from..middle]);
    let (mut left, mut right) = (0, middle);
    for at in from..keyed.len() {
        let Some(one) = spare.get(left) else { return };
        if keyed.get(right).is_some_and(|other| other.0 < one.0) {
            keyed[at] = keyed[right];
            right += 1;
        } else {
            keyed[at] = *one;
            left += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Rows given as pairs of line and time.
    impl SortKeys for &[(i64, i64)] {
        fn line(&self, row: u32) -> i64 {
            self[row as usize].0
        }

        fn time(&self, row: u32) -> i64 {
            self[row as usize].1
        }
    }

    proptest! {
        #[test]
        fn sorts_like_the_standard_library(
            numbers in prop::collection::vec((-9_i64..9, -9_i64..9), 0..60),
            lines_move in any::<bool>(),
            times_move in any::<bool>(),
            parts in prop::collection::vec(0_usize..60, 0..4),
        ) {
            let mut numbers = numbers;
            if !lines_move {
                numbers.sort_unstable();
            }
            if !times_move {
                for (line, time) in &mut numbers {
                    *time = *line;
                }
            }
            let keys = &numbers[..];
            let mut orders = Orders::default();
            let mut parts: Vec<usize> = parts.into_iter().map(|part| part.min(numbers.len())).collect();
            parts.sort_unstable();
            for rows in parts.into_iter().chain([numbers.len()]) {
                let mut wanted: Vec<u32> = (0..rows as u32).collect();
                wanted.sort_by_key(|row| keys.line(*row));
                prop_assert_eq!(orders.by_line(rows, &keys).iter().collect::<Vec<_>>(), &wanted[..]);
                let after = orders.by_line(rows, &keys).partition_point(&|row| keys.line(row) < 2);
                prop_assert_eq!(after, wanted.partition_point(|row| keys.line(*row) < 2));
                wanted.sort_by_key(|row| keys.time(*row));
                prop_assert_eq!(orders.by_time(rows, &keys).iter().collect::<Vec<_>>(), &wanted[..]);
                let mut set = Bits::none(rows);
                (0..rows).step_by(3).for_each(|row| set.put(row, true));
                let found = orders.sorted_set(true, &set, rows, &keys);
                wanted.retain(|row| set.get(*row as usize));
                prop_assert_eq!(found.range(0..rows), wanted);
            }
            if !lines_move && !times_move {
                prop_assert_eq!(orders.bytes(), 0);
            }
        }
    }
}
