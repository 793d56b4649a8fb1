//! Verification from an archive: the same report, pin, and marks as for the export, whatever the reader trusts.
#![cfg(not(target_arch = "wasm32"))]

use std::collections::BTreeSet;

use countersign::error::Code;
use countersign::pin::Pin;
use countersign::trust::Trust;
use countersign::verify::archive::{ArchiveVerification, ArchiveVerifier, MAX_ARCHIVE_BYTES};
use countersign::verify::{FindingCode, Mark, Options, Progress, Verification, VerifiedEvent, Verifier};
use proptest::prelude::*;
use proptest::sample::{Index, subsequence};

use crate::common::cases::{self, Case};

/// Returns the archive of an export that was verified with these options, in chunks of `lines` lines. `None` if it is not
/// an export, or if the archive is larger than `max_bytes`.
fn archive(case: &Case, options: Options, lines: usize, max_bytes: usize) -> Option<Vec<u8>> {
    let mut progress = Progress::new(options).with_archive(max_bytes);
    let (summaries, end) = case.summaries(&mut progress, lines)?;
    let mut archive = Vec::new();
    for summary in summaries {
        progress.absorb(summary, b"");
        archive.append(&mut progress.take_archive()?);
    }
    archive.append(&mut progress.finish_with_archive(end).archive?);
    Some(archive)
}

/// Verifies from an archive that comes in pieces, and returns the marks.
fn verify_again(archive: &[u8], options: Options, piece: usize) -> (ArchiveVerification, Vec<Mark>) {
    let mut verifier = ArchiveVerifier::new(options);
    let mut marks = Vec::new();
    for piece in archive.chunks(piece) {
        verifier.push(piece).unwrap();
        marks.append(&mut verifier.take().marks);
    }
    let mut verified = verifier.finish().unwrap();
    marks.append(&mut verified.update.marks);
    (verified, marks)
}

fn verify(case: &Case, options: Options) -> (Verification, Vec<VerifiedEvent>, Vec<Mark>) {
    let mut verifier = Verifier::new(Options { events: true, ..options });
    verifier.push(&case.export);
    let (verification, update) = verifier.finish_with_update();
    (verification, update.events, update.marks)
}

/// Checks that an archive leads to the same result as the export. Returns the events, and false if a key's state made
/// links fail.
fn check(case: &Case, archive: &[u8], options: Options, piece: usize) -> (Vec<VerifiedEvent>, bool) {
    let options = Options { marks: true, ..options };
    let (whole, events, marks) = verify(case, options.clone());
    let (again, marks_again) = verify_again(archive, options, piece);
    let json = |verification: &Verification| serde_json::to_string(&verification.report).unwrap();
    assert_eq!(json(&again.verification), json(&whole), "{}", case.name);
    assert_eq!(again.verification.report, whole.report, "{}", case.name);
    assert_eq!(again.verification.pin, whole.pin, "{}", case.name);
    assert_eq!(marks_again, marks, "{}", case.name);
    let authorized: BTreeSet<_> = again.authorized.into_iter().collect();
    for VerifiedEvent { link, .. } in &events {
        assert_eq!(authorized.contains(&link.chain), link.authorized, "{} line {}", case.name, link.line);
    }
    let by_key = [FindingCode::KeyRevoked, FindingCode::KeyExpired, FindingCode::KeyNotYetValid];
    let has_failed = whole.report.finding_counts.iter().any(|(code, _)| by_key.contains(code));
    (events, !has_failed)
}

/// Returns all trust files and pins of the conformance cases.
fn inputs() -> (Vec<String>, Vec<Pin>) {
    let (mut lines, mut pins) = (BTreeSet::new(), Vec::new());
    for case in cases::all() {
        let text = |file: &str| case.text(file);
        lines.extend(text("trust.txt").iter().flat_map(|text| text.lines()).map(str::to_owned));
        pins.extend(case.options().pins);
    }
    (lines.into_iter().filter(|line| !line.trim_ascii().is_empty()).collect(), pins)
}

/// Returns the trust file of these lines. Lines about a quorum that don't fit are dropped.
fn trust(lines: &[String]) -> Trust {
    let is_simple = |line: &&String| !line.starts_with("quorum") && !line.starts_with("group");
    Trust::parse(lines.join("\n").as_bytes()).unwrap_or_else(|_| {
        let mut text = String::new();
        for line in lines.iter().filter(is_simple) {
            let longer = format!("{text}{line}\n");
            if Trust::parse(longer.as_bytes()).is_ok() {
                text = longer;
            }
        }
        Trust::parse(text.as_bytes()).unwrap_or_default()
    })
}

#[test]
fn result_is_the_same_for_each_case_and_without_trust() {
    let mut checked = 0;
    for case in cases::all() {
        // The first verification's trust file makes no difference.
        for (first, lines) in [(Options::default(), 1), (Options::default(), 1000), (case.options(), 3)] {
            let Some(archive) = archive(&case, first, lines, MAX_ARCHIVE_BYTES) else { continue };
            check(&case, &archive, case.options(), 1 + 7 * lines);
            check(&case, &archive, Options::default(), 4096);
            checked += 1;
        }
    }
    assert!(checked > 800, "{checked}");
}

#[test]
fn there_is_no_archive_without_room_or_an_export() {
    let case = cases::all().find(|case| case.name == "log-two-chains").unwrap();
    let whole = archive(&case, Options::default(), 4, MAX_ARCHIVE_BYTES).unwrap();
    assert!(whole.len() < case.export.len());
    assert_eq!(archive(&case, Options::default(), 4, whole.len()), Some(whole.clone()));
    assert_eq!(archive(&case, Options::default(), 4, whole.len() - 1), None);
    assert_eq!(archive(&case, Options::default(), 4, 10), None);
    for export in [&b"not an export"[..], b""] {
        let mut verifier = Verifier::new(Options::default()).with_archive(MAX_ARCHIVE_BYTES);
        verifier.push(export);
        assert_eq!(verifier.finish_with_archive().archive, None);
    }
    let mut verifier = Verifier::new(Options::default());
    verifier.push(&case.export);
    assert_eq!((verifier.take_archive(), verifier.finish_with_archive().archive), (None, None));
}

#[test]
fn incomplete_archives_are_rejected() {
    let case = cases::all().find(|case| case.name == "log-two-chains").unwrap();
    let whole = archive(&case, Options::default(), 4, MAX_ARCHIVE_BYTES).unwrap();
    let code = |archive: &[u8]| {
        let mut verifier = ArchiveVerifier::new(Options::default());
        verifier.push(archive).and_then(|()| verifier.finish().map(|_| ())).map_err(|error| error.code)
    };
    assert_eq!(code(&whole), Ok(()));
    for length in 0..whole.len() {
        assert_eq!(code(&whole[..length]), Err(Code::Export), "{length}");
    }
    assert_eq!(code(&[&whole[..], &[0]].concat()), Err(Code::Export));
    assert_eq!(code(&[&whole[..], &whole].concat()), Err(Code::Export));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    /// Also checks that events stay the same unless the state of a key makes links fail, so that an index of them can be
    /// kept.
    #[test]
    fn result_is_the_same_with_random_trust_and_pins(
        own in any::<u64>(),
        others in subsequence((0..1000_usize).collect::<Vec<_>>(), 0..12),
        pins in proptest::collection::vec(any::<Index>(), 0..3),
        lines in 1..20_usize,
        piece in 1..3000_usize,
    ) {
        let (all_lines, all_pins) = inputs();
        let others: Vec<_> = others.into_iter().filter_map(|number| all_lines.get(number).cloned()).collect();
        for case in cases::all().filter(|case| case.export.len() < 100_000) {
            let Some(archive) = archive(&case, Options::default(), lines, MAX_ARCHIVE_BYTES) else { continue };
            let text = case.text("trust.txt").unwrap_or_default();
            let kept = text.lines().enumerate().filter(|(number, _)| own >> (number % 64) & 1 == 1);
            let kept: Vec<_> = kept.map(|(_, line)| line.to_owned()).chain(others.iter().cloned()).collect();
            let pins: Vec<_> = pins.iter().map(|pin| pin.get(&all_pins).clone()).collect();
            let options = Options { trust: trust(&kept), pins, ..case.options() };
            let (events, is_same) = check(&case, &archive, options, piece);
            let (before, was_same) = check(&case, &archive, Options::default(), piece);
            if is_same && was_same {
                let at = |event: &VerifiedEvent| (event.link.line, event.event.clone());
                prop_assert!(events.iter().map(at).eq(before.iter().map(at)), "{}", case.name);
            }
        }
    }
}

#[test]
fn the_pool_of_trust_lines_is_varied() {
    let (lines, pins) = inputs();
    for kind in ["log ", "witness ", "issuer ", "emitter ", "revoke ", "quorum "] {
        assert!(lines.iter().any(|line| line.starts_with(kind)), "{kind}");
    }
    assert!(pins.len() > 10);
}
