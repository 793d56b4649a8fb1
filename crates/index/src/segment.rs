//! Some rows in columns: what is made once and only read from then on.

use std::borrow::Cow;

use countersign::time::Time;
use countersign_query::Short;

use crate::bits::Bits;
use crate::column::Column;
use crate::packed::Numbers;
use crate::party::Parties;
use crate::values::Kind;

/// The most rows of a segment: their numbers have two bytes.
pub(crate) const MOST_ROWS: usize = 32_768;

/// What a row is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum RowKind {
    /// An event that verified.
    Event = 0,
    /// A link whose event is not shown.
    Withheld = 1,
    /// Leaves that are left out.
    Gap = 2,
    /// Any other leaf: it counts as shown, and is no row of any answer.
    Other = 3,
}

impl RowKind {
    const fn of(flags: u8) -> Self {
        match flags & 3 {
            0 => Self::Event,
            1 => Self::Withheld,
            2 => Self::Gap,
            _ => Self::Other,
        }
    }
}

/// What else is known of a row, a bit each, above its kind.
pub(crate) mod flag {
    /// The key was authorized as far as was known.
    pub(crate) const AUTHORIZED: u8 = 1 << 2;
    /// The event has values that no column has.
    pub(crate) const MORE: u8 = 1 << 3;
    /// The event has more parties, or differs in more members before and after, than columns have.
    pub(crate) const MORE_FACTS: u8 = 1 << 4;
    /// The event states its own time.
    pub(crate) const OWN_TIME: u8 = 1 << 5;
}

/// The columns that every segment has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fact {
    /// The chain's id.
    Chain,
    /// The verifier key.
    Key,
    /// What the short names of these stand for.
    As,
    Action,
    Ip,
    Outcome,
    /// Why it ended so, by the parser.
    Reason,
    /// The members that differ between before and after.
    Changed,
}

pub(crate) const FACTS: usize = 8;

/// What rows are: each question needs it.
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

/// What parties there are. The first of a row is that of its parser, where it has one.
pub(crate) const PARTIES: [Short; 2] = [Short::Actor, Short::Target];

/// A name on the way to values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PathNode {
    /// The node that it is within, which comes before it; the first is the whole event.
    pub(crate) parent: u32,
    pub(crate) name: String,
    /// Its column, where any event has a value there.
    pub(crate) column: Option<u32>,
}

/// Rows in columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    pub(crate) flags: Vec<u8>,
    /// How each ended, for charts: places in `Outcome::ALL`.
    pub(crate) outcomes: Vec<u8>,
    pub(crate) lines: Numbers,
    /// How much above the line.
    pub(crate) indexes: Numbers,
    /// The place in the chain; of a gap, how many leaves it is.
    pub(crate) seqs: Numbers,
    pub(crate) recorded: Numbers,
    /// The time that counts; none where it is the time of recording in all rows.
    pub(crate) happened: Option<Numbers>,
    /// Where the event's bytes begin: a [`Place`](crate::Place).
    pub(crate) begins: Numbers,
    /// How many bytes; of a withheld event, why it is.
    pub(crate) lengths: Numbers,
    /// The columns of facts: that of a member, where it says the same.
    pub(crate) facts: [u32; FACTS],
    /// As in [`PARTIES`].
    pub(crate) parties: [Parties; PARTIES.len()],
    pub(crate) nodes: Vec<PathNode>,
    pub(crate) columns: Vec<Column>,
}

impl Segment {
    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.flags.len()
    }

    /// About how many bytes it takes.
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

    /// Parties, and which rows have which.
    pub(crate) fn nth_parties(&self, nth: usize) -> (&Parties, &Column) {
        let parties = &self.parties[nth];
        (parties, &self.columns[parties.places as usize])
    }

    /// The same, of what a short name stands for; none where that is no party.
    pub(crate) fn parties(&self, short: Short) -> Option<(&Parties, &Column)> {
        PARTIES.iter().position(|party| *party == short).map(|nth| self.nth_parties(nth))
    }

    pub(crate) fn kind(&self, row: usize) -> RowKind {
        RowKind::of(self.flags.get(row).copied().unwrap_or(RowKind::Other as u8))
    }

    pub(crate) fn has(&self, row: usize, flag: u8) -> bool {
        self.flags.get(row).is_some_and(|flags| flags & flag != 0)
    }

    /// The rows of which this is so.
    pub(crate) fn rows_where(&self, is: impl Fn(u8) -> bool) -> Bits {
        let mut bits = Bits::none(self.rows());
        for (flags, word) in self.flags.chunks(64).zip(bits.words_mut()) {
            for (bit, flags) in flags.iter().enumerate() {
                *word |= u64::from(is(*flags)) << bit;
            }
        }
        bits
    }

    /// Which rows have events, and which stand for withheld ones.
    pub(crate) fn kinds(&self) -> Kinds {
        let of = |kind| self.rows_where(|flags| RowKind::of(flags) == kind);
        Kinds { events: of(RowKind::Event), withheld: of(RowKind::Withheld) }
    }

    pub(crate) fn index(&self, row: usize) -> i64 {
        self.lines.get(row).wrapping_add(self.indexes.get(row))
    }

    /// The times that count.
    pub(crate) fn times(&self) -> &Numbers {
        self.happened.as_ref().unwrap_or(&self.recorded)
    }

    pub(crate) fn happened(&self, row: usize) -> i64 {
        self.times().get(row)
    }

    pub(crate) fn recorded(&self, row: usize) -> Time {
        Time::from_millis(self.recorded.get(row)).unwrap_or(Time::MIN)
    }

    /// The text of a column that every row has at most one of.
    pub(crate) fn text(&self, fact: Fact, row: usize) -> Option<(Kind, Cow<'_, str>)> {
        self.fact(fact).first(row)
    }

    /// The node of a path.
    pub(crate) fn node<N: AsRef<str>>(&self, names: &[N]) -> Option<usize> {
        names.iter().try_fold(0, |parent, name| {
            let after = self.nodes.get(parent + 1..)?;
            let is = |node: &PathNode| node.parent as usize == parent && node.name == name.as_ref();
            after.iter().position(is).map(|at| parent + 1 + at)
        })
    }

    /// The column of a path.
    pub(crate) fn column<N: AsRef<str>>(&self, names: &[N]) -> Option<&Column> {
        let node = self.nodes.get(self.node(names)?)?;
        self.columns.get(node.column? as usize)
    }

    /// The columns of all nodes.
    pub(crate) fn columns_of_members(&self) -> impl Iterator<Item = &Column> {
        self.nodes.iter().filter_map(|node| self.columns.get(node.column? as usize))
    }

    /// The columns of a node and of all within it.
    pub(crate) fn columns_within(&self, node: usize) -> impl Iterator<Item = &Column> {
        let mut within = vec![false; self.nodes.len()];
        within[node] = true;
        for nth in node + 1..self.nodes.len() {
            within[nth] = within[self.nodes[nth].parent as usize];
        }
        let nodes = self.nodes.iter().zip(within).filter(|(_, within)| *within);
        nodes.filter_map(|(node, _)| self.columns.get(node.column? as usize))
    }

    /// The names to a node.
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
