//! Cost of hostile exports as they grow.

use std::fs;

use anyhow::{Context as _, Result};

use super::contest::{self, Samples};
use super::figure::{Figure, Target};
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
const MAX_BYTES_PER_CHAIN: f64 = 400.0;
/// The target for the memory of a million chains: 500 MB.
const MAX_MIB_OF_CHAINS: f64 = 476.8;

/// The cost of verifying an export.
struct Cost {
    seconds: f64,
    bytes: f64,
}

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    // Build only the generator: a build of the whole program would take long, and isn't needed.
    bench.tools.progress.step("hostile exports' maker", |log| {
        log.run(bench.tools.cargo("build").args(["--profile", "dist", "-p", PACKAGE]))
    })?;
    let nothing = cost(bench, "blank lines", 1, 1)?.bytes;
    let (mut slowest, mut largest) = ((0.0, String::new()), (0.0, String::new()));
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
        for (greatest, growth) in
            [(&mut slowest, time(last) / time(first)), (&mut largest, memory(last) / memory(first))]
        {
            if growth > greatest.0 {
                *greatest = (growth, shape.to_owned());
            }
        }
    }
    let growth = |what: &str, (growth, shape): (f64, String)| {
        Figure::new(format!("{what} of the worst shape ({shape})"), "times", Samples::one(growth))
            .with_target(Target::AtMost(MAX_GROWTH))
    };
    let mut figures = vec![growth("growth of time", slowest), growth("growth of memory", largest)];
    let chains = bench.scaled(CHAINS);
    let Cost { bytes, .. } = cost(bench, "chains of one key", chains, 1)?;
    figures.push(
        Figure::new("memory per chain", "bytes", Samples::one((bytes - nothing) / chains as f64))
            .with_target(Target::AtMost(MAX_BYTES_PER_CHAIN)),
    );
    figures.push(
        Figure::new("memory of a million chains", "MiB", Samples::one(bytes / MEBIBYTE))
            .with_target(Target::AtMost(MAX_MIB_OF_CHAINS)),
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
