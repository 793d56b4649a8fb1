//! Limits that a rule reached.

/// A limit that a rule reached, so that it left something out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limit {
    /// The rule's id; `baseline` for what baselines forgot, `baseline.silent_hours` for what they forgot of chains.
    pub rule: String,
    /// Groups, or identities or chains, that were forgotten: how many, and the leaf that made the first go.
    pub groups: Option<(u64, u64)>,
    /// Hits of groups that were forgotten before their time or came more than two timespans late, or what identities were
    /// seen with: how many, and the leaf that made the first go.
    pub hits: Option<(u64, u64)>,
    /// Findings that are not listed.
    pub findings: u64,
}
