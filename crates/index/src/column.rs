//! Columns: the values of rows at one path or fact.

use std::borrow::Cow;

use foldhash::fast::FixedState;

use crate::bits::Bits;
use crate::packed::{Packed, each_width};
use crate::values::{Kind, ValueBuilder, Values, cut};

/// A mapping from rows to values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Column {
    pub(crate) values: Values,
    pub(crate) places: RowCodes,
}

/// The rows' values, by code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RowCodes {
    /// One code per row. A code beyond the values means that the row has none.
    Rows(Packed),
    /// Pairs of row and code in row order. A row can have several.
    Pairs(Vec<u16>, Packed),
}

/// The result of testing a value: no match, a match, or undecided without the event's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum MatchState {
    No = 0,
    Yes = 1,
    Undecided = 2,
}

impl MatchState {
    /// Combines the results of alternatives.
    pub(crate) fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Yes, _) | (_, Self::Yes) => Self::Yes,
            (Self::Undecided, _) | (_, Self::Undecided) => Self::Undecided,
            (Self::No, Self::No) => Self::No,
        }
    }
}

/// The rows that match, and those that may match.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RowMatches {
    pub(crate) sure: Bits,
    /// A superset of `sure`.
    pub(crate) possible: Bits,
}

impl RowMatches {
    pub(crate) fn none(rows: usize) -> Self {
        Self { sure: Bits::none(rows), possible: Bits::none(rows) }
    }

    pub(crate) fn exactly(rows: Bits) -> Self {
        Self { possible: rows.clone(), sure: rows }
    }

    /// Marks rows as possible matches.
    pub(crate) fn add_possible(&mut self, rows: &Bits) {
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
    pub(crate) fn spread(&self, states: &[MatchState], matches: &mut RowMatches) {
        if states.iter().all(|state| *state == MatchState::No) {
            return;
        }
        let state_of = |code: usize| states.get(code).map_or(0, |state| *state as u64);
        match &self.places {
            RowCodes::Rows(codes) => each_width!(codes,
                _ => match states.first() {
                    Some(MatchState::Yes) => *matches = RowMatches::exactly(Bits::all(matches.sure.len())),
                    Some(MatchState::Undecided) => matches.possible = Bits::all(matches.sure.len()),
                    _ => {}
                },
                rows => {
                    let states = &states[..states.len().min(*rows)];
                    let words = matches.sure.words_mut().iter_mut().zip(matches.possible.words_mut());
                    for (states, (sure, possible)) in states.chunks(64).zip(words) {
                        let of = |wanted| {
                            let bits = states.iter().enumerate();
                            bits.fold(0, |bits, (bit, state)| bits | u64::from(*state == wanted) << bit)
                        };
                        let yes = of(MatchState::Yes);
                        *sure |= yes;
                        *possible |= yes | of(MatchState::Undecided);
                    }
                },
                list => {
                    let words = matches.sure.words_mut().iter_mut().zip(matches.possible.words_mut());
                    for (codes, (sure, possible)) in list.chunks(64).zip(words) {
                        let (mut yes, mut perhaps) = (0, 0);
                        for (bit, code) in codes.iter().enumerate() {
                            let state = state_of(*code as usize);
                            yes |= (state & 1) << bit;
                            perhaps |= (state >> 1) << bit;
                        }
                        *sure |= yes;
                        *possible |= yes | perhaps;
                    }
                }
            ),
            RowCodes::Pairs(rows, codes) => {
                for (row, code) in rows.iter().zip(codes.iter()) {
                    let state = state_of(code as usize);
                    if state != 0 {
                        matches.possible.put(usize::from(*row), true);
                        if state == 1 {
                            matches.sure.put(usize::from(*row), true);
                        }
                    }
                }
            }
        }
    }

    /// Adds the rows that have any value.
    pub(crate) fn add_rows(&self, to: &mut Bits) {
        let all = vec![MatchState::Yes; self.values.len()];
        let mut matches = RowMatches::none(to.len());
        self.spread(&all, &mut matches);
        to.or(&matches.sure);
    }

    /// Returns the codes of a row's values, in order.
    pub(crate) fn codes(&self, row: usize) -> impl Iterator<Item = usize> {
        let range = match &self.places {
            RowCodes::Rows(codes) => {
                let has = (codes.get(row) as usize) < self.values.len();
                row..row + usize::from(has && row < codes.len())
            }
            RowCodes::Pairs(rows, _) => {
                let first = rows.partition_point(|other| usize::from(*other) < row);
                let count = rows[first..].iter().take_while(|other| usize::from(**other) == row).count();
                first..first + count
            }
        };
        let (RowCodes::Rows(codes) | RowCodes::Pairs(_, codes)) = &self.places;
        range.map(|at| codes.get(at) as usize)
    }

    /// Returns the first value of a row.
    pub(crate) fn first(&self, row: usize) -> Option<(Kind, Cow<'_, str>)> {
        self.codes(row).next().map(|code| self.values.get(code))
    }

    /// Calls `accept` with each row and code, in row order.
    pub(crate) fn each(&self, mut accept: impl FnMut(usize, usize)) {
        match &self.places {
            RowCodes::Rows(codes) => {
                let end = self.values.len();
                codes
                    .iter()
                    .enumerate()
                    .filter(|(_, code)| (*code as usize) < end)
                    .for_each(|(row, code)| accept(row, code as usize));
            }
            RowCodes::Pairs(rows, codes) => {
                rows.iter()
                    .zip(codes.iter())
                    .for_each(|(row, code)| accept(usize::from(*row), code as usize));
            }
        }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes()
            + match &self.places {
                RowCodes::Rows(codes) => codes.bytes(),
                RowCodes::Pairs(rows, codes) => rows.len() * 2 + codes.bytes(),
            }
    }
}

/// A column under construction.
#[derive(Debug, Default)]
pub(crate) struct ColumnBuilder {
    pub(crate) values: ValueBuilder,
    rows: Vec<u16>,
    codes: Vec<u32>,
}

/// Compares rows, codes, and values.
impl PartialEq for ColumnBuilder {
    fn eq(&self, other: &Self) -> bool {
        self.has_same_rows(other) && self.values == other.values
    }
}

impl ColumnBuilder {
    /// Creates a column of values without rows.
    pub(crate) fn from_values(values: ValueBuilder) -> Self {
        Self { values, ..Self::default() }
    }

    /// Creates a column of rows with codes of `count` placeholder values.
    pub(crate) fn from_codes(rows: Vec<u16>, codes: Vec<u32>, count: usize) -> Self {
        Self { values: ValueBuilder::blank(count), rows, codes }
    }

    /// True if the same rows have the same codes.
    pub(crate) fn has_same_rows(&self, other: &Self) -> bool {
        self.rows == other.rows && self.codes == other.codes && self.values.len() == other.values.len()
    }

    /// Adds a value to a row. Rows must come in order.
    pub(crate) fn push(&mut self, row: u16, code: u32) {
        self.rows.push(row);
        self.codes.push(code);
    }

    pub(crate) fn push_text(&mut self, hasher: &FixedState, row: u16, text: &str, most: usize) {
        let (kind, text) = cut(text, most);
        let code = self.values.code_loosely(hasher, kind, text);
        self.push(row, code);
    }

    /// Returns the number of the first equal column, appending this one if there is none.
    pub(crate) fn add_to(self, columns: &mut Vec<Self>, is: impl Fn(&Self, &Self) -> bool) -> u32 {
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
            RowCodes::Rows(Packed::from_numbers(all.iter().copied()))
        } else {
            RowCodes::Pairs(self.rows.clone(), Packed::from_numbers(codes()))
        };
        Column { values: self.values.finish(), places }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn column(rows: usize, pairs: &[(u16, &str)]) -> Column {
        let hasher = FixedState::with_seed(1);
        let mut builder = ColumnBuilder::default();
        for (row, text) in pairs {
            builder.push_text(&hasher, *row, text, 8);
        }
        builder.finish(rows)
    }

    #[test]
    fn returns_the_values_of_each_row() {
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
            let states: Vec<MatchState> = column
                .values
                .unpacked()
                .iter()
                .map(|(kind, text)| match (kind, text) {
                    (Kind::Cut, _) => MatchState::Undecided,
                    (_, "a") => MatchState::Yes,
                    _ => MatchState::No,
                })
                .collect();
            let mut matches = RowMatches::none(rows);
            column.spread(&states, &mut matches);
            for row in 0..rows {
                let has =
                    |wanted: &str| pairs.iter().any(|(at, text)| usize::from(*at) == row && *text == wanted);
                assert_eq!(matches.sure.get(row), has("a"), "{pairs:?} {row}");
                assert_eq!(matches.possible.get(row), has("a") || has(&long));
            }
        }
    }
}
