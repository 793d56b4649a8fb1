//! The verification report (SPEC section 9).

use serde::{Serialize, Serializer};

use super::finding::{Finding, FindingCode, Findings, as_text};
use crate::hash::Hash;
use crate::note::VerifierKey;
use crate::phrases::{self, Phrase};
use crate::time::Time;
pub use crate::verdict::Verdict;
use crate::words::words;

words! {
    /// The outcome of a check.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CheckState {
        /// Every item passed.
        Pass = "pass",
        /// An item failed.
        Fail = "fail",
        /// No item failed, but an item could not be checked or there is none.
        NotChecked = "not_checked",
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The outcome.
    pub state: CheckState,
    /// The number of items that were checked.
    pub checked: u64,
    /// The number of items with an error; each counts once.
    pub failed: u64,
    /// The human-readable reason why the check was not made.
    pub reason: Option<String>,
}

impl Check {
    /// Creates a result. `no_answer` is the first reason why an item could not be checked.
    pub(super) fn new(checked: u64, failed: u64, no_answer: Option<&str>) -> Self {
        let (state, reason) = match no_answer {
            _ if failed > 0 => (CheckState::Fail, None),
            Some(reason) => (CheckState::NotChecked, Some(reason.into())),
            None => (CheckState::Pass, None),
        };
        Self { state, checked, failed, reason }
    }

    pub(super) fn passes(&self) -> bool {
        self.state == CheckState::Pass
    }
}

macro_rules! checks {
    ($($name:ident)+) => {
        /// The checks, in the order of SPEC's table.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize)]
        #[expect(missing_docs, reason = "named and explained as in SPEC section 9's table")]
        pub struct Checks { $(pub $name: Check,)+ }

        impl Checks {
            /// Returns every check with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Check)> {
                [$((stringify!($name), &self.$name)),+].into_iter()
            }

            /// Builds the checks by calling `result` for each name.
            ///
            /// # Errors
            /// The first error of `result`.
            pub fn collect<E>(mut result: impl FnMut(&'static str) -> Result<Check, E>) -> Result<Self, E> {
                Ok(Self { $($name: result(stringify!($name))?),+ })
            }
        }
    };
}

checks! { format payloads chains signatures tree log range append_only witnesses time closure expected }

/// Counts of the export's content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines that are not blank, including the header and malformed lines.
    pub lines: u64,
    /// Entries in the export.
    pub entries: u64,
    /// Entries that skips omit.
    pub skipped: u64,
    /// Shown events.
    pub events: u64,
    /// Event links without their event.
    pub withheld: u64,
    /// Distinct chain IDs.
    pub chains: u64,
    /// Valid signatures on links.
    pub signatures: u64,
    /// Well-formed key notes.
    pub notes: u64,
    /// Well-formed checkpoints.
    pub checkpoints: u64,
}

/// The scope in which an export is shown to be complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Complete {
    /// The entries from the first index up to but not including the second.
    Range {
        /// The range that the export claims.
        range: [u64; 2],
    },
    /// The shown chains, which are all closed.
    Closure,
}

/// The last checkpoint whose root matched the leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// The number of entries that it covers.
    pub size: u64,
    /// The root hash.
    #[serde(serialize_with = "display")]
    pub root: Hash,
    /// The time at which the quorum of witnesses had seen it.
    #[serde(serialize_with = "as_text")]
    pub time: Option<Time>,
}

/// The root log of a tenant log, as of the last head that is in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct RootLog {
    /// The root log's origin.
    pub origin: String,
    /// The number of its entries, one for each tick.
    pub size: u64,
    /// Its root hash.
    #[serde(serialize_with = "display")]
    pub root: Hash,
    /// The time of the last tick, by the log server's clock.
    #[serde(serialize_with = "display")]
    pub time: Time,
}

/// The anchors that a tenant log's entries agree with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct History {
    /// The time of the first anchor, by the log server's clock.
    #[serde(serialize_with = "display")]
    pub since: Time,
    /// The number of anchors.
    pub anchors: u64,
    /// The time of the last anchor.
    #[serde(serialize_with = "display")]
    pub to: Time,
}

words! {
    /// The reason why a signer is or is not trusted.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TrustBasis {
        /// The key was revoked, in the log or by the trust file.
        Revoked = "revoked",
        /// The trust file names the key.
        TrustFile = "trust_file",
        /// An issuer in the trust file granted the key.
        Granted = "granted",
        /// No key or grant that the reader trusts vouches for the key.
        Untrusted = "untrusted",
    }
}

/// A key that an open link names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The key.
    #[serde(serialize_with = "display")]
    pub vkey: VerifierKey,
    /// The reason why the key is or is not trusted.
    pub trust: TrustBasis,
    /// The number of chains that it signs.
    pub chains: u64,
    /// The number of its links, without forks.
    pub links: u64,
    /// The earliest time of a link.
    #[serde(serialize_with = "display")]
    pub first: Time,
    /// The latest time of a link.
    #[serde(serialize_with = "display")]
    pub last: Time,
}

/// A verification report. `message`, `hint`, and `reason` are for people and may be reworded; everything else is the
/// same for every verifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `report/v1`.
    pub countersign: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// The scope in which the export is shown to be complete; `None` unless the verdict is `verified`.
    pub complete: Option<Complete>,
    /// The origin that the header names.
    pub origin: Option<String>,
    /// The checks.
    pub checks: Checks,
    /// Counts of the export's content.
    pub counts: Counts,
    /// The last checkpoint whose root matched the leaves.
    pub log: Option<Log>,
    /// The root log of a tenant log. `None` for any other log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub root_log: Option<RootLog>,
    /// The anchors that a tenant log's entries agree with. `None` without such anchors, and for any other log.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history: Option<History>,
    /// True if a growth witness without which the reader's quorum isn't met checked that the tenant log only grew. Always
    /// false for any other log, and unless the verdict is `verified`.
    #[serde(skip_serializing_if = "core::ops::Not::not")]
    pub only_grew: bool,
    /// The number of summaries from others that the report rests on: their hashes and signatures were not checked again.
    #[serde(skip_serializing_if = "is_zero")]
    pub summaries: usize,
    /// Every key that an open link names, in byte order.
    pub signers: Vec<Signer>,
    /// The first hundred findings of each code, by line.
    pub findings: Vec<Finding>,
    /// The number of findings of each code, by code.
    #[serde(serialize_with = "by_code")]
    pub finding_counts: Vec<(FindingCode, u64)>,
}

impl Report {
    /// Returns the range for which the export is shown to be complete, from the first index up to but not including
    /// the second. `None` unless the verdict is `verified` and the range holds, so no event in it is withheld.
    pub const fn complete_range(&self) -> Option<[u64; 2]> {
        match self.complete {
            Some(Complete::Range { range }) => Some(range),
            Some(Complete::Closure) | None => None,
        }
    }

    /// Returns the sentences of the report with their codes, each with its English text.
    pub fn phrases(&self) -> impl Iterator<Item = (&str, Phrase)> {
        let reasons = self.checks.iter().filter_map(|(_, check)| check.reason.as_deref());
        self.findings.iter().flat_map(Finding::phrases).chain(phrases::find_each(reasons))
    }

    /// Creates a report with only the verdict, checks, counts, and findings.
    pub(super) fn new(verdict: Verdict, checks: Checks, counts: Counts, findings: Findings) -> Self {
        Self {
            countersign: "report/v1",
            verdict,
            complete: None,
            origin: None,
            checks,
            counts,
            log: None,
            root_log: None,
            history: None,
            only_grew: false,
            summaries: 0,
            signers: Vec::new(),
            finding_counts: findings.counts().collect(),
            findings: findings.into_list(),
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
const fn is_zero(number: &usize) -> bool {
    *number == 0
}

fn display<S: Serializer>(value: &impl core::fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn by_code<S: Serializer>(counts: &[(FindingCode, u64)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(counts.iter().map(|(code, count)| (code.as_str(), count)))
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use super::*;

    #[test]
    fn verdicts_have_their_exit_status() {
        let statuses = [
            (Verdict::Verified, 0),
            (Verdict::Altered, 1),
            (Verdict::Broken, 1),
            (Verdict::Untrusted, 3),
            (Verdict::Partial, 4),
            (Verdict::NotChecked, 5),
        ];
        assert!(statuses.iter().all(|(verdict, status)| verdict.exit_status() == *status));
    }
}
