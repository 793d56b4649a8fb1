//! Secrets that redaction masks, and look-alikes that it keeps.

use anyhow::{Context as _, Result};

use super::Bench;
use super::contest::Samples;
use super::figure::Figure;
use crate::run;

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    let mut test = bench.tools.cargo("test");
    test.args(["--quiet", "-p", "countersign", "--test", "testsuite"]);
    test.args(["redaction::masks_secrets_and_keeps_look_alikes", "--", "--nocapture"]);
    let printed = bench.tools.progress.step("redaction", |_| run::output(&mut test))?;
    // For example: 456 secrets: recall 1.000; 372 look-alikes: 0 masked, precision 1.000
    let summary = printed.lines().find(|line| line.contains(" secrets: recall "));
    let summary = summary.with_context(|| format!("the test printed {printed:?} instead of a summary"))?;
    let words = summary.split([' ', ';', ':', ',']);
    let numbers: Vec<f64> = words.flat_map(str::parse).collect();
    let [secrets, recall, others, _, precision] = numbers[..] else {
        anyhow::bail!("the test printed {summary:?} instead of five numbers")
    };
    let figure = |name: String, share: f64| Figure::new(name, "%", Samples::one(100.0 * share));
    Ok(vec![
        figure(format!("secrets that are masked (recall), of {secrets}"), recall),
        figure(format!("masked texts that are secrets (precision), with {others} look-alikes"), precision),
    ])
}
