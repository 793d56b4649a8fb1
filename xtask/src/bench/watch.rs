//! Latency of alerts from `countersign watch`.

use std::process::Command;

use anyhow::Result;

use super::Bench;
use super::contest::{Samples, numbers};
use super::figure::{Figure, Target};
use crate::run;

/// The number of alerts measured.
const ALERTS: u64 = 1_000;
/// The maximum 99th percentile of the milliseconds to an alert.
const MAX_P99_MS: f64 = 1_000.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let within = bench.tools.path("target/bench/watch");
    std::fs::create_dir_all(&within)?;
    let mut command = Command::new(bench.release("countersign-benches"));
    command.arg("watching").arg(bench.release("countersign")).arg("--within").arg(&within);
    command.args(["--alerts", &bench.scaled(ALERTS).to_string()]);
    let printed = bench.tools.progress.step("watching", |_| run::output(&mut command))?;
    let [median, slow, rate] = numbers(&printed)?;
    Ok(vec![
        Figure::new("from the log's response to the alert, median", "ms", Samples::one(median)),
        Figure::new("from the log's response to the alert, p99", "ms", Samples::one(slow))
            .with_target(Target::AtMost(MAX_P99_MS)),
        Figure::new("the log's load meanwhile", "events/s", Samples::one(rate)),
    ])
}
