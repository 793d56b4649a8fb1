//! Builds segments from events.

use core::mem;

use countersign::time::Time;
use countersign_query::batch;
use countersign_query::value::{Document, Kind as Of, Value};
use countersign_query::{Entry, Outcome, Parsers, Read, Role, Short};
use foldhash::fast::FixedState;
use std::borrow::Cow;

use crate::changed::{self, Completeness};
use crate::codes::Codes;
use crate::column::ColumnBuilder;
use crate::packed::Numbers;
use crate::party::{AddResult, PartiesBuilder};
use crate::segment::{FACTS, Fact, MAX_ROWS, PARTIES, PathNode, RowKind, Segment, flag};
use crate::values::{Kind, MAX_STORED_BYTES, cut, hash};

/// Limits on field names, which can be data: number of path nodes, and name length in bytes.
pub(crate) const MAX_NODES: usize = 4096;
const MAX_NAME_BYTES: usize = 256;
/// Maximum number of values of an event that are stored in columns.
const MAX_VALUES: usize = 1024;
/// Size of the distinct values in a segment, in bytes, plus an allowance per row, above which only values of up to
/// `SHORT_VALUE_BYTES` bytes are kept whole.
const MAX_DISTINCT_BYTES: usize = 1 << 20;
const DISTINCT_BYTES_PER_ROW: usize = 256;
const SHORT_VALUE_BYTES: usize = 32;
/// Longer texts are kept up to `MAX_LONG_TEXT_BYTES` bytes, within a total of `MAX_LONG_TEXTS_BYTES` plus an allowance per row. Texts that are
/// not kept must be read for every text search.
const MAX_LONG_TEXT_BYTES: usize = 8192;
const MAX_LONG_TEXTS_BYTES: usize = 64 << 10;
const LONG_TEXTS_BYTES_PER_ROW: usize = 32;

/// A link, and the position of the event's bytes.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The 1-based line of the export.
    pub line: u64,
    /// The index of the entry.
    pub index: u64,
    /// The chain's identifier, 32 hex digits.
    pub chain: &'a str,
    /// The position in the chain.
    pub seq: u64,
    /// The link's time.
    pub time: Time,
    /// The signer's public key.
    pub vkey: &'a str,
    /// True if the key was authorized according to what the verifier knew.
    pub authorized: bool,
    /// The position of the event's bytes.
    pub place: Place,
}

/// The position of an event's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A byte offset in the export.
    Export(u64),
    /// A byte offset in the concatenated kept batches.
    Kept(u64),
}

impl Place {
    /// Encodes the place for a column.
    const fn number(self) -> i64 {
        match self {
            Self::Export(at) => (at << 1) as i64,
            Self::Kept(at) => (at << 1 | 1) as i64,
        }
    }

    pub(crate) const fn from_number(number: i64) -> Self {
        let at = number.cast_unsigned() >> 1;
        if number & 1 == 0 { Self::Export(at) } else { Self::Kept(at) }
    }
}

/// An entry without an event, or a gap.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) kind: RowKind,
    pub(crate) line: i64,
    pub(crate) index: i64,
    /// The position in the chain; for a gap, the number of entries.
    pub(crate) seq: i64,
    pub(crate) time: Option<Time>,
    pub(crate) link: Option<(&'a str, &'a str)>,
    pub(crate) authorized: bool,
    pub(crate) why: i64,
}

/// Builds segments from events.
pub struct SegmentBuilder {
    hasher: FixedState,
    parsers: Parsers,
    open: OpenSegment,
    done: Vec<Segment>,
    /// Total bytes of all batches, and of those that are kept.
    added_bytes: u64,
    kept_bytes: u64,
    /// A document whose memory is reused.
    spare: Document<'static>,
}

impl core::fmt::Debug for SegmentBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SegmentBuilder({} rows)", self.rows())
    }
}

/// An error in a batch: a line that is not in the verifier's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IndexError {
    /// The 1-based line of the batch.
    pub line: usize,
}

impl core::fmt::Display for IndexError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "line {} of the batch is not one that a verifier writes", self.line)
    }
}

impl core::error::Error for IndexError {}

impl SegmentBuilder {
    /// Creates a builder. `seed` must be unpredictable: an attacker who knows it can craft events that collide in hash tables.
    pub fn new(seed: u64, parsers: Parsers) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            parsers,
            open: OpenSegment::default(),
            done: Vec::new(),
            added_bytes: 0,
            kept_bytes: 0,
            spare: Document::default(),
        }
    }

    /// Returns the number of rows since the last [`SegmentBuilder::finish`].
    pub fn rows(&self) -> usize {
        self.done.iter().map(Segment::rows).sum::<usize>() + self.open.flags.len()
    }

    /// Returns the number of bytes of batches since the last [`SegmentBuilder::finish`].
    pub const fn added_bytes(&self) -> u64 {
        self.added_bytes
    }

    /// Returns the number of bytes of batches to keep since the last [`SegmentBuilder::finish`].
    pub const fn kept_bytes(&self) -> u64 {
        self.kept_bytes
    }

    /// Adds a batch of complete lines from the verifier, and returns true if the caller must keep its bytes. It needn't
    /// if the lines state the offset of their events in the export. Offsets in kept batches count from the first one
    /// since the last [`SegmentBuilder::finish`].
    ///
    /// # Errors
    /// If a line is not in the verifier's format.
    pub fn add(&mut self, batch: &[u8]) -> Result<bool, IndexError> {
        self.add_lines(batch, None)
    }

    /// Like [`SegmentBuilder::add`], and appends the lines with parsed fields in the format of [`batch::Line`].
    ///
    /// # Errors
    /// See [`SegmentBuilder::add`].
    pub fn add_and_write(&mut self, batch: &[u8], lines: &mut Vec<u8>) -> Result<bool, IndexError> {
        self.add_lines(batch, Some(lines))
    }

    fn add_lines(&mut self, batch: &[u8], mut written: Option<&mut Vec<u8>>) -> Result<bool, IndexError> {
        let text = core::str::from_utf8(batch)
            .map_err(|error| IndexError { line: lines(&batch[..error.valid_up_to()]) })?;
        let mut at = self.kept_bytes;
        let mut is_kept = None;
        for (nth, line) in text.split_terminator('\n').enumerate() {
            let line = batch::read(line).ok_or(IndexError { line: nth + 1 })?;
            if *is_kept.get_or_insert(line.offset.is_none()) != line.offset.is_none() {
                return Err(IndexError { line: nth + 1 });
            }
            let place = line.offset.map_or(Place::Kept(at + line.event_offset() as u64), |offset| {
                Place::Export(offset.cast_unsigned())
            });
            let row = Row {
                line: line.number as u64,
                index: line.index as u64,
                chain: line.chain,
                seq: line.seq as u64,
                time: line.time,
                vkey: &line.vkey,
                authorized: line.authorized,
                place,
            };
            self.put(&row, line.event, |read| {
                if let Some(written) = &mut written {
                    line.write_parsed(read, written);
                }
            });
            at += line.text.len() as u64 + 1;
        }
        self.added_bytes += batch.len() as u64;
        let is_kept = is_kept == Some(true);
        self.kept_bytes += if is_kept { batch.len() as u64 } else { 0 };
        Ok(is_kept)
    }

    /// Adds an event.
    pub fn push(&mut self, row: &Row<'_>, event: &str) {
        self.put(row, event, |_| {});
    }

    /// Adds an event, and calls `report` with its parsed fields.
    fn put(&mut self, row: &Row<'_>, event: &str, report: impl FnOnce(Option<&Read<'_>>)) {
        self.make_room(1);
        let Some(document) = mem::take(&mut self.spare).reread(event) else {
            report(None);
            // Invalid JSON matches no condition on events, as in other searches.
            self.open.link(row, event.len(), RowKind::Event, &self.hasher);
            return;
        };
        let root = document.root();
        let read = self.parsers.parse(&root);
        report(read.as_ref());
        let entry = Entry {
            event: Some(root),
            roots: &[],
            read: read.as_ref(),
            recorded: row.time,
            chain: row.chain,
            signer: None,
        };
        let number = self.open.link(row, event.len(), RowKind::Event, &self.hasher);
        self.open.facts(&entry, number, &self.hasher);
        let mut walk = Walk { open: &mut self.open, hasher: &self.hasher, row: number, left: MAX_VALUES };
        walk.value(root, 0);
        self.spare = document.reread("0").unwrap_or_default();
    }

    pub(crate) fn leaf(&mut self, leaf: &Leaf<'_>) {
        self.make_room(1);
        self.open.leaf(leaf, &self.hasher);
    }

    fn make_room(&mut self, rows: usize) {
        if self.open.flags.len() + rows > MAX_ROWS {
            self.done.push(mem::take(&mut self.open).finish());
        }
    }

    /// Adds all rows of a segment.
    pub(crate) fn absorb(&mut self, segment: &Segment) {
        self.make_room(segment.rows());
        self.open.absorb(segment, &self.hasher);
    }

    /// Returns the finished segments, and starts over.
    pub fn finish(&mut self) -> Vec<Segment> {
        let open = mem::take(&mut self.open);
        if !open.flags.is_empty() {
            self.done.push(open.finish());
        }
        (self.added_bytes, self.kept_bytes) = (0, 0);
        mem::take(&mut self.done)
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count()
}

/// A segment under construction.
#[derive(Default)]
struct OpenSegment {
    flags: Vec<u8>,
    outcomes: Vec<u8>,
    lines: Vec<i64>,
    indexes: Vec<i64>,
    seqs: Vec<i64>,
    recorded: Vec<i64>,
    happened: Vec<i64>,
    begins: Vec<i64>,
    lengths: Vec<i64>,
    facts: [ColumnBuilder; FACTS],
    parties: [PartiesBuilder; PARTIES.len()],
    nodes: Vec<NodeBuilder>,
    by_name: Codes,
    columns: Vec<ColumnBuilder>,
    /// Bytes of distinct values, without long texts.
    kept: usize,
    /// Bytes of long texts.
    long: usize,
}

struct NodeBuilder {
    node: PathNode,
    children: Vec<u32>,
    /// Position among the parent's children.
    place: usize,
}

impl OpenSegment {
    /// Returns the maximum length of a string that is stored whole, in bytes.
    fn max_string_bytes(&self) -> usize {
        if self.kept > MAX_DISTINCT_BYTES + DISTINCT_BYTES_PER_ROW * self.flags.len() {
            SHORT_VALUE_BYTES
        } else {
            MAX_STORED_BYTES
        }
    }

    /// True if there is room for a long text.
    fn has_room(&self, text: &str) -> bool {
        text.len() <= MAX_LONG_TEXT_BYTES
            && self.long + text.len() <= MAX_LONG_TEXTS_BYTES + LONG_TEXTS_BYTES_PER_ROW * self.flags.len()
    }

    fn link(&mut self, row: &Row<'_>, length: usize, kind: RowKind, hasher: &FixedState) -> u16 {
        let authorized = if row.authorized { flag::AUTHORIZED } else { 0 };
        let number = self.row(
            kind as u8 | authorized,
            row.line as i64,
            row.index as i64,
            row.seq as i64,
            row.time.millis(),
        );
        self.begins.push(row.place.number());
        self.lengths.push(length as i64);
        self.facts[Fact::Chain as usize].push_text(hasher, number, row.chain, MAX_STORED_BYTES);
        self.facts[Fact::Key as usize].push_text(hasher, number, row.vkey, MAX_STORED_BYTES);
        number
    }

    fn row(&mut self, flags: u8, line: i64, index: i64, seq: i64, time: i64) -> u16 {
        let number = self.flags.len() as u16;
        self.flags.push(flags);
        self.outcomes.push(0);
        self.lines.push(line);
        self.indexes.push(index - line);
        self.seqs.push(seq);
        self.recorded.push(time);
        self.happened.push(time);
        number
    }

    fn leaf(&mut self, leaf: &Leaf<'_>, hasher: &FixedState) {
        let authorized = if leaf.authorized { flag::AUTHORIZED } else { 0 };
        // A gap has no time, and none is queried. Repeating the previous one keeps the numbers close.
        let time = leaf.time.map_or(self.recorded.last().copied().unwrap_or(0), Time::millis);
        let number = self.row(leaf.kind as u8 | authorized, leaf.line, leaf.index, leaf.seq, time);
        self.begins.push(self.begins.last().copied().unwrap_or(0));
        self.lengths.push(leaf.why);
        if let Some((chain, key)) = leaf.link {
            self.facts[Fact::Chain as usize].push_text(hasher, number, chain, MAX_STORED_BYTES);
            self.facts[Fact::Key as usize].push_text(hasher, number, key, MAX_STORED_BYTES);
        }
    }

    /// Adds the values of short names, and other displayed facts.
    fn facts(&mut self, entry: &Entry<'_>, row: u16, hasher: &FixedState) {
        let most = self.max_string_bytes();
        let nth = usize::from(row);
        let mut outcome = None;
        for (fact, short) in [
            (Fact::As, Short::As),
            (Fact::Action, Short::Action),
            (Fact::Category, Short::Category),
            (Fact::Ip, Short::Ip),
            (Fact::Outcome, Short::Outcome),
        ] {
            let builder = &mut self.facts[fact as usize];
            let before = builder.values.bytes();
            short.each_in_role(entry, &mut |text, role| {
                if role == Role::Word {
                    let code = builder.values.code(hasher, Kind::Word, text);
                    builder.push(row, code);
                } else {
                    builder.push_text(hasher, row, text, most);
                }
                if fact == Fact::Outcome {
                    outcome = outcome.or_else(|| {
                        Outcome::ALL
                            .iter()
                            .position(|outcome| outcome.as_str() == text)
                            .or_else(|| Outcome::ALL.iter().position(|outcome| *outcome == Outcome::Unknown))
                    });
                }
            });
            self.kept += builder.values.bytes() - before;
        }
        let not_stated = Outcome::ALL.iter().position(|outcome| *outcome == Outcome::NotStated);
        self.outcomes[nth] = outcome.or(not_stated).unwrap_or_default() as u8;
        if let Some(reason) = entry.read.and_then(|read| read.reason.as_deref()) {
            self.facts[Fact::Reason as usize].push_text(hasher, row, reason, most);
        }
        for (builder, short) in self.parties.iter_mut().zip(PARTIES) {
            let before = builder.bytes();
            let read = entry.read.and_then(|read| read.party(short));
            let mut is_first = true;
            short.each_party(entry, &mut |party| {
                // The parser's party comes first. The event usually has an equal one.
                if party.is_empty() || !is_first && read == Some(party) {
                    return;
                }
                is_first = false;
                if builder.push(hasher, row, party, most) == AddResult::Full {
                    self.flags[nth] |= flag::MORE_FACTS;
                }
            });
            self.kept += builder.bytes() - before;
        }
        let (time, own) = entry.time();
        self.happened[nth] = time.millis();
        if own {
            self.flags[nth] |= flag::OWN_TIME;
        }
        if entry.has_unclear_time() {
            self.flags[nth] |= flag::UNCLEAR_TIME;
        }
        if let Some(event) = entry.event {
            let builder = &mut self.facts[Fact::Changed as usize];
            let mut add = |path: &str| {
                let code = builder.values.code(hasher, Kind::Text, path);
                builder.push(row, code);
            };
            if changed::each(event, &mut add) == Completeness::More {
                self.flags[nth] |= flag::MORE_FACTS;
            }
        }
    }

    fn root(&mut self) {
        if self.nodes.is_empty() {
            let node = PathNode { parent: 0, name: String::new(), column: None };
            self.nodes.push(NodeBuilder { node, children: Vec::new(), place: 0 });
        }
    }

    /// Returns the node of a field, adding it if there is room. `hint` is the expected position among its siblings, and
    /// is updated to the next one.
    fn child(&mut self, parent: u32, name: &str, hint: &mut usize, hasher: &FixedState) -> Option<u32> {
        let siblings = &self.nodes[parent as usize].children;
        if let Some(child) = siblings.get(*hint)
            && self.nodes[*child as usize].node.name == name
        {
            *hint += 1;
            return Some(*child);
        }
        let hash = hash(hasher, name, parent);
        let nodes = &self.nodes;
        let is = |nth: u32| {
            let node = &nodes[nth as usize].node;
            node.parent == parent && node.name == name
        };
        if let Some(child) = self.by_name.find(hash, is) {
            *hint = nodes[child as usize].place + 1;
            return Some(child);
        }
        if nodes.len() == MAX_NODES || name.len() > MAX_NAME_BYTES {
            return None;
        }
        let child = nodes.len() as u32;
        let place = siblings.len();
        self.nodes[parent as usize].children.push(child);
        let node = PathNode { parent, name: name.to_owned(), column: None };
        self.nodes.push(NodeBuilder { node, children: Vec::new(), place });
        self.by_name.insert(hash, child);
        *hint = place + 1;
        Some(child)
    }

    /// Returns the column of a node.
    fn column(&mut self, node: u32) -> usize {
        let columns = &mut self.columns;
        let column = self.nodes[node as usize].node.column.get_or_insert_with(|| {
            columns.push(ColumnBuilder::default());
            columns.len() as u32 - 1
        });
        *column as usize
    }

    fn absorb(&mut self, segment: &Segment, hasher: &FixedState) {
        let first = self.flags.len();
        self.flags.extend(&segment.flags);
        self.outcomes.extend(&segment.outcomes);
        self.lines.extend(segment.lines.iter());
        self.indexes.extend(segment.indexes.iter());
        self.seqs.extend(segment.seqs.iter());
        self.recorded.extend(segment.recorded.iter());
        self.happened.extend(segment.happened.as_ref().unwrap_or(&segment.recorded).iter());
        self.begins.extend(segment.begins.iter());
        self.lengths.extend(segment.lengths.iter());
        for (builder, column) in self.facts.iter_mut().zip(segment.facts) {
            self.kept += absorb(builder, &segment.columns[column as usize], first, hasher);
        }
        for (nth, builder) in self.parties.iter_mut().enumerate() {
            let (parties, places) = segment.nth_parties(nth);
            let before = builder.bytes();
            builder.absorb(hasher, segment, parties, places, first);
            self.kept += builder.bytes() - before;
        }
        self.root();
        let mut nodes = vec![Some(0)];
        for node in &segment.nodes[1.min(segment.nodes.len())..] {
            let parent = nodes.get(node.parent as usize).copied().flatten();
            let mut hint = 0;
            nodes.push(parent.and_then(|parent| self.child(parent, &node.name, &mut hint, hasher)));
        }
        for (node, own) in segment.nodes.iter().zip(nodes) {
            let Some(column) = node.column.and_then(|column| segment.columns.get(column as usize)) else {
                continue;
            };
            if let Some(own) = own {
                let nth = self.column(own);
                self.kept += absorb(&mut self.columns[nth], column, first, hasher);
            } else {
                column.each(|row, _| self.flags[first + row] |= flag::MORE);
            }
        }
    }

    fn finish(self) -> Segment {
        let rows = self.flags.len();
        let own = self.happened != self.recorded;
        let mut columns = self.columns;
        let facts = self.facts.map(|fact| fact.add_to(&mut columns, ColumnBuilder::eq));
        let parties = self.parties.map(|builder| builder.finish(&mut columns));
        Segment {
            flags: self.flags,
            outcomes: self.outcomes,
            lines: Numbers::from_values(&self.lines),
            indexes: Numbers::from_values(&self.indexes),
            seqs: Numbers::from_values(&self.seqs),
            recorded: Numbers::from_values(&self.recorded),
            happened: own.then(|| Numbers::from_values(&self.happened)),
            begins: Numbers::from_values(&self.begins),
            lengths: Numbers::from_values(&self.lengths),
            facts,
            parties,
            nodes: self.nodes.into_iter().map(|node| node.node).collect(),
            columns: columns.into_iter().map(|builder| builder.finish(rows)).collect(),
        }
    }
}

/// Adds a column's values to rows from `first` on. Returns the growth in bytes.
fn absorb(
    builder: &mut ColumnBuilder,
    column: &crate::column::Column,
    first: usize,
    hasher: &FixedState,
) -> usize {
    let before = builder.values.bytes();
    let unpacked = column.values.unpacked();
    let codes: Vec<u32> = unpacked
        .iter()
        .map(|(kind, text)| builder.values.code(hasher, kind, kind.stored_text(text)))
        .collect();
    column.each(|row, code| builder.push((first + row) as u16, codes[code]));
    builder.values.bytes() - before
}

/// Adds the values of one event to their columns.
struct Walk<'o> {
    open: &'o mut OpenSegment,
    hasher: &'o FixedState,
    row: u16,
    /// Number of values that may still be added.
    left: usize,
}

impl Walk<'_> {
    fn value(&mut self, value: Value<'_>, node: u32) {
        match value.kind() {
            Of::Object => {
                self.open.root();
                let mut hint = 0;
                let mut is_empty = true;
                for (name, value) in value.members() {
                    is_empty = false;
                    match self.open.child(node, &name.text(), &mut hint, self.hasher) {
                        Some(child) => self.value(value, child),
                        None => self.more(),
                    }
                }
                if is_empty && node > 0 {
                    self.put(node, Kind::Object, "");
                }
            }
            Of::Array => {
                let mut is_empty = true;
                for element in value.elements() {
                    is_empty = false;
                    self.value(element, node);
                }
                if is_empty && node > 0 {
                    self.put(node, Kind::Array, "");
                }
            }
            Of::Text => self.put(node, Kind::Text, &value.text().unwrap_or(Cow::Borrowed(""))),
            Of::Number => self.put(node, Kind::Number, value.number().unwrap_or_default()),
            Of::Bool => self.put(node, if value.bool() == Some(true) { Kind::True } else { Kind::False }, ""),
            Of::Null => self.put(node, Kind::Null, ""),
        }
    }

    fn more(&mut self) {
        self.open.flags[usize::from(self.row)] |= flag::MORE;
    }

    fn put(&mut self, node: u32, kind: Kind, text: &str) {
        let most = self.open.max_string_bytes();
        if self.left == 0 || kind != Kind::Text && text.len() > most {
            self.more();
            return;
        }
        self.left -= 1;
        let is_long = text.len() > MAX_STORED_BYTES && self.open.has_room(text);
        let nth = self.open.column(node);
        let builder = &mut self.open.columns[nth];
        let before = builder.values.bytes();
        let (kind, text) = if kind == Kind::Text {
            cut(text, if is_long { MAX_LONG_TEXT_BYTES } else { most })
        } else {
            (kind, text)
        };
        let code = builder.values.code_loosely(self.hasher, kind, text);
        builder.push(self.row, code);
        let bytes = builder.values.bytes() - before;
        *(if is_long { &mut self.open.long } else { &mut self.open.kept }) += bytes;
    }
}
