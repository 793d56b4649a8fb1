//! What a policy says, for people: in a terminal, and as Markdown for a pipeline's page.

use std::fmt::Write as _;

use countersign_risk::markdown::words;

use super::Judged;
use crate::io::entries::named;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::{self, count};

/// How much of each kind is listed: a step's summary on GitHub has a MiB at most.
const LISTED: usize = 100;

pub(super) fn text(judged: &Judged<'_>) -> String {
    let mut text = verdict::headline(judged.report) + "\n\n";
    for check in &judged.checks {
        let failures = check.failures().count();
        let mark = match (failures, check.against.len()) {
            (0, 0) => good("✓"),
            (0, _) => doubt("!"),
            _ => bad("✗"),
        };
        let _ = writeln!(text, "{mark} {}", plain(&check.wanted));
        for against in check.against.iter().take(LISTED) {
            let entries = entries(&against.leaves);
            let said = plain(&against.whole());
            let _ = match &against.passed {
                Some(passed) => {
                    let why = format!("accepted until {}: {}", passed.until, plain(&passed.reason));
                    writeln!(text, "    {said}{entries} {}", faint(why))
                }
                None => writeln!(text, "    {said}{entries}"),
            };
        }
        if check.against.len() > LISTED {
            let _ =
                writeln!(text, "    {}", faint(format_args!("and {} more", check.against.len() - LISTED)));
        }
    }
    for gap in &judged.gaps {
        let _ = writeln!(text, "{} {gap}", doubt("!"));
    }
    let failures = judged.failures();
    let said = if failures == 0 {
        good(format_args!("✓ {} is met.", plain(&judged.policy.name)))
    } else {
        bad(format_args!("✗ {} is not met:", plain(&judged.policy.name)))
            + &format!(" {}.", count(failures, "failure"))
    };
    let _ = writeln!(text, "\n{said}\n{} {}", label("policy:"), judged.hash);
    text
}

pub(super) fn markdown(judged: &Judged<'_>) -> String {
    let failures = judged.failures();
    let mark = if failures == 0 { "✅ met" } else { "❌ not met" };
    let mut text = format!("## {}: {mark}\n\n", words(&judged.policy.name));
    let report = judged.report;
    let _ = writeln!(text, "| | |\n| --- | --- |\n| verdict | {} |", report.verdict.as_str());
    if let Some(origin) = &report.origin {
        let _ = writeln!(text, "| log | {} |", words(origin));
    }
    if let Some(log) = &report.log {
        let _ = writeln!(text, "| entries | {} |\n| root | `{}` |", log.size, log.root);
    }
    let _ = writeln!(text, "| policy | `{}` |\n", judged.hash);
    text.push_str("| | asked | against it |\n| --- | --- | ---: |\n");
    for check in &judged.checks {
        let (failures, all) = (check.failures().count(), check.against.len());
        let mark = match (failures, all) {
            (0, 0) => "✅",
            (0, _) => "⚠️",
            _ => "❌",
        };
        let passed = if all > failures { format!(", {} accepted", all - failures) } else { String::new() };
        let _ = writeln!(text, "| {mark} | {} | {failures}{passed} |", words(&check.wanted));
    }
    for gap in &judged.gaps {
        let _ = writeln!(text, "\n⚠️ {}", words(gap));
    }
    for check in judged.checks.iter().filter(|check| !check.against.is_empty()) {
        let _ = writeln!(text, "\n### {}\n", words(&check.id));
        for against in check.against.iter().take(LISTED) {
            let passed = against.passed.as_ref().map_or_else(String::new, |passed| {
                format!(" (accepted until {}: {})", passed.until, words(&passed.reason))
            });
            let _ = writeln!(text, "- {}{}{passed}", words(&against.whole()), entries(&against.leaves));
        }
        if check.against.len() > LISTED {
            let _ = writeln!(text, "- and {} more", check.against.len() - LISTED);
        }
    }
    text
}

fn entries(leaves: &[u64]) -> String {
    if leaves.is_empty() { String::new() } else { format!(" ({})", named(leaves)) }
}
