//! Exposure in money as metrics, for the textfile collector of Prometheus' `node_exporter` (docs/metrics.md).

use std::fmt::Write as _;

use countersign::time::Time;
use countersign_risk::{Figures, Report};

/// The `scenario` label of all scenarios together.
const ALL: &str = "*";

/// Returns a metric's additional labels and values.
type Samples = fn(&Figures) -> Vec<(String, f64)>;

/// Writes a report's metrics, with the time it was computed.
pub(super) fn prometheus(report: &Report, now: Time) -> String {
    let each = report.scenarios.iter().map(|outcome| (&*outcome.scenario.id, &outcome.figures));
    let together = report.together.iter().map(|together| (ALL, &together.figures));
    let all: Vec<(&str, &Figures)> = each.chain(together).collect();
    let metrics: [(&str, &str, Samples); 3] = [
        ("countersign_exposure_mean", "Mean losses of a year, in the currency.", |figures| {
            vec![(String::new(), figures.mean)]
        }),
        (
            "countersign_exposure_percentile",
            "Loss that this percentage of the years does not exceed.",
            |figures| {
                let sample = |of: &countersign_risk::Quantile| {
                    (format!(",percentile=\"{:.0}\"", of.part * 100.0), of.loss)
                };
                figures.quantiles.iter().map(sample).collect()
            },
        ),
        ("countersign_exposure_probability", "Share of years with a loss.", |figures| {
            vec![(String::new(), 1.0 - figures.without_loss)]
        }),
    ];
    let mut text = String::new();
    let begin = |text: &mut String, name: &str, help: &str| {
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge");
    };
    for (name, help, samples) in metrics {
        begin(&mut text, name, help);
        for (scenario, figures) in &all {
            for (labels, value) in samples(figures) {
                let currency = &report.currency;
                let _ = writeln!(
                    text,
                    "{name}{{scenario=\"{scenario}\",currency=\"{currency}\"{labels}}} {value}"
                );
            }
        }
    }
    let name = "countersign_exposure_time_seconds";
    begin(&mut text, name, "When it was computed, in seconds since 1970.");
    let _ = writeln!(text, "{name} {}", now.millis() / 1000);
    text
}
