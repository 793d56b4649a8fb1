//! Searches an export for a query while it is verified, in the threads that verify it.
//!
//! An event is verified only later. Each event is examined where it is hashed, and the result travels
//! with it. Most events are not even parsed, because a match requires certain substrings.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign::verify::{
    CoveredLink, EventVisitor, PendingItem, SelectedItem, SummarizedEvent, VerifiedItem,
};
use countersign_query::needle::Needles;
use countersign_query::value::Document;
use countersign_query::{Condition, ConditionHits, Entry, Findings, Parsers, Parts, Query, Tally};
use countersign_spill::PendingEvents;

use super::searcher::Searcher;
use crate::args::EventPlace;
use crate::errors::CliError;
use crate::io::query::signer_conditions;

/// The events to show.
pub(super) enum Selection<'q> {
    All,
    One(EventPlace),
    Matching(Box<ExportQuery<'q>>),
}

/// A query with precomputed data.
pub(super) struct ExportQuery<'q> {
    query: &'q Query,
    parsers: &'q Parsers,
    needles: Needles,
    /// The conditions about the signer, who is unknown when events are examined.
    signers: u128,
    /// The conditions that count every event, whether it matches or not.
    counted: u128,
    /// True if the query uses parsed fields.
    reads: bool,
}

/// The part of the results so far that examiners need.
#[derive(Default)]
pub(super) struct State {
    /// True if no more events are kept.
    full: AtomicBool,
    /// True if a match was found, so the number of events per condition is no longer needed.
    found: AtomicBool,
    /// True if whole events are needed, to suggest the names of their fields.
    whole: AtomicBool,
    /// The conditions about fields that no event has had so far.
    lacking: [AtomicU64; 2],
}

impl<'q> ExportQuery<'q> {
    pub(super) fn new(query: &'q Query, parsers: &'q Parsers) -> Self {
        let bits = |of: &dyn Fn(&Condition) -> bool| {
            let conditions = query.conditions().iter().zip(0_u32..);
            conditions.filter(|(asked, _)| of(&asked.condition)).fold(0, |bits, (_, nth)| bits | 1 << nth)
        };
        let counted = bits(&Condition::asks_when);
        Self {
            query,
            parsers,
            needles: Needles::new(query, parsers),
            signers: signer_conditions(query),
            counted,
            reads: query.asks_parsed_facts(),
        }
    }

    /// Completes the conditions that an event meets, now that its signer is known.
    fn with_signer(&self, link: &CoveredLink, seen: ConditionHits) -> ConditionHits {
        let ConditionHits { held, about, is_unparsed } = seen;
        let chain = link.chain.to_string();
        let signer = Some(link.vkey.name());
        let entry = Entry { chain: &chain, signer, ..Entry::recorded(link.time) };
        let of_signer = if self.signers == 0 {
            ConditionHits::default()
        } else {
            ConditionHits::evaluate(self.query, &entry, self.signers)
        };
        ConditionHits { held: held | of_signer.held, about: about | of_signer.about, is_unparsed }
    }

    /// Returns a searcher for substrings. An event is relevant only if it contains one of them. None if any
    /// event may be relevant.
    fn searcher(&self, found: bool, lacking: u128) -> Option<Searcher> {
        if self.signers != 0 || self.counted != 0 {
            return None;
        }
        let mut needles: Vec<&str> = self.needles.matching()?.iter().map(String::as_str).collect();
        for nth in 0..self.query.conditions().len() {
            if !found {
                needles.extend(self.needles.condition(nth)?.iter().map(String::as_str));
            }
            if lacking >> nth & 1 == 1 {
                needles.extend(self.needles.field(nth)?.iter().map(String::as_str));
            }
        }
        needles.sort_unstable();
        needles.dedup();
        Searcher::new(needles.into_iter())
    }
}

/// The conditions that an event meets, found before its signer was known.
#[derive(Debug)]
pub(super) struct SeenConditions(ConditionHits);

impl PendingItem for SeenConditions {
    fn bytes(&self) -> usize {
        0
    }
}

/// The item that an examiner extracts from an event; `None` if the event is examined when it is visited.
type Item = Option<SeenConditions>;

/// A running search.
pub(super) struct Search<'q> {
    selection: &'q Selection<'q>,
    state: &'q State,
    tally: Option<Tally<&'q Query>>,
    found: PendingEvents,
}

impl State {
    /// Returns a thread's examiner of events.
    pub(super) fn examiner<'s>(
        &'s self,
        selection: &'s Selection<'s>,
    ) -> impl FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<Item>> + use<'s> {
        let mut searching = None;
        move |event| match selection {
            Selection::All => (!self.full.load(Ordering::Relaxed)).then(|| event.select_with_text(None)),
            Selection::One(EventPlace::Link(chain, seq)) => {
                ((event.chain, event.seq) == (*chain, *seq)).then(|| event.select_with_text(None))
            }
            // The entry's number is known only when the event is visited.
            Selection::One(EventPlace::Entry(_)) => Some(event.select_with_text(None)),
            Selection::Matching(asked) => self.search(asked, &mut searching, event),
        }
    }

    fn lacking(&self) -> u128 {
        let [low, high] =
            [&self.lacking[0], &self.lacking[1]].map(|half| u128::from(half.load(Ordering::Relaxed)));
        high << 64 | low
    }

    fn search(
        &self,
        export_query: &ExportQuery<'_>,
        searching: &mut Option<((bool, u128), Option<Searcher>)>,
        event: &SummarizedEvent<'_>,
    ) -> Option<SelectedItem<Item>> {
        if self.whole.load(Ordering::Relaxed) {
            return Some(event.select_with_text(None));
        }
        let now @ (found, lacking) = (self.found.load(Ordering::Relaxed), self.lacking());
        let (_, searcher) = match searching {
            Some(searching) if searching.0 == now => searching,
            _ => searching.insert((now, export_query.searcher(found, lacking))),
        };
        let ExportQuery { query, parsers, signers, counted, reads, .. } = export_query;
        let counts_unparsed = !found && *reads;
        let is_relevant = searcher.as_ref().is_none_or(|searcher| searcher.finds(event.text));
        if !is_relevant && !counts_unparsed {
            return None;
        }
        let document = str::from_utf8(event.text).ok().and_then(Document::parse);
        let root = document.as_ref().map(Document::root);
        if !is_relevant {
            let is_unparsed = root.is_some_and(|event| parsers.parse_parts(&event, Parts::NONE).is_none());
            let hits = ConditionHits { is_unparsed, ..ConditionHits::default() };
            return is_unparsed.then(|| event.select(Some(SeenConditions(hits))));
        }
        if root.is_none() && query.reads_events() {
            return None;
        }
        let read = root.as_ref().filter(|_| *reads).and_then(|event| parsers.parse(event));
        let chain = event.chain.to_string();
        let entry = Entry {
            event: root,
            roots: &[],
            read: read.as_ref(),
            recorded: event.time,
            chain: &chain,
            signer: None,
        };
        let hits = ConditionHits::evaluate(query, &entry, !signers);
        let ConditionHits { held, about, is_unparsed } = hits;
        let may = query.may_match(&|nth| (signers >> nth & 1 == 0).then_some(held >> nth & 1 == 1));
        let counts = !found && held != 0
            || counts_unparsed && is_unparsed
            || about & (counted | lacking) != 0
            || *signers != 0;
        let is_kept = may && !self.full.load(Ordering::Relaxed);
        let item = (may || counts).then_some(SeenConditions(hits))?;
        Some(if is_kept { event.select_with_text(Some(item)) } else { event.select(Some(item)) })
    }
}

impl<'q> Search<'q> {
    pub(super) fn new(selection: &'q Selection<'q>, state: &'q State, max_events: u64) -> Self {
        let tally = match selection {
            Selection::Matching(asked) => Some(Tally::new(asked.query)),
            _ => None,
        };
        let search = Self { selection, state, tally, found: PendingEvents::new(max_events) };
        search.update_state();
        search
    }

    /// Updates the state for the examiners.
    fn update_state(&self) {
        let State { full, found, whole, lacking } = self.state;
        full.store(self.found.is_full(), Ordering::Relaxed);
        if let Some(tally) = &self.tally {
            let lack = tally.lacking();
            lacking[0].store(lack as u64, Ordering::Relaxed);
            lacking[1].store((lack >> 64) as u64, Ordering::Relaxed);
            found.store(tally.has_found(), Ordering::Relaxed);
            whole.store(tally.wants_fields(), Ordering::Relaxed);
        }
    }

    /// Returns the matching events, and the result of the query.
    pub(super) fn finish(self) -> (PendingEvents, Option<Findings>) {
        (self.found, self.tally.map(|tally| tally.finish()))
    }
}

impl EventVisitor for Search<'_> {
    type Item = Item;
    type Error = CliError;

    fn count_others(&mut self, events: u64) {
        match (self.selection, &mut self.tally) {
            (Selection::All, _) => self.found.count(events),
            (Selection::Matching(_), Some(tally)) => tally.count_others(events),
            _ => {}
        }
    }

    fn visit(&mut self, event: VerifiedItem<Item>) -> Result<(), CliError> {
        let matches = match (self.selection, &mut self.tally) {
            (Selection::Matching(asked), Some(tally)) => match event.item {
                Some(SeenConditions(seen)) => tally.count(asked.with_signer(&event.link, seen)),
                None => count_unexamined(tally, asked.parsers, &event),
            },
            (Selection::One(EventPlace::Entry(number)), _) => event.link.index == *number,
            _ => true,
        };
        if matches {
            self.found.push(event.link, event.text)?;
        }
        Ok(())
    }

    fn settle(&mut self, _: u64) -> Result<(), CliError> {
        self.update_state();
        Ok(())
    }
}

/// True if an event that was not examined before matches.
fn count_unexamined(tally: &mut Tally<&Query>, parsers: &Parsers, event: &VerifiedItem<Item>) -> bool {
    let document = event.text.as_deref().and_then(Document::parse);
    let root = document.as_ref().map(Document::root);
    let read = root.as_ref().and_then(|event| parsers.parse(event));
    let chain = event.chain.to_string();
    tally.examine(&Entry {
        event: root,
        roots: &[],
        read: read.as_ref(),
        recorded: event.time,
        chain: &chain,
        signer: Some(event.vkey.name()),
    })
}
