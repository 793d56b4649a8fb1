//! Performance with a million events: in `<countersign-viewer>` and in the auditor's page, in Chromium.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::contest::Samples;
use super::figure::{Figure, Target};
use super::{Bench, EVENTS, MEGABYTE};
use crate::run;

/// The number of events of the part `page-large`.
pub(super) const MANY_EVENTS: u64 = 10_000_000;

/// A figure that the script prints: its name in the script, its title, its unit, the divisor, and its
/// target.
type Row = (&'static str, &'static str, &'static str, f64, Option<Target>);

const VIEWER: &[Row] = &[
    ("longTask", "longest task, verifying", "ms", 1.0, Some(Target::AtMost(50.0))),
    ("longTasks", "tasks above 50 ms, verifying", "tasks", 1.0, None),
    ("keyDelay", "key delay, p95, verifying", "ms", 1.0, Some(Target::AtMost(50.0))),
    ("keyPaint", "key to paint, worst", "ms", 1.0, None),
    ("settle", "verified to all shown", "ms", 1.0, None),
    ("frame", "frame, p95, scrolling", "ms", 1.0, Some(Target::AtMost(34.0))),
    ("frameWorst", "frame, worst, scrolling", "ms", 1.0, Some(Target::AtMost(100.0))),
    ("unread", "frames with rows unread", "%", 0.01, Some(Target::AtMost(2.0))),
    ("jump", "End or Home to drawn, worst", "ms", 1.0, None),
    ("filter", "filter, slowest of 22", "ms", 1.0, Some(Target::AtMost(50.0))),
    ("filterMedian", "filter, median of 22", "ms", 1.0, Some(Target::AtMost(50.0))),
    ("facet", "value count, slowest", "ms", 1.0, Some(Target::AtMost(300.0))),
    ("brush", "selection in the chart", "ms", 1.0, Some(Target::AtMost(300.0))),
    ("frequentFirst", "frequent text, first hits", "ms", 1.0, Some(Target::AtMost(100.0))),
    ("frequentAll", "frequent text, all hits", "ms", 1.0, Some(Target::AtMost(1000.0))),
    ("someFirst", "rare text, first hits", "ms", 1.0, Some(Target::AtMost(100.0))),
    ("someAll", "rare text, all hits", "ms", 1.0, Some(Target::AtMost(1000.0))),
    ("rareFirst", "text near the end, first hits", "ms", 1.0, Some(Target::AtMost(1000.0))),
    ("rareAll", "text near the end, all hits", "ms", 1.0, Some(Target::AtMost(1000.0))),
    ("noneAll", "text without hits", "ms", 1.0, Some(Target::AtMost(1000.0))),
    ("memoryPeak", "memory of the tab, peak", "MB", MEGABYTE, Some(Target::AtMost(600.0))),
    ("memoryRest", "memory of the tab, at rest", "MB", MEGABYTE, Some(Target::AtMost(350.0))),
    ("memoryEnd", "memory of the tab, after searches", "MB", MEGABYTE, Some(Target::AtMost(600.0))),
    ("memoryIdle", "memory of the tab, 20 s later", "MB", MEGABYTE, Some(Target::AtMost(350.0))),
    ("heap", "heap of the page's thread", "MB", MEGABYTE, None),
    ("blobs", "blobs of the browser", "MB", MEGABYTE, None),
];
/// The figures of ten million events.
const VIEWER_LARGE: &[Row] = &[
    ("verify", "verification in the viewer", "s", 1000.0, None),
    ("longTask", "longest task, verifying", "ms", 1.0, Some(Target::AtMost(50.0))),
    ("filter", "filter, slowest of 22", "ms", 1.0, Some(Target::AtMost(500.0))),
    ("filterMedian", "filter, median of 22", "ms", 1.0, Some(Target::AtMost(500.0))),
    ("frequentFirst", "frequent text, first hits", "ms", 1.0, None),
    ("frequentAll", "frequent text, all hits", "ms", 1.0, None),
    ("rareFirst", "text near the end, first hits", "ms", 1.0, None),
    ("noneAll", "text without hits", "ms", 1.0, None),
    ("memoryRest", "memory of the tab, at rest", "MB", MEGABYTE, Some(Target::AtMost(1500.0))),
    ("memoryEnd", "memory of the tab, after searches", "MB", MEGABYTE, None),
    ("memoryIdle", "memory of the tab, 20 s later", "MB", MEGABYTE, Some(Target::AtMost(1500.0))),
];
/// The figures of the auditor's page while nobody touches it.
const PAGE: &[Row] = &[
    ("firstRows", "first rows", "s", 1000.0, Some(Target::AtMost(1.0))),
    ("verify", "verdict", "s", 1000.0, None),
    ("index", "index", "s", 1000.0, None),
    ("longTask", "longest task until the index is built", "ms", 1.0, Some(Target::AtMost(100.0))),
    ("longTasks", "tasks above 50 ms until the index is built", "tasks", 1.0, None),
    ("shift", "layout shift", "", 1.0, Some(Target::AtMost(0.01))),
];
/// The figures of the auditor's page as multiples of the time of verifying alone.
const PAGE_RATIOS: &[(&str, &str, f64)] = &[("verify", "verdict", 1.2), ("index", "index", 3.0)];
/// The figures for another export or another viewer.
const OTHER_VIEWER: &[&str] =
    &["longTask", "keyDelay", "frame", "frameWorst", "filter", "facet", "frequentFirst", "memoryPeak"];
/// The figures while rules run.
const WITH_RULES: &[&str] = &["longTask", "memoryPeak"];

/// The chains that the second export omits, and the events that it withholds.
const OMITTED_CHAINS: [usize; 2] = [2, 7];
const WITHHELD: [&str; 4] = ["metadata.region=eu-3", "redacted", "outcome=failure", "erased"];

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    let place = Temporary::new(&bench.tools.path("target/bench/page"))?;
    let whole = generate(bench, &place, EVENTS)?;
    let count = bench.args.rounds;
    let [bare, viewer, page, verdict, rules] =
        rounds(bench, &whole, count, ["bare", "viewer", "page", "verdict", "rules"])?;
    let partial = place.path.join("partial");
    bench.tools.progress.step("export with gaps", |log| log.run(&mut slice(bench, &whole, &partial)?))?;
    // The disk has room for only one export at a time.
    fs::remove_file(whole.join("export.ndjson"))?;
    let [gaps] = rounds(bench, &partial, count, ["viewer"])?;

    let verify = samples(&viewer, "verify", 1000.0)?;
    let alone = samples(&bare, "verify", 1000.0)?;
    let ratio = verify.ratio(&alone);
    let mut figures = vec![
        Figure::new("verification by the package alone", "s", alone.clone()),
        Figure::new("verification in the viewer", "s", verify),
        Figure::new("verification in the viewer / by the package alone", "times", ratio)
            .with_target(Target::AtMost(1.5)),
    ];
    for row in VIEWER {
        figures.push(figure(row, "", &viewer)?);
    }
    for row in PAGE {
        figures.push(figure(row, "auditor's page: ", &verdict)?);
    }
    for &(name, title, most) in PAGE_RATIOS {
        let title = format!("auditor's page: {title} / verification by the package alone");
        let ratio = samples(&verdict, name, 1000.0)?.ratio(&alone);
        figures.push(Figure::new(title, "times", ratio).with_target(Target::AtMost(most)));
    }
    let later = samples(&rules, "findings", 1000.0)?.less(&samples(&viewer, "verify", 1000.0)?);
    figures.push(Figure::new("rules: verification in the viewer", "s", samples(&rules, "verify", 1000.0)?));
    figures.push(
        Figure::new("rules: all findings, after the verdict without rules", "s", later)
            .with_target(Target::AtMost(10.0)),
    );
    for row in VIEWER.iter().filter(|(name, ..)| WITH_RULES.contains(name)) {
        figures.push(figure(row, "rules: ", &rules)?);
    }
    for (what, rounds) in [("page: ", &page), ("gaps: ", &gaps)] {
        for row in VIEWER.iter().filter(|(name, ..)| OTHER_VIEWER.contains(name)) {
            figures.push(figure(row, what, rounds)?);
        }
    }
    Ok(figures)
}

/// Measures the viewer with ten million events.
pub(super) fn measure_large(bench: &Bench) -> Result<Vec<Figure>> {
    let place = Temporary::new(&bench.tools.path("target/bench/page-large"))?;
    let whole = generate(bench, &place, MANY_EVENTS)?;
    let [viewer] = rounds(bench, &whole, 1, ["viewer"])?;
    VIEWER_LARGE.iter().map(|row| figure(row, "", &viewer)).collect()
}

/// Builds what is measured, and generates an export.
fn generate(bench: &Bench, place: &Temporary, events: u64) -> Result<PathBuf> {
    bench.build_natives()?;
    bench.tools.www()?;
    let whole = place.path.join("whole");
    bench.tools.progress.step("export of a year", |log| {
        let mut command = Command::new(bench.release("countersign-benches"));
        log.run(command.arg("realistic").arg(&whole).args(["--events", &bench.scaled(events).to_string()]))
    })?;
    Ok(whole)
}

type Round = BTreeMap<String, f64>;

/// Runs the script on each once per round, and returns the figures that it prints.
fn rounds<const N: usize>(
    bench: &Bench,
    folder: &Path,
    count: usize,
    whats: [&str; N],
) -> Result<[Vec<Round>; N]> {
    let mut rounds = std::array::from_fn(|_| Vec::new());
    for _ in 0..count {
        for (what, rounds) in whats.iter().zip(&mut rounds) {
            let mut script = bench.script("page.mjs")?;
            bench.tools.browser()?.configure(&mut script).arg(folder).arg(what);
            let printed = bench
                .tools
                .progress
                .step(&format!("export in Chromium, {what}"), |_| run::output(&mut script))?;
            rounds.push(
                serde_json::from_str(&printed)
                    .with_context(|| format!("the script printed {printed:?} instead of figures"))?,
            );
        }
    }
    Ok(rounds)
}

fn samples(rounds: &[Round], name: &str, by: f64) -> Result<Samples> {
    let sample = |round: &Round| {
        let value = round.get(name).with_context(|| format!("the script did not print {name}"))?;
        Ok(value / by)
    };
    rounds.iter().map(sample).collect::<Result<_>>().map(Samples::from_rounds)
}

fn figure(&(name, title, unit, by, target): &Row, what: &str, rounds: &[Round]) -> Result<Figure> {
    Ok(Figure::new(format!("{what}{title}"), unit, samples(rounds, name, by)?).with_target(target))
}

/// Omits chains and events.
fn slice(bench: &Bench, from: &Path, to: &Path) -> Result<Command> {
    fs::create_dir_all(to)?;
    fs::copy(from.join("trust.txt"), to.join("trust.txt"))?;
    let chains = fs::read_to_string(from.join("chains.txt"))?;
    let [first, why_first, second, why_second] = WITHHELD;
    let mut command = Command::new(bench.release("countersign"));
    command.arg("slice").arg(from.join("export.ndjson")).arg("-o").arg(to.join("export.ndjson"));
    command.args(["--withhold", first, "--as", why_first, "--withhold", second, "--as", why_second]);
    for (_, chain) in chains.lines().enumerate().filter(|(nth, _)| !OMITTED_CHAINS.contains(nth)) {
        command.args(["--chain", chain]);
    }
    Ok(command)
}

/// A folder that is removed when dropped: an export takes 700 MB.
struct Temporary {
    path: PathBuf,
}

impl Temporary {
    fn new(path: &Path) -> Result<Temporary> {
        fs::create_dir_all(path)?;
        Ok(Temporary { path: path.to_owned() })
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // A leftover is overwritten next time.
        let _ = fs::remove_dir_all(&self.path);
    }
}
