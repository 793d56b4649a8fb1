//! Marks: what an export holds beside its events, as the checks found it.

use super::events::CoveredLink;
use super::summary::CheckpointEntry;
use crate::checkpoint::SignedCheckpoint;
use crate::export::Withheld;
use crate::hash::Hash;
use crate::keys::Statement;
use crate::note::{SignatureLine, VerifierKey};
use crate::time::Time;
use crate::trust::{Times, Trust};

/// Anything beside an event that an export holds.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// Leaves that are not here. One that stands where none can is none.
    Skip {
        /// The 1-based line.
        line: u64,
        /// The first of the leaves.
        index: u64,
        /// How many there are.
        leaves: u64,
    },
    /// A leaf that is neither link nor key note, or one on a malformed line.
    Opaque {
        /// The 1-based line.
        line: u64,
        /// The leaf's index.
        index: u64,
    },
    /// A link that shows no event.
    Link(LinkMark),
    /// A key note.
    Note(NoteMark),
    /// A checkpoint.
    Checkpoint(CheckpointMark),
}

impl Mark {
    /// What it is, in a word that programs may compare: `skip`, `leaf`, `open`, `close`, `withheld`, `note` or
    /// `checkpoint`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Skip { .. } => "skip",
            Self::Opaque { .. } => "leaf",
            Self::Link(LinkMark { kind: LinkKind::Open, .. }) => "open",
            Self::Link(LinkMark { kind: LinkKind::Close, .. }) => "close",
            Self::Link(LinkMark { kind: LinkKind::Withheld(_), .. }) => "withheld",
            Self::Note(_) => "note",
            Self::Checkpoint(_) => "checkpoint",
        }
    }

    /// The 1-based line.
    pub const fn line(&self) -> u64 {
        let (Self::Skip { line, .. }
        | Self::Opaque { line, .. }
        | Self::Link(LinkMark { link: CoveredLink { line, .. }, .. })
        | Self::Note(NoteMark { line, .. })
        | Self::Checkpoint(CheckpointMark { line, .. })) = self;
        *line
    }

    /// The index of its leaf, the first one of a skip; a checkpoint is no leaf.
    pub const fn index(&self) -> Option<u64> {
        match self {
            Self::Skip { index, .. }
            | Self::Opaque { index, .. }
            | Self::Link(LinkMark { link: CoveredLink { index, .. }, .. })
            | Self::Note(NoteMark { index, .. }) => Some(*index),
            Self::Checkpoint(_) => None,
        }
    }
}

/// A link that shows no event.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Deref)]
pub struct LinkMark {
    /// What it is.
    pub kind: LinkKind,
    /// The link.
    #[deref]
    pub link: CoveredLink,
}

/// What a link that shows no event is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// The begin of its chain.
    Open,
    /// The end of its chain.
    Close,
    /// An event's, with the reason that the exporter gives, which nothing proves.
    Withheld(Option<Withheld>),
}

/// A key note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteMark {
    /// The 1-based line.
    pub line: u64,
    /// The leaf's index.
    pub index: u64,
    /// Whether it acts, by what the reader trusts.
    pub acts: bool,
    /// What it says.
    pub statements: Vec<Statement>,
    /// Known keys whose signature on it is valid.
    pub signers: Vec<VerifierKey>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointMark {
    /// The 1-based line.
    pub line: u64,
    /// The log that it is of.
    pub origin: String,
    /// How many leaves it covers.
    pub size: u64,
    /// Its root hash.
    pub root: Hash,
    /// Whether it stands at its place and its root is that of what stands before it.
    pub matches: bool,
    /// Its signature lines.
    pub signatures: Vec<SignatureMark>,
    /// What the quorum of witnesses says of it, where it counts.
    pub times: Option<Times>,
}

/// A signature line of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureMark {
    /// The name on the line.
    pub name: String,
    /// The key ID on it.
    pub id: [u8; 4],
    /// Whose key it is.
    pub by: SignedBy,
    /// Whether it is valid, where that was looked at.
    pub valid: Option<bool>,
    /// When a witness cosigned, by its clock.
    pub time: Option<Time>,
}

/// Whose key the reader's trust file says that a signature line is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// The log's whose checkpoint it is.
    Log,
    /// A witness's.
    Witness,
    /// Nobody's, or another log's: such a signature is not looked at.
    Unknown,
}

/// The mark of a checkpoint whose place and root were looked at.
#[inline(never)]
pub(super) fn checkpoint(
    entry: &CheckpointEntry,
    line: u64,
    matches: bool,
    times: Option<Times>,
    origin: &str,
    trust: &Trust,
) -> CheckpointMark {
    let signed = SignedCheckpoint::parse_extended(&entry.note).ok();
    let signatures = signed.map(|signed| {
        let lines = signed.note.signatures.iter();
        lines.map(|line| signature(entry, &signed, line, trust)).collect()
    });
    CheckpointMark {
        line,
        origin: entry.other_origin.as_deref().unwrap_or(origin).to_owned(),
        size: entry.size,
        root: entry.root,
        matches,
        signatures: signatures.unwrap_or_default(),
        times,
    }
}

/// What the summary of a checkpoint says of one of its signature lines.
fn signature(
    entry: &CheckpointEntry,
    signed: &SignedCheckpoint,
    line: &SignatureLine,
    trust: &Trust,
) -> SignatureMark {
    let own = entry.other_origin.is_none();
    let is_of = |key: &&VerifierKey| line.is_of(key);
    // A key of another log that the reader trusts vouches for nothing here: its signature is not looked at.
    let is_logs = |key: &&VerifierKey| is_of(key) && key.name() == signed.checkpoint.origin;
    let (name, id) = (line.name.clone(), line.id);
    let mut mark = SignatureMark { name, id, by: SignedBy::Unknown, valid: None, time: None };
    if trust.logs().any(|key| is_logs(&key)) {
        mark.by = SignedBy::Log;
        // The summary has one answer for all of the log's keys: where one failed, each is asked again.
        mark.valid = entry.log.map(|valid| {
            let mut keys = trust.logs().filter(is_logs);
            valid || keys.any(|key| signed.is_signed_by(key))
        });
    } else if trust.witnesses().any(|key| is_of(&key)) {
        mark.by = SignedBy::Witness;
        let cosigned = |(by, _): &&(usize, Time)| trust.witnesses().nth(*by).is_some_and(|key| is_of(&key));
        mark.time = entry.cosignatures.iter().find(cosigned).map(|(_, time)| *time);
        mark.valid = own.then_some(mark.time.is_some());
    }
    mark
}
