//! The result of detection rules in a report.

use std::collections::{BTreeMap, HashSet};
use std::path::PathBuf;

use countersign::verify::Report;
use countersign_analyze::{BlindRule, Coverage, Pack, SourceCoverage, UnreadEvents};
use countersign_evidence::{Detections, ExportGaps, File, Frame, LimitFacts};
use countersign_query::parser::PromisedFact;

use crate::commands::analyze::{AnalyzedExport, gaps};
use crate::commands::rules;
use crate::errors::CliError;
use crate::io::style::{bad, doubt, good, label, plain};
use crate::io::verdict::{count, entries};

/// The maximum number of rules that are named.
const MAX_NAMED: usize = 6;

/// The result of running rules over an export.
pub(crate) struct FiledDetections {
    pub(super) stated: Detections,
    /// The pack as canonical JSON.
    pub(super) pack: Vec<u8>,
    /// The entries that findings name.
    pub(super) named: HashSet<u64>,
}

impl FiledDetections {
    pub(super) fn new(export: &AnalyzedExport<'_>) -> Result<Self, CliError> {
        let findings = &export.outcome.findings;
        let named = findings.iter().flat_map(|finding| finding.leaves.iter().copied()).collect();
        let stated = Detections::parse(export.summary().as_bytes())?;
        Ok(Self { stated, pack: export.pack().as_json().into(), named })
    }
}

/// The result of a report's rules by the reader's trust file.
pub(super) struct OwnDetections {
    found: Detections,
    /// The gaps of the export by the reader's trust file.
    gaps: ExportGaps,
    range: Option<(u64, u64)>,
    /// The result that the report states, unless it is the same.
    other: Option<Detections>,
}

impl OwnDetections {
    /// Compares what a frame's rules found by the reader's trust file, whose report is given, with what it states.
    pub(super) fn compare(frame: &Frame, found: Detections, report: &Report) -> Self {
        let other = frame.detections.clone().filter(|stated| *stated != found);
        Self { found, gaps: ExportGaps::from_report(report), range: frame.scope.range, other }
    }

    /// True if the report's result is also the result by the reader's trust file.
    pub(super) fn is_same(&self) -> bool {
        self.other.is_none()
    }

    /// Describes the result by the reader's trust file, how the report's differs from it, and why there may be more
    /// findings.
    pub(super) fn describe(&self) -> Vec<String> {
        let result = |found: &Detections| {
            format!("{} over {}", count(found.findings, "finding"), count(found.coverage.events, "event"))
        };
        let own = result(&self.found);
        let mut lines = vec![match &self.other {
            None => format!("{} by your trust file, the rules have {own}", good("✓")),
            Some(stated) => {
                let stated = Some(result(stated)).filter(|stated| *stated != own);
                let stated = stated.unwrap_or_else(|| "others, or another coverage".into());
                format!("{} by your trust file, the rules have {own}; the report states {stated}", bad("!"))
            }
        }];
        lines.extend(describe_doubts(&self.found, self.range, self.gaps));
        lines
    }
}

/// Returns the rules in an evidence file, if it contains all events that they examined.
pub(super) fn rules_to_repeat(file: &File) -> Result<Option<Pack>, CliError> {
    let rules = file.rules.as_ref().filter(|_| file.frame.must_detect());
    rules.map(|rules| parse(rules)).transpose()
}

fn parse(pack: &[u8]) -> Result<Pack, CliError> {
    let text = std::str::from_utf8(pack).map_err(|_| {
        CliError::unusable("evidence.invalid", "the rules are not UTF-8", "ask the sender for the original")
    })?;
    Pack::parse(text).map_err(|errors| rules::refused(&errors))
}

/// Returns the pack that a report was made with: the one in the file, or the one in `given`.
pub(super) fn pack_of(
    frame: &Frame,
    file: Option<&File>,
    given: &[PathBuf],
) -> Result<Option<Pack>, CliError> {
    let Some(stated) = &frame.detections else { return Ok(None) };
    let pack = match file.and_then(|file| file.rules.as_ref()) {
        Some(rules) => parse(rules)?,
        None => rules::load(given)?,
    };
    if pack.hash() == stated.pack.hash {
        Ok(Some(pack))
    } else {
        let message = format!("the report was made with other rules, with the SHA-256 {}", stated.pack.hash);
        Err(CliError::unusable("evidence.invalid", message, "add --detection-rules with these rules"))
    }
}

/// Describes the rules, and what they found.
pub(super) fn describe(stated: &Detections) -> Vec<String> {
    let Detections { pack, findings, coverage, rules, .. } = stated;
    let version = if pack.version.is_empty() { String::new() } else { format!(" {}", plain(&pack.version)) };
    let events = count(coverage.events, "event");
    let mut lines = vec![format!(
        "{} {}{version}, {}, SHA-256 {}",
        label("rules:"),
        plain(&pack.name),
        count(pack.rules, "rule"),
        pack.hash
    )];
    if *findings == 0 {
        lines.push(format!("{} no rule fired over {events}", label("found:")));
        return lines;
    }
    let mut levels: Vec<(&str, u64)> = Vec::new();
    for found in rules {
        match levels.last_mut() {
            Some((level, sum)) if *level == found.level => *sum += found.findings,
            _ => levels.push((&found.level, found.findings)),
        }
    }
    let levels: Vec<String> = levels.iter().map(|(level, sum)| format!("{sum} {level}")).collect();
    let (levels, found) = (levels.join(", "), count(*findings, "finding"));
    lines.push(format!("{} {found} over {events}: {levels}", label("found:")));
    lines.extend(
        rules
            .iter()
            .take(MAX_NAMED)
            .map(|found| format!("    {} ({}, {})", plain(&found.title), found.findings, found.level)),
    );
    let more = rules.len().saturating_sub(MAX_NAMED);
    lines.extend((more > 0).then(|| format!("    and {} more", count(more as u64, "rule"))));
    lines
}

/// Describes who vouches for the result, whose rules these are, and which events the rules could not examine.
pub(super) fn describe_check(frame: &Frame) -> Vec<String> {
    let Some(stated) = &frame.detections else { return Vec::new() };
    let events = count(stated.coverage.events, "event");
    let mut lines = vec![if frame.must_detect() {
        format!(
            "{} the file contains all {events} that the rules examined; run again, the rules have the findings that it states",
            good("✓")
        )
    } else {
        let word = "the file does not contain all events that the rules examined: their result is the examiner's statement";
        format!("{} {word}; compare it with the export", doubt("!"))
    }];
    lines.extend(describe_stated(frame));
    lines
}

/// Describes whose rules these are, and which events they could not examine.
pub(super) fn describe_stated(frame: &Frame) -> Vec<String> {
    let Some(stated) = &frame.detections else { return Vec::new() };
    let mut lines = vec![if stated.pack.hash == Pack::built_in().hash() {
        format!("{} the rules are those built into this program", good("✓"))
    } else {
        let word = "the rules are not those built into this program: they are of another version, or the examiner's own";
        format!("{} {word}", doubt("!"))
    }];
    lines.extend(describe_doubts(stated, frame.scope.range, frame.gaps()));
    lines
}

/// Describes why there may be more findings.
pub(super) fn describe_doubts(
    stated: &Detections,
    range: Option<(u64, u64)>,
    gaps: ExportGaps,
) -> Vec<String> {
    let doubts = doubts(stated, range, gaps);
    if doubts.is_empty() {
        return doubts;
    }
    let result =
        if stated.findings == 0 { "no rule fired, but" } else { "there may be more findings, because" };
    let heading = format!("{} {result} not everything was examined:", bad("!"));
    [heading].into_iter().chain(doubts.into_iter().map(|doubt| format!("    {doubt}"))).collect()
}

/// Returns a sentence for each reason why there may be more findings.
fn doubts(
    stated: &Detections,
    range: Option<(u64, u64)>,
    ExportGaps { is_verified, withheld, omitted }: ExportGaps,
) -> Vec<String> {
    let mut doubts = Vec::new();
    if stated.coverage.events == 0 {
        doubts.push("There was no event to examine.".into());
    }
    doubts.extend(gaps(&coverage(stated), &stated.pack.name));
    let titles: BTreeMap<&str, &str> =
        stated.rules.iter().map(|found| (found.rule.as_str(), found.title.as_str())).collect();
    doubts.extend(stated.limits.iter().map(|LimitFacts { rule, .. }| {
        let name = titles.get(rule.as_str()).copied().unwrap_or(rule);
        format!(
            "{} skipped some events, to save memory or because they came late, and may have missed matches.",
            plain(name)
        )
    }));
    doubts.extend(stated.future.map(|future| {
        let events = count(future.number, "event");
        format!("Rules over several events ignore {events} whose own time is later than the recording.")
    }));
    doubts.extend(range.map(|(first, end)| {
        format!("The rules examined only entries {first} to {}.", end.saturating_sub(1))
    }));
    if withheld > 0 {
        let events = count(withheld, "event");
        doubts.push(format!("The content of {events} is withheld, so no rule could examine it."));
    }
    if omitted > 0 {
        doubts.push(format!("The export omits {} of the log.", entries(omitted)));
    }
    if !is_verified {
        doubts.push("The export as a whole is not verified; see its verdict.".into());
    }
    doubts
}

/// Returns the parts of the coverage that [`gaps`] describes.
fn coverage(stated: &Detections) -> Coverage {
    let of = &stated.coverage;
    let sources = of.sources.iter().map(|source| SourceCoverage {
        parser: source.parser.clone(),
        events: source.events,
        covered: source.covered,
        rules: source.rules,
    });
    let blind = of.blind.iter().map(|blind| BlindRule {
        rule: blind.rule.clone(),
        title: blind.title.clone(),
        fields: blind.fields.clone(),
        events: blind.events,
    });
    let unread = of.unread.iter().map(|unread| UnreadEvents {
        parser: unread.parser.clone(),
        facts: unread.facts.iter().filter_map(|fact| PromisedFact::parse(fact)).collect(),
        events: unread.events,
        first: unread.first_leaf,
    });
    Coverage {
        events: of.events,
        unparsed: of.unparsed,
        sources: sources.collect(),
        rules: Vec::new(),
        blind: blind.collect(),
        unclear_times: of.unclear_times.map(|unclear| (unclear.number, unclear.first_leaf)),
        unread: unread.collect(),
    }
}
