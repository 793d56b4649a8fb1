//! Altered events of the export that a report is about (SPEC-DETECTION section 14). The answer to its query doesn't count
//! them, but they may claim to match.

use std::collections::BTreeMap;

use countersign::export::{Item, Line};
use countersign::link::Link;
use countersign_evidence::{Frame, Section};
use countersign_query::value::Document;
use countersign_query::{Parsers, Query};
use serde::Deserialize;
use serde_json::Value;

use super::own_trust::listed;
use crate::errors::CliError;
use crate::io::input::Input;
use crate::io::query::{EventMatcher, parse_at};
use crate::io::style::bad;
use crate::io::verdict::count;

/// The code of findings about altered events.
const ALTERED: &str = "payload.mismatch";
/// The maximum number of altered events that are searched.
const MAX_SEARCHED: usize = 200;

/// The altered events of an export, and who says which of them claim to match.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum AlteredClaims {
    /// This program searched them.
    Searched { entries: Vec<u64>, altered: u64, unread: u64 },
    /// The examiner states which claim to match.
    Stated { entries: Vec<u64>, altered: u64, unread: u64 },
    /// The report only lists them.
    Listed { entries: Vec<u64>, altered: u64 },
}

/// A report's findings.
#[derive(Deserialize)]
struct Findings {
    findings: Vec<Finding>,
    finding_counts: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Finding {
    code: String,
    line: u64,
    index: Option<u64>,
}

/// Returns the altered events of a report's export; `None` if there are none, or if the report has no query. `export` is
/// the export, if it is there.
pub(super) fn find(
    frame: &Frame,
    export: Option<&mut Input>,
    parsers: &Parsers,
) -> Result<Option<AlteredClaims>, CliError> {
    let Some(query) = &frame.query else { return Ok(None) };
    let Ok(Findings { findings, finding_counts }) = serde_json::from_str(&frame.report) else {
        return Ok(None);
    };
    let altered = finding_counts.get(ALTERED).copied().unwrap_or_default();
    if altered == 0 {
        return Ok(None);
    }
    let places = findings.into_iter().filter(|finding| finding.code == ALTERED);
    let places: BTreeMap<u64, u64> =
        places.filter_map(|Finding { line, index, .. }| Some((line, index?))).take(MAX_SEARCHED).collect();
    let Some(export) = export else {
        let listed = || AlteredClaims::Listed { entries: places.values().copied().collect(), altered };
        return Ok(Some(stated(&frame.sections, altered).unwrap_or_else(listed)));
    };
    let query = parse_at(query, frame.time)?;
    search(export, &query, parsers, &places, altered).map(Some)
}

/// Searches the altered events of an export, given their entries by line. Their chains and signers are those that the
/// links state.
fn search(
    export: &mut Input,
    query: &Query,
    parsers: &Parsers,
    places: &BTreeMap<u64, u64>,
    altered: u64,
) -> Result<AlteredClaims, CliError> {
    let matcher = EventMatcher::new(parsers.clone());
    let (mut entries, mut read) = (Vec::new(), 0);
    export.lines("searching altered events", |line| {
        let parsed = str::from_utf8(line.bytes).ok().and_then(|text| Line::parse(text).ok());
        let Some(Line { item, .. }) = parsed else { return Ok(()) };
        matcher.note_signer(&item);
        if let Some(index) = places.get(&line.number)
            && let Item::Link { link: Link::Event(link), payload: Some(payload), .. } = &item
            && Document::parse(payload.event).is_some()
        {
            read += 1;
            entries.extend(matcher.matches(query, link, payload.event).then_some(index));
        }
        Ok(())
    })?;
    Ok(AlteredClaims::Searched { entries, altered, unread: altered.saturating_sub(read) })
}

/// Returns the first valid statement of the report's sections about altered events.
fn stated(sections: &[Section], altered: u64) -> Option<AlteredClaims> {
    sections.iter().find_map(|section| {
        let data: Value = serde_json::from_str(section.data.as_ref()?).ok()?;
        let claims = data.get("altered_claims")?;
        let unread = claims.get("unread")?.as_u64()?;
        let entries = claims.get("entries")?.as_array()?;
        let entries: Vec<u64> = entries.iter().map(Value::as_u64).collect::<Option<_>>()?;
        let is_possible = (entries.len() as u64).checked_add(unread)? <= altered;
        is_possible.then_some(AlteredClaims::Stated { entries, altered, unread })
    })
}

impl AlteredClaims {
    /// Describes the altered events beside the answer that doesn't count them.
    pub(super) fn describe(&self) -> Vec<String> {
        let events = |number| count(number, "altered event");
        let (by, entries, altered, unread) = match self {
            Self::Searched { entries, altered, unread } => ("", entries, *altered, *unread),
            Self::Stated { entries, altered, unread } => {
                ("by the examiner's statement, ", entries, *altered, *unread)
            }
            Self::Listed { entries, altered } => {
                let list = if entries.is_empty() { String::new() } else { format!(": {}", listed(entries)) };
                let events = events(*altered);
                return vec![format!(
                    "{} {events} of the export may match; the answer does not count altered events{list}",
                    bad("!")
                )];
            }
        };
        let matching = entries.len() as u64;
        let claims = if matching == 0 {
            format!("none of {} that could be read claims to match", events(altered - unread))
        } else {
            let verb = if matching == 1 { "claims" } else { "claim" };
            let matching = events(matching);
            format!("{matching} {verb} to match, which the answer does not count: {}", listed(entries))
        };
        let mut lines = Vec::new();
        if matching > 0 || altered > unread {
            lines.push(format!("{} {by}{claims}", bad("!")));
        }
        if unread > 0 {
            lines.push(format!("{} {by}{} could not be read, and may match", bad("!"), events(unread)));
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(data: &str) -> Section {
        Section { title: String::new(), blocks: Vec::new(), data: Some(data.to_owned()) }
    }

    #[test]
    fn the_first_possible_statement_counts() {
        let sections = [
            section(r#"{"other":1}"#),
            section(r#"{"altered_claims":{"entries":[1,2],"unread":2}}"#),
            section(r#"{"altered_claims":{"entries":["1"],"unread":0}}"#),
            section(r#"{"altered_claims":{"entries":[1,2],"unread":1}}"#),
        ];
        let claims = AlteredClaims::Stated { entries: vec![1, 2], altered: 3, unread: 1 };
        assert_eq!(stated(&sections, 3), Some(claims));
        assert_eq!(stated(&sections, 2), None);
    }

    #[test]
    fn each_source_is_named() {
        let describe = |claims: AlteredClaims| claims.describe().join("\n");
        let stated = describe(AlteredClaims::Stated { entries: vec![1, 2], altered: 3, unread: 1 });
        assert!(stated.contains("by the examiner's statement, 2 altered events claim to match"), "{stated}");
        assert!(
            stated.contains("by the examiner's statement, 1 altered event could not be read"),
            "{stated}"
        );
        let unread = describe(AlteredClaims::Searched { entries: vec![], altered: 2, unread: 2 });
        assert!(
            !unread.contains("none of") && unread.contains("2 altered events could not be read"),
            "{unread}"
        );
    }
}
