//! Evaluates an event against a catalog, from the event alone.

use countersign::time::Time;
use countersign_analyze::{Detected, Pack};
use countersign_query::parser::{Categories, Outcome, Parsers};
use countersign_query::{Entry, Field, Query, Short};
use serde::{Deserialize, Serialize};

use crate::catalog::{AnswerSource, Catalog};
use crate::technique;

/// Actions of events about the log itself, which are stored unchanged.
const LOG_ACTIONS: [&str; 3] = ["log.erase", "log.export", "countersign.acknowledged"];
/// Maximum length of a displayed text, in characters.
const MAX_TEXT_CHARS: usize = 120;

/// Evaluates events one by one; can be used from any thread.
#[derive(Debug)]
pub struct EventEvaluator<'c> {
    questions: Vec<Option<(Categories, Option<&'c Query>)>>,
    fields: &'c [Field],
    parsers: Parsers,
    /// The categories of events for which a rule fires, by the rule's index in the pack.
    rules: Vec<Categories>,
    subject: Option<String>,
    record: Option<String>,
}

/// A set of up to 256 indexes.
pub(crate) type Bits = [u64; 4];

pub(crate) fn set(bits: &mut Bits, nth: usize) {
    if let Some(word) = bits.get_mut(nth / 64) {
        *word |= 1 << (nth % 64);
    }
}

pub(crate) fn has(bits: &Bits, nth: usize) -> bool {
    bits.get(nth / 64).is_some_and(|word| word >> (nth % 64) & 1 == 1)
}

/// How far a parser read an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Reading {
    /// No parser fits the event.
    #[default]
    Unparsed,
    /// The event lacks a fact that its parser promises.
    Unread,
    Read,
}

/// The result of evaluating an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventFacts {
    /// The event's own time, in milliseconds.
    pub(crate) happened: Option<i64>,
    /// True if the event states a time that its parser doesn't understand.
    pub(crate) is_time_unclear: bool,
    /// The questions whose selection the event matches.
    pub(crate) held: Bits,
    /// The fields of the catalog that the event has.
    pub(crate) fields: Bits,
    /// Questions that the event would match if it stated another outcome; it states none.
    pub(crate) unstated: Bits,
    /// How far a parser read the event.
    pub(crate) reading: Reading,
    /// The parser and action, if neither the parser nor a rule assigns a category to the event.
    pub(crate) uncategorized: Option<Box<(String, String)>>,
    /// The roles of the subject in the event.
    pub(crate) subject: SubjectRoles,
    /// If the identifier occurs elsewhere: the identifier of a party that contains it, or whose name does.
    pub(crate) likely: Option<String>,
    /// True if the target is the requested record.
    pub(crate) is_of_record: bool,
    /// The displayed fields, if the event may be listed.
    pub(crate) summary: Option<Box<EventSummary>>,
    /// The signed event, if it is about the log itself.
    pub(crate) signed: Option<Box<str>>,
}

/// The roles of a person in an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::struct_excessive_bools, reason = "independent facts")]
pub(crate) struct SubjectRoles {
    pub(crate) is_actor: bool,
    /// True if someone else, such as an agent, acted for the person.
    pub(crate) is_represented: bool,
    pub(crate) is_target: bool,
    /// True if the event contains the identifier, and the person has no role.
    pub(crate) is_mentioned: bool,
}

impl SubjectRoles {
    fn from_entry(entry: &Entry<'_>, subject: &str, text: &str) -> Self {
        let mut roles = Self {
            is_actor: is_party(Short::Actor, entry, subject),
            is_represented: is_party(Short::For, entry, subject),
            is_target: is_party(Short::Target, entry, subject),
            is_mentioned: false,
        };
        roles.is_mentioned = !roles.has_any() && text.contains(subject);
        roles
    }

    /// True if the person has a role in the event.
    pub(crate) const fn has_any(self) -> bool {
        self.is_actor || self.is_represented || self.is_target
    }
}

/// The displayed fields of an event, cut to a readable length.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventSummary {
    /// The action.
    pub action: String,
    /// The actor's identifier.
    pub actor: String,
    /// The actor's name, if it has one.
    pub name: String,
    /// The identifier of the party for whom the actor acted, or else its name.
    pub on_behalf_of: String,
    /// The target: its type, if it has one, and its identifier.
    pub target: String,
    /// The address the action came from.
    pub address: String,
    /// The outcome.
    pub outcome: String,
}

impl EventSummary {
    /// True if the action failed or was denied.
    pub(crate) fn has_failed(&self) -> bool {
        [Outcome::Failure, Outcome::Denied].iter().any(|outcome| outcome.as_str() == self.outcome)
    }
}

impl<'c> EventEvaluator<'c> {
    /// Creates an evaluator for a catalog's questions, and for a person and a record given by identifier. Parsers and
    /// the rules of the pack assign categories to events.
    pub fn new(
        catalog: &'c Catalog,
        parsers: &Parsers,
        pack: &Pack,
        subject: Option<&str>,
        record: Option<&str>,
    ) -> Self {
        let questions = catalog.questions.iter().map(|question| match &question.by {
            AnswerSource::Events { categories, query, .. } => {
                Some((*categories, query.as_ref().map(|(_, query)| &**query)))
            }
            _ => None,
        });
        Self {
            questions: questions.collect(),
            fields: &catalog.fields,
            parsers: parsers.clone(),
            rules: pack.rules().iter().map(technique::categories).collect(),
            subject: subject.map(Into::into),
            record: record.map(Into::into),
        }
    }

    /// Evaluates an event with this JSON text, for which the `detected` rules fired.
    pub fn evaluate(&self, entry: &Entry<'_>, text: &str, detected: &Detected) -> EventFacts {
        let (time, is_own) = entry.time();
        let mut facts = EventFacts {
            happened: is_own.then(|| time.millis()),
            reading: entry.read.map_or(Reading::Unparsed, |read| {
                if read.unread.is_empty() { Reading::Read } else { Reading::Unread }
            }),
            is_time_unclear: entry.read.is_some_and(|read| read.is_time_unclear),
            ..EventFacts::default()
        };
        let categories = self.categories(entry, detected, &mut facts);
        for (nth, (wanted, query)) in
            self.questions.iter().enumerate().filter_map(|(nth, of)| Some((nth, (*of)?)))
        {
            if !wanted.is_empty() && !wanted.intersects(categories) {
                continue;
            }
            if query.is_none_or(|query| query.matches(entry)) {
                set(&mut facts.held, nth);
            } else if query.is_some_and(|query| could_match(query, entry)) {
                set(&mut facts.unstated, nth);
            }
        }
        for (nth, field) in self.fields.iter().enumerate() {
            if field.is_in(entry) {
                set(&mut facts.fields, nth);
            }
        }
        if let Some(subject) = &self.subject {
            facts.subject = SubjectRoles::from_entry(entry, subject, text);
            if facts.subject.is_mentioned {
                facts.likely = likely(entry, subject);
            }
        }
        facts.is_of_record = self.record.as_ref().is_some_and(|id| is_party(Short::Target, entry, id));
        let action = entry.read.and_then(|read| read.action.as_deref());
        if action.is_some_and(|action| LOG_ACTIONS.contains(&action)) {
            facts.signed = Some(text.into());
        }
        if facts.held != Bits::default() || facts.is_of_record || facts.subject.has_any() {
            facts.summary = Some(Box::new(EventSummary::from_entry(entry)));
        }
        facts
    }
}

impl EventEvaluator<'_> {
    /// Returns the categories of an event, and notes an action that has none.
    fn categories(&self, entry: &Entry<'_>, detected: &Detected, facts: &mut EventFacts) -> Categories {
        let fired = detected.rules().filter_map(|rule| self.rules.get(rule));
        let by_rules = fired.fold(Categories::default(), |all, categories| all.union(*categories));
        let mut all = by_rules;
        if let (Some(event), Some(read)) = (&entry.event, entry.read) {
            self.parsers.classify(event, read, &mut |action, categories| {
                all = all.union(categories);
                if categories.is_empty() && by_rules.is_empty() && facts.uncategorized.is_none() {
                    facts.uncategorized =
                        Some(Box::new((cut(&read.parsed_as), cut(action.unwrap_or_default()))));
                }
            });
        }
        all
    }
}

/// True if a query would match an event that states no outcome, if it stated one.
fn could_match(query: &Query, entry: &Entry<'_>) -> bool {
    let Some(read) = entry.read.filter(|read| read.outcome == Outcome::NotStated) else { return false };
    query.asks(Short::Outcome)
        && [Outcome::Success, Outcome::Failure, Outcome::Denied].into_iter().any(|outcome| {
            let mut read = read.clone();
            read.outcome = outcome;
            query.matches(&Entry { read: Some(&read), ..*entry })
        })
}

impl EventFacts {
    /// Returns the approximate memory use in bytes.
    pub fn memory_bytes(&self) -> usize {
        let texts = |one: &String, other: &String| size_of::<(String, String)>() + one.len() + other.len();
        let length = |summary: &EventSummary| {
            let EventSummary { action, actor, name, on_behalf_of, target, address, outcome } = summary;
            let texts = [action, actor, name, on_behalf_of, target, address, outcome];
            size_of::<EventSummary>() + texts.iter().map(|text| text.len()).sum::<usize>()
        };
        size_of::<Self>()
            + self.uncategorized.as_ref().map_or(0, |both| texts(&both.0, &both.1))
            + self.likely.as_ref().map_or(0, String::len)
            + self.summary.as_deref().map_or(0, length)
            + self.signed.as_deref().map_or(0, str::len)
    }

    /// True if all questions and fields named are those of this catalog. False only for facts that were altered, or
    /// that another catalog's evaluator made.
    pub fn is_of(&self, catalog: &Catalog) -> bool {
        let indexes = |bits: Bits| (0..64 * bits.len()).filter(move |nth| has(&bits, *nth));
        let is_asked = |nth: usize| {
            catalog
                .questions
                .get(nth)
                .is_some_and(|question| matches!(question.by, AnswerSource::Events { .. }))
        };
        indexes(self.held).chain(indexes(self.unstated)).all(is_asked)
            && indexes(self.fields).all(|nth| nth < catalog.fields.len())
    }

    /// True if the subject is the actor, the party for whom it acted, or the target.
    pub const fn is_about_subject(&self) -> bool {
        self.subject.has_any()
    }
}

/// True if a party has exactly this identifier, case-sensitively.
pub(crate) fn is_party(short: Short, entry: &Entry<'_>, id: &str) -> bool {
    let mut found = false;
    short.each_party(entry, &mut |party| found |= party.id.as_deref() == Some(id));
    found
}

/// Returns the first identifier of a party that contains the text, or whose name does.
fn likely(entry: &Entry<'_>, text: &str) -> Option<String> {
    let mut found = None;
    for short in [Short::Actor, Short::For, Short::Target] {
        short.each_party(entry, &mut |party| {
            let has = |field: &Option<std::borrow::Cow<'_, str>>| {
                field.as_deref().is_some_and(|field| field.contains(text))
            };
            if found.is_none() && (has(&party.id) || has(&party.name)) {
                found =
                    party.id.as_deref().filter(|id| id.chars().count() <= MAX_TEXT_CHARS).map(str::to_owned);
            }
        });
    }
    found
}

impl EventSummary {
    /// Extracts the displayed fields of an entry.
    pub fn from_entry(entry: &Entry<'_>) -> Self {
        let first = |short: Short| {
            let mut first = None;
            short.each(entry, &mut |text| first = first.take().or_else(|| Some(cut(text))));
            first.unwrap_or_default()
        };
        let party = |short: Short| {
            let mut first = None;
            short.each_party(entry, &mut |party| {
                let text =
                    |text: &Option<std::borrow::Cow<'_, str>>| cut(text.as_deref().unwrap_or_default());
                first =
                    first.take().or_else(|| Some((text(&party.id), text(&party.name), text(&party.kind))));
            });
            first.unwrap_or_default()
        };
        let (actor, name, _) = party(Short::Actor);
        let (person, person_name, _) = party(Short::For);
        let (target, target_name, kind) = party(Short::Target);
        let target = if target.is_empty() { target_name } else { target };
        let target =
            if kind.is_empty() || target.is_empty() { target + &kind } else { format!("{kind} {target}") };
        Self {
            action: first(Short::Action),
            actor: if actor.is_empty() { name.clone() } else { actor },
            name,
            on_behalf_of: if person.is_empty() { person_name } else { person },
            target,
            address: first(Short::Ip),
            outcome: entry.read.map_or_else(String::new, |read| read.outcome.as_str().into()),
        }
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= MAX_TEXT_CHARS {
        return text.into();
    }
    text.chars().take(MAX_TEXT_CHARS - 1).chain(['…']).collect()
}

/// An entry of the log, stored until the trust in its signer is known.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The entry's index.
    pub leaf: u64,
    /// The chain, by index in a list that the caller keeps.
    pub chain: u32,
    /// The link's position in its chain.
    pub seq: u64,
    /// The link's time, in milliseconds.
    pub recorded: i64,
    /// True if the key was authorized according to what was known when the entry was emitted.
    pub authorized: bool,
    /// The content of the entry.
    pub what: RecordContent,
}

/// The content of an entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordContent {
    /// A verified event.
    Event(Box<EventFacts>),
    /// A link whose event is withheld; true if the exporter states that it was erased.
    Withheld(bool),
}

impl Record {
    /// Returns the link's time.
    pub(crate) fn time(&self) -> Time {
        Time::from_millis(self.recorded).unwrap_or(Time::MIN)
    }
}
