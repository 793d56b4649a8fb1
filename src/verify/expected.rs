//! The check `expected`: is it what the reader asked for?

use super::FindingCode::{ExpectedAge, ExpectedOrigin, ExpectedRange};
use super::finding::{Findings, Place};
use super::report::Check;
use super::sequence::Sequence;
use crate::error::Quoted;
use crate::phrases::{self, say};

const FIRST_LINE: Place = Place::line(1);

/// The check at the end of the export.
pub(super) fn check(sequence: &Sequence, tree_passes: bool, findings: &mut Findings) -> Check {
    let (expect, origin) = (&sequence.options.expect, &sequence.header.origin);
    let (mut items, mut failed) = (0, 0);
    let mut answer = |good: bool| {
        items += 1;
        failed += u64::from(!good);
    };
    let mut no_answer = None;
    if let Some(expected) = &expect.origin {
        answer(expected == origin);
        if expected != origin {
            let log = Quoted(origin);
            let message = say!("expected.origin", "the export is of the log {log}", log);
            findings.add(ExpectedOrigin, FIRST_LINE, message);
        }
    }
    if let Some(range) = &sequence.expected {
        if range.contradicted(sequence.tree.position(), FIRST_LINE).is_some() {
            answer(false);
            let (begin, end) = (range.begin, range.end.max(1) - 1);
            let message =
                say!("expected.range", "not all of the entries {begin} to {end} are here", begin, end);
            findings.add(ExpectedRange, FIRST_LINE, message);
        } else if tree_passes {
            answer(true);
        } else {
            no_answer = Some(phrases::REASON_UNTRUSTED_PLACES);
        }
    }
    if let Some(age) = &expect.max_age {
        match sequence.log.and_then(|log| log.time) {
            None => no_answer = Some(phrases::REASON_NO_AGE),
            Some(time) => {
                let old = age.now.millis().saturating_sub(time.millis()) > age.seconds.saturating_mul(1000);
                answer(!old);
                if old {
                    let message = say!("expected.age", "the log was last seen at {time}", time);
                    findings.add(ExpectedAge, FIRST_LINE, message);
                }
            }
        }
    }
    if expect.is_empty() {
        no_answer = Some(phrases::REASON_NO_EXPECTATION);
    }
    Check::of(items, failed, no_answer)
}
