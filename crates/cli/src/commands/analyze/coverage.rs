//! Explains which events the rules couldn't check, and what they skipped.

use countersign_analyze::{BlindRule, Coverage, Limit, SourceCoverage, unclear_times_sentence};
use countersign_query::Conclusion;

use crate::io::style::plain;
use crate::io::verdict::count;

/// The maximum number of rules and sources that are named.
const MAX_NAMED: usize = 6;

/// Returns a sentence for each reason why "nothing was found" may be wrong.
pub(crate) fn gaps(coverage: &Coverage, pack: &str) -> Vec<String> {
    let mut gaps = Vec::new();
    if let Some(share) = coverage.unparsed().sentence(Conclusion::Rules) {
        gaps.push(format!("{share}. See `countersign parsers coverage`."));
    }
    let pack = plain(pack);
    let (none, some): (Vec<_>, Vec<_>) = coverage
        .sources
        .iter()
        .filter(|source| source.covered < source.events)
        .partition(|source| source.rules == 0);
    if !none.is_empty() {
        let by_source = |source: &&SourceCoverage| {
            format!("{} ({})", plain(&source.parser), count(source.events, "event"))
        };
        gaps.push(format!(
            "No rule of the pack “{pack}” is written for these sources: {}.",
            listed(none.iter().map(by_source))
        ));
    }
    for SourceCoverage { parser, events, covered, rules } in some {
        let lacking = events - covered;
        gaps.push(format!(
            "Of {} parsed as {}, {lacking} {} fields that the {} for this source {}.",
            count(*events, "event"),
            plain(parser),
            if lacking == 1 { "lacks" } else { "lack" },
            count(*rules, "rule"),
            if *rules == 1 { "needs" } else { "need" },
        ));
    }
    for unread in &coverage.unread {
        gaps.push(format!("{}. The first is entry {}.", plain(&unread.sentence()), unread.first));
    }
    if let Some((number, first)) = coverage.unclear_times {
        gaps.push(format!("{}. The first is entry {first}.", unclear_times_sentence(number)));
    }
    if !coverage.blind.is_empty() {
        let named = |BlindRule { title, fields, .. }: &BlindRule| {
            format!("{} ({})", plain(title), plain(&fields.join(", ")))
        };
        let blind = coverage.blind.len() as u64;
        let needs = if blind == 1 { "needs" } else { "need" };
        gaps.push(format!(
            "{} {needs} fields that no event of their source has: {}.",
            count(blind, "rule"),
            listed(coverage.blind.iter().map(named))
        ));
    }
    gaps
}

/// Returns a sentence for each thing that rules could have checked, but skipped.
pub(crate) fn skipped(limits: &[Limit], future: Option<(u64, u64)>) -> Vec<String> {
    let mut sentences = Vec::new();
    if let Some((number, leaf)) = future {
        let (have, are) = if number == 1 { ("has", "It is") } else { ("have", "They are") };
        sentences.push(format!(
            "{} {have} a time later than their recording, the first at entry {leaf}. {are} not counted.",
            count(number, "event"),
        ));
    }
    sentences.extend(limits.iter().map(limited));
    if limits.iter().any(|limit| limit.hits.is_some()) {
        sentences.push("A hit comes late if events were not recorded in the order of their times.".into());
    }
    sentences
}

/// Describes what a rule skipped at its limits. The baseline detection has no rule of its own.
fn limited(Limit { title, groups, hits, findings, .. }: &Limit) -> String {
    let skipped = |counted: Option<(u64, u64)>, what| {
        counted.map(|(number, leaf)| format!("{} from entry {leaf} on", count(number, what)))
    };
    let unlisted = (*findings > 0).then(|| format!("{} beyond the listed ones", count(*findings, "finding")));
    let parts = [skipped(*groups, "group"), skipped(*hits, "hit"), unlisted];
    let value: Vec<_> = parts.into_iter().flatten().collect();
    format!("{}: skipped, to save memory or because they came late: {}.", plain(title), value.join(", "))
}

/// Returns the figures of a search: events per parser, and the number of applicable rules.
pub(crate) fn numbers(coverage: &Coverage) -> String {
    let source = |source: &SourceCoverage| format!("{} {}", plain(&source.parser), source.events);
    let parsed = coverage.events - coverage.unparsed;
    let by_parser = if parsed == 0 {
        String::new()
    } else {
        format!(" ({})", listed(coverage.sources.iter().map(source)))
    };
    format!(
        "{parsed} of {} parsed{by_parser}; {} of {} could apply to at least one",
        count(coverage.events, "event"),
        coverage.applicable(),
        count(coverage.rules.len() as u64, "rule"),
    )
}

fn listed(names: impl Iterator<Item = String>) -> String {
    let names: Vec<String> = names.collect();
    let more = names.len().saturating_sub(MAX_NAMED);
    let shown = names[..names.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown}, and {more} more") }
}
