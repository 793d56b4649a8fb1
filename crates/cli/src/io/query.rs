//! Runs queries on the events of exports, and formats their results.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use countersign::export::Item;
use countersign::link::{ChainId, EventLink, Link};
use countersign::time::Time;
use countersign::verify::{CoveredLink, PendingItem, SummarizedEvent};
use countersign_query::tally::{PartMatches, UnknownField};
use countersign_query::value::Document;
use countersign_query::{
    Conclusion, Condition, ConditionHits, Entry, Field, Findings, Parsers, Query, Short,
};

use crate::errors::CliError;
use crate::io::style::{doubt, label, plain};

/// Parses a query. Relative times in it are relative to now.
pub(crate) fn parse(text: &str) -> Result<Query, CliError> {
    parse_at(text, countersign_errors::now()?)
}

/// Parses a query. Relative times in it are relative to `now`.
pub(crate) fn parse_at(text: &str, now: Time) -> Result<Query, CliError> {
    Query::parse(text, now).map_err(|error| {
        let marked = error.marked(text).replace('\n', "\n    ");
        CliError::unusable(error.code.as_str(), format!("{}\n    {marked}", error.message), error.hint())
            .within("the query")
    })
}

/// Parses an event whose signer is not known yet, and calls `examine` with it.
pub(crate) fn parse_event<T>(
    event: &SummarizedEvent<'_>,
    parsers: &Parsers,
    examine: impl FnOnce(&Entry<'_>) -> T,
) -> T {
    let document = str::from_utf8(event.text).ok().and_then(Document::parse);
    let root = document.as_ref().map(Document::root);
    let read = root.as_ref().and_then(|event| parsers.parse(event));
    let chain = event.chain.to_string();
    examine(&Entry {
        event: root,
        roots: &[],
        read: read.as_ref(),
        recorded: event.time,
        chain: &chain,
        signer: None,
    })
}

/// The conditions of a query that an event meets, as bits by their positions; conditions about the signer are not
/// included yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MetConditions(u128);

impl MetConditions {
    pub(crate) const fn bits(self) -> u128 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u128) -> Self {
        Self(bits)
    }
}

impl PendingItem for MetConditions {
    fn bytes(&self) -> usize {
        0
    }
}

/// Returns a bit for each condition about the signer.
pub(crate) fn signer_conditions(query: &Query) -> u128 {
    let conditions = query.conditions().iter().zip(0_u32..);
    let of_signer = conditions.filter(|(condition, _)| match &condition.condition {
        Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short)) => {
            *short == Short::Signer
        }
        _ => false,
    });
    of_signer.fold(0, |bits, (_, nth)| bits | 1 << nth)
}

/// A query that is applied to an event when it is parsed, and to its signer once it is verified.
pub(crate) struct EventQuery<'q> {
    query: &'q Query,
    /// The conditions about the signer.
    of_signer: u128,
}

impl<'q> EventQuery<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        Self { query, of_signer: signer_conditions(query) }
    }

    /// Returns the conditions that an event meets, or none if it can't match with any signer.
    pub(crate) fn examine(&self, entry: &Entry<'_>) -> Option<MetConditions> {
        let Self { query, of_signer } = self;
        if *of_signer == 0 {
            return query.matches(entry).then(MetConditions::default);
        }
        if entry.event.is_none() && query.reads_events() {
            return None;
        }
        let met = ConditionHits::evaluate(query, entry, !of_signer).held;
        let known = |nth| (of_signer >> nth & 1 == 0).then_some(met >> nth & 1 == 1);
        query.may_match(&known).then_some(MetConditions(met))
    }

    /// True if the event matches, now that its signer is known.
    pub(crate) fn matches(&self, met: MetConditions, link: &CoveredLink) -> bool {
        if self.of_signer == 0 {
            return true;
        }
        let chain = link.chain.to_string();
        let entry = Entry { chain: &chain, signer: Some(link.vkey.name()), ..Entry::recorded(link.time) };
        let met = met.0 | ConditionHits::evaluate(self.query, &entry, self.of_signer).held;
        self.query.root().holds(&mut |nth| met >> nth & 1 == 1)
    }
}

/// Matches the events of an export line by line, remembering the signers of its chains.
pub(crate) struct EventMatcher {
    parsers: Parsers,
    signers: RefCell<HashMap<ChainId, String>>,
}

impl EventMatcher {
    /// Creates a matcher that uses these parsers.
    pub(crate) fn new(parsers: Parsers) -> Self {
        Self { parsers, signers: RefCell::default() }
    }

    /// Remembers the signer of a chain.
    pub(crate) fn note_signer(&self, item: &Item<'_>) {
        if let Item::Link { link: Link::Open(open), .. } = item {
            self.signers.borrow_mut().insert(open.chain, open.key.name().into());
        }
    }

    /// True if the event matches the query.
    pub(crate) fn matches(&self, query: &Query, link: &EventLink, event: &str) -> bool {
        let signers = self.signers.borrow();
        let document = Document::parse(event);
        let root = document.as_ref().map(Document::root);
        let read = root.as_ref().and_then(|event| self.parsers.parse(event));
        let chain = link.chain.to_string();
        let signer = signers.get(&link.chain).map(String::as_str);
        query.matches(&Entry {
            event: root,
            roots: &[],
            read: read.as_ref(),
            recorded: link.time,
            chain: &chain,
            signer,
        })
    }
}

/// Formats warnings about fields that no event has.
pub(crate) fn unknown_fields(unknown: &[UnknownField]) -> String {
    let one = |field: &UnknownField| {
        let near: Vec<_> = field.nearest.iter().map(|near| plain(near)).collect();
        let near = if near.is_empty() { String::new() } else { format!(" Similar: {}.", near.join(", ")) };
        let warning = format!("No event has the field {}.{near}", plain(&field.field));
        format!("{}\n", doubt(format_args!("! {warning}")))
    };
    unknown.iter().map(one).collect()
}

/// Returns a warning for a condition that no event meets, if it names a field in the notation of parsed events, such
/// as `actor.id`.
fn parsed_field_warning(left: &PartMatches) -> Option<String> {
    let (short, part) = (left.short?, plain(&left.part));
    let warning =
        format_args!("! {part} names a field of the original event. To search parsed fields, use {short}.");
    Some(format!("{}\n", doubt(warning)))
}

/// Formats the result of a search, with warnings that keep "nothing found" from being overrated. `one` and `many` are
/// the noun.
pub(crate) fn summary(findings: &Findings, [one, many]: [&str; 2]) -> String {
    let mut text = String::new();
    let Findings { matched, of, unknown, conditions, steps, times, unparsed } = findings;
    let events = if *of == 1 { one } else { many };
    let matches = if *of == 1 || *matched == 1 { "matches" } else { "match" };
    let _ = writeln!(text, "{matched} of {of} {events} {matches}.");
    if let Some(share) = unparsed.and_then(|unparsed| unparsed.sentence(Conclusion::Query)) {
        let _ = writeln!(text, "{}", doubt(format_args!("! {share}. See `countersign parsers coverage`.")));
    }
    text.push_str(&unknown_fields(unknown));
    text.extend(conditions.iter().filter_map(parsed_field_warning));
    if let Some((own, recorded)) = times {
        let what = match (own, recorded) {
            (_, 0) => "when events happened, as they state".to_owned(),
            (0, _) => {
                "when events were recorded, as none states when it happened in a form that the query knows"
                    .to_owned()
            }
            _ => format!(
                "when events happened, for {own} that state it, and when they were recorded, for {recorded}"
            ),
        };
        let _ = writeln!(text, "Times are {what}.");
    }
    if conditions.len() > 1 || !conditions.is_empty() && *of > 0 {
        let _ = writeln!(text, "\n{}", label("Events left after each condition"));
        for (nth, left) in conditions.iter().enumerate() {
            // If only AND joins the conditions, the steps are the conditions.
            let step = steps.get(nth).filter(|_| steps.len() == conditions.len());
            let so_far = step.map_or_else(String::new, |step| format!("{:>10}", step.events));
            let _ = writeln!(text, "{:>10}{so_far}  {}", left.events, plain(&left.part));
        }
        if steps.len() > 1 && steps.len() != conditions.len() {
            let _ = writeln!(text, "\n{}", label("Events left, condition by condition"));
            for left in steps {
                let _ = writeln!(text, "{:>10}  {}", left.events, plain(&left.part));
            }
        }
    }
    text
}
