//! Coverage: the events that the rules of a pack could evaluate.
//!
//! An analysis without findings means little unless the events have the fields that the rules need. Each
//! event is recorded by its shape: its parser, and which of the fields that rules use it has. The shapes
//! give, for each rule, the number of events that it could apply to, and the rules that need fields which
//! no event has (SPEC section 13).

use std::collections::{BTreeMap, BTreeSet, HashMap};

use countersign::canonical::write_string;
use countersign_query::parser::{PromisedFact, PromisedFacts};
use countersign_query::{Entry, Unparsed};

use crate::counter::counted;
use crate::detection::Item;
use crate::fields::{FieldValues, Fields, Id, Origin};
use crate::pack::Pack;
use crate::rule::{Kind, Rule};
use crate::source::Source;

/// The maximum number of shapes kept. Events with other shapes are counted one by one, which is slower.
const MAX_SHAPES: usize = 4096;

/// The parser of an event, and which of the fields used by a pack's rules it has.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Shape {
    /// The parser that recognized the event.
    pub(crate) parser: Option<Box<str>>,
    /// For an event that one of Elastic's integrations converted, the parser of the original product. That
    /// parser's rules name fields that the event no longer has.
    origin: Option<Box<str>>,
    /// The facts that the parser promises and that the event lacks ([`PromisedFacts::bits`]).
    unread: u8,
    /// True if its action is the product's own (`countersign.…`). Only rules that name such an action apply
    /// to it.
    is_reserved: bool,
    /// One bit per field that it has, by the field's number.
    fields: Box<[u8]>,
}

impl Shape {
    pub(crate) fn new(
        entry: &Entry<'_>,
        is_reserved: bool,
        found: &FieldValues<'_>,
        fields: &Fields,
    ) -> Self {
        let mut bits = vec![0; fields.len().div_ceil(8)];
        for id in &found.touched {
            bits[*id as usize / 8] |= 1 << (id % 8);
        }
        Self {
            parser: entry.read.map(|read| (*read.parsed_as).into()),
            origin: origin(entry).map(Into::into),
            unread: entry.read.map_or(0, |read| read.unread.bits()),
            is_reserved,
            fields: bits.into(),
        }
    }

    /// Returns the heap memory it takes, in bytes.
    pub(crate) fn heap_bytes(&self) -> usize {
        let text = |text: &Option<Box<str>>| text.as_deref().map_or(0, str::len);
        text(&self.parser) + text(&self.origin) + self.fields.len()
    }

    /// True if the event has the field that an item tests.
    fn has(&self, item: &Item, fields: &Fields) -> bool {
        item.field.is_none_or(|field| self.has_field(field, fields))
    }

    fn has_field(&self, field: Id, fields: &Fields) -> bool {
        match fields.origin(field) {
            Origin::Event => self.has_own(field),
            Origin::Parser => self.parser.is_some(),
            Origin::Entry => true,
        }
    }

    /// True if it has a field of the event itself.
    pub(crate) fn has_own(&self, field: Id) -> bool {
        self.fields.get(field as usize / 8).is_some_and(|bits| bits >> (field % 8) & 1 == 1)
    }

    /// True if it was computed for this pack.
    #[cfg(feature = "state")]
    pub(crate) fn is_of(&self, pack: &Pack) -> bool {
        self.fields.len() == pack.fields.len().div_ceil(8)
    }
}

/// The modules of Elastic's integrations, and the parsers of the products that they are for.
const MODULES: [(&str, &str); 11] = [
    ("auth0", "Auth0"),
    ("aws", "CloudTrail"),
    ("azure", "Azure activity"),
    ("cloudflare", "Cloudflare"),
    ("gcp", "Google Cloud"),
    ("github", "GitHub"),
    ("google_workspace", "Google Workspace"),
    ("kubernetes", "Kubernetes"),
    ("o365", "Microsoft 365"),
    ("okta", "Okta"),
    ("slack", "Slack"),
];

/// Returns the parser of the product that an event in Elastic's schema was converted from.
fn origin(entry: &Entry<'_>) -> Option<&'static str> {
    entry.read.filter(|read| read.parsed_as == "ECS")?;
    let named = |flat: &str| {
        let module = entry.at(flat).or_else(|| entry.event?.get(flat))?.string()?;
        let module = module.split('.').next()?;
        MODULES.iter().find(|(name, _)| *name == module).map(|(_, parser)| *parser)
    };
    named("event.module").or_else(|| named("event.dataset"))
}

/// The extent to which a rule can judge an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sight {
    /// The event has all fields that the rule needs.
    Applies,
    /// A field of the event is enough to conclude that the rule doesn't fire, or the rule tests the absence
    /// of a field with `exists`.
    Answered,
    /// The event has none of the fields that could decide.
    Blind,
}

impl Pack {
    fn sight(&self, rule: &Rule, shape: &Shape) -> Option<Sight> {
        let Kind::Event(detection) = &rule.kind else { return None };
        if !rule.source.includes(shape.parser.as_deref()) || shape.is_reserved && !rule.is_about_us {
            return None;
        }
        if detection.judge(&|item| self.missing(item, shape)) != Some(false) {
            return Some(Sight::Applies);
        }
        let answered = |item: &Item| match item.parser(&self.fields) {
            Some(parsers) => shape.parser.as_deref().map(parsers),
            None => (shape.has(item, &self.fields) || item.asks_existence()).then_some(false),
        };
        Some(if detection.judge(&answered) == Some(false) { Sight::Answered } else { Sight::Blind })
    }

    /// Returns the result of an item if its field is missing; `None` if the event has the field.
    fn missing(&self, item: &Item, shape: &Shape) -> Option<bool> {
        (!shape.has(item, &self.fields)).then(|| !item.needs_field())
    }

    /// Marks a rule and the correlations that build on it as applicable.
    fn apply(&self, rule: usize, applies: &mut [bool]) {
        if !core::mem::replace(&mut applies[rule], true) {
            self.feeds[rule].iter().for_each(|(correlation, _)| self.apply(*correlation, applies));
        }
    }

    /// True if the fields of an event don't rule the rule out, and the event lacks a field that it needs.
    pub(crate) fn lacks(&self, rule: &Rule, shape: &Shape, found: &FieldValues<'_>) -> bool {
        let Kind::Event(detection) = &rule.kind else { return false };
        let parser = shape.parser.as_deref();
        let applies = match &rule.source {
            // Rules for sources without a parser aren't counted as gaps.
            source @ Source::Named(_) => parser.is_some_and(|parser| source.names(parser)),
            source => source.includes(parser),
        };
        if !applies {
            return false;
        }
        let known = |item: &Item| {
            let is_known = shape.has(item, &self.fields) || !item.needs_field() || item.asks_existence();
            (item.fact.is_none() && is_known).then(|| item.holds(found))
        };
        detection.judge(&|item| self.missing(item, shape)) == Some(false) && detection.judge(&known).is_none()
    }
}

/// The analyzed events, by their shapes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shapes {
    pub(crate) known: HashMap<Shape, u64>,
    /// The counts of events whose shapes exceeded [`MAX_SHAPES`].
    pub(crate) beyond: Counts,
    /// For each rule, the number of events that lack a field which it needs.
    pub(crate) lacking: Vec<u64>,
    /// The correlations of which an event had all fields.
    pub(crate) joined: BTreeSet<u32>,
    /// See [`Coverage::unclear_times`].
    pub(crate) unclear_times: Option<(u64, u64)>,
    /// See [`Coverage::unread`].
    pub(crate) unread: UnreadCounts,
}

/// For each parser and set of missing facts ([`PromisedFacts::bits`]), the number of events and the first one's entry.
pub(crate) type UnreadCounts = BTreeMap<(Box<str>, u8), (u64, u64)>;

/// The counts derived from shapes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
pub(crate) struct Counts {
    events: u64,
    sources: BTreeMap<EventSource, SourceCounts>,
    /// For each rule, the number of events that it could apply to.
    rules: Vec<u64>,
}

/// The source of events.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct EventSource {
    /// The parser that recognizes them, if any.
    parser: Option<Box<str>>,
    /// The original product's parser (see [`Shape::origin`]).
    origin: Option<Box<str>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[cfg_attr(feature = "state", derive(serde::Serialize, serde::Deserialize))]
struct SourceCounts {
    events: u64,
    covered: u64,
}

impl Counts {
    fn add(&mut self, pack: &Pack, shape: &Shape, events: u64) {
        self.rules.resize(pack.rules.len(), 0);
        self.events += events;
        let parser = shape.parser.as_deref();
        let mut is_covered = shape.is_reserved && parser == Some("countersign");
        let mut applies = vec![false; pack.rules.len()];
        for (nth, rule) in pack.rules.iter().enumerate() {
            let sight = pack.sight(rule, shape);
            if sight == Some(Sight::Applies) {
                pack.apply(nth, &mut applies);
            }
            let looks = matches!(sight, Some(Sight::Applies | Sight::Answered));
            is_covered |= looks && parser.is_some_and(|parser| rule.source.names(parser));
        }
        for (count, _) in self.rules.iter_mut().zip(applies).filter(|(_, applies)| *applies) {
            *count += events;
        }
        if let Some(origin) = &shape.origin {
            is_covered &= !pack.rules.iter().any(|rule| rule.source.names(origin));
        }
        let source = EventSource { parser: shape.parser.clone(), origin: shape.origin.clone() };
        let counts = self.sources.entry(source).or_default();
        counts.events += events;
        counts.covered += if is_covered { events } else { 0 };
    }
}

impl Shapes {
    pub(crate) fn add(&mut self, pack: &Pack, leaf: u64, shape: Shape, lacking: &[u32]) {
        if let Some(parser) = shape.parser.as_ref().filter(|_| shape.unread != 0) {
            self.unread.entry((parser.clone(), shape.unread)).or_insert((0, leaf)).0 += 1;
        }
        for rule in lacking {
            self.lacking.resize(pack.rules.len(), 0);
            self.lacking[*rule as usize] += 1;
        }
        if let Some(events) = self.known.get_mut(&shape) {
            *events += 1;
        } else if self.known.len() < MAX_SHAPES {
            self.known.insert(shape, 1);
        } else {
            self.beyond.add(pack, &shape, 1);
        }
    }

    /// Restores the shapes of a snapshot; `None` if it was made with another pack.
    #[cfg(feature = "snapshot")]
    pub(crate) fn restore(
        pack: &Pack,
        shapes: Vec<(Shape, u64)>,
        beyond: Counts,
        lacking: Vec<u64>,
        joined: BTreeSet<u32>,
        unclear_times: Option<(u64, u64)>,
        unread: UnreadCounts,
    ) -> Option<Self> {
        let is_of = shapes.len() <= MAX_SHAPES
            && shapes.iter().all(|(shape, _)| shape.is_of(pack))
            && (beyond.rules.is_empty() || beyond.rules.len() == pack.rules.len())
            && (lacking.is_empty() || lacking.len() == pack.rules.len())
            && joined.last().is_none_or(|rule| (*rule as usize) < pack.rules.len());
        is_of.then(|| Self {
            known: shapes.into_iter().collect(),
            beyond,
            lacking,
            joined,
            unclear_times,
            unread,
        })
    }

    pub(crate) fn coverage(&self, pack: &Pack) -> Coverage {
        let mut counts = self.beyond.clone();
        counts.rules.resize(pack.rules.len(), 0);
        for (shape, events) in &self.known {
            counts.add(pack, shape, *events);
        }
        let mut applicable = counts.rules;
        let lacking = self.lacking.iter().copied().enumerate();
        let blind: Vec<(usize, u64)> = lacking
            .filter(|(rule, events)| *events > 0 && self.is_blind(pack, *rule, applicable[*rule]))
            .collect();
        for (rule, _) in &blind {
            applicable[*rule] = 0;
        }
        let blind = blind.into_iter().map(|(rule, events)| BlindRule {
            rule: pack.rules[rule].id.clone(),
            title: pack.rules[rule].title.clone(),
            fields: self.missing(pack, rule),
            events,
        });
        let blind = blind.collect();
        let mut unparsed = 0;
        let mut sources = Vec::new();
        for (EventSource { parser, origin }, SourceCounts { events, covered }) in counts.sources {
            let Some(parser) = parser else {
                unparsed += events;
                continue;
            };
            let written_for = origin.as_ref().unwrap_or(&parser);
            let rules = pack.rules.iter().filter(|rule| rule.source.names(written_for)).count() as u64;
            let parser = match &origin {
                Some(origin) => format!("{parser} ({origin})"),
                None => parser.into(),
            };
            sources.push(SourceCoverage { parser, events, covered, rules });
        }
        Coverage {
            events: counts.events,
            unparsed,
            sources,
            rules: pack.rules.iter().map(|rule| rule.id.clone()).zip(applicable).collect(),
            blind,
            unclear_times: self.unclear_times,
            unread: self.unread.iter().map(UnreadEvents::new).collect(),
        }
    }

    /// True if a rule that events lack a field of could evaluate none. `applicable` is the number of events that it, or
    /// a rule that it counts, could apply to.
    fn is_blind(&self, pack: &Pack, rule: usize, applicable: u64) -> bool {
        match pack.rules[rule].kind {
            Kind::Event(_) => applicable == 0,
            Kind::Correlation(_) => !self.joined.contains(&(rule as u32)),
        }
    }

    /// Returns the fields that a rule needs and that no event of its source has. For a correlation, these are the fields
    /// that no event has, or all of its fields if each is there, but in no event that it counts.
    fn missing(&self, pack: &Pack, rule: usize) -> Vec<String> {
        let rule = &pack.rules[rule];
        let detection = match &rule.kind {
            Kind::Event(detection) => detection,
            Kind::Correlation(correlation) => {
                let is_there =
                    |field: Id| self.known.keys().any(|shape| shape.has_field(field, &pack.fields));
                let all: Vec<Id> = correlation.fields().collect();
                let missing: Vec<Id> = all.iter().copied().filter(|field| !is_there(*field)).collect();
                let named = if missing.is_empty() { all } else { missing };
                let names: BTreeSet<&str> = named.into_iter().map(|field| pack.fields.name(field)).collect();
                return names.into_iter().map(str::to_owned).collect();
            }
        };
        let shapes: Vec<&Shape> =
            self.known.keys().filter(|shape| rule.source.includes(shape.parser.as_deref())).collect();
        let mut fields = Vec::new();
        detection.visit_wanted(&mut |item| {
            let Some(field) = item.field.filter(|_| item.needs_field()) else { return };
            let name = pack.fields.name(field);
            if !shapes.iter().any(|shape| shape.has_field(field, &pack.fields))
                && !fields.iter().any(|of| of == name)
            {
                fields.push(name.to_owned());
            }
        });
        fields
    }
}

/// The events that the rules of a pack could evaluate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// The number of events analyzed.
    pub events: u64,
    /// The number of events that no parser recognizes.
    pub unparsed: u64,
    /// The other events by parser, in alphabetical order.
    pub sources: Vec<SourceCoverage>,
    /// For each rule, its id and the number of events that it could apply to: events of its source with the
    /// fields that it needs.
    pub rules: Vec<(String, u64)>,
    /// Rules that could evaluate no event of their source, because no event has a field that they need.
    pub blind: Vec<BlindRule>,
    /// The number of events that state a time which their parser doesn't understand, and the first one's entry. Their
    /// time is that of their recording, so rules over a timespan may miss them.
    pub unclear_times: Option<(u64, u64)>,
    /// The events that a parser recognizes, but in which it doesn't find what it promises, by parser.
    pub unread: Vec<UnreadEvents>,
}

/// Events of a parser that lack the same promised facts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnreadEvents {
    /// The parser.
    pub parser: String,
    /// The facts that they lack.
    pub facts: PromisedFacts,
    /// Their number.
    pub events: u64,
    /// The first one's entry.
    pub first: u64,
}

impl UnreadEvents {
    fn new(((parser, facts), (events, first)): (&(Box<str>, u8), &(u64, u64))) -> Self {
        let (facts, parser) = (PromisedFacts::from_bits(*facts), parser.to_string());
        Self { parser, facts, events: *events, first: *first }
    }

    /// Describes these events, without a period.
    pub fn sentence(&self) -> String {
        unread_sentence(&self.parser, self.facts, self.events)
    }
}

/// The events that one parser recognizes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCoverage {
    /// The parser. For events that Elastic converted to ECS, also the original product's: `ECS
    /// (CloudTrail)`.
    pub parser: String,
    /// The number of events that it recognizes.
    pub events: u64,
    /// The number of these that a rule for this source could evaluate.
    pub covered: u64,
    /// The number of the pack's rules for this source.
    pub rules: u64,
}

/// A rule that could evaluate no event of its source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindRule {
    /// The rule's id.
    pub rule: String,
    /// The rule's title.
    pub title: String,
    /// The fields that it needs and that no event of its source has.
    pub fields: Vec<String>,
    /// The number of events that it couldn't evaluate.
    pub events: u64,
}

impl Coverage {
    /// Returns the share of events without a parser.
    pub const fn unparsed(&self) -> Unparsed {
        Unparsed { unparsed: self.unparsed, events: self.events }
    }

    /// True if every event was parsed, with its time and the facts that its parser promises, and evaluated by rules for
    /// its source, and no rule for these sources was blind. Only then does the absence of findings mean that nothing
    /// matches.
    pub fn is_complete(&self) -> bool {
        self.unparsed == 0
            && self.unread.is_empty()
            && self.blind.is_empty()
            && self.uncovered() == 0
            && self.unclear_times.is_none()
    }

    /// Returns the number of events in which their parser doesn't find what it promises.
    pub fn unread(&self) -> u64 {
        self.unread.iter().map(|unread| unread.events).sum()
    }

    /// Returns the number of parsed events that no rule for their source could evaluate.
    pub fn uncovered(&self) -> u64 {
        self.sources.iter().map(|source| source.events - source.covered).sum()
    }

    /// Returns the number of rules that could apply to an event.
    pub fn applicable(&self) -> usize {
        self.rules.iter().filter(|(_, events)| *events > 0).count()
    }

    /// Appends the coverage as a JSON object on one line. `rules` contains the number of events for each
    /// rule, or in a summary only the number of rules.
    pub fn write_json(&self, is_summary: bool, out: &mut Vec<u8>) {
        let Self { events, unparsed, sources, rules, blind, unclear_times, unread } = self;
        let (applicable, complete, uncovered) = (self.applicable(), self.is_complete(), self.uncovered());
        let mut write = |text: String| out.extend_from_slice(text.as_bytes());
        write(format!("{{\"applicable\":{applicable},\"blind\":["));
        for (nth, BlindRule { rule, title, fields, events }) in blind.iter().enumerate() {
            let fields: Vec<String> = fields.iter().map(|field| quoted(field)).collect();
            write(format!(
                "{}{{\"events\":{events},\"fields\":[{}],\"rule\":{},\"title\":{}}}",
                if nth == 0 { "" } else { "," },
                fields.join(","),
                quoted(rule),
                quoted(title),
            ));
        }
        write(format!("],\"complete\":{complete},\"events\":{events},\"rules\":"));
        if is_summary {
            write(rules.len().to_string());
        } else {
            let mut rules: Vec<_> = rules.iter().collect();
            rules.sort();
            for (nth, (rule, events)) in rules.into_iter().enumerate() {
                write(format!("{}{}:{events}", if nth == 0 { "{" } else { "," }, quoted(rule)));
            }
            write("}".into());
        }
        write(",\"sources\":[".into());
        for (nth, SourceCoverage { parser, events, covered, rules }) in sources.iter().enumerate() {
            write(format!(
                "{}{{\"covered\":{covered},\"events\":{events},\"parser\":{},\"rules\":{rules}}}",
                if nth == 0 { "" } else { "," },
                quoted(parser),
            ));
        }
        write("],\"unclear_times\":".into());
        counted(*unclear_times, out);
        let mut write = |text: String| out.extend_from_slice(text.as_bytes());
        write(format!(",\"uncovered\":{uncovered},\"unparsed\":{unparsed},\"unread\":["));
        for (nth, UnreadEvents { parser, facts, events, first }) in unread.iter().enumerate() {
            let facts: Vec<String> = facts.iter().map(|fact| quoted(fact.as_str())).collect();
            write(format!(
                "{}{{\"events\":{events},\"facts\":[{}],\"first_entry\":{first},\"parser\":{}}}",
                if nth == 0 { "" } else { "," },
                facts.join(","),
                quoted(parser),
            ));
        }
        write("]}".into());
    }
}

/// Describes events that state a time which their parser doesn't understand, and the consequence, without a period.
pub fn unclear_times_sentence(number: u64) -> String {
    if number == 1 {
        return "1 event states a time that its parser doesn't understand; it counts by the time of recording, so rules over a timespan may miss it".to_owned();
    }
    format!(
        "{number} events state a time that their parser doesn't understand; they count by the time of recording, so rules over a timespan may miss them"
    )
}

/// Describes events in which a parser doesn't find what it promises, and the consequence, without a period.
pub fn unread_sentence(parser: &str, facts: PromisedFacts, number: u64) -> String {
    let events = if number == 1 { "1 event".to_owned() } else { format!("{number} events") };
    if facts.has(PromisedFact::Kind) {
        return format!(
            "{events} of {parser} {} of a kind that the parser doesn't know; rules that use parsed facts may miss {}",
            if number == 1 { "is" } else { "are" },
            if number == 1 { "it" } else { "them" },
        );
    }
    let facts: Vec<&str> = facts.iter().map(PromisedFact::as_str).collect();
    let facts = match &facts[..] {
        [all @ .., last] if !all.is_empty() => format!("{} or {last}", all.join(", ")),
        all => all.concat(),
    };
    format!(
        "{events} of {parser} {} no {facts}, although the parser promises {}; rules that use parsed facts may miss {}",
        if number == 1 { "has" } else { "have" },
        if facts.contains(" or ") { "them" } else { "one" },
        if number == 1 { "it" } else { "them" },
    )
}

fn quoted(text: &str) -> String {
    let mut json = Vec::new();
    write_string(text, &mut json);
    String::from_utf8(json).unwrap_or_default()
}
