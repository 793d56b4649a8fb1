//! Latency of alerts from `countersign watch`.

use std::process::Command;

use anyhow::Result;

use super::Bench;
use super::contest::{Samples, numbers};
use super::figure::{Bound, Figure};
use crate::run;

/// Notes on the measurement, printed with the figures.
pub(super) const NOTES: &str = "\
About watching: one emitter repeatedly submits an event that matches a rule, while 15 others submit 16 events at a time, as fast as
the log responds, all on the same cores. Measured is the time from the log's response to the alert on the watcher's standard output.";

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
        Figure::new("from acknowledged to alert, median", "ms", Samples::one(median)),
        Figure::new("from acknowledged to alert, p99", "ms", Samples::one(slow))
            .held_to(Bound::AtMost(MAX_P99_MS)),
        Figure::new("the log's load meanwhile", "events/s", Samples::one(rate)),
    ])
}
