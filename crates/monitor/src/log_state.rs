//! A state that a log shows: a signed checkpoint, or the head of a tenant log.

use std::fmt;

use countersign::Error;
use countersign::checkpoint::{Checkpoint, SignedCheckpoint};
use countersign::pin::Pin;
use countersign::tenant::{HeadProof, Statement, TenantOrigin};
use countersign::trust::Trust;
use countersign_client::Source;
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

    /// Reads the newest state of the log `origin`: its checkpoint, or the head of a tenant log.
    ///
    /// # Errors
    /// If it can't be read, or there is none.
    pub(crate) fn read(source: &dyn Source, origin: &str, trust: &Trust) -> Result<Self, EngineError> {
        if TenantOrigin::for_reader(origin, trust).is_some() {
            Ok(source.head()?.try_into()?)
        } else {
            source.checkpoint().map(Self::from)
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
