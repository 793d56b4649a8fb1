//! One question of segments that come one after the other: in memory for one of them at a time.

use std::collections::BTreeSet;

use countersign_query::condition::Path;
use countersign_query::value::Document;
use countersign_query::{Findings, Parsers, Query};

use crate::build::{Place, Row};
use crate::judge::{self, Link};
use crate::question::{Order, Question};
use crate::segment::{Segment, flag};

/// The most fields that are remembered, to tell those near to one that no event has.
const MOST_FIELDS: usize = 4096;

/// What takes events, and what gives their texts.
pub trait Events {
    /// Why it cannot.
    type Error;

    /// The text of an event whose columns do not tell whether it is as asked.
    ///
    /// # Errors
    /// Where it cannot be had.
    fn text(&mut self, event: &Row<'_>) -> Result<Box<str>, Self::Error>;

    /// An event is as asked.
    ///
    /// # Errors
    /// Where it cannot be kept.
    fn found(&mut self, event: &Row<'_>) -> Result<(), Self::Error>;
}

/// A question, and what was seen of the segments so far.
#[derive(Debug)]
pub struct Search {
    question: Question,
    parsers: Parsers,
    fields: BTreeSet<String>,
    events: usize,
    own_times: usize,
    /// How many rows were passed by who goes through the segments once more.
    again: usize,
}

impl Search {
    /// Nothing seen yet.
    pub fn new(query: Query, parsers: Parsers) -> Self {
        Self {
            question: Question::new(query, Order::default()),
            parsers,
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
        let kinds = segment.kinds();
        self.events += kinds.events.count();
        self.own_times += segment.rows_where(|flags| flags & flag::OWN_TIME != 0).count();
        for node in 1..segment.nodes.len() {
            if self.fields.len() < MOST_FIELDS {
                self.fields.insert(Path::of(segment.names(node)).to_string());
            }
        }
        self.question.judge(segment, &kinds, 0, &[]);
        self.read(segment, base, events)?;
        let end = base + segment.rows();
        let found: Vec<usize> = self.question.found.rows_from(base).take_while(|row| *row < end).collect();
        found
            .into_iter()
            .try_for_each(|row| events.found(&row_of(segment, row - base, &Link::of(segment, row - base))))
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
            let link = Link::of(segment, row - base);
            let text = events.text(&row_of(segment, row - base, &link))?;
            let document = Document::parse(&text);
            let root = document.as_ref().map(Document::root);
            let read = root.as_ref().and_then(|event| self.parsers.parse(event));
            self.question.take(row, &judge::entry(segment, row - base, &link, root, read.as_ref()));
        }
        Ok(())
    }

    /// What must be said of what was found.
    pub fn finish(self) -> Findings {
        let Self { question, fields, events, own_times, .. } = self;
        let mut findings = question.findings(&fields.iter().map(String::as_str), events, true);
        let asks_when = question.query.conditions().iter().any(|asked| asked.condition.asks_when());
        findings.times = asks_when.then(|| (own_times as u64, events.saturating_sub(own_times) as u64));
        findings
    }
}

fn row_of<'l>(segment: &Segment, row: usize, link: &'l Link<'_>) -> Row<'l> {
    Row {
        line: segment.lines.get(row) as u64,
        index: segment.index(row) as u64,
        chain: &link.chain,
        seq: segment.seqs.get(row) as u64,
        time: segment.recorded(row),
        vkey: link.key.as_deref().unwrap_or_default(),
        authorized: segment.has(row, flag::AUTHORIZED),
        place: Place::of(segment.begins.get(row)),
    }
}
