//! Counts of values among the events found.

use core::cmp::Reverse;

use countersign_query::Short;
use foldhash::fast::FixedState;

use crate::bits::Bits;
use crate::column::{Column, RowCodes};
use crate::evaluate::{name_of, short_columns};
use crate::index::StoredSegment;
use crate::packed::{Packed, each_width};
use crate::party::{ID, NAME};
use crate::segment::Segment;
use crate::values::{Kind, MAX_STORED_BYTES, ValueBuilder};

/// The fields whose values are counted for every query.
pub(crate) const COUNTED: &[Short] = Short::ALL;

/// Limits on the distinct values of a field: their number, and their total bytes. Values beyond these limits
/// are counted together.
const MAX_VALUES: usize = 1 << 18;
const MAX_VALUE_BYTES: usize = 16 << 20;
/// Number that stands for the values beyond the limits.
const OTHERS: u32 = 0;
/// Number that stands for no value.
const NONE: u32 = u32::MAX;

/// The distinct values of one field in all segments. Numbers start at 1; 0 is [`OTHERS`].
#[derive(Debug, Default)]
pub(crate) struct ValueTable {
    values: ValueBuilder,
    /// Display names of identifiers.
    names: ValueBuilder,
    /// For each value, the code of its display name.
    named: Vec<u32>,
}

impl ValueTable {
    /// Assigns a number to every value in a segment's column, and returns them by code.
    pub(crate) fn register(&mut self, hasher: &FixedState, short: Short, segment: &Segment) -> Vec<u32> {
        if let Some((parties, _)) = segment.parties(short) {
            let unsaid = if short == Short::Target { "" } else { "user" };
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
            _ if text.len() > MAX_STORED_BYTES => OTHERS,
            (_, Short::Signer) => self.number(hasher, name_of(text), None),
            (Kind::Word, _) => self.number(hasher, &text.replace(' ', "-"), None),
            _ => self.number(hasher, text, None),
        };
        column.values.unpacked().iter().map(number).collect()
    }

    fn number(&mut self, hasher: &FixedState, value: &str, name: Option<&str>) -> u32 {
        let most = if self.values.len() >= MAX_VALUES || self.values.bytes() >= MAX_VALUE_BYTES {
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

    /// Returns a value by its number, with its display name.
    pub(crate) fn get(&self, number: u32) -> Option<(&str, Option<&str>)> {
        let code = number.checked_sub(1)?;
        let name = *self.named.get(code as usize)?;
        Some((self.values.text(code)?, self.names.text(name)))
    }

    /// Returns the rank of each number in the alphabetical order of the displayed values. Letter case only decides
    /// between values that are otherwise equal. Values beyond the limits come last.
    pub(crate) fn ranks(&self) -> Vec<u32> {
        let mut shown: Vec<(String, &str, u32)> = (1..=self.named.len() as u32)
            .filter_map(|number| {
                let (value, name) = self.get(number)?;
                Some((name.unwrap_or(value).to_lowercase(), value, number))
            })
            .collect();
        shown.sort_unstable();
        let mut ranks = vec![u32::MAX; self.named.len() + 1];
        for (rank, (_, _, number)) in shown.iter().enumerate() {
            ranks[*number as usize] = rank as u32;
        }
        ranks
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes() + self.names.bytes() + self.named.len() * 4 + self.values.len() * 10
    }
}

/// Returns the column that maps rows to the values of a field.
fn places(segment: &Segment, short: Short) -> Option<&Column> {
    segment.parties(short).map(|(_, places)| places).or_else(|| short_columns(segment, short).next())
}

/// The values of one field in a segment.
#[derive(Debug)]
pub(crate) struct SegmentValues {
    /// The number of each code's value.
    numbers: Vec<u32>,
    /// The number of events with each code.
    totals: Packed,
    /// The greatest number plus one.
    end: u32,
}

impl SegmentValues {
    pub(crate) fn new(short: Short, segment: &Segment, numbers: Vec<u32>, events: &Bits) -> Self {
        let column = places(segment, short);
        let totals = column.map_or_else(Vec::new, |column| counts_of(short, column, numbers.len(), events));
        let end = numbers.iter().filter(|number| **number != NONE).max().map_or(0, |most| most + 1);
        Self { numbers, totals: Packed::from_numbers(totals.into_iter().map(u64::from)), end }
    }

    /// Returns the number of a row's first value; `None` if it has no value.
    pub(crate) fn first(&self, short: Short, segment: &Segment, row: usize) -> Option<u32> {
        let code = places(segment, short)?.codes(row).next()?;
        Some(self.number(code)).filter(|number| *number != NONE)
    }

    /// Returns the number of a code's value.
    fn number(&self, code: usize) -> u32 {
        self.numbers.get(code).copied().unwrap_or(NONE)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.numbers.len() * 4 + self.totals.bytes()
    }
}

/// Counts the occurrences of each code in the given rows.
fn counts_of(short: Short, column: &Column, codes: usize, rows: &Bits) -> Vec<u32> {
    let mut met = vec![0_u32; codes];
    each_code(short, column, rows, |code| {
        if let Some(count) = met.get_mut(code) {
            *count += 1;
        }
    });
    met
}

/// Calls `accept` with the code of each row; if a row has several actors or targets, only with the first.
fn each_code(short: Short, column: &Column, rows: &Bits, mut accept: impl FnMut(usize)) {
    match &column.places {
        RowCodes::Rows(codes) => each_width!(codes,
            _ => rows.rows().for_each(|_| accept(0)),
            _ => rows.rows().for_each(accept),
            list => rows.each_of(list, |code| accept(code as usize))
        ),
        RowCodes::Pairs(at, codes) => {
            let mut before = None;
            for (row, code) in at.iter().zip(codes.iter()) {
                if rows.get(usize::from(*row)) && !(first_alone(short) && before == Some(row)) {
                    accept(code as usize);
                }
                before = Some(row);
            }
        }
    }
}

/// True if only the first of a row's values is counted.
const fn first_alone(short: Short) -> bool {
    short.is_party()
}

/// Occurrences of each value, by its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(pub(crate) Vec<u32>);

impl Counts {
    /// Grows to the numbers of a segment's values.
    fn reach(&mut self, values: &SegmentValues) {
        let end = values.end as usize;
        if end > self.0.len() {
            self.0.resize(end.next_power_of_two(), 0);
        }
    }

    /// Adds to a value's count. [`NONE`] is out of range and ignored.
    fn add(&mut self, number: u32, count: u32) {
        if let Some(sum) = self.0.get_mut(number as usize) {
            *sum += count;
        }
    }

    fn add_each(&mut self, values: &SegmentValues, counts: impl Iterator<Item = u32>) {
        values.numbers.iter().zip(counts).for_each(|(number, count)| self.add(*number, count));
    }

    /// Counts the values in the given rows, a subset of the segment's `events`. If they are most of the events,
    /// subtracts the other rows from the totals.
    pub(crate) fn count(
        &mut self,
        short: Short,
        segment: &Segment,
        values: &SegmentValues,
        rows: &Bits,
        events: &Bits,
    ) {
        let (some, all) = (rows.count(), events.count());
        let Some(column) = places(segment, short).filter(|_| some > 0) else { return };
        self.reach(values);
        if matches!(column.places, RowCodes::Rows(Packed::Zeros(_))) {
            self.add(values.number(0), some as u32);
        } else if some * 2 > all {
            let mut others = events.clone();
            others.less(rows);
            let met = counts_of(short, column, values.numbers.len(), &others);
            // Fast path: totals nearly always fit in a byte.
            if let Packed::One(totals) = &values.totals {
                self.add_each(values, totals.iter().zip(met).map(|(total, met)| u32::from(*total) - met));
            } else {
                let totals = values.totals.iter().zip(met);
                self.add_each(values, totals.map(|(total, met)| total as u32 - met));
            }
        } else if values.numbers.len() < some * 2 {
            // If values repeat, count by code first: one lookup per row instead of two.
            self.add_each(values, counts_of(short, column, values.numbers.len(), rows).into_iter());
        } else {
            each_code(short, column, rows, |code| self.add(values.number(code), 1));
        }
    }

    /// Counts a field's values in all segments within the first `rows` rows.
    pub(crate) fn add_wholes(&mut self, field: usize, rows: usize, stored: &[StoredSegment]) {
        for stored in stored.iter().take_while(|stored| stored.base < rows) {
            self.add_all(&stored.values[field]);
        }
    }

    /// Counts the values of all events in a segment.
    pub(crate) fn add_all(&mut self, values: &SegmentValues) {
        self.reach(values);
        self.add_each(values, values.totals.iter().map(|total| total as u32));
    }

    /// Counts the values of one row.
    pub(crate) fn count_row(&mut self, short: Short, segment: &Segment, values: &SegmentValues, row: usize) {
        if let Some(column) = places(segment, short) {
            self.reach(values);
            let most = if first_alone(short) { 1 } else { usize::MAX };
            column.codes(row).take(most).for_each(|code| self.add(values.number(code), 1));
        }
    }

    /// Returns the most frequent numbers that pass with their counts, how many more pass, and the total count
    /// of those and of [`OTHERS`].
    pub(crate) fn most(&self, most: usize, passes: impl Fn(u32) -> bool) -> (Vec<(u32, u32)>, usize, u64) {
        let mut others = u64::from(self.0.first().copied().unwrap_or(0));
        let mut met: Vec<(Reverse<u32>, u32)> = Vec::new();
        let mut more = 0;
        // `most` numbers with at least this count and smaller numbers are known.
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
    use countersign_query::Parsers;
    use proptest::prelude::*;

    use super::*;
    use crate::build::{Place, Row, SegmentBuilder};

    /// Builds a segment in which some actors are frequent, some events have several targets, and some have no tenant.
    fn segment(actors: &[u8]) -> Segment {
        let mut builder = SegmentBuilder::new(1, Parsers::built_in());
        for (nth, actor) in (0..).zip(actors) {
            let row = Row {
                line: nth,
                index: nth,
                chain: if actor % 2 == 0 { "00" } else { "01" },
                seq: nth,
                time: countersign::time::Time::MIN,
                vkey: "k",
                authorized: true,
                place: Place::Export(0),
            };
            let tenant = if actor % 3 == 0 { r#","tenant":"t""# } else { "" };
            let event = format!(
                r#"{{"action":"a","actor":"u_{actor}","target":["x_{nth}","x_{}"]{tenant}}}"#,
                nth + 1
            );
            builder.push(&row, &event);
        }
        builder.finish().remove(0)
    }

    proptest! {
        #[test]
        fn counts_few_and_most_rows_alike(
            rows in prop::collection::vec((0_u8..20, 0_u8..4), 1..200),
            least in 0_u8..4,
        ) {
            let segment = segment(&rows.iter().map(|(actor, _)| *actor).collect::<Vec<_>>());
            let events = segment.kinds().events;
            let mut these = Bits::none(rows.len());
            for (row, (_, rank)) in rows.iter().enumerate() {
                these.put(row, *rank >= least);
            }
            let mut known = ValueTable::default();
            for &short in COUNTED {
                let numbers = known.register(&FixedState::with_seed(1), short, &segment);
                let counted = SegmentValues::new(short, &segment, numbers, &events);
                let (mut together, mut each) = (Counts::default(), Counts::default());
                together.count(short, &segment, &counted, &these, &events);
                these.rows().for_each(|row| each.count_row(short, &segment, &counted, row));
                let most = |counts: &Counts| counts.most(usize::MAX / 8, |_| true);
                prop_assert_eq!(most(&together), most(&each), "{:?}", short);
            }
        }

        #[test]
        fn returns_the_most_frequent_and_counts_the_rest(
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
