//! How often each value occurs among what was found.

use core::cmp::Reverse;

use countersign_query::Short;
use foldhash::fast::FixedState;

use crate::bits::Bits;
use crate::column::{Column, Places};
use crate::index::Held;
use crate::judge::{name_of, short_columns};
use crate::packed::{Packed, each_width};
use crate::party::{ID, NAME};
use crate::segment::Segment;
use crate::values::{Gathered, Kind, LONGEST};

/// The fields whose values are counted with every question.
pub(crate) const COUNTED: &[Short] = Short::ALL;

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

/// The values of one field in a segment.
#[derive(Debug)]
pub(crate) struct SegmentValues {
    /// For each code the number of its value.
    numbers: Vec<u32>,
    /// For each code how many events have it.
    totals: Packed,
    /// One above the greatest number.
    end: u32,
}

impl SegmentValues {
    pub(crate) fn of(short: Short, segment: &Segment, numbers: Vec<u32>, events: &Bits) -> Self {
        let column = places(segment, short);
        let totals = column.map_or_else(Vec::new, |column| counts_of(short, column, numbers.len(), events));
        let end = numbers.iter().filter(|number| **number != NONE).max().map_or(0, |most| most + 1);
        Self { numbers, totals: Packed::of(totals.into_iter().map(u64::from)), end }
    }

    /// The number of a value.
    fn number(&self, code: usize) -> u32 {
        self.numbers.get(code).copied().unwrap_or(NONE)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.numbers.len() * 4 + self.totals.bytes()
    }
}

/// How many of some rows have each of so many codes.
fn counts_of(short: Short, column: &Column, codes: usize, rows: &Bits) -> Vec<u32> {
    let mut met = vec![0_u32; codes];
    each_code(short, column, rows, |code| {
        if let Some(count) = met.get_mut(code) {
            *count += 1;
        }
    });
    met
}

/// Hands out the codes that some rows have: of several actors or targets the first.
fn each_code(short: Short, column: &Column, rows: &Bits, mut take: impl FnMut(usize)) {
    match &column.places {
        Places::Rows(codes) => each_width!(codes,
            _ => rows.rows().for_each(|_| take(0)),
            _ => rows.rows().for_each(take),
            list => rows.each_of(list, |code| take(code as usize))
        ),
        Places::Pairs(at, codes) => {
            let mut before = None;
            for (row, code) in at.iter().zip(codes.iter()) {
                if rows.get(usize::from(*row)) && !(first_alone(short) && before == Some(row)) {
                    take(code as usize);
                }
                before = Some(row);
            }
        }
    }
}

/// Whether of several values of a row the first counts.
const fn first_alone(short: Short) -> bool {
    matches!(short, Short::Actor | Short::Target)
}

/// How often each value was met, by its number.
#[derive(Clone, Debug, Default)]
pub(crate) struct Counts(pub(crate) Vec<u32>);

impl Counts {
    /// Makes room for the values of a segment.
    fn reach(&mut self, values: &SegmentValues) {
        let end = values.end as usize;
        if end > self.0.len() {
            self.0.resize(end.next_power_of_two(), 0);
        }
    }

    /// What is no value has no room.
    fn add(&mut self, number: u32, count: u32) {
        if let Some(sum) = self.0.get_mut(number as usize) {
            *sum += count;
        }
    }

    fn add_each(&mut self, values: &SegmentValues, counts: impl Iterator<Item = u32>) {
        values.numbers.iter().zip(counts).for_each(|(number, count)| self.add(*number, count));
    }

    /// Counts what these rows of a segment say, which are some of its `events`. Of most of them, what the others say is taken
    /// from what all do.
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
        if matches!(column.places, Places::Rows(Packed::Zeros(_))) {
            self.add(values.number(0), some as u32);
        } else if some * 2 > all {
            let mut others = events.clone();
            others.less(rows);
            let met = counts_of(short, column, values.numbers.len(), &others);
            // Nearly always each total has a byte.
            if let Packed::One(totals) = &values.totals {
                self.add_each(values, totals.iter().zip(met).map(|(total, met)| u32::from(*total) - met));
            } else {
                let totals = values.totals.iter().zip(met);
                self.add_each(values, totals.map(|(total, met)| total as u32 - met));
            }
        } else if values.numbers.len() < some * 2 {
            // Where values come again, they are counted by code first: that is one look in place of two for each row.
            self.add_each(values, counts_of(short, column, values.numbers.len(), rows).into_iter());
        } else {
            each_code(short, column, rows, |code| self.add(values.number(code), 1));
        }
    }

    /// Counts what all events of the first so many rows say of a field; segments are whole.
    pub(crate) fn add_wholes(&mut self, field: usize, rows: usize, held: &[Held]) {
        for held in held.iter().take_while(|held| held.base < rows) {
            self.add_all(&held.values[field]);
        }
    }

    /// Counts what all events of a segment say.
    pub(crate) fn add_all(&mut self, values: &SegmentValues) {
        self.reach(values);
        self.add_each(values, values.totals.iter().map(|total| total as u32));
    }

    /// Counts one row.
    pub(crate) fn count_row(&mut self, short: Short, segment: &Segment, values: &SegmentValues, row: usize) {
        if let Some(column) = places(segment, short) {
            self.reach(values);
            let most = if first_alone(short) { 1 } else { usize::MAX };
            column.codes(row).take(most).for_each(|code| self.add(values.number(code), 1));
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
    use countersign_query::Parsers;
    use proptest::prelude::*;

    use super::*;
    use crate::build::{Place, Row, SegmentBuilder};

    /// Events in which some actors come often, some have several targets, and some have no tenant.
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
        fn counts_the_same_whether_few_or_most_rows_are_counted(
            rows in prop::collection::vec((0_u8..20, 0_u8..4), 1..200),
            least in 0_u8..4,
        ) {
            let segment = segment(&rows.iter().map(|(actor, _)| *actor).collect::<Vec<_>>());
            let events = segment.kinds().events;
            let mut these = Bits::none(rows.len());
            for (row, (_, rank)) in rows.iter().enumerate() {
                these.put(row, *rank >= least);
            }
            let mut known = Known::default();
            for &short in COUNTED {
                let numbers = known.register(&FixedState::with_seed(1), short, &segment);
                let counted = SegmentValues::of(short, &segment, numbers, &events);
                let (mut together, mut each) = (Counts::default(), Counts::default());
                together.count(short, &segment, &counted, &these, &events);
                these.rows().for_each(|row| each.count_row(short, &segment, &counted, row));
                let most = |counts: &Counts| counts.most(usize::MAX / 8, |_| true);
                prop_assert_eq!(most(&together), most(&each), "{:?}", short);
            }
        }

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
