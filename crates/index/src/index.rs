//! All segments, and what is asked of them.

use core::ops::Range;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;

use countersign::time::Time;
use countersign_query::condition::Condition;
use countersign_query::error::QueryError;
use countersign_query::tally::Findings;
use countersign_query::value::Document;
use countersign_query::{Parsers, Path, Query, Short};
use foldhash::fast::FixedState;

use crate::answer::Rows;
use crate::bits::Bits;
use crate::build::{IndexError, Leaf, Place, SegmentBuilder};
use crate::extent::Years;
use crate::facets::{COUNTED, Counts, Known, SegmentValues};
use crate::fold::Folds;
use crate::histogram::Histogram;
use crate::judge;
use crate::order::{Orders, Placed};
use crate::question::{Order, Question, Verdict};
use crate::segment::{Kinds, RowKind, Segment, flag};

/// Beyond so many segments of fewer rows than this at the end they become one.
const MOST_SMALL: usize = 16;
const SMALL: usize = 4096;
/// The `blob` of what stands in the export; those of kept batches have other numbers.
pub const EXPORT: u32 = 0;
/// About how many bytes are read at a time.
pub(crate) const STRETCH: u64 = 1 << 20;
/// The most fields that are remembered to be suggested.
const MOST_FIELDS: usize = 4096;
/// Numbers of rows from here on are gaps.
pub(crate) const GAPS: u32 = 1 << 31;

/// Where the events of some rows stand that are not in the export: in `blob`, so many bytes before what the segment says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: usize,
    blob: u32,
    before: u64,
}

/// Those of some rows, which are counted from the first of these.
fn runs_of(runs: &[Run], rows: Range<usize>) -> Vec<Run> {
    let begin = runs.partition_point(|run| run.first <= rows.start).saturating_sub(1);
    let own = runs.iter().skip(begin).take_while(|run| run.first < rows.end);
    own.map(|run| Run { first: run.first.saturating_sub(rows.start), ..*run }).collect()
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) segment: Segment,
    /// The number of its first row.
    pub(crate) base: usize,
    runs: Vec<Run>,
    kinds: Kinds,
    /// Of each counted field.
    pub(crate) values: Vec<SegmentValues>,
}

/// Leaves that are left out, however many skips stand for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The line of the first skip.
    pub line: u64,
    /// The first leaf.
    pub index: u64,
    /// How many there are.
    pub leaves: u64,
}

/// A stretch of bytes that has to be read before an answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// Which bytes: [`EXPORT`], or the number that came with the segment.
    pub blob: u32,
    /// From here.
    pub begin: u64,
    /// To before here.
    pub end: u64,
}

/// What is told of an answer, beside its rows.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Rows.
    pub rows: usize,
    /// Events found.
    pub events: usize,
    /// Events there are.
    pub of: usize,
    /// Events that were looked at.
    pub searched: usize,
    /// Whether everything was.
    pub complete: bool,
    /// Withheld events and gaps that nothing can be said about.
    pub unknown: (usize, usize),
    /// What was found over time; none where there is nothing in the time asked for.
    pub histogram: Option<Histogram>,
    /// What must be said of it.
    pub findings: Findings,
}

/// Rows of verified events, to be asked.
#[derive(Debug)]
pub struct EventIndex {
    pub(crate) parsers: Parsers,
    hasher: FixedState,
    builder: SegmentBuilder,
    /// Where the rows stand that the builder has.
    runs: Vec<Run>,
    pub(crate) held: Vec<Held>,
    rows: usize,
    events: usize,
    withheld: usize,
    /// Which rows those are.
    absent: Bits,
    own_times: usize,
    pub(crate) years: Years,
    gaps: Vec<Gap>,
    pub(crate) known: [Known; COUNTED.len()],
    /// How often each value of a field occurs in all events.
    totals: [Counts; COUNTED.len()],
    /// How many rows have each field.
    pub(crate) fields: BTreeMap<String, u64>,
    orders: Orders,
    pub(crate) question: Option<Question>,
    /// When it was asked.
    pub(crate) asked_at: Time,
    /// What is asked beside what is being written, where that is another question.
    pub(crate) rest: Option<Question>,
    /// The answer's rows, as it was told last.
    answer: Rows,
    folds: Folds,
    stretch: Option<(Stretch, Vec<u32>)>,
    read: Vec<u8>,
    /// Rows whose lines are to be written, the last first.
    pub(crate) lines: Vec<u32>,
}

struct Places<'h>(&'h [Held]);

impl Placed for Places<'_> {
    fn line(&self, row: u32) -> i64 {
        at(self.0, row as usize).map_or(0, |(held, row)| held.segment.lines.get(row))
    }

    fn time(&self, row: u32) -> i64 {
        at(self.0, row as usize).map_or(0, |(held, row)| held.segment.happened(row))
    }
}

/// The segment of a row, and its number there.
pub(crate) fn at(held: &[Held], row: usize) -> Option<(&Held, usize)> {
    let nth = held.partition_point(|held| held.base <= row).checked_sub(1)?;
    let held = &held[nth];
    (row - held.base < held.segment.rows()).then(|| (held, row - held.base))
}

impl EventIndex {
    /// `seed` is as in [`SegmentBuilder::new`].
    pub fn new(seed: u64, parsers: Parsers) -> Self {
        Self {
            builder: SegmentBuilder::new(seed, parsers.clone()),
            hasher: FixedState::with_seed(seed),
            parsers,
            runs: Vec::new(),
            held: Vec::new(),
            rows: 0,
            events: 0,
            withheld: 0,
            absent: Bits::default(),
            own_times: 0,
            years: Years::default(),
            gaps: Vec::new(),
            known: Default::default(),
            totals: Default::default(),
            fields: BTreeMap::new(),
            orders: Orders::default(),
            question: None,
            asked_at: Time::MIN,
            rest: None,
            answer: Rows::default(),
            folds: Folds::default(),
            stretch: None,
            read: Vec::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) const fn hasher(&self) -> &FixedState {
        &self.hasher
    }

    /// How many events there are.
    pub const fn events(&self) -> usize {
        self.events
    }

    /// How many rows there are in segments.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// How many withheld ones.
    pub const fn withheld(&self) -> usize {
        self.withheld
    }

    /// How many gaps.
    pub const fn gaps(&self) -> usize {
        self.gaps.len()
    }

    /// About how many bytes it holds.
    pub fn bytes(&self) -> usize {
        let held = |held: &Held| {
            held.segment.bytes()
                + held.kinds.bytes()
                + held.values.iter().map(SegmentValues::bytes).sum::<usize>()
        };
        self.held.iter().map(held).sum::<usize>()
            + self.known.iter().map(Known::bytes).sum::<usize>()
            + self.totals.iter().map(|totals| totals.0.len() * 4).sum::<usize>()
            + self.orders.bytes()
            + self.answer.bytes()
            + self.folds.bytes()
    }

    /// Takes a batch of the verifier's, whose bytes are kept elsewhere as `blob` where its events do not stand in the
    /// export.
    ///
    /// # Errors
    /// As [`SegmentBuilder::add`].
    pub fn add(&mut self, batch: &[u8], blob: u32) -> Result<(), IndexError> {
        let (first, before) = (self.builder.rows(), self.builder.kept());
        self.runs.push(Run { first, blob, before });
        let added = self.builder.add(batch);
        let rows = self.builder.rows() - first;
        self.events += rows;
        added.map(drop)
    }

    /// Takes a segment, whose kept batches are `blob`, and gives the number of its first row.
    pub fn add_segment(&mut self, segment: Segment, blob: u32) -> usize {
        self.flush();
        let first = self.rows;
        let (events, withheld) = self.hold(segment, vec![Run { first: 0, blob, before: 0 }]);
        self.events += events;
        self.withheld += withheld;
        self.merge();
        first
    }

    pub(crate) fn add_leaf(&mut self, leaf: &Leaf<'_>) {
        if leaf.kind == RowKind::Gap {
            let gap = Gap { line: leaf.line as u64, index: leaf.index as u64, leaves: leaf.seq as u64 };
            match self.gaps.last_mut() {
                Some(last) if last.index.checked_add(last.leaves) == Some(gap.index) => {
                    last.leaves += gap.leaves;
                }
                _ => self.gaps.push(gap),
            }
            return;
        }
        self.withheld += usize::from(leaf.kind == RowKind::Withheld);
        self.builder.leaf(leaf);
    }

    /// Makes a segment of what came one by one.
    pub(crate) fn flush(&mut self) {
        if self.builder.rows() == 0 {
            return;
        }
        let mut first = 0;
        let runs = core::mem::take(&mut self.runs);
        for segment in self.builder.finish() {
            let end = first + segment.rows();
            self.hold(segment, runs_of(&runs, first..end));
            first = end;
        }
        self.merge();
    }

    /// Takes a segment in, and gives how many events it has, and how many withheld ones.
    fn hold(&mut self, segment: Segment, runs: Vec<Run>) -> (usize, usize) {
        self.own_times += segment.flags.iter().filter(|flags| *flags & flag::OWN_TIME != 0).count();
        self.remember_fields(&segment);
        let kinds = segment.kinds();
        for row in kinds.events.rows() {
            self.years.add(segment.happened(row));
        }
        self.absent.append(&kinds.withheld, 0);
        let base = self.rows;
        self.rows += segment.rows();
        let counts = (kinds.events.count(), kinds.withheld.count());
        self.put(segment, base, runs, kinds);
        let values = self.held.last().into_iter().flat_map(|held| &held.values);
        self.totals.iter_mut().zip(values).for_each(|(totals, values)| totals.add_all(values));
        counts
    }

    fn put(&mut self, segment: Segment, base: usize, runs: Vec<Run>, kinds: Kinds) {
        let known = COUNTED.iter().zip(&mut self.known);
        let values = known.map(|(short, known)| {
            let numbers = known.register(&self.hasher, *short, &segment);
            SegmentValues::of(*short, &segment, numbers, &kinds.events)
        });
        let values = values.collect();
        self.held.push(Held { segment, base, runs, kinds, values });
    }

    /// How often each value of a field occurs among what a question found.
    pub(crate) fn counts<'c>(&'c self, question: &'c Question, field: usize) -> Cow<'c, Counts> {
        match question.wholes[field] {
            0 => Cow::Borrowed(&question.counts[field]),
            rows if rows == self.rows => Cow::Borrowed(&self.totals[field]),
            rows => {
                let mut counts = question.counts[field].clone();
                counts.add_wholes(field, rows, &self.held);
                Cow::Owned(counts)
            }
        }
    }

    fn remember_fields(&mut self, segment: &Segment) {
        let mut counts: Vec<u64> = vec![0; segment.nodes.len()];
        for (nth, node) in segment.nodes.iter().enumerate().rev() {
            let own = node.column.and_then(|column| segment.columns.get(column as usize));
            let mut rows = Bits::none(segment.rows());
            if let Some(column) = own {
                column.add_rows(&mut rows);
            }
            // Of an object as many events have it as have the member that most have.
            counts[nth] = counts[nth].max(rows.count() as u64);
            let parent = node.parent as usize;
            counts[parent] = counts[parent].max(counts[nth]);
        }
        for (nth, count) in counts.into_iter().enumerate().skip(1) {
            let path = Path::of(segment.names(nth)).to_string();
            let room = self.fields.len() < MOST_FIELDS;
            match self.fields.entry(path) {
                MapEntry::Occupied(mut known) => *known.get_mut() += count,
                MapEntry::Vacant(new) if room => drop(new.insert(count)),
                MapEntry::Vacant(_) => {}
            }
        }
    }

    /// Makes one segment of many small ones at the end.
    fn merge(&mut self) {
        let small = self.held.iter().rev().take_while(|held| held.segment.rows() < SMALL).count();
        if small < MOST_SMALL {
            return;
        }
        for question in self.question.iter_mut().chain(&mut self.rest) {
            question.settle(&self.held);
        }
        let many = self.held.split_off(self.held.len() - small);
        let mut base = many.first().map_or(0, |held| held.base);
        let mut runs: Vec<Run> = Vec::new();
        let first = base;
        for held in &many {
            self.builder.absorb(&held.segment);
            for run in &held.runs {
                let moved = Run { first: held.base - first + run.first, ..*run };
                if runs.last().is_none_or(|last| (last.blob, last.before) != (run.blob, run.before)) {
                    runs.push(moved);
                }
            }
        }
        let mut done = 0;
        for segment in self.builder.finish() {
            let end = done + segment.rows();
            let kinds = segment.kinds();
            self.put(segment, base, runs_of(&runs, done..end), kinds);
            base += end - done;
            done = end;
        }
    }

    /// Asks. A question of before that asks the same in another order is gone on with.
    ///
    /// # Errors
    /// What of the query is not understood; the question before stays.
    pub fn ask(&mut self, query: &str, now: Time, order: Order) -> Result<(), QueryError> {
        let query = Query::parse(query, now)?;
        self.asked_at = now;
        match &mut self.question {
            // Where conditions stand may differ.
            Some(question) if question.query == query => {
                question.query = query;
                question.order = order;
            }
            _ => {
                self.question = Some(Question::new(query, order));
                self.stretch = None;
                self.read.clear();
            }
        }
        Ok(())
    }

    /// Looks at about so many rows, as far as columns tell; whether there may be more to look at.
    pub fn step(&mut self, rows: usize) -> bool {
        self.flush();
        let Some(question) = &mut self.question else { return false };
        let wanted = question.judged().saturating_add(rows).min(self.rows);
        while question.judged() < wanted {
            let Some((held, from)) = at(&self.held, question.judged()) else { return false };
            question.judge(&held.segment, &held.kinds, from, &held.values);
        }
        question.judged() < self.rows
    }

    /// Looks at all rows that are held, as far as columns tell.
    pub(crate) fn judge_all(&self, question: &mut Question) {
        while let Some((held, from)) = at(&self.held, question.judged()) {
            question.judge(&held.segment, &held.kinds, from, &held.values);
        }
    }

    /// The next bytes to be read. The same until they were given, or something else is asked.
    pub fn wants(&mut self) -> Option<Stretch> {
        if self.stretch.is_none() {
            let rows = self.rows;
            if let Some(question) = self.question.as_mut().filter(|question| question.judged() == rows) {
                question.read_aside();
            }
            self.stretch = self.next_stretch();
        }
        self.stretch.as_ref().map(|(stretch, _)| *stretch)
    }

    fn next_stretch(&self) -> Option<(Stretch, Vec<u32>)> {
        let question = self.question.as_ref()?;
        let mut row = if question.order.descending {
            question.unread.last_before(usize::MAX)?
        } else {
            question.unread.rows().next()?
        };
        let (blob, begin, end) = self.place(row)?;
        let mut stretch = Stretch { blob, begin, end };
        let mut rows = vec![row as u32];
        loop {
            let next = if question.order.descending {
                question.unread.last_before(row)
            } else {
                question.unread.rows_from(row + 1).next()
            };
            let Some((blob, begin, end)) = next.and_then(|next| self.place(next)) else { break };
            let whole = Stretch { blob, begin: begin.min(stretch.begin), end: end.max(stretch.end) };
            if blob != stretch.blob || whole.end - whole.begin > STRETCH {
                break;
            }
            stretch = whole;
            row = next.unwrap_or(row);
            rows.push(row as u32);
        }
        Some((stretch, rows))
    }

    /// Where the bytes of an event stand.
    pub(crate) fn place(&self, row: usize) -> Option<(u32, u64, u64)> {
        let (held, row) = at(&self.held, row)?;
        let (blob, begin) = match Place::of(held.segment.begins.get(row)) {
            Place::Export(begin) => (EXPORT, begin),
            Place::Kept(begin) => {
                let run = held.runs[..held.runs.partition_point(|run| run.first <= row)].last()?;
                (run.blob, begin.checked_sub(run.before)?)
            }
        };
        Some((blob, begin, begin.checked_add(u64::try_from(held.segment.lengths.get(row)).ok()?)?))
    }

    /// Takes bytes that are wanted, or the begin of them.
    pub fn give(&mut self, bytes: &[u8]) {
        let Some((stretch, rows)) = self.stretch.take() else { return };
        // What more is given is no part of any event.
        let missing = ((stretch.end - stretch.begin) as usize).saturating_sub(self.read.len());
        self.read.extend(&bytes[..missing.min(bytes.len())]);
        if bytes.len() < missing {
            self.stretch = Some((stretch, rows));
            return;
        }
        let read = core::mem::take(&mut self.read);
        for row in rows {
            let Some((_, begin, end)) = self.place(row as usize) else { continue };
            let text = read.get((begin - stretch.begin) as usize..(end - stretch.begin) as usize);
            self.look(row as usize, text.and_then(|text| core::str::from_utf8(text).ok()));
        }
    }

    fn look(&mut self, row: usize, event: Option<&str>) {
        let (Some((held, local)), Some(question)) = (at(&self.held, row), &mut self.question) else { return };
        let segment = &held.segment;
        let document = event.and_then(Document::parse);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let link = judge::Link::of(segment, local);
        let near = match question.take(row, &judge::entry(segment, local, &link, root, read.as_ref())) {
            Verdict::Found => None,
            Verdict::Near(field) => Some(field),
            Verdict::No => return,
        };
        for (nth, short) in COUNTED.iter().enumerate() {
            if near.is_none_or(|near| near == nth) {
                question.counts[nth].count_row(*short, segment, &held.values[nth], local);
            }
        }
    }

    /// Brings the answer's rows up to date, and tells of it. Nothing where nothing was asked.
    pub fn found(&mut self) -> Option<Answer> {
        self.flush();
        let question = self.question.as_mut()?;
        let judged = question.judged();
        if judged == self.rows {
            question.read_aside();
        }
        let unread = question.unread.count();
        let complete = judged == self.rows && unread == 0;
        let question = self.question.as_ref()?;
        let places = Places(&self.held);
        // The one before is not asked for any more.
        self.answer = Rows::default();
        let mut rows = self.orders.of_set(question.order.by_time, &question.found, self.rows, &places);
        let gaps = gaps_within(question, &self.gaps, &mut self.orders, self.rows, &places);
        let listed = question.recorded_alone().is_some();
        if question.order.descending {
            rows.reverse();
        }
        if listed && !gaps.is_empty() {
            let gaps =
                if question.order.descending { gaps.iter().rev().copied().collect() } else { gaps.clone() };
            let events = rows.all();
            rows = Rows::List(if question.order.by_time {
                events.into_iter().chain(gaps).collect()
            } else {
                self.with_gaps(&events, &gaps, question.order.descending)
            });
        }
        let mut folds = Folds::default();
        if question.order.folds && (self.withheld > 0 || !self.gaps.is_empty()) {
            let (shown, folded) = Folds::of(&rows.all(), |row| self.is_absent(row));
            (rows, folds) = (Rows::List(shown), folded);
        }
        let fields = self.fields.keys().map(String::as_str);
        let mut findings = question.findings(&fields, self.events, complete);
        findings.times =
            Some((self.own_times as u64, (self.events - self.own_times.min(self.events)) as u64));
        let answer = Answer {
            rows: rows.len(),
            events: question.events,
            of: self.events,
            searched: question.searched,
            complete,
            unknown: (question.withheld_unknown, if listed { 0 } else { gaps.len() }),
            histogram: self.histogram(question),
            findings,
        };
        self.answer = rows;
        self.folds = folds;
        Some(answer)
    }

    /// Whether there is no event in a row.
    fn is_absent(&self, row: u32) -> bool {
        row >= GAPS || self.absent.get(row as usize)
    }

    /// The rows that a row of the answer stands for, where it is a fold.
    pub(crate) fn folded(&self, row: u32) -> Option<&[u32]> {
        self.folds.rows(row)
    }

    fn with_gaps(&self, rows: &[u32], gaps: &[u32], descending: bool) -> Vec<u32> {
        let places = Places(&self.held);
        let mut merged = Vec::with_capacity(rows.len() + gaps.len());
        let mut rows = rows;
        for gap in gaps {
            let line = self.gap(*gap).map_or(0, |gap| gap.line as i64);
            let before = rows.partition_point(|row| (places.line(*row) < line) != descending);
            merged.extend(&rows[..before]);
            merged.push(*gap);
            rows = &rows[before..];
        }
        merged.extend(rows);
        merged
    }

    pub(crate) fn gap(&self, row: u32) -> Option<Gap> {
        self.gaps.get(row.checked_sub(GAPS)? as usize).copied()
    }

    fn histogram(&self, question: &Question) -> Option<Histogram> {
        let span = question.span();
        let asked = |(first, last): (i64, i64)| {
            let first = first.max(span.from.map_or(i64::MIN, Time::millis));
            let last = last.min(span.until.map_or(i64::MAX, |until| until.millis() - 1));
            Histogram::new(first, last)
        };
        // Who asks for the time of those that are far sees them.
        let mut histogram = self.years.most().and_then(asked).or_else(|| self.years.all().and_then(asked))?;
        for held in &self.held {
            let segment = &held.segment;
            let times = segment.times();
            let end = held.base + segment.rows();
            let rows = question.found.rows_from(held.base).take_while(|row| *row < end);
            let events = rows.filter(|row| !self.absent.get(*row)).map(|row| row - held.base);
            histogram.count(events.map(|row| (times.get(row), segment.outcomes[row])));
        }
        Some(histogram)
    }

    /// The numbers of the answer's rows from one place to another.
    pub(crate) fn answered(&self, from: usize, to: usize) -> Vec<u32> {
        self.answer.range(from..to)
    }

    /// The segment of a row, and its number there.
    pub(crate) fn at(&self, row: u32) -> Option<(&Held, usize)> {
        at(&self.held, row as usize)
    }

    /// The place in the answer of the row that shows a line of the export.
    pub fn row_of(&mut self, line: u64) -> Option<usize> {
        let gap = self.gaps.iter().position(|gap| gap.line == line);
        let row = match gap {
            Some(nth) => GAPS + nth as u32,
            None => self.by_number(line, |segment, row| segment.lines.get(row))?,
        };
        let row = self.folds.shown(row);
        self.answer.position(row)
    }

    /// The line of the event or withheld event at a leaf.
    pub fn line_of(&mut self, index: u64) -> Option<u64> {
        let row = self.by_number(index, Segment::index)?;
        let (held, row) = self.at(row)?;
        let is_shown = matches!(held.segment.kind(row), RowKind::Event | RowKind::Withheld);
        is_shown.then(|| held.segment.lines.get(row) as u64)
    }

    /// The row with a number that ascends with the lines.
    fn by_number(&mut self, wanted: u64, number: impl Fn(&Segment, usize) -> i64) -> Option<u32> {
        self.flush();
        let wanted = i64::try_from(wanted).ok()?;
        let places = Places(&self.held);
        let rows = self.orders.by_line(self.rows, &places);
        let of = |row: u32| at(&self.held, row as usize).map_or(0, |(held, row)| number(&held.segment, row));
        let place = rows.partition_point(&|row| of(row) < wanted);
        rows.get(place).filter(|row| of(*row) == wanted)
    }

    /// The leaves of all events found, ascending.
    pub fn indexes(&self) -> Vec<u64> {
        let mut indexes: Vec<u64> = self
            .answered(0, usize::MAX)
            .into_iter()
            .filter_map(|row| self.at(row))
            .filter(|(held, row)| held.segment.kind(*row) == RowKind::Event)
            .map(|(held, row)| held.segment.index(row) as u64)
            .collect();
        indexes.sort_unstable();
        indexes
    }

    /// What stands at leaves, in ranges from one to before another: what is shown, withheld, skipped, and what has
    /// rows of its own.
    pub fn coverage(&mut self) -> [Vec<(u64, u64)>; 4] {
        self.flush();
        let mut ranges: [Vec<(u64, u64)>; 4] = Default::default();
        let mut add = |of: usize, begin: u64, end: u64| match ranges[of].last_mut() {
            Some((_, last)) if *last == begin => *last = end,
            _ => ranges[of].push((begin, end)),
        };
        let places = Places(&self.held);
        for row in self.orders.by_line(self.rows, &places).iter() {
            let Some((held, row)) = at(&self.held, row as usize) else { continue };
            let index = held.segment.index(row) as u64;
            match held.segment.kind(row) {
                RowKind::Withheld => add(1, index, index.saturating_add(1)),
                RowKind::Event | RowKind::Gap | RowKind::Other => add(0, index, index.saturating_add(1)),
            }
            if matches!(held.segment.kind(row), RowKind::Event | RowKind::Withheld) {
                add(3, index, index.saturating_add(1));
            }
        }
        let mut gaps = self.gaps.clone();
        gaps.sort_unstable_by_key(|gap| gap.index);
        for gap in gaps {
            add(2, gap.index, gap.index.saturating_add(gap.leaves));
        }
        ranges
    }

    /// Whether a top-level condition asks for a value.
    pub(crate) fn is_chosen(&self, short: Short, value: &str) -> bool {
        let chosen = |condition: &Condition| match condition {
            Condition::Is { values, .. } if crate::question::counted(condition) == Some(short) => {
                values.iter().any(|matcher| matcher.matches(value))
            }
            _ => false,
        };
        self.question.as_ref().is_some_and(|question| question.top().any(chosen))
    }
}

/// The gaps that neighbors in the log do not put before or after the time of recording that is asked for, in order.
fn gaps_within(
    question: &Question,
    gaps: &[Gap],
    orders: &mut Orders,
    rows: usize,
    places: &Places<'_>,
) -> Vec<u32> {
    let mut sorted: Vec<u32> = (0..gaps.len()).map(|nth| GAPS + nth as u32).collect();
    let gap = |row: &u32| gaps[(*row - GAPS) as usize];
    sorted.sort_by_key(|row| gap(row).line);
    let Some(span) = question.recorded_alone().filter(|span| span.from.is_some() || span.until.is_some())
    else {
        return sorted;
    };
    let by_line = orders.by_line(rows, places);
    let recorded = |row: Option<u32>| {
        let (held, row) = at(places.0, row? as usize)?;
        Some(held.segment.recorded(row))
    };
    sorted.retain(|row| {
        let after = by_line.partition_point(&|other| places.line(other) < gap(row).line as i64);
        let before = recorded(after.checked_sub(1).and_then(|before| by_line.get(before)));
        let after = recorded(by_line.get(after));
        before.is_none_or(|before| span.until.is_none_or(|until| before < until))
            && after.is_none_or(|after| span.from.is_none_or(|from| after >= from))
    });
    sorted
}
