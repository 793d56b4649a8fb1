//! Verification from summaries of parts: the same report and pin as for the whole file, however it was cut, and an
//! error if the summaries don't make up one file.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;
use std::io::Cursor;

use countersign::export::Compression;
use countersign::hash::Hash;
use countersign::verify::parts::{self, MergeOptions, Part, PartsError, Stored, SummaryError};
use countersign::verify::{CoveredLink, FindingCode, Options, Verification, parallel};

use crate::common::cases::{self, Case};

fn summarize(export: &[u8], number: u64, of: u64, threads: usize) -> Result<Vec<u8>, PartsError> {
    let mut summary = Vec::new();
    let mut file = Cursor::new(export);
    let part = Part::locate(&mut file, number, of)?;
    let out = |bytes: &[u8]| {
        summary.extend_from_slice(bytes);
        Ok::<(), PartsError>(())
    };
    parts::summarize(file, &part, threads, out, |_| {})?;
    Ok(summary)
}

pub fn summaries(export: &[u8], of: u64) -> Vec<Vec<u8>> {
    (1..=of).map(|number| summarize(export, number, of, 1 + number as usize % 3).unwrap()).collect()
}

pub fn open(summaries: &[Vec<u8>]) -> Result<Vec<Stored<Cursor<&[u8]>>>, SummaryError> {
    let stored = summaries.iter().enumerate().map(|(place, summary)| {
        Stored::open(Cursor::new(&summary[..])).map_err(|why| SummaryError { place: Some(place), why })
    });
    stored.collect()
}

pub fn merge_with(summaries: &[Vec<u8>], options: &MergeOptions) -> Result<Vec<u8>, SummaryError> {
    let mut merged = Vec::new();
    let out = |bytes: &[u8]| {
        merged.extend_from_slice(bytes);
        Ok::<(), SummaryError>(())
    };
    parts::merge(open(summaries)?, options, 1 + summaries.len() % 2, out, |_| {})?;
    Ok(merged)
}

pub fn verify(summaries: &[Vec<u8>], options: Options, threads: usize) -> Result<Verification, SummaryError> {
    parts::verify(open(summaries)?, options, threads, |_| {})
}

/// Returns the code of the error in some summaries, and the index of the one at fault.
pub fn refused(summaries: &[Vec<u8>]) -> (&'static str, Option<usize>) {
    let unusable = verify(summaries, Options::default(), 2).map(|_| ()).unwrap_err();
    assert!(!unusable.why.hint().is_empty());
    (unusable.why.code(), unusable.place)
}

pub fn located(export: &[u8], number: u64, of: u64) -> Part {
    Part::locate(&mut Cursor::new(export), number, of).unwrap()
}

/// Returns a long export that verifies.
pub fn long() -> Case {
    cases::all()
        .filter(|case| case.report["verdict"] == "verified")
        .max_by_key(|case| case.export.len())
        .unwrap()
}

#[test]
fn report_and_pin_are_the_same_however_a_file_is_cut() {
    let mut cut = 0;
    for case in cases::all() {
        let whole = parallel::verify(&case.export[..], case.options(), 1, |_| {}, |_| {}).unwrap();
        for of in [2, 7] {
            if Compression::detect(&case.export).is_some() {
                let code = summarize(&case.export, 1, of, 1).map_err(|why| why.code());
                assert_eq!(code, Err("summary.compressed"));
                continue;
            }
            let mut parts = summaries(&case.export, of);
            // Summaries may be passed in any order.
            parts.reverse();
            let merged = verify(&parts, case.options(), 1 + of as usize % 3).unwrap();
            assert_eq!(merged.report, whole.report, "{} in {of}", case.name);
            assert_eq!(merged.pin, whole.pin, "{} in {of}", case.name);
            cut += 1;
        }
    }
    assert!(cut > 400);
}

/// A verified event: its index, chain, seq, and the authorization of its key.
type EventFacts = (u64, String, u64, bool);

fn facts(link: &CoveredLink) -> EventFacts {
    (link.index, link.chain.to_string(), link.seq, link.authorized)
}

#[test]
fn parts_have_the_events_of_the_whole_file_however_it_is_cut() {
    let mut visited = 0;
    for case in cases::all().filter(|case| Compression::detect(&case.export).is_none()) {
        let mut whole = BTreeSet::new();
        let options = || Options { events: true, ..case.options() };
        parallel::verify(
            &case.export[..],
            options(),
            1,
            |_| {},
            |update| {
                whole.extend(update.events.iter().map(|event| facts(&event.link)));
            },
        )
        .unwrap();
        for of in 1..=7 {
            let parts = summaries(&case.export, of);
            let stored = || parts.iter().map(|part| Stored::open(Cursor::new(&part[..])).unwrap()).collect();
            let mut all: Vec<(u64, EventFacts)> = Vec::new();
            let add = |part, link: CoveredLink| all.push((part, facts(&link)));
            let result = parts::visit_links(stored(), options(), 1, |_| true, add, |_| {}).unwrap();
            let first = &result.first_entries;
            assert_eq!(first.len() as u64, of);
            assert!(first.is_sorted(), "{}", case.name);
            // Each event is in the part that its entry is in.
            for (part, (index, ..)) in &all {
                assert!(first[*part as usize - 1] <= *index, "{}", case.name);
                assert!(first.get(*part as usize).is_none_or(|next| index < next), "{}", case.name);
            }
            visited += all.len();
            let found: BTreeSet<EventFacts> = all.iter().map(|(_, event)| event.clone()).collect();
            assert_eq!((found.len(), &found), (all.len(), &whole), "{} in {of}", case.name);
            // A worker that wants one part gets the same events of it.
            let mut own = Vec::new();
            let add = |part, link: CoveredLink| own.push((part, facts(&link)));
            let again = parts::visit_links(stored(), options(), 2, |part| part == of, add, |_| {}).unwrap();
            all.retain(|(part, _)| *part == of);
            assert_eq!(
                (own, again.first_entries, again.verification.report),
                (all, result.first_entries, result.verification.report)
            );
        }
    }
    assert!(visited > 10_000, "{visited}");
}

#[test]
fn parts_cover_the_file_and_identify_it() {
    let export = long().export;
    for of in [1, 2, 5, 100_000] {
        let mut bytes = 0;
        for number in [1, 2, of - 1, of].into_iter().filter(|number| (1..=of).contains(number)) {
            assert_eq!(located(&export, number, of).numbers(), number..=number);
        }
        if of < 100 {
            for number in 1..=of {
                bytes += located(&export, number, of).bytes();
            }
            assert_eq!(bytes, export.len() as u64);
        }
    }
    let second = &summaries(&export, 3)[1];
    let stored = Stored::open(Cursor::new(second)).unwrap();
    stored.is_of(&mut Cursor::new(&export)).unwrap();
    let mut other = export.clone();
    let middle = other.len() / 2;
    other[middle] ^= 1;
    for other in [&other[..], &export[1..], b""] {
        assert_eq!(
            stored.is_of(&mut Cursor::new(other)).map_err(|why| why.code()),
            Err("summary.other_file")
        );
    }
}

#[test]
fn rejects_mixed_up_summaries() {
    let export = long().export;
    let parts = summaries(&export, 3);
    let mut longer = export.clone();
    longer.push(b'\n');
    let mut changed = export.clone();
    let last = changed.len() - 10;
    changed[last] ^= 1;
    let with = |place: usize, summary: Vec<u8>| {
        let mut parts = parts.clone();
        parts[place] = summary;
        parts
    };
    for (summaries, why) in [
        (vec![], ("summary.missing", None)),
        (parts[1..].to_vec(), ("summary.missing", None)),
        (parts[..2].to_vec(), ("summary.missing", None)),
        (vec![parts[0].clone(), parts[2].clone()], ("summary.missing", None)),
        ([&parts[..], &parts[1..2]].concat(), ("summary.twice", Some(3))),
        (with(1, summaries(&longer, 3).remove(1)), ("summary.other_file", Some(1))),
        (with(1, summaries(&changed, 3).remove(1)), ("summary.other_file", Some(1))),
        (with(2, summaries(&export, 4).remove(3)), ("summary.other_cut", Some(2))),
        (with(2, export.clone()), ("summary.invalid", Some(2))),
        (with(0, Vec::new()), ("summary.invalid", Some(0))),
    ] {
        assert_eq!(refused(&summaries), why);
    }
}

#[test]
fn rejects_incomplete_summaries() {
    let parts = summaries(&long().export, 2);
    let with = |summary: Vec<u8>| vec![parts[0].clone(), summary];
    let whole = &parts[1];
    for length in (0..whole.len()).step_by(1 + whole.len() / 300).chain([whole.len() - 1]) {
        let (code, place) = refused(&with(whole[..length].to_vec()));
        let expected = if length < 23 { "summary.invalid" } else { "summary.truncated" };
        assert_eq!((code, place), (expected, Some(1)), "{length}");
    }
    for place in (0..whole.len()).step_by(1 + whole.len() / 300).chain([whole.len() - 20, whole.len() - 50]) {
        let mut altered = whole.clone();
        altered[place] ^= 0x10;
        let (code, named) = refused(&with(altered));
        assert!(code.starts_with("summary.") && named != Some(0), "{place}: {code}");
    }
    // Changed numbers make it a summary of another part. Any change after them is noticed.
    let mut altered = whole.clone();
    altered[whole.len() / 2] ^= 1;
    assert_eq!(refused(&with(altered)), ("summary.altered", Some(1)));
    let mut longer = whole.clone();
    longer.insert(whole.len() / 2, 0);
    assert_eq!(refused(&with(longer)).1, Some(1));
}

#[test]
fn rejects_summaries_of_other_versions() {
    let mut parts = summaries(&long().export, 1);
    let version = env!("CARGO_PKG_VERSION");
    let at = 23 + 1;
    assert_eq!(&parts[0][at..at + version.len()], version.as_bytes());
    parts[0][at] = b'7';
    assert_eq!(refused(&parts), ("summary.version", Some(0)));
}

/// The format's version alone makes sure that two machines mean the same by a summary. If this test fails, increase
/// the number in the first line of the format (`BEGIN`).
#[test]
fn the_format_matches_its_version() {
    const CASES: [&str; 7] = [
        "fork-that-closes",
        "members-twice-and-again",
        "opaque-hides-link",
        "reserialized-numbers",
        "revoked-again-since-earlier",
        "skip-crosses-checkpoint",
        "witness-signature",
    ];
    // A finding is serialized as the index of its code.
    let mut all: Vec<u8> = FindingCode::ALL.iter().flat_map(|code| code.as_str().bytes()).collect();
    for case in cases::all().filter(|case| CASES.contains(&&*case.name)) {
        for summary in summaries(&case.export, 2) {
            // Everything before the final hash, except the crate's version.
            all.extend_from_slice(&summary[..23]);
            all.extend_from_slice(&summary[23 + 1 + env!("CARGO_PKG_VERSION").len()..summary.len() - 40]);
        }
    }
    assert_eq!(Hash::digest(&[&all]).to_string(), "TcirCS/KgaMyX7EHlNo8nDFxvRJK4TOL76hP1dM45E4=");
}
