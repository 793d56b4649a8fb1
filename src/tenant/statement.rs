//! Statements about a tenant log at a tick, and contradictions between them (SPEC section 16.4).

use super::head::{Anchor, HeadProof, State};
use crate::hash::Hash;
use crate::time::Time;

/// Minimum time between two ticks, in milliseconds.
const MIN_TICK_MS: i64 = 1000;

/// The statement of a head or an anchor about a tenant log at a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// The number of the tick.
    pub tick: u64,
    /// The number of entries.
    pub size: u64,
    /// The root hash of the entries.
    pub root: Hash,
    /// The time of the tick.
    pub time: Time,
    /// The log's state.
    pub state: State,
    /// The root hash of the root log. An anchor doesn't state it.
    pub root_log: Option<Hash>,
}

/// A contradiction between two statements about one log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Contradiction {
    /// They have the same tick, and differ.
    Split,
    /// The later one has fewer entries or an earlier state, grew after the end, or came too soon.
    Order,
}

impl Statement {
    /// Returns the contradiction between this statement and one that must not be of an earlier tick, if there is one.
    ///
    /// It doesn't tell whether the later tree extends the earlier one; a consistency proof does.
    ///
    /// ```
    /// use countersign::hash::Hash;
    /// use countersign::tenant::{Contradiction, State, Statement};
    /// use countersign::time::Time;
    ///
    /// let time = Time::parse(b"2026-11-27T12:00:00.000Z").unwrap();
    /// let (tick, size, root) = (9, 3, Hash([3; 32]));
    /// let earlier = Statement { tick, size, root, time, state: State::Live, root_log: None };
    /// let shrunk = Statement { tick: 10, size: 2, ..earlier };
    /// assert_eq!(earlier.contradiction(&shrunk), Some(Contradiction::Order));
    /// assert_eq!(earlier.contradiction(&Statement { size: 2, ..earlier }), Some(Contradiction::Split));
    /// ```
    pub fn contradiction(&self, later: &Self) -> Option<Contradiction> {
        if self.tick == later.tick {
            let has_two_roots =
                self.root_log.is_some_and(|root| later.root_log.is_some_and(|other| root != other));
            let is_same = Self { root_log: later.root_log, ..*self } == *later;
            return (has_two_roots || !is_same).then_some(Contradiction::Split);
        }
        let has_grown_after_end = self.state != State::Live && later.size != self.size;
        let ticks = i64::try_from(later.tick.abs_diff(self.tick)).unwrap_or(i64::MAX);
        let is_too_fast =
            later.time.millis().saturating_sub(self.time.millis()) < ticks.saturating_mul(MIN_TICK_MS);
        let is_back = later.tick < self.tick || later.size < self.size || later.state < self.state;
        (is_back || has_grown_after_end || is_too_fast).then_some(Contradiction::Order)
    }
}

impl From<&Anchor> for Statement {
    fn from(anchor: &Anchor) -> Self {
        let (head, tick, time) = (&anchor.head, anchor.tick, anchor.time);
        Self { tick, size: head.size, root: head.root, time, state: head.state, root_log: None }
    }
}

impl From<&HeadProof> for Statement {
    fn from(proof: &HeadProof) -> Self {
        Self { root_log: Some(proof.checkpoint.checkpoint.root), ..Self::from(&proof.anchor) }
    }
}
