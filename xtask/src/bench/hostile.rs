//! Cost of hostile exports as they grow.

use std::fs;

use anyhow::{Context as _, Result};

use super::contest::{self, Samples};
use super::figure::{Bound, Figure};
use super::{Bench, MEBIBYTE, PACKAGE};
use crate::run;

/// The factors by which exports are enlarged.
const FACTORS: [u64; 2] = [2, 4];
/// The maximum growth of cost for four times the size: linear, plus some tolerance for other load.
const MAX_GROWTH: f64 = 6.0;
/// Memory below this counts as none, in bytes.
const NEGLIGIBLE_BYTES: f64 = 4.0 * MEBIBYTE;
/// Time below this counts as none, in seconds.
const NEGLIGIBLE_SECONDS: f64 = 0.05;

const CHAINS: u64 = 1_000_000;
const BYTES_PER_CHAIN: f64 = 400.0;
const CHAINS_IN_ALL: f64 = 500e6 / MEBIBYTE;

/// The cost of verifying an export.
struct Cost {
    seconds: f64,
    bytes: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    // The release build of the program isn't needed, which would take long.
    bench.tools.progress.step("hostile exports' maker", |log| {
        log.run(bench.tools.cargo("build").args(["--release", "-p", PACKAGE]))
    })?;
    let nothing = cost(bench, "blank lines", 1, 1)?.bytes;
    let mut figures = Vec::new();
    for line in run::output(bench.benches().arg("hostile-shapes"))?.lines() {
        let (count, shape) =
            line.split_once(' ').context("the program printed a line without a count and a shape")?;
        let count = count.parse()?;
        let mut costs = vec![cost(bench, shape, count, bench.args.rounds)?];
        for times in FACTORS {
            costs.push(cost(bench, shape, times * count, bench.args.rounds)?);
        }
        let [first, .., last] = &costs[..] else { continue };
        let time = |cost: &Cost| cost.seconds.max(NEGLIGIBLE_SECONDS);
        let memory = |cost: &Cost| (cost.bytes - nothing).max(NEGLIGIBLE_BYTES);
        bench.tools.progress.line(&describe(count, &costs));
        for (what, growth) in [("time", time(last) / time(first)), ("memory", memory(last) / memory(first))] {
            let figure = Figure::new(format!("{shape}: {what}"), "times", Samples::one(growth));
            figures.push(figure.held_to(Bound::AtMost(MAX_GROWTH)));
        }
    }
    let chains = bench.scaled(CHAINS);
    let Cost { bytes, .. } = cost(bench, "chains of one key", chains, 1)?;
    figures.push(
        Figure::new("memory of a chain", "bytes", Samples::one((bytes - nothing) / chains as f64))
            .held_to(Bound::AtMost(BYTES_PER_CHAIN)),
    );
    figures.push(
        Figure::new("memory of a million chains", "MiB", Samples::one(bytes / MEBIBYTE))
            .held_to(Bound::AtMost(CHAINS_IN_ALL)),
    );
    Ok(figures)
}

/// Measures the minimum time and memory over some rounds.
fn cost(bench: &Bench<'_>, shape: &str, count: u64, rounds: usize) -> Result<Cost> {
    let folder = bench.tools.path("target/bench/hostile");
    bench.tools.progress.step(&format!("{count} {shape}"), |log| {
        let count = count.to_string();
        let mut write = bench.benches();
        log.run(write.arg("hostile-write").arg(&folder).args(["--shape", shape, "--count", &count]))?;
        let mut least = Cost { seconds: f64::INFINITY, bytes: f64::INFINITY };
        for _ in 0..rounds {
            let printed = run::output(bench.benches().arg("hostile-verify").arg(&folder))?;
            let [seconds, bytes] = contest::numbers(&printed)?;
            least = Cost { seconds: least.seconds.min(seconds), bytes: least.bytes.min(bytes) };
        }
        fs::remove_dir_all(&folder)?;
        Ok(least)
    })
}

fn describe(count: u64, costs: &[Cost]) -> String {
    let costs = costs.iter().map(|cost| format!("{:.2} s {:.0} MiB", cost.seconds, cost.bytes / MEBIBYTE));
    format!("{:>8}  from {count}: {}", "", costs.collect::<Vec<_>>().join(", "))
}
