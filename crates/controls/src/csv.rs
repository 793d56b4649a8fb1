//! Evidence as CSV (RFC 4180), with a line for each question of each control.

use countersign::time::Time;

use crate::report::{Answer, AnswerContent, ControlEvidence, Evidence, Extent, ListedEvent};
use crate::text::{cell, runs};

const COLUMNS: [&str; 23] = [
    "framework",
    "control",
    "title",
    "question",
    "what",
    "kind",
    "asked",
    "count",
    "first_entry",
    "last_entry",
    "first_recorded",
    "last_recorded",
    "first_happened",
    "last_happened",
    "signed_by",
    "sample",
    "findings",
    "unanswered",
    "complete",
    "why_not",
    "cannot_show",
    "log",
    "root",
];

/// Writes evidence as CSV.
pub fn write(evidence: &Evidence) -> String {
    let mut out = COLUMNS.join(",") + "\r\n";
    for control in &evidence.controls {
        for answer in control.answers.iter().filter_map(|nth| evidence.answers.get(*nth)) {
            let row = row(evidence, control, answer);
            let mut cells = vec![
                evidence.framework.name.clone(),
                control.number.clone(),
                control.title.clone(),
                answer.name.clone(),
                answer.what.clone(),
            ];
            cells.extend(row);
            cells.push(control.cannot.join(" "));
            cells.push(evidence.log.origin.clone());
            cells.push(evidence.log.checkpoint.map_or_else(String::new, |(_, root)| root.to_string()));
            let cells: Vec<String> = cells.iter().map(|text| cell(text)).collect();
            out += &(cells.join(",") + "\r\n");
        }
    }
    out
}

/// Writes events as CSV, a line each.
pub fn rows(events: &[ListedEvent]) -> String {
    let columns =
        "entry,event,happened,recorded,action,actor,name,on_behalf_of,target,address,outcome,signed_by";
    let mut out = columns.to_owned() + "\r\n";
    for shown in events {
        let summary = &shown.summary;
        let happened = shown.happened.map_or_else(String::new, |time| time.to_string());
        let (leaf, recorded) = (shown.leaf.to_string(), shown.recorded.to_string());
        let cells = [
            &leaf,
            &shown.place,
            &happened,
            &recorded,
            &summary.action,
            &summary.actor,
            &summary.name,
            &summary.on_behalf_of,
            &summary.target,
            &summary.address,
            &summary.outcome,
            &shown.signer,
        ];
        out += &(cells.map(|text| cell(text)).join(",") + "\r\n");
    }
    out
}

/// Returns the columns from `kind` to `why_not`.
fn row(evidence: &Evidence, control: &ControlEvidence, answer: &Answer) -> Vec<String> {
    let doubts = evidence.doubts.iter().chain(&control.doubts).chain(&answer.doubts);
    let why: Vec<_> = doubts.map(|doubt| format!("{}.", doubt.message)).collect();
    let complete = if why.is_empty() { "yes" } else { "could not tell" };
    let none = String::new;
    let mut row = match &answer.found {
        AnswerContent::Events(events) => {
            let leaves: Vec<u64> = sorted(events.sample.iter().map(|shown| shown.leaf));
            let keys = events.keys.iter().filter_map(|(key, count)| {
                evidence.keys.get(*key).map(|key| format!("{} ({count})", key.name))
            });
            let mut row = vec!["events".into(), events.selection_text(), events.extent.events.to_string()];
            row.extend(extent(&events.extent));
            row.extend([keys.collect::<Vec<_>>().join("; "), runs(&leaves), none(), none()]);
            row
        }
        AnswerContent::Findings(findings) => {
            let leaves =
                findings.found.listed.iter().flat_map(|finding| finding.leaves.listed.iter().copied());
            let leaves = sorted(leaves);
            let ends = |leaf: Option<&u64>| leaf.map_or_else(String::new, u64::to_string);
            let mut row =
                vec!["findings".into(), findings.rules.join(" "), findings.found.count().to_string()];
            row.extend([ends(leaves.first()), ends(leaves.last()), none(), none(), none(), none()]);
            let titles = findings.found.listed.iter().map(|finding| {
                format!(
                    "{} ({}, entries {}, {})",
                    finding.title,
                    finding.level.as_str(),
                    runs(&finding.leaves.listed),
                    finding.id
                )
            });
            let titles = titles.collect::<Vec<_>>().join("; ");
            row.extend([none(), none(), titles, findings.unanswered.to_string()]);
            row
        }
        AnswerContent::Log(fact) => {
            let mut row = vec!["log".into(), fact.as_str().into()];
            row.extend(std::iter::repeat_n(none(), 11));
            row
        }
    };
    row.extend([complete.into(), why.join(" ")]);
    row
}

fn sorted(leaves: impl Iterator<Item = u64>) -> Vec<u64> {
    let mut leaves: Vec<u64> = leaves.collect();
    leaves.sort_unstable();
    leaves.dedup();
    leaves
}

fn extent(extent: &Extent) -> Vec<String> {
    let leaves = extent.leaves.map_or_else(
        || [String::new(), String::new()],
        |(first, last)| [first.to_string(), last.to_string()],
    );
    let times = |times: Option<(Time, Time)>| {
        times.map_or_else(
            || [String::new(), String::new()],
            |(first, last)| [first.to_string(), last.to_string()],
        )
    };
    [leaves, times(extent.recorded), times(extent.happened)].concat()
}
