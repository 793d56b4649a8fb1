//! The index: all segments, and the current query on them.

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
use crate::evaluate;
use crate::extent::TimeBuckets;
use crate::facets::{COUNTED, Counts, SegmentValues, ValueTable};
use crate::fold::Folds;
use crate::histogram::Histogram;
use crate::order::{Orders, SortKeys, sort};
use crate::question::{By, Order, Question, Verdict};
use crate::segment::{Kinds, RowKind, Segment, flag};

/// Segments at the end are merged once this many have fewer than `SMALL_SEGMENT_ROWS` rows each.
const MAX_SMALL_SEGMENTS: usize = 16;
const SMALL_SEGMENT_ROWS: usize = 4096;
/// The `blob` number of the export itself; kept batches have other numbers.
pub const EXPORT: u32 = 0;
/// Approximate number of bytes read at a time.
pub(crate) const READ_BYTES: u64 = 1 << 20;
/// Maximum number of fields remembered for suggestions.
const MAX_FIELDS: usize = 4096;
/// Row numbers from here on are gaps.
pub(crate) const GAPS: u32 = 1 << 31;

/// The storage of rows whose events are not in the export: the number of the blob, and the offset to subtract from the
/// segment's positions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Run {
    first: usize,
    blob: u32,
    before: u64,
}

/// Returns the runs of some rows, with positions relative to the first of these rows.
fn runs_of(runs: &[Run], rows: Range<usize>) -> Vec<Run> {
    let begin = runs.partition_point(|run| run.first <= rows.start).saturating_sub(1);
    let own = runs.iter().skip(begin).take_while(|run| run.first < rows.end);
    own.map(|run| Run { first: run.first.saturating_sub(rows.start), ..*run }).collect()
}

#[derive(Debug)]
pub(crate) struct StoredSegment {
    pub(crate) segment: Segment,
    /// Number of the segment's first row.
    pub(crate) base: usize,
    runs: Vec<Run>,
    kinds: Kinds,
    /// The values of each counted field.
    pub(crate) values: Vec<SegmentValues>,
}

/// A range of entries omitted from the export, whether one skip or several record it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The line of the first skip.
    pub line: u64,
    /// The index of the first entry.
    pub index: u64,
    /// The number of entries.
    pub leaves: u64,
}

/// A range of bytes to read before the answer is complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteRange {
    /// The source: [`EXPORT`], or the number passed with the segment.
    pub blob: u32,
    /// The first byte.
    pub begin: u64,
    /// The byte after the last one.
    pub end: u64,
}

/// A summary of an answer, without its rows.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The number of rows.
    pub rows: usize,
    /// The number of events found.
    pub events: usize,
    /// The number of events in the index.
    pub of: usize,
    /// The number of events examined so far.
    pub searched: usize,
    /// True if all events were examined.
    pub complete: bool,
    /// The numbers of withheld events and of gaps that might match.
    pub unknown: (usize, usize),
    /// The events found over time; `None` if the query's time span has no events.
    pub histogram: Option<Histogram>,
    /// The explanation of the result.
    pub findings: Findings,
}

/// An index of verified events that answers queries.
#[derive(Debug)]
pub struct EventIndex {
    pub(crate) parsers: Parsers,
    hasher: FixedState,
    builder: SegmentBuilder,
    /// The storage of the rows in the builder.
    runs: Vec<Run>,
    pub(crate) segments: Vec<StoredSegment>,
    rows: usize,
    events: usize,
    withheld: usize,
    /// The rows of withheld events.
    absent: Bits,
    own_times: usize,
    pub(crate) times: TimeBuckets,
    gaps: Vec<Gap>,
    pub(crate) known: [ValueTable; COUNTED.len()],
    /// The number of occurrences of each value of a field in all events.
    totals: [Counts; COUNTED.len()],
    /// The number of rows that have each field.
    pub(crate) fields: BTreeMap<String, u64>,
    orders: Orders,
    pub(crate) question: Option<Question>,
    /// The time that relative times of the query refer to.
    pub(crate) asked_at: Time,
    /// The query without the part being typed, if that is another query.
    pub(crate) rest: Option<Question>,
    /// The rows of the latest answer.
    answer: Rows,
    folds: Folds,
    range: Option<(ByteRange, Vec<u32>)>,
    read: Vec<u8>,
    /// Rows whose lines are still to be written, in reverse order.
    pub(crate) lines: Vec<u32>,
}

struct RowKeys<'h>(&'h [StoredSegment]);

impl SortKeys for RowKeys<'_> {
    fn line(&self, row: u32) -> i64 {
        locate(self.0, row as usize).map_or(0, |(stored, row)| stored.segment.lines.get(row))
    }

    fn time(&self, row: u32) -> i64 {
        locate(self.0, row as usize).map_or(0, |(stored, row)| stored.segment.happened(row))
    }
}

/// Returns the segment of a row, and the row's number within it.
pub(crate) fn locate(stored: &[StoredSegment], row: usize) -> Option<(&StoredSegment, usize)> {
    let nth = stored.partition_point(|stored| stored.base <= row).checked_sub(1)?;
    let stored = &stored[nth];
    (row - stored.base < stored.segment.rows()).then(|| (stored, row - stored.base))
}

impl EventIndex {
    /// Creates an empty index. `seed` is as in [`SegmentBuilder::new`].
    pub fn new(seed: u64, parsers: Parsers) -> Self {
        Self {
            builder: SegmentBuilder::new(seed, parsers.clone()),
            hasher: FixedState::with_seed(seed),
            parsers,
            runs: Vec::new(),
            segments: Vec::new(),
            rows: 0,
            events: 0,
            withheld: 0,
            absent: Bits::default(),
            own_times: 0,
            times: TimeBuckets::default(),
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
            range: None,
            read: Vec::new(),
            lines: Vec::new(),
        }
    }

    pub(crate) const fn hasher(&self) -> &FixedState {
        &self.hasher
    }

    /// Returns the number of events.
    pub const fn events(&self) -> usize {
        self.events
    }

    /// Returns the number of rows in segments.
    pub const fn rows(&self) -> usize {
        self.rows
    }

    /// Returns the number of withheld events.
    pub const fn withheld(&self) -> usize {
        self.withheld
    }

    /// Returns the number of gaps.
    pub const fn gaps(&self) -> usize {
        self.gaps.len()
    }

    /// Returns the approximate memory use in bytes.
    pub fn bytes(&self) -> usize {
        let stored = |stored: &StoredSegment| {
            stored.segment.bytes()
                + stored.kinds.bytes()
                + stored.values.iter().map(SegmentValues::bytes).sum::<usize>()
        };
        self.segments.iter().map(stored).sum::<usize>()
            + self.known.iter().map(ValueTable::bytes).sum::<usize>()
            + self.totals.iter().map(|totals| totals.0.len() * 4).sum::<usize>()
            + self.orders.bytes()
            + self.answer.bytes()
            + self.folds.bytes()
    }

    /// Adds a batch from the verifier. If its events are not in the export, the caller keeps its bytes as `blob`.
    ///
    /// # Errors
    /// See [`SegmentBuilder::add`].
    pub fn add(&mut self, batch: &[u8], blob: u32) -> Result<(), IndexError> {
        let (first, before) = (self.builder.rows(), self.builder.kept_bytes());
        self.runs.push(Run { first, blob, before });
        let added = self.builder.add(batch);
        let rows = self.builder.rows() - first;
        self.events += rows;
        added.map(drop)
    }

    /// Adds a segment whose kept batches are `blob`, and returns the number of its first row.
    pub fn add_segment(&mut self, segment: Segment, blob: u32) -> usize {
        self.flush();
        let first = self.rows;
        let (events, withheld) = self.push_segment(segment, vec![Run { first: 0, blob, before: 0 }]);
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

    /// Turns rows added one by one into a segment.
    pub(crate) fn flush(&mut self) {
        if self.builder.rows() == 0 {
            return;
        }
        let mut first = 0;
        let runs = core::mem::take(&mut self.runs);
        for segment in self.builder.finish() {
            let end = first + segment.rows();
            self.push_segment(segment, runs_of(&runs, first..end));
            first = end;
        }
        self.merge();
    }

    /// Adds a segment, and returns its numbers of events and of withheld events.
    fn push_segment(&mut self, segment: Segment, runs: Vec<Run>) -> (usize, usize) {
        self.own_times += segment.flags.iter().filter(|flags| *flags & flag::OWN_TIME != 0).count();
        self.remember_fields(&segment);
        let kinds = segment.kinds();
        for row in kinds.events.rows() {
            self.times.add(segment.happened(row));
        }
        self.absent.append(&kinds.withheld, 0);
        let base = self.rows;
        self.rows += segment.rows();
        let counts = (kinds.events.count(), kinds.withheld.count());
        self.store(segment, base, runs, kinds);
        let values = self.segments.last().into_iter().flat_map(|stored| &stored.values);
        self.totals.iter_mut().zip(values).for_each(|(totals, values)| totals.add_all(values));
        counts
    }

    fn store(&mut self, segment: Segment, base: usize, runs: Vec<Run>, kinds: Kinds) {
        let known = COUNTED.iter().zip(&mut self.known);
        let values = known.map(|(short, known)| {
            let numbers = known.register(&self.hasher, *short, &segment);
            SegmentValues::new(*short, &segment, numbers, &kinds.events)
        });
        let values = values.collect();
        self.segments.push(StoredSegment { segment, base, runs, kinds, values });
    }

    /// Returns the number of occurrences of each value of a field among the events found.
    pub(crate) fn counts<'c>(&'c self, question: &'c Question, field: usize) -> Cow<'c, Counts> {
        match question.wholes[field] {
            0 => Cow::Borrowed(&question.counts[field]),
            rows if rows == self.rows => Cow::Borrowed(&self.totals[field]),
            rows => {
                let mut counts = question.counts[field].clone();
                counts.add_wholes(field, rows, &self.segments);
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
            // An object is counted as often as its most frequent field.
            counts[nth] = counts[nth].max(rows.count() as u64);
            let parent = node.parent as usize;
            counts[parent] = counts[parent].max(counts[nth]);
        }
        for (nth, count) in counts.into_iter().enumerate().skip(1) {
            let path = Path::from_names(segment.names(nth)).to_string();
            let room = self.fields.len() < MAX_FIELDS;
            match self.fields.entry(path) {
                MapEntry::Occupied(mut known) => *known.get_mut() += count,
                MapEntry::Vacant(new) if room => drop(new.insert(count)),
                MapEntry::Vacant(_) => {}
            }
        }
    }

    /// Merges the small segments at the end, once there are many.
    fn merge(&mut self) {
        let small = self
            .segments
            .iter()
            .rev()
            .take_while(|stored| stored.segment.rows() < SMALL_SEGMENT_ROWS)
            .count();
        if small < MAX_SMALL_SEGMENTS {
            return;
        }
        for question in self.question.iter_mut().chain(&mut self.rest) {
            question.merge_wholes(&self.segments);
        }
        let many = self.segments.split_off(self.segments.len() - small);
        let mut base = many.first().map_or(0, |stored| stored.base);
        let mut runs: Vec<Run> = Vec::new();
        let first = base;
        for stored in &many {
            self.builder.absorb(&stored.segment);
            for run in &stored.runs {
                let moved = Run { first: stored.base - first + run.first, ..*run };
                if runs.last().is_none_or(|last| (last.blob, last.before) != (run.blob, run.before)) {
                    runs.push(moved);
                }
            }
        }
        let mut done = 0;
        for segment in self.builder.finish() {
            let end = done + segment.rows();
            let kinds = segment.kinds();
            self.store(segment, base, runs_of(&runs, done..end), kinds);
            base += end - done;
            done = end;
        }
    }

    /// Starts a query. If it equals the current one except for the order, the results so far are kept.
    ///
    /// # Errors
    /// If the query is invalid; the current query stays.
    pub fn ask(&mut self, query: &str, now: Time, order: Order) -> Result<(), QueryError> {
        let query = Query::parse(query, now)?;
        self.asked_at = now;
        match &mut self.question {
            // The conditions' positions in the text may differ.
            Some(question) if question.query == query => {
                question.query = query;
                question.order = order;
            }
            _ => {
                self.question = Some(Question::new(query, order));
                self.range = None;
                self.read.clear();
            }
        }
        Ok(())
    }

    /// Evaluates about `rows` more rows by their columns. Returns true if there are more.
    pub fn step(&mut self, rows: usize) -> bool {
        self.flush();
        let Some(question) = &mut self.question else { return false };
        let wanted = question.evaluated().saturating_add(rows).min(self.rows);
        while question.evaluated() < wanted {
            let Some((stored, from)) = locate(&self.segments, question.evaluated()) else { return false };
            question.evaluate(&stored.segment, &stored.kinds, from, &stored.values);
        }
        question.evaluated() < self.rows
    }

    /// Evaluates all rows in segments by their columns.
    pub(crate) fn evaluate_all(&self, question: &mut Question) {
        while let Some((stored, from)) = locate(&self.segments, question.evaluated()) {
            question.evaluate(&stored.segment, &stored.kinds, from, &stored.values);
        }
    }

    /// Returns the number of events that match a query, beside the current one, which stays. Returns `None` if the columns
    /// don't decide it.
    ///
    /// # Errors
    /// If the query is invalid.
    pub fn count(&mut self, query: &str, now: Time) -> Result<Option<usize>, QueryError> {
        let mut question = Question::new(Query::parse(query, now)?, Order::default());
        self.flush();
        self.evaluate_all(&mut question);
        Ok(question.unread.is_empty().then_some(question.events))
    }

    /// Returns the next bytes to read. Repeats the same range until they are provided or another query starts.
    pub fn wants(&mut self) -> Option<ByteRange> {
        if self.range.is_none() {
            let rows = self.rows;
            if let Some(question) = self.question.as_mut().filter(|question| question.evaluated() == rows) {
                question.read_aside();
            }
            self.range = self.next_chunk();
        }
        self.range.as_ref().map(|(range, _)| *range)
    }

    fn next_chunk(&self) -> Option<(ByteRange, Vec<u32>)> {
        let question = self.question.as_ref()?;
        let mut row = if question.order.descending {
            question.unread.last_before(usize::MAX)?
        } else {
            question.unread.rows().next()?
        };
        let (blob, begin, end) = self.place(row)?;
        let mut range = ByteRange { blob, begin, end };
        let mut rows = vec![row as u32];
        loop {
            let next = if question.order.descending {
                question.unread.last_before(row)
            } else {
                question.unread.rows_from(row + 1).next()
            };
            let Some((blob, begin, end)) = next.and_then(|next| self.place(next)) else { break };
            let whole = ByteRange { blob, begin: begin.min(range.begin), end: end.max(range.end) };
            if blob != range.blob || whole.end - whole.begin > READ_BYTES {
                break;
            }
            range = whole;
            row = next.unwrap_or(row);
            rows.push(row as u32);
        }
        Some((range, rows))
    }

    /// Returns the blob, begin, and end of an event's bytes.
    pub(crate) fn place(&self, row: usize) -> Option<(u32, u64, u64)> {
        let (stored, row) = locate(&self.segments, row)?;
        let (blob, begin) = match Place::from_number(stored.segment.begins.get(row)) {
            Place::Export(begin) => (EXPORT, begin),
            Place::Kept(begin) => {
                let run = stored.runs[..stored.runs.partition_point(|run| run.first <= row)].last()?;
                (run.blob, begin.checked_sub(run.before)?)
            }
        };
        Some((blob, begin, begin.checked_add(u64::try_from(stored.segment.lengths.get(row)).ok()?)?))
    }

    /// Accepts the requested bytes, or a prefix of them.
    pub fn provide(&mut self, bytes: &[u8]) {
        let Some((range, rows)) = self.range.take() else { return };
        // Bytes after the requested range are ignored.
        let missing = ((range.end - range.begin) as usize).saturating_sub(self.read.len());
        self.read.extend(&bytes[..missing.min(bytes.len())]);
        if bytes.len() < missing {
            self.range = Some((range, rows));
            return;
        }
        let read = core::mem::take(&mut self.read);
        for row in rows {
            let Some((_, begin, end)) = self.place(row as usize) else { continue };
            let text = read.get((begin - range.begin) as usize..(end - range.begin) as usize);
            self.resolve(row as usize, text.and_then(|text| core::str::from_utf8(text).ok()));
        }
    }

    fn resolve(&mut self, row: usize, event: Option<&str>) {
        let (Some((stored, local)), Some(question)) = (locate(&self.segments, row), &mut self.question)
        else {
            return;
        };
        let segment = &stored.segment;
        let document = event.and_then(Document::parse);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let link = evaluate::Link::from_row(segment, local);
        let near = match question.resolve(row, &evaluate::entry(segment, local, &link, root, read.as_ref())) {
            Verdict::Found => None,
            Verdict::Near(field) => Some(field),
            Verdict::No => return,
        };
        for (nth, short) in COUNTED.iter().enumerate() {
            if near.is_none_or(|near| near == nth) {
                question.counts[nth].count_row(*short, segment, &stored.values[nth], local);
            }
        }
    }

    /// Updates the answer's rows and returns a summary, or `None` without a query.
    pub fn found(&mut self) -> Option<Answer> {
        self.flush();
        let question = self.question.as_mut()?;
        let evaluated = question.evaluated();
        if evaluated == self.rows {
            question.read_aside();
        }
        let unread = question.unread.count();
        let complete = evaluated == self.rows && unread == 0;
        let question = self.question.as_ref()?;
        let places = RowKeys(&self.segments);
        // Frees the previous answer first.
        self.answer = Rows::default();
        let order = question.order;
        let mut rows = self.orders.sorted_set(order.by == By::Time, &question.found, self.rows, &places);
        let gaps = gaps_within(question, &self.gaps, &mut self.orders, self.rows, &places);
        let listed = question.recorded_alone().is_some();
        if let By::Value(short) = order.by {
            rows = Rows::List(self.sorted_by_value(short, rows.all(), order.descending));
        } else if order.descending {
            rows.reverse();
        }
        if listed && !gaps.is_empty() {
            let gaps = if order.descending { gaps.iter().rev().copied().collect() } else { gaps.clone() };
            let events = rows.all();
            rows = Rows::List(if order.by == By::Place {
                self.with_gaps(&events, &gaps, order.descending)
            } else {
                events.into_iter().chain(gaps).collect()
            });
        }
        let mut folds = Folds::default();
        if order.folds && (self.withheld > 0 || !self.gaps.is_empty()) {
            let (shown, folded) = Folds::fold(&rows.all(), |row| self.is_absent(row));
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

    /// Sorts rows, which are in the order of the export, by their values of a field.
    fn sorted_by_value(&self, short: Short, mut rows: Vec<u32>, descending: bool) -> Vec<u32> {
        let Some(nth) = COUNTED.iter().position(|counted| *counted == short) else { return rows };
        let ranks = self.known[nth].ranks();
        let rank = |row: u32| {
            let (stored, row) = locate(&self.segments, row as usize)?;
            let number = stored.values[nth].first(short, &stored.segment, row)?;
            ranks.get(number as usize).map(|rank| i64::from(*rank))
        };
        sort(&mut rows, &|row| match rank(row) {
            Some(rank) if descending => -rank,
            Some(rank) => rank,
            None => i64::MAX,
        });
        rows
    }

    /// True if the row has no event.
    fn is_absent(&self, row: u32) -> bool {
        row >= GAPS || self.absent.get(row as usize)
    }

    /// Returns the rows that a folded row of the answer stands for.
    pub(crate) fn folded(&self, row: u32) -> Option<&[u32]> {
        self.folds.rows(row)
    }

    fn with_gaps(&self, rows: &[u32], gaps: &[u32], descending: bool) -> Vec<u32> {
        let places = RowKeys(&self.segments);
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
        // If the query selects the outliers' time span, they are shown.
        let mut histogram =
            self.times.without_outliers().and_then(asked).or_else(|| self.times.all().and_then(asked))?;
        for stored in &self.segments {
            let segment = &stored.segment;
            let times = segment.times();
            let end = stored.base + segment.rows();
            let rows = question.found.rows_from(stored.base).take_while(|row| *row < end);
            let events = rows.filter(|row| !self.absent.get(*row)).map(|row| row - stored.base);
            histogram.count(events.map(|row| (times.get(row), segment.outcomes[row])));
        }
        Some(histogram)
    }

    /// Returns the row numbers at positions `from..to` of the answer.
    pub(crate) fn answer_rows(&self, from: usize, to: usize) -> Vec<u32> {
        self.answer.range(from..to)
    }

    /// Returns the segment of a row, and the row's number within it.
    pub(crate) fn locate(&self, row: u32) -> Option<(&StoredSegment, usize)> {
        locate(&self.segments, row as usize)
    }

    /// Returns the position in the answer of the row for a line of the export.
    pub fn row_of(&mut self, line: u64) -> Option<usize> {
        let gap = self.gaps.iter().position(|gap| gap.line == line);
        let row = match gap {
            Some(nth) => GAPS + nth as u32,
            None => self.find_by_number(line, |segment, row| segment.lines.get(row))?,
        };
        let row = self.folds.shown(row);
        self.answer.position(row)
    }

    /// Returns the line of the event or withheld event with this entry index.
    pub fn line_of(&mut self, index: u64) -> Option<u64> {
        let row = self.find_by_number(index, Segment::index)?;
        let (stored, row) = self.locate(row)?;
        let is_shown = matches!(stored.segment.kind(row), RowKind::Event | RowKind::Withheld);
        is_shown.then(|| stored.segment.lines.get(row) as u64)
    }

    /// Finds a row by a number that increases with the lines.
    fn find_by_number(&mut self, wanted: u64, number: impl Fn(&Segment, usize) -> i64) -> Option<u32> {
        self.flush();
        let wanted = i64::try_from(wanted).ok()?;
        let places = RowKeys(&self.segments);
        let rows = self.orders.by_line(self.rows, &places);
        let of = |row: u32| {
            locate(&self.segments, row as usize).map_or(0, |(stored, row)| number(&stored.segment, row))
        };
        let place = rows.partition_point(&|row| of(row) < wanted);
        rows.get(place).filter(|row| of(*row) == wanted)
    }

    /// Returns the entry indexes of all events found, in ascending order.
    pub fn indexes(&self) -> Vec<u64> {
        let mut indexes: Vec<u64> = self
            .answer_rows(0, usize::MAX)
            .into_iter()
            .filter_map(|row| self.locate(row))
            .filter(|(stored, row)| stored.segment.kind(*row) == RowKind::Event)
            .map(|(stored, row)| stored.segment.index(row) as u64)
            .collect();
        indexes.sort_unstable();
        indexes
    }

    /// Returns ranges of entry indexes, ends excluded: entries in the export, withheld events, omitted entries, and
    /// entries with a row of their own.
    pub fn coverage(&mut self) -> [Vec<(u64, u64)>; 4] {
        self.flush();
        let mut ranges: [Vec<(u64, u64)>; 4] = Default::default();
        let mut add = |of: usize, begin: u64, end: u64| match ranges[of].last_mut() {
            Some((_, last)) if *last == begin => *last = end,
            _ => ranges[of].push((begin, end)),
        };
        let places = RowKeys(&self.segments);
        for row in self.orders.by_line(self.rows, &places).iter() {
            let Some((stored, row)) = locate(&self.segments, row as usize) else { continue };
            let index = stored.segment.index(row) as u64;
            match stored.segment.kind(row) {
                RowKind::Withheld => add(1, index, index.saturating_add(1)),
                RowKind::Event | RowKind::Gap | RowKind::Other => add(0, index, index.saturating_add(1)),
            }
            if matches!(stored.segment.kind(row), RowKind::Event | RowKind::Withheld) {
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

    /// True if a top-level condition selects this value.
    pub(crate) fn is_chosen(&self, short: Short, value: &str) -> bool {
        let chosen = |condition: &Condition| match condition {
            Condition::Is { values, .. } if crate::question::counted_field(condition) == Some(short) => {
                values.iter().any(|matcher| matcher.matches(value))
            }
            _ => false,
        };
        self.question.as_ref().is_some_and(|question| question.top().any(chosen))
    }
}

/// Returns the gaps in order of their lines, without those that neighboring entries place outside the queried time of
/// recording.
fn gaps_within(
    question: &Question,
    gaps: &[Gap],
    orders: &mut Orders,
    rows: usize,
    places: &RowKeys<'_>,
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
        let (stored, row) = locate(places.0, row? as usize)?;
        Some(stored.segment.recorded(row))
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
