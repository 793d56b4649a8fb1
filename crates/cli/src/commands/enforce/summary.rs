//! Formats the result for the terminal, and as Markdown for a pipeline's page.

use std::fmt::Write as _;

use countersign_risk::markdown::words;

use super::PolicyResult;
use crate::io::entries::named;
use crate::io::style::{bad, doubt, faint, good, label, plain};
use crate::io::verdict::{self, count};

/// The maximum number of violations listed per requirement: GitHub limits a step summary to 1 MiB.
const MAX_LISTED: usize = 100;

pub(super) fn text(result: &PolicyResult<'_>) -> String {
    let mut text = verdict::headline(result.report) + "\n\n";
    for check in &result.checks {
        let failures = check.failures().count();
        let mark = match (failures, check.violations.len()) {
            (0, 0) => good("✓"),
            (0, _) => doubt("!"),
            _ => bad("✗"),
        };
        let _ = writeln!(text, "{mark} {}", plain(&check.requirement));
        for violation in check.violations.iter().take(MAX_LISTED) {
            let entries = entries(&violation.leaves);
            let description = plain(&violation.text());
            let _ = match &violation.exception {
                Some(exception) => {
                    let why = format!("accepted until {}: {}", exception.until, plain(&exception.reason));
                    writeln!(text, "    {description}{entries} {}", faint(why))
                }
                None => writeln!(text, "    {description}{entries}"),
            };
        }
        if check.violations.len() > MAX_LISTED {
            let _ = writeln!(
                text,
                "    {}",
                faint(format_args!("and {} more", check.violations.len() - MAX_LISTED))
            );
        }
    }
    for gap in &result.gaps {
        let _ = writeln!(text, "{} {gap}", doubt("!"));
    }
    let failures = result.failures();
    let description = if failures == 0 {
        good(format_args!("✓ {} is met.", plain(&result.policy.name)))
    } else {
        bad(format_args!("✗ {} is not met:", plain(&result.policy.name)))
            + &format!(" {}.", count(failures, "failure"))
    };
    let _ = writeln!(text, "\n{description}\n{} {}", label("policy:"), result.hash);
    text
}

pub(super) fn markdown(result: &PolicyResult<'_>) -> String {
    let failures = result.failures();
    let mark = if failures == 0 { "✅ met" } else { "❌ not met" };
    let mut text = format!("## {}: {mark}\n\n", words(&result.policy.name));
    let report = result.report;
    let _ = writeln!(text, "| | |\n| --- | --- |\n| verdict | {} |", report.verdict.as_str());
    if let Some(origin) = &report.origin {
        let _ = writeln!(text, "| log | {} |", words(origin));
    }
    if let Some(log) = &report.log {
        let _ = writeln!(text, "| entries | {} |\n| root | `{}` |", log.size, log.root);
    }
    let _ = writeln!(text, "| policy | `{}` |\n", result.hash);
    text.push_str("| | requirement | violations |\n| --- | --- | ---: |\n");
    for check in &result.checks {
        let (failures, all) = (check.failures().count(), check.violations.len());
        let mark = match (failures, all) {
            (0, 0) => "✅",
            (0, _) => "⚠️",
            _ => "❌",
        };
        let exception = if all > failures { format!(", {} accepted", all - failures) } else { String::new() };
        let _ = writeln!(text, "| {mark} | {} | {failures}{exception} |", words(&check.requirement));
    }
    for gap in &result.gaps {
        let _ = writeln!(text, "\n⚠️ {}", words(gap));
    }
    for check in result.checks.iter().filter(|check| !check.violations.is_empty()) {
        let _ = writeln!(text, "\n### {}\n", words(&check.id));
        for violation in check.violations.iter().take(MAX_LISTED) {
            let exception = violation.exception.as_ref().map_or_else(String::new, |exception| {
                format!(" (accepted until {}: {})", exception.until, words(&exception.reason))
            });
            let _ = writeln!(text, "- {}{}{exception}", words(&violation.text()), entries(&violation.leaves));
        }
        if check.violations.len() > MAX_LISTED {
            let _ = writeln!(text, "- and {} more", check.violations.len() - MAX_LISTED);
        }
    }
    text
}

fn entries(leaves: &[u64]) -> String {
    if leaves.is_empty() { String::new() } else { format!(" ({})", named(leaves)) }
}
