//! Which events are asked for, and what a search of them found.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt::Write as _;

use countersign::export::Item;
use countersign::link::{ChainId, EventLink, Link};
use countersign::time::Time;
use countersign_query::tally::{Left, Unknown};
use countersign_query::value::Document;
use countersign_query::{Entry, Findings, Query, Readings};

use crate::commands::verify;
use crate::errors::CliError;
use crate::io::style::{doubt, label, plain};

/// Reads a query. Lengths of time in it count from now.
pub(crate) fn parse(text: &str) -> Result<Query, CliError> {
    parse_at(text, verify::now()?)
}

/// Reads a query in which lengths of time count from that moment.
pub(crate) fn parse_at(text: &str, now: Time) -> Result<Query, CliError> {
    Query::parse(text, now).map_err(|error| {
        let marked = error.marked(text).replace('\n', "\n    ");
        CliError::unusable(error.code.as_str(), format!("{}\n    {marked}", error.message), error.hint())
            .within("the query")
    })
}

/// What is known of an export's chains beside its events.
pub(crate) struct Looking {
    readings: Readings,
    signers: RefCell<HashMap<ChainId, String>>,
}

impl Looking {
    /// By these readings.
    pub(crate) fn new(readings: Readings) -> Self {
        Self { readings, signers: RefCell::default() }
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
        let read = root.as_ref().and_then(|event| self.readings.read(event));
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

/// What must be said of a condition that no event meets, where it asks for a member in the words in which a reading is
/// shown: `actor.id`.
fn shown_of_a_reading(left: &Left) -> Option<String> {
    let (short, part) = (left.short?, plain(&left.part));
    let said = format_args!(
        "! {part} asks for a member of the events themselves. To search what readings find, use {short}."
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
