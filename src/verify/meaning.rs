//! What a report means to people (SPEC section 9). It follows from the report, which has no member for it: interfaces get it
//! beside the report.

use super::finding::{FindingCode, LISTED, Severity};
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
        /// Untrusted: only the log is not trusted.
        Log = "log.unknown",
        /// Partial: no entry is missing in between, but a key may have been revoked.
        Unseen = "key.unseen",
        /// Partial: no entry is missing in between, but events may be withheld.
        Withheld = "payload.withheld",
    }
}

impl Why {
    /// What an error says to be lacking; none where it says something else.
    fn lacking(error: FindingCode) -> Option<Self> {
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
    #[inline(never)] // As a copy in its caller it is larger.
    pub fn of(report: &Report) -> Self {
        let is_doubt = |code| matches!(code, FindingCode::KeySuspect | FindingCode::KeyLate);
        let named = report.findings.iter().filter(|finding| is_doubt(finding.code));
        let is_more = |(code, count): &(FindingCode, u64)| is_doubt(*code) && *count > LISTED as u64;
        Self {
            chains: named.filter_map(|finding| finding.chain).collect(),
            all: report.finding_counts.iter().any(is_more),
        }
    }

    /// Whether a chain is among them.
    pub fn has(&self, chain: ChainId) -> bool {
        self.all || self.chains.contains(&chain)
    }
}

impl Report {
    #[inline(never)] // So many copies would be larger.
    fn has(&self, code: FindingCode) -> bool {
        self.finding_counts.iter().any(|(found, _)| *found == code)
    }

    /// What the words for the verdict depend on: those that the table of verdicts has in brackets or after "where".
    pub fn why(&self) -> Option<Why> {
        let has = |code| self.has(code);
        let checks = &self.checks;
        Some(match self.verdict {
            Verdict::Broken => {
                let codes = self.finding_counts.iter().map(|(code, _)| *code);
                let mut first = None;
                for error in codes.filter(|code| code.severity() == Severity::Error) {
                    let why = Why::lacking(error)?;
                    first = Some(first.map_or(why, |first| why.min(first)));
                }
                first?
            }
            Verdict::NotChecked if has(FindingCode::FormatHeader) => Why::Header,
            Verdict::NotChecked if has(FindingCode::FormatCompression) => Why::Compression,
            Verdict::NotChecked if self.counts.entries + self.counts.skipped == 0 => {
                if self.log.is_some_and(|log| log.size == 0) { Why::EmptyLog } else { Why::EmptyExport }
            }
            Verdict::Untrusted if checks.signatures.passes() => Why::Log,
            Verdict::Partial if checks.range.passes() && checks.log.passes() => {
                if has(FindingCode::KeyUnseen) { Why::Unseen } else { Why::Withheld }
            }
            _ => return None,
        })
    }

    /// The names of the checks that have no answer because nothing asks for one: people are then told that it is "not needed",
    /// and not that it is "not checked".
    pub fn not_needed(&self) -> impl Iterator<Item = &'static str> {
        let Self { checks, log, verdict, .. } = self;
        let is_verified = *verdict == Verdict::Verified;
        let is_told = *verdict != Verdict::NotChecked;
        let has_log =
            log.is_some() || self.has(FindingCode::LogUnknown) || self.has(FindingCode::TreeUncovered);
        let is_of_log = is_told && !has_log;
        let passes = |other: &Check| *verdict != Verdict::Partial && other.passes();
        let is_of_witnesses = (is_told || log.is_some()) && !self.has(FindingCode::WitnessQuorum);
        // In the order of the checks.
        let idle = [
            false,
            false,
            false,
            false,
            is_of_log,
            is_of_log,
            passes(&checks.closure),
            !self.has(FindingCode::AppendOnlyNotReached),
            is_of_witnesses,
            false,
            passes(&checks.range),
            is_told,
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
        AppendOnlyNotReached, ChainGap, ChainJump, ChainOpen, ExpectedAge, ExpectedOrigin, FormatCompression,
        FormatHeader, FormatTruncated, KeyLate, KeySuspect, KeyUnknown, KeyUnseen, LogUnknown, RangeMissing,
        TreeUncovered, WitnessQuorum,
    };

    use super::*;

    use crate::hash::Hash;
    use crate::phrases::say;
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
        let shown_and_skipped = Counts { leaves: 1, skipped: 1, ..Counts::default() };
        let report = Report { counts: shown_and_skipped, ..report(Verdict::NotChecked, &[], &[]) };
        assert_eq!(report.why(), None);
        assert_eq!(why(Verdict::Broken, 0, None, &[ChainGap]), None);
        assert_eq!(why(Verdict::NotChecked, 0, None, &[FormatHeader]), Some(Why::Header));
        assert_eq!(why(Verdict::NotChecked, 0, None, &[FormatCompression]), Some(Why::Compression));
    }

    #[test]
    fn what_is_not_confirmed_and_what_may_be_left_out_is_said() {
        let why = |verdict, open: &[_], found: &[_]| report(verdict, open, found).why();
        assert_eq!(why(Verdict::Untrusted, &[("log", 0)], &[LogUnknown]), Some(Why::Log));
        assert_eq!(why(Verdict::Untrusted, &[("signatures", 0)], &[KeyUnknown]), None);
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
            Report { log, ..report(verdict, open, found) }.not_needed().collect::<Vec<_>>()
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
        assert_eq!(idle(Verdict::Untrusted, false, &unknown, &[KeyUnknown]), all);
        assert_eq!(idle(Verdict::NotChecked, false, &open, &[]), ["range", "append_only"]);
        // A slice: that it claims no range is why it is partial.
        let open = ["range", "append_only", "witnesses", "closure", "expected"].map(|name| (name, 0));
        let not_needed = ["append_only", "witnesses", "expected"];
        assert_eq!(idle(Verdict::Partial, true, &open, &[ChainJump]), not_needed);
        // A log that is not trusted.
        let untrusted = [&open[..], &[("log", 0)]].concat();
        assert_eq!(idle(Verdict::Untrusted, true, &untrusted, &[LogUnknown]), not_needed);
        // A pin that is not reached.
        let open = ["append_only", "witnesses", "expected"].map(|name| (name, 0));
        assert_eq!(idle(Verdict::NotChecked, true, &open, &[AppendOnlyNotReached]), ["witnesses"]);
        // Entries after the last checkpoint.
        let open = [("tree", 1), ("append_only", 0), ("witnesses", 0), ("closure", 0), ("expected", 0)];
        let not_needed = ["append_only", "witnesses", "closure"];
        assert_eq!(idle(Verdict::NotChecked, true, &open, &[TreeUncovered]), not_needed);
        // No checkpoint by which anything of a log is known, but a log.
        for sign in [LogUnknown, TreeUncovered] {
            assert!(idle(Verdict::Partial, false, &[("tree", 0), ("log", 0)], &[sign]).is_empty());
        }
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
                findings.add(KeySuspect, place.about(ChainId([nth as u8; 16])), say!(""));
            }
            findings.add(KeyLate, Place::line(2).about(ChainId([0xf0; 16])), say!(""));
            let checks = report(Verdict::Partial, &[], &[]).checks;
            Doubts::of(&Report::new(Verdict::Partial, checks, Counts::default(), findings))
        };
        let few = doubts(2);
        let has = [0, 1, 2, 0xf0].map(|nth| few.has(ChainId([nth; 16])));
        assert_eq!(has, [true, true, false, true]);
        assert!(!doubts(LISTED).has(ChainId([0xee; 16])));
        assert!(doubts(LISTED + 1).has(ChainId([0xee; 16])));
    }
}
