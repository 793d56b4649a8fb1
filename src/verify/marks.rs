//! Marks: the lines of an export that are not events, with the results of their checks.

use super::events::CoveredLink;
use super::summary::CheckpointEntry;
use crate::checkpoint::SignedCheckpoint;
use crate::export::Withheld;
use crate::hash::Hash;
use crate::keys::Statement;
use crate::note::{SignatureLine, VerifierKey};
use crate::tenant::HeadProof;
use crate::time::Time;
use crate::trust::{Times, Trust};

/// A line of an export that is not an event.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Mark {
    /// Omitted entries. A skip at an impossible position has no mark.
    Skip {
        /// The 1-based line.
        line: u64,
        /// The index of the first omitted entry.
        index: u64,
        /// The number of omitted entries.
        leaves: u64,
    },
    /// A leaf that is neither a link nor a key note, or a leaf on a malformed line.
    Opaque {
        /// The 1-based line.
        line: u64,
        /// The leaf's index.
        index: u64,
    },
    /// A link without a shown event.
    Link(LinkMark),
    /// A key note.
    Note(NoteMark),
    /// A checkpoint.
    Checkpoint(CheckpointMark),
}

impl Mark {
    /// Returns a stable word for the kind of mark: `skip`, `entry`, `open`, `close`, `withheld`, `note`, or
    /// `checkpoint`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Skip { .. } => "skip",
            Self::Opaque { .. } => "entry",
            Self::Link(LinkMark { kind: LinkKind::Open, .. }) => "open",
            Self::Link(LinkMark { kind: LinkKind::Close, .. }) => "close",
            Self::Link(LinkMark { kind: LinkKind::Withheld(_), .. }) => "withheld",
            Self::Note(_) => "note",
            Self::Checkpoint(_) => "checkpoint",
        }
    }

    /// Returns the 1-based line.
    pub const fn line(&self) -> u64 {
        let (Self::Skip { line, .. }
        | Self::Opaque { line, .. }
        | Self::Link(LinkMark { link: CoveredLink { line, .. }, .. })
        | Self::Note(NoteMark { line, .. })
        | Self::Checkpoint(CheckpointMark { line, .. })) = self;
        *line
    }

    /// Returns the entry's index, or the first one of a skip; `None` for a checkpoint, which is not an entry.
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

/// A link without a shown event.
#[derive(Clone, Debug, PartialEq, Eq, derive_more::Deref)]
pub struct LinkMark {
    /// The kind of link.
    pub kind: LinkKind,
    /// The link.
    #[deref]
    pub link: CoveredLink,
}

/// The kinds of links without a shown event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LinkKind {
    /// The chain's first link.
    Open,
    /// The chain's last link.
    Close,
    /// An event link, with the exporter's unproven reason for withholding the event.
    Withheld(Option<Withheld>),
}

/// A key note.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteMark {
    /// The 1-based line.
    pub line: u64,
    /// The leaf's index.
    pub index: u64,
    /// True if the note takes effect, by the reader's trust.
    pub acts: bool,
    /// The note's statements.
    pub statements: Vec<Statement>,
    /// The known keys with a valid signature on the note.
    pub signers: Vec<VerifierKey>,
}

/// A checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckpointMark {
    /// The 1-based line.
    pub line: u64,
    /// The origin of the checkpoint's log.
    pub origin: String,
    /// The number of entries that it covers.
    pub size: u64,
    /// The root hash.
    pub root: Hash,
    /// True if it is at its position and its root matches the entries before it.
    pub matches: bool,
    /// The signature lines.
    pub signatures: Vec<SignatureMark>,
    /// The times attested by the quorum of witnesses, if the checkpoint matches.
    pub times: Option<Times>,
}

/// A signature line of a checkpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureMark {
    /// The name on the line.
    pub name: String,
    /// The key ID on the line.
    pub id: [u8; 4],
    /// The role of the key.
    pub by: SignedBy,
    /// True if the signature is valid; `None` if it was not verified.
    pub valid: Option<bool>,
    /// When a witness cosigned, by its own clock.
    pub time: Option<Time>,
}

/// The role of a signature line's key in the reader's trust file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// A key of the checkpoint's log.
    Log,
    /// A key of a witness.
    Witness,
    /// An unknown key, or a key of another log. Such signatures are not verified.
    Unknown,
}

/// Returns the mark of a checkpoint whose position and root were checked.
#[inline(never)]
pub(super) fn checkpoint(
    entry: &CheckpointEntry,
    line: u64,
    matches: bool,
    times: Option<Times>,
    origin: &str,
    trust: &Trust,
) -> CheckpointMark {
    let signed = if entry.head.is_some() {
        HeadProof::parse(&entry.note).map(|proof| proof.checkpoint)
    } else {
        SignedCheckpoint::parse_extended(&entry.note)
    };
    let signed = signed.ok();
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

/// Returns the mark of one of a checkpoint's signature lines.
fn signature(
    entry: &CheckpointEntry,
    signed: &SignedCheckpoint,
    line: &SignatureLine,
    trust: &Trust,
) -> SignatureMark {
    let own = entry.other_origin.is_none();
    let is_of = |key: &&VerifierKey| line.is_of(key);
    // A trusted key of another log vouches for nothing here, so its signature is not verified.
    let is_logs = |key: &&VerifierKey| is_of(key) && key.name() == signed.checkpoint.origin;
    let (name, id) = (line.name.clone(), line.id);
    let mut mark = SignatureMark { name, id, by: SignedBy::Unknown, valid: None, time: None };
    if trust.logs().any(|key| is_logs(&key)) {
        mark.by = SignedBy::Log;
        // The summary has one result for all of the log's keys. If any failed, verify each key again.
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
