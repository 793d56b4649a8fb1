//! Effects of floods by unauthorized clients on an honest emitter.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::contest::{Samples, numbers};
use super::figure::{Figure, Target};
use super::{Bench, MEBIBYTE};
use crate::run;

/// The number of submissions of each size.
const SUBMISSIONS: u64 = 2_000;
/// The number of submissions of each size to a Durable Object.
const SUBMISSIONS_TO_OBJECT: u64 = 400;
/// The maximum growth of the 99th percentile.
const MAX_GROWTH: f64 = 5.0;
/// The maximum memory during a flood, in MiB: the limit for submissions, and the server itself.
const MAX_MEMORY_MIB: f64 = 320.0;
/// The maximum memory after a flood, in MiB.
const MAX_MEMORY_AFTER_MIB: f64 = 128.0;
/// The maximum time until a single body is rejected, in milliseconds.
const MAX_REJECTION_MS: f64 = 5.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = on_server(bench)?;
    figures.extend(in_workerd(bench)?);
    Ok(figures)
}

/// Floods a log in a Durable Object.
fn in_workerd(bench: &Bench) -> Result<Vec<Figure>> {
    let mut script = bench.script("workerd-log.mjs")?;
    // The script shares its emitters with the tests.
    script.env("NODE_OPTIONS", "--experimental-strip-types --disable-warning=ExperimentalWarning");
    script.arg(bench.scaled(SUBMISSIONS_TO_OBJECT).to_string());
    let printed = bench.tools.progress.step("floods in workerd", |_| run::output(&mut script))?;
    let mut figures = Vec::new();
    for line in printed.lines() {
        let (name, rest) = line.split_once('\t').context("the script printed a line without a name")?;
        let [quiet, quiet_median, flooded, flooded_median] = numbers(rest)?;
        for (of, ratio) in [("p99", flooded / quiet), ("median", flooded_median / quiet_median)] {
            let figure = Figure::new(
                format!("Durable Object, {name}, {of} of 64 events"),
                "times",
                Samples::one(ratio),
            );
            figures.push(figure.with_target(Target::AtMost(MAX_GROWTH)));
        }
    }
    Ok(figures)
}

fn on_server(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let within = bench.tools.path("target/bench/floods");
    std::fs::create_dir_all(&within)?;
    let mut command = Command::new(bench.release("countersign-benches"));
    command.arg("floods").arg(bench.release("countersign")).arg("--within").arg(&within);
    command.args(["--submissions", &bench.scaled(SUBMISSIONS).to_string()]);
    let printed = bench.tools.progress.step("floods", |_| run::output(&mut command))?;
    let mut figures = Vec::new();
    for line in printed.lines() {
        let (name, rest) = line.split_once('\t').context("the program printed a line without a name")?;
        let [quiet, quiet_large, flooded, flooded_large, under, after, refused] = numbers(rest)?;
        for (size, ratio) in [(64, flooded / quiet), (320, flooded_large / quiet_large)] {
            let figure = Figure::new(format!("{name}, p99 of {size} events"), "times", Samples::one(ratio));
            figures.push(figure.with_target(Target::AtMost(MAX_GROWTH)));
        }
        let memory = |when: &str, bytes: f64| {
            Figure::new(format!("{name}, memory {when}"), "MiB", Samples::one(bytes / MEBIBYTE))
        };
        figures.push(memory("during the flood", under).with_target(Target::AtMost(MAX_MEMORY_MIB)));
        figures.push(memory("after it", after).with_target(Target::AtMost(MAX_MEMORY_AFTER_MIB)));
        if refused > 0.0 {
            let figure = Figure::new(format!("{name}, time to refuse a body"), "ms", Samples::one(refused));
            figures.push(figure.with_target(Target::AtMost(MAX_REJECTION_MS)));
        }
    }
    Ok(figures)
}
