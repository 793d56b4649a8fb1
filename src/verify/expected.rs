//! The check `expected`: the export is what the reader asked for.

use super::FindingCode::{ExpectedAge, ExpectedOrigin, ExpectedRange};
use super::finding::{Findings, Place};
use super::report::Check;
use super::sequence::Sequence;
use crate::error::Quoted;
use crate::expectation::Expectation;
use crate::phrases::{self, say};

const FIRST_LINE: Place = Place::line(1);

/// Runs the check at the end of the export.
pub(super) fn check(sequence: &Sequence, tree_passes: bool, findings: &mut Findings) -> Check {
    let (expect, origin) = (&sequence.options.expect, &sequence.header.origin);
    let (mut items, mut failed) = (0, 0);
    let mut record = |good: bool| {
        items += 1;
        failed += u64::from(!good);
    };
    let mut not_checked = None;
    let expected = Expectation::new(expect.origin.as_deref(), &sequence.options.trust);
    if let Some(is_named) = expected.is_named(origin) {
        record(is_named);
        if !is_named {
            let log = Quoted(origin);
            let message = say!("expected.origin", "the export is of the log {log}", log);
            findings.add(ExpectedOrigin, FIRST_LINE, message);
        }
    }
    if let Some(range) = &sequence.expected {
        if range.contradicted(sequence.tree.position(), FIRST_LINE).is_some() {
            record(false);
            let (begin, end) = (range.begin, range.end.max(1) - 1);
            let message = say!(
                "expected.range",
                "not all of the entries {begin} to {end} are in the export",
                begin,
                end
            );
            findings.add(ExpectedRange, FIRST_LINE, message);
        } else if tree_passes {
            record(true);
        } else {
            not_checked = Some(phrases::REASON_UNTRUSTED_PLACES);
        }
    }
    if let Some(age) = &expect.max_age {
        match sequence.log.and_then(|log| log.time) {
            None => not_checked = Some(phrases::REASON_NO_AGE),
            Some(time) => {
                let old = age.now.millis().saturating_sub(time.millis()) > age.seconds.saturating_mul(1000);
                record(!old);
                if old {
                    let message = say!("expected.age", "the log was last seen at {time}", time);
                    findings.add(ExpectedAge, FIRST_LINE, message);
                }
            }
        }
    }
    if let Some(has_line) = expected.has_line(origin) {
        record(has_line);
        if !has_line {
            let log = Quoted(origin);
            let message = say!(
                "expected.origin.named",
                "the export is of the log {log}, which the trust file does not name",
                log
            );
            findings.add(ExpectedOrigin, FIRST_LINE, message);
        }
    }
    if expect.is_empty() && expected.is_empty() {
        not_checked = Some(phrases::REASON_NO_EXPECTATION);
    }
    Check::new(items, failed, not_checked)
}
