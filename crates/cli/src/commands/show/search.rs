//! Searching an export for what is asked while it is verified: in the threads that verify it.
//!
//! Whether an event verifies is known only later. Each is looked at where it was hashed, and what was seen goes with it.
//! Most are not even parsed, for there are texts that an event must hold to be as asked.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use countersign::link::ChainId;
use countersign::verify::{
    CoveredLink, EventVisitor, PendingItem, SelectedItem, SummarizedEvent, VerifiedItem,
};
use countersign_query::needle::Needles;
use countersign_query::value::Document;
use countersign_query::{Condition, Entry, Field, Findings, Parsers, Query, Seen, Tally};
use countersign_spill::PendingEvents as Found;

use super::searcher::Searcher;
use crate::errors::CliError;
use crate::io::query::signer_conditions;

/// Which events are looked for.
pub(super) enum Wanted<'q> {
    All,
    One(ChainId, u64),
    Matching(Box<Asked<'q>>),
}

/// A query, and what is known of it beforehand.
pub(super) struct Asked<'q> {
    query: &'q Query,
    parsers: &'q Parsers,
    needles: Needles,
    /// Conditions about whose name is not known where events are looked at.
    signers: u128,
    /// Conditions that count each event, whether it is as asked or not.
    counted: u128,
    /// Whether what a parser says of an event counts.
    reads: bool,
}

/// What those who look need to know of what was found.
#[derive(Default)]
pub(super) struct State {
    /// No more events are kept.
    full: AtomicBool,
    /// Something was found: nobody asks any more how many events each condition leaves.
    found: AtomicBool,
    /// Events are wanted whole, for the names of their fields.
    whole: AtomicBool,
    /// The conditions about fields that no event had so far.
    lacking: [AtomicU64; 2],
}

impl<'q> Asked<'q> {
    pub(super) fn new(query: &'q Query, parsers: &'q Parsers) -> Self {
        let bits = |of: &dyn Fn(&Condition) -> bool| {
            let conditions = query.conditions().iter().zip(0_u32..);
            conditions.filter(|(asked, _)| of(&asked.condition)).fold(0, |bits, (_, nth)| bits | 1 << nth)
        };
        let short = |condition: &Condition| match condition {
            Condition::Is { field: Field::Short(short), .. } | Condition::Has(Field::Short(short)) => {
                Some(*short)
            }
            _ => None,
        };
        let counted = bits(&Condition::asks_when);
        Self {
            query,
            parsers,
            needles: Needles::of(query, parsers),
            signers: signer_conditions(query),
            counted,
            reads: counted != 0
                || bits(&|condition| short(condition).is_some_and(|short| !short.is_of_link())) != 0,
        }
    }

    /// What an event shows that was only looked at, now that it is known who signed it.
    fn seen(&self, link: &CoveredLink, Seen { held, about }: Seen) -> Seen {
        let chain = link.chain.to_string();
        let signer = Some(link.vkey.name());
        let entry = Entry { chain: &chain, signer, ..Entry::recorded(link.time) };
        let of_signer =
            if self.signers == 0 { Seen::default() } else { Seen::of(self.query, &entry, self.signers) };
        Seen { held: held | of_signer.held, about: about | of_signer.about }
    }

    /// What an event must hold for anything to be seen in it. None where it can be any event.
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

/// Conditions that an event meets, found before its signer was known.
#[derive(Debug)]
pub(super) struct SeenConditions(Seen);

impl PendingItem for SeenConditions {
    fn bytes(&self) -> usize {
        0
    }
}

/// The item that an examiner makes of an event; none if the event is examined when it is visited.
type Item = Option<SeenConditions>;

/// A search under way.
pub(super) struct Search<'q> {
    wanted: &'q Wanted<'q>,
    state: &'q State,
    tally: Option<Tally<&'q Query>>,
    found: Found,
}

impl State {
    /// Makes a thread's examiner of events.
    pub(super) fn examiner<'s>(
        &'s self,
        wanted: &'s Wanted<'s>,
    ) -> impl FnMut(&SummarizedEvent<'_>) -> Option<SelectedItem<Item>> + use<'s> {
        let mut searching = None;
        move |event| match wanted {
            Wanted::All => (!self.full.load(Ordering::Relaxed)).then(|| event.select_with_text(None)),
            Wanted::One(chain, seq) => {
                ((event.chain, event.seq) == (*chain, *seq)).then(|| event.select_with_text(None))
            }
            Wanted::Matching(asked) => self.search(asked, &mut searching, event),
        }
    }

    fn lacking(&self) -> u128 {
        let [low, high] =
            [&self.lacking[0], &self.lacking[1]].map(|half| u128::from(half.load(Ordering::Relaxed)));
        high << 64 | low
    }

    fn search(
        &self,
        asked: &Asked<'_>,
        searching: &mut Option<((bool, u128), Option<Searcher>)>,
        event: &SummarizedEvent<'_>,
    ) -> Option<SelectedItem<Item>> {
        if self.whole.load(Ordering::Relaxed) {
            return Some(event.select_with_text(None));
        }
        let now @ (found, lacking) = (self.found.load(Ordering::Relaxed), self.lacking());
        let (_, searcher) = match searching {
            Some(searching) if searching.0 == now => searching,
            _ => searching.insert((now, asked.searcher(found, lacking))),
        };
        if searcher.as_ref().is_some_and(|searcher| !searcher.finds(event.text)) {
            return None;
        }
        let document = str::from_utf8(event.text).ok().and_then(Document::parse);
        let root = document.as_ref().map(Document::root);
        let Asked { query, signers, counted, .. } = asked;
        if root.is_none() && query.reads_events() {
            return None;
        }
        let read = root.as_ref().filter(|_| asked.reads).and_then(|event| asked.parsers.parse(event));
        let chain = event.chain.to_string();
        let entry = Entry {
            event: root,
            roots: &[],
            read: read.as_ref(),
            recorded: event.time,
            chain: &chain,
            signer: None,
        };
        let Seen { held, about } = Seen::of(query, &entry, !signers);
        let may = query.may_match(&|nth| (signers >> nth & 1 == 0).then_some(held >> nth & 1 == 1));
        let counts = !found && held != 0 || about & (counted | lacking) != 0 || *signers != 0;
        let wanted = may && !self.full.load(Ordering::Relaxed);
        let item = (may || counts).then_some(SeenConditions(Seen { held, about }))?;
        Some(if wanted { event.select_with_text(Some(item)) } else { event.select(Some(item)) })
    }
}

impl<'q> Search<'q> {
    pub(super) fn new(wanted: &'q Wanted<'q>, state: &'q State, most: u64) -> Self {
        let tally = match wanted {
            Wanted::Matching(asked) => Some(Tally::new(asked.query)),
            _ => None,
        };
        let search = Self { wanted, state, tally, found: Found::new(most) };
        search.tell();
        search
    }

    /// Lets the examiners know.
    fn tell(&self) {
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

    /// What was found, and what is to be said of it.
    pub(super) fn finish(self) -> (Found, Option<Findings>) {
        (self.found, self.tally.map(|tally| tally.finish()))
    }
}

impl EventVisitor for Search<'_> {
    type Item = Item;
    type Error = CliError;

    fn count_others(&mut self, events: u64) {
        match (self.wanted, &mut self.tally) {
            (Wanted::All, _) => self.found.count(events),
            (Wanted::Matching(_), Some(tally)) => tally.count_others(events),
            _ => {}
        }
    }

    fn visit(&mut self, event: VerifiedItem<Item>) -> Result<(), CliError> {
        let matches = match (self.wanted, &mut self.tally) {
            (Wanted::Matching(asked), Some(tally)) => match event.item {
                Some(SeenConditions(seen)) => tally.count(asked.seen(&event.link, seen)),
                None => look(tally, asked.parsers, &event),
            },
            _ => true,
        };
        if matches {
            self.found.push(event.link, event.text)?;
        }
        Ok(())
    }

    fn settle(&mut self, _: u64) -> Result<(), CliError> {
        self.tell();
        Ok(())
    }
}

/// True if an event that was not examined matches.
fn look(tally: &mut Tally<&Query>, parsers: &Parsers, event: &VerifiedItem<Item>) -> bool {
    let document = event.text.as_deref().and_then(Document::parse);
    let root = document.as_ref().map(Document::root);
    let read = root.as_ref().and_then(|event| parsers.parse(event));
    let chain = event.chain.to_string();
    tally.look(&Entry {
        event: root,
        roots: &[],
        read: read.as_ref(),
        recorded: event.time,
        chain: &chain,
        signer: Some(event.vkey.name()),
    })
}
