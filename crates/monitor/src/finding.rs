//! Findings of a monitor, each with a code, a place, and a hint.

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
    /// The hint: what to do about the finding.
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
        "keep both checkpoints as evidence: the log signed both, so its history was rewritten, or different readers see different histories";
    /// The log shows less than it did.
    ROLLBACK "append_only.rollback" Error
        "ask the log operator: the log was truncated or restored from a backup, or an old response is served, so readers miss the newest entries";
    /// Another place has seen more of the log.
    BEHIND "append_only.behind" Warning
        "ask the log operator if this lasts: an old view of the log is served here, so readers miss the newest entries";
    /// A tenant log doesn't prove that it extends its anchors.
    ANCHORS "append_only.anchor" Warning
        "ask the log operator if this lasts: a log that was rewritten can't prove this, but a proxy that changes or repeats answers looks the same";
    /// No new entries for too long.
    SILENT "log.silent" Error
        "ask the log operator: the log's emitters record nothing or can't reach it, or it serves an old view";
    /// No cosignatures for too long.
    STALE "witness.stale" Error
        "ask the log operator: witnesses no longer see the log, or it serves an old view";
    /// The log can't be read.
    UNREACHABLE "log.unreachable" Warning
        "wait: the monitor retries; this says nothing about the log's integrity";
    /// A check could not read all entries.
    UNREAD "log.unread" Warning
        "wait for the next check, which continues there, as does the next run with --state; if this lasts, set a longer --timeout, or ask the log operator whether it can serve all entries it claims";
    /// The first entries are gone.
    PRUNED "tile.pruned" Warning
        "ask the log operator whether the log is pruned, and from which entry on it keeps entries; then start with a new file for --state, and pass that index with --from";
    /// Another place can't be read.
    OTHER_UNREACHABLE "also.unreachable" Warning
        "wait: the monitor retries; until it can read this copy of the log, it can't detect a split view";
    /// An entry that is neither a link nor a key note.
    OPAQUE "entry.opaque" Warning
        "ask the log operator whether this is intended: a log of audit events normally contains only links and key notes";
    /// Links of a chain that was never opened.
    NO_OPEN "chain.no_open" Error
        "ask the log operator: a log must not accept a chain whose signer is unknown";
    /// Links of a chain that was opened before the entries that the monitor reads.
    OPENED_EARLIER "chain.no_open" Warning
        "its signatures can't be checked: the link that names its key is before the entry given with --from. To check them, read the log from an earlier entry on";
    /// Missing links.
    GAP "chain.gap" Error
        "ask the log operator: a log must not accept gaps, so events were lost or removed before the log signed";
    /// Too few cosignatures.
    QUORUM "witness.quorum" Error
        "don't rely on this history until enough witnesses have cosigned it: it may have been made for you alone";
    /// Something other than a checkpoint.
    NO_CHECKPOINT "format.checkpoint" Error
        "check the address, then ask the log operator: something else answers there, or the log is faulty";
    /// A checkpoint of another log.
    OTHER_ORIGIN "log.origin" Error
        "check the address: this log is not the one in the trust file";
    /// An entry that starts like a link, but is malformed.
    BAD_LINK "format.link" Error
        "ask the log operator: a log must not accept a malformed link";
    /// An entry that starts like a key note, but is malformed.
    BAD_NOTE "format.note" Error
        "ask the log operator: a log must not accept a malformed key note";
    /// Links that no signature covers in a checkpoint.
    UNSIGNED "signature.unsigned_tail" Warning
        "ask the log operator: a log must not accept links that no signature covers";
    /// Entries that differ from those the log signed.
    TREE_ROOT "tree.root" Error
        "keep the entries, the tiles, and the checkpoint as evidence: they don't match";
    /// Two links with the same number in a chain.
    FORK "chain.fork" Error
        "ask the log operator: a log must not accept a second link with one number; the emitter's key was used twice, or a link was replayed";
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

/// The place of a finding; fields that don't apply are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// The entry's index.
    pub index: Option<u64>,
    /// The chain.
    pub chain: Option<ChainId>,
    /// The link's number in its chain.
    pub seq: Option<u64>,
    /// The public key (`vkey`).
    pub key: Option<String>,
    /// A path below the log's prefix, or the address of another place.
    pub at: Option<String>,
}

/// A problem of a log, or a failure to check it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The kind.
    pub kind: FindingKind,
    /// The place.
    pub place: Place,
    /// The human-readable message.
    pub message: String,
    /// Signed checkpoints that prove it.
    pub evidence: Vec<String>,
    /// True if it may end on its own. Such a finding is reported when it begins and when it ends.
    pub lasting: bool,
    /// True if nothing more can be said about the log.
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

    /// Returns the name that identifies a lasting finding: its code and address.
    pub fn name(&self) -> String {
        match &self.place.at {
            Some(at) => format!("{} {at}", self.kind.code),
            None => self.kind.code.to_owned(),
        }
    }

    /// Returns the finding as a JSON object, with the log's origin and the time of the check.
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

/// The findings of a check, in order, with a limit per code.
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

    /// Yields the codes with more findings than are listed, and the number of unlisted ones.
    pub fn more(&self) -> impl Iterator<Item = (&'static str, usize)> {
        self.counts.iter().filter(|(_, count)| **count > LISTED).map(|(code, count)| (*code, count - LISTED))
    }

    /// Marks the check as incomplete.
    pub(crate) fn set_incomplete(&mut self) {
        self.incomplete = true;
    }

    /// True if not everything could be checked.
    pub fn is_incomplete(&self) -> bool {
        self.incomplete
    }

    /// True if nothing more can be said about the log.
    pub fn is_fatal(&self) -> bool {
        self.list.iter().any(|finding| finding.fatal)
    }
}
