//! Performance with a million events: in `<countersign-viewer>` and in the auditor's page, in Chromium.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};

use super::contest::Samples;
use super::figure::{Bound, Figure};
use super::{Bench, EVENTS, MEGABYTE};
use crate::run;

/// Notes on the measurement, printed with the figures.
pub(super) const NOTES: &str = "\
About the page: an export of a year, with a million events of 144 actions, 50,000 actors and 300,000 targets in 12 chains.
\"long task\" is the longest time for which the page's thread was blocked during verification, while keys were
pressed. Frames are measured while turning the wheel and dragging the scrollbar. A filter's time is from Enter
until rows, chart and value counts are painted, the slowest of 22. A text's \"first\" is from Enter to the first
rows drawn. Memory is the proportional set size of the tab's process, \"held\" the rest after garbage
collection, \"blobs\" the growth of the browser's main process, which stores events for the tab.
All times are wall-clock times: they mean nothing on a machine with other load.";

/// A figure that the script prints: its name in the script, its title, its unit, the divisor, and its
/// bound.
type Row = (&'static str, &'static str, &'static str, f64, Option<Bound>);

const VIEWER: &[Row] = &[
    ("longTask", "longest task, verifying", "ms", 1.0, Some(Bound::AtMost(100.0))),
    ("longTasks", "tasks above 50 ms, verifying", "tasks", 1.0, None),
    ("keyDelay", "key delay, p95, verifying", "ms", 1.0, Some(Bound::AtMost(50.0))),
    ("keyPaint", "key to paint, worst", "ms", 1.0, None),
    ("settle", "verified to all shown", "ms", 1.0, None),
    ("frame", "frame, p95, scrolling", "ms", 1.0, Some(Bound::AtMost(34.0))),
    ("frameWorst", "frame, worst, scrolling", "ms", 1.0, Some(Bound::AtMost(100.0))),
    ("unread", "frames with rows unread", "share", 1.0, None),
    ("jump", "End or Home to drawn, worst", "ms", 1.0, None),
    ("filter", "filter, slowest", "ms", 1.0, Some(Bound::AtMost(300.0))),
    ("filterMedian", "filter, median", "ms", 1.0, None),
    ("facet", "facet's value, slowest", "ms", 1.0, Some(Bound::AtMost(300.0))),
    ("brush", "brush on the histogram", "ms", 1.0, Some(Bound::AtMost(300.0))),
    ("frequentFirst", "frequent text, first", "ms", 1.0, Some(Bound::AtMost(1000.0))),
    ("frequentAll", "frequent text, all", "ms", 1.0, None),
    ("someFirst", "seldom text, first", "ms", 1.0, Some(Bound::AtMost(1000.0))),
    ("someAll", "seldom text, all", "ms", 1.0, None),
    ("rareFirst", "text of one event, first", "ms", 1.0, None),
    ("rareAll", "text of one event, all", "ms", 1.0, None),
    ("noneAll", "text of no event, all", "ms", 1.0, None),
    ("memoryPeak", "memory of the tab, peak", "MB", MEGABYTE, Some(Bound::AtMost(600.0))),
    ("memoryRest", "memory of the tab, at rest", "MB", MEGABYTE, Some(Bound::AtMost(600.0))),
    ("memoryEnd", "memory of the tab, in the end", "MB", MEGABYTE, Some(Bound::AtMost(600.0))),
    ("memoryIdle", "memory of the tab, 20 s after the end", "MB", MEGABYTE, Some(Bound::AtMost(350.0))),
    ("heap", "heap of the page's thread", "MB", MEGABYTE, None),
    ("blobs", "blobs of the browser", "MB", MEGABYTE, None),
    ("load", "the machine's load", "", 1.0, None),
];
/// The figures with bounds for another export or another viewer.
const OTHER_VIEWER: &[&str] =
    &["longTask", "keyDelay", "frame", "frameWorst", "filter", "facet", "frequentFirst", "memoryPeak"];
/// The figures with bounds while rules run.
const WITH_RULES: &[&str] = &["longTask", "memoryPeak"];

/// The chains that the second export omits, and the events that it withholds.
const OMITTED_CHAINS: [usize; 2] = [2, 7];
const WITHHELD: [&str; 4] = ["metadata.region=eu-3", "redacted", "outcome=failure", "erased"];

pub(super) fn measure(bench: &Bench) -> Result<Vec<Figure>> {
    bench.build_natives()?;
    bench.tools.www()?;
    let place = Temporary::new(&bench.tools.path("target/bench/page"))?;
    let whole = place.path.join("whole");
    bench.tools.progress.step("export of a year", |log| {
        let mut command = Command::new(bench.release("countersign-benches"));
        log.run(command.arg("realistic").arg(&whole).args(["--events", &bench.scaled(EVENTS).to_string()]))
    })?;
    let [bare, viewer, page, rules] = rounds(bench, &whole, ["bare", "viewer", "page", "rules"])?;
    let partial = place.path.join("partial");
    bench.tools.progress.step("export with gaps", |log| log.run(&mut slice(bench, &whole, &partial)?))?;
    // There is only room for one at a time.
    fs::remove_file(whole.join("export.ndjson"))?;
    let [gaps] = rounds(bench, &partial, ["viewer"])?;

    let verify = samples(&viewer, "verify", 1000.0)?;
    let ratio = verify.ratio(&samples(&bare, "verify", 1000.0)?);
    let mut figures = vec![
        Figure::new("verifying in the viewer", "s", verify),
        Figure::new("viewer/the package alone", "times", ratio),
    ];
    for row in VIEWER {
        figures.push(figure(row, "", &viewer)?);
    }
    let later = samples(&rules, "findings", 1000.0)?.less(&samples(&viewer, "verify", 1000.0)?);
    figures.push(Figure::new("rules: verifying in the viewer", "s", samples(&rules, "verify", 1000.0)?));
    figures.push(
        Figure::new("rules: all findings, after the verdict without", "s", later)
            .held_to(Bound::AtMost(10.0)),
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

type Round = BTreeMap<String, f64>;

/// Runs the script on each once per round, and returns the figures that it prints.
fn rounds<const N: usize>(bench: &Bench, folder: &Path, whats: [&str; N]) -> Result<[Vec<Round>; N]> {
    let mut rounds = std::array::from_fn(|_| Vec::new());
    for _ in 0..bench.args.rounds {
        for (what, rounds) in whats.iter().zip(&mut rounds) {
            let mut script = bench.script("page.mjs")?;
            bench.tools.browser()?.configure(&mut script).arg(folder).arg(what);
            let printed = bench
                .tools
                .progress
                .step(&format!("a million events, {what}"), |_| run::output(&mut script))?;
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

fn figure(&(name, title, unit, by, bound): &Row, what: &str, rounds: &[Round]) -> Result<Figure> {
    let figure = Figure::new(format!("{what}{title}"), unit, samples(rounds, name, by)?);
    Ok(match bound {
        Some(bound) => figure.held_to(bound),
        None => figure,
    })
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
