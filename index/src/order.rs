//! In which order rows are.

use crate::bits::Bits;

/// What is told of the rows that there are.
pub(crate) trait Placed {
    /// The line of a row.
    fn line(&self, row: u32) -> i64;
    /// The time of a row.
    fn time(&self, row: u32) -> i64;
}

/// The rows that there are, sorted as they are needed. What comes anew is mostly behind what is there.
#[derive(Debug, Default)]
pub(crate) struct Orders {
    by_line: Vec<u32>,
    by_time: Vec<u32>,
    /// Whether rows stand otherwise than they came.
    moved_by_line: bool,
    moved_by_time: bool,
}

impl Orders {
    /// So many rows by their lines.
    pub(crate) fn by_line(&mut self, rows: usize, placed: &impl Placed) -> &[u32] {
        let known = self.by_line.len();
        if known < rows {
            self.by_line.extend(known as u32..rows as u32);
            let begin = self.by_line[known..].iter().map(|row| placed.line(*row)).min().unwrap_or(0);
            let from = self.by_line[..known].partition_point(|row| placed.line(*row) < begin);
            self.moved_by_line |= sort(&mut self.by_line[from..], &|row| placed.line(row));
        }
        &self.by_line
    }

    /// By their times; of the same time by their lines.
    pub(crate) fn by_time(&mut self, rows: usize, placed: &impl Placed) -> &[u32] {
        if self.by_time.len() < rows {
            self.by_line(rows, placed);
            self.by_time.clone_from(&self.by_line);
            self.moved_by_time = sort(&mut self.by_time, &|row| placed.time(row)) || self.moved_by_line;
        }
        &self.by_time
    }

    /// The rows that are in a set, in order.
    pub(crate) fn of_set(
        &mut self,
        by_time: bool,
        set: &Bits,
        count: usize,
        rows: usize,
        placed: &impl Placed,
    ) -> Vec<u32> {
        let (all, moved) = if by_time {
            self.by_time(rows, placed);
            (&self.by_time, self.moved_by_time)
        } else {
            self.by_line(rows, placed);
            (&self.by_line, self.moved_by_line)
        };
        let mut found = Vec::with_capacity(count);
        if moved {
            found.extend(all.iter().filter(|row| set.get(**row as usize)));
        } else {
            // Then those that are in the set are all that is looked at.
            found.extend(set.rows().map(|row| row as u32));
        }
        found
    }

    pub(crate) fn bytes(&self) -> usize {
        (self.by_line.len() + self.by_time.len()) * 4
    }
}

/// Sorts rows by a number, those of the same number as they stood, and says whether any was moved. Runs that ascend are
/// merged: what is nearly in order takes one look.
pub(crate) fn sort(rows: &mut [u32], number: &dyn Fn(u32) -> i64) -> bool {
    let mut keyed: Vec<(i64, u32)> = rows.iter().map(|row| (number(*row), *row)).collect();
    let mut ends: Vec<usize> = (1..keyed.len()).filter(|nth| keyed[*nth].0 < keyed[nth - 1].0).collect();
    if ends.is_empty() {
        return false;
    }
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
    true
}

/// Merges two sorted parts, of which the second begins there.
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

    proptest! {
        #[test]
        fn sorts_as_the_library_does(numbers in prop::collection::vec(-9_i64..9, 0..60)) {
            let mut rows: Vec<u32> = (0..numbers.len() as u32).collect();
            let mut wanted = rows.clone();
            let number = |row: u32| numbers[row as usize];
            wanted.sort_by_key(|row| number(*row));
            let moved = super::sort(&mut rows, &number);
            prop_assert_eq!(moved, !wanted.is_sorted());
            prop_assert_eq!(rows, wanted);
        }
    }
}
