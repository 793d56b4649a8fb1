//! Columns: the values of rows at one path or fact.

use std::borrow::Cow;

use foldhash::fast::FixedState;

use crate::bits::Bits;
use crate::packed::{Packed, each_width};
use crate::values::{Gathered, Kind, Values, cut};

/// A mapping from rows to values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) values: Values,
    pub(crate) places: Places,
}

/// The rows' values, by code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Places {
    /// One code per row. A code beyond the values means that the row has none.
    Rows(Packed),
    /// Pairs of row and code in row order. A row can have several.
    Pairs(Vec<u16>, Packed),
}

/// The result of testing a value: no match, a match, or undecided without the event's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Told {
    No = 0,
    Yes = 1,
    Perhaps = 2,
}

impl Told {
    /// Combines the results of alternatives.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Perhaps, _) | (_, Self::Perhaps) => Self::Perhaps,
            (Self::No, Self::No) => Self::No,
        }
    }
}

/// The rows that match, and those that may match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Judged {
    pub(crate) sure: Bits,
    /// A superset of `sure`.
    pub(crate) possible: Bits,
}

impl Judged {
    pub(crate) fn none(rows: usize) -> Self {
        Self { sure: Bits::none(rows), possible: Bits::none(rows) }
    }

    pub(crate) fn exactly(rows: Bits) -> Self {
        Self { possible: rows.clone(), sure: rows }
    }

    /// Marks rows as possible matches.
    pub(crate) fn perhaps(&mut self, rows: &Bits) {
        self.possible.or(rows);
    }

    pub(crate) fn and(&mut self, other: &Self) {
        self.sure.and(&other.sure);
        self.possible.and(&other.possible);
    }

    pub(crate) fn or(&mut self, other: &Self) {
        self.sure.or(&other.sure);
        self.possible.or(&other.possible);
    }

    pub(crate) fn flip(&mut self) {
        core::mem::swap(&mut self.sure, &mut self.possible);
        self.sure.flip();
        self.possible.flip();
    }
}

impl Column {
    /// Adds the rows that have a value with a positive or undecided result.
    pub(crate) fn spread(&self, told: &[Told], judged: &mut Judged) {
        if told.iter().all(|told| *told == Told::No) {
            return;
        }
        let look = |code: usize| told.get(code).map_or(0, |told| *told as u64);
        match &self.places {
            Places::Rows(codes) => each_width!(codes,
                _ => match told.first() {
                    Some(Told::Yes) => *judged = Judged::exactly(Bits::all(judged.sure.len())),
                    Some(Told::Perhaps) => judged.possible = Bits::all(judged.sure.len()),
                    _ => {}
                },
                rows => {
                    let told = &told[..told.len().min(*rows)];
                    let words = judged.sure.words_mut().iter_mut().zip(judged.possible.words_mut());
                    for (told, (sure, possible)) in told.chunks(64).zip(words) {
                        let of = |wanted| {
                            let bits = told.iter().enumerate();
                            bits.fold(0, |bits, (bit, told)| bits | u64::from(*told == wanted) << bit)
                        };
                        let yes = of(Told::Yes);
                        *sure |= yes;
                        *possible |= yes | of(Told::Perhaps);
                    }
                },
                list => {
                    let words = judged.sure.words_mut().iter_mut().zip(judged.possible.words_mut());
                    for (codes, (sure, possible)) in list.chunks(64).zip(words) {
                        let (mut yes, mut perhaps) = (0, 0);
                        for (bit, code) in codes.iter().enumerate() {
                            let told = look(*code as usize);
                            yes |= (told & 1) << bit;
                            perhaps |= (told >> 1) << bit;
                        }
                        *sure |= yes;
                        *possible |= yes | perhaps;
                    }
                }
            ),
            Places::Pairs(rows, codes) => {
                for (row, code) in rows.iter().zip(codes.iter()) {
                    let told = look(code as usize);
                    if told != 0 {
                        judged.possible.put(usize::from(*row), true);
                        if told == 1 {
                            judged.sure.put(usize::from(*row), true);
                        }
                    }
                }
            }
        }
    }

    /// Adds the rows that have any value.
    pub(crate) fn add_rows(&self, to: &mut Bits) {
        let all = vec![Told::Yes; self.values.len()];
        let mut judged = Judged::none(to.len());
        self.spread(&all, &mut judged);
        to.or(&judged.sure);
    }

    /// Returns the codes of a row's values, in order.
    pub(crate) fn codes(&self, row: usize) -> impl Iterator<Item = usize> {
        let range = match &self.places {
            Places::Rows(codes) => {
                let has = (codes.get(row) as usize) < self.values.len();
                row..row + usize::from(has && row < codes.len())
            }
            Places::Pairs(rows, _) => {
                let first = rows.partition_point(|other| usize::from(*other) < row);
                let count = rows[first..].iter().take_while(|other| usize::from(**other) == row).count();
                first..first + count
            }
        };
        let (Places::Rows(codes) | Places::Pairs(_, codes)) = &self.places;
        range.map(|at| codes.get(at) as usize)
    }

    /// Returns the first value of a row.
    pub(crate) fn first(&self, row: usize) -> Option<(Kind, Cow<'_, str>)> {
        self.codes(row).next().map(|code| self.values.get(code))
    }

    /// Calls `take` with each row and code, in row order.
    pub(crate) fn each(&self, mut take: impl FnMut(usize, usize)) {
        match &self.places {
            Places::Rows(codes) => {
                let end = self.values.len();
                codes
                    .iter()
                    .enumerate()
                    .filter(|(_, code)| (*code as usize) < end)
                    .for_each(|(row, code)| take(row, code as usize));
            }
            Places::Pairs(rows, codes) => {
                rows.iter().zip(codes.iter()).for_each(|(row, code)| take(usize::from(*row), code as usize));
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes()
            + match &self.places {
                Places::Rows(codes) => codes.bytes(),
                Places::Pairs(rows, codes) => rows.len() * 2 + codes.bytes(),
            }
    }
}

/// A column under construction.
#[derive(Debug, Default)]
pub(crate) struct Growing {
    pub(crate) values: Gathered,
    rows: Vec<u16>,
    codes: Vec<u32>,
}

/// Compares rows, codes, and values.
impl PartialEq for Growing {
    fn eq(&self, other: &Self) -> bool {
        self.has_same_places(other) && self.values == other.values
    }
}

impl Growing {
    /// Creates a column of values without rows.
    pub(crate) fn of_values(values: Gathered) -> Self {
        Self { values, ..Self::default() }
    }

    /// Creates a column of rows with codes of `count` placeholder values.
    pub(crate) fn of_codes(rows: Vec<u16>, codes: Vec<u32>, count: usize) -> Self {
        Self { values: Gathered::blank(count), rows, codes }
    }

    /// True if the same rows have the same codes.
    pub(crate) fn has_same_places(&self, other: &Self) -> bool {
        self.rows == other.rows && self.codes == other.codes && self.values.len() == other.values.len()
    }

    /// Adds a value to a row. Rows must come in order.
    pub(crate) fn push(&mut self, row: u16, code: u32) {
        self.rows.push(row);
        self.codes.push(code);
    }

    pub(crate) fn push_text(&mut self, hasher: &FixedState, row: u16, text: &str, most: usize) {
        let (kind, text) = cut(text, most);
        let code = self.values.loosely(hasher, kind, text);
        self.push(row, code);
    }

    /// Returns the number of the first equal column, appending this one if there is none.
    pub(crate) fn place(self, columns: &mut Vec<Self>, is: impl Fn(&Self, &Self) -> bool) -> u32 {
        let same = columns.iter().position(|column| is(column, &self));
        same.unwrap_or_else(|| {
            columns.push(self);
            columns.len() - 1
        }) as u32
    }

    /// Finishes the column of a segment with `rows` rows.
    pub(crate) fn finish(self, rows: usize) -> Column {
        let none = self.values.len() as u64;
        let single = self.rows.windows(2).all(|pair| pair[0] < pair[1]);
        let codes = || self.codes.iter().map(|code| u64::from(*code));
        // A pair takes about three times the space of a single code.
        let places = if single && (self.rows.len() == rows || self.rows.len() * 3 > rows) {
            let mut all = vec![none; rows];
            for (row, code) in self.rows.iter().zip(codes()) {
                all[usize::from(*row)] = code;
            }
            Places::Rows(Packed::of(all.iter().copied()))
        } else {
            Places::Pairs(self.rows.clone(), Packed::of(codes()))
        };
        Column { values: self.values.finish(), places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rows: usize, pairs: &[(u16, &str)]) -> Column {
        let hasher = FixedState::with_seed(1);
        let mut growing = Growing::default();
        for (row, text) in pairs {
            growing.push_text(&hasher, *row, text, 8);
        }
        growing.finish(rows)
    }

    #[test]
    fn gives_each_row_its_values() {
        let long = "é".repeat(9);
        for (rows, pairs) in [
            (3, vec![(0, "a"), (1, "b"), (2, "a")]),
            (3, vec![(0, "a"), (2, "b")]),
            (70, vec![(3, "a"), (3, "b"), (69, "a")]),
            (2, vec![(0, ""), (1, &long)]),
            (0, vec![]),
        ] {
            let column = column(rows, &pairs);
            let mut all = Vec::new();
            column.each(|row, code| all.push((row as u16, column.values.get(code).1)));
            assert_eq!(all.len(), pairs.len());
            for ((row, text), (wanted_row, wanted)) in all.iter().zip(&pairs) {
                assert!(row == wanted_row && wanted.starts_with(&**text), "{pairs:?}");
            }
            for row in 0..rows {
                let found = column.codes(row).count();
                assert_eq!(found, pairs.iter().filter(|(other, _)| usize::from(*other) == row).count());
            }
            let told: Vec<Told> = column
                .values
                .unpacked()
                .iter()
                .map(|(kind, text)| match (kind, text) {
                    (Kind::Cut, _) => Told::Perhaps,
                    (_, "a") => Told::Yes,
                    _ => Told::No,
                })
                .collect();
            let mut judged = Judged::none(rows);
            column.spread(&told, &mut judged);
            for row in 0..rows {
                let has =
                    |wanted: &str| pairs.iter().any(|(at, text)| usize::from(*at) == row && *text == wanted);
                assert_eq!(judged.sure.get(row), has("a"), "{pairs:?} {row}");
                assert_eq!(judged.possible.get(row), has("a") || has(&long));
            }
        }
    }
}
