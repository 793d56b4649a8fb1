//! From events to columns.

use core::mem;

use countersign::time::Time;
use countersign_query::batch;
use countersign_query::value::{Document, Kind as Of, Value};
use countersign_query::{Entry, Outcome, Parsers, Read, Role, Short};
use foldhash::fast::FixedState;
use std::borrow::Cow;

use crate::changed::{self, Changes};
use crate::codes::Codes;
use crate::column::Growing;
use crate::packed::Numbers;
use crate::party::{GrowingParties, Taken};
use crate::segment::{FACTS, Fact, MOST_ROWS, PARTIES, PathNode, RowKind, Segment, flag};
use crate::values::{Kind, LONGEST, cut, hash};

/// The most names on the way to values, and the longest of them in bytes: names can be data.
pub(crate) const MOST_NODES: usize = 4096;
const LONGEST_NAME: usize = 256;
/// The most values of an event that go into columns.
const MOST_VALUES: usize = 1024;
/// So many bytes of different values may be kept of a segment, and so many more for each row. Beyond that only short
/// ones are kept whole.
const BYTES: usize = 1 << 20;
const BYTES_A_ROW: usize = 256;
const SHORT: usize = 32;
/// A text that is longer than others may be is kept up to here, while no more than so many bytes are of such texts:
/// what is not kept has to be read whenever texts are searched.
const LONG: usize = 8192;
const LONG_BYTES: usize = 64 << 10;
const LONG_BYTES_A_ROW: usize = 32;

/// A link, and where the event's bytes stand.
#[derive(Clone, Copy, Debug)]
pub struct Row<'a> {
    /// The line of the export, from 1.
    pub line: u64,
    /// The leaf's index.
    pub index: u64,
    /// The chain's id, 32 hex digits.
    pub chain: &'a str,
    /// The place in the chain.
    pub seq: u64,
    /// The link's time.
    pub time: Time,
    /// The verifier key of who signs the chain.
    pub vkey: &'a str,
    /// Whether that key was authorized as far as was known.
    pub authorized: bool,
    /// Where the event's bytes begin.
    pub place: Place,
}

/// Where an event's bytes begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the export, so many bytes from its begin.
    Export(u64),
    /// In the batches that are kept, so many bytes from the begin of the first.
    Kept(u64),
}

impl Place {
    /// As columns have it.
    const fn number(self) -> i64 {
        match self {
            Self::Export(at) => (at << 1) as i64,
            Self::Kept(at) => (at << 1 | 1) as i64,
        }
    }

    pub(crate) const fn of(number: i64) -> Self {
        let at = number.cast_unsigned() >> 1;
        if number & 1 == 0 { Self::Export(at) } else { Self::Kept(at) }
    }
}

/// What is no event.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Leaf<'a> {
    pub(crate) kind: RowKind,
    pub(crate) line: i64,
    pub(crate) index: i64,
    /// Of a gap how many leaves it is.
    pub(crate) seq: i64,
    pub(crate) time: Option<Time>,
    pub(crate) link: Option<(&'a str, &'a str)>,
    pub(crate) authorized: bool,
    pub(crate) why: i64,
}

/// Makes segments of events, as many at a time as one takes.
pub struct SegmentBuilder {
    hasher: FixedState,
    parsers: Parsers,
    open: Open,
    done: Vec<Segment>,
    /// How many bytes of batches came, and of those that are kept.
    came: u64,
    kept: u64,
    /// Memory that is used again.
    spare: Document<'static>,
}

impl core::fmt::Debug for SegmentBuilder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "SegmentBuilder({} rows)", self.rows())
    }
}

/// An error in a batch of events: the verifier does not write such a line.
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
    /// `seed` makes where values are looked for unpredictable: who knows it can write events that take long.
    pub fn new(seed: u64, parsers: Parsers) -> Self {
        Self {
            hasher: FixedState::with_seed(seed),
            parsers,
            open: Open::default(),
            done: Vec::new(),
            came: 0,
            kept: 0,
            spare: Document::default(),
        }
    }

    /// How many rows came since the last [`SegmentBuilder::finish`].
    pub fn rows(&self) -> usize {
        self.done.iter().map(Segment::rows).sum::<usize>() + self.open.flags.len()
    }

    /// How many bytes of batches came since then.
    pub const fn came(&self) -> u64 {
        self.came
    }

    /// How many bytes of batches since then are to be kept.
    pub const fn kept(&self) -> u64 {
        self.kept
    }

    /// Takes a batch: whole lines of NDJSON as the verifier writes them, and says whether its bytes are to be kept. They
    /// are not where its lines say where in the export their events stand. In batches that are kept that is counted from
    /// the first since the last [`SegmentBuilder::finish`].
    ///
    /// # Errors
    /// The line that the verifier does not write.
    pub fn add(&mut self, batch: &[u8]) -> Result<bool, IndexError> {
        self.take(batch, None)
    }

    /// The same, and appends its lines with what parsers make of their events, as [`batch::Line`] has them.
    ///
    /// # Errors
    /// As of [`SegmentBuilder::add`].
    pub fn add_and_write(&mut self, batch: &[u8], lines: &mut Vec<u8>) -> Result<bool, IndexError> {
        self.take(batch, Some(lines))
    }

    fn take(&mut self, batch: &[u8], mut written: Option<&mut Vec<u8>>) -> Result<bool, IndexError> {
        let text = core::str::from_utf8(batch)
            .map_err(|error| IndexError { line: lines(&batch[..error.valid_up_to()]) })?;
        let mut at = self.kept;
        let mut is_kept = None;
        for (nth, line) in text.split_terminator('\n').enumerate() {
            let line = batch::read(line).ok_or(IndexError { line: nth + 1 })?;
            if *is_kept.get_or_insert(line.offset.is_none()) != line.offset.is_none() {
                return Err(IndexError { line: nth + 1 });
            }
            let place = line
                .offset
                .map_or(Place::Kept(at + line.at() as u64), |offset| Place::Export(offset.cast_unsigned()));
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
                    line.write_as_read(read, written);
                }
            });
            at += line.text.len() as u64 + 1;
        }
        self.came += batch.len() as u64;
        let is_kept = is_kept == Some(true);
        self.kept += if is_kept { batch.len() as u64 } else { 0 };
        Ok(is_kept)
    }

    /// Takes an event.
    pub fn push(&mut self, row: &Row<'_>, event: &str) {
        self.put(row, event, |_| {});
    }

    /// The same, and tells what a parser makes of it.
    fn put(&mut self, row: &Row<'_>, event: &str, tell: impl FnOnce(Option<&Read<'_>>)) {
        self.make_room(1);
        let Some(document) = mem::take(&mut self.spare).reread(event) else {
            tell(None);
            // As elsewhere, what cannot be read is no event that anything matches.
            self.open.link(row, event.len(), RowKind::Event, &self.hasher);
            return;
        };
        let root = document.root();
        let read = self.parsers.parse(&root);
        tell(read.as_ref());
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
        let mut walk = Walk { open: &mut self.open, hasher: &self.hasher, row: number, left: MOST_VALUES };
        walk.value(root, 0);
        self.spare = document.reread("0").unwrap_or_default();
    }

    pub(crate) fn leaf(&mut self, leaf: &Leaf<'_>) {
        self.make_room(1);
        self.open.leaf(leaf, &self.hasher);
    }

    fn make_room(&mut self, rows: usize) {
        if self.open.flags.len() + rows > MOST_ROWS {
            self.done.push(mem::take(&mut self.open).finish());
        }
    }

    /// Takes all rows of a segment.
    pub(crate) fn absorb(&mut self, segment: &Segment) {
        self.make_room(segment.rows());
        self.open.absorb(segment, &self.hasher);
    }

    /// The segments of what came, and begins anew.
    pub fn finish(&mut self) -> Vec<Segment> {
        let open = mem::take(&mut self.open);
        if !open.flags.is_empty() {
            self.done.push(open.finish());
        }
        (self.came, self.kept) = (0, 0);
        mem::take(&mut self.done)
    }
}

fn lines(bytes: &[u8]) -> usize {
    bytes.split(|byte| *byte == b'\n').count()
}

/// A segment as it grows.
#[derive(Default)]
struct Open {
    flags: Vec<u8>,
    outcomes: Vec<u8>,
    lines: Vec<i64>,
    indexes: Vec<i64>,
    seqs: Vec<i64>,
    recorded: Vec<i64>,
    happened: Vec<i64>,
    begins: Vec<i64>,
    lengths: Vec<i64>,
    facts: [Growing; FACTS],
    parties: [GrowingParties; PARTIES.len()],
    nodes: Vec<OpenNode>,
    by_name: Codes,
    columns: Vec<Growing>,
    /// Bytes of different values, but for long texts.
    kept: usize,
    /// Bytes of long texts.
    long: usize,
}

struct OpenNode {
    node: PathNode,
    children: Vec<u32>,
    /// The place among its parent's children.
    place: usize,
}

impl Open {
    /// The longest text that is kept whole.
    fn most(&self) -> usize {
        if self.kept > BYTES + BYTES_A_ROW * self.flags.len() { SHORT } else { LONGEST }
    }

    /// Whether there is room for a text that is longer than others may be.
    fn has_room(&self, text: &str) -> bool {
        text.len() <= LONG && self.long + text.len() <= LONG_BYTES + LONG_BYTES_A_ROW * self.flags.len()
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
        self.facts[Fact::Chain as usize].push_text(hasher, number, row.chain, LONGEST);
        self.facts[Fact::Key as usize].push_text(hasher, number, row.vkey, LONGEST);
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
        // What has no time is not asked for it; this one keeps the numbers near to each other.
        let time = leaf.time.map_or(self.recorded.last().copied().unwrap_or(0), Time::millis);
        let number = self.row(leaf.kind as u8 | authorized, leaf.line, leaf.index, leaf.seq, time);
        self.begins.push(self.begins.last().copied().unwrap_or(0));
        self.lengths.push(leaf.why);
        if let Some((chain, key)) = leaf.link {
            self.facts[Fact::Chain as usize].push_text(hasher, number, chain, LONGEST);
            self.facts[Fact::Key as usize].push_text(hasher, number, key, LONGEST);
        }
    }

    /// What the short names stand for, and what rows show.
    fn facts(&mut self, entry: &Entry<'_>, row: u16, hasher: &FixedState) {
        let most = self.most();
        let nth = usize::from(row);
        let mut outcome = None;
        for (fact, short) in [
            (Fact::As, Short::As),
            (Fact::Action, Short::Action),
            (Fact::Ip, Short::Ip),
            (Fact::Outcome, Short::Outcome),
        ] {
            let growing = &mut self.facts[fact as usize];
            let before = growing.values.bytes();
            short.each_in_role(entry, &mut |text, role| {
                if role == Role::Word {
                    let code = growing.values.code(hasher, Kind::Word, text);
                    growing.push(row, code);
                } else {
                    growing.push_text(hasher, row, text, most);
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
            self.kept += growing.values.bytes() - before;
        }
        let not_stated = Outcome::ALL.iter().position(|outcome| *outcome == Outcome::NotStated);
        self.outcomes[nth] = outcome.or(not_stated).unwrap_or_default() as u8;
        if let Some(reason) = entry.read.and_then(|read| read.reason.as_deref()) {
            self.facts[Fact::Reason as usize].push_text(hasher, row, reason, most);
        }
        for (growing, short) in self.parties.iter_mut().zip(PARTIES) {
            let before = growing.bytes();
            let read = entry.read.map(|read| if short == Short::Actor { &read.actor } else { &read.target });
            let mut is_first = true;
            short.each_party(entry, &mut |party| {
                // What the parser says comes first, and mostly the event says the same.
                if party.is_empty() || !is_first && read == Some(party) {
                    return;
                }
                is_first = false;
                if growing.push(hasher, row, party, most) == Taken::Full {
                    self.flags[nth] |= flag::MORE_FACTS;
                }
            });
            self.kept += growing.bytes() - before;
        }
        let (time, own) = entry.time();
        self.happened[nth] = time.millis();
        if own {
            self.flags[nth] |= flag::OWN_TIME;
        }
        if let Some(event) = entry.event {
            let growing = &mut self.facts[Fact::Changed as usize];
            let mut add = |path: &str| {
                let code = growing.values.code(hasher, Kind::Text, path);
                growing.push(row, code);
            };
            if changed::each(event, &mut add) == Changes::More {
                self.flags[nth] |= flag::MORE_FACTS;
            }
        }
    }

    fn root(&mut self) {
        if self.nodes.is_empty() {
            let node = PathNode { parent: 0, name: String::new(), column: None };
            self.nodes.push(OpenNode { node, children: Vec::new(), place: 0 });
        }
    }

    /// The node of a member; `hint` is its place among its parent's children, and then of what may be next.
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
        if nodes.len() == MOST_NODES || name.len() > LONGEST_NAME {
            return None;
        }
        let child = nodes.len() as u32;
        let place = siblings.len();
        self.nodes[parent as usize].children.push(child);
        let node = PathNode { parent, name: name.to_owned(), column: None };
        self.nodes.push(OpenNode { node, children: Vec::new(), place });
        self.by_name.insert(hash, child);
        *hint = place + 1;
        Some(child)
    }

    /// The column of a node.
    fn column(&mut self, node: u32) -> usize {
        let columns = &mut self.columns;
        let column = self.nodes[node as usize].node.column.get_or_insert_with(|| {
            columns.push(Growing::default());
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
        for (growing, column) in self.facts.iter_mut().zip(segment.facts) {
            self.kept += absorb(growing, &segment.columns[column as usize], first, hasher);
        }
        for (nth, growing) in self.parties.iter_mut().enumerate() {
            let (parties, places) = segment.nth_parties(nth);
            let before = growing.bytes();
            growing.absorb(hasher, segment, parties, places, first);
            self.kept += growing.bytes() - before;
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
        let facts = self.facts.map(|fact| fact.place(&mut columns, Growing::eq));
        let parties = self.parties.map(|growing| growing.finish(&mut columns));
        Segment {
            flags: self.flags,
            outcomes: self.outcomes,
            lines: Numbers::of(&self.lines),
            indexes: Numbers::of(&self.indexes),
            seqs: Numbers::of(&self.seqs),
            recorded: Numbers::of(&self.recorded),
            happened: own.then(|| Numbers::of(&self.happened)),
            begins: Numbers::of(&self.begins),
            lengths: Numbers::of(&self.lengths),
            facts,
            parties,
            nodes: self.nodes.into_iter().map(|node| node.node).collect(),
            columns: columns.into_iter().map(|growing| growing.finish(rows)).collect(),
        }
    }
}

/// Takes a column's rows, which come after so many others; gives how many more bytes are kept.
fn absorb(growing: &mut Growing, column: &crate::column::Column, first: usize, hasher: &FixedState) -> usize {
    let before = growing.values.bytes();
    let unpacked = column.values.unpacked();
    let codes: Vec<u32> =
        unpacked.iter().map(|(kind, text)| growing.values.code(hasher, kind, kind.kept(text))).collect();
    column.each(|row, code| growing.push((first + row) as u16, codes[code]));
    growing.values.bytes() - before
}

/// Brings the values of one event into their columns.
struct Walk<'o> {
    open: &'o mut Open,
    hasher: &'o FixedState,
    row: u16,
    /// How many more values may come.
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
        let most = self.open.most();
        if self.left == 0 || kind != Kind::Text && text.len() > most {
            self.more();
            return;
        }
        self.left -= 1;
        let is_long = text.len() > LONGEST && self.open.has_room(text);
        let nth = self.open.column(node);
        let growing = &mut self.open.columns[nth];
        let before = growing.values.bytes();
        let (kind, text) =
            if kind == Kind::Text { cut(text, if is_long { LONG } else { most }) } else { (kind, text) };
        let code = growing.values.loosely(self.hasher, kind, text);
        growing.push(self.row, code);
        let bytes = growing.values.bytes() - before;
        *(if is_long { &mut self.open.long } else { &mut self.open.kept }) += bytes;
    }
}
