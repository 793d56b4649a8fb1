//! What was gathered: numbers and places, before they get a form.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign::verify::SignerTrust;
use countersign::verify::Why;
use countersign_analyze::Level;
use strum::IntoStaticStr;

use crate::catalog::Fact;
use crate::look::Said;

/// What the evidence was made from, by the word of who read it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file's name, or the address.
    pub name: String,
    /// The SHA-256 of its bytes, in hex.
    pub sha256: String,
    /// How many bytes.
    pub bytes: u64,
    /// The trust file's SHA-256, in hex, where there is one.
    pub trust: Option<String>,
    /// The program and its version.
    pub tool: String,
}

/// All of it.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// What it was made from.
    pub source: Source,
    /// Of which framework.
    pub framework: Framework,
    /// The log, as verified.
    pub log: Log,
    /// What counts as within.
    pub period: Option<Period>,
    /// The entries that were looked at.
    pub counted: Counted,
    /// Events that neither a parser nor a rule assigned a category to.
    pub uncategorized: Uncategorized,
    /// Leaves that are not here: the first, and how many.
    pub gaps: Listed<(u64, u64)>,
    /// How many leaves these are in all.
    pub left_out: u64,
    /// Why it cannot be told that nothing is missing; empty where it can.
    pub doubts: Vec<Doubt>,
    /// The keys that sign.
    pub keys: Vec<Key>,
    /// Who read the log, by its own word.
    pub access: Access,
    /// What was erased, by the log's own word.
    pub erasures: Listed<Erasure>,
    /// How far back it goes.
    pub retention: Retention,
    /// By which rules was looked.
    pub rules: Rules,
    /// What samples were drawn by.
    pub drawn: Option<Drawn>,
    /// The answers, by question.
    pub answers: Vec<Answer>,
    /// The controls, which name answers by their places.
    pub controls: Vec<Controlled>,
    /// Who did what to one record.
    pub record: Option<OneRecord>,
    /// What there is about one person.
    pub subject: Option<Subject>,
}

/// The first of many, and how many more there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// Those that are listed.
    pub listed: Vec<T>,
    /// How many more.
    pub more: u64,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { listed: Vec::new(), more: 0 }
    }
}

impl<T> Listed<T> {
    pub(crate) fn push(&mut self, one: T, most: usize) {
        if self.listed.len() < most { self.listed.push(one) } else { self.more += 1 }
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.more
    }
}

/// A framework, as its catalog has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framework {
    /// Its short name.
    pub name: String,
    /// Its name for people.
    pub title: String,
    /// The edition.
    pub edition: String,
    /// The catalog's hash.
    pub hash: Hash,
}

/// A log, as it was verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The origin.
    pub origin: String,
    /// The verdict's word.
    pub verdict: &'static str,
    /// What the words for the verdict depend on.
    pub why: Option<Why>,
    /// The last checkpoint that the entries gave: its size and root.
    pub checkpoint: Option<(u64, Hash)>,
    /// When witnesses saw it, where the trust file has a quorum.
    pub witnessed: Option<Time>,
    /// The entries that the export is shown to be complete for.
    pub complete: Option<(u64, u64)>,
    /// The newest time that anything says: the witnesses', else the newest entry's.
    pub newest: Option<Time>,
    /// The checks that were made: name, state, how many items, why not.
    pub checks: Vec<(&'static str, &'static str, u64, Option<String>)>,
    /// The names of those that have no answer because nothing asks for one.
    pub not_needed: Vec<&'static str>,
}

/// From a moment up to, and not including, another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub from: Time,
    /// The first moment after it.
    pub to: Time,
}

impl Period {
    /// Whether a moment is within.
    pub fn holds(&self, time: Time) -> bool {
        self.from <= time && time < self.to
    }
}

/// What entries are counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Verified events of trusted keys within the period.
    pub events: Extent,
    /// Events within the period that no trusted key signed: not counted anywhere.
    pub untrusted: BTreeMap<SignerTrust, u64>,
    /// Verified events of trusted keys outside the period.
    pub outside: u64,
    /// Of how many events the own time counted, of the others that of recording.
    pub own_times: u64,
    /// Events of shapes that no parser fits.
    pub unread: u64,
    /// Events within the period that are withheld, though not recorded as erased.
    pub withheld: u64,
    /// Events within the period that the log recorded as erased.
    pub erased: u64,
}

/// Events whose actions have no category: questions that ask for categories can't count them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Uncategorized {
    /// The number of events.
    pub events: u64,
    /// Their actions, the most frequent first.
    pub actions: Listed<UnknownAction>,
}

/// An action without a category.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownAction {
    /// The parser that read the action.
    pub parser: String,
    /// The action. Empty if the event states none.
    pub action: String,
    /// The number of events.
    pub events: u64,
}

/// How many events, and from where to where.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// How many.
    pub events: u64,
    /// The first and last leaf.
    pub leaves: Option<(u64, u64)>,
    /// The first and last time of recording.
    pub recorded: Option<(Time, Time)>,
    /// The first and last time at which they happened.
    pub happened: Option<(Time, Time)>,
}

impl Extent {
    pub(crate) fn add(&mut self, leaf: u64, recorded: Time, happened: Time) {
        fn wider<T: Ord + Copy>(of: &mut Option<(T, T)>, one: T) {
            *of = Some(of.map_or((one, one), |(first, last)| (first.min(one), last.max(one))));
        }
        self.events += 1;
        wider(&mut self.leaves, leaf);
        wider(&mut self.recorded, recorded);
        wider(&mut self.happened, happened);
    }
}

/// Why something cannot be told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// A word that programs may compare.
    pub code: &'static str,
    /// The sentence.
    pub said: String,
}

/// A key that signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The verifier key.
    pub vkey: String,
    /// Its name.
    pub name: String,
    /// Why it is trusted: `trust_file`, `granted`, `unknown`, `revoked`.
    pub trust: &'static str,
    /// Whether it is the key of the log itself.
    pub is_log: bool,
    /// Its verified events within the period, where it is trusted.
    pub events: Extent,
    /// The grants about it that act.
    pub grants: Vec<Grant>,
    /// The longest time between two of its entries within the period: from, to, and the leaf that ended it.
    pub silence: Option<(Time, Time, u64)>,
    /// Its newest entry within the period.
    pub newest: Option<Time>,
}

/// What an issuer said of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The leaf of the note.
    pub leaf: u64,
    /// Whether the key was granted, or revoked.
    pub is_grant: bool,
    /// The bounds; of a revocation, since when.
    pub from: Option<Time>,
    /// Until when.
    pub until: Option<Time>,
    /// Who signed it.
    pub by: Vec<String>,
}

/// Who read the log, by the records on its own chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The records (`log.export`) within the period.
    pub records: Extent,
    /// The readers.
    pub readers: Listed<Reader>,
    /// Events that say the same and are not signed with the log's key.
    pub others: u64,
}

/// Who read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// The reader's name.
    pub name: String,
    /// The begin of the token's hash.
    pub credential: String,
    /// Reads that began.
    pub reads: u64,
    /// Events that were handed out by reads that ended.
    pub events: u64,
    /// The records.
    pub records: Extent,
}

/// An erasure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The leaf of its record.
    pub leaf: u64,
    /// Its place in the log's own chain.
    pub place: String,
    /// When it was recorded.
    pub at: Time,
    /// Who asked for it.
    pub by: String,
    /// Why.
    pub reason: String,
    /// How many events it says that it took.
    pub events: u64,
    /// The stretches of leaves that it names, both ends within; at most [`STRETCHES`] of them.
    pub leaves: Listed<(u64, u64)>,
    /// How many of these links are here without their event.
    pub gone: u64,
    /// How many of these events are here still.
    pub here: u64,
    /// The times of recording of those that are gone.
    pub of: Option<(Time, Time)>,
    /// How many of those that are gone were younger than the policy asks for.
    pub early: u64,
}

/// How many stretches of an erasure are listed.
pub const STRETCHES: usize = 32;

/// How far back a log goes, against what a policy asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The policy: as written, and in milliseconds.
    pub policy: Option<(String, i64)>,
    /// The oldest link that is here, and its leaf.
    pub oldest: Option<(Time, u64)>,
    /// The oldest moment that an event says it happened at.
    pub oldest_happened: Option<Time>,
    /// The newest time that anything says.
    pub newest: Option<Time>,
    /// Events that are withheld and not recorded as erased.
    pub withheld: u64,
    /// Events that were erased younger than the policy asks for.
    pub early: u64,
    /// What this comes to.
    pub state: Kept,
}

/// What retention comes to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Kept {
    /// No policy was given.
    #[default]
    NotAsked,
    /// The log goes back as far as the policy asks for, and nothing younger was erased or withheld.
    Shown,
    /// Nothing younger was erased or withheld, and the log is not as old as the policy asks for.
    #[strum(serialize = "log_too_young")]
    TooYoung,
    /// Something younger was erased.
    Contradicted,
    /// It cannot be told.
    CouldNotTell,
}

impl Kept {
    /// Its word.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// By which rules was looked for findings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The pack's name.
    pub pack: String,
    /// Its hash.
    pub hash: Hash,
    /// How many rules.
    pub rules: u64,
    /// The engine's version.
    pub engine: &'static str,
    /// The digest of all findings.
    pub digest: Hash,
    /// How many findings there are in all.
    pub findings: u64,
}

/// What samples were drawn by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Drawn {
    /// The root.
    pub root: Hash,
    /// The size of the checkpoint that it is of.
    pub size: u64,
    /// Whether a quorum of witnesses saw that.
    pub witnessed: bool,
    /// What the auditor stated. A question's seed is this, a slash, and the question's name.
    pub seed: String,
    /// How many are wanted of each question.
    pub wanted: usize,
}

/// The answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The question's name.
    pub name: String,
    /// What it asks for.
    pub what: String,
    /// The answer.
    pub found: Found,
    /// Why it cannot be told whether that is all, beside what is so of all of them.
    pub doubts: Vec<Doubt>,
}

/// What was found.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// Events.
    Events(Box<Events>),
    /// Findings.
    Findings(Findings),
    /// What is known of the log.
    Log(Fact),
}

/// Events that answer a query.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// The categories, of which an event has at least one. Empty for the events of any.
    pub categories: Vec<&'static str>,
    /// The query. Empty if the categories are all that is asked.
    pub query: String,
    /// How many, and from where to where.
    pub extent: Extent,
    /// How many of each key, by its place in [`Evidence::keys`].
    pub keys: Vec<(usize, u64)>,
    /// Events that might answer it and don't state how they ended.
    pub unstated: u64,
    /// Events that would answer it, if their keys were trusted.
    pub untrusted: u64,
    /// The fields that no event has.
    pub unknown: Vec<String>,
    /// The sample, in the order in which it was drawn.
    pub sample: Vec<Shown>,
}

/// An event that is shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown {
    /// The leaf.
    pub leaf: u64,
    /// The chain, a slash, and the place in it.
    pub place: String,
    /// The chain.
    pub chain: ChainId,
    /// The place in it.
    pub seq: u64,
    /// The link's time.
    pub recorded: Time,
    /// When it happened by its own word.
    pub happened: Option<Time>,
    /// Whose key signed it.
    pub signer: String,
    /// What it says.
    pub said: Said,
}

/// Findings of rules.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Tags and ids that name the rules; empty for all.
    pub rules: Vec<String>,
    /// How many rules of the pack these are.
    pub of: u64,
    /// The findings, the most serious first.
    pub found: Listed<Finding>,
    /// How many of them nobody answered.
    pub unanswered: u64,
}

/// A finding, and who answered it.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Its id.
    pub id: String,
    /// The rule's title.
    pub title: String,
    /// How serious it is.
    pub level: Level,
    /// The first leaves.
    pub leaves: Listed<u64>,
    /// When the first and the last of its events happened.
    pub times: (Time, Time),
    /// The worst signer trust of those who signed these events.
    pub signer_trust: SignerTrust,
    /// Who answered it.
    pub answers: Vec<Acknowledged>,
}

/// The answer to a finding, an event with the action `countersign.acknowledged`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledged {
    /// The leaf.
    pub leaf: u64,
    /// When it was recorded.
    pub at: Time,
    /// Who answered, by the event.
    pub by: String,
    /// What came of it.
    pub reason: String,
    /// The name of the key that signed it.
    pub signer: String,
}

/// A control with what was found for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Controlled {
    /// Its number.
    pub number: String,
    /// What it is about.
    pub title: String,
    /// What it asks.
    pub asks: String,
    /// The answers, by their places.
    pub answers: Vec<usize>,
    /// What the log cannot show.
    pub cannot: Vec<String>,
    /// Why the log doesn't show what this control requires, beside what its answers say.
    pub doubts: Vec<Doubt>,
    /// Whether it can be told that nothing that was recorded is missing from these numbers.
    pub is_complete: bool,
}

/// Who did what to one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OneRecord {
    /// The record's identifier.
    pub id: String,
    /// How many events, and from where to where.
    pub extent: Extent,
    /// The events.
    pub events: Listed<Shown>,
}

/// What there is about one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The person's identifier.
    pub id: String,
    /// How many events they did.
    pub as_actor: u64,
    /// How many were done to them.
    pub as_target: u64,
    /// How many other events have their identifier somewhere in them.
    pub mentioned: u64,
    /// The first identifiers of actors and targets in these that contain it, or whose name does: the same person, perhaps.
    pub likely: Vec<String>,
    /// The events, as actor or as target.
    pub events: Listed<Shown>,
    /// Their extent.
    pub extent: Extent,
}

impl Events {
    /// Returns a question's categories and query as text.
    pub fn asked(&self) -> String {
        let categories = self.categories.join(", ");
        match (self.categories.is_empty(), self.query.is_empty()) {
            (false, false) => format!("category: {categories}; query: {}", self.query),
            (false, true) => format!("category: {categories}"),
            (true, _) => format!("query: {}", self.query),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_for_retention_are_stable() {
        let all = [Kept::NotAsked, Kept::Shown, Kept::TooYoung, Kept::Contradicted, Kept::CouldNotTell];
        let words = ["not_asked", "shown", "log_too_young", "contradicted", "could_not_tell"];
        assert_eq!(all.map(Kept::as_str), words);
    }
}
