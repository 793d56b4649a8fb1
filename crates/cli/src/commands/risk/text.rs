//! Writes estimates as text for a terminal.

use std::fmt::Write as _;

use countersign_risk::markdown::{money, name, number, percent};
use countersign_risk::{ControlEffect, Figures, Kind, METHOD, ProposedFrequency, Report, ScenarioResult};

use crate::io::entries::named;
use crate::io::style::{doubt, faint, label, plain};
use crate::io::verdict::count;

/// The maximum number of kinds of observations shown.
const MAX_KINDS: usize = 6;

pub(super) fn text(report: &Report) -> String {
    let mut text = String::new();
    for ScenarioResult { scenario, figures, closed_form, .. } in &report.scenarios {
        let _ = writeln!(text, "{} {}", label(plain(&scenario.title)), faint(&scenario.id));
        self::figures(&mut text, figures, *closed_form, &report.currency);
        for input in &scenario.sources {
            let numbers = [input.pert.low, input.pert.mode, input.pert.high].map(number).join(" / ");
            let _ = writeln!(
                text,
                "  {:<32} {numbers} {}",
                name(&input.of),
                faint(format_args!("{}, {}", plain(&input.source), input.date))
            );
        }
        text.push('\n');
    }
    if let Some(together) = &report.together {
        let _ = writeln!(text, "{}", label(format_args!("{} scenarios together", report.scenarios.len())));
        figures(&mut text, &together.figures, together.closed_form, &report.currency);
        let _ = writeln!(text, "  {}\n", faint("simulated independently of each other"));
    }
    let (all, _) = report.all();
    exceedance(&mut text, all, &report.currency);
    if !report.controls.is_empty() {
        let _ = writeln!(text, "\n{}", label("Controls, over the same years"));
        report.controls.iter().for_each(|bought| control(&mut text, bought, &report.currency));
    }
    for proposed in &report.proposed {
        proposal(&mut text, proposed);
    }
    let by = match &report.log {
        Some(log) => format!("root {} and each scenario's hash", log.root),
        None => "each scenario's hash only: no log was provided".into(),
    };
    let _ =
        writeln!(text, "\n{} {} years, seeded by {by}", label("simulated:"), money(f64::from(report.years)));
    for result in &report.scenarios {
        let _ = writeln!(text, "{} {} {}", label("digest:"), result.digest, faint(&result.scenario.id));
    }
    text
}

fn figures(text: &mut String, figures: &Figures, closed_form: f64, currency: &str) {
    let _ = writeln!(
        text,
        "  mean {} {currency} a year ± {} {}",
        label(money(figures.mean)),
        money(figures.standard_error),
        faint(format_args!("formula {}", money(closed_form)))
    );
    let quantiles: Vec<String> = figures
        .quantiles
        .iter()
        .map(|quantile| format!("P{:.0} {}", quantile.part * 100.0, money(quantile.loss)))
        .collect();
    let _ = writeln!(text, "  {}", quantiles.join("  "));
    let _ = writeln!(
        text,
        "  {} of the years lose nothing, the worst loses {}",
        percent(figures.without_loss),
        money(figures.most)
    );
}

fn exceedance(text: &mut String, figures: &Figures, currency: &str) {
    let _ = writeln!(
        text,
        "{}",
        label(format_args!("Probability of losing this much or more in a year, {currency}"))
    );
    for exceedance in &figures.exceedance {
        let fortieths = (1..=40u8).filter(|part| f64::from(*part) <= exceedance.probability * 40.0 + 0.5);
        let bar = "█".repeat(fortieths.count());
        let probability = percent(exceedance.probability);
        let _ = writeln!(text, "  {probability:>6} {:>16} {}", money(exceedance.loss), faint(bar));
    }
}

fn control(text: &mut String, bought: &ControlEffect, currency: &str) {
    let ControlEffect { title, figures, less, standard_error, cost, .. } = bought;
    let at = |part| money(figures.quantile(part).unwrap_or_default());
    let _ = writeln!(
        text,
        "  {}: {} {currency} a year less ± {}; then mean {}, P90 {}, P95 {}",
        plain(title),
        label(money(*less)),
        money(*standard_error),
        money(figures.mean),
        at(0.9),
        at(0.95)
    );
    let net = match cost {
        None => faint("its cost is not given"),
        Some(cost) => format!("it costs {} a year: {} net", money(*cost), money(less - cost)),
    };
    let _ = writeln!(text, "    {net}");
}

fn proposal(text: &mut String, proposed: &ProposedFrequency) {
    let ProposedFrequency { scenario, observed, what, entries, span, complete, now, frequency, line, .. } =
        proposed;
    let _ = writeln!(text, "\n{} {}", label("Observed, not applied:"), scenario);
    let _ = writeln!(text, "  {observed} in {:.2} years, from {} to {}", span.years, span.from, span.to);
    if !complete {
        let _ = writeln!(text, "  {}", doubt("! there may be more"));
    }
    if let Some(share) = proposed.unparsed_share() {
        let _ = writeln!(text, "  {}", doubt(format_args!("! {share}")));
    }
    for Kind { title, times, .. } in what.iter().take(MAX_KINDS) {
        let _ = writeln!(text, "    {times} × {}", plain(title));
    }
    if what.len() > MAX_KINDS {
        let more = count((what.len() - MAX_KINDS) as u64, "more kind");
        let _ = writeln!(text, "    {}", faint(format_args!("and {more}")));
    }
    if !entries.is_empty() {
        let _ = writeln!(text, "    {}", named(entries));
    }
    let numbers = |of: [f64; 3]| of.map(|value| format!("{value:.2}")).join(" / ");
    let _ = writeln!(
        text,
        "  proposed: {} threat events a year; the scenario has {}",
        label(numbers([frequency.low, frequency.mode, frequency.high])),
        numbers([now.low, now.mode, now.high])
    );
    let _ = writeln!(text, "  {}", faint(METHOD));
    let _ = writeln!(text, "  to apply it, write this into the scenario:\n    {line}");
}
