//! Searches segments one after the other, with only one in memory at a time.

use std::collections::BTreeSet;

use countersign_query::condition::Path;
use countersign_query::value::Document;
use countersign_query::{Findings, Parsers, Query};

use crate::build::{Place, Row};
use crate::evaluate::{self, Link};
use crate::question::{Order, Question};
use crate::segment::{Segment, flag};

/// Maximum number of fields remembered for suggestions.
const MAX_FIELDS: usize = 4096;

/// The source of events' texts and the destination of matches.
pub trait Events {
    /// The error of both methods.
    type Error;

    /// Returns the text of an event that the columns can't decide.
    ///
    /// # Errors
    /// If the text can't be read.
    fn text(&mut self, event: &Row<'_>) -> Result<Box<str>, Self::Error>;

    /// Accepts an event that matches.
    ///
    /// # Errors
    /// If the event can't be processed.
    fn found(&mut self, event: &Row<'_>) -> Result<(), Self::Error>;
}

/// A query, and its results for the segments so far.
#[derive(Debug)]
pub struct Search {
    question: Question,
    parsers: Parsers,
    fields: BTreeSet<String>,
    events: usize,
    own_times: usize,
    /// Number of rows passed in the second pass.
    second_pass_rows: usize,
}

impl Search {
    /// Starts a search.
    pub fn new(query: Query, parsers: Parsers) -> Self {
        Self {
            question: Question::new(query, Order::default()),
            parsers,
            fields: BTreeSet::new(),
            events: 0,
            own_times: 0,
            second_pass_rows: 0,
        }
    }

    /// Searches the next segment.
    ///
    /// # Errors
    /// The error of `events`.
    pub fn search<E: Events>(&mut self, segment: &Segment, events: &mut E) -> Result<(), E::Error> {
        let base = self.question.evaluated();
        let kinds = segment.kinds();
        self.events += kinds.events.count();
        self.own_times += segment.rows_where(|flags| flags & flag::OWN_TIME != 0).count();
        for node in 1..segment.nodes.len() {
            if self.fields.len() < MAX_FIELDS {
                self.fields.insert(Path::from_names(segment.names(node)).to_string());
            }
        }
        self.question.evaluate(segment, &kinds, 0, &[]);
        self.read(segment, base, events)?;
        let end = base + segment.rows();
        let found: Vec<usize> = self.question.found.rows_from(base).take_while(|row| *row < end).collect();
        found.into_iter().try_for_each(|row| {
            events.found(&row_of(segment, row - base, &Link::from_row(segment, row - base)))
        })
    }

    /// True if nothing was found, and all segments must be passed to [`Search::count`] once more to count the matches
    /// of each condition.
    pub fn wants_counts(&mut self) -> bool {
        self.question.read_aside();
        !self.question.unread.is_empty()
    }

    /// Counts the conditions in the next segment of the second pass, from the first segment on.
    ///
    /// # Errors
    /// The error of `events`.
    pub fn count<E: Events>(&mut self, segment: &Segment, events: &mut E) -> Result<(), E::Error> {
        let base = self.second_pass_rows;
        self.second_pass_rows += segment.rows();
        self.read(segment, base, events)
    }

    /// Reads the events that the columns can't decide.
    fn read<E: Events>(&mut self, segment: &Segment, base: usize, events: &mut E) -> Result<(), E::Error> {
        let end = base + segment.rows();
        let unread: Vec<usize> = self.question.unread.rows_from(base).take_while(|row| *row < end).collect();
        for row in unread {
            let link = Link::from_row(segment, row - base);
            let text = events.text(&row_of(segment, row - base, &link))?;
            let document = Document::parse(&text);
            let root = document.as_ref().map(Document::root);
            let read = root.as_ref().and_then(|event| self.parsers.parse(event));
            self.question.resolve(row, &evaluate::entry(segment, row - base, &link, root, read.as_ref()));
        }
        Ok(())
    }

    /// Returns the result.
    pub fn finish(self) -> Findings {
        let Self { question, fields, events, own_times, .. } = self;
        let mut findings = question.findings(&fields.iter().map(String::as_str), events, true);
        let asks_when = question.query.conditions().iter().any(|placed| placed.condition.asks_when());
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
        place: Place::from_number(segment.begins.get(row)),
    }
}
