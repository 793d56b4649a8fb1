//! A log under load, compared with Tessera's, and a log that grows large.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Result;

use super::contest::{Samples, numbers};
use super::figure::{Figure, Target, grouped};
use super::{Bench, MEBIBYTE};
use crate::run;

const SHAPES: [Shape; 2] = [
    Shape { size: 64, events: 307_200, leaves: 40_960, min_rate: 150_000.0 },
    Shape { size: 1, events: 32_000, leaves: 800, min_rate: 8_000.0 },
];
const EMITTERS: u64 = 16;
const LINKS: u64 = 10_000_000;

/// A load: the number of events per submission, of events, and of events for Tessera's slower log.
struct Shape {
    size: u64,
    events: u64,
    leaves: u64,
    /// The target for events per second.
    min_rate: f64,
}

/// The results of one contestant's runs.
#[derive(Default)]
struct Runs {
    rate: Vec<f64>,
    median: Vec<f64>,
    slow: Vec<f64>,
}

impl Runs {
    fn run(&mut self, command: &mut Command) -> Result<()> {
        let [rate, median, slow] = numbers(&run::output(command)?)?;
        self.rate.push(rate);
        self.median.push(median);
        self.slow.push(slow);
        Ok(())
    }

    fn figures(self, name: &str, target: Option<Target>) -> Vec<Figure> {
        vec![
            Figure::new(name, "events/s", Samples::from_rounds(self.rate)).with_target(target),
            Figure::new(format!("{name}, p50"), "ms", Samples::from_rounds(self.median)),
            Figure::new(format!("{name}, p99"), "ms", Samples::from_rounds(self.slow)),
        ]
    }
}

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    let within = bench.tools.path("target/bench/log");
    std::fs::create_dir_all(&within)?;
    let tessera = build_tessera(bench)?;
    let mut figures = Vec::new();
    for shape in &SHAPES {
        figures.extend(contest(bench, shape, &within, tessera.as_deref())?);
    }
    figures.extend(grow(bench, &within)?);
    Ok(figures)
}

/// Builds the program that runs Tessera's log, if Go is installed.
fn build_tessera(bench: &Bench) -> Result<Option<PathBuf>> {
    let tools = bench.tools;
    let Some(go) = run::find("go") else {
        tools
            .progress
            .line("Go is not installed (https://go.dev/dl): the comparison with Tessera is skipped");
        return Ok(None);
    };
    let program = tools.path("target/bench/tessera").with_extension(std::env::consts::EXE_EXTENSION);
    tools.progress.step("Tessera's log", |log| {
        let mut build = Command::new(go);
        build.args(["build", "-o"]).arg(&program).arg(".").current_dir(tools.path("benches/tessera"));
        log.run(&mut build)
    })?;
    Ok(Some(program))
}

/// Runs all contestants alternately under one shape of load.
fn contest(bench: &Bench, shape: &Shape, within: &Path, tessera: Option<&Path>) -> Result<Vec<Figure>> {
    let Shape { size, .. } = shape;
    let leaves = within.join(format!("{size}-leaves"));
    let scaled = |events| bench.scaled(events).next_multiple_of(EMITTERS * size);
    let amount = |command: &mut Command, events| {
        command.args(["--events", &scaled(events).to_string(), "--size", &size.to_string()]);
    };
    let mut ours = Command::new(bench.release("countersign-benches"));
    ours.arg("load").arg(bench.release("countersign")).arg("--within").arg(within);
    amount(&mut ours, shape.events);
    let in_flight = EMITTERS * size;
    let theirs = |batch: &str, age: &str| {
        let mut command = Command::new(tessera?);
        command.arg("-within").arg(within).args(["-size", &size.to_string(), "-batch", batch, "-age", age]);
        command.args((0..EMITTERS).map(|emitter| leaves.join(format!("{emitter}.leaves"))));
        Some(command)
    };
    let mut programs = [Some(ours), theirs("256", "250ms"), theirs(&in_flight.to_string(), "1ms")];
    let mut runs = [Runs::default(), Runs::default(), Runs::default()];
    bench.tools.progress.step(&format!("log, {size} at a time"), |log| {
        let mut write = Command::new(bench.release("countersign-benches"));
        write.arg("leaves").arg(&leaves);
        amount(&mut write, shape.leaves);
        log.run(&mut write)?;
        for _ in 0..bench.args.rounds {
            for (program, runs) in programs.iter_mut().zip(&mut runs) {
                program.as_mut().map_or(Ok(()), |program| runs.run(program))?;
            }
        }
        Ok(())
    })?;

    let [ours, slow, short] = runs;
    let rate = Samples::from_rounds(ours.rate.clone());
    let of = format!("submissions of {size}");
    let mut figures = ours.figures(&format!("countersign, {of}"), Some(Target::AtLeast(shape.min_rate)));
    if tessera.is_some() {
        let better =
            Samples::from_rounds(slow.rate.clone()).greater(&Samples::from_rounds(short.rate.clone()));
        figures.extend(slow.figures(&format!("Tessera, {of}, its own batching"), None));
        figures.extend(short.figures(&format!("Tessera, {of}, short batches"), None));
        let ratio = rate.ratio(&better);
        figures.push(
            Figure::new(format!("countersign / the better of Tessera, {of}"), "times", ratio)
                .with_target(Target::AtLeast(3.0)),
        );
    }
    Ok(figures)
}

#[allow(clippy::cast_precision_loss, reason = "figures are rounded for display")]
fn grow(bench: &Bench, within: &Path) -> Result<Vec<Figure>> {
    let mut command = Command::new(bench.release("countersign-benches"));
    command.arg("grow").arg(bench.release("countersign")).arg("--within").arg(within);
    command.args(["--links", &bench.scaled(LINKS).to_string()]);
    let printed = bench.tools.progress.step("log that grows", |_| run::output(&mut command))?;
    let [links1, bytes1, links2, bytes2, links3, bytes3, growth, export, start] = numbers(&printed)?;
    let mut figures = Vec::new();
    for (links, bytes) in [(links1, bytes1), (links2, bytes2), (links3, bytes3)] {
        let name = format!("memory at {} links", grouped(&links.to_string()));
        figures.push(Figure::new(name, "MiB", Samples::one(bytes / MEBIBYTE)));
    }
    figures.push(
        Figure::new("memory, last / first of these", "times", Samples::one(bytes3 / bytes1))
            .with_target(Target::AtMost(1.5)),
    );
    figures.push(Figure::new("growing, 4,096 events at a time", "events/s", Samples::one(growth)));
    figures.push(Figure::new("export of all events", "events/s", Samples::one(export)));
    let name = format!("start with {} links, after a kill", grouped(&links3.to_string()));
    figures.push(Figure::new(name, "s", Samples::one(start)).with_target(Target::AtMost(2.0)));
    Ok(figures)
}
