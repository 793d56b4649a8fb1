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
/// The number of events in the exports that are verified.
const EXPORTED: u64 = 200_000;
/// The number of events in the log of a tenant whose readers search without a pause.
const SEARCHED: u64 = 60_000;
/// The number of tenants of a small root log.
const FEW: u64 = 1_000;
/// The number of tenants of a large root log, and of entries in the log of each.
const TENANTS: u64 = 100_000;
const ENTRIES: u64 = 10;
/// The numbers of tenants after which a recorder's memory is measured. It grows until its cache of 10,000 origins is full.
const RECORDED: [u64; 3] = [100, 12_000, 24_000];

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let within = bench.tools.path("target/bench/tenants");
    std::fs::create_dir_all(&within)?;
    let mut figures = load(bench, &within)?;
    figures.extend(tick(bench, &within)?);
    figures.extend(verify(bench, &within)?);
    figures.extend(neighbors(bench, &within)?);
    figures.extend(fill(bench, &within)?);
    figures.extend(record(bench, &within)?);
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

fn verify(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let mut command = command(bench, "tenant-verify", within);
    command.args(["--events", &bench.scaled(EXPORTED).to_string()]);
    let [tenant, one] = repeated(bench, "verification", &mut command)?;
    let ratio = tenant.ratio(&one);
    Ok(vec![
        Figure::new("verification, export of a tenant", "events/s", tenant),
        Figure::new("verification, export of one log", "events/s", one),
        Figure::new("verification, tenant / one log", "times", ratio).with_target(Target::AtLeast(0.9)),
    ])
}

/// Measures searches of one tenant's log, alone and while another tenant runs the most expensive searches.
fn neighbors(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let mut command = command(bench, "tenant-neighbors", within);
    command.arg(bench.release("countersign")).args(["--events", &bench.scaled(SEARCHED).to_string()]);
    let [alone, beside] = repeated(bench, "searches of two tenants", &mut command)?;
    let ratio = beside.ratio(&alone);
    Ok(vec![
        Figure::new("a tenant's search", "ms", alone),
        Figure::new("a tenant's search while another tenant has 16 searches of 128 conditions", "ms", beside),
        Figure::new("with / without the other tenant", "times", ratio),
    ])
}

/// Measures a recorder on Node.js that records for many tenants, one after the other.
fn record(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let counts = RECORDED.map(|tenants| bench.scaled(tenants));
    let mut script = bench.script_with("record-tenants.mjs", &["--expose-gc"])?;
    script.arg(within).args(counts.map(|tenants| tenants.to_string()));
    let [few, many, most, disk] =
        numbers(&bench.tools.progress.step("recorder", |_| run::output(&mut script))?)?;
    let memory = |tenants: u64, bytes: f64| {
        let name = format!("recorder memory after {} tenants", grouped(&tenants.to_string()));
        Figure::new(name, "MiB", Samples::one(bytes / MEBIBYTE))
    };
    let [tenants_few, tenants_many, tenants_most] = counts;
    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    let per_tenant = (most - many) / (tenants_most - tenants_many) as f64;
    Ok(vec![
        memory(tenants_few, few),
        memory(tenants_many, many),
        memory(tenants_most, most).with_target(Target::AtMost(64.0)),
        Figure::new("recorder memory, per further tenant", "bytes", Samples::one(per_tenant))
            .with_target(Target::AtMost(64.0)),
        Figure::new("recorder's outbox on disk, per tenant", "bytes", Samples::one(disk)),
    ])
}

fn fill(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let counts = [FEW, TENANTS].map(|tenants| bench.scaled(tenants));
    let filled = |tenants: u64| -> Result<[f64; 4]> {
        let mut command = command(bench, "tenant-fill", within);
        command.arg(bench.release("countersign"));
        command.args(["--tenants", &tenants.to_string(), "--entries", &ENTRIES.to_string()]);
        let name = format!("{} tenants", grouped(&tenants.to_string()));
        numbers(&bench.tools.progress.step(&name, |_| run::output(&mut command))?)
    };
    let [few, many] = counts;
    let [_, _, _, memory_with_few] = filled(few)?;
    let [head, per_entry, start, memory] = filled(many)?;
    #[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
    let per_tenant = (memory - memory_with_few) / (many - few) as f64;
    let [few, many] = counts.map(|tenants| format!("{} idle tenants", grouped(&tenants.to_string())));
    let memory_of = |bytes: f64| Samples::one(bytes / MEBIBYTE);
    Ok(vec![
        Figure::new(format!("head proof, {many}"), "bytes", Samples::one(head))
            .with_target(Target::AtMost(4096.0)),
        Figure::new("database, per entry", "bytes", Samples::one(per_entry)),
        Figure::new(format!("start with {many}"), "s", Samples::one(start)).with_target(Target::AtMost(2.0)),
        Figure::new(format!("server memory with {few}"), "MiB", memory_of(memory_with_few)),
        Figure::new(format!("server memory with {many}"), "MiB", memory_of(memory))
            .with_target(Target::AtMost(1024.0)),
        Figure::new("server memory, per further idle tenant", "bytes", Samples::one(per_tenant))
            .with_target(Target::AtMost(1024.0)),
    ])
}
