//! Segments: an immutable set of rows in columns.

use std::borrow::Cow;

use countersign::time::Time;
use countersign_query::Short;

use crate::bits::Bits;
use crate::column::Column;
use crate::packed::Numbers;
use crate::party::Parties;
use crate::values::Kind;

/// Maximum number of rows in a segment; row numbers fit in two bytes.
pub(crate) const MAX_ROWS: usize = 32_768;

/// The kind of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RowKind {
    /// A verified event.
    Event = 0,
    /// A link whose event is withheld.
    Withheld = 1,
    /// Omitted entries.
    Gap = 2,
    /// Any other entry: it counts as present, but is never a row of an answer.
    Other = 3,
}

impl RowKind {
    const fn from_flags(flags: u8) -> Self {
        match flags & 3 {
            0 => Self::Event,
            1 => Self::Withheld,
            2 => Self::Gap,
            _ => Self::Other,
        }
    }
}

/// Flags of a row, above the two bits of its kind.
pub(crate) mod flag {
    /// The key was authorized according to what the verifier knew.
    pub(crate) const AUTHORIZED: u8 = 1 << 2;
    /// The event has values that are in no column.
    pub(crate) const MORE: u8 = 1 << 3;
    /// The event has more parties or changed fields than the columns hold.
    pub(crate) const MORE_FACTS: u8 = 1 << 4;
    /// The event states its own time.
    pub(crate) const OWN_TIME: u8 = 1 << 5;
    /// The event states a time that can't be understood.
    pub(crate) const UNCLEAR_TIME: u8 = 1 << 6;
}

/// Columns that every segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The chain's identifier.
    Chain,
    /// The signer's public key.
    Key,
    /// Columns of short names.
    As,
    Action,
    Category,
    Ip,
    Outcome,
    /// The outcome's reason, from the parser.
    Reason,
    /// The fields that differ between `before` and `after`.
    Changed,
}

pub(crate) const FACTS: usize = 9;

/// Row sets by kind, used by every query.
#[derive(Clone, Debug)]
pub(crate) struct Kinds {
    pub(crate) events: Bits,
    pub(crate) withheld: Bits,
}

impl Kinds {
    pub(crate) fn bytes(&self) -> usize {
        self.events.bytes() + self.withheld.bytes()
    }
}

/// The short names that stand for parties. A row's first party comes from its parser, if one fits.
pub(crate) const PARTIES: [Short; 3] = [Short::Actor, Short::For, Short::Target];

/// A component of a path, as a node in a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathNode {
    /// The parent node, which has a smaller number. Node 0 is the whole event.
    pub(crate) parent: u32,
    pub(crate) name: String,
    /// The column of the values at this path, if any event has one.
    pub(crate) column: Option<u32>,
}

/// A set of rows in columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub(crate) flags: Vec<u8>,
    /// Each row's outcome as an index into `Outcome::ALL`, for charts.
    pub(crate) outcomes: Vec<u8>,
    pub(crate) lines: Numbers,
    /// The entry index minus the line number.
    pub(crate) indexes: Numbers,
    /// The position in the chain; for a gap, the number of entries.
    pub(crate) seqs: Numbers,
    pub(crate) recorded: Numbers,
    /// The event's time; `None` if it equals the time of recording in all rows.
    pub(crate) happened: Option<Numbers>,
    /// The position of the event's bytes: an encoded [`Place`](crate::Place).
    pub(crate) begins: Numbers,
    /// The length of the event in bytes; for a withheld event, the reason.
    pub(crate) lengths: Numbers,
    /// The column of each [`Fact`]. Shared with a path's column if they are equal.
    pub(crate) facts: [u32; FACTS],
    /// The parties of each short name in [`PARTIES`].
    pub(crate) parties: [Parties; PARTIES.len()],
    pub(crate) nodes: Vec<PathNode>,
    pub(crate) columns: Vec<Column>,
}

impl Segment {
    /// Returns the number of rows.
    pub fn rows(&self) -> usize {
        self.flags.len()
    }

    /// Returns the approximate memory use in bytes.
    pub fn bytes(&self) -> usize {
        let numbers = [&self.lines, &self.indexes, &self.seqs, &self.recorded, &self.begins, &self.lengths];
        self.rows() * 2
            + numbers.into_iter().chain(&self.happened).map(Numbers::bytes).sum::<usize>()
            + self.parties.iter().map(Parties::bytes).sum::<usize>()
            + self.columns.iter().map(|column| column.bytes() + size_of::<Column>()).sum::<usize>()
            + self.nodes.iter().map(|node| node.name.len() + size_of::<PathNode>()).sum::<usize>()
    }

    pub(crate) fn fact(&self, fact: Fact) -> &Column {
        &self.columns[self.facts[fact as usize] as usize]
    }

    /// Returns the parties of one kind, and the column that maps rows to them.
    pub(crate) fn nth_parties(&self, nth: usize) -> (&Parties, &Column) {
        let parties = &self.parties[nth];
        (parties, &self.columns[parties.places as usize])
    }

    /// Like [`Segment::nth_parties`], by short name. Returns `None` if that is no party.
    pub(crate) fn parties(&self, short: Short) -> Option<(&Parties, &Column)> {
        PARTIES.iter().position(|party| *party == short).map(|nth| self.nth_parties(nth))
    }

    pub(crate) fn kind(&self, row: usize) -> RowKind {
        RowKind::from_flags(self.flags.get(row).copied().unwrap_or(RowKind::Other as u8))
    }

    pub(crate) fn has(&self, row: usize, flag: u8) -> bool {
        self.flags.get(row).is_some_and(|flags| flags & flag != 0)
    }

    /// Returns the rows for whose flags `is` returns true.
    pub(crate) fn rows_where(&self, is: impl Fn(u8) -> bool) -> Bits {
        let mut bits = Bits::none(self.rows());
        for (flags, word) in self.flags.chunks(64).zip(bits.words_mut()) {
            for (bit, flags) in flags.iter().enumerate() {
                *word |= u64::from(is(*flags)) << bit;
            }
        }
        bits
    }

    /// Returns the rows of events and of withheld events.
    pub(crate) fn kinds(&self) -> Kinds {
        let of = |kind| self.rows_where(|flags| RowKind::from_flags(flags) == kind);
        Kinds { events: of(RowKind::Event), withheld: of(RowKind::Withheld) }
    }

    pub(crate) fn index(&self, row: usize) -> i64 {
        self.lines.get(row).wrapping_add(self.indexes.get(row))
    }

    /// Returns the event times.
    pub(crate) fn times(&self) -> &Numbers {
        self.happened.as_ref().unwrap_or(&self.recorded)
    }

    pub(crate) fn happened(&self, row: usize) -> i64 {
        self.times().get(row)
    }

    pub(crate) fn recorded(&self, row: usize) -> Time {
        Time::from_millis(self.recorded.get(row)).unwrap_or(Time::MIN)
    }

    /// Returns the first value of a row in a fact's column.
    pub(crate) fn text(&self, fact: Fact, row: usize) -> Option<(Kind, Cow<'_, str>)> {
        self.fact(fact).first(row)
    }

    /// Returns the number of the node at a path.
    pub(crate) fn node<N: AsRef<str>>(&self, names: &[N]) -> Option<usize> {
        names.iter().try_fold(0, |parent, name| {
            let after = self.nodes.get(parent + 1..)?;
            let is = |node: &PathNode| node.parent as usize == parent && node.name == name.as_ref();
            after.iter().position(is).map(|at| parent + 1 + at)
        })
    }

    /// Returns the column of a path.
    pub(crate) fn column<N: AsRef<str>>(&self, names: &[N]) -> Option<&Column> {
        let node = self.nodes.get(self.node(names)?)?;
        self.columns.get(node.column? as usize)
    }

    /// Iterates over the columns of all paths.
    pub(crate) fn columns_of_members(&self) -> impl Iterator<Item = &Column> {
        self.nodes.iter().filter_map(|node| self.columns.get(node.column? as usize))
    }

    /// Iterates over the columns of a node and all its descendants.
    pub(crate) fn columns_within(&self, node: usize) -> impl Iterator<Item = &Column> {
        let mut within = vec![false; self.nodes.len()];
        within[node] = true;
        for nth in node + 1..self.nodes.len() {
            within[nth] = within[self.nodes[nth].parent as usize];
        }
        let nodes = self.nodes.iter().zip(within).filter(|(_, within)| *within);
        nodes.filter_map(|(node, _)| self.columns.get(node.column? as usize))
    }

    /// Returns the path of a node.
    pub(crate) fn names(&self, node: usize) -> Vec<&str> {
        let mut names = Vec::new();
        let mut at = node;
        while at > 0 {
            names.push(&*self.nodes[at].name);
            at = self.nodes[at].parent as usize;
        }
        names.reverse();
        names
    }
}
