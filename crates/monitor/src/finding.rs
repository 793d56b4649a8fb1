//! What a monitor finds, with a code, a place and a hint.

use std::collections::BTreeMap;

use countersign::check::TileCode;
use countersign::link::ChainId;
use countersign::verify::{FindingCode, LISTED, Severity};
use serde_json::{Value, json};

/// A kind of finding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FindingKind {
    /// The stable code.
    pub code: &'static str,
    /// The severity.
    pub severity: Severity,
    /// The hint for people.
    pub hint: &'static str,
}

macro_rules! kinds {
    ($($(#[doc = $doc:literal])+ $name:ident $code:literal $severity:ident $hint:literal;)+) => {
        $($(#[doc = $doc])+ pub(crate) const $name: FindingKind =
            FindingKind { code: $code, severity: Severity::$severity, hint: $hint };)+
    };
}

kinds! {
    /// Two histories, each signed by the log.
    SPLIT_VIEW "append_only.split_view" Error
        "the log's history was rewritten, or two histories are shown to different readers: both checkpoints are signed by the log, keep them as evidence";
    /// The log shows less than it did.
    ROLLBACK "append_only.rollback" Error
        "the log was cut back or restored from a backup, or an old answer is being served. Readers don't see what came after";
    /// Another place has seen more of the log.
    BEHIND "append_only.behind" Warning
        "an old view of the log is, or was, served here. If it stays that way, readers don't see what came after";
    /// No new leaves for too long.
    SILENT "log.silent" Error
        "its emitters have nothing to record, cannot reach it, or it serves an old view: ask its operator";
    /// No cosignatures for too long.
    STALE "witness.stale" Error
        "witnesses do not see the log any more, or an old view is served: ask its operator";
    /// The log cannot be read.
    UNREACHABLE "log.unreachable" Warning
        "this says nothing about the log's integrity; the monitor tries again";
    /// Not all entries could be read in one look.
    UNREAD "log.unread" Warning
        "the next look continues there, and so does the next run with --state. If it lasts, set a longer --timeout; a log that claims more entries than it can serve can't be checked: ask its operator";
    /// Another place cannot be read.
    OTHER_UNREACHABLE "also.unreachable" Warning
        "without it, a split view can't be noticed from here; the monitor tries again";
    /// A leaf that is neither link nor key note.
    OPAQUE "entry.opaque" Warning
        "a log of audit events contains only links and key notes, unless its operator chose otherwise";
    /// Links of a chain that was never opened, or closed.
    NO_OPEN "chain.no_open" Error
        "a log must not accept this: nobody knows whose chain it is";
    /// Links are missing.
    GAP "chain.gap" Error
        "a log must not accept this: events were lost, or removed before the log signed";
    /// Too few witnesses.
    QUORUM "witness.quorum" Error
        "a history that the witnesses haven't seen may have been made for you alone. Don't rely on it until they have";
    /// Something else than a checkpoint.
    NO_CHECKPOINT "format.checkpoint" Error
        "something other than the log answers there, or the log is faulty: check the address, then ask its operator";
    /// A checkpoint of another log.
    OTHER_ORIGIN "log.origin" Error
        "this is a different log than the trust file names: check the address";
    /// A leaf that nearly is a link.
    BAD_LINK "format.link" Error
        "a log must not accept this: whoever wrote it is faulty, or is testing its readers";
    /// A leaf that nearly is a key note.
    BAD_NOTE "format.note" Error
        "a log must not accept this: whoever wrote it is faulty, or is testing its readers";
    /// A log takes only what ends signed.
    UNSIGNED "signature.unsigned_tail" Warning
        "a log must not accept links before a signature vouches for them, and none does yet";
    /// The leaves are others than those that were signed.
    TREE_ROOT "tree.root" Error
        "entries and tiles were changed after the log signed, or before: keep them and the checkpoint as evidence";
    /// Two links for one place of a chain.
    FORK "chain.fork" Error
        "a log must not accept this: the emitter's key was used twice, or someone repeated it";
}

impl From<FindingCode> for FindingKind {
    fn from(code: FindingCode) -> Self {
        Self { code: code.as_str(), severity: code.severity(), hint: code.hint() }
    }
}

impl From<TileCode> for FindingKind {
    fn from(code: TileCode) -> Self {
        Self { code: code.as_str(), severity: Severity::Error, hint: code.hint() }
    }
}

/// The place of a finding, as far as there is one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The entry's index.
    pub index: Option<u64>,
    /// The chain.
    pub chain: Option<ChainId>,
    /// The link's number in the chain.
    pub seq: Option<u64>,
    /// The key.
    pub key: Option<String>,
    /// A path below the log's prefix, or another place's address.
    pub at: Option<String>,
}

/// Something that is wrong with a log, or that kept it from being checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// The place.
    pub place: Place,
    /// The message for people.
    pub message: String,
    /// Signed checkpoints that show it.
    pub evidence: Vec<String>,
    /// True if it may end by itself: it is reported when it begins and when it ends.
    pub lasting: bool,
    /// True if nothing can be said about the log any more.
    pub fatal: bool,
}

impl Finding {
    pub(crate) fn new(kind: impl Into<FindingKind>, message: impl Into<String>) -> Self {
        Self {
            kind: kind.into(),
            place: Place::default(),
            message: message.into(),
            evidence: Vec::new(),
            lasting: false,
            fatal: false,
        }
    }

    pub(crate) fn at(mut self, at: impl Into<String>) -> Self {
        self.place.at = Some(at.into());
        self
    }

    pub(crate) fn at_leaf(mut self, index: u64) -> Self {
        self.place.index = Some(index);
        self
    }

    pub(crate) fn with_evidence(mut self, checkpoints: &[&str]) -> Self {
        self.evidence = checkpoints.iter().map(|&text| text.to_owned()).collect();
        self
    }

    pub(crate) fn lasting(mut self) -> Self {
        self.lasting = true;
        self
    }

    pub(crate) fn fatal(mut self) -> Self {
        self.fatal = true;
        self
    }

    /// Returns what distinguishes it from other findings that last.
    pub fn name(&self) -> String {
        match &self.place.at {
            Some(at) => format!("{} {at}", self.kind.code),
            None => self.kind.code.to_owned(),
        }
    }

    /// Returns it as one JSON object, found at that time in that log.
    pub fn to_json(&self, log: &str, time: &str) -> Value {
        let Place { index, chain, seq, key, at } = &self.place;
        let mut value = json!({
            "countersign": "finding/v1",
            "log": log,
            "time": time,
            "code": self.kind.code,
            "severity": self.kind.severity,
            "message": self.message,
            "hint": self.kind.hint,
        });
        let places = [
            ("index", index.map(Value::from)),
            ("chain", chain.map(|chain| chain.to_string().into())),
            ("seq", seq.map(Value::from)),
            ("key", key.clone().map(Value::from)),
            ("at", at.clone().map(Value::from)),
            ("evidence", (!self.evidence.is_empty()).then(|| self.evidence.clone().into())),
        ];
        for (name, place) in places {
            if let Some(place) = place {
                value[name] = place;
            }
        }
        value
    }
}

/// Findings in their order, of each code no more than a reader can use.
#[derive(Debug, Default)]
pub struct Findings {
    list: Vec<Finding>,
    counts: BTreeMap<&'static str, usize>,
    incomplete: bool,
}

impl Findings {
    pub(crate) fn add(&mut self, finding: Finding) {
        let count = self.counts.entry(finding.kind.code).or_default();
        *count += 1;
        if *count <= LISTED || finding.fatal {
            self.list.push(finding);
        }
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.list.extend(other.list);
        for (code, count) in other.counts {
            *self.counts.entry(code).or_default() += count;
        }
    }

    /// Returns the findings.
    pub fn list(&self) -> &[Finding] {
        &self.list
    }

    /// Returns the codes of which there are more findings than are listed, and how many more.
    pub fn more(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.counts.iter().filter(|(_, count)| **count > LISTED).map(|(code, count)| (*code, count - LISTED))
    }

    /// Not everything could be looked at.
    pub(crate) fn stop(&mut self) {
        self.incomplete = true;
    }

    /// True if not everything could be checked.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// True if nothing can be said about the log any more.
    pub fn is_fatal(&self) -> bool {
        self.list.iter().any(|finding| finding.fatal)
    }
}
