//! Verification of growing exports: after each checkpoint, the report of an export that ends there.
#![cfg(not(target_arch = "wasm32"))]

use countersign::export::{Item, Line};
use countersign::verify::{Options, Progress, Verification, Verifier};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::common::{cases, world};

fn verify(export: &[u8], options: &Options) -> Verification {
    let mut verifier = Verifier::new(options.clone());
    verifier.push(export);
    verifier.finish()
}

/// Returns the end of each line, and whether it is a checkpoint.
fn lines(export: &[u8]) -> Vec<(usize, bool)> {
    let mut end = 0;
    let line = |text: &[u8]| {
        end += text.len();
        let text = core::str::from_utf8(text).unwrap_or_default();
        let checkpoint = Line::parse(text.trim_end_matches('\n'))
            .is_ok_and(|line| matches!(line.item, Item::Checkpoint { .. } | Item::Head { .. }));
        (end, checkpoint)
    };
    export.split_inclusive(|byte| *byte == b'\n').map(line).collect()
}

/// Pushes the pieces between cuts, and requests a report after each.
fn check(export: &[u8], cuts: &[usize], options: &Options) -> Result<usize, String> {
    let lines = lines(export);
    let mut verifier = Verifier::live(options.clone());
    let (mut start, mut reported, mut reports) = (0, 0, 0);
    for &cut in cuts {
        verifier.push(&export[start..cut]);
        verifier.settle();
        start = cut;
        let last = lines.iter().rfind(|(end, checkpoint)| *checkpoint && *end <= cut);
        let expected = last.map(|(end, _)| *end).filter(|end| *end > reported).map(|end| {
            reported = end;
            verify(&export[..end], options)
        });
        match (verifier.report(), expected) {
            (Some(found), Some(expected))
                if (&found.report, &found.pin) == (&expected.report, &expected.pin) =>
            {
                reports += 1;
            }
            (None, None) => {}
            // No report is possible if there is no header.
            (None, Some(expected)) if expected.report.origin.is_none() => {}
            (found, expected) => {
                return Err(format!(
                    "up to {cut}, of {reported}:\n  expected {expected:?}\n  found {found:?}"
                ));
            }
        }
    }
    verifier.push(&export[start..]);
    let (found, expected) = (verifier.finish(), verify(export, options));
    if (&found.report, &found.pin) != (&expected.report, &expected.pin) {
        return Err(format!("at the end:\n  expected {expected:?}\n  found {found:?}"));
    }
    Ok(reports)
}

#[test]
fn every_checkpoint_of_every_case_gives_the_report_up_to_it() {
    let (mut failures, mut reports) = (Vec::new(), 0);
    for case in cases::all() {
        if !case.export.is_ascii() && core::str::from_utf8(&case.export).is_err() {
            // Live streams are not compressed.
            continue;
        }
        let length = case.export.len();
        let ends: Vec<usize> = lines(&case.export).into_iter().map(|(end, _)| end).collect();
        let pieces: Vec<usize> = (0..=length).step_by(997).collect();
        for cuts in [&ends[..], &pieces, &[length]] {
            match check(&case.export, cuts, &case.options()) {
                Ok(found) => reports += found,
                Err(why) => failures.push(format!("{}: {why}", case.name)),
            }
        }
    }
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
    assert!(reports > 300, "{reports}");
}

#[test]
fn reports_counts_so_far() {
    let case = cases::all().find(|case| case.name == "log-two-chains").expect("the case");
    let mut verifier = Verifier::new(case.options());
    assert_eq!(verifier.counts().lines, 0);
    verifier.push(&case.export);
    verifier.settle();
    let counts = verifier.counts();
    assert_eq!(counts, verifier.finish().report.counts);
    assert!(counts.checkpoints > 0 && counts.events > 0, "{counts:?}");
    let mut progress = Progress::new(case.options());
    assert_eq!((progress.origin(), progress.counts().lines), (None, 0));
    assert!(case.summaries(&mut progress, 5).is_some());
    assert_eq!((progress.origin(), progress.counts().lines), (Some("log.example/audit"), 1));
}

#[test]
fn measures_the_age_at_the_latest_given_time() {
    let case = cases::all().find(|case| case.name == "expected-age-old").expect("the case");
    let seen = verify(&case.export, &case.options()).report.log.and_then(|log| log.time).expect("a time");
    for (now, failed) in [(None, 1), (Some(seen), 0)] {
        let mut verifier = Verifier::live(case.options());
        if let Some(now) = now {
            verifier.measure_at(now);
        }
        verifier.push(&case.export);
        verifier.settle();
        assert_eq!(verifier.report().map(|found| found.report.checks.expected.failed), Some(failed));
        assert_eq!(verifier.finish().report.checks.expected.failed, failed);
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 40,
        failure_persistence: None,
        rng_seed: proptest::test_runner::RngSeed::Fixed(0x0063_6f75_6e74),
        ..ProptestConfig::default()
    })]

    #[test]
    fn reports_are_right_whenever_requested(
        plan in world::plans(40),
        cuts in proptest::collection::vec(any::<Index>(), 1..12),
    ) {
        let world = plan.build();
        let export = world.export.as_bytes();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(export.len() + 1)).collect();
        cuts.sort_unstable();
        let options = Options { trust: world.trust.clone(), ..Options::default() };
        prop_assert_eq!(check(export, &cuts, &options).map(|_| ()), Ok(()));
    }
}
