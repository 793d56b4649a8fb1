//! A fixed set of seeds.

use countersign_simulation::operator::tenants::LIES_TO_RECORDERS;
use countersign_simulation::settings::LogKind;
use countersign_simulation::{Run, run_kind};

/// Runs of an ordinary log in which everything must hold. Each takes about half a second.
const ORDINARY_SEEDS: std::ops::Range<u64> = 0..40;

/// Runs of a root log with tenant logs in which everything must hold. Each takes about four seconds, most of them for
/// ticks.
const TENANT_SEEDS: std::ops::Range<u64> = 0..15;

/// Seeds that found a defect, with the defect.
const REGRESSIONS: [(u64, LogKind, &str); 3] = [
    (
        652,
        LogKind::Ordinary,
        "links that the log took before its clock was set back got new times, and were in the log twice",
    ),
    (64, LogKind::Tenants, "a wrong clock dated a tick in the future, which witnesses then cosigned"),
    (3332, LogKind::Tenants, "the copy of the root log had the entry of another attempt at a tick"),
];

#[test]
fn everything_holds_for_a_fixed_set_of_seeds() {
    for (kind, seeds) in [(LogKind::Ordinary, ORDINARY_SEEDS), (LogKind::Tenants, TENANT_SEEDS)] {
        let regressions = REGRESSIONS.iter().filter(|(_, of, _)| *of == kind).map(|(seed, ..)| *seed);
        let runs = run_all(seeds.chain(regressions), kind);
        for run in &runs {
            let lines = run.trace.lines();
            let end = lines[lines.len().saturating_sub(40)..].join("\n");
            let (seed, failure) = (run.seed, &run.failure);
            assert!(failure.is_none(), "seed {seed} ({kind:?}): {failure:?}\n{}\n{end}", lines[0]);
        }
        // Runs in which nothing happens hold too.
        let (recorded, proven): (usize, usize) =
            (runs.iter().map(|run| run.recorded).sum(), runs.iter().map(|run| run.proven).sum());
        // These seeds prove 82% of the events of root logs.
        let share = if kind == LogKind::Ordinary { 90 } else { 75 };
        assert!(
            recorded > 2_000 && proven * 100 > recorded * share,
            "{proven} of {recorded} events are proven ({kind:?})"
        );
        assert!(runs.iter().map(|run| run.kills).sum::<u64>() > 50, "{kind:?}");
        // A log with too few chains has no history to lie about.
        let is_told = |lie: &&str| {
            runs.iter().any(|run| run.trace.lines().iter().any(|line| line.ends_with(&format!(": {lie}"))))
        };
        let untold = LIES_TO_RECORDERS.iter().find(|lie| kind == LogKind::Tenants && !is_told(lie));
        assert_eq!(untold, None, "a lie was never told");
    }
}

/// Runs these seeds on two threads.
fn run_all(seeds: impl Iterator<Item = u64>, kind: LogKind) -> Vec<Run> {
    let (even, odd): (Vec<u64>, Vec<u64>) = seeds.partition(|seed| seed % 2 == 0);
    let run = move |seed| run_kind(seed, Some(kind));
    std::thread::scope(|scope| {
        let threads =
            [even, odd].map(|seeds| scope.spawn(move || seeds.into_iter().map(run).collect::<Vec<_>>()));
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    })
}

#[test]
fn equal_seeds_give_equal_runs() {
    for kind in [LogKind::Ordinary, LogKind::Tenants] {
        let run = |seed| run_kind(seed, Some(kind));
        for seed in [1, 6] {
            let (first, second) = (run(seed), run(seed));
            assert_eq!(first.trace.lines(), second.trace.lines());
            assert_eq!(first.hash(), second.hash());
        }
        assert_ne!(run(1).hash(), run(6).hash());
    }
}
