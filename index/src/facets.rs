//! How often each value occurs among what was found.

use core::cmp::Reverse;

use countersign_query::Short;
use foldhash::fast::FixedState;

use crate::bits::Bits;
use crate::column::{Column, Places};
use crate::judge::{name_of, short_columns};
use crate::packed::{Packed, each_width};
use crate::party::{ID, NAME};
use crate::segment::Segment;
use crate::values::{Gathered, Kind, LONGEST};

/// The fields whose values are counted with every question.
pub(crate) const COUNTED: [Short; 9] = Short::ALL;

/// The most values of a field that are told apart, and the most bytes of them. What comes later is counted together.
const MOST_VALUES: usize = 1 << 18;
const MOST_BYTES: usize = 16 << 20;
/// What stands for those.
const OTHERS: u32 = 0;
/// What stands for what is no value.
const NONE: u32 = u32::MAX;

/// All values of one field, in all segments. Numbers begin after that of the others.
#[derive(Debug, Default)]
pub(crate) struct Known {
    values: Gathered,
    /// The names that go with identifiers.
    names: Gathered,
    /// Of each value.
    named: Vec<u32>,
}

impl Known {
    /// Gives every value of a segment's column its number here.
    pub(crate) fn register(&mut self, hasher: &FixedState, short: Short, segment: &Segment) -> Vec<u32> {
        if let Some((parties, _)) = segment.parties(short) {
            let unsaid = if short == Short::Actor { "user" } else { "" };
            let mut numbers = Vec::with_capacity(parties.len());
            parties.each(segment, |party| {
                let name = party.text(NAME).filter(|_| party.text(ID).is_some());
                numbers.push(match party.label(unsaid) {
                    _ if party.is_cut() => OTHERS,
                    Some(label) => self.number(hasher, &label, name),
                    None => NONE,
                });
            });
            return numbers;
        }
        let Some(column) = short_columns(segment, short).next() else { return Vec::new() };
        let number = |(kind, text): (Kind, &str)| match (kind, short) {
            (Kind::Object | Kind::Array, _) => NONE,
            (Kind::Cut, _) => OTHERS,
            _ if text.len() > LONGEST => OTHERS,
            (_, Short::Signer) => self.number(hasher, name_of(text), None),
            (Kind::Word, _) => self.number(hasher, &text.replace(' ', "-"), None),
            _ => self.number(hasher, text, None),
        };
        column.values.unpacked().iter().map(number).collect()
    }

    fn number(&mut self, hasher: &FixedState, value: &str, name: Option<&str>) -> u32 {
        let most = if self.values.len() >= MOST_VALUES || self.values.bytes() >= MOST_BYTES {
            0
        } else {
            usize::MAX
        };
        let Some(code) = self.values.code_within(hasher, Kind::Text, value, most) else { return OTHERS };
        if code as usize == self.named.len() {
            self.named.push(name.map_or(NONE, |name| self.names.code(hasher, Kind::Text, name)));
        }
        code + 1
    }

    /// What a number stands for: the value, and a name that goes with it.
    pub(crate) fn get(&self, number: u32) -> Option<(&str, Option<&str>)> {
        let code = number.checked_sub(1)?;
        let name = *self.named.get(code as usize)?;
        Some((self.values.text(code)?, self.names.text(name)))
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes() + self.names.bytes() + self.named.len() * 4 + self.values.len() * 10
    }
}

/// The column that says which rows have which values of a field.
fn places(segment: &Segment, short: Short) -> Option<&Column> {
    segment.parties(short).map(|(_, places)| places).or_else(|| short_columns(segment, short).next())
}

/// How often each value was met, by its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(pub(crate) Vec<u32>);

impl Counts {
    fn add(&mut self, number: u32, count: u32) {
        if number == NONE {
            return;
        }
        let at = number as usize;
        if at >= self.0.len() {
            self.0.resize((at + 1).next_power_of_two(), 0);
        }
        self.0[at] += count;
    }

    /// Counts what these rows of a segment say.
    pub(crate) fn count(&mut self, short: Short, segment: &Segment, numbers: &[u32], rows: &Bits) {
        let Some(column) = places(segment, short) else { return };
        let number = |code: usize| numbers.get(code).copied().unwrap_or(NONE);
        match &column.places {
            Places::Rows(Packed::Zeros(_)) => {
                let (number, count) = (number(0), rows.count() as u32);
                if count > 0 {
                    self.add(number, count);
                }
            }
            Places::Rows(Packed::Ascending(_)) => rows.rows().for_each(|row| self.add(number(row), 1)),
            // Where values come again, they are counted by code first: that is one look in place of two for each row.
            Places::Rows(codes) if numbers.len() < rows.count() => {
                let mut met = vec![0_u32; numbers.len()];
                let mut count = |code: usize| {
                    if let Some(count) = met.get_mut(code) {
                        *count += 1;
                    }
                };
                each_width!(codes, _ => {}, _ => {}, list => rows.each_of(list, |code| count(code as usize)));
                for (number, count) in numbers.iter().zip(met).filter(|(_, count)| *count > 0) {
                    self.add(*number, count);
                }
            }
            Places::Rows(codes) => {
                each_width!(codes, _ => {}, _ => {}, list => {
                    rows.each_of(list, |code| self.add(number(code as usize), 1));
                });
            }
            Places::Pairs(at, codes) => {
                // Of several actors or targets the first counts.
                let first_alone = matches!(short, Short::Actor | Short::Target);
                let mut before = None;
                for (row, code) in at.iter().zip(codes.iter()) {
                    if rows.get(usize::from(*row)) && !(first_alone && before == Some(row)) {
                        self.add(number(code as usize), 1);
                    }
                    before = Some(row);
                }
            }
        }
    }

    /// Counts one row.
    pub(crate) fn count_row(&mut self, short: Short, segment: &Segment, numbers: &[u32], row: usize) {
        let first_alone = matches!(short, Short::Actor | Short::Target);
        let column = places(segment, short);
        let codes = column.into_iter().flat_map(|column| column.codes(row));
        for code in codes.take(if first_alone { 1 } else { usize::MAX }) {
            self.add(numbers.get(code).copied().unwrap_or(NONE), 1);
        }
    }

    /// The most frequent ones that pass, how many there are beside them, and how often those and what is not told
    /// apart were met.
    pub(crate) fn most(&self, most: usize, passes: impl Fn(u32) -> bool) -> (Vec<(u32, u32)>, usize, u64) {
        let mut others = u64::from(self.0.first().copied().unwrap_or(0));
        let mut met: Vec<(Reverse<u32>, u32)> = Vec::new();
        let mut more = 0;
        // As many are known to be as frequent as this, and have smaller numbers.
        let mut least = 0;
        let mut leave = |count: u32| {
            more += 1;
            others += u64::from(count);
        };
        for (number, count) in (0_u32..).zip(&self.0).skip(1).filter(|(_, count)| **count > 0) {
            if !passes(number) {
                continue;
            }
            if *count <= least {
                leave(*count);
                continue;
            }
            met.push((Reverse(*count), number));
            if met.len() > most * 4 {
                met.sort_unstable();
                met.drain(most..).for_each(|(Reverse(count), _)| leave(count));
                least = met.last().map_or(u32::MAX, |(Reverse(count), _)| *count);
            }
        }
        met.sort_unstable();
        met.drain(most.min(met.len())..).for_each(|(Reverse(count), _)| leave(count));
        (met.into_iter().map(|(Reverse(count), number)| (number, count)).collect(), more, others)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn tells_the_most_frequent_and_how_many_there_are_besides(
            counts in prop::collection::vec(0_u32..6, 0..60),
            most in 0_usize..5,
        ) {
            let mut met: Vec<(u32, u32)> =
                (0..).zip(counts.iter().copied()).skip(1).filter(|(number, count)| *count > 0 && number % 3 > 0).collect();
            met.sort_by_key(|(number, count)| (Reverse(*count), *number));
            let beyond = met.split_off(most.min(met.len()));
            let beyond_count: u64 = beyond.iter().map(|(_, count)| u64::from(*count)).sum();
            let others = beyond_count + u64::from(counts.first().copied().unwrap_or(0));
            prop_assert_eq!(Counts(counts).most(most, |number| number % 3 > 0), (met, beyond.len(), others));
        }
    }
}
