//! Verification from merged summaries: the same report and pin as for the whole file, for any tree of merges, or
//! an error that names the fact that merging dropped.
#![cfg(not(target_arch = "wasm32"))]

use std::fmt::Write as _;
use std::io::Cursor;

use countersign::checkpoint::Checkpoint;
use countersign::export::Compression;
use countersign::hash::Hash;
use countersign::note::SignerKey;
use countersign::pin::Pin;
use countersign::trust::Trust;
use countersign::verify::parts::{MergeOptions, PartsError, Stored, SummaryError};
use countersign::verify::{Finding, FindingCode, Options, Verification, parallel};
use proptest::prelude::*;

use crate::common::cases;
use crate::common::world::plans;
use crate::parts::{located, long, merge_with, refused, summaries, verify};
use crate::properties::{self, alterations};

fn merge(summaries: &[Vec<u8>]) -> Result<Vec<u8>, SummaryError> {
    merge_with(summaries, &MergeOptions::default())
}

/// A source of numbers that are the same in each run.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (self.0 >> 33) as usize % bound.max(1)
    }
}

/// Merges random runs of adjacent summaries until at most `left` are left, as the levels of a tree of reduces.
fn reduce(
    mut summaries: Vec<Vec<u8>>,
    left: usize,
    keep_sizes: &[u64],
    random: &mut Random,
) -> Result<Vec<Vec<u8>>, SummaryError> {
    let options = MergeOptions { keep_sizes: keep_sizes.into(), first_entry: None };
    while summaries.len() > left {
        let begin = random.below(summaries.len() - 1);
        let end = (begin + 2 + random.below(3)).min(summaries.len());
        let mut run: Vec<_> = summaries.drain(begin..end).collect();
        run.reverse();
        summaries.insert(begin, merge_with(&run, &options)?);
    }
    Ok(summaries)
}

fn pin_sizes(options: &Options) -> Vec<u64> {
    options.pins.iter().map(|pin| pin.size).collect()
}

#[test]
fn report_and_pin_are_the_same_for_any_tree_of_merges() {
    let mut random = Random(7);
    let mut dropped_pins = 0;
    for case in cases::all().filter(|case| Compression::detect(&case.export).is_none()) {
        let whole = parallel::verify(&case.export[..], case.options(), 1, |_| {}, |_| {}).unwrap();
        let sizes = pin_sizes(&case.options());
        for (of, left) in [(3, 1), (8, 1), (8, 3)] {
            let reduced = reduce(summaries(&case.export, of), left, &sizes, &mut random).unwrap();
            let merged = verify(&reduced, case.options(), 1 + random.below(3)).unwrap();
            assert_eq!(merged.report, whole.report, "{} in {of}", case.name);
            assert_eq!(merged.pin, whole.pin, "{} in {of}", case.name);
        }
        let reduced = reduce(summaries(&case.export, 5), 1, &[], &mut random).unwrap();
        match verify(&reduced, case.options(), 2) {
            Ok(merged) => assert_eq!((merged.report, merged.pin), (whole.report, whole.pin), "{}", case.name),
            Err(error) => {
                assert!(matches!(error.why, PartsError::Pin(size) if sizes.contains(&size)), "{}", case.name);
                dropped_pins += 1;
            }
        }
    }
    assert!(dropped_pins > 0);
}

/// Returns the code of the error in merging, and the index of the summary at fault.
fn unmergeable(summaries: &[Vec<u8>]) -> (&'static str, Option<usize>) {
    let error = merge(summaries).unwrap_err();
    (error.why.code(), error.place)
}

#[test]
fn rejects_merging_parts_that_are_not_adjacent() {
    let export = long().export;
    let parts = summaries(&export, 5);
    let pick = |numbers: &[usize]| -> Vec<_> { numbers.iter().map(|n| parts[n - 1].clone()).collect() };
    let with = |more: Vec<u8>| vec![parts[1].clone(), more];
    let mut changed = export.clone();
    let last = changed.len() - 10;
    changed[last] ^= 1;
    let pair = merge(&pick(&[2, 3])).unwrap();
    for (summaries, why) in [
        (vec![], ("summary.missing", None)),
        (pick(&[1, 3]), ("summary.missing", None)),
        (pick(&[4, 2]), ("summary.missing", None)),
        (pick(&[3, 3]), ("summary.twice", Some(1))),
        (with(pair.clone()), ("summary.twice", Some(1))),
        (vec![parts[2].clone(), pair.clone()], ("summary.twice", Some(0))),
        (vec![parts[4].clone(), pair.clone()], ("summary.missing", None)),
        (with(summaries(&changed, 5).remove(2)), ("summary.other_file", Some(1))),
        (with(summaries(&export, 4).remove(2)), ("summary.other_cut", Some(1))),
        (with(parts[2][..parts[2].len() - 1].to_vec()), ("summary.truncated", Some(1))),
        (with(export.clone()), ("summary.invalid", Some(1))),
    ] {
        assert_eq!(unmergeable(&summaries), why);
    }
    assert_eq!(refused(&[parts[0].clone(), pair.clone()]), ("summary.missing", None));
    assert_eq!(refused(&[&parts[..], &[pair]].concat()), ("summary.twice", Some(5)));
}

#[test]
fn a_merged_summary_belongs_to_the_bytes_of_its_parts() {
    let export = long().export;
    let parts = summaries(&export, 5);
    let merged = merge(&[parts[2].clone(), parts[1].clone(), parts[3].clone()]).unwrap();
    let stored = Stored::open(Cursor::new(&merged)).unwrap();
    assert_eq!((stored.part().numbers(), stored.part().total()), (2..=4, 5));
    let bytes: u64 = (2..=4).map(|number| located(&export, number, 5).bytes()).sum();
    assert_eq!(stored.part().bytes(), bytes);
    stored.is_of(&mut Cursor::new(&export)).unwrap();
    let (begin, end) = (located(&export, 1, 5).bytes() as usize, export.len() - 1);
    for at in [begin, begin + bytes as usize - 1, begin + bytes as usize / 2] {
        let mut other = export.clone();
        other[at] ^= 1;
        let code = stored.is_of(&mut Cursor::new(other)).map_err(|why| why.code());
        assert_eq!(code, Err("summary.other_file"), "{at}");
    }
    // The other parts don't matter to it.
    let mut other = export.clone();
    other[begin - 1] ^= 1;
    other[end] ^= 1;
    stored.is_of(&mut Cursor::new(other)).unwrap();
}

#[test]
fn rejects_sizes_that_were_dropped_and_other_first_entries() {
    let export = long().export;
    let parts = summaries(&export, 4);
    let keep = |sizes: &[u64]| MergeOptions { keep_sizes: sizes.into(), first_entry: None };
    let first = |entry| MergeOptions { first_entry: Some(entry), ..MergeOptions::default() };
    let code = |summaries: &[Vec<u8>], options: &MergeOptions| {
        let merged = merge_with(summaries, options);
        merged.map_or_else(|error| error.why.code(), |_| "")
    };
    let whole = merge(&parts).unwrap();
    let with_sizes = merge_with(&parts, &keep(&[2, 7])).unwrap();
    let pinned =
        |sizes: &[u64]| Options { pins: sizes.iter().map(|size| pin(*size)).collect(), ..Options::default() };
    for (summary, sizes, is_kept) in [
        (&whole, &[2][..], false),
        (&with_sizes, &[2, 7], true),
        (&with_sizes, &[2, 6, 7], false),
        (&whole, &[0], true),
    ] {
        let verified = verify(std::slice::from_ref(summary), pinned(sizes), 1);
        let code = verified.as_ref().map_or_else(|error| error.why.code(), |_| "");
        assert_eq!(code, if is_kept { "" } else { "summary.pin" }, "{sizes:?}");
    }
    // The size 2 was kept, and 7 wasn't.
    let with_one = merge_with(&parts[..3], &keep(&[2])).unwrap();
    assert_eq!(code(std::slice::from_ref(&with_one), &keep(&[2])), "");
    assert_eq!(code(std::slice::from_ref(&with_one), &keep(&[3])), "summary.pin");
    let both = merge(&[with_one, parts[3].clone()]).unwrap();
    verify(&[both], pinned(&[2]), 1).unwrap();

    assert_eq!(code(&parts, &first(0)), "");
    assert_eq!(code(&parts, &first(1)), "summary.first_entry");
    let wrong = merge_with(&parts[2..], &first(1)).unwrap();
    assert_eq!(
        refused(&[parts[0].clone(), parts[1].clone(), wrong.clone()]),
        ("summary.first_entry", Some(2))
    );
    assert_eq!(
        code(&[merge(&parts[..2]).unwrap(), wrong.clone()], &MergeOptions::default()),
        "summary.first_entry"
    );
    // The position of the second part isn't known, so only verification can notice.
    let mixed = merge(&[parts[1].clone(), wrong]).unwrap();
    assert_eq!(refused(&[parts[0].clone(), mixed]), ("summary.first_entry", Some(1)));
}

#[test]
fn merged_summaries_become_smaller() {
    let export = long().export;
    let parts = summaries(&export, 4);
    let size: usize = parts.iter().map(Vec::len).sum();
    let once = merge(&parts[..2]).unwrap();
    let twice = merge(&[once.clone(), parts[2].clone(), parts[3].clone()]).unwrap();
    assert!(once.len() < parts[0].len() + parts[1].len());
    assert!(twice.len() < size * 2 / 3, "{} of {size}", twice.len());
    // The order of merges makes no difference to the result's size.
    assert_eq!(merge(&parts).unwrap().len(), twice.len());
}

#[test]
fn merged_summaries_can_be_merged_with_many_parts_before_them() {
    // Together, the parts have more lines than one summary may have.
    const PARTS: u64 = 70;
    let mut export = b"{\"countersign\":\"export/v1\",\"origin\":\"log.example/audit\"}\n".to_vec();
    export.resize(export.len() + PARTS as usize * 250_000, b'\n');
    let whole = parallel::verify(&export[..], Options::default(), 1, |_| {}, |_| {}).unwrap();
    let options = MergeOptions { first_entry: Some(0), ..MergeOptions::default() };
    let mut parts = summaries(&export, PARTS);
    while parts.len() > 1 {
        let run = parts.split_off(parts.len() - 2);
        parts.push(merge_with(&run, &options).unwrap());
    }
    assert_same(&verify(&parts, Options::default(), 1).unwrap(), &whole);
}

#[test]
fn links_beyond_the_largest_log_are_no_forks() {
    let export = String::from_utf8(long().export).unwrap();
    let (header, lines) = export.split_once('\n').unwrap();
    let links: Vec<&str> = lines.lines().filter(|line| line.contains("\"link\"")).take(3).collect();
    // Skips fill the log except for one entry.
    let mut text = format!("{header}\n{}\n", links[0]);
    for level in (0..52).chain((1..52).rev()) {
        writeln!(text, "{{\"skip\":[{level},\"{}\"]}}", Hash([7; 32])).unwrap();
    }
    for link in links.iter().cycle().take(6000) {
        writeln!(text, "{link}").unwrap();
    }
    let export = text.into_bytes();
    let whole = parallel::verify(&export[..], Options::default(), 1, |_| {}, |_| {}).unwrap();
    let is_over = |finding: &Finding| finding.message == "a log has at most 2^53 - 1 entries";
    assert!(whole.report.findings.iter().any(is_over));
    let merged = merge(&summaries(&export, 3)).unwrap();
    assert_same(&verify(&[merged], Options::default(), 1).unwrap(), &whole);
}

/// Returns a pin of this size with a wrong root.
fn pin(size: u64) -> Pin {
    let checkpoint = Checkpoint::new("log.example/audit", size, Hash([7; 32])).unwrap();
    let key = SignerKey::from_seed("log.example/audit", [1; 32]).unwrap();
    Pin::parse(&checkpoint.sign(&key).unwrap()).unwrap()
}

fn assert_same(merged: &Verification, whole: &Verification) {
    assert_eq!(merged.report, whole.report);
    assert_eq!(merged.pin, whole.pin);
    let json = |verification: &Verification| serde_json::to_string(&verification.report).unwrap();
    assert_eq!(json(merged), json(whole));
}

/// Merges runs of summaries whose first entries are stated, first wrongly, and then as the error says. Returns `None` if
/// a fork prevents that.
fn with_first_entries(runs: &[Vec<Vec<u8>>], options: &Options) -> Option<(Vec<Vec<u8>>, Verification)> {
    let keep_sizes = pin_sizes(options);
    let with = |run: usize, first_entry| {
        let merge_options = MergeOptions { keep_sizes: keep_sizes.clone(), first_entry };
        merge_with(&runs[run], &merge_options).unwrap()
    };
    let mut merged: Vec<_> = (0..runs.len()).map(|run| with(run, Some(0))).collect();
    for _ in 0..=runs.len() {
        match verify(&merged, options.clone(), 1) {
            Ok(verification) => return Some((merged, verification)),
            Err(SummaryError { place: Some(place), why: PartsError::FirstEntry { found, .. } }) => {
                merged[place] = with(place, Some(found));
            }
            Err(SummaryError { why: PartsError::Fork, .. }) => return None,
            Err(error) => panic!("{:?}", error.why),
        }
    }
    panic!("each first entry was stated wrongly once")
}

proptest! {
    #![proptest_config(properties::cases(150))]

    #[test]
    fn report_is_the_same_for_altered_logs_and_any_tree_of_merges(
        plan in plans(50),
        alterations in proptest::collection::vec(alterations(), 0..4),
        of in 2_u64..9,
        pins in proptest::collection::vec(0_u64..40, 0..3),
        trusts in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let world = plan.build();
        let mut export = world.export.into_bytes();
        for alteration in &alterations {
            export = alteration.apply(&export);
        }
        prop_assume!(Compression::detect(&export).is_none());
        let mut random = Random(seed);
        let trust = if trusts { world.trust } else { Trust::default() };
        let options = Options { trust, pins: pins.iter().map(|size| pin(*size)).collect(), ..Options::default() };
        let whole = parallel::verify(&export[..], options.clone(), 1, |_| {}, |_| {}).unwrap();

        let parts = summaries(&export, of);
        let left = 1 + random.below(3);
        let reduced = reduce(parts.clone(), left, &pins, &mut random).unwrap();
        assert_same(&verify(&reduced, options.clone(), 1).unwrap(), &whole);

        let reduced = reduce(parts.clone(), 1, &[], &mut random).unwrap();
        match verify(&reduced, options.clone(), 1) {
            Ok(merged) => assert_same(&merged, &whole),
            Err(error) => prop_assert!(matches!(error.why, PartsError::Pin(size) if pins.contains(&size))),
        }

        let mut runs: Vec<Vec<Vec<u8>>> = Vec::new();
        for part in parts {
            match runs.last_mut() {
                Some(run) if random.below(3) > 0 => run.push(part),
                _ => runs.push(vec![part]),
            }
        }
        let has_fork = whole.report.finding_counts.iter().any(|(code, _)| *code == FindingCode::ChainFork);
        match with_first_entries(&runs, &options) {
            Some((merged, verification)) => {
                assert_same(&verification, &whole);
                match reduce(merged, 1, &pins, &mut random) {
                    Ok(all) => assert_same(&verify(&all, options, 1).unwrap(), &whole),
                    // Without a header, no entry has a position, and only merging notices wrong ones.
                    Err(error) => {
                        prop_assert_eq!(error.why.code(), "summary.first_entry");
                        prop_assert_eq!(whole.report.counts.entries, 0);
                    }
                }
            }
            None => prop_assert!(has_fork),
        }
    }
}
