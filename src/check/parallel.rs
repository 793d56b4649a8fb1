//! Verification of a log from its tiles on several cores. The result is the same as on one core.

use super::{BundleOutcome, Resource, Tiles, Walk};
use crate::merkle::Bundle;
use crate::verify::parallel::in_order;
use crate::verify::{Options, Progress, Splitter, Summarizer, Summary, Verification};

/// The bytes of a resource, or `None` if the log says that it doesn't have it.
pub type Bytes = Option<Vec<u8>>;

/// Verifies a log with `threads` threads that check and hash its bundles.
///
/// `resources` returns those of [`Walk::plan`] in order, or an error that ends the verification. Read them ahead of
/// time, on other threads. `progress` is called for each bundle. Set [`Options::tiles`].
///
/// ```
/// use countersign::check::{Walk, parallel};
/// use countersign::checkpoint::SignedCheckpoint;
/// use countersign::verify::Options;
///
/// let note = "log.example/other\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n\n— log.example/other AAAAAAAA\n";
/// let walk = Walk::new(SignedCheckpoint::parse_extended(note)?);
/// let read = walk.plan().map(|_| Ok::<_, std::io::Error>(None));
/// let options = Options { tiles: true, ..Options::default() };
/// let (tiles, verification) = parallel::verify(walk, options, 2, read, || ()).expect("nothing to read");
/// assert!(tiles.pass() && verification.pin.is_none());
/// # Ok::<(), countersign::Error>(())
/// ```
///
/// # Errors
/// The first error of `resources` before the walk [stops](Walk::is_stopped).
pub fn verify<E: Send>(
    walk: Walk,
    options: Options,
    threads: usize,
    resources: impl Iterator<Item = Result<Bytes, E>> + Send,
    progress: impl FnMut(),
) -> Result<(Tiles, Verification), E> {
    let plan = walk.plan();
    let jobs = |emit: &mut dyn FnMut(Result<Job, E>) -> bool| pair(plan.zip(resources), emit);
    let worker = |mut summarizer: Summarizer| {
        move |job| match job {
            Job::Bundle { bundle, entries, tile } => {
                let mut outcome = BundleOutcome::new(bundle, entries.as_deref(), tile.as_deref());
                let summary = summarizer.summarize(&outcome.take_lines());
                Ok(Step::Bundle(Box::new((outcome, summary))))
            }
            Job::Tile(bytes) => Ok(Step::Tile(bytes)),
        }
    };
    run(walk, options, threads, jobs, worker, progress)
}

/// Resources that are checked together.
pub(super) enum Job {
    Bundle {
        bundle: Bundle,
        entries: Bytes,
        tile: Bytes,
    },
    /// A tile above level 0, or on the left edge.
    Tile(Bytes),
}

/// Pairs each bundle with its tile, and emits jobs until `emit` returns false.
pub(super) fn pair<E>(
    resources: impl Iterator<Item = (Resource, Result<Bytes, E>)>,
    emit: &mut dyn FnMut(Result<Job, E>) -> bool,
) {
    let mut open = None;
    for (resource, bytes) in resources {
        let job = match (bytes, resource, open.take()) {
            (Err(error), ..) => Err(error),
            (Ok(entries), Resource::Bundle(bundle), _) => {
                open = Some((bundle, entries));
                continue;
            }
            (Ok(tile), Resource::Tile(_), Some((bundle, entries))) => {
                Ok(Job::Bundle { bundle, entries, tile })
            }
            (Ok(bytes), Resource::Tile(_), None) => Ok(Job::Tile(bytes)),
        };
        let is_error = job.is_err();
        if !emit(job) || is_error {
            return;
        }
    }
}

/// A step of a walk.
pub(super) enum Step {
    Bundle(Box<(BundleOutcome, Summary)>),
    Tile(Bytes),
}

/// The reason why no more steps are taken.
enum End<E> {
    Stopped,
    Failed(E),
}

/// Runs a walk whose steps are prepared on `threads` threads. `jobs` emits what each step is made of, in the order of
/// the plan; `worker` creates a function that prepares steps.
pub(super) fn run<J: Send, E: Send, W: FnMut(J) -> Result<Step, E>>(
    mut walk: Walk,
    options: Options,
    threads: usize,
    jobs: impl FnOnce(&mut dyn FnMut(Result<J, E>) -> bool) + Send,
    worker: impl Fn(Summarizer) -> W + Sync,
    mut progress: impl FnMut(),
) -> Result<(Tiles, Verification), E> {
    let mut splitter = Splitter::new();
    splitter.push(&walk.take_lines());
    let header = splitter.finish();
    let mut sequence = Progress::new(options);
    // Without a valid header, the tiles are checked all the same.
    let begun = splitter.header().and_then(|(header, line)| sequence.begin(header, line));
    let mut summarizer = begun.unwrap_or_default();
    let shared = summarizer.clone();
    let worker = || {
        let mut work = worker(shared.clone());
        move |job: Result<J, E>| job.and_then(&mut work)
    };
    let jobs = |emit: &mut dyn FnMut(Result<J, E>) -> bool| {
        jobs(emit);
        Ok::<(), End<E>>(())
    };
    let ended = in_order(threads, jobs, worker, |step: Result<Step, E>| {
        match step.map_err(End::Failed)? {
            Step::Bundle(bundle) => {
                let (outcome, summary) = *bundle;
                walk.absorb(outcome);
                sequence.absorb(summary, b"");
                progress();
            }
            Step::Tile(bytes) => {
                walk.push(bytes.as_deref());
                sequence.absorb(summarizer.summarize(&walk.take_lines()), b"");
            }
        }
        if walk.is_stopped() { Err(End::Stopped) } else { Ok(()) }
    });
    if let Err(End::Failed(error)) = ended {
        return Err(error);
    }
    let (lines, tiles) = walk.finish();
    sequence.absorb(summarizer.summarize(&lines), b"");
    let (verification, _) = sequence.finish_with_update(header);
    Ok((tiles, verification))
}
