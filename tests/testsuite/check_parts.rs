//! Verification of a log from its tiles on several threads and from summaries of parts: the same report as in one pass,
//! and an error if the summaries don't make up one log.
#![cfg(not(target_arch = "wasm32"))]

use std::io::Cursor;

use countersign::check::parallel::{self, Bytes};
use countersign::check::parts::{Part, Parts, Stored, summarize};
use countersign::check::{CheckReport, Resource, Walk};
use countersign::checkpoint::SignedCheckpoint;
use countersign::verify::Options;
use countersign::verify::parts::{PartsError, SummaryError};
use proptest::prelude::*;

use crate::check::{Served, check_from, check_unstated, check_with, opaque, options, ours, prune, serve};

/// An error of this test's functions.
#[derive(Debug)]
enum Failure {
    Summary(SummaryError),
    Log,
}

impl From<PartsError> for Failure {
    fn from(why: PartsError) -> Self {
        Self::Summary(SummaryError { place: None, why })
    }
}

impl From<SummaryError> for Failure {
    fn from(error: SummaryError) -> Self {
        Self::Summary(error)
    }
}

/// Reads resources as the program does.
fn read(
    served: &Served,
    resources: impl Iterator<Item = Resource> + Send,
) -> impl Iterator<Item = Result<Bytes, Failure>> + Send {
    resources.map(|resource| Ok(served.files.get(&resource.path()).cloned()))
}

fn summary(served: &Served, walk: &Walk, number: u64, of: u64) -> Vec<u8> {
    let part = Part::new(walk, number, of);
    let mut summary = Vec::new();
    let out = |bytes: &[u8]| {
        summary.extend_from_slice(bytes);
        Ok(())
    };
    summarize(&part, 1 + number as usize % 3, read(served, part.resources()), out, || ()).unwrap();
    summary
}

fn summaries(served: &Served, walk: &Walk, of: u64) -> Vec<Vec<u8>> {
    (1..=of).map(|number| summary(served, walk, number, of)).collect()
}

fn merge(
    served: &Served,
    summaries: &[Vec<u8>],
    options: Options,
    threads: usize,
) -> Result<CheckReport, Failure> {
    let stored = summaries.iter().enumerate().map(|(place, summary)| {
        Stored::open(Cursor::new(&summary[..])).map_err(|why| SummaryError { place: Some(place), why })
    });
    let parts = Parts::arrange(stored.collect::<Result<_, _>>()?)?;
    let resources = read(served, parts.resources());
    let (tiles, verification) = parts.verify(options, threads, resources, || ())?;
    Ok(CheckReport::new(tiles, verification.report))
}

/// Asserts that threads and parts give this report.
pub fn assert_same(served: &Served, walk: &Walk, options: Options, report: &CheckReport) {
    let (_, size) = walk.range();
    for threads in [1, 2] {
        let resources = read(served, walk.plan());
        let (tiles, verification) =
            parallel::verify(walk.clone(), options.clone(), threads, resources, || ()).unwrap();
        assert_eq!(CheckReport::new(tiles, verification.report), *report, "{threads} threads");
    }
    let of = 1 + size % 5;
    let merged = merge(served, &summaries(served, walk, of), options, 2).unwrap();
    assert_eq!(merged, *report, "{of} parts");
}

fn walk(served: &Served) -> Walk {
    Walk::new(SignedCheckpoint::parse_extended(&served.checkpoint).unwrap())
}

/// Returns the code of the error in some summaries, and the index of the one at fault.
fn refused(served: &Served, summaries: &[Vec<u8>]) -> (&'static str, Option<usize>) {
    match merge(served, summaries, options(), 2).unwrap_err() {
        Failure::Summary(SummaryError { place, why }) => {
            assert!(!why.hint().is_empty());
            (why.code(), place)
        }
        Failure::Log => panic!("the log can be read"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Each check asserts by [`assert_same`] that threads and parts give the same report.
    #[test]
    fn damaged_and_pruned_logs_give_the_same_report(
        events in 0_u8..200,
        others in 0_usize..1_200,
        ours_first in any::<bool>(),
        of in 1_u64..9,
        from in 0_u64..1_300,
        gone in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        changed in prop::collection::vec((any::<prop::sample::Index>(), any::<prop::sample::Index>()), 0..4),
    ) {
        let mut leaves = [ours(events), opaque(others)];
        if !ours_first {
            leaves.reverse();
        }
        let mut served = serve(&leaves.concat());
        let paths: Vec<String> = served.files.keys().cloned().collect();
        for (path, at) in &changed {
            let bytes = served.files.get_mut(path.get(&paths)).unwrap();
            if !bytes.is_empty() {
                let at = at.index(bytes.len());
                bytes[at] ^= 4;
            }
        }
        for path in &gone {
            served.files.remove(path.get(&paths));
        }
        let report = check_with(&served, options());
        let merged = merge(&served, &summaries(&served, &walk(&served), of), options(), 3).unwrap();
        prop_assert_eq!(merged, report);
        let (_, size) = walk(&served).range();
        let minimum = from.min(size);
        let pruned = prune(&served, minimum);
        for served in [&served, &pruned] {
            check_from(served, minimum);
            check_unstated(served);
        }
    }
}

#[test]
fn summaries_must_make_up_one_log() {
    let served = serve(&opaque(1_500));
    let parts = summaries(&served, &walk(&served), 3);
    assert!(merge(&served, &parts, options(), 1).is_ok());
    let with = |place: usize, other: Vec<u8>| {
        let mut parts = parts.clone();
        parts[place] = other;
        refused(&served, &parts)
    };
    assert_eq!(refused(&served, &[]), ("summary.missing", None));
    assert_eq!(refused(&served, &parts[1..]), ("summary.missing", None));
    assert_eq!(refused(&served, &parts[..2]), ("summary.missing", None));
    assert_eq!(with(2, parts[1].clone()), ("summary.twice", Some(2)));
    assert_eq!(with(1, summary(&served, &walk(&served), 2, 4)), ("summary.other_cut", Some(1)));
    // The same tree at another size, and another tree of this size.
    let grown = serve(&opaque(1_501));
    assert_eq!(with(1, summary(&grown, &walk(&grown), 2, 3)), ("summary.other_checkpoint", Some(1)));
    let mut leaves = opaque(1_500);
    leaves[7] = b"another leaf".to_vec();
    let other = serve(&leaves);
    assert_eq!(with(2, summary(&other, &walk(&other), 3, 3)), ("summary.other_checkpoint", Some(2)));
    let checkpoint = SignedCheckpoint::parse_extended(&served.checkpoint).unwrap();
    for begin in
        [Walk::starting_at(checkpoint.clone(), 512).unwrap(), Walk::after_missing(checkpoint.clone(), 2)]
    {
        assert_eq!(with(1, summary(&served, &begin, 2, 3)), ("summary.other_begin", Some(1)));
    }
}

#[test]
fn incomplete_and_changed_summaries_are_refused() {
    let served = serve(&ours(200));
    let parts = summaries(&served, &walk(&served), 1);
    let [whole] = &parts[..] else { panic!("one part") };
    for length in (0..whole.len()).step_by(301) {
        let (code, place) = refused(&served, &[whole[..length].to_vec()]);
        assert!(matches!(code, "summary.truncated" | "summary.invalid"), "{length}: {code}");
        assert_eq!(place, Some(0));
    }
    for at in (0..whole.len()).step_by(211) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        let (code, place) = refused(&served, &[changed]);
        assert!(code.starts_with("summary."), "{at}: {code}");
        assert_eq!(place, Some(0), "{at}: {code}");
    }
    assert_eq!(refused(&served, &[b"countersign summary v6\n".to_vec()]), ("summary.invalid", Some(0)));
}

#[test]
fn a_part_has_whole_bundles_and_may_be_empty() {
    let served = serve(&opaque(700));
    let walk = walk(&served);
    for of in [1, 2, 3, 4, 9] {
        let parts: Vec<Part> = (1..=of).map(|number| Part::new(&walk, number, of)).collect();
        assert_eq!(parts.iter().map(Part::len).sum::<u64>(), 3);
        assert_eq!(parts.iter().any(Part::is_empty), of > 3);
        let resources: Vec<Resource> = parts.iter().flat_map(Part::resources).collect();
        let level_0: Vec<Resource> = walk
            .plan()
            .filter(|resource| !matches!(resource, Resource::Tile(tile) if tile.level > 0))
            .collect();
        assert_eq!(resources, level_0, "{of}");
    }
}

#[test]
fn the_first_unreadable_resource_ends_the_check() {
    let served = serve(&opaque(1_500));
    for threads in [1, 3] {
        let resources = read(&served, walk(&served).plan()).take(5).chain(std::iter::once(Err(Failure::Log)));
        let ended = parallel::verify(walk(&served), options(), threads, resources, || ());
        assert!(matches!(ended, Err(Failure::Log)));
        let part = Part::new(&walk(&served), 1, 1);
        let resources = read(&served, part.resources()).take(5).chain(std::iter::once(Err(Failure::Log)));
        let ended = summarize(&part, threads, resources, |_| Ok(()), || ());
        assert!(matches!(ended, Err(Failure::Log)));
    }
}
