//! The artifact `index`: a columnar index of verified events.

use countersign::error::{Code, Error};
use countersign::time::Time;
use countersign_index::{
    By, ByteRange, EventIndex as LocalIndex, Order, SegmentBuilder as LocalBuilder, decode, encode,
    error_json, fields_of,
};
use countersign_query::Parsers;
use js_sys::{Array, Float64Array};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, index};

/// Approximate number of rows, and of bytes of batches, per segment.
const FULL_ROWS: usize = 32_768;
const FULL_BYTES: u64 = 24 << 20;

fn invalid(code: Code, message: &str) -> Thrown {
    let hint = "pass the unmodified output of the same version's verifier and builder";
    Error::new(code, message).with_hint(hint).into()
}

/// Returns `[blob, begin, end]`, with blob 0 for the export itself.
fn bounds(ByteRange { blob, begin, end }: ByteRange) -> Float64Array {
    Float64Array::from(&[f64::from(blob), begin as f64, end as f64][..])
}

/// Builds columns of events, in any worker.
#[wasm_bindgen]
pub struct SegmentBuilder {
    builder: LocalBuilder,
    /// Lines that have not been taken yet.
    lines: Vec<u8>,
}

#[wasm_bindgen]
impl SegmentBuilder {
    /// Creates a builder. `seed` is a random number from 0 to 2^53 - 1. It must be secret, so that attackers can't
    /// craft slow events.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: f64) -> Self {
        let builder = LocalBuilder::new(index(seed).unwrap_or_default(), Parsers::built_in());
        Self { builder, lines: Vec::new() }
    }

    /// Adds a batch of events from the verifier. Returns true if its bytes must be kept, because the events are not in
    /// the export. With `writes`, the lines are written for [`SegmentBuilder::lines`].
    pub fn add(&mut self, batch: &[u8], writes: bool) -> Result<bool, Thrown> {
        let Self { builder, lines } = self;
        let added = if writes { builder.add_and_write(batch, lines) } else { builder.add(batch) };
        added.map_err(|_| invalid(Code::Export, "the bytes are not a batch of verified events"))
    }

    /// Returns the lines written since the last call, with parsed fields.
    pub fn lines(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.lines)
    }

    /// Returns the number of rows since the last `finish`.
    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> usize {
        self.builder.rows()
    }

    /// True if `finish` must be called before more is added.
    #[wasm_bindgen(getter)]
    pub fn full(&self) -> bool {
        self.builder.rows() >= FULL_ROWS || self.builder.added_bytes() >= FULL_BYTES
    }

    /// Returns the segment of the added events, or nothing if none were added.
    pub fn finish(&mut self) -> Vec<u8> {
        let segments = self.builder.finish();
        if segments.is_empty() { Vec::new() } else { encode(&segments) }
    }
}

/// Stores columns of events, and answers queries. Answers other than numbers are JSON, described in
/// `crates/index/ANSWERS.md`.
#[wasm_bindgen]
pub struct EventIndex {
    index: LocalIndex,
    /// The query as the user wrote it.
    query: String,
}

#[wasm_bindgen]
impl EventIndex {
    /// See `SegmentBuilder`.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: f64) -> Self {
        let index = LocalIndex::new(index(seed).unwrap_or_default(), Parsers::built_in());
        Self { index, query: String::new() }
    }

    /// Adds a batch of events whose bytes are kept as `blob`.
    pub fn add(&mut self, batch: &[u8], blob: u32) -> Result<(), Thrown> {
        let added = self.index.add(batch, blob);
        added.map_err(|_| invalid(Code::Export, "the bytes are not a batch of verified events"))
    }

    /// Adds a segment, and returns the number of its first row. `blob`, from 1, identifies the concatenated kept
    /// batches of the segment.
    #[wasm_bindgen(js_name = addSegment)]
    pub fn add_segment(&mut self, segment: &[u8], blob: u32) -> Result<usize, Thrown> {
        let segments = decode(segment)
            .ok_or_else(|| invalid(Code::Export, "the bytes are not a segment of this version"))?;
        let firsts = segments.into_iter().map(|segment| self.index.add_segment(segment, blob));
        Ok(firsts.reduce(|first, _| first).unwrap_or_else(|| self.index.rows()))
    }

    /// Adds entries without events: JSON of `Mark[]`.
    pub fn mark(&mut self, marks: &str) -> Result<(), Thrown> {
        self.index.mark(marks).map_err(|_| invalid(Code::Export, "marks must be a JSON array of marks"))
    }

    /// Returns the number of events.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> usize {
        self.index.events()
    }

    /// Returns the number of rows in segments.
    #[wasm_bindgen(getter, js_name = heldRows)]
    pub fn held_rows(&self) -> usize {
        self.index.rows()
    }

    /// Returns the number of withheld events.
    #[wasm_bindgen(getter)]
    pub fn withheld(&self) -> usize {
        self.index.withheld()
    }

    /// Returns the number of gaps.
    #[wasm_bindgen(getter)]
    pub fn gaps(&self) -> usize {
        self.index.gaps()
    }

    /// Returns the approximate memory use in bytes.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Starts a query. `now` is in milliseconds; `by` is "place", "time", or the short name of a field;
    /// anything else is "place". Returns the error as JSON if the query is invalid.
    pub fn ask(
        &mut self,
        query: String,
        now: f64,
        by: &str,
        descending: bool,
        folds: bool,
    ) -> Option<String> {
        let order = Order { by: By::parse(by).unwrap_or_default(), descending, folds };
        match self.index.ask(&query, time(now), order) {
            Ok(()) => {
                self.query = query;
                None
            }
            Err(error) => Some(error_json(&error, &query)),
        }
    }

    /// Returns the number of events that match a query, beside the current one; undefined if the columns don't decide it,
    /// or if the query is invalid.
    pub fn count(&mut self, query: &str, now: f64) -> Option<f64> {
        self.index.count(query, time(now)).ok().flatten().map(|events| events as f64)
    }

    /// Evaluates about `rows` more rows. Returns true if there are more.
    pub fn step(&mut self, rows: usize) -> bool {
        self.index.step(rows)
    }

    /// Returns the next bytes needed as `[blob, begin, end]`, with blob 0 for the export itself.
    pub fn wants(&mut self) -> Option<Float64Array> {
        self.index.wants().map(bounds)
    }

    /// Provides these bytes.
    pub fn provide(&mut self, bytes: &[u8]) {
        self.index.provide(bytes);
    }

    /// Starts writing the events of some rows as lines of a batch with parsed fields.
    #[wasm_bindgen(js_name = beginLines)]
    pub fn begin_lines(&mut self, from: usize, to: usize) {
        self.index.begin_lines(from..to);
    }

    /// Returns the bytes needed for the next lines, as in `wants`, or nothing at the end.
    #[wasm_bindgen(js_name = linesWant)]
    pub fn lines_want(&self) -> Option<Float64Array> {
        self.index.lines_want().map(bounds)
    }

    /// Returns the next lines, given these bytes.
    #[wasm_bindgen(js_name = linesOf)]
    pub fn lines_of(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Thrown> {
        self.index.lines_of(bytes).ok_or_else(|| invalid(Code::Export, "the bytes are not those requested"))
    }

    /// Returns a summary of the answer as JSON.
    pub fn found(&mut self) -> String {
        self.index.found_json(&self.query)
    }

    /// Returns the answer's rows at positions `from..to` as JSON. `fields` is a JSON array of fields as written in
    /// queries.
    pub fn rows(&self, from: usize, to: usize, fields: &str) -> String {
        self.index.rows_json(from, to, &fields_of(fields))
    }

    /// Returns the position in the answer of the row for a line.
    #[wasm_bindgen(js_name = rowOf)]
    pub fn row_of(&mut self, line: f64) -> Option<usize> {
        self.index.row_of(index(line)?)
    }

    /// Returns the line of the event or withheld event with this entry index.
    #[wasm_bindgen(js_name = lineOf)]
    pub fn line_of(&mut self, leaf: f64) -> Option<f64> {
        self.index.line_of(index(leaf)?).map(|line| line as f64)
    }

    /// Returns the entry indexes of all events found, ascending.
    pub fn indexes(&self) -> Float64Array {
        let indexes: Vec<f64> = self.index.indexes().into_iter().map(|index| index as f64).collect();
        Float64Array::from(&indexes[..])
    }

    /// Returns ranges of entry indexes as `[begin, end)` pairs: present, withheld, omitted, listed.
    pub fn coverage(&mut self) -> Array {
        let ranges = self.index.coverage().map(|ranges| {
            let bounds: Vec<f64> =
                ranges.into_iter().flat_map(|(begin, end)| [begin as f64, end as f64]).collect();
            Float64Array::from(&bounds[..])
        });
        ranges.into_iter().collect()
    }

    /// Returns the most frequent values of a field that contain a string as JSON, or nothing if no event has the field.
    pub fn facet(&self, field: &str, text: &str, most: usize) -> Option<String> {
        self.index.facet_json(field, text, most)
    }

    /// Returns completions at the caret as JSON.
    pub fn suggest(&mut self, text: &str, caret: usize) -> String {
        self.index.suggest_json(text, caret)
    }
}

fn time(millis: f64) -> Time {
    let time = Time::from_millis(millis as i64);
    time.unwrap_or(if millis < 0.0 { Time::MIN } else { Time::MAX })
}

/// Parses a query to JSON.
#[wasm_bindgen]
pub fn parse(query: &str, now: f64) -> String {
    countersign_index::parse_json(query, time(now))
}

/// Adds a value of a field to the query, or removes it if it is there.
#[wasm_bindgen]
pub fn toggled(query: &str, now: f64, field: &str, value: &str) -> String {
    countersign_index::toggled(query, time(now), field, value)
}

/// Replaces the time span of the query, in milliseconds.
#[wasm_bindgen]
pub fn within(query: &str, now: f64, since: Option<f64>, until: Option<f64>) -> String {
    countersign_index::within(query, time(now), since.map(time), until.map(time))
}

/// Returns the parsed fields of an event as JSON.
#[wasm_bindgen(js_name = parsedJson)]
pub fn parsed_json(event: &[u8]) -> String {
    countersign_index::parsed_json(&Parsers::built_in(), event)
}

/// Returns all fields of a feed record of an event as JSON.
#[wasm_bindgen(js_name = factsJson)]
pub fn facts_json(event: &[u8]) -> String {
    countersign_index::facts_json(&Parsers::built_in(), event)
}

/// Returns the content of an event as JSON that keeps the order of fields and each number's digits.
#[wasm_bindgen(js_name = treeJson)]
pub fn tree_json(event: &[u8]) -> String {
    countersign_index::tree_json(event)
}
