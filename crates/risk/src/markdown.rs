//! Rendering of a report as Markdown, with every input and its source.

use core::fmt::Write as _;

use countersign_errors::plain;

use crate::figures::Figures;
use crate::proposed::{Kind, METHOD, ProposedFrequency};
use crate::report::{ControlEffect, Report, ScenarioResult};
use crate::scenario::Input;

/// The maximum number of runs of entries written.
const MAX_RUNS: usize = 100;

/// Renders the report as Markdown.
pub fn markdown(report: &Report) -> String {
    let mut text = String::from("# Exposure in money\n\n");
    let by = match &report.log {
        Some(log) => {
            let name = log.origin.as_deref().map_or_else(|| "that was named".into(), code);
            format!("the root `{}` of the log {name} and", log.root)
        }
        None => "no log and".into(),
    };
    let _ = writeln!(
        text,
        "{} simulated years, all amounts in {}. The years follow from {by} the hash of each scenario: anyone who has both gets the same figures (`countersign risk`).\n",
        money(f64::from(report.years)),
        report.currency
    );
    if let Some(together) = &report.together {
        let _ = writeln!(text, "## {} scenarios together\n", report.scenarios.len());
        figures(&mut text, &together.figures, together.closed_form, &report.currency);
        text.push_str(
            "The scenarios are simulated independently: these figures ignore causes that make several happen in one year.\n\n",
        );
    }
    for result in &report.scenarios {
        scenario(&mut text, result, &report.currency);
    }
    if !report.controls.is_empty() {
        controls(&mut text, report);
    }
    if !report.proposed.is_empty() {
        text.push_str(
            "## What was observed\n\nThese frequencies are proposals. The figures above don't use them.\n\n",
        );
        for proposed in &report.proposed {
            proposal(&mut text, proposed);
        }
    }
    text
}

fn proposal(text: &mut String, proposed: &ProposedFrequency) {
    let ProposedFrequency { scenario, observed, what, entries, span, complete, now, frequency, line, .. } =
        proposed;
    let _ = writeln!(
        text,
        "- `{scenario}`: {observed} observed from {} to {} ({:.2} years){}. Threat events a year: low {:.2}, mode {:.2}, high {:.2}, where the scenario has {}, {}, {}.",
        span.from,
        span.to,
        span.years,
        if *complete { "" } else { ", in what is shown: others may exist" },
        frequency.low,
        frequency.mode,
        frequency.high,
        number(now.low),
        number(now.mode),
        number(now.high)
    );
    if let Some(share) = proposed.unparsed_share() {
        let _ = writeln!(text, "  - {}.", words(&share));
    }
    for Kind { title, times, .. } in what {
        let _ = writeln!(text, "  - {times} × {}", words(title));
    }
    if !entries.is_empty() {
        let _ = writeln!(text, "  - entries {}", runs(entries));
    }
    let _ = writeln!(text, "  - how it was computed: {METHOD}");
    let _ = writeln!(text, "  - to apply it, write this into the scenario: {}", code(line));
}

/// Formats entries as runs: `1, 3 to 5`.
fn runs(leaves: &[u64]) -> String {
    countersign_analyze::runs::describe(leaves, MAX_RUNS)
}

fn scenario(text: &mut String, result: &ScenarioResult, currency: &str) {
    let _ = writeln!(text, "## {}\n", words(&result.scenario.title));
    figures(text, &result.figures, result.closed_form, currency);
    text.push_str(
        "| input | low | mode | high | source | as of |\n| --- | ---: | ---: | ---: | --- | --- |\n",
    );
    for input in &result.scenario.sources {
        row(text, name(&input.of), input);
    }
    let _ = writeln!(
        text,
        "\nScenario `{}`, SHA-256 `{}`, seed `{}`, digest of all years `{}`.\n",
        result.scenario.id, result.scenario.hash, result.seed.0, result.digest
    );
}

fn figures(text: &mut String, figures: &Figures, closed_form: f64, currency: &str) {
    let _ = writeln!(
        text,
        "Mean **{} {currency}** a year ± {} (standard error); by the formula {}. {} of the years lose nothing; the worst loses {}.\n",
        money(figures.mean),
        money(figures.standard_error),
        money(closed_form),
        percent(figures.without_loss),
        money(figures.most)
    );
    let head: Vec<String> = figures.quantiles.iter().map(|of| format!("P{:.0}", of.part * 100.0)).collect();
    let cells: Vec<String> = figures.quantiles.iter().map(|of| money(of.loss)).collect();
    table(text, &head, &cells);
    let head: Vec<String> = figures.exceedance.iter().map(|of| percent(of.probability)).collect();
    let cells: Vec<String> = figures.exceedance.iter().map(|of| money(of.loss)).collect();
    text.push_str("The probability that a year's losses reach these amounts:\n\n");
    table(text, &head, &cells);
}

fn table(text: &mut String, head: &[String], cells: &[String]) {
    let _ = writeln!(
        text,
        "| {} |\n|{}\n| {} |\n",
        head.join(" | "),
        " ---: |".repeat(head.len()),
        cells.join(" | ")
    );
}

fn row(text: &mut String, of: &str, input: &Input) {
    let _ = writeln!(
        text,
        "| {of} | {} | {} | {} | {} | {} |",
        number(input.pert.low),
        number(input.pert.mode),
        number(input.pert.high),
        words(&input.source),
        input.date
    );
}

fn controls(text: &mut String, report: &Report) {
    text.push_str("## Effects of controls\n\nThe same years, with and without each control.\n\n");
    text.push_str("| control | less a year | ± | mean with it | P90 | P95 | costs a year | net |\n");
    text.push_str("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
    for ControlEffect { title, figures, less, standard_error, cost, .. } in &report.controls {
        let at = |part| money(figures.quantile(part).unwrap_or_default());
        let not_said = || "not said".to_owned();
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} |",
            words(title),
            money(*less),
            money(*standard_error),
            money(figures.mean),
            at(0.9),
            at(0.95),
            cost.map_or_else(not_said, money),
            cost.map_or_else(not_said, |cost| money(less - cost))
        );
    }
    text.push_str("\n| control | changes | of | low | mode | high | source | as of |\n");
    text.push_str("| --- | --- | --- | ---: | ---: | ---: | --- | --- |\n");
    for result in &report.scenarios {
        for control in &result.scenario.controls {
            let changes = control.changes.iter().map(|change| (name(&change.0.of), &change.0));
            for (what, input) in changes.chain(control.cost.iter().map(|cost| ("its cost a year", &cost.0))) {
                row(text, &format!("{} | {what} | {}", control.id, result.scenario.id), input);
            }
        }
    }
    text.push('\n');
}

/// Returns an input's name for people.
pub fn name(of: &str) -> &str {
    match of {
        "frequency" => "threat events a year",
        "vulnerability" => "part that becomes losses",
        "loss" => "primary loss",
        "secondary.probability" => "probability of a secondary loss",
        "secondary.loss" => "secondary loss",
        other => other,
    }
}

/// Formats an amount in whole units of its currency: `1,192,345`.
pub fn money(amount: f64) -> String {
    let digits = format!("{:.0}", amount.abs());
    let mut grouped = String::new();
    for (nth, digit) in digits.chars().enumerate() {
        if nth > 0 && (digits.len() - nth).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    if amount < 0.0 && digits != "0" { format!("-{grouped}") } else { grouped }
}

/// Formats a share as a percentage: `24 %`.
pub fn percent(part: f64) -> String {
    let percent = libm::round(part * 1000.0) / 10.0;
    format!("{percent} %")
}

/// Formats a number of an input.
pub fn number(value: f64) -> String {
    if value >= 10_000.0 { money(value) } else { format!("{value}") }
}

/// Escapes untrusted text for Markdown, on one line.
pub fn words(text: &str) -> String {
    plain(text).chars().fold(String::new(), |mut out, char| {
        if matches!(char, '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '|' | '#' | '!' | '&' | '~') {
            out.push('\\');
        }
        out.push(char);
        out
    })
}

fn code(text: &str) -> String {
    format!("`{}`", plain(text).replace('`', "'"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn untrusted_text_stays_on_its_line() {
        assert_eq!(words("a\n# b |\u{202e}"), "a\\\\u{a}\\# b \\|\\\\u{202e}");
        assert_eq!(code("a\n`b"), "`a\\u{a}'b`");
    }

    #[test]
    fn entries_are_written_in_runs() {
        assert_eq!(runs(&[5, 6, 7, 84, 86]), "5 to 7, 84, 86");
        let odd: Vec<u64> = (0..102).map(|nth| nth * 2).collect();
        assert!(runs(&odd).ends_with(", 198 and 2 more runs"));
        assert!(runs(&odd[..101]).ends_with(", 198 and 1 more run"));
    }
}
