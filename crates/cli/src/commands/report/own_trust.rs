//! Repeats the search of a report with the reader's own trust file, and compares the answers.

use std::collections::HashSet;

use countersign::verify::Report;
use countersign_analyze::Pack;
use countersign_evidence::{File, Frame, MAX_DETECTIONS};
use countersign_query::Parsers;

use super::detections::{OwnDetections, rules_to_repeat};
use super::selected::{Answers, FoundEvents, Question, Rules, Search, VerifyInput, embedded_export};
use crate::errors::CliError;
use crate::io::input::Input;
use crate::io::style::{bad, good};
use crate::io::verdict::{count, entries};

/// The maximum number of entries that a sentence lists.
const MAX_LISTED: usize = 20;

/// The report on an export by the reader's trust file, the answer in it if the frame has a query, and the result of the
/// rules if they were run.
pub(super) struct OwnResult {
    pub(super) report: Report,
    pub(super) answer: Option<OwnAnswer>,
    pub(super) detected: Option<OwnDetections>,
}

/// The answer by the reader's trust file, compared with that of a report.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct OwnAnswer {
    /// The result of the search; `None` if the events that were searched are not there.
    searched: Option<Searched>,
    /// The entries that match by the reader's trust file and that the report's answer leaves out, in order.
    left_out: Vec<u64>,
    /// The entries of the report's answer whose event does not verify, or whose signer is not trusted, in order.
    unverified: Vec<u64>,
}

/// The result of a search, in numbers of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Searched {
    selected: u64,
    examined: u64,
    unrecognized: u64,
}

impl OwnAnswer {
    /// Compares the entries of an answer with what the reader's trust file verifies in the same export. Without a
    /// search, the export has only events that were selected.
    fn compare(answer: &[u64], own: &FoundEvents, is_searched: bool) -> Self {
        let untrusted: HashSet<u64> = own.untrusted.iter().copied().collect();
        let verified: HashSet<u64> =
            own.all.iter().copied().filter(|leaf| !untrusted.contains(leaf)).collect();
        let answered: HashSet<u64> = answer.iter().copied().collect();
        let unverified = answer.iter().copied().filter(|leaf| !verified.contains(leaf));
        let left_out = own.matching.iter().copied().filter(|leaf| !answered.contains(leaf));
        let searched = Searched {
            selected: own.matching.len() as u64,
            examined: own.all.len() as u64,
            unrecognized: own.unrecognized.len() as u64,
        };
        Self {
            searched: is_searched.then_some(searched),
            left_out: left_out.collect(),
            unverified: unverified.collect(),
        }
    }

    /// True if the report's answer is also the answer by the reader's trust file.
    pub(super) fn is_same(&self) -> bool {
        self.left_out.is_empty() && self.unverified.is_empty()
    }

    /// Describes the answer by the reader's trust file, and how the report's differs from it.
    pub(super) fn describe(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(Searched { selected, examined, unrecognized }) = self.searched {
            let mark = if self.is_same() { good("✓") } else { bad("!") };
            let events = count(examined, "event");
            let unrecognized = unrecognized_words(unrecognized);
            lines.push(format!(
                "{mark} by your trust file, the query selects {selected} of {events}{unrecognized}"
            ));
        }
        let differences = [
            (&self.left_out, "matches", "match", "by your trust file that the answer leaves out"),
            (&self.unverified, "of the answer is", "of the answer are", "not verified by your trust file"),
        ];
        for (leaves, one, more, what) in differences {
            if !leaves.is_empty() {
                let verb = if leaves.len() == 1 { one } else { more };
                let (entries, listed) = (entries(leaves.len() as u64), listed(leaves));
                lines.push(format!("{} {entries} {verb} {what}: {listed}", bad("!")));
            }
        }
        lines
    }
}

/// Returns how many of the examined events state no actor, no action, or no time, as the end of a sentence; empty for none.
pub(super) fn unrecognized_words(events: u64) -> String {
    match events {
        0 => String::new(),
        1 => "; of these, 1 states no actor, no action, or no time in a form that the query knows".into(),
        more => {
            format!("; of these, {more} state no actor, no action, or no time in a form that the query knows")
        }
    }
}

/// Lists the first entries.
pub(super) fn listed(leaves: &[u64]) -> String {
    let shown: Vec<String> = leaves.iter().take(MAX_LISTED).map(u64::to_string).collect();
    let more = leaves.len().saturating_sub(MAX_LISTED);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    shown.join(", ") + &rest
}

/// Verifies the export in an evidence file with the reader's trust file, and searches it. Runs the rules again if
/// `with_rules` and the file contains all events that they examined. `answer` has the entries of the file's answer.
pub(super) fn ask_file(
    file: &File,
    own: &VerifyInput,
    answer: &[u64],
    with_rules: bool,
) -> Result<OwnResult, CliError> {
    let frame = &file.frame;
    let is_searched = frame.must_search();
    let search = is_searched.then(|| search_of(frame)).transpose()?.flatten();
    let pack = if with_rules { rules_to_repeat(file)? } else { None };
    let parsers = Parsers::built_in();
    let question = question(frame, search.as_ref(), pack.as_ref(), &parsers);
    let Answers { verification, found, detections } =
        question.ask(&mut embedded_export(file), own.options()?, 1)?;
    let report = verification.report;
    let compare = || OwnAnswer::compare(answer, &found, is_searched);
    let detected = detections.map(|of| OwnDetections::compare(frame, of.stated, &report));
    Ok(OwnResult { answer: frame.query.as_ref().map(|_| compare()), detected, report })
}

/// Verifies the whole export with the reader's trust file, searches it, and runs the report's rules. `answer` has the
/// entries that the query selects by the report's trust file.
pub(super) fn ask_whole(
    export: &mut Input,
    frame: &Frame,
    own: &VerifyInput,
    answer: &[u64],
    pack: Option<&Pack>,
    (parsers, threads): (&Parsers, usize),
) -> Result<OwnResult, CliError> {
    let search = search_of(frame)?;
    let question = question(frame, search.as_ref(), pack, parsers);
    let Answers { verification, found, detections } = question.ask(export, own.options()?, threads)?;
    let report = verification.report;
    let compare = |_| OwnAnswer::compare(answer, &found, true);
    let detected = detections.map(|of| OwnDetections::compare(frame, of.stated, &report));
    Ok(OwnResult { answer: search.as_ref().map(compare), detected, report })
}

fn question<'a>(
    frame: &Frame,
    search: Option<&'a Search>,
    pack: Option<&'a Pack>,
    parsers: &'a Parsers,
) -> Question<'a> {
    let range = frame.scope.range;
    let rules = pack.map(|pack| Rules { pack, max_findings: MAX_DETECTIONS, range });
    Question { search, range, rules, parsers }
}

fn search_of(frame: &Frame) -> Result<Option<Search>, CliError> {
    frame.query.as_deref().map(|text| Search::parse(text, frame.time)).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(all: &[u64], matching: &[u64], untrusted: &[u64]) -> FoundEvents {
        FoundEvents {
            all: all.to_vec(),
            matching: matching.to_vec(),
            untrusted: untrusted.to_vec(),
            ..FoundEvents::default()
        }
    }

    fn lines(answer: &OwnAnswer) -> String {
        anstream::adapter::strip_str(&answer.describe().join("\n")).to_string()
    }

    #[test]
    fn lists_the_entries_that_differ() {
        let answer = OwnAnswer::compare(&[3, 5, 8], &found(&[3, 5, 17, 412], &[3, 5, 17, 412], &[5]), true);
        assert!(!answer.is_same());
        assert_eq!(
            lines(&answer),
            "! by your trust file, the query selects 4 of 4 events\n\
             ! 2 entries match by your trust file that the answer leaves out: 17, 412\n\
             ! 2 entries of the answer are not verified by your trust file: 5, 8"
        );
        let one = OwnAnswer::compare(&[3], &found(&[4], &[4], &[]), false);
        assert_eq!(
            lines(&one),
            "! 1 entry matches by your trust file that the answer leaves out: 4\n\
             ! 1 entry of the answer is not verified by your trust file: 3"
        );
    }

    #[test]
    fn other_events_that_do_not_match_are_no_difference() {
        let answer = OwnAnswer::compare(&[3], &found(&[3, 4, 5], &[3], &[]), true);
        assert!(answer.is_same());
        assert_eq!(lines(&answer), "✓ by your trust file, the query selects 1 of 3 events");
    }

    #[test]
    fn long_lists_are_cut() {
        let many: Vec<u64> = (0..400).collect();
        let answer = OwnAnswer::compare(&many, &FoundEvents::default(), false);
        assert!(lines(&answer).starts_with("! 400 entries of the answer are not verified"));
        assert!(lines(&answer).ends_with("17, 18, 19 and 380 more"));
    }
}
