//! The controls, with the evidence for each.

use core::fmt::Write as _;

use countersign::verify::SignerTrust;
use countersign_analyze::Level;

use super::log::in_short;
use super::words::{capital, list, plural, within};
use super::{ROWS, anchor};
use crate::builder::events;
use crate::report::{Answer, AnswerContent, ControlEvidence, Doubt, Events, Evidence, Findings};
use crate::text::{code, marked, runs};

pub(super) fn overview(out: &mut String, evidence: &Evidence) {
    let _ = writeln!(
        out,
        "## Controls\n\n| control | about | verified events | findings | all that was recorded? |\n| --- | --- | --- | --- | --- |"
    );
    for control in &evidence.controls {
        let (mut most, mut found, mut unanswered) = (Vec::new(), 0, 0);
        for answer in control.answers.iter().filter_map(|nth| evidence.answers.get(*nth)) {
            match &answer.found {
                AnswerContent::Events(events) => {
                    most.push(format!("{} {}", events.extent.events, code(&answer.name)));
                }
                AnswerContent::Findings(findings) => {
                    found += findings.found.count();
                    unanswered += findings.unanswered;
                }
                AnswerContent::Log(_) => {}
            }
        }
        let asked = control.answers.iter().any(|nth| {
            evidence
                .answers
                .get(*nth)
                .is_some_and(|answer| matches!(answer.found, AnswerContent::Findings(_)))
        });
        let _ = writeln!(
            out,
            "| [{}](#{}) | {} | {} | {} | {} |",
            marked(&control.number),
            anchor("control", &control.number),
            marked(&control.title),
            if most.is_empty() { "–".to_owned() } else { most.join("<br>") },
            if asked { answered(found, unanswered) } else { "–".into() },
            if control.is_complete { "yes" } else { "could not tell" },
        );
    }
    out.push('\n');
}

pub(super) fn one_control(out: &mut String, evidence: &Evidence, control: &ControlEvidence) {
    let _ = writeln!(
        out,
        "## <a id=\"{}\"></a>{} {}\n\nRequirement: {}\n",
        anchor("control", &control.number),
        marked(&control.number),
        marked(&control.title),
        marked(&control.asks)
    );
    let _ = writeln!(out, "**What the log shows**\n");
    for answer in control.answers.iter().filter_map(|nth| evidence.answers.get(*nth)) {
        match &answer.found {
            AnswerContent::Events(found) => answer_events(out, evidence, answer, found),
            AnswerContent::Findings(found) => answer_findings(out, evidence, answer, found),
            AnswerContent::Log(fact) => {
                let _ = writeln!(
                    out,
                    "- **{}** {} [More](#{})",
                    marked(&answer.what),
                    in_short(evidence, *fact),
                    anchor("log", fact.as_str())
                );
            }
        }
    }
    out.push('\n');
    if control.is_complete {
        let _ = writeln!(
            out,
            "**Is that all that was recorded?** Yes: no entry of the log is missing, every event counts, and every \
             question could be answered.\n"
        );
    } else {
        let _ = writeln!(out, "**Is that all that was recorded?** Could not tell:\n");
        let answers = control.answers.iter().filter_map(|nth| evidence.answers.get(*nth));
        let own = control.doubts.iter().chain(answers.flat_map(|answer| &answer.doubts));
        let mut doubts: Vec<Doubt> = Vec::new();
        for doubt in evidence.doubts.iter().chain(own) {
            if !doubts.contains(doubt) {
                doubts.push(doubt.clone());
            }
        }
        list(out, &doubts);
    }
    let _ = writeln!(out, "**What it cannot show**\n");
    for cannot in &control.cannot {
        let _ = writeln!(out, "- {}", marked(cannot));
    }
    out.push('\n');
}

const fn were(count: u64) -> &'static str {
    if count == 1 { "was" } else { "were" }
}

fn answer_events(out: &mut String, evidence: &Evidence, answer: &Answer, found: &Events) {
    let _ = write!(out, "- **{}** ", marked(&answer.what));
    if found.extent.events == 0 {
        if evidence.doubts.is_empty() && answer.doubts.is_empty() {
            let _ = write!(out, "None was recorded. ");
        } else {
            let _ = write!(out, "None was found. Could not tell whether any was recorded. ");
        }
        if evidence.counted.events.events > 0 && !found.unknown.is_empty() {
            let fields: Vec<_> = found.unknown.iter().map(|field| code(field)).collect();
            let _ = write!(out, "No event has the field {}. ", fields.join(" or "));
        }
    } else {
        let keys: Vec<String> = found
            .keys
            .iter()
            .filter_map(|(nth, count)| Some(format!("{} ({count})", code(&evidence.keys.get(*nth)?.name))))
            .collect();
        let failed = match found.failed {
            0 => String::new(),
            failed if failed < found.extent.events => {
                format!(", of which {failed} failed or {} denied", were(failed))
            }
            1 => ", which failed or was denied".to_owned(),
            _ => ", all of which failed or were denied".to_owned(),
        };
        let _ = write!(
            out,
            "{}{failed}, {}, signed by {}. ",
            capital(&events(found.extent.events)),
            within(&found.extent),
            keys.join(", ")
        );
        let mut leaves: Vec<u64> = found.sample.iter().map(|shown| shown.leaf).collect();
        leaves.sort_unstable();
        match leaves[..] {
            [] => {}
            [one] => _ = write!(out, "Sample: entry {one}. "),
            _ => _ = write!(out, "Sample: entries {}. ", runs(&leaves)),
        }
    }
    if found.untrusted > 0 {
        let _ = write!(out, "{} more of untrusted keys are not counted. ", capital(&events(found.untrusted)));
    }
    let _ = writeln!(out, "[Query and sample](#{})", anchor("question", &answer.name));
}

fn answer_findings(out: &mut String, evidence: &Evidence, answer: &Answer, found: &Findings) {
    let rules = match found.of {
        0 => format!("no rule of the pack {}", marked(&evidence.rules.pack)),
        1 => "1 rule".to_owned(),
        count => format!("{count} rules"),
    };
    let meant = if found.rules.is_empty() {
        String::new()
    } else {
        format!(" ({})", found.rules.iter().map(|rule| code(rule)).collect::<Vec<_>>().join(", "))
    };
    let _ = write!(out, "- **{}** ", marked(&answer.what));
    if found.of == 0 {
        let _ = writeln!(out, "Not examined: {rules} covers this{meant}.");
        return;
    }
    if found.found.count() == 0 {
        let looked = evidence.counted.events.events;
        let doubtful = !evidence.doubts.is_empty() || !answer.doubts.is_empty();
        let doubt = if doubtful { " Could not tell whether there are others." } else { "" };
        let _ = writeln!(out, "None among {} by {rules}{meant}.{doubt}", events(looked));
        return;
    }
    let count = found.found.count();
    let answered = match (count, found.unanswered) {
        (1, 0) => "It was acknowledged".to_owned(),
        (1, _) => "It was not acknowledged in the log".to_owned(),
        (_, 0) => "All were acknowledged".to_owned(),
        (count, unanswered) if count == unanswered => "None was acknowledged in the log".to_owned(),
        (_, unanswered) => format!("{unanswered} of them were not acknowledged in the log"),
    };
    let levels = Level::ALL.iter().rev().filter_map(|level| {
        let count = found.found.listed.iter().filter(|finding| finding.level == *level).count();
        (count > 0).then(|| format!("{count} {}", level.as_str()))
    });
    let levels = levels.collect::<Vec<_>>().join(", ");
    let more = if found.found.more == 0 {
        String::new()
    } else {
        format!(" and {} that are not listed", found.found.more)
    };
    let _ = writeln!(
        out,
        "{} ({levels}{more}) by {rules}{meant}. {answered}. [Which](#{})",
        plural(count, "finding"),
        anchor("question", &answer.name)
    );
}

/// Writes the findings of an answer as table rows.
pub(super) fn findings_table(out: &mut String, found: &Findings) {
    let _ = writeln!(
        out,
        "| level | what | entries | happened | acknowledged | finding |\n| --- | --- | --- | --- | --- | --- |"
    );
    for finding in found.found.listed.iter().take(ROWS) {
        let answers: Vec<String> = finding
            .answers
            .iter()
            .map(|answer| {
                let reason = if answer.reason.is_empty() {
                    String::new()
                } else {
                    format!(": {}", marked(&answer.reason))
                };
                let (by, signer) = (code(&answer.by), code(&answer.signer));
                format!("by {by} at {} (entry {}, signed by {signer}){reason}", answer.at, answer.leaf)
            })
            .collect();
        let more = if finding.leaves.more == 0 {
            String::new()
        } else {
            format!(" and {} more", finding.leaves.more)
        };
        let signer_trust = if finding.signer_trust == SignerTrust::Trusted {
            String::new()
        } else {
            format!(" (signed by a key that is {})", finding.signer_trust.as_str())
        };
        let (first, last) = finding.times;
        let _ = writeln!(
            out,
            "| {} | {}{signer_trust} | {}{more} | {} | {} | {} |",
            finding.level.as_str(),
            marked(&finding.title),
            runs(&finding.leaves.listed),
            if first == last { first.to_string() } else { format!("{first} to {last}") },
            if answers.is_empty() { "no".into() } else { answers.join("<br>") },
            code(&finding.id),
        );
    }
    let more = found.found.count().saturating_sub(found.found.listed.len().min(ROWS) as u64);
    if more > 0 {
        let _ = writeln!(out, "\n… and {} more.", plural(more, "finding"));
    }
    out.push('\n');
}

/// Returns the number of findings, and how many are not acknowledged.
fn answered(found: u64, unanswered: u64) -> String {
    match (found, unanswered) {
        (0, _) => "none".into(),
        (_, 0) => format!("{found}, all acknowledged"),
        (found, unanswered) if found == unanswered => format!("{found}, not acknowledged"),
        (_, unanswered) => format!("{found}, {unanswered} not acknowledged"),
    }
}
