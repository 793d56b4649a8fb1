//! A root log with many tenants, compared with one log.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::contest::{Samples, numbers, repeated};
use super::figure::{Figure, Target, grouped};
use super::{Bench, MEBIBYTE};
use crate::run;

/// The number of events of the load, in submissions of this size.
const EVENTS: u64 = 1_024_000;
const SIZE: u64 = 64;
/// The number of tenants that are active during the load.
const ACTIVE: u64 = 1_000;
/// The number of tenants of a large root log, and of entries in the log of each.
const TENANTS: u64 = 100_000;
const ENTRIES: u64 = 10;

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let within = bench.tools.path("target/bench/tenants");
    std::fs::create_dir_all(&within)?;
    let mut figures = load(bench, &within)?;
    figures.extend(tick(bench, &within)?);
    figures.extend(fill(bench, &within)?);
    Ok(figures)
}

fn command(bench: &Bench, name: &str, within: &Path) -> Command {
    let mut command = bench.benches();
    command.arg(name).arg("--within").arg(within);
    command
}

fn load(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let load = |tenants: u64| {
        let mut command = command(bench, "tenant-load", within);
        let events = bench.scaled(EVENTS).next_multiple_of(SIZE);
        command.args(["--tenants", &tenants.to_string(), "--events", &events.to_string()]);
        command.args(["--size", &SIZE.to_string()]);
        command
    };
    let [tenants, one] = bench.run("load", [load(ACTIVE), load(0)])?;
    let ratio = tenants.ratio(&one);
    Ok(vec![
        Figure::new(format!("{} tenants", grouped(&ACTIVE.to_string())), "events/s", tenants),
        Figure::new("one log", "events/s", one),
        Figure::new("tenants / one log", "times", ratio).with_target(Target::AtLeast(0.5)),
    ])
}

fn tick(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let mut command = command(bench, "tenant-tick", within);
    command.args(["--tenants", &bench.scaled(TENANTS).to_string(), "--changed", &ACTIVE.to_string()]);
    let [tick, commit] = repeated(bench, "tick", &mut command)?;
    let more = tick.less(&commit);
    Ok(vec![
        Figure::new("tick with 1,000 changed heads in 131,072 slots", "ms", tick),
        Figure::new("commit of the same events in one log", "ms", commit),
        Figure::new("tick – commit", "ms", more).with_target(Target::AtMost(50.0)),
    ])
}

fn fill(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let tenants = bench.scaled(TENANTS);
    let mut command = command(bench, "tenant-fill", within);
    command.arg(bench.release("countersign"));
    command.args(["--tenants", &tenants.to_string(), "--entries", &ENTRIES.to_string()]);
    let printed = bench.tools.progress.step("many tenants", |_| run::output(&mut command))?;
    let [head, per_entry, start, memory] = numbers(&printed)?;
    let of = format!("{} tenants", grouped(&tenants.to_string()));
    Ok(vec![
        Figure::new(format!("head proof, {of}"), "bytes", Samples::one(head))
            .with_target(Target::AtMost(4096.0)),
        Figure::new("database, per entry", "bytes", Samples::one(per_entry)),
        Figure::new(format!("start with {of}"), "s", Samples::one(start)).with_target(Target::AtMost(2.0)),
        Figure::new(format!("memory with {of}"), "MiB", Samples::one(memory / MEBIBYTE))
            .with_target(Target::AtMost(1024.0)),
    ])
}
