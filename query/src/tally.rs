//! What a search found, and what must be said of it so that "nothing found" is no lie.
//!
//! A [`Tally`] looks at each event and remembers which fields events had, how many events each condition leaves on its
//! own and step by step, and whose time counted.

use std::collections::BTreeSet;

use crate::condition::{Basis, Condition, Entry, Field, Node, Path, Query, Short};
use crate::nearest::nearest;
use crate::value::{Kind, Value};

/// How many events are asked for their fields, and how many fields are remembered, to tell those near to one that is
/// nowhere.
const MOST_EVENTS: u64 = 10_000;
const MOST_FIELDS: usize = 4096;
/// How deep a remembered field may be.
const MOST_NAMES: usize = 16;

/// What a search has seen so far.
#[derive(Clone, Debug)]
pub struct Tally<'q> {
    query: &'q Query,
    reads_events: bool,
    of: u64,
    matched: u64,
    /// For each condition, whether an event had what it is about.
    had: Vec<bool>,
    /// For each condition, how many events it leaves. Counted as long as nothing is found.
    alone: Vec<u64>,
    /// For each part that all must hold, how many events it and those before it leave.
    steps: Vec<u64>,
    fields: BTreeSet<String>,
    own_times: u64,
    recorded_times: u64,
    asks_time: bool,
}

/// What a search found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// How many events matched.
    pub matched: u64,
    /// How many were looked at.
    pub of: u64,
    /// The fields that no event had.
    pub unknown: Vec<Unknown>,
    /// How many events each condition leaves; none where events were found, or nothing was asked.
    pub conditions: Vec<Left>,
    /// How many events are left, part by part, where all parts must hold; none where events were found.
    pub steps: Vec<Left>,
    /// Of how many events the own time counted, and of how many the time of recording, as they state none, where the
    /// query asks when something happened.
    pub times: Option<(u64, u64)>,
}

/// A field that no event had.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unknown {
    /// Where the condition stands in the query, in bytes.
    pub at: core::ops::Range<usize>,
    /// The field as it can be written.
    pub field: String,
    /// Fields that events had and that are nearest to it, the nearest first.
    pub nearest: Vec<String>,
}

/// A part of a query and how many events it leaves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// The part, as it can be written.
    pub part: String,
    /// How many events are so.
    pub events: u64,
}

impl<'q> Tally<'q> {
    /// Nothing seen yet.
    pub fn new(query: &'q Query) -> Self {
        let count = query.conditions.len();
        let happened = |condition: &Condition| matches!(condition, Condition::Time(Basis::Happened, _));
        Self {
            query,
            reads_events: query.reads_events(),
            of: 0,
            matched: 0,
            had: vec![false; count],
            alone: vec![0; count],
            steps: vec![0; parts(query).len()],
            fields: BTreeSet::new(),
            own_times: 0,
            recorded_times: 0,
            asks_time: query.conditions.iter().any(|asked| happened(&asked.condition)),
        }
    }

    /// Whether an event is as asked, by [`Query::matches`]. Counts it.
    pub fn look(&mut self, entry: &Entry<'_>) -> bool {
        self.of += 1;
        if self.asks_time {
            *(if entry.time().1 { &mut self.own_times } else { &mut self.recorded_times }) += 1;
        }
        for (had, asked) in self.had.iter_mut().zip(&self.query.conditions) {
            *had = *had || asked.condition.is_about(entry);
        }
        if self.of <= MOST_EVENTS
            && self.fields.len() < MOST_FIELDS
            && self.had.iter().any(|had| !had)
            && let Some(event) = entry.event
        {
            self.remember(event, &mut Vec::new());
        }
        let matched = if self.matched > 0 { self.query.matches(entry) } else { self.look_closely(entry) };
        self.matched += u64::from(matched);
        matched
    }

    /// As long as nothing is found, each condition is counted.
    fn look_closely(&mut self, entry: &Entry<'_>) -> bool {
        if self.reads_events && entry.event.is_none() {
            return false;
        }
        let held: Vec<bool> =
            self.query.conditions.iter().map(|asked| asked.condition.holds(entry)).collect();
        for (alone, held) in self.alone.iter_mut().zip(&held) {
            *alone += u64::from(*held);
        }
        let mut so_far = true;
        for (left, part) in self.steps.iter_mut().zip(parts(self.query)) {
            so_far = so_far && part.holds(&mut |nth| held.get(nth).is_some_and(|held| *held));
            *left += u64::from(so_far);
        }
        so_far
    }

    fn remember<'a>(&mut self, value: Value<'a>, path: &mut Vec<std::borrow::Cow<'a, str>>) {
        match value.kind() {
            Kind::Object if path.len() < MOST_NAMES => {
                for (name, value) in value.members() {
                    if self.fields.len() >= MOST_FIELDS {
                        return;
                    }
                    path.push(name.text());
                    self.fields.insert(Path::of(path.iter().map(|name| &**name)).to_string());
                    self.remember(value, path);
                    path.pop();
                }
            }
            Kind::Array => value.elements().for_each(|element| self.remember(element, path)),
            _ => {}
        }
    }

    /// What is to be said.
    pub fn finish(&self) -> Findings {
        let nothing = self.matched == 0;
        let asked = || self.query.conditions.iter();
        let unknown =
            asked().zip(&self.had).filter(|(_, had)| !**had && self.of > 0).filter_map(|(asked, _)| {
                let field = asked.condition.field()?;
                let wanted = match &*field {
                    Field::Member(path) => path.names().join("."),
                    Field::Short(short) => short.as_str().into(),
                };
                let shorts = Short::ALL.iter().map(|short| short.as_str());
                let is_short = matches!(*field, Field::Short(_));
                let names = self.fields.iter().map(String::as_str);
                let near = nearest(&wanted, names.chain(shorts.filter(|_| !is_short)));
                Some(Unknown { at: asked.at.clone(), field: field.to_string(), nearest: near })
            });
        let mut findings = Findings {
            matched: self.matched,
            of: self.of,
            unknown: unknown.collect(),
            conditions: Vec::new(),
            steps: Vec::new(),
            times: self.asks_time.then_some((self.own_times, self.recorded_times)),
        };
        if nothing {
            let left = |(asked, events): (&crate::condition::Asked, &u64)| Left {
                part: asked.condition.to_string(),
                events: *events,
            };
            findings.conditions = asked().zip(&self.alone).map(left).collect();
            findings.steps = parts(self.query)
                .into_iter()
                .zip(&self.steps)
                .map(|(part, events)| {
                    let part = Query { root: part.clone(), conditions: self.query.conditions.clone() };
                    Left { part: part.to_string(), events: *events }
                })
                .collect();
        }
        findings
    }
}

/// The parts that all must hold.
fn parts(query: &Query) -> Vec<&Node> {
    match &query.root {
        Node::All(nodes) => nodes.iter().collect(),
        node => vec![node],
    }
}
