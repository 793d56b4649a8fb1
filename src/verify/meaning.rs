//! What a report means to who reads it (SPEC section 9). It follows from the report, and so stands beside it.

use serde::{Serialize, Serializer};

use super::finding::{FindingCode, Severity};
use super::report::{Check, CheckState, Report, Verdict};
use crate::link::ChainId;
use crate::words::words;

words! {
    /// What the words for a verdict depend on where it has several, of `broken` the first that is lacking: it explains
    /// what else is.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Why {
        /// Broken: the file is cut off or damaged.
        Truncated = "format.truncated",
        /// Broken: entries are missing.
        Missing = "range.missing",
        /// Broken: it is not what the reader asked for.
        Expected = "expected",
        /// Broken: too few witnesses cosigned it.
        Unwitnessed = "witness.quorum",
        /// Not checked: this is no export, or its header is damaged.
        Header = "format.header",
        /// Not checked: it is compressed in a way that can't be read.
        Compression = "format.compression",
        /// Not checked: the log had no entry, by its last checkpoint here.
        EmptyLog = "empty.log",
        /// Not checked: no entry is here.
        EmptyExport = "empty.export",
        /// Unconfirmed: only the log is not trusted.
        Log = "log.unknown",
        /// Partial: no entry is missing in between, but a key may have been revoked.
        Unseen = "key.unseen",
        /// Partial: no entry is missing in between, but events may be withheld.
        Withheld = "payload.withheld",
    }
}

impl Why {
    /// What an error says to be lacking; none where it says something else.
    fn lacking((error, _): &(FindingCode, u64)) -> Option<Self> {
        match error {
            FindingCode::FormatTruncated => Some(Self::Truncated),
            FindingCode::RangeMissing => Some(Self::Missing),
            FindingCode::ExpectedAge | FindingCode::ExpectedOrigin | FindingCode::ExpectedRange => {
                Some(Self::Expected)
            }
            FindingCode::WitnessQuorum => Some(Self::Unwitnessed),
            _ => None,
        }
    }
}

/// The chains whose signers are in doubt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Doubts {
    /// Those that the report names: at most 200, some twice.
    pub chains: Vec<ChainId>,
    /// Whether the report names fewer than there are. Then each chain is in doubt.
    pub all: bool,
}

impl Doubts {
    /// By what a report says.
    pub fn of(report: &Report) -> Self {
        let is_doubt = |code| matches!(code, FindingCode::KeySuspect | FindingCode::KeyLate);
        let named = report.findings.iter().filter(|finding| is_doubt(finding.code));
        let chains: Vec<ChainId> = named.filter_map(|finding| finding.chain).collect();
        let counts = report.finding_counts.iter().filter(|(code, _)| is_doubt(*code));
        Self { all: counts.map(|(_, count)| count).sum::<u64>() > chains.len() as u64, chains }
    }

    /// Whether a chain is among them.
    pub fn has(&self, chain: ChainId) -> bool {
        self.all || self.chains.contains(&chain)
    }
}

/// As `"all"`, or else as the chains.
impl Serialize for Doubts {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.all {
            return serializer.serialize_str("all");
        }
        serializer.collect_seq(self.chains.iter().map(ToString::to_string))
    }
}

/// All of it, for who has the report alone as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Meaning {
    /// What the words for the verdict depend on.
    pub why: Option<Why>,
    /// The checks that nothing asks for.
    pub not_needed: Vec<&'static str>,
    /// The chains whose signers are in doubt.
    pub doubts: Doubts,
}

impl Report {
    /// What it means.
    pub fn meaning(&self) -> Meaning {
        let names = self.checks.iter().map(|(name, _)| name);
        Meaning {
            why: self.why(),
            not_needed: names.filter(|name| self.is_not_needed(name)).collect(),
            doubts: Doubts::of(self),
        }
    }

    fn has(&self, code: FindingCode) -> bool {
        self.finding_counts.iter().any(|(found, _)| *found == code)
    }

    /// What the words for the verdict depend on: those that the table of verdicts has in brackets or after "where".
    pub fn why(&self) -> Option<Why> {
        let has = |code| self.has(code);
        let checks = &self.checks;
        Some(match self.verdict {
            Verdict::Broken => {
                let errors =
                    self.finding_counts.iter().filter(|(code, _)| code.severity() == Severity::Error);
                errors.map(Why::lacking).collect::<Option<Vec<_>>>()?.into_iter().min()?
            }
            Verdict::NotChecked if has(FindingCode::FormatHeader) => Why::Header,
            Verdict::NotChecked if has(FindingCode::FormatCompression) => Why::Compression,
            Verdict::NotChecked if self.counts.leaves + self.counts.skipped == 0 => {
                if self.log.is_some_and(|log| log.size == 0) { Why::EmptyLog } else { Why::EmptyExport }
            }
            Verdict::Unconfirmed if checks.signatures.passes() => Why::Log,
            Verdict::Partial if checks.range.passes() && checks.log.passes() => {
                if has(FindingCode::KeyUnseen) { Why::Unseen } else { Why::Withheld }
            }
            _ => return None,
        })
    }

    /// Whether the check of this name has no answer because nothing asks for one: people are then told that it is "not
    /// needed", and not that it is "not checked".
    pub fn is_not_needed(&self, name: &str) -> bool {
        let Some((_, check)) = self.checks.iter().find(|(found, _)| *found == name) else { return false };
        let has = |code| self.has(code);
        let (is_read, is_open) = (self.checks.format.checked > 0, self.verdict == Verdict::NotChecked);
        if check.state != CheckState::NotChecked || !is_read {
            return false;
        }
        if self.verdict == Verdict::Verified {
            return true;
        }
        if check.checked > 0 {
            return false;
        }
        let other_passes = |other: &Check| self.verdict != Verdict::Partial && other.passes();
        match name {
            "tree" | "log" => {
                let has_log =
                    self.log.is_some() || has(FindingCode::LogUnknown) || has(FindingCode::TreeUncovered);
                !has_log && !is_open
            }
            "range" => other_passes(&self.checks.closure),
            "closure" => other_passes(&self.checks.range),
            "append_only" => !has(FindingCode::AppendOnlyNotReached),
            "witnesses" => !has(FindingCode::WitnessQuorum) && (self.log.is_some() || !is_open),
            "expected" => !is_open,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use FindingCode::{
        AppendOnlyNotReached, ChainGap, ChainJump, ChainOpen, ExpectedAge, ExpectedOrigin, FormatCompression,
        FormatHeader, FormatTruncated, KeyLate, KeySuspect, KeyUnknown, KeyUnseen, LogUnknown, RangeMissing,
        TreeUncovered, WitnessQuorum,
    };

    use super::*;
    use crate::hash::Hash;
    use crate::verify::LISTED;
    use crate::verify::finding::{Findings, Place};
    use crate::verify::report::{Checks, Counts, Log};

    /// A report of a leaf, whose checks pass but for those that are open, with how many items have an answer.
    fn report(verdict: Verdict, open: &[(&str, u64)], found: &[FindingCode]) -> Report {
        let check = |name| -> Result<Check, ()> {
            let open = open.iter().find(|(open, _)| *open == name).map(|(_, checked)| *checked);
            Ok(Check::of(open.unwrap_or(1), 0, open.map(|_| "nothing tells")))
        };
        let counts = Counts { leaves: 1, ..Counts::default() };
        let mut report = Report::new(verdict, Checks::of(check).unwrap(), counts, Findings::default());
        report.finding_counts = found.iter().map(|code| (*code, 1)).collect();
        report
    }

    fn of_size(size: u64) -> Log {
        Log { size, root: Hash::of(&[]), time: None }
    }

    #[test]
    fn what_is_lacking_is_said_where_nothing_else_is_wrong() {
        let why = |found: &[FindingCode]| report(Verdict::Broken, &[], found).why();
        assert_eq!(why(&[FormatTruncated]), Some(Why::Truncated));
        assert_eq!(why(&[RangeMissing, KeyUnknown]), Some(Why::Missing));
        assert_eq!(why(&[ExpectedAge, ExpectedOrigin]), Some(Why::Expected));
        assert_eq!(why(&[WitnessQuorum]), Some(Why::Unwitnessed));
        // The first explains the others.
        assert_eq!(why(&[ExpectedAge, WitnessQuorum]), Some(Why::Expected));
        assert_eq!(why(&[ExpectedAge, RangeMissing, WitnessQuorum]), Some(Why::Missing));
        assert_eq!(why(&[ExpectedAge, FormatTruncated, RangeMissing]), Some(Why::Truncated));
        assert_eq!(why(&[ChainGap, FormatTruncated]), None);
        assert_eq!(report(Verdict::Altered, &[], &[FormatTruncated]).why(), None);
    }

    #[test]
    fn nothing_was_checked_where_nothing_is() {
        let why = |verdict, leaves, log, found: &[FindingCode]| {
            let counts = Counts { leaves, ..Counts::default() };
            Report { counts, log, ..report(verdict, &[], found) }.why()
        };
        assert_eq!(why(Verdict::NotChecked, 0, Some(of_size(0)), &[]), Some(Why::EmptyLog));
        assert_eq!(why(Verdict::NotChecked, 0, Some(of_size(1)), &[]), Some(Why::EmptyExport));
        assert_eq!(why(Verdict::NotChecked, 0, None, &[]), Some(Why::EmptyExport));
        assert_eq!(why(Verdict::NotChecked, 1, None, &[]), None);
        assert_eq!(why(Verdict::Broken, 0, None, &[ChainGap]), None);
        assert_eq!(why(Verdict::NotChecked, 0, None, &[FormatHeader]), Some(Why::Header));
        assert_eq!(why(Verdict::NotChecked, 0, None, &[FormatCompression]), Some(Why::Compression));
    }

    #[test]
    fn what_is_not_confirmed_and_what_may_be_left_out_is_said() {
        let why = |verdict, open: &[_], found: &[_]| report(verdict, open, found).why();
        assert_eq!(why(Verdict::Unconfirmed, &[("log", 0)], &[LogUnknown]), Some(Why::Log));
        assert_eq!(why(Verdict::Unconfirmed, &[("signatures", 0)], &[KeyUnknown]), None);
        assert_eq!(why(Verdict::Partial, &[], &[]), Some(Why::Withheld));
        assert_eq!(why(Verdict::Partial, &[], &[KeyUnseen]), Some(Why::Unseen));
        assert_eq!(why(Verdict::Partial, &[("range", 0)], &[KeyUnseen]), None);
        assert_eq!(why(Verdict::Partial, &[("log", 0)], &[]), None);
        assert_eq!(why(Verdict::Verified, &[], &[]), None);
    }

    #[test]
    fn what_nothing_asks_for_is_not_needed() {
        let idle = |verdict, log: bool, open: &[(&str, u64)], found: &[FindingCode]| {
            let log = log.then(|| of_size(1));
            Report { log, ..report(verdict, open, found) }.meaning().not_needed
        };
        // A whole log.
        let open = [("append_only", 0), ("witnesses", 0), ("closure", 2), ("expected", 0)];
        let not_needed = ["append_only", "witnesses", "closure", "expected"];
        assert_eq!(idle(Verdict::Verified, true, &open, &[ChainOpen]), not_needed);
        // Closed chains without a log, then of a key that is not trusted, then by a trust file that names a log.
        let all = ["tree", "log", "range", "append_only", "witnesses", "expected"];
        let open = all.map(|name| (name, 0));
        assert_eq!(idle(Verdict::Verified, false, &open, &[]), all);
        let unknown = [&open[..], &[("signatures", 0)]].concat();
        assert_eq!(idle(Verdict::Unconfirmed, false, &unknown, &[KeyUnknown]), all);
        assert_eq!(idle(Verdict::NotChecked, false, &open, &[]), ["range", "append_only"]);
        // A slice: that it claims no range is why it is partial.
        let open = ["range", "append_only", "witnesses", "closure", "expected"].map(|name| (name, 0));
        let not_needed = ["append_only", "witnesses", "expected"];
        assert_eq!(idle(Verdict::Partial, true, &open, &[ChainJump]), not_needed);
        // A log that is not trusted.
        let untrusted = [&open[..], &[("log", 0)]].concat();
        assert_eq!(idle(Verdict::Unconfirmed, true, &untrusted, &[LogUnknown]), not_needed);
        // A pin that is not reached.
        let open = ["append_only", "witnesses", "expected"].map(|name| (name, 0));
        assert_eq!(idle(Verdict::NotChecked, true, &open, &[AppendOnlyNotReached]), ["witnesses"]);
        // Entries after the last checkpoint.
        let open = [("tree", 1), ("append_only", 0), ("witnesses", 0), ("closure", 0), ("expected", 0)];
        let not_needed = ["append_only", "witnesses", "closure"];
        assert_eq!(idle(Verdict::NotChecked, true, &open, &[TreeUncovered]), not_needed);
        // A file that could not be read.
        let open = ["format", "payloads", "tree", "log", "range", "append_only"].map(|name| (name, 0));
        assert!(idle(Verdict::NotChecked, false, &open, &[FormatHeader]).is_empty());
    }

    #[test]
    fn every_chain_is_in_doubt_where_a_report_names_fewer_than_there_are() {
        let doubts = |number: usize| {
            let mut findings = Findings::default();
            for nth in 0..number {
                let place = Place::line(1);
                findings.add(KeySuspect, place.about(ChainId([nth as u8; 16])), format_args!(""));
            }
            findings.add(KeyLate, Place::line(2).about(ChainId([0xf0; 16])), format_args!(""));
            let checks = report(Verdict::Partial, &[], &[]).checks;
            Report::new(Verdict::Partial, checks, Counts::default(), findings).meaning().doubts
        };
        let few = doubts(2);
        let has = [0, 1, 2, 0xf0].map(|nth| few.has(ChainId([nth; 16])));
        assert_eq!(has, [true, true, false, true]);
        let json = serde_json::to_value(&few).unwrap();
        assert_eq!(json, serde_json::json!(["00".repeat(16), "01".repeat(16), "f0".repeat(16)]));
        assert!(!doubts(LISTED).has(ChainId([0xee; 16])));
        let many = doubts(LISTED + 1);
        assert!(many.has(ChainId([0xee; 16])));
        assert_eq!(serde_json::to_value(&many).unwrap(), "all");
    }
}
