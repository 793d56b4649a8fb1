//! Marks: the lines of an export that are not events, with the results of the checks. Links are marked only
//! if a signature covers them.
#![cfg(not(target_arch = "wasm32"))]

use countersign::base64;
use countersign::checkpoint::Checkpoint;
use countersign::export::{Item, Line};
use countersign::link::Link;
use countersign::merkle::leaf_hash;
use countersign::note::{SignatureLine, SignerKey};
use countersign::trust::Trust;
use countersign::verify::{
    CheckState, CheckpointMark, Finding, FindingCode, LinkKind, Mark, NoteMark, Options, Progress, Report,
    Severity, SignedBy, Summary, TrustBasis, Update, Verifier,
};

use crate::common::cases::{self, Case};

fn with_marks(case: &Case) -> Options {
    Options { marks: true, findings: true, ..case.options() }
}

fn verify(case: &Case) -> (Report, Update) {
    let mut verifier = Verifier::new(with_marks(case));
    verifier.push(&case.export);
    let (verification, update) = verifier.finish_with_update();
    (verification.report, update)
}

fn case(name: &str) -> Case {
    cases::all().find(|case| case.name == name).unwrap_or_else(|| panic!("there is no case {name}"))
}

fn checkpoints(marks: &[Mark]) -> Vec<&CheckpointMark> {
    marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Checkpoint(checkpoint) => Some(checkpoint),
            _ => None,
        })
        .collect()
}

fn notes(marks: &[Mark]) -> Vec<&NoteMark> {
    marks
        .iter()
        .filter_map(|mark| match mark {
            Mark::Note(note) => Some(note),
            _ => None,
        })
        .collect()
}

#[test]
fn marks_match_the_counts_of_the_report() {
    for case in cases::all() {
        let (report, Update { marks, .. }) = verify(&case);
        let counts = &report.counts;
        let name = &case.name;
        let skipped = |mark: &Mark| if let Mark::Skip { leaves, .. } = mark { *leaves } else { 0 };
        let withheld =
            |mark: &&Mark| matches!(mark, Mark::Link(link) if matches!(link.kind, LinkKind::Withheld(_)));
        if report.origin.is_none() {
            assert!(marks.is_empty(), "{name}");
            continue;
        }
        assert_eq!(marks.iter().map(skipped).sum::<u64>(), counts.skipped, "{name}");
        assert_eq!(checkpoints(&marks).len() as u64, counts.checkpoints, "{name}");
        assert_eq!(notes(&marks).len() as u64, counts.notes, "{name}");
        let vouched = marks.iter().filter(withheld).count() as u64;
        if matches!(report.verdict.as_str(), "verified" | "partial") {
            assert_eq!(vouched, counts.withheld, "{name}");
        } else {
            assert!(vouched <= counts.withheld, "{name}");
        }
        let fails = |line: u64| {
            report.findings.iter().filter(|finding| finding.line == line).any(|finding| {
                matches!(finding.code, FindingCode::TreeRoot | FindingCode::TreePosition)
                    || finding.code.as_str().starts_with("head.")
            })
        };
        for checkpoint in checkpoints(&marks) {
            assert_eq!(checkpoint.matches, !fails(checkpoint.line), "{name}: line {}", checkpoint.line);
        }
        for mark in &marks {
            let (kind, index) = match mark {
                Mark::Skip { index, .. } => ("skip", Some(*index)),
                Mark::Opaque { index, .. } => ("entry", Some(*index)),
                Mark::Link(link) => (
                    match link.kind {
                        LinkKind::Open => "open",
                        LinkKind::Close => "close",
                        LinkKind::Withheld(_) => "withheld",
                        _ => panic!("{name}: a link of another kind"),
                    },
                    Some(link.index),
                ),
                Mark::Note(note) => ("note", Some(note.index)),
                Mark::Checkpoint(_) => ("checkpoint", None),
                _ => panic!("{name}: a mark of another kind"),
            };
            assert_eq!((mark.kind(), mark.index()), (kind, index), "{name}");
        }
        let in_order: Vec<u64> =
            marks.iter().filter(|mark| !matches!(mark, Mark::Link(_))).map(Mark::line).collect();
        assert!(in_order.is_sorted(), "{name}");
    }
}

#[test]
fn links_are_marked_as_in_the_export() {
    let mut kinds = [0; 6];
    for case in cases::all() {
        let Ok(text) = core::str::from_utf8(&case.export) else { continue };
        let lines: Vec<&str> = text.split('\n').collect();
        for mark in verify(&case).1.marks {
            let Mark::Link(mark) = mark else { continue };
            let line = Line::parse(lines[mark.line as usize - 1]).unwrap();
            let Item::Link { link, payload: None, withheld, .. } = line.item else {
                panic!("{}: no link without event on line {}", case.name, mark.line)
            };
            let (kind, place) = match (&link, withheld) {
                (Link::Open(_), _) => (LinkKind::Open, 0),
                (Link::Close(_), _) => (LinkKind::Close, 1),
                (Link::Event(_), None) => (LinkKind::Withheld(None), 2),
                (Link::Event(_), Some(why)) => (LinkKind::Withheld(Some(why)), 3 + why as usize),
            };
            kinds[place] += 1;
            assert_eq!(
                (mark.kind, mark.chain, mark.seq, mark.time),
                (kind, link.chain(), link.seq(), link.time())
            );
            if let Link::Open(open) = &link {
                assert_eq!(open.key, mark.vkey);
            }
        }
    }
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
}

#[test]
fn links_without_a_covering_signature_are_not_marked() {
    // The links on lines 2, 42, and 82 are signed.
    const NAME: &str = "withheld-120";
    let text = String::from_utf8(case(NAME).export).unwrap();
    let mut lines: Vec<&str> = text.split_inclusive('\n').take(100).collect();
    let marked = |lines: &[&str]| -> Vec<u64> {
        let (_, update) = verify(&Case { export: lines.concat().into(), ..case(NAME) });
        update.marks.iter().filter(|mark| matches!(mark, Mark::Link(_))).map(Mark::line).collect()
    };
    assert_eq!(marked(&lines), (2..=82).collect::<Vec<_>>());

    let altered = lines[59].replacen("T06:", "T07:", 1);
    assert_ne!(lines[59], altered);
    lines[59] = &altered;
    assert_eq!(marked(&lines), (2..=42).chain(61..=82).collect::<Vec<_>>());
}

#[test]
fn marks_survive_serialization_of_summaries() {
    for case in cases::all() {
        let mut progress = Progress::new(with_marks(&case));
        let Some((summaries, end)) = case.summaries(&mut progress, 3) else { continue };
        for summary in summaries {
            progress.absorb(Summary::decode(&summary.encode()).unwrap(), b"");
        }
        assert_eq!(progress.finish_with_update(end).1.marks, verify(&case).1.marks, "{}", case.name);
    }
}

#[test]
fn signature_marks_match_the_checks() {
    for case in cases::all() {
        let (report, Update { marks, .. }) = verify(&case);
        let has = |code| report.finding_counts.iter().any(|(found, _)| *found == code);
        let signatures: Vec<_> = checkpoints(&marks).into_iter().flat_map(|mark| &mark.signatures).collect();
        let bad = |by| signatures.iter().any(|mark| mark.by == by && mark.valid == Some(false));
        assert_eq!(bad(SignedBy::Log), has(FindingCode::LogSignature), "{}", case.name);
        assert_eq!(bad(SignedBy::Witness), has(FindingCode::WitnessSignature), "{}", case.name);
        for mark in signatures {
            assert_eq!(mark.time.is_some(), mark.by == SignedBy::Witness && mark.valid == Some(true));
            assert!(mark.by != SignedBy::Unknown || mark.valid.is_none());
        }
        let last = checkpoints(&marks).into_iter().rfind(|mark| mark.matches);
        let seen = last.and_then(|mark| mark.times).map(|times| times.seen_at);
        assert_eq!(seen, report.log.and_then(|log| log.time), "{}", case.name);
        assert_eq!(last.map(|mark| (mark.size, mark.root)), report.log.map(|log| (log.size, log.root)));
    }
}

#[test]
fn each_signature_of_a_log_with_several_keys_is_judged_separately() {
    let (_, update) = verify(&case("log-two-keys-one-bad-signature"));
    let signatures = &checkpoints(&update.marks)[0].signatures;
    assert!(signatures.iter().all(|mark| mark.by == SignedBy::Log));
    let mut valid: Vec<_> = signatures.iter().map(|mark| mark.valid).collect();
    valid.sort_unstable();
    assert_eq!(valid, [Some(false), Some(true)]);
}

#[test]
fn marks_tell_if_the_signer_is_authorized() {
    let mut seen = [0; 2];
    for case in cases::all() {
        let mut verifier = Verifier::new(Options { events: true, ..with_marks(&case) });
        verifier.push(&case.export);
        let (verification, Update { events, marks, .. }) = verifier.finish_with_update();
        let mut codes = verification.report.findings.iter().map(|finding| finding.code);
        // No emitter is authorized to write another log's chain here.
        if codes.any(|code| code == FindingCode::ChainOrigin) {
            continue;
        }
        let links =
            marks.iter().filter_map(|mark| if let Mark::Link(mark) = mark { Some(&mark.link) } else { None });
        for link in events.iter().map(|event| &event.link).chain(links) {
            let signer = verification.report.signers.iter().find(|signer| signer.vkey == link.vkey).unwrap();
            match signer.trust {
                TrustBasis::TrustFile => assert!(link.authorized, "{}", case.name),
                TrustBasis::Untrusted => assert!(!link.authorized, "{}", case.name),
                _ => continue,
            }
            seen[usize::from(link.authorized)] += 1;
        }
    }
    assert!(seen[0] > 20 && seen[1] > 100, "{seen:?}");
}

#[test]
fn a_key_of_another_log_vouches_for_no_checkpoint() {
    let log = |name: &str| SignerKey::from_seed(name, [name.len() as u8; 32]).unwrap();
    let (own, other) = (log("log.example/a"), log("log.example/another"));
    let leaf = b"leaf";
    let checkpoint = Checkpoint::new("log.example/a", 1, leaf_hash(leaf)).unwrap();
    let mut note = checkpoint.sign(&own).unwrap();
    let key = other.verifier_key();
    note.push_str(&SignatureLine::new(key, &[0; 64]).to_string());
    let export = format!(
        "{{\"countersign\":\"export/v1\",\"origin\":\"log.example/a\"}}\n{{\"leaf\":\"{}\"}}\n{{\"checkpoint\":\"{}\"}}\n",
        base64::encode(leaf),
        note.replace('\n', "\\n"),
    );
    let trust = Trust::parse(format!("log {}\nlog {key}\n", own.verifier_key()).as_bytes()).unwrap();
    let mut verifier = Verifier::new(Options { trust, marks: true, ..Options::default() });
    verifier.push(export.as_bytes());
    let (verification, Update { marks, .. }) = verifier.finish_with_update();
    assert_eq!(verification.report.checks.log.state, CheckState::Pass, "{:#?}", verification.report.findings);
    let signatures: Vec<_> =
        checkpoints(&marks)[0].signatures.iter().map(|mark| (mark.by, mark.valid)).collect();
    assert_eq!(signatures, [(SignedBy::Log, Some(true)), (SignedBy::Unknown, None)]);
}

#[test]
fn notes_take_effect_as_in_the_report() {
    for (name, acts, signers) in [
        ("log-two-chains", vec![true, true], 2),
        ("key-statement-emitter-grants", vec![true, true, false], 3),
        ("key-note-tampered", vec![true, false], 1),
    ] {
        let (report, Update { marks, .. }) = verify(&case(name));
        let notes = notes(&marks);
        let found: Vec<bool> = notes.iter().map(|note| note.acts).collect();
        let signed: usize = notes.iter().map(|note| note.signers.len()).sum();
        assert_eq!((found, signed), (acts, signers), "{name}: {notes:#?} {:#?}", report.findings);
    }
}

#[test]
fn findings_are_streamed_as_they_occur() {
    for case in cases::all() {
        let (report, update) = verify(&case);
        let sorted = |mut findings: Vec<Finding>| {
            findings.sort_by_key(|finding| format!("{finding:?}"));
            findings
        };
        assert_eq!(sorted(update.findings), sorted(report.findings), "{}", case.name);
    }
}

#[test]
fn an_error_is_reported_at_once() {
    let case = case("log-flip-event");
    let mut verifier = Verifier::live(with_marks(&case));
    let bad =
        verify(&case).1.findings.iter().find(|finding| finding.severity == Severity::Error).unwrap().line;
    let mut update = None;
    for (line, number) in case.export.split_inclusive(|byte| *byte == b'\n').zip(1..) {
        verifier.push(line);
        verifier.settle();
        let error = verifier.take().findings.into_iter().find(|finding| finding.severity == Severity::Error);
        update = update.or(error.map(|_| number));
    }
    assert_eq!(update, Some(bad));
}
