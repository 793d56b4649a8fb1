//! Reports of a growth witness.

use std::fmt;

use countersign::checkpoint::SignedCheckpoint;
use countersign_growth::{GrowthCode, GrowthFinding, Recheck, Unchecked};

/// A finding with its evidence, as it is stored and printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrowthReport {
    /// The kind.
    pub code: GrowthCode,
    /// The origin of the tenant log that it is about; `None` if it is about the root log.
    pub log: Option<String>,
    /// The tick.
    pub tick: u64,
    /// The message.
    pub message: String,
    /// Head proofs and checkpoints.
    pub evidence: Vec<String>,
    /// The claim that settles it.
    pub recheck: Option<Recheck>,
    /// True if the finding was reported before, and the log server has now proven the contrary.
    pub is_settled: bool,
}

impl GrowthReport {
    /// Creates a report without evidence.
    pub(super) fn new(code: GrowthCode, log: Option<String>, tick: u64, message: String) -> Self {
        Self { code, log, tick, message, evidence: Vec::new(), recheck: None, is_settled: false }
    }

    /// Creates the report of a finding. `before` is the checkpoint that was checked last, and `after` the one that is
    /// checked now.
    pub(super) fn of_finding(
        finding: GrowthFinding,
        before: Option<&SignedCheckpoint>,
        after: &SignedCheckpoint,
    ) -> Self {
        let evidence = finding.evidence(before, after);
        let GrowthFinding { code, tick, message, before, after, recheck, .. } = finding;
        let log = before.or(after).map(|head| head.origin.to_string());
        Self { evidence, recheck, ..Self::new(code, log, tick, message) }
    }

    /// Creates the report that ticks were not checked completely. `after` is the next tick, which was.
    pub(super) fn skipped(Unchecked { first, last }: Unchecked, is_unshown: bool) -> Self {
        let (why, after) = (if is_unshown { "shown" } else { "completely proven" }, last + 1);
        let message = format!(
            "ticks {first} to {last} were not checked, because they were not {why}; at tick {after}, every tenant log \
             continues its head of tick {}. A change that was undone in between isn't noticed",
            first.saturating_sub(1)
        );
        Self::new(GrowthCode::Skipped, None, last, message)
    }

    /// True if both are of the same kind and about the same log, and both or neither can be settled by a later proof. Those
    /// that can't must also be about the same tick: each of them is evidence of its own.
    pub fn is_like(&self, other: &Self) -> bool {
        let is_same_kind = (self.code, &self.log) == (other.code, &other.log);
        is_same_kind
            && match (&self.recheck, &other.recheck) {
                (Some(_), Some(_)) => true,
                (None, None) => self.tick == other.tick,
                _ => false,
            }
    }
}

impl fmt::Display for GrowthReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { code, log, tick, message, .. } = self;
        write!(f, "{}: tick {tick}", code.as_str())?;
        log.iter().try_for_each(|log| write!(f, ", {log}"))?;
        write!(f, ": {message}")
    }
}
