//! Interpretation of a report for people (SPEC section 9). It follows from the report and is not part of it; user
//! interfaces receive it alongside.

use super::finding::{FindingCode, LISTED, Severity};
use super::report::{Check, CheckState, Report, Verdict};
use crate::link::ChainId;
use crate::words::words;

words! {
    /// The reason behind a verdict that has several wordings. For `broken`, the first reason in this order, which
    /// explains the others.
    #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
    pub enum Why {
        /// Altered: the log ends before a state that was seen before, and nothing else is wrong.
        Rollback = "append_only.rollback",
        /// Broken: the file is truncated or corrupt.
        Truncated = "format.truncated",
        /// Broken: entries are missing.
        Missing = "range.missing",
        /// Broken: the export is not what the reader asked for.
        Expected = "expected",
        /// Broken: too few witnesses cosigned it.
        Unwitnessed = "witness.quorum",
        /// Not checked: the file is not an export, or its header is corrupt.
        Header = "format.header",
        /// Not checked: the compression is not supported, or the compressed data is invalid.
        Compression = "format.compression",
        /// Not checked: the log was empty at its last checkpoint here.
        EmptyLog = "empty.log",
        /// Not checked: the export has no entry.
        EmptyExport = "empty.export",
        /// Untrusted: the signers are trusted, but the log is not.
        Log = "log.unknown",
        /// Untrusted: the reader named no expected log.
        Unnamed = "log.unnamed",
        /// Partial: no entry of the claimed range is missing, but an omitted entry may revoke a signer's key.
        Unseen = "key.unseen",
        /// Partial: no entry of the claimed range is missing, but events may be withheld.
        Withheld = "payload.withheld",
    }
}

impl Why {
    /// Returns the reason that an error gives, if any.
    fn from_error(error: FindingCode) -> Option<Self> {
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
    /// The chains that the report names: at most 200, possibly with repetitions.
    pub chains: Vec<ChainId>,
    /// True if the report does not name all of them. In this case, every chain is in doubt.
    pub all: bool,
}

impl Doubts {
    /// Collects the chains from a report.
    #[inline(never)] // Inlining would make the artifact larger.
    pub fn from_report(report: &Report) -> Self {
        let is_doubt = |code| matches!(code, FindingCode::KeySuspect | FindingCode::KeyLate);
        let named = report.findings.iter().filter(|finding| is_doubt(finding.code));
        let is_more = |(code, count): &(FindingCode, u64)| is_doubt(*code) && *count > LISTED as u64;
        Self {
            chains: named.filter_map(|finding| finding.chain).collect(),
            all: report.finding_counts.iter().any(is_more),
        }
    }

    /// True if the chain is in doubt.
    pub fn has(&self, chain: ChainId) -> bool {
        self.all || self.chains.contains(&chain)
    }
}

impl Report {
    #[inline(never)] // Inlining would make the artifact larger.
    fn has(&self, code: FindingCode) -> bool {
        self.finding_counts.iter().any(|(found, _)| *found == code)
    }

    /// Returns the reason that selects the verdict's wording: the part in brackets or after "where" in SPEC's table
    /// of verdicts.
    pub fn why(&self) -> Option<Why> {
        let has = |code| self.has(code);
        let checks = &self.checks;
        let is_error = |code: &FindingCode| code.severity() == Severity::Error;
        let mut errors = self.finding_counts.iter().map(|(code, _)| *code).filter(is_error);
        Some(match self.verdict {
            Verdict::Altered if errors.all(|error| error == FindingCode::AppendOnlyRollback) => Why::Rollback,
            Verdict::Broken => {
                let mut first = None;
                for error in errors {
                    let why = Why::from_error(error)?;
                    first = Some(first.map_or(why, |first| why.min(first)));
                }
                first?
            }
            Verdict::NotChecked if has(FindingCode::FormatHeader) => Why::Header,
            Verdict::NotChecked if has(FindingCode::FormatCompression) => Why::Compression,
            Verdict::NotChecked if self.counts.entries + self.counts.skipped == 0 => {
                if self.log.is_some_and(|log| log.size == 0) { Why::EmptyLog } else { Why::EmptyExport }
            }
            Verdict::Untrusted if !checks.signatures.passes() => return None,
            Verdict::Untrusted if has(FindingCode::LogUnnamed) && !has(FindingCode::LogUnknown) => {
                Why::Unnamed
            }
            Verdict::Untrusted => Why::Log,
            Verdict::Partial if checks.range.passes() && checks.log.passes() => {
                if has(FindingCode::KeyUnseen) { Why::Unseen } else { Why::Withheld }
            }
            _ => return None,
        })
    }

    /// Returns the names of the checks that are not checked because nothing requires them. User interfaces show "not
    /// needed" instead of "not checked".
    pub fn not_needed(&self) -> impl Iterator<Item = &'static str> {
        let Self { checks, log, verdict, .. } = self;
        let is_verified = *verdict == Verdict::Verified;
        let is_concluded = *verdict != Verdict::NotChecked;
        let signs = [FindingCode::LogUnknown, FindingCode::LogUnnamed, FindingCode::TreeUncovered];
        let has_log = log.is_some() || signs.into_iter().any(|code| self.has(code));
        let is_of_log = is_concluded && !has_log;
        let passes = |other: &Check| *verdict != Verdict::Partial && other.passes();
        let is_of_witnesses = (is_concluded || log.is_some()) && !self.has(FindingCode::WitnessQuorum);
        // The order is that of the checks.
        let idle = [
            false,
            false,
            false,
            false,
            is_of_log,
            is_of_log,
            passes(&checks.closure),
            !self.has(FindingCode::AppendOnlyNotReached) && !self.has(FindingCode::AppendOnlyAnchor),
            is_of_witnesses,
            false,
            passes(&checks.range),
            is_concluded,
        ];
        let is_read = checks.format.checked > 0;
        checks.iter().zip(idle).filter_map(move |((name, check), idle)| {
            let is_open = is_read && check.state == CheckState::NotChecked;
            (is_open && (is_verified || check.checked == 0 && idle)).then_some(name)
        })
    }
}

#[cfg(test)]
mod tests {
    #[cfg(target_arch = "wasm32")]
    use wasm_bindgen_test::wasm_bindgen_test as test;

    use FindingCode::{
        AppendOnlyAnchor, AppendOnlyNotReached, AppendOnlyRollback, AppendOnlySplitView, ChainGap, ChainJump,
        ChainOpen, ExpectedAge, ExpectedOrigin, FormatCompression, FormatHeader, FormatTruncated, KeyLate,
        KeySuspect, KeyUnknown, KeyUnseen, LogUnknown, LogUnnamed, PayloadMismatch, RangeMissing,
        TreeUncovered, WitnessQuorum,
    };

    use super::*;

    use crate::hash::Hash;
    use crate::phrases::say;
    use crate::verify::finding::{Findings, Place};
    use crate::verify::report::{Checks, Counts, Log};

    /// Returns a report of one entry whose checks pass, except the `open` ones, given with their number of checked
    /// items.
    fn report(verdict: Verdict, open: &[(&str, u64)], found: &[FindingCode]) -> Report {
        let check = |name| -> Result<Check, ()> {
            let open = open.iter().find(|(open, _)| *open == name).map(|(_, checked)| *checked);
            Ok(Check::new(open.unwrap_or(1), 0, open.map(|_| "not checked")))
        };
        let counts = Counts { entries: 1, ..Counts::default() };
        let mut report = Report::new(verdict, Checks::collect(check).unwrap(), counts, Findings::default());
        report.finding_counts = found.iter().map(|code| (*code, 1)).collect();
        report
    }

    fn of_size(size: u64) -> Log {
        Log { size, root: Hash::digest(&[]), time: None }
    }

    #[test]
    fn broken_has_a_reason_if_nothing_else_is_wrong() {
        let why = |found: &[FindingCode]| report(Verdict::Broken, &[], found).why();
        assert_eq!(why(&[FormatTruncated]), Some(Why::Truncated));
        assert_eq!(why(&[RangeMissing, KeyUnknown]), Some(Why::Missing));
        assert_eq!(why(&[ExpectedAge, ExpectedOrigin]), Some(Why::Expected));
        assert_eq!(why(&[WitnessQuorum]), Some(Why::Unwitnessed));
        // The first reason explains the others.
        assert_eq!(why(&[ExpectedAge, WitnessQuorum]), Some(Why::Expected));
        assert_eq!(why(&[ExpectedAge, RangeMissing, WitnessQuorum]), Some(Why::Missing));
        assert_eq!(why(&[ExpectedAge, FormatTruncated, RangeMissing]), Some(Why::Truncated));
        assert_eq!(why(&[ChainGap, FormatTruncated]), None);
        assert_eq!(report(Verdict::Altered, &[], &[FormatTruncated]).why(), None);
    }

    #[test]
    fn an_older_view_has_a_reason_if_nothing_else_is_wrong() {
        let why = |found: &[FindingCode]| report(Verdict::Altered, &[], found).why();
        assert_eq!(why(&[AppendOnlyRollback, KeyUnknown]), Some(Why::Rollback));
        assert_eq!(why(&[AppendOnlyRollback, PayloadMismatch]), None);
        assert_eq!(why(&[AppendOnlyRollback, AppendOnlySplitView]), None);
    }

    #[test]
    fn empty_exports_have_a_reason() {
        let why = |verdict, entries, log, found: &[FindingCode]| {
            let counts = Counts { entries, ..Counts::default() };
            Report { counts, log, ..report(verdict, &[], found) }.why()
        };
        assert_eq!(why(Verdict::NotChecked, 0, Some(of_size(0)), &[]), Some(Why::EmptyLog));
        assert_eq!(why(Verdict::NotChecked, 0, Some(of_size(1)), &[]), Some(Why::EmptyExport));
        assert_eq!(why(Verdict::NotChecked, 0, None, &[]), Some(Why::EmptyExport));
        assert_eq!(why(Verdict::NotChecked, 1, None, &[]), None);
        let shown_and_skipped = Counts { entries: 1, skipped: 1, ..Counts::default() };
        let report = Report { counts: shown_and_skipped, ..report(Verdict::NotChecked, &[], &[]) };
        assert_eq!(report.why(), None);
        assert_eq!(why(Verdict::Broken, 0, None, &[ChainGap]), None);
        assert_eq!(why(Verdict::NotChecked, 0, None, &[FormatHeader]), Some(Why::Header));
        assert_eq!(why(Verdict::NotChecked, 0, None, &[FormatCompression]), Some(Why::Compression));
    }

    #[test]
    fn untrusted_and_partial_have_a_reason() {
        let why = |verdict, open: &[_], found: &[_]| report(verdict, open, found).why();
        assert_eq!(why(Verdict::Untrusted, &[("log", 0)], &[LogUnknown]), Some(Why::Log));
        assert_eq!(why(Verdict::Untrusted, &[("log", 0)], &[LogUnnamed]), Some(Why::Unnamed));
        assert_eq!(why(Verdict::Untrusted, &[("log", 0)], &[LogUnknown, LogUnnamed]), Some(Why::Log));
        assert_eq!(why(Verdict::Untrusted, &[("signatures", 0)], &[KeyUnknown, LogUnnamed]), None);
        assert_eq!(why(Verdict::Untrusted, &[("signatures", 0)], &[KeyUnknown]), None);
        assert_eq!(why(Verdict::Partial, &[], &[]), Some(Why::Withheld));
        assert_eq!(why(Verdict::Partial, &[], &[KeyUnseen]), Some(Why::Unseen));
        assert_eq!(why(Verdict::Partial, &[("range", 0)], &[KeyUnseen]), None);
        assert_eq!(why(Verdict::Partial, &[("log", 0)], &[]), None);
        assert_eq!(why(Verdict::Verified, &[], &[]), None);
    }

    #[test]
    fn checks_that_nothing_requires_are_not_needed() {
        let idle = |verdict, log: bool, open: &[(&str, u64)], found: &[FindingCode]| {
            let log = log.then(|| of_size(1));
            Report { log, ..report(verdict, open, found) }.not_needed().collect::<Vec<_>>()
        };
        // A whole log.
        let open = [("append_only", 0), ("witnesses", 0), ("closure", 2), ("expected", 0)];
        let not_needed = ["append_only", "witnesses", "closure", "expected"];
        assert_eq!(idle(Verdict::Verified, true, &open, &[ChainOpen]), not_needed);
        // Closed chains without a log; then with an untrusted key; then with a trust file that names a log.
        let all = ["tree", "log", "range", "append_only", "witnesses", "expected"];
        let open = all.map(|name| (name, 0));
        assert_eq!(idle(Verdict::Verified, false, &open, &[]), all);
        let unknown = [&open[..], &[("signatures", 0)]].concat();
        assert_eq!(idle(Verdict::Untrusted, false, &unknown, &[KeyUnknown]), all);
        assert_eq!(idle(Verdict::NotChecked, false, &open, &[]), ["range", "append_only"]);
        // A slice. It is partial because it claims no range.
        let open = ["range", "append_only", "witnesses", "closure", "expected"].map(|name| (name, 0));
        let not_needed = ["append_only", "witnesses", "expected"];
        assert_eq!(idle(Verdict::Partial, true, &open, &[ChainJump]), not_needed);
        // An untrusted log.
        let untrusted = [&open[..], &[("log", 0)]].concat();
        assert_eq!(idle(Verdict::Untrusted, true, &untrusted, &[LogUnknown]), not_needed);
        // A pin beyond the end of the export; then a missing anchor.
        let open = ["append_only", "witnesses", "expected"].map(|name| (name, 0));
        for missing in [AppendOnlyNotReached, AppendOnlyAnchor] {
            assert_eq!(idle(Verdict::NotChecked, true, &open, &[missing]), ["witnesses"]);
        }
        // Entries after the last checkpoint.
        let open = [("tree", 1), ("append_only", 0), ("witnesses", 0), ("closure", 0), ("expected", 0)];
        let not_needed = ["append_only", "witnesses", "closure"];
        assert_eq!(idle(Verdict::NotChecked, true, &open, &[TreeUncovered]), not_needed);
        // Signs of a log, although no checkpoint says anything about it.
        for sign in [LogUnknown, LogUnnamed, TreeUncovered] {
            assert!(idle(Verdict::Partial, false, &[("tree", 0), ("log", 0)], &[sign]).is_empty());
        }
        // A file that could not be read.
        let open = ["format", "payloads", "tree", "log", "range", "append_only"].map(|name| (name, 0));
        assert!(idle(Verdict::NotChecked, false, &open, &[FormatHeader]).is_empty());
    }

    #[test]
    fn every_chain_is_in_doubt_if_the_report_does_not_name_all() {
        let doubts = |number: usize| {
            let mut findings = Findings::default();
            for nth in 0..number {
                let place = Place::line(1);
                findings.add(KeySuspect, place.about(ChainId([nth as u8; 16])), say!(""));
            }
            findings.add(KeyLate, Place::line(2).about(ChainId([0xf0; 16])), say!(""));
            let checks = report(Verdict::Partial, &[], &[]).checks;
            Doubts::from_report(&Report::new(Verdict::Partial, checks, Counts::default(), findings))
        };
        let few = doubts(2);
        let has = [0, 1, 2, 0xf0].map(|nth| few.has(ChainId([nth; 16])));
        assert_eq!(has, [true, true, false, true]);
        assert!(!doubts(LISTED).has(ChainId([0xee; 16])));
        assert!(doubts(LISTED + 1).has(ChainId([0xee; 16])));
    }
}
