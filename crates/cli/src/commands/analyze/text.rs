//! Formats findings for people.

use std::cmp::Reverse;
use std::fmt::Write as _;

use countersign_analyze::{
    Acknowledgment, Analysis, ENGINE, Evidence, Finding, FindingEvent, Level, Reason, Rule, Scored,
};

use super::AnalyzedExport;
use super::coverage::{gaps, numbers, skipped};
use crate::commands::verify::signer_trust::{SignerTrusts, marked};
use crate::io::entries::ranges;
use crate::io::style::{bad, doubt, faint, good, label, line, plain};
use crate::io::verdict::{self, count};

/// The maximum number of reasons shown per finding.
const MAX_REASONS: usize = 6;
/// The maximum number of identities and sessions shown, highest scores first.
const MAX_RANKED: usize = 10;

impl AnalyzedExport<'_> {
    pub(super) fn text(&self) -> String {
        let Analysis { findings, identities, sessions, limits, future, digest, coverage } = &self.outcome;
        let signer_trusts = SignerTrusts::from_report(&self.report);
        let mut text = verdict::headline(&self.report) + "\n\n";
        let mut ranked: Vec<&Finding> = findings.iter().collect();
        ranked.sort_by_key(|finding| Reverse((finding.score, finding.level)));
        for finding in ranked {
            let _ = writeln!(text, "{} {}", level(finding.level), label(plain(&finding.title)));
            for (name, value) in self.facts(finding, &signer_trusts) {
                let _ = writeln!(text, "  {} {value}", faint(format_args!("{name:<12}")));
            }
            text.push('\n');
        }
        for (who, scored) in [("identity", identities), ("session", sessions)] {
            text.push_str(&ranking(who, scored));
        }
        text.push_str(&self.outcome());
        for gap in gaps(coverage, &self.pack.name) {
            let _ = writeln!(text, "{}", doubt(format_args!("! {gap}")));
        }
        if self.acknowledgments.skipped > 0 {
            let skipped = count(self.acknowledgments.skipped, "acknowledgment");
            let _ = writeln!(text, "{}", doubt(format_args!("! {skipped} were skipped to save memory.")));
        }
        for skipped in skipped(limits, *future) {
            let _ = writeln!(text, "{}", doubt(format_args!("! {skipped}")));
        }
        let _ = writeln!(text, "{} {}", label("coverage:"), numbers(coverage));
        let pack = self.pack.hash();
        let _ = writeln!(text, "{} {digest}, pack {pack}, engine {ENGINE}", label("digest:"));
        text
    }

    /// Returns the facts about a finding, each with its name.
    fn facts(&self, finding: &Finding, signer_trusts: &SignerTrusts<'_>) -> Vec<(&'static str, String)> {
        let Finding {
            id, group, value, leaves, first, last, reasons, repeats, evidence, score, event, ..
        } = finding;
        let mut facts = Vec::new();
        if !group.is_empty() {
            let group = group.iter().map(|(field, value)| format!("{} {}", plain(field), plain(value)));
            facts.push(("who", group.collect::<Vec<_>>().join(", ")));
        }
        facts.push(("when", if first == last { first.to_string() } else { format!("{first} to {last}") }));
        if let Some(event) = event {
            facts.extend(event_facts(event, group, leaves.len() > 1));
        }
        for Reason { field, value } in reasons.iter().take(MAX_REASONS) {
            let field = field.as_deref().unwrap_or("text");
            facts.push(("because", format!("{} is {}", plain(field), short(value))));
        }
        let mut entries = ranges(leaves);
        if let Some(value) = value {
            let _ = write!(entries, ", measured {value}");
        }
        if *repeats > 0 {
            let _ = write!(entries, ", and {} like it", count(*repeats, "hit"));
        }
        facts.push(("entries", entries));
        facts.extend(
            self.signer_trust(finding, signer_trusts).map(|signer_trust| ("signer", marked(signer_trust))),
        );
        let needs = match evidence {
            Evidence::Sufficient => "its entries alone",
            Evidence::Range => "all entries before it, which define what was usual",
        };
        facts.push(("evidence", needs.into()));
        facts.push(("score", score.to_string()));
        facts.push(("id", id.clone()));
        if let Some((Acknowledgment { leaf, by, reason, .. }, signer)) =
            self.acknowledgments.first(&finding.id)
        {
            let signer_trust = marked(signer_trusts.of_signer(&signer.vkey, signer.chain, signer.authorized));
            let name = plain(signer.vkey.name());
            let reason = reason.as_deref().map_or_else(String::new, |reason| format!(": {}", short(reason)));
            facts.push((
                "acknowledged",
                format!("by {} at entry {leaf}, signer {name} {signer_trust}{reason}", plain(by)),
            ));
        }
        facts
    }

    /// Returns the sentence with the number of findings and what was searched.
    fn outcome(&self) -> String {
        let complete = self.report.complete_range();
        let within = match complete {
            Some([first, end]) => format!("in all entries from {first} to {}", end.saturating_sub(1)),
            None => "in this export; the log may have other entries".into(),
        };
        let events = count(self.events, "event");
        let rules = count(self.pack.rules().len() as u64, "rule");
        let searched = format!("{events} that verified, with {rules} of the pack {}", plain(&self.pack.name));
        let may_have_more = self.outcome.may_have_more(self.pack, |_| true);
        let is_covered = self.outcome.coverage.is_complete();
        let found = match (self.outcome.findings.len() as u64, self.events, complete) {
            (0, 0, _) => doubt("? Nothing was found, because there were no events to check"),
            (0, ..) if self.outcome.coverage.applicable() == 0 => {
                doubt("? Nothing was found, because no rule could check any of the events")
            }
            (0, ..) if may_have_more || !is_covered => doubt("? Nothing was found"),
            (0, _, Some(_)) => good("✓ Nothing was found"),
            (0, ..) => label("Nothing was found"),
            (findings, ..) => label(count(findings, "finding")),
        };
        let more = match (may_have_more, is_covered || self.events == 0) {
            (true, _) => {
                "; rules skipped some events, to save memory or because they came late, so there may be more"
            }
            (_, false) => "; some events couldn’t be checked, so there may be more",
            _ => "",
        };
        let needs_earlier = |rule: &Rule| rule.evidence == Evidence::Range;
        let is_whole = complete.is_some_and(|[first, _]| first == 0);
        let usual = if !is_whole
            && self.events > 0
            && self.outcome.findings.is_empty()
            && self.pack.rules().iter().any(needs_earlier)
        {
            "Findings that depend on what was usual before can't be repeated from their slice: they need all earlier \
             entries.\n"
        } else {
            ""
        };
        format!("{found} {within}{more}. Searched {searched}.\n{usual}")
    }
}

/// Returns the parties of the event on which a rule fired, without what the group says already.
fn event_facts(
    event: &FindingEvent,
    group: &[(String, String)],
    is_last_of_several: bool,
) -> impl Iterator<Item = (&'static str, String)> {
    let FindingEvent { actor, action, target, address } = event;
    let note = if is_last_of_several { " (last event)" } else { "" };
    [("actor", actor), ("action", action), ("target", target), ("address", address)].into_iter().filter_map(
        move |(name, value)| {
            let value = value.as_deref().filter(|value| !group.iter().any(|(_, known)| known == value))?;
            Some((name, format!("{}{}", short(value), faint(note))))
        },
    )
}

fn level(level: Level) -> String {
    let word = level.as_str();
    match level {
        Level::High | Level::Critical => bad(format_args!("✗ {word}")),
        Level::Medium => doubt(format_args!("! {word}")),
        Level::Low | Level::Informational => faint(format_args!("· {word}")),
    }
}

/// Lists the highest scores, if there are several.
fn ranking(who: &str, scored: &[Scored]) -> String {
    let mut text = String::new();
    if scored.len() < 2 {
        return text;
    }
    for Scored { id, score, count: number, .. } in scored.iter().take(MAX_RANKED) {
        let rank = faint(format_args!("{who:<8} {score:>5}"));
        let findings = faint(format_args!("({})", count(*number, "finding")));
        let _ = writeln!(text, "{rank} {} {findings}", plain(id));
    }
    text + "\n"
}

fn short(text: &str) -> String {
    line(text, 100)
}
