//! Comparison of a frame's statements with each other, and with the export that it is filed with (SPEC section 14).

use std::collections::BTreeSet;

use countersign::error::{Code, Error};
use countersign::hash::Hash;
use countersign::time::Time;
use countersign::tolerance::is_future;

use crate::detections::Detections;
use crate::frame::{Frame, Sampled};
use crate::json::{ALTERED, Json};
use crate::sample::{MAX_SAMPLED, is_drawn_in_order, sample};

/// The members of a report that are only for people, and may differ.
const FOR_PEOPLE: [&str; 3] = ["message", "hint", "reason"];
/// The counts that no slice exceeds.
const COUNTS: [&str; 6] = ["events", "chains", "signatures", "notes", "checkpoints", "entries"];

/// The content of a verified export, apart from its report.
#[derive(Clone, Debug, Default)]
pub struct VerifiedEntries {
    /// The entries of the events that verify, in any order.
    pub leaves: Vec<u64>,
    /// The root that determines samples of the export; `None` if no checkpoint matches.
    pub root: Option<SampleRoot>,
    /// The result of the frame's query; needed if [`Frame::must_search`].
    pub selected: Option<SelectedEntries>,
    /// The result of running the rules again; needed if [`Frame::must_detect`].
    pub detections: Option<Detections>,
}

/// The result of searching a verified export again, with the built-in parsers, at the time of the frame.
#[derive(Clone, Debug, Default)]
pub struct SelectedEntries {
    /// The entries of the events that the frame's query selects, in any order.
    pub leaves: Vec<u64>,
    /// The entries of the events that [`UNRECOGNIZED`](crate::UNRECOGNIZED) selects, in any order.
    pub unrecognized: Vec<u64>,
}

/// The root that determines a sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SampleRoot {
    /// The root of the last matching checkpoint that met the quorum of witnesses, else of the last matching one.
    pub root: Hash,
    /// True if that checkpoint met the quorum.
    pub witnessed: bool,
}

const DRAW_AGAIN: &str = "if you are making the report, draw the sample again from the selected events; \
                          otherwise ask for the original, as the report was altered";
const SEARCH: &str =
    "use the version of the program that the report names; with the same version, the file was altered";
const CLOCK: &str =
    "if you are making the report, set the clock or use a later time; otherwise ask for the original";

fn count(report: &Json, name: &str) -> Option<u64> {
    report.get("counts")?.get(name)?.number()
}

fn refuse(member: &str, message: &str, hint: &'static str) -> Error {
    Error::new(Code::Evidence, message).in_member(member).with_hint(hint)
}

impl Frame {
    /// Fails if statements of the frame contradict each other.
    pub(crate) fn check_consistency(&self) -> Result<(), Error> {
        let report = Json::parse(self.report.as_bytes())?;
        let missing = || refuse("report", "the report lacks its counts", ALTERED);
        let events = count(&report, "events").ok_or_else(missing)?;
        let entries = ["entries", "skipped"].iter().map(|name| count(&report, name));
        let entries = entries.sum::<Option<u64>>().ok_or_else(missing)?;
        let scope = &self.scope;
        let span = scope.range.map_or(u64::MAX, |(first, end)| end - first);
        if scope.events > events.min(span) {
            return Err(refuse("events", "the report selects more events than the export has", ALTERED));
        }
        match (&self.query, scope.examined) {
            (None, None) => {}
            (Some(_), Some(examined)) => {
                let is_within =
                    examined.events <= events.min(span) && examined.unrecognized <= examined.events;
                if !is_within || scope.events > examined.events {
                    let message = "the numbers of selected and examined events contradict the export";
                    return Err(refuse("examined", message, ALTERED));
                }
            }
            (Some(_), None) => {
                let message = "the report has a query, but does not state which events it examined";
                return Err(refuse("examined", message, ALTERED));
            }
            (None, Some(_)) => {
                let message = "the report states a search, but has no query";
                return Err(refuse("examined", message, ALTERED));
            }
        }
        if let Some(sample) = &scope.sample {
            sample.check_consistency(scope.events, scope.range)?;
        }
        if let Some(detections) = &self.detections {
            self.check_detections(detections)?;
        }
        if self.papers.last().is_some_and(|paper| paper.leaf >= entries) {
            return Err(refuse("papers", "a note refers to an entry that the export does not have", ALTERED));
        }
        let log_time = report.get("log").and_then(|log| log.get("time")).and_then(Json::text_of);
        let log_time = log_time.and_then(|time| Time::parse(time.as_bytes()));
        if log_time.is_some_and(|seen| is_future(seen, self.time)) {
            return Err(refuse("time", "the report is dated before the log's last checkpoint", CLOCK));
        }
        let Some(slice) = &self.slice else { return Ok(()) };
        let sliced = Json::parse(slice.report.as_bytes())?;
        if count(&sliced, "events") != Some(slice.events) {
            return Err(refuse(
                "slice",
                "the report of the slice counts a different number of events than the slice states",
                ALTERED,
            ));
        }
        let exceeds = |name: &&str| count(&sliced, name) > count(&report, name);
        if COUNTS.iter().any(exceeds) {
            return Err(refuse("slice", "the slice contains more than the export", ALTERED));
        }
        // A slice of a range also shows the events there that don't verify.
        if slice.events > scope.events && scope.range.is_none() {
            return Err(refuse("slice", "the slice shows more events than are selected", ALTERED));
        }
        if slice.file.sha256 == self.file.sha256 && (slice.file.size != self.file.size || sliced != report) {
            return Err(refuse("slice", "the same file is described in two different ways", ALTERED));
        }
        Ok(())
    }

    /// Fails if the result of detection rules contradicts the rest of the frame.
    fn check_detections(&self, detections: &Detections) -> Result<(), Error> {
        if self.query.is_some() || self.scope.sample.is_some() {
            let message = "a report with the result of detection rules has neither a query nor a sample";
            return Err(refuse("detections", message, ALTERED));
        }
        if detections.coverage.events != self.scope.events {
            let message = "the rules examined other events than those selected";
            return Err(refuse("coverage", message, ALTERED));
        }
        if self.slice.as_ref().is_some_and(|slice| detections.findings == 0 && slice.events > 0) {
            return Err(refuse("slice", "the slice shows events although no rule fired", ALTERED));
        }
        Ok(())
    }

    /// True if the evidence file contains all events that its detection rules examined, so that a reader must run the
    /// rules again. Otherwise their result is a statement of the examiner about an export named by its hash.
    pub fn must_detect(&self) -> bool {
        self.detections.is_some() && self.slice.is_none()
    }

    /// True if the evidence file contains everything that the query examined, so that a reader must search it again.
    /// Otherwise the result of the query is a statement of the examiner about an export named by its hash.
    pub fn must_search(&self) -> bool {
        self.query.is_some() && self.slice.is_none()
    }

    /// Compares the frame with the result of verifying the export in an evidence file: its report, the events and
    /// checkpoints shown, the result of the query if [`must_search`](Self::must_search), and the result of the rules if
    /// [`must_detect`](Self::must_detect). `message`, `hint`, and `reason`, which are only for people, may differ.
    ///
    /// # Errors
    /// [`Code::Evidence`] with the member that the export contradicts.
    pub fn agrees(&self, report: &[u8], shown: &VerifiedEntries) -> Result<(), Error> {
        self.has_report(report)?;
        let leaves: BTreeSet<u64> = shown.leaves.iter().copied().collect();
        let is_selected = |leaf: &u64| self.scope.range.is_none_or(|(a, b)| (a..b).contains(leaf));
        let scope = &self.scope;
        if let Some(sample) = &scope.sample {
            let stated = SampleRoot { root: sample.root, witnessed: sample.witnessed };
            if shown.root.map(|shown| shown.root) != Some(stated.root) {
                return Err(refuse(
                    "root",
                    "the root is not the one that determines the export's samples",
                    ALTERED,
                ));
            }
            if shown.root != Some(stated) {
                let message = "the value contradicts the checkpoint's cosignatures and the trust file's quorum of witnesses";
                return Err(refuse("witnessed", message, ALTERED));
            }
        }
        if self.slice.is_some() {
            if !leaves.iter().all(is_selected) {
                return Err(refuse("range", "the slice has events outside the range", ALTERED));
            }
            if let Some(sample) = &scope.sample {
                if leaves != sample.leaves.iter().copied().collect() {
                    return Err(refuse(
                        "entries",
                        "the events of the slice differ from those of the sample",
                        ALTERED,
                    ));
                }
            } else if leaves.len() as u64 > scope.events
                || (self.sections.is_empty()
                    && self.detections.is_none()
                    && leaves.len() as u64 != scope.events)
            {
                return Err(refuse(
                    "events",
                    "the events of the slice differ from the selected ones",
                    ALTERED,
                ));
            }
            return Ok(());
        }
        let mut selected: BTreeSet<u64> = leaves.into_iter().filter(is_selected).collect();
        if let Some(examined) = scope.examined {
            let Some(found) = &shown.selected else {
                let message = "the events were not searched again, so the answer is not verified";
                let hint = "verify the file with `countersign report --check`";
                return Err(refuse("query", message, hint));
            };
            if selected.len() as u64 != examined.events {
                let message = "the export has a different number of events to examine";
                return Err(refuse("examined", message, ALTERED));
            }
            let within = |leaves: &[u64]| -> BTreeSet<u64> {
                leaves.iter().copied().filter(|leaf| selected.contains(leaf)).collect()
            };
            if within(&found.unrecognized).len() as u64 != examined.unrecognized {
                let message =
                    "the export has a different number of events that state no actor, no action, or no time";
                return Err(refuse("unrecognized", message, SEARCH));
            }
            let matching = within(&found.leaves);
            selected = matching;
        }
        if selected.len() as u64 != scope.events {
            return Err(refuse("events", "the export has a different number of selected events", SEARCH));
        }
        if let Some(stated) = &self.detections {
            let Some(found) = &shown.detections else {
                let message = "the rules were not run again, so their result is not verified";
                let hint = "verify the file with `countersign report --check`";
                return Err(refuse("detections", message, hint));
            };
            stated.agrees(found)?;
        }
        let Some(drawn) = &scope.sample else { return Ok(()) };
        let wanted = usize::try_from(drawn.wanted).unwrap_or(MAX_SAMPLED);
        if drawn.leaves == sample(&drawn.root, &drawn.seed, selected.into_iter(), wanted) {
            Ok(())
        } else {
            Err(refuse("entries", "the root and the seed draw other events", ALTERED))
        }
    }

    /// Compares the report in the frame with the one from verifying the export now. The export as a whole must be of
    /// the same log, in the same state.
    ///
    /// # Errors
    /// [`Code::Evidence`] if they differ.
    pub fn has_report(&self, report: &[u8]) -> Result<(), Error> {
        let now = Json::parse(report)?;
        let of_file = Json::parse(self.report.as_bytes())?;
        let stated = match &self.slice {
            Some(slice) => Json::parse(slice.report.as_bytes())?,
            None => of_file.clone(),
        };
        let same = ["origin", "log"].iter().all(|name| match (of_file.get(name), now.get(name)) {
            (Some(one), Some(other)) => one == other,
            _ => false,
        });
        let figures = |report: Json| report.without(&FOR_PEOPLE);
        if !same || figures(stated) != figures(now) {
            return Err(refuse(
                "report",
                "the filed report differs from the one computed from its events",
                ALTERED,
            ));
        }
        Ok(())
    }
}

impl Sampled {
    /// Fails for a sample that can't have been drawn from `events` events in this range.
    fn check_consistency(&self, events: u64, range: Option<(u64, u64)>) -> Result<(), Error> {
        if self.candidates != events {
            let message = "the sample was drawn from other events than those selected";
            return Err(refuse("candidates", message, DRAW_AGAIN));
        }
        if !(1..=MAX_SAMPLED as u64).contains(&self.wanted) {
            return Err(refuse("wanted", "the size of a sample must be from 1 to 10,000 events", DRAW_AGAIN));
        }
        if self.leaves.len() as u64 != self.wanted.min(self.candidates) {
            return Err(refuse(
                "entries",
                "the sample has a different number of events than it states",
                DRAW_AGAIN,
            ));
        }
        let is_selected = |leaf: &u64| range.is_none_or(|(first, end)| (first..end).contains(leaf));
        if !self.leaves.iter().all(is_selected) {
            return Err(refuse("entries", "the sample has an event outside the range", DRAW_AGAIN));
        }
        if !is_drawn_in_order(&self.root, &self.seed, &self.leaves) {
            return Err(refuse(
                "entries",
                "the root and the seed draw these events in another order",
                DRAW_AGAIN,
            ));
        }
        Ok(())
    }
}
