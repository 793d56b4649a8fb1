//! How soon `countersign watch` tells what a log acknowledged.

use std::process::Command;

use anyhow::Result;

use super::Bench;
use super::contest::{Samples, numbers};
use super::figure::{Bound, Figure};
use crate::run;

/// How the figures came about, for those who read them.
pub(super) const NOTES: &str = "\
About watching: one emitter submits an event that a rule fires on, again and again, while 15 others submit 16 events at a time, as fast as
they are answered, all on the same cores. What is timed is from the log's answer to the alert on the watch's standard output.";

/// How many alerts are timed.
const ALERTS: u64 = 1_000;
/// The most milliseconds to an alert, in the 99th hundredth.
const SLOW: f64 = 1_000.0;

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
        Figure::new("from acknowledged to alert, p99", "ms", Samples::one(slow)).held_to(Bound::AtMost(SLOW)),
        Figure::new("the log's load meanwhile", "events/s", Samples::one(rate)),
    ])
}
