//! `cargo xtask simulate`: runs the simulation of a log.

use anyhow::{Result, bail};

use crate::tools::Tools;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Run new seeds for this many minutes [default: run 100 fixed seeds]
    #[arg(long, conflicts_with = "seed")]
    minutes: Option<u64>,
    /// Run these seeds, A..B: from A up to and not including B
    #[arg(long, value_name = "A..B", conflicts_with_all = ["minutes", "seed"])]
    seeds: Option<String>,
    /// Run only this seed, and print everything that happens
    #[arg(long)]
    seed: Option<u64>,
    /// Simulate only this kind of log: ordinary, or tenants [default: the seed decides]
    #[arg(long)]
    kind: Option<String>,
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    // Not in a release: there, a panic ends the whole program, but the simulation unwinds killed processes.
    let mut cargo = tools.cargo("run");
    cargo.args(["--quiet", "--package", "countersign-simulation", "--bin", "simulate", "--"]);
    for (option, value) in [("--minutes", args.minutes), ("--seed", args.seed)] {
        if let Some(value) = value {
            cargo.args([option, &value.to_string()]);
        }
    }
    if let Some(seeds) = &args.seeds {
        cargo.args(["--seeds", seeds]);
    }
    if let Some(kind) = &args.kind {
        cargo.args(["--kind", kind]);
    }
    if cargo.status()?.success() { Ok(()) } else { bail!("the simulation failed") }
}
