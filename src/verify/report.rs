//! The report: what verifying produced (SPEC section 9).

use serde::{Serialize, Serializer};

use super::finding::{Finding, FindingCode, Findings, as_text};
use crate::hash::Hash;
use crate::note::VerifierKey;
use crate::phrases::{self, Phrase};
use crate::time::Time;
pub use crate::verdict::Verdict;
use crate::words::words;

words! {
    /// How a check ended.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum CheckState {
        /// Every item passed.
        Pass = "pass",
        /// An item failed.
        Fail = "fail",
        /// No item failed, and one had no answer or there was none.
        NotChecked = "not_checked",
    }
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    /// How it ended.
    pub state: CheckState,
    /// How many items had an answer.
    pub checked: u64,
    /// How many items had an error, each once.
    pub failed: u64,
    /// Why it is not checked, for people.
    pub reason: Option<String>,
}

impl Check {
    /// The state of a check over items of which some have no answer, for the first of the reasons given.
    pub(super) fn of(checked: u64, failed: u64, no_answer: Option<&str>) -> Self {
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
            /// Every check with its name.
            pub fn iter(&self) -> impl Iterator<Item = (&'static str, &Check)> {
                [$((stringify!($name), &self.$name)),+].into_iter()
            }

            /// Every check with the result that is given for its name.
            ///
            /// # Errors
            /// The first that there is instead.
            pub fn of<E>(mut result: impl FnMut(&'static str) -> Result<Check, E>) -> Result<Self, E> {
                Ok(Self { $($name: result(stringify!($name))?),+ })
            }
        }
    };
}

checks! { format payloads chains signatures tree log range append_only witnesses time closure expected }

/// What the export holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Lines that are not blank, header and malformed ones included.
    pub lines: u64,
    /// Leaves here.
    pub entries: u64,
    /// Leaves that skips stand for.
    pub skipped: u64,
    /// Events shown.
    pub events: u64,
    /// Event links without their event.
    pub withheld: u64,
    /// Chains, by name.
    pub chains: u64,
    /// Valid signatures on links.
    pub signatures: u64,
    /// Well-formed key notes.
    pub notes: u64,
    /// Well-formed checkpoints.
    pub checkpoints: u64,
}

/// What an export is shown to be complete for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "by", rename_all = "lowercase")]
pub enum Complete {
    /// For the leaves from the first index up to, and not including, the second.
    Range {
        /// The range that the export claims.
        range: [u64; 2],
    },
    /// For the chains shown, which are all closed.
    Closure,
}

/// The last checkpoint whose root the leaves gave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Log {
    /// How many leaves it covers.
    pub size: u64,
    /// Its root hash.
    #[serde(serialize_with = "display")]
    pub root: Hash,
    /// When it was seen at, by the quorum of witnesses.
    #[serde(serialize_with = "as_text")]
    pub time: Option<Time>,
}

words! {
    /// Why a signer is trusted, or not.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum TrustBasis {
        /// The key was revoked, in the log or by the trust file.
        Revoked = "revoked",
        /// The trust file names it.
        TrustFile = "trust_file",
        /// An issuer in the trust file granted it.
        Granted = "granted",
        /// Nobody the reader trusts vouches for it.
        Unknown = "unknown",
    }
}

/// A key that an open link names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Signer {
    /// The key.
    #[serde(serialize_with = "display")]
    pub vkey: VerifierKey,
    /// Why it is trusted, or not.
    pub trust: TrustBasis,
    /// How many chains it signs here.
    pub chains: u64,
    /// How many links it has here, forks not counted.
    pub links: u64,
    /// The earliest time of a link.
    #[serde(serialize_with = "display")]
    pub first: Time,
    /// The latest time of a link.
    #[serde(serialize_with = "display")]
    pub last: Time,
}

/// The report. `message`, `hint` and `reason` are for people and may be worded freely; all the rest is
/// equal between verifiers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `report/v1`.
    pub countersign: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// What the export is shown to be complete for; none unless the verdict is `verified`.
    pub complete: Option<Complete>,
    /// The origin that the header names.
    pub origin: Option<String>,
    /// The checks.
    pub checks: Checks,
    /// What the export holds.
    pub counts: Counts,
    /// The last checkpoint whose root the leaves gave.
    pub log: Option<Log>,
    /// Each key that an open link names, in byte order.
    pub signers: Vec<Signer>,
    /// The first hundred findings of each code, by line.
    pub findings: Vec<Finding>,
    /// How many findings of each code there are, by code.
    #[serde(serialize_with = "by_code")]
    pub finding_counts: Vec<(FindingCode, u64)>,
}

impl Report {
    /// The leaves that the export is shown to be complete for, from the first index up to, and not including, the second:
    /// there only where the verdict is `verified` and the range holds, so that no event in it is withheld.
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

    /// One of an export of which nothing more is known.
    pub(super) fn new(verdict: Verdict, checks: Checks, counts: Counts, findings: Findings) -> Self {
        Self {
            countersign: "report/v1",
            verdict,
            complete: None,
            origin: None,
            checks,
            counts,
            log: None,
            signers: Vec::new(),
            finding_counts: findings.counts().collect(),
            findings: findings.into_list(),
        }
    }
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
    fn each_verdict_has_its_exit_status() {
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
