//! Pins: states of logs that a reader verified before (SPEC section 8).

use crate::checkpoint::SignedCheckpoint;
use crate::error::Error;
use crate::hash::Hash;
use crate::tenant::{Anchor, HeadProof, State, Statement};
use crate::time::Time;

/// A state of a log that the reader verified before. Its signatures are not verified again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pin {
    /// The log's origin.
    pub origin: String,
    /// The number of entries.
    pub size: u64,
    /// The root hash of the entries.
    pub root: Hash,
    /// The facts that only a head states, if the pin is a head proof of a tenant log.
    pub head: Option<PinnedHead>,
}

/// The facts of a pinned head that a checkpoint doesn't state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PinnedHead {
    /// The number of the tick.
    pub tick: u64,
    /// The time of the tick.
    pub time: Time,
    /// The state of the tenant log.
    pub state: State,
    /// The root hash of the root log, which has one entry for each tick so far.
    pub root_log: Hash,
}

impl Pin {
    /// Parses a pin: a signed checkpoint, perhaps with extension lines, or a head proof.
    ///
    /// # Errors
    ///
    /// [`Code::Checkpoint`](crate::Code::Checkpoint) if the text isn't a signed checkpoint, and
    /// [`Code::Proof`](crate::Code::Proof) if it is a malformed head proof, with the line if there is one.
    pub fn parse(text: &str) -> Result<Self, Error> {
        if HeadProof::is_head(text) {
            HeadProof::parse(text).map(Self::from)
        } else {
            SignedCheckpoint::parse_extended(text).map(Self::from)
        }
    }

    /// True if a reader who keeps `kept` may keep this verified state of the same log instead, because it isn't an earlier
    /// one. Between two heads, the tick decides; otherwise, the number of entries.
    ///
    /// This is the rule for all that readers keep: pins, and the states of monitors, recorders, and viewers.
    pub fn may_replace(&self, kept: &Self) -> bool {
        match (self.head, kept.head) {
            (Some(new), Some(kept)) => new.tick >= kept.tick,
            _ => self.size >= kept.size,
        }
    }

    /// Returns what a pin that is a head states about its log; `None` for a checkpoint.
    pub fn statement(&self) -> Option<Statement> {
        let PinnedHead { tick, time, state, root_log } = self.head?;
        Some(Statement { tick, size: self.size, root: self.root, time, state, root_log: Some(root_log) })
    }
}

impl From<SignedCheckpoint> for Pin {
    fn from(signed: SignedCheckpoint) -> Self {
        let checkpoint = signed.checkpoint;
        Self { origin: checkpoint.origin, size: checkpoint.size, root: checkpoint.root, head: None }
    }
}

impl From<HeadProof> for Pin {
    fn from(proof: HeadProof) -> Self {
        let Anchor { head, tick, time, .. } = proof.anchor;
        let root_log = proof.checkpoint.checkpoint.root;
        Self {
            origin: head.origin.to_string(),
            size: head.size,
            root: head.root,
            head: Some(PinnedHead { tick, time, state: head.state, root_log }),
        }
    }
}
