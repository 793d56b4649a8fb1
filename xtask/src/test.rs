//! `cargo xtask test`: runs suites two at a time, and mostly compiling ones in the background, and
//! summarizes the results.

use std::env;
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use clap::builder::PossibleValue;

use crate::progress;
use crate::suites::{self, Concurrency, SKIPPED, SUITES, Suite};
use crate::tools::Tools;
use crate::unchanged::{self, Passed};

/// The number of concurrent suites, excluding the background. More would compete for memory and slow down
/// browser tests.
const WORKERS: usize = 2;
/// The niceness of the background, which mostly runs while the other suites wait.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The suites to run [default: all, except those whose files haven't changed since they passed]
    #[arg(value_parser = suite_names())]
    suites: Vec<String>,
    /// Record in xtask/passed.toml with which files suites passed. `CI` must be set, so that no test is skipped
    #[arg(long)]
    record: bool,
}

fn suite_names() -> Vec<PossibleValue> {
    SUITES.iter().map(|suite| PossibleValue::new(suite.name).help(suite.about)).collect()
}

/// The outcome of a suite.
struct Outcome {
    suite: &'static Suite,
    time: Duration,
    result: Result<String>,
}

/// The suites that are waiting, and those that are running.
struct Queue {
    waiting: Vec<&'static Suite>,
    running: Vec<&'static Suite>,
}

/// The suites that a thread accepts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lane {
    /// Any suite, background suites last.
    Fore,
    /// Only background suites.
    Back,
}

impl Lane {
    fn from_suite(suite: &Suite) -> Self {
        if suite.concurrency == Concurrency::Background { Self::Back } else { Self::Fore }
    }
}

impl Queue {
    /// Removes and returns the first suite that may run now.
    fn take(&mut self, lane: Lane) -> Option<&'static Suite> {
        let free = |suite: &Suite| match suite.concurrency {
            Concurrency::Any | Concurrency::Background => true,
            own => self.running.iter().all(|running| running.concurrency != own),
        };
        let first =
            |of: Lane| self.waiting.iter().position(|suite| Lane::from_suite(suite) == of && free(suite));
        let at = if lane == Lane::Back { first(lane) } else { first(lane).or_else(|| first(Lane::Back)) };
        let suite = self.waiting.remove(at?);
        self.running.push(suite);
        Some(suite)
    }

    /// True if the lane still has suites to run.
    fn has_any(&self, lane: Lane) -> bool {
        self.waiting.iter().any(|suite| lane == Lane::Fore || Lane::from_suite(suite) == lane)
    }

    fn finish(&mut self, suite: &Suite) {
        self.running.retain(|running| running.name != suite.name);
    }
}

pub(crate) fn run(tools: &Tools, args: &Args) -> Result<()> {
    let start = Instant::now();
    ensure!(!args.record || env::var_os("CI").is_some(), "--record: set CI, so that no test is skipped");
    let (unchanged, waiting) = choose(tools, &args.suites)?;
    // Before they run: a file that changes meanwhile may not have been tested.
    let files: Vec<(&str, String)> = waiting
        .iter()
        .map(|suite| Ok(unchanged::hash(tools, suite)?.map(|files| (suite.name, files))))
        .filter_map(Result::transpose)
        .collect::<Result<_>>()?;
    suites::prepare(tools, &waiting);
    let queue = (Mutex::new(Queue { waiting, running: Vec::new() }), Condvar::new());
    let outcomes = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..WORKERS {
            scope.spawn(|| work(tools, Lane::Fore, &queue, &outcomes));
        }
        scope.spawn(|| {
            give_way();
            work(tools, Lane::Back, &queue, &outcomes);
        });
    });
    let outcomes = outcomes.into_inner().unwrap_or_else(PoisonError::into_inner);
    if args.record {
        let passed = outcomes.iter().filter_map(|Outcome { suite, result, .. }| {
            let result = result.as_ref().ok().filter(|detail| !detail.starts_with(SKIPPED))?;
            let (_, files) = files.iter().find(|(name, _)| *name == suite.name)?;
            Some((*suite, files.clone(), result.clone()))
        });
        unchanged::record(tools, passed)?;
    }
    summarize(&unchanged, &outcomes, start.elapsed())
}

/// Returns the suites that passed with the same files, and those to run. Suites that are named always run.
fn choose(tools: &Tools, names: &[String]) -> Result<(Vec<Unchanged>, Vec<&'static Suite>)> {
    if !names.is_empty() {
        let named = SUITES.iter().filter(|suite| names.iter().any(|name| name == suite.name));
        return Ok((Vec::new(), named.collect()));
    }
    let (mut unchanged, mut waiting) = (Vec::new(), Vec::new());
    for suite in SUITES {
        match unchanged::passed(tools, suite)? {
            Some(passed) => unchanged.push((suite, passed)),
            None => waiting.push(suite),
        }
    }
    Ok((unchanged, waiting))
}

/// A suite that isn't run, and how it passed.
type Unchanged = (&'static Suite, Passed);

/// Lowers the priority of this thread and the programs it starts.
fn give_way() {
    // Elsewhere, this would affect the whole process. If it fails, all threads have the same priority.
    #[cfg(target_os = "linux")]
    let _ = rustix::process::nice(NICENESS);
}

fn work(
    tools: &Tools,
    lane: Lane,
    (queue, changed): &(Mutex<Queue>, Condvar),
    outcomes: &Mutex<Vec<Outcome>>,
) {
    let lock = || queue.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        let mut queue = lock();
        let suite = loop {
            if !queue.has_any(lane) {
                return;
            }
            match queue.take(lane) {
                Some(suite) => break suite,
                None => queue = changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(queue);
        let start = Instant::now();
        let result = tools.progress.step(suite.name, |log| (suite.run)(tools, log));
        outcomes.lock().unwrap_or_else(PoisonError::into_inner).push(Outcome {
            suite,
            time: start.elapsed(),
            result,
        });
        lock().finish(suite);
        changed.notify_all();
    }
}

fn summarize(unchanged: &[Unchanged], outcomes: &[Outcome], total: Duration) -> Result<()> {
    for Outcome { suite, result, .. } in outcomes {
        if let Err(error) = result {
            println!("\n── {} ──\n{error:#}", suite.name);
        }
    }
    println!();
    for Outcome { suite, time, result } in outcomes {
        let (mark, detail) = match result {
            Ok(detail) => match detail.strip_prefix(SKIPPED) {
                Some(why) => ("skipped", why),
                None => ("ok", detail.as_str()),
            },
            Err(_) => ("FAILED", ""),
        };
        println!("{:<14}{:>14}  {mark:<8}{detail}", suite.name, progress::time(*time));
    }
    for (suite, Passed { result, .. }) in unchanged {
        println!(
            "{:<14}{:>14}  not run: its files haven't changed since it passed. {result}",
            suite.name, ""
        );
    }
    println!("{:<14}{:>14}", "total", progress::time(total));
    let failed: Vec<&str> =
        outcomes.iter().filter(|outcome| outcome.result.is_err()).map(|outcome| outcome.suite.name).collect();
    if !failed.is_empty() {
        bail!("failed: {}. Run one alone with `cargo xtask test NAME`", failed.join(", "));
    }
    Ok(())
}
