//! The evidence as data, before it is formatted.

use std::collections::BTreeMap;

use countersign::hash::Hash;
use countersign::link::ChainId;
use countersign::time::Time;
use countersign::verify::SignerTrust;
use countersign::verify::Why;
use countersign_analyze::Level;
use strum::IntoStaticStr;

use crate::catalog::Fact;
use crate::event_facts::EventSummary;

/// The input of the evidence, as stated by the caller.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file name or address.
    pub name: String,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of the trust file in hex, if there is one.
    pub trust: Option<String>,
    /// The program and its version.
    pub tool: String,
    /// The user's own parsers, which were tried before the built-in ones.
    pub parsers: Vec<ParserFile>,
    /// The options that reproduce the document, other than `--period`: each with its value.
    pub options: Vec<(&'static str, String)>,
}

/// A file with a parser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParserFile {
    /// The file's name.
    pub name: String,
    /// SHA-256 of the bytes, in hex.
    pub sha256: String,
}

/// Evidence for the controls of a framework.
#[derive(Clone, Debug)]
pub struct Evidence {
    /// The input.
    pub source: Source,
    /// The framework.
    pub framework: Framework,
    /// The verified log.
    pub log: Log,
    /// The period that the evidence covers; `None` for the whole log.
    pub period: Option<Period>,
    /// Counts of entries.
    pub counted: EntryCounts,
    /// Events that neither a parser nor a rule assigned a category to.
    pub uncategorized: Uncategorized,
    /// Omitted entries, as ranges of the first index and the number.
    pub gaps: Listed<(u64, u64)>,
    /// Total number of omitted entries.
    pub left_out: u64,
    /// Reasons why the evidence may be incomplete; empty if it is shown to be complete.
    pub doubts: Vec<Doubt>,
    /// The signing keys.
    pub keys: Vec<Key>,
    /// Reads of the log, according to the log.
    pub access: Access,
    /// Erasures, according to the log.
    pub erasures: Listed<Erasure>,
    /// The age of the log compared with the policy.
    pub retention: Retention,
    /// The detection rules that were applied.
    pub rules: Rules,
    /// The basis of the samples.
    pub drawn: Option<SampleBasis>,
    /// The answers to the questions.
    pub answers: Vec<Answer>,
    /// The controls, which refer to answers by index.
    pub controls: Vec<ControlEvidence>,
    /// The events about one record.
    pub record: Option<RecordEvents>,
    /// The events about one person.
    pub subject: Option<Subject>,
}

/// The first items of a list, and the number of items that aren't listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed<T> {
    /// The listed items.
    pub listed: Vec<T>,
    /// The number of items that aren't listed.
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

    /// Returns the number of all items.
    pub fn count(&self) -> u64 {
        self.listed.len() as u64 + self.more
    }
}

/// A framework, from its catalog.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Framework {
    /// The short name, such as `soc2`.
    pub name: String,
    /// The full name.
    pub title: String,
    /// The edition of the framework.
    pub edition: String,
    /// The hash of the catalog.
    pub hash: Hash,
}

/// The verification result of a log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// The log's origin.
    pub origin: String,
    /// The verdict's code.
    pub verdict: &'static str,
    /// The reason that determines the verdict's wording.
    pub why: Option<Why>,
    /// Size and root of the last checkpoint that matches the entries.
    pub checkpoint: Option<(u64, Hash)>,
    /// The time at which witnesses saw the checkpoint, if the trust file has a quorum.
    pub witnessed: Option<Time>,
    /// The range of entries for which the export is shown to be complete, end excluded.
    pub complete: Option<(u64, u64)>,
    /// The latest known time: the witnesses', or else the newest entry's.
    pub newest: Option<Time>,
    /// The checks: name, state, number of items, and the reason if the check was not made.
    pub checks: Vec<(&'static str, &'static str, u64, Option<String>)>,
    /// Names of the checks that don't apply.
    pub not_needed: Vec<&'static str>,
}

/// A time span, end excluded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Period {
    /// The first moment.
    pub from: Time,
    /// The first moment after the span.
    pub to: Time,
}

impl Period {
    /// True if the time is in the period.
    pub fn holds(&self, time: Time) -> bool {
        self.from <= time && time < self.to
    }
}

/// Counts of entries, by whether they are in the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EntryCounts {
    /// Verified events of trusted keys in the period.
    pub events: Extent,
    /// Events in the period without a trusted signature, which are not counted anywhere else.
    pub untrusted: BTreeMap<SignerTrust, u64>,
    /// Verified events of trusted keys outside the period.
    pub outside: u64,
    /// Verified events of trusted keys, recorded since the period began, that may have happened in it or not: they
    /// state no time that a parser understands.
    pub undated: u64,
    /// Events with a time of their own; for the others, the time of recording counts.
    pub own_times: u64,
    /// Events that no parser fits.
    pub unparsed: u64,
    /// Events that lack a fact which their parser promises.
    pub unread: u64,
    /// Withheld events in the period, without those recorded as erased.
    pub withheld: u64,
    /// Events in the period that the log recorded as erased.
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

/// The number of some events, and the ranges that they span.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Extent {
    /// The number of events.
    pub events: u64,
    /// The indexes of the first and last entry.
    pub leaves: Option<(u64, u64)>,
    /// The first and last time of recording.
    pub recorded: Option<(Time, Time)>,
    /// The first and last event time.
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

/// A reason why an answer may be incomplete or wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Doubt {
    /// A stable code.
    pub code: &'static str,
    /// A sentence without a period at the end.
    pub message: String,
}

/// A signing key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// The public key.
    pub vkey: String,
    /// The key's name.
    pub name: String,
    /// The trust in the key: `trust_file`, `granted`, `untrusted`, or `revoked`.
    pub trust: &'static str,
    /// True if this is the log's own key.
    pub is_log: bool,
    /// The key's verified events in the period, if it is trusted.
    pub events: Extent,
    /// The effective grants and revocations of the key.
    pub grants: Vec<Grant>,
    /// The longest time between two of its entries in the period: start, end, and the entry that ended it.
    pub silence: Option<(Time, Time, u64)>,
    /// The time of its newest entry in the period.
    pub newest: Option<Time>,
}

/// A grant or revocation of a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The entry of the statement.
    pub leaf: u64,
    /// True for a grant, false for a revocation.
    pub is_grant: bool,
    /// The start of the grant or of the revocation.
    pub from: Option<Time>,
    /// The end of the grant.
    pub until: Option<Time>,
    /// The names of the issuers who signed it.
    pub by: Vec<String>,
}

/// Reads of the log, from the records on its own chain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// The records (`log.export`) in the period.
    pub records: Extent,
    /// The readers.
    pub readers: Listed<Reader>,
    /// Events with the same action that the log's key did not sign.
    pub others: u64,
}

/// A reader of the log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reader {
    /// The reader's name.
    pub name: String,
    /// The beginning of the token's hash.
    pub credential: String,
    /// The number of reads started.
    pub reads: u64,
    /// The number of events sent by completed reads.
    pub events: u64,
    /// The reader's records.
    pub records: Extent,
}

/// An erasure recorded by the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Erasure {
    /// The entry of the record.
    pub leaf: u64,
    /// The record's chain and position.
    pub place: String,
    /// The time of recording.
    pub at: Time,
    /// The requester.
    pub by: String,
    /// The stated reason.
    pub reason: String,
    /// The number of erased events, according to the record.
    pub events: u64,
    /// The ranges of entries that the record names, ends included; at most [`MAX_RANGES`].
    pub leaves: Listed<(u64, u64)>,
    /// The number of these entries whose event is missing.
    pub gone: u64,
    /// The number of these entries whose event is still present.
    pub here: u64,
    /// The first and last time of recording of the missing events.
    pub of: Option<(Time, Time)>,
    /// The number of missing events that were younger than the policy requires.
    pub early: u64,
}

/// Maximum number of ranges listed per erasure.
pub const MAX_RANGES: usize = 32;

/// The age of a log, compared with a retention policy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// The policy as written, and in milliseconds.
    pub policy: Option<(String, i64)>,
    /// The time and index of the oldest entry.
    pub oldest: Option<(Time, u64)>,
    /// The earliest event time.
    pub oldest_happened: Option<Time>,
    /// The latest known time.
    pub newest: Option<Time>,
    /// Withheld events that are not recorded as erased.
    pub withheld: u64,
    /// Events erased earlier than the policy allows.
    pub early: u64,
    /// The result of the comparison.
    pub state: RetentionState,
}

/// The result of comparing a log with a retention policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum RetentionState {
    /// No policy was given.
    #[default]
    #[strum(serialize = "not_asked")]
    NoPolicy,
    /// The log is as old as the policy requires, and no event was erased or withheld too early.
    #[strum(serialize = "shown")]
    Met,
    /// No event was erased or withheld too early, but the log is not as old as the policy requires.
    #[strum(serialize = "log_too_young")]
    TooYoung,
    /// An event was erased earlier than the policy allows.
    Contradicted,
    /// The export doesn't contain enough to decide.
    CouldNotTell,
}

impl RetentionState {
    /// Returns the state's code.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The rules that were applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The name of the rule pack.
    pub pack: String,
    /// The hash of the rule pack.
    pub hash: Hash,
    /// The number of rules.
    pub rules: u64,
    /// The version of the rule engine.
    pub engine: &'static str,
    /// The digest of all findings.
    pub digest: Hash,
    /// The total number of findings.
    pub findings: u64,
}

/// The basis of the samples.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleBasis {
    /// The root of the checkpoint.
    pub root: Hash,
    /// The size of the checkpoint.
    pub size: u64,
    /// True if a quorum of witnesses saw the checkpoint.
    pub witnessed: bool,
    /// The auditor's seed. A question's seed is this, a slash, and the question's name.
    pub seed: String,
    /// The sample size per question.
    pub wanted: usize,
}

/// An answer to a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The question's name.
    pub name: String,
    /// The question's description.
    pub what: String,
    /// The answer itself.
    pub found: AnswerContent,
    /// Reasons why this answer may be incomplete, besides those that apply to all answers.
    pub doubts: Vec<Doubt>,
}

/// The content of an answer.
#[derive(Clone, Debug, PartialEq)]
pub enum AnswerContent {
    /// Events in the log.
    Events(Box<Events>),
    /// Findings of rules.
    Findings(Findings),
    /// A fact about the log.
    Log(Fact),
}

/// Events that match a question.
#[derive(Clone, Debug, PartialEq)]
pub struct Events {
    /// The categories; an event has at least one. Empty if any event qualifies.
    pub categories: Vec<&'static str>,
    /// The query; empty if only categories are required.
    pub query: String,
    /// Number and ranges of the events.
    pub extent: Extent,
    /// Number of these events that failed or were denied.
    pub failed: u64,
    /// Number of events per key, by its index in [`Evidence::keys`].
    pub keys: Vec<(usize, u64)>,
    /// Events that might match but state no outcome.
    pub unstated: u64,
    /// Events that would match if their keys were trusted.
    pub untrusted: u64,
    /// Fields in the query that no event has.
    pub unknown: Vec<String>,
    /// The sample in the order drawn.
    pub sample: Vec<ListedEvent>,
}

/// A listed event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedEvent {
    /// The entry's index.
    pub leaf: u64,
    /// The chain and the position in it, separated by a slash.
    pub place: String,
    /// The chain's identifier.
    pub chain: ChainId,
    /// The position in the chain.
    pub seq: u64,
    /// The link's time.
    pub recorded: Time,
    /// The event's own time.
    pub happened: Option<Time>,
    /// The name of the signing key.
    pub signer: String,
    /// The displayed fields.
    pub summary: EventSummary,
}

/// Findings of the rules that a question refers to.
#[derive(Clone, Debug, PartialEq)]
pub struct Findings {
    /// Tags and identifiers of the rules; empty for all rules.
    pub rules: Vec<String>,
    /// The number of these rules in the pack.
    pub of: u64,
    /// The findings, most severe first.
    pub found: Listed<Finding>,
    /// The number of unacknowledged findings.
    pub unanswered: u64,
}

/// A finding with its acknowledgments.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The finding's identifier.
    pub id: String,
    /// The rule's title.
    pub title: String,
    /// The severity.
    pub level: Level,
    /// The entries of the finding.
    pub leaves: Listed<u64>,
    /// Times of its first and last event.
    pub times: (Time, Time),
    /// The lowest trust among the signers of its events.
    pub signer_trust: SignerTrust,
    /// The acknowledgments.
    pub answers: Vec<Acknowledgment>,
}

/// An acknowledgment of a finding: an event with the action `countersign.acknowledged`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Acknowledgment {
    /// The entry's index.
    pub leaf: u64,
    /// The time of recording.
    pub at: Time,
    /// The actor of the event.
    pub by: String,
    /// The stated result.
    pub reason: String,
    /// The name of the signing key.
    pub signer: String,
}

/// A control with the evidence for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ControlEvidence {
    /// The number in the framework.
    pub number: String,
    /// The control's title.
    pub title: String,
    /// The requirement.
    pub asks: String,
    /// Indexes of the answers.
    pub answers: Vec<usize>,
    /// Aspects that the log cannot show.
    pub cannot: Vec<String>,
    /// Reasons why the log doesn't show that this control is met, besides those of its answers.
    pub doubts: Vec<Doubt>,
    /// True if these numbers are shown to include every recorded event.
    pub is_complete: bool,
}

/// The events about one record.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordEvents {
    /// The record's identifier.
    pub id: String,
    /// Number and ranges of the events.
    pub extent: Extent,
    /// The events themselves.
    pub events: Listed<ListedEvent>,
}

/// The events about one person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// The person's identifier.
    pub id: String,
    /// Number of events with the person as actor.
    pub as_actor: u64,
    /// Number of events in which someone else, such as an agent, acted for the person.
    pub represented: u64,
    /// Number of events with the person as target.
    pub as_target: u64,
    /// Number of other events that contain the identifier.
    pub mentioned: u64,
    /// Identifiers of parties in these other events that contain the identifier, or whose name does:
    /// possibly the same person.
    pub likely: Vec<String>,
    /// Events with the person as actor, as the party for whom it acted, or as target.
    pub events: Listed<ListedEvent>,
    /// Number and ranges of these events.
    pub extent: Extent,
}

impl Events {
    /// Returns a question's categories and query as text.
    pub fn selection_text(&self) -> String {
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
        let all = [
            RetentionState::NoPolicy,
            RetentionState::Met,
            RetentionState::TooYoung,
            RetentionState::Contradicted,
            RetentionState::CouldNotTell,
        ];
        let words = ["not_asked", "shown", "log_too_young", "contradicted", "could_not_tell"];
        assert_eq!(all.map(RetentionState::as_str), words);
    }
}
