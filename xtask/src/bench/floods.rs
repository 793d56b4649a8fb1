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
made on the same cores, of a program of its own. Memory is the server's resident size under the flood, and five seconds after it.";

/// How many submissions of each size are timed.
const SUBMISSIONS: u64 = 2_000;
/// By how much the 99th hundredth may grow.
const GROWTH: f64 = 5.0;
/// The most memory, in MiB: what submissions may hold, and the server itself.
const MEMORY: f64 = 320.0;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
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
        let [quiet, quiet_large, flooded, flooded_large, under, after] = numbers(rest)?;
        for (size, ratio) in [(64, flooded / quiet), (320, flooded_large / quiet_large)] {
            let figure = Figure::new(format!("{name}, p99 of {size}"), "times", Samples::one(ratio));
            figures.push(figure.held_to(Bound::AtMost(GROWTH)));
        }
        let memory = |when: &str, bytes: f64| {
            Figure::new(format!("{name}, memory {when}"), "MiB", Samples::one(bytes / MEBIBYTE))
        };
        figures.push(memory("under it", under).held_to(Bound::AtMost(MEMORY)));
        figures.push(memory("after it", after));
    }
    Ok(figures)
}
