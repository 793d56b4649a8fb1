//! Cost of detection rules.

use std::fs;
use std::process::Command;

use anyhow::Result;

use super::contest::{Samples, numbers, repeated};
use super::figure::{Figure, Target, grouped};
use super::{Bench, MEBIBYTE, PACKAGE};
use crate::run;

const EVENTS: u64 = 1_000_000;
const IDENTITIES: u64 = 100_000;
/// The number of values counted in one window.
const WINDOW: u64 = 64_000;
/// The required events per second for few and many rules, the maximum memory in MiB, and the maximum
/// seconds for the window.
const MIN_RATE_FEW_RULES: f64 = 300_000.0;
const MIN_RATE_MANY_RULES: f64 = 100_000.0;
const MAX_MEMORY_MIB: f64 = 64.0;
const MAX_WINDOW_SECONDS: f64 = 1.0;
/// The minimum speed relative to rsigma.
const MIN_SPEED_RATIO: f64 = 1.5;
/// The number of events for the comparison with rsigma.
const COMPARED_EVENTS: u64 = 200_000;
/// The sets of rules for the comparison with rsigma: every nth of `SigmaHQ`'s rules, with a description.
const EVERY: [(u32, &str); 2] = [(13, "30 of SigmaHQ's rules"), (1, "SigmaHQ's 393 rules")];
/// Generated logs with labeled attacks, with two seeds each. The targets apply to findings at `low` or
/// above.
const GENERATORS: [&str; 2] = ["cloud", "office"];
pub(super) const SEEDS: [u64; 2] = [1, 2];
const MAX_FALSE_ALERTS: f64 = 0.5;
const MIN_RECALL_PERCENT: f64 = 95.0;
/// The maximum number of false alerts per agent and week, at `medium` or above.
const MAX_AGENT_FALSE_ALERTS: f64 = 1.0;
const FEW_RULES: &str = "crates/analyze/tests/gate/rules.yml";
const SIGMA: &str = "../shared/vectors/third-party/sigma/rules";

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.tools.progress.step("the program that detects", |log| {
        log.run(bench.tools.cargo("build").args(["--profile", "dist", "-p", PACKAGE]))
    })?;
    let events = bench.scaled(EVENTS);
    let detect = |name: &str, rules: Option<&str>, events: u64| -> Result<[Samples; 2]> {
        let mut command = bench.benches();
        command.args(["detect", "--events", &events.to_string(), "--identities", &IDENTITIES.to_string()]);
        if let Some(rules) = rules {
            command.arg("--rules").arg(bench.tools.path(rules));
        }
        let [seconds, bytes, _] = repeated::<3>(bench, name, &mut command)?;
        Ok([seconds.map(|seconds| events as f64 / seconds), bytes.map(|bytes| bytes / MEBIBYTE)])
    };
    let mut figures = Vec::new();
    let [rate, _] = detect("30 rules", Some(FEW_RULES), events)?;
    let rate = Figure::new("30 rules", "events/s", rate);
    figures.push(rate.with_target(Target::AtLeast(MIN_RATE_FEW_RULES)));
    if bench.tools.path(SIGMA).is_dir() {
        let [rate, _] = detect("SigmaHQ's rules", Some(SIGMA), events)?;
        let rate = Figure::new("SigmaHQ's 393 rules", "events/s", rate);
        figures.push(rate.with_target(Target::AtLeast(MIN_RATE_MANY_RULES)));
        figures.extend(compare_with_rsigma(bench)?);
    }
    for events in [events / 10, events] {
        let [rate, memory] = detect("built-in rules", None, events)?;
        let name = format!("built-in rules, {} events", grouped(&events.to_string()));
        figures.push(Figure::new(name.clone(), "events/s", rate));
        let memory = Figure::new(format!("{name}, memory"), "MiB", memory);
        figures.push(memory.with_target(Target::AtMost(MAX_MEMORY_MIB)));
    }
    let mut command = bench.benches();
    command.args(["window", "--events", &WINDOW.to_string()]);
    let [seconds] = repeated(bench, "window", &mut command)?;
    let window = Figure::new("64,000 values in one window", "s", seconds);
    figures.push(window.with_target(Target::AtMost(MAX_WINDOW_SECONDS)));
    figures.extend(accuracy(bench)?);
    Ok(figures)
}

/// The false alerts per identity and month at a level or above, and the recall, by seed.
struct Accuracy {
    /// The generator and the level, for the names of figures.
    name: String,
    level: &'static str,
    false_alerts: Samples,
    recall: Figure,
}

/// Measures false alerts and recall on the logs of one generator.
fn accuracy_on(bench: &Bench<'_>, generator: &str, program: impl Fn() -> Command) -> Result<Vec<Accuracy>> {
    let mut rounds = Vec::new();
    for seed in SEEDS {
        let mut command = program();
        command.args(["accuracy", generator, "--seed", &seed.to_string()]);
        let name = format!("accuracy on {generator}, seed {seed}");
        rounds.push(bench.tools.progress.step(&name, |_| numbers::<6>(&run::output(&mut command)?))?);
    }
    let levels = ["low", "medium", "high"].into_iter().enumerate().map(|(nth, level)| {
        let samples =
            |which: usize| Samples::from_rounds(rounds.iter().map(|round| round[2 * nth + which]).collect());
        let name = format!("`{generator}`, findings at {level} or above");
        let recall = Figure::new(format!("{name}: recall"), "%", samples(1).map(|share| 100.0 * share));
        Accuracy { name, level, false_alerts: samples(0), recall }
    });
    Ok(levels.collect())
}

/// Measures false alerts per identity and month, and recall, on generated logs.
fn accuracy(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for generator in GENERATORS {
        for Accuracy { name, level, false_alerts, recall } in
            accuracy_on(bench, generator, || bench.benches())?
        {
            let false_alerts =
                Figure::new(format!("{name}: false alerts"), "per identity and month", false_alerts);
            if level == "low" {
                figures.push(false_alerts.with_target(Target::AtMost(MAX_FALSE_ALERTS)));
                figures.push(recall.with_target(Target::AtLeast(MIN_RECALL_PERCENT)));
            } else {
                figures.extend([false_alerts, recall]);
            }
        }
    }
    Ok(figures)
}

/// Measures false alerts per agent and week, and recall, on generated sessions of AI agents.
pub(super) fn measure_agents(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    // The figures don't depend on the speed of the program.
    let program = || {
        let mut cargo = bench.tools.cargo("run");
        cargo.args(["--quiet", "-p", PACKAGE, "--"]);
        cargo
    };
    let mut figures = Vec::new();
    for Accuracy { name, level, false_alerts, recall } in accuracy_on(bench, "agents", program)? {
        let weekly = false_alerts.map(|monthly| monthly * 7.0 / 30.0);
        let false_alerts = Figure::new(format!("{name}: false alerts"), "per agent and week", weekly);
        let target = (level == "medium").then_some(Target::AtMost(MAX_AGENT_FALSE_ALERTS));
        figures.extend([false_alerts.with_target(target), recall]);
    }
    Ok(figures)
}

/// Measures how much longer rsigma takes for the same work.
fn compare_with_rsigma(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    let tools = bench.tools;
    let [file, target] = ["target/xtask/detection.ndjson", "target/oracle"].map(|path| tools.path(path));
    let mut write = bench.benches();
    write.arg("events").arg(&file);
    write.args([
        "--events",
        &bench.scaled(COMPARED_EVENTS).to_string(),
        "--identities",
        &IDENTITIES.to_string(),
    ]);
    run::output(&mut write)?;
    let manifest = tools.path("tests/oracle/Cargo.toml");
    let cargo = |does: &[&str]| {
        let mut cargo = tools.cargo("bench");
        cargo.args(["--locked", "--quiet", "--bench", "speed"]).args(does);
        cargo.arg("--manifest-path").arg(&manifest).arg("--target-dir").arg(&target);
        cargo
    };
    tools.progress.step("rsigma", |log| log.run(&mut cargo(&["--no-run"])))?;
    let mut figures = Vec::new();
    for (every, of) in EVERY {
        let mut command = cargo(&[]);
        command.arg("--").arg(tools.path(SIGMA)).arg(&file).arg(every.to_string());
        let [ours, theirs] = repeated(bench, &format!("{of}, beside rsigma"), &mut command)?;
        let times = Figure::new(format!("rsigma / ours, {of}"), "times", theirs.ratio(&ours));
        figures.push(times.with_target(Target::AtLeast(MIN_SPEED_RATIO)));
    }
    fs::remove_file(file)?;
    Ok(figures)
}
