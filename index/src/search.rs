//! One question of segments that come one after the other: in memory for one of them at a time.

use std::collections::BTreeSet;

use countersign::time::Time;
use countersign_query::condition::Path;
use countersign_query::value::Document;
use countersign_query::{Entry, Findings, Query, Readings};

use crate::judge::name_of;
use crate::question::{Order, Question, Verdict};
use crate::segment::{Fact, RowKind, Segment, flag};

/// The most fields that are remembered, to tell those near to one that no event has.
const MOST_FIELDS: usize = 4096;

/// Where an event of a segment stands, as its [`Row`](crate::Row) had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found<'s> {
    /// The line of the export.
    pub line: u64,
    /// The leaf.
    pub index: u64,
    /// The chain, in hex.
    pub chain: &'s str,
    /// The place in it.
    pub seq: u64,
    /// The time of recording.
    pub time: Time,
    /// The key that signs the chain.
    pub vkey: &'s str,
    /// Whether it was authorised.
    pub authorised: bool,
}

/// What takes events, and what gives their texts.
pub trait Events {
    /// Why it cannot.
    type Error;

    /// The text of an event whose columns do not tell whether it is as asked.
    ///
    /// # Errors
    /// Where it cannot be had.
    fn text(&mut self, event: &Found<'_>) -> Result<Box<str>, Self::Error>;

    /// An event is as asked.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn found(&mut self, event: &Found<'_>) -> Result<(), Self::Error>;
}

/// A question, and what was seen of the segments so far.
#[derive(Debug)]
pub struct Search {
    question: Question,
    readings: Readings,
    fields: BTreeSet<String>,
    events: usize,
    own_times: usize,
    /// How many rows were passed by who goes through the segments once more.
    again: usize,
}

impl Search {
    /// Nothing seen yet.
    pub fn new(query: Query, readings: Readings) -> Self {
        Self {
            question: Question::new(query, Order::default()),
            readings,
            fields: BTreeSet::new(),
            events: 0,
            own_times: 0,
            again: 0,
        }
    }

    /// Looks at the next segment.
    ///
    /// # Errors
    /// Those of `events`.
    pub fn look<E: Events>(&mut self, segment: &Segment, events: &mut E) -> Result<(), E::Error> {
        let base = self.question.judged();
        self.events += segment.rows_of(RowKind::Event).count();
        self.own_times += segment.rows_where(|flags| flags & flag::OWN_TIME != 0).count();
        for node in 1..segment.nodes.len() {
            if self.fields.len() < MOST_FIELDS {
                self.fields.insert(Path::of(segment.names(node)).to_string());
            }
        }
        self.question.judge(segment, 0, &[]);
        self.read(segment, base, events)?;
        let end = base + segment.rows();
        let found: Vec<usize> = self.question.found.rows_from(base).take_while(|row| *row < end).collect();
        found.into_iter().try_for_each(|row| events.found(&place(segment, row - base)))
    }

    /// Whether nothing was found, and all segments are to be gone through once more, by [`Search::count`]: how many events
    /// each condition leaves is not known otherwise.
    pub fn wants_counts(&mut self) -> bool {
        self.question.read_aside();
        !self.question.unread.is_empty()
    }

    /// The next segment, from the first on, once more.
    ///
    /// # Errors
    /// Those of `events`.
    pub fn count<E: Events>(&mut self, segment: &Segment, events: &mut E) -> Result<(), E::Error> {
        let base = self.again;
        self.again += segment.rows();
        self.read(segment, base, events)
    }

    /// Reads what columns do not tell.
    fn read<E: Events>(&mut self, segment: &Segment, base: usize, events: &mut E) -> Result<(), E::Error> {
        let end = base + segment.rows();
        let unread: Vec<usize> = self.question.unread.rows_from(base).take_while(|row| *row < end).collect();
        for row in unread {
            let event = place(segment, row - base);
            let text = events.text(&event)?;
            let document = Document::parse(&text);
            let root = document.as_ref().map(Document::root);
            let read = root.as_ref().and_then(|event| self.readings.read(event));
            let entry = Entry {
                event: root,
                read: read.as_ref(),
                recorded: event.time,
                chain: event.chain,
                signer: Some(name_of(event.vkey)),
            };
            self.question.unread.put(row, false);
            let is_aside = self.question.take_aside(row);
            if matches!(self.question.look(&entry), Verdict::Found) && !is_aside {
                self.question.found.put(row, true);
                self.question.events += 1;
            }
        }
        Ok(())
    }

    /// What must be said of what was found.
    pub fn finish(self) -> Findings {
        let Self { question, fields, events, own_times, .. } = self;
        let query = &question.query;
        let (had, alone, steps) = question.left();
        let had: Vec<bool> = had.iter().map(|had| *had || events == 0).collect();
        let counted = (question.events == 0 && !query.is_empty()).then_some((alone, steps));
        let mut findings = Findings::of(query, &had, &fields.iter().map(String::as_str), counted);
        findings.matched = question.events as u64;
        findings.of = events as u64;
        let asks_when = query.conditions().iter().any(|asked| asked.condition.asks_when());
        findings.times = asks_when.then(|| (own_times as u64, events.saturating_sub(own_times) as u64));
        findings
    }
}

fn place(segment: &Segment, row: usize) -> Found<'_> {
    let text = |fact| segment.text(fact, row).map_or("", |(_, text)| text);
    Found {
        line: segment.lines.get(row) as u64,
        index: segment.index(row) as u64,
        chain: text(Fact::Chain),
        seq: segment.seqs.get(row) as u64,
        time: segment.recorded(row),
        vkey: text(Fact::Key),
        authorised: segment.has(row, flag::AUTHORISED),
    }
}
