//! Which events are asked for, and what a search of them found.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use countersign::export::Item;
use countersign::link::{ChainId, EventLink, Link};
use countersign::time::Time;
use countersign::verify::{CoveredLink, PendingItem, SummarizedEvent};
use countersign_query::tally::{Left, Unknown};
use countersign_query::value::Document;
use countersign_query::{Condition, Entry, Field, Findings, Parsers, Query, Seen, Short};

use crate::errors::CliError;
use crate::io::style::{doubt, label, plain};

/// Reads a query. Lengths of time in it count from now.
pub(crate) fn parse(text: &str) -> Result<Query, CliError> {
    parse_at(text, countersign_client::now()?)
}

/// Reads a query in which lengths of time count from that moment.
pub(crate) fn parse_at(text: &str, now: Time) -> Result<Query, CliError> {
    Query::parse(text, now).map_err(|error| {
        let marked = error.marked(text).replace('\n', "\n    ");
        CliError::unusable(error.code.as_str(), format!("{}\n    {marked}", error.message), error.hint())
            .within("the query")
    })
}

/// Parses an event of which it is not known who signed it, and calls `examine` with it.
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

/// The conditions of a query that an event meets, by their places; those about its signer are not among them yet.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct MetConditions(u128);

impl PendingItem for MetConditions {
    fn bytes(&self) -> usize {
        0
    }
}

/// Returns a bit for each condition that is about the signer.
pub(crate) fn signer_conditions(query: &Query) -> u128 {
    let conditions = query.conditions().iter().zip(0_u32..);
    let of_signer = conditions.filter(|(asked, _)| match &asked.condition {
        Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short)) => {
            *short == Short::Signer
        }
        _ => false,
    });
    of_signer.fold(0, |bits, (_, nth)| bits | 1 << nth)
}

/// A query that is asked of an event where it is parsed, and of its signer once it is verified.
pub(crate) struct EventQuery<'q> {
    query: &'q Query,
    /// The conditions about the signer.
    of_signer: u128,
}

impl<'q> EventQuery<'q> {
    pub(crate) fn new(query: &'q Query) -> Self {
        Self { query, of_signer: signer_conditions(query) }
    }

    /// Returns the conditions that an event meets. None if it doesn't match, whoever signed it.
    pub(crate) fn examine(&self, entry: &Entry<'_>) -> Option<MetConditions> {
        let Self { query, of_signer } = self;
        if *of_signer == 0 {
            return query.matches(entry).then(MetConditions::default);
        }
        if entry.event.is_none() && query.reads_events() {
            return None;
        }
        let met = Seen::of(query, entry, !of_signer).held;
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
        let met = met.0 | Seen::of(self.query, &entry, self.of_signer).held;
        self.query.root().holds(&mut |nth| met >> nth & 1 == 1)
    }
}

/// What is known of an export's chains beside its events.
pub(crate) struct Looking {
    parsers: Parsers,
    signers: RefCell<HashMap<ChainId, String>>,
}

impl Looking {
    /// By these parsers.
    pub(crate) fn new(parsers: Parsers) -> Self {
        Self { parsers, signers: RefCell::default() }
    }

    /// Takes note of whose a chain is.
    pub(crate) fn line(&self, item: &Item<'_>) {
        if let Item::Link { link: Link::Open(open), .. } = item {
            self.signers.borrow_mut().insert(open.chain, open.key.name().into());
        }
    }

    /// Whether an event is as asked.
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

/// What must be said of fields that no event has.
pub(crate) fn unknown_fields(unknown: &[Unknown]) -> String {
    let one = |field: &Unknown| {
        let near: Vec<_> = field.nearest.iter().map(|near| plain(near)).collect();
        let near = if near.is_empty() { String::new() } else { format!(" Similar: {}.", near.join(", ")) };
        let said = format!("No event has the field {}.{near}", plain(&field.field));
        format!("{}\n", doubt(format_args!("! {said}")))
    };
    unknown.iter().map(one).collect()
}

/// What must be said of a condition that no event meets, where it asks for a member in the words in which a parser is
/// shown: `actor.id`.
fn shown_of_a_reading(left: &Left) -> Option<String> {
    let (short, part) = (left.short?, plain(&left.part));
    let said = format_args!(
        "! {part} asks for a member of the events themselves. To search what parsers find, use {short}."
    );
    Some(format!("{}\n", doubt(said)))
}

/// What must be said of a search of such events, so that nobody takes "nothing found" for more than it is.
pub(crate) fn told(findings: &Findings, [one, many]: [&str; 2]) -> String {
    let mut text = String::new();
    let Findings { matched, of, unknown, conditions, steps, times } = findings;
    let events = if *of == 1 { one } else { many };
    let matches = if *of == 1 || *matched == 1 { "matches" } else { "match" };
    let _ = writeln!(text, "{matched} of {of} {events} {matches}.");
    text.push_str(&unknown_fields(unknown));
    text.extend(conditions.iter().filter_map(shown_of_a_reading));
    if let Some((own, recorded)) = times {
        let what = match (own, recorded) {
            (_, 0) => "when events happened, as they state".to_owned(),
            (0, _) => "when events were recorded, as none states when it happened".to_owned(),
            _ => format!(
                "when events happened, for {own} that state it, and when they were recorded, for {recorded}"
            ),
        };
        let _ = writeln!(text, "Times are {what}.");
    }
    if conditions.len() > 1 || !conditions.is_empty() && *of > 0 {
        let _ = writeln!(text, "\n{}", label("Events left after each condition"));
        for (nth, left) in conditions.iter().enumerate() {
            // Where conditions are joined by AND alone, the steps are the conditions.
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
