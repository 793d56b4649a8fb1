//! The check `expected`: is it what the reader asked for?

use super::FindingCode::{ExpectedAge, ExpectedOrigin, ExpectedRange};
use super::finding::{Findings, Place};
use super::report::Check;
use super::sequence::Sequence;
use crate::error::Quoted;

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
            let message = format_args!("the export is of the log {}", Quoted(origin));
            findings.add(ExpectedOrigin, FIRST_LINE, message);
        }
    }
    if let Some(range) = &sequence.expected {
        if range.contradicted(sequence.tree.position(), FIRST_LINE).is_some() {
            answer(false);
            let (begin, end) = (range.begin, range.end);
            let message = format_args!("not all of the entries {begin} to {} are here", end.max(1) - 1);
            findings.add(ExpectedRange, FIRST_LINE, message);
        } else if tree_passes {
            answer(true);
        } else {
            no_answer = Some("only a checkpoint can confirm the entries' places");
        }
    }
    if let Some(age) = &expect.max_age {
        match sequence.log.and_then(|log| log.time) {
            None => no_answer = Some("no witnesses say how old the last checkpoint is"),
            Some(time) => {
                let old = age.now.millis().saturating_sub(time.millis()) > age.seconds.saturating_mul(1000);
                answer(!old);
                if old {
                    findings.add(ExpectedAge, FIRST_LINE, format_args!("the log was last seen at {time}"));
                }
            }
        }
    }
    if expect.is_empty() {
        no_answer = Some("nothing was expected");
    }
    Check::of(items, failed, no_answer)
}
