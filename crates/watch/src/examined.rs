//! How far the rules examined the events of a log.

use countersign_analyze::{Coverage, Limit};

/// How far the rules examined the events since the watch began.
#[derive(Clone, Debug)]
pub struct Examined {
    /// The events that the rules could check.
    pub coverage: Coverage,
    /// The work that rules skipped, to save memory or because events came late.
    pub limits: Vec<Limit>,
    /// The number of events that are dated later than they were recorded, and the first one's entry. Rules over a
    /// timespan don't count them.
    pub future: Option<(u64, u64)>,
}

impl Examined {
    /// True if the rules could check every event and skipped nothing.
    pub fn is_complete(&self) -> bool {
        self.coverage.is_complete() && !self.has_skipped()
    }

    /// True if rules skipped something that they could have checked.
    pub fn has_skipped(&self) -> bool {
        !self.limits.is_empty() || self.future.is_some()
    }
}
