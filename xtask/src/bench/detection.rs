//! Cost of detection rules.

use std::fs;

use anyhow::Result;

use super::contest::{Samples, numbers};
use super::figure::{Bound, Figure};
use super::{Bench, MEBIBYTE, PACKAGE};
use crate::run;

/// Notes on the measurement, printed with the figures.
pub(super) const NOTES: &str = "\
About detection: events are in memory, spread over 90 days; half are in the product's own format, half from CloudTrail.
Measured are parsing each event and making findings, on one thread, in processor time. Memory is the maximum growth of the
process. The 30 rules are those of crates/analyze/tests/gate; the built-in rules also use baselines of each identity. Sigma's
rules are read from ../shared. rsigma runs the same rules on the same events, alternately with ours and in one process
(tests/oracle/benches): it parses and evaluates each event as JSON, while ours also makes findings. Accuracy is that of the
built-in rules on 75 days of generated logs (benches/src/people): a finding that names no event of a labeled attack is a
false alert.";

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
/// The number of events for the comparison with rsigma, and the share of Sigma's rules (one in so many)
/// with a description.
const COMPARED_EVENTS: u64 = 200_000;
/// Generated logs with labeled attacks, with two seeds each. The bounds apply to findings at `low` or
/// above.
const GENERATORS: [&str; 2] = ["cloud", "office"];
const SEEDS: [u64; 2] = [1, 2];
const MAX_FALSE_ALERTS: f64 = 0.5;
const MIN_RECALL: f64 = 0.95;
const EVERY: [(u32, &str); 2] = [(13, "30 of Sigma's rules"), (1, "Sigma's 393 rules")];
const FEW_RULES: &str = "crates/analyze/tests/gate/rules.yml";
const SIGMA: &str = "../shared/vectors/third-party/sigma/rules";

pub(super) fn measure(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    bench.tools.progress.step("the program that detects", |log| {
        log.run(bench.tools.cargo("build").args(["--release", "-p", PACKAGE]))
    })?;
    let events = bench.scaled(EVENTS);
    let detect = |name: &str, rules: Option<&str>, events: u64| -> Result<[f64; 2]> {
        let mut command = bench.benches();
        command.args(["detect", "--events", &events.to_string(), "--identities", &IDENTITIES.to_string()]);
        if let Some(rules) = rules {
            command.arg("--rules").arg(bench.tools.path(rules));
        }
        let printed = bench.tools.progress.step(name, |_| run::output(&mut command))?;
        let [seconds, bytes, _] = numbers(&printed)?;
        Ok([events as f64 / seconds, bytes / MEBIBYTE])
    };
    let mut figures = Vec::new();
    let [rate, _] = detect("30 rules", Some(FEW_RULES), events)?;
    let rate = Figure::new("events by 30 rules", "events/s", Samples::one(rate));
    figures.push(rate.held_to(Bound::AtLeast(MIN_RATE_FEW_RULES)));
    if bench.tools.path(SIGMA).is_dir() {
        let [rate, _] = detect("Sigma's rules", Some(SIGMA), events)?;
        let rate = Figure::new("events by Sigma's 393 rules", "events/s", Samples::one(rate));
        figures.push(rate.held_to(Bound::AtLeast(MIN_RATE_MANY_RULES)));
        figures.extend(compare_with_rsigma(bench)?);
    }
    for events in [events / 10, events] {
        let [rate, memory] = detect("the product's rules", None, events)?;
        let of = format!("{events} events of {IDENTITIES} identities");
        figures.push(Figure::new(format!("{of} by the product's rules"), "events/s", Samples::one(rate)));
        let memory = Figure::new(format!("memory of {of}"), "MiB", Samples::one(memory));
        figures.push(memory.held_to(Bound::AtMost(MAX_MEMORY_MIB)));
    }
    let mut command = bench.benches();
    command.args(["window", "--events", &WINDOW.to_string()]);
    let [seconds] = numbers(&run::output(&mut command)?)?;
    let window = Figure::new("64,000 values in one window", "s", Samples::one(seconds));
    figures.push(window.held_to(Bound::AtMost(MAX_WINDOW_SECONDS)));
    figures.extend(accuracy(bench)?);
    Ok(figures)
}

/// Measures false alerts per identity and month, and recall, on generated logs.
fn accuracy(bench: &Bench<'_>) -> Result<Vec<Figure>> {
    let mut figures = Vec::new();
    for generator in GENERATORS {
        let mut rounds = Vec::new();
        for seed in SEEDS {
            let mut command = bench.benches();
            command.args(["accuracy", generator, "--seed", &seed.to_string()]);
            let name = format!("accuracy on {generator}, seed {seed}");
            let printed = bench.tools.progress.step(&name, |_| run::output(&mut command))?;
            rounds.push(numbers::<6>(&printed)?);
        }
        for (nth, level) in ["low", "medium", "high"].into_iter().enumerate() {
            let samples = |which: usize| {
                Samples::from_rounds(rounds.iter().map(|round| round[2 * nth + which]).collect())
            };
            let name = format!("{generator}, findings at {level} or above: false alerts");
            let false_alerts = Figure::new(name, "per identity and month", samples(0));
            let recall =
                Figure::new(format!("{generator}, findings at {level} or above: recall"), "", samples(1));
            if level == "low" {
                figures.push(false_alerts.held_to(Bound::AtMost(MAX_FALSE_ALERTS)));
                figures.push(recall.held_to(Bound::AtLeast(MIN_RECALL)));
            } else {
                figures.extend([false_alerts, recall]);
            }
        }
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
        let printed = tools.progress.step(&format!("{of}, beside rsigma"), |_| run::output(&mut command))?;
        let [ours, theirs] = numbers(&printed)?;
        let times = Figure::new(format!("rsigma's time by {of}, of ours"), "×", Samples::one(theirs / ours));
        figures.push(times.held_to(Bound::AtLeast(MIN_SPEED_RATIO)));
    }
    fs::remove_file(file)?;
    Ok(figures)
}
