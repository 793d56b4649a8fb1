//! Counts events by parser and by shape, in bounded memory.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use crate::commands::parsers::shape::Shape;
use countersign_query::parser::PromisedFacts;
use countersign_query::value::Document;
use countersign_query::{Parsers, Parts};

/// The limits of a tally.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The number of levels of nested fields in a shape.
    pub(super) depth: usize,
    /// The maximum number of shapes.
    pub(super) shapes: usize,
    /// True if the first event of each shape is kept.
    pub(super) keep_examples: bool,
}

/// The parser of an event, or its shape if it has none.
#[derive(Debug)]
pub(super) enum Observation {
    Parsed { parser: String, is_time_unclear: bool, has_actor: bool, has_action: bool, unread: PromisedFacts },
    Unparsed { shape: Shape, example: Option<String> },
}

impl Observation {
    pub(super) fn new(event: &str, parsers: &Parsers, limits: Limits) -> Self {
        let document = Document::parse(event);
        let root = document.as_ref().map(Document::root);
        let parts = Parts::UNREAD;
        let read = root.as_ref().and_then(|root| parsers.parse_parts(root, parts));
        match read {
            Some(read) => Self::Parsed {
                is_time_unclear: read.is_time_unclear,
                has_actor: read.actor.id.is_some() || read.actor.name.is_some(),
                has_action: read.action.is_some(),
                unread: read.unread,
                parser: read.parsed_as.into_owned(),
            },
            None => Self::Unparsed {
                shape: root.map(|root| Shape::new(root, limits.depth)).unwrap_or_default(),
                example: limits.keep_examples.then(|| event.to_owned()),
            },
        }
    }

    /// Returns the number of bytes in memory, approximately.
    pub(super) fn memory_bytes(&self) -> usize {
        match self {
            Self::Parsed { parser, .. } => parser.len(),
            Self::Unparsed { shape, example } => shape.bytes() + example.as_ref().map_or(0, String::len),
        }
    }
}

/// A shape, and the number of its events.
#[derive(Debug)]
pub(super) struct ShapeCount {
    pub(super) shape: Shape,
    pub(super) events: u64,
    /// The first event, if examples are kept.
    pub(super) example: Option<String>,
}

/// The number of events that a parser recognizes, and of those in which it finds a fact.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct ParserCount {
    pub(super) events: u64,
    with_actor: u64,
    with_action: u64,
}

impl ParserCount {
    /// Returns the facts that the parser finds in none of the events.
    pub(super) fn missing(self) -> impl Iterator<Item = &'static str> {
        let facts = [("actor", self.with_actor), ("action", self.with_action)];
        facts.into_iter().filter_map(|(fact, events)| (events == 0).then_some(fact))
    }
}

/// The numbers of events by parser and by shape.
#[derive(Debug)]
pub(super) struct Tally {
    limits: Limits,
    by_parser: BTreeMap<String, ParserCount>,
    /// The events whose time their parser doesn't understand: their number, and the first one's place, by parser.
    unclear_times: BTreeMap<String, (u64, u64)>,
    /// The events that lack facts which their parser promises, likewise.
    unread: BTreeMap<(String, PromisedFacts), (u64, u64)>,
    by_shape: BTreeMap<Shape, ShapeCount>,
    /// The number of events whose shapes exceed the limit.
    of_further_shapes: u64,
    /// The number of events of exports that don't verify, or whose content is withheld.
    unexamined: u64,
}

impl Tally {
    pub(super) const fn new(limits: Limits) -> Self {
        Self {
            limits,
            by_parser: BTreeMap::new(),
            unclear_times: BTreeMap::new(),
            unread: BTreeMap::new(),
            by_shape: BTreeMap::new(),
            of_further_shapes: 0,
            unexamined: 0,
        }
    }

    pub(super) const fn limits(&self) -> Limits {
        self.limits
    }

    /// Counts an event at a place: its line, or its entry in an export.
    pub(super) fn add(&mut self, place: u64, observation: Observation) {
        let (shape, example) = match observation {
            Observation::Parsed { parser, is_time_unclear, has_actor, has_action, unread } => {
                if !unread.is_empty() {
                    self.unread.entry((parser.clone(), unread)).or_insert((0, place)).0 += 1;
                }
                if is_time_unclear {
                    self.unclear_times.entry(parser.clone()).or_insert((0, place)).0 += 1;
                }
                let count = self.by_parser.entry(parser).or_default();
                count.events += 1;
                count.with_actor += u64::from(has_actor);
                count.with_action += u64::from(has_action);
                return;
            }
            Observation::Unparsed { shape, example } => (shape, example),
        };
        let is_full = self.by_shape.len() >= self.limits.shapes;
        match self.by_shape.entry(shape) {
            Entry::Occupied(mut known) => known.get_mut().events += 1,
            Entry::Vacant(_) if is_full => self.of_further_shapes += 1,
            Entry::Vacant(new) => {
                let shape = new.key().clone();
                new.insert(ShapeCount { shape, events: 1, example });
            }
        }
    }

    pub(super) const fn add_unexamined(&mut self, events: u64) {
        self.unexamined += events;
    }

    pub(super) const fn unexamined(&self) -> u64 {
        self.unexamined
    }

    pub(super) fn events(&self) -> u64 {
        self.parsed() + self.unparsed()
    }

    pub(super) fn parsed(&self) -> u64 {
        self.by_parser.values().map(|count| count.events).sum()
    }

    pub(super) fn unparsed(&self) -> u64 {
        self.by_shape.values().map(|shape| shape.events).sum::<u64>() + self.of_further_shapes
    }

    pub(super) const fn of_further_shapes(&self) -> u64 {
        self.of_further_shapes
    }

    /// Iterates over the parsers that occur, with their counts.
    pub(super) fn by_parser(&self) -> impl Iterator<Item = (&str, ParserCount)> {
        self.by_parser.iter().map(|(name, count)| (name.as_str(), *count))
    }

    /// Iterates over the parsers that don't understand the time of an event, with the number of these events, and the
    /// place of the first.
    pub(super) fn unclear_times(&self) -> impl Iterator<Item = (&str, (u64, u64))> {
        self.unclear_times.iter().map(|(name, unclear)| (name.as_str(), *unclear))
    }

    /// Iterates over the parsers that don't find what they promise, with the facts, the number of these events, and the
    /// place of the first.
    pub(super) fn unread(&self) -> impl Iterator<Item = (&str, PromisedFacts, u64, u64)> {
        self.unread.iter().map(|((name, facts), (number, first))| (name.as_str(), *facts, *number, *first))
    }

    /// Returns the shapes without a parser, the most frequent first.
    pub(super) fn shapes(&self) -> Vec<&ShapeCount> {
        let mut shapes: Vec<&ShapeCount> = self.by_shape.values().collect();
        shapes.sort_by_key(|shape| std::cmp::Reverse(shape.events));
        shapes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value as Json;

    use super::*;

    fn any_json() -> impl Strategy<Value = Json> {
        let name = prop_oneof!["[a-d]", ".{0,6}", Just("action".to_owned()), Just("actor".to_owned())];
        let leaf = prop_oneof![
            Just(Json::Null),
            any::<bool>().prop_map(Json::from),
            any::<i32>().prop_map(Json::from),
            ".{0,12}".prop_map(Json::from),
        ];
        leaf.prop_recursive(4, 32, 6, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Json::from),
                prop::collection::vec((name.clone(), inner), 0..6)
                    .prop_map(|members| Json::Object(members.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn sums_equal_the_number_of_events(
            events in prop::collection::vec(any_json(), 0..24),
            depth in 1_usize..5,
            shapes in 1_usize..6,
            keep_examples: bool,
        ) {
            let parsers = Parsers::built_in();
            let limits = Limits { depth, shapes, keep_examples };
            let mut tally = Tally::new(limits);
            for event in &events {
                tally.add(0, Observation::new(&event.to_string(), &parsers, limits));
            }
            let listed: u64 = tally.shapes().iter().map(|shape| shape.events).sum();
            let parsed: u64 = tally.by_parser().map(|(_, count)| count.events).sum();
            prop_assert_eq!(tally.events(), events.len() as u64);
            prop_assert_eq!(parsed + listed + tally.of_further_shapes(), events.len() as u64);
            prop_assert!(tally.shapes().len() <= shapes);
        }
    }

    #[test]
    fn a_fact_that_a_parser_finds_in_no_event_is_missing() {
        let parsers = Parsers::built_in();
        let limits = Limits { depth: 2, shapes: 1, keep_examples: false };
        let mut tally = Tally::new(limits);
        let missing =
            |tally: &Tally| tally.by_parser().flat_map(|(_, count)| count.missing()).collect::<Vec<_>>();
        for (event, expected) in [
            (r#"{"action":"a","target":{"id":"t"}}"#, vec!["actor"]),
            (r#"{"action":"a","actor":{"name":"Ada"}}"#, vec![]),
        ] {
            tally.add(0, Observation::new(event, &parsers, limits));
            assert_eq!(missing(&tally), expected);
        }
    }

    #[test]
    fn groups_events_by_shape_up_to_the_limit() {
        let parsers = Parsers::built_in();
        let limits = Limits { depth: 2, shapes: 1, keep_examples: false };
        let mut tally = Tally::new(limits);
        for event in [r#"{"a":1}"#, r#"{"a":2}"#, r#"{"b":1}"#, r#"{"action":"x","actor":{"id":"u"}}"#] {
            tally.add(0, Observation::new(event, &parsers, limits));
        }
        assert_eq!((tally.events(), tally.parsed(), tally.unparsed()), (4, 1, 3));
        assert_eq!((tally.shapes()[0].events, tally.of_further_shapes()), (2, 1));
        assert!(tally.shapes()[0].example.is_none());
    }
}
