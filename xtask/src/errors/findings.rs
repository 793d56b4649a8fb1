//! The codes of findings, from the tables of the core and of the monitor.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{Source, unescaped};

/// A code of findings.
pub(super) struct Finding {
    pub(super) meaning: String,
    /// `error`, `warning`, or `info`; several if it depends on what reports the finding.
    pub(super) severities: BTreeSet<String>,
    pub(super) hints: Vec<String>,
}

/// Returns the findings of all tables, by code. A line of a table is `NAME "code" Severity "hint";`, after a doc comment.
pub(super) fn findings(sources: &[Source]) -> BTreeMap<String, Finding> {
    let constants: BTreeMap<&str, &str> = sources
        .iter()
        .flat_map(|source| {
            source.constants().filter_map(|(name, range)| Some((name, source.string(range.start)?)))
        })
        .collect();
    let mut findings: BTreeMap<String, Finding> = BTreeMap::new();
    let mut add = |code: &str, meaning: &str, severity: &str, hint: &str| {
        let new = || Finding { meaning: meaning.to_owned(), severities: BTreeSet::new(), hints: Vec::new() };
        let finding = findings.entry(code.to_owned()).or_insert_with(new);
        finding.severities.insert(severity.to_lowercase());
        finding.hints.push(unescaped(hint));
    };
    // The core's meanings come first.
    let (core, others): (Vec<&Source>, Vec<&Source>) = sources
        .iter()
        .filter(|source| source.path.ends_with("/finding.rs"))
        .partition(|source| source.folder().is_empty());
    for source in core.into_iter().chain(others) {
        for at in 0..source.tokens.len() {
            let (Some(meaning), Some(code), severity) =
                (source.doc(at), source.string(at + 1), source.text(at + 2))
            else {
                continue;
            };
            if matches!(severity, "Error" | "Warning" | "Info") {
                let named = || (at + 3..at + 8).find_map(|at| constants.get(source.text(at)).copied());
                add(code, meaning, severity, source.string(at + 3).or_else(named).unwrap_or_default());
            }
        }
        // The codes of tiles are an enum, with the hints in a `match`.
        let hints: Vec<_> = source.arms().filter(|arm| arm.function == "hint").collect();
        for (variant, code, meaning) in source.words() {
            let arm = hints.iter().find(|arm| arm.variants.iter().any(|(_, name)| name == variant));
            let hint = arm.and_then(|arm| arm.value.clone().find_map(|at| source.string(at)));
            if let Some(hint) = hint {
                add(code, meaning, "Error", hint);
            }
        }
    }
    findings
}
