//! What an honest emitter notices of floods from people who may not write.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::contest::{Samples, numbers};
use super::figure::{Bound, Figure};
use super::{Bench, MEBIBYTE};
use crate::run;

/// How the figures came about, for those who read them.
pub(super) const NOTES: &str = "\
About floods: one emitter submits 64 events (25 kB) at a time, then 320 (130 kB), without a flood and under it; the ratio is of the 99th
hundredths of the times from sending to the receipt, with whatever it takes to send again what was refused. The flood is
made on the same cores, of a program of its own. A log in workerd has 40,000 events, which each search looks at. Memory is the server's resident size under the flood, and five seconds after it.";

/// How many submissions of each size are timed.
const SUBMISSIONS: u64 = 2_000;
/// The same of a Durable Object.
const SUBMISSIONS_TO_OBJECT: u64 = 400;
/// By how much the 99th hundredth may grow.
const GROWTH: f64 = 5.0;
/// The most memory, in MiB: what submissions may hold, and the server itself.
const MEMORY: f64 = 320.0;
/// The most memory, in MiB, that is kept when a flood is over.
const KEPT: f64 = 128.0;
/// In how many milliseconds a body alone is refused.
const REFUSED: f64 = 5.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let mut figures = on_server(bench)?;
    figures.extend(in_workerd(bench)?);
    Ok(figures)
}

/// Floods a log that is a Durable Object.
fn in_workerd(bench: &Bench) -> Result<Vec<Figure>> {
    let mut script = bench.script("workerd-log.mjs")?;
    // It shares its emitters with the tests.
    script.env("NODE_OPTIONS", "--experimental-strip-types --disable-warning=ExperimentalWarning");
    script.arg(bench.scaled(SUBMISSIONS_TO_OBJECT).to_string());
    let printed = bench.tools.progress.step("floods in workerd", |_| run::output(&mut script))?;
    let mut figures = Vec::new();
    for line in printed.lines() {
        let (name, rest) = line.split_once('\t').context("a name and figures")?;
        let [quiet, quiet_median, flooded, flooded_median] = numbers(rest)?;
        for (of, ratio) in [("p99", flooded / quiet), ("median", flooded_median / quiet_median)] {
            let figure = Figure::new(format!("workerd, {name}, {of}"), "times", Samples::one(ratio));
            figures.push(figure.held_to(Bound::AtMost(GROWTH)));
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
        let (name, rest) = line.split_once('\t').context("a name and figures")?;
        let [quiet, quiet_large, flooded, flooded_large, under, after, refused] = numbers(rest)?;
        for (size, ratio) in [(64, flooded / quiet), (320, flooded_large / quiet_large)] {
            let figure = Figure::new(format!("{name}, p99 of {size}"), "times", Samples::one(ratio));
            figures.push(figure.held_to(Bound::AtMost(GROWTH)));
        }
        let memory = |when: &str, bytes: f64| {
            Figure::new(format!("{name}, memory {when}"), "MiB", Samples::one(bytes / MEBIBYTE))
        };
        figures.push(memory("under it", under).held_to(Bound::AtMost(MEMORY)));
        figures.push(memory("after it", after).held_to(Bound::AtMost(KEPT)));
        if refused > 0.0 {
            let figure = Figure::new(format!("{name}, refused in"), "ms", Samples::one(refused));
            figures.push(figure.held_to(Bound::AtMost(REFUSED)));
        }
    }
    Ok(figures)
}
