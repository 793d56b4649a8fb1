//! What an event has to do with a catalog, told from the event alone.

use countersign::time::Time;
use countersign_analyze::{Detected, Pack};
use countersign_query::parser::{Categories, Classifier, Outcome, Parsers};
use countersign_query::{Entry, Field, Query, Short};
use serde::{Deserialize, Serialize};

use crate::catalog::{By, Catalog};
use crate::technique;

/// Actions whose events say something of the log itself, and are kept as they stand.
const KEPT: [&str; 3] = ["log.erase", "log.export", "countersign.acknowledged"];
/// How many characters of a text are kept for people.
const SAID: usize = 120;

/// Looks at events, one by one, on any thread.
#[derive(Debug)]
pub struct Looking<'c> {
    questions: Vec<Option<(Categories, Option<&'c Query>)>>,
    fields: &'c [Field],
    classifier: Classifier,
    /// The categories of the events for which a rule fires, by the rule's place in the pack.
    rules: Vec<Categories>,
    subject: Option<String>,
    record: Option<String>,
}

/// A bit for each of 256 things.
pub(crate) type Bits = [u64; 4];

pub(crate) fn set(bits: &mut Bits, nth: usize) {
    if let Some(word) = bits.get_mut(nth / 64) {
        *word |= 1 << (nth % 64);
    }
}

pub(crate) fn has(bits: &Bits, nth: usize) -> bool {
    bits.get(nth / 64).is_some_and(|word| word >> (nth % 64) & 1 == 1)
}

/// What was seen of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Looked {
    /// When it happened by its own word, in milliseconds.
    pub(crate) happened: Option<i64>,
    /// Which questions' queries it answers.
    pub(crate) held: Bits,
    /// Which of the catalog's fields it has.
    pub(crate) fields: Bits,
    /// Which questions it would answer if it stated another outcome. It states none.
    pub(crate) unstated: Bits,
    /// Whether a parser fits it.
    pub(crate) is_read: bool,
    /// Its parser and the action, if neither its parser nor a rule assigns a category to it.
    pub(crate) uncategorized: Option<Box<(String, String)>>,
    /// Whether the subject did it, whether it was done to them, and whether their identifier stands elsewhere in it.
    pub(crate) subject: (bool, bool, bool),
    /// Of an event where it stands elsewhere: the identifier of an actor or target that contains it, or whose name does.
    pub(crate) likely: Option<String>,
    /// Whether it was done to the record that is asked for.
    pub(crate) is_of_record: bool,
    /// What it says, for people; of events that may be shown.
    pub(crate) said: Option<Box<Said>>,
    /// The event as it was signed, where it tells of the log itself.
    pub(crate) kept: Option<Box<str>>,
}

/// What an event says, cut to a length for people.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Said {
    /// What was done.
    pub action: String,
    /// Who did it: the identifier.
    pub actor: String,
    /// The actor's name, where it has one.
    pub name: String,
    /// To what: the type, where there is one, and the identifier.
    pub target: String,
    /// From where.
    pub address: String,
    /// How it ended.
    pub outcome: String,
}

impl<'c> Looking<'c> {
    /// By the questions of a catalog; for a person, and for a record, by their identifiers. Parsers and the rules of
    /// the pack assign categories to events.
    pub fn new(
        catalog: &'c Catalog,
        parsers: &Parsers,
        pack: &Pack,
        subject: Option<&str>,
        record: Option<&str>,
    ) -> Self {
        let questions = catalog.questions.iter().map(|question| match &question.by {
            By::Events { categories, query, .. } => {
                Some((*categories, query.as_ref().map(|(_, query)| &**query)))
            }
            _ => None,
        });
        Self {
            questions: questions.collect(),
            fields: &catalog.fields,
            classifier: parsers.classifier(),
            rules: pack.rules().iter().map(technique::categories).collect(),
            subject: subject.map(Into::into),
            record: record.map(Into::into),
        }
    }

    /// Looks at an event whose text is this one, for which these rules fired.
    pub fn look(&self, entry: &Entry<'_>, text: &str, detected: &Detected) -> Looked {
        let (time, is_own) = entry.time();
        let mut looked = Looked {
            happened: is_own.then(|| time.millis()),
            is_read: entry.read.is_some(),
            ..Looked::default()
        };
        let categories = self.categories(entry, detected, &mut looked);
        for (nth, (wanted, query)) in
            self.questions.iter().enumerate().filter_map(|(nth, of)| Some((nth, (*of)?)))
        {
            if !wanted.is_empty() && !wanted.intersects(categories) {
                continue;
            }
            if query.is_none_or(|query| query.matches(entry)) {
                set(&mut looked.held, nth);
            } else if query.is_some_and(|query| could_match(query, entry)) {
                set(&mut looked.unstated, nth);
            }
        }
        for (nth, field) in self.fields.iter().enumerate() {
            if field.is_in(entry) {
                set(&mut looked.fields, nth);
            }
        }
        if let Some(subject) = &self.subject {
            let (by, of) = (is_party(Short::Actor, entry, subject), is_party(Short::Target, entry, subject));
            looked.subject = (by, of, !by && !of && text.contains(subject.as_str()));
            if looked.subject.2 {
                looked.likely = likely(entry, subject);
            }
        }
        looked.is_of_record = self.record.as_ref().is_some_and(|id| is_party(Short::Target, entry, id));
        let action = entry.read.and_then(|read| read.action.as_deref());
        if action.is_some_and(|action| KEPT.contains(&action)) {
            looked.kept = Some(text.into());
        }
        let (by, of, _) = looked.subject;
        if looked.held != Bits::default() || looked.is_of_record || by || of {
            looked.said = Some(Box::new(Said::of(entry)));
        }
        looked
    }
}

impl Looking<'_> {
    /// Returns the categories of an event, and notes an action that has none.
    fn categories(&self, entry: &Entry<'_>, detected: &Detected, looked: &mut Looked) -> Categories {
        let fired = detected.rules().filter_map(|rule| self.rules.get(rule));
        let by_rules = fired.fold(Categories::default(), |all, categories| all.union(*categories));
        let mut all = by_rules;
        if let (Some(event), Some(read)) = (&entry.event, entry.read) {
            self.classifier.classify(event, read, &mut |action, categories| {
                all = all.union(categories);
                if categories.is_empty() && by_rules.is_empty() && looked.uncategorized.is_none() {
                    looked.uncategorized =
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

impl Looked {
    /// Returns about how many bytes of memory it takes.
    pub fn memory_bytes(&self) -> usize {
        let texts = |one: &String, other: &String| size_of::<(String, String)>() + one.len() + other.len();
        let said = |said: &Said| {
            let Said { action, actor, name, target, address, outcome } = said;
            let texts = [action, actor, name, target, address, outcome];
            size_of::<Said>() + texts.iter().map(|text| text.len()).sum::<usize>()
        };
        size_of::<Self>()
            + self.uncategorized.as_ref().map_or(0, |both| texts(&both.0, &both.1))
            + self.likely.as_ref().map_or(0, String::len)
            + self.said.as_deref().map_or(0, said)
            + self.kept.as_deref().map_or(0, str::len)
    }

    /// Whether the subject did it, or it was done to them.
    pub const fn is_about_subject(&self) -> bool {
        self.subject.0 || self.subject.1
    }
}

/// Whether an identifier is that of an actor or target, as a whole and with regard to case.
pub(crate) fn is_party(short: Short, entry: &Entry<'_>, id: &str) -> bool {
    let mut found = false;
    short.each_party(entry, &mut |party| found |= party.id.as_deref() == Some(id));
    found
}

/// The first identifier of an actor or target that contains a text, or whose name does.
fn likely(entry: &Entry<'_>, text: &str) -> Option<String> {
    let mut found = None;
    for short in [Short::Actor, Short::Target] {
        short.each_party(entry, &mut |party| {
            let has = |said: &Option<std::borrow::Cow<'_, str>>| {
                said.as_deref().is_some_and(|said| said.contains(text))
            };
            if found.is_none() && (has(&party.id) || has(&party.name)) {
                found = party.id.as_deref().filter(|id| id.chars().count() <= SAID).map(str::to_owned);
            }
        });
    }
    found
}

impl Said {
    /// What an event says.
    pub fn of(entry: &Entry<'_>) -> Self {
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
        let (target, target_name, kind) = party(Short::Target);
        let target = if target.is_empty() { target_name } else { target };
        let target =
            if kind.is_empty() || target.is_empty() { target + &kind } else { format!("{kind} {target}") };
        Self {
            action: first(Short::Action),
            actor: if actor.is_empty() { name.clone() } else { actor },
            name,
            target,
            address: first(Short::Ip),
            outcome: entry.read.map_or_else(String::new, |read| read.outcome.as_str().into()),
        }
    }
}

fn cut(text: &str) -> String {
    if text.chars().count() <= SAID {
        return text.into();
    }
    text.chars().take(SAID - 1).chain(['…']).collect()
}

/// An entry of the log, as it is kept until it is known whose word counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The leaf.
    pub leaf: u64,
    /// The chain, by its place in a list that the caller keeps.
    pub chain: u32,
    /// The link's place in its chain.
    pub seq: u64,
    /// The link's time, in milliseconds.
    pub recorded: i64,
    /// Whether the key was authorized, as far as was known when the entry was handed out.
    pub authorized: bool,
    /// What it is.
    pub what: What,
}

/// What an entry is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum What {
    /// An event that verifies.
    Event(Box<Looked>),
    /// An event's link without the event: whether the exporter says that it was erased.
    Withheld(bool),
}

impl Record {
    /// The link's time.
    pub(crate) fn time(&self) -> Time {
        Time::from_millis(self.recorded).unwrap_or(Time::MIN)
    }
}
