//! Runs the simulation with seeds: `cargo xtask simulate`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, ValueEnum};
use countersign_simulation::settings::LogKind;
use countersign_simulation::{Run, run_kind};

/// Simulates a log with its recorders, witnesses, readers, and a lying operator.
#[derive(Parser)]
#[command(name = "cargo xtask simulate")]
struct Args {
    /// Run only this seed, and print everything that happens
    #[arg(long, conflicts_with_all = ["minutes", "seeds"])]
    seed: Option<u64>,
    /// Run these seeds, from the first up to and not including the second
    #[arg(long, value_name = "A..B", default_value = "0..100", value_parser = seeds)]
    seeds: std::ops::Range<u64>,
    /// Run new seeds for this many minutes
    #[arg(long, conflicts_with = "seeds")]
    minutes: Option<u64>,
    /// Simulate only this kind of log [default: the seed decides]
    #[arg(long, value_enum)]
    kind: Option<Kind>,
}

/// A kind of log.
#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    /// An ordinary log
    Ordinary,
    /// A root log with tenant logs
    Tenants,
}

impl From<Kind> for LogKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Ordinary => Self::Ordinary,
            Kind::Tenants => Self::Tenants,
        }
    }
}

/// The interval at which progress is printed.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(10);

/// Parses a range of seeds.
fn seeds(text: &str) -> Result<std::ops::Range<u64>, String> {
    let parse = |(start, end): (&str, &str)| Some(start.parse().ok()?..end.parse().ok()?);
    let range = text.split_once("..").and_then(parse).filter(|range| !range.is_empty());
    range.ok_or_else(|| "a range has the form A..B, with A before B".to_owned())
}

/// The number of lines of the trace that a failure prints.
const MAX_LINES: usize = 60;

fn main() -> ExitCode {
    let args = Args::parse();
    let kind = args.kind.map(LogKind::from);
    if let Some(seed) = args.seed {
        let run = run_kind(seed, kind);
        for line in run.trace.lines() {
            println!("{line}");
        }
        println!("trace {}", run.hash());
        return if run.failure.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE };
    }
    let start = Instant::now();
    let end = args.minutes.map(|minutes| start + Duration::from_secs(60 * minutes));
    let seeds = if end.is_some() { by_time()..u64::MAX } else { args.seeds };
    let first = seeds.start;
    let (mut runs, mut recorded, mut proven, mut kills) = (0, 0, 0, 0);
    let mut shown = start;
    for seed in seeds {
        if end.is_some_and(|end| Instant::now() >= end) {
            break;
        }
        if shown.elapsed() >= PROGRESS_INTERVAL {
            shown = Instant::now();
            eprintln!("{runs} runs from seed {first} hold, {} s", start.elapsed().as_secs());
        }
        let run = run_kind(seed, kind);
        if run.failure.is_some() {
            report(&run, args.kind);
            return ExitCode::FAILURE;
        }
        runs += 1;
        recorded += run.recorded;
        proven += run.proven;
        kills += run.kills;
    }
    println!(
        "{runs} runs from seed {first}: {recorded} events recorded, {proven} proven, the server ended {kills} times, {:.0} s",
        start.elapsed().as_secs_f64()
    );
    ExitCode::SUCCESS
}

/// Returns a seed that differs from one call to the next.
fn by_time() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_secs() * 1_000)
}

fn report(run: &Run, kind: Option<Kind>) {
    let lines = run.trace.lines();
    for line in lines.iter().take(1).chain(&lines[lines.len().saturating_sub(MAX_LINES).max(1)..]) {
        eprintln!("{line}");
    }
    let kind = kind.and_then(|kind| kind.to_possible_value());
    let kind = kind.map_or_else(String::new, |kind| format!(" --kind {}", kind.get_name()));
    eprintln!("\nReproduce it with: cargo xtask simulate --seed {}{kind}", run.seed);
}
