//! The artifact `index`: verified events in columns, and what is asked of them.

use countersign::error::{Code, Error};
use countersign::time::Time;
use countersign_index::{
    EventIndex as LocalIndex, Order, SegmentBuilder as LocalBuilder, Stretch, decode, encode, error_json,
    fields_of,
};
use countersign_query::Parsers;
use js_sys::{Array, Float64Array};
use wasm_bindgen::prelude::wasm_bindgen;

use crate::{Thrown, index};

/// How many rows or bytes of batches make a segment, about.
const FULL_ROWS: usize = 32_768;
const FULL_BYTES: u64 = 24 << 20;

fn refuse(code: Code, message: &str) -> Thrown {
    let hint = "hand over what the same version's verifier and builder gave, unaltered";
    Error::new(code, message).with_hint(hint).into()
}

/// `[blob, begin, end]`, with 0 for the export itself.
fn place(Stretch { blob, begin, end }: Stretch) -> Float64Array {
    Float64Array::from(&[f64::from(blob), begin as f64, end as f64][..])
}

/// Makes columns of events, in any worker.
#[wasm_bindgen]
pub struct SegmentBuilder {
    builder: LocalBuilder,
    /// Lines that were not taken yet.
    lines: Vec<u8>,
}

#[wasm_bindgen]
impl SegmentBuilder {
    /// `seed` is a random number from 0 to 2^53 - 1. Who does not know it cannot write events that take long.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: f64) -> Self {
        let builder = LocalBuilder::new(index(seed).unwrap_or_default(), Parsers::built_in());
        Self { builder, lines: Vec::new() }
    }

    /// Takes a batch of events as the verifier writes them, and says whether its bytes are to be kept: not where its
    /// events stand in the export. `writes` its lines too.
    pub fn add(&mut self, batch: &[u8], writes: bool) -> Result<bool, Thrown> {
        let Self { builder, lines } = self;
        let added = if writes { builder.add_and_write(batch, lines) } else { builder.add(batch) };
        added.map_err(|_| refuse(Code::Export, "these bytes are no batch of verified events"))
    }

    /// The lines that were written since this was last called, with what parsers make of their events.
    pub fn lines(&mut self) -> Vec<u8> {
        core::mem::take(&mut self.lines)
    }

    /// Rows since the last `finish`.
    #[wasm_bindgen(getter)]
    pub fn rows(&self) -> usize {
        self.builder.rows()
    }

    /// Whether to finish before more is added.
    #[wasm_bindgen(getter)]
    pub fn full(&self) -> bool {
        self.builder.rows() >= FULL_ROWS || self.builder.came() >= FULL_BYTES
    }

    /// A segment of what was added; nothing where nothing was.
    pub fn finish(&mut self) -> Vec<u8> {
        let segments = self.builder.finish();
        if segments.is_empty() { Vec::new() } else { encode(&segments) }
    }
}

/// Keeps columns of events, and answers. Answers of more than a number are JSON; `crates/index/ANSWERS.md` has them.
#[wasm_bindgen]
pub struct EventIndex {
    index: LocalIndex,
    /// As it was asked.
    query: String,
}

#[wasm_bindgen]
impl EventIndex {
    /// As for `SegmentBuilder`.
    #[wasm_bindgen(constructor)]
    pub fn new(seed: f64) -> Self {
        let index = LocalIndex::new(index(seed).unwrap_or_default(), Parsers::built_in());
        Self { index, query: String::new() }
    }

    /// Takes a batch of events, whose bytes are kept as `blob`.
    pub fn add(&mut self, batch: &[u8], blob: u32) -> Result<(), Thrown> {
        let added = self.index.add(batch, blob);
        added.map_err(|_| refuse(Code::Export, "these bytes are no batch of verified events"))
    }

    /// Takes a segment, and gives the number of its first row. `blob`, from 1 on, are the kept batches that it was made
    /// of, one after the other.
    #[wasm_bindgen(js_name = addSegment)]
    pub fn add_segment(&mut self, segment: &[u8], blob: u32) -> Result<usize, Thrown> {
        let segments = decode(segment)
            .ok_or_else(|| refuse(Code::Export, "these bytes are no segment of this version"))?;
        let firsts = segments.into_iter().map(|segment| self.index.add_segment(segment, blob));
        Ok(firsts.reduce(|first, _| first).unwrap_or_else(|| self.index.rows()))
    }

    /// Takes what stands beside events: JSON of `Mark[]`.
    pub fn mark(&mut self, marks: &str) -> Result<(), Thrown> {
        self.index.mark(marks).map_err(|_| refuse(Code::Export, "this is not a list of marks"))
    }

    /// Events that there are.
    #[wasm_bindgen(getter)]
    pub fn events(&self) -> usize {
        self.index.events()
    }

    /// Rows that there are in segments.
    #[wasm_bindgen(getter, js_name = heldRows)]
    pub fn held_rows(&self) -> usize {
        self.index.rows()
    }

    /// Withheld ones.
    #[wasm_bindgen(getter)]
    pub fn withheld(&self) -> usize {
        self.index.withheld()
    }

    /// Gaps.
    #[wasm_bindgen(getter)]
    pub fn gaps(&self) -> usize {
        self.index.gaps()
    }

    /// About how many bytes it holds.
    #[wasm_bindgen(getter)]
    pub fn bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Asks, by `now` in milliseconds; `by` is "place" or "time". Gives JSON of what is not understood, if anything.
    pub fn ask(
        &mut self,
        query: String,
        now: f64,
        by: &str,
        descending: bool,
        folds: bool,
    ) -> Option<String> {
        let order = Order { by_time: by == "time", descending, folds };
        match self.index.ask(&query, time(now), order) {
            Ok(()) => {
                self.query = query;
                None
            }
            Err(error) => Some(error_json(&error, &query)),
        }
    }

    /// Looks through about so many rows; whether there are more.
    pub fn step(&mut self, rows: usize) -> bool {
        self.index.step(rows)
    }

    /// The next bytes to be given: `[blob, begin, end]`, with 0 for the export itself.
    pub fn wants(&mut self) -> Option<Float64Array> {
        self.index.wants().map(place)
    }

    /// Takes them.
    pub fn give(&mut self, bytes: &[u8]) {
        self.index.give(bytes);
    }

    /// Begins to write the events of some rows as the verifier's batches have them, with what their parsers say.
    #[wasm_bindgen(js_name = beginLines)]
    pub fn begin_lines(&mut self, from: usize, to: usize) {
        self.index.begin_lines(from..to);
    }

    /// The bytes that the next lines are made of, as in `wants`; nothing where there are no more.
    #[wasm_bindgen(js_name = linesWant)]
    pub fn lines_want(&self) -> Option<Float64Array> {
        self.index.lines_want().map(place)
    }

    /// The next lines, of these bytes.
    #[wasm_bindgen(js_name = linesOf)]
    pub fn lines_of(&mut self, bytes: &[u8]) -> Result<Vec<u8>, Thrown> {
        self.index
            .lines_of(bytes)
            .ok_or_else(|| refuse(Code::Export, "these bytes are not those that are wanted"))
    }

    /// What is known of the answer, as JSON.
    pub fn found(&mut self) -> String {
        self.index.found_json(&self.query)
    }

    /// The answer's rows from one place to another, as JSON. `fields` is JSON of fields as queries write them.
    pub fn rows(&self, from: usize, to: usize, fields: &str) -> String {
        self.index.rows_json(from, to, &fields_of(fields))
    }

    /// The place in the answer of the row that shows a line.
    #[wasm_bindgen(js_name = rowOf)]
    pub fn row_of(&mut self, line: f64) -> Option<usize> {
        self.index.row_of(index(line)?)
    }

    /// The line of the event or withheld event at a leaf.
    #[wasm_bindgen(js_name = lineOf)]
    pub fn line_of(&mut self, leaf: f64) -> Option<f64> {
        self.index.line_of(index(leaf)?).map(|line| line as f64)
    }

    /// The leaves of all events found, ascending.
    pub fn indexes(&self) -> Float64Array {
        let indexes: Vec<f64> = self.index.indexes().into_iter().map(|index| index as f64).collect();
        Float64Array::from(&indexes[..])
    }

    /// What stands at leaves: `[begin, end)` pairs of what is shown, withheld, skipped, listed.
    pub fn coverage(&mut self) -> Array {
        let ranges = self.index.coverage().map(|ranges| {
            let bounds: Vec<f64> =
                ranges.into_iter().flat_map(|(begin, end)| [begin as f64, end as f64]).collect();
            Float64Array::from(&bounds[..])
        });
        ranges.into_iter().collect()
    }

    /// The most frequent values of a field that hold a text, as JSON; nothing where no event has the field.
    pub fn facet(&self, field: &str, text: &str, most: usize) -> Option<String> {
        self.index.facet_json(field, text, most)
    }

    /// What could stand where the caret is, as JSON.
    pub fn suggest(&mut self, text: &str, caret: usize) -> String {
        self.index.suggest_json(text, caret)
    }
}

fn time(millis: f64) -> Time {
    let time = Time::from_millis(millis as i64);
    time.unwrap_or(if millis < 0.0 { Time::MIN } else { Time::MAX })
}

/// What a query asks, as JSON.
#[wasm_bindgen]
pub fn parse(query: &str, now: f64) -> String {
    countersign_index::parse_json(query, time(now))
}

/// The query with a value of a field asked for, or no longer asked for.
#[wasm_bindgen]
pub fn toggled(query: &str, now: f64, field: &str, value: &str) -> String {
    countersign_index::toggled(query, time(now), field, value)
}

/// The query with another time in which events are looked for, in milliseconds.
#[wasm_bindgen]
pub fn within(query: &str, now: f64, since: Option<f64>, until: Option<f64>) -> String {
    countersign_index::within(query, time(now), since.map(time), until.map(time))
}

/// What an event says by its parser, as JSON.
#[wasm_bindgen(js_name = readJson)]
pub fn read_json(event: &[u8]) -> String {
    countersign_index::read_json(&Parsers::built_in(), event)
}

/// All that a record of an event has, as JSON.
#[wasm_bindgen(js_name = factsJson)]
pub fn facts_json(event: &[u8]) -> String {
    countersign_index::facts_json(&Parsers::built_in(), event)
}

/// What is in an event, in its order and with each number's digits, as JSON.
#[wasm_bindgen(js_name = treeJson)]
pub fn tree_json(event: &[u8]) -> String {
    countersign_index::tree_json(event)
}
