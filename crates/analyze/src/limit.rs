//! Limits that a rule reached.

/// Work that was skipped because a rule reached a limit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The rule's id; `baseline` for evicted identities, `baseline.silent_hours` for evicted chains.
    pub rule: String,
    /// The rule's title; the same as `rule` for baselines.
    pub title: String,
    /// Evicted groups, identities, or chains: their number, and the entry that caused the first eviction.
    pub groups: Option<(u64, u64)>,
    /// Hits that were dropped early or came more than two timespans late, or values dropped from baselines:
    /// their number, and the entry that caused the first drop.
    pub hits: Option<(u64, u64)>,
    /// The number of findings that aren't listed.
    pub findings: u64,
}
