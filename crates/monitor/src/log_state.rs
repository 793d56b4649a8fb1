//! A state that a log shows: a signed checkpoint, or the head of a tenant log.

use std::fmt;

use countersign::Error;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::pin::Pin;
use countersign::tenant::{HeadProof, NewestHead, Statement};
use countersign::trust::Trust;
use countersign_client::Source;
use countersign_delivery::{ProvenHead, no_head};
use countersign_errors::EngineError;

/// A state that a log showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    /// The log's origin, size, and root hash.
    pub checkpoint: Checkpoint,
    proof: Proof,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Proof {
    Checkpoint(Box<SignedCheckpoint>),
    Head(Box<HeadProof>),
}

impl LogState {
    /// Parses a signed checkpoint or a head proof. Verifies nothing.
    ///
    /// # Errors
    /// If the text is neither.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if HeadProof::is_head(text) {
            HeadProof::parse(text)?.try_into()
        } else {
            SignedCheckpoint::parse_extended(text).map(Self::from)
        }
    }

    /// Returns the checkpoint whose signatures prove this state: for a head, the root log's.
    pub fn signed(&self) -> &SignedCheckpoint {
        match &self.proof {
            Proof::Checkpoint(signed) => signed,
            Proof::Head(head) => &head.checkpoint,
        }
    }

    /// Returns the head proof of a tenant log.
    pub fn head(&self) -> Option<&HeadProof> {
        match &self.proof {
            Proof::Checkpoint(_) => None,
            Proof::Head(head) => Some(head),
        }
    }

    /// Returns the state as a pin.
    pub(crate) fn pin(&self) -> Pin {
        match &self.proof {
            Proof::Checkpoint(signed) => Pin::from((**signed).clone()),
            Proof::Head(head) => Pin::from((**head).clone()),
        }
    }

    /// Returns what a head states about its log.
    pub(crate) fn statement(&self) -> Option<Statement> {
        self.head().map(Statement::from)
    }
}

/// The newest state that a log shows.
pub(crate) struct NewestState {
    pub(crate) state: LogState,
    /// For a tenant log: the newest head that the monitor had, and how the log grew since then.
    pub(crate) growth: Option<(NewestHead, ProvenHead)>,
}

impl NewestState {
    /// Reads the newest state of the log `origin`: its checkpoint, or the head of a tenant log. `pin` is the newest state
    /// that the monitor has.
    ///
    /// # Errors
    /// If it can't be read, or there is none.
    pub(crate) fn read(
        source: &dyn Source,
        origin: &str,
        trust: &Trust,
        pin: Option<&LogState>,
    ) -> Result<Self, EngineError> {
        let Some(none) = no_head(origin, trust) else {
            return Ok(Self { state: source.checkpoint()?.into(), growth: None });
        };
        let newest = pin.and_then(LogState::head).map_or(none, NewestHead::from);
        let shown = source.head_since(newest.since())?;
        Ok(Self { state: shown.head.clone().try_into()?, growth: Some((newest, shown)) })
    }
}

impl From<SignedCheckpoint> for LogState {
    fn from(signed: SignedCheckpoint) -> Self {
        Self { checkpoint: signed.checkpoint.clone(), proof: Proof::Checkpoint(Box::new(signed)) }
    }
}

impl TryFrom<HeadProof> for LogState {
    type Error = Error;

    fn try_from(head: HeadProof) -> Result<Self, Error> {
        let (origin, size, root) = (head.head().origin.as_str(), head.head().size, head.head().root);
        let checkpoint = Checkpoint::new(origin, size, root)?;
        Ok(Self { checkpoint, proof: Proof::Head(Box::new(head)) })
    }
}

impl fmt::Display for LogState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.proof {
            Proof::Checkpoint(signed) => signed.fmt(f),
            Proof::Head(head) => head.fmt(f),
        }
    }
}
